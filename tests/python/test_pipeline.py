"""Pipelines: python-api.md 2 and 8."""

import errno
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest
from unittest import mock

import polars as pl
from support import Case, run_in_child

import polars_incremental as pli


class Running(Case):
    def test_one_batch(self):
        self.put("1.parquet")
        result = self.pipeline().run()
        self.assertEqual(result, pli.RunResult(1))
        self.assertEqual(self.written[0][0], 0)
        self.assertEqual(self.pipeline().run(), pli.RunResult(0))

    def test_once_does_at_most_one_batch_and_ignores_the_rest(self):
        for n in range(3):
            self.put(f"{n}.parquet")
        source = pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1)
        p = self.pipeline(source=source)
        self.assertEqual(p.run(once=True, max_batches=0, sleep=100).batches, 1)
        self.assertEqual(p.run(once=False, sleep=0).batches, 2)

    def test_draining_sleeps_between_batches_only(self):
        for n in range(3):
            self.put(f"{n}.parquet")
        p = self.pipeline(source=pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1))
        with mock.patch("time.sleep") as sleep:
            self.assertEqual(p.run(once=False, sleep=5, max_batches=2).batches, 2)
        self.assertEqual(sleep.call_args_list, [mock.call(5)])

    def test_idle_polls(self):
        p = self.pipeline()
        calls = []

        def sleep(seconds):
            calls.append(seconds)
            if len(calls) == 2:
                self.put("1.parquet")

        with mock.patch("time.sleep", sleep):
            self.assertEqual(p.run(once=False, sleep=7, sleep_when_idle=3, max_idle_loops=3).batches, 1)
        # two idle polls, a batch (which resets the count), then two more waits before the third poll that found nothing
        self.assertEqual(calls, [3, 3, 7, 3, 3])

    def test_no_batch_at_all(self):
        self.put("1.parquet")
        self.assertEqual(self.pipeline().run(once=False, max_batches=0).batches, 0)

    def test_missing_callbacks_are_told_before_anything_is_touched(self):
        for field in ["reader", "writer"]:
            with self.assertRaisesRegex(pli.MissingOptionError, field):
                self.pipeline(**{field: None}).run()
        self.assertFalse(self.cp.exists())

    def test_a_wrong_source_is_a_type_error(self):
        with self.assertRaisesRegex(TypeError, "FilesSource"):
            self.pipeline(source=self.source).run()

    def test_option_errors_of_the_source_are_not_wrapped(self):
        with self.assertRaises(ValueError):
            self.pipeline(source=pli.FilesSource(self.source, clean_source="x")).run()
        with self.assertRaises(pli.UnsupportedFormatError):
            self.pipeline(source=pli.FilesSource(self.source, file_format="orc")).run()

    def test_option_errors_of_the_planner_are_planning_errors(self):
        with self.assertRaisesRegex(pli.PlanningError, "Failed to plan batch") as raised:
            self.pipeline(source=pli.FilesSource(self.source, start_offset="x")).run()
        self.assertIsInstance(raised.exception.__cause__, ValueError)
        self.assertEqual(raised.exception.code, "INVALID_ARGUMENT")

    def test_a_spec_and_a_catalog_source_will_do(self):
        self.put("1.parquet")
        self.assertEqual(self.pipeline(source=pli.SourceSpec("parquet", self.source, {})).run().batches, 1)

    def test_lazy_frames_are_never_collected(self):
        self.put("1.parquet")
        kinds = []
        p = self.pipeline(
            reader=pl.scan_parquet,
            transform=lambda lf: kinds.append(type(lf)) or lf,
            writer=lambda lf: kinds.append(type(lf)),
            schema_evolution=pli.SchemaEvolution("add_new_columns"),
        )
        with mock.patch.object(pl.LazyFrame, "collect", side_effect=AssertionError):
            p.run()
        self.assertEqual(kinds, [pl.LazyFrame, pl.LazyFrame])

    def test_any_object_may_pass(self):
        self.put("1.parquet")
        seen = []
        self.pipeline(reader=lambda files: len(files), transform=lambda n: {"n": n}, writer=seen.append).run()
        self.assertEqual(seen, [{"n": 1}])


