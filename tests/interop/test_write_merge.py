"""Random merges by us and, on a copy, by Spark: equal rows, equal change feed, in every version as Spark, delta-rs and we read it.
Then Spark merges into our table, and we merge again."""

from __future__ import annotations

import datetime
import os
import random
import shutil
from decimal import Decimal

import pytest
from interop_support import detail, record, spark_rows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
deltalake = pytest.importorskip("deltalake")

VECTORS = "delta.enableDeletionVectors=true"
FEED = "delta.enableChangeDataFeed=true"
KINDS = {
    "merge": ([], ""),
    "merge, deletion vectors, feed": ([VECTORS, FEED], ""),
    "merge, partitions, mapping, feed": ([FEED, "delta.columnMapping.mode=name"], "p"),
}
TYPES = pa.schema(
    [
        ("id", pa.int64()),
        ("p", pa.int32()),
        ("v", pa.string()),
        ("n", pa.int64()),
        ("day", pa.date32()),
        ("price", pa.decimal128(10, 2)),
    ]
)
SCHEMA = "STRUCT(id BIGINT, p INTEGER, v VARCHAR, n BIGINT, day DATE, price DECIMAL(10,2))"
CONDITIONS = [
    "source.id = target.id",
    "source.id = target.id AND source.p = target.p",
    "target.id = source.id AND target.n > 100",
    "source.id = target.id AND source.day = target.day",
]
# Each kind's last clause has no condition. What is written here means the same to Spark and to the engine.
MATCHED = [
    "MATCHED AND source.op = 'd' THEN DELETE",
    "MATCHED AND target.n > 700 THEN UPDATE SET v = target.v || '!', n = target.n + source.n",
    "MATCHED AND source.op = 'u' THEN UPDATE SET v = source.v, p = source.p, price = source.price",
    "MATCHED THEN UPDATE SET *",
]
NOT_MATCHED = [
    "NOT MATCHED AND source.op = 'd' THEN INSERT (id, v) VALUES (source.id + 5000, upper(source.v))",
    "NOT MATCHED THEN INSERT *",
]
BY_SOURCE = [
    "NOT MATCHED BY SOURCE AND target.n < 300 THEN DELETE",
    "NOT MATCHED BY SOURCE AND target.p = 1 THEN UPDATE SET v = 'alone', n = target.n - 1",
]


def some_rows(rng, ids):
    def maybe(value):
        return None if rng.random() < 0.1 else value

    return [
        {
            "id": i,
            "p": rng.randrange(3),
            "v": maybe(f"v {i}'{rng.randrange(99)}"),
            "n": maybe(rng.randrange(1000)),
            "day": maybe(datetime.date(2024, 1, 1 + i % 28)),
            "price": maybe(Decimal(rng.randrange(10**6)) / 100),
        }
        for i in ids
    ]


class Merges:
    def __init__(self, spark, pli, folder, seed):
        self.spark, self.pli, self.folder = spark, pli, folder
        self.rng = random.Random(seed)
        self.n = 0

    def source(self):
        """Rows with keys that occur once, null once; a file for both."""
        ids = self.rng.sample(range(260), 60)
        rows = [{**r, "op": self.rng.choice("dui")} for r in some_rows(self.rng, ids)]
        rows.append({**rows[0], "id": None})
        self.n += 1
        path = self.folder / f"source{self.n}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, TYPES.append(pa.field("op", pa.string()))), path)
        return str(path)

    def clauses(self):
        def pick(pool, most):
            chosen = [c for c in pool[:-1] if self.rng.random() < 0.5]
            return (chosen + ([pool[-1]] if self.rng.random() < 0.7 else []))[:most]

        return pick(MATCHED, 4) + pick(NOT_MATCHED, 2) + (pick(BY_SOURCE, 2) if self.rng.random() < 0.5 else []) or [
            MATCHED[-1]
        ]

    def by_us(self, table, source, on, clauses):
        words = [w for c in clauses for w in ("--when", c)]
        self.pli("delta", "merge", table, source, "--on", on, *words)

    def by_spark(self, table, source, on, clauses):
        self.spark.read.parquet(source).createOrReplaceTempView("merge_source")
        whens = " ".join(f"WHEN {c}" for c in clauses)
        self.spark.sql(f"MERGE INTO delta.`{table}` AS target USING merge_source AS source ON {on} {whens}")


