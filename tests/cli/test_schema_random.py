"""Nothing is lost, from files to table: random sequences of batches whose files change their columns, types and nesting. Under
`rescue_mode: column` every value of every input row follows from the row in the table and its `_rescued_data`.

PLI_TEST_SEED repeats a sequence."""

import base64
import csv
import datetime as dt
import io
import json
import os
import random
import shutil
from decimal import Decimal

import polars as pl
import pytest

SEED = int(os.environ.get("PLI_TEST_SEED", "20240229"))
MODES = ["strict", "add_new_columns", "coerce", "type_widen"]
NAMES = ["a", "b", "c", "d"]
BATCHES, FILES, ROWS = 4, 2, 5

# ---- values: of each kind a file's column has one


def csv_values(rng):
    kinds = [
        ["1", "-7", "007", "9223372036854775807"],
        ["1.5", "1e3", "-0.25", "12"],
        ["true", "FALSE"],
        ["x", "12,50", 'say "hi"', " 1", "é"],
        ["2024-02-29", "1970-01-01"],
        ["2024-02-29T10:00:00Z", "2024-02-29 10:00:00.5"],
    ]
    values = [*rng.choice(kinds), None]
    return lambda: rng.choice(values)


def json_value(rng, depth=0):
    return rng.choice(
        [
            lambda: rng.choice([1, -7, 2**53 + 1, 2**62]),
            lambda: rng.choice([1.5, -0.25, 1e300]),
            lambda: rng.choice([True, False]),
            lambda: rng.choice(["x", "12", "", "é", "2024-02-29", "true"]),
            lambda: None,
            lambda: {k: json_value(rng, depth + 1) for k in rng.sample("xyz", rng.randint(1, 3))} if depth < 2 else 1,
            lambda: [json_value(rng, depth + 1) for _ in range(rng.randint(0, 2))] if depth < 2 else "y",
        ]
    )()


def json_values(rng):
    """Mostly of one kind, as in real files; now and then of any."""
    first = json_value(rng)
    kind = type(first)

    def make():
        if rng.random() < 0.1:
            return json_value(rng)
        for _ in range(30):
            v = json_value(rng)
            if v is None or isinstance(v, kind):
                return v
        return None

    return make


PARQUET = {
    pl.Int8(): [1, -128],
    pl.Int32(): [1, 2**31 - 1],
    pl.Int64(): [1, 2**53 + 1, -(2**63)],
    pl.UInt32(): [0, 2**32 - 1],
    pl.Float64(): [1.0, 1.5, -1e300],
    pl.Boolean(): [True, False],
    pl.String(): ["x", "1", "", "é"],
    pl.Date(): [dt.date(2024, 2, 29)],
    pl.Datetime("us"): [dt.datetime(2024, 2, 29, 10, 0, 0, 500000)],
    pl.Decimal(10, 2): [Decimal("12.34"), Decimal("-1.00")],
    pl.Binary(): [b"abc", b"\xff\x00"],
}


def parquet_type(rng, depth=0):
    kind = rng.random() if depth < 2 else 1
    if kind < 0.2:
        return pl.Struct({k: parquet_type(rng, depth + 1) for k in rng.sample("xyz", rng.randint(1, 2))})
    if kind < 0.35:
        return pl.List(parquet_type(rng, depth + 1))
    return rng.choice(list(PARQUET))


def parquet_value(rng, dtype):
    if rng.random() < 0.2:
        return None
    if isinstance(dtype, pl.Struct):
        return {f.name: parquet_value(rng, f.dtype) for f in dtype.fields}
    if isinstance(dtype, pl.List):
        return [parquet_value(rng, dtype.inner) for _ in range(rng.randint(0, 2))]
    return rng.choice(PARQUET[dtype])


# ---- files


def spelled(rng, name):
    return name.upper() if rng.random() < 0.15 else name


