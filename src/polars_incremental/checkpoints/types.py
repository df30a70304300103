"""What a planned batch looks like."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BatchInfo", "DeltaBatch", "DeltaFileEntry", "DeltaOffset"]


@dataclass(frozen=True)
class BatchInfo:
    """A batch of files: its number, the absolute paths of its inputs, and when it was planned."""

    batch_id: int
    files: list[str]
    created_at: float


@dataclass(frozen=True)
class DeltaOffset:
    """A position in a Delta table: the last action that a batch consumes."""

    table_id: str | None
    version: int
    index: int
    is_initial_snapshot: bool


@dataclass(frozen=True)
class DeltaFileEntry:
    """A file of a change feed. ``change_type`` is None for files that hold their own; ``commit_timestamp`` is in ms."""

    path: str
    commit_version: int
    commit_timestamp: int | None
    change_type: str | None
    size: int


@dataclass(frozen=True)
class DeltaBatch:
    """A batch of a Delta table. ``file_entries`` is None unless the change feed is read."""

    batch_id: int
    offset: DeltaOffset
    files: list[str]
    created_at: float
    file_entries: list[DeltaFileEntry] | None = None
