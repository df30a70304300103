"""What both kinds of checkpoint share: records over the C core's stream."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from polars_incremental import _core
from polars_incremental._json import writable

Batch = TypeVar("Batch")
PathLike = str | os.PathLike[str]


class Checkpoint(Generic[Batch]):
    """A checkpoint folder. Subclasses say how records become batches."""

    _kind = "files"

    def __init__(self, checkpoint_dir: PathLike) -> None:
        self.checkpoint_dir = Path(checkpoint_dir)
        self._stream = _core.Stream(os.fspath(self.checkpoint_dir), self._kind)
        self.offset_dir = self.checkpoint_dir / "offsets"
        self.commit_dir = self.checkpoint_dir / "commits"
        # a pipeline that holds the lock needs no second look; its schema waits here for the commit of the batch
        self._alone = False
        self._staged_schema: list[dict[str, str]] | None = None
        # what the stream plans from; as long as it is the same, what it knows of the source is kept between plans
        self._source: Any = None
        # what our own sinks did in the batch at hand
        self._sinks: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.checkpoint_dir)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # what a run has open stays behind: the folder is all that another process needs
        return type(self), (self.checkpoint_dir,)

    # ---- records

    def write_offset(self, batch: Batch) -> Batch:
        """Write ``offsets/N.json``, unless it is there already. Returns the batch that is stored afterwards."""
        self._look()
        record = getattr(batch, "_record", None) or self._record_of(batch)
        stored = self._stream.write_offset(self._id_of(batch), json.dumps(record))
        return self._batch_of(json.loads(stored))

    def commit_batch(self, batch: Batch, metadata: Mapping[str, Any] | None = None) -> None:
        """Write ``commits/N.json``: the batch is done and its files are known."""
        self._look()
        batch_id = self._id_of(batch)
        if not (self.offset_dir / f"{batch_id}.json").exists():
            self.write_offset(batch)
        body = {**self._commit_of(batch), "metadata": writable(dict(metadata or {}))}
        if self._sinks:
            body["sinks"] = self._sinks
            self._sinks = []
        schema = self._staged_schema
        self._staged_schema = None
        self._stream.commit(batch_id, json.dumps(body), None if schema is None else json.dumps(schema))

    def read_offset(self, batch_id: int) -> Batch:
        """The stored batch; ``FileNotFoundError`` if there is none."""
        self._look()
        return self._batch_of(json.loads(self._stream.read_offset(batch_id)))

    def latest_offset_batch_id(self) -> int | None:
        """Highest batch id with an offset, None if there is none."""
        return max(self._ids("offsets"), default=None)

    def latest_commit_batch_id(self) -> int | None:
        """Highest batch id with a commit, None if there is none."""
        return max(self._ids("commits"), default=None)

    def committed_batch_ids(self) -> list[int]:
        """Ids of committed batches, ascending."""
        return self._ids("commits")

    # ---- schema

    def get_schema(self) -> list[dict[str, str]] | None:
        """The stored schema, None if there is none yet."""
        self._look()
        schema: list[dict[str, str]] | None = json.loads(self._stream.metadata()).get("schema")
        return schema

    def set_schema(self, schema: Sequence[Mapping[str, str]]) -> None:
        """Store a schema at once."""
        self._look()
        columns = [{"name": column["name"], "dtype": column["dtype"]} for column in schema]
        self._stream.update_metadata(json.dumps({"schema": columns}))

    # ---- inside

    def _look(self) -> None:
        """Other processes may have written."""
        if not self._alone:
            self._stream.refresh()

    def _ids(self, kind: str) -> list[int]:
        ids: list[int] = json.loads(self._stream.ids(kind))
        return ids

    def _plan_from(self, source: Any, set_source: Callable[[], None]) -> Batch | None:
        if source != self._source:
            self._source = None
            set_source()
            self._source = source
        return self._plan()

    def _plan(self) -> Batch | None:
        planned = self._stream.plan()
        return None if planned is None else self._batch_of(json.loads(planned))

    def _pending(self) -> Batch | None:
        self._look()
        batch_id = self._stream.pending()
        return None if batch_id is None else self._batch_of(json.loads(self._stream.read_offset(batch_id)))

    def _id_of(self, batch: Batch) -> int:
        return int(batch.batch_id)  # type: ignore[attr-defined]

    def _batch_of(self, record: dict[str, Any]) -> Batch:
        raise NotImplementedError

    def _record_of(self, batch: Batch) -> dict[str, Any]:
        raise NotImplementedError

    def _commit_of(self, batch: Batch) -> dict[str, Any]:
        raise NotImplementedError


def keep_record(batch: Batch, record: dict[str, Any]) -> Batch:
    """Remember the whole record beside a batch's fields (signatures of files, and what later versions may add)."""
    object.__setattr__(batch, "_record", record)
    return batch
