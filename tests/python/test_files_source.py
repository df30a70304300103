"""Sources of files: python-api.md 3 and 4."""

import os
import pathlib
import unittest

import polars as pl
from support import Case, frozen_time

import polars_incremental as pli
from polars_incremental.sources import FileSource, SourceSpec


class Specs(Case):
    def test_options_that_are_none_are_left_out_and_false_stays(self):
        spec = pli.FilesSource("x", file_format="csv").to_spec()
        self.assertEqual(spec.format, "files")
        self.assertEqual(spec.options, {"file_format": "csv", "recursive": False, "allow_overwrites": False})

    def test_an_explicit_none_of_a_delta_limit_reaches_the_planner(self):
        self.assertIsNone(pli.DeltaSource("x", max_files_per_trigger=None).to_spec().options["max_files_per_trigger"])
        self.assertEqual(pli.DeltaSource("x").to_spec().options["max_files_per_trigger"], 1000)

    def test_formats_are_read_in_any_case_and_aliases_keep_their_suffix(self):
        for spelled, normal, pattern in [
            ("CSV", "csv", "*.csv"),
            ("jsonl", "ndjson", "*.jsonl"),
            ("NDJSON", "ndjson", "*.ndjson"),
            ("xls", "excel", "*.xls"),
            ("Excel", "excel", "*.xlsx"),
            ("avro", "avro", "*.avro"),
        ]:
            source = SourceSpec("files", self.source, {"file_format": spelled}).with_checkpoint(self.tmp / spelled)
            self.assertEqual((source.file_format, source.pattern), (normal, pattern))
            source = SourceSpec(spelled, self.source, {}).with_checkpoint(self.tmp / f"{spelled}2")
            self.assertEqual((source.file_format, source.pattern), (normal, pattern))

    def test_the_option_wins_over_the_format(self):
        source = SourceSpec("parquet", self.source, {"file_format": "csv"}).with_checkpoint(self.cp)
        self.assertEqual(source.file_format, "csv")

    def test_unknown_formats_are_refused_before_anything_is_created(self):
        for spec in [SourceSpec("orc", self.source, {}), SourceSpec("files", self.source, {"file_format": "orc"})]:
            with self.assertRaises(pli.UnsupportedFormatError):
                spec.with_checkpoint(self.cp)
        self.assertFalse(self.cp.exists())

    def test_auto_finds_the_format(self):
        def of(path, **options):
            made = SourceSpec("auto", path, options).with_checkpoint(self.tmp / os.urandom(4).hex())
            return getattr(made, "file_format", "delta")

        one = self.source / "x.ndjson"
        one.write_text("{}")
        table = self.tmp / "table"
        (table / "_delta_log").mkdir(parents=True)
        self.assertEqual(of(table), "delta")
        self.assertEqual(of(table, file_format="json"), "json")
        self.assertEqual(of(table, pattern="*.csv.gz"), "csv")
        self.assertEqual(of(self.source, pattern="*.parq"), "parquet")
        self.assertEqual(of(one), "ndjson")
        self.assertEqual(of(self.source), "parquet")
        self.assertEqual(of(self.tmp / "missing"), "parquet")

    def test_options_count_also_when_the_format_was_found(self):
        for n in range(3):
            self.touch(f"{n}.csv")
        source = SourceSpec("auto", self.source, {"pattern": "*.csv", "max_files_per_trigger": 2}).with_checkpoint(
            self.cp
        )
        self.assertEqual(self.names(source.plan_batch()), ["0.csv", "1.csv"])

    def test_a_run_time_source_shows_what_it_is(self):
        source = FileSource(str(self.source), self.cp, "parquet", {})
        self.assertEqual(source.path, self.source)
        self.assertIsInstance(source.path, pathlib.Path)
        self.assertIsInstance(source.checkpoint, pli.FileStreamCheckpoint)
        self.assertIn("FileSource", repr(source))


