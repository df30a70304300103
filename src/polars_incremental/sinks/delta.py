"""Delta tables as sinks. Inside a pipeline's writer every write is exactly-once: the batch's number goes into the commit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

from polars_incremental import _core
from polars_incremental._arguments import is_whole
from polars_incremental._casts import cast, to_json
from polars_incremental._delta_read import scan_delta
from polars_incremental._frames import collect
from polars_incremental._running import running_batch
from polars_incremental.cdc import Decided, key_names, prepare
from polars_incremental.errors import SchemaEvolutionError
from polars_incremental.schema import widen
from polars_incremental.sinks._files import STREAMS, write_files

__all__ = ["DeltaSink", "apply_cdc_delta", "write_delta"]

PathLike = str | os.PathLike[str]
Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame"
Txn = tuple[str, int]

_MODES = ("append", "overwrite", "error", "ignore")
_SCHEMA_MODES = (None, "merge", "overwrite")
_BACKEND = "pli"
_CHUNK = 250_000


def write_delta(
    df: Frame,
    target: PathLike,
    mode: str = "append",
    *,
    schema_mode: str | None = None,
    dynamic_partitions: bool = False,
    replace_where: str | None = None,
    collect_kwargs: Mapping[str, Any] | None = None,
    txn: Txn | None = None,
) -> str:
    """Write a frame to a Delta table in one commit; the table is created if it is not there. A LazyFrame is streamed.

    ``mode`` is append, overwrite, error or ignore (what happens when the table is there); ``schema_mode`` None (columns must fit the
    table's), merge (new columns are added) or overwrite. An overwrite replaces all rows; with ``dynamic_partitions`` those of the
    partitions that the frame has rows for, with ``replace_where`` (SQL) those that meet it, as the new ones must. Inside a pipeline a repeated batch changes nothing; elsewhere give
    ``txn=(application id, version)`` for that. Returns the name of the backend.
    """
    _check_frame(df)
    if mode not in _MODES:
        raise ValueError(f"mode must be one of {', '.join(_MODES)}, not {mode!r}")
    check_schema_mode(schema_mode)
    part = _overwrite(mode, dynamic_partitions, replace_where, mode == schema_mode == "overwrite")
    path = os.fspath(target)
    identity = identity_of(path, txn)
    if mode in ("error", "ignore"):
        if exists(path):
            if mode == "ignore" or _is_repeat(path, identity):
                return _BACKEND
            raise FileExistsError(
                f"there is a Delta table at {path!r} already; mode 'append' or 'overwrite' writes to it"
            )
        mode = "append"
    if schema_mode is None:
        _check_fits(df, path, identity)
    options = {
        "mode": mode,
        "merge_schema": schema_mode == "merge",
        **part,
        **identity,
    }
    commit(df, path, options, collect_kwargs)
    return _BACKEND


@dataclass(frozen=True)
class DeltaSink:
    """A writer for pipelines: ``Pipeline(..., writer=DeltaSink("table"))``. Exactly-once; streams a LazyFrame.

    ``mode`` is append, overwrite, or merge, which applies ``_change_type`` rows by ``keys``; ``merge_schema`` adds new columns to the
    table; ``partition_by`` and ``properties`` are for a table that is created. An overwrite replaces all rows; with
    ``dynamic_partitions`` those of the partitions that a batch has rows for, with ``replace_where`` (SQL) those that meet it, as the
    new ones must, with ``overwrite_schema`` the schema too. Returns ``{"rows", "version", "files"}``.
    """

    target: PathLike
    mode: str = "append"
    merge_schema: bool = False
    partition_by: str | Sequence[str] | None = None
    keys: str | Sequence[str] | None = None
    properties: Mapping[str, str] | None = None
    overwrite_schema: bool = False
    dynamic_partitions: bool = False
    replace_where: str | None = None

    _exactly_once = True

    def __post_init__(self) -> None:
        if self.mode not in ("append", "overwrite", "merge"):
            raise ValueError(f"mode must be append, overwrite or merge, not {self.mode!r}")
        if (self.mode == "merge") != bool(self.keys):
            raise ValueError("mode 'merge' needs keys" if self.mode == "merge" else "keys are for mode 'merge'")
        self._part()

    def __call__(self, df: Frame) -> dict[str, int]:
        _check_frame(df)
        path = os.fspath(self.target)
        if self.mode == "merge":
            return self._merge(_rescue_as_text(df), path)
        options = {"mode": self.mode, **self._new_table(), **self._part(), **identity_of(path, None)}
        done = commit(_rescue_as_text(df), path, options, None)
        return {"rows": done.get("rows", 0), "version": done["version"], "files": len(done.get("addedFiles") or ())}

    def _merge(self, df: Frame, path: str) -> dict[str, int]:
        schema_mode = "merge" if self.merge_schema else None
        _, done = _apply(df, path, _Changes(keys=self.keys or ()), schema_mode, None, None, self._new_table())
        if done is None:
            return {"rows": 0, "version": _core.Table(path).latest_version() if exists(path) else -1, "files": 0}
        files = done.get("filesAdded", len(done.get("addedFiles") or ()))
        return {"rows": done.get("rows", 0), "version": done["version"], "files": files}

    def _part(self) -> dict[str, Any]:
        return _overwrite(self.mode, self.dynamic_partitions, self.replace_where, self.overwrite_schema)

    def _new_table(self) -> dict[str, Any]:
        columns = [self.partition_by] if isinstance(self.partition_by, str) else list(self.partition_by or ())
        return {"merge_schema": self.merge_schema, "partition_by": columns, "properties": dict(self.properties or {})}


# ---- change data


def apply_cdc_delta(
    df: Frame,
    target: PathLike,
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
    schema_mode: str | None = None,
    txn: Txn | None = None,
) -> dict[str, Any]:
    """Apply change rows to the Delta table, as :func:`polars_incremental.apply_cdc` applies them to a frame. One atomic commit that
    touches only affected files; memory is needed for the changes, not for the table. The table is created if it is not there.

    New columns need ``schema_mode="merge"``. Returns ``rows_in``, ``rows_out``,
    ``action`` (merge, append_only, noop) and, merging into an existing table, ``change_types``.
    """
    changes = _Changes(
        keys,
        change_type_col,
        change_type_map,
        mode,
        ignore_delete,
        dedupe_by_latest_commit,
        commit_version_col,
        commit_timestamp_col,
    )
    result, _ = _apply(df, os.fspath(target), changes, schema_mode, txn, collect_kwargs, {})
    return result


@dataclass(frozen=True)
class _Changes:
    """How change rows are to be understood."""

    keys: str | Sequence[str]
    change_type_col: str = "_change_type"
    change_type_map: Mapping[str, str] | None = None
    mode: str = "merge"
    ignore_delete: bool = False
    dedupe: bool = True
    version_col: str = "_commit_version"
    timestamp_col: str = "_commit_timestamp"

    def prepare(self, frame: pl.DataFrame) -> Decided:
        return prepare(
            frame,
            key_names(self.keys),
            self.change_type_col,
            self.change_type_map,
            self.mode,
            self.ignore_delete,
            self.dedupe,
            self.version_col,
            self.timestamp_col,
        )

    def rows(self, decided: Decided) -> pl.DataFrame:
        return decided.rows.drop([self.change_type_col, self.version_col, self.timestamp_col], strict=False)


def _apply(
    df: Frame,
    path: str,
    how: _Changes,
    schema_mode: str | None,
    txn: Txn | None,
    collect_kwargs: Mapping[str, Any] | None,
    new_table: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    check_schema_mode(schema_mode)
    frame = collect(df, collect_kwargs)
    if frame.height == 0:
        return {"rows_in": 0, "rows_out": 0, "action": "noop"}, None
    decided = how.prepare(frame)
    identity = identity_of(path, txn)
    there = exists(path)
    result: dict[str, Any] = {"rows_in": decided.rows_in, "rows_out": 0, "action": "noop"}
    if there and how.mode == "merge":
        result["change_types"] = decided.change_types
    rows = how.rows(decided)
    deleted = decided.rows.get_column(how.change_type_col) == "delete"
    if how.mode == "append_only" or not there:
        rows = rows.filter(~deleted)
    if rows.height == 0:
        return result, None
    if there:
        rows = _fit_table(rows, path, schema_mode)
    if there and how.mode == "merge":
        changes = rows.with_columns(deleted.alias("_pli_delete"))
        options = {"keys": key_names(how.keys), "merge_schema": schema_mode is not None, **identity}
        done = commit(changes, path, options, None, how="apply")
        result["rows_out"] = 0 if done.get("repeat") else _row_count(path)
    else:
        done = commit(
            rows, path, {"mode": "append", **new_table, **identity, "merge_schema": schema_mode is not None}, None
        )
        result["rows_out"] = 0 if done.get("repeat") else rows.height
    if not done.get("repeat"):
        result["action"] = how.mode
    return result, done


def _row_count(path: str) -> int:
    """Rows of the table: by its log if all files say, else they are read."""
    total = 0
    for file in json.loads(_core.Table(path).files()):
        rows = (file.get("stats") or {}).get("numRecords")
        if rows is None:
            return int(scan_delta(path).select(pl.len()).collect().item())
        total += rows - (file.get("deletionVector") or {}).get("cardinality", 0)
    return total


_AS_STORED: dict[Any, Any] = {
    pl.UInt8: pl.Int16(),
    pl.UInt16: pl.Int32(),
    pl.UInt32: pl.Int64(),
    pl.UInt64: pl.Decimal(20, 0),
}


def _fit_table(rows: pl.DataFrame, path: str, schema_mode: str | None) -> pl.DataFrame:
    """The changes in the table's types; new columns only if they are allowed."""
    table = scan_delta(path).collect_schema()
    by_name = {name.lower(): name for name in table}
    new = [c for c in rows.columns if c.lower() not in by_name]
    if new and schema_mode is None:
        raise SchemaEvolutionError(
            f"the changes have the column(s) {', '.join(map(repr, new))}, which the table {path!r} lacks; schema_mode='merge' adds them"
        )
    rows = rows.drop([c for c in new if rows.schema[c] == pl.Null])
    casts = []
    for name, dtype in rows.schema.items():
        source: Any = _AS_STORED.get(dtype, dtype)
        if isinstance(dtype, (pl.Enum, pl.Categorical)) or dtype == pl.Time:
            source = pl.String()
        elif isinstance(dtype, pl.Datetime):
            source = pl.Datetime("us", "UTC" if dtype.time_zone else None)
        elif isinstance(dtype, pl.Duration):
            source = pl.Int64()
        wanted = source if name in new else table[by_name[name.lower()]]
        if widen(wanted, source, name) != wanted:
            raise SchemaEvolutionError(f"column {name!r}: the table {path!r} has {wanted}, which does not hold {dtype}")
        if dtype != wanted:
            casts.append(cast(pl.col(name), dtype, wanted).alias(name))
    return rows.with_columns(casts)


# ---- what all writes share


def check_schema_mode(schema_mode: str | None) -> None:
    if schema_mode not in _SCHEMA_MODES:
        raise ValueError(f"schema_mode must be None, 'merge' or 'overwrite', not {schema_mode!r}")


def _overwrite(mode: str, dynamic: bool, where: str | None, schema: bool) -> dict[str, Any]:
    """What an overwrite takes away beside or instead of all rows."""
    if where is not None and not where.strip():
        raise ValueError("replace_where must be an SQL condition")
    asked = {"dynamic_partitions": dynamic, "replace_where": where is not None, "overwrite_schema": schema}
    names = [name for name, wanted in asked.items() if wanted]
    if names and mode != "overwrite":
        raise ValueError(f"{names[0]} is for mode 'overwrite'")
    if len(names) > 1:
        raise ValueError(f"an overwrite has one of {' and '.join(names)}")
    return {"dynamic_partitions": dynamic, "replace_where": where, "overwrite_schema": schema}


def exists(path: str) -> bool:
    """Is there a Delta table?"""
    try:
        _core.Table(path).latest_version()
    except FileNotFoundError:
        return False
    return True


def identity_of(path: str, txn: Txn | None) -> dict[str, Any]:
    """The transaction of a write: the caller's own, or that of the batch that is running here."""
    if txn is not None:
        named = isinstance(txn, tuple) and len(txn) == 2 and isinstance(txn[0], str) and txn[0] and is_whole(txn[1], 0)
        if not named:
            raise ValueError(f"txn must be (application id, version), a text and a whole number, not {txn!r}")
        return {"txn": {"app_id": txn[0], "version": int(txn[1])}}
    batch = running_batch.get()
    if batch is None:
        return {}
    app_id = batch.next_app_id(path)
    identity: dict[str, Any] = {
        "txn": {
            "app_id": app_id,
            "version": batch.batch_id,
            "attempt": batch.attempt,
            "offset_sha256": batch.offset_sha256,
            "files": batch.n_files,
        }
    }
    before = batch.committed_to(path, app_id)
    if before is not None:
        identity["expect"] = before
    return identity


def commit(
    df: Frame, path: str, options: Mapping[str, Any], collect_kwargs: Mapping[str, Any] | None, how: str = "write"
) -> dict[str, Any]:
    """Write a frame, apply it as changes, or merge it; what the core says of it."""
    _check_frame(df)
    if collect_kwargs:
        df = collect(df, collect_kwargs)
    table = _core.Table(path)
    done: dict[str, Any] | None = write_files(df, path, table, options) if how == "write" else None
    if done is None:
        rows = _rows(df)
        try:
            done = json.loads(getattr(table, how)(path, rows, json.dumps(options)))
        except Exception:
            error = getattr(rows, "error", None)
            # or this frame, which the error's traceback holds, would keep it for ever
            del rows
            if error is not None:
                # what the frame itself raised while it was computed
                raise error from None
            raise
    batch = running_batch.get()
    if batch is not None and done.get("txnAppId"):
        batch.note(done)
    return done


def _check_frame(df: Frame) -> None:
    if not isinstance(df, (pl.DataFrame, pl.LazyFrame)):
        raise TypeError(f"a Polars DataFrame or LazyFrame is needed, not {type(df).__name__}")
    schema = df.schema if isinstance(df, pl.DataFrame) else df.collect_schema()
    if not schema:
        raise SchemaEvolutionError("a frame without columns cannot be written to a Delta table")
    objects = [name for name, dtype in schema.items() if _holds_objects(dtype)]
    if objects:  # Polars exports them as addresses
        names = ", ".join(map(repr, objects))
        raise SchemaEvolutionError(
            f"Python objects cannot be written to a Delta table: column(s) {names} of type Object"
        )


def _holds_objects(dtype: Any) -> bool:
    if isinstance(dtype, pl.Struct):
        return any(_holds_objects(f.dtype) for f in dtype.fields)
    return bool(dtype == pl.Object) or (isinstance(dtype, (pl.List, pl.Array)) and _holds_objects(dtype.inner))


def _rows(df: Frame) -> Any:
    """Something with ``__arrow_c_stream__``: a frame, or a LazyFrame's batches as they are computed."""
    if isinstance(df, pl.DataFrame):
        return df
    if not STREAMS:
        return collect(df)
    batches: Iterator[pl.DataFrame] = iter(df.collect_batches(chunk_size=_CHUNK, maintain_order=True))
    return _core.Feed(pl.DataFrame(schema=df.collect_schema()), batches)


def _rescue_as_text(df: Frame) -> Frame:
    """A rescue struct as JSON text: its fields change from batch to batch, the table's column keeps one type."""
    batch = running_batch.get()
    name = batch.rescue_column if batch is not None else "_rescued"
    schema = df.schema if isinstance(df, pl.DataFrame) else df.collect_schema()
    dtype = schema.get(name)
    if not isinstance(dtype, pl.Struct) or any(f.dtype != pl.String for f in dtype.fields):
        return df
    return df.with_columns(to_json(pl.col(name)).alias(name))


def _check_fits(df: Frame, path: str, identity: Mapping[str, Any]) -> None:
    """Without a schema mode the columns must be those of the table; types are the core's affair."""
    try:
        detail = json.loads(_core.Table(path).detail())[0]
    except FileNotFoundError:
        return
    have = set(df.columns if isinstance(df, pl.DataFrame) else df.collect_schema())
    want = {f["name"] for f in detail["schema"]["fields"]}
    folded = {c.lower() for c in have}
    missing = sorted(c for c in want - have if c.lower() not in folded)
    if missing and not _is_repeat(path, identity):
        raise SchemaEvolutionError(
            f"the frame lacks the column(s) {', '.join(map(repr, missing))} of the table {path!r}; schema_mode='merge' writes nulls there"
        )


def _is_repeat(path: str, identity: Mapping[str, Any]) -> bool:
    """Was the table created by this very write?"""
    txn = identity.get("txn")
    if txn is None:
        return False
    detail = json.loads(_core.Table(path).detail())[0]
    return any(t["appId"] == txn["app_id"] and t["version"] >= txn["version"] for t in detail["setTransactions"])
