"""The exceptions of the package. Those that the product raises carry ``code`` and ``retriable``."""

from __future__ import annotations

import errno
import re

__all__ = [
    "ChangeDataFeedError",
    "CommitError",
    "MissingOptionError",
    "PipelineError",
    "PipelineLockError",
    "PlanningError",
    "PolarsIncrementalError",
    "ReaderError",
    "SchemaEvolutionError",
    "TransformError",
    "UnsupportedFormatError",
    "WriterError",
]


class PolarsIncrementalError(Exception):
    """Base of all exceptions of this package.

    ``code`` is the name of the error code (``DISK_FULL``, ``SINK_AHEAD``, ... see docs/errors.md), ``retriable`` whether the
    same call may succeed later without any change, ``hint`` how to mend it.
    """

    default_code = "INTERNAL"

    def __init__(self, *args: object, code: str | None = None, retriable: bool = False, hint: str = "") -> None:
        super().__init__(*args)
        self.code = code or self.default_code
        self.retriable = retriable
        self.hint = hint


class PipelineError(PolarsIncrementalError):
    """A stage of a pipeline failed; the original exception is ``__cause__``."""


class PlanningError(PipelineError):
    """The next batch could not be planned."""


class ReaderError(PipelineError):
    """The reader failed."""

    default_code = "CALLBACK_FAILED"


class TransformError(PipelineError):
    """The transform failed."""

    default_code = "CALLBACK_FAILED"


class WriterError(PipelineError):
    """The writer failed."""

    default_code = "CALLBACK_FAILED"


class CommitError(PipelineError):
    """The batch could not be committed."""


class PipelineLockError(PipelineError, RuntimeError):
    """Another pipeline holds the checkpoint."""

    default_code = "LOCKED"


class UnsupportedFormatError(PolarsIncrementalError):
    """An unknown format, or a feature of a Delta table that is not implemented."""

    default_code = "UNSUPPORTED_FEATURE"


class MissingOptionError(PolarsIncrementalError):
    """A pipeline without reader or writer."""

    default_code = "INVALID_CONFIG"


class ChangeDataFeedError(PolarsIncrementalError):
    """The change data feed was asked for and cannot be derived."""

    default_code = "NO_CHANGE_FEED"


class SchemaEvolutionError(PolarsIncrementalError):
    """A rule of schema evolution is violated."""

    default_code = "SCHEMA_MISMATCH"


class CoreError(PolarsIncrementalError):
    """An error of the C core that no other class fits; ``code`` says which. Inside a pipeline its stage wraps it."""


class DeltaPlanningError(RuntimeError):
    """The Delta planner refuses: rows were changed or removed, or the table is another one than before.

    Not a :class:`PolarsIncrementalError`, so that ``Pipeline.run`` wraps it in a :class:`PlanningError`.
    """

    code = "DATA_LOSS"
    retriable = False
    hint = ""


_BY_CODE: dict[str, type[Exception]] = {
    "ACCESS_DENIED": PermissionError,
    "ALREADY_EXISTS": FileExistsError,
    "CONSTRAINT_VIOLATED": SchemaEvolutionError,
    "DATA_LOSS": DeltaPlanningError,
    "INVALID_ARGUMENT": ValueError,
    "LOCKED": PipelineLockError,
    "NOT_A_TABLE": FileNotFoundError,
    "NOT_FOUND": FileNotFoundError,
    "NO_CHANGE_FEED": ChangeDataFeedError,
    "OUT_OF_MEMORY": MemoryError,
    "SCHEMA_MISMATCH": SchemaEvolutionError,
    "SINK_AHEAD": CommitError,
    "SINK_BEHIND": CommitError,
    "TABLE_REPLACED": DeltaPlanningError,
    "UNSUPPORTED_FEATURE": UnsupportedFormatError,
}


_OF_SYSTEM: list[tuple[type[Exception], str]] = [
    (FileNotFoundError, "NOT_FOUND"),
    (FileExistsError, "ALREADY_EXISTS"),
    (PermissionError, "ACCESS_DENIED"),
    (TimeoutError, "TIMEOUT"),
    (OSError, "IO_ERROR"),
    (MemoryError, "OUT_OF_MEMORY"),
]
_OF_DISK = (errno.ENOSPC, errno.EDQUOT)


def code_of(stage: str, exc: Exception) -> str | None:
    """The code of a stage's error that is caused by ``exc``; None for the default of its class."""
    code = getattr(exc, "code", None)
    if isinstance(code, str) and re.fullmatch("[A-Z][A-Z_]+", code):  # other libraries have codes of their own
        return code
    if isinstance(exc, OSError) and exc.errno in _OF_DISK:
        return "DISK_FULL"
    if stage == "plan" and isinstance(exc, (ValueError, TypeError)):
        return "INVALID_ARGUMENT"
    return next((code for kind, code in _OF_SYSTEM if isinstance(exc, kind)), None)


# remedies of the command that have another name here
_HINTS = {"LOCKED": "wait for it, or let it wait longer: POLARS_INCREMENTAL_LOCK_TIMEOUT (seconds; unset: no limit)"}


def from_core(code: str, message: str, hint: str, retriable: bool) -> Exception:
    """The exception for an error of the C core. Called by the extension."""
    hint = _HINTS.get(code, hint)
    text = f"{message}\nhint: {hint}" if hint else message
    exc = _BY_CODE.get(code, CoreError)(text)
    exc.code = code  # type: ignore[attr-defined]
    exc.retriable = retriable  # type: ignore[attr-defined]
    exc.hint = hint  # type: ignore[attr-defined]
    return exc
