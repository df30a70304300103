"""Options of the files source, each as a user sets it."""

import json
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime

import pytest

NOW = ("--set", "source.settle_time=0s")
STARTED = time.time()  # ages count from here, however long a test takes


def write(path, text, age=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    if age is not None:
        os.utime(path, (STARTED - age,) * 2)
    return path


def options(**values):
    return [arg for key, value in values.items() for arg in ("--set", f"source.{key}={value}")]


def ingest(pli, out="out", **values):
    return pli.ok("ingest", "in", out, *NOW, "--json", *options(**values)).json()[0]


def batches(pli, tmp_path, out="out"):
    """Base names of the files of each batch."""
    records = (tmp_path / out / "_checkpoints").glob("*/offsets/*.json")
    found = sorted((int(p.stem), json.loads(p.read_text())["files"]) for p in records)
    return [[name.rsplit("/", 1)[1] for name in files] for _, files in found]


def row(n):
    return f"id\n{n}\n"


@pytest.fixture
def aged(tmp_path):
    """a is the youngest, c the oldest."""
    for name, age in (("a", 100), ("b", 200), ("c", 300)):
        write(tmp_path / "in" / f"{name}.csv", row(1), age)
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ["a.csv", "b.csv", "c.csv"]),
        ({"order": "modification_time"}, ["c.csv", "b.csv", "a.csv"]),
        ({"latest_first": "true"}, ["a.csv", "b.csv", "c.csv"]),
    ],
)
def test_order(pli, tmp_path, aged, values, expected):
    write(aged / "0.csv", row(1), 250)
    ingest(pli, max_files_per_trigger=1, **values)
    place = {"order": 1, "latest_first": 2}.get(next(iter(values), ""), 0)
    expected.insert(place, "0.csv")
    assert batches(pli, tmp_path) == [[name] for name in expected]


def test_max_file_age_counts_from_the_newest_file_and_never_goes_back(pli, tmp_path, aged):
    assert ingest(pli, max_file_age="150s")["files"] == 2
    (aged / "a.csv").unlink()  # the newest is gone: what was too old stays so
    (aged / "b.csv").unlink()
    assert ingest(pli, max_file_age="150s")["files"] == 0


def test_start_timestamp_goes_by_modification_time(pli, tmp_path, aged):
    at = datetime.fromtimestamp(STARTED - 250, tz=UTC).isoformat()
    assert ingest(pli, start_timestamp=at)["files"] == 2
    write(aged / "d.csv", row(4), 280)  # late, and from before
    write(aged / "e.csv", row(5), 240)
    assert ingest(pli)["files"] == 1


def test_exclude_replaces_the_defaults(pli, tmp_path, aged):
    write(aged / "_hidden.csv", row(7))
    write(aged / "skip-me.csv", row(8))
    assert ingest(pli, exclude="skip*")["files"] == 4


def test_file_name_only(pli, tmp_path):
    write(tmp_path / "in/x/a.csv", row(1))
    write(tmp_path / "in/y/a.csv", row(2))
    write(tmp_path / "in/y/b.csv", row(3))
    assert ingest(pli, file_name_only="true", recursive="true")["files"] == 2
    write(tmp_path / "in/z/b.csv", row(4))
    assert ingest(pli, file_name_only="true", recursive="true")["files"] == 0


def test_allow_missing(pli, tmp_path):
    assert pli("ingest", "in", "out", *NOW).code == 1
    assert ingest(pli, allow_missing="true", format="csv")["batches"] == 0
    write(tmp_path / "in/a.csv", row(1))
    assert ingest(pli, allow_missing="true", format="csv")["files"] == 1


def test_half_written_parquet_waits(pli, tmp_path):
    write(tmp_path / "rows.csv", row(1))
    pli.ok("delta", "append", "table", "rows.csv")
    (whole,) = (tmp_path / "table").glob("*.parquet")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.parquet").write_bytes(whole.read_bytes())
    (tmp_path / "in/b.parquet").write_bytes(whole.read_bytes()[:-3])
    assert ingest(pli)["files"] == 1
    (tmp_path / "in/b.parquet").write_bytes(whole.read_bytes())
    assert ingest(pli)["files"] == 1


def test_discovery_full_sees_what_marks_do_not(pli, tmp_path, aged):
    """A folder whose times were set back looks unchanged."""
    past = time.time() - 1000
    os.utime(aged, (past, past))
    assert ingest(pli)["files"] == 3
    write(aged / "d.csv", row(4))
    assert ingest(pli, discovery="full")["files"] == 1
    write(aged / "e.csv", row(5))
    assert ingest(pli, full_scan_interval="0s")["files"] == 1


def test_types_and_samples(pli, tmp_path):
    write(
        tmp_path / "in/a.csv",
        "id,t\n" + "1,2024-01-01 10:00:00\n" * 20 + "x,2024-01-01 10:00:00\n",
    )
    ingest(pli, "text", infer_types="false")
    assert pli.read("text")[0] == {"id": "1", "t": "2024-01-01 10:00:00"}
    ingest(pli, "ntz", timestamp_type="ntz", sample_rows=100)
    kinds = json.dumps(pli.ok("delta", "detail", "ntz", "--json").json()["schema"])
    assert "timestamp_ntz" in kinds
    assert len(pli.read("ntz")) == 21
    ingest(pli, "short", sample_rows=5, sample_files=1)  # what the sample misses is looked for in a second pass
    assert {r["id"] for r in pli.read("short")} == {"1", "x"}


