"""`pli ingest` and `pli run`: files become a Delta table, each input once; bad input is named and loses nothing."""

import gzip
import json
import os
import shutil
import signal
import stat
import subprocess
import time

import pytest

NOW = ("--settle-time", "0s")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def src(tmp_path):
    write(tmp_path / "in" / "a.csv", "id,name\n1,x\n2,y\n")
    write(tmp_path / "in" / "b.csv", "id,name\n3,z\n")
    return tmp_path / "in"


def ids(pli, table="out"):
    return sorted(r["id"] for r in pli.read(table, "--columns", "id"))


def test_files_land_once(pli, src):
    r = pli.ok("ingest", "in", "out", *NOW, "--json").json()[0]
    assert (r["batches"], r["files"], r["rows"], r["version"]) == (1, 2, 3, 0)
    assert pli.ok("ingest", "in", "out", *NOW, "--json").json()[0]["batches"] == 0
    write(src / "c.csv", "id,name\n4,w\n")
    assert pli.ok("ingest", "in", "out", *NOW, "--json").json()[0]["files"] == 1
    assert ids(pli) == [1, 2, 3, 4]


def test_young_files_are_waited_for(pli, src):
    assert pli.ok("ingest", "in", "out", "--json").json()[0]["files"] == 2


def test_young_files_of_different_ages_are_waited_for_together(pli, src):
    now = time.time()
    for name, age in (("a.csv", 0.9), ("b.csv", 0.1)):
        os.utime(src / name, (now - age, now - age))
    r = pli.ok("ingest", "in", "out", "--set", "source.settle_time=1s", "--json").json()[0]
    assert (r["batches"], r["files"]) == (1, 2)


def test_a_changed_file_is_not_read_again_unless_asked(pli, src):
    pli.ok("ingest", "in", "out", *NOW)
    write(src / "a.csv", "id,name\n9,n\n")
    assert pli.ok("ingest", "in", "out", *NOW, "--json").json()[0]["files"] == 0
    again = pli.ok("ingest", "in", "other", *NOW, "--set", "source.allow_overwrites=true", "--json").json()[0]
    assert again["files"] == 2
    write(src / "a.csv", "id,name\n9,n\n10,m\n")
    assert (
        pli.ok("ingest", "in", "other", *NOW, "--set", "source.allow_overwrites=true", "--json").json()[0]["files"] == 1
    )


def test_max_files_makes_batches_in_path_order(pli, src):
    write(src / "0.csv", "id,name\n0,first\n")
    assert pli.ok("ingest", "in", "out", *NOW, "--max-files", "1", "--json").json()[0]["batches"] == 3
    history = pli.ok("delta", "history", "out", "--json").json()
    assert [h["version"] for h in history] == [2, 1, 0]
    assert [r["id"] for r in pli.read("out", "--version", "0")] == [0]


def test_max_bytes_always_takes_one_file(pli, src):
    assert pli.ok("ingest", "in", "out", *NOW, "--max-bytes", "1", "--json").json()[0]["batches"] == 2


def test_once_and_max_batches(pli, src):
    assert pli.ok("ingest", "in", "out", *NOW, "--max-files", "1", "--once", "--json").json()[0]["batches"] == 1
    assert (
        pli.ok("ingest", "in", "out", *NOW, "--max-files", "1", "--max-batches", "5", "--json").json()[0]["batches"]
        == 1
    )


def test_default_excludes(pli, src):
    for name in (".hidden.csv", "_draft.csv", "x.csv.tmp", "x.part", "x.crdownload"):
        write(src / name, "id,name\n99,no\n")
    pli.ok("ingest", "in", "out", *NOW)
    assert ids(pli) == [1, 2, 3]


def test_pattern_recursive_glob_and_single_file(pli, src):
    write(src / "deep" / "er" / "d.csv", "id,name\n7,deep\n")
    write(src / "notes.txt", "nothing")
    pli.ok("ingest", "in", "flat", "--format", "csv", *NOW)
    pli.ok("ingest", "in", "deep", "--format", "csv", "--recursive", *NOW)
    pli.ok("ingest", "in/a*.csv", "glob", *NOW)
    pli.ok("ingest", "in/b.csv", "one", *NOW)
    pli.ok("ingest", "in", "pattern", "--format", "csv", "--pattern", "b*", *NOW)
    assert (ids(pli, "flat"), ids(pli, "deep")) == ([1, 2, 3], [1, 2, 3, 7])
    assert (ids(pli, "glob"), ids(pli, "one"), ids(pli, "pattern")) == ([1, 2], [3], [3])


