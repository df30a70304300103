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


# ---------------------------------------------------------------- combined and unusual


@feature("column mapping, deletion vectors, type widening, v2 checkpoints, together", changes=True)
def everything(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, p short, s struct<a: byte, deep: struct<b: short, c: string>>, l array<struct<x: short>>) USING delta PARTITIONED BY (p)"
        " TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true', 'delta.enableTypeWidening' = 'true',"
        " 'delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3', 'delta.enableChangeDataFeed' = 'true', 'delta.enableInCommitTimestamps' = 'true')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ cast(id AS int), cast(id % 2 AS short), named_struct('a', cast(id AS byte), 'deep',"
        " named_struct('b', cast(id AS short), 'c', 'x')), array(named_struct('x', cast(id AS short)), NULL) FROM range(40)",
        "DELETE FROM {t} WHERE id % 7 = 0",
        "ALTER TABLE {t} ALTER COLUMN s.a TYPE int",
        "ALTER TABLE {t} ALTER COLUMN l.element.x TYPE bigint",
        "ALTER TABLE {t} ALTER COLUMN p TYPE int",
        "UPDATE {t} SET s.deep.c = 'updated' WHERE id % 5 = 0",
        "INSERT INTO {t} VALUES (1000, 70000, named_struct('a', 70000, 'deep', named_struct('b', 3S, 'c', 'y')), array(named_struct('x', 1L << 40)))",
        "DELETE FROM {t} WHERE p = 0 AND id > 20",
        "OPTIMIZE {t}",
        "MERGE INTO {t} t USING (SELECT 1 id, 1 p) s ON t.id = s.id WHEN MATCHED THEN DELETE",
    )


@feature("renames and drops under deletion vectors and checkpoints")
def renames(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, `part ``1` decimal(10,2), `p.2` timestamp, s struct<`a.b`: int, `c ``d`: struct<gone: string>>) USING delta"
        " PARTITIONED BY (`part ``1`, `p.2`) TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '2')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ id, cast(id % 2 AS decimal(10,2)) / 4, timestamp'1582-10-04 23:59:59.123456' + make_interval(0, 0, 0, cast(id % 2 AS int)),"
        " named_struct('a.b', cast(id AS int), 'c `d', named_struct('gone', 'g')) FROM range(12)",
        "ALTER TABLE {t} RENAME COLUMN `part ``1` TO `other part`",
        "DELETE FROM {t} WHERE id = 3",
        "ALTER TABLE {t} RENAME COLUMN `p.2` TO When",
        "ALTER TABLE {t} ADD COLUMN s.`c ``d`.fresh int",
        "ALTER TABLE {t} DROP COLUMN s.`c ``d`.gone",
        "INSERT INTO {t} VALUES (100, 1.5, timestamp'2024-01-01 00:00:00', named_struct('a.b', 1, 'c `d', named_struct('fresh', 7)))",
        "ALTER TABLE {t} RENAME COLUMN s.`a.b` TO `a``b`",
        "ALTER TABLE {t} ADD COLUMN s.`a.b` string",
        "UPDATE {t} SET s.`a.b` = 'again' WHERE id = 4",
    )


@feature("times and dates long ago")
def old_times(spark, path):
    moments = ", ".join(
        f"({i}, timestamp'{t}', timestamp_ntz'{t}', date'{t[:10]}')"
        for i, t in enumerate(
            [
                "0001-01-01 00:00:00.000001",
                "1000-02-28 12:00:00",
                "1500-02-28 23:59:59.999999",
                "1582-10-04 00:00:00",
                "1582-10-15 00:00:00",
                "1677-09-21 00:12:43.145224",
                "1883-11-18 12:03:57",
                "1969-12-31 23:59:59.999999",
                "1970-01-01 00:00:00",
                "2262-04-11 23:47:16.854776",
                "9999-12-31 23:59:59.999999",
            ]
        )
    )
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, a timestamp, b timestamp_ntz, c date) USING delta TBLPROPERTIES ('delta.checkpointInterval' = '2')",
        f"INSERT INTO {{t}} VALUES {moments}",
        "INSERT INTO {t} VALUES (100, NULL, NULL, NULL)",
        "DELETE FROM {t} WHERE a = timestamp'1582-10-15 00:00:00'",
    )


