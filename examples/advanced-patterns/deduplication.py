"""Rows that were seen in an earlier batch are left out; the keys seen are state."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()


def transform(df, state):
    df = df.unique("event_id", keep="first", maintain_order=True)
    seen = state.load_parquet("seen")
    if seen is not None:
        df = df.join(seen, on="event_id", how="anti")
    new = df.select("event_id")
    state.save_parquet("seen", new if seen is None else pl.concat([seen, new]))
    return df


pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet", max_files_per_trigger=1),
    checkpoint_dir=home / "checkpoint",
    reader=pl.read_parquet,
    transform=transform,
    writer=pli.DeltaSink(home / "events"),
)
pl.DataFrame({"event_id": [1, 2, 2]}).write_parquet(raw / "1.parquet")
pl.DataFrame({"event_id": [2, 3]}).write_parquet(raw / "2.parquet")
pipeline.run(once=False, sleep=0)
rows = pli.scan_delta(home / "events").collect()
print(rows)
assert sorted(rows["event_id"].to_list()) == [1, 2, 3]
