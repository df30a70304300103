"""Maintenance of Delta tables: small files put together, files that nothing refers to removed."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

table = Path(tempfile.mkdtemp(prefix="pli-example-")) / "events"
for day in range(5):
    pli.write_delta(pl.LazyFrame({"day": [day] * 3, "id": [day * 3 + i for i in range(3)]}), table)

print(pli.optimize_delta_table(table, mode="compact"))
assert pli.scan_delta(table).select(pl.len()).collect().item() == 15

# the five small files are kept for readers of older versions until the retention is over
assert pli.vacuum_delta_table(table, retention_hours=168.0, dry_run=True) == []
removed = pli.vacuum_delta_table(table, retention_hours=0.0, enforce_retention=False)
print(removed)
assert len(removed) == 5
assert pli.scan_delta(table).collect().height == 15
