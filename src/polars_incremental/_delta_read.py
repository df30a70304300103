"""Delta tables read through the core: as lazy frames, and batch by batch."""

from __future__ import annotations

import inspect
import json
import logging
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from polars_incremental import _core
from polars_incremental._arguments import delta_batch, whole
from polars_incremental._frames import unite
from polars_incremental._predicate import to_sql
from polars_incremental.checkpoints.delta import record_of
from polars_incremental.checkpoints.file import timestamp as time_text
from polars_incremental.checkpoints.types import DeltaBatch, DeltaFileEntry
from polars_incremental.errors import UnsupportedFormatError

_logger = logging.getLogger("polars_incremental")

PathLike = str | os.PathLike[str]
_CHUNK = 100_000
_LARGE_CHUNK = 1_000_000
_PLAIN_FILES = 1_000  # at most so many files are looked at
_PLAIN_BYTES = 200_000  # and only if they have so many bytes on average
_TAKES_MISSING_COLUMNS = "missing_columns" in inspect.signature(pl.scan_parquet).parameters  # since Polars 1.31
_ONE_READING: dict[Any, re.Pattern[str]] = {
    pl.String(): re.compile(r"[A-Za-z0-9_.-]+", re.ASCII),
    pl.Date(): re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII),
    pl.Int32(): re.compile(r"-?(0|[1-9][0-9]{0,8})", re.ASCII),
    pl.Int64(): re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII),
}

Open = Callable[[list[str] | None, str | None, int | None], Any]


def scan_delta(table: PathLike, *, version: int | None = None, timestamp: Any = None) -> pl.LazyFrame:
    """A Delta table as a LazyFrame: deletion vectors, column mapping, partition values and every feature the core reads.

    The version is fixed when this is called: the newest one, or the one given or current at ``timestamp``.
    """
    if version is not None and timestamp is not None:
        raise ValueError("give version or timestamp, not both")
    path = os.fspath(table)
    opened = _core.Table(path)
    at = -1 if version is None else whole("version", version)
    text = time_text("timestamp", timestamp)
    if version is None and text is None:
        at = opened.latest_version()
    schema = pl.DataFrame(opened.read(version=at, timestamp=text, limit=0)).schema
    native = _scan_plain(opened, at, text, schema)
    if native is not None:
        return native

    def read(columns: list[str] | None, where: str | None, limit: int | None) -> Any:
        return _core.Table(path).read(
            columns=columns, where=where, version=at, timestamp=text, limit=-1 if limit is None else limit
        )

    return lazy(read, schema)


def _scan_plain(table: Any, version: int, timestamp: str | None, schema: pl.Schema) -> pl.LazyFrame | None:
    """Polars' own reader where it reads the same rows, which is the quicker way into its frames; None where only the core does.

    The core says whether the files are plain; each file's columns must be the table's, of the same types, and partition values
    what Polars makes of the folders' names. Small files are left to the core: they are read sooner than looked at."""
    if not _TAKES_MISSING_COLUMNS:
        return None
    files = json.loads(table.plain_files(_PLAIN_FILES, version, timestamp))
    if not files or sum(f["size"] for f in files) < _PLAIN_BYTES * len(files):
        return None
    partitions = {name: schema[name] for name in files[0]["partitionValues"]}
    inside = pl.Schema({name: dtype for name, dtype in schema.items() if name not in partitions})
    paths = [os.path.abspath(f["path"]) for f in files]
    try:
        told = all(_by_folders(p, f["partitionValues"], partitions) for p, f in zip(paths, files, strict=True))
        if not told or not all(_fits(pl.read_parquet_schema(p), inside) for p in paths):
            return None
    except (OSError, pl.exceptions.PolarsError):
        return None  # the core says what is wrong with the file
    scan = pl.scan_parquet(
        paths,
        schema=inside,
        missing_columns="insert",
        hive_partitioning=bool(partitions),
        hive_schema=partitions or None,
        glob=False,
    )
    return scan.select(list(schema)) if partitions else scan


def _by_folders(path: str, values: dict[str, str | None], partitions: dict[str, pl.DataType]) -> bool:
    """Do the folders tell the partition values without any escapes, in types whose texts have one reading?"""
    if "=" in os.sep.join(path.split(os.sep)[: -1 - len(values)]):
        return False  # a folder above the table looks like a partition
    folders = path.split(os.sep)[-1 - len(values) : -1]
    return len(values) == len(partitions) and all(
        value is not None
        and folder == f"{name}={value}"
        and _ONE_READING.get(partitions[name], re.compile("$.")).fullmatch(value)
        for folder, (name, value) in zip(folders, values.items(), strict=True)
    )


