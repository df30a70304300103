"""The lock of a checkpoint, as the environment variables want it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from polars_incremental import _core
from polars_incremental._running import running_checkpoints
from polars_incremental.errors import PipelineLockError


def disabled() -> bool:
    return os.environ.get("POLARS_INCREMENTAL_DISABLE_LOCK") == "1"


def timeout() -> float:
    """Seconds to wait; negative: no limit."""
    text = os.environ.get("POLARS_INCREMENTAL_LOCK_TIMEOUT")
    if text is None:
        return -1.0
    try:
        seconds = float(text)
    except ValueError:
        return 0.0
    return min(seconds, 1e9) if seconds > 0 else 0.0


@contextmanager
def locked(stream: _core.Stream, checkpoint_dir: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of a stream's checkpoint. Inside a run of the same checkpoint: ``PipelineLockError`` at once."""
    where = os.path.realpath(checkpoint_dir)
    if where in running_checkpoints.get():
        raise PipelineLockError(
            f"the checkpoint {where!r} is in use by the pipeline that is running here", code="LOCKED"
        )
    token = running_checkpoints.set((*running_checkpoints.get(), where))
    try:
        if disabled():
            stream.refresh()
            yield
            return
        stream.lock(timeout())
        try:
            yield
        finally:
            stream.unlock()
    finally:
        running_checkpoints.reset(token)
