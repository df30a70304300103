"""Sinks."""

from polars_incremental.sinks.delta import DeltaSink, write_delta
from polars_incremental.sinks.parquet import write_parquet_batch

__all__ = ["DeltaSink", "write_delta", "write_parquet_batch"]
