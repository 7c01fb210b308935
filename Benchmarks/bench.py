"""Admix against its peers, pair by pair, on one machine in one run.

Every figure is the median of `--repeat` runs in fresh processes, wall seconds and peak resident
memory as the kernel counts them for the process (`wait4`). Only ratios within one run mean anything.
"""

import argparse, gzip, json, os, shutil, statistics, subprocess, sys, tempfile, textwrap
from pathlib import Path


def measured(command, cwd=None):
    """Wall seconds, peak MiB and standard output of one process."""
    import time

    with tempfile.TemporaryFile() as out:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{command} ended with {process.returncode}")
        out.seek(0)
        return seconds, usage.ru_maxrss / 1024, out.read().decode()


def median(rows):
    return [statistics.median(column) for column in zip(*rows)]


def peer(code, *arguments):
    return measured([sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)])


class Admix:
    """Runs a pipeline from scratch in a folder of its own and tells what each stage took."""

    def __init__(self, binary):
        self.binary = str(Path(binary).resolve())

    def run(self, pipeline, folder, *options):
        Path(folder, "pipeline.yaml").write_text(textwrap.dedent(pipeline))
        seconds, mib, out = measured(
            [self.binary, "run", "--json", "--no-report", *options], cwd=folder)
        stages = {stage["name"]: stage["seconds"] for stage in json.loads(out)["stages"]}
        return seconds, mib, stages

    def fresh(self, pipeline, *options, inputs=()):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as folder:
            for path in inputs:
                os.symlink(path, Path(folder, Path(path).name))
            return self.run(pipeline, folder, *options)


def csv_ingest(admix, data, repeat, scratch):
    """CSV to cached dataset, typed, profiled and hashed, against pyarrow to zstd Parquet."""
    sources = {
        "flights": data / "tabular/pnwflights16-17/flights.csv",
        "retail": data / "tabular/online-retail/online-retail.csv.gz",
    }
    for table, factor in ((name, factor) for name in sources for factor in (1, 20)):
        path = scratch / f"{table}-{factor}.csv"
        source = sources[table]
        unpack = gzip.open if source.suffix == ".gz" else open
        # In pieces: the kernel counts what this process holds as part of what it starts.
        with open(path, "wb") as out:
            for copy in range(factor):
                with unpack(source, "rb") as lines:
                    header = lines.readline()
                    if copy == 0:
                        out.write(header)
                    shutil.copyfileobj(lines, out, 1 << 20)
        pipeline = f"""
            admix: 1
            name: ingest
            stages:
              rows: {{ingest: {{from: {path.name}}}}}
            """
        ours = median([admix.fresh(pipeline, inputs=[path])[:2] for _ in range(repeat)])
        theirs = median([
            peer(
                """
                import sys, pyarrow.csv, pyarrow.parquet
                table = pyarrow.csv.read_csv(sys.argv[1])
                pyarrow.parquet.write_table(table, sys.argv[2], compression="zstd")
                """, path, scratch / "peer.parquet")[:2]
            for _ in range(repeat)])
        yield f"CSV ingest, {table} {factor}x, {path.stat().st_size / 1e6:.0f} MB", "pyarrow", ours, theirs
        path.unlink()


ADULT = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation",
    "relationship", "race", "sex", "capital-gain", "capital-loss", "hours-per-week",
    "native-country", "income"]


def adult_ingest(path):
    names = ", ".join(ADULT)
    return f"""
            admix: 1
            name: bench
            seed: 1
            stages:
              census:
                ingest:
                  from: {path.name}
                  format: {{csv: {{header: false, trim: true}}}}
                  missing: ["?"]
                  columns: [{names}]
            """


def copula(admix, data, repeat, scratch):
    """Fit on Adult and sample a million rows, against SDV's GaussianCopulaSynthesizer."""
    path = data / "tabular/adult/adult.data"
    pipeline = adult_ingest(path) + """
              synthetic: {generate: {learn: census, with: gaussian-copula, rows: 1000000}}
            """
    rows = []
    for _ in range(repeat):
        _, mib, stages = admix.fresh(pipeline, inputs=[path])
        rows.append((stages["synthetic"], mib))
    theirs = median([
        (float(out), mib)
        for _, mib, out in (
            peer(
                """
                import sys, time, warnings, pandas
                warnings.filterwarnings("ignore")
                from sdv.metadata import Metadata
                from sdv.single_table import GaussianCopulaSynthesizer
                table = pandas.read_csv(sys.argv[1], header=None, names=sys.argv[2].split(","),
                    skipinitialspace=True, na_values="?")
                metadata = Metadata.detect_from_dataframes({"adult": table})
                begin = time.perf_counter()
                model = GaussianCopulaSynthesizer(metadata)
                model.fit({"adult": table})
                sample = model.sample(1_000_000)["adult"]
                assert len(sample) == 1_000_000
                print(time.perf_counter() - begin)
                """, path, ",".join(ADULT)) for _ in range(1))])
    yield "copula, fit and 1,000,000 rows", "SDV", median(rows), theirs


