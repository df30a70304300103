"""Delta tables as the source of jobs: what is read, where it begins, what stops it. Tables are written by delta-rs."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
deltalake = pytest.importorskip("deltalake")


class Job:
    """A job from table `src` to table `out`, in a folder of its own."""

    def __init__(self, pli, folder, source=None, sink=None, **job):
        self.pli, self.folder = pli, Path(folder)
        self.src, self.out, self.checkpoint = self.folder / "src", self.folder / "out", self.folder / "cp"
        self.source, self.sink, self.job = source or {}, sink or {}, job
        self.folder.mkdir(parents=True, exist_ok=True)

    def write_config(self):
        config = {
            "version": 1,
            "jobs": {
                "j": {
                    "source": {"format": "delta", "path": str(self.src), **self.source},
                    "sink": {"format": "delta", "path": str(self.out), **self.sink},
                    "checkpoint": str(self.checkpoint),
                    **self.job,
                }
            },
        }
        (self.folder / "pli.yaml").write_text(json.dumps(config))

    def args(self, *extra):
        self.write_config()
        return ["run", "-c", str(self.folder / "pli.yaml"), *extra]

    def run(self, *extra):
        return self.pli.ok(*self.args(*extra))

    def fails(self, code, *extra):
        return self.pli.fails(code, *self.args(*extra))

    def append(self, rows, **kwargs):
        deltalake.write_deltalake(str(self.src), pa.Table.from_pylist(rows), mode="append", **kwargs)

    def table(self):
        return deltalake.DeltaTable(str(self.src))

    def rows(self):
        return self.pli.read(self.out) if (self.out / "_delta_log").exists() else []

    def ids(self):
        return sorted(r["id"] for r in self.rows())

    def offsets(self):
        found = [(int(p.stem), json.loads(p.read_text())) for p in (self.checkpoint / "offsets").glob("*.json")]
        return [offset for _, offset in sorted(found, key=lambda item: item[0])]

    def commits(self):
        found = [(int(p.stem), json.loads(p.read_text())) for p in (self.checkpoint / "commits").glob("*.json")]
        return [commit for _, commit in sorted(found, key=lambda item: item[0])]

    def metadata(self):
        return json.loads((self.checkpoint / "metadata.json").read_text())


@pytest.fixture
def job(pli, tmp_path):
    return lambda source=None, sink=None, **rest: Job(pli, tmp_path, source, sink, **rest)


def ids(*numbers):
    return [{"id": n} for n in numbers]


def commit_file(table, version):
    return Path(table) / "_delta_log" / f"{version:020}.json"


# ---- what is read


def test_snapshot_then_new_versions(job):
    j = job()
    j.append(ids(1, 2))
    j.append(ids(3))
    j.run()
    assert j.ids() == [1, 2, 3]
    assert j.metadata()["start_offset"] == {"mode": "snapshot"} and j.metadata()["source"] == "delta"
    first = j.offsets()[0]
    assert (first["version"], first["index"], first["is_initial_snapshot"]) == (1, 1, True)
    assert first["table_id"] == j.table().metadata().id
    j.append(ids(4))
    j.run()
    assert j.ids() == [1, 2, 3, 4]
    assert (j.offsets()[1]["version"], j.offsets()[1]["is_initial_snapshot"]) == (2, False)
    assert j.commits()[1]["version"] == 2
    j.run()
    assert len(j.offsets()) == 2


def test_pages_of_the_snapshot_are_of_one_version(job):
    j = job({"max_files_per_trigger": 2})
    for n in range(5):
        j.append(ids(n))
    j.run("--max-batches", "1")
    j.append(ids(5))
    j.table().delete("id = 4")
    j.source["ignore_deletes"] = True
    j.run()
    pages = [o for o in j.offsets() if o["is_initial_snapshot"]]
    assert [o["version"] for o in pages] == [4, 4, 4] and [o["index"] for o in pages] == [1, 3, 4]
    paths = [p for o in pages for p in o["files"]]
    assert paths == sorted(paths)
    assert j.ids() == [0, 1, 2, 3, 4, 5]


def test_a_version_is_split_where_the_limit_is(job):
    j = job({"max_files_per_trigger": 2, "start_offset": "earliest"})
    rows = [{"id": n, "p": f"p{n}"} for n in range(5)]
    j.append(rows, partition_by=["p"])
    j.run()
    assert [len(o["files"]) for o in j.offsets()] == [2, 2, 1]
    assert [o["index"] for o in j.offsets()] == [1, 3, 4]
    assert sorted((r["id"], r["p"]) for r in j.rows()) == [(n, f"p{n}") for n in range(5)]


def test_a_limit_of_bytes_takes_the_first_file_always(job):
    j = job({"max_bytes_per_trigger": 1, "start_offset": "earliest"})
    for n in range(3):
        j.append(ids(n))
    j.run()
    assert [len(o["files"]) for o in j.offsets()] == [1, 1, 1]
    assert j.ids() == [0, 1, 2]


def test_partition_values_come_from_the_log_with_their_types(job):
    j = job()
    rows = [
        {"id": 1, "day": None, "name": "a b"},
        {"id": 2, "day": 7, "name": "ä/%41"},
        {"id": 3, "day": -1, "name": None},
    ]
    j.append(rows, partition_by=["day", "name"])
    j.run()
    assert sorted(j.rows(), key=lambda r: r["id"]) == rows


def test_changes_that_change_no_data_are_passed_over(job):
    j = job({"start_offset": "earliest"})
    for n in range(3):
        j.append(ids(n))
    j.run()
    j.table().optimize.compact()
    j.append(ids(3))
    j.run()
    assert j.ids() == [0, 1, 2, 3]
    j.table().optimize.compact()
    j.run()
    assert j.ids() == [0, 1, 2, 3]
    assert j.offsets()[-1]["files"] == [] and j.offsets()[-1]["version"] == 5 and j.commits()[-1]["sinks"] == []


def test_a_run_reads_what_was_there_at_its_start(job, pli):
    j = job({"max_files_per_trigger": 1, "start_offset": "earliest"})
    for n in range(3):
        j.append(ids(n))
    process = subprocess.Popen(
        [pli.command, *j.args()], env=pli.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (j.checkpoint / "offsets" / "0.json").exists() and process.poll() is None:
        time.sleep(0.001)
    j.append(ids(99))
    process.wait(60)
    assert process.returncode == 0
    assert j.ids() in ([0, 1, 2], [0, 1, 2, 99])  # the second only if the run was at its start still
    j.run()
    assert j.ids() == [0, 1, 2, 99]


def test_columns_that_are_added_follow_the_jobs_policy(job):
    j = job(sink={"merge_schema": True}, schema={"mode": "add_new_columns"})
    j.append(ids(1))
    j.run()
    j.append([{"id": 2, "b": "x"}], schema_mode="merge")
    j.append([{"id": 3, "b": None}], schema_mode="merge")
    j.run()
    assert sorted((r["id"], r.get("b")) for r in j.rows()) == [(1, None), (2, "x"), (3, None)]


def test_a_strict_job_refuses_new_columns(job):
    j = job(schema={"mode": "strict"})
    j.append(ids(1))
    j.run()
    j.append([{"id": 2, "b": "x"}], schema_mode="merge")
    j.fails(4)
    assert j.ids() == [1]


def test_transforms_see_columns_and_metadata(job):
    j = job(
        transform={"sql": "SELECT id * 10 AS id, _metadata.file_name AS f, _metadata.file_size > 0 AS s FROM input"}
    )
    j.append(ids(1))
    j.run()
    (row,) = j.rows()
    assert row["id"] == 10 and row["f"].endswith(".parquet") and row["s"] is True


# ---- where it begins


def test_latest_reads_what_comes_after_the_first_plan(job):
    j = job({"start_offset": "latest"})
    j.append(ids(1))
    j.run()
    assert j.metadata()["start_offset"] == {"mode": "latest", "version": 0} and j.offsets() == []
    j.append(ids(2))
    j.run()
    assert j.ids() == [2]


def test_starting_version_may_lie_in_the_future(job):
    j = job({"starting_version": 2})
    j.append(ids(0))
    j.run()
    assert j.metadata()["start_offset"] == {"mode": "version", "version": 2}
    for n in (1, 2, 3):
        j.append(ids(n))
    j.run()
    assert j.ids() == [2, 3]


def test_starting_timestamp_begins_with_the_first_commit_at_or_after_it(job):
    j = job()
    for n in range(3):
        j.append(ids(n))
        time.sleep(0.01)
    infos = [
        json.loads(line)["commitInfo"]
        for line in commit_file(j.src, 1).read_text().splitlines()
        if "commitInfo" in line
    ]
    at = infos[0]["timestamp"]
    j.source["start_timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at // 1000)) + f".{at % 1000:03}Z"
    j.run()
    assert j.ids() == [1, 2]
    start = j.metadata()["start_offset"]
    assert start["mode"] == "version" and start["version"] == 1 and abs(start["timestamp"] - at / 1000) < 1e-3


def test_a_timestamp_in_the_future_stores_nothing(job):
    j = job({"start_timestamp": "2100-01-01"})
    j.append(ids(1))
    j.run()
    assert "start_offset" not in j.metadata() and j.offsets() == []


def test_the_start_position_is_decided_once(job):
    j = job({"start_offset": "latest"})
    j.append(ids(1))
    j.run()
    j.append(ids(2))
    j.source = {"start_offset": "earliest"}
    assert "start_offset" in j.run("-v").err
    assert j.ids() == [2]


def test_ending_version_is_the_last_one_read(job):
    j = job({"start_offset": "earliest", "ending_version": 1})
    for n in range(4):
        j.append(ids(n))
    j.run()
    assert j.ids() == [0, 1]
    j.run()
    assert j.ids() == [0, 1]


def test_a_source_that_is_no_table_is_an_error_unless_it_may_be_missing(job):
    j = job()
    j.fails(1)
    j.source["allow_missing"] = True
    j.run()
    j.append(ids(1))
    j.run()
    assert j.ids() == [1]


# ---- changes and deletes


def test_commits_that_delete_stop_the_job_until_an_option_allows_them(job):
    j = job({"start_offset": "earliest"})
    j.append([{"id": 1, "p": "a"}, {"id": 2, "p": "b"}], partition_by=["p"])
    j.run()
    j.table().delete("p = 'a'")
    j.append([{"id": 3, "p": "c"}])
    for _ in range(2):
        r = j.fails(5)
        assert "version 1" in r.err and "deletes rows" in r.err
    j.source["ignore_deletes"] = True
    j.run()
    assert j.ids() == [1, 2, 3]


@pytest.mark.parametrize(("option", "expected"), [("ignore_changes", [1, 2, 2, 3]), ("skip_change_commits", [1, 2, 3])])
def test_commits_that_change_rows(job, option, expected):
    j = job({"start_offset": "earliest"})
    j.append(ids(1, 2))
    j.run()
    j.table().delete("id = 1")
    j.append(ids(3))
    assert "changes or deletes rows" in j.fails(5).err
    j.source["ignore_deletes"] = True
    j.fails(5)
    j.source[option] = True
    j.run()
    assert j.ids() == expected


# ---- the change feed


FEED = {"delta.enableChangeDataFeed": "true"}


def test_the_feed_gives_the_snapshot_as_inserts_and_then_changes(job):
    j = job({"read_change_feed": True})
    j.append(ids(1, 2, 3), configuration=FEED)
    j.run()
    j.table().update(predicate="id = 2", updates={"id": "20"})
    j.table().delete("id = 3")
    j.run()
    rows = Counter((r["_change_type"], r["_commit_version"], r["id"]) for r in j.rows())
    assert rows == Counter(
        [
            ("insert", 0, 1),
            ("insert", 0, 2),
            ("insert", 0, 3),
            ("update_preimage", 1, 2),
            ("update_postimage", 1, 20),
            ("delete", 2, 3),
        ]
    )
    entries = [e for o in j.offsets() for e in o["file_entries"]]
    assert [set(e) for e in entries] == [{"path", "commit_version", "commit_timestamp", "change_type", "size"}] * len(
        entries
    )
    assert [e["path"] for o in j.offsets() for e in o["file_entries"]] == [p for o in j.offsets() for p in o["files"]]


def test_versions_of_the_feed_are_never_split(job):
    j = job({"read_change_feed": True, "start_offset": "earliest", "max_files_per_trigger": 2})
    j.append([{"id": n, "p": n} for n in range(4)], partition_by=["p"], configuration=FEED)
    j.append([{"id": 4, "p": 4}])
    j.append([{"id": 5, "p": 5}])
    j.run()
    assert [len(o["files"]) for o in j.offsets()] == [4, 2]
    assert j.ids() == [0, 1, 2, 3, 4, 5]


def test_an_overwrite_is_deletes_then_inserts(job):
    j = job({"read_change_feed": True})
    j.append(ids(1), configuration=FEED)
    j.run()
    deltalake.write_deltalake(str(j.src), pa.Table.from_pylist(ids(1, 2)), mode="overwrite")
    j.run()
    rows = Counter((r["_change_type"], r["id"]) for r in j.rows() if r["_commit_version"] == 1)
    assert rows == Counter([("delete", 1), ("insert", 1), ("insert", 2)])


def test_changes_that_no_feed_recorded_are_an_error(job):
    j = job({"read_change_feed": True})
    j.append(ids(1, 2))
    j.run()
    j.append(ids(3))
    j.run()  # added rows can be told without a feed
    j.table().delete("id = 1")
    assert "version 2" in j.fails(1).err
    assert j.ids() == [1, 2, 3]


# ---- what is gone, what was replaced


def test_commits_that_are_gone_are_named_and_never_passed_over(job):
    j = job({"start_offset": "earliest"})
    for n in range(5):
        j.append(ids(n))
        if n == 1:
            j.run()
    commit_file(j.src, 2).unlink()
    commit_file(j.src, 3).unlink()
    for _ in range(2):
        r = j.fails(5)
        assert "versions 2 to 3" in r.err and "gone" in r.err
    j.source["fail_on_data_loss"] = False
    j.fails(1)  # delta-rs wrote no checkpoint: the state of version 4 cannot be had, and nothing is guessed


def test_a_gap_is_recorded_in_the_commit(job):
    j = job({"start_offset": "earliest"})
    for n in range(6):
        j.append(ids(n))
        if n == 1:
            j.run()
        if n == 3:
            j.table().create_checkpoint()
    commit_file(j.src, 2).unlink()
    commit_file(j.src, 3).unlink()
    j.fails(5)
    j.source["fail_on_data_loss"] = False
    j.run()
    assert j.ids() == [0, 1, 4, 5]
    (gap,) = j.commits()[-1]["gaps"]
    assert (gap["from_version"], gap["to_version"]) == (2, 3)
    j.append(ids(6))
    j.run()
    assert j.ids() == [0, 1, 4, 5, 6] and "gaps" not in j.commits()[-1]


def test_a_cleaned_log_is_no_gap_where_everything_was_read(job):
    j = job({"start_offset": "earliest"})
    for n in range(4):
        j.append(ids(n))
    j.run()
    j.append(ids(4))
    j.table().create_checkpoint()
    for version in range(4):
        commit_file(j.src, version).unlink()
    j.run()
    assert j.ids() == [0, 1, 2, 3, 4]


def test_a_snapshot_comes_from_a_checkpoint_where_commits_are_gone(job):
    j = job({"max_files_per_trigger": 2})
    for n in range(4):
        j.append(ids(n))
    j.table().create_checkpoint()
    j.append(ids(4))
    for version in range(4):
        commit_file(j.src, version).unlink()
    j.run()
    assert j.ids() == [0, 1, 2, 3, 4]
    assert {o["version"] for o in j.offsets()} == {4}


def test_a_vacuumed_file_is_named(job):
    j = job({"start_offset": "earliest"})
    j.append(ids(1))
    j.append(ids(2))
    lost = j.table().file_uris()[0]
    os.unlink(lost)
    r = j.fails(5)
    assert os.path.basename(lost) in r.err and "gone" in r.err
    assert j.rows() == []
    j.source["fail_on_data_loss"] = False
    j.run()
    assert len(j.ids()) == 1
    (gap,) = j.commits()[0]["gaps"]
    assert gap["file"] == lost


def test_a_table_created_again_in_place_is_noticed(job):
    j = job()
    j.append(ids(1))
    j.run()
    shutil.rmtree(j.src)
    j.append(ids(2))
    for _ in range(2):
        assert "replaced" in j.fails(5).err
    assert j.ids() == [1]


def test_a_table_that_went_back_is_noticed(job):
    j = job()
    j.append(ids(1))
    j.append(ids(2))
    j.run()
    commit_file(j.src, 1).unlink()
    assert "went back" in j.fails(5).err
    shutil.rmtree(j.src)
    assert "no Delta table any more" in j.fails(5).err


def test_a_table_restored_from_a_copy_is_noticed_at_the_same_version(job):
    j = job()
    j.append(ids(1))
    shutil.copytree(j.src, j.folder / "copy")
    j.append(ids(2))
    j.run()
    shutil.rmtree(j.src)
    shutil.copytree(j.folder / "copy", j.src)
    j.append(ids(3))
    j.append(ids(4))
    assert "is not the one that was read" in j.fails(5).err
    assert j.ids() == [1, 2]


# ---- kills


def test_killed_runs_lose_and_double_nothing(job, pli):
    j = job({"max_files_per_trigger": 1, "start_offset": "earliest"})
    rng = random.Random(5)
    for n in range(12):
        j.append(ids(n))
    for _ in range(12):
        process = subprocess.Popen(
            [pli.command, *j.args()], env=pli.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(0.05, 0.35))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    j.run()
    assert j.ids() == list(range(12))


# ---- looking


def test_status_and_plan_tell_what_waits_and_change_nothing(job, pli):
    j = job({"max_files_per_trigger": 2, "start_offset": "earliest"})
    for n in range(3):
        j.append(ids(n))
    j.write_config()
    config = ["-c", str(j.folder / "pli.yaml")]
    assert not j.checkpoint.exists()
    planned = pli.ok("plan", *config, "--json").json()
    assert planned and not j.checkpoint.exists()
    j.run("--max-batches", "1")
    (status,) = pli.ok("status", *config, "--json").json()
    assert json.dumps(status).count('"filesWaiting": 1') or status.get("backlog", status).get("filesWaiting") == 1
    assert len(j.offsets()) == 1


# ---- random histories against a model


class Model:
    """What must be read, from the log's JSON alone."""

    def __init__(self, table):
        self.table = Path(table)
        self.cache = {}

    def commit(self, version):
        actions = [
            json.loads(line) for line in commit_file(self.table, version).read_text().splitlines() if line.strip()
        ]
        return [(kind, action[kind]) for action in actions for kind in ("add", "remove", "cdc") if kind in action]

    def path(self, action):
        return str(self.table.resolve() / unquote(action["path"]))

    def snapshot(self, version):
        active = {}
        for v in range(version + 1):
            for kind, a in self.commit(v):
                if kind == "add":
                    active[a["path"]] = a
                elif kind == "remove":
                    active.pop(a["path"], None)
        return [active[p] for p in sorted(active, key=lambda p: p.encode())]

    def added(self, first, last, option):
        found = []
        for v in range(first, last + 1):
            actions = self.commit(v)
            changed = [a for kind, a in actions if kind == "remove" and a.get("dataChange", True)]
            adds = [a for kind, a in actions if kind == "add" and a.get("dataChange", True)]
            if not changed or option == "ignore_changes":
                found += adds
        return found

    def rows(self, action):
        path = self.path(action)
        if path not in self.cache:
            self.cache[path] = pq.ParquetFile(path).read().to_pylist()
        values = dict(action["partitionValues"])
        return [{**row, **values} for row in self.cache[path]]


