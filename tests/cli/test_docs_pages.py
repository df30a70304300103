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
