"""The change feed of a Delta table: inserts and deletes with their version."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

table = home / "orders"
create = pli.DeltaSink(table, properties={"delta.enableChangeDataFeed": "true"})
create(pl.DataFrame({"id": [1, 2]}))
pli.write_delta(pl.DataFrame({"id": [3]}), table, mode="overwrite")

changes = []
pipeline = pli.Pipeline(
    source=pli.DeltaSource(table, start_offset="earliest", read_change_feed=True),
    checkpoint_dir=home / "checkpoint",
    reader=lambda files, batch: pli.read_cdf_batch(batch),
    writer=changes.append,
)
pipeline.run(once=False, sleep=0)
found = pl.concat(changes).select("_commit_version", "_change_type", "id").sort(pl.all())
print(found)
assert found.height == 5
