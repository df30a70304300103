"""Long runs: a pipeline that is killed again and again, and one that runs for thousands of batches. test_endurance.py runs both in
small; the long ones are started by hand:

    python tests/python/endurance.py kills 1000
    python tests/python/endurance.py batches 10000
"""

import argparse
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

import polars_incremental as pli

# Gives birth to one pipeline a line that it reads. Polars and the package are loaded once; neither has run anything before the fork.
_PROGRAM = """
import os, sys, traceback
import polars as pl
import polars_incremental as pli

source, checkpoint, table = sys.argv[1:]

def transform(lf, state, batch_id):
    seen = state.load_json("seen", {"batches": 0, "sum": 0})
    seen = {"batches": seen["batches"] + 1, "sum": seen["sum"] + lf.select(pl.col("a").sum()).collect().item()}
    state.save_json("seen", seen)
    state.save_parquet("last", pl.DataFrame({"batch": [batch_id]}))
    return lf

def live():
    pli.Pipeline(
        pli.FilesSource(source, file_format="parquet", max_files_per_trigger=1),
        checkpoint, pl.scan_parquet, pli.DeltaSink(table), transform,
    ).run(once=False, sleep=0)

for _ in sys.stdin:
    pid = os.fork()
    if not pid:
        try:
            live()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(pid, flush=True)
    print(os.waitpid(pid, 0)[1], flush=True)
"""


def put_files(source, start, n):
    for i in range(start, start + n):
        unfinished = source / f".{i:07}.tmp"
        pl.DataFrame({"a": [i, i + 1]}).write_parquet(unfinished)
        unfinished.rename(source / f"{i:07}.parquet")


def life(nursery, seconds):
    """One pipeline, killed after so long (None: never): whether it was, and its status."""
    nursery.stdin.write(b"\n")
    pid = int(nursery.stdout.readline())
    was_killed = seconds is not None and not select.select([nursery.stdout], [], [], seconds)[0]
    if was_killed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself just now
            was_killed = False
    return was_killed, int(nursery.stdout.readline())


def kills(folder, n, seed, say=lambda text: None):
    """Kill the pipeline n times at random moments; what is wrong afterwards, as a list of sentences."""
    r = random.Random(seed)
    source, checkpoint, table = (folder / name for name in ("in", "cp", "table"))
    source.mkdir()
    files = killed = before = 0
    window = 0.25
    command = [sys.executable, "-c", _PROGRAM, *map(str, (source, checkpoint, table))]
    # without a buffer: what was read ahead of the line asked for would be hidden from select()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as nursery:
        while killed < n:
            done = pli.inspect_checkpoint(checkpoint).commits
            # about one batch a life, however busy the machine is
            window *= 1.1 if done == before else 0.9
            before = done
            if files - done < 40:
                put_files(source, files, 40)
                files += 40
            was_killed, status = life(nursery, r.uniform(0, window))
            if status and not was_killed:
                return [f"after {killed} kills the pipeline failed by itself"]
            killed += was_killed
            if was_killed and killed % 100 == 0:
                say(f"{killed} kills, {done} batches")
        _, status = life(nursery, None)
        nursery.stdin.close()
    if status:
        return ["the last run failed"]
    return wrong(folder, files)


def wrong(folder, files):
    """Rows, counters and records against the model: each file once."""
    found = []
    rows = pli.scan_delta(folder / "table").collect()["a"].sort()
    model = pl.Series("a", [x for i in range(files) for x in (i, i + 1)]).sort()
    if not rows.equals(model):
        found.append(f"the table has {rows.len()} rows, the model {model.len()}")
    state = pli.JobState(folder / "cp" / "state")
    seen = state.load_json("seen", None)
    if seen != {"batches": files, "sum": model.sum()}:
        found.append(f"the counters are {seen}, the model has {files} batches with the sum {model.sum()}")
    if state.load_parquet("last").item() != files - 1:
        found.append("the last state is not that of the last batch")
    info = pli.inspect_checkpoint(folder / "cp")
    if (info.offsets, info.commits, info.pending) != (files, files, 0):
        found.append(f"the checkpoint has {info.offsets} offsets and {info.commits} commits for {files} files")
    return found


def resident_mb():
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * resource.getpagesize() / 2**20


def batches(folder, n, say=lambda text: None):
    """Run n batches in this process; resident memory (MB) after each tenth of them."""
    source = folder / "in"
    source.mkdir()
    counter = {"rows": 0}

    def transform(lf, state):
        state.save_json("n", state.load_json("n", 0) + 1)
        return lf.with_columns(b=pl.col("a") * 2)

    def writer(lf, batch_id):
        counter["rows"] += lf.select(pl.len()).collect().item()
        if batch_id % 10 == 0:
            return pli.DeltaSink(folder / "table")(lf)
        return {"rows": counter["rows"]}

    pipeline = pli.Pipeline(
        pli.FilesSource(source, file_format="parquet", max_files_per_trigger=1),
        folder / "cp",
        pl.scan_parquet,
        writer,
        transform,
        pli.SchemaEvolution("add_new_columns"),
        pli.LoggingObserver(),
    )
    step = max(n // 10, 1)
    used = []
    for start in range(0, n, step):
        put_files(source, start, step)
        pipeline.run(once=False, sleep=0)
        used.append(resident_mb())
        say(f"{start + step} batches: {used[-1]:.1f} MB")
    return used


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kills", "batches"])
    parser.add_argument("n", type=int)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()

    def say(text):
        print(text, flush=True)

    with tempfile.TemporaryDirectory(prefix="pli-endurance-") as tmp:
        if options.what == "kills":
            say(f"seed {options.seed}")
            found = kills(Path(tmp), options.n, options.seed, say)
            say("\n".join(found) or f"{options.n} kills: rows, counters and records are those of the model")
            return 1 if found else 0
        used = batches(Path(tmp), options.n, say)
        growth = used[-1] - used[len(used) // 2]
        say(f"{options.n} batches: {growth:+.1f} MB over the second half")
        return 1 if growth > 8 else 0


if __name__ == "__main__":
    sys.exit(main())
