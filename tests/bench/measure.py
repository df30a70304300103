"""What the benchmarks share: processes measured singly, bounds that are held or missed, the programs beside them.

A process is measured by a small one of its own: the kernel counts the memory of whoever starts a process as that of the
started one, so a benchmark that has made its data with a large library would be told its own peak.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PLI = str(Path(os.environ.get("PLI", ROOT / "build/release/bin/pli")).resolve())
PREFIX = Path(PLI).parents[1]  # of the build or of the installation

LAUNCHER = """
import os, sys, time
start = time.perf_counter()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
took = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
os.write(int(sys.argv[1]), f"{code} {used.ru_utime + used.ru_stime} {took} {used.ru_maxrss / 1024}".encode())
"""


class Took(NamedTuple):
    """Of one process, from its start to its end."""

    processor: float  # seconds, user and system
    clock: float  # seconds
    peak: float  # MB
    output: str


def run(*args: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> Took:
    """Run a program to its end. The benchmark ends here when the program fails."""
    answer, tell = os.pipe()
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", LAUNCHER, str(tell), *args],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        pass_fds=[tell],
        capture_output=True,
        text=True,
    )
    os.close(tell)
    with os.fdopen(answer) as f:
        told = f.read().split()
    if not told or int(told[0]):
        sys.exit(
            f"{' '.join(args)[:400]}: exit {told[0] if told else '?'}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        )
    return Took(float(told[1]), float(told[2]), float(told[3]), done.stdout)


def python(code: str, *args: str, env: dict[str, str] | None = None) -> Took:
    return run(sys.executable, "-c", code, *args, env=env)


def best(runs: int, *args: str) -> Took:
    """The least time of several runs (what others do on the machine only ever adds), the greatest peak."""
    took = [run(*args) for _ in range(runs)]
    return Took(min(t.processor for t in took), min(t.clock for t in took), max(t.peak for t in took), took[-1].output)


def compile_program(name: str, folder: Path) -> Path:
    """The program tests/bench/NAME.c, against the library that is measured."""
    program = folder / name
    source, include, lib = ROOT / f"tests/bench/{name}.c", ROOT / "include", PREFIX / "lib"
    link = [f"-L{lib}", "-lpli", f"-Wl,-rpath,{lib}"]
    subprocess.run(["cc", "-O2", "-std=gnu11", f"-I{include}", str(source), "-o", str(program), *link], check=True)
    return program


def package_environment() -> dict[str, str]:
    """Where Python finds the package: beside a build, else wherever it is installed."""
    package = PREFIX / "python"
    return {"PYTHONPATH": str(package)} if package.is_dir() else {}


def busy() -> bool:
    """Is more asked of the machine than it has processors? Then the clock tells about the others."""
    return os.getloadavg()[0] > (os.cpu_count() or 1)


class Bounds:
    """What was missed. Each check prints its line."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)

    def _say(self, what: str, ok: bool, text: str) -> None:
        print(f"{what:<58} {text} {'ok' if ok else 'MISSED'}", flush=True)
        if not ok:
            self.missed.append(what)

    def most(self, what: str, value: float, bound: float, unit: str = "", note: str = "") -> None:
        self._say(what, value <= bound, f"{value:9.2f} {unit:<3} (at most {bound:g}) {note}")

    def ratio(self, what: str, ours: float, peer: float, bound: float | None, unit: str = "s", note: str = "") -> None:
        """Without a bound the ratio is only told."""
        text = f"{ours:9.3f} {unit:<2} beside {peer:9.3f} {unit:<2} ratio {ours / peer:6.3f}"
        if bound is None:
            print(f"{what:<58} {text} {note}", flush=True)
        else:
            self._say(what, ours <= peer * bound, f"{text} (at most {bound:g}) {note}")

    def holds(self, what: str, ok: bool, note: str) -> None:
        self._say(what, ok, note)

    def code(self) -> int:
        """What the program exits with."""
        print(f"load {os.getloadavg()[0]:.1f}")
        for what in self.missed:
            print(f"MISSED {what}")
        return 1 if self.missed else 0
