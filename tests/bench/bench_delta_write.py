"""Writing Delta tables beside DuckDB's bare COPY, putting files together beside delta-rs. Prints ratios.

    python tests/bench/bench_delta_write.py [--rows 5000000] [--runs 4] [--parts write,optimize,zorder]

Bounds (exit 1 when one is missed), in processor time of whole processes; the import of the others' libraries is not counted,
all that pli does is:
  write     append and overwrite, from a Parquet file and from a query: 1.05 x COPY of the same query with the same codec,
            threads, file size and order; append also into a table with partitions, where COPY sorts by them as well
  optimize  1,000 small files, of a few thousand rows and of many: no slower than delta-rs, in 60 % of its memory
  zorder    two columns of all rows: no slower than delta-rs, in no more memory, and a filter on either opens no more of
            the files. Both sort all rows and aim at files of the same size
Runs of both sides alternate; of each the least time and the greatest peak count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
from measure import PLI, Bounds, Took, compile_program, python, run

ROWS = (
    "SELECT i AS id, md5(i::VARCHAR) AS name, hash(i) % 1000003 / 7.0 AS amount, (i % 50)::INTEGER AS kind,"
    " TIMESTAMP '2024-01-01' + INTERVAL (i % 90000000) SECOND AS ts FROM range({low}, {high}) t(i)"
)
SETTINGS = "c = duckdb.connect(config={'threads': 2, 'preserve_insertion_order': False})"
COPY = f"""
import sys, duckdb
if len(sys.argv) > 1:
    {SETTINGS}
    if "PARTITION_BY" in sys.argv[3]:
        c.execute("SET partitioned_write_max_open_files = 2; SET partitioned_write_flush_threshold = 122880")
    c.execute(f"COPY ({{sys.argv[1]}}) TO '{{sys.argv[2]}}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, RETURN_STATS, {{sys.argv[3]}})")
"""
DELTA_RS = """
import sys, deltalake
if len(sys.argv) > 1:
    optimize = deltalake.DeltaTable(sys.argv[1]).optimize
    size = int(sys.argv[3])
    optimize.z_order(sys.argv[2].split(","), target_size=size) if sys.argv[2] else optimize.compact(target_size=size)
