"""Ingestion beside its floor: DuckDB's bare COPY of the same query, and a Polars read + write_delta loop.

    python tests/bench/bench_ingest.py [--megabytes 500] [--runs 3] [--only csv,ndjson,small,idle,partitions,memory] [--big]

Every comparison runs both sides in turn, in the same process environment, and prints the ratio of the medians. Absolute
times are only there to read the ratios by.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

PLI = str(Path(os.environ.get("PLI", "build/release/bin/pli")).resolve())
MEMORY, THREADS = "2GiB", 2


def run(*args: str, cwd: Path | None = None) -> tuple[float, float]:
    """Wall seconds and peak MiB of a finished process; fails when it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(args, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(args)}: exit {process.returncode}\n{out}\n{err}")
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def peak_of(*args: str) -> tuple[float, float]:
    """Wall seconds and peak MiB of one process alone (the kernel's maximum is over all children, hence /proc)."""
    start = time.perf_counter()
    process = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        try:
            for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    peak = max(peak, int(line.split()[1]) / 1024)
        except (FileNotFoundError, ProcessLookupError):
            pass
        time.sleep(0.02)
    if process.returncode:
        sys.exit(f"{' '.join(args)}: exit {process.returncode}\n{process.stderr.read() if process.stderr else ''}")
    return time.perf_counter() - start, peak


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


def floor(kind: str, source: Path, target: Path) -> float:
    """DuckDB's bare COPY of the same rows to Parquet, types given, in a process of its own; its import is not counted."""
    reader = (
        f"read_csv('{source}/*.csv', header=true, auto_detect=false, delim=',', quote='\"', columns={COLUMNS})"
        if kind == "csv"
        else f"read_json('{source}/*.ndjson', format='newline_delimited', columns={COLUMNS})"
    )
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
    sql = f"COPY (SELECT * FROM {reader}) TO '{target}/out.parquet' (FORMAT parquet, COMPRESSION zstd)"
    done = subprocess.run([sys.executable, "-c", code, sql], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def fresh(path: Path) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    return path


def report(name: str, ours: list[float], peer: list[float], peer_name: str, target: str) -> None:
    a, b = statistics.median(ours), statistics.median(peer)
    print(f"{name:34} pli {a:8.3f} s   {peer_name} {b:8.3f} s   ratio {a / b:6.3f}   (target {target})", flush=True)


def bench_bulk(work: Path, kind: str, megabytes: int, runs: int) -> None:
    source = work / f"src-{kind}"
    generate(source, kind, megabytes, 8)
    ours, peer = [], []
    for _ in range(runs):
        peer.append(floor(kind, source, fresh(work / "floor")))
        table = fresh(work / "table")
        ours.append(
            run(
                PLI,
                "ingest",
                str(source),
                str(table),
                "--format",
                kind,
                "--memory",
                MEMORY,
                "--threads",
                str(THREADS),
                "-q",
            )[0]
        )
    report(f"{kind} {megabytes} MB to Delta", ours, peer, "DuckDB COPY", "<= 1.10")
    shutil.rmtree(source)


SMALL_PEER = """
import polars as pl, sys, glob, time
t = time.perf_counter()
for f in sorted(glob.glob(sys.argv[1] + '/*.csv')):
    pl.read_csv(f, try_parse_dates=True).write_delta(sys.argv[2], mode='append')
print(time.perf_counter() - t)
"""


def bench_small(work: Path, runs: int) -> None:
    source = work / "small"
    source.mkdir()
    for n in range(200):
        lines = ["id,name,at"] + [f"{n * 100 + i},name{i},2026-01-01T00:00:{i % 60:02}Z" for i in range(100)]
        (source / f"f{n:04}.csv").write_text("\n".join(lines) + "\n")
    settle(source)
    full, relaxed, peer = [], [], []
    for _ in range(runs):
        done = subprocess.run(
            [sys.executable, "-c", SMALL_PEER, str(source), str(fresh(work / "peer"))],
            capture_output=True,
            text=True,
            check=True,
        )
        peer.append(float(done.stdout.split()[-1]))
        common = ("--format", "csv", "--max-files", "1", "-q")
        full.append(run(PLI, "ingest", str(source), str(fresh(work / "t1")), *common)[0])
        relaxed.append(run(PLI, "ingest", str(source), str(fresh(work / "t2")), *common, "--durability", "relaxed")[0])
    report("200 small batches, all synced", full, peer, "Polars loop", "<= 0.50")
    report("200 small batches, relaxed", relaxed, peer, "Polars loop", "<= 0.25")


def bench_idle(work: Path, runs: int) -> None:
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
    nothing = [run(PLI, "run", "-c", config, "-q")[0] for _ in range(21)]
    status = [run(PLI, "status", "-c", config, "-q", "--json")[0] for _ in range(21)]
    hello = [run("/bin/true")[0] for _ in range(21)]
    print(
        f"{'run, nothing to do (1,000 batches)':34} pli {statistics.median(nothing) * 1e3:8.2f} ms  (target <= 15 ms; /bin/true {statistics.median(hello) * 1e3:.2f} ms)"
    )
    print(f"{'status':34} pli {statistics.median(status) * 1e3:8.2f} ms  (target <= 10 ms)")
    (source / "d25" / "new.csv").write_text("id\n7\n")
    done = subprocess.run([PLI, "run", "-c", config, "--json", "-q"], capture_output=True, text=True, check=True)
    print(f"{'a file dropped just before':34} files read: {json.loads(done.stdout)[0]['files']} (target 1)")


def bench_partitions(work: Path) -> None:
    source = work / "wide"
    generate(source, "csv", 520, 8, days=1500)
    table = fresh(work / "parts")
    seconds, peak = peak_of(
        PLI,
        "ingest",
        str(source),
        str(table),
        "--format",
        "csv",
        "--partition-by",
        "day",
        "--memory",
        "512MiB",
        "--threads",
        "2",
        "-q",
    )
    files = len(list(table.glob("day=*/*.parquet")))
    print(
        f"{'520 MB CSV into 1,500 partitions':34} pli {seconds:8.1f} s   peak {peak:.0f} MiB (limit 512, target <= 663), {files} files (target <= 1800)"
    )
    shutil.rmtree(source)


def bench_memory(work: Path, megabytes: int) -> None:
    source = work / "large"
    generate(source, "csv", megabytes, 16)
    seconds, peak = peak_of(
        PLI,
        "ingest",
        str(source),
        str(fresh(work / "large-table")),
        "--format",
        "csv",
        "--memory",
        "1GiB",
        "--threads",
        "2",
        "-q",
    )
    print(f"{f'{megabytes} MB CSV under 1 GiB':34} pli {seconds:8.1f} s   peak {peak:.0f} MiB (target <= 1226)")
    shutil.rmtree(source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="csv,ndjson,small,idle,partitions,memory")
    parser.add_argument("--big", action="store_true", help="8 GB of input under 1 GiB instead of 2 GB")
    options = parser.parse_args()
    only = options.only.split(",")
    work = Path(tempfile.mkdtemp(prefix="pli-bench-"))
    try:
        for kind in ("csv", "ndjson"):
            if kind in only:
                bench_bulk(work, kind, options.megabytes, options.runs)
        if "small" in only:
            bench_small(work, options.runs)
        if "idle" in only:
            bench_idle(work, options.runs)
        if "partitions" in only:
            bench_partitions(work)
        if "memory" in only:
            bench_memory(work, 8000 if options.big else 2000)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
