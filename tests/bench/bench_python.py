"""The Python package beside Polars' own Delta writer and beside the C library.

    python tests/bench/bench_python.py [--rows 5000000] [--files 1000000] [--runs 3] [--only write,import,plan,cdc]

Bounds (exit 1 when one is missed): a LazyFrame streamed into a Delta table in no more processor time than Polars' sink_delta and
75 % of its memory; importing costs 10 ms beyond Polars; a plan over a checkpoint of a million files takes 10 ms more than in C;
apply_cdc_delta takes 1.2 x of the C merge (`pli delta merge`) of the same rows. Each measurement is a process of its own; ours and the peer's alternate.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from measure import PLI, Bounds, compile_program, package_environment, python, run


def measure(code: str, *args: str) -> dict[str, float]:
    """Run a program that measures itself; its last line is JSON."""
    found: dict[str, float] = json.loads(python(code, *args, env=package_environment()).output.splitlines()[-1])
    return found


# ---------------------------------------------------------------- a LazyFrame into a Delta table

_MEASURED = """
import json, resource, sys, time
import polars as pl
def usage():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime, u.ru_maxrss / 1024, time.perf_counter()
def report(before, after):
    print(json.dumps({"cpu": after[0] - before[0], "mb": after[1], "wall": after[2] - before[2]}))