class Empty(Case):
    """A batch without files must neither reach callbacks nor stop the run."""

    class Spec(pli.SourceSpec):
        def with_checkpoint(self, checkpoint_dir):
            return self.options["source"]

    class Source:
        def __init__(self, batches):
            self.batches = batches
            self.committed = []

        def plan_batch(self):
            return self.batches.pop(0) if self.batches else None

        def commit_batch(self, batch, metadata=None):
            self.committed.append((batch.batch_id, metadata))

    def test_it_is_committed_not_counted_and_planned_again_at_once(self):
        source = self.Source([pli.BatchInfo(0, [], 0.0), pli.BatchInfo(1, ["x"], 0.0), pli.BatchInfo(2, [], 0.0)])
        calls = []
        p = self.pipeline(
            source=self.Spec("custom", "x", {"source": source}),
            reader=lambda files: calls.append(files),
            writer=lambda data: {"wrote": 1},
        )
        self.assertEqual(p.run(once=True).batches, 1)
        self.assertEqual((calls, source.committed), ([["x"]], [(0, None), (1, {"wrote": 1})]))
        self.assertEqual(p.run(once=True).batches, 0)
        self.assertEqual(source.committed[-1], (2, None))

    def test_a_source_of_its_own_can_be_looked_at(self):
        p = self.pipeline(source=self.Spec("custom", "x", {"source": self.Source([])}))
        self.assertIn("Spec at 'x'", repr(p.explain()))
        self.assertEqual((p.status().waiting, p.status().batches), (None, 0))
        with self.assertRaisesRegex(pli.UnsupportedFormatError, "plans only when it runs"):
            p.plan()

    def test_state_and_schema_wait_for_the_commit_of_a_foreign_source_too(self):
        source = self.Source([pli.BatchInfo(0, ["x"], 0.0), pli.BatchInfo(0, ["x"], 0.0)])
        fail = [True]

        def writer(data, state):
            state.save_json("n", state.load_json("n", 0) + 1)
            if fail:
                raise OSError("full")

        p = self.pipeline(source=self.Spec("custom", "x", {"source": source}), reader=lambda files: 1, writer=writer)
        with self.assertRaises(pli.WriterError):
            p.run()
        self.assertIsNone(pli.JobState(self.cp / "state").load_json("n", None))
        fail.clear()
        p.run()
        self.assertEqual(pli.JobState(self.cp / "state").load_json("n", None), 1)


