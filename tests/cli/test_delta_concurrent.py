"""Several processes of ours change one table at a time: the log stays in order and every row is accounted for."""

from __future__ import annotations

import json
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
    seed = random.randrange(1_000_000)
    print("seed", seed)
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
