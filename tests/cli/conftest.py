"""Fixtures of the command's tests: `pli` runs the command in a folder of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


class Result:
    def __init__(self, done: subprocess.CompletedProcess):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def json(self):
        return json.loads(self.out)

    def rows(self):
        return [json.loads(line) for line in self.out.splitlines() if line.strip()]


class Pli:
    """Runs `pli` with arguments; `pli.ok` also demands exit code 0."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.command = os.environ.get("PLI") or "build/release/bin/pli"
        self.command = str(Path(self.command).resolve())
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("PLI_", "NO_COLOR"))}
        for name in ("PLI_ENGINE_PATH",):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def __call__(self, *args, env=None, timeout=120, cwd=None) -> Result:
        done = subprocess.run(
            [self.command, *map(str, args)],
            cwd=cwd or self.folder,
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return Result(done)

    def ok(self, *args, **kwargs) -> Result:
        result = self(*args, **kwargs)
        assert result.code == 0, f"pli {' '.join(map(str, args))}: exit {result.code}\n{result.out}\n{result.err}"
        return result

    def fails(self, code: int, *args, **kwargs) -> Result:
        result = self(*args, **kwargs)
        assert result.code == code, (
            f"pli {' '.join(map(str, args))}: exit {result.code}, expected {code}\n{result.out}\n{result.err}"
        )
        assert "pli: error: " in result.err
        return result

    def read(self, table, *extra):
        """Rows of a Delta table as dicts."""
        return self.ok("delta", "read", table, "--format", "ndjson", *extra).rows()


@pytest.fixture
def pli(tmp_path):
    return Pli(tmp_path)


@pytest.fixture
def iofault(pli):
    """Environment under which a process is struck at its call number `at` that changes a file below `root` (tests/fault/iofault.c)."""
    library = Path(os.environ.get("PLI_IOFAULT") or Path(pli.command).parents[1] / "tests" / "iofault.so")
    if not library.exists():
        pytest.skip("the fault library is not built")

    def env(root, at=0, do="kill", only=None, log=None):
        env = {"LD_PRELOAD": str(library), "IOFAULT_ROOT": str(root), "IOFAULT_AT": str(at), "IOFAULT_DO": do}
        if only:
            env["IOFAULT_ONLY"] = str(only)
        if log:
            env["IOFAULT_LOG"] = str(log)
        return env

    return env