class Reading(Case):
    def test_each_format_is_read(self):
        frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
        frame.write_parquet(self.source / "f.parquet")
        frame.write_csv(self.source / "f.csv")
        frame.write_ndjson(self.source / "f.ndjson")
        frame.write_ndjson(self.source / "f.jsonl")
        frame.write_avro(self.source / "f.avro")
        (self.source / "f.json").write_text(frame.write_json())
        for spelled in ["parquet", "csv", "ndjson", "jsonl", "avro", "json"]:
            source = SourceSpec(spelled, self.source, {}).with_checkpoint(self.tmp / spelled)
            self.assertEqual(
                source.read_batch(source.plan_batch()).to_dict(as_series=False), frame.to_dict(as_series=False)
            )

    def test_names_with_glob_characters_are_names_in_each_format(self):
        frame = pl.DataFrame({"a": [1]})
        folder = self.source / "in [1]*"
        folder.mkdir()
        for ext in ("parquet", "csv", "ndjson", "avro", "json"):
            with open(folder / f"x[1]?.{ext}", "wb") as f:
                getattr(frame, f"write_{ext}")(f)
            source = SourceSpec(ext, folder, {}).with_checkpoint(self.tmp / ext)
            self.assertEqual(source.read_batch(source.plan_batch()).rows(), [(1,)])

    def test_files_of_different_schema_are_united_by_name_with_wider_types(self):
        self.put("1.parquet", pl.DataFrame({"a": [1], "b": [1.5]}, schema={"a": pl.Int32, "b": pl.Float32}))
        self.put("2.parquet", pl.DataFrame({"c": ["x"], "a": [2]}, schema={"c": pl.String, "a": pl.UInt32}))
        source = FileSource(self.source, self.cp, "parquet", {})
        read = source.read_batch(source.plan_batch())
        self.assertEqual(read.schema, {"a": pl.Int64, "b": pl.Float32, "c": pl.String})
        self.assertEqual(read.rows(), [(1, 1.5, None), (2, None, "x")])

    def test_a_batch_without_files_is_an_empty_frame(self):
        source = FileSource(self.source, self.cp, "parquet", {})
        self.assertEqual(source.read_batch(pli.BatchInfo(0, [], 0.0)).shape, (0, 0))


class Candidates(Case):
    def plan(self, path=None, **options):
        return FileSource(path or self.source, self.cp, "parquet", options).plan_batch()

    def test_order_is_that_of_code_points(self):
        for name in ["b.parquet", "B.parquet", "a.parquet", "ä.parquet", "z.parquet", "😀.parquet", "ﬀ.parquet"]:
            self.touch(name)
        names = self.names(self.plan())
        self.assertEqual(names, sorted(names))
        self.assertEqual(len(names), 7)

    def test_globs_are_those_of_pathlib(self):
        for name in ["a1.parquet", "a2.parquet", "b1.parquet", ".h.parquet", "A1.parquet", "{a}.parquet"]:
            self.touch(name)
        self.assertEqual(self.names(self.plan(pattern="a[12].parquet")), ["a1.parquet", "a2.parquet"])
        self.cp = self.tmp / "cp2"
        self.assertEqual(self.names(self.plan(pattern="?1.parquet")), ["A1.parquet", "a1.parquet", "b1.parquet"])
        self.cp = self.tmp / "cp3"
        self.assertIn(".h.parquet", self.names(self.plan()))
        self.cp = self.tmp / "cp4"
        self.assertEqual(self.names(self.plan(pattern="{a}.parquet")), ["{a}.parquet"])

    def test_recursive_looks_below_and_follows_no_folder_links(self):
        self.touch("1.parquet")
        self.touch("d/2.parquet")
        self.touch("d/e/3.parquet")
        other = self.tmp / "other"
        self.touch("4.parquet", folder=other)
        (self.source / "link").symlink_to(other)
        self.assertEqual(self.names(self.plan()), ["1.parquet"])
        self.cp = self.tmp / "cp2"
        self.assertEqual(self.names(self.plan(recursive=True)), ["1.parquet", "2.parquet", "3.parquet"])
        self.cp = self.tmp / "cp3"
        self.assertEqual(self.names(self.plan(pattern="**/*.parquet")), ["1.parquet", "2.parquet", "3.parquet"])

    def test_two_links_to_one_file_are_one_file(self):
        real = self.touch("real.dat")
        for n in range(2):
            (self.source / f"{n}.parquet").symlink_to(real)
        self.assertEqual(self.plan().files, [real])

    def test_only_files_count(self):
        (self.source / "d.parquet").mkdir()
        os.mkfifo(self.source / "p.parquet")
        (self.source / "broken.parquet").symlink_to(self.tmp / "nowhere")
        self.assertIsNone(self.plan())

    def test_a_missing_folder_has_no_files(self):
        self.assertIsNone(self.plan(self.tmp / "missing"))

    def test_a_path_may_be_one_file(self):
        one = self.touch("only.parquet")
        self.touch("other.parquet")
        self.assertEqual(self.plan(one).files, [one])

    def test_a_path_with_glob_characters_is_a_folder(self):
        folder = self.tmp / "in [x]*"
        self.touch("1.parquet", folder=folder)
        self.assertEqual(self.names(self.plan(folder)), ["1.parquet"])

    def test_a_path_may_be_a_glob(self):
        for name in ("1.csv", "2.csv", "3.json", "day=1/4.csv"):
            self.touch(name)
        for glob, names in [
            ("*.csv", ["1.csv", "2.csv"]),
            ("**/*.csv", ["1.csv", "2.csv", "4.csv"]),
            ("day=*/?.csv", ["4.csv"]),
        ]:
            source = pli.AutoSource(self.source / glob).to_spec().with_checkpoint(self.tmp / glob.replace("/", "_"))
            self.assertEqual((source.file_format, source.path), ("csv", self.source))
            self.assertEqual(self.names(source.plan_batch()), names)
            p = self.pipeline(source=pli.FilesSource(self.source / glob), checkpoint_dir=self.tmp / "never")
            self.assertEqual([f.rsplit("/", 1)[1] for f in p.plan().files], names)
            self.assertIn("csv at", repr(p.explain()))

    def test_the_checkpoint_inside_the_source_is_left_out(self):
        self.cp = self.source / "cp"
        self.touch("1.json")
        source = FileSource(self.source, self.cp, "json", {"recursive": True})
        self.assertEqual(self.names(source.plan_batch()), ["1.json"])
        source.commit_batch(source.checkpoint.read_offset(0))
        self.assertIsNone(source.plan_batch())

    def test_paths_may_be_relative(self):
        self.touch("1.parquet")
        before = os.getcwd()
        os.chdir(self.tmp)
        try:
            self.assertEqual(self.plan("in").files, [str(self.source / "1.parquet")])
        finally:
            os.chdir(before)


