"""A line that tells how far a run is; silent when the error stream is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType


class Progress:
    """Shown only if asked for; every method is harmless otherwise."""

    def __init__(self, wanted: bool) -> None:
        self._on = wanted and sys.stderr is not None and sys.stderr.isatty()
        self._batch: int | None = None
        self._files = self._done = 0
        self._started = time.monotonic()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._on:
            self._write(f"{self._done} batches done" + (" (stopped)" if exc is not None else ""), end="\n")

    def batch(self, batch_id: int, files: int) -> None:
        self._batch, self._files = batch_id, files

    def stage(self, name: str) -> None:
        if self._on and self._batch is not None:
            self._write(f"batch {self._batch}: {name} ({self._files} files), {self._done} batches done")

    def committed(self, batch_id: int) -> None:
        if batch_id == self._batch:
            self._done += 1

    def idle(self) -> None:
        if self._on:
            self._write(f"waiting for input, {self._done} batches done")

    def _write(self, text: str, end: str = "") -> None:
        seconds = time.monotonic() - self._started
        try:
            sys.stderr.write(f"\r\x1b[K{text}  [{seconds:.0f} s]{end}")
            sys.stderr.flush()
        except (OSError, ValueError):
            self._on = False
