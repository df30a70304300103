"""`pli delta read` and its kin on tables put together by hand: files that differ from what a schema lets expect."""

from __future__ import annotations

import json
import struct as binary

import duckdb
import pytest
from delta_by_hand import Table, array, field, mapping, struct


def break_column(file, name):
    """Overwrite the beginning of a column's pages: it shows only when the column is read."""
    query = (
        "SELECT coalesce(dictionary_page_offset, data_page_offset) FROM parquet_metadata(?) WHERE path_in_schema = ?"
    )
    at = duckdb.execute(query, [str(file), name]).fetchone()[0]
    data = file.read_bytes()
    file.write_bytes(data[:at] + b"\xff" * 20 + data[at + 20 :])


def rows(pli, table, *args, env=None):
    done = pli.ok("delta", "read", table.path, "--format", "ndjson", *args, env=env)
    return sorted(done.rows(), key=str)


ID_SCHEMA = struct(
    field("id", "long", 1),
    field("s", struct(field("a", "integer", 3), field("b", "string", 4)), 2),
    field("l", array(struct(field("x", "integer", 6))), 5),
    field("m", mapping("string", struct(field("y", "integer", 8))), 7),
)
IDS = (
    ", FIELD_IDS {{{0}: 1, {1}: {{__duckdb_field_id: 2, {2}: 3, {3}: 4}}, {4}: {{__duckdb_field_id: 5, element: {{{5}: 6}}}},"
    " {6}: {{__duckdb_field_id: 7, value: {{{7}: 8}}}}}}"
)


def quoted(*names):
    return [f'"{n}"' for n in names]


@pytest.fixture
def by_id(tmp_path):
    table = Table(tmp_path / "t", ID_SCHEMA, 2, **{"delta.columnMapping.mode": "id"})
    names = quoted("col-1", "col-2", "col-3", "col-4", "col-5", "col-6", "col-7", "col-8")
    table.add(
        "SELECT 1::BIGINT AS {0}, {{{2}: 10, {3}: 'as expected'}} AS {1}, [{{{5}: 11}}, NULL] AS {4}, MAP {{'k': {{{7}: 12}}}} AS {6}".format(
            *names
        ),
        IDS.format(*names),
    )
    return table


def test_nested_fields_are_found_by_id_whatever_their_names(pli, by_id):
    """The second file has the names of the two fields of `s` swapped, and others everywhere."""
    names = quoted("k", "strukt", "col-4", "col-3", "liste", "xx", "karte", "it's")
    by_id.add(
        "SELECT 2::BIGINT AS {0}, {{{3}: 'text', {2}: 20}} AS {1}, [{{{5}: 21}}] AS {4}, MAP {{'k': {{{7}: 22}}}} AS {6}".format(
            *names
        ),
        IDS.format(*names),
    )
    assert rows(pli, by_id) == [
        {"id": 1, "s": {"a": 10, "b": "as expected"}, "l": [{"x": 11}, None], "m": {"k": {"y": 12}}},
        {"id": 2, "s": {"a": 20, "b": "text"}, "l": [{"x": 21}], "m": {"k": {"y": 22}}},
    ]


def test_a_nested_field_without_its_id_is_null_though_the_name_is_there(pli, by_id):
    by_id.add(
        """SELECT 3::BIGINT AS "col-1", {'col-3': 7, 'col-4': 'wrong'} AS "col-2", [{'col-6': 9}] AS "col-5", NULL AS "col-7" """,
        """, FIELD_IDS {"col-1": 1, "col-2": {__duckdb_field_id: 2, "col-3": 3, "col-4": 99}, "col-5": {__duckdb_field_id: 5, element: {"col-6": 98}}}""",
    )
    assert rows(pli, by_id, "--where", "id = 3") == [{"id": 3, "s": {"a": 7, "b": None}, "l": [{"x": None}], "m": None}]


def test_a_file_without_any_ids_is_refused_where_the_mapping_demands_them(pli, by_id):
    file = by_id.add('SELECT 4::BIGINT AS "col-1"')
    done = pli("delta", "read", by_id.path)
    assert done.code == 1
    assert str(file) in done.err and "field ids" in done.err


def test_a_struct_of_which_no_field_is_left_keeps_its_rows(pli, tmp_path):
    """`s` began with a field that was dropped since; the old file has nothing of what `s` has today."""
    table = Table(
        tmp_path / "t",
        struct(field("id", "long", 1), field("s", struct(field("new", "integer", 9)), 2)),
        2,
        **{"delta.columnMapping.mode": "name"},
    )
    table.add("""SELECT range AS "col-1", CASE WHEN range = 0 THEN {'col-3': [1]} END AS "col-2" FROM range(2)""")
    table.add("""SELECT 2::BIGINT AS "col-1", {'col-9': 5} AS "col-2" """)
    assert rows(pli, table) == [{"id": 0, "s": {"new": None}}, {"id": 1, "s": None}, {"id": 2, "s": {"new": 5}}]


