"""Casts as Polars expressions, by the one definition of the C core: what a type cannot hold exactly becomes null.

Which pairs of types can be cast is the core's decision; here is only how Polars does it. Everything is lazy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_incremental._dtypes import text_of
from polars_incremental.errors import SchemaEvolutionError

_NUMBER = r"^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$"
_DATE = r"^\d{4}-\d{2}-\d{2}$"
_DATETIME = r"^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{6})(\d*)|[.,](\d{1,5}))?)?(Z|z|[+-]\d{2}(?::?\d{2})?)?)?$"
_TIME = r"^(\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,6})(0*))?)?$"
_DURATION = r"^([+-]?)P(?:(\d+)W)?(?:(\d+)D)?(T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d{1,6})0*)?S)?)?$"
# a Decimal or a 128-bit integer has at most this many digits; longer numbers fit nothing
_DIGITS = 60
_ZEROS = "0" * _DIGITS


@dataclass(frozen=True)
class How:
    """What the decisions say beyond the types: are casts widenings (a 64-bit integer may lose digits in a Float64), and which nested
    fields (dotted paths) are rescued whole."""

    widening: bool = False
    rescued: frozenset[str] = frozenset()


EXACT = How()


def cast(e: pl.Expr, source: Any, target: Any, how: How = EXACT, path: str = "") -> pl.Expr:
    """The expression of type ``source`` as ``target``; values that do not fit are null."""
    if source == target:
        return e
    if path in how.rescued:
        return pl.when(e.is_null()).then(None).cast(target)
    if source == pl.Null or target == pl.Null:
        return e.cast(target)
    if isinstance(target, pl.Struct) and isinstance(source, pl.Struct):
        return _struct(e, source, target, how, path)
    if isinstance(target, (pl.List, pl.Array)) and isinstance(source, (pl.List, pl.Array)):
        return _list(e, source, target, how, path)
    if source.is_nested() or target.is_nested():
        if target == pl.String:
            return to_json(e)
        raise SchemaEvolutionError(f"there is no cast of {text_of(source)} to {text_of(target)}")
    if how.widening and (source.is_integer() or source == pl.Boolean) and target.is_numeric():
        return e.cast(target)
    return _simple(e, source, target)


def _simple(e: pl.Expr, source: Any, target: Any) -> pl.Expr:
    if source == pl.String:
        return _from_text(e, target)
    if target == pl.String:
        return to_text(e, source)
    if isinstance(source, (pl.Enum, pl.Categorical)):
        return e.cast(pl.String).cast(target, strict=False)
    if target == pl.Boolean:
        return pl.when(e == 0).then(False).when(e == 1).then(True)
    if isinstance(source, pl.Decimal) or isinstance(target, pl.Decimal):
        return _decimal(e, source, target)
    if target.is_integer() and source.is_float():
        return pl.when(e == e.floor()).then(e).cast(target, strict=False)
    if target.is_float() and (source.is_integer() or source.is_float()):
        return _to_float(e, source, target)
    if isinstance(source, pl.Datetime):
        return _from_datetime(e, source, target)
    if source == pl.Date and isinstance(target, pl.Datetime):
        return _to_unit(e.cast(pl.Datetime("ms")), "ms", target.time_unit).pipe(_with_zone, target.time_zone)
    if isinstance(source, pl.Duration) and isinstance(target, pl.Duration):
        return _to_unit(e, source.time_unit, target.time_unit)
    return e.cast(target, strict=False)


# ---- text as something else


def _from_text(e: pl.Expr, target: Any) -> pl.Expr:
    if target.is_integer():
        return _text_to_integer(e, target)
    if target.is_float():
        return _text_to_float(e, target)
    if isinstance(target, pl.Decimal):
        return _text_to_decimal(e, target)
    if target == pl.Boolean:
        word = e.str.to_lowercase()
        return pl.when(word == "true").then(True).when(word == "false").then(False)
    if target == pl.Date:
        return _only(e, _DATE).str.to_date("%Y-%m-%d", strict=False).pipe(_no_year_zero)
    if isinstance(target, pl.Datetime):
        return _text_to_datetime(e, target)
    if target == pl.Time:
        return _text_to_time(e)
    if isinstance(target, pl.Duration):
        return _text_to_duration(e, target)
    return e.cast(target, strict=False)


def _only(e: pl.Expr, pattern: str) -> pl.Expr:
    return pl.when(e.str.contains(pattern)).then(e)


def _no_year_zero(e: pl.Expr) -> pl.Expr:
    return pl.when(e.dt.year() >= 1).then(e)


def _point(e: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Sign, digits before the point (never empty) and behind it (without trailing zeros), the exponent applied; null for what is no
    number or has far too many digits."""
    sign = e.str.extract(_NUMBER, 1)
    before = e.str.extract(_NUMBER, 2).str.strip_chars_start("0")
    behind = e.str.extract(_NUMBER, 3).fill_null("").str.strip_chars_end("0")
    shift = e.str.extract(_NUMBER, 4).fill_null("0").cast(pl.Int32, strict=False)
    digits = before + behind
    at = before.str.len_bytes().cast(pl.Int64) + shift
    size = digits.str.len_bytes().cast(pl.Int64)
    nothing = digits == ""
    fits = (at <= _DIGITS) & (size <= 2 * _DIGITS) & (size - at <= 2 * _DIGITS)
    clipped = pl.when(fits & ~nothing).then(at)
    whole = (
        pl.when(clipped >= size)
        .then(digits + pl.lit(_ZEROS).str.slice(0, (clipped - size).clip(0, _DIGITS)))
        .otherwise(digits.str.slice(0, clipped.clip(0, 2 * _DIGITS)))
    )
    lead = pl.lit(_ZEROS + _ZEROS).str.slice(0, (-clipped).clip(0, 2 * _DIGITS))
    rest = lead + digits.str.slice(clipped.clip(0, 2 * _DIGITS))
    is_number = sign.is_not_null()
    whole = (
        pl.when(is_number & nothing)
        .then(pl.lit("0"))
        .when(is_number & fits)
        .then(pl.when(whole == "").then(pl.lit("0")).otherwise(whole))
    )
    rest = pl.when(is_number & nothing).then(pl.lit("")).when(is_number & fits).then(rest.str.strip_chars_end("0"))
    return sign, whole, rest


