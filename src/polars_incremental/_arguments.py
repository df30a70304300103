"""Checks of arguments that several functions share; each message says what to pass instead."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def is_whole(value: Any, least: int) -> bool:
    """A whole number of at least so much? A float without a fraction is one, a bool is none."""
    if isinstance(value, bool):
        return False
    if isinstance(value, float):
        return value.is_integer() and value >= least
    # not int alone: NumPy's numbers are none
    return isinstance(value, Integral) and int(value) >= least


def is_number(value: Any, least: float) -> bool:
    """A finite number of at least so much? A bool is none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value) and float(value) >= least


def whole(name: str, value: Any, least: int = 0) -> int:
    """The value as an int; ``ValueError`` if it is no whole number of at least ``least``."""
    if not is_whole(value, least):
        raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def delta_batch(batch: Any) -> None:
    """``TypeError`` for what is no batch of a Delta source."""
    if not hasattr(batch, "files") or not hasattr(batch, "file_entries"):
        raise TypeError(f"a DeltaBatch is needed, as a reader gets it with the parameter `batch`, not {batch!r}")
