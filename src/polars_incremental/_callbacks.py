"""What callbacks receive: context by parameter name, as their signature asks for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

CONTEXT_NAMES = ("batch", "batch_id", "files", "state")

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def call(fn: Callable[..., Any], data: Any, context: Mapping[str, Any]) -> Any:
    """Call ``fn`` with the data first and the context that its signature names.

    ``context`` holds what this kind of callback may receive, by name (readers have no ``files``).
    """
    args, kwargs = bind(fn, data, context)
    return fn(*args, **kwargs)


def takes_batch(reader: Callable[..., Any]) -> bool:
    """Would this reader be given the batch object?"""
    batch = object()
    args, kwargs = bind(reader, None, {"batch": batch, "batch_id": 0, "state": None})
    return any(value is batch for value in (*args, *kwargs.values()))


def bind(fn: Callable[..., Any], data: Any, context: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The arguments that :func:`call` passes."""
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return [data], {}
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    takes_all = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    if positional:
        return _data_first(parameters, positional, takes_all, data, context)
    if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return [data], _by_keyword(parameters, takes_all, context, taken=set())
    return _keyword_only(parameters, takes_all, data, context)


def _by_keyword(
    parameters: list[inspect.Parameter], takes_all: bool, context: Mapping[str, Any], taken: set[str]
) -> dict[str, Any]:
    names = {p.name for p in parameters if p.kind is not inspect.Parameter.POSITIONAL_ONLY}
    return {name: value for name, value in context.items() if name not in taken and (takes_all or name in names)}


def _data_first(
    parameters: list[inspect.Parameter],
    positional: list[inspect.Parameter],
    takes_all: bool,
    data: Any,
    context: Mapping[str, Any],
) -> tuple[list[Any], dict[str, Any]]:
    first = positional[0]
    args: list[Any] = [data]
    taken = {first.name}
    by_position = False
    for parameter in positional[1:]:
        if parameter.kind is not inspect.Parameter.POSITIONAL_ONLY or parameter.name not in context:
            break
        args.append(context[parameter.name])
        taken.add(parameter.name)
        by_position = True
    # a **kwargs takes no name that a positional-only parameter has spoken for
    kwargs = _by_keyword(
        parameters,
        takes_all,
        context,
        taken if first.kind is not inspect.Parameter.POSITIONAL_ONLY else taken - {first.name},
    )
    named = {p.name for p in parameters} & set(kwargs)
    if not named and not by_position and len(positional) > 1:
        second = positional[1].name.lstrip("_")
        if second in ("batch", "batch_id") and second in context and positional[1].name not in kwargs:
            args.append(context[second])
    return args, kwargs


def _keyword_only(
    parameters: list[inspect.Parameter], takes_all: bool, data: Any, context: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    names = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    kwargs = _by_keyword(parameters, takes_all, context, taken=set())
    is_reader = "files" not in context
    if is_reader and "files" in names:
        kwargs["files"] = data
        return [], kwargs
    others = [name for name in names if name not in CONTEXT_NAMES]
    if len(others) == 1:
        kwargs[others[0]] = data
        return [], kwargs
    return [data], kwargs
