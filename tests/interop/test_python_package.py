"""What the Python package writes, read by PySpark, delta-rs, Polars and DuckDB; what Polars and delta-rs write, read by the package."""

from __future__ import annotations

import datetime as dt
import json
import os
import pathlib
import subprocess
import sys
from decimal import Decimal

import pytest
from interop_support import record, spark_rows

pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")
deltalake = pytest.importorskip("deltalake")

built = os.environ.get("PLI_BUILD_DIR") or str(
    pathlib.Path(os.environ.get("PLI", "build/release/bin/pli")).resolve().parents[1]
)
sys.path.insert(0, str(pathlib.Path(built) / "python"))
pli = pytest.importorskip("polars_incremental")

FEATURE = "python package"


def everything(n=40):
    """All types that Delta has and Polars too, with nulls in each."""

    def column(make):
        return [None if i % 7 == 3 else make(i) for i in range(n)]

    frame = {}
    for name, make in (
        {
            "i8": lambda i: i - 20, "i16": lambda i: i * 500, "i32": lambda i: i * 10**7, "i64": lambda i: i * 10**15 - 7,
            "f32": lambda i: i / 4, "f64": lambda i: i / 8, "s": lambda i: f"näme {i}", "bin": lambda i: bytes([i, 0]),
            "b": lambda i: i % 2 == 0, "d": lambda i: dt.date(1969, 12, 1) + dt.timedelta(days=i * 30),
            "ts": lambda i: dt.datetime(1969, 12, 31, 23, tzinfo=dt.UTC) + dt.timedelta(hours=i, microseconds=i),
            "ntz": lambda i: dt.datetime(2024, 1, 1) + dt.timedelta(seconds=i, microseconds=i),
            "dec": lambda i: Decimal(i * 25 - 300) / 100, "wide": lambda i: Decimal(10**30 * i + 1),
            "l": lambda i: [i, None][: i % 3], "st": lambda i: {"x": i, "y": {"z": f"z{i}"}},
            "ls": lambda i: [{"k": f"k{i}"}] * (i % 3), "ll": lambda i: [[i], []],
        }.items()
    ):  # fmt: skip
        frame[name] = column(make)
    types = {
        "i8": pl.Int8,
        "i16": pl.Int16,
        "i32": pl.Int32,
        "f32": pl.Float32,
        "dec": pl.Decimal(9, 2),
        "wide": pl.Decimal(38, 0),
    }
    return pl.DataFrame({"id": list(range(n)), **frame}, schema_overrides=types)


def text(value):
    """A value as all engines agree on it."""
    if isinstance(value, dict):
        return {k: text(v) for k, v in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [text(v) for v in value]
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, Decimal):
        return str(value.normalize())
    return value.isoformat() if isinstance(value, dt.date) else value


def lines(rows):
    return sorted(json.dumps(text(r), sort_keys=True) for r in rows)


def by_polars(path):
    return lines(pl.scan_delta(str(path)).collect().to_dicts())


def by_deltars(path):
    return lines(deltalake.DeltaTable(str(path)).to_pyarrow_table().to_pylist())


def by_duckdb(path):
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{os.environ['PLI_DELTA_EXTENSION']}'; SET TimeZone = 'UTC'")
    return lines(connection.execute(f"SELECT * FROM delta_scan('{path}')").to_arrow_table().to_pylist())


def by_spark(spark, path):
    frame = spark.read.format("delta").load(str(path))
    return lines(row.asDict(recursive=True) for row in frame.collect())


def check(spark, path, frame, without=()):
    """Every reader sees the rows of the frame."""
    expected = lines(frame.to_dicts())
    readers = {
        "Spark": lambda: by_spark(spark, path),
        "delta-rs": lambda: by_deltars(path),
        "Polars": lambda: by_polars(path),
        "DuckDB": lambda: by_duckdb(path),
    }
    for engine, read in readers.items():
        if engine in without or (engine == "DuckDB" and not os.environ.get("PLI_DELTA_EXTENSION")):
            continue
        found = read()
        record(FEATURE, engine, "ok" if found == expected else "other rows")
        assert found == expected, engine
    assert lines(pli.scan_delta(path).collect().to_dicts()) == expected


def test_files_that_polars_wrote_for_us(spark, tmp_path):
    frame = everything()
    pli.write_delta(frame.lazy(), tmp_path / "t")
    newest = next((tmp_path / "t").glob("*.parquet")).read_bytes()
    assert b"Polars" in newest[-20000:]
    check(spark, tmp_path / "t", frame)
    # the statistics of the footers keep nothing back
    table = spark.read.format("delta").load(str(tmp_path / "t"))
    assert table.filter("i32 = 50000000").count() == frame.filter(pl.col("i32") == 50000000).height
    assert (
        table.filter("ts > timestamp'1970-01-01 05:00:00'").count()
        == frame.filter(pl.col("ts") > dt.datetime(1970, 1, 1, 5, tzinfo=dt.UTC)).height
    )
    assert table.filter("dec >= 1.25").count() == frame.filter(pl.col("dec") >= Decimal("1.25")).height
    assert table.filter("s > 'näme 3'").count() == frame.filter(pl.col("s") > "näme 3").height


def test_files_that_the_core_wrote(spark, tmp_path):
    frame = everything()
    stored = frame.with_columns(u=pl.col("id").cast(pl.UInt32), t=pl.lit(dt.time(1, 2, 3)))
    pli.write_delta(stored.lazy(), tmp_path / "t")
    check(spark, tmp_path / "t", frame.with_columns(u=pl.col("id").cast(pl.Int64), t=pl.lit("01:02:03")))


