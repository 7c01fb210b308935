# SPDX-License-Identifier: Apache-2.0
"""What admix's deep generators share: tables as numbers and back, and a training that can be broken off.

A column becomes a field: a code, and for most numbers a scalar beside it. The codes of a column of few values are those
values. Those of a number are its spikes (values that many rows have, such as zero), and either the modes of a normal
mixture (mode-specific normalisation: Xu, Skoularidou, Cuesta-Infante and Veeramachaneni, NeurIPS 2019, section 4.2) or one
code for the rest, whose scalar is then the normal score of its rank. Missing is a code of its own everywhere.
"""

import io
import json
import os
import struct
import time

import numpy as np
import pyarrow as pa
import torch

import admix_plugin
from admix_plugin import Error

# A whole number with no more values than this is taken value by value.
FEW = 50
# A value that this share of the rows has is a spike.
SPIKE = 0.05
# Rarer categories are pooled, and drawn by their frequency again.
LEVELS = 500
MODES = 10
QUANTILES = 1001
NUMBERS = ("int", "double", "date", "datetime")


class Field:
    """One column as a code below `width`, and a scalar where the code is one of `scaled`."""

    def __init__(self, facts):
        self.facts = facts
        self.name, self.type = facts["name"], facts["type"]
        self.isMissing = facts["missing"]
        values = facts.get("levels", facts.get("spikes"))
        self.first = len(values)
        modes = 0 if "levels" in facts else len(facts["means"]) if "means" in facts else 1
        self.scaled = range(self.first, self.first + modes)
        self.width = self.first + modes + self.isMissing

    @property
    def hasScalar(self):
        return len(self.scaled) > 0

    def encode(self, column, random):
        """Codes and scalars of an Arrow array."""
        gone = np.asarray(column.is_null())
        codes = np.full(len(column), self.width - 1, dtype=np.int64)
        scalars = np.zeros(len(column), dtype=np.float32)
        if "levels" in self.facts:
            known = {value: code for code, value in enumerate(self.facts["levels"])}
            rest = known.get(None, 0)
            values = _plain(column, self.type)
            for row in np.flatnonzero(~gone):
                codes[row] = known.get(values[row], rest)
            return codes, scalars
        numbers = _numbers(column)
        spikes = np.array(self.facts["spikes"], dtype=float)
        isSpike = np.isin(numbers, spikes) & ~gone
        codes[isSpike] = np.searchsorted(spikes, numbers[isSpike])
        other = np.flatnonzero(~gone & ~isSpike)
        if len(other):
            mode, scalar = self._scaled(numbers[other], random)
            codes[other] = self.first + mode
            scalars[other] = scalar
        return codes, scalars

    def _scaled(self, numbers, random):
        if "means" not in self.facts:
            from scipy.special import ndtri

            known = np.array(self.facts["quantiles"])
            share = (np.searchsorted(known, numbers, "left") + np.searchsorted(known, numbers, "right")) / (2 * len(known))
            return np.zeros(len(numbers), dtype=np.int64), ndtri(np.clip(share, 1e-4, 1 - 1e-4))
        means, spreads, weights = (np.array(self.facts[name]) for name in ("means", "spreads", "weights"))
        scores = (numbers[:, None] - means) / spreads
        # A mode is drawn by how likely it is to have given the number.
        densities = np.log(weights) - np.log(spreads) - scores**2 / 2
        mode = (densities + random.gumbel(size=densities.shape)).argmax(axis=1)
        return mode, np.clip(scores[np.arange(len(numbers)), mode] / 4, -0.99, 0.99)

    def decode(self, codes, scalars, random):
        """An Arrow array of what codes and scalars stand for."""
        gone = (codes == self.width - 1) if self.isMissing else np.zeros(len(codes), dtype=bool)
        if "levels" in self.facts:
            levels = self.facts["levels"]
            if not levels:
                return _typed([None] * len(codes), self.type)
            pooled, shares = self.facts.get("pooled"), self.facts.get("shares")
            values = [levels[min(code, len(levels) - 1)] for code in codes]
            if pooled:
                values = [random.choice(pooled, p=shares) if value is None else value for value in values]
            return _typed([None if is_gone else value for value, is_gone in zip(values, gone)], self.type)
        spikes = np.array(self.facts["spikes"], dtype=float)
        mode = np.clip(codes - self.first, 0, max(0, len(self.scaled) - 1))
        if "means" in self.facts:
            numbers = scalars * 4 * np.array(self.facts["spreads"])[mode] + np.array(self.facts["means"])[mode]
        else:
            from scipy.special import ndtr

            known = np.array(self.facts["quantiles"])
            numbers = np.interp(ndtr(scalars), np.linspace(0, 1, len(known)), known)
        isSpike = codes < self.first
        if len(spikes):
            numbers = np.where(isSpike, spikes[np.clip(codes, 0, len(spikes) - 1)], numbers)
        numbers = np.clip(numbers, self.facts["least"], self.facts["most"])
        if self.type == "double":
            return pa.array(numbers.astype(float), mask=gone)
        return _whole(np.rint(numbers), self.type, gone)


