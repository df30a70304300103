"""Small helpers over Polars frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl


def unite(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of all frames, united by column name; columns of different types get the common type of type widening."""
    if not frames:
        return pl.DataFrame()
    if len(frames) == 1:
        return frames[0]
    first = frames[0].schema
    if all(f.schema == first for f in frames[1:]):
        return pl.concat(frames, how="vertical", rechunk=False)
    target = common_schema([f.schema for f in frames])
    fitted: list[pl.DataFrame] = [fit(f, target) for f in frames]
    return pl.concat(fitted, how="vertical", rechunk=False)


def common_schema(schemas: Sequence[Mapping[str, pl.DataType]]) -> dict[str, pl.DataType]:
    """Columns of all schemas in order of appearance, each with the widest of its types."""
    from polars_incremental.schema import widen

    target: dict[str, pl.DataType] = {}
    for schema in schemas:
        for name, dtype in schema.items():
            known = target.get(name)
            target[name] = dtype if known is None or known == dtype else widen(known, dtype, name)
    return target


def fit(frame: Any, target: Mapping[str, pl.DataType]) -> Any:
    """The frame (eager or lazy) with exactly these columns, cast to these types; what it lacks is null."""
    from polars_incremental._casts import cast

    schema = frame.schema if isinstance(frame, pl.DataFrame) else frame.collect_schema()
    return frame.select(
        [
            pl.lit(None, dtype=dtype).alias(name)
            if name not in schema
            else (pl.col(name) if schema[name] == dtype else cast(pl.col(name), schema[name], dtype).alias(name))
            for name, dtype in target.items()
        ]
    )


def collect(frame: Any, collect_kwargs: Mapping[str, Any] | None = None) -> pl.DataFrame:
    """A DataFrame of a DataFrame or LazyFrame."""
    if isinstance(frame, pl.LazyFrame):
        result: Any = frame.collect(**dict(collect_kwargs or {}))
        return pl.DataFrame(result)
    if isinstance(frame, pl.DataFrame):
        return frame
    raise TypeError(f"a Polars DataFrame or LazyFrame is needed, not {type(frame).__name__}")
