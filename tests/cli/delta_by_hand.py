"""Delta tables written line by line, for files that differ from what a schema lets expect."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

INFO = {"operation": "WRITE", "operationParameters": {}}


def field(name, kind, number=None, physical=None):
    metadata = {}
    if number:
        metadata = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical or f"col-{number}"}
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def struct(*fields):
    return {"type": "struct", "fields": list(fields)}


def array(element):
    return {"type": "array", "elementType": element, "containsNull": True}


def mapping(key, value):
    return {"type": "map", "keyType": key, "valueType": value, "valueContainsNull": True}


class Table:
    """A Delta table written line by line."""

    def __init__(self, path: Path, schema: dict, reader: int = 1, partition_columns=(), **configuration):
        self.path = path
        self.log = path / "_delta_log"
        self.log.mkdir(parents=True)
        self.schema = schema
        self.version = -1
        metadata = {
            "id": "t",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps(schema),
            "partitionColumns": list(partition_columns),
            "configuration": configuration,
        }
        protocol = {"minReaderVersion": reader, "minWriterVersion": 5}
        self.commit({"protocol": protocol}, {"metaData": metadata})

    def commit(self, *actions):
        self.version += 1
        text = "\n".join(json.dumps(a) for a in ({"commitInfo": INFO}, *actions))
        (self.log / f"{self.version:020d}.json").write_text(text + "\n", encoding="utf-8")

    def add(self, query: str, options: str = "", partition_values=None):
        name = f"f{self.version}.parquet"
        duckdb.sql(f"SET TimeZone = 'UTC'; COPY ({query}) TO '{self.path / name}' (FORMAT parquet{options})")
        size = (self.path / name).stat().st_size
        add = {"path": name, "size": size, "modificationTime": 1, "dataChange": True}
        self.commit({"add": {**add, "partitionValues": partition_values or {}}})
        return self.path / name
