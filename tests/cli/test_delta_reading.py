"""`pli delta read` and its kin on tables put together by hand: files that differ from what a schema lets expect."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

INFO = {"operation": "WRITE", "operationParameters": {}}


def field(name, kind, number=None, physical=None):
    metadata = {}
    if number:
        metadata = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical or f"col-{number}"}
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def struct(*fields):
    return {"type": "struct", "fields": list(fields)}


def array(element):
    return {"type": "array", "elementType": element, "containsNull": True}


def mapping(key, value):
    return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}


class Table:
    """A Delta table written line by line."""

    def __init__(self, path: Path, schema: dict, reader: int = 1, **configuration):
        self.path = path
        self.log = path / "_delta_log"
        self.log.mkdir(parents=True)
        self.schema = schema
        self.version = -1
        metadata = {
            "id": "t",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps(schema),
            "partitionColumns": [],
            "configuration": configuration,
        }
        protocol = {"minReaderVersion": reader, "minWriterVersion": 5}
        self.commit({"protocol": protocol}, {"metaData": metadata})

    def commit(self, *actions):
        self.version += 1
        text = "\n".join(json.dumps(a) for a in ({"commitInfo": INFO}, *actions))
        (self.log / f"{self.version:020d}.json").write_text(text + "\n", encoding="utf-8")

    def add(self, query: str, options: str = ""):
        name = f"f{self.version}.parquet"
        duckdb.sql(f"SET TimeZone = 'UTC'; COPY ({query}) TO '{self.path / name}' (FORMAT parquet{options})")
        size = (self.path / name).stat().st_size
        self.commit(
            {"add": {"path": name, "partitionValues": {}, "size": size, "modificationTime": 1, "dataChange": True}}
        )
        return self.path / name


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
