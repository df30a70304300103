"""Several processes of ours change one table at a time: the log stays in order and every row is accounted for."""

from __future__ import annotations

import itertools
import json
import os
import random
import threading

import pytest

WRITERS, OPERATIONS = 3, 6


class Writer(threading.Thread):
    """Mixed operations on rows of its own; what the table must hold of them is kept beside."""

    def __init__(self, pli, number, seed):
        super().__init__()
        self.pli, self.number, self.random = pli, number, random.Random(seed * 100 + number)
        self.rows, self.commits, self.failure = {}, 0, None
        self.next_id = number * 1_000_000

    def command(self, *args):
        report = self.pli.ok("delta", *args, "--json").json()[0]
        self.commits += bool(report["committed"])

    def append(self):
        path = self.pli.folder / f"rows{self.number}.ndjson"
        fresh = range(self.next_id, self.next_id + 5)
        path.write_text("".join(json.dumps({"id": i, "w": self.number, "v": 0}) + "\n" for i in fresh))
        self.command("append", "t", path)
        self.rows.update(dict.fromkeys(fresh, 0))
        self.next_id += 5

    def delete(self):
        self.command("delete", "t", "--where", f"w = {self.number} AND id % 3 = 0")
        self.rows = {i: v for i, v in self.rows.items() if i % 3}

    def update(self):
        self.command("update", "t", "--set", "v=v + 1", "--where", f"w = {self.number} AND id % 2 = 0")
        self.rows = {i: v + (i % 2 == 0) for i, v in self.rows.items()}

    def optimize(self):
        self.command("optimize", "t")

    def run(self):
        try:
            self.append()
            for _ in range(OPERATIONS - 1):
                self.random.choice([self.append, self.append, self.delete, self.update, self.optimize])()
        except BaseException as e:  # shown by the test
            self.failure = e


@pytest.mark.parametrize("properties", [[], ["delta.enableDeletionVectors=true", "delta.enableChangeDataFeed=true"]])
def test_writers_at_the_same_time_lose_nothing(pli, properties):
    seed = int(os.environ.get("PLI_SEED") or random.randrange(1_000_000))
    print(f"PLI_SEED={seed}")
    pli.ok(
        "delta",
        "create",
        "t",
        "--schema",
        "STRUCT(id BIGINT, w BIGINT, v BIGINT)",
        *[a for p in properties for a in ("--property", p)],
    )
    writers = [Writer(pli, n, seed) for n in range(WRITERS)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    for w in writers:
        if w.failure:
            raise w.failure
    expected = {i: v for w in writers for i, v in w.rows.items()}
    found = pli.read("t")
    assert len(found) == len(expected)
    assert {r["id"]: r["v"] for r in found} == expected
    log = sorted(p.name for p in (pli.folder / "t/_delta_log").glob("*.json"))
    assert log == [f"{v:020}.json" for v in range(1 + sum(w.commits for w in writers))]
    replayed = pli.ok("delta", "read", "t", "--format", "ndjson", "--ignore-checkpoints").rows()
    assert {r["id"]: r["v"] for r in replayed} == expected


IDENTITY = {"delta.identity.start": 1, "delta.identity.step": 1, "delta.identity.allowExplicitInsert": False}


def test_merges_at_the_same_time_never_give_a_value_twice(pli):
    """Of an identity column and of the ids of rows: whoever loses takes the next ones."""
    fields = [{"name": n, "type": "long", "nullable": True, "metadata": IDENTITY if n == "k" else {}} for n in "kiv"]
    schema = json.dumps({"type": "struct", "fields": fields})
    pli.ok("delta", "create", "t", "--schema", schema, "--property", "delta.enableRowTracking=true")
    failures = []

    def work(number):
        try:
            for turn in range(3):
                path = pli.folder / f"m{number}.ndjson"
                path.write_text("".join(json.dumps({"i": i, "v": number}) + "\n" for i in {number, 10 * turn + number}))
                pli.ok(
                    "delta", "merge", "t", path, "--on", "source.i = target.i",
                    "--when", "MATCHED THEN UPDATE SET v = target.v + 1", "--when", "NOT MATCHED THEN INSERT *",
                )  # fmt: skip
        except BaseException as e:  # shown by the test
            failures.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(1, WRITERS + 1)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[0]
    found = pli.read("t")
    assert sorted(r["i"] for r in found) == [10 * turn + n for turn in range(3) for n in range(1, WRITERS + 1)]
    assert sorted(r["k"] for r in found) == list(range(1, len(found) + 1))
    log = sorted((pli.folder / "t/_delta_log").glob("*.json"))
    actions = [json.loads(line) for p in log for line in p.read_text().splitlines()]
    newest = [a["metaData"] for a in actions if "metaData" in a][-1]
    assert json.loads(newest["schemaString"])["fields"][0]["metadata"]["delta.identity.highWaterMark"] == len(found)
    spans = sorted((a["add"]["baseRowId"], json.loads(a["add"]["stats"])["numRecords"]) for a in actions if "add" in a)
    assert all(low + n <= high for (low, n), (high, _) in itertools.pairwise(spans))
    marks = [json.loads(a["domainMetadata"]["configuration"]) for a in actions if "domainMetadata" in a]
    assert marks[-1]["rowIdHighWaterMark"] == sum(spans[-1]) - 1
