"""What a command reported as done is there after the power was cut, and the next run goes on from whatever the disk shows.

A scenario is a series of commands on one folder, recorded call by call (iorecord.h). For points between the calls, powerloss.py
says what the disk may show; there the table must be as before or after the command that was running (after it, once that had
ended), the commands are run from there to the end, and the rows must be those of an undisturbed series. Sources are outside of the
folder: they are durable.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import powerloss

NOW = ("--set", "source.settle_time=0s")
PLI = str(Path(os.environ.get("PLI") or "build/release/bin/pli").resolve())
LIBRARY = Path(os.environ.get("PLI_IOFAULT") or Path(PLI).parents[1] / "tests" / "iofault.so")
# Each point costs three runs of the command or more: a stride, so that all scenarios end within a minute. 1: all points.
STRIDE = int(os.environ.get("PLI_POWER_STRIDE", "17"))
SEEDS = int(os.environ.get("PLI_POWER_SEEDS", "2"))
KILL_STRIDE = int(os.environ.get("PLI_POWER_STRIDE", "5"))


class Step:
    def __init__(self, *args, rows=None):
        self.args = [str(a) for a in args]
        self.rows = rows  # of the table after it; None: as before


class Scenario:
    def __init__(self, folder, steps, table="root/t", again=True, checkpoint=None):
        self.folder = folder
        self.steps = steps
        self.table = table
        self.again = again  # the commands can be repeated; otherwise only the table is looked at and appended to
        self.checkpoint = checkpoint
        (folder / "root").mkdir()
        self.record = folder / "record"
        self.points = self.shown = 0
        rows = []
        for step in steps:
            step.rows = rows = rows if step.rows is None else sorted(step.rows)

    def pli(self, *args, env=None):
        base = {k: v for k, v in os.environ.items() if not k.startswith("PLI_") or k == "PLI_ENGINE_PATH"}
        return subprocess.run(
            [PLI, *args],
            cwd=self.folder,
            env={**base, "TZ": "UTC", **(env or {})},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def ok(self, what, *args, env=None):
        done = self.pli(*args, env=env)
        assert done.returncode == 0, (
            f"{what}: pli {' '.join(args)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def rows(self, what):
        """Sorted tuples; of a table that is not there: none."""
        done = self.pli("delta", "read", self.table, "--format", "ndjson")
        if done.returncode != 0 and "holds no commit" in done.stderr:
            return []
        assert done.returncode == 0, f"{what}: the table cannot be read: {done.stderr}"
        return sorted(tuple(json.loads(line).values()) for line in done.stdout.splitlines())

    def checkpoints(self):
        if self.checkpoint:
            return [self.checkpoint]
        return sorted(str(p) for p in self.folder.glob("root/**/_checkpoints/*") if p.is_dir())

    def recorder(self, **more):
        env = {"LD_PRELOAD": str(LIBRARY), "IOFAULT_ROOT": str(self.folder / "root")}
        return {**env, "IOFAULT_RECORD": str(self.record), **more}

    def play(self):
        """Runs all steps; returns after how many calls each ended."""
        env = self.recorder()
        ends = []
        for step in self.steps:
            self.ok("recording", *step.args, env=env)
            assert self.rows("recording") == step.rows
            ends.append(len(powerloss.read_record(self.record)))
        return ends

    def check(self, what, at, ended):
        """at: the step that was running; ended: it had reported that it is done."""
        have = self.rows(what)
        before = self.steps[at - 1].rows if at > 0 else []
        allowed = [self.steps[at].rows] if ended else [before, self.steps[at].rows]
        assert have in allowed, f"{what}: the table holds {have}, not {allowed}"
        if not self.again:
            self.ok(what, "delta", "append", self.table, "in/probe.csv")
            probe = tuple((self.folder / "in/probe.csv").read_text().split("\n")[1].split(","))
            assert self.rows(what) == sorted([*have, (int(probe[0]), *probe[1:])]), what
            return
        for step in self.steps[at + ended :]:
            self.ok(what, *step.args)
        assert self.rows(what) == self.steps[-1].rows, f"{what}: rows after the next run"
        for checkpoint in self.checkpoints():
            self.ok(what, "checkpoint", "verify", checkpoint)

    def cut(self, at_least):
        """Cuts the power at every STRIDE-th call and at the end of each command."""
        ends = self.play()
        calls = powerloss.read_record(self.record)
        disk = powerloss.Disk(self.folder / "root")
        seen = set()
        for n, call in enumerate(calls, 1):
            disk.apply(call)
            if n % STRIDE and n not in ends:
                continue
            self.points += 1
            step = next(i for i, end in enumerate(ends) if n <= end)
            for form in disk.forms(SEEDS):
                shown = disk.show(form, n)
                key = (powerloss.digest(shown), step, n == ends[step])
                if key in seen:
                    continue
                seen.add(key)
                powerloss.build(self.folder / "root", shown)
                what = f"power cut after call {n} of {len(calls)} ({call.name} {call.path}), form {form}, step {step}"
                self.check(what, step, n == ends[step])
        print(f"{self.points} points of {len(calls)} calls, {len(seen)} different disks")
        assert self.points >= at_least

    def cut_after_kill(self, stride, at_least):
        """The process is killed at a call, the command is run again; the power is cut when that has ended."""
        assert len(self.steps) == 1
        args, root, at = self.steps[0].args, self.folder / "root", 1
        while True:
            powerloss.build(root, {})
            self.record.unlink(missing_ok=True)
            disk = powerloss.Disk(root)
            killed = self.pli(*args, env=self.recorder(IOFAULT_AT=str(at), IOFAULT_DO="kill"))
            if killed.returncode == 0:
                break
            what = f"killed at call {at}, run again, power cut at the end"
            self.ok(what, *args, env=self.recorder())
            for call in powerloss.read_record(self.record):
                disk.apply(call)
            powerloss.build(root, disk.show("least"))
            self.check(what, 0, True)
            self.ok(what, *args)
            assert self.rows(what) == self.steps[0].rows, f"{what}: rows after another run"
            self.points += 1
            at += stride
        print(f"killed at {self.points} calls")
        assert self.points >= at_least


@pytest.fixture
def scenario(tmp_path):
    if not LIBRARY.exists():
        pytest.skip("the fault library is not built")

    def make(steps, **kwargs):
        return Scenario(tmp_path, steps, **kwargs)

    (tmp_path / "in").mkdir()
    write(tmp_path, "probe", "id,v", "99,z")
    return make


def write(tmp_path, name, *lines):
    folder = tmp_path / "in" / name
    path = folder.with_suffix(".csv")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines))
    past = time.time() - 3600
    os.utime(path, (past, past))


def three_files(tmp_path):
    for n in (1, 2, 3):
        write(tmp_path, f"new/{n}", "id,v", f"{n * 2},a{n}", f"{n * 2 + 1},b{n}")
    return [(2, "a1"), (3, "b1"), (4, "a2"), (5, "b2"), (6, "a3"), (7, "b3")]


def ingest(*more):
    return ["ingest", "in/new", "root/t", *NOW, "--max-files", "1", "--once", *more]


def test_batches_and_a_delta_checkpoint(scenario, tmp_path):
    rows = three_files(tmp_path)
    args = ingest("--property", "delta.checkpointInterval=2")
    scenario([Step(*args, rows=rows[: 2 * n]) for n in (1, 2, 3)]).cut(at_least=12)


def test_partitioned_batches(scenario, tmp_path):
    rows = three_files(tmp_path)
    args = ingest("--partition-by", "v")
    scenario([Step(*args, rows=rows[: 2 * n]) for n in (1, 2)] + [Step(*args, rows=rows)]).cut(at_least=12)


def test_merge_batches(scenario, tmp_path):
    write(tmp_path, "new/1", "id,v", "1,a", "2,b")
    write(tmp_path, "new/2", "id,v", "2,B", "3,c")
    args = ingest("--mode", "merge", "--keys", "id")
    steps = [Step(*args, rows=[(1, "a"), (2, "b")]), Step(*args, rows=[(1, "a"), (2, "B"), (3, "c")])]
    scenario(steps).cut(at_least=12)


def test_cleanup_of_records(scenario, tmp_path):
    rows = three_files(tmp_path)
    steps = [Step(*ingest(), rows=rows[:2]), Step(*ingest(), rows=rows[:4])]
    steps += [Step("checkpoint", "cleanup", "root/c", "--keep-last", "1", "--yes"), Step(*ingest(), rows=rows)]
    for step in steps:
        if step.args[0] == "ingest":
            step.args += ["--checkpoint", "root/c"]
    scenario(steps, checkpoint="root/c").cut(at_least=12)


def test_restored_table_and_truncated_checkpoint(scenario, tmp_path):
    rows = three_files(tmp_path)
    (tmp_path / "in/new/3.csv").unlink()
    args = ingest("--checkpoint", "root/c")
    steps = [Step(*args, rows=rows[:2]), Step(*args, rows=rows[:4])]
    steps += [Step("delta", "restore", "root/t", "--version", "0", rows=rows[:2])]
    steps += [Step("checkpoint", "truncate", "root/c", "--keep-through", "0", "--yes"), Step(*args, rows=rows[:4])]
    scenario(steps, checkpoint="root/c").cut(at_least=12)


def test_commands_on_tables(scenario, tmp_path):
    write(tmp_path, "1", "id,v", "1,a", "2,b")
    write(tmp_path, "2", "id,v", "2,B", "3,c")
    merge = ["--on", "source.id = target.id", "--when", "MATCHED THEN UPDATE SET *"]
    merge += ["--when", "NOT MATCHED THEN INSERT *"]
    steps = [
        Step("delta", "append", "root/t", "in/1.csv", rows=[(1, "a"), (2, "b")]),
        Step("delta", "merge", "root/t", "in/2.csv", *merge, rows=[(1, "a"), (2, "B"), (3, "c")]),
        Step("delta", "append", "root/t", "in/1.csv", rows=[(1, "a"), (1, "a"), (2, "B"), (2, "b"), (3, "c")]),
        Step("delta", "optimize", "root/t"),
        Step("delta", "checkpoint", "root/t"),
        Step("delta", "delete", "root/t", "--where", "id = 1", rows=[(2, "B"), (2, "b"), (3, "c")]),
        Step("delta", "compact-log", "root/t"),
        Step("delta", "set", "root/t", "delta.appendOnly=false"),
    ]
    scenario(steps, again=False).cut(at_least=12)


def test_killed_repeated_and_then_cut(scenario, tmp_path):
    """What the killed process did last need not be durable, though the next one sees it."""
    write(tmp_path, "new/1", "id,v", "1,a", "2,b")
    scenario([Step(*ingest("--partition-by", "v"), rows=[(1, "a"), (2, "b")])]).cut_after_kill(KILL_STRIDE, 12)


def test_killed_merge_repeated_and_then_cut(scenario, tmp_path):
    write(tmp_path, "new/1", "id,v", "1,a", "2,b")
    args = ingest("--mode", "merge", "--keys", "id")
    scenario([Step(*args, rows=[(1, "a"), (2, "b")])]).cut_after_kill(KILL_STRIDE, 12)


def test_relaxed_gives_known_rows_or_a_named_error(scenario, tmp_path):
    """No more is promised: the newest batches may be lost or unreadable, and the checkpoint too."""
    write(tmp_path, "new/1", "id,v", "1,a", "2,b")
    write(tmp_path, "new/2", "id,v", "3,c")
    args = ingest("--durability", "relaxed")
    s = scenario([Step(*args, rows=[(1, "a"), (2, "b")]), Step(*args, rows=[(1, "a"), (2, "b"), (3, "c")])])
    ends, calls = s.play(), powerloss.read_record(s.record)
    disk = powerloss.Disk(s.folder / "root")
    stopped = 0
    for n, call in enumerate(calls, 1):
        disk.apply(call)
        if n % STRIDE and n not in ends:
            continue
        for form in disk.forms(SEEDS):
            powerloss.build(s.folder / "root", disk.show(form, n))
            what = f"power cut after call {n}, form {form}"
            done = s.pli(*args)
            if done.returncode == 0:
                done = s.pli("delta", "read", "root/t", "--format", "ndjson")
            if done.returncode != 0:
                assert done.returncode > 0 and "pli: error: " in done.stderr, f"{what}: {done.stderr}"
                stopped += 1
                continue
            rows = {tuple(json.loads(line).values()) for line in done.stdout.splitlines()}
            assert rows <= set(s.steps[-1].rows), f"{what}: {rows}"
    print(f"{stopped} runs stopped")
