"""Files that are written again are read again; done ones are moved away."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
(raw / "prices.csv").write_text("price\n1\n")

seen = []
pipeline = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="csv", allow_overwrites=True),
    checkpoint_dir=home / "checkpoint",
    reader=lambda files: pl.read_csv(files[0]),
    writer=lambda df: seen.append(df["price"].to_list()),
)
pipeline.run()
(raw / "prices.csv").write_text("price\n1\n2\n")
pipeline.run()
print(seen)
assert seen == [[1], [1, 2]]

cleaning = pli.Pipeline(
    source=pli.FilesSource(raw, file_format="csv", clean_source="archive", clean_source_archive_dir=home / "done"),
    checkpoint_dir=home / "checkpoint-2",
    reader=lambda files: files,
    writer=lambda files: None,
)
cleaning.run()
print(list(raw.iterdir()), list((home / "done").iterdir()))
assert not list(raw.glob("*.csv"))