@pytest.mark.parametrize("zone", ["UTC", "America/Los_Angeles"])
def test_instants_with_and_without_a_zone_may_stand_in_one_file(pli, tmp_path, zone):
    """Old writers left the zone out (INT96); such times are in UTC, whatever the reader's zone."""
    table = Table(
        tmp_path / "t",
        struct(field("a", "timestamp"), field("b", "timestamp"), field("n", struct(field("c", "timestamp")))),
    )
    table.add(
        "SELECT TIMESTAMP '2024-07-01 10:00:00' AS a, TIMESTAMPTZ '2024-07-01 10:00:00+00' AS b, {'c': TIMESTAMP '2024-07-01 10:00:00'} AS n"
    )
    table.add(
        "SELECT TIMESTAMPTZ '2024-07-01 10:00:00+00' AS a, TIMESTAMP '2024-07-01 10:00:00' AS b, {'c': TIMESTAMPTZ '2024-07-01 10:00:00+00'} AS n"
    )
    out = tmp_path / "out.parquet"
    pli.ok("delta", "read", table.path, "-o", out, env={"PLI_TIMEZONE": zone})
    found = duckdb.sql(f"SELECT epoch(a), epoch(b), epoch(n.c) FROM '{out}'").fetchall()
    assert found == [(1719828000.0,) * 3] * 2


def test_a_parquet_checkpoint_that_breaks_halfway_is_passed_over(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("id", "long")), **{"delta.checkpointInterval": "1000"})
    for i in range(6):
        table.add(f"SELECT {i}::BIGINT AS id")
    pli.ok("delta", "checkpoint", table.path)
    checkpoint = next(table.log.glob("*.checkpoint*.parquet"))
    break_column(checkpoint, "add, path")
    done = pli.ok("delta", "read", table.path, "--format", "ndjson")
    assert sorted(row["id"] for row in done.rows()) == list(range(6))
    assert checkpoint.name in done.err
    assert len(pli.ok("delta", "files", table.path, "--format", "ndjson").rows()) == 6
    (table.log / f"{3:020d}.json").unlink()
    done = pli("delta", "read", table.path)
    assert done.code == 1
    assert checkpoint.name in done.err


# ---------------------------------------------------------------- damage


DV = {"storageType": "p", "offset": 1, "sizeInBytes": 12, "cardinality": 1}


def remove_commit(table, _):
    (table.log / f"{1:020d}.json").unlink()


def edit_commit(version, change):
    def edit(table, _):
        file = table.log / f"{version:020d}.json"
        file.write_text(change(file.read_text()))

    return edit


def give_vector(vector, content=None):
    """The newest add gets a deletion vector, with a file of these bytes."""

    def give(table, _):
        if content is not None:
            (table.path / "dv.bin").write_bytes(content)
        file = table.log / f"{2:020d}.json"
        actions = [json.loads(line) for line in file.read_text().splitlines()]
        actions[-1]["add"]["deletionVector"] = {"pathOrInlineDv": str(table.path / "dv.bin"), **vector}
        file.write_text("\n".join(json.dumps(a) for a in actions) + "\n")

    return give