def _minus(sign: pl.Expr) -> pl.Expr:
    return pl.when(sign == "-").then(pl.lit("-")).otherwise(pl.lit(""))


def _text_to_integer(e: pl.Expr, target: Any) -> pl.Expr:
    simple = _only(e, r"^-?\d{1,18}$").cast(target, strict=False)
    sign, whole, rest = _point(e)
    exact: pl.Expr = pl.when(rest == "").then(_minus(sign) + whole)
    # "-0" is a number of every integer type
    exact = pl.when(whole == "0").then(pl.when(rest == "").then(pl.lit("0"))).otherwise(exact)
    return pl.coalesce(simple, exact.cast(target, strict=False))


def _text_to_float(e: pl.Expr, target: Any) -> pl.Expr:
    number = _only(e, _NUMBER).str.strip_prefix("+").cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number)
    # a whole number, spelled as one, never loses digits
    spelled_whole = e.str.contains(r"^[+-]?\d{16,}$")
    kept = _text_to_integer(e, pl.Int128()) if hasattr(pl, "Int128") else e.cast(pl.Int64, strict=False)
    number = pl.when(spelled_whole & ~(number.cast(kept_type()) == kept).fill_null(False)).then(None).otherwise(number)
    if target == pl.Float64:
        return number
    small = number.cast(target, strict=False)
    return pl.when(small.is_finite()).then(small)


def kept_type() -> Any:
    """The widest integer that this Polars has."""
    return pl.Int128() if hasattr(pl, "Int128") else pl.Int64()