class Coding:
    """A table as codes and scalars, a column of each for every field."""

    def __init__(self, fields):
        self.fields = fields

    @classmethod
    def learned(cls, table, schema, session, seed, isMixture):
        if isMixture:
            # Loaded before anything is said: nobody can be heard meanwhile.
            import sklearn.mixture  # noqa: F401
        fields = []
        for place, column in enumerate(schema.columns):
            session.progress("columns", place, len(schema.columns))
            values = table[column.name].combine_chunks()
            if len(values) == values.null_count:
                session.warning("it has no values, and none are made", columns=[column.name])
            fields.append(Field(_facts(values, column, seed, isMixture)))
        if not fields:
            raise Error("SCHEMA", "the table has no columns to learn")
        return cls(fields)

    def encode(self, table, seed):
        codes, scalars = [], []
        for field in self.fields:
            random = np.random.default_rng(admix_plugin.derived(seed, "encode", field.name))
            pair = field.encode(table[field.name].combine_chunks(), random)
            codes.append(pair[0])
            scalars.append(pair[1])
        return torch.tensor(np.stack(codes, axis=1)), torch.tensor(np.stack(scalars, axis=1))

    def decode(self, codes, scalars, seed):
        codes, scalars = codes.cpu().numpy(), scalars.cpu().numpy().astype(float)
        return {
            field.name: field.decode(
                codes[:, place], scalars[:, place], np.random.default_rng(admix_plugin.derived(seed, "decode", place)))
            for place, field in enumerate(self.fields)
        }

    @property
    def widths(self):
        return [field.width for field in self.fields]

    @property
    def scaled(self):
        """The places of the fields with scalars."""
        return [place for place, field in enumerate(self.fields) if field.hasScalar]

    def slices(self):
        """Where the one-hot coordinates of each field are."""
        ends = np.cumsum(self.widths).tolist()
        return [slice(end - width, end) for end, width in zip(ends, self.widths)]

    def oneHot(self, codes):
        return torch.cat(
            [torch.nn.functional.one_hot(codes[:, place], width) for place, width in enumerate(self.widths)], dim=1).float()

    def isScaled(self, codes):
        """Where a scalar says something, among the fields that have one."""
        return torch.stack(
            [(codes[:, place] >= self.fields[place].scaled.start) & (codes[:, place] < self.fields[place].scaled.stop)
             for place in self.scaled], dim=1) if self.scaled else torch.zeros((len(codes), 0), dtype=torch.bool)

    def binned(self, codes, scalars):
        """A number below 20 for each value, coarse enough to compare tables by."""
        out = []
        for place, field in enumerate(self.fields):
            bins = codes[:, place].clamp(max=19)
            if field.hasScalar:
                inside = (codes[:, place] - field.first).clamp(0, len(field.scaled) - 1)
                within = torch.bucketize(scalars[:, place].contiguous(), _edges(field).to(scalars.device))
                isScaled = (codes[:, place] >= field.scaled.start) & (codes[:, place] < field.scaled.stop)
                bins = torch.where(isScaled, (inside * 2 + within) % 14 + 6, codes[:, place].clamp(max=5))
            out.append(bins)
        return torch.stack(out, dim=1)


def _edges(field):
    return torch.tensor([0.0]) if "means" in field.facts else torch.tensor(
        [-1.8, -1.4, -1.1, -0.8, -0.5, -0.25, 0.0, 0.25, 0.5, 0.8, 1.1, 1.4, 1.8])


