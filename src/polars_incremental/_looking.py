"""What a pipeline would do next, how far it is, and what it is: small objects that print well. Nothing is changed."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from polars_incremental import _core
from polars_incremental.errors import MissingOptionError, UnsupportedFormatError
from polars_incremental.maintenance import inspect_checkpoint
from polars_incremental.sources.base import FILE_FORMATS, SourceSpec, located, resolve_format

if TYPE_CHECKING:
    from polars_incremental.pipeline import Pipeline

_SHOWN = 10


@dataclass(frozen=True, repr=False)
class PipelinePlan:
    """The next batch: ``batch_id`` is None when nothing waits, ``repeat`` says that it was planned before."""

    batch_id: int | None
    files: list[str]
    repeat: bool

    def __repr__(self) -> str:
        if self.batch_id is None:
            return "PipelinePlan: nothing to do"
        lines = [
            f"PipelinePlan: batch {self.batch_id}, {len(self.files)} file(s){', planned before' if self.repeat else ''}"
        ]
        lines += [f"  {name}" for name in self.files[:_SHOWN]]
        if len(self.files) > _SHOWN:
            lines.append(f"  … and {len(self.files) - _SHOWN} more")
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class PipelineStatus:
    """How far a checkpoint is. ``waiting`` counts the files beyond the pending batch, None where that is not known."""

    checkpoint_dir: Path
    batches: int
    latest_commit: int | None
    committed_at: float | None
    pending: int
    waiting: int | None

    def __repr__(self) -> str:
        if self.latest_commit is None:
            done = "no batch committed yet"
        else:
            when = (
                ""
                if self.committed_at is None
                else f" at {datetime.fromtimestamp(self.committed_at, UTC):%Y-%m-%d %H:%M:%S} UTC"
            )
            done = f"{self.batches} batch(es) committed, the last is {self.latest_commit}{when}"
        lines = [f"PipelineStatus of {str(self.checkpoint_dir)!r}: {done}"]
        if self.pending:
            lines.append(f"  {self.pending} batch(es) planned and not committed: the next run repeats them")
        if self.waiting is not None:
            lines.append(f"  {self.waiting} file(s) wait")
        return "\n".join(lines)


@dataclass(frozen=True, repr=False)
class PipelineExplanation:
    """A pipeline in words."""

    lines: list[str]

    def __repr__(self) -> str:
        return "\n".join(self.lines)


def folder_of(pipeline: Pipeline) -> str:
    if pipeline.checkpoint_dir is None:
        raise MissingOptionError("a pipeline needs a checkpoint_dir, which is None here")
    return os.fspath(pipeline.checkpoint_dir)


def plan(pipeline: Pipeline) -> PipelinePlan:
    with _peek(pipeline) as stream:
        if _kind_of(pipeline) is None:
            raise UnsupportedFormatError("a source of your own plans only when it runs; plan() knows nothing of it")
        pending = stream.pending()
        planned = stream.preview()
    if planned is None:
        return PipelinePlan(None, [], False)
    record = json.loads(planned)
    files = record.get("files") or [e["path"] for e in record.get("file_entries") or []]
    return PipelinePlan(record["batch_id"], list(files), pending is not None)


def status(pipeline: Pipeline) -> PipelineStatus:
    info = inspect_checkpoint(folder_of(pipeline))
    waiting = committed_at = None
    with _peek(pipeline) as stream:
        if stream.last_commit is not None:
            committed_at = json.loads(stream.read_commit(stream.last_commit)).get("committed_at")
        found = json.loads(stream.backlog()).get("filesWaiting") if _kind_of(pipeline) is not None else None
        waiting = found if isinstance(found, int) else None
    batches = 0 if info.latest_commit is None else info.latest_commit + 1
    return PipelineStatus(info.checkpoint_dir, batches, info.latest_commit, committed_at, info.pending, waiting)


def explain(pipeline: Pipeline) -> PipelineExplanation:
    from polars_incremental.pipeline import spec_of

    spec = spec_of(pipeline.source)
    options = ", ".join(f"{k}={v!r}" for k, v in (spec.options or {}).items() if v not in (None, False))
    lines = [
        f"source      {_kind_of(pipeline) or type(spec).__name__} at {os.fspath(spec.path)!r}"
        + (f" ({options})" if options else ""),
        f"checkpoint  {folder_of(pipeline)!r}",
        f"reader      {_name(pipeline.reader)}",
    ]
    evolution = pipeline.schema_evolution
    if evolution is not None:
        rescue = f", misfits go to {evolution.rescue_column!r}" if evolution.rescue_mode == "column" else ""
        lines.append(f"schema      {evolution.mode}{rescue}")
    if pipeline.transform is not None:
        lines.append(f"transform   {_name(pipeline.transform)}")
    lines.append(f"writer      {_name(pipeline.writer)}")
    lines.append(f"delivery    {_delivery(pipeline)}")
    return PipelineExplanation(lines)


def _kind_of(pipeline: Pipeline) -> str | None:
    """The format of the source; None for one that makes its run-time source itself and names a format of its own."""
    from polars_incremental.pipeline import spec_of

    spec = spec_of(pipeline.source)
    try:
        return resolve_format(spec.format, *located(spec.path, spec.options))
    except UnsupportedFormatError:
        if type(spec).with_checkpoint is SourceSpec.with_checkpoint:
            raise
        return None


def _delivery(pipeline: Pipeline) -> str:
    if hasattr(pipeline.writer, "_exactly_once"):
        return "exactly once: the batch's number goes into the table's commit"
    return "at least once, with the same batch_id and inputs on a repeat (exactly once for tables written by write_delta, apply_cdc_delta, merge)"


def _name(callback: Any) -> str:
    if callback is None:
        return "missing"
    return getattr(callback, "__qualname__", None) or repr(callback)


class _Peek:
    """A stream that never writes, with the pipeline's source to plan from."""

    def __init__(self, pipeline: Pipeline) -> None:
        from polars_incremental.pipeline import spec_of

        spec = spec_of(pipeline.source)
        path, o = located(spec.path, spec.options)
        kind = _kind_of(pipeline)
        folder = folder_of(pipeline)
        if kind is None:
            self.stream = _core.Stream(folder, None, peek=True)
            return
        if kind == "delta":
            from polars_incremental.checkpoints.delta import set_source as set_delta

            self.stream = _core.Stream(folder, "delta", peek=True)
            set_delta(self.stream, spec.path, spec.options or {})
            return
        from polars_incremental.checkpoints.file import set_source as set_files
        from polars_incremental.sources.file import clean_of

        file_format, suffix = FILE_FORMATS[kind]
        self.stream = _core.Stream(folder, "files", peek=True)
        target = getattr(pipeline.writer, "target", None)
        never = [target] if isinstance(target, (str, os.PathLike)) else []
        clean = clean_of(Path(path), o)
        set_files(
            self.stream,
            path,
            o.get("pattern") or f"*.{suffix}",
            {**o, "exclude_dirs": [folder, *never]},
            file_format,
            clean,
        )

    def __enter__(self) -> _core.Stream:
        return self.stream

    def __exit__(self, *exc: object) -> None:
        self.stream.close()


def _peek(pipeline: Pipeline) -> _Peek:
    return _Peek(pipeline)