"""

_FRAME = """
n, target = int(sys.argv[1]), sys.argv[2]
lf = pl.LazyFrame({"id": pl.int_range(n, eager=True)}).with_columns(
    g=(pl.col("id") * 7919 % 1000).cast(pl.Int32),
    v=pl.col("id") * 0.37,
    name=pl.concat_str(pl.lit("name-"), (pl.col("id") % 100000).cast(pl.String)),
    ts=(pl.col("id") * 1000000).cast(pl.Datetime("us", "UTC")),
    flag=pl.col("id") % 3 == 0,
)
"""

_OURS = "import polars_incremental as pli\nbefore = usage()\npli.write_delta(lf, target)\nreport(before, usage())"
_PEER = "import deltalake\nbefore = usage()\nlf.sink_delta(target)\nreport(before, usage())"


def write(bounds: Bounds, rows: int, runs: int, tmp: Path) -> None:
    found: dict[str, list[dict[str, float]]] = {"ours": [], "peer": []}
    for _ in range(runs):
        for name, code in (("ours", _OURS), ("peer", _PEER)):
            table = tmp / name
            found[name].append(measure(_MEASURED + _FRAME + code, str(rows), str(table)))
            shutil.rmtree(table)
    best = {name: {k: min(m[k] for m in all_of) for k in ("cpu", "mb", "wall")} for name, all_of in found.items()}
    title = f"{rows} rows of a LazyFrame to Delta"
    note = f"clock {best['ours']['wall']:.2f} and {best['peer']['wall']:.2f} s"
    bounds.ratio(f"{title}: processor", best["ours"]["cpu"], best["peer"]["cpu"], 1.0, note=note)
    bounds.ratio(f"{title}: memory", best["ours"]["mb"], best["peer"]["mb"], 0.75, "MB")


# ---------------------------------------------------------------- import


def importing(bounds: Bounds, runs: int) -> None:
    code = "import json, polars, time; t = time.process_time(); import polars_incremental; print(json.dumps({'ms': (time.process_time() - t) * 1e3}))"
    best = min(measure(code)["ms"] for _ in range(runs))
    bounds.most("import beyond Polars' own", best, 10, "ms")


# ---------------------------------------------------------------- planning

_PLAN = """
import json, sys, time
import polars_incremental as pli
source = pli.FilesSource(sys.argv[1], file_format="csv", pattern="*.csv", recursive=True).to_spec().with_checkpoint(sys.argv[2])
t, cpu = time.perf_counter(), time.process_time()
batch = source.plan_batch()
print(json.dumps({"cpu": (time.process_time() - cpu) * 1e3, "ms": (time.perf_counter() - t) * 1e3, "new": batch is not None}))
"""


def planning(bounds: Bounds, files: int, runs: int, tmp: Path) -> None:
    from bench_discovery import generate, plan

    source, checkpoint = tmp / "source", tmp / "checkpoint"
    generate(source, 1000, files // 1000)
    program = compile_program("discovery", tmp)
    plan(program, source, checkpoint, 100_000)
    # marks of folders hold for one set of options: each has a checkpoint of its own, looked at once before
    shutil.copytree(checkpoint, tmp / "copy")
    measure(_PLAN, str(source), str(tmp / "copy"))
    in_c = [plan(program, source, checkpoint, 100_000) for _ in range(runs)]
    in_python = [measure(_PLAN, str(source), str(tmp / "copy")) for _ in range(runs)]
    bounds.holds("nothing is new", not any(m["new"] for m in in_python), "")
    ours, theirs = min(m["cpu"] for m in in_python), min(m["idle_cpu_ms"] for m in in_c)
    note = f"clock {min(m['ms'] for m in in_python):.1f} and {min(m['idle_ms'] for m in in_c):.1f} ms"
    bounds.most(f"a plan over a checkpoint of {files} files, beyond C's", ours - theirs, 10, "ms", note)


# ---------------------------------------------------------------- change rows

_TABLE = """
import sys
import polars as pl
import polars_incremental as pli
rows, changed, folder = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
lf = pl.LazyFrame({"id": pl.int_range(rows, eager=True)}).with_columns(
    v=pl.col("id") * 0.5, name=pl.concat_str(pl.lit("name-"), pl.col("id").cast(pl.String))
)
for i in range(10):
    pli.write_delta(lf.slice(i * rows // 10, rows // 10), folder + "/table")
step = rows // changed
changes = lf.gather_every(step).with_columns(pl.col("id") + pl.when(pl.col("id") % 3 == 0).then(rows).otherwise(0), v=-pl.col("v"))
kinds = pl.when(pl.col("id") >= rows).then(pl.lit("insert")).when(pl.col("id") % 5 == 0).then(pl.lit("delete")).otherwise(pl.lit("update"))
changes.with_columns(_change_type=kinds).sink_parquet(folder + "/changes.parquet")
print("{}")
"""

_APPLY = """
import polars_incremental as pli
changes = pl.read_parquet(sys.argv[2])
pli.scan_delta(sys.argv[1]).head(1).collect()
before = usage()
pli.apply_cdc_delta(changes, sys.argv[1], keys="id")
report(before, usage())
"""

_CLAUSES = [
    "MATCHED AND source._change_type = 'delete' THEN DELETE",
    "MATCHED THEN UPDATE SET *",
    "NOT MATCHED AND source._change_type <> 'delete' THEN INSERT *",
]


def merge_in_c(table: Path, changes: Path) -> float:
    """Processor seconds of the command."""
    command = [PLI, "delta", "merge", str(table), str(changes), "--on", "target.id = source.id", "-q"]
    return run(*command, *(a for c in _CLAUSES for a in ("--when", c))).processor


def changes(bounds: Bounds, rows: int, runs: int, tmp: Path) -> None:
    measure(_TABLE, str(rows), str(rows // 20), str(tmp))
    ours, in_c = [], []
    for _ in range(runs):
        for name in ("ours", "c"):
            shutil.copytree(tmp / "table", tmp / name)
        ours.append(measure(_MEASURED + _APPLY, str(tmp / "ours"), str(tmp / "changes.parquet"))["cpu"])
        in_c.append(merge_in_c(tmp / "c", tmp / "changes.parquet"))
        for name in ("ours", "c"):
            shutil.rmtree(tmp / name)
    bounds.ratio(f"{rows // 20} change rows on {rows}: processor", min(ours), min(in_c), 1.2)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="write,import,plan,cdc")
    options = parser.parse_args()
    only = options.only.split(",")
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as tmp:
        if "write" in only:
            write(bounds, options.rows, options.runs, Path(tmp))
        if "import" in only:
            importing(bounds, options.runs)
        if "plan" in only:
            planning(bounds, options.files, options.runs, Path(tmp))
        if "cdc" in only:
            changes(bounds, options.rows, options.runs, Path(tmp))
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
