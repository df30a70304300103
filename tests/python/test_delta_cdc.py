"""apply_cdc_delta and DeltaSink(mode="merge"): python-api.md 12 and 13."""

import datetime as dt
import json
import os
import random
import unittest

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.sources import DeltaSource

COLUMNS = ("id", "v", "_change_type", "_commit_version")


def changes(*rows, columns=COLUMNS):
    return pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows])


class Apply(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"

    def rows(self):
        return sorted(pli.scan_delta(self.table).collect().rows(), key=repr)

    def versions(self):
        return len(list((self.table / "_delta_log").glob("*.json")))

    def test_a_table_is_created_then_merged_into(self):
        result = pli.apply_cdc_delta(
            changes((1, "a", "insert", 1), (2, "b", "insert", 1), (3, "x", "delete", 1)), self.table, keys="id"
        )
        self.assertEqual(result, {"rows_in": 3, "rows_out": 2, "action": "merge"})
        frame = changes(
            (1, "A", "update_postimage", 2),
            (2, "b", "delete", 2),
            (4, "d", "insert", 2),
            (1, "a", "update_preimage", 2),
        )
        result = pli.apply_cdc_delta(frame.lazy(), self.table, keys=["id"])
        self.assertEqual((result["rows_in"], result["rows_out"], result["action"]), (3, 2, "merge"))
        self.assertEqual(sorted(result["change_types"]), ["delete", "insert", "update_postimage", "update_preimage"])
        self.assertEqual(self.rows(), [(1, "A"), (4, "d")])
        self.assertEqual(self.versions(), 2)

    def test_it_is_what_apply_cdc_gives(self):
        for properties in [{}, {"delta.enableDeletionVectors": "true"}, {"delta.enableChangeDataFeed": "true"}]:
            self.table = self.tmp / os.urandom(4).hex()
            rng = random.Random(5)
            existing = pl.DataFrame({"id": list(range(20)), "v": [f"v{n}" for n in range(20)]})
            pli.DeltaSink(self.table, properties=properties)(existing)
            for version in range(5):
                kinds = ["insert", "update", "delete", "update_preimage"]
                rows = [(rng.randrange(30), f"n{version}.{k}", rng.choice(kinds), version * 10 + k) for k in range(8)]
                existing = pli.apply_cdc(changes(*rows), existing, keys="id")
                pli.apply_cdc_delta(changes(*rows), self.table, keys="id")
                self.assertEqual(self.rows(), sorted(existing.rows(), key=repr), properties)

    def test_the_feed_has_pre_and_post_images(self):
        pli.DeltaSink(self.table, properties={"delta.enableChangeDataFeed": "true"})(
            pl.DataFrame({"id": [1, 2], "v": ["a", "b"]})
        )
        pli.apply_cdc_delta(
            changes((1, "A", "update", 1), (2, "b", "delete", 1), (3, "c", "insert", 1)), self.table, keys="id"
        )
        feed = pl.DataFrame(pli._core.Table(str(self.table)).changes(1)).select("_change_type", "id", "v")
        self.assertEqual(
            sorted(feed.rows()),
            [("delete", 2, "b"), ("insert", 3, "c"), ("update_postimage", 1, "A"), ("update_preimage", 1, "a")],
        )

    def test_untouched_files_are_left_alone(self):
        for n in range(4):
            pli.write_delta(pl.DataFrame({"id": [n * 10, n * 10 + 1], "v": ["a", "b"]}), self.table)
        pli.apply_cdc_delta(changes((10, "new", "update", 1)), self.table, keys="id")
        log = [json.loads(line) for line in (self.table / "_delta_log" / f"{4:020}.json").read_text().splitlines()]
        self.assertEqual(sum("remove" in a for a in log), 1)

    def test_append_only(self):
        frame = changes((1, "x", "insert", 1), (1, "y", "insert", 2), (2, "z", "delete", 1))
        self.assertEqual(
            pli.apply_cdc_delta(frame, self.table, keys="id", mode="append_only"),
            {"rows_in": 2, "rows_out": 1, "action": "append_only"},
        )
        pli.apply_cdc_delta(frame, self.table, keys="id", mode="append_only", dedupe_by_latest_commit=False)
        self.assertEqual(self.rows(), [(1, "x"), (1, "y"), (1, "y")])

    def test_nothing_to_do_makes_no_table(self):
        for frame in [changes((1, "a", "delete", 1)), changes((1, "a", "insert", 1)).clear()]:
            self.assertEqual(pli.apply_cdc_delta(frame, self.table, keys="id")["action"], "noop")
        self.assertFalse(self.table.exists())
        pli.apply_cdc_delta(changes((1, "a", "insert", 1)), self.table, keys="id")
        self.assertEqual(
            pli.apply_cdc_delta(changes((1, "a", "delete", 1)), self.table, keys="id", ignore_delete=True)["rows_out"],
            0,
        )
        self.assertEqual(self.versions(), 1)

    def test_the_table_stays_readable_without_rows(self):
        pli.apply_cdc_delta(changes((1, "a", "insert", 1)), self.table, keys="id")
        self.assertEqual(pli.apply_cdc_delta(changes((1, "a", "delete", 2)), self.table, keys="id")["rows_out"], 0)
        self.assertEqual(self.rows(), [])
        if __import__("importlib").util.find_spec("deltalake"):
            self.assertEqual(pl.read_delta(str(self.table)).height, 0)

    def test_columns_and_types(self):
        pli.write_delta(pl.DataFrame({"id": [1, 2], "kept": ["k1", "k2"], "v": [1, 2]}), self.table)
        wider = pl.DataFrame(
            {"id": [1, 3], "v": [7, 8], "_change_type": ["update", "insert"]},
            schema_overrides={"id": pl.Int32, "v": pl.Int8},
        )
        pli.apply_cdc_delta(wider, self.table, keys="id")
        self.assertEqual(self.rows(), [(1, "k1", 7), (2, "k2", 2), (3, None, 8)])
        new = pl.DataFrame({"id": [2], "new": [True], "_change_type": ["update"]})
        with self.assertRaisesRegex(pli.SchemaEvolutionError, "new"):
            pli.apply_cdc_delta(new, self.table, keys="id")
        before = self.versions()
        pli.apply_cdc_delta(new, self.table, keys="id", schema_mode="merge")
        self.assertEqual(self.versions(), before + 1)
        self.assertEqual(self.rows(), [(1, "k1", 7, None), (2, "k2", 2, True), (3, None, 8, None)])
        with self.assertRaises(pli.SchemaEvolutionError):
            pli.apply_cdc_delta(
                pl.DataFrame({"id": [1], "v": ["text"], "_change_type": ["update"]}), self.table, keys="id"
            )

    def test_new_columns_come_with_the_changes_in_one_commit(self):
        pli.write_delta(pl.DataFrame({"id": [1, 2]}), self.table)
        changes = pl.DataFrame(
            {
                "id": [1, 3],
                "u": [200, 7],
                "t": [dt.time(1), None],
                "nothing": [None, None],
                "_change_type": ["update", "insert"],
            },
            schema_overrides={"u": pl.UInt8},
        )
        for frame, mode in [(changes, "merge"), (changes.lazy(), "append_only")]:
            pli.apply_cdc_delta(frame, self.table, keys="id", schema_mode="merge", mode=mode)
        self.assertEqual(self.versions(), 3)
        expected = [(1, 200, "01:00:00"), (2, None, None), (3, 7, None), (3, 7, None)]
        self.assertEqual(self.rows(), expected)
        self.assertEqual(pli.scan_delta(self.table).collect_schema(), {"id": pl.Int64, "u": pl.Int16, "t": pl.String})
        only_deletes = pl.DataFrame({"id": [2], "more": ["x"], "_change_type": ["delete"]})
        pli.apply_cdc_delta(only_deletes, self.table, keys="id", schema_mode="merge")
        self.assertEqual(len(self.rows()), 3)
        self.assertNotIn("_pli_delete", pli.scan_delta(self.table).collect_schema())

    def test_several_keys_and_odd_names(self):
        pli.write_delta(pl.DataFrame({"a b": [1, 1], 'q"': ["x", "y"], "v": [1, 2]}), self.table)
        frame = pl.DataFrame({"a b": [1], 'q"': ["y"], "v": [20], "_change_type": ["update"]})
        pli.apply_cdc_delta(frame, self.table, keys=["a b", 'q"'])
        self.assertEqual(self.rows(), [(1, "x", 1), (1, "y", 20)])

    def test_a_transaction_repeats_as_a_noop(self):
        frame = changes((1, "a", "insert", 1))
        for expected in ["merge", "noop"]:
            self.assertEqual(pli.apply_cdc_delta(frame, self.table, keys="id", txn=("app", 1))["action"], expected)
        for expected in ["merge", "noop"]:
            result = pli.apply_cdc_delta(changes((2, "b", "insert", 2)), self.table, keys="id", txn=("app", 2))
            self.assertEqual(result["action"], expected)
        self.assertEqual((self.rows(), self.versions()), ([(1, "a"), (2, "b")], 2))

    def test_bad_arguments(self):
        frame = changes((1, "a", "insert", 1))
        for options in [
            {"keys": []},
            {"keys": "none"},
            {"keys": "id", "mode": "x"},
            {"keys": "id", "schema_mode": "x"},
        ]:
            with self.assertRaises(ValueError):
                pli.apply_cdc_delta(frame, self.table, **options)

    def test_a_feed_derived_from_whole_files_ends_with_what_the_commit_added(self):
        """An overwrite removes and adds rows of one key in one commit: removed first, whatever kinds of files they are in."""
        source, out = str(self.tmp / "a"), str(self.tmp / "b")
        feed = {"delta.enableChangeDataFeed": "true", "delta.enableDeletionVectors": "true"}
        pli.DeltaSink(source, properties=feed)(pl.DataFrame({"id": [1, 2, 3], "v": ["a", "b", "c"]}))
        pli.merge(source, pl.DataFrame({"id": [3]}), on="source.id = target.id", when_matched={"action": "delete"})
        pli.write_delta(pl.DataFrame({"id": [2, 1], "v": ["B", "A"]}), source, mode="overwrite")
        reader = DeltaSource(source, self.cp, {"read_change_feed": True, "starting_version": 0})
        batch = reader.plan_batch()
        rows = reader.read_batch(batch)
        types = rows.filter(pl.col("_commit_version") == 2)["_change_type"].to_list()
        self.assertEqual(types, ["delete", "delete", "insert", "insert"])
        lazy = pli.scan_delta_batch(batch, table=source).filter(pl.col("_commit_version") == 2)
        self.assertEqual(lazy.select("_change_type").collect()["_change_type"].to_list(), types)
        times = {e.commit_version: e.commit_timestamp for e in batch.file_entries}
        self.assertEqual(dict(rows.select("_commit_version", "_commit_timestamp").rows()), times)
        pli.apply_cdc_delta(rows, out, keys="id")
        self.assertEqual(sorted(pli.scan_delta(out).collect().rows()), [(1, "A"), (2, "B")])

    def test_in_a_pipeline_a_repeat_changes_nothing(self):
        self.put("1.parquet", changes((1, "a", "insert", 1), (2, "b", "insert", 1)))
        self.put("2.parquet", changes((1, "A", "update", 2), (2, "b", "delete", 2)))
        source = pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1)
        seen = []

        def writer(df):
            seen.append(pli.apply_cdc_delta(df, self.table, keys="id")["action"])

        p = self.pipeline(source=source, writer=writer)
        p.run(once=False, sleep=0)
        os.remove(self.cp / "commits" / "1.json")
        p.run()
        self.assertEqual((seen, self.rows(), self.versions()), (["merge", "merge", "noop"], [(1, "A")], 2))

    def test_the_sink_merges(self):
        self.put("1.parquet", changes((1, "a", "insert", 1), (2, "b", "insert", 1)))
        self.put("2.parquet", changes((1, "A", "update", 2), (2, "b", "delete", 2)))
        source = pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1)
        sink = pli.DeltaSink(self.table, mode="merge", keys="id")
        self.pipeline(source=source, reader=pl.scan_parquet, writer=sink).run(once=False, sleep=0)
        self.assertEqual(self.rows(), [(1, "A")])
        self.assertEqual(self.record("commits", 1)["metadata"], {"rows": 1, "version": 1, "files": 1})
        for options in [{"mode": "merge"}, {"keys": "id"}, {"mode": "upsert"}]:
            with self.assertRaises(ValueError):
                pli.DeltaSink(self.table, **options)


if __name__ == "__main__":
    unittest.main()
