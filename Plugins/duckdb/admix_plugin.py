# SPDX-License-Identifier: Apache-2.0
"""The Python side of admix's plugin protocol, version 1, in one file to copy beside your plugin.

A generator is two functions:

    import admix_plugin

    def fit(table, schema, parameters, seed, session):
        ...                                   # a pyarrow.Table in, the bytes of a model out
        return model

    def sample(model, schema, parameters, seed, rows, session):
        ...                                   # a range of row numbers in, columns by name out
        return columns

    admix_plugin.run(fit=fit, sample=sample)

A transform is one, `transform(inputs, parameters, seed, session)`: inputs by name, each with `table` and `schema`, in;
a pyarrow.Table, or a reader of its batches, out.

`schema.columns` has name, type, roles, categories and decimals of each column. `session.progress` says how far you are,
and stops you where nobody waits any longer. `raise admix_plugin.Error(...)` says in words what is wrong; any other
exception is told by its type alone, since its text may hold somebody's data, and goes to the log.

`admix_plugin.blocks(rows, seed)` cuts a range of rows into blocks with a seed each: make whole blocks, and row r is
the same however rows are asked for. That is the level of determinism called `rows`."""

import hashlib
import json
import os
import sys
import threading
import traceback
from collections import namedtuple

PROTOCOL = 1

Column = namedtuple("Column", "name type roles categories decimals")
Input = namedtuple("Input", "table schema")


class Error(Exception):
    """Something people can do something about. Name columns; never put a value of the data into the text.

    Codes: UNSUPPORTED, PARAMETER, SCHEMA, DATA, RESOURCES, NOT_CONVERGED, INFEASIBLE. `option`, and a line of its text,
    say where the fault is.
    """

    def __init__(self, code, message, columns=(), hint=None, option=None, line=None):
        super().__init__(message)
        self.said = dict(code=code, message=message, columns=list(columns), hint=hint, option=option, line=line)


class Cancelled(BaseException):
    """Nobody waits any longer. Not an Exception, so that no library swallows it."""


class Schema:
    """The columns of a table, in order."""

    def __init__(self, description):
        self.columns = [
            Column(c["name"], c["type"], c.get("roles", []), c.get("categories", []), c.get("decimals"))
            for c in description["columns"]
        ]
        self.names = [c.name for c in self.columns]

    def __getitem__(self, name):
        return self.columns[self.names.index(name)]

    def arrow(self):
        import pyarrow as pa

        types = {
            "bool": pa.bool_(), "int": pa.int64(), "double": pa.float64(), "text": pa.string(),
            "category": pa.dictionary(pa.int32(), pa.string()), "date": pa.date32(), "datetime": pa.timestamp("us"),
        }
        return pa.schema([(c.name, types[c.type]) for c in self.columns])


class Session:
    """The conversation with admix."""

    def __init__(self, answers):
        self._answers = answers
        self._lock = threading.Lock()
        self._request = 0
        self._isCancelled = threading.Event()
        self._requests = []
        self._hasNews = threading.Semaphore(0)
        # How many threads, and bytes in all, the work may take; None where memory has no limit.
        self.threads, self.memory = 1, None
        # A folder where a long fit may leave how far it came; who fits the same again finds it. None where there is none.
        self.checkpoint = None
        # Requests are read beside the work, so that a cancellation is seen while it goes on.
        threading.Thread(target=self._listen, daemon=True).start()

    def progress(self, phase, done, total=None):
        """Tells how far the work is; raises Cancelled where it is to stop. Call it at least every few seconds."""
        self.check()
        self._say({"type": "progress", "phase": phase, "done": done, "total": total})

    def check(self):
        if self._isCancelled.is_set():
            raise Cancelled()

    def warning(self, message, columns=()):
        """Something people should know although the work goes on; without values of the data."""
        self._say({"type": "warning", "message": message, "columns": list(columns)})

    def _say(self, message):
        line = json.dumps({**message, "protocol": PROTOCOL, "id": self._request}) + "\n"
        with self._lock:
            self._answers.write(line)
            self._answers.flush()

    def _listen(self):
        for line in sys.stdin:
            try:
                request = json.loads(line)
            except ValueError:
                request = {"type": "unreadable"}
            if request.get("type") == "cancel":
                self._isCancelled.set()
            else:
                self._requests.append(request)
                self._hasNews.release()
        self._requests.append(None)
        self._hasNews.release()

    def _next(self):
        self._hasNews.acquire()
        return self._requests.pop(0)


