"""Only rows newer than the watermark, which moves with the data."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

LATENESS = timedelta(hours=1)
raw = home / "raw"
raw.mkdir()


def transform(df, state):
    stored = state.load_json("watermark", default=None)
    watermark = datetime.min if stored is None else datetime.fromisoformat(stored)
    newest = max(watermark, df["ts"].max() - LATENESS)
    state.save_json("watermark", newest.isoformat())
    return df.filter(pl.col("ts") > watermark)


seen = []
pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet"),
    checkpoint_dir=home / "checkpoint",
    reader=pl.read_parquet,
    transform=transform,
    writer=lambda df: seen.append(df["id"].to_list()),
)
noon = datetime(2024, 1, 1, 12)
pl.DataFrame({"id": [1, 2], "ts": [noon, noon + timedelta(hours=3)]}).write_parquet(raw / "1.parquet")
pipeline.run()
# 13:00 is before the watermark of 14:00, 14:30 is after it
pl.DataFrame({"id": [3, 4], "ts": [noon + timedelta(hours=1), noon + timedelta(minutes=150)]}).write_parquet(
    raw / "2.parquet"
)
pipeline.run()
print(seen)
assert seen == [[1, 2], [4]]