def distance(coding, one, other):
    """How far two tables are apart: total variation of single columns and of pairs, the mean of both means.

    0 for equal shares, at most 1. Of many pairs, 60 are taken, the same ones always.
    """
    one, other = coding.binned(*one), coding.binned(*other)
    places = range(one.shape[1])
    singles = [_apart(one[:, place], other[:, place], 20) for place in places]
    pairs = [(a, b) for a in places for b in places if a < b]
    pairs = pairs[:: max(1, len(pairs) // 60)]
    doubles = [_apart(one[:, a] * 20 + one[:, b], other[:, a] * 20 + other[:, b], 400) for a, b in pairs] or singles
    return float((torch.stack(singles).mean() + torch.stack(doubles).mean()) / 2)


def _apart(one, other, count):
    shares = [torch.bincount(side, minlength=count).double() / max(1, len(side)) for side in (one, other)]
    return (shares[0] - shares[1]).abs().sum() / 2


def _facts(values, column, seed, isMixture):
    """What has to be known of a column to encode and decode it."""
    facts = {"name": column.name, "type": column.type, "missing": bool(values.null_count)}
    present = values.drop_null()
    if column.type not in NUMBERS:
        return {**facts, **_levels(_plain(present, column.type))}
    numbers = _numbers(present)
    if not np.isfinite(numbers).all():
        raise Error("DATA", "it has values that are no finite numbers", columns=[column.name])
    distinct, counts = np.unique(numbers, return_counts=True)
    if len(distinct) <= (FEW if column.type != "double" else 10):
        return {**facts, "levels": distinct.tolist()}
    spikes = distinct[counts >= SPIKE * len(numbers)][:5]
    rest = numbers[~np.isin(numbers, spikes)]
    facts.update(spikes=spikes.tolist(), least=float(distinct[0]), most=float(distinct[-1]))
    if not len(rest):
        return {**facts, "levels": distinct.tolist()}
    if not isMixture:
        return {**facts, "quantiles": np.quantile(rest, np.linspace(0, 1, QUANTILES)).tolist()}
    return {**facts, **_modes(rest, admix_plugin.derived(seed, "modes", column.name))}


def _levels(texts):
    names, counts = np.unique(np.array(texts, dtype=object), return_counts=True) if len(texts) else ([], [])
    order = np.argsort(-np.asarray(counts), kind="stable")
    levels = [names[place] for place in order[:LEVELS]]
    rest = order[LEVELS:]
    if not len(rest):
        return {"levels": levels}
    shares = np.asarray(counts)[rest] / np.asarray(counts)[rest].sum()
    return {"levels": levels + [None], "pooled": [names[place] for place in rest], "shares": shares.tolist()}


def _modes(numbers, seed):
    import warnings

    from sklearn.mixture import BayesianGaussianMixture

    random = np.random.default_rng(seed)
    some = numbers if len(numbers) <= 20_000 else random.choice(numbers, 20_000, replace=False)
    center, scale = float(np.mean(some)), float(np.std(some)) or 1.0
    count = min(MODES, len(np.unique(some)))
    mixture = BayesianGaussianMixture(
        n_components=count, weight_concentration_prior_type="dirichlet_process", weight_concentration_prior=0.001, max_iter=100,
        random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # A mixture that has not settled is still a mixture.
        mixture.fit(((some - center) / scale)[:, None])
    kept = mixture.weights_ > 0.005
    weights = mixture.weights_[kept] / mixture.weights_[kept].sum()
    return {
        "means": (mixture.means_[kept, 0] * scale + center).tolist(),
        "spreads": (np.sqrt(mixture.covariances_[kept, 0, 0]) * scale).tolist(), "weights": weights.tolist(),
    }


def _numbers(values):
    if pa.types.is_date(values.type):
        values = values.cast("int32")
    if pa.types.is_timestamp(values.type):
        values = values.cast("int64")
    return np.asarray(values.cast("double").fill_null(0), dtype=float)


def _plain(values, kind):
    if kind in NUMBERS:
        return _numbers(values).tolist()
    return values.cast("string").to_pylist()


def _typed(values, kind):
    if kind == "bool":
        return pa.array([None if value is None else value == "true" for value in values], pa.bool_())
    if kind in NUMBERS:
        gone = np.array([value is None for value in values], dtype=bool)
        numbers = np.array([0.0 if value is None else value for value in values])
        return pa.array(numbers, mask=gone) if kind == "double" else _whole(numbers, kind, gone)
    return pa.array(values, pa.string())


def _whole(numbers, kind, gone):
    array = pa.array(numbers.astype("int32" if kind == "date" else "int64"), mask=gone)
    return array.cast({"int": "int64", "date": pa.date32(), "datetime": pa.timestamp("us")}[kind])


# Training


def device(parameters, session):
    """Where to compute; the one place that knows of the difference."""
    torch.set_num_threads(session.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    wanted = parameters.get("device", "auto")
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Error("RESOURCES", "there is no CUDA device", hint="device: auto takes what there is")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def split(count, seed):
    """Row numbers to learn from, and others to see by when to stop: a tenth, at most 5,000."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(admix_plugin.derived(seed, "split")))
    kept = min(5_000, count // 10)
    return order[kept:], order[:kept]


def train(modules, epoch, score, *, epochs, patience, seed, session):
    """Trains until the score no longer falls, and gives the best state.

    What an attempt that was broken off left in `session.checkpoint` is taken up. An epoch draws all its random numbers
    from a seed of its own, so what comes out does not depend on how often that happened.

    `modules` by name have `state_dict`; `epoch()` trains once over the data; `score()` is the better the lower, and is
    asked some forty times. `patience` is how many of those may pass without a better one.
    """
    every = max(1, epochs // 40)
    state = {"epoch": 0, "best": float("inf"), "waited": 0, "kept": None}
    path = session.checkpoint and os.path.join(session.checkpoint, "state.pt")
    if path and os.path.exists(path):
        state = torch.load(path, weights_only=True, map_location="cpu")
        for name, module in modules.items():
            module.load_state_dict(state["modules"][name])
    saved = time.monotonic()
    while state["epoch"] < epochs and state["waited"] < patience:
        session.progress("epochs", state["epoch"], epochs)
        torch.manual_seed(admix_plugin.derived(seed, "epoch", state["epoch"]))
        epoch()
        state["epoch"] += 1
        if state["epoch"] % every == 0 or state["epoch"] == epochs:
            torch.manual_seed(admix_plugin.derived(seed, "score"))
            with torch.no_grad():
                value = score()
            if not np.isfinite(value):
                raise Error("NOT_CONVERGED", "the training diverged", hint="a smaller learning_rate may help")
            state["waited"] += 1
            if value < state["best"]:
                state.update(best=value, waited=0, kept=_copied(modules["model"]))
        if path and time.monotonic() - saved > 10:
            _save({**state, "modules": {name: module.state_dict() for name, module in modules.items()}}, path)
            saved = time.monotonic()
    session.progress("epochs", state["epoch"], epochs)
    return state["kept"] if state["kept"] is not None else _copied(modules["model"])


def _copied(module):
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def _save(state, path):
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)


class Averaged(torch.nn.Module):
    """The running mean of a module's parameters over its last steps, which makes steadier rows than any one step."""

    def __init__(self, module, decay=0.999):
        super().__init__()
        import copy

        self.module, self.decay = copy.deepcopy(module).eval(), decay
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def follow(self, module):
        self.steps += 1
        decay = min(self.decay, (1 + int(self.steps)) / (10 + int(self.steps)))
        for own, other in zip(self.module.state_dict().values(), module.state_dict().values()):
            if own.dtype.is_floating_point:
                own.lerp_(other, 1 - decay)
            else:
                own.copy_(other)


# The model as bytes: a header in JSON, then 32-bit numbers, so that reading one runs nothing.


def packed(coding, state, **facts):
    arrays = {name: value.cpu().float().numpy() for name, value in state.items()}
    header = json.dumps({
        **facts, "fields": [field.facts for field in coding.fields],
        "arrays": [[name, list(array.shape)] for name, array in arrays.items()],
    }).encode()
    out = io.BytesIO()
    out.write(struct.pack("<Q", len(header)) + header)
    for array in arrays.values():
        out.write(np.ascontiguousarray(array, dtype="<f4").tobytes())
    return out.getvalue()


def unpacked(model):
    """The coding, the state and the facts."""
    try:
        (length,) = struct.unpack_from("<Q", model)
        header = json.loads(model[8:8 + length])
        place, state = 8 + length, {}
        for name, shape in header["arrays"]:
            count = int(np.prod(shape, dtype=np.int64))
            state[name] = torch.tensor(np.frombuffer(model, "<f4", count, place).reshape(shape).copy())
            place += 4 * count
        return Coding([Field(facts) for facts in header["fields"]]), state, header
    except (ValueError, KeyError, struct.error):
        raise Error("DATA", "its model cannot be read") from None


def sampled(rows, seed, coding, make, session):
    """Columns of the rows asked for, made in whole blocks so that a row does not depend on its neighbours.

    `make(count)` gives codes and scalars, and draws from torch's own random numbers.
    """
    parts = []
    for done, (blockSeed, size, wanted) in enumerate(admix_plugin.blocks(rows, seed)):
        session.progress("rows", done * size, len(rows))
        torch.manual_seed(blockSeed)
        with torch.no_grad():
            codes, scalars = make(size)
        block = coding.decode(codes, scalars, blockSeed)
        parts.append(pa.table({name: values.slice(wanted.start, wanted.stop - wanted.start)
                               for name, values in block.items()}))
    if not parts:
        torch.manual_seed(0)
        with torch.no_grad():
            return pa.table(coding.decode(*make(2), 0)).slice(0, 0)
    return pa.concat_tables(parts)