def _text_to_decimal(e: pl.Expr, target: pl.Decimal) -> pl.Expr:
    precision, scale = target.precision or 38, target.scale
    sign, whole, rest = _point(e)
    fits = (rest.str.len_bytes() <= scale) & ((whole == "0") | (whole.str.len_bytes() <= precision - scale))
    text = _minus(sign) + whole + pl.when(rest == "").then(pl.lit("")).otherwise(pl.lit(".") + rest)
    return pl.when(fits).then(text).cast(target, strict=False)


def _text_to_datetime(e: pl.Expr, target: pl.Datetime) -> pl.Expr:
    part = [e.str.extract(_DATETIME, n) for n in range(8)]
    date, minute, second, six, tail, short, zone = part[1:]
    micro = pl.coalesce(
        six, short + pl.lit("00000").str.slice(0, 6 - short.str.len_bytes().cast(pl.Int64)), pl.lit("000000")
    )
    text = date + "T" + minute.fill_null("00:00") + ":" + second.fill_null("00") + "." + micro
    text = pl.when(tail.fill_null("").str.contains("^0*$")).then(text)
    at = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f", time_unit="us", strict=False)
    at = pl.when(at.dt.year() >= 1).then(at)
    number = zone.str.replace_all(":", "", literal=True)
    hours = number.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = number.str.slice(3, 2)
    minutes = pl.when(minutes == "").then(pl.lit("0")).otherwise(minutes).cast(pl.Int64, strict=False)
    valid = zone.is_null() | zone.str.to_lowercase().eq("z") | ((hours <= 23) & (minutes <= 59))
    offset = (
        pl.when(zone.str.starts_with("+") | zone.str.starts_with("-"))
        .then((hours * 60 + minutes) * pl.when(zone.str.starts_with("-")).then(-1).otherwise(1))
        .otherwise(0)
    )
    at = pl.when(valid).then(at - pl.duration(minutes=offset.fill_null(0)))
    return _with_zone(_to_unit(at, "us", target.time_unit), target.time_zone)


def _text_to_time(e: pl.Expr) -> pl.Expr:
    minute, second, fraction = (e.str.extract(_TIME, n) for n in (1, 2, 3))
    return (minute + ":" + second.fill_null("00") + "." + fraction.fill_null("0")).str.to_time(
        "%H:%M:%S%.f", strict=False
    )


def _text_to_duration(e: pl.Expr, target: pl.Duration) -> pl.Expr:
    sign = e.str.extract(_DURATION, 1)
    numbers = [e.str.extract(_DURATION, n) for n in (2, 3, 5, 6, 7)]
    fraction = e.str.extract(_DURATION, 8).fill_null("")
    micro = (fraction + pl.lit("000000").str.slice(0, 6 - fraction.str.len_bytes().cast(pl.Int64))).cast(
        pl.Int64, strict=False
    )
    sizes = (7 * 86400, 86400, 3600, 60, 1)
    total: Any = micro
    for number, seconds in zip(numbers, sizes, strict=True):
        total = total + number.fill_null("0").cast(pl.Int64, strict=False) * (seconds * 1_000_000)
    some = pl.any_horizontal(*[n.is_not_null() for n in numbers])
    open_end = e.str.ends_with("T")
    signed = total * pl.when(sign == "-").then(-1).otherwise(1)
    value = pl.when(sign.is_not_null() & some & ~open_end).then(signed).cast(pl.Duration("us"))
    return _to_unit(value, "us", target.time_unit)


# ---- times


def _with_zone(e: pl.Expr, zone: str | None) -> pl.Expr:
    """A wall time in UTC as an instant in a zone."""
    return e if zone is None else e.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)


def _to_unit(e: pl.Expr, unit: str, target: Any) -> pl.Expr:
    """A time in another unit, null where it has digits below that unit or lies beyond its range (years 1678 to 2262 in nanoseconds);
    Polars would stop or wrap there."""
    if target is None or target == unit:
        return e
    number, factor = e.cast(pl.Int64), 10 ** abs(_FINER[unit] - _FINER[target])
    if _FINER[target] < _FINER[unit]:
        return pl.when(number % factor == 0).then(e).dt.cast_time_unit(target)
    most = (2**63 - 1) // factor
    return pl.when(number.is_between(-most, most)).then(e).dt.cast_time_unit(target)


