"""The checkpoint directory and its classes: python-api.md 7; maintenance: 15."""

import json
import os
import time
import unittest
from pathlib import Path

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.checkpoints import iter_new_files


class Records(Case):
    def checkpoint(self):
        return pli.FileStreamCheckpoint(self.cp)

    def test_opening_makes_the_layout(self):
        checkpoint = self.checkpoint()
        self.assertEqual(
            (checkpoint.checkpoint_dir, checkpoint.offset_dir, checkpoint.commit_dir),
            (self.cp, self.cp / "offsets", self.cp / "commits"),
        )
        self.assertTrue(checkpoint.offset_dir.is_dir() and checkpoint.commit_dir.is_dir())
        metadata = self.metadata()
        self.assertEqual(metadata["format_version"], 1)
        self.assertIsInstance(metadata["created_at"], float)
        self.assertIsInstance(metadata["id"], str)

    def test_records_are_as_written(self):
        path = self.touch("1.parquet", size=5, mtime=1000)
        checkpoint = self.checkpoint()
        batch = checkpoint.plan_batch(self.source)
        self.assertFalse((self.cp / "offsets" / "0.json").exists())
        self.assertEqual((batch.batch_id, batch.files, type(batch.created_at)), (0, [path], float))
        checkpoint.write_offset(batch)
        record = self.record("offsets", 0)
        self.assertEqual((record["batch_id"], record["files"], record["file_info"]), (0, [path], [[5, 1000 * 10**9]]))
        self.assertEqual(record["created_at"], batch.created_at)
        self.assertEqual(checkpoint.read_offset(0), batch)
        checkpoint.commit_batch(batch, {"x": 1})
        commit = self.record("commits", 0)
        self.assertEqual((commit["batch_id"], commit["file_count"], commit["metadata"]), (0, 1, {"x": 1}))
        self.assertEqual(
            (
                checkpoint.latest_offset_batch_id(),
                checkpoint.latest_commit_batch_id(),
                checkpoint.committed_batch_ids(),
            ),
            (0, 0, [0]),
        )

    def test_an_empty_checkpoint_has_none_of_all(self):
        checkpoint = self.checkpoint()
        self.assertIsNone(checkpoint.latest_offset_batch_id())
        self.assertIsNone(checkpoint.latest_commit_batch_id())
        self.assertEqual(checkpoint.committed_batch_ids(), [])
        with self.assertRaises(FileNotFoundError):
            checkpoint.read_offset(0)

    def test_an_existing_offset_is_left_untouched(self):
        checkpoint = self.checkpoint()
        checkpoint.write_offset(pli.BatchInfo(0, ["/a"], 1.5))
        stored = (self.cp / "offsets" / "0.json").read_bytes()
        checkpoint.write_offset(pli.BatchInfo(0, ["/b"], 2.5))
        self.assertEqual((self.cp / "offsets" / "0.json").read_bytes(), stored)
        self.assertEqual(checkpoint.read_offset(0), pli.BatchInfo(0, ["/a"], 1.5))

    def test_pending_batches_come_lowest_first(self):
        checkpoint = self.checkpoint()
        for n in range(3):
            checkpoint.write_offset(pli.BatchInfo(n, [f"/{n}"], 1.0))
        checkpoint.commit_batch(pli.BatchInfo(0, ["/0"], 1.0))
        self.assertEqual([b.batch_id for b in checkpoint.list_pending_batches()], [1, 2])
        self.assertEqual(checkpoint.plan_batch(self.source).batch_id, 1)
        (self.cp / "offsets" / "1.json").write_text("{torn")
        self.assertEqual([b.batch_id for b in checkpoint.list_pending_batches()], [2])

    def test_damage_stops_planning_and_is_named(self):
        checkpoint = self.checkpoint()
        for n in range(3):
            checkpoint.write_offset(pli.BatchInfo(n, [f"/{n}"], 1.0))
        checkpoint.commit_batch(pli.BatchInfo(0, ["/0"], 1.0))
        checkpoint.commit_batch(pli.BatchInfo(1, ["/1"], 1.0))
        checkpoint.commit_batch(pli.BatchInfo(2, ["/2"], 1.0))
        os.remove(self.cp / "commits" / "1.json")
        with self.assertRaisesRegex(Exception, "1.json|batch 1|offset 1"):
            checkpoint.plan_batch(self.source)

    def test_an_unreadable_pending_offset_stops_planning(self):
        checkpoint = self.checkpoint()
        checkpoint.write_offset(pli.BatchInfo(0, ["/0"], 1.0))
        (self.cp / "offsets" / "0.json").write_text("{torn")
        with self.assertRaisesRegex(Exception, "0.json"):
            checkpoint.plan_batch(self.source)
        with self.assertRaises(pli.PlanningError):
            self.pipeline().run()

    def test_other_files_and_unknown_keys_do_not_matter(self):
        checkpoint = self.checkpoint()
        checkpoint.write_offset(pli.BatchInfo(0, ["/0"], 1.0))
        record = self.record("offsets", 0)
        record["future"] = {"key": 1}
        (self.cp / "offsets" / "0.json").write_text(json.dumps(record))
        (self.cp / "offsets" / "notes.json").write_text("x")
        self.assertEqual(checkpoint.latest_offset_batch_id(), 0)
        self.assertEqual(checkpoint.read_offset(0).files, ["/0"])

    def test_records_of_another_checkpoint_are_refused_those_without_an_id_are_not(self):
        checkpoint = self.checkpoint()
        checkpoint.write_offset(pli.BatchInfo(0, ["/0"], 1.0))
        record = self.record("offsets", 0)
        del record["id"]
        (self.cp / "offsets" / "0.json").write_text(json.dumps(record))
        self.assertEqual(checkpoint.plan_batch(self.source).files, ["/0"])
        record["id"] = "another"
        (self.cp / "offsets" / "0.json").write_text(json.dumps(record))
        with self.assertRaises(pli.PolarsIncrementalError) as raised:
            checkpoint.plan_batch(self.source)
        self.assertEqual(raised.exception.code, "FOREIGN_RECORD")

    def test_a_lost_metadata_json_never_gets_a_new_identity(self):
        checkpoint = self.checkpoint()
        checkpoint.write_offset(pli.BatchInfo(0, ["/0"], 1.0))
        os.remove(self.cp / "metadata.json")
        with self.assertRaises(pli.PolarsIncrementalError):
            self.checkpoint()

    def test_the_other_kind_and_a_higher_format_are_refused(self):
        pli.DeltaTableCheckpoint(self.cp)
        self.assertEqual(self.metadata()["source"], "delta")
        with self.assertRaisesRegex(Exception, "(?s)delta.*files|files.*delta"):
            self.checkpoint()
        other = self.tmp / "cp2"
        pli.FileStreamCheckpoint(other)
        metadata = json.loads((other / "metadata.json").read_text())
        metadata["format_version"] = 2
        (other / "metadata.json").write_text(json.dumps(metadata))
        with self.assertRaises(pli.UnsupportedFormatError):
            pli.FileStreamCheckpoint(other)

    def test_the_schema_is_stored_at_once(self):
        checkpoint = self.checkpoint()
        self.assertIsNone(checkpoint.get_schema())
        checkpoint.set_schema([{"name": "a", "dtype": "Int64"}])
        self.assertEqual(self.metadata()["schema"], [{"name": "a", "dtype": "Int64"}])
        self.assertEqual(pli.FileStreamCheckpoint(self.cp).get_schema(), [{"name": "a", "dtype": "Int64"}])

    def test_a_lost_index_is_made_anew(self):
        self.put("1.parquet")
        self.pipeline().run()
        for name in os.listdir(self.cp):
            if name.startswith("index.db"):
                os.remove(self.cp / name)
        self.assertEqual(self.pipeline().run().batches, 0)

    def test_iter_new_files(self):
        for n in range(2):
            self.touch(f"{n}.parquet")
        files = iter_new_files(self.source, self.cp)
        self.assertEqual([os.path.basename(f) for f in files], ["0.parquet", "1.parquet"])
        self.assertEqual(iter_new_files(self.source, self.cp), files)
        self.assertEqual(iter_new_files(self.tmp / "none", self.tmp / "cp2"), [])

    def test_attributes_can_be_set(self):
        checkpoint = self.checkpoint()
        checkpoint.anything = 1
        self.assertEqual(checkpoint.anything, 1)
        self.assertIn("FileStreamCheckpoint", repr(checkpoint))


