"""Values that JSON cannot hold become text, so that a commit never fails for what a writer returned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_MAX_DEPTH = 50
_MAX_INT = 2**63


def writable(value: Any, depth: int = 0) -> Any:
    """The value with everything that JSON lacks as text: ISO 8601 for dates and times, ``str()`` for the rest."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value) if -_MAX_INT <= value < _MAX_INT else str(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if depth < _MAX_DEPTH:
        if isinstance(value, Mapping):
            return {_text(str(k)): writable(v, depth + 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [writable(v, depth + 1) for v in value]
        if isinstance(value, (set, frozenset)):
            return [writable(v, depth + 1) for v in sorted(value, key=str)]
    isoformat = getattr(value, "isoformat", None)
    try:
        return _text(isoformat() if callable(isoformat) else str(value))
    except Exception:
        return f"<{type(value).__name__}>"


def _text(value: str) -> str:
    # lone surrogates are no UTF-8, and a NUL ends a text in C
    return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