def test_start_latest_reads_only_what_comes_later(pli, src):
    for _ in range(2):
        assert pli.ok("ingest", "in", "out", *NOW, "--start-offset", "latest", "--json").json()[0]["files"] == 0
    late = write(src / "late.csv", "id,name\n5,late\n")
    os.utime(late, (1000, 1000))  # arrives with an old modification time
    pli.ok("ingest", "in", "out", *NOW, "--start-offset", "latest")
    assert ids(pli) == [5]


def test_start_timestamp(pli, src):
    os.utime(src / "a.csv", (1000, 1000))
    pli.ok("ingest", "in", "out", *NOW, "--start-timestamp", "2020-01-01")
    assert ids(pli) == [3]


def test_formats(pli, tmp_path):
    write(tmp_path / "nd" / "a.ndjson", '{"id": 1, "tags": ["a"], "who": {"n": "x"}}\n{"id": 2}\n')
    write(tmp_path / "js" / "a.json", '[{"id": 1}, {"id": 2}]')
    (tmp_path / "gz").mkdir()
    with gzip.open(tmp_path / "gz" / "a.csv.gz", "wt") as f:
        f.write("id\n1\n2\n")
    write(tmp_path / "txt" / "a.txt", "one\ntwo\n")
    pli.ok("ingest", "nd", "t-nd", *NOW)
    pli.ok("delta", "read", "t-nd", "-o", "pq/a.parquet") if (tmp_path / "pq").mkdir() is None else None
    for source, table in (("js", "t-js"), ("gz", "t-gz"), ("pq", "t-pq")):
        pli.ok("ingest", source, table, *NOW)
        assert ids(pli, table) == [1, 2]
    pli.ok("ingest", "txt", "t-txt", "--format", "text", *NOW)
    assert len(pli.read("t-txt")) == 2
    rows = pli.read("t-pq")
    assert sorted(map(json.dumps, rows)) == sorted(map(json.dumps, pli.read("t-nd")))
    assert rows[0]["tags"] == ["a"] and rows[0]["who"]["n"] == "x"


def test_csv_options(pli, tmp_path):
    write(tmp_path / "in" / "a.csv", "id;note;when\n1;'a;b';31.12.2025\n2;NA;01.01.2026\n")
    pli.ok(
        "ingest", "in", "out", *NOW, "--format", "csv", "--option", "delimiter=;", "--option", "quote='", "--option", "null_strings=NA",
        "--option", "date_format=%d.%m.%Y", "--column", "id=INTEGER", "--column", "note=VARCHAR", "--column", "when=DATE",
    )  # fmt: skip
    assert sorted(map(str, (r.values() for r in pli.read("out"))))
    rows = {r["id"]: r for r in pli.read("out")}
    assert rows[1]["note"] == "a;b" and rows[2]["note"] is None
    assert rows[1]["when"] == "2025-12-31"
    fields = {f["name"]: f["type"] for f in pli.ok("delta", "detail", "out", "--json").json()["schema"]["fields"]}
    assert fields == {"id": "integer", "note": "string", "when": "date"}


def test_columns_of_one_batch_are_united_by_name(pli, tmp_path):
    write(tmp_path / "in" / "a.csv", "id,name\n1,x\n")
    write(tmp_path / "in" / "b.csv", "extra,id\n2.5,2\n")
    pli.ok("ingest", "in", "out", *NOW)
    assert {r["id"]: (r["name"], r["extra"]) for r in pli.read("out")} == {1: ("x", None), 2: (None, 2.5)}


def test_transform_and_metadata_columns(pli, src):
    pli.ok(
        "ingest",
        "in",
        "out",
        *NOW,
        "--sql",
        "SELECT *, upper(name) AS up, _metadata.file_name AS file, _metadata.batch_id AS batch FROM input",
    )
    row = next(r for r in pli.read("out") if r["id"] == 3)
    assert row == {"id": 3, "name": "z", "up": "Z", "file": "b.csv", "batch": 0}


