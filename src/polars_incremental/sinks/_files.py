"""Data files of a Delta table written by Polars itself: its streaming engine has the rows already, so they need not cross. The core
says whether that is allowed and what the files must look like, takes them over with statistics from their footers, and commits."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from polars_incremental.errors import PolarsIncrementalError

# Polars 1 ends the batches of a LazyFrame that fails as if they were all: nothing is streamed there
STREAMS = int(pl.__version__.split(".")[0]) >= 2

_ROW_GROUP = 122_880
# a quarter faster than Polars' own choice, and still a third of the size that snappy makes
_ZSTD_LEVEL = 1
# frames take about so much more room in memory than on disk
_IN_MEMORY = 3
_SIMPLE = (pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.Float32, pl.Float64, pl.Boolean, pl.String, pl.Binary, pl.Date)
_CODECS = {"zstd": "zstd", "snappy": "snappy", "gzip": "gzip", "lz4_raw": "lz4", "uncompressed": "uncompressed"}


def write_files(df: pl.DataFrame | pl.LazyFrame, path: str, table: Any, options: Mapping[str, Any]) -> Any:
    """Write the frame as data files and commit them; what the core says of it. None: the rows must go through the core."""
    schema = df.schema if isinstance(df, pl.DataFrame) else df.collect_schema()
    if not all(_is_same_in_parquet(dtype) for dtype in schema.values()):
        return None
    empty = pl.DataFrame(schema=schema)
    layout = json.loads(table.layout(path, empty, json.dumps(options)))
    if layout.get("repeat"):
        return layout
    if not layout or layout["codec"] not in _CODECS or (layout["partition_by"] and not STREAMS):
        return None
    with _folder(path) as folder:
        files = _write(df, folder, layout)
        try:
            return json.loads(table.write(path, empty, json.dumps({**options, "files": files})))
        except PolarsIncrementalError as exc:
            if exc.code != "COMMIT_CONFLICT" or options.get("mode") == "overwrite":
                raise
            # the table has another shape now than the files were made for
            return None


def _is_same_in_parquet(dtype: Any) -> bool:
    """Does Polars write the type as every reader of Delta tables expects it?"""
    if isinstance(dtype, pl.List):
        return _is_same_in_parquet(dtype.inner)
    if isinstance(dtype, pl.Struct):
        return bool(dtype.fields) and all(_is_same_in_parquet(f.dtype) for f in dtype.fields)
    if isinstance(dtype, pl.Datetime):
        return dtype.time_unit == "us" and dtype.time_zone in (None, "UTC")
    return isinstance(dtype, (*_SIMPLE, pl.Decimal))


@contextmanager
def _folder(path: str) -> Iterator[Path]:
    """A folder inside the table that no reader looks into; it and a table that did not come to be are removed."""
    table = Path(os.path.abspath(path))
    made = [p for p in (table, *table.parents) if not p.exists()]
    folder = table / f".pli-write-{uuid.uuid4()}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for left in made:
            try:
                left.rmdir()
            except OSError:
                break


def _write(df: pl.DataFrame | pl.LazyFrame, folder: Path, layout: Mapping[str, Any]) -> list[dict[str, Any]]:
    encoding: Any = {"compression": _CODECS[layout["codec"]], "row_group_size": _ROW_GROUP}
    if layout["codec"] == "zstd":
        encoding["compression_level"] = _ZSTD_LEVEL
    keys: list[str] = layout["partition_by"]
    if not STREAMS:
        file = folder / "0.parquet"
        frame: Any = df.select(layout["columns"])
        frame = frame.collect() if isinstance(frame, pl.LazyFrame) else frame
        frame.write_parquet(file, **encoding)
        return [{"path": str(file), "keys": []}]
    files: list[dict[str, Any]] = []
    failed = False

    def place(args: Any) -> str:
        if failed:
            raise RuntimeError("the write has failed already")
        values = [_key(v) for v in args.partition_keys.row(0)] if keys else []
        file = folder / f"{len(files)}.parquet"
        files.append({"path": str(file), "keys": values})
        return file.name

    target = pl.PartitionBy(
        str(folder),
        file_path_provider=place,
        key=keys or None,
        include_key=False if keys else None,
        approximate_bytes_per_file=layout["target_size"] * _IN_MEMORY,
    )
    try:
        df.lazy().select([*layout["columns"], *keys]).sink_parquet(target, **encoding)
    except BaseException:
        failed = True
        _wait_for_stragglers(files)
        raise
    return files


def _wait_for_stragglers(files: list[dict[str, Any]]) -> None:
    """A thread of a sink that raised may open its file, and make the folder again, after the folder was removed."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end and not all(os.path.exists(f["path"]) for f in files):
        time.sleep(0.005)


def _key(value: Any) -> str | None:
    """The text of a partition value."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)