class Failures(Case):
    def fail(self, *args, **kwargs):
        raise KeyError("boom")

    def test_each_stage_wraps_with_its_own_error(self):
        self.put("1.parquet")
        for stage, error in [
            ("reader", pli.ReaderError),
            ("transform", pli.TransformError),
            ("writer", pli.WriterError),
        ]:
            with self.assertRaisesRegex(error, f"^{stage} failed for batch_id=0$") as raised:
                self.pipeline(**{stage: self.fail}).run()
            self.assertIsInstance(raised.exception.__cause__, KeyError)
            self.assertFalse(raised.exception.retriable)
            self.assertEqual(os.listdir(self.cp / "commits"), [])
        self.assertEqual(self.pipeline().run().batches, 1)
        self.assertEqual(self.written[0][0], 0)

    def test_a_failed_commit_is_a_commit_error(self):
        self.put("1.parquet")
        with mock.patch.object(pli.FileStreamCheckpoint, "commit_batch", side_effect=OSError("full")):
            with self.assertRaisesRegex(pli.CommitError, "commit failed for batch_id=0"):
                self.pipeline().run()
        self.assertEqual(self.pipeline().run().batches, 1)

    def test_our_own_errors_pass_unchanged(self):
        self.put("1.parquet")
        for error in [pli.PolarsIncrementalError("x"), pli.UnsupportedFormatError("y"), pli.WriterError("mine")]:
            with self.assertRaises(type(error)) as raised:
                self.pipeline(reader=mock.Mock(side_effect=error)).run()
            self.assertIs(raised.exception, error)

    def test_schema_errors(self):
        self.put("1.parquet")
        evolution = pli.SchemaEvolution(schema={"b": pl.Int64})
        with self.assertRaises(pli.SchemaEvolutionError):
            self.pipeline(schema_evolution=evolution).run()

        class Broken(pli.SchemaEvolution):
            def apply(self, data, checkpoint):
                raise KeyError("x")

        with self.assertRaisesRegex(pli.SchemaEvolutionError, "schema failed for batch_id=0"):
            self.pipeline(schema_evolution=Broken()).run()

    def test_base_exceptions_pass_and_leave_the_batch_for_a_retry(self):
        self.put("1.parquet")
        for error in [KeyboardInterrupt, SystemExit, GeneratorExit]:
            with self.assertRaises(error):
                self.pipeline(writer=mock.Mock(side_effect=error, spec=lambda df: None)).run()
        self.assertEqual(self.pipeline().run().batches, 1)

    def test_a_retry_gets_the_same_inputs(self):
        self.put("1.parquet")
        with self.assertRaises(pli.WriterError):
            self.pipeline(writer=self.fail).run()
        self.put("0.parquet")
        seen = []
        self.pipeline(reader=lambda files, batch: seen.append((batch.batch_id, files)) or pl.DataFrame()).run()
        self.assertEqual(seen, [(0, [str(self.source / "1.parquet")])])

    def test_nothing_of_a_failed_attempt_stays(self):
        self.put("1.parquet")

        def writer(df, state):
            state.save_json("seen", True)
            state.save_parquet("frame", df)
            raise OSError("full")

        with self.assertRaises(pli.WriterError):
            self.pipeline(writer=writer, schema_evolution=pli.SchemaEvolution()).run()
        self.assertNotIn("schema", self.metadata())
        state = pli.JobState(self.cp / "state")
        self.assertFalse(state.exists("seen") or state.exists("frame"))
        self.assertEqual(os.listdir(self.cp / "staging") if (self.cp / "staging").exists() else [], [])

    def test_the_code_says_what_kind_of_failure_the_cause_is(self):
        class Coded(Exception):
            code = "e3q8"  # as SQLAlchemy's

        self.put("1.parquet")
        causes = [
            (ValueError("x"), "CALLBACK_FAILED"),
            (Coded("x"), "CALLBACK_FAILED"),
            (FileNotFoundError("x"), "NOT_FOUND"),
            (PermissionError("x"), "ACCESS_DENIED"),
            (OSError(errno.ENOSPC, "full"), "DISK_FULL"),
            (ConnectionError("x"), "IO_ERROR"),
            (MemoryError(), "OUT_OF_MEMORY"),
        ]
        for cause, code in causes:
            for stage in ("reader", "transform", "writer"):
                with self.assertRaises(pli.PipelineError) as raised:
                    self.pipeline(**{stage: mock.Mock(side_effect=cause)}).run()
                self.assertEqual(
                    (type(raised.exception).__name__, raised.exception.code), (stage.title() + "Error", code)
                )

        class Source(pli.SourceSpec):
            def with_checkpoint(self, checkpoint_dir):
                return mock.Mock(plan_batch=mock.Mock(side_effect=TypeError("x")))

        with self.assertRaises(pli.PlanningError) as raised:
            self.pipeline(source=Source("files", self.source, {})).run()
        self.assertEqual(raised.exception.code, "INVALID_ARGUMENT")

    def test_every_error_can_be_raised_with_a_message_alone(self):
        for name in pli.errors.__all__:
            error = getattr(pli, name)("message")
            self.assertEqual(str(error), "message")
            self.assertIsInstance(error.code, str)
            self.assertIs(error.retriable, False)


