"""Operations of ours on tables of ours and of Spark, one by one: Spark reads what they make and goes on writing, then we again."""

from __future__ import annotations

import json

import pytest
from interop_support import detail, record, spark_rows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def verdict(request):
    yield
    name = request.node.name.removeprefix("test_").replace("_", " ")
    record(f"operation: {name}", "Spark", "WRONG" if getattr(request.node, "outcome_failed", False) else "ok")


def sql(spark, path, *statements):
    for statement in statements:
        spark.sql(statement.replace("{t}", f"delta.`{path}`"))


def rows(spark, path, *columns, version=None):
    reader = spark.read.format("delta")
    frame = (reader.option("versionAsOf", version) if version is not None else reader).load(str(path))
    return [json.loads(line) for line in spark_rows(frame.select(*columns) if columns else frame)]


def ours(read_ours, path, *args):
    return [json.loads(line) for line in spark_rows(read_ours("read", path, *args))]


def append(pli, folder, path, lines, *args):
    file = folder / "rows.ndjson"
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
    return pli("delta", "append", path, file, *args)


def ids(found):
    return sorted(r["id"] for r in found)


def test_a_parquet_folder_becomes_a_table(spark, pli, read_ours, tmp_path, verdict):
    path = tmp_path / "t"
    spark.sql(
        "SELECT id, date_add(date'2024-01-01', cast(id % 3 AS int)) day, timestamp_micros(id * 1000001) ts FROM range(30)"
    ).write.partitionBy("day").parquet(str(path))
    pli("delta", "convert", path, "--partition-by", "day DATE")
    assert len(rows(spark, path)) == 30
    assert ids(rows(spark, path, "id", "day")) == list(range(30))
    assert spark.read.format("delta").load(str(path)).where("id > 27 AND day = '2024-01-02'").count() == 1
    sql(
        spark,
        path,
        "INSERT INTO {t} VALUES (100, date'2024-01-01', NULL)",
        "DELETE FROM {t} WHERE id < 5",
        "OPTIMIZE {t}",
    )
    assert ours(read_ours, path) == rows(spark, path)
    pli("delta", "delete", path, "--where", "id = 100")
    assert ids(rows(spark, path)) == list(range(5, 30))


def test_clones_go_their_own_way(spark, pli, read_ours, tmp_path, verdict):
    source, clone, theirs = tmp_path / "s", tmp_path / "c", tmp_path / "theirs"
    sql(
        spark,
        source,
        "CREATE TABLE {t} (id long, p string) USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT id, concat('x y%', id % 2) FROM range(40)",
        "DELETE FROM {t} WHERE id % 8 = 0",
    )
    pli("delta", "clone", source, clone)
    before = rows(spark, source)
    assert rows(spark, clone) == before
    sql(spark, clone, "DELETE FROM {t} WHERE id = 1", "INSERT INTO {t} VALUES (99, 'new')", "VACUUM {t} RETAIN 0 HOURS")
    pli("delta", "delete", clone, "--where", "id = 2")
    pli("delta", "vacuum", clone, "--retention", "0s", "--allow-short", "--yes")
    assert ids(rows(spark, clone)) == sorted({r["id"] for r in before} - {1, 2} | {99})
    assert ours(read_ours, clone) == rows(spark, clone)
    spark.sql(f"CREATE TABLE delta.`{theirs}` SHALLOW CLONE delta.`{source}`")
    pli("delta", "delete", theirs, "--where", "id = 3")
    pli("delta", "optimize", theirs)
    pli("delta", "vacuum", theirs, "--retention", "0s", "--allow-short", "--yes")
    assert ids(rows(spark, theirs)) == sorted({r["id"] for r in before} - {3})
    assert rows(spark, source) == before == ours(read_ours, source)


