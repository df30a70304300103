"""Schema evolution: python-api.md 11."""

import datetime as dt
import unittest
from decimal import Decimal

import polars as pl
from support import Case

import polars_incremental as pli
from polars_incremental.schema import (
    SchemaPolicy,
    apply_schema,
    apply_schema_lazy,
    deserialize_schema,
    normalize_schema_input,
    serialize_schema,
)


class Store:
    """The smallest checkpoint that evolution needs."""

    def __init__(self, schema=None):
        self.schema = schema
        self.stores = 0

    def get_schema(self):
        return self.schema

    def set_schema(self, schema):
        self.schema = schema
        self.stores += 1


def stored(**columns):
    return serialize_schema(list(columns.items()))


class Evolution(Case):
    """Every case runs over a DataFrame and over a LazyFrame, which must give the same and stay lazy."""

    def apply(self, evolution, frame, store):
        lazy_store = Store(store.schema)
        lazy_store.stores = store.stores
        try:
            eager = evolution.apply(frame, store)
        except pli.SchemaEvolutionError as exc:
            with self.assertRaises(pli.SchemaEvolutionError) as raised:
                evolution.apply(frame.lazy(), lazy_store)
            self.assertEqual(str(raised.exception), str(exc))
            raise
        lazy = evolution.apply(frame.lazy(), lazy_store)
        self.assertIsInstance(lazy, pl.LazyFrame)
        self.assertIsInstance(eager, pl.DataFrame)
        self.assertEqual(lazy.collect_schema(), eager.schema)
        self.assertTrue(lazy.collect().equals(eager))
        self.assertEqual((lazy_store.schema, lazy_store.stores), (store.schema, store.stores))
        return eager

    def test_the_first_batch_passes_and_becomes_the_schema(self):
        store = Store()
        frame = pl.DataFrame({"b": [1], "a": ["x"]})
        self.assertTrue(self.apply(pli.SchemaEvolution(), frame, store).equals(frame))
        self.assertEqual(store.schema, [{"name": "b", "dtype": "Int64"}, {"name": "a", "dtype": "String"}])
        self.apply(pli.SchemaEvolution(), frame, store)
        self.assertEqual(store.stores, 1)

    def test_strict_refuses_new_missing_and_other_columns_by_name(self):
        for frame, name in [
            (pl.DataFrame({"a": [1], "new": [1]}), "new"),
            (pl.DataFrame({"b": [1]}), "a"),
            (pl.DataFrame({"a": ["x"]}), "a"),
        ]:
            store = Store(stored(a=pl.Int64))
            with self.assertRaisesRegex(pli.SchemaEvolutionError, name):
                self.apply(pli.SchemaEvolution(), frame, store)
            self.assertEqual(store.stores, 0)

    def test_the_order_of_columns_never_matters(self):
        store = Store(stored(a=pl.Int64, b=pl.String))
        made = self.apply(pli.SchemaEvolution(), pl.DataFrame({"b": ["x"], "a": [1]}), store)
        self.assertEqual(made.columns, ["a", "b"])

    def test_new_columns_are_appended_and_missing_ones_null(self):
        store = Store(stored(a=pl.Int64, b=pl.Date))
        made = self.apply(pli.SchemaEvolution("add_new_columns"), pl.DataFrame({"z": [1.5], "a": [1]}), store)
        self.assertEqual(made.schema, {"a": pl.Int64, "b": pl.Date, "z": pl.Float64})
        self.assertEqual(made.rows(), [(1, None, 1.5)])
        self.assertEqual([c["name"] for c in store.schema], ["a", "b", "z"])

    def test_add_new_columns_refuses_another_type_or_rescues_it(self):
        store = Store(stored(a=pl.Int64))
        with self.assertRaises(pli.SchemaEvolutionError):
            self.apply(pli.SchemaEvolution("add_new_columns"), pl.DataFrame({"a": ["x"]}), store)
        made = self.apply(
            pli.SchemaEvolution("add_new_columns", "column"), pl.DataFrame({"a": ["x", None, "7"]}), store
        )
        self.assertEqual(made.schema, {"a": pl.Int64, "_rescued": pl.Struct({"a": pl.String})})
        self.assertEqual(made.rows(), [(None, {"a": "x"}), (None, None), (None, {"a": "7"})])
        self.assertEqual(store.stores, 0)

    def test_coerce_casts_what_fits_and_rescues_the_rest(self):
        store = Store(stored(i=pl.Int64, d=pl.Date, ok=pl.String))
        frame = pl.DataFrame(
            {"i": ["1", "1.5", "x", None], "d": ["2024-01-31", "soon", None, "2024-02-30"], "ok": ["a", "b", "c", "d"]}
        )
        plain = self.apply(pli.SchemaEvolution("coerce"), frame, Store(store.schema))
        self.assertEqual(plain["i"].to_list(), [1, None, None, None])
        made = self.apply(pli.SchemaEvolution("coerce", "column", "_bad"), frame, store)
        self.assertEqual(made.columns, ["i", "d", "ok", "_bad"])
        self.assertEqual(
            made["_bad"].to_list(),
            [None, {"i": "1.5", "d": "soon"}, {"i": "x", "d": None}, {"i": None, "d": "2024-02-30"}],
        )
        self.assertNotIn("_bad", [c["name"] for c in store.schema])

    def test_no_rescue_column_when_nothing_had_to_be_cast(self):
        made = self.apply(pli.SchemaEvolution("coerce", "column"), pl.DataFrame({"a": [1]}), Store(stored(a=pl.Int64)))
        self.assertEqual(made.columns, ["a"])

    def test_a_data_column_of_the_rescue_name_is_refused(self):
        with self.assertRaisesRegex(pli.SchemaEvolutionError, "_rescued"):
            self.apply(
                pli.SchemaEvolution("coerce", "column"),
                pl.DataFrame({"a": [1], "_rescued": [1]}),
                Store(stored(a=pl.Int64)),
            )

    def test_an_impossible_pair_is_refused(self):
        with self.assertRaises(pli.SchemaEvolutionError):
            self.apply(pli.SchemaEvolution("coerce"), pl.DataFrame({"a": [[1]]}), Store(stored(a=pl.Int64)))

    def test_a_null_column_fits_any_type_and_takes_the_first_real_one(self):
        for mode in ["strict", "add_new_columns", "coerce", "type_widen"]:
            made = self.apply(pli.SchemaEvolution(mode), pl.DataFrame({"a": [None]}), Store(stored(a=pl.Int64)))
            self.assertEqual(made.schema, {"a": pl.Int64})
            store = Store(stored(a=pl.Null))
            self.apply(pli.SchemaEvolution(mode), pl.DataFrame({"a": ["x"]}), store)
            self.assertEqual(store.schema, stored(a=pl.String))

    def test_modes_are_checked_on_the_first_batch_too(self):
        for evolution in [pli.SchemaEvolution("loose"), pli.SchemaEvolution(rescue_mode="file")]:
            with self.assertRaises(pli.SchemaEvolutionError):
                self.apply(evolution, pl.DataFrame({"a": [1]}), Store())

    def test_an_explicit_schema_is_expected_and_added_columns_are_not_forgotten(self):
        store = Store()
        evolution = pli.SchemaEvolution("add_new_columns", schema={"a": pl.Int64})
        self.apply(evolution, pl.DataFrame({"a": [1]}), store)
        self.assertEqual((store.schema, store.stores), (stored(a=pl.Int64), 1))
        self.apply(evolution, pl.DataFrame({"a": [1], "b": [2]}), store)
        self.assertEqual((store.schema, store.stores), (stored(a=pl.Int64, b=pl.Int64), 2))
        made = self.apply(evolution, pl.DataFrame({"a": [1]}), store)
        self.assertEqual((made.columns, store.stores), (["a", "b"], 2))

    def test_widening(self):
        cases = [
            (pl.Int8, pl.Int32, pl.Int32),
            (pl.UInt8, pl.UInt64, pl.UInt64),
            (pl.Float32, pl.Float64, pl.Float64),
            (pl.Int8, pl.UInt8, pl.Int16),
            (pl.Int64, pl.UInt32, pl.Int64),
            (pl.UInt64, pl.Int8, pl.Int128),
            (pl.Float32, pl.Int8, pl.Float64),
            (pl.Boolean, pl.Int16, pl.Int16),
            (pl.Boolean, pl.Float32, pl.Float64),
            (pl.String, pl.Int64, pl.String),
            (pl.String, pl.Boolean, pl.String),
            (pl.Date, pl.Datetime("ms"), pl.Datetime("ms")),
            (pl.Datetime("ms"), pl.Datetime("ns"), pl.Datetime("ns")),
            (pl.Duration("ms"), pl.Duration("us"), pl.Duration("us")),
            (pl.Decimal(10, 2), pl.Decimal(10, 4), pl.Decimal(12, 4)),
            (pl.List(pl.Int8), pl.List(pl.Int64), pl.List(pl.Int64)),
            (pl.Struct({"a": pl.Int8}), pl.Struct({"a": pl.Int64}), pl.Struct({"a": pl.Int64})),
        ]
        for one, two, wide in cases:
            for expected, actual in [(one, two), (two, one)]:
                store = Store(stored(x=expected))
                frame = pl.DataFrame({"x": pl.Series([], dtype=actual)})
                made = self.apply(pli.SchemaEvolution("type_widen"), frame, store)
                self.assertEqual(made.schema["x"], wide, (expected, actual))
                self.assertEqual(store.schema, stored(x=wide))

    def test_widened_values_are_the_same(self):
        store = Store(stored(n=pl.Int64, f=pl.Float64, s=pl.String))
        frame = pl.DataFrame({"n": [True], "f": [3], "s": [7]}, schema={"n": pl.Boolean, "f": pl.Int32, "s": pl.Int64})
        self.assertEqual(self.apply(pli.SchemaEvolution("type_widen"), frame, store).rows(), [(1, 3.0, "7")])

    def test_a_64_bit_integer_with_a_float_is_warned_of(self):
        store = Store(stored(x=pl.Float64))
        with self.assertLogs("polars_incremental", "WARNING") as logs:
            made = pli.SchemaEvolution("type_widen").apply(pl.DataFrame({"x": [2**53 + 1]}), store)
        self.assertEqual(made["x"].to_list(), [float(2**53)])
        self.assertIn("2^53", logs.output[0])

    def test_what_cannot_be_widened_is_refused_or_rescued(self):
        frame = pl.DataFrame({"x": ["2024-01-01"]})
        with self.assertRaises(pli.SchemaEvolutionError):
            self.apply(pli.SchemaEvolution("type_widen"), frame, Store(stored(x=pl.Date)))
        made = self.apply(pli.SchemaEvolution("type_widen", "column"), frame, Store(stored(x=pl.Date)))
        self.assertEqual(made.rows(), [(None, {"x": "2024-01-01"})])

    def test_times_beyond_the_range_of_nanoseconds_are_rescued_and_never_a_silent_null(self):
        day, when, long = dt.date(1, 1, 1), dt.datetime(9999, 1, 1), dt.timedelta(days=200000)
        frame = pl.DataFrame({"d": [day], "t": [when], "s": ["0001-01-01"], "l": [[when]], "p": [long]})
        ns = pl.Datetime("ns")
        store = Store(stored(d=ns, t=ns, s=ns, l=pl.List(ns), p=pl.Duration("ns")))
        made = self.apply(pli.SchemaEvolution("coerce", "column"), frame, store)
        self.assertEqual(made.select("d", "t", "s", "l", "p").rows(), [(None, None, None, [None], None)])
        texts = made["_rescued"][0]
        self.assertEqual(texts.pop("l"), '["9999-01-01 00:00:00"]')
        self.assertEqual(texts, {"d": "0001-01-01", "t": "9999-01-01T00:00:00", "s": "0001-01-01", "p": "P200000D"})
        wide = self.apply(pli.SchemaEvolution("type_widen", "column"), frame.select("t"), Store(stored(t=ns)))
        self.assertEqual(wide.rows(), [(None, {"t": "9999-01-01T00:00:00"})])
        with self.assertRaisesRegex(pli.SchemaEvolutionError, "9999-01-01"):
            pli.SchemaEvolution("type_widen").apply(frame.select("t"), Store(stored(t=ns)))

    def test_nested_values_are_cast_and_rescued_whole(self):
        store = Store(stored(s=pl.Struct({"a": pl.Int64, "b": pl.String}), v=pl.List(pl.Int64)))
        frame = pl.DataFrame({"s": [{"a": "1", "b": "x"}, {"a": "no", "b": "y"}, None], "v": [["1"], ["2", "z"], None]})
        made = self.apply(pli.SchemaEvolution("coerce", "column"), frame, store)
        self.assertEqual(made["s"].to_list(), [{"a": 1, "b": "x"}, {"a": None, "b": "y"}, None])
        self.assertEqual(made["v"].to_list(), [[1], [2, None], None])
        kept = made["_rescued"].to_list()
        self.assertIsNone(kept[0])
        self.assertEqual(kept[1], {"s": '{"a":"no","b":"y"}', "v": '["2","z"]'})

    def test_data_that_is_no_frame_is_left_alone(self):
        self.assertEqual(pli.SchemaEvolution().apply([1, 2], Store()), [1, 2])

    def test_apply_without_a_checkpoint(self):
        frame = pl.DataFrame({"a": [1]})
        self.assertTrue(pli.SchemaEvolution().apply(frame, None).equals(frame))


