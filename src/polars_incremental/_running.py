"""The batch that a pipeline is running, as our own sinks see it: their transactions are made of its identity."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass
class RunningBatch:
    """Identity of a batch while its writer runs."""

    app_id: str
    batch_id: int
    attempt: str
    offset_sha256: str
    last_commit: int | None
    writes: dict[str, int] = field(default_factory=dict)

    def next_app_id(self, table: str) -> str:
        """Application id of the next write to a table: the second one in a batch gets ``#2``, and so on."""
        key = os.path.realpath(table)
        nth = self.writes[key] = self.writes.get(key, 0) + 1
        return self.app_id if nth == 1 else f"{self.app_id}#{nth}"


running_batch: ContextVar[RunningBatch | None] = ContextVar("polars_incremental_batch", default=None)
running_checkpoints: ContextVar[tuple[str, ...]] = ContextVar("polars_incremental_checkpoints", default=())
