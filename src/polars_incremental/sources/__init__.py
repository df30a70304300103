"""Sources at run time."""

from polars_incremental.sources.base import Source, SourceSpec
from polars_incremental.sources.delta import DeltaSource, read_cdf_batch
from polars_incremental.sources.file import FileSource

__all__ = ["DeltaSource", "FileSource", "Source", "SourceSpec", "read_cdf_batch"]