def blocks(rows, seed, size=1024):
    """Cuts a range of row numbers into the whole blocks it touches.

    Gives (seed of the block, how many rows to make, which of them are wanted as a slice).
    """
    for block in range(rows.start // size, (rows.stop + size - 1) // size):
        first = block * size
        wanted = slice(max(rows.start, first) - first, min(rows.stop, first + size) - first)
        yield derived(seed, block), size, wanted


def derived(seed, *what):
    """A seed of 32 bits that follows from another and from what it is for."""
    text = " ".join(str(part) for part in (seed, *what))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def run(fit=None, sample=None, transform=None):
    """Answers what admix asks until it asks no more."""
    descriptor = os.environ.get("ADMIX_CONTROL_FD")
    if descriptor is None:
        sys.exit("This is a plugin for admix, which starts it; see docs/plugins.md.")
    session = Session(os.fdopen(int(descriptor), "w", encoding="utf-8"))
    verbs = {"fit": _fit(fit), "sample": _sample(sample), "transform": _transform(transform)}
    while (request := session._next()) is not None:
        session._request, session.checkpoint = request.get("id", 0), request.get("checkpoint")
        session.threads, session.memory = request.get("threads", 1), request.get("memory")
        try:
            if request.get("protocol") != PROTOCOL:
                raise Error("PROTOCOL", f"this plugin speaks version {PROTOCOL} of the protocol")
            if (verb := verbs.get(request.get("type"))) is None:
                raise Error("UNSUPPORTED", "this plugin has no such verb")
            session._say({"type": "result", **(verb(request, session) or {})})
        except Cancelled:
            session._say({"type": "error", "code": "CANCELLED", "message": ""})
            return
        except Error as error:
            session._say({"type": "error", **error.said})
        except MemoryError:
            session._say({"type": "error", "code": "RESOURCES", "message": "out of memory"})
        except Exception as error:
            traceback.print_exc()  # Its text may hold a value of the data; the log is for the user's eyes alone.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{type(error).__name__} in {os.path.basename(frame.filename)}, line {frame.lineno}"
            said = Error("INTERNAL", text, hint="its log has the details").said
            session._say({"type": "error", **said})


def _fit(function):
    def verb(request, session):
        schema = _schema(request)
        model = function(_table(request["table"]), schema, request["parameters"], request["seed"], session)
        with open(request["model"], "wb") as file:
            file.write(model)

    return function and verb


def _sample(function):
    # A model is read once, however often it is asked for rows.
    known = {}

    def verb(request, session):
        schema = _schema(request)
        path = request.get("model")
        if path is not None and path not in known:
            with open(path, "rb") as file:
                known[path] = file.read()
        rows = range(request["start"], request["start"] + request["count"])
        made = function(known.get(path), schema, request["parameters"], request["seed"], rows, session)
        _write(_shaped(made, schema), request["rows"])

    return function and verb


def _transform(function):
    def verb(request, session):
        inputs = {name: Input(_table(of["table"]), _schema(of)) for name, of in request["inputs"].items()}
        return _give(function(inputs, request["parameters"], request["seed"], session), request["output"], session)

    return function and verb


def _schema(request):
    with open(request["schema"], encoding="utf-8") as file:
        return Schema(json.load(file))


def _table(path):
    import pyarrow as pa

    with pa.memory_map(path) as source:
        return pa.ipc.open_file(source).read_all()


def _shaped(made, schema):
    """A table with the types of the schema from columns by name: arrays, lists, or a pyarrow.Table."""
    import pyarrow as pa

    columns = []
    for field in schema.arrow():
        if field.name not in (made.column_names if isinstance(made, pa.Table) else made):
            raise Error("SCHEMA", "the plugin made no such column", columns=[field.name])
        values = made[field.name]
        if not isinstance(values, (pa.Array, pa.ChunkedArray)):
            values = pa.array(values, from_pandas=True)
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(values.type):
            values = values.cast(pa.string())
        columns.append(values.cast(pa.string() if pa.types.is_dictionary(field.type) else field.type))
    return pa.table(dict(zip(schema.names, columns)))


def _write(table, path):
    import pyarrow as pa

    # Under another name until it is whole.
    with pa.OSFile(path + ".part", "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    os.rename(path + ".part", path)


def _give(made, output, session):
    """Writes a table with its schema, a batch at a time."""
    import pyarrow as pa

    batches, rows = made.to_reader(max_chunksize=65536) if isinstance(made, pa.Table) else made, 0
    columns, types = zip(*map(_described, batches.schema))
    schema = pa.schema(zip(batches.schema.names, types))
    with pa.OSFile(output["table"] + ".part", "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(pa.record_batch(list(map(_cast, batch.columns, schema)), schema=schema))
            rows += batch.num_rows
            session.progress("rows", rows)
    os.rename(output["table"] + ".part", output["table"])
    with open(output["schema"], "w", encoding="utf-8") as file:
        json.dump({"columns": columns}, file)
    return {"rows": rows}


def _described(field):
    """A column as admix has it, with the type it is written in: dictionaries as texts, numbers of 64 bits."""
    import pyarrow as pa

    kind, are = field.type, pa.types
    for name, isSo, written in (
        ("category", are.is_dictionary(kind) and are.is_string(kind.value_type), pa.string()),
        ("bool", are.is_boolean(kind), pa.bool_()),
        ("int", are.is_integer(kind) or are.is_decimal(kind) and kind.scale <= 0, pa.int64()),
        ("double", are.is_floating(kind) or are.is_decimal(kind) and kind.scale > 0, pa.float64()),
        ("text", are.is_string(kind) or are.is_large_string(kind) or are.is_null(kind), pa.string()),
        ("date", are.is_date(kind), pa.date32()),
        ("datetime", are.is_timestamp(kind), pa.timestamp("us", getattr(kind, "tz", None))),
    ):
        if isSo:
            return {"name": field.name, "type": name, "utc": getattr(kind, "tz", None) is not None}, written
    raise Error("SCHEMA", f"it is of the type {kind}, which admix does not have", columns=[field.name])


def _cast(array, field):
    try:
        # What is lost of an instant or a decimal is below a microsecond and the digits of a double.
        return array.cast(field.type, safe=str(field.type) == "int64")
    except ValueError:  # ArrowInvalid is one.
        raise Error("DATA", "it has whole numbers beyond 64 bits", columns=[field.name]) from None
