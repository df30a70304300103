"""Writing Delta tables: python-api.md 8.6 and 13."""

import datetime as dt
import gc
import json
import os
import subprocess
import sys
import textwrap
import unittest
from decimal import Decimal
from unittest import mock

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.sinks import write_parquet_batch


class Tables(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"

    def rows(self, table=None):
        return sorted(pli.scan_delta(table or self.table).collect().rows(), key=repr)

    def versions(self):
        return len(list((self.table / "_delta_log").glob("*.json")))


class WriteDelta(Tables):
    def test_eager_and_lazy(self):
        self.assertIsInstance(pli.write_delta(pl.DataFrame({"a": [1]}), self.table), str)
        pli.write_delta(pl.LazyFrame({"a": [2]}), str(self.table))
        pli.write_delta(pl.LazyFrame({"a": [3]}), self.table, collect_kwargs={"engine": "streaming"})
        self.assertEqual(self.rows(), [(1,), (2,), (3,)])

    def test_columns_without_a_type_take_the_table_s(self):
        day = dt.date(2026, 1, 1)
        kinds = {
            "d": day,
            "f": 1.5,
            "s": "x",
            "i": 7,
            "b": True,
            "l": ["a"],
            "r": {"a": 1, "b": "x"},
            "t": dt.datetime(2026, 1, 1),
        }
        pli.write_delta(pl.DataFrame([kinds]), self.table)
        for frame in (pl.DataFrame({k: [None] for k in kinds}), pl.LazyFrame({k: [None] for k in kinds})):
            pli.write_delta(frame, self.table)
        pli.write_delta(pl.DataFrame({"l": [[None]], "r": [{"a": None, "b": None}]}), self.table, schema_mode="merge")
        read = pli.scan_delta(self.table).collect()
        self.assertEqual(read.schema["d"], pl.Date)
        self.assertEqual(sorted(map(str, read["l"].to_list())), ["None", "None", "['a']", "[None]"])
        self.assertEqual(read.select(pl.all().exclude("l", "r").null_count()).rows(), [(3,) * 6])

    def test_columns_without_a_type_are_left_out_where_the_table_lacks_them(self):
        pli.write_delta(pl.DataFrame({"id": [1], "later": [None]}), self.table)
        self.assertEqual(pli.scan_delta(self.table).collect_schema().names(), ["id"])
        pli.write_delta(pl.DataFrame({"id": [2], "later": ["x"]}), self.table, schema_mode="merge")
        self.assertEqual(self.rows(), [(1, None), (2, "x")])
        with self.assertRaisesRegex(pli.SchemaEvolutionError, "no column with a type"):
            pli.write_delta(pl.DataFrame({"n": [None]}), self.tmp / "nothing")

    def test_modes(self):
        frame = pl.DataFrame({"a": [1]})
        pli.write_delta(frame, self.table, "error")
        with self.assertRaises(FileExistsError):
            pli.write_delta(frame, self.table, "error")
        pli.write_delta(pl.DataFrame({"a": [9]}), self.table, "ignore")
        self.assertEqual(self.rows(), [(1,)])
        pli.write_delta(pl.DataFrame({"a": [5]}), self.table, "overwrite")
        self.assertEqual(self.rows(), [(5,)])
        with self.assertRaises(ValueError):
            pli.write_delta(frame, self.table, "upsert")
        with self.assertRaises(ValueError):
            pli.write_delta(frame, self.table, schema_mode="evolve")

    def test_schema_modes(self):
        pli.write_delta(pl.DataFrame({"a": [1], "b": ["x"]}), self.table)
        for other in [
            pl.DataFrame({"a": [1], "b": ["x"], "c": [1]}),
            pl.DataFrame({"a": [1]}),
            pl.DataFrame({"a": ["x"], "b": ["y"]}),
        ]:
            with self.assertRaises(pli.SchemaEvolutionError):
                pli.write_delta(other, self.table)
        self.assertEqual(self.versions(), 1)
        pli.write_delta(pl.DataFrame({"c": [True], "a": [2]}), self.table, schema_mode="merge")
        self.assertEqual(self.rows(), [(1, "x", None), (2, None, True)])
        pli.write_delta(pl.DataFrame({"z": [1.5]}), self.table, "overwrite", schema_mode="overwrite")
        self.assertEqual(pli.scan_delta(self.table).collect().to_dict(as_series=False), {"z": [1.5]})

    def test_elements_of_lists_widen_as_columns_do(self):
        sink = pli.DeltaSink(self.table, merge_schema=True, properties={"delta.enableTypeWidening": "true"})
        narrow = {"l": pl.List(pl.List(pl.Int8)), "s": pl.List(pl.Struct({"x": pl.Int16})), "n": pl.Int8}
        sink(pl.DataFrame({"l": [[[1]]], "s": [[{"x": 1}]], "n": [1]}, schema=narrow))
        wide = {"l": pl.List(pl.List(pl.Int32)), "s": pl.List(pl.Struct({"x": pl.Int64})), "n": pl.Int16}
        sink(pl.DataFrame({"l": [[[70_000]]], "s": [[{"x": 1 << 40}]], "n": [300]}, schema=wide))
        sink(pl.DataFrame({"l": [[[2]]], "s": [[{"x": 2}]], "n": [2]}, schema=narrow))
        rows = [([[1]], [{"x": 1}], 1), ([[2]], [{"x": 2}], 2), ([[70_000]], [{"x": 1 << 40}], 300)]
        self.assertEqual(sorted(self.rows(), key=lambda r: r[2]), rows)
        log = (self.table / "_delta_log" / "00000000000000000001.json").read_text().splitlines()
        schema = next(a["metaData"]["schemaString"] for a in map(json.loads, log) if "metaData" in a)
        fields = {f["name"]: f for f in json.loads(schema)["fields"]}
        change = {"toType": "integer", "fromType": "byte", "fieldPath": "element.element"}
        self.assertEqual(fields["l"]["metadata"]["delta.typeChanges"], [change])
        inner = fields["s"]["type"]["elementType"]["fields"][0]
        self.assertEqual(inner["metadata"]["delta.typeChanges"], [{"toType": "long", "fromType": "short"}])
        self.assertEqual(fields["s"]["metadata"], {})
        with self.assertRaises(pli.SchemaEvolutionError):
            sink(pl.DataFrame({"l": [[["a"]]], "s": [[{"x": 2}]], "n": [2]}))

    def test_an_overwrite_of_a_part(self):
        sink = pli.DeltaSink(self.table, partition_by="p")
        sink(pl.DataFrame({"p": [1, 1, 2, 3], "v": ["a", "b", "c", "d"]}))
        pli.write_delta(pl.DataFrame({"p": [2], "v": ["C"]}), self.table, "overwrite", dynamic_partitions=True)
        self.assertEqual(self.rows(), [(1, "a"), (1, "b"), (2, "C"), (3, "d")])
        pli.write_delta(
            pl.LazyFrame({"p": [1], "v": ["b2"]}), self.table, "overwrite", replace_where="v = 'b' OR v LIKE 'b%'"
        )
        self.assertEqual(self.rows(), [(1, "a"), (1, "b2"), (2, "C"), (3, "d")])
        with self.assertRaises(pli.PolarsIncrementalError) as caught:
            pli.write_delta(pl.DataFrame({"p": [1], "v": ["x"]}), self.table, "overwrite", replace_where="p = 2")
        self.assertEqual(caught.exception.code, "CONSTRAINT_VIOLATED")
        pli.DeltaSink(self.table, "overwrite", dynamic_partitions=True)(pl.DataFrame({"p": [3], "v": ["D"]}))
        pli.DeltaSink(self.table, "overwrite", replace_where="p = 1")(pl.DataFrame({"p": [1], "v": ["A"]}))
        self.assertEqual(self.rows(), [(1, "A"), (2, "C"), (3, "D")])
        pli.DeltaSink(self.table, "overwrite", partition_by="q", overwrite_schema=True)(
            pl.DataFrame({"q": [1], "w": [2]})
        )
        self.assertEqual(self.rows(), [(1, 2)])
        for options in ({"mode": "append", "replace_where": "p = 1"}, {"mode": "overwrite", "replace_where": " "}):
            with self.assertRaises(ValueError):
                pli.DeltaSink(self.table, **options)
        with self.assertRaises(ValueError):
            pli.write_delta(
                pl.DataFrame({"p": [1]}), self.table, "overwrite", dynamic_partitions=True, replace_where="p = 1"
            )

    def test_types_come_back(self):
        frame = pl.DataFrame(
            {
                "i8": [1], "i32": [2], "i64": [2**60], "f": [1.5], "s": ["ü"], "b": [b"\0\1"], "t": [True], "d": [dt.date(2024, 1, 2)],
                "ts": [dt.datetime(2024, 1, 2, 3, 4, 5, 6)], "utc": [dt.datetime(2024, 1, 2, tzinfo=dt.UTC)],
                "dec": [Decimal("12.34")], "l": [[1, None]], "st": [{"x": 1, "y": ["z"]}], "n": [None],
            },
            schema_overrides={"i8": pl.Int8, "i32": pl.Int32, "dec": pl.Decimal(10, 2), "n": pl.String},
        )  # fmt: skip
        pli.write_delta(frame, self.table)
        read = pli.scan_delta(self.table).collect()
        self.assertEqual(read.schema, frame.schema)
        self.assertTrue(read.equals(frame))

    def test_types_that_delta_lacks_become_what_it_has(self):
        frame = pl.DataFrame(
            {"u8": [200], "u64": [2**64 - 1], "c": ["x"], "time": [dt.time(1, 2, 3)], "dur": [dt.timedelta(seconds=1)]},
            schema={"u8": pl.UInt8, "u64": pl.UInt64, "c": pl.Categorical, "time": pl.Time, "dur": pl.Duration("us")},
        )
        pli.write_delta(frame, self.table)
        read = pli.scan_delta(self.table).collect()
        self.assertEqual(read["u8"].to_list() + read["c"].to_list() + read["dur"].to_list(), [200, "x", 1_000_000])
        self.assertEqual(read["u64"].to_list(), [Decimal(2**64 - 1)])

    def test_others_read_what_is_written(self):
        deltalake = __import__("importlib").util.find_spec("deltalake")
        if deltalake is None:
            self.skipTest("deltalake is not installed")
        pli.write_delta(pl.DataFrame({"a": [1, 2], "b": ["x", None]}), self.table)
        pli.write_delta(pl.DataFrame({"a": [3], "b": ["y"]}), self.table)
        self.assertEqual(sorted(pl.read_delta(str(self.table)).rows(), key=repr), self.rows())
        pl.DataFrame({"a": [4], "b": ["z"]}).write_delta(str(self.table), mode="append")
        self.assertEqual(len(self.rows()), 4)

    def test_a_transaction_of_the_caller_s_own(self):
        for version in [3, 3, 2, 4]:
            pli.write_delta(pl.DataFrame({"a": [version]}), self.table, txn=("app", version))
        self.assertEqual(self.rows(), [(3,), (4,)])
        with self.assertRaises(ValueError):
            pli.write_delta(pl.DataFrame({"a": [1]}), self.table, txn=("", 1))

    def test_what_a_lazy_frame_raises_comes_out_and_nothing_is_written(self):
        class Mine(Exception):
            pass

        def fail(frame):
            raise Mine("boom")

        with self.assertRaisesRegex(Exception, "boom"):
            pli.write_delta(pl.LazyFrame({"a": [1]}).map_batches(fail, schema={"a": pl.Int64}), self.table)
        self.assertFalse(list(self.table.glob("*.parquet")) if self.table.exists() else [])

    def test_an_error_of_a_frame_is_not_kept(self):
        class Boom(Exception):
            pass

        def fail(s):
            raise Boom("on purpose")

        for dtype in (pl.Int64, pl.UInt8):  # written by Polars; by the core
            lazy = pl.LazyFrame({"a": [1]}).with_columns(pl.col("a").map_batches(fail, return_dtype=dtype))
            try:  # assertRaises would clear the frames that may keep it
                pli.write_delta(lazy, self.table)
            except Boom:
                continue
            self.fail("nothing was raised")
        gc.collect()
        self.assertEqual([o for o in gc.get_objects() if type(o) is Boom], [])

    def test_a_lazy_frame_that_fails_late_leaves_nothing(self):
        self.put("1.parquet", pl.DataFrame({"a": range(600_000)}))
        lazy = pl.scan_parquet(self.source / "1.parquet").select(
            pl.when(pl.col("a") < 599_999).then(1).otherwise(300).cast(pl.Int64).cast(pl.Int8)
        )
        with self.assertRaises(pl.exceptions.InvalidOperationError):
            pli.write_delta(lazy, self.table)
        self.assertEqual(list(self.table.glob("**/*.parquet")), [])

    @unittest.skipIf(int(pl.__version__.split(".")[0]) < 2, "Polars 1 cannot stream batches safely")
    def test_a_lazy_frame_is_never_collected_whole(self):
        with mock.patch.object(pl.LazyFrame, "collect", side_effect=AssertionError):
            pli.write_delta(pl.LazyFrame({"a": range(10)}), self.table)
        self.assertEqual(len(self.rows()), 10)

    def test_other_data_is_a_type_error(self):
        with self.assertRaises(TypeError):
            pli.write_delta([1, 2], self.table)


class Scan(Tables):
    def setUp(self):
        super().setUp()
        pli.write_delta(pl.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}), self.table)
        pli.write_delta(pl.DataFrame({"a": [4], "b": ["z"]}), self.table)

    def test_versions_and_times(self):
        self.assertEqual(pli.scan_delta(self.table, version=0).collect().height, 3)
        self.assertEqual(pli.scan_delta(self.table, timestamp="2999-01-01").collect().height, 4)
        with self.assertRaises(FileNotFoundError):
            pli.scan_delta(self.table, version=9)
        with self.assertRaises(ValueError):
            pli.scan_delta(self.table, version=0, timestamp="2024-01-01")
        with self.assertRaises(FileNotFoundError):
            pli.scan_delta(self.tmp / "none")

    def test_the_version_is_fixed_at_the_call(self):
        lazy = pli.scan_delta(self.table)
        pli.write_delta(pl.DataFrame({"a": [5], "b": ["w"]}), self.table)
        self.assertEqual(lazy.collect().height, 4)

    def test_predicates_give_what_polars_gives(self):
        lazy, eager = pli.scan_delta(self.table), pli.scan_delta(self.table).collect()
        a, b = pl.col("a"), pl.col("b")
        for predicate in [
            a > 1, a == 2, a.gt(2), b.is_null(), ~b.is_null(), b.is_in(["x", "z"]), (a > 1) & (b != "y"), (a > 3) | (b == "x"), a.is_between(2, 3),
            ~((a > 1) & (b == "y")), a * 2 > 4, (a * 2 > 4) & (b == "z"), b.str.starts_with("x"), a.is_in([1, None]), b == "it's", a > 1.5,
        ]:  # fmt: skip
            expected = eager.filter(predicate).sort("a")
            self.assertTrue(lazy.filter(predicate).collect().sort("a").equals(expected), str(predicate))
            self.assertEqual(lazy.filter(predicate).select("b").collect().height, expected.height)

    def test_columns_and_limits(self):
        lazy = pli.scan_delta(self.table)
        self.assertEqual(lazy.select("b").collect().columns, ["b"])
        self.assertEqual(lazy.head(2).collect().height, 2)
        self.assertEqual(lazy.select(pl.len()).collect().item(), 4)
        self.assertEqual(lazy.filter(pl.col("a") > 1).head(1).collect().height, 1)
        self.assertEqual(lazy.select(pl.col("a").sum()).collect().item(), 10)

    def test_an_empty_table_has_its_columns(self):
        pli.write_delta(pl.DataFrame(schema={"x": pl.Int64}), self.tmp / "empty")
        self.assertEqual(pli.scan_delta(self.tmp / "empty").collect().schema, {"x": pl.Int64})