def test_columns_are_renamed_dropped_and_added(spark, pli, read_ours, tmp_path, verdict):
    path = tmp_path / "t"
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id long, v string, s struct<a: int, b: string>, p long) USING delta PARTITIONED BY (p)",
    )
    sql(
        spark,
        path,
        "INSERT INTO {t} SELECT id, concat('v', id), named_struct('a', cast(id AS int), 'b', 'x'), 1 FROM range(3)",
    )
    pli("delta", "set", path, "delta.columnMapping.mode=name")
    pli("delta", "rename-column", path, "v", "w")
    pli("delta", "rename-column", path, "p", "part")
    pli("delta", "rename-column", path, "s.b", "c")
    pli("delta", "drop-column", path, "s.a", "--yes")
    pli("delta", "add-column", path, "v", "DOUBLE")
    expected = [{"id": i, "w": f"v{i}", "s": {"c": "x"}, "part": 1, "v": None} for i in range(3)]
    assert rows(spark, path) == expected
    sql(
        spark,
        path,
        "INSERT INTO {t} VALUES (3, 'v3', named_struct('c', 'x'), 1, NULL)",
        "ALTER TABLE {t} RENAME COLUMN w TO x",
    )
    append(pli, tmp_path, path, [{"id": 4, "x": "v4", "s": {"c": "x"}, "part": 1}])
    expected = [{"id": i, "x": f"v{i}", "s": {"c": "x"}, "part": 1, "v": None} for i in range(5)]
    assert rows(spark, path) == expected == ours(read_ours, path)


def test_identity_columns_give_each_value_once(spark, pli, read_ours, tmp_path, verdict):
    path = tmp_path / "t"
    meta = {"delta.identity.start": 5, "delta.identity.step": 10, "delta.identity.allowExplicitInsert": False}
    fields = [
        {"name": "k", "type": "long", "nullable": True, "metadata": meta},
        {"name": "id", "type": "long", "nullable": True, "metadata": {}},
    ]
    pli("delta", "create", path, "--schema", json.dumps({"type": "struct", "fields": fields}))
    append(pli, tmp_path, path, [{"id": i} for i in range(3)])
    assert sorted(r["k"] for r in rows(spark, path)) == [5, 15, 25]
    sql(spark, path, "INSERT INTO {t} (id) VALUES (3), (4)")
    append(pli, tmp_path, path, [{"id": 5}])
    sql(spark, path, "INSERT INTO {t} (id) VALUES (6)")
    found = rows(spark, path)
    assert found == ours(read_ours, path)
    keys = [r["k"] for r in found]
    assert len(set(keys)) == 7 and all(k % 10 == 5 for k in keys)


def test_row_ids_stay_with_their_rows(spark, pli, read_ours, tmp_path, verdict):
    path = tmp_path / "t"

    def row_ids():
        frame = (
            spark.read.format("delta").load(str(path)).select("id", "_metadata.row_id", "_metadata.row_commit_version")
        )
        return {r.id: (r.row_id, r.row_commit_version) for r in frame.collect()}

    sql(spark, path, "CREATE TABLE {t} (id long, v string) USING delta")
    sql(spark, path, "INSERT INTO {t} SELECT id, 'v' FROM range(10)")
    pli("delta", "set", path, "delta.enableRowTracking=true")
    append(pli, tmp_path, path, [{"id": i, "v": "v"} for i in range(10, 15)])
    first = row_ids()
    assert len({i for i, _ in first.values()}) == 15
    pli("delta", "delete", path, "--where", "id = 14")
    pli("delta", "update", path, "--set", "v='new'", "--where", "id IN (3, 12)")
    updated = detail(pli, path)["version"]
    pli("delta", "optimize", path)
    then = row_ids()
    assert {k: i for k, (i, _) in then.items()} == {k: i for k, (i, _) in first.items() if k != 14}
    assert {k for k, (_, version) in then.items() if version == updated} == {3, 12}
    sql(spark, path, "UPDATE {t} SET v = 'spark' WHERE id = 5", "OPTIMIZE {t}")
    pli("delta", "update", path, "--set", "v='ours'", "--where", "id = 5")
    assert {k: i for k, (i, _) in row_ids().items()} == {k: i for k, (i, _) in then.items()}
    assert ours(read_ours, path) == rows(spark, path)


def test_variants_of_ours_are_variants(spark, pli, tmp_path, verdict):
    path = tmp_path / "t"
    pli("delta", "create", path, "--schema", "STRUCT(id BIGINT, v VARIANT)")
    append(pli, tmp_path, path, [{"id": 1, "v": {"a": [1, None, "x"]}}, {"id": 2, "v": None}])
    sql(spark, path, "INSERT INTO {t} VALUES (3, parse_json('{\"b\": 2.5}'))")
    frame = (
        spark.read.format("delta").load(str(path)).selectExpr("id", "to_json(v) j", "variant_get(v, '$.b', 'double') b")
    )
    assert sorted((r.id, r.j and json.loads(r.j), r.b) for r in frame.collect()) == [
        (1, {"a": [1, None, "x"]}, None),
        (2, None, None),
        (3, {"b": 2.5}, 2.5),
    ]