def fairness(admix, data, repeat, scratch):
    """Group counts, rates and gaps for three protected columns on a million rows."""
    path = scratch / "adult-1m.parquet"
    peer(
        """
        import sys, pandas
        table = pandas.read_csv(sys.argv[1], header=None, names=sys.argv[2].split(","),
            skipinitialspace=True, na_values="?")
        pandas.concat([table] * 31, ignore_index=True).iloc[:1_000_000].to_parquet(sys.argv[3])
        """, data / "tabular/adult/adult.data", ",".join(ADULT), path)
    pipeline = f"""
            admix: 1
            name: bench
            stages:
              census: {{ingest: {{from: {path.name}, columns: {{sex: category, race: category, relationship: category, income: category}}}}}}
              bias:
                fairness:
                  of: census
                  label: {{column: income, positive: ">50K"}}
                  protected: [sex, race, relationship]
            """
    rows = []
    for _ in range(repeat):
        _, mib, stages = admix.fresh(pipeline, inputs=[path])
        rows.append((stages["bias"], mib))
    ours = median(rows)
    # The peers' clocks start when their table is in memory; ours includes reading the partitions. Each
    # gives what it can in the fewest calls: admix has intervals, divergences and a report besides.
    peers = {
        "fairlearn": """
            import sys, time, pandas
            from fairlearn.metrics import MetricFrame, count, selection_rate
            table = pandas.read_parquet(sys.argv[1])
            label = (table["income"] == ">50K").astype(int)
            begin = time.perf_counter()
            for name in ("sex", "race", "relationship"):
                frame = MetricFrame(metrics={"rate": selection_rate, "n": count},
                    y_true=label, y_pred=label, sensitive_features=table[name])
                frame.by_group, frame.difference(), frame.ratio()
            print(time.perf_counter() - begin)
            """,
        "pandas": """
            import sys, time, pandas
            table = pandas.read_parquet(sys.argv[1])
            begin = time.perf_counter()
            label = table["income"] == ">50K"
            for name in ("sex", "race", "relationship"):
                groups = label.groupby(table[name]).agg(["count", "mean"])
                rate = groups["mean"]
                rate.max() - rate.min(), rate.min() / rate.max()
            print(time.perf_counter() - begin)
            """,
    }
    for name, code in peers.items():
        theirs = median([
            (float(out), mib) for _, mib, out in (peer(code, path) for _ in range(repeat))])
        yield "fairness, 3 columns, 1,000,000 rows", name, ours, theirs


def nothing_to_do(admix, data, repeat, scratch):
    """A run with nothing to do, ten stages."""
    folder = scratch / "noop"
    folder.mkdir()
    (folder / "a.csv").write_text("x,y\n" + "".join(f"{n},{n % 7}\n" for n in range(1000)))
    stages = "\n".join(
        f"  t{n}: {{transform: {{from: {'a' if n == 1 else f't{n - 1}'}, steps: [{{filter: 'x >= {n}'}}]}}}}"
        for n in range(1, 10))
    pipeline = f"admix: 1\nname: noop\nstages:\n  a: {{ingest: {{from: a.csv}}}}\n{stages}\n"
    admix.run(pipeline, folder)
    rows = [admix.run(pipeline, folder)[:2] for _ in range(max(9, repeat))]
    yield "run with nothing to do, 10 stages", "the bar: 50 ms", median(rows), (0.050, float("nan"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--admix", required=True)
    parser.add_argument("--data", default=os.environ.get("DATA", "../shared/data"))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    data = Path(options.data).resolve()
    if not data.is_dir():
        raise SystemExit(f"no data at {options.data}: set DATA to the folder with tabular/adult")
    admix = Admix(options.admix)
    print("| what | peer | admix s | peer s | ratio | admix MiB | peer MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for bench in (csv_ingest, copula, fairness, nothing_to_do):
        if options.only and options.only not in bench.__name__:
            continue
        scratch = Path(tempfile.mkdtemp(dir=os.environ.get("BENCH_TMP")))
        try:
            for name, other, ours, theirs in bench(admix, data, options.repeat, scratch):
                print(
                    f"| {name} | {other} | {ours[0]:.3f} | {theirs[0]:.3f} | "
                    f"{theirs[0] / ours[0]:.2f}x | {ours[1]:.0f} | {theirs[1]:.0f} |", flush=True)
        finally:
            shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
