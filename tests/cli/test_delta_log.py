"""Commands that keep a table's log in shape: checkpoint, compact-log, fsck; and writers that do it at the same time."""

import json
import os
import subprocess
import time

import pytest


def names(table, pattern):
    return sorted(p.name for p in (table / "_delta_log").glob(pattern))


@pytest.fixture
def table(pli, tmp_path):
    """Makes a table of some commits with one row each."""

    def make(commits=4, *properties):
        path = tmp_path / "t"
        flags = [part for p in ("delta.checkpointInterval=1000", *properties) for part in ("--property", p)]
        pli.ok("delta", "create", path, "--schema", "STRUCT(id BIGINT)", *flags)
        for i in range(commits):
            row = tmp_path / f"{i}.ndjson"
            row.write_text(json.dumps({"id": i}) + "\n")
            pli.ok("delta", "append", path, row)
        return path

    return make


def ids(pli, path, *args):
    return sorted(r["id"] for r in pli.ok("delta", "read", path, *args, "--format", "ndjson").rows())


def test_a_checkpoint_is_tried_dry_and_written_once(pli, table):
    path = table()
    report = pli.ok("delta", "checkpoint", path, "--dry-run", "--json").json()[-1]
    assert (report["committed"], report["addFiles"]) == (False, 4)
    assert not names(path, "*checkpoint*")
    assert pli.ok("delta", "checkpoint", path, "--json").json()[-1]["committed"]
    assert names(path, "*.checkpoint.parquet") == [f"{4:020}.checkpoint.parquet"]
    assert not pli.ok("delta", "checkpoint", path, "--json").json()[-1]["committed"]


def test_v2_checkpoints_say_what_they_reuse(pli, table):
    path = table(2, "delta.checkpointPolicy=v2")
    assert pli.ok("delta", "checkpoint", path, "--json").json()[-1]["sidecars"] == 1
    pli.ok("delta", "append", path, path.parent / "0.ndjson")
    report = pli.ok("delta", "checkpoint", path, "--json").json()[-1]
    assert (report["sidecars"], report["sidecarsReused"]) == (2, 1)
    for commit in names(path, "*[0-9].json"):
        if "checkpoint" not in commit and int(commit[:20]) < 3:
            (path / "_delta_log" / commit).unlink()
    assert ids(pli, path) == [0, 0, 1]


def test_compact_log(pli, table):
    path = table()
    assert not pli.ok("delta", "compact-log", path, "--dry-run", "--json").json()[-1]["committed"]
    assert not names(path, "*.compacted.json")
    report = pli.ok("delta", "compact-log", path, "--from-version", 1, "--to-version", 3, "--json").json()[-1]
    assert (report["committed"], report["commits"], report["actions"]) == (True, 3, 3)
    assert names(path, "*.compacted.json") == [f"{1:020}.{3:020}.compacted.json"]
    assert ids(pli, path) == [0, 1, 2, 3]
    again = pli.ok("delta", "compact-log", path, "--from-version", 1, "--to-version", 3, "--json").json()[-1]
    assert not again["committed"]
    assert "does not exist" in pli.fails(1, "delta", "compact-log", path, "--to-version", 99).err
    pli.fails(2, "delta", "compact-log", path, "--from-version", "x")


def test_fsck_asks_before_it_takes_files_out(pli, table):
    path = table()
    assert not pli.ok("delta", "fsck", path, "--yes", "--json").json()[-1]["committed"]
    gone = min(path.glob("*.parquet"))
    gone.unlink()
    pli.fails(2, "delta", "fsck", path)
    rows = pli.ok("delta", "fsck", path, "--dry-run", "--json").json()
    assert [r["dataFilePath"] for r in rows[:-1]] == [gone.name]
    assert not rows[-1]["committed"]
    pli.fails(1, "delta", "read", path)
    assert pli.ok("delta", "fsck", path, "--yes", "--json").json()[-1]["filesRemoved"] == 1
    assert len(ids(pli, path)) == 3


def test_an_old_log_is_cleaned_by_the_next_checkpoint(pli, table):
    path = table(3)
    pli.ok("delta", "checkpoint", path)
    pli.ok("delta", "append", path, path.parent / "0.ndjson")
    month_ago = time.time() - 40 * 86400
    for entry in (path / "_delta_log").iterdir():
        if entry.name[:20].isdigit() and int(entry.name[:20]) <= 3:
            os.utime(entry, (month_ago, month_ago))
    assert pli.ok("delta", "checkpoint", path, "--json").json()[-1]["logFilesDeleted"] == 6
    assert names(path, "0*")[0] == f"{3:020}.checkpoint.parquet"
    assert ids(pli, path) == [0, 0, 1, 2]
    pli.fails(1, "delta", "read", path, "--version", 1)
    assert ids(pli, path, "--version", 3) == [0, 1, 2]


@pytest.mark.parametrize("policy", ["classic", "v2"])
def test_writers_checkpoints_compaction_and_cleaning_at_once(pli, table, tmp_path, policy):
    """Every commit of two writers makes a checkpoint and cleans the log, a third process compacts it: no row is lost."""
    path = table(1)
    pli.ok(
        "delta",
        "set",
        path,
        f"delta.checkpointPolicy={policy}",
        "delta.checkpointInterval=1",
        "delta.logRetentionDuration=interval 0 days",
    )
    script = f'for i in 1 2 3 4; do "{pli.command}" delta append "{path}" "{tmp_path}/0.ndjson" || exit 1; done'
    upkeep = f"""for i in 1 2 3; do
        find "{path}/_delta_log" -name '0*' -exec touch -c -d '3 days ago' {{}} + 2> /dev/null
        "{pli.command}" delta compact-log "{path}"; "{pli.command}" delta checkpoint "{path}"; done"""
    running = [
        subprocess.Popen(
            ["sh", "-c", s],
            env=pli.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for s in (script, script, upkeep)
    ]
    for process in running[:2]:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    running[2].communicate(timeout=60)
    assert ids(pli, path) == [0] * 9
