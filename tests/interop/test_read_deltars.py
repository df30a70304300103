"""Tables that delta-rs wrote: every version and its change feed, compared as text by DuckDB with what delta-rs reads itself."""

from __future__ import annotations

import datetime
import decimal
import os

import pytest
from engines import verdict as engine_verdict
from interop_support import record

deltalake = pytest.importorskip("deltalake")
duckdb = pytest.importorskip("duckdb")
pa = pytest.importorskip("pyarrow")

BUILDERS = {}


def table(name, changes=False):
    def register(build):
        BUILDERS[name] = (build, changes)
        return build

    return register


def rows(first, last, **extra):
    ids = list(range(first, last))
    columns = {
        "id": pa.array(ids, pa.int64()),
        "s": pa.array([None if i % 5 == 0 else f"näme {i}" for i in ids]),
        "p": pa.array([None if i % 7 == 0 else f"p {i % 3}/%" for i in ids]),
        "x": pa.array([float("nan") if i % 11 == 0 else i / 3 for i in ids]),
        "d": pa.array([decimal.Decimal(i) / 8 for i in ids], pa.decimal128(20, 4)),
        "ts": pa.array(
            [
                datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=i * 1000003)
                for i in ids
            ]
        ),
        "day": pa.array([datetime.date(2024, 1, 1 + i % 28) for i in ids]),
        "l": pa.array([[i, None] for i in ids]),
        "st": pa.array([{"a": i, "b": str(i)} for i in ids]),
    }
    return pa.table({**columns, **extra})


@table("append, overwrite, delete, update, merge, optimize, vacuum")
def history(path):
    for first in (0, 20, 40):
        deltalake.write_deltalake(path, rows(first, first + 20), mode="append")
    dt = deltalake.DeltaTable(path)
    dt.delete("id % 6 = 0")
    dt.update(updates={"s": "'new'"}, predicate="id > 50")
    (
        dt.merge(rows(55, 65), "t.id = s.id", source_alias="s", target_alias="t")
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )
    dt.optimize.compact()
    deltalake.write_deltalake(path, rows(100, 103), mode="overwrite")


@table("partitioned, checkpoints")
def partitioned(path):
    for first in range(0, 60, 10):
        deltalake.write_deltalake(path, rows(first, first + 10), mode="append", partition_by=["p", "day"])
        if first % 20 == 0:
            deltalake.DeltaTable(path).create_checkpoint()
    deltalake.DeltaTable(path).delete("p = 'p 1/%'")


@table("schema merged")
def merged(path):
    deltalake.write_deltalake(path, rows(0, 5))
    deltalake.write_deltalake(path, rows(5, 8, extra=pa.array([1, 2, 3])), mode="append", schema_mode="merge")
    deltalake.write_deltalake(path, pa.table({"id": ["a"], "only": [1.5]}), mode="overwrite", schema_mode="overwrite")


@table("change data feed", changes=True)
def feed(path):
    # by a column without special characters: delta-rs cannot find its own change files otherwise
    deltalake.write_deltalake(
        path, rows(0, 10), partition_by=["day"], configuration={"delta.enableChangeDataFeed": "true"}
    )
    dt = deltalake.DeltaTable(path)
    dt.update(updates={"s": "'new'"}, predicate="id > 5")
    dt.delete("id = 3")
    deltalake.write_deltalake(path, rows(10, 13), mode="append")


@table("partitioned by times, dates, booleans, texts; a log that was cleaned")
def partition_types(path):
    utc = pa.timestamp("us", "UTC")
    partitions = {
        "ts": pa.array([0, -1, None, 253402300799999999], pa.timestamp("us")),
        "tz": pa.array([0, -1, None, 253402300799999999], utc),
        "da": pa.array([datetime.date(1, 1, 1), None, datetime.date(1582, 10, 10), datetime.date(9999, 12, 31)]),
        "bo": pa.array([True, None, False, True]),
        "s": pa.array(["a=b&c %", None, "日本/%25", " "]),
        "big": pa.array([decimal.Decimal("9" * 35 + ".999"), decimal.Decimal("0.001"), None, decimal.Decimal(7)]),
    }
    written = pa.table({"id": pa.array([1, 2, 3, 4]), **partitions})
    for _ in range(2):
        deltalake.write_deltalake(path, written, partition_by=list(partitions), mode="append")
    deltalake.DeltaTable(path).delete("id = 2")
    deltalake.DeltaTable(path).create_checkpoint()
    deltalake.DeltaTable(path).optimize.compact()
    deltalake.write_deltalake(path, written, mode="append")
    deltalake.DeltaTable(path).cleanup_metadata()


