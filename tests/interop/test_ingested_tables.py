"""Tables that `pli ingest` makes are read with the same rows by delta-rs, Polars, DuckDB's delta extension and Spark."""

from __future__ import annotations

import datetime
import json
import os
from decimal import Decimal

import pytest
from interop_support import record

pl = pytest.importorskip("polars")
deltalake = pytest.importorskip("deltalake")
duckdb = pytest.importorskip("duckdb")

SQL = """SELECT id, name, CAST(id AS TINYINT) AS b, CAST(id AS SMALLINT) AS s, CAST(id AS INTEGER) AS i, CAST(id * 1.5 AS FLOAT) AS f,
  CAST(id * 2.5 AS DOUBLE) AS d, CAST(id * 1.25 AS DECIMAL(10, 2)) AS dec, id % 2 = 0 AS flag, CAST(ts AS DATE) AS day, ts,
  encode(name) AS bin, [id, NULL, id + 1] AS list, {'x': id, 'y': name} AS st, MAP {'k': id} AS m FROM input"""


def rows(n):
    for i in range(n):
        yield {
            "id": i,
            "name": None if i % 7 == 3 else f"näme {i}",
            "ts": f"2026-01-{i % 28 + 1:02}T10:00:{i % 60:02}.123456Z",
        }


@pytest.fixture(scope="module", params=["plain", "partitioned", "special", "checkpointed"])
def table(request, pli, tmp_path_factory):
    """A table in several batches; what it must hold as sorted texts."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "in").mkdir()
    everything = list(rows(40))
    if request.param == "special":
        for row, text in zip(
            everything, ["a b", "a/b", "50%", "ü", "x=y", "a:b", "{q}", "#", "?", "a%20b", "'", '"', "\\"], strict=False
        ):
            row["name"] = text
    for n in range(4):
        lines = [json.dumps(row) for row in everything[n * 10 : n * 10 + 10]]
        (folder / "in" / f"f{n}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flags = ["--max-files", "1", "--settle-time", "0s", "--sql", SQL]
    if request.param == "partitioned":
        flags += ["--partition-by", "day,flag"]
    if request.param == "special":
        flags += ["--partition-by", "name"]
    if request.param == "checkpointed":
        flags += ["--property", "delta.checkpointInterval=2"]
    pli("ingest", folder / "in", folder / "table", *flags)
    if request.param == "checkpointed":
        for version in range(2):
            (folder / "table" / "_delta_log" / f"{version:020}.json").unlink()
    return request.param, folder / "table", everything


def expected(everything):
    result = []
    for row in everything:
        i = row["id"]
        at = datetime.datetime.fromisoformat(row["ts"].replace("Z", "+00:00"))
        result.append(
            (
                i,
                row["name"],
                i,
                i,
                i,
                i * 1.5,
                i * 2.5,
                Decimal(str(i * 1.25)).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP"),
                i % 2 == 0,
                at.date(),
                at,
            )
        )
    return result


COLUMNS = ["id", "name", "b", "s", "i", "f", "d", "dec", "flag", "day", "ts"]


def check(frame, everything):
    frame = frame.select(COLUMNS).sort("id").with_columns(pl.col("ts").dt.convert_time_zone("UTC"))
    assert frame.rows() == expected(everything)


def nested_ok(values):
    """list, struct, map of row 1."""
    return values["list"] == [1, None, 2] and values["st"]["x"] == 1


def test_delta_rs(table):
    name, path, everything = table
    arrow = deltalake.DeltaTable(str(path)).to_pyarrow_table()
    frame = pl.from_arrow(arrow.drop_columns(["m"]))
    check(frame, everything)
    assert nested_ok(frame.filter(pl.col("id") == 1).to_dicts()[0])
    record(f"ingested, {name}", "delta-rs", "ok")


def test_polars(table):
    name, path, everything = table
    check(pl.scan_delta(str(path)).select(COLUMNS).collect(), everything)
    record(f"ingested, {name}", "Polars", "ok")


def test_duckdb(table):
    name, path, everything = table
    extension = os.environ.get("PLI_DELTA_EXTENSION")
    if not extension:
        pytest.skip("DuckDB's delta extension is not there")
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    connection.execute("SET TimeZone='UTC'")
    columns = ", ".join(f'"{c}"' for c in COLUMNS)
    check(connection.execute(f"SELECT {columns} FROM delta_scan('{path}')").pl(), everything)
    record(f"ingested, {name}", "DuckDB", "ok")


def test_spark_reads_every_version_and_writes_on(table, spark, pli):
    name, path, everything = table
    versions = range(0 if name != "checkpointed" else 2, 4)
    for version in versions:
        frame = spark.read.format("delta").option("versionAsOf", version).load(str(path))
        got = sorted((r.id, r.name, r.b, r.s, r.i, r.f, r.d, r.dec, r.flag, r.day) for r in frame.collect())
        assert got == [row[:10] for row in expected(everything)[: (version + 1) * 10]]
    row = spark.read.format("delta").load(str(path)).where("id = 1").collect()[0]
    assert (row.list, row.st.x, row.m) == ([1, None, 2], 1, {"k": 1})
    micros = (
        spark.read.format("delta").load(str(path)).selectExpr("unix_micros(ts) AS t").where("t % 1000 = 456").count()
    )
    assert micros == len(everything)
    record(f"ingested, {name}", "Spark", "ok")
    # Spark appends to it, and so do we again
    spark.read.format("delta").load(str(path)).where("id = 2").selectExpr(
        "id + 1000 AS id", *[f"`{c}`" for c in [*COLUMNS[1:], "bin", "list", "st", "m"]]
    ).write.format("delta").mode("append").save(str(path))
    more = path.parent / "in" / "g.ndjson"
    more.write_text('{"id": 90, "name": "late", "ts": "2026-02-01T00:00:00Z"}\n', encoding="utf-8")
    flags = ["--settle-time", "0s", "--sql", SQL]
    if name == "partitioned":
        flags += ["--partition-by", "day,flag"]
    if name == "special":
        flags += ["--partition-by", "name"]
    pli("ingest", path.parent / "in", path, *flags)
    ids = [r.id for r in spark.read.format("delta").load(str(path)).select("id").collect()]
    assert sorted(ids) == [*range(40), 90, 1002]
    ours = [
        json.loads(line)["id"]
        for line in pli("delta", "read", path, "--columns", "id", "--format", "ndjson").splitlines()
    ]
    assert sorted(ours) == sorted(ids)
    record(f"ingested, {name}, written on", "Spark", "ok")
