"""The checkpoint of a Delta source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from polars_incremental import _core
from polars_incremental._arguments import is_whole
from polars_incremental.checkpoints._base import Checkpoint, PathLike, keep_record
from polars_incremental.checkpoints.file import flag, limit, text, timestamp
from polars_incremental.checkpoints.types import DeltaBatch, DeltaFileEntry, DeltaOffset

__all__ = ["DeltaTableCheckpoint"]


class DeltaTableCheckpoint(Checkpoint[DeltaBatch]):
    """The checkpoint of a Delta source: which versions make which batch, and which batches are done."""

    _kind = "delta"

    def plan_batch(
        self,
        table_path: PathLike,
        *,
        start_offset: str | None = None,
        starting_version: int | None = None,
        starting_timestamp: float | str | None = None,
        max_files: int | None = 1000,
        max_bytes: int | None = None,
        ignore_deletes: bool = False,
        ignore_changes: bool = False,
        read_change_feed: bool = False,
    ) -> DeltaBatch | None:
        """The pending batch as it is stored, else the next one, else None. Writes no offset."""
        pending = self._pending()
        if pending is not None:
            return pending
        options = {
            "start_offset": start_offset,
            "starting_version": starting_version,
            "starting_timestamp": starting_timestamp,
            "max_files_per_trigger": max_files,
            "max_bytes_per_trigger": max_bytes,
            "ignore_deletes": ignore_deletes,
            "ignore_changes": ignore_changes,
            "read_change_feed": read_change_feed,
        }
        source = (os.path.abspath(table_path), options)
        return self._plan_from(source, lambda: set_source(self._stream, table_path, options))

    def _batch_of(self, record: dict[str, Any]) -> DeltaBatch:
        entries = record.get("file_entries")
        found = None if entries is None else [_entry(e) for e in entries]
        files = list(record.get("files") or ([e.path for e in found] if found else []))
        offset = DeltaOffset(
            record.get("table_id"), record["version"], record["index"], bool(record["is_initial_snapshot"])
        )
        return keep_record(DeltaBatch(record["batch_id"], offset, files, record["created_at"], found), record)

    def _record_of(self, batch: DeltaBatch) -> dict[str, Any]:
        return record_of(batch)

    def _commit_of(self, batch: DeltaBatch) -> dict[str, Any]:
        return {"file_count": len(batch.files), **_position(batch)}


def set_source(stream: _core.Stream, table_path: PathLike, options: Mapping[str, Any]) -> None:
    """Let a stream plan a Delta table. ``options`` has the field names of ``DeltaSource``; no limit of files is 1000."""
    o = options
    version = o.get("starting_version")
    if version is not None and not is_whole(version, 0):
        raise ValueError(f"starting_version must be a version of the table (0 or more), not {version!r}")
    stream.set_delta(
        os.fspath(table_path),
        start_offset=text("start_offset", o.get("start_offset")),
        starting_version=-1 if version is None else int(version),
        starting_timestamp=timestamp("starting_timestamp", o.get("starting_timestamp")),
        max_files=limit("max_files_per_trigger", o.get("max_files_per_trigger", 1000)),
        max_bytes=limit("max_bytes_per_trigger", o.get("max_bytes_per_trigger")),
        ignore_deletes=flag("ignore_deletes", o.get("ignore_deletes")),
        ignore_changes=flag("ignore_changes", o.get("ignore_changes")),
        read_change_feed=flag("read_change_feed", o.get("read_change_feed")),
    )


def record_of(batch: DeltaBatch) -> dict[str, Any]:
    """The offset of a batch that was not planned here."""
    record = {
        "batch_id": batch.batch_id,
        "created_at": batch.created_at,
        "files": list(batch.files),
        **_position(batch),
    }
    record["table_id"] = batch.offset.table_id
    if batch.file_entries is not None:
        record["file_entries"] = [vars(e) for e in batch.file_entries]
    return record


def _entry(e: dict[str, Any]) -> DeltaFileEntry:
    return DeltaFileEntry(
        e["path"], e["commit_version"], e.get("commit_timestamp"), e.get("change_type"), e.get("size") or 0
    )


def _position(batch: DeltaBatch) -> dict[str, Any]:
    offset = batch.offset
    return {"version": offset.version, "index": offset.index, "is_initial_snapshot": offset.is_initial_snapshot}
