"""Ingestion beside its floor: DuckDB's bare COPY of the same query, and a Polars read + write_delta loop.

    python tests/bench/bench_ingest.py [--megabytes 500] [--runs 3] [--only csv,ndjson,small,idle,partitions,memory] [--big]

Every comparison runs both sides in turn, in the same process environment, and prints the ratio of the medians by the clock; exit 1
when a bound is missed. Absolute times are only there to read the ratios by.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from measure import PLI, Bounds, python, run

MEMORY, THREADS = "2GiB", 2


ROWS_SQL = """
  SELECT i AS id, (i * 7919) % 1000003 AS customer, round((hash(i) % 100000) / 100.0, 2) AS amount,
         TIMESTAMP '2026-01-01' + INTERVAL (i % 8640000) SECOND AS at, 'item-' || (hash(i + 1) % 5000) AS item,
         (i % 3 = 0) AS paid, DATE '2026-01-01' + CAST(i % {days} AS INTEGER) AS day
  FROM range({start}, {stop}) t(i)"""


def generate(folder: Path, kind: str, megabytes: int, files: int, days: int = 100) -> None:
    """CSV or NDJSON files of about this size in all."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = int(megabytes * 1e6 / (72 if kind == "csv" else 133))
    step = rows // files + 1
    options = "FORMAT csv, HEADER" if kind == "csv" else "FORMAT json"
    con = duckdb.connect(config={"threads": 2})
    for n in range(files):
        sql = ROWS_SQL.format(days=days, start=n * step, stop=min(rows, (n + 1) * step))
        con.execute(f"COPY ({sql}) TO '{folder}/part-{n:04}.{kind}' ({options})")
    con.close()
    settle(folder)


def settle(folder: Path) -> None:
    """Files look old, so that settle_time does not hold them back."""
    past = time.time() - 3600
    for path in folder.rglob("*"):
        if path.is_file():
            os.utime(path, (past, past))


COLUMNS = {
    "id": "BIGINT", "customer": "BIGINT", "amount": "DOUBLE", "at": "TIMESTAMP WITH TIME ZONE", "item": "VARCHAR",
    "paid": "BOOLEAN", "day": "DATE",
}  # fmt: skip


def floor(kind: str, source: Path, target: Path, typed: bool) -> float:
    """DuckDB's bare COPY of the same rows to Parquet, in a process of its own; its import is not counted.

    @param typed it is told the types, where we find them out"""
    given = {
        "csv": f", header=true, auto_detect=false, delim=',', quote='\"', columns={COLUMNS}",
        "ndjson": f", format='newline_delimited', columns={COLUMNS}",
    }
    reader = f"read_{'csv' if kind == 'csv' else 'json'}('{source}/*.{kind}'{given[kind] if typed else ''})"
    code = (
        "import duckdb,time,sys\n"
        f"c=duckdb.connect(config={{'threads':{THREADS},'memory_limit':'{MEMORY}','preserve_insertion_order':False}})\n"
        "c.execute(\"SET TimeZone='UTC'\")\n"
        "t=time.perf_counter()\n"
        "c.execute('SET enable_progress_bar=false')\n"
        "c.execute(sys.argv[1])\n"
        "print(time.perf_counter()-t)\n"
    )
    target.mkdir(parents=True, exist_ok=True)
    sql = f"COPY (SELECT * FROM {reader}) TO '{target}/out.parquet' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    return float(python(code, sql).output.split()[-1])


