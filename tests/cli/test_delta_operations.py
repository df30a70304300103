"""Operations on Delta tables that the command offers beside jobs: overwrites, changes of columns, and more."""

from __future__ import annotations

import datetime

import pyarrow as pa
import pyarrow.parquet as pq


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
