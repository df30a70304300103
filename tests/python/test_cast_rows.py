"""Two renderers, one planner: what SQL makes of hard values of every pair of types (cases/cast_rows.ndjson, written by
test_schema_casts), Polars must make of them too, cell by cell and in every mode."""

import base64
import datetime as dt
import json
import math
import pathlib
import unittest
from decimal import Decimal

import polars as pl

import polars_incremental as pli
from polars_incremental._dtypes import parse
from polars_incremental.schema import SchemaPolicy, apply_schema, serialize_schema

CASES = pathlib.Path(__file__).resolve().parents[1] / "cases" / "cast_rows.ndjson"


def pairs():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


def value(text, dtype):
    """A text of the file as the value that Polars has for it."""
    if text is None or dtype == pl.String:
        return text
    if dtype == pl.Boolean:
        return text == "true"
    if dtype.is_integer():
        return int(text)
    if dtype.is_float():
        return float(text)
    if isinstance(dtype, pl.Decimal):
        return Decimal(text)
    if dtype == pl.Binary:
        return bytes.fromhex(text)
    if dtype == pl.Date:
        return dt.date.fromisoformat(text)
    if dtype == pl.Time:
        return dt.time.fromisoformat(text)
    return int(text)  # microseconds of datetimes and durations


def values(series):
    """Values of a column, datetimes and durations as microseconds, so that no zone and no platform comes in."""
    if isinstance(series.dtype, (pl.Datetime, pl.Duration)):
        return series.to_physical().to_list()
    return series.to_list()


def column(texts, dtype):
    made = [value(text, dtype) for text in texts]
    if isinstance(dtype, (pl.Datetime, pl.Duration)):
        return pl.Series("a", made, dtype=pl.Int64).cast(dtype)
    if dtype == pl.Float32:
        return pl.Series("a", made, dtype=pl.Float64).cast(pl.Float32)
    return pl.Series("a", made, dtype=dtype)


def same(a, b, dtype):
    if a is None or b is None or not dtype.is_float():
        return a == b
    if dtype == pl.Float32:
        a, b = (pl.Series([x], dtype=pl.Float64).cast(pl.Float32)[0] for x in (a, b))
    return a == b or (math.isnan(a) and math.isnan(b))


class CastRows(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.wrong = []

    def compare(self, pair, mode, found, expected, dtype):
        expected = [value(text, dtype) for text in expected]
        for text, have, want in zip(pair["in"], values(found), expected, strict=True):
            if not same(have, want, dtype):
                self.wrong.append(f"{mode}: {text!r} ({pair['from']}) to {dtype} is {have!r}, in SQL {want!r}")
        if found.dtype != dtype:
            self.wrong.append(f"{mode}: {pair['from']} to {dtype} is of type {found.dtype}")

    def apply(self, pair, mode, rescue="none"):
        source, target = parse(pair["from"]), parse(pair["to"])
        frame = column(pair["in"], source).to_frame()
        stored = serialize_schema([("a", target)])
        return apply_schema(frame, stored, None, SchemaPolicy(mode, rescue))

    def rescued_texts(self, pair):
        """What the rescue column must hold for a value: its text, by SQL."""
        to_text = {p["from"]: p for p in self.every if p["to"] == "String"}
        if pair["from"] == "Binary":
            return [base64.b64encode(bytes.fromhex(text)).decode() for text in pair["in"]]
        return to_text[pair["from"]]["coerce"] if pair["from"] != "String" else pair["in"]

    def test_every_pair_in_every_mode(self):
        self.every = pairs()
        self.assertGreater(len(self.every), 400)
        cells = 0
        for pair in self.every:
            try:
                cells += self.check_coerce(pair) + self.check_widen(pair) + self.check_refusals(pair)
            except (AssertionError, pli.SchemaEvolutionError, pl.exceptions.PolarsError) as exc:
                self.wrong.append(f"{pair['from']} to {pair['to']}: {type(exc).__name__}: {exc}")
        self.assertEqual(self.wrong, [], "\n".join(self.wrong))
        self.assertGreater(cells, 2500)

    def check_coerce(self, pair):
        if pair["coerce"] is None:
            with self.assertRaises(pli.SchemaEvolutionError):
                self.apply(pair, "coerce")
            return 1
        target = parse(pair["to"])
        made, _, _ = self.apply(pair, "coerce")
        self.compare(pair, "coerce", made["a"], pair["coerce"], target)
        if pair["from"] == pair["to"]:
            return len(pair["in"])
        kept, _, _ = self.apply(pair, "coerce", "column")
        self.compare(pair, "coerce", kept["a"], pair["coerce"], target)
        if "_rescued" in kept.columns:
            self.check_rescued(pair, kept, [out is None for out in pair["coerce"]])
        else:
            self.assertNotIn(None, pair["coerce"])
        return 2 * len(pair["in"])

    def check_rescued(self, pair, frame, lost):
        for text, is_lost, kept in zip(self.rescued_texts(pair), lost, frame["_rescued"].to_list(), strict=True):
            want = {"a": text} if is_lost else None
            if kept != want and (kept or {}).get("a") != (want or {}).get("a"):
                self.wrong.append(f"rescued: {text!r} ({pair['from']} to {pair['to']}) is {kept!r}")

    def check_widen(self, pair):
        if pair["widen"] is None:
            with self.assertRaises(pli.SchemaEvolutionError):
                self.apply(pair, "type_widen")
            kept, _, _ = self.apply(pair, "type_widen", "column")
            self.check_rescued(pair, kept, [True] * len(pair["in"]))
            return 1
        made, schema, _ = self.apply(pair, "type_widen")
        self.assertEqual(schema, [{"name": "a", "dtype": pair["widen"]}])
        self.compare(pair, "type_widen", made["a"], pair["widened"], parse(pair["widen"]))
        return len(pair["in"])

    def check_refusals(self, pair):
        if pair["from"] == pair["to"]:
            return 0
        for mode in ("strict", "add_new_columns"):
            with self.assertRaises(pli.SchemaEvolutionError):
                self.apply(pair, mode)
        kept, _, _ = self.apply(pair, "add_new_columns", "column")
        self.assertEqual(kept["a"].null_count(), len(pair["in"]))
        self.check_rescued(pair, kept, [True] * len(pair["in"]))
        return 2