def test_star_never_includes_metadata(pli, src):
    pli.ok("ingest", "in", "out", *NOW, "--sql", "SELECT i.* FROM input i WHERE _metadata.file_size > 0")
    assert set(pli.read("out")[0]) == {"id", "name"}


def test_partitions(pli, tmp_path):
    write(tmp_path / "in" / "a.csv", "id,day,kind\n1,2026-01-01,a/b\n2,2026-01-02,\n3,2026-01-01,ü x\n")
    pli.ok("ingest", "in", "out", *NOW, "--partition-by", "day,kind")
    files = pli.ok("delta", "files", "out", "--json").json()
    assert sorted(str(f["partitionValues"]) for f in files) == sorted(
        [
            str({"day": "2026-01-01", "kind": "a/b"}),
            str({"day": "2026-01-02", "kind": None}),
            str({"day": "2026-01-01", "kind": "ü x"}),
        ]
    )
    assert {r["id"]: r["kind"] for r in pli.read("out")} == {1: "a/b", 2: None, 3: "ü x"}
    assert [r["id"] for r in pli.read("out", "--where", "kind = 'a/b'")] == [1]


def test_new_columns_need_merge_schema(pli, src):
    pli.ok("ingest", "in", "out", *NOW)
    write(src / "c.csv", "id,name,more\n4,w,1\n")
    r = pli.fails(4, "ingest", "in", "out", *NOW)
    assert "more" in r.err and "merge" in r.err
    assert ids(pli) == [1, 2, 3]
    pli.ok("ingest", "in", "out", *NOW, "--merge-schema")
    assert ids(pli) == [1, 2, 3, 4]


def test_a_column_that_changes_type_is_named(pli, src):
    pli.ok("ingest", "in", "out", *NOW)
    write(src / "c.csv", "id,name\nfour,w\n")
    r = pli.fails(4, "ingest", "in", "out", *NOW, "--json")
    error = json.loads(r.out)["error"]
    assert error["code"] == "SCHEMA_MISMATCH" and "id" in error["message"] and "c.csv" in error["message"]
    assert ids(pli) == [1, 2, 3]
    write(src / "c.csv", "id,name\n4,w\n")
    pli.ok("ingest", "in", "out", *NOW, "--set", "source.on_changed_file=reread")
    assert ids(pli) == [1, 2, 3, 4]


def test_values_that_do_not_fit_are_rescued(pli, src):
    pli.ok("ingest", "in", "out", *NOW, "--rescue", "column")
    write(src / "c.csv", "id,name\nfour,w\n")
    pli.ok("ingest", "in", "out", *NOW, "--rescue", "column")
    row = next(r for r in pli.read("out") if r["name"] == "w")
    rescued = json.loads(row["_rescued_data"])
    assert row["id"] is None and rescued["id"] == "four" and rescued["_file_path"].endswith("c.csv")


def test_missing_source_folder(pli):
    r = pli.fails(1, "ingest", "nowhere", "out", "--format", "csv")
    assert "nowhere" in r.err
    pli.ok("ingest", "nowhere", "out", "--format", "csv", "--set", "source.allow_missing=true")


def test_broken_csv_names_file_and_line(pli, src):
    write(src / "c.csv", 'id,name\n4,w\n5,"never closed\n')
    r = pli.fails(1, "ingest", "in", "out", *NOW)
    assert "c.csv" in r.err
    write(src / "c.csv", "id,name\n4,w\n")
    pli.ok("ingest", "in", "out", *NOW, "--set", "source.on_changed_file=reread")
    assert ids(pli) == [1, 2, 3, 4]


def test_an_open_quote_in_one_of_many_files_is_no_silent_loss(pli, tmp_path):
    for n in range(20):
        write(tmp_path / "in" / f"f{n:02}.csv", f"id,name\n{n},a\n")
    write(tmp_path / "in" / "f13.csv", 'id,name\n13,"x\n')
    r = pli.fails(1, "ingest", "in", "out", *NOW)
    assert "f13.csv" in r.err
    write(tmp_path / "in" / "f13.csv", 'id,name\n13,"x ""y"" z\nw"\n')
    pli.ok("ingest", "in", "out", *NOW, "--set", "source.on_changed_file=reread")
    assert ids(pli) == list(range(20))


