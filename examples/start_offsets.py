"""Where a checkpoint begins: everything, only what comes later, or from a point in time."""

import os
import tempfile
from pathlib import Path

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

raw = home / "raw"
raw.mkdir()
(raw / "old.csv").write_text("id\n1\n")
os.utime(raw / "old.csv", (0, 1_600_000_000))
(raw / "new.csv").write_text("id\n2\n")


def files_of(name, **options):
    seen = []
    pipeline = pli.Pipeline(
        source=pli.FilesSource(raw, file_format="csv", **options),
        checkpoint_dir=home / name,
        reader=lambda files: files,
        writer=lambda files: seen.extend(Path(f).name for f in files),
    )
    pipeline.run()
    return seen


print("earliest:", files_of("earliest"))
print("from 2024 on:", files_of("from-2024", start_timestamp="2024-01-01"))
print("latest:", files_of("latest", start_offset="latest"))
assert files_of("latest-2", start_offset="latest") == []
(raw / "later.csv").write_text("id\n3\n")
assert files_of("latest", start_offset="latest") == ["later.csv"]
