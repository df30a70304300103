"""An exactly-once Delta sink: a repeated batch changes nothing."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
for n in range(3):
    pl.DataFrame({"id": [n], "day": [f"2024-05-0{n + 1}"]}).write_parquet(raw / f"{n}.parquet")

pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet", max_files_per_trigger=1),
    checkpoint_dir=home / "checkpoint",
    reader=pl.scan_parquet,
    writer=pli.DeltaSink(home / "events", partition_by="day"),
)
print(pipeline.explain())
print(pipeline.run(once=False, sleep=0))

# as after a crash between the table's commit and the checkpoint's
(home / "checkpoint" / "commits" / "2.json").unlink()
pipeline.run()
rows = pli.scan_delta(home / "events").sort("id").collect()
print(rows)
assert rows["id"].to_list() == [0, 1, 2]
