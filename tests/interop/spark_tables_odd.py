"""More tables that Spark writes: features in combinations that rarely meet."""

from __future__ import annotations

from spark_tables import conf, feature, sql


@feature("types widened inside of structs, lists and maps, under mapping, vectors and renamed partitions", changes=True)
def widened_inside(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, s struct<a: byte, d: decimal(5,2)>, l array<short>, m map<int, struct<x: float>>, p int, q date) USING delta"
        " PARTITIONED BY (p, q) TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true',"
        " 'delta.enableTypeWidening' = 'true', 'delta.enableChangeDataFeed' = 'true', 'delta.checkpointInterval' = '4')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ cast(id AS int), named_struct('a', cast(id AS byte), 'd', cast(id / 4 AS decimal(5,2))),"
        " array(cast(id AS short), NULL), map(cast(id AS int), named_struct('x', cast(id / 8 AS float))), 1, date'2024-02-29' FROM range(20)",
        "ALTER TABLE {t} RENAME COLUMN p TO `part of`",
        "ALTER TABLE {t} CHANGE COLUMN `part of` TYPE bigint",
        "ALTER TABLE {t} CHANGE COLUMN s.a TYPE bigint",
        "DELETE FROM {t} WHERE id IN (3, 4)",
        "ALTER TABLE {t} CHANGE COLUMN s.d TYPE decimal(12,4)",
        "ALTER TABLE {t} CHANGE COLUMN l.element TYPE bigint",
        "ALTER TABLE {t} CHANGE COLUMN m.key TYPE bigint",
        "ALTER TABLE {t} CHANGE COLUMN m.value.x TYPE double",
        "INSERT INTO {t} VALUES (100, named_struct('a', 9223372036854775807, 'd', 12345678.9999), array(9223372036854775807),"
        " map(9223372036854775807, named_struct('x', 0.1D)), 9223372036854775807, date'0001-01-01')",
        "ALTER TABLE {t} RENAME COLUMN s.a TO `A.b`",
        "UPDATE {t} SET id = -id WHERE s.`A.b` > 15",
        "ALTER TABLE {t} CHANGE COLUMN id TYPE bigint",
        "DELETE FROM {t} WHERE `part of` > 5",
    )


@feature("one name again and again: dropped and added with other types, also as a partition")
def names_again(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, v string, s struct<x: int, k: int>) USING delta TBLPROPERTIES ('delta.columnMapping.mode' = 'name', 'delta.checkpointInterval' = '5')",
        "INSERT INTO {t} VALUES (1, 'text', named_struct('x', 1, 'k', 1))",
        "ALTER TABLE {t} DROP COLUMN v",
        "ALTER TABLE {t} ADD COLUMN v date",
        "INSERT INTO {t} VALUES (2, named_struct('x', 2, 'k', 2), date'2024-01-01')",
        "ALTER TABLE {t} DROP COLUMN s.x",
        "ALTER TABLE {t} ADD COLUMN s.x string",
        "INSERT INTO {t} VALUES (3, named_struct('k', 3, 'x', 'new'), NULL)",
        "ALTER TABLE {t} RENAME COLUMN v TO w",
        "ALTER TABLE {t} ADD COLUMN v array<int>",
        "INSERT INTO {t} VALUES (4, NULL, date'2024-01-04', array(4))",
    )
    rows = "SELECT * FROM VALUES ({m}, 'most'), (-{m}, 'least'), (NULL, 'none'), (0, 'zero') AS t(v, id)"
    frame = spark.sql(rows.replace("{m}", "9" * 38))
    frame.write.format("delta").mode("overwrite").option("overwriteSchema", "true").partitionBy("v").save(path)
    sql(spark, path, "DELETE FROM {t} WHERE v > 0")


@feature("partitions by large decimals, empty texts, odd floats, local times")
def odd_partitions(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, d decimal(38,18), s string, x double, n timestamp_ntz, t timestamp, b binary) USING delta PARTITIONED BY (d, s, x, n, t, b)",
        "INSERT INTO {t} VALUES (1, 99999999999999999999.999999999999999999, '', -0.0D, timestamp_ntz'2024-03-31 02:30:00', timestamp'2024-03-31 02:30:00', X'2F'),"
        " (2, -0.000000000000000001, ' ', 0.0D, timestamp_ntz'1900-01-01 00:00:00.000001', timestamp'1582-10-15 00:00:00', X'41'),"
        " (3, NULL, NULL, double('-Infinity'), NULL, NULL, NULL),"
        " (4, 0, '__HIVE_DEFAULT_PARTITION__', 4.9E-324D, timestamp_ntz'9999-12-31 23:59:59.999999', timestamp'9999-12-31 23:59:59.999999', X'C3A9'),"
        " (5, 1, 'null', 1.7976931348623157E308D, timestamp_ntz'0001-01-01 00:00:00', timestamp'0001-01-01 00:00:00', X'61')",
    )
    with conf(spark, spark_sql_session_timeZone="America/New_York"):
        sql(
            spark,
            path,
            "INSERT INTO {t} VALUES (6, 6, 'dst', 6, timestamp_ntz'2024-11-03 01:30:00', timestamp'2024-11-03 01:30:00', NULL), (7, 7, 'old', 7, NULL, timestamp'1880-01-01 00:00:00', NULL)",
        )
    sql(spark, path, "DELETE FROM {t} WHERE id = 4", "UPDATE {t} SET s = '' WHERE id IN (2, 6)")


