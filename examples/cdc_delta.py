"""Change rows applied to a Delta table: by the sink of a pipeline, and directly."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))
raw = home / "raw"
raw.mkdir()


def changes(*rows):
    return pl.DataFrame(rows, schema=["id", "name", "_change_type", "_commit_version"], orient="row")


changes((1, "one", "insert", 1), (2, "two", "insert", 1)).write_parquet(raw / "1.parquet")
changes((1, "ONE", "update_postimage", 2), (2, None, "delete", 2)).write_parquet(raw / "2.parquet")

pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="parquet", max_files_per_trigger=1),
    checkpoint_dir=home / "checkpoint",
    reader=pl.scan_parquet,
    writer=pli.DeltaSink(home / "customers", mode="merge", keys="id"),
)
pipeline.run(once=False, sleep=0)
print(pli.scan_delta(home / "customers").collect())

result = pli.apply_cdc_delta(changes((3, "three", "insert", 3)), home / "customers", keys="id")
print(result)
assert sorted(pli.scan_delta(home / "customers").collect().rows()) == [(1, "ONE"), (3, "three")]
