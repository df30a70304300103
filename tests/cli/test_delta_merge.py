"""`pli delta merge`: sources of every kind, the report, what is refused."""

import json

import pytest

UPSERT = ("--when", "MATCHED THEN UPDATE SET *", "--when", "NOT MATCHED THEN INSERT *")
ON = ("--on", "source.id = target.id")


@pytest.fixture
def table(pli):
    (pli.folder / "a.ndjson").write_text("".join(f'{{"id": {i}, "name": "n{i}"}}\n' for i in range(10)))
    pli.ok("delta", "create", "t", "--schema", "STRUCT(id BIGINT, name VARCHAR)")
    pli.ok("delta", "append", "t", "a.ndjson")
    return "t"


def rows(pli, table):
    got = pli.ok("delta", "read", table, "--format", "ndjson").rows()
    return {r["id"]: r["name"] for r in got}


def test_files_are_merged_and_the_report_counts(pli, table):
    (pli.folder / "c.csv").write_text("id,name,op\n3,x,u\n4,,d\n50,y,u\n")
    clauses = ("--when", "MATCHED AND source.op = 'd' THEN DELETE", *UPSERT)
    dry = pli.ok("delta", "merge", table, "c.csv", *ON, *clauses, "--dry-run", "--json").json()[0]
    assert not dry["committed"] and (dry["rowsUpdated"], dry["rowsDeleted"], dry["rowsInserted"]) == (1, 1, 1)
    report = pli.ok("delta", "merge", table, "c.csv", *ON, *clauses, "--json").json()[0]
    assert report["committed"] and report["version"] == 2 and report["sourceRows"] == 3
    assert (report["rowsUpdated"], report["rowsDeleted"], report["rowsInserted"], report["rowsCopied"]) == (1, 1, 1, 8)
    assert (report["filesTotal"], report["filesScanned"], report["filesSkipped"], report["filesRewritten"]) == (
        1,
        1,
        0,
        1,
    )
    assert rows(pli, table) == {**{i: f"n{i}" for i in range(10) if i != 4}, 3: "x", 50: "y"}
    metrics = pli.ok("delta", "history", table, "--limit", "1", "--json").json()[0]["metrics"]
    assert metrics["numTargetRowsInserted"] == "1" and metrics["numTargetRowsCopied"] == "8"


def test_the_source_may_be_a_table_or_a_glob(pli, table):
    for i in range(2):
        (pli.folder / f"p{i}.ndjson").write_text(json.dumps({"id": i, "name": f"new{i}"}) + "\n")
    pli.ok("delta", "merge", table, "p*.ndjson", *ON, *UPSERT)
    pli.ok("delta", "create", "u", "--schema", "STRUCT(id BIGINT, name VARCHAR)")
    pli.ok("delta", "merge", "u", table, *ON, *UPSERT)
    assert rows(pli, "u") == rows(pli, table) == {**{i: f"n{i}" for i in range(10)}, 0: "new0", 1: "new1"}
    pli.ok("delta", "merge", table, table, *ON, "--when", "MATCHED AND source.id > 3 THEN DELETE")
    assert set(rows(pli, table)) == {0, 1, 2, 3}


def test_new_columns_need_merge_schema(pli, table):
    (pli.folder / "c.ndjson").write_text('{"id": 1, "extra": 5}\n')
    r = pli.fails(4, "delta", "merge", table, "c.ndjson", *ON, *UPSERT)
    assert "no column 'name'" in r.err and "--merge-schema" in r.err
    pli.ok("delta", "merge", table, "c.ndjson", *ON, *UPSERT, "--merge-schema")
    got = pli.ok("delta", "read", table, "--where", "id < 3", "--format", "ndjson").rows()
    assert sorted((r["id"], r["name"], r["extra"]) for r in got) == [(0, "n0", None), (1, "n1", 5), (2, "n2", None)]


def test_the_way_of_writing_can_be_chosen(pli, table):
    (pli.folder / "c.csv").write_text("id\n3\n")
    delete = ("--when", "MATCHED THEN DELETE")
    pli.fails(4, "delta", "merge", table, "c.csv", *ON, *delete, "--write-mode", "deletion_vectors")
    pli.ok("delta", "set", table, "delta.enableDeletionVectors=true")
    report = pli.ok("delta", "merge", table, "c.csv", *ON, *delete, "--write-mode", "deletion_vectors", "--json").json()
    assert (report[0]["deletionVectorsAdded"], report[0]["filesRewritten"]) == (1, 0)
    (pli.folder / "c.csv").write_text("id\n5\n")
    report = pli.ok("delta", "merge", table, "c.csv", *ON, *delete, "--write-mode", "copy_on_write", "--json").json()
    assert (report[0]["deletionVectorsAdded"], report[0]["filesRewritten"]) == (0, 1)
    assert set(rows(pli, table)) == set(range(10)) - {3, 5}


def test_wrong_command_lines_say_what_is_expected(pli, table):
    (pli.folder / "c.csv").write_text("id,name\n3,x\n3,y\n")
    assert "'--on' is needed" in pli.fails(2, "delta", "merge", table, "c.csv", *UPSERT).err
    assert "'--when' is needed" in pli.fails(2, "delta", "merge", table, "c.csv", *ON).err
    assert "copy_on_write" in pli.fails(2, "delta", "merge", table, "c.csv", *ON, *UPSERT, "--write-mode", "x").err
    r = pli.fails(1, "delta", "merge", table, "c.csv", *ON, "--when", "MATCHED THEN UPDATE name = source.name")
    assert "expected SET at character 21, not 'name'" in r.err and "hint: such as" in r.err
    r = pli.fails(2, "delta", "merge", table, "c.csv", *ON, "--when", "MATCHED THEN UPDATE SET nam = source.name")
    assert "did you mean 'name'?" in r.err
    assert "more than one row of the source" in pli.fails(1, "delta", "merge", table, "c.csv", *ON, *UPSERT).err
    pli.fails(1, "delta", "merge", table, "nothing.csv", *ON, *UPSERT)
    assert pli.ok("delta", "detail", table, "--json").json()["version"] == 1
