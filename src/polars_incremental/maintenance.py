"""Looking after checkpoints and Delta tables."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from polars_incremental import _core, _locking
from polars_incremental._arguments import is_number, whole
from polars_incremental._running import running_checkpoints
from polars_incremental.errors import PipelineLockError

__all__ = [
    "CheckpointInfo",
    "CleanupResult",
    "TruncateResult",
    "cleanup_checkpoint",
    "cleanup_snapshot_cache",
    "inspect_checkpoint",
    "optimize_delta_table",
    "reset_checkpoint_schema",
    "reset_checkpoint_start_offset",
    "truncate_checkpoint",
    "vacuum_delta_table",
]

PathLike = str | os.PathLike[str]
Result = TypeVar("Result")
_POLL = 0.05


@dataclass(frozen=True)
class CleanupResult:
    """How many records a cleanup removed (or would remove) and kept."""

    removed_offsets: int
    removed_commits: int
    kept_offsets: int
    kept_commits: int


@dataclass(frozen=True)
class TruncateResult:
    """How many records a truncation removed (or would remove) and kept."""

    removed_offsets: int
    removed_commits: int
    kept_offsets: int
    kept_commits: int
    keep_through_batch_id: int


@dataclass(frozen=True)
class CheckpointInfo:
    """A checkpoint at a glance: counts of records, highest ids, offsets without commit, start position, schema."""

    checkpoint_dir: Path
    offsets: int
    commits: int
    latest_offset: int | None
    latest_commit: int | None
    pending: int
    start_offset: dict[str, Any] | None
    schema: list[dict[str, str]] | None
    snapshot_cache_snapshots: int
    snapshot_cache_deltas: int


def inspect_checkpoint(checkpoint_dir: PathLike) -> CheckpointInfo:
    """What is in a checkpoint. Changes nothing; a folder that does not exist has nothing."""
    folder = Path(checkpoint_dir)
    rows = json.loads(_core.checkpoint_show(os.fspath(folder))) if folder.exists() else []
    info = rows[0] if rows else {}
    return CheckpointInfo(
        checkpoint_dir=folder,
        offsets=info.get("offsets", 0),
        commits=info.get("commits", 0),
        latest_offset=info.get("latestOffset"),
        latest_commit=info.get("latestCommit"),
        pending=info.get("pending", 0),
        start_offset=info.get("startOffset"),
        schema=info.get("schema"),
        snapshot_cache_snapshots=0,
        snapshot_cache_deltas=0,
    )


def cleanup_checkpoint(
    checkpoint_dir: PathLike,
    *,
    keep_last_n: int | None = None,
    older_than_seconds: float | None = None,
    dry_run: bool = False,
) -> CleanupResult:
    """Remove the records of old batches: those outside the newest ``keep_last_n`` and older than ``older_than_seconds``, each only if
    given. What was processed stays known; the newest commit and everything behind it stay."""
    if keep_last_n is not None:
        keep_last_n = whole("keep_last_n", keep_last_n, 1)
    if older_than_seconds is not None:
        older_than_seconds = _not_negative("older_than_seconds", older_than_seconds)
    if not Path(checkpoint_dir).is_dir():
        return CleanupResult(0, 0, 0, 0)
    age = -1 if older_than_seconds is None else int(min(older_than_seconds, 1e12) * 1e6)
    where = os.fspath(checkpoint_dir)
    counts = _alone(
        where, dry_run, lambda no_lock: _core.checkpoint_cleanup(where, keep_last_n or 0, age, dry_run, no_lock)
    )
    return CleanupResult(*counts)


def truncate_checkpoint(
    checkpoint_dir: PathLike, *, keep_through_batch_id: int, dry_run: bool = False
) -> TruncateResult:
    """Remove the records of all batches after ``keep_through_batch_id`` (-1: of all). Their inputs are planned again, with the next
    ids; what they wrote stays in the sink. Schema and job state are not rolled back. Of a checkpoint that was cleaned up, the oldest
    batch whose record is there is the least that can be kept."""
    keep = whole("keep_through_batch_id", keep_through_batch_id, -1)
    if not Path(checkpoint_dir).is_dir():
        return TruncateResult(0, 0, 0, 0, keep)
    where = os.fspath(checkpoint_dir)
    counts = _alone(where, dry_run, lambda no_lock: _core.checkpoint_truncate(where, max(keep, -1), dry_run, no_lock))
    return TruncateResult(*counts, keep_through_batch_id=keep)


def reset_checkpoint_start_offset(checkpoint_dir: PathLike) -> dict[str, Any] | None:
    """Forget the start position and return it: the next plan decides anew for what was not processed yet."""
    old: dict[str, Any] | None = _reset(checkpoint_dir, _core.checkpoint_reset_start)
    return old


def reset_checkpoint_schema(checkpoint_dir: PathLike) -> list[dict[str, str]] | None:
    """Forget the stored schema and return it: the next batch's becomes the schema."""
    old: list[dict[str, str]] | None = _reset(checkpoint_dir, _core.checkpoint_reset_schema)
    return old


def cleanup_snapshot_cache(
    checkpoint_dir: PathLike, *, keep_snapshots: int = 1, keep_deltas_since_snapshot: int = 0, dry_run: bool = False
) -> CleanupResult:
    """Trim the private cache of Delta snapshots. This version reads the log itself and keeps no such cache, so there is nothing to trim."""
    whole("keep_snapshots", keep_snapshots)
    whole("keep_deltas_since_snapshot", keep_deltas_since_snapshot)
    return CleanupResult(0, 0, 0, 0)


