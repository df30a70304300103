"""Schema evolution as a user of the command sees it: what changes, what is kept beside the row, what stops a batch."""

import json

import pytest

JOB = {
    "source": {"format": "csv", "path": "in", "settle_time": "0s"},
    "sink": {"format": "delta", "path": "out", "merge_schema": True},
    "checkpoint": "cp",
}
RESCUE = {"mode": "add_new_columns", "rescue_mode": "column"}


def merged(base, changes):
    out = dict(base)
    for key, value in changes.items():
        out[key] = merged(out.get(key, {}), value) if isinstance(value, dict) else value
    return {key: value for key, value in out.items() if value is not None}


@pytest.fixture
def job(tmp_path):
    """Writes the job file: sections of the job are merged into a CSV to Delta job."""

    def write(**sections):
        spec = {"version": 1, "jobs": {"j": merged(JOB, sections)}}
        (tmp_path / "pli.yaml").write_text(json.dumps(spec))

    return write


@pytest.fixture
def put(tmp_path):
    """Adds a file to the source: a text, or a list of values as NDJSON."""

    def write(name, content):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        lines = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        path.write_text(lines)

    return write


# ---- counts of what was kept beside the rows ----


@pytest.mark.parametrize("sink", [{"format": "delta"}, {"format": "parquet", "merge_schema": None}])
def test_rescued_and_corrupt_rows_are_counted(pli, job, put, sink):
    job(schema={**RESCUE, "corrupt_records": "column"}, sink=sink)
    put("a.csv", "id,n\n1,5\n2,6\n")
    first = pli.ok("run", "--json").json()[0]
    assert (first["rows"], first["rescuedRows"], first["corruptRows"]) == (2, 0, 0)
    put("b.csv", "id,n\n3,x\n4,7\n5\n6,y\n7,1,2\n")
    done = pli.ok("run", "--json")
    row = done.json()[0]
    assert (row["rows"], row["rescuedRows"], row["corruptRows"]) == (5, 4, 2)
    assert "5 rows, 4 rescued, 2 corrupt" in done.err
    newest, oldest = pli.ok("batches", "j", "--json").json()
    assert [newest[k] for k in ("rescuedRows", "corruptRows")] == [4, 2]
    assert [oldest[k] for k in ("rescuedRows", "corruptRows")] == [0, 0]
    assert pli.ok("status", "--json").json()[0]["lastBatch"]["rescuedRows"] == 4


def test_counts_do_not_need_statistics_in_the_log(pli, job, put):
    columns = ",".join(f"c{i:02}" for i in range(40))
    values = ",".join("1" for _ in range(40))
    job(schema=RESCUE, sink={"properties": {"delta.dataSkippingNumIndexedCols": "2", "delta.columnMapping.mode": "name"}})
    put("a.csv", f"{columns}\n{values}\n{values}\n")
    pli.ok("run")
    put("b.csv", f"{columns}\n{values.replace('1', 'x', 1)}\n{values}\n")
    assert pli.ok("run", "--json").json()[0]["rescuedRows"] == 1


def test_what_the_transform_leaves_out_is_not_counted(pli, job, put):
    job(schema=RESCUE, transform={"sql": "SELECT id FROM input"})
    put("a.csv", "id,n\n1,5\n")
    pli.ok("run")
    put("b.csv", "id,n\n2,x\n")
    row = pli.ok("run", "--json").json()[0]
    assert (row["rows"], row["rescuedRows"]) == (1, 0)
