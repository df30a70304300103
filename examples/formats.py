"""CSV, JSON lines and Avro; the format is found out from the pattern, or named."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

rows = pl.DataFrame({"id": [1, 2], "name": ["one", "two"]})
rows.write_csv(home / "a.csv")
rows.write_ndjson(home / "a.jsonl")
rows.write_avro(home / "a.avro")

for source, read in [
    (pli.FilesSource(home, file_format="csv"), pl.read_csv),
    (pli.FilesSource(home, file_format="jsonl"), pl.read_ndjson),
    (pli.AutoSource(home, pattern="*.avro"), pl.read_avro),
]:
    seen = []
    pipeline = pli.Pipeline(
        source=source,
        checkpoint_dir=home / f"checkpoint-{len(list(home.glob('checkpoint-*')))}",
        reader=lambda files, read=read: pl.concat([read(f) for f in files]),
        writer=seen.append,
    )
    pipeline.run()
    print(source, seen[0].rows())
    assert seen[0].equals(rows)
