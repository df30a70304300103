"""New files of a folder become batches; each file is read once."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
pl.DataFrame({"id": [1, 2]}).write_parquet(raw / "monday.parquet")

pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet"),
    checkpoint_dir=home / "checkpoint",
    reader=pl.scan_parquet,
    writer=lambda lf, batch_id: lf.sink_parquet(home / f"batch_{batch_id}.parquet"),
)
print(pipeline.plan())
print(pipeline.run(once=False, sleep=0))

pl.DataFrame({"id": [3]}).write_parquet(raw / "tuesday.parquet")
print(pipeline.run(once=False, sleep=0))
print(pipeline.status())
assert pl.read_parquet(home / "batch_1.parquet")["id"].to_list() == [3]
