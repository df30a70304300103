"""Operations on Delta tables that the command offers beside jobs: overwrites, changes of columns, and more."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest


def append(pli, table, sql_rows, *args):
    """Rows as NDJSON text, appended through a file."""
    path = pli.folder / "rows.ndjson"
    path.write_text(sql_rows, encoding="utf-8")
    return pli.ok("delta", "append", table, path, "--json", *args).json()


def test_the_name_of_a_file_says_what_it_is_not_that_of_its_folder(pli):
    folder = pli.folder / "of.csv"
    folder.mkdir()
    pq.write_table(pa.table({"id": [1]}), folder / "rows.parquet")
    pli.ok("delta", "append", "t", folder / "rows.parquet")
    assert pli.read("t") == [{"id": 1}]


def test_an_overwrite_of_the_partitions_at_hand_leaves_the_others(pli):
    append(pli, "t", '{"p": 1, "v": "a"}\n{"p": 2, "v": "b"}\n', "--partition-by", "p")
    append(pli, "t", '{"p": 2, "v": "c"}\n{"p": 3, "v": "d"}\n', "--overwrite", "--dynamic-partitions")
    assert sorted((r["p"], r["v"]) for r in pli.read("t")) == [(1, "a"), (2, "c"), (3, "d")]
    pli.fails(2, "delta", "append", "t", pli.folder / "rows.ndjson", "--dynamic-partitions")


def test_an_overwrite_can_bring_its_own_schema(pli):
    append(pli, "t", '{"p": 1, "v": "a"}\n')
    append(pli, "t", '{"q": "x"}\n', "--overwrite", "--overwrite-schema")
    assert pli.read("t") == [{"q": "x"}]


def test_columns_are_added_renamed_and_dropped(pli):
    append(pli, "t", '{"id": 1, "v": "a"}\n')
    refused = pli.fails(4, "delta", "rename-column", "t", "v", "w")
    assert "delta.columnMapping.mode=name" in refused.err
    pli.ok("delta", "set", "t", "delta.columnMapping.mode=name")
    pli.ok("delta", "rename-column", "t", "v", "w")
    pli.ok("delta", "add-column", "t", "price", "DECIMAL(9,2)")
    assert pli.read("t") == [{"id": 1, "w": "a", "price": None}]
    pli.fails(2, "delta", "drop-column", "t", "w")
    pli.ok("delta", "drop-column", "t", "w", "--yes")
    assert pli.read("t") == [{"id": 1, "price": None}]


def put(folder, name, **columns):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    old = columns.pop("old_times", False)
    pq.write_table(pa.table(columns), path, use_deprecated_int96_timestamps=old)


def test_a_hive_folder_becomes_a_table_in_place(pli):
    put(pli.folder, "t/day=2024-01-01/a.parquet", id=[1, 2])
    put(pli.folder, "t/day=2024-01-02/b.parquet", id=[3])
    assert "'day'" in pli.fails(4, "delta", "convert", "t").err
    tried = pli.ok("delta", "convert", "t", "--partition-by", "day DATE", "--dry-run", "--json").json()[0]
    assert tried["files"] == 2 and not tried["committed"] and not (pli.folder / "t/_delta_log").exists()
    done = pli.ok("delta", "convert", "t", "--partition-by", "day DATE", "--property", "a.b=c", "--json").json()[0]
    assert (done["version"], done["rows"]) == (0, 3)
    assert sorted(r["day"] for r in pli.read("t", "--where", "id > 1")) == ["2024-01-01", "2024-01-02"]
    assert pli.ok("delta", "detail", "t", "--json").json()["configuration"] == {"a.b": "c"}
    pli.fails(1, "delta", "convert", "t", "--partition-by", "day DATE")


def test_times_of_old_files_are_instants(pli):
    noon = datetime.datetime(2024, 5, 1, 12, tzinfo=datetime.UTC)
    put(pli.folder, "t/a.parquet", ts=pa.array([noon], pa.timestamp("us", "UTC")), old_times=True)
    pli.ok("delta", "convert", "t")
    (row,) = pli.read("t", "--where", "ts = '2024-05-01 12:00:00'")
    assert datetime.datetime.fromisoformat(row["ts"].replace("Z", "+00:00")) == noon
    assert '"timestamp"' in pli.ok("delta", "detail", "t", "--json").out


def test_a_clone_reads_what_its_source_had(pli):
    append(pli, "t", '{"id": 1}\n')
    append(pli, "t", '{"id": 2}\n')
    pli.ok("delta", "clone", "t", "c", "--version", "0")
    assert pli.read("c") == [{"id": 1}]
    append(pli, "c", '{"id": 3}\n')
    pli.ok("delta", "vacuum", "c", "--retention", "0s", "--allow-short", "--yes")
    assert sorted(r["id"] for r in pli.read("c")) == [1, 3]
    assert sorted(r["id"] for r in pli.read("t")) == [1, 2]
    pli.fails(1, "delta", "clone", "t", "c")


# ---------------------------------------------------------------- text with the table's types


def write(pli, name, text):
    (pli.folder / name).write_text(text, encoding="utf-8")


TYPED = "id INTEGER, price DOUBLE, d DECIMAL(10,2), name VARCHAR, day DATE, at TIMESTAMP, l INTEGER[]"


def test_text_is_read_with_the_types_of_the_table(pli):
    pli.ok("delta", "create", "t", "--schema", TYPED)
    write(pli, "a.csv", "ID;price;d;name;day;at\n1;2;3;4;2024-01-01;2024-01-01 10:00:00\n2;;;;;\n")
    write(pli, "b.ndjson", '{"id": 3, "price": 2, "d": 3.5, "name": null, "l": [1, null]}\n')
    write(pli, "c.json", '[{"id": 4}]')
    for file in ("a.csv", "b.ndjson", "c.json"):
        pli.ok("delta", "append", "t", file)
    none = dict.fromkeys(("price", "d", "name", "day", "at", "l"))
    assert sorted(pli.read("t"), key=lambda r: r["id"]) == [
        {"id": 1, "price": 2, "d": 3, "name": "4", "day": "2024-01-01", "at": "2024-01-01 10:00:00", "l": None},
        {"id": 2, **none},
        {"id": 3, **none, "price": 2, "d": 3.5, "l": [1, None]},
        {"id": 4, **none},
    ]
    types = {f["name"]: f["type"] for f in pli.ok("delta", "detail", "t", "--json").json()["schema"]["fields"]}
    assert (types["id"], types["d"]) == ("integer", "decimal(10,2)")


@pytest.mark.parametrize(
    "name, text, said",
    [
        ("x.csv", "id\n1\n1.5\n", "'id' is INTEGER in the schema, but the value \"1.5\""),
        ("x.csv", "id\n3000000000\n", "'id' is INTEGER in the schema, but the value \"3000000000\""),
        ("x.csv", "id,d\n1,1.005\n", '"1.005"'),
        ("x.ndjson", '{"id": 1.5}\n', "the value 1.5 (JSON)"),
        ("x.ndjson", '{"id": 1, "l": [1, "x"]}\n', "'l'"),
        ("x.csv", "id,more\n1,2\n", "column 'more' (BIGINT) is not in the table"),
        ("x.csv", "", "x.csv"),
    ],
)
def test_values_that_do_not_fit_the_table_are_named_and_nothing_is_written(pli, name, text, said):
    pli.ok("delta", "create", "t", "--schema", TYPED)
    write(pli, name, text)
    for command in (("append", "t", name), ("merge", "t", name, "--on", "source.id = target.id", *INSERT)):
        r = pli("delta", *command)
        assert r.code in (1, 4) and "rescue_mode" not in r.err
        assert said in r.err or (command[0] == "merge" and "more" in said)  # whose `*` leaves out what the table lacks
    assert pli.read("t") == []


INSERT = ("--when", "NOT MATCHED THEN INSERT *")


def test_a_merge_reads_text_with_the_types_of_the_table(pli):
    pli.ok("delta", "create", "t", "--schema", "id INTEGER, d DECIMAL(10,2)")
    write(pli, "a.csv", "id,d\n1,1\n2,2\n")
    write(pli, "b.csv", "id,d,op\n1,10,u\n3,30,i\n")
    pli.ok("delta", "append", "t", "a.csv")
    pli.ok(
        "delta", "merge", "t", "b.csv", "--on", "source.id = target.id", "--when", "MATCHED THEN UPDATE SET *", *INSERT
    )
    assert sorted((r["id"], r["d"]) for r in pli.read("t")) == [(1, 10), (2, 2), (3, 30)]


def test_text_lets_a_column_grow_where_the_table_allows_it(pli):
    pli.ok("delta", "create", "t", "--schema", "id INTEGER", "--property", "delta.enableTypeWidening=true")
    write(pli, "a.csv", "id\n" + "1\n" * 30000 + "2\n")
    pli.ok("delta", "append", "t", "a.csv")
    schema = pli.ok("delta", "detail", "t", "--json").json()["schema"]
    assert schema["fields"][0]["type"] == "integer"
    write(pli, "a.csv", "id\n" + "1\n" * 30000 + "3000000000\n")
    pli.ok("delta", "append", "t", "a.csv")
    assert max(r["id"] for r in pli.read("t")) == 3000000000


def test_json_for_variants_keeps_its_types(pli):
    pli.ok("delta", "create", "t", "--schema", "id INTEGER, v VARIANT", "--property", "delta.enableTypeWidening=true")
    for name, text in (
        ("a.ndjson", '{"id": 1, "v": [1, null, "x"]}\n'),
        ("b.json", '[{"id": 2, "v": {"a": "1", "b": 1}}]'),
    ):
        write(pli, name, text)
        pli.ok("delta", "append", "t", name)
    encoded = [r["v"]["value"] for r in sorted(pli.read("t"), key=lambda r: r["id"])]
    one, text_of_one = (
        r"\x18\x01\x00\x00\x00\x00\x00\x00\x00",
        r"\x051",
    )  # VariantEncoding.md: int64; a string of one byte
    assert encoded[0].endswith(one + r"\x00\x05x")
    assert one in encoded[1] and text_of_one in encoded[1]


def test_columns_that_files_lack_get_their_defaults(pli):
    pli.ok(
        "delta",
        "create",
        "t",
        "--schema",
        "id INTEGER, n INTEGER",
        "--property",
        "delta.feature.allowColumnDefaults=supported",
    )
    log = pli.folder / "t/_delta_log/00000000000000000000.json"
    log.write_text(
        log.read_text().replace(
            r"\"name\":\"n\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{}",
            r"\"name\":\"n\",\"type\":\"integer\",\"nullable\":true,\"metadata\":{\"CURRENT_DEFAULT\":\"7\"}",
        )
    )
    write(pli, "a.csv", "id\n1\n")
    pli.ok("delta", "append", "t", "a.csv")
    assert pli.read("t") == [{"id": 1, "n": 7}]


def test_files_are_named_by_globs_and_missing_ones_are_said(pli):
    for i in (1, 2):
        write(pli, f"in-{i}.csv", f"id\n{i}\n")
    write(pli, "in-[3].csv", "id\n3\n")
    pli.ok("delta", "append", "t", "in-?.csv", "in-[3].csv")
    assert sorted(r["id"] for r in pli.read("t")) == [1, 2, 3]
    assert "there is no file 'nothere.csv'" in pli.fails(1, "delta", "append", "t", "nothere.csv").err
    (pli.folder / "folder").mkdir()
    assert "name its files, as in 'folder/*.csv'" in pli.fails(2, "delta", "append", "t", "folder").err
    assert "no file matches 'no*.csv'" in pli.fails(1, "delta", "append", "t", "no*.csv").err
