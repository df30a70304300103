"""`clean_source`: inputs leave only after their batch is durable, each once, also to another file system and over kills."""

import os
import tempfile
from pathlib import Path

import pytest

NOW = ("--set", "source.settle_time=0s")


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def ingest(pli, *extra, **kwargs):
    return pli.ok("ingest", "in", "out", *NOW, "--json", *extra, **kwargs).json()[0]


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.fixture
def src(tmp_path):
    for name in ("a", "b", "c"):
        write(tmp_path / "in" / f"{name}.csv", f"id\n{ord(name)}\n")
    return tmp_path / "in"


@pytest.fixture
def elsewhere(tmp_path):
    """A folder on another file system than the tests'."""
    try:
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
    except OSError:
        pytest.skip("there is no second file system")
    with folder as name:
        if os.stat(name).st_dev == os.stat(tmp_path).st_dev:
            pytest.skip("there is no second file system")
        yield Path(name) / "archive"


def test_delete(pli, src):
    assert ingest(pli, "--set", "source.clean_source=delete")["files"] == 3
    assert names(src) == []
    write(src / "a.csv", "id\n1\n")  # a cleaned name may come again
    assert ingest(pli, "--set", "source.clean_source=delete")["files"] == 1


def test_archive_below_the_source(pli, src):
    write(src / "sub" / "a.csv", "id\n1\n")
    options = ("--set", "source.clean_source=archive", "--set", "source.recursive=true")
    assert ingest(pli, *options)["files"] == 4
    assert names(src) == [
        "_archive/a.csv",
        "_archive/a_1.csv",
        "_archive/b.csv",
        "_archive/c.csv",
    ]
    assert ingest(pli, *options)["files"] == 0


def test_files_stay_for_the_time_that_is_asked_for(pli, src):
    options = ("--set", "source.clean_source=delete", "--set", "source.clean_after=1h")
    ingest(pli, *options)
    assert names(src) == ["a.csv", "b.csv", "c.csv"]
    write(src / "d.csv", "id\n4\n")
    assert ingest(pli, *options)["files"] == 1
    assert names(src) == ["a.csv", "b.csv", "c.csv", "d.csv"]


def test_a_file_that_was_written_again_is_read_again_before_it_goes(pli, src):
    assert ingest(pli, "--set", "source.clean_source=delete", "--set", "source.clean_after=1h")["files"] == 3
    write(src / "a.csv", "id\n1\n2\n")
    assert ingest(pli, "--set", "source.clean_source=delete")["files"] == 1
    assert names(src) == [] and len(pli.read("out")) == 5


def test_the_archive_may_not_be_the_source(pli, src):
    r = pli(
        "ingest",
        "in",
        "out",
        "--set",
        "source.clean_source=archive",
        "--set",
        "source.archive_dir=in",
    )
    assert r.code == 2 and "archive folder" in r.err


def test_archive_on_another_file_system(pli, src, elsewhere):
    before = {p.name: (p.stat().st_mtime_ns, p.stat().st_mode, p.read_text()) for p in src.iterdir()}
    elsewhere.mkdir()
    write(elsewhere / "b.csv", "somebody's")
    assert (
        ingest(
            pli,
            "--set",
            "source.clean_source=archive",
            "--set",
            f"source.archive_dir={elsewhere}",
        )["files"]
        == 3
    )
    assert names(src) == [] and names(elsewhere) == [
        "a.csv",
        "b.csv",
        "b_1.csv",
        "c.csv",
    ]
    assert (elsewhere / "b.csv").read_text() == "somebody's"
    for name, moved in (("a.csv", "a.csv"), ("b.csv", "b_1.csv"), ("c.csv", "c.csv")):
        p = elsewhere / moved
        assert (p.stat().st_mtime_ns, p.stat().st_mode, p.read_text()) == before[name]


def test_kills_while_archiving_to_another_file_system_lose_and_double_nothing(pli, iofault, src, elsewhere, tmp_path):
    """A kill at every call that changes the archive, before and after it."""
    options = (
        "--set",
        "source.clean_source=archive",
        "--set",
        f"source.archive_dir={elsewhere}",
    )

    def trial(k, what, root):
        elsewhere.mkdir(exist_ok=True)
        write(src / "x.csv", f"id\n{k}\n")
        fault = iofault(root, at=k, do=what, only=elsewhere)
        done = pli("ingest", "in", "out", *NOW, *options, env=fault)
        write(src / f"y{k}.csv", "id\n0\n")  # a batch, after which clean-up is finished
        ingest(pli, *options)
        found = [p for p in [*src.rglob("*.csv"), *elsewhere.rglob("*")] if p.is_file()]
        assert [p.read_text() for p in found if p.name.startswith("x")] == [f"id\n{k}\n"], (k, what, found)
        assert not [p for p in found if p.name.startswith(".")], (k, what, found)
        for p in found:
            p.unlink()
        return done.code == -9

    ingest(pli, *options)
    for p in elsewhere.iterdir():
        p.unlink()
    for what in ("kill", "kill_after"):
        struck = 0
        while trial(struck + 1, what, elsewhere):
            struck += 1
        assert struck >= 5, struck


def test_links_go_and_their_targets_stay(pli, src, tmp_path):
    target = write(tmp_path / "kept" / "t.csv", "id\n9\n")
    (src / "l.csv").symlink_to(target)
    assert ingest(pli, "--set", "source.clean_source=delete")["files"] == 4
    assert names(src) == [] and not (src / "l.csv").is_symlink() and target.exists()
    assert os.listdir(src) == []
