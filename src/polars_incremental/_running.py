"""The batch that a pipeline is running, as our own sinks see it: their transactions are made of its identity."""

from __future__ import annotations

import json
import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

# how far back the newest commit to a table is looked for, where batches do not write to it each time
_LOOK_BACK = 100


@dataclass
class RunningBatch:
    """Identity of a batch while its callbacks run, and what they wrote to tables."""

    stream: Any
    batch_id: int
    n_files: int
    rescue_column: str = "_rescued"
    writes: dict[str, int] = field(default_factory=dict)
    done: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app_id: str = self.stream.app_id
        self.attempt: str = self.stream.attempt
        self.offset_sha256: str = self.stream.offset_sha256

    def next_app_id(self, table: str) -> str:
        """Application id of the next write to a table: the second one in a batch gets ``#2``, and so on."""
        key = os.path.realpath(table)
        nth = self.writes[key] = self.writes.get(key, 0) + 1
        return self.app_id if nth == 1 else f"{self.app_id}#{nth}"

    def note(self, done: dict[str, Any]) -> None:
        """What a sink did, for the record of the commit."""
        kept: dict[str, Any] = {
            k: done[k] for k in ("path", "tableId", "version", "txnAppId", "addedFiles", "rows") if k in done
        }
        kept["path"] = os.path.realpath(kept["path"])
        self.done.append(kept)

    def committed_to(self, table: str, app_id: str) -> dict[str, Any] | None:
        """What the newest commit of the checkpoint to this table said: batch and id of the table."""
        last = self.stream.last_commit
        if last is None:
            return None
        key = os.path.realpath(table)
        for batch_id in range(last, max(last - _LOOK_BACK, -1), -1):
            try:
                record = json.loads(self.stream.read_commit(batch_id))
            except FileNotFoundError:
                return None
            for sink in record.get("sinks") or ():
                if sink.get("path") == key and sink.get("txnAppId") == app_id:
                    return {"version": batch_id, "table_id": sink.get("tableId") or ""}
        return None


running_batch: ContextVar[RunningBatch | None] = ContextVar("polars_incremental_batch", default=None)
running_checkpoints: ContextVar[tuple[str, ...]] = ContextVar("polars_incremental_checkpoints", default=())