_FINER = {"ms": 3, "us": 6, "ns": 9}


def _from_datetime(e: pl.Expr, source: pl.Datetime, target: Any) -> pl.Expr:
    wall = e if source.time_zone is None else e.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    if target == pl.Date:
        date = wall.dt.date()
        return pl.when(date.cast(pl.Datetime(source.time_unit)) == wall).then(date)
    if isinstance(target, pl.Datetime):
        return _with_zone(_to_unit(wall, source.time_unit, target.time_unit), target.time_zone)
    return e.cast(target, strict=False)


# ---- numbers


def _to_float(e: pl.Expr, source: Any, target: Any) -> pl.Expr:
    there = e.cast(target, strict=False)
    if source.is_float():
        if source == pl.Float32 and target == pl.Float64:
            return there
        return pl.when((there.cast(source) == e) | e.is_nan()).then(there)
    back = there.cast(kept_type(), strict=False)
    return pl.when(back == e.cast(kept_type(), strict=False)).then(there)


def _decimal(e: pl.Expr, source: Any, target: Any) -> pl.Expr:
    if isinstance(source, pl.Decimal) and target.is_float():
        there = e.cast(target, strict=False)
        return pl.when(_within(there, source).cast(source, strict=False) == e).then(there)
    if source == pl.Boolean:
        e, source = e.cast(pl.Int8), pl.Int8()
    if isinstance(source, pl.Decimal) or source.is_integer():
        # text is exact
        return _from_text(e.cast(pl.String), target)
    there = (
        _within(e, target).cast(target, strict=False)
        if isinstance(target, pl.Decimal)
        else e.cast(target, strict=False)
    )
    if source.is_float():
        return pl.when(there.cast(source, strict=False) == e).then(there)
    return there


def _within(e: pl.Expr, decimal: pl.Decimal) -> pl.Expr:
    """A float, null where it has too many digits before the point: the cast would be an error even if it is not strict."""
    return pl.when(e.abs() < 10.0 ** ((decimal.precision or 38) - decimal.scale)).then(e)


# ---- anything as text


def to_text(e: pl.Expr, source: Any) -> pl.Expr:
    """The value as text, as the core spells it."""
    if source.is_nested():
        return to_json(e)
    if isinstance(source, pl.Datetime):
        wall = e if source.time_zone is None else e.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        end = "" if source.time_zone is None else "Z"
        size = 10 ** _FINER[source.time_unit]
        fraction = {"ms": "%.3f", "us": "%.6f", "ns": "%.9f"}[source.time_unit]
        return (
            pl.when(wall.cast(pl.Int64) % size == 0)
            .then(wall.dt.strftime("%Y-%m-%dT%H:%M:%S" + end))
            .otherwise(wall.dt.strftime("%Y-%m-%dT%H:%M:%S" + fraction + end))
        )
    if isinstance(source, pl.Duration):
        return e.dt.to_string("iso")
    if source == pl.Binary:
        return e.map_batches(_decode, return_dtype=pl.String)
    if source == pl.Time:
        exact = e.dt.strftime("%H:%M:%S%.9f").str.strip_chars_end("0")
        return pl.when(e.cast(pl.Int64) % 10**9 == 0).then(e.dt.strftime("%H:%M:%S")).otherwise(exact)
    if source.is_float():
        return pl.when(e.is_nan()).then(pl.lit("nan")).otherwise(e.cast(pl.String))
    return e.cast(pl.String)


def _decode(values: pl.Series) -> pl.Series:
    """Bytes as text, null where they are no UTF-8; Polars' own cast is an error there."""
    try:
        return values.cast(pl.String)
    except pl.exceptions.PolarsError:
        return pl.Series(values.name, [_decode_one(value) for value in values], dtype=pl.String)


