"""Every version and every range of changes of tables that Spark wrote is read as Spark reads it."""

from __future__ import annotations

import datetime as dt
import json
import os
import pathlib
import shutil

import pytest
import spark_tables_odd  # noqa: F401
from engines import ENGINES
from engines import verdict as engine_verdict
from interop_support import detail, record, spark_rows, spark_types
from spark_tables import FEATURES


@pytest.fixture(scope="session")
def tables(spark, tmp_path_factory):
    """Builds each table once, on first use."""
    folder = tmp_path_factory.mktemp("tables")
    built = {}

    def build(name: str) -> str:
        if name not in built:
            path = str(folder / f"t{len(built)}")
            FEATURES[name][0](spark, path)
            built[name] = path
        return built[name]

    return build


def versions_of(spark, path) -> list[int]:
    return sorted(r.version for r in spark.sql(f"DESCRIBE HISTORY delta.`{path}`").select("version").collect())


def spark_version(spark, path, version):
    return spark.read.format("delta").option("versionAsOf", version).load(path)


def spark_changes(spark, path, first, last):
    options = {"readChangeFeed": "true", "startingVersion": first, "endingVersion": last}
    return spark.read.format("delta").options(**options).load(path)


def comparable(ours, theirs):
    """No Parquet file can hold a column of void, for which we give a column of nulls: left out on both sides."""
    return ours.drop(*[f"`{name}`" if "." in name else name for name, kind in theirs.dtypes if kind == "void"])


def assert_same(ours, theirs, what):
    ours = comparable(ours, theirs)
    assert spark_types(ours) == spark_types(theirs), what
    assert spark_rows(ours) == spark_rows(theirs), what


@pytest.fixture
def verdict(request):
    """Puts what became of the test into the matrix."""
    name = request.node.callspec.params["name"]
    yield
    failed = getattr(request.node, "outcome_failed", False)
    record(f"Spark: {name}", "pli", "WRONG" if failed else "ok")


@pytest.mark.parametrize("name", FEATURES)
def test_every_version_is_read_as_spark_reads_it(spark, tables, read_ours, verdict, name):
    path = tables(name)
    for version in versions_of(spark, path):
        theirs = spark_version(spark, path, version)
        if not spark_types(theirs):
            continue
        assert_same(read_ours("read", path, "--version", version), theirs, f"version {version}")


@pytest.mark.parametrize("name", FEATURES)
def test_the_paths_to_a_version_agree(tables, pli, verdict, tmp_path, name):
    """Rows, state and files by the newest checkpoint (which the test above compares with Spark's rows) are those by JSON
    alone, by each older checkpoint, and after each mutation of the hint file."""
    path = pathlib.Path(tables(name))
    expected = facts(pli, path)
    assert facts(pli, path, "--ignore-checkpoints") == expected
    last = json.loads(expected[0])["version"]
    for version in {last // 2, last - 1} - {last, -1}:
        at = ["--version", str(version)]
        assert facts(pli, path, *at, "--ignore-checkpoints") == facts(pli, path, *at), f"version {version}"
    copy = tmp_path / path.name
    shutil.copytree(path, copy, copy_function=link_unless_log)
    checkpoints = sorted({f.name[:20] for f in (copy / "_delta_log").glob("*.checkpoint.*")}, reverse=True)
    for newest in checkpoints:
        for hint in HINTS:
            write_hint(copy, hint and hint.replace("NEWEST", str(int(newest))))
            assert facts(pli, copy) == expected, f"checkpoint {newest}, hint {hint!r}"
            if newest != checkpoints[0]:
                break
        for file in (copy / "_delta_log").glob(f"{newest}.checkpoint.*"):
            file.unlink()
        # checksums would stand for the state
        for file in (copy / "_delta_log").glob("*.crc"):
            file.unlink()


HINTS = [
    None,
    "",
    "{}",
    '{"version":0,"size":1}',
    '{"version":99999,"size":1}',
    '{"version":NEWEST,"size":-7,"parts":3}',
]


def write_hint(table, text):
    hint = table / "_delta_log/_last_checkpoint"
    if text is None:
        hint.unlink(missing_ok=True)
    else:
        hint.write_text(text, encoding="utf-8")


def link_unless_log(source, target):
    shutil.copy2(source, target) if "/_delta_log/" in source else os.link(source, target)


def facts(pli, table, *args):
    """State, files and rows, in an order of their own."""
    state = detail(pli, table, *args)
    for key in ["setTransactions", "domainMetadata", "readerFeatures", "writerFeatures"]:
        state[key].sort(key=str)
    files = [json.loads(line) for line in pli("delta", "files", table, "--format", "ndjson", *args).splitlines()]
    rows = (
        [] if not state["schema"]["fields"] else pli("delta", "read", table, "--format", "ndjson", *args).splitlines()
    )
    paths = sorted(str((f["path"], f["size"], f["partitionValues"], f.get("deletionVector"))) for f in files)
    return json.dumps(state, sort_keys=True), paths, sorted(rows)


@pytest.mark.parametrize("name", FEATURES)
def test_how_other_engines_read_the_table(tables, pli, tmp_path, name):
    """Fills the matrix; what others cannot read is theirs to mend. Void columns, which Parquet cannot hold, are left out."""
    pytest.importorskip("deltalake")
    pytest.importorskip("duckdb")
    path = tables(name)
    fields = detail(pli, path)["schema"]["fields"]
    columns = [f["name"] for f in fields if f["type"] != "void"]
    if not columns:
        return
    expected = tmp_path / "ours.parquet"
    plain = all("," not in c for c in columns)
    pli("delta", "read", path, *(["--columns", ",".join(columns)] if plain else []), "-o", expected)
    for engine in ENGINES:
        if engine != "DuckDB delta" or os.environ.get("PLI_DELTA_EXTENSION"):
            record(f"Spark: {name}", engine, engine_verdict(engine, path, str(expected)))


@pytest.mark.parametrize("name", FEATURES)
def test_the_state_is_the_one_that_spark_describes(spark, tables, pli, verdict, name):
    path = tables(name)
    ours = detail(pli, path)
    theirs = spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]
    assert ours["id"] == theirs.id
    assert ours["numFiles"] == theirs.numFiles
    assert ours["sizeInBytes"] == theirs.sizeInBytes
    assert (ours["minReaderVersion"], ours["minWriterVersion"]) == (theirs.minReaderVersion, theirs.minWriterVersion)
    assert ours["partitionColumns"] == list(theirs.partitionColumns)
    history = {r.version: r for r in spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect()}
    for line in pli("delta", "history", path, "--format", "ndjson").splitlines():
        row = json.loads(line)
        assert row["operation"] == history[row["version"]].operation
        ours_at = dt.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None)
        assert abs(ours_at - history[row["version"]].timestamp) < dt.timedelta(milliseconds=1), row["version"]


