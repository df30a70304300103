"""Merges into tables that ask for more: row tracking, identity columns, variants, generated columns, defaults. We merge, Spark
merges the same into a copy or goes on with our table; rows, ids of rows and marks are those that Spark says."""

from __future__ import annotations

import datetime
import json
import shutil

import pytest
from interop_support import detail, record, spark_rows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
deltalake = pytest.importorskip("deltalake")

TRACKED = "delta.enableRowTracking=true"
VECTORS = "delta.enableDeletionVectors=true"
FEED = "delta.enableChangeDataFeed=true"
TRACKING = {
    "plain": [TRACKED],
    "deletion vectors, feed": [TRACKED, VECTORS, FEED],
    "mapping by name, feed": [TRACKED, FEED, "delta.columnMapping.mode=name"],
    "mapping by id": [TRACKED, "delta.columnMapping.mode=id"],
}


def put(folder, name, columns):
    path = str(folder / f"{name}.parquet")
    pq.write_table(pa.table(columns), path)
    return path


def merge(pli, table, source, on, *clauses):
    pli("delta", "merge", table, source, "--on", on, *[w for c in clauses for w in ("--when", c)])


def spark_merge(spark, table, source, on, *clauses, words="MERGE INTO"):
    spark.read.parquet(source).createOrReplaceTempView("merge_source")
    whens = " ".join(f"WHEN {c}" for c in clauses)
    spark.sql(f"{words} delta.`{table}` AS target USING merge_source AS source ON {on} {whens}")


def ids_of(spark, table):
    """key -> (row id, version of its last change), as Spark reads them."""
    frame = spark.sql(f"SELECT id, _metadata.row_id AS r, _metadata.row_commit_version AS v FROM delta.`{table}`")
    rows = {row.id: (row.r, row.v) for row in frame.collect()}
    assert len({r for r, _ in rows.values()}) == len(rows), "two rows have one id"
    return rows


def expect_kept(before, after, updated, version, gone=()):
    for key, (row_id, changed) in before.items():
        if key in gone:
            assert key not in after
        else:
            assert after[key] == (row_id, version if key in updated else changed), key
    known = max(r for r, _ in before.values())
    for key in after.keys() - before.keys():
        assert after[key][0] > known and after[key][1] == version, key


UPSERT = [
    "MATCHED AND source.v = 'gone' THEN DELETE",
    "MATCHED THEN UPDATE SET *",
    "NOT MATCHED AND source.v <> 'gone' THEN INSERT *",
]


@pytest.mark.spark
@pytest.mark.parametrize("kind", TRACKING)
def test_rows_keep_their_ids_through_merges_of_all(kind, spark, pli, tmp_path):
    t = tmp_path / "t"
    flags = [w for p in TRACKING[kind] for w in ("--property", p)]
    pli("delta", "create", t, "--schema", "STRUCT(id BIGINT, v VARCHAR)", *flags)
    for low in (0, 20):
        ids = list(range(low, low + 20))
        pli("delta", "append", t, put(tmp_path, f"start{low}", {"id": ids, "v": [f"v{i}" for i in ids]}))
    first = put(tmp_path, "first", {"id": [3, 7, 25, 100], "v": ["new", "gone", "new", "in"]})
    second = put(tmp_path, "second", {"id": [3, 8, 9, 100, 101], "v": ["again", "new", "new", "up", "in"]})
    alone = "NOT MATCHED BY SOURCE AND target.id = 30 THEN UPDATE SET v = target.v || '!'"
    for by_us in (True, False, True):
        for source, clauses, updated in (
            (first, [*UPSERT, alone], {3, 25, 30, 100}),
            (second, UPSERT, {3, 8, 9, 100, 101}),
        ):
            before, version = ids_of(spark, t), detail(pli, t)["version"]
            if by_us:
                merge(pli, t, source, "source.id = target.id", *clauses)
            else:
                spark_merge(spark, t, source, "source.id = target.id", *clauses)
            expect_kept(before, ids_of(spark, t), updated, version + 1, {7} & before.keys())
    before = ids_of(spark, t)
    pli("delta", "optimize", t)
    assert ids_of(spark, t) == before
    spark.sql(f"OPTIMIZE delta.`{t}`")
    assert ids_of(spark, t) == before
    record(f"merge, row tracking: {kind}", "Spark", "ok")
    if "mapping" not in kind:
        read = (
            deltalake.QueryBuilder().register("t", deltalake.DeltaTable(str(t))).execute("SELECT id FROM t").read_all()
        )
        assert sorted(pa.table(read)["id"].to_pylist()) == sorted(before)
        record(f"merge, row tracking: {kind}", "delta-rs", "ok")


# ---- identity columns ----