def _not_negative(name: str, value: Any) -> float:
    if not is_number(value, 0):
        raise ValueError(f"{name} must be a number that is not negative, not {value!r}")
    return float(value)


# ---- Delta tables

_MIN_RETENTION_HOURS = 168.0


def vacuum_delta_table(
    path: PathLike,
    *,
    retention_hours: float | None = 168.0,
    dry_run: bool = False,
    enforce_retention: bool | None = None,
) -> list[str]:
    """Delete the files that no version within the retention refers to; their paths, relative to the table.

    ``retention_hours=None`` takes the table's own. Less than 168 hours only with ``enforce_retention=False``: readers at work and
    older versions lose their files.
    """
    enforced = enforce_retention is None or enforce_retention
    if retention_hours is not None:
        retention_hours = _not_negative("retention_hours", retention_hours)
    if enforced and retention_hours is not None and retention_hours < _MIN_RETENTION_HOURS:
        raise ValueError(
            f"retention_hours={retention_hours!r} is below the minimum of {_MIN_RETENTION_HOURS:g}; allow it with enforce_retention=False"
        )
    retention = None if retention_hours is None else f"{round(min(retention_hours, 1e7) * 3600)}s"
    table = _table(path)
    rows = json.loads(table.vacuum(retention, dry_run, not enforced))
    return [row["path"] for row in rows if "path" in row]


def optimize_delta_table(
    path: PathLike,
    *,
    mode: str = "compact",
    z_order_columns: Sequence[str] | str | None = None,
    partition_filters: Sequence[tuple[str, str, Any]] | None = None,
    target_size: int | None = None,
    max_concurrent_tasks: int | None = None,
    max_spill_size: int | None = None,
    min_commit_interval: Any = None,
    writer_properties: Any = None,
    post_commithook_properties: Any = None,
    commit_properties: Any = None,
) -> dict[str, Any]:
    """Put small files together (``compact``), or rewrite the files sorted along columns (``z_order``). Rows stay what they are; when there
    is nothing to do, there is no commit. The last six options are accepted for programs that pass them and have no effect."""
    if mode not in ("compact", "z_order"):
        raise ValueError(f"mode must be 'compact' or 'z_order', not {mode!r}")
    columns = [z_order_columns] if isinstance(z_order_columns, str) else list(z_order_columns or ())
    if (mode == "z_order") != bool(columns):
        raise ValueError(
            "z_order needs z_order_columns" if mode == "z_order" else "z_order_columns need mode='z_order'"
        )
    size = 0 if target_size is None else whole("target_size", target_size, 1)
    table = _table(path)
    before = json.loads(table.detail())[0]["numFiles"]
    done = json.loads(table.optimize(_where(partition_filters), columns, size))[0]
    removed = done.get("filesRemoved", 0)
    return {
        "numFilesAdded": done.get("filesAdded", 0),
        "numFilesRemoved": removed,
        "partitionsOptimized": done.get("partitions", 0),
        "totalConsideredFiles": before,
        "totalFilesSkipped": before - removed,
        "bytesAdded": done.get("bytesAdded", 0),
        "bytesRemoved": done.get("bytesRemoved", 0),
        "version": done.get("version"),
    }


def _table(path: PathLike) -> Any:
    """The table; ``FileNotFoundError`` if there is none."""
    table = _core.Table(os.fspath(path))
    table.latest_version()
    return table


def _where(filters: Sequence[tuple[str, str, Any]] | None) -> str | None:
    """Filters ``(column, operator, value)`` as one condition."""
    if not filters:
        return None
    if isinstance(filters, str) or not all(isinstance(f, (tuple, list)) and len(f) == 3 for f in filters):
        raise ValueError(f"partition_filters must be a list of (column, operator, value), not {filters!r}")
    return " AND ".join(_condition(*f) for f in filters)


def _condition(column: str, op: str, value: Any) -> str:
    name = '"' + column.replace('"', '""') + '"'
    word = op.strip().lower()
    if word in ("in", "not in"):
        values = ", ".join(_sql(v) for v in value)
        return f"{name} {word.upper()} ({values})"
    if word not in ("=", "==", "!=", "<>", "<", "<=", ">", ">="):
        raise ValueError(f"a partition filter compares with =, !=, <, <=, >, >=, in, not in; not {op!r}")
    return f"{name} {'=' if word == '==' else '<>' if word == '!=' else word} {_sql(value)}"


def _sql(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def _reset(checkpoint_dir: PathLike, reset: Callable[[str, bool], str | None]) -> Any:
    if not Path(checkpoint_dir).is_dir():
        return None
    where = os.fspath(checkpoint_dir)
    old = _alone(where, False, lambda no_lock: reset(where, no_lock))
    return None if old is None else json.loads(old)


def _alone(checkpoint_dir: str, dry_run: bool, work: Callable[[bool], Result]) -> Result:
    """Do something under the checkpoint's lock, waiting for it as a pipeline does."""
    if os.path.realpath(checkpoint_dir) in running_checkpoints.get():
        raise PipelineLockError(
            f"the checkpoint {checkpoint_dir!r} is in use by the pipeline that is running here", code="LOCKED"
        )
    if dry_run or _locking.disabled():
        return work(True)
    limit = _locking.timeout()
    deadline = None if limit < 0 else time.monotonic() + limit
    while True:
        try:
            return work(False)
        except PipelineLockError:
            if deadline is not None and time.monotonic() >= deadline:
                raise
        time.sleep(_POLL)
