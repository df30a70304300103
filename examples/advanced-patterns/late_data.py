"""Late rows go to a table of their own; both writes belong to the batch."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()


def writer(df, state):
    closed = state.load_json("closed_through", default="")
    late = df.filter(pl.col("day") <= closed)
    on_time = df.filter(pl.col("day") > closed)
    pli.write_delta(on_time, home / "events")
    if late.height:
        pli.write_delta(late, home / "late")
    # all days but the newest are closed now
    days = sorted({closed, *df["day"].to_list()})
    state.save_json("closed_through", days[-2] if len(days) > 1 else closed)


pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet"),
    checkpoint_dir=home / "checkpoint",
    reader=pl.read_parquet,
    writer=writer,
)
pl.DataFrame({"id": [1, 2], "day": ["2024-05-01", "2024-05-02"]}).write_parquet(raw / "1.parquet")
pipeline.run()
pl.DataFrame({"id": [3, 4], "day": ["2024-05-01", "2024-05-03"]}).write_parquet(raw / "2.parquet")
pipeline.run()
print(pli.scan_delta(home / "events").collect(), pli.scan_delta(home / "late").collect())
assert pli.scan_delta(home / "late").collect()["id"].to_list() == [3]
assert sorted(pli.scan_delta(home / "events").collect()["id"].to_list()) == [1, 2, 4]