@feature("change data feed: truncate, replaceWhere, dynamic overwrite, restore, purge", changes=True)
def feed_of_overwrites(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, p int, v string) USING delta PARTITIONED BY (p) TBLPROPERTIES"
        " ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '3')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ cast(id AS int), cast(id % 3 AS int), 'a' FROM range(30)",
        "DELETE FROM {t} WHERE id IN (1, 2, 3)",
        "DELETE FROM {t} WHERE id IN (4, 5, 6)",
        "INSERT INTO {t} REPLACE WHERE p = 1 SELECT 100, 1, 'replaced'",
        "INSERT INTO {t} REPLACE WHERE id < 10 SELECT 9, 0, 'by rows'",
    )
    with conf(spark, spark_sql_sources_partitionOverwriteMode="dynamic"):
        sql(spark, path, "INSERT OVERWRITE {t} SELECT 200, 2, 'dynamic'")
    sql(
        spark,
        path,
        "RESTORE TABLE {t} TO VERSION AS OF 3",
        "REORG TABLE {t} APPLY (PURGE)",
        "UPDATE {t} SET v = 'u' WHERE p = 0",
        "DELETE FROM {t}",
        "INSERT INTO {t} VALUES (1, 1, NULL)",
        "DELETE FROM {t} WHERE true",
        "RESTORE TABLE {t} TO VERSION AS OF 2",
    )


@feature("clustering columns changed, renamed and given up; row tracking")
def clustering_changed(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id bigint, a int, s struct<b: string>) USING delta CLUSTER BY (a, s.b) TBLPROPERTIES"
        " ('delta.columnMapping.mode' = 'name', 'delta.enableRowTracking' = 'true', 'delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT id, cast(id % 5 AS int), named_struct('b', concat('b', id)) FROM range(40)",
        "ALTER TABLE {t} RENAME COLUMN a TO `a b`",
        "ALTER TABLE {t} CLUSTER BY (id)",
        "OPTIMIZE {t}",
        "MERGE INTO {t} t USING (SELECT id FROM range(35, 45)) s ON t.id = s.id WHEN MATCHED AND s.id % 2 = 0 THEN DELETE"
        " WHEN MATCHED THEN UPDATE SET `a b` = 77 WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
        "ALTER TABLE {t} CLUSTER BY NONE",
        "DELETE FROM {t} WHERE id < 4",
    )


@feature("a clone of a clone, under mapping and vectors, changed")
def clones(spark, path):
    first, second = path + " fìrst %20#", path + "-second"
    sql(
        spark,
        first,
        "CREATE TABLE {t} (id bigint, p string, gone int) USING delta PARTITIONED BY (p) TBLPROPERTIES"
        " ('delta.columnMapping.mode' = 'name', 'delta.enableDeletionVectors' = 'true')",
        "INSERT INTO {t} SELECT /*+ repartition(1) */ id, 'a b/%', 1 FROM range(10)",
        "DELETE FROM {t} WHERE id = 1",
    )
    spark.sql(f"CREATE TABLE delta.`{second}` SHALLOW CLONE delta.`{first}`")
    sql(
        spark,
        second,
        "DELETE FROM {t} WHERE id = 2",
        "ALTER TABLE {t} DROP COLUMN gone",
        "INSERT INTO {t} VALUES (20, 'é')",
    )
    spark.sql(f"CREATE TABLE delta.`{path}` SHALLOW CLONE delta.`{second}`")
    sql(
        spark,
        path,
        "DELETE FROM {t} WHERE id = 3",
        "INSERT INTO {t} VALUES (30, NULL)",
        "UPDATE {t} SET p = 'moved' WHERE id = 20",
    )


@feature("bounded texts, no statistics, generated partitions")
def bounded(spark, path):
    sql(
        spark,
        path,
        "CREATE TABLE {t} (id int, c varchar(5), v varchar(7), ts timestamp, day date GENERATED ALWAYS AS (CAST(ts AS DATE)),"
        " y int GENERATED ALWAYS AS (year(ts))) USING delta PARTITIONED BY (y, day) TBLPROPERTIES"
        " ('delta.dataSkippingNumIndexedCols' = '0', 'delta.checkpoint.writeStatsAsJson' = 'false', 'delta.checkpointInterval' = '2')",
        "INSERT INTO {t} (id, c, v, ts) VALUES (1, 'ab', 'ab', timestamp'2024-02-29 23:59:59.999999'), (2, 'abcde', 'abcdefg', timestamp'1970-01-01 00:00:00')",
        "INSERT INTO {t} (id, c, v, ts) VALUES (3, NULL, '', NULL), (4, '', ' ', timestamp'1969-12-31 23:59:59.999999')",
        "DELETE FROM {t} WHERE id = 2",
        "INSERT INTO {t} (id, c, v, ts) VALUES (5, 'é', '日本', timestamp'9999-12-31 00:00:00')",
    )
