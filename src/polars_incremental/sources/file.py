"""The files source at run time."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from polars_incremental._frames import unite
from polars_incremental.checkpoints.file import FileStreamCheckpoint
from polars_incremental.checkpoints.types import BatchInfo
from polars_incremental.sources.base import FILE_FORMATS, PathLike, Source, located, resolve_format

__all__ = ["FileSource"]

_READERS: dict[str, Callable[[str], pl.DataFrame]] = {
    "parquet": lambda f: pl.read_parquet(f, glob=False, hive_partitioning=False),
    "csv": lambda f: pl.read_csv(f, glob=False),
    "json": pl.read_json,
    # this reader of Polars takes every path for a glob
    "ndjson": lambda f: pl.read_ndjson(glob.escape(f)),
    "avro": pl.read_avro,
    "excel": pl.read_excel,
}
_CLEAN = ("off", "delete", "archive")


class FileSource(Source):
    """Plans the new files under a path and reads them. ``options`` has the field names of ``FilesSource``."""

    checkpoint: FileStreamCheckpoint

    def __init__(
        self,
        path: PathLike,
        checkpoint_dir: PathLike,
        source_format: str = "files",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        folder, self.options = located(path, options)
        self.path = Path(folder)
        spelled = resolve_format(
            "files" if source_format.strip().lower() == "auto" else source_format, folder, self.options
        )
        self.file_format, suffix = FILE_FORMATS[spelled]
        self.pattern: str = self.options.get("pattern") or f"*.{suffix}"
        # folders below the path that are never looked into, beside the checkpoint (a pipeline adds its sink)
        self.exclude_dirs: list[PathLike] = []
        clean = clean_of(self.path, self.options)
        self.checkpoint = FileStreamCheckpoint(checkpoint_dir)
        self.checkpoint._clean = clean

    def plan_batch(self) -> BatchInfo | None:
        batch = self._planned()
        return None if batch is None else self.checkpoint.write_offset(batch)

    def _planned(self) -> BatchInfo | None:
        o = self.options
        return self.checkpoint.plan_batch(
            self.path,
            self.pattern,
            recursive=o.get("recursive", False),
            max_files=o.get("max_files_per_trigger"),
            max_bytes=o.get("max_bytes_per_trigger"),
            start_offset=o.get("start_offset"),
            start_timestamp=o.get("start_timestamp"),
            allow_overwrites=o.get("allow_overwrites", False),
            max_file_age=o.get("max_file_age"),
            exclude_dirs=self.exclude_dirs or None,
        )

    def read_batch(self, batch: BatchInfo) -> pl.DataFrame:
        read = _READERS[self.file_format]
        return unite([read(f) for f in batch.files])

    def commit_batch(self, batch: BatchInfo, metadata: Mapping[str, Any] | None = None) -> None:
        self.checkpoint.commit_batch(batch, metadata)


def clean_of(path: Path, options: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """What happens to files of committed batches, and the archive's folder."""
    mode = options.get("clean_source")
    if mode is None:
        return None, None
    word = mode.strip().lower() if isinstance(mode, str) else mode
    if word not in _CLEAN:
        raise ValueError(f"clean_source must be one of {', '.join(_CLEAN)}, not {mode!r}")
    if word != "archive":
        return word, None
    archive = options.get("clean_source_archive_dir")
    archive = path / "_archive" if archive is None else Path(archive)
    if os.path.realpath(archive) == os.path.realpath(path):
        raise ValueError(f"clean_source_archive_dir must not be the source folder itself ({str(path)!r})")
    return word, os.fspath(archive)