"""
TARGET = 128 << 20


class Pair:
    """Both sides of a comparison, measured in turn."""

    def __init__(self) -> None:
        self.ours: list[Took] = []
        self.peer: list[Took] = []

    def judge(self, bounds: Bounds, what: str, time_bound: float, memory_bound: float | None, idle: float) -> None:
        ours, peer = (min(t.processor for t in side) for side in (self.ours, self.peer))
        clocks = [min(t.clock for t in side) for side in (self.ours, self.peer)]
        bounds.ratio(
            f"{what}: time", ours, peer - idle, time_bound, note=f"clock {clocks[0]:.2f} and {clocks[1]:.2f} s"
        )
        peaks = [max(t.peak for t in side) for side in (self.ours, self.peer)]
        bounds.ratio(f"{what}: memory", peaks[0], peaks[1], memory_bound, "MB")


def fresh(path: Path, model: Path | None = None) -> Path:
    shutil.rmtree(path, ignore_errors=True)
    if model:
        shutil.copytree(model, path)
    return path


# ---------------------------------------------------------------- append and overwrite


def compare_write(bounds: Bounds, folder: Path, what: str, ours: list[str], query: str, how: str, runs: int) -> None:
    """ours: a command that writes to the table folder / "table", which is there for an overwrite only."""
    pair = Pair()
    idle = min(python(COPY).processor for _ in range(3))
    options = f"FILE_SIZE_BYTES {TARGET}" if how != "partitions" else "PARTITION_BY (day)"
    for _ in range(runs):
        fresh(folder / "out")
        pair.peer.append(python(COPY, query, str(folder / "out"), options))
        if how != "overwrite":
            fresh(folder / "table")
        pair.ours.append(run(*ours))
    pair.judge(bounds, what, 1.05, None, idle)


def bench_write(bounds: Bounds, folder: Path, rows: int, runs: int) -> None:
    source, table = folder / "in.parquet", folder / "table"
    query = ROWS.format(low=0, high=rows)
    duckdb.execute(f"COPY ({query}) TO '{source}' (FORMAT parquet, COMPRESSION snappy)")
    copied = f"FROM read_parquet('{source}')"
    append = [PLI, "delta", "append", str(table), str(source), "--threads", "2", "-q"]
    program = str(compile_program("write_sql", folder))
    compare_write(bounds, folder, "append of a file", append, copied, "append", runs)
    compare_write(bounds, folder, "overwrite by a file", [*append, "--overwrite"], copied, "overwrite", runs)
    sql = [program, str(table), "append", query]
    compare_write(bounds, folder, "append of a query", sql, query, "append", runs)
    sql = [program, str(table), "overwrite", query]
    compare_write(bounds, folder, "overwrite by a query", sql, query, "overwrite", runs)
    divided = f"SELECT * EXCLUDE (kind), kind::VARCHAR AS day FROM read_parquet('{source}') ORDER BY day"
    append += ["--partition-by", "kind"]
    compare_write(bounds, folder, "append in 50 partitions", append, divided, "partitions", runs)


# ---------------------------------------------------------------- optimize


def make_files(table: Path, files: int, rows: int) -> Path:
    table.mkdir()
    con = duckdb.connect(config={"threads": 1})
    for i in range(files):
        query = ROWS.format(low=i * rows, high=(i + 1) * rows)
        con.execute(f"COPY ({query}) TO '{table}/part-{i:05}.parquet' (FORMAT parquet, COMPRESSION snappy)")
    con.close()
    run(PLI, "delta", "convert", str(table), "-q")
    return table


def compare_optimize(
    bounds: Bounds, folder: Path, what: str, table: Path, zorder: str, memory: float, runs: int
) -> None:
    pair = Pair()
    idle = min(python(DELTA_RS).processor for _ in range(3))
    size = TARGET if not zorder else 16 << 20
    flags = ["--zorder-by", zorder] if zorder else []
    for _ in range(runs):
        ours, peer = fresh(folder / "ours", table), fresh(folder / "peer", table)
        pair.peer.append(python(DELTA_RS, str(peer), zorder, str(size)))
        ours_run = [PLI, "delta", "optimize", str(ours), "--target-size", f"{size >> 20}MiB", "--threads", "2", "-q"]
        pair.ours.append(run(*ours_run, *flags))
    pair.judge(bounds, what, 1.0, memory, idle)
    same_rows(bounds, folder / "ours", folder / "peer")


def same_rows(bounds: Bounds, ours: Path, peer: Path) -> None:
    """By count and a checksum that knows no order."""
    sums = []
    for table in (ours, peer):
        out = table.parent / "check.parquet"
        run(PLI, "delta", "read", str(table), "-o", str(out), "-q")
        sums.append(duckdb.sql(f"SELECT count(*), bit_xor(hash(id, name, amount, kind, ts)) FROM '{out}'").fetchone())
        out.unlink()
    bounds.holds("the same rows afterwards", sums[0] == sums[1], f"{sums[0][0]:,}")


def bench_optimize(bounds: Bounds, folder: Path, rows: int, runs: int) -> None:
    for each in (rows // 2500, rows // 250):
        table = make_files(folder / f"small-{each}", 1000, each)
        compare_optimize(bounds, folder, f"1,000 files of {each:,} rows", table, "", 0.6, min(runs, 2))
        shutil.rmtree(table)


def opened(table: Path, column: str) -> tuple[float, int]:
    """Files that a filter on one value of the column opens, in the mean over the column's range; of how many."""
    files = json.loads(run(PLI, "delta", "files", str(table), "--json", "-q").output)
    stats = [f["stats"] for f in files]
    bounds = [(s["minValues"][column], s["maxValues"][column]) for s in stats]
    asked = sorted(low for low, _ in bounds) + sorted(high for _, high in bounds)
    return sum(sum(low <= value <= high for low, high in bounds) for value in asked) / len(asked), len(bounds)


def bench_zorder(bounds: Bounds, folder: Path, rows: int, runs: int) -> None:
    table = make_files(folder / "unordered", 20, rows // 20)
    compare_optimize(bounds, folder, "z-order of two columns", table, "amount,ts", 1.0, min(runs, 2))
    for column in ("amount", "ts"):
        before, n = opened(table, column)
        (ours, files), (peer, their_files) = opened(folder / "ours", column), opened(folder / "peer", column)
        note = f"{ours:.1f} of {files} files, delta-rs {peer:.1f} of {their_files}, before {before:.1f} of {n}"
        bounds.ratio(
            f"part of the files that hold a value of {column}", ours / files, peer / their_files, 1.0, "", note
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--parts", default="write,optimize,zorder")
    options = parser.parse_args()
    bounds = Bounds()
    parts = {"write": bench_write, "optimize": bench_optimize, "zorder": bench_zorder}
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as folder:
        for part in options.parts.split(","):
            parts[part](bounds, Path(folder), options.rows, options.runs)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
