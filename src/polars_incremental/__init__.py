"""Incremental ingestion for Polars: your reader, transform and writer, batch by batch, each input once."""

from polars_incremental import _core, checkpoints, errors, sinks, sources  # noqa: F401
from polars_incremental._delta_read import read_delta_batch, scan_delta, scan_delta_batch
from polars_incremental.catalog import Catalog, DatasetSpec, LocalCatalog
from polars_incremental.cdc import apply_cdc
from polars_incremental.checkpoints import (
    BatchInfo,
    DeltaBatch,
    DeltaFileEntry,
    DeltaOffset,
    DeltaTableCheckpoint,
    FileStreamCheckpoint,
)
from polars_incremental.errors import (
    ChangeDataFeedError,
    CommitError,
    MissingOptionError,
    PipelineError,
    PipelineLockError,
    PlanningError,
    PolarsIncrementalError,
    ReaderError,
    SchemaEvolutionError,
    TransformError,
    UnsupportedFormatError,
    WriterError,
)
from polars_incremental.maintenance import (
    CheckpointInfo,
    CleanupResult,
    TruncateResult,
    cleanup_checkpoint,
    cleanup_snapshot_cache,
    inspect_checkpoint,
    optimize_delta_table,
    reset_checkpoint_schema,
    reset_checkpoint_start_offset,
    truncate_checkpoint,
    vacuum_delta_table,
)
from polars_incremental.observability import LoggingObserver, PipelineObserver
from polars_incremental.pipeline import Pipeline, RunResult
from polars_incremental.schema import SchemaEvolution, SchemaPolicy
from polars_incremental.sinks import DeltaSink, apply_cdc_delta, write_delta
from polars_incremental.source import AutoSource, DeltaSource, FilesSource, SourceConfig
from polars_incremental.sources import SourceSpec, read_cdf_batch
from polars_incremental.state import JobState

__all__ = [
    "AutoSource",
    "BatchInfo",
    "Catalog",
    "ChangeDataFeedError",
    "CheckpointInfo",
    "CleanupResult",
    "CommitError",
    "DatasetSpec",
    "DeltaBatch",
    "DeltaFileEntry",
    "DeltaOffset",
    "DeltaSink",
    "DeltaSource",
    "DeltaTableCheckpoint",
    "FileStreamCheckpoint",
    "FilesSource",
    "JobState",
    "LocalCatalog",
    "LoggingObserver",
    "MissingOptionError",
    "Pipeline",
    "PipelineError",
    "PipelineLockError",
    "PipelineObserver",
    "PlanningError",
    "PolarsIncrementalError",
    "ReaderError",
    "RunResult",
    "SchemaEvolution",
    "SchemaEvolutionError",
    "SchemaPolicy",
    "SourceConfig",
    "SourceSpec",
    "TransformError",
    "TruncateResult",
    "UnsupportedFormatError",
    "WriterError",
    "__version__",
    "apply_cdc",
    "apply_cdc_delta",
    "cleanup_checkpoint",
    "cleanup_snapshot_cache",
    "inspect_checkpoint",
    "optimize_delta_table",
    "read_cdf_batch",
    "read_delta_batch",
    "reset_checkpoint_schema",
    "reset_checkpoint_start_offset",
    "scan_delta",
    "scan_delta_batch",
    "truncate_checkpoint",
    "vacuum_delta_table",
    "write_delta",
]

__version__: str = _core.version()
