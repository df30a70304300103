"""Tables that Spark writes, one for each feature that a reader meets, with a history of several versions each."""

from __future__ import annotations

import contextlib

FEATURES = {}


def feature(name: str, changes: bool = False):
    """Register a builder `build(spark, path)`; `changes`: the change data feed is on from version 0."""

    def register(build):
        FEATURES[name] = (build, changes)
        return build

    return register


@contextlib.contextmanager
def conf(spark, **settings):
    """Settings of the session for a while; `_` in names stands for `.`, `__` for `_`."""
    names = {k.replace("__", "\0").replace("_", ".").replace("\0", "_"): v for k, v in settings.items()}
    before = {k: spark.conf.get(k, None) for k in names}
    try:
        for k, v in names.items():
            spark.conf.set(k, v)
        yield
    finally:
        for k, v in before.items():
            spark.conf.unset(k) if v is None else spark.conf.set(k, v)


def sql(spark, path, *statements):
    for statement in statements:
        spark.sql(statement.replace("{t}", f"delta.`{path}`"))


PRIMITIVES = (
    "SELECT id, cast(id AS byte) b, cast(id AS short) sh, cast(id AS int) i, cast(id / 3 AS float) f, id / 7D d,"
    " cast(id AS decimal(5,2)) d5, cast(id * 1.000001 AS decimal(38,18)) d38, id % 2 = 0 bo,"
    " concat('näme ', id) s, cast(concat('bin', id) AS binary) bi, date_add(date'1900-01-01', cast(id * 9999 AS int)) dt,"
    " timestamp_micros(id * 123456789012345) ts, array(id, NULL, id + 1) arr, map('k', id, 'n', NULL) m,"
    " named_struct('x', id, 'y', array(named_struct('z', cast(id AS string)))) st FROM range({a}, {b})"
)


@feature("all types, nested, nulls")
def all_types(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} USING delta AS " + PRIMITIVES.format(a=0, b=20),
        "INSERT INTO {t} " + PRIMITIVES.format(a=20, b=25),
        "INSERT INTO {t} (id) VALUES (99)",
        "INSERT INTO {t} (id, f, d) VALUES (100, float('NaN'), double('-Infinity')), (101, float('Infinity'), -0.0D)",
        "INSERT INTO {t} (id, ts, dt) VALUES (102, timestamp'9999-12-31 23:59:59.999999', date'9999-12-31'),"
        " (103, timestamp'0001-01-01 00:00:00', date'0001-01-01')",
    )


@feature("merge, update, delete, optimize zorder, restore, vacuum")
def history(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string, n int) USING delta",
        "INSERT INTO {t} SELECT id, concat('v', id), cast(id AS int) FROM range(50)",
        "UPDATE {t} SET v = 'updated' WHERE id % 7 = 0",
        "DELETE FROM {t} WHERE id % 5 = 0",
        "MERGE INTO {t} t USING (SELECT id, 'merged' v, -1 n FROM range(40, 60)) s ON t.id = s.id"
        " WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
        "OPTIMIZE {t} ZORDER BY (n)",
        "RESTORE TABLE {t} TO VERSION AS OF 2",
        "INSERT OVERWRITE {t} SELECT id, 'over', 7 FROM range(5)",
    )


@feature("partitions with special characters and nulls")
def partitions(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, p string, q int, v string) USING delta PARTITIONED BY (p, q)",
        "INSERT INTO {t} VALUES (1, 'a b/c=d%20:é#?\\\\', 1, 'x'), (2, '', 2, 'y'), (3, NULL, NULL, 'z'), (4, '日本 🎵', -1, 'w'),"
        " (5, ' ', 0, 'v'), (6, 'a+b&c', 3, 'u'), (7, '100%25', 4, 't'), (8, '{a}[b]^\\'\"*', 5, 's')",
        "INSERT INTO {t} SELECT 100 + id, decode(unhex(hex(cast(32 + id AS int))), 'utf-8'), 9, 'c' FROM range(95)",
        "DELETE FROM {t} WHERE q = 9 AND id % 2 = 0",
        "UPDATE {t} SET v = 'changed' WHERE p IS NULL",
    )


