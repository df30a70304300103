"""Delta tables as sources: python-api.md 5 and 6."""

import importlib.util
import json
import os
import shutil
import unittest

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.sources import DeltaSource, read_cdf_batch

HAS_DELTALAKE = importlib.util.find_spec("deltalake") is not None


class Tables(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"

    def append(self, *values, **options):
        pli.write_delta(pl.DataFrame({"a": list(values)}), self.table, **options)

    def source_of(self, **options):
        return DeltaSource(self.table, self.cp, options)

    def drain(self, **options):
        """Every batch from here on as (version, rows), committed."""
        source, seen = self.source_of(**options), []
        while (batch := source.plan_batch()) is not None:
            seen.append((batch.offset.version, sorted(source.read_batch(batch).rows())))
            source.commit_batch(batch)
        return seen

    def log(self, version, *actions):
        """A commit written by hand."""
        folder = self.table / "_delta_log"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{version:020}.json").write_text("\n".join(json.dumps(a) for a in actions))


class Planning(Tables):
    def test_snapshot_first_then_commits(self):
        self.append(1)
        self.append(2)
        source = self.source_of()
        batch = source.plan_batch()
        self.assertEqual((batch.batch_id, len(batch.files)), (0, 2))
        self.assertEqual((batch.offset.version, batch.offset.index, batch.offset.is_initial_snapshot), (1, 1, True))
        self.assertIsNone(batch.file_entries)
        self.assertTrue(all(os.path.isabs(f) for f in batch.files))
        source.commit_batch(batch)
        self.assertEqual(self.metadata()["start_offset"], {"mode": "snapshot"})
        self.append(3)
        self.assertEqual(self.drain(), [(2, [(3,)])])
        commit = self.record("commits", 1)
        self.assertEqual((commit["version"], commit["is_initial_snapshot"], commit["file_count"]), (2, False, 1))

    def test_starts(self):
        for n in range(3):
            self.append(n)
        for options, stored, expected in [
            ({"start_offset": "earliest"}, {"mode": "version", "version": 0}, [(0,), (1,), (2,)]),
            ({"start_offset": "latest"}, {"mode": "latest", "version": 2}, []),
            ({"starting_version": 1, "start_offset": "latest"}, {"mode": "version", "version": 1}, [(1,), (2,)]),
            ({"starting_version": 9}, {"mode": "version", "version": 9}, []),
        ]:
            self.cp = self.tmp / os.urandom(4).hex()
            self.assertEqual([r for _, rows in self.drain(**options) for r in rows], expected, options)
            self.assertEqual(self.metadata()["start_offset"], stored)
        for options in [
            {"start_offset": "newest"},
            {"starting_version": -1},
            {"starting_timestamp": "soon"},
            {"max_files_per_trigger": 0},
        ]:
            self.cp = self.tmp / os.urandom(4).hex()
            with self.assertRaises(ValueError):
                self.source_of(**options).plan_batch()

    def test_a_start_time(self):
        for version, at in enumerate([1_000_000_000_000, 1_600_000_000_000]):
            self.log(
                version,
                {"commitInfo": {"timestamp": at}},
                *([{"metaData": {"id": "x"}}] if version == 0 else []),
                {"add": {"path": f"{version}.parquet"}},
            )
        batch = self.source_of(starting_timestamp="2010-01-01").plan_batch()
        self.assertEqual([os.path.basename(f) for f in batch.files], ["1.parquet"])
        self.assertEqual(
            {k: self.metadata()["start_offset"][k] for k in ("mode", "version")}, {"mode": "version", "version": 1}
        )

    def test_no_table_is_nothing_to_do(self):
        self.assertIsNone(self.source_of().plan_batch())
        self.assertNotIn("start_offset", self.metadata())
        self.append(1)
        self.assertEqual(self.drain(), [(0, [(1,)])])

    def test_limits_and_the_none_that_means_none(self):
        for n in range(5):
            self.append(n)
        self.assertEqual([len(rows) for _, rows in self.drain(max_files_per_trigger=2)], [2, 2, 1])
        self.cp = self.tmp / "cp2"
        spec = pli.DeltaSource(self.table, max_files_per_trigger=None).to_spec()
        self.assertEqual(len(spec.with_checkpoint(self.cp).plan_batch().files), 5)

    def test_hand_written_logs_without_the_usual_actions(self):
        self.log(
            0,
            {"metaData": {"id": "t"}},
            {"add": {"path": "a%20b.parquet"}},
            {"add": {"path": f"file://{self.tmp}/far.parquet", "size": 3}},
        )
        self.log(
            1, {"add": {"path": str(self.tmp / "abs.parquet")}}, {"add": {"path": "quiet.parquet", "dataChange": False}}
        )
        source = self.source_of(start_offset="earliest")
        names = []
        while (batch := source.plan_batch()) is not None:
            names += batch.files
            self.assertEqual(batch.offset.table_id, "t")
            source.commit_batch(batch)
        self.assertEqual(
            names, [str(self.table / "a b.parquet"), str(self.tmp / "far.parquet"), str(self.tmp / "abs.parquet")]
        )

    def test_removes_need_an_option(self):
        self.append(1)
        self.drain()
        self.append(2, mode="overwrite")
        for _ in range(2):
            with self.assertRaises(RuntimeError):
                self.source_of(ignore_deletes=True).plan_batch()
        p = self.pipeline(source=pli.DeltaSource(self.table))
        with self.assertRaises(pli.PlanningError):
            p.run()
        self.assertEqual(self.drain(ignore_changes=True), [(1, [(2,)])])

    def test_pure_deletes_move_the_position(self):
        self.log(0, {"metaData": {"id": "t"}}, {"add": {"path": "a.parquet"}})
        source = self.source_of()
        source.commit_batch(source.plan_batch())
        self.log(1, {"remove": {"path": "a.parquet"}})
        batch = self.source_of(ignore_deletes=True).plan_batch()
        self.assertEqual((batch.files, batch.offset.version), ([], 1))
        self.assertEqual(self.pipeline(source=pli.DeltaSource(self.table, ignore_deletes=True)).run().batches, 0)
        self.assertEqual(self.record("commits", 1)["file_count"], 0)

    def test_another_table_in_place_is_noticed(self):
        self.append(1)
        self.drain()
        shutil.rmtree(self.table)
        self.append(1)
        with self.assertRaises(RuntimeError) as raised:
            self.source_of().plan_batch()
        self.assertEqual(raised.exception.code, "TABLE_REPLACED")

    def test_a_missing_commit_stops_planning(self):
        for n in range(4):
            self.append(n)
        source = self.source_of(start_offset="earliest", max_files_per_trigger=1)
        source.commit_batch(source.plan_batch())
        os.remove(self.table / "_delta_log" / f"{2:020}.json")
        with self.assertRaises(Exception) as raised:
            self.drain(start_offset="earliest", max_files_per_trigger=1)
        self.assertNotIsInstance(raised.exception, AssertionError)

    def test_unknown_reader_features_are_refused(self):
        self.log(
            0,
            {
                "protocol": {
                    "minReaderVersion": 3,
                    "minWriterVersion": 7,
                    "readerFeatures": ["futureThing"],
                    "writerFeatures": ["futureThing"],
                }
            },
            {"metaData": {"id": "t"}},
            {"add": {"path": "a.parquet"}},
        )
        with self.assertRaisesRegex(pli.UnsupportedFormatError, "futureThing"):
            self.source_of().plan_batch()
        with self.assertRaises(pli.UnsupportedFormatError):
            self.pipeline(source=pli.DeltaSource(self.table)).run()


class Reading(Tables):
    def partitioned(self):
        sink = pli.DeltaSink(self.table, partition_by="p")
        sink(pl.DataFrame({"a": [1, 2], "p": ["x", "y"]}))

    def test_partition_values_come_from_the_log(self):
        self.partitioned()
        batch = self.source_of().plan_batch()
        for made in [
            pli.read_delta_batch(batch),
            pli.scan_delta_batch(batch).collect(),
            pli.scan_delta_batch(batch, table=self.table).collect(),
        ]:
            self.assertEqual(sorted(made.rows()), [(1, "x"), (2, "y")])
        self.assertEqual(pli.scan_delta_batch(batch).select("p").collect().columns, ["p"])
        stored = pli.DeltaTableCheckpoint(self.cp).read_offset(0)
        self.assertEqual(sorted(pli.read_delta_batch(stored).rows()), [(1, "x"), (2, "y")])

    def test_a_reader_of_plain_paths_is_warned_of_partition_columns(self):
        self.partitioned()
        with self.assertLogs("polars_incremental", "WARNING") as logs:
            self.pipeline(source=pli.DeltaSource(self.table)).run()
        self.assertIn("'p'" if "'p'" in logs.output[0] else "p", logs.output[0])
        with self.assertNoLogs("polars_incremental", "WARNING"):
            self.pipeline(
                source=pli.DeltaSource(self.table),
                checkpoint_dir=self.tmp / "cp2",
                reader=lambda files, batch: pli.read_delta_batch(batch),
            ).run()

    def test_without_a_log_the_files_are_read_as_they_are(self):
        path = self.put("1.parquet", [7])
        batch = pli.DeltaBatch(0, pli.DeltaOffset(None, 0, 0, False), [path], 1.0)
        self.assertEqual(pli.read_delta_batch(batch).rows(), [(7,)])
        self.assertEqual(pli.scan_delta_batch(batch).collect().rows(), [(7,)])
        self.assertEqual(
            pli.read_delta_batch(pli.DeltaBatch(0, pli.DeltaOffset(None, 0, 0, False), [], 1.0)).shape, (0, 0)
        )


def fixture(name):
    """A table of another engine, from the shared folder; None where that is not there."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    shared = os.environ.get("PLI_SHARED") or os.path.join(os.path.dirname(here), "shared")
    path = os.path.join(shared, "fixtures", "delta", "kernel", name)
    return path if os.path.isdir(path) else None


@unittest.skipUnless(fixture("table-with-dv-small"), "the shared tables are not there")
class Foreign(Case):
    """Tables whose files are not their rows."""

    def test_deletion_vectors(self):
        table = fixture("table-with-dv-small")
        with self.assertRaisesRegex(pli.UnsupportedFormatError, "deletion vectors.*read_delta_batch"):
            self.pipeline(source=pli.DeltaSource(table)).run()
        self.pipeline(source=pli.DeltaSource(table), reader=lambda files, batch: pli.read_delta_batch(batch)).run()
        self.assertEqual(sorted(self.written[0][1]["value"].to_list()), list(range(1, 9)))
        self.assertEqual(sorted(pli.scan_delta(table).collect()["value"].to_list()), list(range(1, 9)))

    def test_column_mapping(self):
        table = fixture("cdf-column-mapping-name-mode")
        with self.assertRaisesRegex(pli.UnsupportedFormatError, "column mapping"):
            self.pipeline(source=pli.DeltaSource(table)).run()
        seen = []
        self.pipeline(
            source=pli.DeltaSource(table), reader=lambda files, _batch: pli.scan_delta_batch(_batch), writer=seen.append
        ).run()
        self.assertEqual(seen[0].collect_schema(), pli.scan_delta(table).collect_schema())

    def test_changes_of_deletion_vectors(self):
        table = fixture("cdf-table-with-dv")
        source = DeltaSource(table, self.cp, {"read_change_feed": True, "start_offset": "earliest"})
        kinds = set()
        while (batch := source.plan_batch()) is not None:
            if batch.files:
                kinds |= set(source.read_batch(batch)["_change_type"].to_list())
            source.commit_batch(batch)
        self.assertIn("delete", kinds)


class ChangeFeed(Tables):
    def feed(self):
        sink = pli.DeltaSink(self.table, properties={"delta.enableChangeDataFeed": "true"})
        sink(pl.DataFrame({"a": [1, 2]}))

    def test_inserts_with_their_version_and_time(self):
        self.feed()
        self.append(3)
        source = self.source_of(read_change_feed=True)
        batch = source.plan_batch()
        self.assertEqual(
            [(e.change_type, e.commit_version) for e in batch.file_entries], [("insert", 1)] * len(batch.file_entries)
        )
        frame = source.read_batch(batch)
        self.assertEqual(frame.columns, ["a", "_change_type", "_commit_version", "_commit_timestamp"])
        self.assertEqual(frame.schema["_commit_version"], pl.Int64)
        self.assertEqual(frame.schema["_commit_timestamp"], pl.Int64)
        self.assertEqual(
            sorted(frame.select("a", "_change_type").rows()), [(1, "insert"), (2, "insert"), (3, "insert")]
        )
        source.commit_batch(batch)
        self.append(4)
        batch = self.source_of(read_change_feed=True).plan_batch()
        made = read_cdf_batch(batch)
        self.assertEqual((made["a"].to_list(), made["_commit_version"].to_list()), ([4], [2]))
        self.assertGreater(made["_commit_timestamp"][0], 1_500_000_000_000)

    def test_an_overwrite_gives_deletes_and_inserts_when_the_feed_is_on(self):
        self.feed()
        self.drain(read_change_feed=True)
        self.append(9, mode="overwrite")
        batch = self.source_of(read_change_feed=True).plan_batch()
        rows = sorted(read_cdf_batch(batch).select("_change_type", "a").rows())
        self.assertEqual(rows, [("delete", 1), ("delete", 2), ("insert", 9)])

    def test_an_overwrite_without_the_feed_is_refused(self):
        self.append(1)
        self.drain(read_change_feed=True)
        self.append(2, mode="overwrite")
        with self.assertRaises(pli.ChangeDataFeedError):
            self.source_of(read_change_feed=True).plan_batch()

    def test_without_a_log_entries_say_what_is_known(self):
        one, two = self.put("1.parquet", [1]), self.put("2.parquet", pl.DataFrame({"a": [2], "b": ["x"]}))
        entries = [pli.DeltaFileEntry(one, 4, None, "insert", 1), pli.DeltaFileEntry(two, 5, 1000, "delete", 1)]
        batch = pli.DeltaBatch(0, pli.DeltaOffset(None, 5, 0, False), [one, two], 1.0, entries)
        frame = read_cdf_batch(batch)
        self.assertEqual(frame.rows(), [(1, "insert", 4, None, None), (2, "delete", 5, 1000, "x")])
        empty = pli.DeltaBatch(0, pli.DeltaOffset(None, 5, 0, False), [], 1.0, [])
        self.assertEqual(read_cdf_batch(empty).shape, (0, 0))
        plain = pli.DeltaBatch(0, pli.DeltaOffset(None, 5, 0, False), [one], 1.0)
        self.assertEqual(read_cdf_batch(plain).rows(), [(1,)])

    def test_files_of_a_pipeline_are_those_of_the_entries(self):
        self.feed()
        seen = []
        self.pipeline(
            source=pli.DeltaSource(self.table, read_change_feed=True),
            reader=lambda files, batch: seen.append(files) or read_cdf_batch(batch),
        ).run()
        self.assertEqual(len(seen[0]), 1)
        self.assertTrue(os.path.isabs(seen[0][0]))


@unittest.skipUnless(HAS_DELTALAKE, "deltalake is not installed")
class Neighbours(Tables):
    def test_tables_of_deltalake_are_read(self):
        import deltalake

        frame = pl.DataFrame({"a": [1, 2, 3], "p": ["x", "y", None]})
        frame.write_delta(str(self.table), delta_write_options={"partition_by": ["p"]})
        self.assertEqual(sorted(pli.scan_delta(self.table).collect().rows(), key=repr), sorted(frame.rows(), key=repr))
        deltalake.DeltaTable(str(self.table)).delete("a = 2")
        self.assertEqual(pli.scan_delta(self.table).collect().height, 2)
        self.assertEqual(pli.scan_delta(self.table, version=0).collect().height, 3)


if __name__ == "__main__":
    unittest.main()
