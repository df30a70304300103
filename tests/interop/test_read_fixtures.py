"""The shared fixtures, which Spark and others wrote, as every engine reads them: no JVM is needed. Newest versions only; what
we make of every version is tests/conformance/test_delta_fixtures.c."""

from __future__ import annotations

import json
import os
import pathlib

import pytest
from engines import ENGINES, duckdb, verdict
from interop_support import record

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = pathlib.Path(os.environ.get("PLI_SHARED") or ROOT.parent / "shared") / "fixtures/delta"


def newest() -> dict[str, pathlib.Path]:
    """Expected rows of the newest version of each table that has them."""
    if not (FIXTURES / "cases.json").exists():
        return {}
    cases = json.loads((FIXTURES / "cases.json").read_text())["cases"]
    rows = [c for c in cases if c["kind"] == "rows" and "columns" not in c]
    return {
        c["table"]: FIXTURES / c["expected"] for c in rows if c["version"] == last_version(c["table"], c["version"])
    }


def last_version(table: str, version):
    commits = [int(f.stem) for f in (FIXTURES / table / "_delta_log").glob("[0-9]*.json") if f.stem.isdigit()]
    return version if version is None else max(commits)


@pytest.mark.parametrize("table", newest())
def test_the_newest_version_is_the_one_expected(pli, tmp_path, table):
    if duckdb is None:
        pytest.skip("DuckDB is not there")
    expected, ours = newest()[table], tmp_path / "ours.parquet"
    pli("delta", "read", FIXTURES / table, "-o", ours)
    count = "SELECT count(*) FROM (SELECT * FROM read_parquet('{}') EXCEPT ALL SELECT * FROM read_parquet('{}'))"
    differ = [duckdb.sql(count.format(a, b)).fetchall()[0][0] for a, b in [(ours, expected), (expected, ours)]]
    name = f"fixture: {table}"
    record(name, "pli", "WRONG" if any(differ) else "ok")
    for engine in ENGINES:
        if engine != "DuckDB delta" or os.environ.get("PLI_DELTA_EXTENSION"):
            record(name, engine, verdict(engine, str(FIXTURES / table), str(expected)))
    assert not any(differ)
