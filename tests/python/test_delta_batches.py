"""scan_delta_batch: columns, limits and predicates go into the reader."""

import unittest
from unittest import mock

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental import _delta_read


class Batches(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"
        for n in range(3):
            frame = pl.LazyFrame(
                {"a": [n * 10 + i for i in range(10)], "s": [f"row {i}" for i in range(10)], "p": [n] * 10}
            )
            pli.DeltaSink(self.table, partition_by="p", properties={"delta.enableChangeDataFeed": "true"})(frame)

    def batch(self, **options):
        source = pli.DeltaSource(self.table, **options).to_spec().with_checkpoint(self.cp)
        return source.plan_batch()

    def asked(self, query):
        """What the reader was asked for: columns, condition, limit."""
        calls = []
        real = _delta_read._open_batch

        def opened(batch, table):
            read = real(batch, table)
            return lambda *args: (calls.append(args), read(*args))[1]

        with mock.patch.object(_delta_read, "_open_batch", opened):
            frame = query(pli.scan_delta_batch(self.batch())).collect()
        return frame, calls[-1]

    def test_all_rows(self):
        frame = pli.scan_delta_batch(self.batch()).collect().sort("a")
        self.assertEqual(frame.columns, ["a", "s", "p"])
        self.assertEqual(frame["a"].to_list(), list(range(30)))
        self.assertTrue(frame.equals(pli.read_delta_batch(self.batch()).sort("a")))

    def test_columns_and_limits_are_pushed_down(self):
        frame, (columns, where, limit) = self.asked(lambda lf: lf.select("s", "p").head(4))
        self.assertEqual(frame.shape, (4, 2))
        self.assertEqual((set(columns), where, limit), ({"s", "p"}, None, 4))
        frame, (columns, where, limit) = self.asked(lambda lf: lf.select(pl.len()))
        self.assertEqual(frame.item(), 30)

    def test_predicates_are_pushed_down_and_applied_again(self):
        frame, (_, where, limit) = self.asked(lambda lf: lf.filter(pl.col("a") >= 25).head(3))
        self.assertEqual(frame["a"].sort().to_list(), [25, 26, 27])
        self.assertIn(">= 25", where)
        self.assertIsNone(limit)
        frame, (_, where, _) = self.asked(
            lambda lf: lf.filter(pl.col("p").is_in([0, 2]), pl.col("s").str.ends_with("3"))
        )
        self.assertEqual(frame["a"].sort().to_list(), [3, 23])
        self.assertIn("IN (0, 2)", where)
        frame, (_, where, _) = self.asked(lambda lf: lf.filter(pl.col("s").str.contains("row 1")))
        self.assertEqual((frame.height, where), (3, None))

    def test_change_rows(self):
        batch = self.batch(read_change_feed=True, start_offset="earliest")
        frame = (
            pli.scan_delta_batch(batch)
            .filter(pl.col("_change_type") == "insert", pl.col("_commit_version") == 1)
            .select("a")
            .collect()
        )
        self.assertEqual(frame["a"].sort().to_list(), list(range(10, 20)))

    def test_batches_without_files_or_log(self):
        self.assertEqual(pli.scan_delta_batch(pli.DeltaBatch(0, None, [], 0.0)).collect().shape, (0, 0))
        file = self.put("x.parquet", [1, 2])
        self.assertEqual(pli.scan_delta_batch(pli.DeltaBatch(0, None, [file], 0.0)).collect()["a"].to_list(), [1, 2])


if __name__ == "__main__":
    unittest.main()