def test_partitions(spark, tmp_path):
    frame = everything().with_columns(p=pl.col("s"), q=pl.col("d").dt.truncate("1y"), r=pl.col("i8").cast(pl.Int32) % 3)
    sink = pli.DeltaSink(tmp_path / "t", partition_by=["p", "q", "r"])
    sink(frame.lazy().head(20))
    sink(frame.lazy().slice(20))
    check(spark, tmp_path / "t", frame)


def test_merges_and_changes(spark, tmp_path):
    path = tmp_path / "t"
    properties = {"delta.enableChangeDataFeed": "true", "delta.enableDeletionVectors": "true"}
    frame = pl.DataFrame({"id": list(range(100)), "v": [f"v{i}" for i in range(100)]})
    pli.DeltaSink(path, properties=properties)(frame.lazy())
    changes = pl.DataFrame(
        {"id": [5, 6, 200], "v": ["five", "six", "new"], "_change_type": ["update_postimage", "delete", "insert"]}
    )
    pli.apply_cdc_delta(changes, path, keys="id")
    pli.merge(
        path,
        pl.LazyFrame({"id": [7, 8]}),
        on="target.id = source.id",
        when_matched=[
            {"action": "delete", "condition": "source.id = 7"},
            {"action": "update", "set": {"v": "'merged'"}},
        ],
    )
    model = {i: f"v{i}" for i in range(100)} | {5: "five", 200: "new", 8: "merged"}
    del model[6], model[7]
    expected = pl.DataFrame({"id": list(model), "v": list(model.values())})
    check(spark, path, expected, without=("delta-rs",))
    feed = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 1).load(str(path))
    found = sorted((r["id"], r["_change_type"]) for r in feed.collect())
    assert found == [
        (5, "update_postimage"), (5, "update_preimage"), (6, "delete"), (7, "delete"), (8, "update_postimage"), (8, "update_preimage"), (200, "insert"),
    ]  # fmt: skip


def test_a_pipeline_between_other_writers(spark, tmp_path):
    """Polars, Spark, delta-rs and we append to one table in turn."""
    path, source = tmp_path / "t", tmp_path / "in"
    source.mkdir()
    pl.DataFrame({"id": [1], "v": ["polars"]}).write_delta(str(path))
    pl.DataFrame({"id": [2], "v": ["ours"]}).write_parquet(source / "1.parquet")
    pipeline = pli.Pipeline(
        pli.FilesSource(source, file_format="parquet"), tmp_path / "cp", pl.scan_parquet, pli.DeltaSink(path)
    )
    assert pipeline.run().batches == 1
    spark.createDataFrame([(3, "spark")], "id long, v string").write.format("delta").mode("append").save(str(path))
    deltalake.write_deltalake(str(path), pl.DataFrame({"id": [4], "v": ["delta-rs"]}).to_arrow(), mode="append")
    pl.DataFrame({"id": [5], "v": ["ours"]}).write_parquet(source / "2.parquet")
    assert pipeline.run().batches == 1
    check(spark, path, pl.DataFrame({"id": [1, 2, 3, 4, 5], "v": ["polars", "ours", "spark", "delta-rs", "ours"]}))
    changes = pli.Pipeline(
        pli.DeltaSource(path),
        tmp_path / "cp2",
        lambda files, batch: pli.scan_delta_batch(batch),
        pli.DeltaSink(tmp_path / "copy"),
    )
    assert changes.run().batches == 1
    check(spark, tmp_path / "copy", pl.scan_delta(str(path)).collect())
    assert len(spark_rows(spark.read.format("delta").load(str(tmp_path / "copy")))) == 5


def test_elements_of_lists_and_maps_widen(spark, tmp_path):
    """By us, in a table of Spark; then Spark writes on, and both read it."""
    path = tmp_path / "t"
    spark.sql(
        f"CREATE TABLE delta.`{path}` (id BIGINT, l ARRAY<ARRAY<SMALLINT>>, m MAP<SMALLINT, STRUCT<x: INT>>) USING delta"
        " TBLPROPERTIES ('delta.enableTypeWidening' = 'true')"
    )
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1, array(array(1S)), map(1S, named_struct('x', 1)))")
    source = tmp_path / "in.parquet"
    duckdb.sql(
        f"COPY (SELECT 2::BIGINT AS id, [[70000::INT]] AS l, MAP {{80000::INT: {{'x': (1::BIGINT << 40)::BIGINT}}}} AS m) TO '{source}'"
    )
    expected = [
        '{"id": 1, "l": [[1]], "m": {"1": {"x": 1}}}',
        '{"id": 2, "l": [[70000]], "m": {"80000": {"x": 1099511627776}}}',
    ]
    command = pathlib.Path(built) / "bin" / "pli"
    subprocess.run([command, "delta", "append", path, source, "-q"], check=True)
    assert by_spark(spark, path) == expected
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (3, array(array(5)), map(6, named_struct('x', 7L)))")
    expected.append('{"id": 3, "l": [[5]], "m": {"6": {"x": 7}}}')
    assert by_spark(spark, path) == expected
    spark.sql(f"DELETE FROM delta.`{path}` WHERE id = 3")
    spark.sql(f"OPTIMIZE delta.`{path}`")
    out = tmp_path / "out.ndjson"
    subprocess.run([command, "delta", "read", path, "-o", out, "-q"], check=True)
    ours = sorted(out.read_text().splitlines())
    assert [json.loads(line)["id"] for line in ours] == [1, 2]
    assert [json.loads(line)["l"] for line in ours] == [[[1]], [[70000]]]
