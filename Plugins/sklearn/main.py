# SPDX-License-Identifier: Apache-2.0
"""A mixture of normal distributions over a table of mixed types (McLachlan and Peel, 2000).

Numbers, dates and times are scaled by their ranks to normal scores; a category takes a one-hot group of
coordinates, and so does whether a value is missing. Sampling draws a point from the mixture and turns it back: ranks
into the values that were there, interpolated, and groups into the category whose coordinate is largest.
"""

import io
import json

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.mixture import GaussianMixture

import admix_plugin
from admix_plugin import Error

CONTINUOUS = ("int", "double", "date", "datetime")
# Enough points of a distribution to interpolate between.
QUANTILES = 1024
LEVELS = 200


def fit(table, schema, parameters, seed, session):
    if table.num_rows < 2:
        raise Error("DATA", "there are fewer than 2 rows to learn from")
    coordinates, columns = [], []
    for column in schema.columns:
        values = table[column.name].combine_chunks()
        isMissing = np.asarray(values.is_null())
        described = {"name": column.name, "type": column.type, "missing": bool(isMissing.any())}
        if described["missing"]:
            coordinates.append(isMissing.astype(float)[:, None])
        if isMissing.all():
            described["levels"] = []
            session.warning("it has no values, and none are made", columns=[column.name])
        elif column.type in CONTINUOUS:
            present = numbers(values.drop_null())
            described["quantiles"] = np.quantile(present, np.linspace(0, 1, QUANTILES)).tolist()
            filled = np.full(len(values), np.median(present))
            filled[~isMissing] = present
            coordinates.append(normalScores(filled)[:, None])
        else:
            texts = values.cast("string").to_pylist()
            levels = sorted({text for text in texts if text is not None})
            if len(levels) > LEVELS:
                raise Error(
                    "SCHEMA", f"it has {len(levels)} categories, and this plugin takes {LEVELS}", columns=[column.name])
            described["levels"] = levels
            codes = np.array([levels.index(text) if text is not None else -1 for text in texts])
            coordinates.append((codes[:, None] == np.arange(len(levels))).astype(float))
        columns.append(described)
    if not coordinates:
        raise Error("SCHEMA", "the table has no columns to learn")
    points = np.hstack(coordinates)
    # A little noise keeps the covariances of constant and of one-hot coordinates from being singular.
    points = points + np.random.default_rng(seed).normal(0, 0.05, points.shape)
    best = None
    components = min(parameters["components"], len(points))
    for attempt in range(parameters["tries"]):
        session.progress("fit", attempt, parameters["tries"])
        mixture = GaussianMixture(
            components, covariance_type=parameters["covariance"], reg_covar=1e-4, max_iter=1, warm_start=True,
            init_params="k-means++", random_state=admix_plugin.derived(seed, "fit", attempt))
        best = better(best, fitted(mixture, points, session))
    weights, means, spreads = best.weights_, best.means_, factors(best)
    out = io.BytesIO()
    np.savez(out, weights=weights, means=means, factors=spreads, columns=np.frombuffer(
        json.dumps(columns).encode(), dtype=np.uint8))
    return out.getvalue()


def fitted(mixture, points, session):
    """Steps of expectation and maximisation one at a time, so that a cancellation is noticed between two."""
    import warnings

    before = -np.inf
    for step in range(200):
        session.progress("step", step, 200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # One step does not converge; we look at that ourselves.
            mixture.fit(points)
        if abs(mixture.lower_bound_ - before) < 1e-4:
            break
        before = mixture.lower_bound_
    return mixture


def better(best, other):
    return other if best is None or other.lower_bound_ > best.lower_bound_ else best


def factors(mixture):
    """A matrix for each component that turns independent normal numbers into its own."""
    count, width = mixture.means_.shape
    if mixture.covariance_type == "full":
        return np.array([np.linalg.cholesky(c) for c in mixture.covariances_])
    if mixture.covariance_type == "tied":
        return np.repeat(np.linalg.cholesky(mixture.covariances_)[None], count, axis=0)
    return np.array([np.diag(np.sqrt(c)) for c in mixture.covariances_])


def numbers(values):
    import pyarrow as pa

    if pa.types.is_date(values.type):
        values = values.cast("int32")
    if pa.types.is_timestamp(values.type):
        values = values.cast("int64")
    return np.asarray(values.cast("double"), dtype=float)


def normalScores(values):
    """Ranks as normal scores; equal values have the middle of their ranks."""
    order = np.sort(values)
    middle = (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2
    return ndtri(np.clip(middle / len(values), 0.5 / len(values), 1 - 0.5 / len(values)))


def sample(model, schema, parameters, seed, rows, session):
    with np.load(io.BytesIO(model)) as kept:
        weights, means, factors = kept["weights"], kept["means"], kept["factors"]
        columns = json.loads(kept["columns"].tobytes())
    parts = []
    for blockSeed, size, wanted in admix_plugin.blocks(rows, seed):
        session.check()
        random = np.random.default_rng(blockSeed)
        which = np.searchsorted(np.cumsum(weights), random.random(size) * weights.sum()).clip(0, len(weights) - 1)
        noise = random.standard_normal((size, means.shape[1]))
        points = means[which] + np.einsum("rij,rj->ri", factors[which], noise)
        parts.append(points[wanted])
    session.progress("sample", len(rows), len(rows))
    points = np.vstack(parts) if parts else np.empty((0, means.shape[1]))
    return decoded(points, columns)


def decoded(points, columns):
    made, place = {}, 0
    # Each coordinate back to the share of training points below it would need the mixture's own distribution; the
    # scores were standard normal, and that is close.
    for column in columns:
        isMissing = np.zeros(len(points), dtype=bool)
        if column["missing"]:
            isMissing = points[:, place] > 0.5
            place += 1
        if "quantiles" in column:
            shares = ndtr(points[:, place])
            values = np.interp(shares, np.linspace(0, 1, QUANTILES), column["quantiles"])
            place += 1
            made[column["name"]] = typed(values, isMissing, column["type"])
        elif column["levels"]:
            codes = points[:, place:place + len(column["levels"])].argmax(axis=1)
            place += len(column["levels"])
            made[column["name"]] = named(codes, isMissing, column)
        else:
            made[column["name"]] = named(np.zeros(len(points), dtype=int), np.ones(len(points), dtype=bool), column)
    return made


def typed(values, isMissing, kind):
    import pyarrow as pa

    if kind != "double":
        values = np.rint(values).astype("int32" if kind == "date" else "int64")
    array = pa.array(values, mask=isMissing)
    return array.cast({"double": "double", "int": "int64", "date": pa.date32(), "datetime": pa.timestamp("us")}[kind])


def named(codes, isMissing, column):
    import pyarrow as pa

    levels = column["levels"] or [""]
    if column["type"] == "bool":
        return pa.array([None if gone else levels[code] == "true" for code, gone in zip(codes, isMissing)], pa.bool_())
    return pa.array([None if gone else levels[code] for code, gone in zip(codes, isMissing)], pa.string())


admix_plugin.run(fit=fit, sample=sample)
