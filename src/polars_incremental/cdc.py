"""Change data applied to frames and to Delta tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl

from polars_incremental._frames import collect, common_schema, fit
from polars_incremental.sources.delta import read_cdf_batch

__all__ = ["apply_cdc", "apply_cdc_delta", "read_cdf_batch"]  # noqa: F822

PathLike = str | os.PathLike[str]
Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame"

UPSERTS = ("insert", "update", "update_postimage")
PRE_IMAGE = "update_preimage"
CHANGE_TYPES = (*UPSERTS, "delete", PRE_IMAGE)
MODES = ("merge", "append_only")
_ORDER = "__pli_order"


def apply_cdc(
    changes: Frame,
    existing: Frame | None,
    *,
    keys: str | Sequence[str],
    change_type_col: str = "_change_type",
    change_type_map: Mapping[str, str] | None = None,
    mode: str = "merge",
    ignore_delete: bool = False,
    ignore_update_preimage: bool = True,
    dedupe_by_latest_commit: bool = True,
    commit_version_col: str = "_commit_version",
    commit_timestamp_col: str = "_commit_timestamp",
    collect_kwargs: Mapping[str, Any] | None = None,
) -> pl.DataFrame:
    """Apply change rows to a frame: the last change of a key decides (``merge``), or inserts are added (``append_only``)."""
    frame = collect(changes, collect_kwargs)
    before = None if existing is None else collect(existing, collect_kwargs)
    if frame.height == 0:
        return pl.DataFrame() if before is None else before
    names = key_names(keys)
    decided = prepare(
        frame,
        names,
        change_type_col,
        change_type_map,
        mode,
        ignore_delete,
        dedupe_by_latest_commit,
        commit_version_col,
        commit_timestamp_col,
    )
    metadata = [change_type_col, commit_version_col, commit_timestamp_col]
    if mode == "append_only":
        return _append(decided.rows.drop(metadata, strict=False), before)
    return _merge(decided.rows, before, names, change_type_col, metadata)


class Decided:
    """Change rows that take part, and what became of the others."""

    def __init__(self, rows: pl.DataFrame, rows_in: int, change_types: list[str]) -> None:
        self.rows = rows
        self.rows_in = rows_in
        self.change_types = change_types


def prepare(
    frame: pl.DataFrame,
    keys: list[str],
    change_type_col: str,
    change_type_map: Mapping[str, str] | None,
    mode: str,
    ignore_delete: bool,
    dedupe: bool,
    version_col: str,
    timestamp_col: str,
) -> Decided:
    """Check the changes, bring them into order and leave the rows that decide: in ``merge`` the last one of each key."""
    _check(frame, keys, change_type_col, mode)
    if change_type_map is not None and not isinstance(change_type_map, Mapping):
        raise ValueError(
            f"change_type_map must map values to change types, as {{'I': 'insert'}}, not {change_type_map!r}"
        )
    if change_type_map:
        frame = frame.with_columns(pl.col(change_type_col).cast(pl.String).replace(dict(change_type_map)))
    else:
        frame = frame.with_columns(pl.col(change_type_col).cast(pl.String))
    types = _known_types(frame, change_type_col)
    kind = pl.col(change_type_col)
    _check_null_keys(frame, keys)
    taken = frame.filter(kind != PRE_IMAGE)
    if mode == "append_only":
        taken = taken.filter(kind == "insert")
    elif ignore_delete:
        taken = taken.filter(kind != "delete")
    rows_in = taken.height
    order = [c for c in (version_col, timestamp_col) if c in taken.columns] if dedupe else []
    if order:
        taken = taken.sort(order, maintain_order=True, nulls_last=False)
    if mode == "merge" or dedupe:
        taken = taken.unique(subset=keys, keep="last", maintain_order=True)
    return Decided(taken, rows_in, types)


def key_names(keys: str | Sequence[str]) -> list[str]:
    names = [keys] if isinstance(keys, str) else list(keys or [])
    if not names:
        raise ValueError("keys must name at least one column")
    return list(dict.fromkeys(names))


def _check(frame: pl.DataFrame, keys: list[str], change_type_col: str, mode: str) -> None:
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    missing = [c for c in (*keys, change_type_col) if c not in frame.columns]
    if missing:
        raise ValueError(
            f"the changes lack the column(s) {', '.join(map(repr, missing))}; they have {', '.join(map(repr, frame.columns))}"
        )


def _known_types(frame: pl.DataFrame, column: str) -> list[str]:
    found = frame.get_column(column).unique(maintain_order=True).to_list()
    unknown = [t for t in found if t not in CHANGE_TYPES]
    if unknown:
        raise ValueError(
            f"column {column!r} holds unknown change types {unknown!r}; known are {', '.join(CHANGE_TYPES)} (map others with change_type_map)"
        )
    return [str(t) for t in found]


def _check_null_keys(frame: pl.DataFrame, keys: list[str]) -> None:
    for key in keys:
        n = frame.get_column(key).null_count()
        if n:
            raise ValueError(f"key column {key!r} is null in {n} change row(s); rows without a key cannot be applied")


def _append(new: pl.DataFrame, before: pl.DataFrame | None) -> pl.DataFrame:
    if before is None:
        return new
    target = common_schema([before.schema, new.schema])
    both: list[pl.DataFrame] = [fit(before, target), fit(new, target)]
    return pl.concat(both, how="vertical")


def _merge(
    decided: pl.DataFrame, before: pl.DataFrame | None, keys: list[str], change_type_col: str, metadata: list[str]
) -> pl.DataFrame:
    upserts = decided.filter(pl.col(change_type_col) != "delete").drop(metadata, strict=False)
    if before is None or not before.columns:
        return upserts
    missing = [k for k in keys if k not in before.columns]
    if missing:
        raise ValueError(f"the existing rows lack the key column(s) {', '.join(map(repr, missing))}")
    target = common_schema([before.schema, upserts.schema])
    before = fit(before, target)
    touched = fit(decided.select(keys), {k: target[k] for k in keys})
    kept = before.join(touched, on=keys, how="anti", maintain_order="left")
    carried = [c for c in before.columns if c not in upserts.columns]
    if carried:
        # a column that the changes do not have keeps its old value
        upserts = fit(upserts, {c: target[c] for c in target if c in upserts.columns})
        old = before.select(*keys, *carried).unique(subset=keys, keep="last", maintain_order=True)
        upserts = upserts.join(old, on=keys, how="left", maintain_order="left")
    both: list[pl.DataFrame] = [kept, fit(upserts, target)]
    return pl.concat(both, how="vertical")


def __getattr__(name: str) -> Any:
    # the Delta half stands on this module
    if name == "apply_cdc_delta":
        from polars_incremental.sinks.delta import apply_cdc_delta

        return apply_cdc_delta
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
