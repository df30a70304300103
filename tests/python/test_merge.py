"""merge: python-api.md 13."""

import json
import unittest

import polars as pl
from support import Case

import polars_incremental as pli

COUNTS = ("version", "rowsInserted", "rowsUpdated", "rowsDeleted", "filesAdded", "filesRemoved", "bytesAdded")


class Merge(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"
        pli.write_delta(pl.DataFrame({"id": [1, 2, 3], "v": ["a", "b", "c"]}), self.table)

    def rows(self):
        return sorted(pli.scan_delta(self.table).collect().rows())

    def versions(self):
        return len(list((self.table / "_delta_log").glob("*.json")))

    def test_eager_and_lazy_with_all_kinds_of_clauses(self):
        changes = pl.DataFrame({"id": [2, 3, 4, 5], "v": ["B", "gone", "d", None]})
        for frame in (changes, changes.lazy()):
            self.setUp()
            done = pli.merge(
                self.table,
                frame,
                on="target.id = source.id",
                when_matched=[
                    {"action": "delete", "condition": "source.v = 'gone'"},
                    {"action": "update", "set": {"v": "source.v || target.v"}},
                ],
                when_not_matched=[{"action": "insert", "condition": "source.v IS NOT NULL", "set": "*"}],
                when_not_matched_by_source=[{"action": "update", "set": {"v": "'left'"}}],
            )
            self.assertEqual(self.rows(), [(1, "left"), (2, "Bb"), (4, "d")])
            self.assertEqual([done[k] for k in COUNTS[:4]], [1, 1, 2, 1])
            self.assertLessEqual(set(COUNTS), set(done))
            self.assertEqual(self.versions(), 2)

    def test_tables_that_ask_for_more(self):
        """Ids of rows are kept, identity columns get values, variants are written."""
        self.table = self.tmp / "more"
        log = self.table / "_delta_log" / f"{0:020}.json"
        made = {"delta.identity.start": 10, "delta.identity.step": 1, "delta.identity.allowExplicitInsert": True}
        features = {"delta.enableRowTracking": "true", "delta.enableChangeDataFeed": "true"}
        pli.DeltaSink(self.table, properties=features)(pl.DataFrame({"id": [1, 2], "v": ["a", "b"]}))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        metadata = next(a["metaData"] for a in lines if "metaData" in a)
        schema = json.loads(metadata["schemaString"])
        schema["fields"].append({"name": "k", "type": "long", "nullable": True, "metadata": made})
        schema["fields"].append({"name": "j", "type": "variant", "nullable": True, "metadata": {}})
        metadata["schemaString"] = json.dumps(schema)
        protocol = next(a["protocol"] for a in lines if "protocol" in a)
        protocol |= {"minReaderVersion": 3, "readerFeatures": ["variantType"]}
        protocol["writerFeatures"] += ["identityColumns", "variantType"]
        log.write_text("".join(json.dumps(a) + "\n" for a in lines))
        log.with_suffix(".crc").unlink(missing_ok=True)
        (log.parent / f".{log.stem}.crc").unlink(missing_ok=True)
        done = pli.merge(
            self.table,
            pl.DataFrame({"id": [2, 3], "v": ["B", "c"]}),
            on="target.id = source.id",
            when_matched={"action": "update", "set": {"v": "source.v", "j": "[source.id]"}},
            when_not_matched={"action": "insert", "set": {"id": "source.id", "v": "source.v", "j": "{'is': source.v}"}},
        )
        self.assertEqual((done["rowsUpdated"], done["rowsInserted"]), (1, 1))
        read = pli.scan_delta(self.table).sort("id").collect()
        self.assertEqual(read.select("id", "v", "k").rows(), [(1, "a", None), (2, "B", None), (3, "c", 10)])
        self.assertEqual(read["j"].is_null().to_list(), [True, False, False])
        by_identity = pli.DeltaSink(self.table, "merge", keys="k")
        by_identity(pl.DataFrame({"k": [10, 77], "v": ["C", "d"], "_change_type": ["update_postimage", "insert"]}))
        read = pli.scan_delta(self.table).sort("k", "id").collect()
        self.assertEqual(read.select("k", "v").rows()[-2:], [(10, "C"), (77, "d")])

    def test_one_clause_needs_no_list_and_star_is_the_default(self):
        upsert = {
            "on": "target.id = source.id",
            "when_matched": {"action": "update"},
            "when_not_matched": {"action": "insert"},
        }
        pli.merge(self.table, pl.LazyFrame({"id": [3, 4], "v": ["C", "D"]}), **upsert)
        self.assertEqual(self.rows(), [(1, "a"), (2, "b"), (3, "C"), (4, "D")])
        pli.merge(self.table, pl.DataFrame({"id": [1]}), on="target.id = source.id", when_matched={"action": "delete"})
        self.assertEqual(self.rows()[0], (2, "b"))

    def test_a_txn_makes_it_happen_once(self):
        more = {"on": "target.id = source.id", "when_matched": {"action": "update", "set": {"v": "target.v || '!'"}}}
        first = pli.merge(self.table, pl.DataFrame({"id": [1]}), txn=("app", 5), **more)
        again = pli.merge(self.table, pl.DataFrame({"id": [1]}), txn=("app", 5), **more)
        self.assertEqual(self.rows()[0], (1, "a!"))
        self.assertNotIn("repeat", first)
        self.assertTrue(again["repeat"])

    def test_inside_a_pipeline_a_repeated_batch_changes_nothing(self):
        self.put("1.parquet", pl.DataFrame({"id": [1], "v": ["x"]}))
        fail = [True]

        def writer(df):
            done = pli.merge(
                self.table,
                df,
                on="target.id = source.id",
                when_matched={"action": "update", "set": {"v": "target.v || source.v"}},
            )
            if fail.pop():
                raise OSError("after the write")
            return done

        pipeline = self.pipeline(writer=writer)
        with self.assertRaises(pli.WriterError):
            pipeline.run()
        fail.append(False)
        self.assertEqual(pipeline.run().batches, 1)
        self.assertEqual(self.rows()[0], (1, "ax"))
        self.assertEqual(self.versions(), 2)
        self.put("2.parquet", pl.DataFrame({"id": [1], "v": ["y"]}))
        fail.append(False)
        self.assertEqual(pipeline.run().batches, 1)
        self.assertEqual(self.rows()[0], (1, "axy"))

    def test_wrong_arguments_say_what_to_pass(self):
        frame = pl.DataFrame({"id": [1], "v": ["x"]})
        on = "target.id = source.id"
        wrong = [
            (TypeError, "DataFrame or LazyFrame", {"changes": {"id": [1]}, "when_matched": {"action": "update"}}),
            (ValueError, "target.id = source.id", {"on": "", "when_matched": {"action": "update"}}),
            (ValueError, "at least one clause", {}),
            (ValueError, "update or delete", {"when_matched": {"action": "insert"}}),
            (ValueError, "must be insert", {"when_not_matched": {"action": "update"}}),
            (ValueError, "unknown key 'sets'", {"when_matched": {"action": "update", "sets": {}}}),
            (ValueError, "no 'set'", {"when_matched": {"action": "delete", "set": "*"}}),
            (ValueError, "columns to change", {"when_not_matched_by_source": {"action": "update"}}),
            (TypeError, "list of clauses", {"when_matched": "UPDATE SET *"}),
            (TypeError, "SQL expression", {"when_matched": {"action": "update", "set": {"v": 1}}}),
            (TypeError, "SQL text", {"when_matched": {"action": "delete", "condition": True}}),
        ]
        for error, text, arguments in wrong:
            arguments = {"on": on, "changes": frame, **arguments}
            with self.assertRaises(error, msg=arguments) as caught:
                pli.merge(self.table, arguments.pop("changes"), **arguments)
            self.assertIn(text, str(caught.exception))
        with self.assertRaises(Exception) as caught:
            pli.merge(self.table, frame, on="target.nope = source.id", when_matched={"action": "delete"})
        self.assertIn("nope", str(caught.exception))
        with self.assertRaises(FileNotFoundError):
            pli.merge(self.tmp / "absent", frame, on=on, when_matched={"action": "delete"})
        self.assertEqual(self.versions(), 1)

    def test_two_source_rows_for_one_row_are_an_error(self):
        with self.assertRaises(pli.SchemaEvolutionError):
            pli.merge(
                self.table,
                pl.DataFrame({"id": [1, 1], "v": ["x", "y"]}),
                on="target.id = source.id",
                when_matched={"action": "update"},
            )
        self.assertEqual(self.versions(), 1)

    def test_what_the_frame_raises_comes_out(self):
        def fail(s):
            raise ValueError("from the middle")

        lazy = pl.LazyFrame({"id": [1], "v": ["x"]}).with_columns(pl.col("v").map_batches(fail, return_dtype=pl.String))
        with self.assertRaises(Exception) as caught:
            pli.merge(self.table, lazy, on="target.id = source.id", when_matched={"action": "update"})
        self.assertIn("from the middle", str(caught.exception))
        self.assertEqual(self.versions(), 1)


if __name__ == "__main__":
    unittest.main()