class Commits(Case):
    def test_the_writer_s_dict_is_kept_with_the_commit(self):
        self.put("1.parquet")
        self.pipeline(writer=lambda df: {"rows": df.height}).run()
        commit = self.record("commits", 0)
        self.assertEqual(commit["metadata"], {"rows": 1})
        self.assertEqual(commit["file_count"], 1)
        self.assertIsInstance(commit["committed_at"], float)

    def test_other_results_are_ignored(self):
        self.put("1.parquet")
        self.pipeline(writer=lambda df: [1, 2]).run()
        self.assertEqual(self.record("commits", 0)["metadata"], {})

    def test_values_that_json_lacks_never_fail_a_commit(self):
        import datetime as dt
        import decimal

        class Odd:
            def __str__(self):
                raise RuntimeError

        value = {
            "when": dt.date(2024, 1, 2), "d": decimal.Decimal("1.50"), "nan": float("nan"), "big": 2**80, 5: {"x": {1}}, "odd": Odd(),
            "bad": "\ud800\0", "path": self.tmp, "np": (1, 2),
        }  # fmt: skip
        self.put("1.parquet")
        self.pipeline(writer=lambda df: value).run()
        kept = self.record("commits", 0)["metadata"]
        self.assertEqual(kept["when"], "2024-01-02")
        self.assertEqual((kept["d"], kept["nan"], kept["big"], kept["5"]), ("1.50", "nan", str(2**80), {"x": [1]}))
        self.assertEqual((kept["path"], kept["np"]), (str(self.tmp), [1, 2]))

    def test_schema_becomes_durable_with_the_commit(self):
        self.put("1.parquet")
        seen = []

        def writer(df):
            seen.append("schema" in self.metadata())

        self.pipeline(writer=writer, schema_evolution=pli.SchemaEvolution()).run()
        self.assertEqual(seen, [False])
        self.assertEqual(self.metadata()["schema"], [{"name": "a", "dtype": "Int64"}])


