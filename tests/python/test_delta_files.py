"""Delta data files that Polars writes itself: the tables must be those that the core's own writer makes."""

import datetime as dt
import json
import random
import unittest
from decimal import Decimal
from unittest import mock
from urllib.parse import unquote

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.sinks import _files

NAN = float("nan")


class Files(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"

    def adds(self, table=None):
        found = []
        for log in sorted(((table or self.table) / "_delta_log").glob("*.json")):
            actions = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
            found += [a["add"] for a in actions if "add" in a]
        return found

    def written_by_polars(self):
        """Who wrote the newest file? Not the one with the latest time: two may have the same."""
        newest = self.table / unquote(self.adds()[-1]["path"])
        return b"Polars" in newest.read_bytes()[-4000:]

    def left_over(self):
        return [p.name for p in self.table.iterdir() if p.name.startswith(".")]


def sample(n=500, seed=3):
    r = random.Random(seed)

    def some(make):
        return [None if r.random() < 0.1 else make() for _ in range(n)]

    return pl.DataFrame(
        {
            "i8": pl.Series(some(lambda: r.randrange(-128, 128)), dtype=pl.Int8),
            "i64": some(lambda: r.randrange(-(2**63), 2**63)),
            "f32": pl.Series(some(lambda: r.uniform(-9, 9)), dtype=pl.Float32),
            "f64": some(lambda: r.choice([r.uniform(-1e300, 1e300), 0.0, -0.0])),
            "nan": some(lambda: r.choice([NAN, 1.5, -2.5])),
            "only_nan": [NAN] * n,
            "s": some(lambda: "".join(r.choice("aé€😀~\x7f") for _ in range(r.randrange(60)))),
            "nulls": pl.Series([None] * n, dtype=pl.String),
            "b": some(lambda: r.random() < 0.5),
            "bin": some(lambda: bytes([r.randrange(256) for _ in range(3)])),
            "d": some(lambda: dt.date(1900, 1, 1) + dt.timedelta(days=r.randrange(60000))),
            "ts": some(lambda: dt.datetime(1960, 1, 1) + dt.timedelta(microseconds=r.randrange(10**15))),
            "utc": some(lambda: dt.datetime(1960, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=r.randrange(10**15))),
            "dec": pl.Series(some(lambda: Decimal(r.randrange(-(10**9), 10**9)) / 100), dtype=pl.Decimal(12, 2)),
            "dec38": pl.Series(some(lambda: Decimal(r.randrange(-(10**30), 10**30))), dtype=pl.Decimal(38, 0)),
            "l": some(lambda: [None, r.randrange(5)][: r.randrange(3)]),
            "st": some(lambda: {"x": r.randrange(9), "y": {"z": r.choice(["p", None])}}),
            "ls": some(lambda: [{"k": "v", "n": 1.5}] * r.randrange(3)),
        }
    )  # fmt: skip


class SameTables(Files):
    def test_rows_schema_and_statistics_are_those_of_the_core_s_writer(self):
        frame = sample()
        pli.write_delta(frame.lazy(), self.table)
        self.assertTrue(self.written_by_polars())
        with mock.patch.object(_files, "_is_same_in_parquet", lambda dtype: False):
            pli.write_delta(frame.lazy(), self.tmp / "other")
        for table in (self.table, self.tmp / "other"):
            read = pli.scan_delta(table).collect()
            self.assertEqual(read.schema, frame.schema)
            self.assertTrue(read.equals(frame, null_equal=True), table)
        ours, core = (json.loads(self.adds(t)[0]["stats"]) for t in (self.table, self.tmp / "other"))
        self.assertEqual(ours, core)
        self.assertNotIn("nan", ours["maxValues"])
        self.assertIn("nan", ours["minValues"])

    def test_bounds_hold_over_many_row_groups(self):
        n = 300_000
        frame = pl.LazyFrame({"a": pl.int_range(n, eager=True)}).with_columns(
            late=pl.when(pl.col("a") == 250_000).then(pl.lit(NAN)).otherwise(pl.col("a").cast(pl.Float64)),
            half=pl.when(pl.col("a") < 150_000).then(pl.col("a")),
        )
        pli.write_delta(frame, self.table)
        self.assertTrue(self.written_by_polars())
        stats = json.loads(self.adds()[0]["stats"])
        self.assertEqual(stats["numRecords"], n)
        self.assertEqual(stats["minValues"], {"a": 0, "late": 0.0, "half": 0})
        self.assertEqual(stats["maxValues"], {"a": n - 1, "half": 149_999})
        self.assertEqual(stats["nullCount"], {"a": 0, "late": 0, "half": 150_000})
        self.assertEqual(pli.scan_delta(self.table).filter(pl.col("late").is_nan()).collect().height, 1)

    def test_partitions_are_folders_with_values_from_the_log(self):
        frame = pl.LazyFrame(
            {
                "s": ["a b", "a b", None, "x/y=z", "ü%"],
                "d": [dt.date(2024, 1, 2), None, dt.date(2024, 1, 2), dt.date(2024, 1, 3), dt.date(2024, 1, 3)],
                "t": [True, False, True, False, None],
                "v": [1, 2, 3, 4, 5],
            }
        )
        sink = pli.DeltaSink(self.table, partition_by=["s", "d", "t"])
        self.assertEqual(sink(frame), {"rows": 5, "version": 0, "files": 5})
        with mock.patch.object(_files, "_is_same_in_parquet", lambda dtype: False):
            pli.DeltaSink(self.tmp / "other", partition_by=["s", "d", "t"])(frame)
        self.assertTrue(self.written_by_polars())
        values = [
            sorted(repr(a["partitionValues"]) + a["path"].split("/part-")[0] for a in self.adds(t))
            for t in (self.table, self.tmp / "other")
        ]
        self.assertEqual(*values)
        read = pli.scan_delta(self.table).collect().sort("v")
        self.assertEqual(read.select("s", "d", "t", "v").rows(), frame.collect().rows())

    def test_large_writes_make_several_files(self):
        frame = pl.LazyFrame({"a": pl.int_range(200_000, eager=True)}).with_columns(
            h=pl.col("a").hash(1).cast(pl.String)
        )
        done = pli.DeltaSink(self.table, properties={"delta.targetFileSize": "500kb"})(frame)
        self.assertGreater(done["files"], 1)
        self.assertEqual(pli.scan_delta(self.table).select(pl.col("a").n_unique()).collect().item(), 200_000)

    def test_a_frame_without_rows_makes_the_table(self):
        pli.write_delta(pl.LazyFrame(schema={"a": pl.Int64, "s": pl.String}), self.table)
        self.assertEqual(pli.scan_delta(self.table).collect_schema(), {"a": pl.Int64, "s": pl.String})
        self.assertEqual(self.adds(), [])
        pli.DeltaSink(self.tmp / "p", partition_by="s")(pl.LazyFrame(schema={"a": pl.Int64, "s": pl.String}))
        self.assertEqual(pli.scan_delta(self.tmp / "p").collect().height, 0)


class WhatTheTableAsksFor(Files):
    """The core's writer sees to what files alone cannot hold."""

    def test_constraints_not_null_and_wider_types(self):
        pli.write_delta(pl.LazyFrame({"a": pl.Series([1], dtype=pl.Int64)}), self.table)
        pli.write_delta(pl.LazyFrame({"a": pl.Series([2], dtype=pl.Int32)}), self.table)
        self.assertFalse(self.written_by_polars())
        pli.write_delta(pl.LazyFrame({"A": [3]}), self.table)
        self.assertFalse(self.written_by_polars())
        pli.write_delta(pl.LazyFrame({"a": [4]}), self.table)
        self.assertTrue(self.written_by_polars())
        self.assertEqual(sorted(pli.scan_delta(self.table).collect()["a"]), [1, 2, 3, 4])

    def test_a_constraint_is_checked(self):
        sink = pli.DeltaSink(self.table, properties={"delta.constraints.small": "a < 10"})
        sink(pl.LazyFrame({"a": [1]}))
        with self.assertRaises(Exception) as caught:
            sink(pl.LazyFrame({"a": [100]}))
        self.assertIn("small", str(caught.exception))
        self.assertFalse(self.written_by_polars())

    def test_mapped_columns(self):
        sink = pli.DeltaSink(self.table, properties={"delta.columnMapping.mode": "name"})
        sink(pl.LazyFrame({"a b": [1], "c": ["x"]}))
        self.assertFalse(self.written_by_polars())
        self.assertEqual(pli.scan_delta(self.table).collect().rows(), [(1, "x")])

    def test_not_null_is_checked_from_the_footer(self):
        pli.write_delta(pl.LazyFrame({"a": [1], "b": ["x"]}), self.table)
        log = self.table / "_delta_log" / "00000000000000000000.json"
        log.write_text(
            log.read_text().replace(
                '\\"type\\":\\"long\\",\\"nullable\\":true', '\\"type\\":\\"long\\",\\"nullable\\":false'
            )
        )
        with self.assertRaises(Exception) as caught:
            pli.write_delta(pl.LazyFrame({"a": [2, None], "b": ["x", None]}), self.table)
        self.assertIn("must not be null", str(caught.exception))
        pli.write_delta(pl.LazyFrame({"a": [2], "b": [None]}, schema_overrides={"b": pl.String}), self.table)
        self.assertTrue(self.written_by_polars())


class Failures(Files):
    def test_what_the_frame_raises_comes_out_and_nothing_is_left(self):
        def fail(s):
            raise ValueError("from the middle")

        frame = pl.LazyFrame({"a": [1, 2]}).with_columns(pl.col("a").map_batches(fail, return_dtype=pl.Int64))
        with self.assertRaises(Exception) as caught:
            pli.write_delta(frame, self.table / "deep")
        self.assertIn("from the middle", str(caught.exception))
        self.assertFalse(self.table.exists())
        pli.write_delta(pl.LazyFrame({"a": [1]}), self.table)
        with self.assertRaises(type(caught.exception)):
            pli.write_delta(frame, self.table)
        self.assertEqual(self.left_over(), [])
        self.assertEqual(pli.scan_delta(self.table).collect().rows(), [(1,)])

    def test_what_a_dead_writer_left_is_in_nobody_s_way(self):
        (self.table / ".pli-write-dead").mkdir(parents=True)
        (self.table / ".pli-write-dead" / "0.parquet").write_bytes(b"torn")
        pli.write_delta(pl.LazyFrame({"a": [1]}), self.table)
        self.assertEqual(pli.scan_delta(self.table).collect().rows(), [(1,)])

    def test_a_table_that_changes_meanwhile_gets_its_rows_another_way(self):
        pli.write_delta(pl.LazyFrame({"a": [1]}), self.table)

        def meanwhile(*args):
            with mock.patch.object(_files, "_write", real):
                pli.write_delta(pl.DataFrame({"a": [2], "b": ["new"]}), self.table, schema_mode="merge")
            return real(*args)

        real = _files._write
        with mock.patch.object(_files, "_write", meanwhile):
            pli.write_delta(pl.LazyFrame({"a": [3]}), self.table)
        self.assertEqual(pli.scan_delta(self.table).collect().sort("a").rows(), [(1, None), (2, "new"), (3, None)])
        self.assertEqual(self.left_over(), [])


if __name__ == "__main__":
    unittest.main()
