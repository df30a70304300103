"""What a source is at run time, and how a description becomes one."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from polars_incremental.errors import UnsupportedFormatError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Source", "SourceSpec"]

PathLike = str | os.PathLike[str]

# every spelling of a file format: (what it is called, the suffix that it gives the default pattern)
FILE_FORMATS: dict[str, tuple[str, str]] = {
    "parquet": ("parquet", "parquet"),
    "csv": ("csv", "csv"),
    "json": ("json", "json"),
    "ndjson": ("ndjson", "ndjson"),
    "jsonl": ("ndjson", "jsonl"),
    "avro": ("avro", "avro"),
    "excel": ("excel", "xlsx"),
    "xlsx": ("excel", "xlsx"),
    "xls": ("excel", "xls"),
}
_MAGIC = frozenset("*?[")
_SUFFIXES = {**{name: name for name in FILE_FORMATS if name != "excel"}, "parq": "parquet"}


class Source(ABC):
    """A source at run time: plans batches, reads them, and commits them."""

    path: Path
    checkpoint: Any

    @abstractmethod
    def plan_batch(self) -> Any:
        """The next batch, or None; its offset is written before it is returned."""

    @abstractmethod
    def read_batch(self, batch: Any) -> pl.DataFrame:
        """The rows of a batch."""

    @abstractmethod
    def commit_batch(self, batch: Any, metadata: Mapping[str, Any] | None = None) -> None:
        """Mark a batch as done."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r}, checkpoint={str(self.checkpoint.checkpoint_dir)!r})"


@dataclass(frozen=True)
class SourceSpec:
    """A source as format, path and options (the field names of ``FilesSource`` and ``DeltaSource``)."""

    format: str
    path: PathLike
    options: dict[str, Any] = field(default_factory=dict)

    def with_checkpoint(self, checkpoint_dir: PathLike) -> Source:
        """The source at run time. Creates the checkpoint; ``UnsupportedFormatError`` comes before that."""
        from polars_incremental.sources.delta import DeltaSource
        from polars_incremental.sources.file import FileSource

        path, options = located(self.path, self.options)
        kind = resolve_format(self.format, path, options)
        if kind == "delta":
            return DeltaSource(self.path, checkpoint_dir, self.options)
        return FileSource(path, checkpoint_dir, kind, options)


def located(path: PathLike, options: Mapping[str, Any] | None) -> tuple[PathLike, dict[str, Any]]:
    """The folder (or file) of a source, and its options: a path that is a glob gives its fixed part and a pattern.

    What exists under the very name is meant itself, also with ``*`` or ``[`` in it.
    """
    options = dict(options or {})
    parts = PurePath(path).parts
    fixed = next((i for i, part in enumerate(parts) if _MAGIC.intersection(part)), None)
    if fixed is None or options.get("pattern") or os.path.lexists(path):
        return path, options
    return PurePath(*parts[:fixed]), {**options, "pattern": "/".join(parts[fixed:])}


def resolve_format(format: str, path: PathLike, options: Mapping[str, Any]) -> str:
    """``delta``, or a file format as the user spells it."""
    name = _word(format)
    if name == "delta":
        return "delta"
    if name not in FILE_FORMATS and name not in ("files", "file", "auto"):
        raise UnsupportedFormatError(
            f"unknown source format {format!r}; there are delta, files, auto, {', '.join(FILE_FORMATS)}"
        )
    given = options.get("file_format")
    if given is not None:
        word = _word(given)
        if word == "delta" and name == "auto":
            return "delta"
        if word not in FILE_FORMATS:
            raise UnsupportedFormatError(f"unknown file format {given!r}; there are {', '.join(FILE_FORMATS)}")
        return word
    if name in FILE_FORMATS:
        return name
    return _find_out(path, options, delta=name == "auto")


def _word(format: Any) -> str:
    if not isinstance(format, str):
        raise UnsupportedFormatError(f"a format must be a text, not {format!r}")
    return format.strip().lower()


def _find_out(path: PathLike, options: Mapping[str, Any], delta: bool) -> str:
    pattern = options.get("pattern")
    by_pattern = format_of_name(pattern) if isinstance(pattern, str) else None
    if by_pattern:
        return by_pattern
    if delta and os.path.isdir(os.path.join(os.fspath(path), "_delta_log")):
        return "delta"
    by_path = format_of_name(os.fspath(path)) if os.path.isfile(path) else None
    return by_path or "parquet"


def format_of_name(name: str) -> str | None:
    """File format by any suffix of a name, the last that says one; None if none does."""
    for suffix in reversed(PurePath(name).suffixes):
        found = _SUFFIXES.get(suffix[1:].lower())
        if found:
            return found
    return None