class Selection(Case):
    def test_limits(self):
        for n in range(5):
            self.touch(f"{n}.parquet", size=10)
        for options, expected in [
            ({"max_files_per_trigger": 2}, 2),
            ({"max_bytes_per_trigger": 25}, 2),
            ({"max_bytes_per_trigger": 3}, 1),
            ({"max_files_per_trigger": 3, "max_bytes_per_trigger": 20}, 2),
        ]:
            source = FileSource(self.source, self.tmp / os.urandom(4).hex(), "parquet", options)
            self.assertEqual(len(source.plan_batch().files), expected, options)

    def test_limits_below_one_are_refused(self):
        self.touch("1.parquet")
        for options in [{"max_files_per_trigger": 0}, {"max_bytes_per_trigger": -1}]:
            with self.assertRaisesRegex(ValueError, "at least 1"):
                FileSource(self.source, self.cp, "parquet", options).plan_batch()

    def test_a_pending_batch_comes_back_as_it_was_whatever_the_options_say(self):
        self.touch("1.parquet")
        first = FileSource(self.source, self.cp, "parquet", {}).plan_batch()
        self.touch("0.parquet")
        again = FileSource(
            self.source, self.cp, "parquet", {"max_files_per_trigger": 0, "start_offset": "nonsense"}
        ).plan_batch()
        self.assertEqual(again, first)

    def test_ids_count_up_and_files_come_once(self):
        source = FileSource(self.source, self.cp, "parquet", {"max_files_per_trigger": 1})
        for n in range(3):
            self.touch(f"{n}.parquet")
        for n in range(3):
            batch = source.plan_batch()
            self.assertEqual((batch.batch_id, self.names(batch)), (n, [f"{n}.parquet"]))
            source.commit_batch(batch)
        self.assertIsNone(source.plan_batch())


