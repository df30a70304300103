"""Wrong arguments: the exception of the contract, with a message that says what to pass instead."""

import unittest

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.sinks import write_parquet_batch

FRAME = pl.DataFrame({"a": [1]})
OBJECTS = pl.DataFrame({"a": [1], "o": pl.Series([object()], dtype=pl.Object)})


class WrongArguments(Case):
    def test_messages_say_what_to_pass(self):
        table = self.tmp / "table"
        pli.write_delta(FRAME, table)
        changes = FRAME.with_columns(_change_type=pl.lit("insert"))

        def plan(**options):
            return lambda: pli.FilesSource(self.source, **options).to_spec().with_checkpoint(self.cp).plan_batch()

        def plan_delta(**options):
            return lambda: pli.DeltaSource(table, **options).to_spec().with_checkpoint(self.tmp / "cp2").plan_batch()

        def loop(**how):
            self.pipeline().run(once=False, **how)

        wrong = [
            (TypeError, "DataFrame or LazyFrame", lambda: pli.write_delta({"a": [1]}, table)),
            (TypeError, "DataFrame or LazyFrame", lambda: pli.DeltaSink(table)([1])),
            (TypeError, "DataFrame or LazyFrame", lambda: pli.apply_cdc_delta({"a": [1]}, table, keys="a")),
            (TypeError, "DataFrame", lambda: pli.JobState(self.tmp / "state").save_parquet("x", {"a": [1]})),
            (ValueError, "a text and a whole number", lambda: pli.write_delta(FRAME, table, txn="x")),
            (ValueError, "a text and a whole number", lambda: pli.write_delta(FRAME, table, txn=("x", "1"))),
            (ValueError, "a text and a whole number", lambda: pli.write_delta(FRAME, table, txn=("", 1))),
            (ValueError, "append, overwrite, error, ignore", lambda: pli.write_delta(FRAME, table, mode="upsert")),
            (ValueError, "append, overwrite or merge", lambda: pli.DeltaSink(table, mode="upsert")),
            (ValueError, "needs keys", lambda: pli.DeltaSink(table, mode="merge")),
            (ValueError, "for mode 'merge'", lambda: pli.DeltaSink(table, keys="a")),
            (ValueError, "not both", lambda: pli.scan_delta(table, version=0, timestamp="2024-01-01")),
            (ValueError, "whole number of at least 0", lambda: pli.scan_delta(table, version="x")),
            (ValueError, "whole number of at least 0", lambda: pli.scan_delta(table, version=-1)),
            (FileNotFoundError, "the newest is 0", lambda: pli.scan_delta(table, version=9)),
            (ValueError, "is expected, as 2024", lambda: pli.scan_delta(table, timestamp="soon")),
            (TypeError, "DeltaBatch", lambda: pli.scan_delta_batch("x")),
            (TypeError, "DeltaBatch", lambda: pli.read_delta_batch(["x"])),
            (TypeError, "DeltaBatch", lambda: pli.read_cdf_batch(5)),
            (ValueError, "merge, append_only", lambda: pli.apply_cdc_delta(changes, table, keys="a", mode="x")),
            (ValueError, "at least one column", lambda: pli.apply_cdc(changes, None, keys=[])),
            (KeyError, "no dataset 'b'; the catalog has a", lambda: pli.LocalCatalog({"a": {}}).resolve("b")),
            (ValueError, "{'I': 'insert'}", lambda: pli.apply_cdc(changes, None, keys="a", change_type_map="I")),
            (
                pli.SchemaEvolutionError,
                "'o' of type Object",
                lambda: pli.write_delta(OBJECTS, table, schema_mode="merge"),
            ),
            (pli.SchemaEvolutionError, "'o' of type Object", lambda: pli.DeltaSink(self.tmp / "new")(OBJECTS.lazy())),
            (ValueError, "column, operator, value", lambda: pli.optimize_delta_table(table, partition_filters="a=1")),
            (TypeError, "must be a logger", lambda: pli.LoggingObserver("name")),
            (TypeError, "SchemaEvolution, not dict", lambda: self.pipeline(schema_evolution={"mode": "strict"}).run()),
            (FileExistsError, "could not create", lambda: pli.JobState(self.touch("file"))),
            (ValueError, "enforce_retention=False", lambda: pli.vacuum_delta_table(table, retention_hours=1)),
            (ValueError, "'compact' or 'z_order'", lambda: pli.optimize_delta_table(table, mode="tidy")),
            (ValueError, "z_order_columns", lambda: pli.optimize_delta_table(table, mode="z_order")),
            (ValueError, "at least 1", lambda: pli.cleanup_checkpoint(self.cp, keep_last_n=0)),
            (ValueError, "whole number", lambda: pli.truncate_checkpoint(self.cp, keep_through_batch_id="x")),
            (ValueError, "whole number of at least 1", plan(max_files_per_trigger="x")),
            (ValueError, "whole number of at least 1", plan(max_bytes_per_trigger=0)),
            (ValueError, "whole number of at least 1", plan(max_files_per_trigger=True)),
            (ValueError, "off, delete, archive", plan(clean_source="burn")),
            (ValueError, "recursive must be True or False", plan(recursive="false")),
            (ValueError, "allow_overwrites must be True or False", plan(allow_overwrites="no")),
            (ValueError, "pattern must be a text", plan(pattern=5)),
            (ValueError, "0 or more", plan_delta(starting_version="x")),
            (ValueError, "ISO 8601", plan_delta(starting_timestamp="soon")),
            (ValueError, "ignore_deletes must be True or False", plan_delta(ignore_deletes="no")),
            (ValueError, "max_file_age must be a number", plan(max_file_age=float("inf"))),
            (ValueError, "max_batches must be a whole number", lambda: loop(max_batches=-1)),
            (ValueError, "max_idle_loops must be a whole number", lambda: loop(sleep_when_idle=0, max_idle_loops="x")),
            (ValueError, "sleep must be a number of seconds", lambda: loop(sleep="1s")),
            (ValueError, "sleep_when_idle must be a number", lambda: loop(sleep_when_idle=-1, max_idle_loops=1)),
            (ValueError, "older_than_seconds", lambda: pli.cleanup_checkpoint(self.cp, older_than_seconds="1d")),
            (ValueError, "retention_hours", lambda: pli.vacuum_delta_table(table, retention_hours="168")),
            (ValueError, "batch_id", lambda: write_parquet_batch(FRAME, self.tmp / "out", "../x")),
            (ValueError, "target_size", lambda: pli.optimize_delta_table(table, target_size="1MB")),
            (TypeError, "FilesSource, DeltaSource", lambda: pli.Pipeline("x", self.cp, print, print).run()),
        ]
        for kind, text, call in wrong:
            with self.assertRaises(kind) as caught:
                call()
            self.assertIn(text, str(caught.exception))
        self.assertEqual(pli.scan_delta(table).collect().rows(), [(1,)])


if __name__ == "__main__":
    unittest.main()
