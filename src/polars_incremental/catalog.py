"""A local catalog: datasets by name, from a mapping or from a JSON or TOML file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from polars_incremental.errors import UnsupportedFormatError
from polars_incremental.source import AutoSource, DeltaSource, FilesSource, SourceConfig

if TYPE_CHECKING:
    from polars_incremental.schema import SchemaEvolution

__all__ = ["Catalog", "DatasetSpec", "LocalCatalog"]

_FILE_FORMATS = ("parquet", "csv", "json", "ndjson", "jsonl", "excel", "xlsx", "xls", "avro")
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0", "")


class Catalog(Protocol):
    """Datasets by name."""

    def resolve(self, name: str) -> DatasetSpec:
        """The dataset; ``KeyError`` if there is none of that name."""
        ...

    def get_source(self, name: str) -> SourceConfig:
        """The dataset as a source of a pipeline."""
        ...


def _flag(name: str, key: str, value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError(f"dataset {name!r}: option {key!r} must be true or false, not {value!r}")
    return bool(value)


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset: its format, its path as given, and its options."""

    name: str
    format: str
    path: str
    options: dict[str, Any] = field(default_factory=dict)

    def to_source(self) -> SourceConfig:
        """The source configuration of the dataset's format; keys that it has no field for are ignored."""
        kind = self.format.strip().lower()
        if kind == "delta":
            return DeltaSource(self.path, **self._options_of(DeltaSource))
        if kind in ("files", "file"):
            return FilesSource(self.path, **self._options_of(FilesSource))
        if kind in _FILE_FORMATS:
            return FilesSource(self.path, **{**self._options_of(FilesSource), "file_format": kind})
        if kind == "auto":
            return _AutoDataset(self)
        raise UnsupportedFormatError(f"dataset {self.name!r} has unknown format {self.format!r}")

    def to_schema_evolution(self) -> SchemaEvolution | None:
        """Schema evolution from the options ``schema_mode``, ``rescue_mode``, ``rescue_column`` and ``schema``; None without them."""
        from polars_incremental.schema import SchemaEvolution

        return SchemaEvolution.from_options(self.options)[0]

    def _options_of(self, config: Any) -> dict[str, Any]:
        result = {}
        for f in fields(config):
            if f.name == "path" or f.name not in self.options:
                continue
            value = self.options[f.name]
            result[f.name] = _flag(self.name, f.name, value) if f.type in ("bool", bool) else value
        return result


@dataclass(frozen=True)
class _AutoDataset(AutoSource):
    """An automatic source with every further option of the dataset in effect."""

    dataset: DatasetSpec | None = None

    def __init__(self, dataset: DatasetSpec) -> None:
        own = dataset._options_of(AutoSource)
        super().__init__(dataset.path, own.get("file_format"), own.get("pattern"))
        object.__setattr__(self, "dataset", dataset)

    def to_spec(self) -> Any:
        from polars_incremental.sources.base import SourceSpec

        assert self.dataset is not None
        options: dict[str, Any] = {}
        for config in (FilesSource, DeltaSource):
            options.update(self.dataset._options_of(config))
        return SourceSpec(format="auto", path=self.path, options=options)


class LocalCatalog:
    """A catalog from a mapping, or from a ``.json`` or ``.toml`` file.

    The content is ``{"datasets": {name: spec}}`` or ``{name: spec}``; a spec has ``format`` (or ``type``), ``path`` (or
    ``location``) and options, in ``options`` or beside them.
    """

    def __init__(self, source: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        content = source if isinstance(source, Mapping) else _read(Path(os.fspath(source)))
        datasets = content.get("datasets", content)
        if not isinstance(datasets, Mapping):
            raise ValueError("a catalog's datasets must be a mapping of names to specs")
        for name, spec in datasets.items():
            if not isinstance(spec, Mapping):
                raise ValueError(f"dataset {name!r} must be a mapping")
        self._datasets: dict[str, Mapping[str, Any]] = dict(datasets)

    def resolve(self, name: str) -> DatasetSpec:
        if name not in self._datasets:
            raise KeyError(
                f"there is no dataset {name!r}; the catalog has {', '.join(sorted(self._datasets)) or 'none'}"
            )
        spec = self._datasets[name]
        rest = dict(spec)
        format = _take(rest, name, "format", "type")
        path = _take(rest, name, "path", "location")
        options = rest.pop("options", None) or {}
        if not isinstance(options, Mapping):
            raise ValueError(f"dataset {name!r}: 'options' must be a mapping")
        return DatasetSpec(name, format, path, {**options, **rest})

    def get_source(self, name: str) -> SourceConfig:
        return self.resolve(name).to_source()

    def __repr__(self) -> str:
        return f"LocalCatalog({', '.join(sorted(self._datasets))})"


def _take(spec: dict[str, Any], name: str, key: str, alias: str) -> str:
    value = spec.pop(key, None)
    other = spec.pop(alias, None)
    value = other if value is None else value
    if value is None:
        raise ValueError(f"dataset {name!r} has no {key!r}")
    path: str = os.fspath(value)
    return path


def _toml(text: str) -> Any:
    import tomllib

    return tomllib.loads(text)


def _read(path: Path) -> Mapping[str, Any]:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise ValueError(f"a catalog file must be .json or .toml, not {path.name!r}")
    if not path.exists():
        raise FileNotFoundError(path)
    text = path.read_text(encoding="utf-8")
    content: Any = json.loads(text) if suffix == ".json" else _toml(text)
    if not isinstance(content, Mapping):
        raise ValueError(f"the content of {path.name!r} must be a mapping")
    return content
