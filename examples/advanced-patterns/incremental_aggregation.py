"""A daily total that each batch adds to, without reading old data again."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()


def transform(df, state):
    before = state.load_parquet("totals")
    new = df.group_by("day").agg(pl.col("amount").sum())
    both = new if before is None else pl.concat([before, new])
    totals = both.group_by("day").agg(pl.col("amount").sum()).sort("day")
    state.save_parquet("totals", totals)
    return totals


pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet"),
    checkpoint_dir=home / "checkpoint",
    reader=pl.read_parquet,
    transform=transform,
    # small results are written whole; a repeat writes the same
    writer=lambda totals: pli.write_delta(totals, home / "totals", mode="overwrite"),
)
pl.DataFrame({"day": ["mon", "tue"], "amount": [1, 2]}).write_parquet(raw / "1.parquet")
pipeline.run()
pl.DataFrame({"day": ["tue"], "amount": [40]}).write_parquet(raw / "2.parquet")
pipeline.run()
result = pli.scan_delta(home / "totals").sort("day").collect()
print(result)
assert result.rows() == [("mon", 1), ("tue", 42)]