class Locks(Case):
    def setUp(self):
        super().setUp()
        for name in ["POLARS_INCREMENTAL_LOCK_TIMEOUT", "POLARS_INCREMENTAL_DISABLE_LOCK"]:
            os.environ.pop(name, None)

    def environ(self, **values):
        patch = mock.patch.dict(os.environ, values)
        patch.start()
        self.addCleanup(patch.stop)

    def held(self):
        """A pipeline of another thread that holds the lock until the event is set."""
        go, inside = threading.Event(), threading.Event()

        def writer(df):
            inside.set()
            go.wait(300)

        self.put("0.parquet")
        thread = threading.Thread(target=lambda: self.pipeline(writer=writer).run())
        thread.start()
        self.assertTrue(inside.wait(60))
        self.addCleanup(thread.join)
        self.addCleanup(go.set)
        self.holder = thread
        return go

    def test_a_second_run_does_not_wait_with_a_timeout_of_zero(self):
        self.held()
        for value in ["0", "soon"]:
            self.environ(POLARS_INCREMENTAL_LOCK_TIMEOUT=value)
            with self.assertRaises(pli.PipelineLockError) as raised:
                self.pipeline().run()
            self.assertIsInstance(raised.exception, RuntimeError)
            self.assertEqual(raised.exception.code, "LOCKED")

    def test_a_second_run_waits_and_sees_what_the_first_did(self):
        go = self.held()
        threading.Timer(0.3, go.set).start()
        self.assertEqual(self.pipeline().run().batches, 0)

    def test_waiting_can_be_interrupted(self):
        self.held()
        main = threading.main_thread().ident
        timer = threading.Timer(0.3, lambda: signal.pthread_kill(main, signal.SIGINT))
        with self.assertRaises(KeyboardInterrupt):
            timer.start()  # outside of this block the signal would end the whole test run
            self.pipeline().run()
        self.assertTrue(self.holder.is_alive())

    def test_without_a_lock_there_is_no_lock_file(self):
        self.environ(POLARS_INCREMENTAL_DISABLE_LOCK="1")
        self.put("1.parquet")
        self.assertEqual(self.pipeline().run().batches, 1)
        self.assertFalse((self.cp / ".lock").exists())

    def test_maintenance_inside_a_run_is_refused_at_once(self):
        self.put("1.parquet")
        seen = []

        def writer(df):
            for work in [
                lambda: pli.cleanup_checkpoint(self.cp, keep_last_n=1),
                lambda: pli.truncate_checkpoint(self.cp, keep_through_batch_id=0),
                lambda: pli.reset_checkpoint_schema(self.cp),
                lambda: self.pipeline().run(),
            ]:
                try:
                    work()
                except pli.PipelineLockError:
                    seen.append(1)

        self.pipeline(writer=writer).run()
        self.assertEqual(len(seen), 4)

    def test_a_dead_process_never_blocks(self):
        code = textwrap.dedent(f"""
            import os, polars as pl, polars_incremental as pli
            def writer(df): os.kill(os.getpid(), 9)
            pli.Pipeline(pli.FilesSource({str(self.source)!r}, file_format="parquet"), {str(self.cp)!r}, pl.read_parquet, writer).run()
        """)
        self.put("1.parquet")
        died = subprocess.run([sys.executable, "-c", code], capture_output=True)
        self.assertEqual(died.returncode, -9, died.stderr)
        self.environ(POLARS_INCREMENTAL_LOCK_TIMEOUT="0")
        self.assertEqual(self.pipeline().run().batches, 1)

    def test_the_lock_is_taken_before_state_is_read(self):
        go = self.held()
        done = []

        def other():
            self.environ(POLARS_INCREMENTAL_LOCK_TIMEOUT="20")
            done.append(self.pipeline(schema_evolution=pli.SchemaEvolution("add_new_columns")).run())

        thread = threading.Thread(target=other)
        thread.start()
        time.sleep(0.2)
        # metadata changes while the other one waits for the lock, as a run that holds it would change it
        metadata = self.metadata()
        metadata["note"] = "keep me"
        (self.cp / "metadata.json").write_text(json.dumps(metadata))
        self.put("1.parquet")
        go.set()
        thread.join()
        self.assertEqual(done[0].batches, 1)
        self.assertEqual(self.metadata()["note"], "keep me")


class Kills(Case):
    def test_a_pipeline_killed_at_any_moment_counts_every_file_once(self):
        """The state counts files in the transform; whenever it dies, the counts are those of the committed batches."""
        for n in range(30):
            self.put(f"{n:02}.parquet", [n])
        code = textwrap.dedent(f"""
            import polars as pl, polars_incremental as pli
            def transform(df, state):
                total = state.load_json("total", {{"files": 0, "sum": 0}})
                state.save_json("total", {{"files": total["files"] + 1, "sum": total["sum"] + df["a"].sum()}})
                return df
            def writer(df, batch_id):
                pli.sinks.write_parquet_batch(df, {str(self.tmp / "out")!r}, batch_id)
            source = pli.FilesSource({str(self.source)!r}, file_format="parquet", max_files_per_trigger=1)
            print("ready", flush=True)
            pli.Pipeline(source, {str(self.cp)!r}, pl.read_parquet, writer, transform).run(once=False, sleep=0)
        """)
        kills = 0
        for attempt in range(40):
            with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
                child.stdout.readline()
                try:
                    child.wait((attempt * 7 % 23) / 1000)
                except subprocess.TimeoutExpired:
                    child.kill()
                    kills += 1
                if child.wait() == 0:
                    break
        else:
            subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
        total = pli.JobState(self.cp / "state").load_json("total", None)
        self.assertEqual(total, {"files": 30, "sum": sum(range(30))})
        out = pl.concat([pl.read_parquet(f) for f in sorted((self.tmp / "out").glob("batch_*.parquet"))])
        self.assertEqual(sorted(out["a"].to_list()), list(range(30)))
        self.assertGreater(kills, 0)


