"""Sinks."""

from polars_incremental.sinks._merge import merge
from polars_incremental.sinks.delta import DeltaSink, apply_cdc_delta, write_delta
from polars_incremental.sinks.parquet import write_parquet_batch

__all__ = ["DeltaSink", "apply_cdc_delta", "merge", "write_delta", "write_parquet_batch"]
