"""`pli checkpoint` and `pli schema`: looking, proving, cutting back; each with a dry run that changes nothing."""

import json
import shutil

import pytest


@pytest.fixture
def job(pli, tmp_path):
    (tmp_path / "in").mkdir()
    for n in range(4):
        (tmp_path / "in" / f"f{n}.csv").write_text(f"id,name\n{n},x\n")
    (tmp_path / "pli.yaml").write_text(
        json.dumps({"version": 1, "jobs": {"j": {
            "source": {"format": "csv", "path": "in", "settle_time": "0s", "max_files_per_trigger": 1},
            "sink": {"path": "out", "merge_schema": True}, "checkpoint": "cp"}}})
    )  # fmt: skip
    pli.ok("run", "-q")
    return tmp_path


def snapshot(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"}


def findings(pli, code):
    r = pli("checkpoint", "verify", "cp", "--json")
    assert r.code == code, r.out + r.err
    return {row["kind"] for row in r.json()} - {"summary"}


def test_verify_proves_a_good_checkpoint(pli, job):
    assert findings(pli, 0) == set()
    summary = pli.ok("checkpoint", "verify", "cp", "--json").json()[-1]
    assert (summary["batches"], summary["files"], summary["rows"]) == (4, 4, 4)


@pytest.mark.parametrize(
    "damage",
    ["commit deleted", "offset edited", "offsets swapped", "data file removed", "written twice", "older checkpoint"],
)
def test_verify_finds_what_was_planted(pli, job, damage):
    cp = job / "cp"
    old = job / "old"
    if damage == "commit deleted":
        (cp / "commits" / "3.json").unlink()
    elif damage == "offset edited":
        offset = json.loads((cp / "offsets" / "1.json").read_text())
        offset["files"][0] += ".other"
        (cp / "offsets" / "1.json").write_text(json.dumps(offset))
    elif damage == "offsets swapped":
        one, two = cp / "offsets" / "1.json", cp / "offsets" / "2.json"
        a, b = one.read_text(), two.read_text()
        one.write_text(b)
        two.write_text(a)
    elif damage == "data file removed":
        next((job / "out").glob("*.parquet")).unlink()
    elif damage == "written twice":
        log = job / "out" / "_delta_log"
        shutil.copy(log / f"{3:020}.json", log / f"{4:020}.json")
    elif damage == "older checkpoint":
        shutil.copytree(cp, old)
        (job / "in" / "g.csv").write_text("id,name\n9,x\n")
        pli.ok("run", "-q")
        shutil.rmtree(cp)
        old.rename(cp)
    r = pli("checkpoint", "verify", "cp", "--json")
    assert r.code in (1, 5) and (r.code == 1 or {row["kind"] for row in r.json()} - {"summary"}), r.out + r.err


def test_dry_runs_change_nothing(pli, job):
    before = snapshot(job)
    for command in (["cleanup", "cp", "--keep-last", "1"], ["truncate", "cp", "--keep-through", "1"], ["reset-start", "cp"], ["reset-schema", "cp"],
                    ["rebuild-index", "cp"], ["accept", "cp"], ["rebind", "cp", "elsewhere"]):  # fmt: skip
        pli.ok("checkpoint", *command, "--dry-run")
        assert snapshot(job) == before, command


def test_what_cannot_be_undone_needs_yes(pli, job):
    pli.fails(2, "checkpoint", "cleanup", "cp", "--keep-last", "1")
    pli.fails(2, "checkpoint", "truncate", "cp", "--keep-through", "1")


def test_cleanup_keeps_what_was_processed_known(pli, job):
    assert pli.ok("checkpoint", "cleanup", "cp", "--keep-last", "1", "--yes", "--json").json()["removedOffsets"] == 3
    (job / "cp" / "index.db").unlink()
    assert pli.ok("run", "--json", "-q").json()[0]["files"] == 0
    assert findings(pli, 0) == set()


def test_truncated_batches_are_read_again(pli, job):
    pli.ok("checkpoint", "truncate", "cp", "--keep-through", "1", "--yes")
    assert pli.ok("run", "--json", "-q").json()[0]["batches"] == 2
    ids = sorted(r["id"] for r in pli.read("out", "--columns", "id"))
    assert ids == [0, 1, 2, 2, 3, 3]  # rows already written stay


def test_a_deleted_index_is_made_anew(pli, job):
    pli.ok("checkpoint", "rebuild-index", "cp")
    assert pli.ok("run", "--json", "-q").json()[0]["files"] == 0


def test_accept_after_a_restored_checkpoint(pli, job):
    shutil.copytree(job / "cp", job / "copy")
    (job / "in" / "g.csv").write_text("id,name\n9,x\n")
    pli.ok("run", "-q")
    shutil.rmtree(job / "cp")
    (job / "copy").rename(job / "cp")
    (job / "in" / "h.csv").write_text("id,name\n10,x\n")
    r = pli("run", "--json", "-q")
    if r.code:
        assert r.code == 5 and json.loads(r.out)["error"]["code"] == "SINK_AHEAD"
        pli.ok("checkpoint", "accept", "cp", "--yes")
        pli.ok("run", "-q")


def test_rebind_to_a_new_table(pli, job):
    shutil.rmtree(job / "out")
    (job / "in" / "g.csv").write_text("id,name\n9,x\n")
    pli.fails(5, "run", "-q")
    pli.ok("checkpoint", "rebind", "cp", "out", "--yes")
    pli.ok("run", "-q")
    assert [r["id"] for r in pli.read("out")] == [9]


def test_schema_show_history_diff(pli, job):
    assert [c["name"] for c in pli.ok("schema", "show", "j", "--json").json()] == ["id", "name"]
    (job / "in" / "g.csv").write_text("id,name,extra\n9,x,2.5\n")
    change = pli.ok("schema", "diff", "j", "--json").json()[0]
    assert (change["column"], change["decision"]) == ("extra", "add")
    pli.ok("run", "-q")
    assert [c["name"] for c in pli.ok("schema", "show", "j", "--json").json()] == ["id", "name", "extra"]
    assert [v["version"] for v in pli.ok("schema", "history", "j", "--json").json()] == [0, 1]


def test_state_values(pli, job):
    pli.ok("state", "set", "j", "watermark", '{"value": 1}')
    assert pli.ok("state", "get", "j", "watermark").out.strip().replace("\n", "").replace(" ", "") == '{"value":1}'
    assert pli.ok("state", "ls", "j", "--json").json() == [{"key": "watermark", "kind": "json"}]
    pli.fails(2, "state", "rm", "j", "watermark")
    pli.ok("state", "rm", "j", "watermark", "--yes")
    pli.fails(1, "state", "get", "j", "watermark")
    pli.fails(2, "state", "set", "j", "../escape", "1")
