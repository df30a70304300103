"""MERGE: rows of a frame, matched with those of a Delta table, update, delete or insert rows, in one commit."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from polars_incremental.sinks.delta import Frame, PathLike, Txn, commit, identity_of

__all__ = ["merge"]

Clause = Mapping[str, Any]

_ACTIONS = {
    "when_matched": ("update", "delete"),
    "when_not_matched": ("insert",),
    "when_not_matched_by_source": ("update", "delete"),
}
_KEYS = ("action", "condition", "set")


def merge(
    target: PathLike,
    changes: Frame,
    *,
    on: str,
    when_matched: Sequence[Clause] | Clause | None = None,
    when_not_matched: Sequence[Clause] | Clause | None = None,
    when_not_matched_by_source: Sequence[Clause] | Clause | None = None,
    txn: Txn | None = None,
) -> dict[str, Any]:
    """Merge a frame into the Delta table at ``target``, in one commit.

    ``on`` is an SQL condition; ``source.`` and ``target.`` qualify columns. A clause is ``{"action": "update", "insert" or "delete",
    "condition": SQL, "set": {column: SQL} or "*"}``; of several clauses of a kind the first whose condition holds acts. Without ``set``,
    update and insert mean ``"*"``. Inside a pipeline a repeated batch changes nothing; elsewhere give ``txn=(application id, version)``
    for that. Returns the version and the numbers of rows, files and bytes.
    """
    if not isinstance(changes, (pl.DataFrame, pl.LazyFrame)):
        raise TypeError(f"changes must be a Polars DataFrame or LazyFrame, not {type(changes).__name__}")
    if not isinstance(on, str) or not on.strip():
        raise ValueError(f"on must be an SQL condition such as 'target.id = source.id', not {on!r}")
    given = {
        "when_matched": when_matched,
        "when_not_matched": when_not_matched,
        "when_not_matched_by_source": when_not_matched_by_source,
    }
    clauses = [c for name, value in given.items() for c in _clauses(name, value)]
    if not clauses:
        raise ValueError(f"a merge needs at least one clause: {', '.join(given)}")
    path = os.fspath(target)
    done = commit(changes, path, {"on": on, "clauses": clauses, **identity_of(path, txn)}, None, how="merge")
    return {k: v for k, v in done.items() if k not in ("path", "tableId", "txnAppId", "attempt")}


def _clauses(name: str, value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{name} must be a list of clauses, each a dict with an 'action', not {value!r}")
    return [_clause(name, c) for c in value]


def _clause(name: str, clause: Any) -> dict[str, Any]:
    if not isinstance(clause, Mapping):
        raise TypeError(f"a clause of {name} must be a dict with an 'action', not {clause!r}")
    unknown = [k for k in clause if k not in _KEYS]
    if unknown:
        raise ValueError(f"a clause of {name} has the unknown key {unknown[0]!r}; known are {', '.join(_KEYS)}")
    action = clause.get("action")
    if action not in _ACTIONS[name]:
        raise ValueError(f"the action of a clause of {name} must be {' or '.join(_ACTIONS[name])}, not {action!r}")
    condition, values = clause.get("condition"), clause.get("set", None if action == "delete" else "*")
    if condition is not None and not isinstance(condition, str):
        raise TypeError(f"the condition of a clause must be SQL text, not {condition!r}")
    if action == "delete" and values is not None:
        raise ValueError("a delete clause has no 'set'")
    if name == "when_not_matched_by_source" and values == "*":
        raise ValueError("an update of rows without a source row needs 'set' with the columns to change")
    if values is not None and values != "*" and not isinstance(values, Mapping):
        raise TypeError(f"'set' must be '*' or a dict of column and SQL expression, not {values!r}")
    found: dict[str, Any] = {"when": name.removeprefix("when_"), "action": action}
    if condition is not None:
        found["condition"] = condition
    if values is not None:
        found["set"] = values if values == "*" else {str(k): _expression(k, v) for k, v in values.items()}
    return found


def _expression(column: Any, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(
            f"'set' of column {column!r} must be an SQL expression as text, such as \"source.x\", not {value!r}"
        )
    return value
