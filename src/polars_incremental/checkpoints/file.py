"""The checkpoint of a files source."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from polars_incremental import _core
from polars_incremental._arguments import is_number, is_whole
from polars_incremental.checkpoints._base import Checkpoint, PathLike, keep_record
from polars_incremental.checkpoints.types import BatchInfo
from polars_incremental.errors import PolarsIncrementalError

__all__ = ["FileStreamCheckpoint", "iter_new_files"]


class FileStreamCheckpoint(Checkpoint[BatchInfo]):
    """The checkpoint of a files source: which files make which batch, and which batches are done."""

    _kind = "files"

    def __init__(self, checkpoint_dir: PathLike) -> None:
        super().__init__(checkpoint_dir)
        # set by FileSource: what happens to files of committed batches
        self._clean: tuple[str | None, str | None] = (None, None)
        self._file_format: str | None = None

    def plan_batch(
        self,
        input_dir: PathLike,
        pattern: str = "*.parquet",
        recursive: bool = False,
        max_files: int | None = None,
        max_bytes: int | None = None,
        start_offset: str | None = None,
        start_timestamp: float | str | None = None,
        allow_overwrites: bool = False,
        max_file_age: float | None = None,
        exclude_dirs: Iterable[PathLike] | None = None,
    ) -> BatchInfo | None:
        """The pending batch as it is stored, else the next one, else None. Writes no offset."""
        pending = self._pending()
        if pending is not None:
            return pending
        options = {
            "recursive": recursive,
            "max_files_per_trigger": max_files,
            "max_bytes_per_trigger": max_bytes,
            "start_offset": start_offset,
            "start_timestamp": start_timestamp,
            "allow_overwrites": allow_overwrites,
            "max_file_age": max_file_age,
            "exclude_dirs": [self.checkpoint_dir, *(exclude_dirs or ())],
        }
        source = (os.path.abspath(input_dir), pattern, options, self._file_format, self._clean)
        return self._plan_from(
            source, lambda: set_source(self._stream, input_dir, pattern, options, self._file_format, self._clean)
        )

    def list_pending_batches(self) -> list[BatchInfo]:
        """Batches that were planned and not committed, ascending; those that cannot be read are left out."""
        last = self.latest_commit_batch_id()
        pending = []
        for batch_id in self._ids("offsets"):
            if last is not None and batch_id <= last:
                continue
            try:
                pending.append(self.read_offset(batch_id))
            except (PolarsIncrementalError, OSError, ValueError, KeyError, TypeError):
                continue
        return pending

    def _batch_of(self, record: dict[str, Any]) -> BatchInfo:
        return keep_record(BatchInfo(record["batch_id"], list(record.get("files") or []), record["created_at"]), record)

    def _record_of(self, batch: BatchInfo) -> dict[str, Any]:
        return {
            "batch_id": batch.batch_id,
            "created_at": batch.created_at,
            "files": [os.fspath(f) for f in batch.files],
        }

    def _commit_of(self, batch: BatchInfo) -> dict[str, Any]:
        return {"file_count": len(batch.files)}


def set_source(
    stream: _core.Stream,
    path: PathLike,
    pattern: str,
    options: Mapping[str, Any],
    file_format: str | None = None,
    clean: tuple[str | None, str | None] = (None, None),
) -> None:
    """Let a stream plan files. ``options`` has the field names of ``FilesSource``, and ``exclude_dirs``."""
    o = options
    stream.set_files(
        os.fspath(path),
        format=file_format,
        pattern=text("pattern", pattern),
        recursive=flag("recursive", o.get("recursive")),
        max_files=limit("max_files_per_trigger", o.get("max_files_per_trigger")),
        max_bytes=limit("max_bytes_per_trigger", o.get("max_bytes_per_trigger")),
        start_offset=text("start_offset", o.get("start_offset")),
        start_timestamp=timestamp("start_timestamp", o.get("start_timestamp")),
        allow_overwrites=flag("allow_overwrites", o.get("allow_overwrites")),
        max_file_age=age(o.get("max_file_age")),
        clean_source=clean[0],
        archive_dir=clean[1],
        exclude_dirs=[os.path.realpath(d) for d in o.get("exclude_dirs") or ()],
    )


def iter_new_files(
    input_dir: PathLike,
    checkpoint_dir: PathLike,
    pattern: str = "*.parquet",
    recursive: bool = False,
    start_offset: str | None = None,
    start_timestamp: float | str | None = None,
    allow_overwrites: bool = False,
    max_bytes: int | None = None,
    max_file_age: float | None = None,
) -> list[str]:
    """Plan the next batch, write its offset, and return its files (an empty list if there are none). Does not commit."""
    checkpoint = FileStreamCheckpoint(checkpoint_dir)
    batch = checkpoint.plan_batch(
        input_dir,
        pattern,
        recursive,
        max_bytes=max_bytes,
        start_offset=start_offset,
        start_timestamp=start_timestamp,
        allow_overwrites=allow_overwrites,
        max_file_age=max_file_age,
    )
    return [] if batch is None else list(checkpoint.write_offset(batch).files)


# ---- options as the core takes them


def limit(name: str, value: int | None) -> int:
    """A limit of files or bytes; 0 is the core's "no limit"."""
    if value is None:
        return 0
    if not is_whole(value, 1):
        raise ValueError(f"{name} must be a whole number of at least 1, or None for no limit, not {value!r}")
    return int(value)


def age(value: float | None) -> float:
    if value is None:
        return 0.0
    if not is_number(value, 0):
        raise ValueError(f"max_file_age must be a number of seconds that is not negative, not {value!r}")
    # the core's 0 means no limit; no file is a microsecond older than another of the same time
    return max(float(value), 1e-6)


def text(name: str, value: str | None) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text, not {value!r}")
    return value


def flag(name: str, value: bool | None) -> bool:
    """True or False; a text such as "false" would be true."""
    if isinstance(value, str):
        raise ValueError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def timestamp(name: str, value: float | str | None) -> str | None:
    """A point in time: seconds since the epoch, or ISO 8601."""
    if value is None or isinstance(value, str):
        return value
    isoformat = getattr(value, "isoformat", None)
    if isoformat is not None:
        return str(isoformat())
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number of seconds or ISO 8601, not {value!r}")
    return json.dumps(value if isinstance(value, int) else float(value))
