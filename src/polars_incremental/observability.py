"""Observers: structured events of a pipeline. An observer is duck-typed; what it lacks is ignored, what it raises is logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

__all__ = ["LoggingObserver", "PipelineObserver"]

_logger = logging.getLogger("polars_incremental")


class PipelineObserver(Protocol):
    """The calls an observer may take. Subclass it and override what you need; stages are ``plan``, ``reader``, ``schema``,
    ``transform``, ``writer``, ``commit``."""

    def on_stage_start(self, stage: str, batch_id: int | None) -> None:
        """Before a stage; ``plan`` has no batch id."""

    def on_stage_end(
        self, stage: str, batch_id: int | None, duration_s: float, metadata: Mapping[str, Any] | None = None
    ) -> None:
        """After a stage succeeded."""

    def on_batch_planned(self, batch: Any, files: Sequence[str]) -> None:
        """After ``plan`` ended with a batch."""

    def on_batch_committed(self, batch_id: int, metadata: Mapping[str, Any] | None = None) -> None:
        """After ``commit`` ended; ``metadata`` is the writer's dict."""

    def on_error(self, stage: str, batch_id: int | None, exc: BaseException) -> None:
        """A stage failed with this exception."""


class LoggingObserver:
    """Writes one line per event: INFO, errors at ERROR with the traceback.

    ``logger`` defaults to the logger ``polars_incremental``.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        if logger is not None and not callable(getattr(logger, "info", None)):
            raise TypeError(f"logger must be a logger, as logging.getLogger(name) gives it, not {logger!r}")
        self.logger = logger or _logger

    def on_stage_start(self, stage: str, batch_id: int | None) -> None:
        self._line(event="stage_start", stage=stage, batch_id=batch_id)

    def on_stage_end(
        self, stage: str, batch_id: int | None, duration_s: float, metadata: Mapping[str, Any] | None = None
    ) -> None:
        self._line(metadata, event="stage_end", stage=stage, batch_id=batch_id, duration_s=duration_s)

    def on_batch_planned(self, batch: Any, files: Sequence[str]) -> None:
        self._line(event="batch_planned", batch_id=batch.batch_id, file_count=len(files))

    def on_batch_committed(self, batch_id: int, metadata: Mapping[str, Any] | None = None) -> None:
        self._line(metadata, event="batch_committed", batch_id=batch_id)

    def on_error(self, stage: str, batch_id: int | None, exc: BaseException) -> None:
        text = _pairs({"event": "error", "stage": stage, "batch_id": batch_id, "error": exc})
        self.logger.error(text, exc_info=exc)

    def _line(self, metadata: Mapping[str, Any] | None = None, /, **pairs: object) -> None:
        if metadata:
            pairs["metadata"] = metadata
        self.logger.info(_pairs(pairs))


def _pairs(pairs: Mapping[str, object]) -> str:
    return " ".join(f"{key}={value}" for key, value in pairs.items())


class Notifier:
    """Calls an observer so that nothing it does can fail a pipeline."""

    def __init__(self, observer: object | None) -> None:
        self._observer = observer

    def __call__(self, method: str, *args: Any, **kwargs: Any) -> None:
        if self._observer is None:
            return
        try:
            call = getattr(self._observer, method, None)
            if call is not None:
                call(*args, **kwargs)
        except Exception:
            _logger.error("observer failed in %s", method, exc_info=True)