class Maintenance(Case):
    def batches(self, n):
        for k in range(n):
            self.put(f"{k:03}.parquet")
        self.pipeline(source=pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1)).run(
            once=False, sleep=0
        )

    def ids(self, kind="offsets"):
        return sorted(int(f.stem) for f in (self.cp / kind).glob("*.json"))

    def test_inspect(self):
        self.batches(2)
        self.put("9.parquet")
        checkpoint = pli.FileStreamCheckpoint(self.cp)
        checkpoint.write_offset(checkpoint.plan_batch(self.source))
        info = pli.inspect_checkpoint(self.cp)
        self.assertEqual(info.checkpoint_dir, self.cp)
        self.assertEqual(
            (info.offsets, info.commits, info.latest_offset, info.latest_commit, info.pending), (3, 2, 2, 1, 1)
        )
        self.assertEqual((info.start_offset, info.schema), ({"mode": "earliest", "timestamp": None}, None))
        self.assertEqual((info.snapshot_cache_snapshots, info.snapshot_cache_deltas), (0, 0))

    def test_a_missing_folder_has_nothing_and_gets_nothing(self):
        none = self.tmp / "none"
        info = pli.inspect_checkpoint(none)
        self.assertEqual((info.offsets, info.latest_offset, info.pending, info.schema), (0, None, 0, None))
        self.assertEqual(pli.cleanup_checkpoint(none, keep_last_n=1), pli.CleanupResult(0, 0, 0, 0))
        self.assertEqual(pli.truncate_checkpoint(none, keep_through_batch_id=3), pli.TruncateResult(0, 0, 0, 0, 3))
        self.assertIsNone(pli.reset_checkpoint_schema(none))
        self.assertIsNone(pli.reset_checkpoint_start_offset(none))
        self.assertEqual(pli.cleanup_snapshot_cache(none), pli.CleanupResult(0, 0, 0, 0))
        self.assertFalse(none.exists())

    def test_cleanup_keeps_the_newest_and_what_was_processed_stays_known(self):
        self.batches(5)
        dry = pli.cleanup_checkpoint(self.cp, keep_last_n=2, dry_run=True)
        self.assertEqual(dry, pli.CleanupResult(3, 3, 2, 2))
        self.assertEqual(self.ids(), [0, 1, 2, 3, 4])
        self.assertEqual(pli.cleanup_checkpoint(self.cp, keep_last_n=2), dry)
        self.assertEqual((self.ids(), self.ids("commits")), ([3, 4], [3, 4]))
        self.assertEqual(self.pipeline().run().batches, 0)
        self.put("new.parquet")
        self.pipeline().run()
        self.assertEqual(self.ids(), [3, 4, 5])

    def test_cleanup_by_age(self):
        self.batches(3)
        old = time.time() - 1000
        for kind in ["offsets", "commits"]:
            os.utime(self.cp / kind / "0.json", (old, old))
        self.assertEqual(pli.cleanup_checkpoint(self.cp, older_than_seconds=500).removed_offsets, 1)
        self.assertEqual(pli.cleanup_checkpoint(self.cp, older_than_seconds=0).kept_offsets, 1)
        self.assertEqual(self.ids(), [2])

    def test_no_condition_removes_nothing_and_bad_ones_are_refused(self):
        self.batches(2)
        self.assertEqual(pli.cleanup_checkpoint(self.cp), pli.CleanupResult(0, 0, 2, 2))
        for options in [{"keep_last_n": 0}, {"keep_last_n": -1}, {"older_than_seconds": -1}]:
            with self.assertRaises(ValueError):
                pli.cleanup_checkpoint(self.cp, **options)

    def test_truncate_plans_the_files_again(self):
        self.batches(3)
        self.assertEqual(
            pli.truncate_checkpoint(self.cp, keep_through_batch_id=0, dry_run=True), pli.TruncateResult(2, 2, 1, 1, 0)
        )
        self.assertEqual(self.ids(), [0, 1, 2])
        self.assertEqual(pli.truncate_checkpoint(self.cp, keep_through_batch_id=0), pli.TruncateResult(2, 2, 1, 1, 0))
        self.assertEqual(self.metadata()["epoch"], 1)
        seen = []
        self.pipeline(reader=lambda files, batch_id: seen.append((batch_id, len(files))) or pl.DataFrame()).run()
        self.assertEqual(seen, [(1, 2)])

    def test_truncate_keeps_a_record_that_says_where_to_go_on(self):
        self.batches(3)
        pli.cleanup_checkpoint(self.cp, keep_last_n=1)
        for dry_run in [True, False]:
            with self.assertRaisesRegex(ValueError, "cleaned away; a truncation must keep through 2 at least"):
                pli.truncate_checkpoint(self.cp, keep_through_batch_id=1, dry_run=dry_run)
        self.put("new.parquet")
        self.assertEqual(self.pipeline().run().batches, 1)
        self.assertEqual(self.ids(), [2, 3])
        self.assertEqual(
            pli.truncate_checkpoint(self.cp, keep_through_batch_id=2).removed_commits,
            1,
        )
        self.assertEqual(self.pipeline().run().batches, 1)

    def test_resets_return_what_was_there(self):
        self.put("1.parquet")
        self.pipeline(schema_evolution=pli.SchemaEvolution()).run()
        self.assertEqual(pli.reset_checkpoint_schema(self.cp), [{"name": "a", "dtype": "Int64"}])
        self.assertIsNone(pli.reset_checkpoint_schema(self.cp))
        self.assertEqual(pli.reset_checkpoint_start_offset(self.cp), {"mode": "earliest", "timestamp": None})
        self.assertIsNone(pli.reset_checkpoint_start_offset(self.cp))
        metadata = self.metadata()
        self.assertNotIn("schema", metadata)
        self.assertIn("id", metadata)
        self.put("2.parquet", pl.DataFrame({"b": ["x"]}))
        self.assertEqual(self.pipeline(schema_evolution=pli.SchemaEvolution()).run().batches, 1)

    def test_a_schema_that_was_reset_does_not_come_back_from_the_commit(self):
        self.put("1.parquet")
        self.pipeline(schema_evolution=pli.SchemaEvolution()).run()
        pli.reset_checkpoint_schema(self.cp)
        self.pipeline().run()
        self.assertIsNone(pli.FileStreamCheckpoint(self.cp).get_schema())

    def test_names_and_times_are_enough(self):
        for kind in ["offsets", "commits"]:
            (self.cp / kind).mkdir(parents=True)
            for n in range(4):
                (self.cp / kind / f"{n}.json").write_text("{}")
        (self.cp / "metadata.json").write_text('{"format_version": 1}')
        self.assertEqual(pli.inspect_checkpoint(self.cp).latest_commit, 3)
        self.assertEqual(pli.cleanup_checkpoint(self.cp, keep_last_n=2, dry_run=True).removed_offsets, 2)
        self.assertEqual(pli.truncate_checkpoint(self.cp, keep_through_batch_id=1), pli.TruncateResult(2, 2, 2, 2, 1))