def fresh(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    return path


def compare(bounds: Bounds, what: str, ours: list[float], peer: list[float], bound: float | None) -> None:
    bounds.ratio(what, statistics.median(ours), statistics.median(peer), bound)


def bench_bulk(bounds: Bounds, work: Path, kind: str, megabytes: int, runs: int) -> None:
    source, table = work / f"src-{kind}", work / "table"
    generate(source, kind, megabytes, 8)
    settings = ("--format", kind, "--memory", MEMORY, "--threads", str(THREADS), "-q")
    ours, peer, told = [], [], []
    for _ in range(runs):
        peer.append(floor(kind, source, fresh(work / "floor"), False))
        told.append(floor(kind, source, fresh(work / "floor"), True))
        ours.append(run(PLI, "ingest", str(source), str(fresh(table)), *settings).clock)
    compare(bounds, f"{kind} {megabytes} MB to Delta, beside DuckDB's COPY", ours, peer, 1.10)
    compare(bounds, f"{kind}, beside a COPY that is told the types", ours, told, None)
    shutil.rmtree(source)


SMALL_PEER = """
import polars as pl, sys, glob, time
t = time.perf_counter()
for f in sorted(glob.glob(sys.argv[1] + '/*.csv')):
    pl.read_csv(f, try_parse_dates=True).write_delta(sys.argv[2], mode='append')
print(time.perf_counter() - t)
"""


def bench_small(bounds: Bounds, work: Path, runs: int) -> None:
    source = work / "small"
    source.mkdir()
    for n in range(200):
        lines = ["id,name,at"] + [f"{n * 100 + i},name{i},2026-01-01T00:00:{i % 60:02}Z" for i in range(100)]
        (source / f"f{n:04}.csv").write_text("\n".join(lines) + "\n")
    settle(source)
    full, relaxed, peer = [], [], []
    for _ in range(runs):
        peer.append(float(python(SMALL_PEER, str(source), str(fresh(work / "peer"))).output.split()[-1]))
        common = ("--format", "csv", "--max-files", "1", "-q")
        full.append(run(PLI, "ingest", str(source), str(fresh(work / "t1")), *common).clock)
        relaxed.append(
            run(PLI, "ingest", str(source), str(fresh(work / "t2")), *common, "--durability", "relaxed").clock
        )
    compare(bounds, "200 small batches, all synced, beside a Polars loop", full, peer, 0.50)
    compare(bounds, "200 small batches, relaxed, beside a Polars loop", relaxed, peer, 0.25)


def bench_idle(bounds: Bounds, work: Path, runs: int) -> None:
    source = work / "idle"
    for folder in range(50):
        (source / f"d{folder:02}").mkdir(parents=True)
        for n in range(200):
            (source / f"d{folder:02}" / f"f{n:03}.csv").write_text(f"id\n{n}\n")
    settle(source)
    (work / "pli.yaml").write_text(
        json.dumps(
            {
                "version": 1,
                "jobs": {
                    "idle": {
                        "source": {
                            "format": "csv",
                            "path": str(source),
                            "recursive": True,
                            "max_files_per_trigger": 10,
                            "settle_time": "0s",
                        },
                        "sink": {"format": "delta", "path": str(work / "idle-table")},
                        "durability": "relaxed",
                    }
                },
            }
        )
    )
    config = str(work / "pli.yaml")
    run(PLI, "run", "-c", config, "-q")
    median = {
        what: statistics.median(run(*args).clock for _ in range(21)) * 1e3
        for what, args in {
            "run": (PLI, "run", "-c", config, "-q"),
            "status": (PLI, "status", "-c", config, "-q", "--json"),
            "true": ("/bin/true",),
        }.items()
    }
    bounds.most("run, nothing to do (1,000 batches)", median["run"], 15, "ms", f"/bin/true {median['true']:.2f} ms")
    bounds.most("status", median["status"], 10, "ms")
    (source / "d25" / "new.csv").write_text("id\n7\n")
    read = json.loads(run(PLI, "run", "-c", config, "--json", "-q").output)[0]["files"]
    bounds.holds("a file dropped just before is read", read == 1, f"{read} of 1")


def bench_partitions(bounds: Bounds, work: Path) -> None:
    source = work / "wide"
    generate(source, "csv", 520, 8, days=1500)
    table = fresh(work / "parts")
    settings = ("--format", "csv", "--partition-by", "day", "--memory", "512MiB", "--threads", "2", "-q")
    took = run(PLI, "ingest", str(source), str(table), *settings)
    what = "520 MB CSV into 1,500 partitions under 512 MiB"
    bounds.most(f"{what}: peak", took.peak, 663, "MiB", f"{took.clock:.1f} s")
    bounds.most(f"{what}: files", len(list(table.glob("day=*/*.parquet"))), 1800)
    shutil.rmtree(source)


def bench_memory(bounds: Bounds, work: Path, megabytes: int) -> None:
    source = work / "large"
    generate(source, "csv", megabytes, 16)
    settings = ("--format", "csv", "--memory", "1GiB", "--threads", "2", "-q")
    took = run(PLI, "ingest", str(source), str(fresh(work / "large-table")), *settings)
    bounds.most(f"{megabytes} MB CSV under 1 GiB: peak", took.peak, 1226, "MiB", f"{took.clock:.1f} s")
    shutil.rmtree(source)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="csv,ndjson,small,idle,partitions,memory")
    parser.add_argument("--big", action="store_true", help="8 GB of input under 1 GiB instead of 2 GB")
    options = parser.parse_args()
    only = options.only.split(",")
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as folder:
        work = Path(folder)
        for kind in ("csv", "ndjson"):
            if kind in only:
                bench_bulk(bounds, work, kind, options.megabytes, options.runs)
        if "small" in only:
            bench_small(bounds, work, options.runs)
        if "idle" in only:
            bench_idle(bounds, work, options.runs)
        if "partitions" in only:
            bench_partitions(bounds, work)
        if "memory" in only:
            bench_memory(bounds, work, 8000 if options.big else 2000)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