def test_broken_ndjson_and_parquet_are_named(pli, tmp_path):
    write(tmp_path / "nd" / "a.ndjson", '{"id": 1}\n{"id": \n')
    r = pli.fails(1, "ingest", "nd", "out", *NOW)
    assert "a.ndjson" in r.err
    write(tmp_path / "pq" / "a.parquet", "PAR1 this is no parquet PAR1")
    r = pli.fails(1, "ingest", "pq", "out2", *NOW)
    assert "a.parquet" in r.err


@pytest.mark.parametrize("what", ["skip", "quarantine"])
def test_bad_files_are_skipped_or_set_aside(pli, tmp_path, what):
    write(tmp_path / "in" / "a.ndjson", '{"id": 1}\n')
    write(tmp_path / "in" / "b.ndjson", '{"id": oops\n')
    write(tmp_path / "in" / "c.ndjson", '{"id": 3}\n')
    pli.ok("init", "w")
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"j": {
        "source": {"format": "ndjson", "path": "in", "settle_time": "0s", "on_bad_file": what}, "sink": {"path": "out"}}}}))  # fmt: skip
    pli.ok("run")
    assert ids(pli) == [1, 3]
    status = {os.path.basename(f["path"]): f["status"] for f in pli.ok("files", "j", "--json").json()}
    assert status == {
        "a.ndjson": "committed",
        "b.ndjson": "skipped" if what == "skip" else "quarantined",
        "c.ndjson": "committed",
    }
    assert (tmp_path / "in" / "b.ndjson").exists() == (what == "skip")
    if what == "quarantine":
        assert (tmp_path / "in" / "_quarantine" / "b.ndjson").exists()


def test_empty_files_are_read_as_no_rows(pli, src):
    write(src / "empty.csv", "")
    write(src / "only-header.csv", "id,name\n")
    pli.ok("ingest", "in", "out", *NOW)
    assert ids(pli) == [1, 2, 3]


def test_an_unreadable_file_is_named(pli, src):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (src / "b.csv").chmod(0)
    r = pli.fails(1, "ingest", "in", "out", *NOW)
    assert "b.csv" in r.err
    (src / "b.csv").chmod(stat.S_IRUSR | stat.S_IWUSR)
    pli.ok("ingest", "in", "out", *NOW)


def test_a_file_that_disappears_between_plan_and_read(pli, src, tmp_path):
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"j": {
        "source": {"format": "csv", "path": "in", "settle_time": "0s"}, "sink": {"path": "out"}, "checkpoint": "cp",
        "transform": {"sql": "SELECT * FROM input WHERE no_such_column"}}}}))  # fmt: skip
    pli.fails(1, "run")  # plans batch 0
    assert (tmp_path / "cp" / "offsets" / "0.json").exists()
    (src / "b.csv").unlink()
    text = (tmp_path / "pli.yaml").read_text().replace(" WHERE no_such_column", "")
    write(tmp_path / "pli.yaml", text)
    r = pli.fails(5, "run")
    assert "b.csv" in r.err
    data = json.loads(text)
    data["jobs"]["j"]["source"]["on_missing_file"] = "skip"
    write(tmp_path / "pli.yaml", json.dumps(data))
    pli.ok("run")
    assert ids(pli) == [1, 2]


def test_a_path_that_is_not_a_table(pli, src, tmp_path):
    write(tmp_path / "out" / "precious.txt", "mine")
    r = pli.fails(1, "ingest", "in", "out", *NOW)
    assert "out" in r.err
    assert (tmp_path / "out" / "precious.txt").read_text() == "mine"


