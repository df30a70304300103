"""A chain: changes arrive as files, are merged into a table, and the table's change feed keeps a second one up to date."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))
raw = home / "raw"
raw.mkdir()
bronze, silver = home / "bronze", home / "silver"

first = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet", max_files_per_trigger=1),
    checkpoint_dir=home / "checkpoint-bronze",
    reader=pl.scan_parquet,
    writer=pli.DeltaSink(bronze, mode="merge", keys="id", properties={"delta.enableChangeDataFeed": "true"}),
)
second = pli.Pipeline(
    source=pli.DeltaSource(bronze, start_offset="earliest", read_change_feed=True),
    checkpoint_dir=home / "checkpoint-silver",
    reader=lambda files, batch: pli.read_cdf_batch(batch),
    transform=lambda df: df.with_columns(pl.col("name").str.to_uppercase()),
    writer=lambda df: pli.apply_cdc_delta(df, silver, keys="id"),
)


def changes(*rows):
    return pl.DataFrame(rows, schema=["id", "name", "_change_type"], orient="row")


changes((1, "one", "insert"), (2, "two", "insert")).write_parquet(raw / "1.parquet")
changes((1, "uno", "update"), (2, None, "delete"), (3, "three", "insert")).write_parquet(raw / "2.parquet")
first.run(once=False, sleep=0)
second.run(once=False, sleep=0)
rows = pli.scan_delta(silver).sort("id").collect()
print(rows)
assert rows.rows() == [(1, "UNO"), (3, "THREE")]
