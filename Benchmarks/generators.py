#!/usr/bin/env python3
"""Scores a generator of admix on real tables: fidelity, usefulness, and how much it remembers.

    Benchmarks/generators.py --admix .build/release/admix sequential-trees
    Benchmarks/generators.py --admix .build/release/admix 'bayesian-network: {parents: 2}' --only adult

The generator learns the train part of a table and makes as many rows; a holdout is kept back. A name
`bootstrap` or `shuffled` in place of a generator scores the ceiling and the floor: training rows drawn
again, and columns that know nothing of each other. `--csv FILE` scores rows that somebody else made.

quality, shapes, trends   SDMetrics' quality report against the train part; 1 is best
two-sample                AUC of gradient boosting that tells made from training rows, on rows it did not
                          see; 0.5 where it cannot
TSTR                      AUC on the holdout of a classifier trained on made rows; TRTR, on training rows
closer                    share of made rows nearer to a training row than to one of equally many
                          holdout rows, ties half; 0.5 where nothing is remembered
copies                    share of made rows that equal a training row in every column
pairs, triples            mean total variation over all pairs, and 200 triples, of columns in bins that
                          both tables share; 0 is best

Needs `pandas`, `scikit-learn` and `sdmetrics==0.32.0`: run it with a Python that has them, or name a
folder with `--venv`, where they are installed on first use.
"""

import argparse, contextlib, io, itertools, json, os, subprocess, sys, tempfile, textwrap
from pathlib import Path

PACKAGES = ["sdmetrics==0.32.0", "pandas==2.3.3", "scikit-learn"]

ADULT = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income"]


# ------------------------------------------------------------------------------------------ tables
class Table:
    """A table with its parts; `target` is a column with two values, or a number cut at its median."""

    def __init__(self, name, train, holdout, target):
        import pandas

        self.name, self.train, self.holdout, self.target = name, train, holdout, target
        self.numeric = [c for c in train if pandas.api.types.is_numeric_dtype(train[c])]


def tables(data, only):
    import pandas

    def adult(path, skip):
        frame = pandas.read_csv(
            path, header=None, names=ADULT, skiprows=skip, skipinitialspace=True, na_values="?")
        frame["income"] = frame["income"].str.rstrip(".")
        return frame

    def halves(path):
        frame = pandas.read_csv(path).sample(frac=1, random_state=0, ignore_index=True)
        cut = len(frame) * 2 // 3
        return frame[:cut].reset_index(drop=True), frame[cut:].reset_index(drop=True)

    folder = data / "tabular"
    known = {
        "adult": lambda: (
            adult(folder / "adult/adult.data", 0), adult(folder / "adult/adult.test", 1), "income"),
        "credit": lambda: (
            *halves(folder / "credit-default-taiwan/credit-card-clients.csv"), "default payment"),
        "diamonds": lambda: (*halves(folder / "diamonds/diamonds.csv"), "price"),
    }
    for name, load in known.items():
        if not only or name in only.split(","):
            yield Table(name, *load())


# ------------------------------------------------------------------------------------------ making
def generate(admix, table, generator, rows, seed, scratch):
    """Made rows; CPU seconds and MiB of the whole `admix run`, wall seconds of the stage alone."""
    import pandas

    table.train.to_csv(scratch / "train.csv", index=False)
    pipeline = textwrap.dedent(f"""\
        admix: 1
        name: generators
        seed: {seed}
        stages:
          train: {{ingest: {{from: train.csv, format: {{csv: {{delimiter: ","}}}}, missing: [""]}}}}
          made:
            generate:
              learn: train
              rows: {rows}
              with: {{{generator}}}
          out: {{export: {{from: made, to: made.csv}}}}
        """)
    (scratch / "pipeline.yaml").write_text(pipeline)
    with open(scratch / "out", "w+") as out, open(scratch / "err", "w+") as err:
        process = subprocess.Popen(
            [admix, "run", "--json", "--no-report"], cwd=scratch, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"admix ended with {process.returncode}\n{err.read()}{out.read()}")
        stages = {stage["name"]: stage for stage in json.load(out)["stages"]}
    cost = {"cpu": usage.ru_utime + usage.ru_stime, "wall": stages["made"]["seconds"],
            "mib": usage.ru_maxrss / 1024}
    return read(scratch / "made.csv", table), cost


def read(path, table):
    import pandas

    made = pandas.read_csv(path, keep_default_na=False, na_values=[""])
    if list(made) != list(table.train):
        raise SystemExit(f"the columns of {path} are not those of {table.name}")
    return made


