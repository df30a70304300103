"""Merge, delete and update beside delta-rs in the same run. Prints ratios.

    python tests/bench/bench_merge.py [--rows 5000000] [--big-rows 50000000] [--runs 3] [--codec snappy] [--parts spread,copy,many,clustered,delete,update,big]

Bounds (exit 1 when one is missed), in processor time (user + system) of whole processes, the interpreter's own start
subtracted for delta-rs; runs alternate, each on tables of its own, and the least of each side counts:
  spread     50,000 updates, 5,000 inserts, 5,000 deletes into 5,000,000 rows, keys over all files, deletion vectors: 1/10 of
             delta-rs's time, 20 MB written, 300 MB of memory
  copy       the same by rewriting files: 0.85, 300 MB
  many       20 merges of 1,000 keys each in a row: 1/20 of time and bytes
  clustered  keys in few files: no others are opened
  delete     1 % of the rows with deletion vectors: 1/5
  update     the same: 1/5
  big        a target of 50,000,000 rows under a limit of 512 MiB: done at 560 MiB
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import duckdb
from measure import PLI, Bounds, Took, package_environment, python, run

VECTORS = ("--property", "delta.enableDeletionVectors=true")
ON = "source.id = target.id"
CLAUSES = (
    "MATCHED AND source.op = 'd' THEN DELETE",
    "MATCHED THEN UPDATE SET *",
    "NOT MATCHED AND source.op <> 'd' THEN INSERT *",
)
DELTA_RS = """
import sys, json, duckdb
from deltalake import DeltaTable
what, table, *sources = sys.argv[1:]
def merge(source):
    rows = duckdb.sql(f"from '{source}'").to_arrow_table()
    (DeltaTable(table).merge(rows, "source.id = target.id", source_alias="source", target_alias="target")
     .when_matched_delete("source.op = 'd'").when_matched_update_all(except_cols=["op"])
     .when_not_matched_insert_all("source.op <> 'd'", except_cols=["op"]).execute())
if what == "start": DeltaTable(table).version(); rows = duckdb.sql(f"from '{sources[0]}'").to_arrow_table()
if what == "merge":
    for s in sources: merge(s)
if what == "delete": DeltaTable(table).delete(sources[0])
if what == "update": DeltaTable(table).update(predicate=sources[0], updates={"name": "concat(name, '!')"})
"""

OURS = """
import sys, polars as pl, polars_incremental as pli
what, table, *sources = sys.argv[1:]
for s in sources:
    rows = pl.read_parquet(s)
    if what == "merge":
        pli.merge(table, rows, on="source.id = target.id",
                  when_matched=[{"action": "delete", "condition": "source.op = 'd'"}, {"action": "update"}],
                  when_not_matched=[{"action": "insert", "condition": "source.op <> 'd'"}])
