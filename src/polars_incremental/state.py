"""JobState: small named values that belong to a job."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import polars as pl

from polars_incremental import _core

__all__ = ["JobState"]

PathLike = str | os.PathLike[str]
_KINDS = ("json", "parquet")


class JobState:
    """Named JSON values and frames, kept as ``<root>/<name>.json`` and ``<root>/<name>.parquet``.

    Used alone, every write is atomic and durable at once. The state that a pipeline hands to its callbacks belongs to the batch: it
    reads its own writes, and they become visible with the batch's commit, all or none.
    """

    def __init__(self, root: PathLike) -> None:
        self.root = Path(root)
        self._values: Any = _core.State(root=os.fspath(self.root))
        self._batch = False

    @classmethod
    def _of_batch(cls, root: Path, values: Any) -> JobState:
        state = cls.__new__(cls)
        state.root = root
        state._values = values
        state._batch = True
        return state

    def __reduce__(self) -> tuple[Any, ...]:
        # for processes of a pool; the state of a batch belongs to the process that runs it
        if self._batch:
            raise TypeError("the state of a batch cannot be pickled: it ends with its batch")
        return JobState, (self.root,)

    def load_json(self, name: str, default: Any = None) -> Any:
        """The value, or ``default`` if there is none."""
        data = self._values.get(name, "json")
        return default if data is None else json.loads(data)

    def save_json(self, name: str, obj: Any) -> None:
        """Store a value; ``TypeError`` for what JSON cannot hold, and the old value is kept."""
        text = json.dumps(obj, sort_keys=True, indent=2, ensure_ascii=False)
        self._values.put(name, "json", text.encode("utf-8", "surrogatepass"))

    def load_parquet(self, name: str) -> pl.DataFrame | None:
        """The frame, or None if there is none."""
        path = self._values.path(name, "parquet")
        return pl.read_parquet(path, glob=False, hive_partitioning=False, memory_map=False) if path else None

    def save_parquet(self, name: str, df: pl.DataFrame) -> None:
        """Store a frame."""
        if isinstance(df, pl.LazyFrame):
            df = df.collect()
        if not isinstance(df, pl.DataFrame):
            raise TypeError(f"a Polars DataFrame is needed, not {type(df).__name__}")
        buffer = io.BytesIO()
        df.write_parquet(buffer)
        self._values.put(name, "parquet", buffer.getbuffer())

    def exists(self, name: str, *, kind: str | None = None) -> bool:
        """Is there a value of this kind (``"json"``, ``"parquet"``, None: either)?"""
        return any(self._values.exists(name, k) for k in _kinds(kind))

    def delete(self, name: str, *, kind: str | None = None) -> bool:
        """Remove the value; True if something was removed."""
        removed = [self._values.delete(name, k) for k in _kinds(kind)]
        return any(removed)

    def __repr__(self) -> str:
        return f"JobState({str(self.root)!r})"


def _kinds(kind: str | None) -> tuple[str, ...]:
    if kind is None:
        return _KINDS
    if kind not in _KINDS:
        raise ValueError(f"kind must be 'json', 'parquet' or None, not {kind!r}")
    return (kind,)


class PendingValues:
    """Values over a JobState that wait for a commit: for sources whose checkpoint is not ours.

    What was written is kept in memory and stored by ``flush``, one value after the other.
    """

    def __init__(self, below: JobState) -> None:
        self._below = below._values
        self._written: dict[tuple[str, str], bytes | None] = {}

    def get(self, name: str, kind: str) -> bytes | None:
        if (name, kind) in self._written:
            return self._written[name, kind]
        data: bytes | None = self._below.get(name, kind)
        return data

    def path(self, name: str, kind: str) -> Any:
        data = self._written.get((name, kind))
        if (name, kind) in self._written:
            return None if data is None else io.BytesIO(data)
        return self._below.path(name, kind)

    def put(self, name: str, kind: str, data: Any) -> None:
        self._below.path(name, kind)  # refuses a name that leaves the root
        self._written[name, kind] = bytes(data)

    def exists(self, name: str, kind: str) -> bool:
        return (
            self.get(name, kind) is not None if (name, kind) in self._written else bool(self._below.exists(name, kind))
        )

    def delete(self, name: str, kind: str) -> bool:
        there = self.exists(name, kind)
        self._written[name, kind] = None
        return there

    def flush(self) -> None:
        for (name, kind), data in self._written.items():
            if data is None:
                self._below.delete(name, kind)
            else:
                self._below.put(name, kind, data)
        self._written.clear()