@feature("partitions of every type")
def partition_types(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, a byte, b short, c int, d bigint, e float, f double, g decimal(10,2), h boolean, i date, j timestamp,"
        " k binary, l timestamp_ntz) USING delta PARTITIONED BY (a, b, c, d, e, f, g, h, i, j, k, l)",
        "INSERT INTO {t} VALUES (1, -128, 32767, -5, 9223372036854775807, 1.5, -2.25, 1.5, true, date'2020-02-29', timestamp'2024-01-01 10:00:00.123456',"
        " cast('HELLO' AS binary), timestamp_ntz'1969-12-31 23:59:59.999999')",
        "INSERT INTO {t} (id) VALUES (2)",
        "INSERT INTO {t} VALUES (3, 0, 0, 0, 0, float('NaN'), double('Infinity'), -0.01, false, date'0001-01-01', timestamp'1900-01-01 00:00:00',"
        " cast('/=%' AS binary), timestamp_ntz'9999-12-31 00:00:00')",
    )


@feature("deletion vectors")
def deletion_vectors(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ id, concat('v', id) FROM range(5000)",
        "DELETE FROM {t} WHERE id % 100 = 0",
        "DELETE FROM {t} WHERE id BETWEEN 1000 AND 1999",
        "UPDATE {t} SET v = 'u' WHERE id = 4999 OR id = 1",
        "DELETE FROM {t} WHERE id >= 4990",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'false')",
        "INSERT INTO {t} VALUES (-1, 'late')",
        "RESTORE TABLE {t} TO VERSION AS OF 2",
    )


@feature("deletion vectors over many row groups")
def deletion_vectors_groups(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
    )
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    hadoop.set("parquet.block.size", "20000")
    try:
        sql(spark, path, "INSERT INTO {t} SELECT /*+ repartition(1) */ id, uuid() FROM range(20000)")
    finally:
        hadoop.unset("parquet.block.size")
    sql(
        spark,
        path,
        "DELETE FROM {t} WHERE id % 997 < 3 OR id IN (0, 19999)",
        "DELETE FROM {t} WHERE id > 15000 AND id % 2 = 0",
    )


@feature("column mapping by name: rename, drop, add again, nested")
def mapping_name(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, p string, s struct<a: int, b: struct<c: string>>, l array<struct<x: int>>, m map<string, struct<y: int>>, gone string)"
        " USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "INSERT INTO {t} SELECT id, concat('p', id % 2), named_struct('a', cast(id AS int), 'b', named_struct('c', 'deep')),"
        " array(named_struct('x', cast(id AS int)), NULL), map('k', named_struct('y', 1)), 'old' FROM range(10)",
        "ALTER TABLE {t} RENAME COLUMN id TO `a b;,{}()=`",
        "ALTER TABLE {t} RENAME COLUMN s.b.c TO renamed",
        "ALTER TABLE {t} RENAME COLUMN p TO part",
        "ALTER TABLE {t} DROP COLUMN gone",
        "ALTER TABLE {t} ADD COLUMN gone int",
        "INSERT INTO {t} SELECT id, 'new', named_struct('a', 1, 'b', named_struct('renamed', 'x')), array(), map(), cast(id AS int) FROM range(20, 23)",
        "ALTER TABLE {t} RENAME COLUMN l.element.x TO xx",
        "ALTER TABLE {t} RENAME COLUMN m.value.y TO yy",
        "INSERT INTO {t} (part, s) VALUES ('nulls', NULL)",
    )


