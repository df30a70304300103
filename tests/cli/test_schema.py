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
    job(
        schema=RESCUE,
        sink={"properties": {"delta.dataSkippingNumIndexedCols": "2", "delta.columnMapping.mode": "name"}},
    )
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


# ---- a rescued field becomes a column ----

STRICT = {"schema": {"mode": "strict", "rescue_mode": "column"}, "source": {"format": "ndjson"}}


def rows_by_id(pli, table="out"):
    return {row.pop("id"): {k: v for k, v in row.items() if v is not None} for row in pli.read(table)}


def files_of(pli):
    return {row["path"] for row in pli.ok("delta", "files", "out", "--format", "ndjson").rows()}


@pytest.fixture
def rescued(pli, job, put):
    """Four files in the table; the third and the fourth hold rescued fields n (5, "u", 7.0) and a.zip ("A-10", "17")."""

    def make(**sections):
        job(**merged(STRICT, sections))
        put("0.ndjson", [{"id": 1, "a": {"x": 1}}])
        pli.ok("run")
        put("1.ndjson", [{"id": 2, "a": {"x": 1}}])
        pli.ok("run")
        put("2.ndjson", [{"id": 3, "a": {"x": 1, "zip": "A-10"}, "n": 5}, {"id": 4, "a": {"x": 2}, "n": "u"}])
        pli.ok("run")
        put("3.ndjson", [{"id": 5, "a": {"x": 1, "zip": "17"}, "n": 7.0}])
        pli.ok("run")

    return make


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"delta.enableDeletionVectors": "true"},
        {"delta.columnMapping.mode": "name"},
        {"delta.enableChangeDataFeed": "true"},
        {"delta.enableRowTracking": "true", "delta.columnMapping.mode": "id"},
    ],
    ids=lambda p: next(iter(p), "plain"),
)
def test_promoting_fills_earlier_rows_in_one_commit_and_keeps_what_does_not_fit(pli, rescued, properties):
    rescued(sink={"properties": properties} if properties else {})
    before, old = files_of(pli), rows_by_id(pli)
    dry = pli.ok("schema", "promote", "j", "n", "--type", "BIGINT", "--dry-run", "--json").json()[0]
    assert (dry["rowsWithField"], dry["rowsFilled"], dry["rowsKept"], dry["version"]) == (3, 2, 1, None)
    assert rows_by_id(pli) == old
    assert len(pli.ok("schema", "history", "j", "--json").json()) == 1
    done = pli.ok("schema", "promote", "j", "n", "--type", "BIGINT", "--json").json()[0]
    assert (done["rowsFilled"], done["rowsKept"], done["filesRewritten"], done["version"]) == (2, 1, 2, 4)
    assert (done["column"], done["type"], done["schemaVersion"]) == ("n", "BIGINT", 1)
    rows = rows_by_id(pli)
    assert (rows[3]["n"], rows[5]["n"]) == (5, 7)
    assert "n" not in rows[4] and json.loads(rows[4]["_rescued_data"])["n"] == "u"
    assert "n" not in json.loads(rows[3]["_rescued_data"])
    assert (rows[1], rows[2]) == (old[1], old[2])
    assert len(files_of(pli) & before) >= 2  # files without the field are as they were
    newest = pli.ok("delta", "history", "out", "--limit", "1", "--json").json()[0]
    assert newest["operation"] == "PROMOTE"
    assert newest["parameters"] == {"path": "n", "column": "n", "type": "BIGINT", "job": "j"}
    version = pli.ok("schema", "history", "j", "--json").json()[-1]
    assert version["reason"] == "promoted"
    assert version["columns"][-1] == {"name": "n", "type": "BIGINT", "from": "n"}
    if "delta.enableChangeDataFeed" in properties:
        changes = pli.ok("delta", "changes", "out", "--from-version", "4", "--format", "ndjson").rows()
        kinds = sorted((c["_change_type"], c["id"], c["n"]) for c in changes)
        assert kinds == [
            ("update_postimage", 3, 5),
            ("update_postimage", 5, 7),
            ("update_preimage", 3, None),
            ("update_preimage", 5, None),
        ]