def _fits(file: dict[str, pl.DataType], inside: pl.Schema) -> bool:
    return all(inside.get(name) == dtype for name, dtype in file.items())


def lazy(read: Open, schema: pl.Schema) -> pl.LazyFrame:
    """A LazyFrame over something that gives Arrow streams of chosen columns and rows."""

    def source(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        columns = with_columns if with_columns is not None else list(schema)
        where = to_sql(predicate, schema)
        # rows are counted after the predicate, which may be stricter than what was pushed down
        limit = n_rows if predicate is None else None
        # a reader with no columns would have no rows either
        stream = read(columns or list(schema)[:1], where, limit)
        left = n_rows
        empty = True
        for frame in chunks(stream, batch_size or _CHUNK):
            empty = False
            if predicate is not None:
                frame = frame.filter(predicate)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame.select(columns)
            if left == 0:
                return
        if empty:
            yield pl.DataFrame(schema=schema).select(columns)

    return register_io_source(source, schema=schema)


def chunks(stream: Any, rows: int) -> Iterator[pl.DataFrame]:
    """The frames of an Arrow stream, while Ctrl-C is heard; none if there are no rows."""
    while (part := stream.take(max(rows, 1))) is not None:
        yield pl.DataFrame(part)


def whole_frame(stream: Any) -> pl.DataFrame:
    """All rows of an Arrow stream, while Ctrl-C is heard."""
    parts = list(chunks(stream, _LARGE_CHUNK))
    return pl.concat(parts, rechunk=False) if parts else pl.DataFrame(stream)


# ---- batches


def table_of(batch: DeltaBatch, table: PathLike | None = None) -> str | None:
    """The folder of the table that a batch's files belong to; None if there is no log above them."""
    if table is not None:
        return os.fspath(table)
    known = getattr(batch, "_table", None)
    if known is not None:
        return str(known)
    for file in paths_of(batch)[:1]:
        folder = os.path.dirname(file)
        while True:
            if os.path.isdir(os.path.join(folder, "_delta_log")):
                return folder
            above = os.path.dirname(folder)
            if above == folder:
                return None
            folder = above
    return None


def paths_of(batch: DeltaBatch) -> list[str]:
    if batch.files or not batch.file_entries:
        return list(batch.files)
    return [e.path for e in batch.file_entries]


def read_delta_batch(batch: DeltaBatch) -> pl.DataFrame:
    """The rows of a batch, as the log says: deletion vectors, partition values and column mapping applied. Without a readable log the
    files are read as they are."""
    delta_batch(batch)
    return read_batch(batch)


def read_batch(batch: DeltaBatch, table: PathLike | None = None) -> pl.DataFrame:
    if not paths_of(batch):
        return pl.DataFrame()
    opened = _open_batch(batch, table)
    return _plain(batch.files) if opened is None else whole_frame(opened(None, None, None))


def scan_delta_batch(batch: DeltaBatch, *, table: PathLike | None = None) -> pl.LazyFrame:
    """The rows of a batch as a LazyFrame. Columns, limits and predicates as far as the core knows them are pushed into the reader."""
    delta_batch(batch)
    if not paths_of(batch):
        return pl.LazyFrame()
    opened = _open_batch(batch, table)
    if opened is None:
        return pl.scan_parquet(batch.files, hive_partitioning=False, glob=False)
    frame = lazy(opened, pl.DataFrame(opened(None, None, 0)).schema)
    entries = batch.file_entries or []
    went, came = ({e.commit_version for e in entries if e.change_type == kind} for kind in ("delete", "insert"))
    return frame.sort(*_entry_order(entries), maintain_order=True) if went & came else frame


def _open_batch(batch: DeltaBatch, table: PathLike | None) -> Open | None:
    folder = table_of(batch, table)
    if folder is None:
        return None
    record = getattr(batch, "_record", None) or record_of(batch)
    text = json.dumps(record)
    opened = _core.Table(folder)
    try:
        opened.latest_version()
    except FileNotFoundError:
        return None

    def read(columns: list[str] | None = None, where: str | None = None, limit: int | None = None) -> Any:
        return _core.Table(folder).read_batch(folder, text, columns, where, -1 if limit is None else limit)

    return read


def _plain(files: list[str]) -> pl.DataFrame:
    return unite([pl.read_parquet(f, glob=False, hive_partitioning=False) for f in files])


# ---- change feed

_CDF_COLUMNS = {"_change_type": pl.String(), "_commit_version": pl.Int64(), "_commit_timestamp": pl.Int64()}


def read_changes(batch: DeltaBatch, table: PathLike | None = None) -> pl.DataFrame:
    """The change rows of a batch."""
    delta_batch(batch)
    if batch.file_entries is None:
        return _plain(batch.files)
    if not batch.file_entries:
        return pl.DataFrame()
    opened = _open_batch(batch, table)
    if opened is None:
        return unite([_entry_rows(e) for e in batch.file_entries])
    frame = whole_frame(opened(None, None, None))
    stamp = frame.schema.get("_commit_timestamp")
    if isinstance(stamp, pl.Datetime):
        frame = frame.with_columns(pl.col("_commit_timestamp").dt.epoch("ms"))
    return _in_entry_order(frame, batch.file_entries)


def _in_entry_order(frame: pl.DataFrame, entries: list[DeltaFileEntry]) -> pl.DataFrame:
    """The rows commit by commit, with the times of the entries."""
    times = {e.commit_version: e.commit_timestamp for e in entries if e.commit_timestamp is not None}
    if times:
        at = pl.col("_commit_version").replace_strict(
            list(times), list(times.values()), default=None, return_dtype=pl.Int64
        )
        frame = frame.with_columns(pl.coalesce(at, "_commit_timestamp").alias("_commit_timestamp"))
    return frame.sort(*_entry_order(entries), maintain_order=True)


def _entry_order(entries: list[DeltaFileEntry]) -> list[pl.Expr]:
    """Where the feed was derived from whole files, what a commit removed stands before what it added: a row that it rewrote would
    else end as deleted."""
    derived = sorted({e.commit_version for e in entries if e.change_type is not None})
    version = pl.col("_commit_version")
    return [version, version.is_in(derived) & (pl.col("_change_type") != "delete")]


def _entry_rows(entry: DeltaFileEntry) -> pl.DataFrame:
    frame = pl.read_parquet(entry.path, glob=False, hive_partitioning=False)
    values = {
        "_change_type": entry.change_type,
        "_commit_version": entry.commit_version,
        "_commit_timestamp": entry.commit_timestamp,
    }
    return frame.with_columns(
        [pl.lit(values[c], dtype=t).alias(c) for c, t in _CDF_COLUMNS.items() if c not in frame.columns]
    )


# ---- readers of plain paths


def check_plain(batch: DeltaBatch, path: PathLike) -> None:
    """Refuse a batch whose files are not the rows of the table, for a reader that sees only paths."""
    files = set(paths_of(batch))
    if not files:
        return
    table = _core.Table(os.fspath(path))
    try:
        detail = json.loads(table.detail())[0]
    except FileNotFoundError:
        return
    mode = detail["configuration"].get("delta.columnMapping.mode", "none")
    if mode != "none":
        raise UnsupportedFormatError(
            _plain_hint(path, f"has column mapping ({mode}), so its files have other column names")
        )
    if "deletionVectors" in (detail.get("readerFeatures") or []) and files & _with_deletion_vector(table, batch, path):
        raise UnsupportedFormatError(
            _plain_hint(path, "has deletion vectors in this batch, so its files hold deleted rows")
        )
    if detail["partitionColumns"]:
        _logger.warning(
            "the files of %s lack the partition column(s) %s; a reader that takes `batch` can call read_delta_batch(batch)",
            os.fspath(path),
            ", ".join(detail["partitionColumns"]),
        )


def _plain_hint(path: PathLike, why: str) -> str:
    return f"the table {os.fspath(path)!r} {why}: take `batch` in the reader and return read_delta_batch(batch) or scan_delta_batch(batch)"


def _with_deletion_vector(table: Any, batch: DeltaBatch, path: PathLike) -> set[str]:
    """Files that had a deletion vector in one of the versions that the batch reads."""
    record = getattr(batch, "_record", None) or {}
    versions = {
        batch.offset.version,
        *(record.get("file_versions") or ()),
        *(e.commit_version for e in batch.file_entries or ()),
    }
    root = os.path.realpath(path)
    found = set()
    for version in sorted(versions):
        try:
            rows = json.loads(table.files(version))
        except FileNotFoundError:
            continue
        found |= {os.path.realpath(os.path.join(root, r["path"])) for r in rows if r.get("deletionVector")}
    return found
