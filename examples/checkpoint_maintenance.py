"""Looking after a checkpoint: what is in it, clean it up, cut it back."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
for n in range(5):
    pl.DataFrame({"id": [n]}).write_parquet(raw / f"{n}.parquet")
pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet", max_files_per_trigger=1),
    checkpoint_dir=home / "checkpoint",
    reader=pl.read_parquet,
    writer=lambda df: None,
)
pipeline.run(once=False, sleep=0)

print(pli.inspect_checkpoint(home / "checkpoint"))
print(pli.cleanup_checkpoint(home / "checkpoint", keep_last_n=3))
# what was processed stays known
assert pipeline.run().batches == 0

# the last batch once more
print(pli.truncate_checkpoint(home / "checkpoint", keep_through_batch_id=3))
assert pipeline.run().batches == 1