VECTOR = b"\x01" + binary.pack(">I", 12) + binary.pack("<IQ", 1681511377, 0) + b"\0\0\0\0"
DAMAGE = {
    "corrupt JSON": (edit_commit(1, lambda t: t.replace(":", ";", 3)), 1, ["00000000000000000001.json"]),
    "truncated commit": (edit_commit(2, lambda t: t[: len(t) // 2]), 1, ["00000000000000000002.json"]),
    "empty commit": (edit_commit(2, lambda t: ""), 1, ["00000000000000000002.json"]),
    "missing commit": (remove_commit, 1, ["gap", "version 2", "commit 1"]),
    "two metadata actions": (
        edit_commit(0, lambda t: t + t.splitlines()[-1]),
        1,
        ["00000000000000000000.json", "metaData"],
    ),
    "missing data file": (lambda t, file: file.unlink(), 1, ["version 2", "f1.parquet"]),
    "cut data file": (lambda t, file: file.write_bytes(file.read_bytes()[:99]), 1, ["version 2", "f1.parquet"]),
    "missing vector": (give_vector(DV), 1, ["version 2", "f1.parquet", "dv.bin"]),
    "vector with a wrong checksum": (give_vector(DV, VECTOR), 1, ["version 2", "dv.bin", "checksum"]),
    "bad Z85": (
        give_vector({"storageType": "i", "pathOrInlineDv": "~~bad~~~~~", "sizeInBytes": 8, "cardinality": 1}),
        1,
        ["version 2", "f1.parquet", "Z85"],
    ),
    "unknown feature": (
        edit_commit(
            0,
            lambda t: t.replace(
                '"minReaderVersion": 1, "minWriterVersion": 5',
                '"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["holograms"], "writerFeatures": ["holograms"]',
            ),
        ),
        4,
        ["version 2", "holograms"],
    ),
    "no table": (lambda t, _: [f.unlink() for f in t.log.iterdir()], 1, ["is not a Delta table"]),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_an_error_that_names_file_and_version_and_gives_no_rows(pli, tmp_path, what):
    damage, code, texts = DAMAGE[what]
    table = Table(tmp_path / "t", struct(field("id", "long")))
    table.commit()
    file = table.add("SELECT 1::BIGINT AS id")
    edit_commit(2, lambda t: t.replace(f"f{2 - 1}.parquet", "f1.parquet"))(table, None)
    assert rows(pli, table) == [{"id": 1}]
    damage(table, file)
    for arguments in (["read"], ["changes", "--from-version", "0", "--synthesize"]):
        done = pli("delta", arguments[0], table.path, *arguments[1:], "--format", "csv")
        assert done.code == code, done.err
        assert "1" not in done.out.splitlines()
        for text in texts if arguments[0] == "read" else []:
            assert text in done.err


# ---------------------------------------------------------------- the command


def test_tables_are_found_under_every_form_of_their_path(pli, tmp_path):
    table = Table(tmp_path / "a b%20é", struct(field("id", "long")))
    table.add("SELECT 1::BIGINT AS id")
    forms = [table.path, f"{table.path}/", "a b%20é", "./a b%20é//", f"file://{tmp_path}/a%20b%2520%C3%A9"]
    for form in forms:
        assert pli.read(form) == [{"id": 1}], form


def test_versions_and_times_that_are_not_there_are_said_with_what_is_there(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("id", "long")))
    table.add("SELECT 1::BIGINT AS id")
    done = pli.fails(1, "delta", "read", table.path, "--version", 7)
    assert "the newest is 1" in done.err and "pli delta history" in done.err
    assert "its oldest one, 0" in pli.fails(1, "delta", "read", table.path, "--timestamp", "1990-01-01").err
    for version in ("-1", "99999999999999999999", "x"):
        pli.fails(2, "delta", "read", table.path, "--version", version)
    assert pli.read(table.path, "--timestamp", "2999-01-01") == [{"id": 1}]


def test_columns_and_filters_follow_the_schema(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("Id", "long"), field("a b", "string")))
    table.add("""SELECT 1::BIGINT AS "Id", 'x' AS "a b" """)
    assert pli.read(table.path, "--columns", "A B,id") == [{"a b": "x", "Id": 1}]
    assert "did you mean 'Id'?" in pli.fails(2, "delta", "read", table.path, "--columns", "ids").err
    assert pli.read(table.path, "--where", "\"A B\" = 'x' AND ID = 1 -- so it is") == [{"Id": 1, "a b": "x"}]
    pli.fails(1, "delta", "read", table.path, "--where", "nope = 1")
    assert pli.read(table.path, "--where", "id > 5") == []
    assert pli.read(table.path, "--limit", "0") == []
    assert pli.read(table.path, "--version", "0") == []


def test_an_output_without_a_folder_is_a_wrong_argument(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("id", "long")))
    assert "no folder" in pli.fails(2, "delta", "read", table.path, "-o", tmp_path / "none/x.csv").err
    pli.fails(2, "delta", "read", table.path, "-o", tmp_path / "x.xlsx")
    pli.ok("delta", "read", table.path, "-o", tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text() == "id\n"
    assert pli.ok("delta", "read", table.path, "--format", "csv").out == "id\n"


def test_csv_and_tables_keep_every_digit(pli, tmp_path):
    """Also where columns are named as our own queries name things."""
    table = Table(
        tmp_path / "t",
        struct(
            field("x", "decimal(38,0)"),
            field("t", "decimal(38,20)"),
            field("r", "double"),
            field("l", array("decimal(20,2)")),
        ),
    )
    table.add(
        "SELECT 99999999999999999999999999999999999999::DECIMAL(38,0) AS x, -0.12345678901234567890::DECIMAL(38,20) AS t,"
        " 0.1::DOUBLE + 0.2::DOUBLE AS r, [1.10::DECIMAL(20,2)] AS l"
    )
    expected = ["99999999999999999999999999999999999999", "-0.12345678901234567890", "0.30000000000000004", "[1.10]"]
    lines = pli.ok("delta", "read", table.path, "--format", "csv").out.splitlines()
    assert lines == ["x,t,r,l", ",".join(expected)]
    assert pli.ok("delta", "read", table.path).out.splitlines()[1].split() == expected
    assert list(pli.read(table.path)[0]) == ["x", "t", "r", "l"]


def test_files_as_csv_have_every_column_even_if_the_first_file_lacks_it(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("id", "long")))
    table.add("SELECT 1::BIGINT AS id")
    header, line = pli.ok("delta", "files", table.path, "--format", "csv").out.splitlines()
    assert header == "path,size,modificationTime,partitionValues,deletionVector,stats"
    assert line.startswith("f0.parquet,") and line.endswith(",1,{},,")
    assert "deletionVector" not in pli.ok("delta", "files", table.path, "--format", "ndjson").rows()[0]
    assert pli.ok("delta", "files", table.path, "--version", "0", "--format", "csv").out == header + "\n"


def test_numbers_that_json_lacks_are_texts(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("a", "double"), field("l", array("float")), field("s", "string")))
    table.add("""SELECT 'nan'::DOUBLE AS a, ['-inf'::FLOAT, 'inf'::FLOAT, 1.5::FLOAT] AS l, 'nan "inf" \\ -inf' AS s""")
    assert pli.read(table.path) == [{"a": "NaN", "l": ["-Infinity", "Infinity", 1.5], "s": 'nan "inf" \\ -inf'}]
    assert pli.ok("delta", "read", table.path, "--format", "csv", "--columns", "a").out == "a\nNaN\n"
    table = Table(tmp_path / "d", struct(field("d", "decimal(2,2)"), field("l", array("decimal(1,1)"))))
    table.add("SELECT -0.25::DECIMAL(2,2) AS d, [0.5::DECIMAL(1,1)] AS l")
    assert pli.read(table.path) == [{"d": -0.25, "l": [0.5]}]


