"""Checkpoints: what has been planned, and what has been done."""

from polars_incremental.checkpoints.delta import DeltaTableCheckpoint
from polars_incremental.checkpoints.file import FileStreamCheckpoint, iter_new_files
from polars_incremental.checkpoints.types import BatchInfo, DeltaBatch, DeltaFileEntry, DeltaOffset

__all__ = [
    "BatchInfo",
    "DeltaBatch",
    "DeltaFileEntry",
    "DeltaOffset",
    "DeltaTableCheckpoint",
    "FileStreamCheckpoint",
    "iter_new_files",
]
