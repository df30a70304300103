"""What schema evolution costs where nothing changes: the same CSV batch with evolution (a stored schema, any mode, rescue column) and
without (an explicit schema, strict, nothing kept beside the rows).

    python tests/bench/bench_schema.py [--megabytes 500] [--runs 5] [--modes add_new_columns,coerce,type_widen,strict]

Both sides run in turn, in processes of their own, over the same files; a small batch has fixed the schema before. Printed are the
medians of the paired ratios, of processor time and of wall time; the target is 1.03.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench_ingest import COLUMNS, PLI, ROWS_SQL, generate, settle

TARGET = 1.03


def job(folder: Path, name: str, schema: dict) -> None:
    """A job of that schema section over the folder's files, with one small batch behind it."""
    import duckdb

    home = folder / name
    (home / "in").mkdir(parents=True)
    sql = ROWS_SQL.format(days=100, start=0, stop=1000)
    duckdb.connect().execute(f"COPY ({sql}) TO '{home / 'in' / '0.csv'}' (FORMAT csv, HEADER)")
    settle(home)
    spec = {
        "source": {"format": "csv", "path": str(home / "in")},
        "sink": {"format": "delta", "path": str(home / "out")},
        "checkpoint": str(home / "cp"),
        "schema": schema,
    }
    (home / "pli.yaml").write_text(json.dumps({"version": 1, "defaults": {"threads": 2}, "jobs": {"j": spec}}))
    run(home)
    for path in (folder / "files").iterdir():
        os.link(path, home / "in" / path.name)


def run(home: Path) -> tuple[float, float]:
    """Processor and wall seconds of a run of the job in a folder."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([PLI, "run", "-q", "-c", str(home / "pli.yaml")], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        time.perf_counter() - start,
    )


def trial(folder: Path, schema: dict) -> tuple[float, float]:
    """The large batch, by a job that is made for it."""
    shutil.rmtree(folder / "job", ignore_errors=True)
    job(folder, "job", schema)
    return run(folder / "job")


def compare(folder: Path, mode: str, runs: int) -> bool:
    off = {"mode": "strict", "columns": COLUMNS}
    on = {"mode": mode, "rescue_mode": "column"}
    ratios = []
    for n in range(runs):
        sides = [off, on] if n % 2 == 0 else [on, off]
        seconds = {id(side): trial(folder, side) for side in sides}
        ratios.append([with_ / without for with_, without in zip(seconds[id(on)], seconds[id(off)], strict=True)])
    cpu, wall = (statistics.median(r[k] for r in ratios) for k in range(2))
    print(
        f"{mode:16} processor time {cpu:5.3f}x   wall {wall:5.3f}x   (target {TARGET}x, load {os.getloadavg()[0]:.1f})"
    )
    return cpu <= TARGET


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--modes", default="add_new_columns,coerce,type_widen,strict")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="pli-bench-"))
    try:
        generate(folder / "files", "csv", options.megabytes, 4)
        within = [compare(folder, mode, options.runs) for mode in options.modes.split(",")]
        print("within the target" if all(within) else "NOT within the target")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