def test_a_changed_file_stops_the_batch_or_is_read_as_it_is(pli, tmp_path, aged):
    write(aged / "b.csv", "id\nbroken,row\n", 200)
    assert pli("ingest", "in", "out", *NOW).code == 1  # planned, and fails
    write(aged / "b.csv", row(5))
    r = pli.fails(1, "ingest", "in", "out", *NOW)
    assert "b.csv" in r.err and "changed" in r.err
    assert ingest(pli, on_changed_file="reread")["files"] == 3


def test_a_missing_file_stops_the_batch_or_is_skipped(pli, tmp_path, aged):
    write(aged / "b.csv", "id\nbroken,row\n", 200)
    assert pli("ingest", "in", "out", *NOW).code == 1
    (aged / "b.csv").unlink()
    r = pli.fails(5, "ingest", "in", "out", *NOW)
    assert "b.csv" in r.err and "on_missing_file" in r.err
    ingest(pli, on_missing_file="skip")
    assert len(pli.read("out")) == 2


def test_bad_files_are_tried_again_and_set_aside_where_it_is_said(pli, tmp_path, aged):
    write(aged / "b.csv", "id\nbroken,row\n", 200)
    values = {
        "on_bad_file": "quarantine",
        "quarantine_dir": str(tmp_path / "aside"),
        "bad_file_retries": 2,
    }
    ingest(pli, **values)
    assert [p.name for p in (tmp_path / "aside").iterdir()] == ["b.csv"] and len(pli.read("out")) == 2


@pytest.mark.parametrize(
    ("source", "option"),
    [
        ("delta", "clean_source=delete"),
        ("delta", "on_bad_file=skip"),
        ("delta", "on_missing_file=skip"),
        ("delta", "pattern=*.parquet"),
        ("files", "read_change_feed=true"),
        ("files", "fail_on_data_loss=false"),
    ],
)
def test_options_of_the_other_kind_of_source_are_refused(pli, tmp_path, aged, source, option):
    pli.ok("ingest", "in", "table", *NOW)
    path, kind = ("table", "delta") if source == "delta" else ("in", "csv")
    key, value = option.split("=")
    r = pli("ingest", path, "out", "--format", kind, "--set", f"source.{option}")
    assert r.code == 2 and key in r.err, r.err
    (tmp_path / "pli.yaml").write_text(
        f'version: 1\njobs:\n  j:\n    source: {{format: {kind}, path: {path}, {key}: "{value}"}}\n    sink: {{path: o}}\n'
    )
    r = pli("validate")
    assert r.code == 78 and key in r.out + r.err


# ---- triggers ----


def starts(tmp_path):
    """When batches were planned, in seconds."""
    records = (tmp_path / "out/_checkpoints").glob("*/offsets/*.json")
    return sorted(json.loads(p.read_text())["created_at"] for p in records)


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def background(pli, tmp_path):
    running = []

    def start(*args):
        running.append(
            subprocess.Popen(
                [pli.command, *args],
                cwd=tmp_path,
                env=pli.env,
                stderr=subprocess.DEVNULL,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_interval_waits_for_its_next_beat(pli, tmp_path, aged, background):
    (tmp_path / "pli.yaml").write_text(
        "version: 1\njobs:\n  j:\n    source: {path: in, settle_time: 0s}\n    sink: {path: out}\n"
    )
    commits = tmp_path / "out/_checkpoints/j/commits"

    def seconds_between_batches(interval):
        """Of three that have a new file each, which comes when the drain of the beat before is over."""
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        run = background("run", "--interval", f"{interval}s", "--max-batches", "3")
        for k in range(1, 3):
            wait_for(lambda k=k: commits.exists() and len(list(commits.glob("*.json"))) == k)
            time.sleep(interval / 4)
            write(aged / f"new{interval}-{k}.csv", row(k))
        assert run.wait(timeout=60) == 0
        first, second, third = starts(tmp_path)
        return min(second - first, third - second)

    # a machine that is busy elsewhere may delay the one start and not the other, but not by most of each of these
    assert any(seconds_between_batches(interval) > 0.8 * interval for interval in (1.5, 3, 6, 12))


def test_continuous_sees_a_new_file_at_once(pli, tmp_path, aged, background):
    (tmp_path / "pli.yaml").write_text(
        "version: 1\njobs:\n  j:\n    source: {path: in, settle_time: 0s}\n    sink: {path: out}\n"
    )
    run = background("run", "--continuous")
    wait_for(lambda: len(starts(tmp_path)) == 1)
    time.sleep(0.5)
    write(aged / "new.csv", row(9))
    wait_for(lambda: len(starts(tmp_path)) == 2)
    assert run.poll() is None
    run.terminate()
    assert run.wait(timeout=30) == 143


def test_until_idle_ends_a_run_that_would_go_on(pli, tmp_path, aged):
    (tmp_path / "pli.yaml").write_text(
        "version: 1\njobs:\n  j:\n    source: {path: in, settle_time: 0s}\n    sink: {path: out}\n"
    )
    pli.ok("run", "--interval", "100ms", "--until-idle", "2")
    assert len(starts(tmp_path)) == 1
