"""Excel, Parquet and Avro files as they come: right rows, or an error that says which file and why."""

import bz2
import json
import os
import struct
import zipfile
import zlib
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

NOW = ("--set", "source.settle_time=0s")

# ---- workbooks, cell by cell ----

_WORKBOOK = (
    '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>{}</sheets></workbook>'
)
_TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml"'
    ' ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>{}</Types>'
)
_SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>'
# style 0 is general, 1 a date, 2 a date with time
_STYLES = (
    '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font/></fonts>'
    '<fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>'
)


def number(value, style=0):
    return f' s="{style}"><v>{value}</v>'


def text(value):
    return f' t="inlineStr"><is><t>{value}</t></is>'


def flag(value):
    return f' t="b"><v>{int(value)}</v>'


def failure(value):
    return f' t="e"><v>{value}</v>'


def sheet(rows, merged=()):
    """Rows are lists of cells; None leaves a cell out."""
    lines = []
    for r, row in enumerate(rows, 1):
        cells = [f'<c r="{chr(65 + c)}{r}"{cell}</c>' for c, cell in enumerate(row) if cell is not None]
        if cells:
            lines.append(f'<row r="{r}">{"".join(cells)}</row>')
    areas = "".join(f'<mergeCell ref="{m}"/>' for m in merged)
    return (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{''.join(lines)}</sheetData>{f'<mergeCells>{areas}</mergeCells>' if areas else ''}</worksheet>"
    )


