"""Other readers of Delta tables: delta-rs, Polars and DuckDB's delta extension, each as a function from a path to a relation."""

from __future__ import annotations

import importlib.metadata
import os

duckdb = None
try:
    import deltalake
    import duckdb
    import polars
    import pyarrow as pa
except ImportError:  # the tests that need them are skipped
    pass


def connect():
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def read_delta_rs(connection, path):
    table = deltalake.QueryBuilder().register("t", deltalake.DeltaTable(path)).execute("SELECT * FROM t").read_all()
    connection.register("theirs", pa.table(table))


def read_polars(connection, path):
    connection.register("theirs", polars.scan_delta(path).collect().to_arrow())


def read_duckdb(connection, path):
    connection.execute(f"LOAD '{os.environ['PLI_DELTA_EXTENSION']}'")
    quoted = path.replace("'", "''")
    connection.execute(f"CREATE TEMP TABLE theirs AS SELECT * FROM delta_scan('{quoted}')")


ENGINES = {"delta-rs": read_delta_rs, "Polars": read_polars, "DuckDB delta": read_duckdb}
PACKAGES = {
    "Spark": ["pyspark", "delta-spark"],
    "delta-rs": ["deltalake"],
    "Polars": ["polars"],
    "DuckDB delta": ["duckdb", "duckdb-extension-delta"],
}


def versions() -> list[str]:
    """`name version`, of those that are there."""
    found = []
    for package in [p for packages in PACKAGES.values() for p in packages]:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def texts(connection, source: str, names: list[str]) -> list[tuple]:
    columns = ", ".join(f'CAST("{n}" AS VARCHAR)' for n in (name.replace('"', '""') for name in names))
    return sorted(connection.execute(f"SELECT {columns} FROM {source}").fetchall(), key=str)


def verdict(engine: str, path: str, expected: str) -> str:
    """How an engine fares with a table whose rows stand in a Parquet file: "ok", "refused: …", "fails: …" or "WRONG …"."""
    connection = connect()
    connection.execute(f"CREATE VIEW ours AS SELECT * FROM read_parquet('{expected}')")
    try:
        ENGINES[engine](connection, path)
        names = [r[0] for r in connection.execute("DESCRIBE ours").fetchall()]
        theirs = [r[0] for r in connection.execute("DESCRIBE theirs").fetchall()]
        missing = [n for n in names if n not in theirs]
        if missing:
            return f"WRONG (lacks {len(missing)} of {len(names)} columns)"
        return "ok" if texts(connection, "ours", names) == texts(connection, "theirs", names) else "WRONG rows"
    except BaseException as e:  # a panic of theirs is no Exception
        if isinstance(e, KeyboardInterrupt):
            raise
        said = str(e)
        refused = any(word in said for word in ("support", "requires reader", "Unsupported"))
        return "refused" if refused else f"fails ({type(e).__name__})"
