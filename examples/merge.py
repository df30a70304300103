"""MERGE: new rows are inserted, known ones updated, cancelled ones deleted, in one commit a batch."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))
orders = home / "orders"
pli.write_delta(pl.DataFrame({"id": [1, 2, 3], "state": ["new", "new", "new"], "seen": [1, 1, 1]}), orders)

raw = home / "raw"
raw.mkdir()
pl.DataFrame({"id": [2, 3, 4], "state": ["paid", "cancelled", "new"], "seen": [1, 1, 1]}).write_parquet(
    raw / "1.parquet"
)


def writer(lf):
    return pli.merge(
        orders,
        lf,
        on="target.id = source.id",
        when_matched=[
            {"action": "delete", "condition": "source.state = 'cancelled'"},
            {"action": "update", "set": {"state": "source.state", "seen": "target.seen + 1"}},
        ],
        when_not_matched={"action": "insert"},
    )


pipeline = pli.Pipeline(pli.FilesSource(raw, file_format="parquet"), home / "checkpoint", pl.scan_parquet, writer)
pipeline.run()
# as after a crash between the table's commit and the checkpoint's: the repeat changes nothing
(home / "checkpoint" / "commits" / "0.json").unlink()
pipeline.run()

rows = pli.scan_delta(orders).sort("id").collect()
print(rows)
assert rows.rows() == [(1, "new", 1), (2, "paid", 2), (4, "new", 1)]