@pytest.mark.parametrize("name", [n for n, (_, changes) in FEATURES.items() if changes])
def test_every_range_of_changes_is_read_as_spark_reads_it(spark, tables, read_ours, verdict, name):
    from pyspark.errors import UnsupportedOperationException

    path = tables(name)
    versions = versions_of(spark, path)
    ranges = [(a, versions[-1]) for a in versions] + [(a, a) for a in versions]
    compared = 0
    for first, last in ranges:
        ours = read_ours("changes", path, "--from-version", first, "--to-version", last)
        try:
            # Spark reads with the newest schema, we with that of the end of the range
            theirs = spark_changes(spark, path, first, last).select([f"`{c}`" for c in ours.columns])
            assert_same(ours, theirs, f"changes {first} to {last}")
        except UnsupportedOperationException as refused:  # Spark does not read on over some changes of the schema
            if "DELTA_CHANGE_DATA_FEED_INCOMPATIBLE" not in str(refused):
                raise
            continue
        compared += 1
    assert compared


def test_times_resolve_to_versions_as_in_spark(spark, tables, read_ours):
    for name in ["in-commit timestamps enabled later", "deletion vectors"]:
        path = tables(name)
        for row in spark.sql(f"DESCRIBE HISTORY delta.`{path}`").collect():
            moment = row.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            theirs = spark_version(spark, path, row.version)
            assert_same(read_ours("read", path, "--timestamp", moment), theirs, f"{name} at {moment}")