@table("written by Polars")
def by_polars(path):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "id": [1, 2, 3],
            "big": pl.Series(
                [decimal.Decimal("-" + "9" * 35 + ".999"), None, decimal.Decimal(0)], dtype=pl.Decimal(38, 3)
            ),
            "p": ["a b/%", None, "é=日本%25"],
            "ns": pl.Series([-1, 1_000, None]).cast(pl.Datetime("ns")),
            "u": pl.Series([0, 2147483647, None], dtype=pl.UInt32),
            "fixed": pl.Series([[1, 2], None, [None, 3]], dtype=pl.Array(pl.Int32, 2)),
            "st": [{"a": [{"b": 1}]}, None, {"a": [None]}],
            "bin": [b"\x00\xff", b"", None],
            "f": [float("nan"), float("-inf"), -0.0],
            "d": [datetime.date(1, 1, 1), datetime.date(1582, 10, 10), None],
        }
    )
    frame.write_delta(path, delta_write_options={"partition_by": ["p"]})
    frame.with_columns(id=pl.col("id") + 10).write_delta(path, mode="append")
    merged = frame.with_columns(f=pl.lit(7.5))
    options = {"predicate": "s.id = t.id", "source_alias": "s", "target_alias": "t"}
    merge = merged.write_delta(path, mode="merge", delta_merge_options=options)
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    frame.head(1).write_delta(path, mode="overwrite")


@pytest.fixture
def verdict(request):
    """Puts what became of the test into the matrix."""
    name = request.node.callspec.params["name"]
    yield
    record(f"delta-rs: {name}", "pli", "WRONG" if getattr(request.node, "outcome_failed", False) else "ok")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    done = {}

    def build(name):
        if name not in done:
            done[name] = str(tmp_path_factory.mktemp("deltars") / "t")
            BUILDERS[name][0](done[name])
        return done[name]

    return build


def as_text(relation_sql, **tables):
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    for key, value in tables.items():
        connection.register(key, value)
    return sorted(r[0] for r in connection.execute(f"SELECT CAST(x AS VARCHAR) FROM ({relation_sql}) x").fetchall())


def their_rows(path, version):
    dt = deltalake.DeltaTable(path, version=version)
    return pa.table(deltalake.QueryBuilder().register("t", dt).execute("SELECT * FROM t").read_all())


@pytest.mark.parametrize("name", BUILDERS)
def test_every_version_is_read_as_delta_rs_reads_it(pli, built, verdict, tmp_path, name):
    path = built(name)
    for version in range(deltalake.DeltaTable(path).version() + 1):
        out = tmp_path / f"{version}.parquet"
        pli("delta", "read", path, "--version", version, "-o", out)
        names = ", ".join(f'"{n}"' for n in their_rows(path, version).schema.names)
        ours = as_text(f"SELECT {names} FROM read_parquet('{out}')")
        assert ours == as_text(f"SELECT {names} FROM theirs", theirs=their_rows(path, version)), f"version {version}"


@pytest.mark.parametrize("name", BUILDERS)
def test_how_other_engines_read_the_table(pli, built, tmp_path, name):
    expected = tmp_path / "ours.parquet"
    pli("delta", "read", built(name), "-o", expected)
    for engine in ["delta-rs", "Polars", *(["DuckDB delta"] if os.environ.get("PLI_DELTA_EXTENSION") else [])]:
        record(f"delta-rs: {name}", engine, engine_verdict(engine, built(name), str(expected)))


@pytest.mark.parametrize("name", [n for n, (_, changes) in BUILDERS.items() if changes])
def test_changes_are_read_as_delta_rs_reads_them(pli, built, verdict, tmp_path, name):
    path = built(name)
    last = deltalake.DeltaTable(path).version()
    for first in range(last + 1):
        out = tmp_path / f"{first}.parquet"
        pli("delta", "changes", path, "--from-version", first, "--to-version", last, "-o", out)
        theirs = pa.table(deltalake.DeltaTable(path).load_cdf(starting_version=first, ending_version=last).read_all())
        names = ", ".join(f'"{n}"' for n in theirs.schema.names if n != "_commit_timestamp")
        assert as_text(f"SELECT {names} FROM read_parquet('{out}')") == as_text(
            f"SELECT {names} FROM theirs", theirs=theirs
        ), f"from {first}"
