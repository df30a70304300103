"""Checkpoints, compacted logs and cleaned logs of ours, as Spark takes them: it sees the same table, writes to it, and we go on."""

from __future__ import annotations

import json
import os
import pathlib
import shutil

import pytest
from interop_support import detail, record, spark_rows

SHARED = pathlib.Path(os.environ.get("PLI_SHARED") or pathlib.Path(__file__).resolve().parents[2].parent / "shared")
FIXTURES = SHARED / "fixtures/delta"
# Spark itself refuses or misreads these, also without us
NOT_FOR_SPARK = {"kernel/compacted-log-files-table", "kernel/type-widening"}


def fixture_tables() -> list[str]:
    cases = FIXTURES / "cases.json"
    if not cases.exists():
        return []
    return sorted({c["table"] for c in json.loads(cases.read_text())["cases"]} - NOT_FOR_SPARK)


def rows(spark, path):
    return spark_rows(spark.read.format("delta").load(str(path)))


def newest(pli, path) -> int:
    return detail(pli, path)["version"]


def forget(spark):
    """Spark keeps what it has read of a log: start from what lies on disk."""
    spark._jvm.org.apache.spark.sql.delta.DeltaLog.clearCache()


def remove_older(path: pathlib.Path, version: int) -> None:
    """Of the log, leave the checkpoint of the version, its commit and the hint."""
    for entry in (path / "_delta_log").iterdir():
        if entry.is_file() and not entry.name.startswith((f"{version:020}", "_last_checkpoint")):
            entry.unlink()
    for crc in (path / "_delta_log").glob("*.crc"):
        crc.unlink()


def check_alone(spark, pli, path: pathlib.Path) -> int:
    """Our checkpoint of the newest version stands for everything before it."""
    version = newest(pli, path)
    before = rows(spark, path)
    pli("delta", "checkpoint", path)
    remove_older(path, version)
    forget(spark)
    assert rows(spark, path) == before
    return version


def upgradable(pli, path, *properties) -> bool:
    """Set properties, unless the table has a feature that we do not write."""
    state = detail(pli, path)
    unsupported = {"variantType", "variantType-preview"} & set(state["writerFeatures"] or [])
    if not unsupported:
        pli("delta", "set", path, *properties)
    return not unsupported


@pytest.mark.parametrize("name", fixture_tables())
@pytest.mark.parametrize("policy", ["classic", "v2"])
def test_the_checkpoint_of_a_fixture_table_stands_for_its_log(spark, pli, tmp_path, name, policy):
    path = tmp_path / "t"
    shutil.copytree(FIXTURES / name, path)
    for entry in path.rglob("*"):
        entry.chmod(0o755 if entry.is_dir() else 0o644)
    properties = [f"delta.checkpointPolicy={policy}", "delta.checkpointInterval=1000"]
    if policy == "v2":
        properties.append("delta.checkpoint.writeStatsAsStruct=true")
    if not upgradable(pli, path, *properties):
        pytest.skip("a feature that we do not write")
    check_alone(spark, pli, path)
    record(f"checkpoint of ours: {policy}", "Spark", "ok")


def make(spark, pli, path, *properties):
    """Five commits of ours, with deletes and updates."""
    for i in range(3):
        spark.range(i * 100, i * 100 + 100).selectExpr("id", "id % 3 AS p", "concat('v', id) AS v").coalesce(
            1
        ).write.mode("overwrite").parquet(f"{path}.in{i}")
    files = [str(next(pathlib.Path(f"{path}.in{i}").glob("*.parquet"))) for i in range(3)]
    flags = [part for p in properties for part in ("--property", p)]
    pli(
        "delta",
        "create",
        path,
        "--schema",
        "STRUCT(id BIGINT, p BIGINT, v VARCHAR)",
        "--partition-by",
        "p",
        *flags,
    )
    for f in files:
        pli("delta", "append", path, f)
    pli("delta", "delete", path, "--where", "id % 10 = 0", "--yes")
    pli("delta", "update", path, "--set", "v='new'", "--where", "id < 20")


