"""The Delta source at run time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polars_incremental.checkpoints.delta import DeltaTableCheckpoint
from polars_incremental.checkpoints.types import DeltaBatch
from polars_incremental.sources.base import PathLike, Source

__all__ = ["DeltaSource", "read_cdf_batch"]


class DeltaSource(Source):
    """Plans the new versions of a Delta table and reads them. ``options`` has the field names of the configuration."""

    checkpoint: DeltaTableCheckpoint

    def __init__(self, path: PathLike, checkpoint_dir: PathLike, options: Mapping[str, Any] | None = None) -> None:
        self.path = Path(path)
        self.options = dict(options or {})
        self.checkpoint = DeltaTableCheckpoint(checkpoint_dir)

    def plan_batch(self) -> DeltaBatch | None:
        o = self.options
        batch = self.checkpoint.plan_batch(
            self.path,
            start_offset=o.get("start_offset"),
            starting_version=o.get("starting_version"),
            starting_timestamp=o.get("starting_timestamp"),
            # an explicit None is "no limit"
            max_files=o.get("max_files_per_trigger", 1000),
            max_bytes=o.get("max_bytes_per_trigger"),
            ignore_deletes=o.get("ignore_deletes", False),
            ignore_changes=o.get("ignore_changes", False),
            read_change_feed=o.get("read_change_feed", False),
        )
        if batch is None:
            return None
        stored = self.checkpoint.write_offset(batch)
        # where to find the log when the batch is read
        object.__setattr__(stored, "_table", str(self.path))
        return stored

    def read_batch(self, batch: DeltaBatch) -> pl.DataFrame:
        if self.options.get("read_change_feed"):
            return read_cdf_batch(batch)
        from polars_incremental._delta_read import read_batch

        return read_batch(batch, self.path)

    def commit_batch(self, batch: DeltaBatch, metadata: Mapping[str, Any] | None = None) -> None:
        self.checkpoint.commit_batch(batch, metadata)

    def _check_reader(self, batch: DeltaBatch, takes_batch: bool) -> None:
        """Refuse a batch that a reader of plain paths would read wrongly."""
        if not takes_batch:
            from polars_incremental._delta_read import check_plain

            check_plain(batch, self.path)


def read_cdf_batch(batch: DeltaBatch) -> pl.DataFrame:
    """The change rows of a batch: the columns of its files, then ``_change_type``, ``_commit_version``, ``_commit_timestamp``."""
    from polars_incremental._delta_read import read_changes

    return read_changes(batch)
