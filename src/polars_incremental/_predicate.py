"""Polars predicates as SQL conditions, as far as they go: the reader skips files and rows with them, Polars applies the whole
predicate again. A condition never leaves out a row that the predicate would keep."""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import math
import warnings
from collections.abc import Mapping
from typing import Any

import polars as pl

_COMPARISONS = {"Eq": "=", "NotEq": "<>", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_MAX_LIST = 1000
_MAX_DEPTH = 50


def to_sql(predicate: pl.Expr | None, schema: Mapping[str, Any]) -> str | None:
    """A condition that holds wherever the predicate does; None if nothing can be said."""
    if predicate is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = json.loads(predicate.meta.serialize(format="json"))
            found = _condition(tree, schema, 0)
    except Exception:
        # the form of a serialised expression is Polars' own affair: what is not understood is not pushed down
        return None
    return found[0] if found else None


# a condition, and whether it says exactly what the expression does
_Found = tuple[str, bool] | None


def _condition(node: Any, schema: Mapping[str, Any], depth: int) -> _Found:
    if depth > _MAX_DEPTH or not isinstance(node, dict):
        return None
    if "BinaryExpr" in node:
        return _binary(node["BinaryExpr"], schema, depth)
    if "Function" in node:
        return _function(node["Function"], schema, depth)
    if "Column" in node and schema.get(node["Column"]) == pl.Boolean:
        return _name(node["Column"]), True
    return None


def _binary(node: dict[str, Any], schema: Mapping[str, Any], depth: int) -> _Found:
    op = node["op"]
    if op in ("And", "LogicalAnd"):
        sides = [_condition(node[s], schema, depth + 1) for s in ("left", "right")]
        known = [s for s in sides if s]
        if not known:
            return None
        return "(" + " AND ".join(s[0] for s in known) + ")", len(known) == 2 and all(s[1] for s in known)
    if op in ("Or", "LogicalOr"):
        left, right = (_condition(node[s], schema, depth + 1) for s in ("left", "right"))
        return (f"({left[0]} OR {right[0]})", left[1] and right[1]) if left and right else None
    if op not in _COMPARISONS:
        return None
    sign = _COMPARISONS[op]
    left, right = node["left"], node["right"]
    if "Column" not in left:
        left, right, sign = right, left, _MIRRORED[sign]
    column = left.get("Column")
    value = _literal(right)
    if column not in schema or value is None:
        return None
    text = _value(value[0], schema[column])
    return (f"{_name(column)} {sign} {text}", True) if text else None


def _function(node: dict[str, Any], schema: Mapping[str, Any], depth: int) -> _Found:
    boolean = node["function"].get("Boolean") if isinstance(node["function"], dict) else None
    inputs = node["input"]
    if boolean == "Not":
        inner = _condition(inputs[0], schema, depth + 1)
        return (f"(NOT {inner[0]})", True) if inner and inner[1] else None
    column = inputs[0].get("Column")
    if column not in schema:
        return None
    if boolean in ("IsNull", "IsNotNull"):
        return f"{_name(column)} IS {'NOT ' if boolean == 'IsNotNull' else ''}NULL", True
    if isinstance(boolean, dict) and "IsIn" in boolean and not boolean["IsIn"].get("nulls_equal"):
        return _is_in(column, inputs[1], schema)
    return None


def _is_in(column: str, node: Any, schema: Mapping[str, Any]) -> _Found:
    value = _literal(node)
    if value is None:
        return None
    items = value[0].to_list() if isinstance(value[0], pl.Series) else value[0]
    if not isinstance(items, list) or not items or len(items) > _MAX_LIST:
        return None
    texts = [_value(i, schema[column]) for i in items if i is not None]
    if not texts or not all(texts):
        return None
    # nulls in a list mean different things here and there
    return f"{_name(column)} IN ({', '.join(t for t in texts if t)})", None not in items


def _literal(node: Any) -> tuple[Any] | None:
    """The value of a literal, in a tuple of one."""
    if not isinstance(node, dict) or "Literal" not in node:
        return None
    expr = pl.Expr.deserialize(io.StringIO(json.dumps(node)), format="json")
    return (pl.select(expr).to_series()[0],)


def _value(value: Any, dtype: Any) -> str | None:
    """A literal in SQL, if it is of the column's kind: then both engines compare alike."""
    if isinstance(value, bool):
        return str(value).upper() if dtype == pl.Boolean else None
    if isinstance(value, int):
        return str(value) if dtype.is_integer() and -(2**63) <= value < 2**63 else None
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)" if dtype == pl.Float64 and math.isfinite(value) else None
    if isinstance(value, decimal.Decimal):
        return f"{value:f}" if isinstance(dtype, pl.Decimal) and value.is_finite() else None
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'" if dtype == pl.String and "\0" not in value else None
    if isinstance(value, dt.datetime):
        return _datetime(value, dtype)
    if isinstance(value, dt.date):
        return f"DATE '{value.isoformat()}'" if dtype == pl.Date else None
    return None


def _datetime(value: dt.datetime, dtype: Any) -> str | None:
    if not isinstance(dtype, pl.Datetime) or (value.tzinfo is None) != (dtype.time_zone is None):
        return None
    if value.tzinfo is None:
        return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
    return f"TIMESTAMPTZ '{value.astimezone(dt.UTC).isoformat(sep=' ')}'"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