def test_filters_and_columns_give_the_rows_that_spark_gives(spark, tables, read_ours):
    cases = [
        ("all types, nested, nulls", "id", "id BETWEEN 3 AND 9 AND bo", "id BETWEEN 3 AND 9 AND bo"),
        ("all types, nested, nulls", "id, ts", "ts > '1970-01-05T00:00:00Z'", "ts > timestamp'1970-01-05 00:00:00'"),
        ("all types, nested, nulls", "id, s", "st.x >= 20 OR s LIKE 'näme 1%'", "st.x >= 20 OR s LIKE 'näme 1%'"),
        ("partitions with special characters and nulls", "id", "p IS NULL", "p IS NULL"),
        ("partitions with special characters and nulls", "v, id", "q > 2 AND p <> 'x'", "q > 2 AND p <> 'x'"),
        ("deletion vectors", "id", "id >= 4000", "id >= 4000"),
        ("deletion vectors over many row groups", "id", "id > 14900 AND id < 15100", "id > 14900 AND id < 15100"),
        ("type widening", "a", "a > 5", "a > 5"),
        ("type widening", "d", "d >= TIMESTAMP '2024-01-02'", "d >= timestamp_ntz'2024-01-02'"),
        (
            "checkpoints with parsed statistics only",
            "id",
            "id = 33 OR ts < '1970-01-01T00:00:00.010Z'",
            "id = 33 OR ts < timestamp'1970-01-01 00:00:00.01'",
        ),
        ("column mapping by name: rename, drop, add again, nested", "part", "s.b.renamed = 'x'", "s.b.renamed = 'x'"),
    ]
    for name, columns, ours, theirs in cases:
        path = tables(name)
        expected = spark.read.format("delta").load(path).where(theirs).selectExpr(*columns.split(", "))
        actual = read_ours("read", path, "--columns", columns.replace(", ", ","), "--where", ours)
        assert_same(actual, expected, f"{name}: {ours}")


VARIANT_FILES = {
    "variant": ({}, "false"),
    "variant, shredded": ({}, "true"),
    "variant, not annotated": ({"spark.sql.parquet.variant.annotateLogicalType.enabled": "false"}, "false"),
}


@pytest.mark.parametrize("name", VARIANT_FILES)
def test_variants_are_read_as_their_binary_parts(spark, read_ours, tmp_path, name):
    from pyspark.sql.types import VariantVal

    settings, shredding = VARIANT_FILES[name]
    path = str(tmp_path / "variant")
    json_text = """parse_json('{"a": [1, 2.5, null, "x"], "b": {"c": true}, "big": 12345678901234567890.5}')"""
    for key, value in settings.items():
        spark.conf.set(key, value)
    try:
        spark.sql(
            f"CREATE TABLE delta.`{path}` (id int, v variant, n struct<w: variant>, l array<variant>) USING delta"
            f" TBLPROPERTIES ('delta.enableVariantShredding' = '{shredding}')"
        )
        spark.sql(
            f"INSERT INTO delta.`{path}` SELECT 1, {json_text}, named_struct('w', {json_text}), array({json_text})"
            " UNION ALL SELECT 2, NULL, NULL, NULL UNION ALL SELECT 3, parse_json('7'), named_struct('w', NULL), array()"
            " UNION ALL SELECT 4, to_variant_object(named_struct('d', date'2024-01-01', 't', timestamp'2024-01-01 10:00:00')), NULL, NULL"
        )
    finally:
        for key in settings:
            spark.conf.unset(key)

    def texts(frame, as_text):
        rows = {}
        for r in frame.collect():
            rows[r.id] = (as_text(r.v), r.n and as_text(r.n.w), r.l and [as_text(x) for x in r.l])
        return rows

    theirs = texts(spark.read.format("delta").load(path), lambda v: v and v.toJson())
    ours = texts(read_ours("read", path), lambda v: v and VariantVal(bytes(v.value), bytes(v.metadata)).toJson())
    record(f"Spark: {name}", "pli", "ok" if ours == theirs else "WRONG")
    assert ours == theirs


def test_instants_are_the_same_whatever_the_zone_of_the_reader(spark, tables, read_ours, monkeypatch):
    monkeypatch.setenv("PLI_TIMEZONE", "America/Los_Angeles")
    names = ["INT96 timestamps and legacy lists", "all types, nested, nulls", "dates and times in the old calendar"]
    for name in names:
        path = tables(name)
        assert_same(read_ours("read", path), spark.read.format("delta").load(path), name)


def test_what_we_rewrite_of_files_in_the_old_calendar_is_read_by_spark_as_before(spark, tables, pli, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(tables("dates and times in the old calendar"), copy)
    before = spark_rows(spark.read.format("delta").load(str(copy)))
    pli("delta", "update", copy, "--copy-on-write", "--set", "id=id + 0", "--where", "d < DATE '1500-03-01'")
    assert spark_rows(spark.read.format("delta").load(str(copy))) == before
    pli("delta", "optimize", copy)
    assert spark_rows(spark.read.format("delta").load(str(copy))) == before


def test_a_feature_that_is_not_known_is_refused_by_name(spark, pli, tmp_path):
    path = tmp_path / "future"
    spark.sql(
        f"CREATE TABLE delta.`{path}` (id int) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')"
    )
    commit = path / "_delta_log/00000000000000000000.json"
    commit.write_text(commit.read_text().replace('"deletionVectors"', '"hologramColumns"'))
    pli("delta", "read", path, code=4)
