"""Sink mode `merge` into tables that ask for more: row tracking, identity columns, variants, generated columns, defaults."""

import json

import pytest

NOW = ("--set", "source.settle_time=0s")


def field(name, kind="long", **metadata):
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def create(pli, *fields, properties=()):
    schema = json.dumps({"type": "struct", "fields": fields})
    pli.ok("delta", "create", "out", "--schema", schema, *[w for p in properties for w in ("--property", p)])


def put(tmp_path, n, *rows):
    folder = tmp_path / "in"
    folder.mkdir(exist_ok=True)
    (folder / f"{n}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))


def merge(pli, keys="id", *more):
    return pli("ingest", "in", "out", *NOW, "--mode", "merge", "--keys", keys, "--json", *more)


def merged(pli, *args):
    result = merge(pli, *args)
    assert result.code == 0, result.err
    return result.json()[0]


def rows(pli, *columns):
    return sorted(tuple(r[c] for c in columns) for r in pli.read("out"))


def actions(tmp_path):
    for commit in sorted((tmp_path / "out/_delta_log").glob("*.json")):
        yield from (json.loads(line) for line in commit.read_text().splitlines())


def fields(tmp_path):
    newest = [a["metaData"] for a in actions(tmp_path) if "metaData" in a][-1]
    return {f["name"]: f for f in json.loads(newest["schemaString"])["fields"]}


def row_ids(tmp_path):
    """id -> (row id, version) as the protocol says: materialised, else by the file and the place in it."""
    duckdb = pytest.importorskip("duckdb")
    properties = next(a["metaData"]["configuration"] for a in actions(tmp_path) if "metaData" in a)
    names = [properties[f"delta.rowTracking.materialized{k}ColumnName"] for k in ("RowId", "RowCommitVersion")]
    files = {}
    for a in actions(tmp_path):
        if "remove" in a:
            files.pop(a["remove"]["path"], None)
        if "add" in a:
            files[a["add"]["path"]] = a["add"]
    found = {}
    for path, add in files.items():
        file = f"read_parquet('{tmp_path / 'out' / path}', file_row_number = true)"
        have = [c[0] for c in duckdb.sql(f"DESCRIBE FROM {file}").fetchall()]
        own = [f'"{n}"' if n in have else "NULL" for n in names]
        ids = f"coalesce({own[0]}, {add['baseRowId']} + file_row_number), coalesce({own[1]}, {add['defaultRowCommitVersion']})"
        found |= {key: (r, v) for key, r, v in duckdb.sql(f"SELECT id, {ids} FROM {file}").fetchall()}
    return found


def test_rows_keep_their_ids(pli, tmp_path):
    create(pli, field("id"), field("v", "string"), properties=["delta.enableRowTracking=true"])
    put(tmp_path, 1, *[{"id": i, "v": f"v{i}"} for i in range(4)])
    merged(pli)
    before = row_ids(tmp_path)
    assert sorted(r for r, _ in before.values()) == [0, 1, 2, 3]
    put(tmp_path, 2, {"id": 2, "v": "new"}, {"id": 9, "v": "in"})
    merged(pli)
    after, version = row_ids(tmp_path), 2
    assert after == before | {2: (before[2][0], version), 9: after[9]}
    assert after[9][0] > 3 and after[9][1] == version


def test_new_rows_get_identity_values(pli, tmp_path):
    made = {"delta.identity.start": 5, "delta.identity.step": 5, "delta.identity.allowExplicitInsert": False}
    create(pli, field("k", **made), field("id"), field("v", "string"))
    put(tmp_path, 1, {"id": 1, "v": "a"}, {"id": 2, "v": "b"})
    merged(pli)
    put(tmp_path, 2, {"id": 2, "v": "B"}, {"id": 3, "v": "c"})
    merged(pli)
    assert sorted(k for (k,) in rows(pli, "k")) == [5, 10, 15]
    assert rows(pli, "id", "v") == [(1, "a"), (2, "B"), (3, "c")]
    assert {r["id"]: r["k"] for r in pli.read("out")}[3] == 15
    assert fields(tmp_path)["k"]["metadata"]["delta.identity.highWaterMark"] == 15
    put(tmp_path, 3, {"k": 1, "id": 4, "v": "own"})
    refused = merge(pli)
    assert refused.code == 1 and "'k' is an identity column" in refused.err
    merged(pli, "id", "--sql", "SELECT * EXCLUDE (k) FROM input")
    assert sorted(k for (k,) in rows(pli, "k")) == [5, 10, 15, 20]


def test_values_for_an_identity_column_are_refused_even_if_all_rows_match(pli, tmp_path):
    """As in Spark: the columns of the batch decide, not its rows."""
    made = {"delta.identity.start": 1, "delta.identity.step": 1, "delta.identity.allowExplicitInsert": False}
    create(pli, field("k", **made), field("id"))
    put(tmp_path, 1, {"id": 1})
    merged(pli)
    put(tmp_path, 2, {"k": 1, "id": 1})
    for key in ["id", "k"]:
        assert "'k' is an identity column" in merge(pli, key).err


def test_an_identity_column_may_be_the_key(pli, tmp_path):
    made = {"delta.identity.start": 1, "delta.identity.step": 1, "delta.identity.allowExplicitInsert": True}
    create(pli, field("k", **made), field("v", "string"))
    put(tmp_path, 1, {"k": 7, "v": "a"}, {"k": 8, "v": "b"})
    merged(pli, "k")
    put(tmp_path, 2, {"k": 8, "v": "B"})
    merged(pli, "k")
    assert rows(pli, "k", "v") == [(7, "a"), (8, "B")]


def test_variants_come_in_and_as_new_columns(pli, tmp_path):
    create(pli, field("id"), field("v", "variant"))
    put(tmp_path, 1, {"id": 1, "j": {"a": 1}}, {"id": 2, "j": {"a": 2}})
    as_variant = "SELECT id, CAST(to_json(j) AS VARIANT) AS v, [CAST(id AS VARIANT)] AS l FROM input"
    merged(pli, "id", "--merge-schema", "--sql", as_variant)
    put(tmp_path, 2, {"id": 2, "j": {"a": 20}}, {"id": 3, "j": {"a": 3}})
    merged(pli, "id", "--merge-schema", "--sql", as_variant)
    assert fields(tmp_path)["v"]["type"] == "variant"
    assert fields(tmp_path)["l"]["type"]["elementType"] == "variant"
    values = dict(rows(pli, "id", "v"))
    assert len(values) == 3 and values[1] is not None and values[2] != values[1]


def test_what_rows_lack_is_generated_or_has_its_default(pli, tmp_path):
    twice, default = {"delta.generationExpression": "n * 2"}, {"CURRENT_DEFAULT": "'none'"}
    create(
        pli,
        field("id"),
        field("n"),
        field("twice", **twice),
        field("v", "string", **default),
        properties=["delta.feature.allowColumnDefaults=supported"],
    )
    put(tmp_path, 1, {"id": 1, "n": 1}, {"id": 2, "n": 2})
    merged(pli)
    put(tmp_path, 2, {"id": 2, "n": 20, "v": "given"}, {"id": 3, "n": 3, "v": None})
    merged(pli)
    assert rows(pli, "id", "n", "twice")[:2] == [(1, 1, 2), (2, 20, 40)]
    assert {r["id"]: (r["twice"], r["v"]) for r in pli.read("out")} == {1: (2, "none"), 2: (40, "given"), 3: (6, None)}
    put(tmp_path, 3, {"id": 1, "n": 10})
    merged(pli, "id", "--sql", "SELECT id, n FROM input")
    assert {r["id"]: (r["twice"], r["v"]) for r in pli.read("out")}[1] == (20, "none")
    put(tmp_path, 4, {"id": 1, "n": 1, "twice": 3})
    refused = merge(pli, "id", "--sql", "SELECT id, n, twice FROM input")
    assert refused.code == 1 and "'twice' differs from what generates it" in refused.err


def test_the_report_counts_rescued_rows(pli, tmp_path):
    """Of rows with the same key the last one counts."""
    rescue = ("--rescue", "column", "--schema-mode", "coerce")
    put(tmp_path, 1, {"id": 1, "n": 1}, {"id": 2, "n": 2})
    assert merged(pli, "id", *rescue)["rescuedRows"] == 0
    put(tmp_path, 2, {"id": 2, "n": "two"}, {"id": 3, "n": 3}, {"id": 4, "n": "four"}, {"id": 4, "n": 4})
    assert merged(pli, "id", *rescue)["rescuedRows"] == 1