class Start(Case):
    def source_with(self, **options):
        return FileSource(self.source, self.cp, "parquet", options)

    def commit_next(self, **options):
        source = self.source_with(**options)
        batch = source.plan_batch()
        if batch is not None:
            source.commit_batch(batch)
        return self.names(batch)

    def test_earliest_is_the_default_and_is_stored(self):
        self.assertIsNone(self.commit_next())
        self.assertEqual(self.metadata()["start_offset"], {"mode": "earliest", "timestamp": None})

    def test_latest_takes_all_but_those_that_were_there(self):
        frozen_time(self, 1_700_000_000.5)
        self.touch("old.parquet")
        self.assertIsNone(self.commit_next(start_offset="latest"))
        self.assertEqual(self.metadata()["start_offset"], {"mode": "latest", "timestamp": 1_700_000_000.5})
        self.touch("copied.parquet", mtime=1000)
        self.assertEqual(self.commit_next(start_offset="latest"), ["copied.parquet"])
        self.assertIsNone(self.commit_next(start_offset="latest"))

    def test_latest_without_a_record_of_files_falls_back_to_times(self):
        pli.FileStreamCheckpoint(self.cp)
        metadata = self.metadata()
        metadata["start_offset"] = {"mode": "latest", "timestamp": 2000.0}
        (self.cp / "metadata.json").write_text(__import__("json").dumps(metadata))
        self.touch("old.parquet", mtime=1000)
        self.touch("new.parquet", mtime=3000)
        self.assertEqual(self.commit_next(), ["new.parquet"])
        self.assertIsNone(self.commit_next())

    def test_a_timestamp_is_seconds_or_iso_and_wins(self):
        self.touch("old.parquet", mtime=1_000_000)
        self.touch("new.parquet", mtime=1_700_000_000)
        self.assertEqual(self.commit_next(start_offset="latest", start_timestamp="2023-01-01"), ["new.parquet"])
        self.assertEqual(self.metadata()["start_offset"], {"mode": "timestamp", "timestamp": 1672531200.0})
        self.cp = self.tmp / "cp2"
        self.assertEqual(self.commit_next(start_timestamp=1_000_001), ["new.parquet"])
        self.cp = self.tmp / "cp3"
        self.assertEqual(self.commit_next(start_timestamp="1970-01-12T13:46:40Z"), ["new.parquet", "old.parquet"])

    def test_the_start_holds_on_every_plan(self):
        self.touch("old.parquet", mtime=1000)
        self.touch("new.parquet", mtime=3000)
        self.assertEqual(self.commit_next(start_timestamp=2000), ["new.parquet"])
        self.touch("older.parquet", mtime=500)
        self.assertIsNone(self.commit_next(start_timestamp=2000))

    def test_nonsense_is_refused(self):
        for options in [{"start_offset": "newest"}, {"start_timestamp": "yesterday"}]:
            with self.assertRaises(ValueError):
                self.source_with(**options).plan_batch()

    def test_another_later_value_is_ignored_with_one_warning(self):
        self.commit_next(start_offset="earliest")
        with self.assertLogs("polars_incremental", "WARNING") as logs:
            self.touch("1.parquet")
            self.assertEqual(self.commit_next(start_offset="latest"), ["1.parquet"])
        self.assertEqual(len(logs.records), 1)
        self.assertIn("start_offset", logs.output[0])
        self.assertIn("earliest", logs.output[0])
        with self.assertNoLogs("polars_incremental", "WARNING"):
            self.commit_next()
            self.commit_next(start_offset="earliest")

    def test_a_reset_decides_anew_for_what_was_not_processed(self):
        self.touch("1.parquet", mtime=1000)
        self.assertEqual(self.commit_next(), ["1.parquet"])
        self.touch("2.parquet", mtime=1000)
        self.assertEqual(pli.reset_checkpoint_start_offset(self.cp), {"mode": "earliest", "timestamp": None})
        self.assertIsNone(self.commit_next(start_timestamp=2000))
        pli.reset_checkpoint_start_offset(self.cp)
        self.assertEqual(self.commit_next(), ["2.parquet"])


class Overwrites(Case):
    def test_a_changed_file_is_taken_again_only_with_the_option(self):
        self.touch("1.parquet")
        for expected, options in [(["1.parquet"], {}), (None, {}), (["1.parquet"], {"allow_overwrites": True})]:
            source = FileSource(self.source, self.cp, "parquet", options)
            batch = source.plan_batch()
            self.assertEqual(self.names(batch), expected)
            if batch:
                source.commit_batch(batch)
            self.touch("1.parquet", size=100)

    def test_a_write_while_the_batch_runs_is_seen(self):
        self.touch("1.parquet")
        source = FileSource(self.source, self.cp, "parquet", {"allow_overwrites": True})
        batch = source.plan_batch()
        self.touch("1.parquet", size=50)
        source.commit_batch(batch)
        self.assertEqual(self.names(source.plan_batch()), ["1.parquet"])

    def test_a_file_without_a_recorded_signature_is_taken_as_unchanged(self):
        path = self.touch("1.parquet")
        checkpoint = pli.FileStreamCheckpoint(self.cp)
        checkpoint.write_offset(pli.BatchInfo(0, [path], 1.0))
        checkpoint.commit_batch(pli.BatchInfo(0, [path], 1.0))
        source = FileSource(self.source, self.cp, "parquet", {"allow_overwrites": True})
        self.assertIsNone(source.plan_batch())
        self.touch("1.parquet", size=9)
        self.assertEqual(self.names(source.plan_batch()), ["1.parquet"])