def key(row):
    return tuple(sorted((k, str(v)) for k, v in row.items() if v is not None))


def change_table(rng, table, state):
    t = deltalake.DeltaTable(table)
    what = rng.choice(["append"] * 5 + ["delete", "update", "partition", "overwrite", "compact", "column"])
    low = state["next"]

    def fresh(n):
        state["next"] += n
        return [
            {"id": low + k, "p": rng.choice("abc"), **{c: rng.randrange(9) for c in state["columns"]}} for k in range(n)
        ]

    if what == "append":
        deltalake.write_deltalake(
            table, pa.Table.from_pylist(fresh(rng.randint(1, 4))), mode="append", schema_mode="merge"
        )
    elif what == "delete":
        t.delete(f"id % {rng.randint(2, 5)} = 0")
    elif what == "update":
        t.update(predicate=f"id % {rng.randint(3, 7)} = 1", updates={"id": "id + 1000"})
    elif what == "partition":
        t.delete(f"p = '{rng.choice('abc')}'")
    elif what == "overwrite":
        deltalake.write_deltalake(table, pa.Table.from_pylist(fresh(2)), mode="overwrite", schema_mode="merge")
    elif what == "compact":
        t.optimize.compact()
    else:
        state["columns"].append(f"c{len(state['columns'])}")
        deltalake.write_deltalake(table, pa.Table.from_pylist(fresh(1)), mode="append", schema_mode="merge")


