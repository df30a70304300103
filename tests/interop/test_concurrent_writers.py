"""We beside Spark beside delta-rs on one table, with mixed operations: the log stays in order, every row is accounted for."""

from __future__ import annotations

import json
import pathlib
import threading
import time

import pytest
from interop_support import record

pa = pytest.importorskip("pyarrow")
deltalake = pytest.importorskip("deltalake")

SECONDS = 20
MOST = 8  # operations of a writer


class Writer(threading.Thread):
    """Appends rows of its own and deletes some of them again. What fails with a conflict has not happened."""

    def __init__(self, number, end):
        super().__init__()
        self.number, self.end = number, end
        self.ids, self.commits, self.conflicts, self.failure = set(), 0, 0, None

    def attempt(self, n):
        first = self.number * 1_000_000 + n * 10
        if n % 3 == 2:
            gone = {i for i in self.ids if i % 4 == 0}
            if gone:
                self.delete(f"w = {self.number} AND id % 4 = 0")
                self.ids -= gone
                self.commits += 1
            return
        self.append(range(first, first + 4))
        self.ids |= set(range(first, first + 4))
        self.commits += 1

    def run(self):
        try:
            for n in range(MOST):
                if time.monotonic() > self.end:
                    return
                try:
                    self.attempt(n)
                except Exception as e:
                    if not self.is_conflict(str(e)):
                        raise
                    self.conflicts += 1
        except BaseException as e:  # shown by the test
            self.failure = e

    def is_conflict(self, text):
        return "oncurrent" in text or "conflict" in text.lower()


class Ours(Writer):
    def __init__(self, number, end, pli, path, folder):
        super().__init__(number, end)
        self.pli, self.path, self.folder = pli, path, folder

    def append(self, ids):
        rows = self.folder / f"rows{self.number}.ndjson"
        rows.write_text("".join(json.dumps({"id": i, "w": self.number}) + "\n" for i in ids))
        self.pli("delta", "append", self.path, rows)

    def delete(self, where):
        self.pli("delta", "delete", self.path, "--where", where)

    def is_conflict(self, text):
        return False  # we try again until it is done


class Spark(Writer):
    def __init__(self, number, end, spark, path):
        super().__init__(number, end)
        self.spark, self.path = spark, path

    def append(self, ids):
        values = ", ".join(f"({i}, {self.number})" for i in ids)
        self.spark.sql(f"INSERT INTO delta.`{self.path}` VALUES {values}")

    def delete(self, where):
        self.spark.sql(f"DELETE FROM delta.`{self.path}` WHERE {where}")


class DeltaRs(Writer):
    def __init__(self, number, end, path):
        super().__init__(number, end)
        self.path = path

    def append(self, ids):
        rows = pa.table({"id": pa.array(ids, pa.int64()), "w": pa.array([self.number] * len(ids), pa.int64())})
        deltalake.write_deltalake(self.path, rows, mode="append")

    def delete(self, where):
        deltalake.DeltaTable(self.path).delete(where)


def test_three_engines_write_to_one_table_at_the_same_time(spark, pli, read_ours, tmp_path):
    path = str(tmp_path / "t")
    pli("delta", "create", path, "--schema", "STRUCT(id BIGINT, w BIGINT)", "--property", "delta.checkpointInterval=5")
    spark.read.format("delta").load(path).count()  # what takes long the first time
    end = time.monotonic() + SECONDS
    writers = [
        Ours(1, end, pli, path, tmp_path),
        Ours(2, end, pli, path, tmp_path),
        Spark(3, end, spark, path),
        DeltaRs(4, end, path),
    ]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    for w in writers:
        if w.failure:
            raise w.failure
    expected = sorted(i for w in writers for i in w.ids)
    log = sorted(int(p.stem) for p in (pathlib.Path(path) / "_delta_log").glob("0*.json"))
    assert log == list(range(len(log)))
    assert len(log) >= 1 + sum(w.commits for w in writers)
    assert sorted(r.id for r in read_ours("read", path).collect()) == expected
    assert sorted(r.id for r in read_ours("read", path, "--ignore-checkpoints").collect()) == expected
    assert sorted(r.id for r in spark.read.format("delta").load(path).collect()) == expected
    theirs = pa.table(
        deltalake.QueryBuilder().register("t", deltalake.DeltaTable(path)).execute("SELECT id FROM t").read_all()
    )
    assert sorted(theirs["id"].to_pylist()) == expected
    assert all(w.commits for w in writers)
    record("writers at the same time", "pli", "ok")
