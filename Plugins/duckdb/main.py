# SPDX-License-Identifier: Apache-2.0
"""One query of SQL over the inputs of a stage, with DuckDB.

The database is in memory and closed to everything else: no files, no network, no extensions, no settings. A category
is an ENUM there, so that it comes back as one.
"""

import json
import os
import re
import sys
import threading

import duckdb
import pyarrow as pa

import admix_plugin
from admix_plugin import Error

# Of what the plugin may take; the rest is Python's, Arrow's and what DuckDB does not count.
SHARE = 0.5
# Rows at once on the way back: those with long texts take memory that DuckDB does not count.
BATCH = 8192
# What gives something else each time.
CLOCKS = {
    "age", "now", "today", "current_date", "current_time", "current_timestamp", "current_localtime",
    "current_localtimestamp", "get_current_time", "get_current_timestamp", "localtime", "localtimestamp",
    "transaction_timestamp", "txid_current", "uuidv7", "current_connection_id", "current_query_id",
    "current_transaction_id", "current_setting", "duckdb_settings", "duckdb_memory", "duckdb_temporary_files",
}


def transform(inputs, parameters, seed, session):
    sql = parameters["sql"]
    connection = opened(session)
    for position, (name, given) in enumerate(sorted(inputs.items())):
        provide(connection, position, name, given)
    # Of what random() gives, so that it is the same for the same seed.
    connection.execute(f"SELECT setseed({seed / 2**53})").fetchall()
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    check(connection, sql, {column for given in inputs.values() for column in given.schema.names})
    return Rows(connection, sql, session)


def opened(session):
    """A database in memory, with as many threads and as much memory as the task has."""
    settings = {
        "threads": session.threads,
        "preserve_insertion_order": True,
        "temp_directory": os.path.join(os.environ["TMPDIR"], "duckdb"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
    }
    if session.memory:
        settings["memory_limit"] = f"{int(session.memory * SHARE) >> 20}MiB"
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def provide(connection, position, name, given):
    """Makes an input a table of its name."""
    seen = {}
    for column in given.schema.names:
        other = seen.setdefault(column.lower(), column)
        if other != column:
            raise Error(
                "SCHEMA", f"the columns '{other}' and '{column}' of '{name}' are one to SQL, which takes no heed of capitals",
                columns=[column], hint="rename one of them in a transform stage before")
    # With a space, which the names of inputs do not have.
    source = f"admix {position}"
    connection.register(source, given.table)
    replaced = []
    for index, column in enumerate(given.schema.columns):
        if column.type != "category":
            continue
        kind = f"admix {position} {index}"
        # A type needs a value, also where the column has none.
        connection.register(f"{kind} values", pa.table({"value": pa.array(column.categories or [""], pa.string())}))
        connection.execute(f"CREATE TYPE {quoted(kind)} AS ENUM (SELECT value FROM {quoted(kind + ' values')})")
        replaced.append(f"CAST({quoted(column.name)} AS {quoted(kind)}) AS {quoted(column.name)}")
    columns = f"* REPLACE ({', '.join(replaced)})" if replaced else "*"
    connection.execute(f"CREATE VIEW {quoted(name)} AS SELECT {columns} FROM {quoted(source)}")


def check(connection, sql, columns):
    """Refuses what is no query, and what would give something else tomorrow."""
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise located(error) from None
    if len(statements) != 1:
        raise Error("PARAMETER", f"there are {len(statements)} statements, and one query is wanted", option="sql")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        raise Error(
            "PARAMETER", f"it is {kind} and no query", option="sql",
            hint="name the values of PIVOT: ON column IN (…)" if kind == "MULTI" else "begin with SELECT or WITH")
    try:
        # Of relations DuckDB does not tell at which line of the query a fault is.
        connection.execute(f"PREPARE admix_query AS {sql}")
        connection.execute("DEALLOCATE admix_query")
    except duckdb.Error as error:
        raise located(error) from None
    tree = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()[0][0]
    for name, place in called(json.loads(tree), columns):
        raise Error(
            "PARAMETER", f"'{name}' gives something else each time, and a result has to be the same again", option="sql",
            line=sql.encode()[:place].count(b"\n") + 1 if place is not None else None,
            hint="write it out, or take it from a column")


def called(node, columns):
    """The functions in a parsed query that read a clock or a counter, with where they stand."""
    if isinstance(node, list):
        for item in node:
            yield from called(item, columns)
    elif isinstance(node, dict):
        name = ""
        if node.get("class") == "FUNCTION":
            name = str(node.get("function_name", "")).lower()
            if name == "age" and len(node.get("arguments") or node.get("children") or []) != 1:
                name = ""
        elif node.get("class") == "COLUMN_REF" and len(node.get("column_names", [])) == 1:
            # Some are called without parentheses, unless a column has the name.
            name = node["column_names"][0].lower()
            if name == "age" or any(name == column.lower() for column in columns):
                name = ""
        if name in CLOCKS:
            yield name, node.get("query_location")
        for value in node.values():
            yield from called(value, columns)


class Rows:
    """The result, a batch at a time. While the query runs admix is told so, and its word to stop is heard."""

    def __init__(self, connection, sql, session):
        self._connection, self._session = connection, session
        self._isDone = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()
        with self._told():
            self._reader = connection.sql(sql).to_arrow_reader(BATCH)
        self.schema = self._reader.schema
        names = self.schema.names
        for name in names:
            if names.count(name) > 1:
                raise Error(
                    "PARAMETER", "the query gives two columns of this name", columns=[name], option="sql",
                    hint="name one of them with AS")

    def __iter__(self):
        try:
            with self._told():
                yield from self._reader
        finally:
            self._isDone.set()

    def _watch(self):
        seconds = 0
        while not self._isDone.wait(0.2):
            try:
                self._session.check()
                seconds += 0.2
                if round(seconds * 5) % 25 == 0:
                    self._session.progress("seconds", round(seconds))
            except admix_plugin.Cancelled:
                self._connection.interrupt()

    def _told(self):
        return Told(self._session)


class Told:
    """Turns what DuckDB says into what admix is told."""

    def __init__(self, session):
        self._session = session

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, duckdb.Error):
            self._session.check()
            raise located(error) from None


def located(error):
    """An error of DuckDB as one of ours: its words where they speak of the query, and not where of a value."""
    text = str(error)
    line = re.search(r"\nLINE (\d+):", text)
    line = int(line.group(1)) if line else None
    if isinstance(error, duckdb.OutOfMemoryException):
        return Error("RESOURCES", "the query takes more memory than the plugin has", hint="raise limits.memory in its plugin.yaml")
    about = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.PermissionException)
    if isinstance(error, about):
        return Error("PARAMETER", worded(text), option="sql", line=line)
    # The text may hold a value of the data.
    print(text, file=sys.stderr)
    return Error(
        "DATA", f"the query failed on what the tables hold: {type(error).__name__}", option="sql", line=line,
        hint="its log has the details; TRY_CAST gives NULL where CAST fails")


def worded(text):
    text = text.split("\nLINE ")[0]
    text = re.sub(r"^\w+( \w+)? Error: ", "", text).split('Did you mean "admix ')[0]
    # The type of a category lists all its values.
    text = re.sub(r"ENUM\((?:'(?:[^']|'')*'(?:, )?)*\)", "ENUM", text).split("ENUM(")[0]
    return " ".join(text.split())


admix_plugin.run(transform=transform)