@feature("column mapping by id")
def mapping_id(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, s struct<a: int, b: string>, p int) USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.columnMapping.mode' = 'id')",
        "INSERT INTO {t} SELECT id, named_struct('a', cast(id AS int), 'b', 'x'), cast(id % 3 AS int) FROM range(10)",
        "ALTER TABLE {t} RENAME COLUMN id TO key",
        "ALTER TABLE {t} RENAME COLUMN s.b TO bb",
        "ALTER TABLE {t} ADD COLUMN extra double",
        "INSERT INTO {t} SELECT id, named_struct('a', 2, 'bb', 'y'), 7, 1.5 FROM range(3)",
    )


@feature("column mapping upgraded from none")
def mapping_upgraded(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, Name string, p string) USING delta PARTITIONED BY (p)",
        "INSERT INTO {t} SELECT id, 'n', 'x' FROM range(5)",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.minReaderVersion' = '2', 'delta.minWriterVersion' = '5', 'delta.columnMapping.mode' = 'name')",
        "ALTER TABLE {t} RENAME COLUMN Name TO other",
        "ALTER TABLE {t} RENAME COLUMN p TO part",
        "INSERT INTO {t} SELECT id, 'o', 'y' FROM range(5)",
    )


@feature("change data feed", changes=True)
def change_feed(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string, p int) USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')",
        "INSERT INTO {t} SELECT id, 'a', cast(id % 3 AS int) FROM range(30)",
        "UPDATE {t} SET v = 'b' WHERE id % 4 = 0",
        "DELETE FROM {t} WHERE id % 5 = 0",
        "MERGE INTO {t} t USING (SELECT id, 'm' v, cast(id % 3 AS int) p FROM range(25, 35)) s ON t.id = s.id"
        " WHEN MATCHED AND s.id % 2 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
        "OPTIMIZE {t}",
        "DELETE FROM {t} WHERE p = 1",
        "ALTER TABLE {t} ADD COLUMN extra string",
        "INSERT INTO {t} VALUES (1000, 'new', 0, 'e')",
        "INSERT OVERWRITE {t} SELECT id, 'over', 0, NULL FROM range(3)",
    )


@feature("change data feed with deletion vectors", changes=True)
def change_feed_dv(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string) USING delta TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ id, 'a' FROM range(100)",
        "DELETE FROM {t} WHERE id % 10 = 0",
        "UPDATE {t} SET v = 'b' WHERE id < 5",
        "MERGE INTO {t} t USING (SELECT id, 'm' v FROM range(95, 105)) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
        "RESTORE TABLE {t} TO VERSION AS OF 1",
        "DELETE FROM {t}",
    )


@feature("change data feed with column mapping and in-commit timestamps", changes=True)
def change_feed_mapping(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string, p int) USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true',"
        " 'delta.columnMapping.mode' = 'name', 'delta.enableInCommitTimestamps' = 'true')",
        "INSERT INTO {t} SELECT id, 'a', cast(id % 2 AS int) FROM range(20)",
        "UPDATE {t} SET v = 'b' WHERE id % 4 = 0",
        "DELETE FROM {t} WHERE id % 5 = 0",
    )


@feature("generated, identity, default columns, CHECK")
def generated(spark, path):
    from delta.tables import DeltaTable, IdentityGenerator

    (
        DeltaTable.create(spark)
        .location(path)
        .addColumn("ts", "timestamp")
        .addColumn("day", "date", generatedAlwaysAs="CAST(ts AS DATE)")
        .addColumn("key", "bigint", generatedByDefaultAs=IdentityGenerator(start=10, step=5))
        .partitionedBy("day")
        .execute()
    )
    sql(
        spark,
        path,
        "INSERT INTO {t} (ts) VALUES (timestamp'2024-01-01 10:00:00'), (timestamp'2024-01-02 10:00:00')",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')",
        "ALTER TABLE {t} ADD COLUMN v int",
        "ALTER TABLE {t} ALTER COLUMN v SET DEFAULT 7",
        "ALTER TABLE {t} ADD CONSTRAINT pos CHECK (v IS NULL OR v > 0)",
        "INSERT INTO {t} (ts) VALUES (timestamp'2024-01-03 10:00:00')",
    )


