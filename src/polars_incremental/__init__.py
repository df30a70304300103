"""Incremental ingestion for Polars: your reader, transform and writer, batch by batch, each input once.

Names are loaded when they are first used (PEP 562): importing the package costs next to nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from polars_incremental.sinks import DeltaSink, apply_cdc_delta, merge, write_delta
    from polars_incremental.source import AutoSource, DeltaSource, FilesSource, SourceConfig
    from polars_incremental.sources import SourceSpec, read_cdf_batch
    from polars_incremental.state import JobState

    __version__: str

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
    "merge",
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

# where the names live
_HOME = {
    "_delta_read": "read_delta_batch scan_delta scan_delta_batch",
    "catalog": "Catalog DatasetSpec LocalCatalog",
    "cdc": "apply_cdc",
    "checkpoints": "BatchInfo DeltaBatch DeltaFileEntry DeltaOffset DeltaTableCheckpoint FileStreamCheckpoint",
    "errors": "ChangeDataFeedError CommitError MissingOptionError PipelineError PipelineLockError PlanningError PolarsIncrementalError ReaderError SchemaEvolutionError TransformError UnsupportedFormatError WriterError",
    "maintenance": "CheckpointInfo CleanupResult TruncateResult cleanup_checkpoint cleanup_snapshot_cache inspect_checkpoint optimize_delta_table reset_checkpoint_schema reset_checkpoint_start_offset truncate_checkpoint vacuum_delta_table",
    "observability": "LoggingObserver PipelineObserver",
    "pipeline": "Pipeline RunResult",
    "schema": "SchemaEvolution SchemaPolicy",
    "sinks": "DeltaSink apply_cdc_delta merge write_delta",
    "source": "AutoSource DeltaSource FilesSource SourceConfig",
    "sources": "SourceSpec read_cdf_batch",
    "state": "JobState",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}
_SUBMODULES = {"checkpoints", "errors", "sinks", "sources", *_HOME}


if not TYPE_CHECKING:  # or every name would be right to type checkers

    def __getattr__(name: str) -> Any:
        if name in _MODULE_OF:
            value = getattr(importlib.import_module(f"polars_incremental.{_MODULE_OF[name]}"), name)
        elif name == "__version__":
            value = importlib.import_module("polars_incremental._core").version()
        elif name in _SUBMODULES:
            return importlib.import_module(f"polars_incremental.{name}")
        else:
            raise AttributeError(f"module 'polars_incremental' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_SUBMODULES})