def test_corrupt_and_foreign_checkpoint_records(pli, src, tmp_path):
    pli.ok("ingest", "in", "out", *NOW, "--checkpoint", "cp", "--name", "j")
    offset = tmp_path / "cp" / "offsets" / "0.json"
    kept = offset.read_text()
    write(src / "c.csv", "id,name\n4,w\n")
    index = tmp_path / "cp" / "index.db"
    index.unlink()
    offset.write_text(kept[: len(kept) // 2])
    r = pli.fails(1, "ingest", "in", "out", *NOW, "--checkpoint", "cp", "--name", "j")
    assert "0.json" in r.err
    foreign = json.loads(kept)
    foreign["id"] = "00000000-0000-0000-0000-000000000000"
    offset.write_text(json.dumps(foreign))
    r = pli.fails(1, "ingest", "in", "out", *NOW, "--checkpoint", "cp", "--name", "j")
    assert "0.json" in r.err
    offset.write_text(kept)
    pli.ok("ingest", "in", "out", *NOW, "--checkpoint", "cp", "--name", "j")
    assert ids(pli) == [1, 2, 3, 4]


def test_a_dropped_sink_stops_the_job(pli, src, tmp_path):
    pli.ok("ingest", "in", "out", *NOW, "--checkpoint", "cp")
    shutil.rmtree(tmp_path / "out")
    write(src / "c.csv", "id,name\n4,w\n")
    r = pli.fails(5, "ingest", "in", "out", *NOW, "--checkpoint", "cp", "--json")
    assert json.loads(r.out)["error"]["code"] == "SINK_BEHIND"


def test_a_second_runner_is_locked_out(pli, src, tmp_path):
    pli.ok("ingest", "in", "out", *NOW, "--checkpoint", "cp")
    import fcntl

    with open(tmp_path / "cp" / ".lock", "r+") as lock:
        # an open-file-description lock, as pli takes it (F_OFD_SETLK = 37; struct flock)
        import struct

        fcntl.fcntl(lock, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
        r = pli.fails(6, "ingest", "in", "out", *NOW, "--checkpoint", "cp")
        assert "cp" in r.err
    pli.ok("ingest", "in", "out", *NOW, "--checkpoint", "cp")


def test_sql_errors_come_from_validate(pli, src, tmp_path):
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"j": {
        "source": {"format": "csv", "path": "in"}, "sink": {"path": "out"}, "transform": {"sql": "SELECT nme FROM input"}}}}))  # fmt: skip
    r = pli("validate", "--json")
    assert r.code == 78
    problem = r.json()[0]
    assert problem["code"] == "INVALID_SQL" and "nme" in problem["message"]
    assert not (tmp_path / "out").exists()


def test_plan_changes_nothing(pli, src, tmp_path):
    write(
        tmp_path / "pli.yaml",
        json.dumps({"version": 1, "jobs": {"j": {"source": {"format": "csv", "path": "in"}, "sink": {"path": "out"}}}}),
    )
    before = sorted(p for p in tmp_path.rglob("*"))
    plan = pli.ok("plan", "--json").json()[0]
    assert plan["numFiles"] == 2 and plan["batchId"] == 0
    assert sorted(p for p in tmp_path.rglob("*")) == before
    assert pli.ok("ingest", "in", "out", "--dry-run", "--json").json()[0]["numFiles"] == 2
    assert sorted(p for p in tmp_path.rglob("*")) == before


def test_some_jobs_fail_others_do_not(pli, src, tmp_path):
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {
        "bad": {"source": {"format": "csv", "path": "nowhere"}, "sink": {"path": "o1"}},
        "good": {"source": {"format": "csv", "path": "in", "settle_time": "0s"}, "sink": {"path": "o2"}}}}))  # fmt: skip
    r = pli("run", "--json")
    assert r.code == 3
    assert ids(pli, "o2") == [1, 2, 3]


def test_status_batches_files(pli, src, tmp_path):
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"j": {
        "source": {"format": "csv", "path": "in", "settle_time": "0s", "max_files_per_trigger": 1}, "sink": {"path": "out"}}}}))  # fmt: skip
    assert pli.ok("status", "--json").json()[0]["lastBatch"] is None
    pli.ok("run", "--once")
    status = pli.ok("status", "--json").json()[0]
    assert status["lastBatch"]["batchId"] == 0 and status["backlog"]["filesWaiting"] == 1
    pli.ok("run")
    assert [b["batchId"] for b in pli.ok("batches", "j", "--json").json()] == [1, 0]
    files = pli.ok("files", "j", "--json").json()
    assert [(os.path.basename(f["path"]), f["batchId"]) for f in files] == [("b.csv", 1), ("a.csv", 0)]
    assert len(pli.ok("files", "j", "--path", "a.csv", "--json").json()) == 1
    assert len(pli.ok("files", "j", "--batch", "1", "--json").json()) == 1