class Age(Case):
    def test_only_files_near_the_newest_are_taken(self):
        self.touch("old.parquet", mtime=1000)
        self.touch("new.parquet", mtime=2000)
        source = FileSource(self.source, self.cp, "parquet", {"max_file_age": 500})
        batch = source.plan_batch()
        self.assertEqual(self.names(batch), ["new.parquet"])
        source.commit_batch(batch)
        # the horizon stays, even when the newest file goes
        os.remove(self.source / "new.parquet")
        self.assertIsNone(source.plan_batch())
        self.touch("middle.parquet", mtime=1600)
        self.assertEqual(self.names(source.plan_batch()), ["middle.parquet"])

    def test_a_folder_of_old_files_is_ingested(self):
        self.touch("1.parquet", mtime=1000)
        self.touch("2.parquet", mtime=1100)
        self.assertEqual(len(FileSource(self.source, self.cp, "parquet", {"max_file_age": 500}).plan_batch().files), 2)

    def test_zero_takes_the_newest_alone_and_less_is_refused(self):
        self.touch("1.parquet", mtime=1000)
        self.touch("2.parquet", mtime=1100)
        self.assertEqual(
            self.names(FileSource(self.source, self.cp, "parquet", {"max_file_age": 0}).plan_batch()), ["2.parquet"]
        )
        with self.assertRaises(ValueError):
            FileSource(self.source, self.tmp / "cp2", "parquet", {"max_file_age": -1}).plan_batch()


class Cleaning(Case):
    def run_one(self, **options):
        source = FileSource(self.source, self.cp, "parquet", options)
        batch = source.plan_batch()
        if batch is not None:
            source.commit_batch(batch)
        return self.names(batch)

    def test_delete_removes_committed_files_and_forgets_them(self):
        self.touch("1.parquet")
        self.assertEqual(self.run_one(clean_source="delete"), ["1.parquet"])
        self.assertFalse((self.source / "1.parquet").exists())
        self.touch("1.parquet")
        self.assertEqual(self.run_one(clean_source="delete"), ["1.parquet"])

    def test_archive_keeps_names_apart_and_is_never_read(self):
        for _ in range(3):
            self.touch("1.tar.parquet")
            self.assertEqual(self.run_one(clean_source="archive", recursive=True), ["1.tar.parquet"])
        self.assertIsNone(self.run_one(clean_source="archive", recursive=True))
        kept = sorted(os.listdir(self.source / "_archive"))
        self.assertEqual(kept, ["1.tar.parquet", "1.tar_1.parquet", "1.tar_2.parquet"])

    def test_a_file_that_cannot_be_cleaned_is_logged_and_stays_known(self):
        self.touch("1.parquet")
        archive = self.tmp / "archive"
        archive.write_text("a file is in the way")
        with self.assertLogs("polars_incremental", "WARNING"):
            self.assertEqual(self.run_one(clean_source="archive", clean_source_archive_dir=archive), ["1.parquet"])
        self.assertIsNone(self.run_one(clean_source="archive", clean_source_archive_dir=archive))
        archive.unlink()
        self.touch("2.parquet")
        self.assertEqual(self.run_one(clean_source="archive", clean_source_archive_dir=archive), ["2.parquet"])
        self.assertEqual(sorted(os.listdir(archive)), ["1.parquet", "2.parquet"])

    def test_bad_options_are_refused_when_the_source_is_built(self):
        with self.assertRaises(ValueError):
            FileSource(self.source, self.cp, "parquet", {"clean_source": "shred"})
        with self.assertRaises(ValueError):
            FileSource(
                self.source, self.cp, "parquet", {"clean_source": "archive", "clean_source_archive_dir": self.source}
            )


if __name__ == "__main__":
    unittest.main()