FORMS = {
    "classic": [],
    "v2": ["delta.checkpointPolicy=v2"],
    "v2, parsed": [
        "delta.checkpointPolicy=v2",
        "delta.checkpoint.writeStatsAsStruct=true",
    ],
    "v2, vectors": ["delta.checkpointPolicy=v2", "delta.enableDeletionVectors=true"],
    "classic, only parsed": [
        "delta.checkpoint.writeStatsAsStruct=true",
        "delta.checkpoint.writeStatsAsJson=false",
        "delta.enableDeletionVectors=true",
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_spark_goes_on_from_our_checkpoint_and_we_from_it(spark, pli, read_ours, tmp_path, form):
    path = tmp_path / "t"
    make(spark, pli, path, "delta.checkpointInterval=1000", *FORMS[form])
    version = check_alone(spark, pli, path)
    table = f"delta.`{path}`"
    expected = [r for r in rows(spark, path) if '"p":1' not in r]
    spark.sql(f"DELETE FROM {table} WHERE p = 1")
    spark.sql(f"INSERT INTO {table} VALUES (1000, 7, 'spark')")
    assert rows(spark, path) == sorted([*expected, '{"id":1000,"p":7,"v":"spark"}'])
    assert spark_rows(read_ours("read", path)) == rows(spark, path)
    # a second checkpoint of ours, that goes on using what the first one has and Spark's commits have not touched
    report = json.loads(pli("delta", "checkpoint", path, "--json"))[-1]
    assert report["version"] == version + 2
    assert (report["sidecars"] > 0) == ("v2" in form)
    remove_older(path, version + 2)
    forget(spark)
    assert rows(spark, path) == sorted([*expected, '{"id":1000,"p":7,"v":"spark"}'])
    assert spark_rows(read_ours("read", path)) == rows(spark, path)
    record(f"checkpoint of ours, then writes: {form}", "Spark", "ok")


def test_spark_writes_its_own_v2_checkpoint_after_ours_and_we_after_it(spark, pli, read_ours, tmp_path):
    path = tmp_path / "t"
    make(spark, pli, path, "delta.checkpointInterval=1000", "delta.checkpointPolicy=v2")
    pli("delta", "checkpoint", path)
    spark.sql(f"ALTER TABLE delta.`{path}` SET TBLPROPERTIES (delta.checkpointInterval = 1)")
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1000, 7, 'spark')")
    version = newest(pli, path)
    assert list((path / "_delta_log").glob(f"{version:020}.checkpoint.*")), "Spark wrote no checkpoint"
    pli("delta", "set", path, "delta.checkpointInterval=1000")
    check_alone(spark, pli, path)
    assert spark_rows(read_ours("read", path)) == rows(spark, path)


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_spark_reads_beside_our_compacted_log(spark, pli, read_ours, tmp_path, vectors):
    path = tmp_path / "t"
    make(
        spark,
        pli,
        path,
        "delta.checkpointInterval=1000",
        f"delta.enableDeletionVectors={vectors}",
    )
    before = rows(spark, path)
    report = json.loads(pli("delta", "compact-log", path, "--from-version", 1, "--json"))[-1]
    assert report["committed"] and (path / "_delta_log" / f"{1:020}.{5:020}.compacted.json").exists()
    forget(spark)
    assert rows(spark, path) == before
    assert spark_rows(read_ours("read", path)) == before
    # it is really used: what it says is what Spark sees
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1000, 7, 'spark')")
    pli("delta", "append", path, next(pathlib.Path(f"{path}.in0").glob("*.parquet")))
    forget(spark)
    assert spark_rows(read_ours("read", path)) == rows(spark, path)
    record("log compacted by us", "Spark", "ok")


def test_spark_believes_the_compacted_log(spark, pli, tmp_path):
    """Compacted commits are read in place of the commits: one that says something else shows."""
    path = tmp_path / "t"
    make(spark, pli, path, "delta.checkpointInterval=1000")
    pli("delta", "compact-log", path, "--from-version", 1)
    compacted = path / "_delta_log" / f"{1:020}.{5:020}.compacted.json"
    before = rows(spark, path)
    text = compacted.read_text().splitlines(keepends=True)
    adds = [line for line in text if line.startswith('{"add"')]
    compacted.write_text("".join(line for line in text if line != adds[0]))
    for crc in (path / "_delta_log").glob("*.crc"):
        crc.unlink()
    forget(spark)
    assert len(rows(spark, path)) < len(before)


