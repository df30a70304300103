"""Upkeep of the log of big Delta tables beside delta-rs, in the same run. Prints ratios.

    python tests/bench/bench_delta_log.py [--files 1000000] [--appends 1050] [--peer-appends 3]

Bounds (exit 1 when one is missed): a checkpoint of a million files within 4 s of processor time and 500 MB; appends of 1,000 rows
to that table, kept open: the first within 1 s, then 30 ms in the median and 100 ms in the mean with their checkpoints, and those
at most half of the time (classic and v2); 1,000 commits in a row at a cost that does not grow. Appends are held to the clock, or
to processor time where the machine is busy with something else; its load is printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_delta_read import make_checkpoint
from measure import PLI, Bounds, busy, compile_program, python, run

PEER_APPEND = """
import sys, time, pyarrow as pa, datetime, deltalake
t = pa.table({"id": pa.array(range(1000), pa.int64()), "ts": pa.array([datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)] * 1000, pa.timestamp("us", tz="UTC")), "name": ["name"] * 1000, "x": [0.5] * 1000})
table = deltalake.DeltaTable(sys.argv[1])
for i in range(int(sys.argv[2])):
    start = time.monotonic()
    deltalake.write_deltalake(table, t, mode="append")
    print(time.monotonic() - start)
"""


def times(output: str) -> dict[str, float]:
    """What append.c says, by the clock that tells something."""
    said: dict[str, dict[str, float]] = json.loads(output)
    return said["processor" if busy() else "clock"]


def copy(table: Path, name: str) -> Path:
    target = table.parent / name
    subprocess.run(["cp", "-r", str(table), str(target)], check=True)
    return target


def bench_checkpoint(bounds: Bounds, big: Path, files: int) -> None:
    """A new version first, so that there is something to write."""
    ours = run(PLI, "delta", "checkpoint", str(copy(big, "checkpoint")), "--json")
    assert json.loads(ours.output)[-1]["addFiles"] >= files
    what = f"classic checkpoint of {files:,} files"
    bounds.most(f"{what}, processor", ours.processor, 0.3 + 3.7 * files / 1e6, "s", f"clock {ours.clock:.2f} s")
    bounds.most(f"{what}, peak", ours.peak, 500, "MB")
    peer = python(
        "import sys, deltalake; deltalake.DeltaTable(sys.argv[1]).create_checkpoint()", str(copy(big, "peer"))
    )
    bounds.ratio(f"{what}, beside delta-rs", ours.processor, peer.processor, None)
    bounds.ratio(f"{what}, beside delta-rs", ours.peak, peer.peak, None, "MB")


def bench_appends(bounds: Bounds, program: Path, big: Path, policy: str, appends: int) -> dict[str, float]:
    table = copy(big, f"append-{policy}")
    if policy == "v2":
        run(PLI, "delta", "set", str(table), "delta.checkpointPolicy=v2")
        run(PLI, "delta", "checkpoint", str(table))
    took = run(str(program), str(table), str(appends), "1000")
    m = times(took.output)
    bounds.most(f"{policy}: first append of 1,000 rows", m["first_ms"], 1000, "ms")
    bounds.most(f"{policy}: {appends} appends, median", m["median_ms"], 30, "ms")
    bounds.most(f"{policy}: {appends} appends, mean with checkpoints", m["mean_ms"], 100, "ms")
    bounds.holds(f"{policy}: a checkpoint fell among them", m["upkeep"] > 0, f"longest {m['max_ms']:.0f} ms")
    bounds.most(f"{policy}: part of the checkpoints", m["upkeep"], 0.5)
    print(f"  processor {took.processor / appends * 1e3:.1f} ms an append, peak {took.peak:.0f} MB")
    return m


def bench_peer(bounds: Bounds, big: Path, appends: int, ours: dict[str, float]) -> None:
    took = python(PEER_APPEND, str(copy(big, "peer-append")), str(appends))
    each = [float(line) * 1e3 for line in took.output.split()]
    note = f"theirs in {took.peak:.0f} MB"
    bounds.ratio("an append, beside delta-rs", ours["mean_ms"], sum(each) / len(each), None, "ms", note)


def bench_many(bounds: Bounds, program: Path, folder: Path) -> None:
    m = times(run(str(program), str(folder / "many"), "1000", "10").output)
    growth = m["last_tenth_ms"] / m["first_tenth_ms"]
    note = f"median {m['median_ms']:.2f} ms, mean {m['mean_ms']:.2f} ms a commit"
    bounds.most("1,000 commits: last tenth / first tenth", growth, 1.5, "x", note)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--appends", type=int, default=1050, help="so many that a checkpoint falls among them")
    parser.add_argument("--peer-appends", type=int, default=3)
    options = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-log-") as name:
        folder = Path(name)
        program = compile_program("append", folder)
        big = folder / "big"
        make_checkpoint(big, options.files)
        hint = {"version": 10, "size": options.files + 2, "numOfAddFiles": options.files}
        (big / "_delta_log/_last_checkpoint").write_text(json.dumps(hint))
        bench_many(bounds, program, folder)
        bench_checkpoint(bounds, big, options.files)
        classic = bench_appends(bounds, program, big, "classic", options.appends)
        bench_peer(bounds, big, options.peer_appends, classic)
        bench_appends(bounds, program, big, "v2", options.appends)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
