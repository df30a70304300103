"""Every Python block of the package's pages, of the README and of the user's description runs. Blocks of a page share their names."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ.get("PLI_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2])
PAGES = [
    "docs/python.md",
    "docs/errors.md",
    "docs/state.md",
    "docs/testing.md",
    "docs/performance.md",
    "docs/migrations.md",
    "docs/advanced-patterns.md",
    "docs/dev-notes.md",
    "README.md",
]
DESCRIPTION = pathlib.Path(os.environ.get("PLI_SHARED") or ROOT.parent / "shared") / "spec" / "user-description.md"

# what the README and the user's description expect to find
SAMPLE = """
import polars as pl, datetime as dt, os
import polars_incremental as pli
pl.DataFrame({"id": [0, 1, 2], "ts": [dt.datetime(2024, 1, 1, 0, m) for m in range(3)]}).write_parquet("data/raw/1.parquet", mkdir=True)
os.makedirs("data/out/events", exist_ok=True)
pli.write_delta(pl.DataFrame({"id": [1]}), "data/delta/events")
pli.FileStreamCheckpoint("data/checkpoints/events_out")
"""


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def execute(case, page, before=""):
    home = tempfile.mkdtemp(prefix="pli-docs-")
    case.addCleanup(shutil.rmtree, home, ignore_errors=True)
    found = blocks(page)
    case.assertTrue(found, f"{page} has no Python block")
    program = "\n".join([before, *found])
    done = subprocess.run([sys.executable, "-"], input=program, cwd=home, capture_output=True, text=True, timeout=180)
    case.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Docs(unittest.TestCase):
    @unittest.skipUnless(DESCRIPTION.exists(), "the user's description is not there")
    def test_user_description(self):
        # its pages of state and observers use what was made before them
        execute(self, DESCRIPTION, SAMPLE)


def _test(page):
    def test(self):
        if not page.exists():
            self.skipTest(f"{page.name} is not there")
        execute(self, page, SAMPLE if page.name == "README.md" else "")

    return test


for _page in PAGES:
    setattr(Docs, "test_" + re.sub(r"\W", "_", _page), _test(ROOT / _page))


if __name__ == "__main__":
    unittest.main()
