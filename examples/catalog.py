"""Datasets by name, from a file."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

(home / "raw").mkdir()
pl.DataFrame({"id": [0, 1]}).write_parquet(home / "raw" / "1.parquet")
(home / "catalog.toml").write_text(f"""
[datasets.raw_events]
format = "parquet"
path = "{home}/raw"

[datasets.events_out]
format = "parquet"
path = "{home}/out"
""")
catalog = pli.LocalCatalog(home / "catalog.toml")
sink = catalog.resolve("events_out")

pipeline = pli.Pipeline(
    source=catalog.get_source("raw_events"),
    checkpoint_dir=home / "checkpoint",
    reader=lambda files: pl.scan_parquet(files).filter(pl.col("id") > 0),
    writer=lambda lf, batch_id: pli.sinks.write_parquet_batch(lf, sink.path, batch_id),
)
pipeline.run()
rows = pl.read_parquet(f"{sink.path}/batch_0.parquet")
print(rows)
assert rows["id"].to_list() == [1]
