"""Tables of ours, one for each feature and some combinations: a history of changes by us, then by Spark and delta-rs, then by us
again. After each part every version has the rows of a plain model, read by Spark, by delta-rs where it can, and by us; changes too.
"""

from __future__ import annotations

import collections
import functools
import json

import pytest
from interop_support import detail, record, spark_rows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
deltalake = pytest.importorskip("deltalake")

COLUMNS = ["id", "p", "v", "n"]
VECTORS = "delta.enableDeletionVectors=true"
FEED = "delta.enableChangeDataFeed=true"
MAPPED = "delta.columnMapping.mode=name"
CLOCK = "delta.enableInCommitTimestamps=true"
TRACKED = "delta.enableRowTracking=true"
PARTS = ["delta.checkpointPolicy=v2", "delta.checkpointInterval=3"]

# name -> (properties, partition columns)
FEATURES = {
    "plain": ([], ""),
    "partitions, feed": ([FEED], "p"),
    "deletion vectors, feed": ([VECTORS, FEED], ""),
    "column mapping, partitions": ([MAPPED], "p"),
    "column mapping by id": (["delta.columnMapping.mode=id"], ""),
    "row tracking": ([TRACKED], ""),
    "all together": ([VECTORS, FEED, MAPPED, CLOCK, TRACKED, *PARTS], "p"),
}
TYPES = pa.schema([("id", pa.int64()), ("p", pa.int32()), ("v", pa.string()), ("n", pa.int64())])


class Table:
    """A table and what each of its versions must hold."""

    def __init__(self, pli, folder):
        self.pli, self.folder, self.path = pli, folder, str(folder / "t")
        self.rows, self.versions = [], []

    def committed(self, **change):
        """A commit was made: note the rows after it."""
        self.rows = change.get("rows", self.rows)
        self.versions.append(sorted(json.dumps(dict(zip(COLUMNS, r, strict=True))) for r in self.rows))

    def fresh(self, first, last):
        return [(i, i % 3, None if i % 11 == 0 else f"v {i}", i * 10) for i in range(first, last)]

    def put(self, rows, *args):
        path = self.folder / f"new{len(self.versions)}.parquet"
        pq.write_table(pa.Table.from_pylist([dict(zip(COLUMNS, r, strict=True)) for r in rows], TYPES), path)
        self.pli("delta", "append", self.path, path, *args)


def ours_first(t: Table, properties, partition_by):
    flags = [f for p in properties for f in ("--property", p)] + (
        ["--partition-by", partition_by] if partition_by else []
    )
    t.pli("delta", "create", t.path, "--schema", "STRUCT(id BIGINT, p INT, v VARCHAR, n BIGINT)", *flags)
    t.committed(rows=[])
    t.put(t.fresh(0, 30))
    t.committed(rows=t.fresh(0, 30))
    t.put(t.fresh(30, 40))
    t.committed(rows=t.rows + t.fresh(30, 40))
    t.pli("delta", "delete", t.path, "--where", "id % 5 = 0")
    t.committed(rows=[r for r in t.rows if r[0] % 5])
    t.pli("delta", "update", t.path, "--set", "n=n + 1", "--set", "v='up ' || id", "--where", "id % 7 = 0")
    t.committed(rows=[(i, p, f"up {i}", n + 1) if i % 7 == 0 else (i, p, v, n) for i, p, v, n in t.rows])
    t.put([(100, 1, "over", 0)], "--overwrite", "--where", "p = 1")
    t.committed(rows=[r for r in t.rows if r[1] != 1] + [(100, 1, "over", 0)])
    if partition_by:
        t.put([(200, 2, "dynamic", 0)], "--overwrite", "--dynamic-partitions")
        t.committed(rows=[r for r in t.rows if r[1] != 2] + [(200, 2, "dynamic", 0)])
    t.put(t.fresh(300, 310))
    t.committed(rows=t.rows + t.fresh(300, 310))
    t.pli("delta", "optimize", t.path)
    t.committed()


