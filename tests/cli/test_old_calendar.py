"""Dates and instants that Spark wrote in the hybrid Julian calendar: whether a file has any stands in its footer."""

from __future__ import annotations

import datetime as dt
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from delta_by_hand import Table, array, field, mapping, struct

SPARK = "org.apache.spark."
OLD = {SPARK + "version": "2.4.5"}
EPOCH = 2440588  # the Julian day of 1970-01-01
FIRST, SWITCH = -719164, -141427  # 0001-01-01 of the Julian calendar, 1582-10-15


def kv(entries: dict) -> str:
    inside = ", ".join(f"'{k}': '{v}'" for k, v in entries.items())
    return f", KV_METADATA {{{inside}}}" if entries else ""


def julian_label(days: int) -> tuple[int, int, int]:
    """Year, month and day that the Julian calendar gives a number of days since 1970-01-01 (Richards' algorithm)."""
    f = days + EPOCH + 1401
    e = 4 * f + 3
    h = 5 * (e % 1461 // 4) + 2
    month = (h // 153 + 2) % 12 + 1
    return e // 1461 - 4716 + (14 - month) // 12, month, h % 153 // 5 + 1


def same_date(days: int) -> str:
    """The date as it was meant. The leap days that the Gregorian calendar lacks become the first of March."""
    year, month, day = (
        julian_label(days) if days < SWITCH else (dt.date(1970, 1, 1) + dt.timedelta(days)).timetuple()[:3]
    )
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return f"{year:04d}-03-01"


def raw_date(text: str) -> str:
    """The number that the old calendar has for a date, as SQL."""
    year, month, day = map(int, text.split("-"))
    days = next(
        n for n in range((year - 1970) * 366 - 400, (year - 1970) * 365 + 400) if julian_label(n) == (year, month, day)
    )
    return f"(DATE '1970-01-01' + ({days}))"


def days_table(path, query, entries=OLD, **configuration):
    table = Table(path, struct(field("id", "long"), field("d", "date")), **configuration)
    table.add(query, kv(entries))
    return table


def read(pli, table, *args):
    rows = pli.read(table.path, *args)
    return sorted(rows, key=lambda r: list(r.values()))


def test_every_day_of_the_old_calendar_keeps_its_date(pli, tmp_path):
    table = days_table(
        tmp_path / "t", f"SELECT n AS id, DATE '1970-01-01' + n::INTEGER AS d FROM range({FIRST}, {SWITCH + 800}) t(n)"
    )
    pli.ok("delta", "read", table.path, "-o", tmp_path / "out.parquet")
    got = duckdb.sql(f"SELECT id, CAST(d AS VARCHAR) FROM '{tmp_path}/out.parquet' ORDER BY id").fetchall()
    assert len(got) == SWITCH + 800 - FIRST
    wrong = [(n, text, same_date(n)) for n, text in got if text != same_date(n)]
    assert not wrong, wrong[:5]


@pytest.mark.parametrize(
    ("entries", "old"),
    [
        ({}, False),
        ({"writer": "org.apache.spark.legacy"}, False),
        ({SPARK + "version": "2.4.5"}, True),
        ({SPARK + "version": "3.0.0"}, False),
        ({SPARK + "version": "3.0.3", SPARK + "legacyINT96": ""}, False),
        ({SPARK + "version": "3.5.1"}, False),
        ({SPARK + "version": "4.2.0", SPARK + "legacyDateTime": ""}, True),
        ({SPARK + "legacyDateTime": ""}, False),
    ],
)
def test_the_footer_of_a_file_decides_its_calendar(pli, tmp_path, entries, old):
    table = days_table(tmp_path / "t", f"SELECT 1::BIGINT AS id, {raw_date('1000-01-01')} AS d", entries)
    table.add("SELECT 2::BIGINT AS id, DATE '1000-01-01' AS d")
    assert [r["d"] for r in read(pli, table)] == ["1000-01-01" if old else "1000-01-06", "1000-01-01"]


def test_long_footers_and_files_that_are_no_parquet(pli, tmp_path):
    names = [f"column_with_a_long_name_{i}" for i in range(600)]
    table = Table(tmp_path / "t", struct(field("d", "date"), *[field(n, "long") for n in names]))
    many = ", ".join(f"{i}::BIGINT AS {n}" for i, n in enumerate(names))
    file = table.add(f"SELECT {raw_date('1000-01-01')} AS d, {many}", kv(OLD))
    assert int.from_bytes(file.read_bytes()[-8:-4], "little") > 1 << 16
    assert [r["d"] for r in read(pli, table, "--columns", "d")] == ["1000-01-01"]
    whole = file.read_bytes()
    for broken in (b"", b"PAR1", whole[:-8] + b"\xff\xff\xff\x7fPAR1", whole[:-4] + b"PARX", whole[-100:]):
        file.write_bytes(broken)
        assert str(file) in pli.fails(1, "delta", "read", table.path).err
    file.unlink()
    assert "NOT_FOUND" in pli.fails(1, "delta", "read", table.path, "--format", "json").out


# seconds as the file has them, and what Spark's table of differences adds
BERLIN = [(-13000000000, -863608), (-5000000000, 392), (-2400000000, 0), (0, 0)]


def test_instants_before_1900_depend_on_the_writers_zone(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("t", "timestamp")))
    for zone in ("Europe/Berlin", "UTC", "+01:00", "GMT+1"):
        values = ", ".join(f"({s})" for s, _ in BERLIN)
        table.add(
            f"SELECT make_timestamptz(s * 1000000) AS t FROM (VALUES {values}) v(s)",
            kv({**OLD, SPARK + "timeZone": zone}),
        )
    epoch = dt.datetime(1970, 1, 1)
    utc = [-864000, 0, 0, 0]
    expected = [epoch + dt.timedelta(seconds=s + d) for s, d in BERLIN]
    expected += [epoch + dt.timedelta(seconds=s + d) for _ in range(3) for (s, _), d in zip(BERLIN, utc, strict=True)]
    assert sorted(r["t"] for r in read(pli, table)) == sorted(f"{t:%Y-%m-%d %H:%M:%S+00}" for t in expected)


def test_a_day_begins_by_the_clock_of_the_writer(pli, tmp_path):
    """1582-10-15 begins earlier in the east: there an instant of the evening before, in UTC, is of the new calendar already."""
    table = Table(tmp_path / "t", struct(field("t", "timestamp")))
    evening = f"make_timestamptz(({SWITCH} * 86400::BIGINT - 3600) * 1000000)"
    for zone in ("GMT+2", "GMT-2", "UTC+2"):  # the last is no zone to Java, which takes it for GMT
        table.add(f"SELECT {evening} AS t", kv({**OLD, SPARK + "timeZone": zone}))
    assert [r["t"][:13] for r in read(pli, table)] == ["1582-10-04 23", "1582-10-04 23", "1582-10-14 23"]


def test_an_unknown_zone_is_refused_only_where_it_matters(pli, tmp_path):
    table = Table(tmp_path / "t", struct(field("id", "long"), field("t", "timestamp")))
    entries = kv({**OLD, SPARK + "timeZone": "Mars/Olympus"})
    table.add("SELECT 1::BIGINT AS id, TIMESTAMPTZ '2020-01-01 00:00:00+00' AS t", entries)
    assert [r["id"] for r in read(pli, table)] == [1]
    table.add("SELECT 2::BIGINT AS id, TIMESTAMPTZ '1899-01-01 00:00:00+00' AS t", entries)
    assert "Mars/Olympus" in pli("delta", "read", table.path).err


@pytest.mark.parametrize(("version", "old"), [("2.4.8", True), ("3.0.3", True), ("3.1.0", False)])
def test_int96_changed_its_calendar_one_version_later(pli, tmp_path, version, old):
    table = Table(tmp_path / "t", struct(field("t", "timestamp")))
    values = pa.array([dt.datetime(1800, 1, 1), dt.datetime(2020, 1, 1)], pa.timestamp("ns"))
    zone = {SPARK + "version": version, SPARK + "timeZone": "Europe/Berlin"}
    schema = pa.schema([pa.field("t", values.type)], metadata=zone)
    pq.write_table(pa.table([values], schema=schema), table.path / "x.parquet", use_deprecated_int96_timestamps=True)
    size = (table.path / "x.parquet").stat().st_size
    table.commit(
        {"add": {"path": "x.parquet", "partitionValues": {}, "size": size, "modificationTime": 1, "dataChange": True}}
    )
    expected = ["1800-01-01 00:06:32+00" if old else "1800-01-01 00:00:00+00", "2020-01-01 00:00:00+00"]
    assert [r["t"] for r in read(pli, table)] == expected
    assert [
        r["t"][:16] for r in pli.ok("delta", "read", table.path, "--format", "ndjson", env={"TZ": "Asia/Tokyo"}).rows()
    ]


def test_values_inside_structs_lists_and_maps_are_converted(pli, tmp_path):
    inner = struct(field("d", "date"), field("t", "timestamp"), field("n", "integer"))
    schema = struct(field("s", inner), field("l", array("date")), field("m", mapping("date", array(inner))))
    table = Table(tmp_path / "t", schema)
    d, t = raw_date("0100-03-01"), "make_timestamptz(-59006404800000000)"  # 0100-03-01 12:00 as the old calendar counts
    one = f"{{'d': {d}, 't': {t}, 'n': 7}}"
    table.add(
        f"SELECT {one} AS s, [{d}, NULL, DATE '2020-02-29'] AS l, MAP {{{d}: [{one}, NULL]}} AS m"
        " UNION ALL SELECT NULL, NULL, NULL",
        kv(OLD),
    )
    pli.ok("delta", "read", table.path, "-o", tmp_path / "out.parquet")
    got = duckdb.sql(
        f"SET TimeZone = 'UTC'; SELECT CAST(s AS VARCHAR), CAST(l AS VARCHAR), CAST(m AS VARCHAR) FROM '{tmp_path}/out.parquet'"
    ).fetchall()
    new = "{'d': 0100-03-01, 't': '0100-03-01 12:00:00+00', 'n': 7}"
    assert got == [(new, "[0100-03-01, NULL, 2020-02-29]", f"{{0100-03-01=[{new}, NULL]}}"), (None, None, None)]


def test_a_date_that_became_a_timestamp_is_converted(pli, tmp_path):
    changed = field("d", "timestamp_ntz")
    changed["metadata"] = {"delta.typeChanges": [{"fromType": "date", "toType": "timestamp_ntz"}]}
    table = Table(tmp_path / "t", struct(changed))
    table.add(f"SELECT {raw_date('1500-02-28')} AS d", kv(OLD))
    table.add("SELECT TIMESTAMP '1500-02-28 01:00:00' AS d", kv(OLD))
    assert [r["d"] for r in read(pli, table)] == ["1500-02-28 00:00:00", "1500-02-28 01:00:00"]


DAYS = ["0001-01-01", "1000-01-01", "1300-02-28", "1582-10-04"]


def mixed_table(path, **configuration):
    """Rows 0 to 3 in the old calendar, 10 to 13 the same in ours, 20 to 23 a year of today."""
    rows = " UNION ALL ".join(f"SELECT {i}::BIGINT AS id, {raw_date(d)} AS d" for i, d in enumerate(DAYS))
    table = days_table(path, rows, **configuration)
    table.add(f"SELECT 10 + i AS id, CAST(d AS DATE) AS d FROM (SELECT unnest({DAYS!r}) AS d, unnest(range(4)) AS i)")
    table.add("SELECT 20 + i AS id, DATE '2024-01-01' + i::INTEGER AS d FROM range(4) t(i)", kv(OLD))
    return table


@pytest.mark.parametrize("vectors", [False, True])
def test_filters_deletes_updates_and_optimize_see_the_converted_dates(pli, tmp_path, vectors):
    configuration = {"delta.enableDeletionVectors": "true"} if vectors else {}
    table = mixed_table(tmp_path / "t", **configuration)
    if vectors:
        pli.ok("delta", "set", table.path, "delta.enableDeletionVectors=true")
    assert [r["id"] for r in read(pli, table, "--where", "d = DATE '1582-10-04'")] == [3, 13]
    assert [r["id"] for r in read(pli, table, "--where", "d < DATE '1000-01-02'")] == [0, 1, 10, 11]
    pli.ok("delta", "delete", table.path, "--where", "d = DATE '1000-01-01'")
    expected = (
        [(i, DAYS[i]) for i in (0, 2, 3)]
        + [(10 + i, DAYS[i]) for i in (0, 2, 3)]
        + [(20 + i, f"2024-01-0{i + 1}") for i in range(4)]
    )
    assert sorted((r["id"], r["d"]) for r in read(pli, table)) == expected
    pli.ok("delta", "update", table.path, "--set", "id=id + 100", "--where", "d <= DATE '0001-01-01'")
    expected = sorted([(i + 100 if d == "0001-01-01" else i, d) for i, d in expected])
    assert sorted((r["id"], r["d"]) for r in read(pli, table)) == expected
    pli.ok("delta", "optimize", table.path)
    assert sorted((r["id"], r["d"]) for r in read(pli, table)) == expected
    written = [json.loads(line)["add"]["path"] for line in last_commit(table) if '"add"' in line]
    assert len(written) == 1
    assert sorted(duckdb.sql(f"SELECT id, CAST(d AS VARCHAR) FROM '{table.path / written[0]}'").fetchall()) == expected


def test_merge_finds_the_converted_dates(pli, tmp_path):
    table = mixed_table(tmp_path / "t")
    source = tmp_path / "source.parquet"
    duckdb.sql(
        f"COPY (SELECT DATE '1000-01-01' AS d, 7::BIGINT AS id UNION ALL SELECT DATE '1000-01-06', 8) TO '{source}'"
    )
    when = ["--when", "MATCHED THEN UPDATE SET id = source.id", "--when", "NOT MATCHED THEN INSERT *"]
    pli.ok("delta", "merge", table.path, source, "--on", "source.d = target.d", *when)
    assert [r["id"] for r in read(pli, table, "--where", "d = DATE '1000-01-01'")] == [7, 7]
    assert [r["id"] for r in read(pli, table, "--where", "d = DATE '1000-01-06'")] == [8]


def last_commit(table):
    return sorted(table.log.glob("*.json"))[-1].read_text(encoding="utf-8").splitlines()


def test_changes_and_the_delta_source_give_converted_dates(pli, tmp_path):
    table = mixed_table(tmp_path / "t")
    rows = pli.ok("delta", "changes", table.path, "--from-version", 0, "--synthesize", "--format", "ndjson").rows()
    assert [r["d"] for r in sorted(rows, key=lambda r: r["id"])][:8] == DAYS + DAYS
    source, sink = ({"format": "delta", "path": str(tmp_path / name)} for name in ("t", "copy"))
    job = {"source": source, "sink": sink, "checkpoint": str(tmp_path / "cp")}
    (tmp_path / "pli.yaml").write_text(json.dumps({"version": 1, "jobs": {"j": job}}), encoding="utf-8")
    pli.ok("run", "-c", tmp_path / "pli.yaml")
    assert sorted((r["id"], r["d"]) for r in pli.read(tmp_path / "copy")) == [
        (r["id"], r["d"]) for r in read(pli, table)
    ]


def test_statistics_of_a_converter_that_did_not_convert_lose_no_row(pli, tmp_path):
    table = mixed_table(tmp_path / "t")
    commit = sorted(table.log.glob("*.json"))[1]
    lines = [json.loads(line) for line in commit.read_text(encoding="utf-8").splitlines()]
    bounds = {
        "numRecords": 4,
        "minValues": {"id": 0, "d": "0000-12-30"},
        "maxValues": {"id": 3, "d": "1582-10-14"},
        "nullCount": {"id": 0, "d": 0},
    }
    lines[1]["add"]["stats"] = json.dumps(bounds)
    commit.write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
    assert [r["id"] for r in read(pli, table, "--where", "d <= DATE '0001-01-01'")] == [0, 10]
    bounds["maxValues"]["d"] = "1300-02-21"
    bounds["minValues"]["d"] = "1000-01-06"
    lines[1]["add"]["stats"] = json.dumps(bounds)
    commit.write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
    assert [r["id"] for r in read(pli, table, "--where", "d = DATE '1000-01-01'")] == [1, 11]


def test_a_file_whose_statistics_are_of_today_is_not_looked_at(pli, tmp_path):
    """Shown by statistics that lie."""
    table = days_table(tmp_path / "t", f"SELECT 1::BIGINT AS id, {raw_date('1000-01-01')} AS d")
    commit = sorted(table.log.glob("*.json"))[1]
    text = commit.read_text(encoding="utf-8")
    for least, date in [("1583-01-01", "1000-01-06"), ("1582-12-31", "1000-01-01"), ("+9999-01-01", "1000-01-01")]:
        stats = {"numRecords": 1, "minValues": {"d": least}, "maxValues": {"d": "9999-12-31"}, "nullCount": {"d": 0}}
        lines = [json.loads(line) for line in text.splitlines()]
        lines[1]["add"]["stats"] = json.dumps(stats)
        commit.write_text("\n".join(json.dumps(line) for line in lines) + "\n", encoding="utf-8")
        assert [r["d"] for r in read(pli, table)] == [date]


def test_convert_leaves_the_bounds_of_old_files_out(pli, tmp_path):
    folder = tmp_path / "t"
    folder.mkdir()
    duckdb.sql(
        f"COPY (SELECT 1 AS id, {raw_date('1000-01-01')} AS d) TO '{folder}/old.parquet' (FORMAT parquet{kv(OLD)})"
    )
    duckdb.sql(f"COPY (SELECT 2 AS id, DATE '1000-01-01' AS d) TO '{folder}/new.parquet' (FORMAT parquet)")
    pli.ok("delta", "convert", folder)
    adds = [
        json.loads(line)["add"]
        for line in (folder / "_delta_log/00000000000000000000.json").read_text().splitlines()
        if '"add"' in line
    ]
    stats = {a["path"]: json.loads(a["stats"]) for a in adds}
    assert stats["new.parquet"]["minValues"] == {"id": 2, "d": "1000-01-01"}
    assert stats["old.parquet"]["numRecords"] == 1
    assert "d" not in stats["old.parquet"].get("minValues", {})
    assert [r["d"] for r in pli.read(folder, "--where", "d = DATE '1000-01-01'")] == ["1000-01-01"] * 2


def test_parquet_files_that_are_ingested_are_converted_too(pli, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    nested = "[{'d': d, 't': t}] AS l"
    for i, (d, t, entries) in enumerate(
        [
            (raw_date("1000-01-01"), "TIMESTAMPTZ '1582-10-14 00:00:00+00'", {**OLD, SPARK + "timeZone": "UTC"}),
            ("DATE '1000-01-01'", "TIMESTAMPTZ '1582-10-04 00:00:00+00'", {}),
            (raw_date("1000-01-01"), "TIMESTAMPTZ '1582-10-14 00:00:00+00'", {**OLD, SPARK + "timeZone": "GMT"}),
            ("DATE '2000-01-01'", "TIMESTAMPTZ '2000-01-01 00:00:00+00'", OLD),
        ]
    ):
        rows = f"SELECT *, {nested} FROM (SELECT {i} AS id, {d} AS d, {t} AS t)"
        duckdb.sql(f"COPY ({rows}) TO '{folder}/{i}.parquet' (FORMAT parquet{kv(entries)})")
    pli.ok("ingest", folder, tmp_path / "out", "--settle-time", "0s")
    got = sorted((r["id"], r["d"], r["t"], str(r["l"])) for r in pli.read(tmp_path / "out"))
    old = ("1000-01-01", "1582-10-04 00:00:00+00", "[{'d': '1000-01-01', 't': '1582-10-04 00:00:00+00'}]")
    assert got[:3] == [(i, *old) for i in range(3)]
    assert got[3][1] == "2000-01-01"


def test_int96_of_ingested_files_stays_without_a_zone(pli, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    values = pa.array([dt.datetime(1800, 1, 1), dt.datetime(2020, 1, 1), None], pa.timestamp("ns"))
    metadata = {**OLD, SPARK + "timeZone": "Europe/Berlin"}
    table = pa.table(
        [values, pa.array([[v] for v in values], pa.list_(values.type))], names=["t", "l"]
    ).replace_schema_metadata(metadata)
    pq.write_table(table, folder / "x.parquet", use_deprecated_int96_timestamps=True)
    pli.ok("ingest", folder, tmp_path / "out", "--settle-time", "0s")
    got = [(r["t"], str(r["l"])) for r in pli.read(tmp_path / "out")]
    assert got == [
        ("1800-01-01 00:06:32", "['1800-01-01 00:06:32']"),
        ("2020-01-01 00:00:00", "['2020-01-01 00:00:00']"),
        (None, "[None]"),
    ]
