"""NAME: draws each column by itself from the values it has. A beginning; put your own method in its place."""

import json
import random

import admix_plugin


def fit(table, schema, parameters, seed, session):
    if table.num_rows == 0:
        raise admix_plugin.Error("DATA", "there are no rows to learn from")
    columns = {}
    for position, column in enumerate(schema.columns):
        session.progress("fit", position, len(schema.columns))
        values = table[column.name].cast("string").to_pylist()
        columns[column.name] = sorted(values, key=lambda value: (value is None, value))
    return json.dumps(columns).encode()


def sample(model, schema, parameters, seed, rows, session):
    columns = json.loads(model)
    made = {column.name: [] for column in schema.columns}
    for block_seed, size, wanted in admix_plugin.blocks(rows, seed):
        session.check()
        for name, values in columns.items():
            # A source of randomness for each block and column: row r is the same however rows are asked for.
            draw = random.Random(f"{block_seed} {name}")
            made[name] += [values[draw.randrange(len(values))] for _ in range(size)][wanted]
    # Texts become the types of the schema on the way back.
    return made


admix_plugin.run(fit=fit, sample=sample)