class Concurrency(Case):
    def test_two_pipelines_in_two_threads(self):
        results = []

        def one(n):
            folder = self.tmp / f"in{n}"
            for k in range(10):
                self.put(f"{k}.parquet", [k], folder=folder)
            source = pli.FilesSource(folder, file_format="parquet", max_files_per_trigger=1)
            total = []
            p = pli.Pipeline(source, self.tmp / f"cp{n}", pl.read_parquet, lambda df: total.append(df["a"].sum()))
            p.run(once=False, sleep=0)
            results.append(sum(total))

        threads = [threading.Thread(target=one, args=(n,)) for n in range(2)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(results, [45, 45])

    def test_spawned_processes(self):
        self.put("1.parquet")
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        children = [
            context.Process(target=run_in_child, args=(str(self.source), str(self.cp), answers)) for _ in range(2)
        ]
        for c in children:
            c.start()
        found = sorted(answers.get(timeout=60) for _ in children)
        for c in children:
            c.join()
        self.assertEqual(found, [0, 1])

    @unittest.skipUnless(hasattr(os, "fork"), "needs fork")
    def test_a_forked_child_does_not_keep_the_lock(self):
        self.put("1.parquet")
        with mock.patch.dict(os.environ, {"POLARS_INCREMENTAL_LOCK_TIMEOUT": "0"}):
            children = []

            def writer(df):
                pid = os.fork()
                if pid == 0:
                    time.sleep(1)
                    os._exit(0)
                children.append(pid)

            self.pipeline(writer=writer).run()
            self.put("2.parquet")
            self.assertEqual(self.pipeline().run().batches, 1)
            os.waitpid(children[0], 0)


class Looking(Case):
    def test_plan_changes_nothing(self):
        self.put("1.parquet")
        plan = self.pipeline().plan()
        self.assertEqual(
            (plan.batch_id, [os.path.basename(f) for f in plan.files], plan.repeat), (0, ["1.parquet"], False)
        )
        self.assertIn("1.parquet", repr(plan))
        self.assertFalse(self.cp.exists())
        self.pipeline().run()
        self.assertIsNone(self.pipeline().plan().batch_id)
        self.assertIn("nothing", repr(self.pipeline().plan()))

    def test_status(self):
        self.put("1.parquet")
        status = self.pipeline().status()
        self.assertEqual((status.batches, status.latest_commit, status.waiting), (0, None, 1))
        self.assertFalse(self.cp.exists())
        self.pipeline().run()
        status = self.pipeline().status()
        self.assertEqual((status.batches, status.latest_commit, status.pending, status.waiting), (1, 0, 0, 0))
        self.assertIn("1 batch(es) committed", repr(status))

    def test_explain(self):
        text = repr(self.pipeline(schema_evolution=pli.SchemaEvolution("coerce", "column")).explain())
        for word in ["parquet", "coerce", "_rescued", "at least once", str(self.cp)]:
            self.assertIn(word, text)

    def test_progress_is_silent_without_a_terminal(self):
        self.put("1.parquet")
        with mock.patch("sys.stderr") as stderr:
            stderr.isatty.return_value = False
            self.pipeline().run(progress=True)
            stderr.write.assert_not_called()

    def test_progress_on_a_terminal(self):
        self.put("1.parquet")
        with mock.patch("sys.stderr") as stderr:
            stderr.isatty.return_value = True
            self.pipeline().run(progress=True)
            self.assertIn("1 batches done", "".join(c.args[0] for c in stderr.write.call_args_list))


if __name__ == "__main__":
    unittest.main()