class Casts(unittest.TestCase):
    """One definition of casts, whatever the version of Polars."""

    def cast(self, values, source, target):
        frame = pl.DataFrame({"x": pl.Series(values, dtype=source)})
        explicit = stored(x=target)
        made, _, _ = apply_schema_lazy(frame.lazy(), None, explicit, SchemaPolicy("coerce"))
        return made.collect()["x"].to_list()

    def test_text_to_numbers(self):
        texts = [
            "1",
            "+1",
            "-0",
            "1.0",
            "1e3",
            "12e-1",
            "120e-1",
            "1.5",
            " 1",
            "1_0",
            "",
            ".5",
            "5.",
            "x",
            "9223372036854775808",
            None,
        ]
        self.assertEqual(
            self.cast(texts, pl.String, pl.Int64),
            [1, 1, 0, 1, 1000, None, 12, None, None, None, None, None, None, None, None, None],
        )
        self.assertEqual(
            self.cast(["1e3", "1e400", "1.5", "nan", "9007199254740993"], pl.String, pl.Float64),
            [1000.0, None, 1.5, None, None],
        )
        self.assertEqual(
            self.cast(["1.239", "1.2300", "1e2", "123456789", "-0.5"], pl.String, pl.Decimal(6, 2)),
            [None, Decimal("1.23"), Decimal("100"), None, Decimal("-0.5")],
        )
        self.assertEqual(self.cast(["18446744073709551615", "-1"], pl.String, pl.UInt64), [2**64 - 1, None])

    def test_text_to_booleans_and_times(self):
        self.assertEqual(self.cast(["TRUE", "false", "1", "yes"], pl.String, pl.Boolean), [True, False, None, None])
        utc = dt.UTC
        self.assertEqual(
            self.cast(
                [
                    "2024-01-01",
                    "2024-01-01 10:00",
                    "2024-01-01T10:00:00.5+02:00",
                    "2024-01-01T10:00:00.1234567",
                    "2024-02-30",
                ],
                pl.String,
                pl.Datetime("us", "UTC"),
            ),
            [
                dt.datetime(2024, 1, 1, tzinfo=utc),
                dt.datetime(2024, 1, 1, 10, tzinfo=utc),
                dt.datetime(2024, 1, 1, 8, 0, 0, 500000, tzinfo=utc),
                None,
                None,
            ],
        )
        self.assertEqual(
            self.cast(["10:00", "10:00:01.25", "25:00"], pl.String, pl.Time),
            [dt.time(10), dt.time(10, 0, 1, 250000), None],
        )
        self.assertEqual(
            self.cast(["P1DT2H", "-PT1.5S", "P1M", "P"], pl.String, pl.Duration("us")),
            [dt.timedelta(days=1, hours=2), dt.timedelta(seconds=-1.5), None, None],
        )

    def test_numbers_to_numbers(self):
        self.assertEqual(self.cast([1.5, 2.0, float("nan"), 1e30], pl.Float64, pl.Int64), [None, 2, None, None])
        self.assertEqual(self.cast([300, -1, 255], pl.Int64, pl.UInt8), [None, None, 255])
        self.assertEqual(self.cast([2**53 + 1, 2**53], pl.Int64, pl.Float64), [None, float(2**53)])
        self.assertEqual(self.cast([0, 1, 2], pl.Int64, pl.Boolean), [False, True, None])
        self.assertEqual(self.cast([0.1, 0.5], pl.Float64, pl.Float32), [None, 0.5])

    def test_times_to_times_and_text(self):
        when = [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 12)]
        self.assertEqual(self.cast(when, pl.Datetime("us"), pl.Date), [dt.date(2024, 1, 1), None])
        self.assertEqual(self.cast(when, pl.Datetime("us"), pl.String), ["2024-01-01T00:00:00", "2024-01-01T12:00:00"])
        self.assertEqual(self.cast([dt.date(2024, 1, 1)], pl.Date, pl.Datetime("us")), [dt.datetime(2024, 1, 1)])
        self.assertEqual(self.cast([[1, 2], None], pl.List(pl.Int64), pl.String), ["[1,2]", None])


