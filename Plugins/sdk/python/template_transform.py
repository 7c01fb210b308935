"""NAME: puts the rows of one table below those of another. A beginning; put your own method in its place."""

import pyarrow

import admix_plugin


def transform(inputs, parameters, seed, session):
    for name in ("above", "below"):
        if name not in inputs:
            raise admix_plugin.Error("SCHEMA", f"there is no input '{name}'")
    above, below = inputs["above"], inputs["below"]
    for column in above.schema.columns:
        if column.name not in below.schema.names or below.schema[column.name].type != column.type:
            raise admix_plugin.Error("SCHEMA", f"'below' has no {column.type} of this name", columns=[column.name])
    session.progress("rows", 0, above.table.num_rows + below.table.num_rows)
    return pyarrow.concat_tables([above.table, below.table.select(above.schema.names)])


admix_plugin.run(transform=transform)
