"""Small batches: limits of files and bytes, and a loop that waits for more."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
for day in range(5):
    pl.DataFrame({"day": [day] * 100}).write_parquet(raw / f"{day}.parquet")

sizes = []
pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet", max_files_per_trigger=2, max_bytes_per_trigger=1_000_000),
    checkpoint_dir=home / "checkpoint",
    reader=pl.scan_parquet,
    writer=lambda lf, files: sizes.append(len(files)),
)
# polls twice for more after the last batch, then ends
result = pipeline.run(once=False, sleep=0, sleep_when_idle=0.05, max_idle_loops=2)
print(result, sizes)
assert sizes == [2, 2, 1]