def test_conditions_of_the_table_hold_for_our_rows(spark, pli, read_ours, tmp_path, verdict):
    path = tmp_path / "t"
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id long NOT NULL, v string, n long) USING delta",
        "ALTER TABLE {t} ADD CONSTRAINT small CHECK (n < 100)",
    )
    append(pli, tmp_path, path, [{"id": 1, "v": "a", "n": 5}])
    good = {"id": 8, "v": "x", "n": 1}
    for bad in [good | {"id": None}, good | {"n": 100}]:
        file = tmp_path / "bad.ndjson"
        file.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n", encoding="utf-8")
        pli("delta", "append", path, file, code=1)
    sql(spark, path, "INSERT INTO {t} VALUES (3, 'b', 7)")
    assert ids(rows(spark, path)) == [1, 3] == ids(ours(read_ours, path))


def test_restored_and_overwritten_schemas_are_read_in_every_version(spark, pli, read_ours, tmp_path, verdict):
    path = tmp_path / "t"
    append(pli, tmp_path, path, [{"id": 1, "v": "a"}], "--partition-by", "v")
    append(pli, tmp_path, path, [{"id": 2, "q": "x"}], "--overwrite", "--overwrite-schema", "--partition-by", "q")
    append(pli, tmp_path, path, [{"id": 3, "q": "y", "extra": 1.5}], "--merge-schema")
    pli("delta", "restore", path, "--version", 0)
    sql(spark, path, "INSERT INTO {t} VALUES (4, 'b')")
    expected = [
        [{"id": 1, "v": "a"}],
        [{"id": 2, "q": "x"}],
        [{"id": 2, "q": "x", "extra": None}, {"id": 3, "q": "y", "extra": 1.5}],
        [{"id": 1, "v": "a"}],
        [{"id": 1, "v": "a"}, {"id": 4, "v": "b"}],
    ]
    for version, want in enumerate(expected):
        assert sorted(rows(spark, path, version=version), key=str) == sorted(want, key=str), version
        assert sorted(ours(read_ours, path, "--version", version), key=str) == sorted(want, key=str), version


@pytest.mark.spark
def test_columns_that_cluster_a_table_have_statistics_wherever_they_stand(spark, pli, read_ours, tmp_path):
    """Spark clusters by columns of the first 32; where a property leaves them out later, it writes none, and the protocol demands them."""
    t = tmp_path / "t"
    spark.sql(
        f"CREATE TABLE delta.`{t}` (id BIGINT, v STRING, s STRUCT<x: INT, y: BIGINT>) USING delta CLUSTER BY (s.y)"
    )
    spark.sql(f"ALTER TABLE delta.`{t}` SET TBLPROPERTIES ('delta.dataSkippingNumIndexedCols' = '1')")
    kinds = pa.schema(
        [("id", pa.int64()), ("v", pa.string()), ("s", pa.struct([("x", pa.int32()), ("y", pa.int64())]))]
    )
    for low in (0, 10):
        new = [{"id": i, "v": f"v{i}", "s": {"x": 0, "y": i * 7}} for i in range(low, low + 10)]
        pq.write_table(pa.Table.from_pylist(new, kinds), tmp_path / "rows.parquet")
        pli("delta", "append", t, tmp_path / "rows.parquet")
    pli("delta", "update", t, "--set", "v='up'", "--where", "id = 3")
    files = json.loads(pli("delta", "files", t, "--json"))
    for file in files:
        stats = file["stats"] if isinstance(file["stats"], dict) else json.loads(file["stats"])
        assert set(stats["minValues"]) == {"id", "s"} and set(stats["minValues"]["s"]) == {"y"}
    spark.sql(f"DELETE FROM delta.`{t}` WHERE s.y > 120")
    spark.sql(f"OPTIMIZE delta.`{t}`")
    ids = [r.id for r in spark.sql(f"SELECT id FROM delta.`{t}` WHERE s.y >= 70 ORDER BY id").collect()]
    assert ids == list(range(10, 18))
    assert spark_rows(read_ours("read", t)) == spark_rows(spark.read.format("delta").load(str(t)))
    record("pli: clustering, statistics", "Spark", "ok")