@feature("type widening")
def type_widening(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (a byte, b int, c float, d date, e decimal(5,2), f short, s struct<x: byte>, l array<short>, p int) USING delta PARTITIONED BY (p)"
        " TBLPROPERTIES ('delta.enableTypeWidening' = 'true', 'delta.feature.timestampNtz' = 'supported')",
        "INSERT INTO {t} VALUES (1, 2, 1.5, date'2024-01-01', 1.25, 3, named_struct('x', 4Y), array(5S, NULL), 6)",
        "ALTER TABLE {t} ALTER COLUMN a TYPE int",
        "ALTER TABLE {t} ALTER COLUMN b TYPE bigint",
        "ALTER TABLE {t} ALTER COLUMN c TYPE double",
        "ALTER TABLE {t} ALTER COLUMN d TYPE timestamp_ntz",
        "ALTER TABLE {t} ALTER COLUMN e TYPE decimal(12,4)",
        "ALTER TABLE {t} ALTER COLUMN f TYPE int",
        "ALTER TABLE {t} ALTER COLUMN s.x TYPE int",
        "ALTER TABLE {t} ALTER COLUMN l.element TYPE int",
        "ALTER TABLE {t} ALTER COLUMN p TYPE bigint",
        "INSERT INTO {t} VALUES (100000, 1L << 40, 1e300, timestamp_ntz'2024-05-05 01:02:03.000004', 12345678.1234, 70000, named_struct('x', 100000), array(100000), 1L << 40)",
        "ALTER TABLE {t} ALTER COLUMN a TYPE bigint",
    )


@feature("timestamp without zone")
def timestamp_ntz(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, ts timestamp_ntz, p timestamp_ntz) USING delta PARTITIONED BY (p)",
        "INSERT INTO {t} VALUES (1, timestamp_ntz'2024-03-31 02:30:00', timestamp_ntz'2024-03-31 02:30:00.5'), (2, NULL, NULL)",
        "DELETE FROM {t} WHERE id = 1",
    )


@feature("INT96 timestamps and legacy lists")
def int96(spark, path):
    sql(spark, path, "CREATE TABLE {t} (id bigint, ts timestamp, l array<int>, d decimal(9,2)) USING delta")
    rows = "INSERT INTO {t} SELECT id, timestamp_micros(id * 7777777777777 - 60000000000000), array(1, cast(id AS int)), cast(id AS decimal(9,2)) FROM range(20)"
    with conf(spark, spark_sql_parquet_outputTimestampType="INT96", spark_sql_parquet_writeLegacyFormat="true"):
        sql(spark, path, rows)
    sql(spark, path, rows, "INSERT INTO {t} VALUES (1000, timestamp'9999-12-31 23:59:59.999999', NULL, NULL)")


def checkpointed(spark, path, properties, versions=7):
    sql(
        spark,
        path,
        f"CREATE TABLE {{t}} (id bigint, p int, s struct<x: int>, ts timestamp) USING delta PARTITIONED BY (p) TBLPROPERTIES ('delta.checkpointInterval' = '2'{properties})",
    )
    for v in range(versions):
        sql(
            spark,
            path,
            f"INSERT INTO {{t}} SELECT id, cast(id % 3 AS int), named_struct('x', {v}), timestamp_micros(id * 1001) FROM range({v * 10}, {v * 10 + 10})",
        )
    sql(spark, path, "DELETE FROM {t} WHERE p = 1 AND id < 40", "UPDATE {t} SET s = NULL WHERE id = 66")


@feature("classic checkpoints")
def classic_checkpoint(spark, path):
    checkpointed(spark, path, "")