def run_with_kills(rng, j, pli):
    if rng.random() < 0.3:
        process = subprocess.Popen(
            [pli.command, *j.args()], env=pli.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(rng.uniform(0.02, 0.3))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    j.run()


def begin(rng, folder, pli, source):
    source = {**source, "max_files_per_trigger": rng.choice([1, 2, 5, 1000])}
    if rng.random() < 0.3:
        source["max_bytes_per_trigger"] = 3000
    j = Job(pli, folder, source, {"merge_schema": True}, schema={"mode": "add_new_columns"})
    state = {"next": 0, "columns": []}
    rows = [{"id": -1, "p": "a"}]
    deltalake.write_deltalake(str(j.src), pa.Table.from_pylist(rows), partition_by=["p"], configuration=FEED)
    for _ in range(rng.randint(0, 4)):
        change_table(rng, str(j.src), state)
    return j, state


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_give_the_models_files(pli, tmp_path, seed):
    rng = random.Random(seed)
    option = rng.choice(["ignore_changes", "skip_change_commits"])
    start = rng.choice(["snapshot", "earliest", "latest"])
    j, state = begin(rng, tmp_path, pli, {option: True, "start_offset": start})
    model = Model(j.src)
    at = j.table().version()
    j.run()
    for _ in range(5):
        for _ in range(rng.randint(1, 4)):
            change_table(rng, str(j.src), state)
        run_with_kills(rng, j, pli)
        newest = j.table().version()
        first = 0 if start == "earliest" else at + 1
        due = (model.snapshot(at) if start == "snapshot" else []) + model.added(first, newest, option)
        assert [p for o in j.offsets() for p in o["files"]] == [model.path(a) for a in due], f"seed {seed}"
        expected = Counter(key(row) for a in due for row in model.rows(a))
        assert Counter(key(row) for row in j.rows()) == expected, f"seed {seed}"
    assert all(len(o["files"]) <= j.source["max_files_per_trigger"] for o in j.offsets())


@pytest.mark.parametrize("seed", range(8))
def test_random_histories_of_the_feed_replay_to_the_table(pli, tmp_path, seed):
    rng = random.Random(100 + seed)
    start = rng.choice(["snapshot", "earliest"])
    j, state = begin(rng, tmp_path, pli, {"read_change_feed": True, "start_offset": start})
    j.run()
    for _ in range(5):
        for _ in range(rng.randint(1, 4)):
            change_table(rng, str(j.src), state)
        run_with_kills(rng, j, pli)
        replayed = Counter()
        for row in j.rows():
            change = row.pop("_change_type")
            row.pop("_commit_version"), row.pop("_commit_timestamp")
            replayed[key(row)] += {"insert": 1, "update_postimage": 1, "delete": -1, "update_preimage": -1}[change]
        now = Counter(key(row) for row in pli.read(j.src))
        assert +replayed == now and not -replayed, f"seed {seed}"
