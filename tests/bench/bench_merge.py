"""Merge, delete and update beside delta-rs in the same run. Prints ratios.

    python tests/bench/bench_merge.py [--rows 5000000] [--big-rows 50000000] [--parts spread,copy,many,clustered,delete,update,big]

Bounds (exit 1 when one is missed), in processor time (user + system) of whole processes, the interpreter's own start
subtracted for delta-rs:
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
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

PLI = str(Path(os.environ.get("PLI", "build/release/bin/pli")).resolve())
missed: list[str] = []
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


def run(*args: str, env: dict | None = None) -> tuple[float, float, str]:
    """Processor seconds, peak MB and output of one process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(args, stdout=out, stderr=errors, env={**os.environ, **(env or {})}) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            sys.exit(f"{' '.join(args)[:400]}: exit {process.returncode}\n{errors.read().decode()}")
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read().decode()


def say(what: str, ours: float, bound: float, unit: str) -> None:
    ok = ours <= bound
    print(f"{what:<44} {ours:8.3f} (bound {bound:g}) {unit} {'ok' if ok else 'MISSED'}", flush=True)
    if not ok:
        missed.append(what)


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


def merge_ours(table: Path, source: str, *flags: str) -> tuple[float, float, dict]:
    clauses = [word for clause in CLAUSES for word in ("--when", clause)]
    cpu, peak, out = run(PLI, "delta", "merge", str(table), source, "--on", ON, *clauses, "--json", *flags)
    return cpu, peak, json.loads(out)[0]


def theirs(what: str, table: Path, *args: str) -> tuple[float, float]:
    if what == "start":
        return run(sys.executable, "-c", DELTA_RS, what, str(table), *args)[:2]
    start = min(run(sys.executable, "-c", DELTA_RS, "start", str(table), starting)[0] for _ in range(3))
    cpu, peak, _ = run(sys.executable, "-c", DELTA_RS, what, str(table), *args)
    return cpu - start, peak


starting = ""


def same_rows(ours: Path, peer: Path) -> None:
    """Both tables hold the same rows: by count and an order-free checksum, read by us."""
    sums = []
    for table in (ours, peer):
        out = table.parent / "check.parquet"
        run(PLI, "delta", "read", str(table), "-o", str(out))
        sums.append(duckdb.sql(f"SELECT count(*), bit_xor(hash(id, name, amount, kind, ts)) FROM '{out}'").fetchone())
        out.unlink()
    if sums[0] != sums[1]:
        missed.append("equal rows")
        print(f"rows differ: {sums}")


class Bench:
    def __init__(self, folder: Path, rows: int, big: int):
        global starting
        self.folder, self.rows, self.big = folder, rows, big
        self.inputs = make_source(folder, rows, 10, True)
        self.changes = starting = make_changes(folder / "changes.parquet", rows, 50_000, 5_000, 5_000)
        self.peer: tuple[float, float] | None = None

    def table(self, name: str, *properties: str, inputs: list[str] | None = None) -> Path:
        return make_table(self.folder / name, inputs or self.inputs, *properties)

    def peer_merge(self) -> tuple[float, float]:
        if not self.peer:
            table = self.table("peer")
            before = size_of(table)
            self.peer = theirs("merge", table, self.changes)
            self.peer_bytes = size_of(table) - before
            print(
                f"delta-rs: {self.peer[0]:.2f} s, {self.peer[1]:.0f} MB, {self.peer_bytes / 1e6:.0f} MB written",
                flush=True,
            )
        return self.peer

    def one_merge(self, name: str, bound: float, *properties: str) -> None:
        table = self.table(name, *properties)
        cpu, peak, report = merge_ours(table, self.changes)
        peer, _ = self.peer_merge()
        assert (report["rowsUpdated"], report["rowsInserted"], report["rowsDeleted"]) == (50_000, 5_000, 5_000), report
        print(f"{name}: {cpu:.3f} s, {report}")
        say(f"{name}: time, of delta-rs's", cpu / peer, bound, "x")
        say(f"{name}: peak memory", peak, 300, "MB")
        if properties:
            say(f"{name}: written", report["bytesAdded"] / 1e6, 20, "MB")
        same_rows(table, self.folder / "peer")
        shutil.rmtree(table)

    def spread(self) -> None:
        self.one_merge("spread", 0.1, *VECTORS)

    def copy(self) -> None:
        self.one_merge("copy", 0.85)

    def many(self) -> None:
        ours, peer = self.table("many", *VECTORS), self.table("many-peer")
        sources = [
            make_changes(self.folder / f"c{i}.parquet", self.rows, 900, 50, 50, seed=i * 37 + 1) for i in range(20)
        ]
        before = size_of(ours), size_of(peer)
        package = {"PYTHONPATH": str(Path(PLI).parent.parent / "python")}  # one process, as the peer
        start = min(run(sys.executable, "-c", OURS, "start", str(ours), sources[0], env=package)[0] for _ in range(3))
        cpu = run(sys.executable, "-c", OURS, "merge", str(ours), *sources, env=package)[0] - start
        them, _ = theirs("merge", peer, *sources)
        written = size_of(ours) - before[0], size_of(peer) - before[1]
        print(f"many: {cpu:.2f} s beside {them:.2f} s, {written[0] / 1e6:.1f} MB beside {written[1] / 1e6:.0f} MB")
        say("many: time, of delta-rs's", cpu / them, 0.05, "x")
        say("many: bytes, of delta-rs's", written[0] / written[1], 0.05, "x")
        same_rows(ours, peer)

    def clustered(self) -> None:
        inputs = make_source(self.folder, self.rows, 10, False)
        table = self.table("clustered", *VECTORS, inputs=inputs)
        changes = make_changes(self.folder / "near.parquet", self.rows // 20, 900, 0, 100, low=self.rows // 2)
        cpu, _, report = merge_ours(table, changes)
        print(f"clustered: {cpu:.3f} s, {report}")
        say("clustered: files opened", report["filesScanned"], 1, "")
        self.inputs = make_source(self.folder, self.rows, 10, True)

    def dml(self, what: str) -> None:
        ours, peer = self.table(what, *VECTORS), self.table(f"{what}-peer")
        where = "id % 101 = 3"
        flags = ("--set", "name=name || '!'") if what == "update" else ("--yes",)
        cpu, peak, _ = run(PLI, "delta", what, str(ours), "--where", where, *flags)
        them, _ = theirs(what, peer, where)
        print(f"{what}: {cpu:.3f} s, {peak:.0f} MB beside {them:.3f} s")
        say(f"{what}: time, of delta-rs's", cpu / them, 0.2, "x")
        same_rows(ours, peer)

    def delete(self) -> None:
        self.dml("delete")

    def update(self) -> None:
        self.dml("update")

    def huge(self) -> None:
        shutil.rmtree(self.folder / "many", ignore_errors=True)
        inputs = make_source(self.folder, self.big, 20, True)
        table = self.table("big", *VECTORS, inputs=inputs)
        changes = make_changes(self.folder / "bigc.parquet", self.big, 500_000, 50_000, 50_000)
        cpu, peak, report = merge_ours(table, changes, "--memory", "512MiB")
        print(f"big: {cpu:.2f} s, {report}")
        say("big: peak memory under a limit of 512 MiB", peak, 560, "MiB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--big-rows", type=int, default=50_000_000)
    parser.add_argument("--parts", default="spread,copy,many,clustered,delete,update,big")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), args.rows, args.big_rows)
        for part in args.parts.split(","):
            getattr(bench, "huge" if part == "big" else part)()
    print(f"load {os.getloadavg()[0]:.1f}")
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
