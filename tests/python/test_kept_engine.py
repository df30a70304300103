"""The engine that is kept between calls (ext/env.c): what one call leaves must not reach the next, nor a child process."""

import os
import subprocess
import sys
import threading
import unittest
import unittest.mock

import polars as pl
from support import Case

import polars_incremental as pli

# Only merges: Polars' own threads, which writing asks for, are not there in a child either.
FORKED = """
import os, sys, polars as pl, polars_incremental as pli
rows = pl.DataFrame({"id": [7]})
def merge(): pli.merge(sys.argv[1], rows, on="source.id = target.id", when_not_matched={"action": "insert"})
merge()
child = os.fork()
if child == 0: os.environ["PLI_TIMEZONE"] = "Asia/Tokyo"  # another engine, so that the kept one goes
merge()
if child == 0: os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


class KeptEngine(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"
        pli.write_delta(pl.DataFrame({"id": [1, 2]}), self.table)

    def append(self, *ids):
        pli.write_delta(pl.DataFrame({"id": list(ids)}), self.table)

    def ids(self):
        return sorted(pli.scan_delta(self.table).collect()["id"])

    def test_the_time_zone_is_that_of_the_call(self):
        noon = pl.DataFrame({"id": [1], "at": [None]}, schema={"id": pl.Int64, "at": pl.Datetime("us", "UTC")})
        pli.write_delta(noon, self.tmp / "times")
        hours = []
        for zone in ("UTC", "Asia/Tokyo", "UTC"):
            with unittest.mock.patch.dict(os.environ, {"PLI_TIMEZONE": zone}):
                pli.merge(
                    self.tmp / "times",
                    pl.DataFrame({"id": [1]}),
                    on="source.id = target.id",
                    when_matched={"action": "update", "set": {"at": "CAST('2024-01-01 12:00:00' AS TIMESTAMPTZ)"}},
                )
            hours.append(pli.scan_delta(self.tmp / "times").collect()["at"][0].hour)
        self.assertEqual(hours, [12, 3, 12])

    def test_a_call_that_failed_leaves_nothing_to_the_next(self):
        changes = pl.DataFrame({"id": [1]})
        with self.assertRaises(pli.errors.PolarsIncrementalError):
            pli.merge(
                self.table,
                changes,
                on="source.id = target.id",
                when_matched={"action": "update", "set": {"id": "error('no')"}},
            )
        self.append(3)
        self.assertEqual(self.ids(), [1, 2, 3])

    def test_threads_have_engines_of_their_own(self):
        failures = []

        def work(i):
            try:
                self.append(i)
            except Exception as e:
                failures.append(e)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(10, 18)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.ids(), [1, 2, *range(10, 18)])

    def test_a_forked_child_opens_one_of_its_own(self):
        done = subprocess.run(
            [sys.executable, "-c", FORKED, str(self.table)], timeout=20, capture_output=True, text=True
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
