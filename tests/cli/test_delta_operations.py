"""Operations on Delta tables that the command offers beside jobs: overwrites, changes of columns, and more."""

from __future__ import annotations


def append(pli, table, sql_rows, *args):
    """Rows as NDJSON text, appended through a file."""
    path = pli.folder / "rows.ndjson"
    path.write_text(sql_rows, encoding="utf-8")
    return pli.ok("delta", "append", table, path, "--json", *args).json()


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