def baseline(name, table, rows, seed):
    if name == "bootstrap":
        return table.train.sample(rows, replace=True, random_state=seed, ignore_index=True)
    made = table.train.copy()
    for at, column in enumerate(made):
        made[column] = table.train[column].sample(
            rows, replace=True, random_state=seed + 1 + at, ignore_index=True)
    return made


# ----------------------------------------------------------------------------------------- scoring
def codes(frames, numeric):
    """Matrices for trees: numbers as they are, levels by their order in all frames together."""
    import numpy, pandas

    out = [numpy.empty(frame.shape, dtype=float) for frame in frames]
    for at, column in enumerate(frames[0]):
        if column in numeric:
            for matrix, frame in zip(out, frames):
                matrix[:, at] = frame[column]
            continue
        levels = sorted({v for frame in frames for v in frame[column].dropna().unique()}, key=str)
        index = {level: code for code, level in enumerate(levels)}
        for matrix, frame in zip(out, frames):
            matrix[:, at] = frame[column].map(index)
    return out


def quality(table, made):
    from sdmetrics.reports.single_table import QualityReport

    # A number with two values is a class to the report; text with none would be one of its own.
    columns = {
        c: {"sdtype": "numerical" if c in table.numeric and table.train[c].nunique() > 2
            else "categorical"} for c in table.train}
    report = QualityReport()
    with contextlib.redirect_stdout(io.StringIO()):
        report.generate(table.train, made[list(table.train)], {"columns": columns}, verbose=False)
    parts = report.get_properties().set_index("Property")["Score"]
    return report.get_score(), parts["Column Shapes"], parts["Column Pair Trends"]


def boosting(seed=0):
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(random_state=seed)


def two_sample(table, made, seed=0):
    import numpy
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    real = table.train
    x = numpy.vstack(codes([real, made], table.numeric))
    y = numpy.r_[numpy.zeros(len(real)), numpy.ones(len(made))]
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    p = cross_val_predict(boosting(), x, y, cv=folds, method="predict_proba")[:, 1]
    return roc_auc_score(y, p)


def usefulness(table, frame):
    """AUC on the holdout of a classifier of the target that was trained on a frame."""
    from sklearn.metrics import roc_auc_score

    target = table.target
    cut = table.train[target].median() if table.train[target].nunique() > 2 else None

    def labels(rows):
        if cut is not None:
            return (rows[target] > cut).to_numpy()
        return (rows[target] == sorted(table.train[target].unique())[1]).to_numpy()

    rest = [c for c in table.train if c != target]
    x, h = codes([frame[rest], table.holdout[rest]], table.numeric)
    return roc_auc_score(labels(table.holdout), boosting().fit(x, labels(frame)).predict_proba(h)[:, 1])


def closer(table, made, seed=0, limit=4_000):
    """Gower's distance: differences over the range between the 1st and 99th percentile, at most 1, for
    numbers; unequal levels count 1, and a missing value differs from all others."""
    import numpy

    random = numpy.random.default_rng(seed)
    size = min(len(table.train), len(table.holdout))
    train = table.train.iloc[random.permutation(len(table.train))[:size]]
    holdout = table.holdout.iloc[random.permutation(len(table.holdout))[:size]]
    rows = made.iloc[random.permutation(len(made))[:limit]]
    matrices = [m.astype(numpy.float32) for m in codes([train, holdout, rows], table.numeric)]
    for at, column in enumerate(table.train):
        if column in table.numeric:
            low, high = numpy.nanquantile(matrices[0][:, at], [0.01, 0.99])
            scale = high - low or 1
            for m in matrices:
                m[:, at] /= scale
        for m in matrices:
            m[numpy.isnan(m[:, at]), at] = -1e6
    isnumber = [c in table.numeric for c in table.train]
    # Column by column over blocks of reference rows: nothing of the size rows times references.
    nearest = []
    for reference in matrices[:2]:
        columns = numpy.ascontiguousarray(reference.T)
        best = numpy.empty(len(rows), dtype=numpy.float32)
        for at, row in enumerate(matrices[2]):
            distance = numpy.zeros(len(reference), dtype=numpy.float32)
            for column, value, number in zip(columns, row, isnumber):
                if number:
                    distance += numpy.minimum(numpy.abs(column - value), 1)
                else:
                    distance += column != value
            best[at] = distance.min()
        nearest.append(best)
    return float((nearest[0] < nearest[1]).mean() + 0.5 * (nearest[0] == nearest[1]).mean())


def keys(table, frame):
    """Rows as texts that are equal where every value is."""
    parts = []
    for column in table.train:
        values = frame[column]
        parts.append(
            [f"{v:.9g}" for v in values.astype(float)] if column in table.numeric
            else values.fillna("\0").astype(str))
    return list(map("\x1f".join, zip(*parts)))