def workbook(path, sheets):
    """A workbook of named sheets (see `sheet`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    n = range(1, len(sheets) + 1)
    names = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="rId{i}"/>' for i, name in zip(n, sheets, strict=True))
    parts = "".join(f'<Override PartName="/xl/worksheets/sheet{i}.xml" ContentType="{_SHEET_TYPE}"/>' for i in n)
    links = "".join(
        f'<Relationship Id="rId{i}" Type="{_RELATION}/worksheet" Target="worksheets/sheet{i}.xml"/>' for i in n
    )
    links += f'<Relationship Id="rIdS" Type="{_RELATION}/styles" Target="styles.xml"/>'
    top = f'<Relationship Id="rId1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("[Content_Types].xml", _TYPES.format(parts))
        z.writestr("_rels/.rels", _RELATIONS.format(top))
        z.writestr("xl/workbook.xml", _WORKBOOK.format(names))
        z.writestr("xl/_rels/workbook.xml.rels", _RELATIONS.format(links))
        z.writestr("xl/styles.xml", _STYLES)
        for i, content in zip(n, sheets.values(), strict=True):
            z.writestr(f"xl/worksheets/sheet{i}.xml", content)


# ---- Avro, byte by byte ----


def _long(n):
    n = (n << 1) ^ (n >> 63)
    out = bytearray()
    while n & ~0x7F:
        out.append((n & 0x7F) | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def _bytes(b):
    return _long(len(b)) + b


def _encode(schema, value):
    if schema == "fd":  # the name of a type defined before
        return value
    if isinstance(schema, list):  # a union: (branch, value)
        branch, inner = value
        return _long(branch) + _encode(schema[branch], inner)
    kind = schema if isinstance(schema, str) else schema["type"]
    simple = {
        "null": lambda v: b"",
        "boolean": lambda v: bytes([v]),
        "int": _long,
        "long": _long,
        "float": lambda v: struct.pack("<f", v),
        "double": lambda v: struct.pack("<d", v),
        "bytes": _bytes,
        "string": lambda v: _bytes(v.encode()),
        "fixed": lambda v: v,
        "enum": lambda v: _long(schema["symbols"].index(v)),
    }
    if kind in simple:
        return simple[kind](value)
    if kind == "record":
        return b"".join(_encode(f["type"], value[f["name"]]) for f in schema["fields"])
    if kind == "array":
        items = b"".join(_encode(schema["items"], v) for v in value)
        return (_long(len(value)) + items if value else b"") + _long(0)
    assert kind == "map"
    items = b"".join(_bytes(k.encode()) + _encode(schema["values"], v) for k, v in value.items())
    return (_long(len(value)) + items if value else b"") + _long(0)


def zstandard(block):
    return pa.compress(block, "zstd", asbytes=True)


def avro(path, schema, rows, codec="null", compress=lambda b: b):
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {"avro.schema": json.dumps(schema).encode(), "avro.codec": codec.encode()}
    head = b"Obj\x01" + _long(len(meta)) + b"".join(_bytes(k.encode()) + _bytes(v) for k, v in meta.items()) + _long(0)
    sync = bytes(range(16))
    block = compress(b"".join(_encode(schema, r) for r in rows))
    path.write_bytes(head + sync + (_long(len(rows)) + _bytes(block) + sync if rows else b""))


# ---- reading ----


def ingest(pli, *extra):
    return pli("ingest", "in", "out", *NOW, *extra)


def read(pli, *extra):
    done = ingest(pli, *extra)
    assert done.code == 0, done.err
    return pli.read("out")


def types(pli):
    schema = pli.ok("delta", "detail", "out", "--json").json()["schema"]
    schema = json.loads(schema) if isinstance(schema, str) else schema
    return {f["name"]: f["type"] for f in schema["fields"]}


# ---- Excel ----


def test_excel_types(pli, tmp_path):
    head = [text("id"), text("name"), text("day"), text("at"), text("ok")]
    first = [
        number(1),
        text("a &amp; b ä"),
        number(45292, 1),
        number(45292.5, 2),
        flag(True),
    ]
    workbook(
        tmp_path / "in/a.xlsx",
        {"one": sheet([head, first, [number(2.5), None, None, None, flag(False)]])},
    )
    assert read(pli) == [
        {
            "id": 1.0,
            "name": "a & b ä",
            "day": "2024-01-01",
            "at": "2024-01-01 12:00:00",
            "ok": True,
        },
        {"id": 2.5, "name": None, "day": None, "at": None, "ok": False},
    ]
    assert types(pli) == {
        "id": "double",
        "name": "string",
        "day": "date",
        "at": "timestamp_ntz",
        "ok": "boolean",
    }


def test_excel_sheets(pli, tmp_path):
    sheets = {
        "empty": sheet([]),
        "Second &amp; last": sheet([[text("id")], [number(7)]]),
    }
    workbook(tmp_path / "in/a.xlsx", sheets)
    assert (
        ingest(pli).code == 0 and not (tmp_path / "out/_delta_log").exists()
    )  # an empty sheet has neither columns nor rows
    r = pli("ingest", "in", "other", *NOW, "--option", "sheet=3")
    assert r.code == 1 and "2 sheets" in r.err and "a.xlsx" in r.err
    r = pli("ingest", "in", "other", *NOW, "--option", "sheet=third")
    assert r.code == 1 and "'Second & last'" in r.err and "SQL" not in r.err
    for k, name in enumerate(["2", "second & last"]):
        pli.ok("ingest", "in", f"out{k}", *NOW, "--option", f"sheet={name}")
        assert pli.read(f"out{k}") == [{"id": 7.0}]


def test_excel_empty_rows_are_passed_over_unless_they_end_the_table(pli, tmp_path):
    rows = [[text("id"), text("v")], [number(1), text("a")], [], [number(2), text("b")]]
    workbook(tmp_path / "in/a.xlsx", {"one": sheet(rows)})
    assert [r["id"] for r in read(pli)] == [1.0, 2.0]
    pli.ok("ingest", "in", "other", *NOW, "--option", "stop_at_empty=true")
    assert [r["id"] for r in pli.read("other")] == [1.0]


def test_excel_a_table_below_a_title(pli, tmp_path):
    rows = [
        [text("report")],
        [],
        [text("id"), text("v")],
        [number(1), number(2)],
        [],
        [text("total"), number(2)],
    ]
    workbook(tmp_path / "in/a.xlsx", {"one": sheet(rows)})
    assert read(pli, "--option", "range=A3:B4") == [{"id": 1.0, "v": 2.0}]


def test_excel_merged_cells_have_their_value_once(pli, tmp_path):
    rows = [[text("g"), text("v")], [text("north"), number(1)], [None, number(2)]]
    workbook(tmp_path / "in/a.xlsx", {"one": sheet(rows, merged=("A2:A3",))})
    assert read(pli) == [{"g": "north", "v": 1.0}, {"g": None, "v": 2.0}]


def test_excel_a_header_alone_and_a_header_that_is_none(pli, tmp_path):
    workbook(tmp_path / "in/a.xlsx", {"one": sheet([[text("id"), text("v")]])})
    assert read(pli) == []
    workbook(
        tmp_path / "raw/a.xlsx",
        {"one": sheet([[number(1), text("x")], [number(2), text("y")]])},
    )
    pli.ok("ingest", "raw", "rows", *NOW, "--option", "header=false")
    assert pli.read("rows") == [{"A1": 1.0, "B1": "x"}, {"A1": 2.0, "B1": "y"}]


def test_excel_columns_of_several_types_are_text(pli, tmp_path):
    """Also where the first cell, from which the engine takes the type, is empty. Numbers stay as the sheet writes them."""
    rows = [
        [text("id"), text("note"), text("day"), text("n"), text("v")],
        [number(1), None, number(45292, 1), number(1), text("a")],
        [text("two"), text("late"), text("soon"), number(2.5), number(3)],
        [number(3), number(7), None, None, failure("#DIV/0!")],
    ]
    workbook(tmp_path / "in/a.xlsx", {"one": sheet(rows)})
    assert read(pli) == [
        {"id": "1", "note": None, "day": "2024-01-01", "n": 1.0, "v": "a"},
        {"id": "two", "note": "late", "day": "soon", "n": 2.5, "v": "3"},
        {"id": "3", "note": "7", "day": None, "n": None, "v": "#DIV/0!"},
    ]
    assert types(pli) == {"id": "string", "note": "string", "day": "string", "n": "double", "v": "string"}


def test_excel_a_text_among_numbers_is_rescued_where_the_table_has_numbers(pli, tmp_path):
    workbook(tmp_path / "in/a.xlsx", {"one": sheet([[text("id")], [number(1)]])})
    pli.ok("ingest", "in", "out", *NOW, "--rescue", "column")
    workbook(tmp_path / "in/b.xlsx", {"one": sheet([[text("id")], [number(2)], [text("n/a")]])})
    pli.ok("ingest", "in", "out", *NOW, "--rescue", "column")
    rows = sorted(pli.read("out"), key=lambda r: r["id"] or 9)
    assert [(r["id"], "n/a" in (r["_rescued_data"] or "")) for r in rows] == [
        (1.0, False),
        (2.0, False),
        (None, True),
    ]


@pytest.mark.parametrize("name", ["a.xls", "a.xlsx"])
def test_excel_old_workbooks_are_named(pli, tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600))
    r = ingest(pli)
    assert r.code == 1 and name in r.err and "old form (.xls)" in r.err and "save it as .xlsx" in r.err


# ---- Parquet ----


def test_parquet_decimals_of_more_digits_than_can_be_read_are_named(pli, tmp_path):
    (tmp_path / "in").mkdir()
    wide = pa.array([{"d": Decimal("1.5")}], pa.struct([("d", pa.decimal256(40, 2))]))
    pq.write_table(pa.table({"id": [1], "s": wide}), tmp_path / "in/a.parquet")
    for words in (["ingest", "in", "out", *NOW], ["delta", "convert", "in"]):
        r = pli(*words)
        assert r.code == 4 and "column 'd' is a decimal of 40 digits" in r.err, words
        assert "a.parquet" in r.err and "as text" in r.err, words


# ---- Avro ----


def record(*fields):
    return {
        "type": "record",
        "name": "r",
        "fields": [{"name": n, "type": t} for n, t in fields],
    }


INNER = {
    "type": "record",
    "name": "inner",
    "fields": [{"name": "x", "type": ["null", "int"]}],
}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
INSTANT = 1704067200000001
# name, schema, value, what is read, type of the table
AVRO = [
    ("b", "boolean", True, True, "boolean"),
    ("i", "int", -5, -5, "integer"),
    ("l", "long", 1 << 40, 1 << 40, "long"),
    ("f", "float", 1.5, 1.5, "float"),
    ("d", "double", 2.25, 2.25, "double"),
    ("by", "bytes", b"\x00\xff", "\\x00\\xFF", "binary"),
    ("s", "string", "ä", "ä", "string"),
    ("o", ["null", "string"], (1, "there"), "there", "string"),
    ("n", ["null", "string"], (0, None), None, "string"),
    ("e", {"type": "enum", "name": "en", "symbols": ["A", "B"]}, "B", "B", "string"),
    ("fx", {"type": "fixed", "name": "fi", "size": 2}, b"zz", "zz", "binary"),
    ("arr", {"type": "array", "items": "int"}, [1, 2], [1, 2], None),
    ("none", {"type": "array", "items": "int"}, [], [], None),
    ("mp", {"type": "map", "values": "long"}, {"k": 1}, {"k": 1}, None),
    ("rec", INNER, {"x": (0, None)}, {"x": None}, None),
    (
        "deep",
        {"type": "array", "items": {**INNER, "name": "inner2"}},
        [{"x": (1, 3)}],
        [{"x": 3}],
        None,
    ),
    ("dt", {"type": "int", "logicalType": "date"}, 19723, "2024-01-01", "date"),
    (
        "tm",
        {"type": "int", "logicalType": "time-millis"},
        3600000,
        "01:00:00",
        "string",
    ),
    (
        "ts",
        {"type": "long", "logicalType": "timestamp-micros"},
        INSTANT,
        "2024-01-01 00:00:00.000001+00",
        "timestamp",
    ),
    (
        "ms",
        {"type": "long", "logicalType": "timestamp-millis"},
        1704067200001,
        "2024-01-01 00:00:00.001+00",
        "timestamp",
    ),
    (
        "local",
        {"type": "long", "logicalType": "local-timestamp-micros"},
        INSTANT,
        "2024-01-01 00:00:00.000001",
        "timestamp_ntz",
    ),
    (
        "local_ms",
        {"type": "long", "logicalType": "local-timestamp-millis"},
        1704067200001,
        "2024-01-01 00:00:00.001",
        "timestamp_ntz",
    ),
    ("local_ns", {"type": "long", "logicalType": "local-timestamp-nanos"}, 1000, "1970-01-01 00:00:00.000001", None),
    ("ns", {"type": "long", "logicalType": "timestamp-nanos"}, 1000, "1970-01-01 00:00:00.000001+00", "timestamp"),
    ("us", {"type": "long", "logicalType": "time-micros"}, 1, "00:00:00.000001", "string"),
    ("hive", {"type": "string", "logicalType": "varchar", "maxLength": 3}, "abc", "abc", "string"),
    ("dec", DECIMAL, b"\x7d", 1.25, "decimal(10,2)"),
    ("negative", DECIMAL, b"\xff\x83", -1.25, "decimal(10,2)"),
    ("padded", DECIMAL, b"\x00" * 15 + b"\x83", 1.31, "decimal(10,2)"),
    ("nothing", DECIMAL, b"", 0.0, "decimal(10,2)"),
    ("fixed", {**DECIMAL, "type": "fixed", "name": "fd", "size": 3}, b"\xff\xff\x83", -1.25, "decimal(10,2)"),
    ("again", "fd", b"\x00\x00\x7d", 1.25, "decimal(10,2)"),
    ("no_decimal", {"type": "bytes", "logicalType": "decimal"}, b"\x7d", "}", "binary"),
    (
        "prices",
        {"type": "map", "values": {"type": "array", "items": ["null", DECIMAL]}},
        {"k": [(1, b"\x83"), (0, None)]},
        {"k": [-1.25, None]},
        None,
    ),
    (
        "times",
        {"type": "array", "items": {"type": "long", "logicalType": "timestamp-micros"}},
        [INSTANT],
        ["2024-01-01 00:00:00.000001+00"],
        None,
    ),
    ("either", ["int", "null", "string"], (2, "x"), {"member0": None, "member1": "x"}, None),
    ("neither", ["int", "null", "string"], (1, None), None, None),
    ("whole", ["null", "int", "long"], (1, 5), 5, "long"),
    ("real", ["double", "float"], (1, 0.5), 0.5, "double"),
    ("money", ["string", DECIMAL], (1, b"\x7d"), {"member0": None, "member1": 1.25}, None),
    (
        "u",
        {"type": "string", "logicalType": "uuid"},
        "0" * 8 + "-0000-0000-0000-" + "0" * 11 + "1",
        None,
        "string",
    ),
]


def test_avro_types(pli, tmp_path):
    schema = record(*[(name, kind) for name, kind, *_ in AVRO])
    avro(tmp_path / "in/a.avro", schema, [{name: value for name, _, value, *_ in AVRO}])
    (row,) = read(pli)
    is_type = types(pli)
    for name, _, value, expected, kind in AVRO:
        assert row[name] == (value if name == "u" else expected), name
        assert kind is None or is_type[name] == kind, name


def named(name, *fields):
    return {**record(*fields), "name": name}


# Names that the format forbids; Polars writes a record without a name, and any name of a column.
@pytest.mark.parametrize(
    ("schema", "row"),
    [
        (named("", ("id", "long")), {"id": 1}),
        (named("my-record", ("id", "long"), ("b", INNER)), {"id": 1, "b": {"x": (1, 2)}}),
        (
            named("r", ("my id", "long"), ("größe", DECIMAL), ("1st", "string")),
            {"my id": 1, "größe": b"\x7d", "1st": "x"},
        ),
        (named("", ("s", named("", ("a b", "long"), ("c", "int"))), ("u", named("", ("a", "long")))), None),
        (named("r", ("l", {"type": "array", "items": named("a-b", ("a.b", "long"))})), {"l": [{"a.b": 7}]}),
    ],
)
def test_avro_names_that_the_format_forbids(pli, tmp_path, schema, row):
    row = row or {"s": {"a b": 1, "c": 2}, "u": {"a": 3}}
    avro(tmp_path / "in/a.avro", schema, [row])
    (read_row,) = read(pli)
    expected = {"größe": 1.25, "b": {"x": 2}}
    assert read_row == {k: expected.get(k, v) for k, v in row.items()}


def test_avro_codecs_and_no_rows(pli, tmp_path):
    def deflate(block):
        z = zlib.compressobj(9, zlib.DEFLATED, -15)
        return z.compress(block) + z.flush()

    avro(
        tmp_path / "in/a.avro",
        record(("id", "long")),
        [{"id": k} for k in range(1000)],
        "deflate",
        deflate,
    )
    avro(tmp_path / "in/b.avro", record(("id", "long")), [])
    assert len(read(pli)) == 1000


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        ({"type": "fixed", "name": "span", "size": 12, "logicalType": "duration"}, bytes(12), "duration"),
        ({"type": "bytes", "logicalType": "big-decimal"}, b"", "big-decimal"),
        ({**DECIMAL, "precision": 39}, b"", "more than 38 digits"),
        (
            {"type": "record", "name": "node", "fields": [{"name": "next", "type": ["null", "node"]}]},
            {"next": (0, None)},
            "contains itself",
        ),
    ],
)
def test_avro_types_that_cannot_be_read_are_named(pli, tmp_path, kind, value, says, nested):
    field = {"type": "array", "items": ["null", kind]} if nested else kind
    avro(
        tmp_path / "in/a.avro",
        record(("id", "long"), ("amount", field)),
        [{"id": 1, "amount": [(1, value)] if nested else value}],
    )
    r = ingest(pli)
    assert r.code == 4 and "a.avro" in r.err and "'amount'" in r.err and says in r.err


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (DECIMAL, b"\x7f" * 16, "DECIMAL(10,0)"),
        (DECIMAL, b"\x00" * 17, "16 bytes"),
        ({"type": "long", "logicalType": "timestamp-nanos"}, 1, "below microseconds"),
        ({"type": "long", "logicalType": "local-timestamp-nanos"}, 1, "below microseconds"),
    ],
)
def test_avro_values_that_cannot_be_held_are_an_error(pli, tmp_path, kind, value, says):
    avro(tmp_path / "in/a.avro", record(("amount", kind)), [{"amount": value}])
    r = ingest(pli)
    assert r.code == 1 and says in r.err and not list(tmp_path.glob("out/_delta_log/*.json"))


def test_avro_codecs_that_are_unknown_are_named(pli, tmp_path):
    avro(tmp_path / "in/a.avro", record(("id", "long")), [{"id": 1}], "bzip2", bz2.compress)
    r = ingest(pli)
    assert r.code == 4 and "a.avro" in r.err and "bzip2" in r.err


def test_avro_zstandard_files_of_any_size_leave_nothing_behind(pli, tmp_path, monkeypatch):
    """The engine cannot read them: it is given copies, one a file, that are gone afterwards."""
    (tmp_path / "spill").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "spill"))
    for k in range(3):
        rows = [{"id": k * 50_000 + i} for i in range(50_000)]
        avro(tmp_path / f"in/{k}.avro", record(("id", "long")), rows, "zstandard", zstandard)
    assert {r["id"] for r in read(pli)} == set(range(150_000))
    assert list((tmp_path / "spill").iterdir()) == []


def test_avro_copies_of_files_in_an_order_of_their_own(pli, tmp_path):
    """Parts follow the files' order, so that files of one schema are in two of them."""
    for k, value in enumerate(["a", None, "c"]):
        fields = [("id", "long"), ("v", "string")] if value else [("id", "long")]
        row = {"id": 1, "v": value} if value else {"id": 2}
        avro(tmp_path / f"in/{k}.avro", record(*fields), [row], "zstandard", zstandard)
    assert sorted(read(pli, "--set", "sink.mode=merge", "--set", "sink.keys=id"), key=lambda r: r["id"]) == [
        {"id": 1, "v": "c"},
        {"id": 2, "v": None},
    ]


