"""The pipeline: reader, transform and writer of yours, batch by batch, over a checkpoint."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polars_incremental import _callbacks, _core, _locking, _looking
from polars_incremental._arguments import is_number, whole
from polars_incremental._progress import Progress
from polars_incremental._running import RunningBatch, running_batch
from polars_incremental.checkpoints._base import Checkpoint
from polars_incremental.errors import (
    CommitError,
    CoreError,
    MissingOptionError,
    PlanningError,
    PolarsIncrementalError,
    ReaderError,
    SchemaEvolutionError,
    TransformError,
    WriterError,
    code_of,
)
from polars_incremental.observability import Notifier
from polars_incremental.sources.base import SourceSpec
from polars_incremental.state import JobState, PendingValues

if TYPE_CHECKING:
    from polars_incremental._looking import PipelineExplanation, PipelinePlan, PipelineStatus
    from polars_incremental.observability import PipelineObserver
    from polars_incremental.schema import SchemaEvolution
    from polars_incremental.source import SourceConfig

__all__ = ["Pipeline", "RunResult"]

_STAGE_ERRORS: dict[str, type[PolarsIncrementalError]] = {
    "plan": PlanningError,
    "reader": ReaderError,
    "schema": SchemaEvolutionError,
    "transform": TransformError,
    "writer": WriterError,
    "commit": CommitError,
}


@dataclass(frozen=True)
class RunResult:
    """What a run did: ``batches`` counts those whose writer ran."""

    batches: int


@dataclass(frozen=True)
class Pipeline:
    """One source, one checkpoint, your reader and writer (and transform). Checked only by :meth:`run`.

    ``reader(files)`` gets the absolute paths of a batch and returns a frame (any object is allowed), ``transform`` what the reader
    returned, ``writer`` what the transform returned. Each may also take ``batch``, ``batch_id`` and ``state``, transform and writer
    ``files`` too, by name. A dict that the writer returns is kept in the commit.
    """

    source: SourceConfig | SourceSpec
    checkpoint_dir: str | os.PathLike[str] | None = None
    reader: Callable[..., Any] | None = None
    writer: Callable[..., Any] | None = None
    transform: Callable[..., Any] | None = None
    schema_evolution: SchemaEvolution | None = None
    observer: PipelineObserver | object | None = None

    def run(
        self,
        *,
        once: bool = True,
        sleep: float = 1.0,
        max_batches: int | None = None,
        sleep_when_idle: float | None = None,
        max_idle_loops: int | None = None,
        progress: bool = False,
    ) -> RunResult:
        """Run one batch (``once=True``), or batches until none is there, ``max_batches`` are done, or ``max_idle_loops`` polls in a row
        found nothing (with ``sleep_when_idle``, which keeps polling)."""
        for name in ("reader", "writer", "checkpoint_dir"):
            if getattr(self, name) is None:
                raise MissingOptionError(f"a pipeline needs a {name}, which is None here")
        if self.schema_evolution is not None and not callable(getattr(self.schema_evolution, "apply", None)):
            raise TypeError(f"schema_evolution must be a SchemaEvolution, not {type(self.schema_evolution).__name__}")
        if not once:
            _check_loop(max_batches, max_idle_loops, {"sleep": sleep, "sleep_when_idle": sleep_when_idle})
        folder = os.fspath(self.checkpoint_dir or "")
        run = _Run(self, spec_of(self.source).with_checkpoint(folder), folder, Progress(progress))
        with run.lock():
            if once:
                return RunResult(int(run.one_batch()))
            return RunResult(run.many(sleep, max_batches, sleep_when_idle, max_idle_loops))

    def plan(self) -> PipelinePlan:
        """What the next batch would be. Changes nothing, also not the checkpoint."""
        return _looking.plan(self)

    def status(self) -> PipelineStatus:
        """How far the checkpoint is, and what waits. Changes nothing."""
        return _looking.status(self)

    def explain(self) -> PipelineExplanation:
        """The pipeline in words: its stages, options and what they mean. Changes nothing."""
        return _looking.explain(self)


def _check_loop(max_batches: Any, max_idle_loops: Any, seconds: Mapping[str, Any]) -> None:
    """``ValueError`` for arguments of a run that mean nothing, before anything is touched."""
    for name, count in (("max_batches", max_batches), ("max_idle_loops", max_idle_loops)):
        if count is not None:
            whole(name, count)
    for name, wait in seconds.items():
        if wait is not None and not is_number(wait, 0):
            raise ValueError(f"{name} must be a number of seconds that is not negative, not {wait!r}")


def spec_of(source: Any) -> SourceSpec:
    """The source as a :class:`SourceSpec`."""
    if isinstance(source, SourceSpec):
        return source
    to_spec = getattr(source, "to_spec", None)
    if not callable(to_spec):
        raise TypeError(
            f"source must be FilesSource, DeltaSource, AutoSource, a SourceSpec, or have to_spec(); not {type(source).__name__}"
        )
    spec: SourceSpec = to_spec()
    return spec


class _StagedSchema:
    """What schema evolution sees as its checkpoint: what it stores waits for the commit of the batch."""

    def __init__(self, checkpoint: Any) -> None:
        self._checkpoint = checkpoint
        self.staged: list[dict[str, str]] | None = None

    def get_schema(self) -> Any:
        return self._checkpoint.get_schema()

    def set_schema(self, schema: Any) -> None:
        self.staged = [{"name": c["name"], "dtype": c["dtype"]} for c in schema]


@dataclass
class _Run:
    """One call of :meth:`Pipeline.run`."""

    pipeline: Pipeline
    source: Any
    folder: str
    progress: Progress
    notify: Notifier = field(init=False)
    checkpoint: Any = field(init=False)
    stream: Any = field(init=False)

    def __post_init__(self) -> None:
        self.notify = Notifier(self.pipeline.observer)
        found = getattr(self.source, "checkpoint", None)
        self.checkpoint = found if isinstance(found, Checkpoint) else None
        if self.checkpoint is not None:
            self.stream = self.checkpoint._stream
        else:
            self.stream = _core.Stream(self.folder, None)
        exclude = getattr(self.source, "exclude_dirs", None)
        target = getattr(self.pipeline.writer, "target", None)
        if isinstance(exclude, list) and isinstance(target, (str, os.PathLike)):
            exclude.append(target)

    @contextmanager
    def lock(self) -> Iterator[None]:
        with _locking.locked(self.stream, self.folder), self.progress:
            if self.checkpoint is not None:
                self.checkpoint._alone = not _locking.disabled()
            try:
                yield
            finally:
                if self.checkpoint is not None:
                    self.checkpoint._alone = False
                self.stream.abort()

    # ---- the loop

    def one_batch(self) -> bool:
        """Plan and run the next batch; False if there is none."""
        while True:
            batch = self.plan()
            if batch is None:
                return False
            files = self.files_of(batch)
            if not files:
                self.commit(batch, None, None, None)
                continue
            self.run_batch(batch, files)
            return True

    def many(
        self, sleep: float, max_batches: int | None, sleep_when_idle: float | None, max_idle_loops: int | None
    ) -> int:
        done = idle = 0
        while max_batches is None or done < max_batches:
            if done and not idle and sleep:
                time.sleep(sleep)
            if self.one_batch():
                done += 1
                idle = 0
                continue
            if sleep_when_idle is None:
                break
            idle += 1
            if max_idle_loops is not None and idle >= max_idle_loops:
                break
            self.progress.idle()
            time.sleep(sleep_when_idle)
        return done

    @staticmethod
    def files_of(batch: Any) -> list[str]:
        files = list(batch.files)
        if not files and getattr(batch, "file_entries", None):
            files = list(dict.fromkeys(entry.path for entry in batch.file_entries))
        return files

    # ---- a batch

    def plan(self) -> Any:
        self.notify("on_stage_start", "plan", None)
        started = time.monotonic()
        try:
            batch = self.source.plan_batch()
            if batch is not None:
                self.check_readable(batch)
        except Exception as exc:
            self.failed("plan", None, exc)
        batch_id = None if batch is None else batch.batch_id
        self.notify(
            "on_stage_end", "plan", batch_id, time.monotonic() - started, metadata={"has_batch": batch is not None}
        )
        if batch is not None:
            self.notify("on_batch_planned", batch, self.files_of(batch))
        return batch

    def check_readable(self, batch: Any) -> None:
        check = getattr(self.source, "_check_reader", None)
        if check is not None and self.pipeline.reader is not None:
            check(batch, _callbacks.takes_batch(self.pipeline.reader))

    def run_batch(self, batch: Any, files: list[str]) -> None:
        state, values = self.begin(batch)
        context = {"batch": batch, "batch_id": batch.batch_id, "state": state}
        self.progress.batch(batch.batch_id, len(files))
        p = self.pipeline
        reader, transform, writer, evolution = p.reader, p.transform, p.writer, p.schema_evolution
        assert reader is not None and writer is not None
        count = {"file_count": len(files)}
        schema = _StagedSchema(self.checkpoint if self.checkpoint is not None else _StreamSchema(self.stream))
        identity = self.identity(batch, files)
        token = running_batch.set(identity)
        try:
            # a list of one, so that no frame is kept beyond its stage
            data = [self.stage("reader", batch, lambda: _callbacks.call(reader, files, context), count)]
            if evolution is not None:
                data.append(self.stage("schema", batch, lambda: evolution.apply(data.pop(), schema)))
            context["files"] = files
            if transform is not None:
                data.append(self.stage("transform", batch, lambda: _callbacks.call(transform, data.pop(), context)))
            result = self.stage("writer", batch, lambda: _callbacks.call(writer, data.pop(), context), _metadata_of)
        except BaseException:
            self.stream.abort()
            raise
        finally:
            running_batch.reset(token)
        if self.checkpoint is not None and identity is not None:
            self.checkpoint._sinks = identity.done
        self.commit(batch, _metadata_of(result), schema.staged, values)

    def begin(self, batch: Any) -> tuple[JobState, PendingValues | None]:
        """The state of an attempt at the batch: kept by the core with its records, or over a foreign checkpoint in memory."""
        root = Path(self.stream.dir) / "state"
        try:
            self.stream.begin(batch.batch_id)
            if self.checkpoint is not None:
                return JobState._of_batch(root, _core.State(stream=self.stream)), None
        except Exception as exc:
            if self.checkpoint is not None:
                self.failed("plan", batch.batch_id, exc)
        values = PendingValues(JobState(root))
        return JobState._of_batch(root, values), values

    def identity(self, batch: Any, files: list[str]) -> RunningBatch | None:
        """Who writes, for our own sinks; a foreign checkpoint has no identity that they could use."""
        if not self.stream.attempt:
            return None
        evolution = self.pipeline.schema_evolution
        return RunningBatch(self.stream, batch.batch_id, len(files), getattr(evolution, "rescue_column", "_rescued"))

    def commit(
        self,
        batch: Any,
        metadata: Mapping[str, Any] | None,
        schema: list[dict[str, str]] | None,
        values: PendingValues | None,
    ) -> None:
        def commit() -> None:
            if self.checkpoint is not None:
                self.checkpoint._staged_schema = schema
            try:
                self.source.commit_batch(batch, metadata=metadata)
            except BaseException:
                if self.checkpoint is not None:
                    self.checkpoint._staged_schema = None
                self.stream.abort()
                raise
            if self.checkpoint is None and schema is not None:
                _StreamSchema(self.stream).set_schema(schema)
            if values is not None:
                values.flush()

        self.stage("commit", batch, commit, lambda _: metadata)
        self.notify("on_batch_committed", batch.batch_id, metadata=metadata)
        self.progress.committed(batch.batch_id)

    def stage(self, name: str, batch: Any, work: Callable[[], Any], metadata: Any = None) -> Any:
        """Run one stage: its events, its time, and its exceptions as the stage's error."""
        self.progress.stage(name)
        self.notify("on_stage_start", name, batch.batch_id)
        started = time.monotonic()
        try:
            result = work()
        except Exception as exc:
            self.failed(name, batch.batch_id, exc)
        took = time.monotonic() - started
        self.notify(
            "on_stage_end", name, batch.batch_id, took, metadata=metadata(result) if callable(metadata) else metadata
        )
        return result

    def failed(self, stage: str, batch_id: int | None, exc: Exception) -> None:
        self.notify("on_error", stage, batch_id, exc)
        if isinstance(exc, PolarsIncrementalError) and not isinstance(exc, CoreError):
            raise exc
        text = "Failed to plan batch" if stage == "plan" else f"{stage} failed for batch_id={batch_id}"
        retriable = getattr(exc, "retriable", False) is True
        wrapped = _STAGE_ERRORS[stage](text, code=code_of(stage, exc), retriable=retriable)
        raise wrapped from exc


class _StreamSchema:
    """The stored schema of a checkpoint that has no checkpoint object of ours."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def get_schema(self) -> Any:
        import json

        return json.loads(self._stream.metadata()).get("schema")

    def set_schema(self, schema: list[dict[str, str]]) -> None:
        import json

        self._stream.update_metadata(json.dumps({"schema": schema}))


def _metadata_of(result: Any) -> dict[str, Any] | None:
    return result if isinstance(result, dict) and result else None