def age(path: pathlib.Path, version: int, days: int) -> None:
    """Make the log through a version look old."""
    for entry in (path / "_delta_log").rglob("*"):
        old = entry.name[:20].isdigit() and int(entry.name[:20]) <= version
        if entry.is_file() and (old or entry.parent.name == "_sidecars"):
            when = entry.stat().st_mtime - days * 86400
            os.utime(entry, (when, when))


@pytest.mark.parametrize("policy", ["classic", "v2"])
def test_spark_goes_on_after_our_cleaning(spark, pli, read_ours, tmp_path, policy):
    path = tmp_path / "t"
    make(
        spark,
        pli,
        path,
        "delta.checkpointInterval=1000",
        f"delta.checkpointPolicy={policy}",
    )
    pli("delta", "compact-log", path, "--from-version", 1, "--to-version", 3)
    pli("delta", "checkpoint", path)
    pli("delta", "append", path, next(pathlib.Path(f"{path}.in0").glob("*.parquet")))
    age(path, 5, 40)
    before = rows(spark, path)
    report = json.loads(pli("delta", "checkpoint", path, "--json"))[-1]
    assert report["logFilesDeleted"] > 0
    names = [n.name for n in (path / "_delta_log").glob("0*")]
    assert min(names) >= f"{5:020}" and not any("compacted" in n for n in names)
    forget(spark)
    assert rows(spark, path) == before
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1000, 7, 'spark')")
    assert spark_rows(read_ours("read", path)) == rows(spark, path)


def test_spark_reads_on_after_fsck(spark, pli, read_ours, tmp_path):
    path = tmp_path / "t"
    make(spark, pli, path, "delta.enableDeletionVectors=true")
    gone = next(path.glob("p=1/*.parquet"))
    gone.unlink()
    report = [json.loads(line) for line in pli("delta", "fsck", path, "--yes", "--format", "ndjson").splitlines()]
    assert report[-1]["filesRemoved"] == len(report) - 1 >= 1
    forget(spark)
    assert rows(spark, path) == spark_rows(read_ours("read", path))
    spark.sql(f"INSERT INTO delta.`{path}` VALUES (1000, 7, 'spark')")
    assert spark_rows(read_ours("read", path)) == rows(spark, path)


@pytest.mark.parametrize("form", ["classic", "v2"])
def test_deltars_reads_our_checkpoint_beside_a_compacted_log(pli, tmp_path, form):
    """delta-rs lists the files of v2 tables, but reads no rows of them."""
    deltalake = pytest.importorskip("deltalake")
    path = tmp_path / "t"
    pli(
        "delta",
        "create",
        path,
        "--schema",
        "STRUCT(id BIGINT)",
        "--property",
        f"delta.checkpointPolicy={form}",
    )
    for i in range(6):
        source = tmp_path / f"{i}.ndjson"
        source.write_text(f'{{"id": {i}}}\n')
        pli("delta", "append", path, source)
        if i in (1, 3):
            pli("delta", "checkpoint", path)
    pli("delta", "compact-log", path)
    for entry in (path / "_delta_log").iterdir():
        if entry.suffix == ".crc" or (entry.name[:20].isdigit() and int(entry.name[:20]) < 4):
            entry.unlink()
    table = deltalake.DeltaTable(str(path))
    assert table.version() == 6
    assert len(table.file_uris()) == 6
    if form == "classic":
        assert sorted(table.to_pyarrow_table()["id"].to_pylist()) == list(range(6))
        deltalake.write_deltalake(str(path), table.to_pyarrow_table(), mode="append")
        assert len(pli("delta", "read", path, "--format", "ndjson").splitlines()) == 12
    record(f"checkpoint of ours: {form}", "delta-rs", "ok")