class Sink(Tables):
    def pipe(self, **changes):
        options = {
            "source": pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1),
            "writer": pli.DeltaSink(self.table),
        }
        return self.pipeline(**{**options, **changes})

    def test_a_batch_lands_once_and_says_what_it_did(self):
        for n in range(3):
            self.put(f"{n}.parquet", [n, n])
        for reader in [pl.read_parquet, pl.scan_parquet]:
            self.assertGreaterEqual(self.pipe(reader=reader).run().batches, 1)
        self.pipe().run(once=False, sleep=0)
        self.assertEqual(self.rows(), [(0,), (0,), (1,), (1,), (2,), (2,)])
        commit = self.record("commits", 1)
        self.assertEqual(commit["metadata"], {"rows": 2, "version": 1, "files": 1})
        self.assertEqual(commit["sinks"][0]["path"], str(self.table))

    def test_a_repeat_changes_nothing_and_returns_normally(self):
        self.put("1.parquet")
        self.pipe().run()
        os.remove(self.cp / "commits" / "0.json")
        self.assertEqual(self.pipe().run().batches, 1)
        self.assertEqual((self.rows(), self.versions()), ([(1,)], 1))

    def test_several_writes_of_a_batch_have_numbers(self):
        self.put("1.parquet")
        fail = [True]

        def writer(df):
            pli.write_delta(df, self.table)
            pli.write_delta(df, self.table)
            if fail:
                raise OSError
            pli.write_delta(df, self.table)

        with self.assertRaises(pli.WriterError):
            self.pipe(writer=writer).run()
        fail.clear()
        self.pipe(writer=writer).run()
        self.assertEqual(len(self.rows()), 3)
        apps = [t["appId"] for t in json.loads(pli._core.Table(str(self.table)).detail())[0]["setTransactions"]]
        self.assertEqual(sorted(a[36:] for a in apps), ["", "#2", "#3"])

    def test_a_sink_that_went_back_is_named(self):
        import shutil

        self.put("1.parquet")
        self.pipe().run()
        shutil.rmtree(self.table)
        self.put("2.parquet")
        with self.assertRaises(pli.CommitError) as raised:
            self.pipe().run()
        self.assertEqual(raised.exception.code, "SINK_BEHIND")
        pli.write_delta(pl.DataFrame({"a": [1]}), self.table)
        with self.assertRaises(pli.CommitError) as raised:
            self.pipe().run()
        self.assertEqual(raised.exception.code, "SINK_BEHIND")

    def test_a_sink_that_is_ahead_is_named(self):
        import shutil

        self.put("1.parquet")
        self.pipe().run()
        shutil.copytree(self.cp, self.tmp / "copy")
        self.put("2.parquet")
        self.pipe().run()
        self.put("0.parquet")
        with self.assertRaises(pli.CommitError) as raised:
            self.pipe(checkpoint_dir=self.tmp / "copy").run()
        self.assertEqual(raised.exception.code, "SINK_AHEAD")
        self.assertEqual(len(self.rows()), 2)

    def test_a_truncated_checkpoint_writes_again(self):
        self.put("1.parquet")
        self.pipe().run()
        pli.truncate_checkpoint(self.cp, keep_through_batch_id=-1)
        self.assertEqual(self.pipe().run().batches, 1)
        self.assertEqual(self.rows(), [(1,), (1,)])

    def test_options_of_a_new_table(self):
        self.put("1.parquet", pl.DataFrame({"a": [1, 2], "p": ["x", "y"]}))
        sink = pli.DeltaSink(self.table, partition_by="p", properties={"delta.appendOnly": "true"})
        self.pipe(writer=sink).run()
        detail = json.loads(pli._core.Table(str(self.table)).detail())[0]
        self.assertEqual((detail["partitionColumns"], detail["configuration"]), (["p"], {"delta.appendOnly": "true"}))
        self.assertEqual(self.rows(), [(1, "x"), (2, "y")])
        self.assertIn("DeltaSink", repr(sink))

    def test_new_columns_only_with_merge_schema(self):
        self.put("1.parquet")
        self.pipe().run()
        self.put("2.parquet", pl.DataFrame({"a": [2], "b": ["x"]}))
        with self.assertRaises(pli.SchemaEvolutionError):
            self.pipe().run()
        self.pipe(writer=pli.DeltaSink(self.table, merge_schema=True)).run()
        self.assertEqual(self.rows(), [(1, None), (2, "x")])

    def test_the_rescue_struct_is_json_text(self):
        self.put("1.parquet", pl.DataFrame({"a": ["1", "x"]}))
        evolution = pli.SchemaEvolution("coerce", "column", schema={"a": pl.Int64})
        self.pipe(schema_evolution=evolution).run()
        self.assertEqual(self.rows(), [(1, None), (None, '{"a":"x"}')])

    def test_the_sink_inside_the_source_is_not_read(self):
        self.table = self.source / "table"
        self.put("1.parquet")
        source = pli.FilesSource(self.source, file_format="parquet", recursive=True)
        for expected in [1, 0]:
            self.assertEqual(self.pipe(source=source).run().batches, expected)

    def test_killed_at_any_moment_rows_and_state_are_those_of_the_model(self):
        for n in range(12):
            self.put(f"{n:02}.parquet", [n])
        code = textwrap.dedent(f"""
            import polars as pl, polars_incremental as pli
            def transform(lf, state):
                state.save_json("batches", state.load_json("batches", 0) + 1)
                return lf
            source = pli.FilesSource({str(self.source)!r}, file_format="parquet", max_files_per_trigger=1)
            p = pli.Pipeline(source, {str(self.cp)!r}, pl.scan_parquet, pli.DeltaSink({str(self.table)!r}), transform)
            print("ready", flush=True)
            p.run(once=False, sleep=0)
        """)
        for attempt in range(25):
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
                child.stdout.readline()
                try:
                    child.wait(0.01 + (attempt * 29 % 90) / 1000)
                except subprocess.TimeoutExpired:
                    child.kill()
                if child.wait() == 0:
                    break
        else:
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(self.rows(), sorted([(n,) for n in range(12)], key=repr))
        self.assertEqual(pli.JobState(self.cp / "state").load_json("batches", None), 12)


