"""Jobs that overwrite parts of a table, beside Spark's partitionOverwriteMode and replaceWhere on a copy: equal rows, equal change feed;
then Spark overwrites ours, and we again."""

from __future__ import annotations

import json
import shutil

import pytest
from interop_support import detail, record, spark_rows

deltalake = pytest.importorskip("deltalake")

FEED = "delta.enableChangeDataFeed=true"
TABLES = {
    "plain": [],
    "feed, row tracking": [FEED, "delta.enableRowTracking=true"],
    "feed, deletion vectors, mapping by name": [
        FEED,
        "delta.enableDeletionVectors=true",
        "delta.columnMapping.mode=name",
    ],
}
PARTS = {
    "dynamic": ("--dynamic-partitions", {"partitionOverwriteMode": "dynamic"}),
    "where": ("--replace-where=p = 1 AND v < 'm'", {"replaceWhere": "p = 1 AND v < 'm'"}),
}
START = [(p, f"{c}{p}") for p in (1, 2, 3) for c in "axz"]
FRESH = {"dynamic": [(2, "new"), (4, "four")], "where": [(1, "b new"), (1, "c new")]}


def put(folder, name, rows):
    (folder / "in").mkdir(exist_ok=True)
    text = "".join(json.dumps({"p": p, "v": v}) + "\n" for p, v in rows)
    (folder / "in" / f"{name}.ndjson").write_text(text, encoding="utf-8")


def changes(spark, table, version):
    reader = spark.read.format("delta").option("readChangeFeed", "true").option("startingVersion", version)
    return spark_rows(reader.load(str(table)).drop("_commit_timestamp"))


@pytest.mark.spark
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", TABLES)
def test_parts_are_replaced_as_by_spark(kind, part, spark, pli, read_ours, tmp_path):
    t, copy = tmp_path / "t", tmp_path / "copy"
    flag, options = PARTS[part]
    words = [w for p in TABLES[kind] for w in ("--property", p)]
    job = ["ingest", tmp_path / "in", t, "--settle-time", "0s", "--mode", "overwrite", "--partition-by", "p", *words]
    put(tmp_path, "1", START)
    pli(*job)
    shutil.copytree(t, copy)
    fresh = spark.createDataFrame(FRESH[part], "p BIGINT, v STRING")
    put(tmp_path, "2", FRESH[part])
    pli(*job, flag)
    fresh.write.format("delta").mode("overwrite").options(**options).save(str(copy))
    version = detail(pli, t)["version"]
    both = [spark_rows(spark.read.format("delta").load(str(p))) for p in (t, copy)]
    assert both[0] == both[1]
    if FEED in TABLES[kind]:
        assert changes(spark, t, version) == changes(spark, copy, version)
    again = spark.createDataFrame([(p, "b again") for p, _ in FRESH[part]], "p BIGINT, v STRING")
    again.write.format("delta").mode("overwrite").options(**options).save(str(t))
    put(tmp_path, "3", [(FRESH[part][0][0], "c last")])
    pli(*job, flag)
    rows = spark_rows(spark.read.format("delta").load(str(t)))
    gone = "again" if part == "where" else "new"
    assert not any(gone in r for r in rows) and sum("c last" in r for r in rows) == 1
    assert spark_rows(read_ours("read", t)) == rows
    record(f"overwrite of a part ({part}): {kind}", "Spark", "ok")
    if "mapping" not in kind:
        assert deltalake.DeltaTable(str(t)).version() == detail(pli, t)["version"]