def write_csv(rng, path, ids, names):
    columns = {spelled(rng, n): csv_values(rng) for n in names}
    rows = [{"id": str(i), **{n: make() for n, make in columns.items()}} for i in ids]
    order = ["id", *columns]
    rng.shuffle(order)
    text = io.StringIO()
    writer = csv.DictWriter(text, order, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(text.getvalue())
    return rows


def write_ndjson(rng, path, ids, names):
    columns = {spelled(rng, n): json_values(rng) for n in names}
    rows = [{"id": i, **{n: make() for n, make in columns.items() if rng.random() < 0.9}} for i in ids]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def write_parquet(rng, path, ids, names):
    schema = {"id": pl.Int64()}
    schema.update({spelled(rng, n): parquet_type(rng) for n in names})
    rows = [{n: i if n == "id" else parquet_value(rng, t) for n, t in schema.items()} for i in ids]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(path)
    return rows


WRITERS = {"csv": write_csv, "ndjson": write_ndjson, "parquet": write_parquet}


def columns_of(rng, mode, batch):
    """Strict takes new columns (rescued), but none may be missing."""
    if mode == "strict":
        return NAMES[: 2 + (batch > 0) * rng.randint(0, 2)]
    return [n for n in NAMES if rng.random() < 0.75]


# ---- is it the same value?


def number(v):
    try:
        return Decimal(str(v)) if not isinstance(v, bool) else None
    except ArithmeticError:
        return None


def moment(v):
    try:
        at = dt.datetime.fromisoformat(str(v).replace(" ", "T").replace("Z", "+00:00"))
        return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    except ValueError:
        return None


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def nothing(v):
    return v is None or (isinstance(v, dict) and all(nothing(x) for x in v.values()))


def printed(value):
    """A value of a binary column as the command prints it."""
    return "".join(chr(c) if 32 <= c < 127 else f"\\x{c:02X}" for c in value)


def same(original, found):
    """A value in the file and one that was put together: spelling aside. In a text column a value is its text, in a JSON column its
    JSON text."""
    if nothing(original):
        return nothing(found) or nothing(parsed(found) if isinstance(found, str) else found)
    if isinstance(original, bytes):  # base64 where rescued
        return found in (printed(original), base64.b64encode(original).decode())
    if isinstance(original, (dict, list)) and isinstance(found, str):
        found = parsed(found)
    if isinstance(original, dict):
        return isinstance(found, dict) and all(same(v, found.get(k)) for k, v in original.items())
    if isinstance(original, list):
        return isinstance(found, list) and len(found) == len(original) and all(map(same, original, found))
    if isinstance(original, str) and isinstance(found, str) and parsed(found) == original:
        return True
    if isinstance(original, bool) or str(original).lower() in ("true", "false"):
        return str(original).lower() == str(found).lower() or number(found) == int(str(original).lower() == "true")
    if isinstance(found, bool):
        return number(original) == int(found)
    if original == found or str(original) == found or printed(str(original).encode()) == found:
        return True
    a, b = number(original), number(found)
    if a is not None and b is not None:
        return a == b or ((isinstance(original, float) or isinstance(found, float)) and float(a) == float(b))
    a, b = moment(original), moment(found)
    return a is not None and a == b


def put_together(value, rescued):
    if not isinstance(rescued, dict) or not isinstance(value, dict):
        return rescued
    return {**value, **{k: put_together(value.get(k), v) for k, v in rescued.items()}}


def found_in(row, name):
    rescued = json.loads(row.get("_rescued_data") or "{}")
    value = next((v for k, v in row.items() if k.lower() == name.lower()), None)
    return put_together(value, rescued[name]) if name in rescued else value


# ---- the sequences


def job_file(kind, mode):
    job = {
        "source": {"format": kind, "path": "in", "settle_time": "0s"},
        "schema": {"mode": mode, "rescue_mode": "column", "allow_type_widening": True},
        "sink": {
            "format": "delta",
            "path": "out",
            "merge_schema": True,
            "properties": {"delta.enableTypeWidening": "true"},
        },
        "checkpoint": "cp",
    }
    return json.dumps({"version": 1, "jobs": {"j": job}})


def add_files(rng, kind, mode, folder, batch):
    rows = []
    for n in range(rng.randint(1, FILES)):
        ids = range(batch * 1000 + n * 100, batch * 1000 + n * 100 + ROWS)
        rows += WRITERS[kind](rng, folder / f"{batch}-{n}.{kind}", ids, columns_of(rng, mode, batch))
    return {int(row["id"]): row for row in rows}


def check(table, written):
    assert table.keys() == written.keys()
    for i, row in written.items():
        for name, value in row.items():
            assert same(value, found_in(table[i], name)), (
                f"PLI_TEST_SEED={SEED}: {name} of row {i} is lost:\nfile: {row}\nrow:  {table[i]}"
            )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_every_value_is_in_the_row_or_beside_it(pli, tmp_path, kind, mode):
    rng = random.Random(f"{SEED} {kind} {mode}")
    (tmp_path / "pli.yaml").write_text(job_file(kind, mode))
    passed = rescued = rows = 0
    written = {}
    for batch in range(3 * BATCHES):
        if passed >= BATCHES:
            break
        (tmp_path / "in").mkdir(exist_ok=True)
        new = add_files(rng, kind, mode, tmp_path / "in", batch)
        done = pli("run", "--json")
        if done.code != 0:  # the mode forbids it, or the table cannot take the wider type: nothing is written
            assert done.code == 4, done.err
            check({row["id"]: row for row in pli.read("out")} if written else {}, written)
            for folder in ("in", "cp", "out"):
                shutil.rmtree(tmp_path / folder, ignore_errors=True)
            written = {}
            continue
        written.update(new)
        passed, rows = passed + 1, rows + len(new)
        rescued += done.json()[0]["rescuedRows"]
        check({row["id"]: row for row in pli.read("out")}, written)
    print(f"{kind} {mode}: {passed} batches passed, {rows} rows, {rescued} with rescued data")
    assert passed >= 2 and rows >= 10