def test_a_nested_field_becomes_a_column_that_next_batches_write(pli, rescued, put):
    rescued()
    done = pli.ok("schema", "promote", "j", "a.zip", "--json").json()[0]
    assert (done["column"], done["type"], done["rowsFilled"]) == ("zip", "VARCHAR", 2)
    put(
        "4.ndjson",
        [{"id": 6, "a": {"x": 1, "zip": "99"}}, {"id": 7, "a": {"x": 1}}, {"id": 8, "a": {"zip": 1, "q": 2}}],
    )
    assert pli.ok("run", "--json").json()[0]["rescuedRows"] == 1
    rows = rows_by_id(pli)
    assert [rows[i].get("zip") for i in range(1, 9)] == [None, None, "A-10", None, "17", "99", None, "1"]
    assert "_rescued_data" not in rows[6]
    assert json.loads(rows[8]["_rescued_data"])["a"] == {"q": 2}
    assert pli.ok("schema", "show", "j", "--json").json()[-1] == {"name": "zip", "type": "VARCHAR", "from": "a.zip"}
    pli.ok("checkpoint", "verify", "cp")


def test_the_type_is_the_narrowest_that_takes_every_value(pli, rescued, put):
    rescued()
    assert pli.ok("schema", "promote", "j", "n", "--dry-run", "--json").json()[0]["type"] == "VARCHAR"
    put("4.ndjson", [{"id": 6, "a": {"x": 1}, "d": "2024-02-29", "f": 1.5, "b": True, "o": {"k": [1, 2]}}])
    pli.ok("run")
    types = {p: pli.ok("schema", "promote", "j", p, "--dry-run", "--json").json()[0]["type"] for p in "dfbo"}
    assert types == {"d": "DATE", "f": "DOUBLE", "b": "BOOLEAN", "o": "VARCHAR"}
    pli.ok("schema", "promote", "j", "o")
    assert json.loads(rows_by_id(pli)[6]["o"]) == {"k": [1, 2]}


def test_values_that_do_not_fit_their_column_can_go_to_another_one(pli, job, put):
    job(schema={"mode": "add_new_columns", "rescue_mode": "column"})
    put("0.csv", "id,Amount\n1,5\n")
    pli.ok("run")
    put("1.csv", 'id,AMOUNT\n2,"12,50"\n3,7\n')
    pli.ok("run")
    pli.fails(1, "schema", "promote", "j", "amount")  # the column is there: --as
    pli.ok("schema", "promote", "j", "amount", "--as", "amount_text")
    put("2.csv", 'id,amount\n4,"1,5"\n5,6\n')
    pli.ok("run")
    rows = rows_by_id(pli)
    assert [rows[i] for i in range(1, 6)] == [
        {"Amount": 5},
        {"amount_text": "12,50"},
        {"Amount": 7},
        {"amount_text": "1,5"},
        {"Amount": 6},
    ]


def test_a_repeat_of_a_promotion_moves_what_is_left_and_no_more(pli, rescued):
    rescued()
    first = pli.ok("schema", "promote", "j", "n", "--type", "BIGINT", "--json").json()[0]
    again = pli.ok("schema", "promote", "j", "n", "--json").json()[0]
    assert (again["rowsFilled"], again["version"]) == (0, first["version"])
    assert len(pli.ok("schema", "history", "j", "--json").json()) == 2
    pli.fails(1, "schema", "promote", "j", "n", "--type", "VARCHAR")


def error_code(result):
    return json.loads(result.out)["error"]["code"]


@pytest.mark.parametrize(
    "args, exit_code, code",
    [
        (("nowhere",), 1, "NOT_FOUND"),
        (("a..b",), 2, "INVALID_ARGUMENT"),
        (("n", "--as", "id"), 1, "ALREADY_EXISTS"),
        (("n", "--as", "_rescued_data"), 1, "ALREADY_EXISTS"),
        (("n", "--type", "FOO"), 2, "INVALID_ARGUMENT"),
        (("n", "--type", "INTEGER[]"), 2, "INVALID_ARGUMENT"),
        (("n", "--type", "TIME"), 2, "INVALID_ARGUMENT"),
    ],
)
def test_promotions_that_cannot_be(pli, rescued, args, exit_code, code):
    rescued()
    assert error_code(pli.fails(exit_code, "schema", "promote", "j", *args, "--json")) == code
    assert pli.ok("delta", "history", "out", "--limit", "1", "--json").json()[0]["version"] == 3


