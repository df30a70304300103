"""State that belongs to the job and becomes durable with the batch."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()


def transform(df, state):
    total = state.load_json("total", default=0) + df["amount"].sum()
    state.save_json("total", total)
    return df


pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet"),
    checkpoint_dir=home / "checkpoint",
    reader=pl.read_parquet,
    transform=transform,
    writer=lambda df: None,
)
for n in range(3):
    pl.DataFrame({"amount": [n * 10]}).write_parquet(raw / f"{n}.parquet")
    pipeline.run()
total = pli.JobState(home / "checkpoint" / "state").load_json("total", default=None)
print(total)
assert total == 30