def copies(table, made):
    train = set(keys(table, table.train))
    return sum(key in train for key in keys(table, made)) / len(made)


def variation(table, made, width, limit=200, bins=10):
    """Mean total variation between contingency tables, in bins of the train part's quantiles."""
    import numpy

    real, fake = codes([table.train, made], table.numeric)
    a, b = [], []
    for at, column in enumerate(table.train):
        x, y = real[:, at], fake[:, at]
        if column in table.numeric and len(numpy.unique(x)) > 2 * bins:
            edges = numpy.unique(numpy.nanquantile(x, numpy.linspace(0, 1, bins + 1)[1:-1]))
            x, y = (numpy.where(numpy.isnan(v), -1, numpy.searchsorted(edges, v, "right")) for v in (x, y))
        _, both = numpy.unique(numpy.r_[x, y], return_inverse=True)
        a.append(both[:len(x)])
        b.append(both[len(x):])
    groups = list(itertools.combinations(range(len(a)), width))
    if len(groups) > limit:
        groups = [groups[i] for i in numpy.random.default_rng(0).permutation(len(groups))[:limit]]
    total = 0
    for group in groups:
        x, y = numpy.zeros(len(real), dtype=int), numpy.zeros(len(fake), dtype=int)
        for at in group:
            k = max(a[at].max(), b[at].max()) + 1
            x, y = x * k + a[at], y * k + b[at]
        n = max(x.max(), y.max()) + 1
        total += 0.5 * numpy.abs(
            numpy.bincount(x, minlength=n) / len(x) - numpy.bincount(y, minlength=n) / len(y)).sum()
    return total / len(groups)


def score(table, made):
    report, shapes, trends = quality(table, made)
    return {
        "quality": report, "shapes": shapes, "trends": trends,
        "two-sample": two_sample(table, made), "TSTR": usefulness(table, made),
        "closer": closer(table, made), "copies": copies(table, made),
        "pairs": variation(table, made, 2), "triples": variation(table, made, 3),
    }


# -------------------------------------------------------------------------------------------- main
def within(folder):
    """Goes on in a virtual environment of its own."""
    python = Path(folder, "bin", "python").absolute()
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    if Path(sys.prefix).resolve() != Path(folder).resolve():
        os.execv(python, [str(python), *sys.argv])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("generators", nargs="+", help="names, or 'name: {option: value}'")
    parser.add_argument("--admix", default=".build/release/admix")
    parser.add_argument("--data", default=os.environ.get("DATA", "../shared/data"))
    parser.add_argument("--only", default="", help="adult, credit, diamonds")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--csv", help="score this file in place of generating; one table only")
    parser.add_argument("--venv", help="a folder for the Python packages")
    options = parser.parse_args()
    if options.venv:
        within(options.venv)
    import warnings

    warnings.filterwarnings("ignore")
    data = Path(options.data).resolve()
    if not data.is_dir():
        raise SystemExit(f"no data at {options.data}: set DATA to the folder with tabular/adult")
    admix = str(Path(options.admix).resolve())
    heads = ["table", "generator", "quality", "shapes", "trends", "two-sample", "TSTR", "TRTR",
             "closer", "copies %", "pairs", "triples", "CPU s", "stage s", "MiB"]
    print("| " + " | ".join(heads) + " |")
    print("| --- | --- |" + " ---: |" * (len(heads) - 2))
    for table in tables(data, options.only):
        real = usefulness(table, table.train)
        for generator, seed in itertools.product(options.generators, range(options.seeds)):
            cost = {}
            if options.csv:
                made = read(options.csv, table)
            elif generator in ("bootstrap", "shuffled"):
                made = baseline(generator, table, len(table.train), seed)
            else:
                with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as scratch:
                    text = generator if ":" in generator else f"{generator}: {{}}"
                    made, cost = generate(
                        admix, table, text, len(table.train), seed, Path(scratch))
            s = score(table, made)
            cells = [table.name, generator if options.seeds == 1 else f"{generator}, seed {seed}"]
            cells += [f"{s[c]:.4f}" for c in ("quality", "shapes", "trends")]
            cells += [f"{s['two-sample']:.3f}", f"{s['TSTR']:.3f}", f"{real:.3f}", f"{s['closer']:.3f}"]
            cells += [f"{100 * s['copies']:.3f}", f"{s['pairs']:.4f}", f"{s['triples']:.4f}"]
            cells += [f"{cost['cpu']:.2f}", f"{cost['wall']:.2f}", f"{cost['mib']:.0f}"] if cost else [""] * 3
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
