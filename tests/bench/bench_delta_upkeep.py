"""Vacuum, history, detail and the list of files of big Delta tables beside delta-rs. Prints ratios.

    python tests/bench/bench_delta_upkeep.py [--files 100000] [--commits 10000] [--log-files 1000000] [--runs 2]

Bounds (exit 1 when one is missed), in processor time of whole processes (delta-rs's import is not counted) and in peak memory:
vacuum of a table with so many files and half as many that nothing refers to, dry and in earnest, in no more time and memory
than delta-rs's, and ten times as many files in at most fifteen times what a tenth takes; vacuum's view of the log, the history,
the details and the list of files, of many commits and of a checkpoint of many files, in no more time and memory than
delta-rs's. delta-rs gives its list as Arrow; ours is JSON, which is told without a bound on the time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench_delta_read import add, commit, head, make_checkpoint, make_commits, name, stats
from measure import PLI, Bounds, Took, python, run

DELTA_RS = """
import sys, deltalake
what, path = sys.argv[1:] if len(sys.argv) > 1 else ("", "")
table = deltalake.DeltaTable(path) if what else None
if what == "dry": table.vacuum(dry_run=True, full=True)
if what == "vacuum": table.vacuum(dry_run=False, full=True)
if what == "history": table.history()
if what == "detail": table.metadata(); table.protocol(); table.get_add_actions()
if what == "files": table.get_add_actions()
"""
OURS = {
    "dry": ("vacuum", "--dry-run", "-q"),
    "vacuum": ("vacuum", "--yes", "-q"),
    "history": ("history", "--json"),
    "detail": ("detail", "--json"),
    "files": ("files", "--json"),
}


def make_folder(table: Path, files: int) -> Path:
    """So many files that the table knows and half as many that it does not, all of them old."""
    table.mkdir()
    commit(table, 0, head() + [add(name(i), 1, stats(i)) for i in range(files)])
    month_ago = time.time() - 30 * 86400
    for i in range(files + files // 2):
        path = table / name(i)
        path.touch()
        os.utime(path, (month_ago, month_ago))
    return table


def ours(what: str, table: Path) -> Took:
    command, *flags = OURS[what]
    return run(PLI, "delta", command, str(table), *flags)


def compare(bounds: Bounds, title: str, what: str, tables: list[tuple[Path, Path]], idle: float) -> Took:
    """On pairs of equal tables, ours and theirs; in one there may be work for one run only."""
    took = [(ours(what, a), python(DELTA_RS, what, str(b))) for a, b in tables]
    best = min(t.processor for t, _ in took), min(t.processor for _, t in took) - idle
    note = f"clock {min(t.clock for t, _ in took):.2f} and {min(t.clock for _, t in took):.2f} s"
    bounds.ratio(f"{title}: {what}", *best, None if what == "files" else 1.0, note=note)
    peaks = max(t.peak for t, _ in took), max(t.peak for _, t in took)
    bounds.ratio(f"{title}: {what}", *peaks, 1.0, "MB")
    return Took(best[0], 0, peaks[0], "")


def bench_vacuum(bounds: Bounds, folder: Path, files: int, idle: float, runs: int) -> None:
    tenth = make_folder(folder / "tenth", files // 10)
    small = {what: ours(what, tenth) for what in ("dry", "vacuum")}
    for i in range(runs):
        make_folder(folder / f"ours-{i}", files)
        make_folder(folder / f"peer-{i}", files)
    tables = [(folder / f"ours-{i}", folder / f"peer-{i}") for i in range(runs)]
    for what in ("dry", "vacuum"):
        big = compare(bounds, f"{files:,} files and half of others", what, tables, idle)
        bounds.most(f"{what}: time beside a tenth of them", big.processor / small[what].processor, 15, "x")
        bounds.most(f"{what}: memory beside a tenth of them", big.peak / small[what].peak, 15, "x")
    for mine, theirs in tables:
        left = [sum(1 for _ in t.glob("*.parquet")) for t in (mine, theirs)]
        bounds.holds("files left", left == [files, files], f"{left[0]:,} and {left[1]:,}")


def bench_log(bounds: Bounds, title: str, table: Path, idle: float, runs: int) -> None:
    for what in ("dry", "history", "detail", "files"):
        compare(bounds, title, what, [(table, table)] * runs, idle)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--log-files", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as temp:
        folder = Path(temp)
        idle = min(python(DELTA_RS).processor for _ in range(3))
        bench_vacuum(bounds, folder, options.files, idle, options.runs)
        make_commits(folder / "commits", options.commits)
        bench_log(bounds, f"{options.commits:,} commits", folder / "commits", idle, options.runs)
        make_checkpoint(folder / "checkpoint", options.log_files)
        bench_log(bounds, f"checkpoint of {options.log_files:,} files", folder / "checkpoint", idle, options.runs)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
