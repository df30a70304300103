"""Sink mode `merge`: rows of a batch change the rows that their keys identify, each batch exactly once."""

import json
import os
import shutil
import signal
import subprocess

import pytest

NOW = ("--set", "source.settle_time=0s")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def merge(pli, *extra, keys="id", **kwargs):
    return pli(
        "ingest",
        "in",
        "out",
        *NOW,
        "--mode",
        "merge",
        "--keys",
        keys,
        "--json",
        *extra,
        **kwargs,
    )


def merged(pli, *extra, **kwargs):
    result = merge(pli, *extra, **kwargs)
    assert result.code == 0, result.err
    return result.json()[0]


def rows(pli, *columns):
    return sorted(tuple(r[c] for c in columns) for r in pli.read("out"))


def test_rows_take_the_place_of_their_keys(pli, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v\n1,a\n2,b\n")
    assert merged(pli)["rows"] == 2
    write(tmp_path / "in" / "2.csv", "id,v\n2,B\n3,c\n")
    assert merged(pli)["rows"] == 2
    assert rows(pli, "id", "v") == [(1, "a"), (2, "B"), (3, "c")]
    assert merged(pli)["batches"] == 0
    sink = json.loads((tmp_path / "out/_checkpoints").glob("*/commits/1.json").__next__().read_text())["sinks"][0]
    assert (sink["rowsInserted"], sink["rowsUpdated"], sink["rowsDeleted"]) == (1, 1, 0)
    checkpoint = next((tmp_path / "out/_checkpoints").iterdir())
    assert pli.ok("checkpoint", "verify", checkpoint, "--json").json()[-1]["findings"] == 0


@pytest.mark.parametrize("limit", ["1", "2", "none"])
def test_the_last_row_of_a_key_counts_however_batches_are_cut(pli, tmp_path, limit):
    write(tmp_path / "in" / "1.csv", "id,v\n1,a\n1,b\n2,x\n")
    write(tmp_path / "in" / "2.csv", "id,v,w\n1,c,1\n")  # another header, between two that are the same
    write(tmp_path / "in" / "3.csv", "id,v\n2,y\n1,d\n")
    merged(pli, "--max-files", limit, "--merge-schema")
    assert rows(pli, "id", "v") == [(1, "d"), (2, "y")]


def test_columns_that_rows_lack_keep_their_values(pli, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v,w\n1,a,10\n2,b,20\n")
    merged(pli)
    write(tmp_path / "in" / "2.csv", "id,v\n1,A\n3,c\n")
    merged(pli, "--sql", "SELECT id, v FROM input")
    assert rows(pli, "id", "v") == [(1, "A"), (2, "b"), (3, "c")]
    assert {r["id"]: r["w"] for r in pli.read("out")} == {1: 10, 2: 20, 3: None}


CHANGES = """{"id": 1, "v": "a", "_change_type": "insert", "_commit_version": 1}
{"id": 2, "v": "b", "_change_type": "insert", "_commit_version": 1}
{"id": 3, "v": "c", "_change_type": "insert", "_commit_version": 1}
{"id": 4, "v": "d", "_change_type": "insert", "_commit_version": 1}
"""


def test_change_types_in_the_order_of_versions(pli, tmp_path):
    write(tmp_path / "in" / "1.ndjson", CHANGES)
    merged(pli)
    assert rows(pli, "id", "v") == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    write(
        tmp_path / "in" / "2.ndjson",
        """{"id": 1, "v": "late", "_change_type": "update_postimage", "_commit_version": 4}
{"id": 1, "v": "early", "_change_type": "update_postimage", "_commit_version": 2}
{"id": 1, "v": "early", "_change_type": "update_preimage", "_commit_version": 4}
{"id": 2, "v": "b", "_change_type": "delete", "_commit_version": 3}
{"id": 3, "v": "again", "_change_type": "insert", "_commit_version": 3}
{"id": 3, "v": "c", "_change_type": "delete", "_commit_version": 3}
{"id": 5, "v": "short", "_change_type": "insert", "_commit_version": 2}
{"id": 5, "v": "short", "_change_type": "delete", "_commit_version": 3}
{"id": 9, "v": "never there", "_change_type": "delete", "_commit_version": 3}
""",
    )
    assert merged(pli)["rows"] == 3
    assert rows(pli, "id", "v") == [(1, "late"), (3, "again"), (4, "d")]
    assert set(pli.read("out")[0]) == {"id", "v"}


def test_a_batch_of_pre_images_alone_is_committed_and_changes_nothing(pli, tmp_path):
    write(tmp_path / "in" / "1.ndjson", CHANGES)
    merged(pli)
    write(
        tmp_path / "in" / "2.ndjson",
        '{"id": 1, "v": "x", "_change_type": "update_preimage", "_commit_version": 2}\n',
    )
    done = merged(pli)
    assert (done["batches"], done["rows"]) == (1, 0)
    assert merged(pli)["batches"] == 0 and len(rows(pli, "id")) == 4


def test_rows_that_are_no_changes_are_refused(pli, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v\n1,a\n,b\n")
    r = merge(pli)
    assert r.code == 1 and "key column" in r.err
    write(tmp_path / "in" / "1.csv", "id,v,_change_type\n1,a,upsert\n")
    r = merge(pli, "--set", "source.on_changed_file=reread")
    assert r.code == 1 and "'upsert'" in r.err
    write(tmp_path / "in" / "1.csv", "id,v,_change_type\n1,a,update\n")
    merged(pli, "--set", "source.on_changed_file=reread")
    write(tmp_path / "in" / "2.csv", "id,v,_change_type\n1,a,\n")
    r = merge(pli)
    assert r.code == 1 and "NULL" in r.err
    assert rows(pli, "id", "v") == [(1, "a")]


def test_keys_are_checked_before_a_run(pli, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v\n1,a\n")
    r = pli("ingest", "in", "out", *NOW, "--mode", "merge")
    assert r.code == 2 and "sink.keys" in r.err
    r = pli("ingest", "in", "out", *NOW, "--keys", "id")
    assert r.code == 2 and "mode: merge" in r.err
    r = merge(pli, keys="nr")
    assert r.code == 4 and "'nr'" in r.err
    job = "version: 1\njobs:\n  j:\n    source: {path: in}\n    sink: {path: out, mode: merge, keys: [nr]}\n"
    write(tmp_path / "pli.yaml", job)
    r = pli("validate")
    assert r.code == 78 and "'nr'" in r.out + r.err
    write(tmp_path / "pli.yaml", job.replace("nr", "ID"))
    pli.ok("validate")


def test_several_keys_and_a_partitioned_table(pli, tmp_path):
    write(
        tmp_path / "in" / "1.csv",
        "day,id,v\n2024-01-01,1,a\n2024-01-01,2,b\n2024-01-02,1,c\n",
    )
    merged(pli, "--partition-by", "day", keys="day,id")
    write(tmp_path / "in" / "2.csv", "day,id,v\n2024-01-01,1,A\n2024-01-02,2,d\n")
    merged(pli, keys="day,id")
    assert rows(pli, "day", "id", "v") == [
        ("2024-01-01", 1, "A"),
        ("2024-01-01", 2, "b"),
        ("2024-01-02", 1, "c"),
        ("2024-01-02", 2, "d"),
    ]


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_the_table_says_how_and_keeps_a_feed_of_its_own(pli, tmp_path, vectors):
    write(tmp_path / "in" / "1.csv", "id,v\n" + "".join(f"{i},a\n" for i in range(100)))
    properties = (
        "--property",
        f"delta.enableDeletionVectors={vectors}",
        "--property",
        "delta.enableChangeDataFeed=true",
    )
    merged(pli, *properties)
    write(tmp_path / "in" / "2.csv", "id,v\n5,b\n200,new\n")
    merged(pli)
    vectors_there = any(f.get("deletionVector") for f in pli.ok("delta", "files", "out", "--format", "ndjson").rows())
    assert vectors_there == (vectors == "true")
    changes = pli.ok("delta", "changes", "out", "--from-version", "1", "--format", "ndjson").rows()
    assert sorted((c["id"], c["v"], c["_change_type"]) for c in changes) == [
        (5, "a", "update_preimage"),
        (5, "b", "update_postimage"),
        (200, "new", "insert"),
    ]
    checkpoint = next((tmp_path / "out/_checkpoints").iterdir())
    assert pli.ok("checkpoint", "verify", checkpoint, "--json").json()[-1]["findings"] == 0


def test_new_columns_follow_the_jobs_policy(pli, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v\n1,a\n2,b\n")
    merged(pli)
    write(tmp_path / "in" / "2.csv", "id,v,w\n1,A,7\n")
    r = merge(pli)
    assert r.code == 4 and "'w'" in r.err
    assert merged(pli, "--merge-schema")["version"] == 1  # in the batch's own commit
    assert sorted((r["id"], r["v"], r["w"]) for r in pli.read("out")) == [
        (1, "A", 7),
        (2, "b", None),
    ]


def test_types_widen_where_the_job_allows_it(pli, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v\n1,1\n2,2\n")
    merged(pli, "--sql", "SELECT id, v::INTEGER AS v FROM input")
    write(tmp_path / "in" / "2.csv", "id,v\n1,5000000000\n")
    assert merge(pli).code == 4
    merged(pli, "--set", "schema.mode=type_widen", "--set", "schema.allow_type_widening=true")
    assert rows(pli, "id", "v") == [(1, 5000000000), (2, 2)]


def test_a_batch_that_was_committed_to_the_sink_only_is_not_merged_again(pli, iofault, tmp_path):
    write(tmp_path / "in" / "1.csv", "id,v\n1,a\n")
    merged(pli)
    write(tmp_path / "in" / "2.csv", "id,v\n1,b\n2,c\n")
    assert merge(pli, env=iofault(tmp_path, at=1, only="/commits/")).code == -signal.SIGKILL
    assert rows(pli, "id", "v") == [(1, "b"), (2, "c")]
    done = merged(pli)
    assert (done["batches"], done["version"]) == (1, 1)
    checkpoint = next((tmp_path / "out/_checkpoints").iterdir())
    assert pli.ok("checkpoint", "verify", checkpoint, "--json").json()[-1]["findings"] == 0


@pytest.mark.parametrize("fault", ["kill", "eio_after"])
def test_faults_at_any_call_of_a_merge_end_right(pli, iofault, tmp_path, fault):
    """A batch that adds a column, changes, deletes and inserts; struck at calls spread over all that change files."""
    start, work, log = tmp_path / "start", tmp_path / "work", tmp_path / "calls"
    write(work / "in" / "1.ndjson", CHANGES)
    properties = ("--property", "delta.enableDeletionVectors=true", "--property", "delta.enableChangeDataFeed=true")
    command = ("ingest", "in", "out", *NOW, "--mode", "merge", "--keys", "id", "--merge-schema", "--checkpoint", "cp")
    pli.ok(*command, *properties, cwd=work)
    write(
        work / "in" / "2.ndjson",
        """{"id": 1, "v": "A", "w": 1, "_change_type": "update_postimage", "_commit_version": 2}
{"id": 2, "v": "b", "w": null, "_change_type": "delete", "_commit_version": 2}
{"id": 7, "v": "g", "w": 7, "_change_type": "insert", "_commit_version": 2}
""",
    )
    shutil.move(work, start)

    def trial(**struck):
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(start, work, copy_function=shutil.copy2)
        return pli(*command, cwd=work, env=iofault(work, **struck)).code

    assert trial(log=log) == 0
    calls = len(log.read_text().splitlines())
    struck = 0
    for at in range(1, calls + 1, max(1, calls // 5)):
        struck += trial(at=at, do=fault) != 0
        pli.ok(*command, cwd=work)
        got = sorted((r["id"], r["v"], r["w"]) for r in pli.read(work / "out"))
        assert got == [(1, "A", 1), (3, "c", None), (4, "d", None), (7, "g", 7)], at
        changes = pli.ok("delta", "changes", work / "out", "--from-version", "1", "--format", "ndjson").rows()
        assert len(changes) == 4, at
        assert pli.ok("checkpoint", "verify", work / "cp", "--json").json()[-1]["findings"] == 0, at
    assert calls > 20 and struck


def test_two_jobs_merge_into_one_table_at_the_same_time(pli, tmp_path):
    """The one that is overtaken computes its batch anew."""
    write(tmp_path / "one" / "0.csv", "id,v\n" + "".join(f"{i},0\n" for i in range(50)))
    pli.ok("ingest", "one", "out", *NOW, "--mode", "merge", "--keys", "id")
    for k in range(1, 6):
        write(tmp_path / "one" / f"{k}.csv", f"id,v\n1,{k}\n{100 + k},1\n")
        write(tmp_path / "two" / f"{k}.csv", f"id,v\n2,{k}\n{200 + k},2\n")
    both = [
        subprocess.Popen(
            [
                pli.command,
                "ingest",
                name,
                "out",
                *NOW,
                "--mode",
                "merge",
                "--keys",
                "id",
                "--max-files",
                "1",
            ],
            cwd=tmp_path,
            env=pli.env,
            stderr=subprocess.PIPE,
        )
        for name in ("one", "two")
    ]
    for run in both:
        _, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
    got = {r["id"]: r["v"] for r in pli.read("out")}
    assert (got[1], got[2]) == (5, 5) and len(got) == 60


def test_killed_runs_lose_and_double_nothing(pli, iofault, tmp_path):
    """A table of our own changes at random; a job copies it by its feed and is killed now and then."""
    import random

    seed = int(os.environ.get("PLI_SEED", "7"))
    rng = random.Random(seed)
    state, kills = {}, 0
    feed = ("--property", "delta.enableChangeDataFeed=true")
    pli.ok("delta", "create", "src", "--schema", "STRUCT(id BIGINT, v BIGINT)", *feed)
    job = {
        "source": {
            "format": "delta",
            "path": "src",
            "read_change_feed": True,
            "max_files_per_trigger": 3,
        },
        "sink": {"path": "out", "mode": "merge", "keys": ["id"]},
        "checkpoint": "cp",
    }
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"copy": job}}))
    for step in range(14):
        what = rng.choice(["insert", "insert", "update", "delete"]) if state else "insert"
        at = rng.randrange(40)
        if what == "insert":
            free = [
                i for i in range(200) if i not in state
            ]  # more than all steps take: a file without rows has no types
            new = dict.fromkeys(rng.sample(free, 8), step)
            rows_file = write(
                tmp_path / "rows.csv",
                "id,v\n" + "".join(f"{i},{v}\n" for i, v in new.items()),
            )
            pli.ok("delta", "append", "src", rows_file)
            state.update(new)
        elif what == "update":
            pli.ok(
                "delta",
                "update",
                "src",
                "--set",
                f"v={step}",
                "--where",
                f"id >= {at} AND id < {at + 20}",
            )
            state.update({i: step for i in state if at <= i < at + 20})
        else:
            pli.ok("delta", "delete", "src", "--where", f"id % 7 = {at % 7}", "--yes")
            state = {i: v for i, v in state.items() if i % 7 != at % 7}
        if step % 2:
            kills += pli("run", env=iofault(tmp_path, at=rng.randrange(1, 60))).code == -signal.SIGKILL
    pli.ok("run")
    print(f"PLI_SEED={seed}: {kills} kills")
    assert {r["id"]: r["v"] for r in pli.read("out")} == state
    assert len(pli.read("out")) == len(state)
    assert pli.ok("checkpoint", "verify", "cp", "--json").json()[-1]["findings"] == 0
    assert kills
