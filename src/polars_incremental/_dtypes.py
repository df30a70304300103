"""Polars types and their text, ``str(dtype)``, both ways."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from polars_incremental.errors import SchemaEvolutionError

_MAX_TEXT = 1 << 24
_ALIASES = {"Utf8": "String", "str": "String", "int": "Int64", "float": "Float64", "bool": "Boolean"}


def dtype_of(value: Any, column: str = "") -> pl.DataType:
    """A Polars type from an instance, a class or its text."""
    where = f"column {column!r}: " if column else ""
    if isinstance(value, pl.DataType):
        return value
    if inspect.isclass(value) and issubclass(value, pl.DataType):
        return _instance(value, where)
    if isinstance(value, str):
        return parse(value, where)
    raise SchemaEvolutionError(f"{where}a type must be a Polars type or its text, not {value!r}")


def _instance(cls: type[pl.DataType], where: str) -> pl.DataType:
    try:
        return cls()
    except TypeError:
        raise SchemaEvolutionError(f"{where}{cls.__name__} needs its inner types: an instance, not the class") from None


def parse(text: str, where: str = "") -> pl.DataType:
    """A Polars type from its text; spaces do not matter."""
    if len(text) > _MAX_TEXT:
        raise SchemaEvolutionError(f"{where}the text of a type is longer than {_MAX_TEXT} characters")
    try:
        dtype: pl.DataType = _build(ast.parse(text.strip(), mode="eval").body)
        return dtype
    except SchemaEvolutionError:
        raise
    except (SyntaxError, ValueError, TypeError, AttributeError, RecursionError, MemoryError) as exc:
        shown = text if len(text) <= 100 else text[:100] + "…"
        raise SchemaEvolutionError(f"{where}cannot understand the type {shown!r}") from exc


def _build(node: ast.expr) -> Any:
    if isinstance(node, ast.Name):
        return _class(node.id)()
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError("not a type")
    name = node.func.id
    keywords = {k.arg: k.value for k in node.keywords}
    if name == "Struct":
        return _struct(node.args[0])
    if name == "List":
        return pl.List(_build(node.args[0] if node.args else keywords["inner"]))
    if name == "Array":
        shape = keywords.get("shape") or keywords.get("width") or node.args[1]
        return pl.Array(_build(node.args[0]), ast.literal_eval(shape))
    if name == "Map":
        return _class("Map")(*[_build(a) for a in node.args], **{str(k): _build(v) for k, v in keywords.items()})
    if name == "Categorical":
        return _categorical(node)
    args = [ast.literal_eval(a) for a in node.args]
    return _class(name)(*args, **{str(k): ast.literal_eval(v) for k, v in keywords.items()})


def _struct(node: ast.expr) -> pl.DataType:
    if isinstance(node, ast.Dict):
        keys = [ast.literal_eval(k) for k in node.keys if k is not None]
        return pl.Struct([pl.Field(k, _build(v)) for k, v in zip(keys, node.values, strict=True)])
    if isinstance(node, ast.List):
        return pl.Struct(
            [pl.Field(ast.literal_eval(p.elts[0]), _build(p.elts[1])) for p in node.elts if isinstance(p, ast.Tuple)]
        )
    raise ValueError("not a struct")


def _categorical(node: ast.Call) -> pl.DataType:
    # named categories exist from Polars 1.32 on; an ordering is what earlier ones print
    if node.args and isinstance(node.args[0], ast.Call):
        inner = node.args[0]
        args = [ast.literal_eval(a) for a in inner.args]
        categories: Any = getattr(pl, "Categories")  # noqa: B009
        return pl.Categorical(categories(*args, **{str(k.arg): ast.literal_eval(k.value) for k in inner.keywords}))
    return pl.Categorical()


def _class(name: str) -> Any:
    found = getattr(pl, _ALIASES.get(name, name), None)
    if not (inspect.isclass(found) and issubclass(found, pl.DataType)):
        raise ValueError(f"no type {name}")
    return found


def text_of(dtype: Any) -> str:
    """The stored form of a type: Polars' own text."""
    dtype = dtype_of(dtype)
    if isinstance(dtype, pl.Enum):
        # Polars may shorten a long list when it prints one
        return f"Enum(categories={dtype.categories.to_list()!r})"
    if isinstance(dtype, pl.List):
        return f"List({text_of(dtype.inner)})"
    if isinstance(dtype, pl.Array):
        inner: Any = dtype
        while isinstance(inner, pl.Array):
            inner = inner.inner
        return f"Array({text_of(inner)}, shape={dtype.shape})"
    if isinstance(dtype, pl.Struct):
        return "Struct({" + ", ".join(f"{f.name!r}: {text_of(f.dtype)}" for f in dtype.fields) + "})"
    return str(dtype)


def normalize(schema: Any) -> list[dict[str, str]] | None:
    """A schema as users give it, in stored form: ``[{"name": …, "dtype": …}]``."""
    if schema is None:
        return None
    if isinstance(schema, Mapping):
        pairs: list[Any] = list(schema.items())
    elif isinstance(schema, Sequence) and not isinstance(schema, (str, bytes)):
        pairs = [_pair(item) for item in schema]
    else:
        raise SchemaEvolutionError(
            f"a schema must be a mapping of names to types or a list of pairs, not {type(schema).__name__}"
        )
    columns = [_column(name, dtype) for name, dtype in pairs]
    names = [c["name"] for c in columns]
    twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) != len(names) else []
    if twice:
        raise SchemaEvolutionError(f"a schema names each column once; there are two of {', '.join(map(repr, twice))}")
    return columns


def _column(name: Any, dtype: Any) -> dict[str, str]:
    if not isinstance(name, str):
        raise SchemaEvolutionError(f"the name of a column must be a text, not {name!r}")
    return {"name": name, "dtype": text_of(dtype_of(dtype, name))}


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping) and "name" in item and "dtype" in item:
        return item["name"], item["dtype"]
    if isinstance(item, pl.Field):
        return item.name, item.dtype
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return item[0], item[1]
    raise SchemaEvolutionError(f"a schema is a list of (name, type) pairs; {item!r} is none")