def field_metadata(table, column):
    """Of the newest commit that has any."""
    log = sorted((table / "_delta_log").glob("*.json"), reverse=True)
    for commit in log:
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if "metaData" in action:
                fields = json.loads(action["metaData"]["schemaString"])["fields"]
                return next(f["metadata"] for f in fields if f["name"] == column)
    raise AssertionError("no metadata")


@pytest.mark.spark
@pytest.mark.parametrize("kind", ["always", "by default"])
def test_identity_columns_go_on_through_merges_of_all(kind, spark, pli, read_ours, tmp_path):
    tables = pytest.importorskip("delta.tables")
    made = tables.IdentityGenerator(10, 3)
    t, copy = tmp_path / "t", tmp_path / "copy"
    builder = tables.DeltaTable.create(spark).location(str(t))
    how = {"generatedAlwaysAs": made} if kind == "always" else {"generatedByDefaultAs": made}
    builder.addColumn("k", "BIGINT", **how).addColumn("id", "BIGINT").addColumn("v", "STRING").execute()
    spark.sql(f"INSERT INTO delta.`{t}` (id, v) VALUES (1, 'a'), (2, 'b')")
    source = put(tmp_path, "s", {"id": [2, 3], "v": ["B", "C"]})
    own = put(tmp_path, "own", {"k": [50, 51], "id": [2, 4], "v": ["own", "own"]})
    clauses = ["MATCHED THEN UPDATE SET v = source.v", "NOT MATCHED THEN INSERT (id, v) VALUES (source.id, source.v)"]
    on = "source.id = target.id"
    shutil.copytree(t, copy)
    merge(pli, t, source, on, *clauses)
    spark_merge(spark, copy, source, on, *clauses)
    assert spark_rows(spark.read.format("delta").load(str(t))) == spark_rows(spark.read.format("delta").load(str(copy)))
    assert field_metadata(t, "k") == field_metadata(copy, "k")
    pli("delta", "merge", t, own, "--on", on, "--when", "MATCHED THEN UPDATE SET *", code=1)
    pli("delta", "merge", t, own, "--on", on, "--when", "MATCHED THEN UPDATE SET k = 5", code=1)
    with pytest.raises(Exception, match="IDENTITY"):
        spark_merge(spark, copy, own, on, "MATCHED THEN UPDATE SET *")
    insert = "NOT MATCHED THEN INSERT *"
    if kind == "always":
        pli("delta", "merge", t, own, "--on", on, "--when", insert, code=1)
        with pytest.raises(Exception, match="IDENTITY"):
            spark_merge(spark, copy, own, on, insert)
    else:
        merge(pli, t, own, on, insert)
        spark_merge(spark, copy, own, on, insert)
        assert field_metadata(t, "k") == field_metadata(copy, "k")
    spark.sql(f"INSERT INTO delta.`{t}` (id, v) VALUES (7, 'spark')")
    merge(pli, t, put(tmp_path, "last", {"id": [8], "v": ["ours"]}), on, clauses[1])
    values = {row.id: row.k for row in spark.read.format("delta").load(str(t)).collect()}
    assert values == {1: 10, 2: 13, 3: 16, 7: 19, 8: 22} | ({4: 51} if kind != "always" else {})
    assert spark_rows(read_ours("read", t)) == spark_rows(spark.read.format("delta").load(str(t)))
    record(f"merge, identity columns {kind}", "Spark", "ok")


# ---- variants ----


def variant_rows(spark, table):
    columns = "id, to_json(v) v, to_json(s) s, to_json(l) l, to_json(m) m"
    return sorted(map(str, spark.sql(f"SELECT {columns} FROM delta.`{table}`").collect()))