@feature("checkpoints with parsed statistics only")
def parsed_checkpoint(spark, path):
    checkpointed(
        spark, path, ", 'delta.checkpoint.writeStatsAsStruct' = 'true', 'delta.checkpoint.writeStatsAsJson' = 'false'"
    )


@feature("multi-part checkpoints")
def multi_part_checkpoint(spark, path):
    with conf(spark, spark_databricks_delta_checkpoint_partSize="4"):
        checkpointed(spark, path, "")


@feature("v2 checkpoints, JSON")
def v2_json(spark, path):
    checkpointed(spark, path, ", 'delta.checkpointPolicy' = 'v2'")


@feature("v2 checkpoints, Parquet, with deletion vectors")
def v2_parquet(spark, path):
    with conf(spark, spark_databricks_delta_checkpointV2_topLevelFileFormat="parquet"):
        checkpointed(spark, path, ", 'delta.checkpointPolicy' = 'v2', 'delta.enableDeletionVectors' = 'true'")


@feature("in-commit timestamps enabled later")
def ict(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint) USING delta",
        "INSERT INTO {t} VALUES (1)",
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')",
        "INSERT INTO {t} VALUES (2)",
        "INSERT INTO {t} VALUES (3)",
    )


@feature("row tracking")
def row_tracking(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true', 'delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT id, 'a' FROM range(10)",
        "UPDATE {t} SET v = 'b' WHERE id = 3",
        "DELETE FROM {t} WHERE id = 4",
    )


@feature("liquid clustering")
def clustering(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, v string) USING delta CLUSTER BY (id)",
        "INSERT INTO {t} SELECT id, 'a' FROM range(100)",
        "INSERT INTO {t} SELECT id, 'b' FROM range(100)",
        "OPTIMIZE {t}",
    )


@feature("columns of void, dots, blanks and other cases in names")
def odd_names(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (`a.b` int, `C d` int, nothing void, filename string, file_row_number int, _metadata string) USING delta"
        " TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "INSERT INTO {t} (`a.b`, `C d`, filename, file_row_number, _metadata) VALUES (1, 2, 'f', 4, 'm'), (NULL, 3, 'g', 5, NULL)",
        "INSERT INTO {t} (`c D`, FILENAME) VALUES (9, 'h')",
    )


@feature("schema overwritten, columns added and reordered")
def evolving(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, s struct<a: int>) USING delta",
        "INSERT INTO {t} VALUES (1, named_struct('a', 1))",
        "ALTER TABLE {t} ADD COLUMNS (x string FIRST, s.b string, s.c array<int>)",
        "INSERT INTO {t} VALUES ('x', 2, named_struct('a', 2, 'b', 'b', 'c', array(1)))",
        "ALTER TABLE {t} ALTER COLUMN id FIRST",
        "INSERT INTO {t} (id, s) VALUES (3, NULL)",
    )
    spark.sql("SELECT 'new' AS id, 1.5 AS y").write.format("delta").mode("overwrite").option(
        "overwriteSchema", "true"
    ).save(path)


@feature("shallow clone")
def shallow_clone(spark, path):
    source = path + " source%20"
    sql(
        spark,
        source,
        "CREATE TABLE {t} (id bigint, p string) USING delta PARTITIONED BY (p)",
        "INSERT INTO {t} VALUES (1, 'a b'), (2, 'c%')",
    )
    spark.sql(f"CREATE TABLE delta.`{path}` SHALLOW CLONE delta.`{source}`")
    sql(spark, path, "INSERT INTO {t} VALUES (3, 'd')", "DELETE FROM {t} WHERE id = 1")


@feature("feature dropped: checkpointProtection")
def dropped_feature(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint) USING delta TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT id FROM range(10)",
        "DELETE FROM {t} WHERE id = 3",
        "ALTER TABLE {t} DROP FEATURE deletionVectors",
        "INSERT INTO {t} VALUES (77)",
    )
