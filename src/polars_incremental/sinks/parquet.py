"""A folder of Parquet files as a sink."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polars_incremental._arguments import whole

__all__ = ["write_parquet_batch"]

PathLike = str | os.PathLike[str]


def write_parquet_batch(
    df: pl.DataFrame | pl.LazyFrame, target: PathLike, batch_id: int, *, collect_kwargs: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Write ``<target>/batch_<batch_id>.parquet`` atomically: a repeated batch replaces its own file."""
    from polars_incremental._frames import collect

    batch_id = whole("batch_id", batch_id)
    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"batch_{batch_id}.parquet"
    unfinished = folder / f".batch_{batch_id}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    frame = collect(df, collect_kwargs)
    try:
        frame.write_parquet(unfinished)
        publish(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    return {"path": str(path)}


def publish(unfinished: Path, path: Path) -> None:
    """Make a finished file visible under its name, durably."""
    with open(unfinished, "rb") as f:
        os.fsync(f.fileno())
    os.replace(unfinished, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
