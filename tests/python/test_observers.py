"""Observers: python-api.md 10."""

import logging
import unittest

import polars as pl
from support import Case

import polars_incremental as pli


class Recorder:
    def __init__(self):
        self.events = []

    def on_stage_start(self, stage, batch_id):
        self.events.append(("start", stage, batch_id))

    def on_stage_end(self, stage, batch_id, duration_s, metadata=None):
        assert isinstance(duration_s, float) and duration_s >= 0
        self.events.append(("end", stage, batch_id, metadata))

    def on_batch_planned(self, batch, files):
        self.events.append(("planned", batch.batch_id, list(files)))

    def on_batch_committed(self, batch_id, metadata=None):
        self.events.append(("committed", batch_id, metadata))

    def on_error(self, stage, batch_id, exc):
        self.events.append(("error", stage, batch_id, exc))


class Events(Case):
    def setUp(self):
        super().setUp()
        self.seen = Recorder()

    def test_all_events_in_order(self):
        path = self.put("1.parquet")
        self.pipeline(
            observer=self.seen,
            transform=lambda df: df,
            writer=lambda df: {"rows": 1},
            schema_evolution=pli.SchemaEvolution(),
        ).run()
        self.assertEqual(
            self.seen.events,
            [
                ("start", "plan", None),
                ("end", "plan", 0, {"has_batch": True}),
                ("planned", 0, [path]),
                ("start", "reader", 0),
                ("end", "reader", 0, {"file_count": 1}),
                ("start", "schema", 0),
                ("end", "schema", 0, None),
                ("start", "transform", 0),
                ("end", "transform", 0, None),
                ("start", "writer", 0),
                ("end", "writer", 0, {"rows": 1}),
                ("start", "commit", 0),
                ("end", "commit", 0, {"rows": 1}),
                ("committed", 0, {"rows": 1}),
            ],
        )

    def test_an_empty_dict_is_no_metadata(self):
        self.put("1.parquet")
        self.pipeline(observer=self.seen, writer=lambda df: {}).run()
        self.assertIn(("end", "writer", 0, None), self.seen.events)
        self.assertIn(("committed", 0, None), self.seen.events)
        self.assertNotIn("schema", [e[1] for e in self.seen.events])
        self.assertNotIn("transform", [e[1] for e in self.seen.events])

    def test_an_idle_poll(self):
        self.pipeline(observer=self.seen).run()
        self.assertEqual(self.seen.events, [("start", "plan", None), ("end", "plan", None, {"has_batch": False})])

    def test_errors_come_with_the_original_exception(self):
        self.put("1.parquet")
        boom = KeyError("boom")

        def fail(df):
            raise boom

        with self.assertRaises(pli.WriterError):
            self.pipeline(observer=self.seen, writer=fail).run()
        self.assertEqual(self.seen.events[-1], ("error", "writer", 0, boom))
        self.assertNotIn(("end", "writer", 0, None), self.seen.events)

    def test_failures_of_planning_and_of_the_schema(self):
        with self.assertRaises(pli.PlanningError):
            self.pipeline(observer=self.seen, source=pli.FilesSource(self.source, start_offset="x")).run()
        self.assertEqual(self.seen.events[-1][:3], ("error", "plan", None))
        self.put("1.parquet")
        with self.assertRaises(pli.SchemaEvolutionError):
            self.pipeline(observer=self.seen, schema_evolution=pli.SchemaEvolution(schema={"b": pl.Int64})).run()
        self.assertEqual(self.seen.events[-1][:3], ("error", "schema", 0))

    def test_missing_methods_do_not_matter(self):
        self.put("1.parquet")

        class Partial(pli.PipelineObserver):
            def on_batch_committed(self, batch_id, metadata=None):
                committed.append(batch_id)

        committed = []
        self.assertEqual(self.pipeline(observer=Partial()).run().batches, 1)
        self.put("2.parquet")
        self.assertEqual(self.pipeline(observer=object()).run().batches, 1)
        self.assertEqual(committed, [0])

    def test_what_an_observer_raises_is_logged_and_ignored(self):
        self.put("1.parquet")

        class Broken(Recorder):
            def on_stage_start(self, stage, batch_id):
                raise ValueError("broken observer")

            on_stage_end = on_batch_planned = on_batch_committed = on_error = on_stage_start

        with self.assertLogs("polars_incremental", "ERROR") as logs:
            self.assertEqual(self.pipeline(observer=Broken()).run().batches, 1)
        self.assertIn("observer failed", logs.output[0])
        self.assertEqual(self.pipeline().run().batches, 0)


class Logging(Case):
    def test_lines(self):
        self.put("1.parquet")
        with self.assertLogs("polars_incremental", "INFO") as logs:
            self.pipeline(observer=pli.LoggingObserver(), writer=lambda df: {"rows": 1}).run()
        lines = [r.getMessage() for r in logs.records]
        self.assertEqual(lines[0], "event=stage_start stage=plan batch_id=None")
        self.assertRegex(
            lines[1], r"^event=stage_end stage=plan batch_id=0 duration_s=[0-9.e-]+ metadata=\{'has_batch': True\}$"
        )
        self.assertEqual(lines[2], "event=batch_planned batch_id=0 file_count=1")
        self.assertRegex(lines[-1], r"^event=batch_committed batch_id=0 metadata=\{'rows': 1\}$")

    def test_errors_come_with_a_traceback_and_loggers_can_be_chosen(self):
        self.put("1.parquet")
        mine = logging.getLogger("mine")
        with self.assertLogs("mine", "INFO") as logs:
            with self.assertRaises(pli.ReaderError):
                self.pipeline(observer=pli.LoggingObserver(mine), reader=lambda files: 1 / 0).run()
        last = logs.records[-1]
        self.assertEqual(
            (last.levelname, last.getMessage()), ("ERROR", "event=error stage=reader batch_id=0 error=division by zero")
        )
        self.assertIs(last.exc_info[0], ZeroDivisionError)


if __name__ == "__main__":
    unittest.main()