@pytest.mark.parametrize("cut", [-40, -1])
def test_avro_zstandard_files_that_are_cut_short_are_named(pli, tmp_path, cut):
    path = tmp_path / "in/a.avro"
    avro(path, record(("id", "long")), [{"id": k} for k in range(300)], "zstandard", zstandard)
    path.write_bytes(path.read_bytes()[:cut])
    r = ingest(pli)
    assert r.code == 1 and "a.avro" in r.err and "cut short" in r.err


@pytest.mark.parametrize("cut", [3, 30, -40])
def test_avro_files_that_are_cut_short_are_named(pli, tmp_path, cut):
    path = tmp_path / "in/a.avro"
    avro(path, record(("id", "long")), [{"id": k} for k in range(300)])
    path.write_bytes(path.read_bytes()[:cut])
    r = ingest(pli)
    assert r.code == 1 and "a.avro" in r.err


# ---- texts ----


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"\xef\xbb\xbfone\r\ntwo\r\n", [{"value": "one"}, {"value": "two"}]),
        (
            "a.txt",
            b"a\x00b\n\nlast",
            [{"value": "a\x00b"}, {"value": ""}, {"value": "last"}],
        ),
        ("a.txt", "café\n".encode("latin-1"), "not UTF-8"),
        (
            "a.csv",
            b'\xef\xbb\xbfid,v\r\n1,"a\r\nb ""q"", c"\r\n2,\r\n',
            [{"id": 1, "v": 'a\r\nb "q", c'}, {"id": 2, "v": None}],
        ),
        ("a.csv", b"id,v\n1,a,extra\n2,b\n", "a.csv"),
        ("a.csv", "id,v\n1,café\n".encode("latin-1"), "a.csv"),
        (
            "a.json",
            b'\n [{"a": {"b": [1, null]}},\n {"a": null}] \n',
            [{"a": {"b": [1, None]}}, {"a": None}],
        ),
        ("a.json", b'\xef\xbb\xbf[{"a": 1}]', "byte order mark"),
        ("a.json", '[{"a": "café"}]'.encode("latin-1"), "a.json"),
        ("a.json", b'[{"a": 1}, {"a": 2', "a.json"),
        ("a.parquet", b"PAR1 but not whole", "a.parquet"),
    ],
)
def test_texts_as_they_come(pli, tmp_path, name, content, expected):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    past = 1_700_000_000
    os.utime(tmp_path / "in" / name, (past, past))  # too old to be still growing
    if isinstance(expected, list):
        assert read(pli, "--format", name.split(".")[1].replace("txt", "text")) == expected
    else:
        r = ingest(pli, "--format", name.split(".")[1].replace("txt", "text"))
        assert r.code == 1 and expected in r.err and name in r.err