def _decode_one(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode("utf-8")
    except UnicodeDecodeError:
        return None


def rescued_text(e: pl.Expr, source: Any) -> pl.Expr:
    """The value as text that loses nothing: bytes as base64."""
    return e.bin.encode("base64") if source == pl.Binary else to_text(e, source)


def to_json(e: pl.Expr) -> pl.Expr:
    """The value as JSON text."""
    text = pl.struct(e.alias("v")).struct.json_encode()
    return pl.when(e.is_not_null()).then(text.str.slice(5, text.str.len_chars().cast(pl.Int64) - 6))


# ---- nested


def _struct(e: pl.Expr, source: pl.Struct, target: pl.Struct, how: How, path: str) -> pl.Expr:
    have = {f.name: f.dtype for f in source.fields}
    fields = [
        (
            cast(e.struct.field(f.name), have[f.name], f.dtype, how, f"{path}.{f.name}")
            if f.name in have
            else pl.lit(None, dtype=f.dtype)
        ).alias(f.name)
        for f in target.fields
    ]
    made = pl.struct(fields) if fields else e.cast(target)
    return pl.when(e.is_not_null()).then(made)


def _list(e: pl.Expr, source: Any, target: Any, how: How, path: str) -> pl.Expr:
    as_list = e.arr.to_list() if isinstance(source, pl.Array) else e
    if source.inner != target.inner:
        as_list = as_list.list.eval(cast(pl.element(), source.inner, target.inner, how, f"{path}.element"))
    if isinstance(target, pl.List):
        return as_list.cast(target, strict=False)
    width = target.shape[0]
    return pl.when(as_list.list.len() == width).then(as_list).cast(target, strict=False)


# ---- what did not fit


def may_be_out_of_range(source: Any, target: Any) -> bool:
    """Times in nanoseconds have the shortest range, so that even widening to them can lose a value."""
    if isinstance(source, pl.Struct) and isinstance(target, pl.Struct):
        there = {f.name: f.dtype for f in target.fields}
        return any(may_be_out_of_range(f.dtype, there[f.name]) for f in source.fields if f.name in there)
    if isinstance(source, (pl.List, pl.Array)) and isinstance(target, (pl.List, pl.Array)):
        return may_be_out_of_range(source.inner, target.inner)
    fine = isinstance(target, (pl.Datetime, pl.Duration)) and target.time_unit == "ns"
    return fine and source != pl.Null and getattr(source, "time_unit", None) != "ns"


def misfit(before: pl.Expr, after: pl.Expr, source: Any, target: Any) -> pl.Expr:
    """Did a value that is not null become null, the column itself or anything inside?"""
    if isinstance(source, pl.Struct) and isinstance(target, pl.Struct):
        have = {f.name: f.dtype for f in source.fields}
        inside = [
            misfit(before.struct.field(f.name), after.struct.field(f.name), have[f.name], f.dtype)
            for f in target.fields
            if f.name in have and have[f.name] != f.dtype
        ]
        return pl.any_horizontal(*inside) if inside else pl.lit(False)
    if isinstance(source, (pl.List, pl.Array)) and isinstance(target, (pl.List, pl.Array)):
        lost = _nulls(after, target, source) > _nulls(before, source, target)
        return (after.is_null() & before.is_not_null()) | lost.fill_null(False)
    return after.is_null() & before.is_not_null()


def _nulls(e: pl.Expr, dtype: Any, other: Any) -> pl.Expr:
    """How many nulls are in a nested value, over the parts that both types have."""
    if isinstance(dtype, (pl.List, pl.Array)) and isinstance(other, (pl.List, pl.Array)):
        as_list = e.arr.to_list() if isinstance(dtype, pl.Array) else e
        return as_list.list.eval(_nulls(pl.element(), dtype.inner, other.inner)).list.sum().cast(pl.Int64).fill_null(0)
    if isinstance(dtype, pl.Struct) and isinstance(other, pl.Struct):
        there = {f.name: f.dtype for f in other.fields}
        parts = [_nulls(e.struct.field(f.name), f.dtype, there[f.name]) for f in dtype.fields if f.name in there]
        return pl.sum_horizontal(*parts) if parts else pl.lit(0, dtype=pl.Int64)
    return e.is_null().cast(pl.Int64)