class Stored(unittest.TestCase):
    def test_every_type_survives_the_round_trip(self):
        types = [
            pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Int128, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64, pl.Float32, pl.Float64,
            pl.Boolean, pl.String, pl.Binary, pl.Date, pl.Time, pl.Null, pl.Object, pl.Datetime("ms"), pl.Datetime("ns", "Europe/Vienna"),
            pl.Duration("us"), pl.Decimal(10, 2), pl.Decimal(38, 0), pl.Array(pl.Int64, 2), pl.Array(pl.Int64, (2, 3)),
            pl.List(pl.List(pl.Decimal(5, 1))), pl.Struct({"a b": pl.Int64, "it's \"x\"": pl.List(pl.Struct({"y": pl.Null}))}), pl.Struct({}),
            pl.Enum(["a", "b'"]), pl.Categorical(),
        ]  # fmt: skip
        pairs = [(f"c{n}", t) for n, t in enumerate(types)]
        kept = serialize_schema(pairs)
        self.assertEqual(deserialize_schema(kept), [(n, t() if isinstance(t, type) else t) for n, t in pairs])
        for (_, dtype), column in zip(pairs, kept, strict=True):
            if not isinstance(dtype, (type, pl.Enum)):
                self.assertEqual(column["dtype"], str(dtype))

    def test_inputs_of_every_form(self):
        expected = [{"name": "a", "dtype": "Int64"}, {"name": "b", "dtype": "String"}]
        for given in [
            {"a": pl.Int64, "b": pl.String()},
            pl.Schema({"a": pl.Int64(), "b": pl.String()}),
            [("a", "Int64"), ["b", "Utf8"]],
            (("a", pl.Int64), ("b", "String")),
            expected,
        ]:
            self.assertEqual(normalize_schema_input(given), expected)
        self.assertIsNone(normalize_schema_input(None))
        self.assertEqual(normalize_schema_input({"d": "Decimal(10, 2)"})[0]["dtype"], "Decimal(precision=10, scale=2)")
        self.assertEqual(
            normalize_schema_input({"d": "Datetime(time_unit='us',time_zone='UTC')"})[0]["dtype"],
            "Datetime(time_unit='us', time_zone='UTC')",
        )

    def test_nonsense_is_refused(self):
        for given in [
            7,
            "Int64",
            ["a"],
            [("a",)],
            {"a": "Integer64"},
            {"a": 5},
            {1: pl.Int64},
            {"a": "__import__('os')"},
            {"a": pl.List},
            [("a", "Int64"), ("a", "Int64")],
        ]:
            with self.assertRaises(pli.SchemaEvolutionError, msg=repr(given)):
                normalize_schema_input(given)

    def test_from_options_leaves_the_dict_of_the_caller_alone(self):
        options = {"schema_mode": "coerce", "rescue_column": "_r", "other": 1}
        evolution, rest = pli.SchemaEvolution.from_options(options)
        self.assertEqual((evolution.mode, evolution.rescue_column, rest), ("coerce", "_r", {"other": 1}))
        self.assertEqual(len(options), 3)
        self.assertEqual(pli.SchemaEvolution.from_options({"x": 1}), (None, {"x": 1}))

    def test_apply_schema_says_what_changed(self):
        frame = pl.DataFrame({"a": [1], "b": ["x"]})
        made, schema, changed = apply_schema(
            df=frame, stored_schema=stored(a=pl.Int64), explicit_schema=None, policy=SchemaPolicy("add_new_columns")
        )
        self.assertEqual((made.columns, schema, changed), (["a", "b"], stored(a=pl.Int64, b=pl.String), True))
        _, _, changed = apply_schema(frame, schema, None, SchemaPolicy())
        self.assertFalse(changed)


if __name__ == "__main__":
    unittest.main()