@pytest.mark.parametrize(
    "content, line, reason, hint",
    [
        (b"a,b\n1,2\n3\n", 3, "2 values expected, 1 found; the row: 3", "null_padding"),
        # empty lines within a row end neither the row nor the message about it
        (b'a,b\n1,"x\n\ny",3\n', 2, '2 values expected, 3 found; the row: 1,"x\\n\\ny",3', "corrupt_records"),
        (b'a,b\n1,"2\n\n3,4\n', 2, "a quote is not closed", "quote"),
        (b"a,b\n1,\xe9\n", 2, "not UTF-8", "encoding"),
        # a row that is cut between characters, not between bytes
        (b"a,b\n1,2\n1," + "ü".encode() * 1_500_000 + b"\n", 3, "2000000 bytes allowed", "max_line_size"),
    ],
)
def test_a_bad_row_of_a_csv_file_is_told_with_file_line_reason_and_remedy(pli, tmp_path, content, line, reason, hint):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(content)
    r = ingest(pli, "--format", "csv", *NOW)
    said, mend = r.err.split("\nhint: ")
    assert r.code == 1 and f"a.csv', line {line}: {reason}" in said and len(said) < 400
    assert hint in mend and "strict_mode" not in r.err


def test_a_row_too_long_to_look_at_is_told_and_can_be_allowed(pli, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(b'id,t\n1,"' + b"y" * 17_000_000 + b'"\n2,x\n')
    r = ingest(pli, "--format", "csv", *NOW)
    assert r.code == 1 and "a.csv' has a row of more than 16777216 bytes" in r.err and "max_line_size" in r.err
    r = ingest(pli, "--format", "csv", "--option", "max_line_size=20000000", *NOW)
    assert r.code == 0 and "2 rows" in r.err


@pytest.mark.parametrize("mode", ["column", "skip"])
def test_rows_behind_a_bad_row_of_a_csv_file_are_all_there(pli, tmp_path, mode):
    """Whatever is bad about a row, the engine goes on with the next one."""
    bad = ['{},"a"b,1', "{},a", "{},a,1,2", '{},"a" b,1', '{},"x""y"z,1']
    lines = [bad[i // 10 % len(bad)].format(i) if i % 10 == 5 else f'{i},"v",{i % 7}' for i in range(3000)]
    (tmp_path / "in").mkdir()
    for name, part in [("a", lines[:2000]), ("b", lines[2000:])]:
        (tmp_path / "in" / f"{name}.csv").write_text("id,a,b\n" + "".join(line + "\n" for line in part))
    rows = read(pli, "--format", "csv", "--set", f"schema.corrupt_records={mode}")
    good = sorted(r["id"] for r in rows if r["id"] is not None)
    assert good == [i for i in range(3000) if i % 10 != 5]
    corrupt = [r["_corrupt_record"] for r in rows if r["id"] is None]
    assert sorted(corrupt) == (sorted(line for line in lines if line.count('"v"') == 0) if mode == "column" else [])


@pytest.mark.parametrize("mode", ["column", "skip"])
def test_each_line_of_an_ndjson_file_is_a_row_or_corrupt(pli, tmp_path, mode):
    """Also where the engine would take more (NaN, a comma at the end) or less (escapes that mean nothing) than JSON."""
    good = [b'{"id":1,"a":"x"}', rb'{"id":2,"a":"\ud83d\ude00\u0000"}', '  {"id":3,"a":"é"} \r'.encode(), b'{"id":4}']
    bad = [b'{"id":9,"a":NaN}', b'{"id":9,"a":1,}', rb'{"id":9,"a":"\ud800"}', rb'{"id":9,"a":"\udc00\ud800"}', b'{"id":9,"a":"\xff"}',
           rb'{"id":9,"\x":1}', b'{"id":9,"a":"\x01"}', b'{"id":9,"a":01}', b"[1]", b"null", b'{"id":9,"new":1', b'{"id":9} {"id":9}',
           b'{"id":9,"\xff":1}']  # fmt: skip
    (tmp_path / "in").mkdir()
    lines = [line for pair in zip(bad, [*good, b"", b"  ", *good, b"", b" ", b""], strict=True) for line in pair]
    (tmp_path / "in" / "a.ndjson").write_bytes(b"\n".join(lines))
    rows = read(
        pli, "--format", "ndjson", "--set", "schema.rescue_mode=column", "--set", f"schema.corrupt_records={mode}"
    )
    expected = [(1, "x"), (2, "😀\0"), (3, "é"), (4, None)]
    assert [(r["id"], r["a"]) for r in rows if r["id"]] == expected * 2
    assert all("new" not in r for r in rows)
    corrupt = [(r["_corrupt_record"], json.loads(r["_rescued_data"])["_line"]) for r in rows if not r["id"]]
    shown = [line.replace(b"\xff", b"?").decode() for line in bad]
    assert corrupt == ([(line, 2 * i + 1) for i, line in enumerate(shown)] if mode == "column" else [])


def test_a_key_that_no_column_can_have_is_told(pli, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ndjson").write_text('{"id":1,"b":[{"":2}]}\n')
    r = ingest(pli, "--format", "ndjson", *NOW)
    assert r.code == 1 and "a.ndjson' has a key that is empty" in r.err and "on_bad_file" in r.err


@pytest.mark.parametrize("content", [b"id,v\r\n1,a\n2,b\r\n", b"id,v\n1,a\r\n2,b\n", b"id,v\r\n1,a\r2,b\r\n"])
def test_lines_that_end_in_different_ways_are_told_and_can_be_read(pli, tmp_path, content):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(content)
    r = ingest(pli, "--format", "csv", *NOW)
    assert (
        r.code == 1 and "a.csv': its lines do not all end alike (LF, CRLF, CR)" in r.err and "`strict: false`" in r.err
    )
    if b"\r2" in content:  # the engine would lose the 2
        r = ingest(pli, "--format", "csv", "--option", "strict=false", *NOW)
        assert r.code == 1 and "a.csv' has a CR without LF" in r.err
    else:
        assert read(pli, "--format", "csv", "--option", "strict=false") == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]


def test_json_of_too_many_levels_is_told_as_such(pli, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.ndjson").write_text('{"id":1}\n{"a":' + "[" * 500 + "]" * 500 + "}\n")
    r = ingest(pli, "--format", "ndjson", *NOW)
    assert r.code == 1 and "a.ndjson', line 2: more than 100 levels of nesting" in r.err
