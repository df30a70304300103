"""Reference counts of the extension, under a Python that counts all references (a debug build):

    python3.11d tests/python/references.py

Each case runs some times; the total of references must not grow from one run to the next. The extension must be compiled with
-DPy_REF_DEBUG there, so that its own counting is seen. Without such a Python it says so and ends.
"""

import gc
import logging
import sys
import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli
from polars_incremental import _core

FRAME = pl.DataFrame({"a": [1, 2, 3], "s": ["x", "y", None]})


def expect(kind, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except kind:
        return
    raise AssertionError(call)


def boom(*args):
    raise ValueError("on purpose")


def cases(tmp):
    """Name and call; together they go through every function of the extension, and through its errors."""
    path, cp, source = str(tmp / "t"), tmp / "cp", tmp / "in"
    source.mkdir()
    FRAME.write_parquet(tmp / "f.parquet")
    pli.write_delta(FRAME, path, txn=("x", 1))
    n = [0]

    def table():
        return _core.Table(path)

    def pipeline(writer):
        def transform(lf, state):
            state.save_json("a", 1)
            state.save_parquet("p", FRAME)
            return lf if state.load_json("a", 0) else None

        return pli.Pipeline(pli.FilesSource(source, file_format="parquet"), cp, pl.scan_parquet, writer, transform)

    def batch(writer):
        n[0] += 1
        FRAME.write_parquet(source / f"{n[0]}.parquet")
        pipeline(writer).run()

    def failing_batch():
        expect(pli.WriterError, batch, boom)
        pipeline(lambda df: None).run()

    failing = FRAME.lazy().with_columns(a=pl.col("a").map_batches(boom, return_dtype=pl.Int32))
    narrow = FRAME.lazy().with_columns(pl.col("a").cast(pl.Int32))
    state = pli.JobState(cp / "state")
    return {
        "scan": lambda: pli.scan_delta(path).filter(pl.col("a") > 1).select("s").collect(),
        "scan nothing": lambda: expect(FileNotFoundError, pli.scan_delta, tmp / "absent"),
        "reports": lambda: (table().detail(), table().files(), table().history(), table().latest_version()),
        "wrong condition": lambda: expect(pli.PolarsIncrementalError, table().read, where="absent > 1"),
        "wrong columns": lambda: expect(TypeError, table().read, columns=["a", 1]),
        "wrong arguments": lambda: (
            expect(TypeError, _core.Table),
            expect(TypeError, table().read, nope=1),
            expect(TypeError, table().write, 1, 2, 3),
            expect(AttributeError, table().write, path, 2, "{}"),
        ),
        "layout": lambda: table().layout(path, FRAME, "{}"),
        "write": lambda: pli.write_delta(FRAME.lazy(), path, mode="overwrite"),
        "write through the core": lambda: pli.write_delta(narrow, path, mode="overwrite"),
        "write a repeat": lambda: pli.write_delta(FRAME, path, txn=("x", 1)),
        "write what does not fit": lambda: expect(pli.SchemaEvolutionError, pli.write_delta, FRAME.select(z="a"), path),
        "write what fails": lambda: expect(ValueError, pli.write_delta, failing, path),
        "merge": lambda: pli.merge(path, FRAME.lazy(), on="target.a = source.a", when_matched={"action": "update"}),
        "changes": lambda: pli.apply_cdc_delta(FRAME.with_columns(_change_type=pl.lit("update")), path, keys="a"),
        "a stream unread": lambda: table().read(),
        "a stream half read": lambda: table().read().take(1),
        "inspect": lambda: pli.inspect_checkpoint(cp),
        "batch": lambda: batch(lambda df: {"x": 1}),
        "batch into a table": lambda: batch(pli.DeltaSink(tmp / "t2")),
        "batch that fails": failing_batch,
        "no checkpoint": lambda: expect(pli.PolarsIncrementalError, _core.Stream, str(tmp / "f.parquet"), "files"),
        "state": lambda: (
            state.save_json("z", [1]),
            state.load_json("z", None),
            state.delete("z"),
            expect(ValueError, state.load_json, "../x", None),
        ),
        "schema": lambda: pli.SchemaEvolution("coerce", schema={"a": pl.Float64, "s": pl.String}).apply(FRAME, None),
        "maintenance": lambda: (pli.cleanup_checkpoint(cp, keep_last_n=3), pli.optimize_delta_table(path)),
    }


def growth(call):
    """References that a run leaves behind, at the least."""
    for _ in range(4):
        call()
    grown = []
    for _ in range(5):
        gc.collect()
        before = sys.gettotalrefcount()
        call()
        gc.collect()
        grown.append(sys.gettotalrefcount() - before)
    return min(grown)


def main():
    if not hasattr(sys, "gettotalrefcount"):
        print("this Python does not count all references; a debug build of it does")
        return 0
    logging.disable(logging.CRITICAL)
    bad = 0
    with tempfile.TemporaryDirectory(prefix="pli-references-") as tmp:
        own = growth(lambda: None)
        for name, call in cases(Path(tmp)).items():
            n = growth(call) - own
            print(f"{name:<26} {n:+d}", flush=True)
            bad += n > 0
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
