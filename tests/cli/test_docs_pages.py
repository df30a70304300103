"""The shell blocks of the pages run as they stand there."""

import os
import re
import subprocess
from pathlib import Path

import pytest

DOCS = Path(os.environ.get("PLI_SOURCE_DIR") or Path(__file__).resolve().parents[2]) / "docs"


@pytest.mark.parametrize(("page", "says"), [("sources.md", ["1", "new", "2", "paid"])])
def test_shell_blocks(pli, tmp_path, page, says):
    blocks = re.findall(
        r"^```sh\n(.*?)^```",
        (DOCS / page).read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert blocks
    env = {**pli.env, "PATH": f"{Path(pli.command).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-eu"],
        check=False,
        input="\n".join(blocks),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-4:] == says


def test_what_the_map_of_the_code_names_is_there():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    code = {p: p.read_text(encoding="utf-8") for p in (DOCS.parent / "src").rglob("*.c")}
    functions = set(re.findall(r"`(pli_\w+)`", page))
    files = set(re.findall(r"`((?:src/)?\w+(?:/\w+)*\.[cm]d?)`", page))
    assert len(functions) > 10 and len(files) > 10
    defined = "\n".join(code.values())
    assert not {f for f in functions if not re.search(rf"^[\w *]+\b{f}\(", defined, re.MULTILINE)}
    known = {str(p.relative_to(DOCS.parent)) for p in (DOCS.parent / "src").rglob("*.*")} | {p.name for p in code}
    assert files <= known, files - known
