"""Ctrl-C ends a pipeline wherever it is, soon, and the next run goes on; whatever raises, the checkpoint stays ready for a retry."""

import logging
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import unittest

import polars as pl
from support import Case

import polars_incremental as pli

# a file's one row becomes SIDE × SIDE: more than any machine writes before the signal comes
SIDE = 10_000
GROW = (
    f"lf.join(pl.LazyFrame({{'b': range({SIDE})}}), how='cross')"
    f".join(pl.LazyFrame({{'c': range({SIDE})}}), how='cross').with_columns(h=(pl.col('b') * {SIDE} + pl.col('c')).hash())"
)


class Interrupted(Case):
    def setUp(self):
        super().setUp()
        self.table = self.tmp / "table"
        for n in range(2):
            self.put(f"{n}.parquet", [n])

    def run_until_interrupted(self, transform, writer, after=0.0, **run):
        """A child that says when it is in the place, and gets SIGINT there. Its error output."""
        code = textwrap.dedent(f"""
            import sys, time
            import polars as pl, polars_incremental as pli
            def ready():
                print("ready", flush=True)
            {transform}
            source = pli.FilesSource({str(self.source)!r}, file_format="parquet", max_files_per_trigger=1)
            pipeline = pli.Pipeline(source, {str(self.cp)!r}, pl.scan_parquet, {writer}, transform)
            pipeline.run(once=False, sleep=0, **{run!r})
        """)
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            self.assertEqual(child.stdout.readline(), "ready\n", child.poll())
            time.sleep(after)
            child.send_signal(signal.SIGINT)
            began = time.monotonic()
            _, said = child.communicate(timeout=60)
            self.took = time.monotonic() - began
        self.assertNotEqual(child.returncode, 0)
        self.assertIn("KeyboardInterrupt", said)
        return said

    def check_the_next_run_finishes(self, expected):
        pipeline = self.pipeline(
            source=pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1),
            reader=pl.scan_parquet,
            writer=pli.DeltaSink(self.table),
        )
        pipeline.run(once=False, sleep=0)
        self.assertEqual(sorted(pli.scan_delta(self.table).select("a").collect()["a"]), expected)
        self.assertEqual([p.name for p in self.table.iterdir() if p.name.startswith(".pli-write")], [])

    def test_while_polars_writes_the_files(self):
        big = f"transform = lambda lf: (ready(), {GROW}.with_columns(pl.col('h').cast(pl.String)))[1]"
        self.run_until_interrupted(big, f"pli.DeltaSink({str(self.table)!r})", after=0.2)
        self.check_the_next_run_finishes([0, 1])

    def test_while_the_core_writes_the_rows(self):
        # a type that Polars' files would not hold as the table does
        big = f"transform = lambda lf: (ready(), {GROW})[1]"
        self.run_until_interrupted(big, f"pli.DeltaSink({str(self.table)!r})", after=0.2)
        self.check_the_next_run_finishes([0, 1])

    def test_in_a_callback(self):
        self.run_until_interrupted(
            "transform = lambda lf: (ready(), time.sleep(60))[0]", f"pli.DeltaSink({str(self.table)!r})"
        )
        self.assertLess(self.took, 40)
        self.check_the_next_run_finishes([0, 1])

    def test_while_it_waits_for_files(self):
        after = (
            "transform = lambda lf: (ready() if pli.inspect_checkpoint("
            + repr(str(self.cp))
            + ").commits else None, lf)[1]"
        )
        self.run_until_interrupted(after, f"pli.DeltaSink({str(self.table)!r})", after=0.5, sleep_when_idle=60.0)
        self.assertLess(self.took, 40)
        self.check_the_next_run_finishes([0, 1])

    def test_while_a_batch_of_a_table_is_read(self):
        pli.write_delta(pl.select(a=pl.repeat(1, 20_000_000, dtype=pl.Int64), b=pl.lit("x")), self.table)
        source = pli.DeltaSource(self.table).to_spec().with_checkpoint(self.cp)
        batch = source.plan_batch()
        pli.read_delta_batch(batch)  # what takes long the first time

        def read():
            self.assertEqual(pli.read_delta_batch(batch).height, 20_000_000)

        def interrupted(whole):
            # started inside: outside of it the signal would end the whole test run
            timer = threading.Timer(whole / 10, lambda: signal.raise_signal(signal.SIGINT))
            with self.assertRaises(KeyboardInterrupt):
                timer.start()
                read()
                timer.join()
                time.sleep(60)  # not reached, but by a signal on its way

        # Other work on the machine may double any one measurement; a read that runs to its end is never the shorter one by so much.
        tries = []
        while not tries or (tries[-1][1] > tries[-1][0] * 0.7 and len(tries) < 6):
            whole = seconds(read)
            tries.append((whole, seconds(interrupted, whole)))
        self.assertLess(tries[-1][1], tries[-1][0] * 0.7, tries)


def seconds(work, *args):
    began = time.monotonic()
    work(*args)
    return time.monotonic() - began


class RaisingAnywhere(Case):
    """An exception at any call of anything that the caller has given."""

    def run_with(self, fails):
        """Run all batches, with everything asking `fails` at each call; False once it went through without an error."""

        class Observer:
            def __getattr__(self, name):
                return lambda *args, **kwargs: fails(name)

        def reader(files):
            fails("reader")
            return pl.scan_parquet(files).map_batches(lambda df: (fails("rows"), df)[1])

        def transform(lf, state):
            fails("transform")
            state.save_json("n", state.load_json("n", 0) + 1)
            fails("after the state")
            return lf

        def writer(lf, batch_id):
            fails("writer")
            done = pli.DeltaSink(self.tmp / "table")(lf)
            fails("after the write")
            return done

        pipeline = pli.Pipeline(
            pli.FilesSource(self.source, file_format="parquet", max_files_per_trigger=1),
            self.cp, reader, writer, transform, pli.SchemaEvolution("add_new_columns"), Observer(),
        )  # fmt: skip
        try:
            pipeline.run(once=False, sleep=0)
        except (Exception, KeyboardInterrupt) as exc:
            self.assertTrue(chain_has(exc, "on purpose"), repr(exc))
            return True
        return False

    def test_rows_and_state_are_those_of_the_model(self):
        logging.getLogger("polars_incremental").setLevel(logging.CRITICAL)
        self.addCleanup(logging.getLogger("polars_incremental").setLevel, logging.NOTSET)
        for n in range(6):
            self.put(f"{n}.parquet", [n])
        r = random.Random(4)
        failures = 0

        def fails(where):
            if r.random() < 0.08:
                raise r.choice([ValueError, KeyError, MemoryError, KeyboardInterrupt, pli.WriterError])(
                    f"on purpose in {where}"
                )

        while self.run_with(fails):
            failures += 1
        self.assertGreater(failures, 3)
        self.assertEqual(sorted(pli.scan_delta(self.tmp / "table").collect()["a"]), list(range(6)))
        self.assertEqual(pli.JobState(self.cp / "state").load_json("n", None), 6)
        self.assertEqual(pli.inspect_checkpoint(self.cp).commits, 6)


def chain_has(exc, text):
    while exc is not None:
        if text in str(exc):
            return True
        exc = exc.__cause__ or exc.__context__
    return False


if __name__ == "__main__":
    unittest.main()