@pytest.mark.spark
@pytest.mark.parametrize("mode", ["none", "name", "id"])
def test_variants_of_any_depth_go_through_merges_of_all(mode, spark, pli, tmp_path):
    t, s, copy = tmp_path / "t", tmp_path / "s", tmp_path / "copy"
    columns = "id BIGINT, v VARIANT, s STRUCT<n: INT, x: VARIANT>, l ARRAY<VARIANT>, m MAP<STRING, VARIANT>"
    mapped = f"TBLPROPERTIES ('delta.columnMapping.mode' = '{mode}', 'delta.enableChangeDataFeed' = 'true')"
    for path, more in ((t, mapped), (s, "")):
        spark.sql(f"CREATE TABLE delta.`{path}` ({columns}) USING delta {more}")
    row = "parse_json('{{\"a\": {0}}}'), named_struct('n', {0}, 'x', parse_json('\"x{0}\"')), array(parse_json('{0}'), null), map('k', parse_json('[{0}]'))"
    old = " UNION ALL ".join(f"SELECT {i}L, " + row.format(i) for i in (1, 2, 3))
    new = " UNION ALL ".join(f"SELECT {i}L, " + row.format(i * 10) for i in (2, 4))
    spark.sql(f"INSERT INTO delta.`{t}` {old}")
    spark.sql(f"INSERT INTO delta.`{s}` {new} UNION ALL SELECT 3L, NULL, NULL, NULL, NULL")
    shutil.copytree(t, copy)
    on, whens = "source.id = target.id", ["MATCHED THEN UPDATE SET *", "NOT MATCHED THEN INSERT *"]
    merge(pli, t, s, on, *whens)
    spark.sql(
        f"MERGE INTO delta.`{copy}` target USING delta.`{s}` source ON {on} {' '.join('WHEN ' + w for w in whens)}"
    )
    assert variant_rows(spark, t) == variant_rows(spark, copy)
    # what is no variant yet becomes one
    texts = put(tmp_path, "texts", {"id": [1, 9], "j": ['{"b": [1, null]}', "[true]"]})
    merge(
        pli,
        t,
        texts,
        on,
        "MATCHED THEN UPDATE SET v = CAST(source.j AS JSON)",
        "NOT MATCHED THEN INSERT (id, v, l) VALUES (source.id, CAST(source.j AS JSON), ['text', source.j])",
    )
    found = {r.id: r for r in spark.sql(f"SELECT id, to_json(v) v, to_json(l) l FROM delta.`{t}`").collect()}
    assert found[1].v == '{"b":[1,null]}' and found[9].v == "[true]"
    assert json.loads(found[9].l) == ["text", "[true]"]
    spark.sql(f"UPDATE delta.`{t}` SET v = parse_json('5') WHERE id = 9")
    pli("delta", "update", t, "--set", "v={'by': 'us'}", "--where", "id = 4")
    found = {r.id: r.v for r in spark.sql(f"SELECT id, to_json(v) v FROM delta.`{t}`").collect()}
    assert found[9] == "5" and json.loads(found[4]) == {"by": "us"}
    record(f"merge, variants, mapping {mode}", "Spark", "ok")


# ---- generated columns and defaults ----


@pytest.mark.spark
def test_generated_columns_and_defaults_through_merges_are_those_of_spark(spark, pli, read_ours, tmp_path):
    t, copy = tmp_path / "t", tmp_path / "copy"
    spark.sql(
        f"CREATE TABLE delta.`{t}` (id BIGINT, v STRING DEFAULT 'none', at TIMESTAMP, n INT, k BIGINT DEFAULT 7, "
        "day DATE GENERATED ALWAYS AS (CAST(at AS DATE)), twice INT GENERATED ALWAYS AS (n * 2)) USING delta "
        "PARTITIONED BY (day) TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported', 'delta.enableChangeDataFeed' = 'true')"
    )
    spark.sql(
        f"INSERT INTO delta.`{t}` (id, at, n) VALUES (1, '2024-01-01 10:00:00', 1), (2, '2024-02-01 10:00:00', 2), (3, NULL, NULL)"
    )
    shutil.copytree(t, copy)
    day = [datetime.datetime(2025, 5, i, 23, 59) for i in (1, 2, 3)]
    source = put(
        tmp_path,
        "s",
        {"id": [2, 3, 4], "at": pa.array(day, pa.timestamp("us", "UTC")), "n": pa.array([5, 6, 7], pa.int32())},
    )
    more = put(tmp_path, "more", {"id": [4, 5], "n": pa.array([1, 2], pa.int32())})
    on = "source.id = target.id"
    turns = [
        (
            source,
            [
                "MATCHED THEN UPDATE SET n = source.n, at = source.at",
                "NOT MATCHED THEN INSERT (id, n, at) VALUES (source.id, source.n, source.at)",
            ],
        ),
        (
            more,
            [
                "MATCHED THEN UPDATE SET n = target.n + source.n",
                "NOT MATCHED THEN INSERT (id, n, twice, v) VALUES (source.id, source.n, 4, 'given')",
            ],
        ),
        (more, ["NOT MATCHED BY SOURCE AND target.id = 1 THEN UPDATE SET at = TIMESTAMP '2023-03-03 00:00:00'"]),
        (more, ["MATCHED AND target.id = 5 THEN DELETE", "MATCHED THEN UPDATE SET v = NULL"]),
    ]
    for turn, (rows, clauses) in enumerate(turns):
        ours, theirs = (copy, t) if turn == 2 else (t, copy)  # Spark goes on where we wrote, and we where it did
        merge(pli, ours, rows, on, *clauses)
        spark_merge(spark, theirs, rows, on, *clauses)
        both = [spark_rows(spark.read.format("delta").load(str(p))) for p in (t, copy)]
        assert both[0] == both[1], clauses
    wrong = "MATCHED THEN UPDATE SET twice = 1"
    pli("delta", "merge", t, more, "--on", on, "--when", wrong, code=1)
    with pytest.raises(Exception, match="twice"):
        spark_merge(spark, copy, more, on, wrong)
    assert spark_rows(read_ours("read", t)) == both[0]
    record("merge, generated columns, defaults", "Spark", "ok")