def test_interval_until_idle(pli, src, tmp_path):
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"j": {
        "source": {"format": "csv", "path": "in", "settle_time": "0s"}, "sink": {"path": "out"}}}}))  # fmt: skip
    start = time.monotonic()
    pli.ok("run", "--interval", "300ms", "--until-idle", "2")
    assert time.monotonic() - start > 0.25
    assert ids(pli) == [1, 2, 3]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_leave_cleanly(pli, src, tmp_path, number, code):
    write(tmp_path / "pli.yaml", json.dumps({"version": 1, "jobs": {"j": {
        "source": {"format": "csv", "path": "in", "settle_time": "0s"}, "sink": {"path": "out"}}}}))  # fmt: skip
    process = subprocess.Popen(
        [pli.command, "run", "--continuous"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=pli.env,
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "out" / "_checkpoints" / "j" / "commits" / "0.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    write(src / "c.csv", "id,name\n4,w\n")
    while not (tmp_path / "out" / "_checkpoints" / "j" / "commits" / "1.json").exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, (out, err)
    assert ids(pli) == [1, 2, 3, 4]


def test_a_signal_says_that_the_batch_is_finished_first_and_a_second_one_stops_at_once(pli, src, tmp_path):
    endless = "SELECT id, hash(i) AS h FROM input, range(10000000000000) AS t(i)"
    process = subprocess.Popen(
        [pli.command, "ingest", "in", "out", *NOW, "--sql", endless],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=pli.env,
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.pli-write-*")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "\n"
    assert "once more stops at once" in process.stderr.readline()
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert not list(tmp_path.glob("out/_delta_log/*.json")) and not list(tmp_path.glob("out/.pli-write-*"))
    pli.ok("ingest", "in", "out", *NOW)
    assert ids(pli) == [1, 2, 3]


def test_table_properties_and_merge_of_defaults(pli, src):
    pli.ok("ingest", "in", "out", *NOW, "--property", "delta.checkpointInterval=2")
    detail = pli.ok("delta", "detail", "out", "--json").json()
    assert detail["configuration"]["delta.checkpointInterval"] == "2"


def test_classic_checkpoints_are_written(pli, src, tmp_path):
    for n in range(3):
        write(src / f"n{n}.csv", f"id,name\n{10 + n},n\n")
    pli.ok("ingest", "in", "out", *NOW, "--max-files", "1", "--property", "delta.checkpointInterval=2")
    log = tmp_path / "out" / "_delta_log"
    assert sorted(p.name for p in log.glob("*.checkpoint.parquet")) == [f"{v:020}.checkpoint.parquet" for v in (2, 4)]
    assert json.loads((log / "_last_checkpoint").read_text())["version"] == 4
    by_log = pli.ok("delta", "files", "out", "--json", "--ignore-checkpoints").json()
    key = lambda f: f["path"]  # noqa: E731
    assert sorted(pli.ok("delta", "files", "out", "--json").json(), key=key) == sorted(by_log, key=key)


def test_deltalake_and_polars_read_the_table(pli, src, tmp_path):
    deltalake = pytest.importorskip("deltalake")
    polars = pytest.importorskip("polars")
    pli.ok("ingest", "in", "out", *NOW, "--partition-by", "name", "--max-files", "1")
    table = deltalake.DeltaTable(str(tmp_path / "out"))
    assert table.version() == 1
    rows = polars.scan_delta(str(tmp_path / "out")).collect()
    assert sorted(rows["id"].to_list()) == [1, 2, 3]
    write(src / "c.csv", "id,name\n4,w\n")
    polars.DataFrame({"id": [50], "name": ["other"]}).write_delta(str(tmp_path / "out"), mode="append")
    pli.ok("ingest", "in", "out", *NOW)
    assert ids(pli) == [1, 2, 3, 4, 50]
