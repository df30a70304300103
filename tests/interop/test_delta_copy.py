"""A Delta → Delta job keeps a copy: the original changes by random commits of Spark and delta-rs, runs are killed in between."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import PLI
from interop_support import record

pl = pytest.importorskip("polars")
deltalake = pytest.importorskip("deltalake")

SEED = int(os.environ.get("PLI_SEED", "20261123"))


class Copy:
    """A table `original`, a job, and the table `copy` that the job keeps."""

    def __init__(self, folder, source, sink):
        self.folder = folder
        self.original, self.copy = folder / "original", folder / "copy"
        self.kills = 0
        job = {
            "source": {"format": "delta", "path": str(self.original), **source},
            "sink": {"path": str(self.copy), **sink},
            "checkpoint": str(folder / "checkpoint"),
        }
        (folder / "pli.yaml").write_text(json.dumps({"version": 1, "jobs": {"copy": job}}), encoding="utf-8")

    def run(self, kill_at: int | None = None):
        """One run to its end, or until its call number `kill_at` that changes a file (it may make fewer)."""
        env = dict(os.environ)
        if kill_at is not None:
            library = os.environ.get("PLI_IOFAULT") or str(Path(PLI).parents[1] / "tests" / "iofault.so")
            env |= {
                "LD_PRELOAD": library,
                "IOFAULT_ROOT": str(self.folder),
                "IOFAULT_AT": str(kill_at),
                "IOFAULT_DO": "kill",
            }
        run = subprocess.run([PLI, "run"], cwd=self.folder, env=env, capture_output=True, check=False)
        if run.returncode == -signal.SIGKILL and kill_at is not None:
            self.kills += 1
        else:
            assert run.returncode == 0, run.stderr.decode()

    def compare(self):
        assert rows(self.copy) == rows(self.original)


def rows(table) -> list[str]:
    """As delta-rs reads them; columns in the order of their names."""
    frame = pl.read_delta(str(table))
    return sorted(map(repr, frame.select(sorted(frame.columns)).rows()))


class SparkWriter:
    """Changes by SQL."""

    def __init__(self, spark, table):
        self.spark, self.name = spark, f"delta.`{table}`"
        self.extra = False

    def values(self, new):
        more = ", 'spark'" if self.extra else ""
        return "VALUES " + ", ".join(f"({i}L, {v}L, 'r{v}'{more})" for i, v in new.items())

    def insert(self, new):
        self.spark.sql(f"INSERT INTO {self.name} {self.values(new)}")

    def update(self, low, high, v):
        self.spark.sql(f"UPDATE {self.name} SET v = {v}, t = concat('u', t) WHERE id >= {low} AND id < {high}")

    def delete(self, low, high):
        self.spark.sql(f"DELETE FROM {self.name} WHERE id >= {low} AND id < {high}")

    def merge(self, new):
        columns = "id, v, t" + (", w" if self.extra else "")
        self.spark.sql(
            f"MERGE INTO {self.name} AS t USING (SELECT * FROM {self.values(new)} AS s({columns})) AS s ON t.id = s.id "
            "WHEN MATCHED AND s.id % 5 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
        )

    def optimize(self):
        self.spark.sql(f"OPTIMIZE {self.name}").collect()


class RustWriter:
    """The same by delta-rs."""

    def __init__(self, table):
        self.path = str(table)
        self.extra = False

    def frame(self, new):
        columns = {
            "id": list(new),
            "v": list(new.values()),
            "t": [f"r{v}" for v in new.values()],
        }
        if self.extra:
            columns["w"] = ["rust" for _ in new]
        return pl.DataFrame(columns, schema_overrides={"id": pl.Int64, "v": pl.Int64}).to_arrow()

    def table(self):
        return deltalake.DeltaTable(self.path)

    def insert(self, new):
        deltalake.write_deltalake(self.path, self.frame(new), mode="append")

    def update(self, low, high, v):
        changed = {"v": str(v), "t": "concat('u', t)"}
        self.table().update(updates=changed, predicate=f"id >= {low} AND id < {high}")

    def delete(self, low, high):
        self.table().delete(f"id >= {low} AND id < {high}")

    def merge(self, new):
        merger = self.table().merge(self.frame(new), "t.id = s.id", source_alias="s", target_alias="t")
        merger = merger.when_matched_delete("s.id % 5 = 0").when_matched_update_all()
        merger.when_not_matched_insert_all().execute()

    def optimize(self):
        self.table().optimize.compact()


def change(rng, writer, known, step):
    """One commit; `known` are the ids that may be there."""
    what = rng.choices(["insert", "update", "delete", "merge", "optimize"], [5, 3, 2, 3, 1])[0]
    low = rng.randrange(300)
    if what == "insert":
        writer.insert({known + k: step for k in range(rng.randrange(1, 9))})
        return known + 9
    if what == "merge":
        writer.merge(dict.fromkeys(rng.sample(range(known + 6), 6), step))
        return known + 6
    if what == "update":
        writer.update(low, low + 25, step)
    elif what == "delete":
        writer.delete(low, low + 10)
    else:
        writer.optimize()
    return known


def run_now_and_then(rng, copy, step):
    if step % 20 == 19:
        copy.run()
        copy.compare()
    elif step % 3 == 0:
        copy.run(kill_at=rng.randrange(1, 60))


@pytest.mark.timeout(1200)  # two hundred commits of Spark; beside other work they take a while
@pytest.mark.parametrize(
    "properties",
    ["", ", 'delta.enableDeletionVectors' = 'true'"],
    ids=["files", "vectors"],
)
def test_a_copy_by_change_feed_is_the_original(spark, tmp_path, properties):
    """200 commits, of Spark and delta-rs in turn; with deletion vectors of Spark alone, and fewer."""
    rng = random.Random(SEED)
    copy = Copy(
        tmp_path,
        {"read_change_feed": True, "max_files_per_trigger": 7},
        {"mode": "merge", "keys": ["id"], "merge_schema": True},
    )
    spark.sql(
        f"CREATE TABLE delta.`{copy.original}` (id BIGINT, v BIGINT, t STRING) USING delta "
        f"TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true'{properties})"
    )
    ours, theirs = SparkWriter(spark, copy.original), RustWriter(copy.original)
    commits, known = (30 if properties else 200), 0
    for step in range(commits):
        if step == commits // 2:
            spark.sql(f"ALTER TABLE delta.`{copy.original}` ADD COLUMNS (w STRING)")
            ours.extra = theirs.extra = True
        known = change(rng, ours if properties or rng.random() < 0.2 else theirs, known, step)
        run_now_and_then(rng, copy, step)
    copy.run()
    copy.compare()
    by_spark = [sorted(map(str, spark.read.format("delta").load(str(t)).collect())) for t in (copy.original, copy.copy)]
    assert by_spark[0] == by_spark[1] and by_spark[0]
    verified = subprocess.run(
        [PLI, "checkpoint", "verify", tmp_path / "checkpoint", "--json"],
        check=False,
        capture_output=True,
    )
    assert verified.returncode == 0, verified.stdout
    assert copy.kills
    feature = "a copy by change feed, killed runs" + (", vectors" if properties else "")
    for engine in ["Spark"] if properties else ["Spark", "delta-rs"]:
        record(feature, engine, "ok")


def test_a_copy_of_a_table_that_only_grows_needs_no_feed(spark, tmp_path):
    rng = random.Random(SEED + 1)
    copy = Copy(tmp_path, {"max_files_per_trigger": 3}, {"merge_schema": True})
    spark.sql(f"CREATE TABLE delta.`{copy.original}` (id BIGINT, v BIGINT, t STRING) USING delta")
    ours, theirs = SparkWriter(spark, copy.original), RustWriter(copy.original)
    for step in range(40):
        writer = ours if rng.random() < 0.15 else theirs
        if step == 20:
            spark.sql(f"ALTER TABLE delta.`{copy.original}` ADD COLUMNS (w STRING)")
            ours.extra = theirs.extra = True
        if step % 9 == 8:
            writer.optimize()
        else:
            writer.insert({step * 10 + k: step for k in range(rng.randrange(1, 9))})
        if step > 5:  # the initial snapshot has several pages
            run_now_and_then(rng, copy, step)
    copy.run()
    copy.compare()
    for engine in ("Spark", "delta-rs"):
        record("a copy by appends, killed runs", engine, "ok")
