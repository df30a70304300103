"""Versions of a Delta table become batches: first its rows, then every later commit."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

table = home / "orders"
pli.write_delta(pl.DataFrame({"id": [1, 2]}), table)

seen = []
pipeline = pli.Pipeline(
    source=pli.DeltaSource(table),
    checkpoint_dir=home / "checkpoint",
    reader=lambda files, batch: pli.scan_delta_batch(batch),
    writer=lambda lf: seen.append(sorted(lf.collect()["id"].to_list())),
)
pipeline.run(once=False, sleep=0)
pli.write_delta(pl.DataFrame({"id": [3]}), table)
pipeline.run(once=False, sleep=0)
print(seen)
assert seen == [[1, 2], [3]]
