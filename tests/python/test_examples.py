"""Every example runs, without arguments, in a process of its own."""

import os
import pathlib
import subprocess
import sys
import unittest

EXAMPLES = pathlib.Path(os.environ.get("PLI_SOURCE_DIR") or pathlib.Path(__file__).resolve().parents[2]) / "examples"


class Examples(unittest.TestCase):
    def test_there_are_some(self):
        self.assertGreater(len(list(EXAMPLES.rglob("*.py"))), 10)


def _test(path):
    def test(self):
        done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue(done.stdout.strip(), "an example says what it did")

    return test


for _path in sorted(EXAMPLES.rglob("*.py")):
    _name = "_".join(_path.relative_to(EXAMPLES).with_suffix("").parts).replace("-", "_")
    setattr(Examples, f"test_{_name}", _test(_path))


if __name__ == "__main__":
    unittest.main()