def test_jobs_that_have_nothing_to_promote(pli, job, put):
    put("0.csv", "id\n1\n")
    job()
    assert error_code(pli.fails(78, "schema", "promote", "j", "n", "--json")) == "INVALID_CONFIG"
    job(schema=RESCUE, sink={"format": "parquet", "merge_schema": None})
    assert error_code(pli.fails(78, "schema", "promote", "j", "n", "--json")) == "INVALID_CONFIG"
    job(schema=RESCUE)
    assert error_code(pli.fails(1, "schema", "promote", "j", "n", "--json")) == "NOT_FOUND"
    job(schema=RESCUE, transform={"sql": "SELECT id FROM input"})
    pli.ok("run")
    assert error_code(pli.fails(1, "schema", "promote", "j", "n", "--json")) == "NOT_FOUND"


def test_a_run_and_a_promotion_exclude_each_other(pli, rescued, tmp_path):
    import fcntl

    rescued()
    with open(tmp_path / "cp" / ".lock", "w") as lock:
        # the lock is one of open file descriptions (F_OFD_SETLK), as the runs take it
        fcntl.fcntl(lock, 37, __import__("struct").pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        assert error_code(pli.fails(6, "schema", "promote", "j", "n", "--json")) == "LOCKED"
        pli.ok("schema", "promote", "j", "n", "--dry-run")


# ---- shapes of files ----


def test_csv_columns_may_come_in_any_order_be_missing_and_differ_in_case(pli, job, put):
    job(schema={"mode": "add_new_columns"})
    put("0.csv", "id,name,amount\n1,a,5\n")
    pli.ok("run")
    put("1.csv", "AMOUNT,id,Name\n6,2,b\n")
    put("2.csv", "id\n3\n")
    pli.ok("run")
    assert rows_by_id(pli) == {1: {"name": "a", "amount": 5}, 2: {"name": "b", "amount": 6}, 3: {}}
    assert len(pli.ok("schema", "history", "j", "--json").json()) == 1
    put("3.csv", "id,name,NAME\n4,c,d\n")
    error = json.loads(pli.fails(4, "run", "--json").out)["error"]
    assert error["code"] == "SCHEMA_MISMATCH"
    assert all(word in error["message"] for word in ("'name'", "'NAME'", "3.csv"))
    job(schema={"mode": "add_new_columns", "case_sensitive": True})
    assert error_code(pli.fails(4, "run", "--json")) == "SCHEMA_MISMATCH"  # the table does not tell them apart


def test_csv_columns_of_one_name_are_told_apart_by_a_number(pli, job, put):
    job(schema={"mode": "add_new_columns"})
    put("0.csv", "id,name,name\n1,a,b\n")
    pli.ok("run")
    put("1.csv", "id,name\n2,c\n")
    put("2.csv", "id,name,name,name\n3,d,e,f\n")
    pli.ok("run")
    assert rows_by_id(pli) == {
        1: {"name": "a", "name_1": "b"},
        2: {"name": "c"},
        3: {"name": "d", "name_1": "e", "name_2": "f"},
    }


@pytest.mark.parametrize(
    "rows, column, types, fix",
    [
        ([{"id": 2, "n": "x"}], "'n'", ("BIGINT",), {"mode": "coerce"}),
        ([{"id": 2, "n": 1.5}], "'n'", ("BIGINT",), {"rescue_mode": "column"}),
        ([{"id": 2, "n": 1, "new": True}], "'new'", ("BOOLEAN",), {"mode": "add_new_columns"}),
        ([{"id": 2}], "'n'", ("BIGINT",), {"mode": "add_new_columns"}),
    ],
    ids=["text for a number", "fraction for an integer", "new column", "missing column"],
)
def test_what_the_mode_forbids_stops_before_anything_is_written_and_goes_on_after_a_fix(
    pli, job, put, rows, column, types, fix
):
    ndjson = {"source": {"format": "ndjson"}}
    job(schema={"mode": "strict"}, **ndjson)
    put("0.ndjson", [{"id": 1, "n": 5}])
    pli.ok("run")
    put("1.ndjson", rows)
    error = json.loads(pli.fails(4, "run", "--json").out)["error"]
    assert error["code"] == "SCHEMA_MISMATCH" and error["hint"]
    assert all(word in error["message"] for word in (column, "1.ndjson", *types)), error["message"]
    assert pli.read("out") == [{"id": 1, "n": 5}]
    put("2.ndjson", [{"id": 3, "n": 7}])
    job(schema={"mode": "strict", **fix}, **ndjson)
    pli.ok("run")
    batches = {b["batchId"]: b["numFiles"] for b in pli.ok("batches", "j", "--json").json()}
    assert batches == {0: 1, 1: 1, 2: 1}  # the same batch first, then what came meanwhile
    assert set(rows_by_id(pli)) == {1, 2, 3}


def test_plan_and_diff_say_beforehand_what_waiting_files_change(pli, job, put):
    job(source={"format": "ndjson"})
    put("0.ndjson", [{"id": 1, "l": [{"a": 1}]}])
    pli.ok("run")
    put("1.ndjson", [{"id": 2, "l": [{"a": 1, "b": "x"}], "n": 5}])
    changes = {c["column"]: c for c in pli.ok("plan", "--json").json()[0]["schemaChanges"]}
    assert (changes["n"]["decision"], changes["n"]["to"], changes["n"]["file"][-8:]) == ("add", "BIGINT", "1.ndjson")
    assert (
        changes["l.element.b"]["decision"] == "add" if "l.element.b" in changes else changes["l"]["decision"] == "widen"
    )
    assert pli.ok("schema", "diff", "j", "--json").json() == pli.ok("plan", "--json").json()[0]["schemaChanges"]
    assert len(pli.ok("schema", "history", "j", "--json").json()) == 1  # looking changes nothing
    pli.ok("run")
    assert [v["reason"] for v in pli.ok("schema", "history", "j", "--json").json()] == [
        "first batch",
        "schema evolution",
    ]
    assert rows_by_id(pli)[2] == {"l": [{"a": 1, "b": "x"}], "n": 5}


def test_nested_changes_of_ndjson(pli, job, put):
    job(schema={"mode": "coerce", "rescue_mode": "column"}, source={"format": "ndjson"})
    put("0.ndjson", [{"id": 1, "l": [{"a": 1}], "s": {"q": 1}, "n": 1, "later": None}])
    pli.ok("run")
    assert "later" not in json.dumps(pli.ok("delta", "detail", "out", "--json").json()["schema"])
    put("1.ndjson", [{"id": 2, "l": [{"a": 2, "b": "x"}], "s": "text", "n": 1.5, "later": "2024-01-01"}])
    pli.ok("run")
    rows = rows_by_id(pli)
    assert rows[1] == {"l": [{"a": 1, "b": None}], "s": {"q": 1}, "n": 1}
    rescued = json.loads(rows[2].pop("_rescued_data"))
    assert rows[2] == {"l": [{"a": 2, "b": "x"}], "later": "2024-01-01"}
    assert (rescued["s"], rescued["n"]) == ("text", 1.5)


def test_what_stands_beside_empty_lists_that_have_no_column_is_kept(pli, job, put):
    """A column that had empty lists only has no type, and is not in the table: of later files nothing of it fits, not even `[]`."""
    job(source={"format": "ndjson"}, schema=RESCUE)
    put("a.ndjson", [{"id": 1, "e": [], "s": {"x": 1, "e": [None]}}])
    pli.ok("run")
    put("b.ndjson", [{"id": 2, "e": [None], "s": {"x": 2, "e": []}}, {"id": 3, "e": "t", "s": {"x": 3, "e": "t"}}])
    pli.ok("run")
    kept = {r["id"]: json.loads(r["_rescued_data"]) for r in pli.read("out")}
    assert [(kept[i]["e"], kept[i]["s"]["e"]) for i in (1, 2, 3)] == [([], [None]), ([None], []), ("t", "t")]


def parquet(tmp_path, name, rows, schema):
    pl = pytest.importorskip("polars")
    (tmp_path / "in").mkdir(exist_ok=True)
    types = {key: getattr(pl, dtype) for key, dtype in schema.items()}
    pl.DataFrame(rows, schema=types, orient="row").write_parquet(tmp_path / "in" / name)


def test_digits_for_a_text_column_of_the_table_ask_for_its_type_which_then_reads_them_as_written(pli, job, put):
    pli.ok("delta", "create", "out", "--schema", "STRUCT(id BIGINT, code VARCHAR)")
    put("a.csv", "id,code\n1,7.50\n")
    job()
    failed = pli("run")
    assert failed.code == 4 and "'code' is DOUBLE" in failed.err and "schema_hints" in failed.err
    job(schema={"schema_hints": {"code": "VARCHAR"}})
    pli.ok("run")
    assert pli.read("out") == [{"id": 1, "code": "7.50"}]


def test_widening_needs_the_tables_leave_and_a_null_column_gets_its_type_later(pli, job, tmp_path):
    job(schema={"mode": "type_widen"}, source={"format": "parquet"})
    parquet(tmp_path, "0.parquet", [(1, 1, None)], {"id": "Int64", "n": "Int32", "z": "Null"})
    pli.ok("run")
    parquet(tmp_path, "1.parquet", [(2, 2**40, "typed")], {"id": "Int64", "n": "Int64", "z": "String"})
    error = json.loads(pli.fails(4, "run", "--json").out)["error"]
    assert "'n' is BIGINT" in error["message"] and "INTEGER" in error["message"]
    assert "delta.enableTypeWidening" in error["hint"] and "allow_type_widening" in error["hint"]
    pli.ok("delta", "set", "out", "delta.enableTypeWidening=true")
    pli.ok("run")
    assert rows_by_id(pli) == {1: {"n": 1}, 2: {"n": 2**40, "z": "typed"}}
    assert [c["type"] for c in pli.ok("schema", "show", "j", "--json").json()] == ["BIGINT", "BIGINT", "VARCHAR"]


def test_allow_type_widening_enables_it_on_the_table(pli, job, tmp_path):
    job(schema={"mode": "type_widen", "allow_type_widening": True}, source={"format": "parquet"})
    parquet(tmp_path, "0.parquet", [(1, 1)], {"id": "Int64", "n": "Int32"})
    pli.ok("run")
    parquet(tmp_path, "1.parquet", [(2, 1.5)], {"id": "Int64", "n": "Float64"})
    pli.ok("run")
    assert rows_by_id(pli) == {1: {"n": 1.0}, 2: {"n": 1.5}}
    detail = pli.ok("delta", "detail", "out", "--json").json()
    assert detail["configuration"]["delta.enableTypeWidening"] == "true" and "typeWidening" in detail["writerFeatures"]


def test_lossy_widening_loses_digits_and_no_value(pli, job, tmp_path):
    job(
        schema={"mode": "type_widen", "allow_lossy_widening": True, "rescue_mode": "column"},
        source={"format": "parquet"},
        sink={"format": "parquet", "merge_schema": None},
    )
    parquet(tmp_path, "0.parquet", [(1, 1.5)], {"id": "Int64", "n": "Float64"})
    pli.ok("run")
    parquet(tmp_path, "1.parquet", [(2, 2**53 + 1)], {"id": "Int64", "n": "Int64"})
    assert pli.ok("run", "--json").json()[0]["rescuedRows"] == 0
    pl = pytest.importorskip("polars")
    frame = pl.read_parquet(str(tmp_path / "out" / "*.parquet")).sort("id")
    assert frame["n"].to_list() == [1.5, float(2**53)]


def test_explicit_types_come_first_and_hints_correct_inference(pli, job, put):
    job(schema={"columns": {"id": "INTEGER"}, "schema_hints": {"zip": "VARCHAR"}})
    put("0.csv", "v,zip,id\n1,01234,7\n")
    pli.ok("run")
    columns = {c["name"]: c["type"] for c in pli.ok("schema", "show", "j", "--json").json()}
    assert next(iter(columns)) == "id"
    assert columns == {"id": "INTEGER", "zip": "VARCHAR", "v": "BIGINT"}
    assert rows_by_id(pli) == {7: {"zip": "01234", "v": 1}}