def test_an_empty_text_in_a_partition_that_holds_no_null_is_a_text(pli, tmp_path):
    """The protocol makes it null, which the column forbids; Spark and delta-rs give the text."""
    fields = [field("id", "long"), {**field("p", "string"), "nullable": False}, field("q", "string")]
    table = Table(tmp_path / "t", struct(*fields), partition_columns=["p", "q"])
    for value in ("", "x"):
        table.add(f"SELECT {len(value)}::BIGINT AS id", partition_values={"p": value, "q": value})
    expected = [{"id": 0, "p": "", "q": None}, {"id": 1, "p": "x", "q": "x"}]
    assert rows(pli, table) == expected
    assert [r["id"] for r in rows(pli, table, "--where", "p = ''")] == [0]
    assert [r["id"] for r in rows(pli, table, "--where", "p IS NULL")] == []
    pli.ok("delta", "checkpoint", table.path)
    assert rows(pli, table) == expected


@pytest.mark.parametrize("mode", ["none", "name", "id"])
def test_one_large_file_is_read_whole_by_several_threads(pli, tmp_path, mode):
    """The engine gets a second, empty file beside it (src/engine/empty_parquet.h)."""
    n = 400_000
    file = tmp_path / "in.parquet"
    duckdb.execute(
        f"COPY (SELECT i AS id, i % 9 AS k, md5(i::VARCHAR) AS t, 'x' AS p FROM range({n}) r(i)) TO '{file}'"
    )
    schema = "STRUCT(id BIGINT, k BIGINT, t VARCHAR, p VARCHAR)"
    properties = ("--property", f"delta.columnMapping.mode={mode}", "--property", "delta.enableDeletionVectors=true")
    pli.ok("delta", "create", tmp_path / "t", "--schema", schema, "--partition-by", "p", *properties)
    pli.ok("delta", "append", tmp_path / "t", file)
    pli.ok("delta", "delete", tmp_path / "t", "--where", "k = 3")
    pli.ok("delta", "update", tmp_path / "t", "--where", "k = 4", "--set", "t = p || k", "--set", " id=-id")
    pli.ok("delta", "read", tmp_path / "t", "--output", tmp_path / "out.parquet")
    there = f"SELECT * FROM '{tmp_path}/out.parquet'"
    left = f"SELECT if(k = 4, -id, id) AS id, k, if(k = 4, 'x4', t) AS t, p FROM '{file}' WHERE k <> 3"
    assert duckdb.sql(f"SELECT count(*) FROM ({there})").fetchone()[0] == n - n // 9 - (n % 9 > 3)
    assert duckdb.sql(f"({there} EXCEPT ALL {left}) UNION ALL ({left} EXCEPT ALL {there})").fetchall() == []
