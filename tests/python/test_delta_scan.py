"""scan_delta by Polars' own reader: taken where, and only where, the files alone tell the rows of the table."""

import datetime as dt
import os
import subprocess
import unittest
from unittest import mock

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.testing import assert_frame_equal
from support import Case
from test_delta_files import sample

import polars_incremental as pli
from polars_incremental import _delta_read

PLI = os.environ.get("PLI", "")


@unittest.skipUnless(PLI, "$PLI is not set: the command makes the tables")
class Scan(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"

    def command(self, *words):
        done = subprocess.run([PLI, "delta", *map(str, words)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def check(self, native, sort="id", **at):
        """The rows are those of the core's reader, and Polars reads them itself if it should."""
        with mock.patch.object(_delta_read, "_PLAIN_FILES", -1):
            core = pli.scan_delta(self.table, **at)
            self.assertIn("PYTHON SCAN", core.explain())
        with mock.patch.object(_delta_read, "_PLAIN_BYTES", 0):
            scan = pli.scan_delta(self.table, **at)
        self.assertEqual("Parquet" in scan.explain(), native, scan.explain())
        self.assertEqual(scan.collect_schema(), core.collect_schema())
        assert_frame_equal(scan.collect().sort(sort), core.collect().sort(sort))
        assert_frame_equal(
            scan.filter(pl.col(sort) > 1).select(sort).collect().sort(sort),
            core.filter(pl.col(sort) > 1).select(sort).collect().sort(sort),
        )

    def add(self, schema=None, **columns):
        pli.write_delta(pl.DataFrame(columns), str(self.table), mode="append", schema_mode=schema)

    def test_all_types(self):
        frame = sample().with_row_index("id").with_columns(pl.col("id").cast(pl.Int64))
        pli.write_delta(frame, str(self.table))
        self.check(native=True)

    def test_files_that_lack_a_column_of_later(self):
        self.add(id=[1, 2], s=["a", "b"])
        self.add("merge", id=[3], s=["c"], more=[1.5])
        self.check(native=True)
        self.check(native=True, version=0)

    def test_small_files_are_left_to_the_core(self):
        self.add(id=[1, 2])
        self.assertIn("PYTHON SCAN", pli.scan_delta(self.table).explain())

    def test_no_files(self):
        self.command("create", self.table, "--schema", "STRUCT(id BIGINT)")
        self.check(native=False)

    def test_deletion_vectors(self):
        self.command(
            "create", self.table, "--schema", "STRUCT(id BIGINT)", "--property", "delta.enableDeletionVectors=true"
        )
        self.add(id=[1, 2, 3])
        self.check(native=True)
        self.command("delete", self.table, "--where", "id = 2")
        self.check(native=False)
        self.check(native=True, version=1)

    def test_column_mapping(self):
        self.command(
            "create",
            self.table,
            "--schema",
            "STRUCT(id BIGINT, a INTEGER)",
            "--property",
            "delta.columnMapping.mode=name",
        )
        self.add(id=[1, 2], a=pl.Series([5, 6], dtype=pl.Int32))
        self.check(native=False)

    def partitioned(self, kind, native, *values, dtype=None):
        self.command(
            "create", self.table, "--schema", f"STRUCT(id BIGINT, p {kind}, more DOUBLE)", "--partition-by", "p"
        )
        self.add(id=range(len(values)), p=pl.Series(values, dtype=dtype), more=[0.5] * len(values))
        self.check(native)
        day = values[0]
        with mock.patch.object(_delta_read, "_PLAIN_BYTES", 0):
            assert pli.scan_delta(self.table).filter(pl.col("p") == day).select("p", "id").collect().rows() == [
                (day, 0)
            ]

    def test_partitions_that_the_folders_tell(self):
        self.partitioned("DATE", True, dt.date(2026, 1, 1), dt.date(1970, 1, 2))

    def test_partitions_of_numbers(self):
        self.partitioned("BIGINT", True, -5, 0, 1 << 40)

    def test_partitions_of_small_numbers(self):
        self.partitioned("INTEGER", True, 7, -8, dtype=pl.Int32)

    def test_partitions_of_texts(self):
        self.partitioned("VARCHAR", True, "007", "1e5", "x.y", "null", "true", "2026-01-01")

    def test_partitions_that_are_null(self):
        self.partitioned("VARCHAR", False, "x", None)

    def test_partitions_with_escapes(self):
        self.partitioned("VARCHAR", False, "x", "a b/c%20")

    def test_partitions_of_types_with_several_spellings(self):
        self.partitioned("DOUBLE", False, 1.0, 2.5)

    def test_partitions_below_a_folder_that_looks_like_one(self):
        self.table = self.tmp / "p=1" / "table"
        self.table.parent.mkdir()
        self.partitioned("VARCHAR", False, "x", "y")

    def test_types_that_were_widened(self):
        self.command(
            "create", self.table, "--schema", "STRUCT(id INTEGER)", "--property", "delta.enableTypeWidening=true"
        )
        self.add(id=pl.Series([1, 2], dtype=pl.Int32))
        self.check(native=True)
        self.add("merge", id=[1 << 40])
        self.check(native=False)

    def test_a_field_inside_that_came_later(self):
        self.add(id=[1], s=[{"a": 1}])
        self.add("merge", id=[2], s=[{"a": 1, "b": 2}])
        self.check(native=False)

    def converted(self, table, **options):
        self.table.mkdir()
        pq.write_table(table, self.table / "a.parquet", **options)
        self.command("convert", self.table)

    def test_times_as_int96(self):
        self.converted(
            pa.table({"id": [1, 2], "at": pa.array([0, 1], pa.timestamp("us"))}), use_deprecated_int96_timestamps=True
        )
        self.check(native=False)

    def test_days_of_the_julian_calendar(self):
        table = pa.table({"id": [1], "day": pa.array([dt.date(1000, 1, 1)])})
        said = {"org.apache.spark.version": "3.5.0", "org.apache.spark.legacyDateTime": ""}
        self.converted(table.replace_schema_metadata(said))
        self.check(native=False)

    def test_texts_without_their_annotation(self):
        self.command("create", self.table, "--schema", "STRUCT(id BIGINT, s VARCHAR)")
        self.add(id=[1], s=["x"])
        (file,) = self.table.glob("*.parquet")
        pq.write_table(pa.table({"id": [1], "s": pa.array([b"x"])}), file)
        self.check(native=False)

    def test_a_file_that_is_gone_is_named(self):
        self.add(id=[1, 2])
        (file,) = self.table.glob("*.parquet")
        file.unlink()
        with mock.patch.object(_delta_read, "_PLAIN_BYTES", 0), self.assertRaisesRegex(Exception, file.name):
            pli.scan_delta(self.table).collect()
