"""Upkeep of the log of big Delta tables beside delta-rs, in the same run. Prints ratios.

    python tests/bench/bench_delta_log.py [--files 1000000] [--appends 650] [--peer-appends 3]

Bounds (exit 1 when one is missed): a checkpoint of a million files within 4 s of processor time and 500 MB; appends of 1,000 rows
to that table, kept open: the first within 1 s, then 30 ms in the median and 100 ms in the mean with their checkpoints, and those
at most half of the time (classic and v2); 1,000 commits in a row at a cost that does not grow. Appends are held to the clock, or
to processor time where the machine is busy with something else; its load is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_delta_read import make_checkpoint

ROOT = Path(__file__).resolve().parents[2]
PLI = str(Path(os.environ.get("PLI", ROOT / "build/release/bin/pli")).resolve())
PREFIX = Path(PLI).parents[1]
missed: list[str] = []

PEER_APPEND = """
import sys, time, pyarrow as pa, datetime, deltalake
t = pa.table({"id": pa.array(range(1000), pa.int64()), "ts": pa.array([datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)] * 1000, pa.timestamp("us", tz="UTC")), "name": ["name"] * 1000, "x": [0.5] * 1000})
table = deltalake.DeltaTable(sys.argv[1])
for i in range(int(sys.argv[2])):
    start = time.monotonic()
    deltalake.write_deltalake(table, t, mode="append")
    print(time.monotonic() - start)
"""


def run(*args: str) -> tuple[float, float, str]:
    """Processor seconds, peak MB and output of one process."""
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out, err = process.stdout.read(), process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f"{' '.join(args)}: exit {process.returncode}\n{out}{err}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out


def check(what: str, value: float, bound: float, unit: str, note: str = "") -> None:
    ok = value <= bound
    print(
        f"{what:<58} {value:9.2f} {unit:<3} (bound {bound:.2f}) {'ok' if ok else 'MISSED'} {note}",
        flush=True,
    )
    if not ok:
        missed.append(what)


def times(output: str) -> dict[str, float]:
    """What append.c says, by the clock that tells something."""
    m = json.loads(output)
    return m["processor" if os.getloadavg()[0] > os.cpu_count() else "clock"]


def build(folder: Path) -> Path:
    program = folder / "append"
    subprocess.run(
        [
            "cc",
            "-O2",
            "-std=gnu11",
            f"-I{ROOT}/include",
            str(ROOT / "tests/bench/append.c"),
            "-o",
            str(program),
        ]
        + [f"-L{PREFIX}/lib", "-lpli", f"-Wl,-rpath,{PREFIX}/lib"],
        check=True,
    )
    return program


def copy(table: Path, name: str) -> Path:
    target = table.parent / name
    subprocess.run(["cp", "-r", str(table), str(target)], check=True)
    return target


def bench_checkpoint(big: Path, files: int) -> float:
    """A new version first, so that there is something to write."""
    table = copy(big, "checkpoint")
    seconds, peak, out = run(PLI, "delta", "checkpoint", str(table), "--json")
    assert json.loads(out)[-1]["addFiles"] >= files
    check(
        f"classic checkpoint of {files} files, processor",
        seconds,
        0.3 + 3.7 * files / 1e6,
        "s",
    )
    check(f"classic checkpoint of {files} files, peak", peak, 500, "MB")
    theirs, their_peak, _ = run(
        sys.executable,
        "-c",
        f"import deltalake; deltalake.DeltaTable({str(copy(big, 'peer-checkpoint'))!r}).create_checkpoint()",
    )
    print(f"  delta-rs {theirs:.2f} s, {their_peak:.0f} MB: ratio {seconds / theirs:.2f}, {peak / their_peak:.2f}")
    return seconds


def bench_appends(program: Path, big: Path, policy: str, appends: int, files: int) -> dict:
    table = copy(big, f"append-{policy}")
    if policy == "v2":
        run(PLI, "delta", "set", str(table), "delta.checkpointPolicy=v2")
        run(PLI, "delta", "checkpoint", str(table))
    seconds, peak, out = run(str(program), str(table), str(appends), "1000")
    m = times(out)
    check(f"{policy}: first append of 1,000 rows", m["first_ms"], 1000, "ms")
    check(f"{policy}: {appends} appends, median", m["median_ms"], 30, "ms")
    check(f"{policy}: {appends} appends, mean with checkpoints", m["mean_ms"], 100, "ms")
    # what the median does not explain are the checkpoints
    check(
        f"{policy}: part of the checkpoints",
        1 - m["median_ms"] / m["mean_ms"],
        0.6,
        "",
        f"longest {m['max_ms']:.0f} ms",
    )
    print(f"  processor {seconds / appends * 1e3:.1f} ms an append, peak {peak:.0f} MB")
    return m


def bench_peer(big: Path, appends: int, ours: dict) -> None:
    table = copy(big, "peer")
    _, peak, out = run(sys.executable, "-c", PEER_APPEND, str(table), str(appends))
    times = [float(line) * 1e3 for line in out.split()]
    theirs = sum(times) / len(times)
    print(f"  delta-rs {theirs:.0f} ms an append, {peak:.0f} MB: ratio of the means {ours['mean_ms'] / theirs:.4f}")


def bench_many(program: Path, folder: Path) -> None:
    m = times(run(str(program), str(folder / "many"), "1000", "10")[2])
    check(
        "1,000 commits: last tenth / first tenth",
        m["last_tenth_ms"] / m["first_tenth_ms"],
        1.5,
        "x",
    )
    print(f"  median {m['median_ms']:.2f} ms, mean {m['mean_ms']:.2f} ms a commit")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument(
        "--appends",
        type=int,
        default=650,
        help="so many that a checkpoint falls among them",
    )
    parser.add_argument("--peer-appends", type=int, default=3)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory(prefix="pli-bench-log-") as name:
        folder = Path(name)
        program = build(folder)
        big = folder / "big"
        make_checkpoint(big, options.files)
        hint = {
            "version": 10,
            "size": options.files + 2,
            "numOfAddFiles": options.files,
        }
        (big / "_delta_log/_last_checkpoint").write_text(json.dumps(hint))
        bench_many(program, folder)
        bench_checkpoint(big, options.files)
        classic = bench_appends(program, big, "classic", options.appends, options.files)
        bench_peer(big, options.peer_appends, classic)
        bench_appends(program, big, "v2", options.appends, options.files)
    for what in missed:
        print(f"MISSED {what}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