class Maintenance(Tables):
    def setUp(self):
        super().setUp()
        for n in range(4):
            pli.write_delta(pl.DataFrame({"a": [n], "b": [9 - n]}), self.table)

    def test_compacting_keeps_the_rows_and_is_done_once(self):
        before = self.rows()
        done = pli.optimize_delta_table(self.table)
        self.assertEqual((done["numFilesAdded"], done["numFilesRemoved"], done["partitionsOptimized"]), (1, 4, 1))
        self.assertEqual((done["totalConsideredFiles"], done["totalFilesSkipped"]), (4, 0))
        self.assertEqual(self.rows(), before)
        versions = self.versions()
        self.assertEqual(pli.optimize_delta_table(self.table)["numFilesAdded"], 0)
        self.assertEqual(self.versions(), versions)
        log = (self.table / "_delta_log" / f"{versions - 1:020}.json").read_text()
        self.assertNotIn('"dataChange":true', log)

    def test_z_order_and_filters(self):
        before = self.rows()
        self.assertEqual(
            pli.optimize_delta_table(self.table, mode="z_order", z_order_columns=["a", "b"])["numFilesRemoved"], 4
        )
        self.assertEqual(self.rows(), before)
        for options in [{"mode": "sort"}, {"mode": "z_order"}, {"z_order_columns": ["a"]}, {"target_size": 0}]:
            with self.assertRaises(ValueError):
                pli.optimize_delta_table(self.table, **options)
        parts = self.tmp / "parts"
        sink = pli.DeltaSink(parts, partition_by="p")
        for _ in range(2):
            sink(pl.DataFrame({"a": [1, 2], "p": ["x", "y"]}))
        done = pli.optimize_delta_table(parts, partition_filters=[("p", "=", "x")])
        self.assertEqual((done["numFilesRemoved"], done["partitionsOptimized"]), (2, 1))
        with self.assertRaises(FileNotFoundError):
            pli.optimize_delta_table(self.tmp / "none")

    def test_vacuum(self):
        pli.optimize_delta_table(self.table)
        orphan = self.table / "orphan.parquet"
        orphan.write_bytes(b"x")
        os.utime(orphan, (1, 1))
        self.assertEqual(pli.vacuum_delta_table(self.table, dry_run=True), ["orphan.parquet"])
        self.assertTrue(orphan.exists())
        self.assertEqual(pli.vacuum_delta_table(self.table), ["orphan.parquet"])
        self.assertFalse(orphan.exists())
        with self.assertRaisesRegex(ValueError, "enforce_retention"):
            pli.vacuum_delta_table(self.table, retention_hours=0)
        before = self.rows()
        self.assertEqual(len(pli.vacuum_delta_table(self.table, retention_hours=0, enforce_retention=False)), 4)
        self.assertEqual(self.rows(), before)
        with self.assertRaises(FileNotFoundError):
            pli.vacuum_delta_table(self.tmp / "none")


class Parquet(Tables):
    def test_a_batch_is_a_file_that_a_repeat_replaces(self):
        out = self.tmp / "deep" / "out"
        for value in [1, 2]:
            result = write_parquet_batch(pl.LazyFrame({"a": [value]}), out, 7)
        self.assertEqual(result, {"path": str(out / "batch_7.parquet")})
        self.assertEqual(pl.read_parquet(result["path"])["a"].to_list(), [2])
        self.assertEqual(os.listdir(out), ["batch_7.parquet"])


if __name__ == "__main__":
    unittest.main()