@feature("dates and times in the old calendar", changes=True)
def old_calendar(spark, path):
    """Files of one table by writers in several zones and forms; then ones of today, and each kind of change to them."""
    rows = (
        "INSERT INTO {t} SELECT /*+ repartition(1) */ id + FIRST, d, t, named_struct('d', d, 'ts', array(t, NULL)), array(NULL, d), map(d, named_struct('ts', t))"
        " FROM (SELECT id, timestamp_micros(-62135596800000000 + id * 987654321012345) t,"
        " date_add(date'0001-01-01', cast(id * 11431 AS int)) d FROM range(64)"
        " UNION ALL SELECT 64 + pos, cast(col AS timestamp) + interval 12 hours, col FROM (SELECT posexplode(array(date'1582-10-04', date'1582-10-15',"
        " date'1500-02-28', date'1500-03-01', date'1300-03-01', date'0004-02-29', date'1899-12-31', date'1900-01-01'))))"
    )
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, d date, t timestamp, s struct<d date, ts array<timestamp>>, l array<date>, m map<date, struct<ts timestamp>>)"
        " USING delta TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '4')",
    )
    old = {
        "spark_sql_parquet_datetimeRebaseModeInWrite": "LEGACY",
        "spark_sql_parquet_int96RebaseModeInWrite": "LEGACY",
    }
    writers = [("TIMESTAMP_MICROS", "UTC"), ("INT96", "Europe/Berlin"), ("TIMESTAMP_MICROS", "America/Los_Angeles")]
    for i, (form, zone) in enumerate(writers):
        with conf(spark, **old, spark_sql_parquet_outputTimestampType=form, spark_sql_session_timeZone=zone):
            sql(spark, path, rows.replace("FIRST", str(1000 * i)))
    sql(spark, path, rows.replace("FIRST", "9000"), "DELETE FROM {t} WHERE id % 7 = 3")
    with conf(spark, **old, spark_sql_parquet_outputTimestampType="INT96", spark_sql_session_timeZone="Asia/Kolkata"):
        sql(spark, path, "UPDATE {t} SET id = -id WHERE d BETWEEN date'1000-01-01' AND date'1300-03-01'")
    sql(spark, path, "OPTIMIZE {t}")
    with conf(spark, **old):
        sql(spark, path, rows.replace("FIRST", "20000"))


@feature("names that our own queries use")
def own_names(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (c0 int, c1 string, r struct<c0: int, v1: int, k: int, v: int>, x int, t int, file_index int, k array<int>, v1 map<string, int>,"
        " `select` int, `'` int, `\"` int, `%s{{}}` int, `_change_type` string, `_pli_file` int, rowid int) USING delta"
        " PARTITIONED BY (x) TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "INSERT INTO {t} VALUES (1, 'one', named_struct('c0', 1, 'v1', 2, 'k', 3, 'v', 4), 5, 6, 7, array(8), map('m', 9), 10, 11, 12, 13, 'changed', 14, 15)",
        "ALTER TABLE {t} RENAME COLUMN c0 TO c2",
        "ALTER TABLE {t} RENAME COLUMN c1 TO c0",
        "ALTER TABLE {t} RENAME COLUMN c2 TO c1",
        "INSERT INTO {t} (c0, c1, x) VALUES ('two', 2, 3)",
    )


@feature("empty tables, commits and files")
def empty(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, s struct<a: int>, p string) USING delta PARTITIONED BY (p)",
        "ALTER TABLE {t} SET TBLPROPERTIES ('some.key' = 'v')",
        "INSERT INTO {t} SELECT 1, NULL, 'x' WHERE false",
        "INSERT INTO {t} VALUES (1, named_struct('a', NULL), ''), (NULL, NULL, NULL)",
        "DELETE FROM {t} WHERE id = 99",
        "DELETE FROM {t}",
        "ALTER TABLE {t} ADD COLUMN late int",
        "INSERT OVERWRITE {t} SELECT 1, NULL, 'x', 3 WHERE false",
    )


@feature("many columns, statistics on some, checkpoints")
def wide(spark, path):
    columns = [f"c{i} int" for i in range(40)]
    values = ", ".join(f"cast(id + {i} AS int)" for i in range(40))
    sql(
        spark,
        path,
        f"CREATE TABLE {{t}} ({', '.join(columns)}) USING delta TBLPROPERTIES ('delta.checkpointInterval' = '3', 'delta.dataSkippingStatsColumns' = 'c39,c2',"
        " 'delta.checkpoint.writeStatsAsStruct' = 'true')",
        *(f"INSERT INTO {{t}} SELECT {values} FROM range({v * 10}, {v * 10 + 10})" for v in range(4)),
        "ALTER TABLE {t} SET TBLPROPERTIES ('delta.dataSkippingStatsColumns' = 'c5')",
        f"INSERT INTO {{t}} SELECT {values} FROM range(100, 110)",
    )


@feature("long texts and decimals at their limits")
def long_texts(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, s string, v varchar(5), d decimal(38,0), e decimal(38,38), f decimal(1,1), b binary) USING delta"
        " TBLPROPERTIES ('delta.checkpointInterval' = '2')",
        "INSERT INTO {t} VALUES (1, repeat('é', 40), 'abc', 99999999999999999999999999999999999999, 0.99999999999999999999999999999999999999, -0.9, unhex('00ff')),"
        " (2, concat(repeat('z', 31), '🎵🎵'), '', -99999999999999999999999999999999999999, -0.00000000000000000000000000000000000001, 0.1, unhex(''))",
        "INSERT INTO {t} VALUES (3, concat('a', char(0), 'b'), NULL, 0, 0, 0, NULL), (4, repeat('\\uDBFF\\uDFFF', 20), 'x', 1, 0.5, 0.5, unhex('80'))",
        "DELETE FROM {t} WHERE id = 1",
    )


