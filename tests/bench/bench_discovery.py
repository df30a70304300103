"""Discovery of many files: what a plan costs when nothing, a little, or everything is new.

    python tests/bench/bench_discovery.py [--files 1000000] [--keep FOLDER]

A million files in a thousand folders, and in one; planning is judged by its processor time. Files are empty: only names and times count here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREFIX = Path(os.environ.get("PLI", ROOT / "build/release/bin/pli")).resolve().parents[1]
missed: list[str] = []


def build(folder: Path) -> Path:
    """The small program that plans, against the library that is being measured."""
    program = folder / "discovery"
    subprocess.run(
        [
            "cc",
            "-O2",
            "-std=gnu11",
            f"-I{ROOT}/include",
            str(ROOT / "tests/bench/discovery.c"),
            "-o",
            str(program),
        ]
        + [f"-L{PREFIX}/lib", "-lpli", f"-Wl,-rpath,{PREFIX}/lib"],
        check=True,
    )
    return program


def generate(root: Path, folders: int, files: int, start: int = 0) -> None:
    for d in range(folders):
        folder = root / f"d{d:05}" if folders > 1 else root
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(start, start + files):
            os.close(os.open(f"{folder}/part-{i:08}.csv", os.O_CREAT | os.O_WRONLY))
    time.sleep(0.1)  # folders that were changed in this very moment are listed again


def plan(program: Path, source: Path, checkpoint: Path, max_files: int) -> dict[str, float]:
    out = subprocess.run(
        [program, source, checkpoint, str(max_files)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return json.loads(out)


def report(what: str, value: float, bound: float, unit: str, cpu: float | None = None) -> None:
    """With processor time, that decides: others on the machine make the clock run longer."""
    judged = value if cpu is None else cpu
    verdict = "ok" if judged <= bound else "MISSED"
    beside = "" if cpu is None else f", processor {cpu:.1f}"
    print(
        f"{what:<62} {value:>10.1f} {unit:<3} (at most {bound:g}{beside})  {verdict}",
        flush=True,
    )
    if judged > bound:
        missed.append(what)


def measure(program: Path, work: Path, name: str, folders: int, files: int, bound_of_new: float) -> None:
    source, checkpoint = work / name, work / f"{name}-checkpoint"
    scale = folders * files / 1_000_000
    generate(source, folders, files)
    first = plan(program, source, checkpoint, 10_000)
    later = (first["plan_ms"] - first["first_ms"]) / max(first["batches"] - 1, 1)
    title = f"{name}: {first['files']:.0f} files, first discovery, planning in all"
    report(title, first["plan_ms"], 6000 * scale, "ms", first["plan_cpu_ms"])
    report(
        f"{name}: last batch beside the average of the later ones",
        first["last_ms"] / max(later, 0.001),
        2,
        "x",
    )
    report(f"{name}: resident memory", first["peak_mb"], 100, "MB")
    names = folders * files * len("part-00000000.csv")
    size = sum(f.stat().st_size for f in checkpoint.glob("index.db*"))
    report(
        f"{name}: index, bytes a file beyond its name",
        (size - names) / (folders * files),
        80,
        "B",
    )
    report(
        f"{name}: none new",
        min(plan(program, source, checkpoint, 10_000)["idle_ms"] for _ in range(3)),
        100,
        "ms",
    )
    took = []
    for k in range(3):
        generate(
            source / "d00000" if folders > 1 else source,
            1,
            1000,
            start=5_000_000 + k * 1000,
        )
        more = plan(program, source, checkpoint, 10_000)
        took.append((more["first_ms"], more["first_cpu_ms"]))
    new, new_cpu = sorted(took)[1]
    report(f"{name}: 1,000 new files in one folder", new, bound_of_new, "ms", new_cpu)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="work here and leave everything behind")
    options = parser.parse_args()
    work = options.keep or Path(tempfile.mkdtemp(prefix="pli-bench-discovery-"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        program = build(work)
        measure(program, work, "folders", 1000, options.files // 1000, 150)
        measure(program, work, "flat", 1, options.files, 800)
    finally:
        if not options.keep:
            shutil.rmtree(work)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
