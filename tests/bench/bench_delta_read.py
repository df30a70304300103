"""Opening and listing Delta tables beside delta-rs, Polars and DuckDB's delta extension, and scanning beside DuckDB's bare
read_parquet. Prints ratios.

    python tests/bench/bench_delta_read.py [--commits 10000] [--files 1000000] [--rows 20000000] [--runs 3]

Bounds (exit 1 when one is missed): 10,000 JSON commits listed in 1/6 of delta-rs's processor time; a checkpoint of 1,000,000
files listed in 1/6, below 450 MB; the version alone in 1/10; a full scan and a change feed in 1.05 x of bare read_parquet;
a filter that excludes 99 % of the files reads the rest only, which is shown by taking the others away; a table of one
large file is read in 1.15 x of read_parquet on the clock. Processor time is that of whole processes, less what the others' interpreter takes to import them. Polars and DuckDB's extension have no bound.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import duckdb
from measure import PLI, Bounds, best, run

SCHEMA = {
    "type": "struct",
    "fields": [
        {"name": n, "type": t, "nullable": True, "metadata": {}}
        for n, t in [("id", "long"), ("ts", "timestamp"), ("name", "string"), ("x", "double")]
    ],
}


# ---------------------------------------------------------------- tables


def stats(i: int) -> str:
    return json.dumps(
        {
            "numRecords": 1000,
            "minValues": {
                "id": i * 1000,
                "ts": "2024-01-01T00:00:00.000Z",
                "name": f"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa{i}",
                "x": 0.001,
            },
            "maxValues": {
                "id": i * 1000 + 999,
                "ts": "2024-01-01T00:00:59.999Z",
                "name": f"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz{i}",
                "x": 0.999,
            },
            "nullCount": {"id": 0, "ts": 0, "name": 3, "x": 17},
        },
        separators=(",", ":"),
    )


def add(path: str, size: int, statistics_text: str | None, change: bool = True) -> dict:
    body = {"path": path, "partitionValues": {}, "size": size, "modificationTime": 1, "dataChange": change}
    return {"add": body if statistics_text is None else {**body, "stats": statistics_text}}


def head(configuration: dict | None = None) -> list[dict]:
    return [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 4}},
        {
            "metaData": {
                "id": "bench",
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps(SCHEMA),
                "partitionColumns": [],
                "configuration": configuration or {},
                "createdTime": 1,
            }
        },
    ]


def commit(table: Path, version: int, actions: list[dict]) -> None:
    log = table / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    info = {
        "commitInfo": {
            "timestamp": version,
            "operation": "WRITE",
            "operationParameters": {"mode": "Append"},
            "engineInfo": "bench",
            "isBlindAppend": True,
        }
    }
    text = "\n".join(json.dumps(a, separators=(",", ":")) for a in [info, *actions]) + "\n"
    (log / f"{version:020d}.json").write_text(text)


def name(i: int) -> str:
    return f"part-{i % 100000:05d}-3f0c7f6a-7a0e-4a5e-9c43-{i:012d}-c000.snappy.parquet"


def make_commits(table: Path, n: int) -> None:
    for v in range(n):
        commit(
            table, v, (head() if v == 0 else []) + [add(name(v * 6 + k), 1000 + k, stats(v * 6 + k)) for k in range(6)]
        )


def make_checkpoint(table: Path, files: int) -> None:
    """A classic checkpoint of version 10 and ten commits behind it."""
    commit(table, 10, [])
    rows = table / "rows.json"
    with open(rows, "w", encoding="utf-8") as f:
        for action in head():
            f.write(json.dumps(action) + "\n")
    text = stats(7).replace("'", "''")
    add_type = (
        "STRUCT(path VARCHAR, partitionValues MAP(VARCHAR, VARCHAR), size BIGINT, modificationTime BIGINT, dataChange BOOLEAN, stats VARCHAR,"
        ' deletionVector STRUCT(storageType VARCHAR, pathOrInlineDv VARCHAR, "offset" INTEGER, sizeInBytes INTEGER, cardinality BIGINT))'
    )
    meta_type = (
        "STRUCT(id VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), schemaString VARCHAR, partitionColumns VARCHAR[],"
        " configuration MAP(VARCHAR, VARCHAR), createdTime BIGINT)"
    )
    state = f"read_json('{rows}', format = 'newline_delimited', columns = {{protocol: 'STRUCT(minReaderVersion INTEGER, minWriterVersion INTEGER)', metaData: '{meta_type}'}})"
    duckdb.sql(
        f"""COPY (SELECT protocol, "metaData", NULL::{add_type} AS "add" FROM {state} UNION ALL SELECT NULL, NULL,
        {{'path': 'part-' || lpad((i % 100000)::VARCHAR, 5, '0') || '-3f0c7f6a-7a0e-4a5e-9c43-' || lpad(i::VARCHAR, 12, '0') || '-c000.snappy.parquet',
          'partitionValues': MAP {{}}::MAP(VARCHAR, VARCHAR), 'size': 1000 + i, 'modificationTime': 1, 'dataChange': false,
          'stats': replace('{text}', '7000', (i * 1000)::VARCHAR), 'deletionVector': NULL}}::{add_type} FROM range({files}) t(i))
        TO '{table}/_delta_log/{10:020d}.checkpoint.parquet' (FORMAT parquet)"""
    )
    rows.unlink()
    (table / "_delta_log/_last_checkpoint").write_text(json.dumps({"version": 10, "size": files + 2}))
    for v in range(11, 21):
        commit(table, v, [add(name(files + v), 1000, stats(v))])


def make_rows(table: Path, rows: int) -> list[str]:
    """100 data files with disjoint ids, added by ten commits, with the change feed on."""
    table.mkdir(parents=True)
    paths = []
    for v in range(10):
        actions = head({"delta.enableChangeDataFeed": "true"}) if v == 0 else []
        for k in range(10):
            i = v * 10 + k
            first, last = i * rows // 100, (i + 1) * rows // 100
            path = table / f"f{i}.parquet"
            duckdb.sql(
                f"COPY (SELECT range AS id, TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_microseconds(range) AS ts, 'name' || (range % 1000) AS name,"
                f" hash(range) / 1e19 AS x FROM range({first}, {last})) TO '{path}' (FORMAT parquet)"
            )
            bounds = json.dumps(
                {
                    "numRecords": last - first,
                    "minValues": {"id": first},
                    "maxValues": {"id": last - 1},
                    "nullCount": {"id": 0},
                }
            )
            actions.append(add(path.name, path.stat().st_size, bounds))
            paths.append(str(path))
        commit(table, v, actions)
    return paths


# ---------------------------------------------------------------- comparisons

DELTA_RS = """
import sys
from deltalake import DeltaTable
if sys.argv[2] == "list": len(DeltaTable(sys.argv[1]).file_uris())
elif sys.argv[2] == "version": DeltaTable(sys.argv[1]).version()
"""
# Polars looks at a table only when a query needs it: it has no version alone.
POLARS = """
import sys, polars
if sys.argv[2] == "list": polars.scan_delta(sys.argv[1]).explain()
"""
DUCKDB = f"""
import sys, duckdb
c = duckdb.connect()
c.sql("LOAD '{os.environ.get("PLI_DELTA_EXTENSION") or "delta"}'")
if sys.argv[2] == "list": c.sql(f"SELECT count(data_file) FROM delta_list_files('{{sys.argv[1]}}')").fetchall()
elif sys.argv[2] == "version": c.sql(f"DESCRIBE SELECT * FROM delta_scan('{{sys.argv[1]}}')").fetchall()
"""
PEERS = [("delta-rs", DELTA_RS, 1 / 6, 1 / 10), ("Polars", POLARS, None, None), ("DuckDB delta", DUCKDB, None, None)]
BARE = """
import sys, duckdb
c = duckdb.connect()
c.sql("SET threads = 2; SET preserve_insertion_order = false")
more = ", 'insert' AS t, 1::BIGINT AS v, now() AS s" if len(sys.argv) > 3 else ""
c.sql(f"COPY (SELECT *{more} FROM read_parquet({sys.argv[1].split(',')})) TO '{sys.argv[2]}' (FORMAT parquet)")
"""


def compare_with_peers(bounds: Bounds, title: str, table: Path, idle: dict[str, float], runs: int) -> None:
    """`detail` goes through every active file; `history --limit 1` needs the newest version alone."""
    listed = best(runs, PLI, "delta", "detail", str(table), "--json")
    opened = best(runs, PLI, "delta", "history", str(table), "--limit", "1")
    for peer, code, list_bound, open_bound in PEERS:
        n = runs if list_bound else 1
        theirs = best(n, sys.executable, "-c", code, str(table), "list")
        note = f"peak {listed.peak:.0f} MB, theirs {theirs.peak:.0f} MB"
        what = f"{title}, listed, beside {peer}"
        bounds.ratio(what, listed.processor, theirs.processor - idle[peer], list_bound, note=note)
        if peer == "Polars":
            continue
        theirs = best(n, sys.executable, "-c", code, str(table), "version")
        what = f"{title}, version alone, beside {peer}"
        bounds.ratio(what, opened.processor, theirs.processor - idle[peer], open_bound)
    bounds.most(f"{title}, peak memory", listed.peak, 450, "MB")


def compare_logs(bounds: Bounds, folder: Path, options: argparse.Namespace) -> None:
    idle = {peer: best(options.runs, sys.executable, "-c", code, "", "nothing").processor for peer, code, _, _ in PEERS}
    make_commits(folder / "commits", options.commits)
    compare_with_peers(bounds, f"{options.commits:,} JSON commits", folder / "commits", idle, options.runs)
    make_checkpoint(folder / "checkpoint", options.files)
    compare_with_peers(bounds, f"checkpoint of {options.files:,} files", folder / "checkpoint", idle, options.runs)


def compare_filter(bounds: Bounds, table: Path, out: Path, first: int, runs: int, scan: float, idle: float) -> None:
    """The files that the filter excludes are taken away: whoever opened one would fail."""
    where = f"id >= {first} AND id < {first + 10}"
    one = best(runs, PLI, "delta", "read", str(table), "--where", where, "-o", str(out))
    what = "filter on 1 % of the files, beside a full scan"
    bounds.ratio(what, one.processor - idle, max(scan - idle, 0.001), 0.1)
    gone = [path for path in table.glob("f*.parquet") if path.name != "f50.parquet"]
    for path in gone:
        path.unlink()
    run(PLI, "delta", "read", str(table), "--where", where, "-o", str(out))
    count = duckdb.sql(f"SELECT count(*) FROM '{out}'").fetchall()[0][0]
    note = f"{len(gone)} of 100 files gone, {count} of 10 rows"
    bounds.holds("filter with the other files taken away", count == 10, note)


def compare_rows(bounds: Bounds, folder: Path, options: argparse.Namespace) -> None:
    table, out, runs = folder / "rows", folder / "out.parquet", options.runs
    paths = ",".join(make_rows(table, options.rows))
    idle = best(runs, sys.executable, "-c", "import duckdb; duckdb.connect().sql('SELECT 1').fetchall()").processor
    own_idle = best(runs, PLI, "delta", "read", str(table), "--limit", "0", "-o", str(out)).processor
    bare = best(runs, sys.executable, "-c", BARE, paths, str(out)).processor
    scan = best(runs, PLI, "delta", "read", str(table), "-o", str(out)).processor
    bounds.ratio("full scan, beside read_parquet", scan - own_idle, bare - idle, 1.05)
    feed = best(runs, PLI, "delta", "changes", str(table), "--from-version", "0", "-o", str(out)).processor
    bare = best(runs, sys.executable, "-c", BARE, paths, str(out), "changes").processor
    note = "(three more columns written on both sides)"
    bounds.ratio("change feed, beside read_parquet", feed - own_idle, bare - idle, 1.05, note=note)
    compare_filter(bounds, table, out, options.rows // 2, runs, scan, own_idle)


def compare_one_file(bounds: Bounds, folder: Path, rows: int, runs: int) -> None:
    """The engine reads a lone file whose schema is given with one thread, unless it is helped: seen on the clock alone."""
    table, out, source = folder / "one", folder / "out.parquet", folder / "in.parquet"
    sql = f"SELECT range AS id, hash(range) / 1e19 AS x, md5(range::VARCHAR) AS name FROM range({rows})"
    duckdb.sql(f"COPY ({sql}) TO '{source}' (FORMAT parquet)")
    run(PLI, "delta", "create", str(table), "--schema", "id BIGINT, x DOUBLE, name VARCHAR")
    run(PLI, "delta", "append", str(table), str(source))
    [file] = table.glob("*.parquet")
    idle = best(runs, sys.executable, "-c", "import duckdb; duckdb.connect().sql('SELECT 1').fetchall()").clock
    own_idle = best(runs, PLI, "delta", "read", str(table), "--limit", "0", "-o", str(out)).clock
    bare = best(runs, sys.executable, "-c", BARE, str(file), str(out)).clock
    scan = best(runs, PLI, "delta", "read", str(table), "-o", str(out)).clock
    bounds.ratio("one large file, on the clock", scan - own_idle, bare - idle, 1.15)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=10_000)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    bounds = Bounds()
    with tempfile.TemporaryDirectory(prefix="pli-bench-") as folder:
        compare_logs(bounds, Path(folder), options)
        compare_rows(bounds, Path(folder), options)
        compare_one_file(bounds, Path(folder), options.rows // 10, options.runs)
    return bounds.code()


if __name__ == "__main__":
    sys.exit(main())
