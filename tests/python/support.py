"""What the tests of the package share. They are plain unittest cases, so `python -m unittest` runs them, too."""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

import polars as pl

import polars_incremental as pli


class Case(unittest.TestCase):
    """A test in a folder of its own."""

    def setUp(self):
        self.tmp = pathlib.Path(tempfile.mkdtemp(prefix="pli-py-")).resolve()
        self.addCleanup(shutil.rmtree, self.tmp, ignore_errors=True)
        self.source = self.tmp / "in"
        self.source.mkdir()
        self.cp = self.tmp / "cp"

    def put(self, name, rows=None, mtime=None, folder=None):
        """A Parquet file of the source, with a column `a`."""
        path = (folder or self.source) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        frame = pl.DataFrame({"a": [1] if rows is None else rows}) if not isinstance(rows, pl.DataFrame) else rows
        frame.write_parquet(path)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return str(path)

    def touch(self, name, size=1, mtime=None, folder=None):
        """A file of that size; what is in it does not matter to planning."""
        path = (folder or self.source) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return str(path)

    def record(self, kind, n):
        return json.loads((self.cp / kind / f"{n}.json").read_text())

    def metadata(self):
        return json.loads((self.cp / "metadata.json").read_text())

    def pipeline(self, **changes):
        """A pipeline over the source that gathers what it wrote in self.written."""
        self.written = getattr(self, "written", [])
        options = {
            "source": pli.FilesSource(self.source, file_format="parquet"),
            "checkpoint_dir": self.cp,
            "reader": pl.read_parquet,
            "writer": lambda df, batch_id: self.written.append((batch_id, df)),
            **changes,
        }
        return pli.Pipeline(**options)

    def names(self, batch):
        return None if batch is None else [os.path.basename(f) for f in batch.files]


def frozen_time(case, at):
    """time.time() says `at` until the test ends."""
    from unittest import mock

    patch = mock.patch("time.time", lambda: at)
    patch.start()
    case.addCleanup(patch.stop)


def run_in_child(source, checkpoint, answers):
    """For processes that are spawned: they import this module, not a test."""
    p = pli.Pipeline(pli.FilesSource(source, file_format="parquet"), checkpoint, pl.read_parquet, lambda df: None)
    answers.put(p.run().batches)
