"""One Spark session for all interop tests, the `pli` command, rows compared as text, and the matrix feature × engine."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import matrix
from engines import versions
from interop_support import MATRIX

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PLI = os.environ.get("PLI", str(ROOT / "build/release/bin/pli"))


@pytest.fixture(scope="session")
def pli():
    """Run the command; fails the test, showing the output, unless it ends as expected."""

    def run(*args, code: int = 0) -> str:
        done = subprocess.run([PLI, *map(str, args)], capture_output=True, text=True, check=False)
        assert done.returncode == code, (
            f"pli {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    return run


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A Spark session with Delta, tuned for many small tables. Started once."""
    pyspark_sql = pytest.importorskip("pyspark.sql")
    jars = pathlib.Path(os.environ.get("PLI_SPARK_JARS") or os.environ.get("PLI_JARS_DIR") or "/nonexistent")
    found = sorted(str(p) for p in jars.glob("delta-*.jar"))
    if not found:
        pytest.skip("Delta's jars are not there (scripts/setup interop)")
    scratch = tmp_path_factory.mktemp("spark")
    settings = {
        "spark.driver.memory": "1g",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.databricks.delta.snapshotPartitions": "1",
        # VACUUM lists folders in as many tasks; the default is 10,000
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.jars": ",".join(found),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        "spark.local.dir": str(scratch / "local"),
        "spark.databricks.delta.retentionDurationCheck.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xss4m "
        f"-Dderby.system.home={scratch} -Duser.timezone=UTC",
    }
    builder = pyspark_sql.SparkSession.builder.master("local[2]").appName("pli interop")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def read_ours(spark, pli, tmp_path_factory):
    """What `pli delta read|changes` writes as Parquet, read back by Spark."""
    folder = tmp_path_factory.mktemp("ours")
    counter = iter(range(1_000_000))

    def read(command: str, table, *args):
        out = folder / f"{next(counter)}.parquet"
        pli("delta", command, table, *args, "-o", out)
        return spark.read.parquet(str(out))

    return read


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call" and outcome.get_result().failed:
        item.outcome_failed = True


def pytest_terminal_summary(terminalreporter):
    """The matrix, also beside the other results, from where tests/run puts the parts of a whole run together."""
    if not MATRIX:
        return
    terminalreporter.write_sep("-", "feature × engine (tables written by the engine in the name of the row)")
    for line in matrix.lines(MATRIX, versions()):
        terminalreporter.write_line(line)
    build = os.environ.get("PLI_BUILD_DIR")
    if build:
        results = pathlib.Path(build) / "results"
        results.mkdir(parents=True, exist_ok=True)
        part = pathlib.Path(terminalreporter.config.option.xmlpath or "interop").stem
        kept = json.dumps({"versions": versions(), "matrix": MATRIX}, ensure_ascii=False)
        (results / f"{part}-matrix.json").write_text(kept, encoding="utf-8")