def sparks_turn(spark, t: Table):
    name = f"delta.`{t.path}`"
    spark.sql(f"INSERT INTO {name} VALUES (400, 0, 'spark', 1), (401, 2, NULL, NULL)")
    t.committed(rows=[*t.rows, (400, 0, "spark", 1), (401, 2, None, None)])
    spark.sql(f"DELETE FROM {name} WHERE id % 4 = 1")
    t.committed(rows=[r for r in t.rows if r[0] % 4 != 1])
    spark.sql(f"UPDATE {name} SET n = -1 WHERE id % 2 = 0")
    t.committed(rows=[(i, p, v, -1) if i % 2 == 0 else (i, p, v, n) for i, p, v, n in t.rows])
    spark.sql(
        f"MERGE INTO {name} t USING (SELECT 400L id, 0 p, 'merged' v, 5L n UNION ALL SELECT 500, 1, 'merged', 5) s ON t.id = s.id"
        " WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    )
    t.committed(rows=[r for r in t.rows if r[0] != 400] + [(400, 0, "merged", 5), (500, 1, "merged", 5)])
    spark.sql(f"OPTIMIZE {name}")
    if detail(t.pli, t.path)["version"] == len(t.versions):
        t.committed()
    spark.sql(f"VACUUM {name} RETAIN 300 HOURS")
    while detail(t.pli, t.path)["version"] >= len(t.versions):
        t.committed()


def delta_rs_turn(t: Table, feature: str):
    """It writes where it supports the features; where it does not, it must say so."""
    try:
        dt = deltalake.DeltaTable(t.path)
        rows = pa.Table.from_pylist([dict(zip(COLUMNS, (600, 0, "rust", 6), strict=True))], TYPES)
        deltalake.write_deltalake(dt, rows, mode="append")
    except Exception as refusal:
        assert "feature" in str(refusal).lower() or "unsupported" in str(refusal).lower(), refusal
        record(f"pli: {feature}, written on", "delta-rs", "refused")
        return
    t.committed(rows=[*t.rows, (600, 0, "rust", 6)])
    dt = deltalake.DeltaTable(t.path)
    dt.delete("id = 302")
    t.committed(rows=[r for r in t.rows if r[0] != 302])
    dt.update(updates={"n": "77"}, predicate="id = 600")
    t.committed(rows=[(i, p, v, 77) if i == 600 else (i, p, v, n) for i, p, v, n in t.rows])
    record(f"pli: {feature}, written on", "delta-rs", "ok")


def ours_again(t: Table):
    t.put(t.fresh(700, 705))
    t.committed(rows=t.rows + t.fresh(700, 705))
    t.pli("delta", "delete", t.path, "--where", "id IN (300, 700)")
    t.committed(rows=[r for r in t.rows if r[0] not in (300, 700)])
    t.pli("delta", "update", t.path, "--set", "n=1", "--where", "id = 701 OR id = 400")
    t.committed(rows=[(i, p, v, 1) if i in (701, 400) else (i, p, v, n) for i, p, v, n in t.rows])
    t.pli("delta", "checkpoint", t.path)


def check(spark, t: Table, read_ours, first: int = 0):
    """Every version from `first` on, in Spark, which reads them in one go; the newest also by us."""
    frames = [
        spark.read.format("delta").option("versionAsOf", v).load(t.path).selectExpr(f"{v} AS version", *COLUMNS)
        for v in range(first, len(t.versions))
    ]
    found = collections.defaultdict(list)
    for row in functools.reduce(lambda a, b: a.union(b), frames).collect():
        found[row.version].append(json.dumps({name: row[name] for name in COLUMNS}))
    for version in range(first, len(t.versions)):
        assert sorted(found[version]) == t.versions[version], f"version {version} in Spark"
    ours = sorted(json.dumps(json.loads(line)) for line in spark_rows(read_ours("read", t.path)))
    assert ours == t.versions[-1]


def check_changes(spark, t: Table, read_ours):
    theirs = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", 0).load(t.path)
    ours = read_ours("changes", t.path, "--from-version", 0)
    names = [*COLUMNS, "_change_type", "_commit_version"]
    assert spark_rows(ours.select(names)) == spark_rows(theirs.select(names))


def check_delta_rs(t: Table, feature: str):
    try:
        dt = deltalake.DeltaTable(t.path)
        read = pa.table(deltalake.QueryBuilder().register("t", dt).execute("SELECT id, p, v, n FROM t").read_all())
    except Exception as refusal:
        assert "feature" in str(refusal).lower() or "unsupported" in str(refusal).lower(), refusal
        record(f"pli: {feature}", "delta-rs", "refused")
        return
    assert sorted(json.dumps(row) for row in read.to_pylist()) == t.versions[-1]
    record(f"pli: {feature}", "delta-rs", "ok")


@pytest.fixture
def verdict(request):
    name = request.node.callspec.params["name"]
    yield
    record(f"pli: {name}", "Spark", "WRONG" if getattr(request.node, "outcome_failed", False) else "ok")


@pytest.mark.parametrize("name", FEATURES)
def test_what_we_write_is_read_and_written_by_all(spark, pli, read_ours, verdict, tmp_path, name):
    properties, partition_by = FEATURES[name]
    t = Table(pli, tmp_path)
    ours_first(t, properties, partition_by)
    check(spark, t, read_ours)
    check_delta_rs(t, name)
    written = len(t.versions)
    sparks_turn(spark, t)
    delta_rs_turn(t, name)
    ours_again(t)
    check(spark, t, read_ours, written)
    if FEED in properties:
        check_changes(spark, t, read_ours)
