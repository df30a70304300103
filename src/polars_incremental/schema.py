"""Schema evolution on Polars frames: the C core decides, here its decisions become expressions. Everything stays lazy."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from polars_incremental import _core
from polars_incremental._casts import How, cast, may_be_out_of_range, misfit, rescued_text
from polars_incremental._dtypes import dtype_of, normalize, parse, text_of
from polars_incremental.errors import CoreError, SchemaEvolutionError

__all__ = [
    "SchemaEvolution",
    "SchemaPolicy",
    "apply_schema",
    "apply_schema_lazy",
    "deserialize_schema",
    "normalize_schema_input",
    "serialize_schema",
]

_logger = logging.getLogger("polars_incremental")
_OPTIONS = {"schema_mode": "mode", "rescue_mode": "rescue_mode", "rescue_column": "rescue_column", "schema": "schema"}

StoredSchema = list[dict[str, str]]


@dataclass(frozen=True)
class SchemaPolicy:
    """What a batch may change: ``mode`` is strict, add_new_columns, coerce or type_widen; ``rescue_mode`` none or column."""

    mode: str = "strict"
    rescue_mode: str = "none"
    rescue_column: str = "_rescued"


@dataclass(frozen=True)
class SchemaEvolution:
    """Schema evolution of a pipeline: a policy, and the expected schema if it is to be given."""

    mode: str = "strict"
    rescue_mode: str = "none"
    rescue_column: str = "_rescued"
    schema: Any = None

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> tuple[SchemaEvolution | None, dict[str, Any]]:
        """Take ``schema_mode``, ``rescue_mode``, ``rescue_column`` and ``schema`` out of options; None if none of them is there."""
        remaining = dict(options)
        taken = {_OPTIONS[key]: remaining.pop(key) for key in _OPTIONS if key in remaining}
        return (cls(**taken) if taken else None), remaining

    @property
    def policy(self) -> SchemaPolicy:
        return SchemaPolicy(self.mode, self.rescue_mode, self.rescue_column)

    def apply(self, data: Any, checkpoint: Any) -> Any:
        """The data in the expected schema. What the schema has become is stored in the checkpoint (anything with ``get_schema`` and
        ``set_schema``; may be None). Data that is no frame is returned as it is."""
        if not isinstance(data, (pl.DataFrame, pl.LazyFrame)):
            return data
        stored = checkpoint.get_schema() if checkpoint is not None else None
        evolve: Any = apply_schema_lazy if isinstance(data, pl.LazyFrame) else apply_schema
        result, schema, changed = evolve(data, stored, normalize(self.schema), self.policy)
        if changed and checkpoint is not None:
            checkpoint.set_schema(schema)
        return result


def apply_schema(
    df: pl.DataFrame, stored_schema: StoredSchema | None, explicit_schema: StoredSchema | None, policy: SchemaPolicy
) -> tuple[pl.DataFrame, StoredSchema, bool]:
    """The frame in the expected schema, the schema as it is now, and whether it differs from the stored one."""
    columns, schema, changed = _evolve(df.schema, stored_schema, explicit_schema, policy)
    try:
        return (df if columns is None else df.select(columns)), schema, changed
    except pl.exceptions.InvalidOperationError as exc:
        raise SchemaEvolutionError(str(exc).partition("\n\n")[0]) from exc


def apply_schema_lazy(
    lf: pl.LazyFrame, stored_schema: StoredSchema | None, explicit_schema: StoredSchema | None, policy: SchemaPolicy
) -> tuple[pl.LazyFrame, StoredSchema, bool]:
    """As :func:`apply_schema`; only the schema of the frame is resolved."""
    columns, schema, changed = _evolve(lf.collect_schema(), stored_schema, explicit_schema, policy)
    return (lf if columns is None else lf.select(columns)), schema, changed


def normalize_schema_input(schema: Any) -> StoredSchema | None:
    """A schema as users give it (mapping, ``pl.Schema``, list of pairs; types as instances, classes or text) in stored form."""
    return normalize(schema)


def serialize_schema(pairs: Sequence[tuple[str, Any]]) -> StoredSchema:
    """Pairs of name and type in stored form."""
    return normalize(list(pairs)) or []


def deserialize_schema(schema: Sequence[Mapping[str, str]]) -> list[tuple[str, pl.DataType]]:
    """The stored form as pairs of name and type."""
    return [(column["name"], dtype_of(column["dtype"], column["name"])) for column in schema]


def widen(a: Any, b: Any, column: str = "") -> pl.DataType:
    """The common type of two, by type widening; ``SchemaEvolutionError`` if there is none."""
    if a == b or b == pl.Null:
        return dtype_of(a)
    if a == pl.Null:
        return dtype_of(b)
    plan = _plan([{"name": column, "dtype": text_of(a)}], None, [(column, b)], SchemaPolicy("type_widen"))
    return parse(plan["schema"][0]["dtype"])


# ---- decisions as expressions


def _evolve(
    actual: Mapping[str, Any], stored: StoredSchema | None, explicit: StoredSchema | None, policy: SchemaPolicy
) -> tuple[list[pl.Expr] | None, StoredSchema, bool]:
    plan = _plan(normalize(stored), normalize(explicit), list(actual.items()), policy)
    schema: StoredSchema = plan["schema"]
    decisions: dict[str, Any] = {d["column"]: d for d in plan["decisions"]}
    _warn(plan["decisions"])
    columns: list[pl.Expr] = []
    rescued: list[pl.Expr] = []
    for column in schema:
        name = column["name"]
        expr, kept = _column(name, actual.get(name), column["dtype"], decisions.get(name), policy)
        columns.append(expr)
        if kept is not None:
            rescued.append(kept)
    if rescued:
        columns.append(_rescue_column(rescued, policy.rescue_column))
    unchanged = (
        not rescued
        and [c["name"] for c in schema] == list(actual)
        and all(actual[c["name"]] == parse(c["dtype"]) for c in schema)
    )
    return (None if unchanged else columns), schema, bool(plan["changed"])


def _plan(
    stored: StoredSchema | None, explicit: StoredSchema | None, actual: list[tuple[str, Any]], policy: SchemaPolicy
) -> dict[str, Any]:
    request = {
        "stored": stored,
        "explicit": explicit,
        "batch": [{"name": name, "dtype": text_of(dtype)} for name, dtype in actual],
        "mode": _word("mode", policy.mode),
        "rescue_mode": _word("rescue_mode", policy.rescue_mode),
        "rescue_column": _word("rescue_column", policy.rescue_column),
    }
    try:
        plan: dict[str, Any] = json.loads(_core.schema_plan(json.dumps(request)))
    except (ValueError, CoreError) as exc:
        raise SchemaEvolutionError(str(exc)) from exc
    return plan


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise SchemaEvolutionError(f"{name} must be a text, not {value!r}")
    return value


def _column(name: str, source: Any, text: str, decision: Any, policy: SchemaPolicy) -> tuple[pl.Expr, pl.Expr | None]:
    """The column in its new type, and the text of values that did not fit (None if that is not wanted)."""
    target = parse(text)
    if source is None:
        return pl.lit(None, dtype=target).alias(name), None
    expr = pl.col(name)
    kind = decision["decision"] if decision is not None else "keep"
    rescued = frozenset(f["column"] for f in (decision or {}).get("fields") or () if f["decision"] == "rescue")
    if kind == "rescue" and not rescued - {name}:
        return pl.lit(None, dtype=target).alias(name), _kept(expr, expr.is_not_null(), source, name)
    made = cast(expr, source, target, How(policy.mode == "type_widen", rescued), name)
    may_lose = kind in ("cast", "rescue") or (kind == "widen" and may_be_out_of_range(source, target))
    if source == pl.Null or not may_lose:
        return made.alias(name), None
    lost = misfit(expr, made, source, target)
    if policy.rescue_mode == "column":
        return made.alias(name), _kept(expr, lost, source, name)
    if kind == "widen":  # never a silent null: the strict cast of what is lost, if anything is, stops with the value
        made = pl.coalesce(made, pl.when(lost).then(expr).cast(target))
    return made.alias(name), None


def _kept(expr: pl.Expr, lost: pl.Expr, source: Any, name: str) -> pl.Expr:
    return pl.when(lost).then(rescued_text(expr, source)).alias(name)


def _rescue_column(rescued: list[pl.Expr], name: str) -> pl.Expr:
    """A struct of the rescued texts; null where there is none."""
    some = pl.any_horizontal(*[e.is_not_null() for e in rescued])
    return pl.when(some).then(pl.struct(rescued)).alias(name)


def _warn(decisions: list[dict[str, Any]]) -> None:
    for d in decisions:
        if d.get("reason") == "lossy_type":
            _logger.warning(
                "column %r: %s widened to %s; integers above 2^53 lose digits",
                d["column"],
                d.get("before") or d.get("from"),
                d.get("to"),
            )
