"""Discovery of many files: what a plan costs when nothing, a little, or everything is new.

    python tests/bench/bench_discovery.py [--files 1000000] [--keep FOLDER]

A million files in a thousand folders, and in one; planning is judged by its processor time. Files are empty: only names and times count here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from measure import Bounds, compile_program, run


def generate(root: Path, folders: int, files: int, start: int = 0) -> None:
    for d in range(folders):
        folder = root / f"d{d:05}" if folders > 1 else root
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(start, start + files):
            os.close(os.open(f"{folder}/part-{i:08}.csv", os.O_CREAT | os.O_WRONLY))
    time.sleep(0.1)  # folders that were changed in this very moment are listed again


def plan(program: Path, source: Path, checkpoint: Path, max_files: int) -> dict[str, float]:
    said: dict[str, float] = json.loads(run(str(program), str(source), str(checkpoint), str(max_files)).output)
    return said


def measure(
    bounds: Bounds, program: Path, work: Path, name: str, folders: int, files: int, bound_of_new: float
) -> None:
    """Processor time decides where it is told: others on the machine make the clock run longer."""
    source, checkpoint = work / name, work / f"{name}-checkpoint"
    scale = folders * files / 1_000_000
    generate(source, folders, files)
    first = plan(program, source, checkpoint, 10_000)
    later = (first["plan_ms"] - first["first_ms"]) / max(first["batches"] - 1, 1)
    title = f"{name}: {first['files']:.0f} files, first discovery, planning in all"
    bounds.most(title, first["plan_cpu_ms"], 6000 * scale, "ms", f"clock {first['plan_ms']:.1f} ms")
    what = f"{name}: last batch beside the average of the later ones"
    bounds.most(what, first["last_ms"] / max(later, 0.001), 2, "x")
    bounds.most(f"{name}: resident memory", first["peak_mb"], 100, "MB")
    names = folders * files * len("part-00000000.csv")
    size = sum(f.stat().st_size for f in checkpoint.glob("index.db*"))
    bounds.most(f"{name}: index, bytes a file beyond its name", (size - names) / (folders * files), 80, "B")
    idle = min(plan(program, source, checkpoint, 10_000)["idle_ms"] for _ in range(3))
    bounds.most(f"{name}: none new", idle, 100, "ms")
    took = []
    for k in range(3):
        generate(source / "d00000" if folders > 1 else source, 1, 1000, start=5_000_000 + k * 1000)
        more = plan(program, source, checkpoint, 10_000)
        took.append((more["first_ms"], more["first_cpu_ms"]))
    new, new_cpu = sorted(took)[1]
    bounds.most(f"{name}: 1,000 new files in one folder", new_cpu, bound_of_new, "ms", f"clock {new:.1f} ms")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="work here and leave everything behind")
    options = parser.parse_args()
    work = options.keep or Path(tempfile.mkdtemp(prefix="pli-bench-discovery-"))
    work.mkdir(parents=True, exist_ok=True)
    bounds = Bounds()
    try:
        program = compile_program("discovery", work)
        measure(bounds, program, work, "folders", 1000, options.files // 1000, 150)
        measure(bounds, program, work, "flat", 1, options.files, 800)
    finally:
        if not options.keep:
            shutil.rmtree(work)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
