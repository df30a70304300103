"""Incremental ingestion for Polars: your reader, transform and writer, batch by batch, each input once."""

from polars_incremental import _core, checkpoints, sinks, sources
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
    reset_checkpoint_schema,
    reset_checkpoint_start_offset,
    truncate_checkpoint,
)
from polars_incremental.observability import LoggingObserver, PipelineObserver
from polars_incremental.pipeline import Pipeline, RunResult
from polars_incremental.schema import SchemaEvolution, SchemaPolicy
from polars_incremental.source import AutoSource, DeltaSource, FilesSource, SourceConfig
from polars_incremental.sources import SourceSpec, read_cdf_batch
from polars_incremental.sinks import DeltaSink, write_delta
from polars_incremental.state import JobState

__version__: str = _core.version()