@feature("nested to the limit: maps of lists of maps, lists of lists, nulls at every level")
def deep(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, m map<date, array<map<string, struct<d: date>>>>, ll array<array<array<int>>>,"
        " s struct<s: struct<s: struct<s: array<struct<s: int>>>>>) USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'name')",
        "INSERT INTO {t} SELECT 1, map(date'1582-10-04', array(map('x', named_struct('d', date'2024-02-29')), NULL)),"
        " array(array(array(1, NULL), NULL, array()), NULL), named_struct('s', named_struct('s', named_struct('s', array(named_struct('s', 1), NULL))))",
        "INSERT INTO {t} SELECT 2, map(), array(), named_struct('s', NULL)",
        "INSERT INTO {t} (id) VALUES (3)",
        "ALTER TABLE {t} RENAME COLUMN s.s.s.s.element.s TO renamed",
        "ALTER TABLE {t} RENAME COLUMN m.value.element.value.d TO day",
        "INSERT INTO {t} SELECT 4, NULL, NULL, named_struct('s', named_struct('s', named_struct('s', array(named_struct('renamed', 9)))))",
    )


@feature("converted from Parquet")
def converted(spark, path):
    spark.sql("SELECT id, cast(id % 3 AS int) p, concat('v', id) v FROM range(20)").write.partitionBy("p").parquet(path)
    spark.sql(f"CONVERT TO DELTA parquet.`{path}` PARTITIONED BY (p int)")
    sql(spark, path, "INSERT INTO {t} (id, p, v) VALUES (100, 7, 'new')", "DELETE FROM {t} WHERE id < 3")


@feature("codecs, pages of the second version, no dictionaries")
def codecs(spark, path):
    sql(spark, path, "CREATE TABLE {t} (id bigint, s string, d decimal(20,3), l array<int>, f float) USING delta")
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    for codec in ["none", "gzip", "zstd", "lz4_raw", "snappy"]:
        for version in ["v1", "v2"]:
            hadoop.set("parquet.writer.version", version)
            hadoop.setBoolean("parquet.enable.dictionary", version == "v1")
            with conf(spark, spark_sql_parquet_compression_codec=codec):
                sql(
                    spark,
                    path,
                    f"INSERT INTO {{t}} SELECT id, '{codec} {version}', id * 1.001, array(cast(id AS int), NULL), id / 7 FROM range(20)",
                )
    hadoop.unset("parquet.writer.version")
    hadoop.unset("parquet.enable.dictionary")


@feature("change data feed: mapping by id, renames, drops and wider types within the range", changes=True)
def change_feed_evolving(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, v string, s struct<a: int, b: string>, p date) USING delta PARTITIONED BY (p) TBLPROPERTIES"
        " ('delta.enableChangeDataFeed' = 'true', 'delta.columnMapping.mode' = 'id', 'delta.enableRowTracking' = 'true')",
        "INSERT INTO {t} SELECT cast(id AS int), 'a', named_struct('a', 1, 'b', 'x'), date'2024-01-01' FROM range(10)",
        "UPDATE {t} SET v = 'b' WHERE id % 4 = 0",
        "DELETE FROM {t} WHERE id = 5",
        "MERGE INTO {t} t USING (SELECT cast(id AS int) id FROM range(8, 12)) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET s.b = 'merged'"
        " WHEN NOT MATCHED THEN INSERT (id, v, s, p) VALUES (s.id, 'm', NULL, NULL)",
        "OPTIMIZE {t}",
        "INSERT OVERWRITE {t} SELECT 1, 'over', NULL, date'1582-10-04'",
    )


@feature("columns by id: renames, lost fields, deletion vectors")
def mapping_id_deep(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, s struct<a: int, l: array<struct<x: int, y: string>>>, m map<string, struct<z: int>>) USING delta"
        " TBLPROPERTIES ('delta.columnMapping.mode' = 'id', 'delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '3')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ id, named_struct('a', 1, 'l', array(named_struct('x', 1, 'y', 'q'), NULL)), map('k', named_struct('z', 5)) FROM range(10)",
        "ALTER TABLE {t} RENAME COLUMN s.l.element.y TO yy",
        "ALTER TABLE {t} DROP COLUMN s.l.element.x",
        "ALTER TABLE {t} ADD COLUMN m.value.w string",
        "ALTER TABLE {t} DROP COLUMN m.value.z",
        "DELETE FROM {t} WHERE id = 2",
        "INSERT INTO {t} SELECT 100, named_struct('a', 2, 'l', array(named_struct('yy', 'new'))), map('k', named_struct('w', 'w'))",
        "ALTER TABLE {t} ADD COLUMN s.l.element.x double",
        "INSERT INTO {t} SELECT 101, named_struct('a', 2, 'l', array(named_struct('yy', 'n', 'x', 1.5D))), NULL",
    )
