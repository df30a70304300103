"""What the interop tests share: the matrix, rows as comparable text, small helpers around the command."""

from __future__ import annotations

import collections
import json

# feature -> engine -> "ok" or what went wrong; printed at the end of the run
MATRIX: dict[str, dict[str, str]] = collections.OrderedDict()


def record(feature: str, engine: str, verdict: str) -> None:
    """Keep a verdict; one that is not "ok" is never replaced by a better one."""
    row = MATRIX.setdefault(feature, {})
    if row.get(engine, "ok") == "ok":
        row[engine] = verdict


# with every digit of times: Spark's own form ends at milliseconds
MICROSECONDS = "yyyy-MM-dd HH:mm:ss.SSSSSS"
JSON_OPTIONS = ["ignoreNullFields", "false", "timestampFormat", MICROSECONDS, "timestampNTZFormat", MICROSECONDS]


def spark_rows(frame) -> list[str]:
    """The rows of a Spark frame as sorted JSON texts, nulls kept."""
    columns = [f"`{name.replace('`', '``')}`" for name, kind in frame.dtypes if kind != "void"]
    line = f"to_json(struct({', '.join(columns)}), map({', '.join(repr(o) for o in JSON_OPTIONS)})) AS line"
    return sorted(row.line for row in frame.selectExpr(line).collect())


def spark_types(frame) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind in frame.dtypes if kind != "void"]


def detail(pli, table, *args) -> dict:
    return json.loads(pli("delta", "detail", table, "--json", *args))