"""


def size_of(table: Path) -> int:
    return sum(p.stat().st_size for p in table.rglob("*") if p.is_file())


# ---------------------------------------------------------------- tables


def rows_sql(low: int, high: int) -> str:
    return (
        f"SELECT i AS id, md5(i::VARCHAR) AS name, hash(i) % 1000003 / 7.0 AS amount, (i % 50)::INTEGER AS kind,"
        f" TIMESTAMP '2024-01-01' + INTERVAL (i % 90000000) SECOND AS ts FROM range({low}, {high}) t(i)"
    )


def make_source(folder: Path, rows: int, files: int, scattered: bool) -> list[str]:
    """Parquet files to be appended; scattered: each holds ids of the whole range."""
    paths = []
    for f in range(files):
        path = folder / f"in-{f}.parquet"
        each = rows // files
        sql = rows_sql(f * each, (f + 1) * each)
        if scattered:
            sql = f"SELECT id * {files} + {f} AS id, * EXCLUDE (id) FROM ({rows_sql(0, each)})"
        duckdb.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet, COMPRESSION snappy)")
        paths.append(str(path))
    return paths


def make_table(path: Path, inputs: list[str], *properties: str) -> Path:
    schema = "STRUCT(id BIGINT, name VARCHAR, amount DOUBLE, kind INTEGER, ts TIMESTAMP)"
    run(PLI, "delta", "create", str(path), "--schema", schema, *properties)
    for file in inputs:
        run(PLI, "delta", "append", str(path), file)
    return path


def make_changes(path: Path, rows: int, updates: int, inserts: int, deletes: int, seed: int = 0, low: int = 0) -> str:
    """Keys spread evenly over [low, low + rows)."""
    n = updates + deletes
    duckdb.execute(
        f"COPY (SELECT CASE WHEN i < {n} THEN {low} + (i * ({rows} // {n} | 1) + {seed}) % {rows} ELSE {rows} + {seed} * {inserts} + i END AS id,"
        f" md5((i + 1)::VARCHAR) AS name, i / 3.0 AS amount, 7 AS kind, TIMESTAMP '2025-01-01' AS ts,"
        f" CASE WHEN i >= {n} THEN 'i' WHEN i % {max(n // deletes, 1)} = 0 THEN 'd' ELSE 'u' END AS op"
        f" FROM range({n + inserts}) t(i)) TO '{path}' (FORMAT parquet)"
    )
    return str(path)


# ---------------------------------------------------------------- the two of them


def merge_ours(table: Path, source: str, *flags: str) -> tuple[Took, dict]:
    clauses = [word for clause in CLAUSES for word in ("--when", clause)]
    took = run(PLI, "delta", "merge", str(table), source, "--on", ON, *clauses, "--json", *flags)
    return took, json.loads(took.output)[0]


def rows_of(table: Path) -> tuple:
    """Count and an order-free checksum, read by us."""
    out = table.parent / "check.parquet"
    run(PLI, "delta", "read", str(table), "-o", str(out))
    sums = duckdb.sql(f"SELECT count(*), bit_xor(hash(id, name, amount, kind, ts)) FROM '{out}'").fetchone()
    out.unlink()
    return sums


class Bench:
    def __init__(self, bounds: Bounds, folder: Path, rows: int, big: int, runs: int, codec: str):
        self.bounds, self.folder, self.rows, self.big, self.runs = bounds, folder, rows, big, runs
        self.inputs = make_source(folder, rows, 10, True)
        self.changes = make_changes(folder / "changes.parquet", rows, 50_000, 5_000, 5_000)
        self.codec = ("--property", f"delta.parquet.compression.codec={codec}") if codec else ()
        self.models: dict[tuple[str, ...], Path] = {}

    def table(self, name: str, *properties: str) -> Path:
        """A copy of the table that the inputs make."""
        if properties not in self.models:
            model = self.folder / f"model-{len(self.models)}"
            self.models[properties] = make_table(model, self.inputs, *properties, *self.codec)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return Path(shutil.copytree(self.models[properties], self.folder / name))

    def idle(self) -> float:
        """What the peer's process takes beside its work."""
        table = self.table("idle")
        return min(python(DELTA_RS, "start", str(table), self.changes).processor for _ in range(3))

    def same_rows(self, ours: Path, peer: Path) -> None:
        sums = rows_of(ours), rows_of(peer)
        self.bounds.holds(f"{ours.name}: equal rows", sums[0] == sums[1], str(sums[0]))

    def one_merge(self, name: str, bound: float, *properties: str) -> None:
        ours, peers, idle = [], [], self.idle()
        for _ in range(self.runs):
            peer = self.table("peer")
            peers.append(python(DELTA_RS, "merge", str(peer), self.changes))
            table = self.table(name, *properties)
            took, report = merge_ours(table, self.changes)
            ours.append(took)
            assert (report["rowsUpdated"], report["rowsInserted"], report["rowsDeleted"]) == (50_000, 5_000, 5_000)
        self.bounds.ratio(
            f"{name}: time", min(t.processor for t in ours), min(t.processor for t in peers) - idle, bound
        )
        note = f"delta-rs {max(t.peak for t in peers):.0f} MB"
        self.bounds.most(f"{name}: peak memory", max(t.peak for t in ours), 300, "MB", note)
        if properties:
            written = size_of(peer) - size_of(self.models[()])
            self.bounds.most(f"{name}: written", report["bytesAdded"] / 1e6, 20, "MB", f"delta-rs {written / 1e6:.0f}")
        self.same_rows(table, peer)

    def spread(self) -> None:
        self.one_merge("spread", 0.1, *VECTORS)

    def copy(self) -> None:
        self.one_merge("copy", 0.85)

    def many(self) -> None:
        """Each side in one process."""
        ours, peer = self.table("many", *VECTORS), self.table("many-peer")
        sources = [
            make_changes(self.folder / f"c{i}.parquet", self.rows, 900, 50, 50, seed=i * 37 + 1) for i in range(20)
        ]
        before, package = (size_of(ours), size_of(peer)), package_environment()
        start = min(python(OURS, "start", str(ours), sources[0], env=package).processor for _ in range(3))
        cpu = python(OURS, "merge", str(ours), *sources, env=package).processor - start
        them = python(DELTA_RS, "merge", str(peer), *sources).processor - self.idle()
        written = (size_of(ours) - before[0]) / 1e6, (size_of(peer) - before[1]) / 1e6
        self.bounds.ratio("many: time", cpu, them, 0.05)
        self.bounds.ratio("many: written", *written, 0.05, "MB")
        self.same_rows(ours, peer)

    def clustered(self) -> None:
        inputs = make_source(self.folder, self.rows, 10, False)
        table = make_table(self.folder / "clustered", inputs, *VECTORS)
        self.inputs = make_source(self.folder, self.rows, 10, True)
        changes = make_changes(self.folder / "near.parquet", self.rows // 20, 900, 0, 100, low=self.rows // 2)
        took, report = merge_ours(table, changes)
        self.bounds.most("clustered: files opened", report["filesScanned"], 1, "", f"{took.processor:.3f} s")

    def change(self, what: str) -> None:
        where, ours, peers, idle = "id % 101 = 3", [], [], self.idle()
        flags = ("--set", "name=name || '!'") if what == "update" else ("--yes",)
        for _ in range(self.runs):
            table, peer = self.table(what, *VECTORS), self.table("peer")
            peers.append(python(DELTA_RS, what, str(peer), where))
            ours.append(run(PLI, "delta", what, str(table), "--where", where, *flags))
        times = min(t.processor for t in ours), min(t.processor for t in peers) - idle
        self.bounds.ratio(f"{what}: time", *times, 0.2, note=f"{max(t.peak for t in ours):.0f} MB")
        self.same_rows(table, peer)

    def delete(self) -> None:
        self.change("delete")

    def update(self) -> None:
        self.change("update")

    def huge(self) -> None:
        table = make_table(self.folder / "big", make_source(self.folder, self.big, 20, True), *VECTORS)
        changes = make_changes(self.folder / "bigc.parquet", self.big, 500_000, 50_000, 50_000)
        took, report = merge_ours(table, changes, "--memory", "512MiB")
        assert report["rowsUpdated"] == 500_000
        note = f"{took.processor:.2f} s, {report['bytesAdded'] / 1e6:.1f} MB written"
        self.bounds.most("big: peak memory under a limit of 512 MiB", took.peak, 560, "MiB", note)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--big-rows", type=int, default=50_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--codec", help="of the tables' files, which both read")
    parser.add_argument("--parts", default="spread,copy,many,clustered,delete,update,big")
    options = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as folder:
        bench = Bench(bounds, Path(folder), options.rows, options.big_rows, options.runs, options.codec)
        for part in options.parts.split(","):
            getattr(bench, "huge" if part == "big" else part)()
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