def spark_changes(spark, table, first, last):
    reader = spark.read.format("delta").option("readChangeFeed", "true")
    frame = reader.option("startingVersion", first).option("endingVersion", last).load(str(table))
    return spark_rows(frame.drop("_commit_timestamp"))


def every_version_is_the_same_to_all(spark, pli, read_ours, table, feed):
    last = detail(pli, table)["version"]
    for version in range(1, last + 1):
        theirs = spark_rows(spark.read.format("delta").option("versionAsOf", version).load(str(table)))
        assert spark_rows(read_ours("read", table, "--version", version)) == theirs, version
    if feed:
        ours = spark_rows(read_ours("changes", table, "--from-version", 1).drop("_commit_timestamp"))
        assert ours == spark_changes(spark, table, 1, last)


def delta_rs_reads(spark, table, folder):
    """By its own query engine, which knows deletion vectors."""
    rows = (
        deltalake.QueryBuilder().register("t", deltalake.DeltaTable(str(table))).execute("SELECT * FROM t").read_all()
    )
    path = str(folder / "delta-rs.parquet")
    pq.write_table(pa.table(rows).cast(TYPES), path)
    return spark_rows(spark.read.parquet(path))


@pytest.mark.spark
@pytest.mark.parametrize("kind", KINDS)
def test_merges_are_those_of_spark(kind, spark, pli, read_ours, tmp_path):
    properties, partition_by = KINDS[kind]
    feed = FEED in properties
    seed = os.environ.get("PLI_SEED") or str(random.randrange(10**9))
    print(f"PLI_SEED={seed}")
    m = Merges(spark, pli, tmp_path, f"{seed} {kind}")
    ours = tmp_path / "ours"
    flags = [w for p in properties for w in ("--property", p)] + (
        ["--partition-by", partition_by] if partition_by else []
    )
    pli("delta", "create", ours, "--schema", SCHEMA, *flags)
    for low in (0, 100):
        path = tmp_path / f"start{low}.parquet"
        pq.write_table(pa.Table.from_pylist(some_rows(m.rng, range(low, low + 100)), TYPES), path)
        pli("delta", "append", ours, path)
    for turn in range(4):
        source, on, clauses = m.source(), m.rng.choice(CONDITIONS), m.clauses()
        copy = tmp_path / f"copy{turn}"
        shutil.copytree(ours, copy)
        before = detail(pli, ours)["version"]
        if turn == 2:  # Spark writes to our table, we to the copy
            m.by_spark(ours, source, on, clauses)
            m.by_us(copy, source, on, clauses)
        else:
            m.by_us(ours, source, on, clauses)
            m.by_spark(copy, source, on, clauses)
        what = f"{on}: {clauses}"
        rows = spark_rows(spark.read.format("delta").load(str(ours)))
        assert rows == spark_rows(spark.read.format("delta").load(str(copy))), what
        after = detail(pli, ours)["version"], detail(pli, copy)["version"]
        if feed and after[0] > before:
            assert spark_changes(spark, ours, before + 1, after[0]) == spark_changes(
                spark, copy, before + 1, after[1]
            ), what
    every_version_is_the_same_to_all(spark, pli, read_ours, ours, feed)
    record(kind, "Spark", "ok")
    if "mapping" not in kind:
        assert delta_rs_reads(spark, ours, tmp_path) == rows
        record(kind, "delta-rs", "ok")
    record(kind, "pli", "ok")
