"""Change rows applied to a frame: the last change of a key decides."""

import tempfile
from pathlib import Path

import polars as pl

import polars_incremental as pli

home = Path(tempfile.mkdtemp(prefix="pli-example-"))

existing = pl.DataFrame({"id": [1, 2], "name": ["one", "two"]})
changes = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "name": ["ONE", None, "three"],
        "_change_type": ["update_postimage", "delete", "insert"],
        "_commit_version": [5, 5, 6],
    }
)
result = pli.apply_cdc(changes, existing, keys="id").sort("id")
print(result)
assert result.rows() == [(1, "ONE"), (3, "three")]
