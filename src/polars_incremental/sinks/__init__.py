"""Sinks."""

from polars_incremental.sinks.parquet import write_parquet_batch

__all__ = ["write_parquet_batch"]