class Names(unittest.TestCase):
    """Everything that python-api.md 1 lists can be imported from where it says."""

    def test_submodules(self):
        import importlib

        for module, names in {
            "errors": pli.errors.__all__,
            "catalog": ["Catalog", "LocalCatalog", "DatasetSpec"],
            "pipeline": ["Pipeline", "RunResult"],
            "state": ["JobState"],
            "observability": ["PipelineObserver", "LoggingObserver"],
            "source": ["SourceConfig", "FilesSource", "DeltaSource", "AutoSource"],
            "sources": ["SourceSpec", "Source", "FileSource", "DeltaSource", "read_cdf_batch"],
            "sources.base": ["SourceSpec", "Source"],
            "sources.file": ["FileSource"],
            "sources.delta": ["DeltaSource", "read_cdf_batch"],
            "checkpoints": [
                "FileStreamCheckpoint",
                "DeltaTableCheckpoint",
                "iter_new_files",
                "BatchInfo",
                "DeltaBatch",
                "DeltaFileEntry",
                "DeltaOffset",
            ],
            "checkpoints.file": ["FileStreamCheckpoint", "iter_new_files"],
            "checkpoints.delta": ["DeltaTableCheckpoint"],
            "checkpoints.types": ["BatchInfo", "DeltaBatch", "DeltaFileEntry", "DeltaOffset"],
            "schema": [
                "SchemaEvolution",
                "SchemaPolicy",
                "apply_schema",
                "apply_schema_lazy",
                "normalize_schema_input",
                "serialize_schema",
                "deserialize_schema",
            ],
            "sinks": ["write_delta", "write_parquet_batch"],
            "sinks.delta": ["write_delta"],
            "sinks.parquet": ["write_parquet_batch"],
            "cdc": ["apply_cdc"],
            "maintenance": ["cleanup_checkpoint", "inspect_checkpoint", "truncate_checkpoint", "CheckpointInfo"],
        }.items():
            loaded = importlib.import_module(f"polars_incremental.{module}")
            for name in names:
                self.assertTrue(hasattr(loaded, name), f"{module}.{name}")

    def test_all_is_true(self):
        for name in pli.__all__:
            self.assertTrue(hasattr(pli, name), name)
        self.assertEqual(len(set(pli.__all__)), len(pli.__all__))

    def test_the_two_delta_sources_differ(self):
        self.assertIsNot(pli.DeltaSource, pli.sources.DeltaSource)

    def test_the_package_is_typed(self):
        folder = Path(pli.__file__).parent
        self.assertTrue((folder / "py.typed").exists() and (folder / "_core.pyi").exists())


if __name__ == "__main__":
    unittest.main()
