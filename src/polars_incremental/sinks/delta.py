"""Delta tables as sinks. Inside a pipeline's writer every write is exactly-once: the batch's number goes into the commit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import polars as pl

from polars_incremental import _core
from polars_incremental._casts import to_json
from polars_incremental._running import running_batch
from polars_incremental.errors import SchemaEvolutionError

__all__ = ["DeltaSink", "write_delta"]

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
    collect_kwargs: Mapping[str, Any] | None = None,
    txn: Txn | None = None,
) -> str:
    """Write a frame to a Delta table in one commit; the table is created if it is not there. A LazyFrame is streamed.

    ``mode`` is append, overwrite, error or ignore (what happens when the table is there); ``schema_mode`` None (columns must fit the
    table's), merge (new columns are added) or overwrite. Inside a pipeline a repeated batch changes nothing; elsewhere give
    ``txn=(application id, version)`` for that. Returns the name of the backend.
    """
    if mode not in _MODES:
        raise ValueError(f"mode must be one of {', '.join(_MODES)}, not {mode!r}")
    check_schema_mode(schema_mode)
    path = os.fspath(target)
    identity = identity_of(path, txn)
    if mode in ("error", "ignore"):
        if exists(path):
            if mode == "ignore" or _is_repeat(path, identity):
                return _BACKEND
            raise FileExistsError(f"there is a Delta table at {path!r} already; mode 'append' or 'overwrite' writes to it")
        mode = "append"
    if schema_mode is None:
        _check_fits(df, path, identity)
    options = {"mode": mode, "merge_schema": schema_mode == "merge", "overwrite_schema": schema_mode == "overwrite", **identity}
    commit(df, path, options, collect_kwargs)
    return _BACKEND


@dataclass(frozen=True)
class DeltaSink:
    """A writer for pipelines: ``Pipeline(..., writer=DeltaSink("table"))``. Exactly-once; streams a LazyFrame.

    ``mode`` is append or overwrite; ``merge_schema`` adds new columns to the table; ``partition_by`` and ``properties`` are for a table that
    is created. Returns ``{"rows", "version", "files"}``.
    """

    target: PathLike
    mode: str = "append"
    merge_schema: bool = False
    partition_by: str | Sequence[str] | None = None
    keys: str | Sequence[str] | None = None
    properties: Mapping[str, str] | None = None

    _exactly_once = True

    def __post_init__(self) -> None:
        if self.mode not in ("append", "overwrite"):
            raise ValueError(f"mode must be append or overwrite, not {self.mode!r}")

    def __call__(self, df: Frame) -> dict[str, int]:
        path = os.fspath(self.target)
        columns = [self.partition_by] if isinstance(self.partition_by, str) else list(self.partition_by or ())
        options = {
            "mode": self.mode,
            "merge_schema": self.merge_schema,
            "partition_by": columns,
            "properties": dict(self.properties or {}),
            **identity_of(path, None),
        }
        done = commit(_rescue_as_text(df), path, options, None)
        return {"rows": done.get("rows", 0), "version": done["version"], "files": len(done.get("addedFiles") or ())}


# ---- what all writes share


def check_schema_mode(schema_mode: str | None) -> None:
    if schema_mode not in _SCHEMA_MODES:
        raise ValueError(f"schema_mode must be None, 'merge' or 'overwrite', not {schema_mode!r}")


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
        app_id, version = txn
        if not isinstance(app_id, str) or not app_id:
            raise ValueError(f"txn must be (application id, version), not {txn!r}")
        return {"txn": {"app_id": app_id, "version": int(version)}}
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


def commit(df: Frame, path: str, options: Mapping[str, Any], collect_kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Write a frame; what the core says of it."""
    rows = _rows(df, collect_kwargs)
    try:
        done: dict[str, Any] = json.loads(_core.Table(path).write(path, rows, json.dumps(options)))
    except Exception:
        error = getattr(rows, "error", None)
        if error is not None:
            # what the frame itself raised while it was computed
            raise error from None
        raise
    batch = running_batch.get()
    if batch is not None and done.get("txnAppId"):
        batch.note(done)
    return done


def _rows(df: Frame, collect_kwargs: Mapping[str, Any] | None) -> Any:
    """Something with ``__arrow_c_stream__``: a frame, or a LazyFrame's batches as they are computed."""
    if isinstance(df, pl.DataFrame):
        _check_columns(df.columns)
        return df
    if not isinstance(df, pl.LazyFrame):
        raise TypeError(f"a Polars DataFrame or LazyFrame is needed, not {type(df).__name__}")
    schema = df.collect_schema()
    _check_columns(list(schema))
    collect_batches = getattr(df, "collect_batches", None)
    if collect_kwargs or collect_batches is None:
        frame: Any = df.collect(**dict(collect_kwargs or {}))
        return frame
    batches: Iterator[pl.DataFrame] = iter(collect_batches(chunk_size=_CHUNK, maintain_order=True))
    return _core.Feed(pl.DataFrame(schema=schema), batches)


def _check_columns(columns: Sequence[str]) -> None:
    if not columns:
        raise SchemaEvolutionError("a frame without columns cannot be written to a Delta table")


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
