"""Configurations of sources: small frozen descriptions that a pipeline turns into run-time sources."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from polars_incremental.sources.base import SourceSpec

__all__ = ["AutoSource", "DeltaSource", "FilesSource", "SourceConfig"]

PathLike = str | os.PathLike[str]


@runtime_checkable
class SourceConfig(Protocol):
    """Anything that gives a :class:`SourceSpec`."""

    def to_spec(self) -> SourceSpec:
        """The source as format, path and options."""
        ...


# A None here means something of its own ("no limit"), so it must reach the planner.
_KEEP_NONE = {("delta", "max_files_per_trigger")}


def _spec(config: Any, format: str) -> SourceSpec:
    from polars_incremental.sources.base import SourceSpec

    options = {
        field.name: value
        for field in fields(config)
        if field.name != "path"
        and ((value := getattr(config, field.name)) is not None or (format, field.name) in _KEEP_NONE)
    }
    return SourceSpec(format=format, path=config.path, options=options)


@dataclass(frozen=True)
class FilesSource:
    """A folder, file or glob whose new files make batches.

    ``file_format`` is one of parquet, csv, json, ndjson, avro, excel; ``pattern`` a glob on names (default ``*.<extension>``).
    """

    path: PathLike
    file_format: str | None = None
    pattern: str | None = None
    recursive: bool = False
    max_files_per_trigger: int | None = None
    max_bytes_per_trigger: int | None = None
    max_file_age: float | None = None
    start_offset: str | None = None
    start_timestamp: float | str | None = None
    allow_overwrites: bool = False
    clean_source: str | None = None
    clean_source_archive_dir: PathLike | None = None

    def to_spec(self) -> SourceSpec:
        return _spec(self, "files")


@dataclass(frozen=True)
class DeltaSource:
    """A Delta table whose new versions make batches.

    ``start_offset`` is ``snapshot`` (default: the present rows, then every later commit), ``latest`` or ``earliest``;
    ``starting_version`` goes before ``starting_timestamp``, which goes before it.
    """

    path: PathLike
    start_offset: str | None = None
    starting_version: int | None = None
    starting_timestamp: float | str | None = None
    max_files_per_trigger: int | None = 1000
    max_bytes_per_trigger: int | None = None
    ignore_deletes: bool = False
    ignore_changes: bool = False
    read_change_feed: bool = False

    def to_spec(self) -> SourceSpec:
        return _spec(self, "delta")


@dataclass(frozen=True)
class AutoSource:
    """A source whose format is found out: from ``file_format``, the pattern, a ``_delta_log``, or the file's suffix."""

    path: PathLike
    file_format: str | None = None
    pattern: str | None = None

    def to_spec(self) -> SourceSpec:
        return _spec(self, "auto")
