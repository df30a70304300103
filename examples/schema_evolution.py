"""New columns are added, wrong values are rescued instead of lost."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
(raw / "1.csv").write_text("id,amount\n1,10\n2,20\n")

pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="csv"),
    checkpoint_dir=home / "checkpoint",
    reader=lambda files: pl.scan_csv(files),
    writer=pli.DeltaSink(home / "table", merge_schema=True),
    schema_evolution=pli.SchemaEvolution(mode="coerce", rescue_mode="column"),
)
pipeline.run()
(raw / "2.csv").write_text('id,amount,note\n3,"12,50",typo\n4,40,\n')
pipeline.run()

rows = pli.scan_delta(home / "table").sort("id").collect()
print(rows)
assert rows["amount"].to_list() == [10, 20, None, 40]
assert rows["_rescued"].to_list()[2] == '{"amount":"12,50"}'
