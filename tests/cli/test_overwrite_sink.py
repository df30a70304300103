"""Sink mode `overwrite`: all rows, the partitions of a batch, those of a condition, or all with another schema; exactly once."""

import json

import pytest

NOW = ("--set", "source.settle_time=0s")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def overwrite(pli, *extra):
    return pli("ingest", "in", "out", *NOW, "--mode", "overwrite", "--json", *extra)


def done(pli, *extra):
    result = overwrite(pli, *extra)
    assert result.code == 0, result.err
    return result.json()[0]


def rows(pli, *columns):
    return sorted(tuple(r[c] for c in columns) for r in pli.read("out"))


def newest(tmp_path):
    text = sorted((tmp_path / "out/_delta_log").glob("*.json"))[-1].read_text()
    actions = [json.loads(line) for line in text.splitlines()]
    return {name: [a[name] for a in actions if name in a] for a in actions for name in a}


def test_the_partitions_of_a_batch_are_replaced(pli, tmp_path):
    how = ("--dynamic-partitions", "--partition-by", "p")
    write(tmp_path / "in" / "1.csv", "p,v\n1,a\n1,b\n2,c\n")
    done(pli, *how)
    write(tmp_path / "in" / "2.csv", "p,v\n2,C\n3,d\n")
    assert done(pli, *how)["rows"] == 2
    assert rows(pli, "p", "v") == [(1, "a"), (1, "b"), (2, "C"), (3, "d")]
    commit = newest(tmp_path)
    assert len(commit["remove"]) == 1 and len(commit["add"]) == 2
    assert commit["commitInfo"][0]["operationParameters"]["isDynamicPartitionOverwrite"] == "true"
    assert done(pli, *how)["batches"] == 0
    checkpoint = next((tmp_path / "out/_checkpoints").iterdir())
    assert pli.ok("checkpoint", "verify", checkpoint, "--json").json()[-1]["findings"] == 0


@pytest.mark.parametrize("feed", ["false", "true"])
def test_the_rows_of_a_condition_are_replaced(pli, tmp_path, feed):
    feeds = ("--property", f"delta.enableChangeDataFeed={feed}")
    write(tmp_path / "in" / "1.csv", "day,v\n2024-01-01,a\n2024-01-02,b\n2024-01-03,c\n")
    done(pli, *feeds)
    write(tmp_path / "in" / "2.csv", "day,v\n2024-01-02,B\n2024-01-02,BB\n")
    done(pli, *feeds, "--replace-where", "day = DATE '2024-01-02'")
    assert rows(pli, "v") == [("B",), ("BB",), ("a",), ("c",)]
    assert newest(tmp_path)["commitInfo"][0]["operationParameters"]["predicate"] == "day = DATE '2024-01-02'"
    if feed == "true":
        changes = pli.ok("delta", "changes", "out", "--from-version", "1", "--json").json()
        assert sorted((c["_change_type"], c["v"]) for c in changes) == [
            ("delete", "b"),
            ("insert", "B"),
            ("insert", "BB"),
        ]
    write(tmp_path / "in" / "3.csv", "day,v\n2024-01-05,no\n")
    refused = overwrite(pli, *feeds, "--replace-where", "day = DATE '2024-01-02'")
    assert refused.code == 1 and "does not meet the condition" in refused.err
    assert rows(pli, "v") == [("B",), ("BB",), ("a",), ("c",)]


def test_a_batch_may_bring_its_schema(pli, tmp_path):
    how = ("--overwrite-schema", "--sql", "SELECT * FROM input")
    write(tmp_path / "in" / "1.csv", "a,b\n1,x\n")
    done(pli, *how)
    write(tmp_path / "in" / "2.csv", "a,b,c\n2,y,true\n")
    done(pli, *how)
    assert rows(pli, "a", "b", "c") == [(2, "y", True)]
    done_again = done(pli, *how, "--sql", "SELECT c FROM input")
    assert done_again["batches"] == 0


@pytest.mark.parametrize(
    "words, said",
    [
        (("--mode", "append", "--dynamic-partitions"), "needs 'sink.mode: overwrite'"),
        (("--mode", "append", "--replace-where", "v = 1"), "needs 'sink.mode: overwrite'"),
        (("--mode", "overwrite", "--replace-where", "v = 1", "--dynamic-partitions"), "only one of"),
    ],
)
def test_what_does_not_go_together_is_refused(pli, tmp_path, words, said):
    write(tmp_path / "in" / "1.csv", "p,v\n1,a\n")
    refused = pli("ingest", "in", "out", *NOW, *words)
    assert refused.code == 2 and said in refused.err
