"""What schema evolution costs where nothing changes: the same CSV batch with evolution (a stored schema, any mode, rescue column) and
without (an explicit schema, strict, nothing kept beside the rows).

    python tests/bench/bench_schema.py [--megabytes 500] [--runs 5] [--modes add_new_columns,coerce,type_widen,strict]

Both sides run in turn, in processes of their own, over the same files; a small batch has fixed the schema before. Printed are the
medians of the paired ratios, of processor time and by the clock; the first is held to 1.03 (exit 1 when it is missed).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from bench_ingest import COLUMNS, ROWS_SQL, generate, settle
from measure import PLI, Bounds, Took, run

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
    run_job(home)
    for path in (folder / "files").iterdir():
        os.link(path, home / "in" / path.name)


def run_job(home: Path) -> Took:
    return run(PLI, "run", "-q", "-c", str(home / "pli.yaml"))


def trial(folder: Path, schema: dict) -> Took:
    """The large batch, by a job that is made for it."""
    shutil.rmtree(folder / "job", ignore_errors=True)
    job(folder, "job", schema)
    return run_job(folder / "job")


def compare(bounds: Bounds, folder: Path, mode: str, runs: int) -> None:
    off = {"mode": "strict", "columns": COLUMNS}
    on = {"mode": mode, "rescue_mode": "column"}
    processor, clock = [], []
    for n in range(runs):
        sides = [off, on] if n % 2 == 0 else [on, off]
        took = {id(side): trial(folder, side) for side in sides}
        processor.append(took[id(on)].processor / took[id(off)].processor)
        clock.append(took[id(on)].clock / took[id(off)].clock)
    note = f"clock {statistics.median(clock):.3f}x"
    bounds.most(f"{mode}: processor time, of that without", statistics.median(processor), TARGET, "x", note)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--modes", default="add_new_columns,coerce,type_widen,strict")
    options = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as name:
        folder = Path(name)
        generate(folder / "files", "csv", options.megabytes, 4)
        for mode in options.modes.split(","):
            compare(bounds, folder, mode, options.runs)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
