#!/usr/bin/env python3
"""What it costs to find out that nothing is to be done, and to redo one stage, beside other tools.

N stages, half of them a chain and half a fan-out of the first, each a program that copies one small file.
Peers that are not installed are left out and named. With --files, also what it costs to plan a folder of
so many small files, all known but one.
"""
import argparse, json, os, shutil, statistics, subprocess, tempfile, textwrap
from pathlib import Path

from bench import measured


def parent(index, count):
    """The stage that this one reads from; none for the first."""
    return None if index == 0 else index - 1 if index < count // 2 else 0


class Admix:
    name = "admix"

    def __init__(self, binary):
        self.binary = str(Path(binary).resolve())

    def command(self):
        return [self.binary, "run", "--quiet", "--no-report", "--allow-commands"]

    def write(self, folder, count):
        lines = ["admix: 1", "name: bench", "stages:"]
        for index in range(count):
            before = parent(index, count)
            source = '"in.txt"' if before is None else '"{inputs.a}"'
            inputs = "files: in.txt" if before is None else f"inputs: {{a: {{from: s{before}.x, as: file}}}}"
            lines.append(
                f"  s{index}: {{command: {{run: [cp, {source}, \"{{outputs.x}}\"], {inputs}, outputs: {{x: file}}}}}}")
        Path(folder, "pipeline.yaml").write_text("\n".join(lines) + "\n")


class Ninja:
    name = "ninja"

    def command(self):
        return ["ninja", "--quiet"]

    def write(self, folder, count):
        lines = ["rule copy", "  command = cp $in $out"]
        for index in range(count):
            before = parent(index, count)
            source = "in.txt" if before is None else f"s{before}.txt"
            lines.append(f"build s{index}.txt: copy {source}")
        Path(folder, "build.ninja").write_text("\n".join(lines) + "\n")


class Snakemake:
    name = "snakemake"

    def command(self):
        return ["snakemake", "--cores", "2", "--quiet", "all"]

    def write(self, folder, count):
        text = "rule all:\n    input: [f's{i}.txt' for i in range(%d)]\n" % count
        for index in range(count):
            before = parent(index, count)
            source = "in.txt" if before is None else f"s{before}.txt"
            text += f"rule r{index}:\n    input: '{source}'\n    output: 's{index}.txt'\n    shell: 'cp {{input}} {{output}}'\n"
        Path(folder, "Snakefile").write_text(text)


class DVC:
    name = "dvc"

    def command(self):
        return ["dvc", "repro", "--quiet"]

    def write(self, folder, count):
        lines = ["stages:"]
        for index in range(count):
            before = parent(index, count)
            source = "in.txt" if before is None else f"s{before}.txt"
            lines.append(
                f"  s{index}: {{cmd: cp {source} s{index}.txt, deps: [{source}], outs: [s{index}.txt]}}")
        Path(folder, "dvc.yaml").write_text("\n".join(lines) + "\n")
        subprocess.run(["dvc", "init", "--no-scm", "--quiet"], cwd=folder, check=True)
        subprocess.run(["dvc", "config", "core.analytics", "false"], cwd=folder, check=True)


class Redun:
    name = "redun"

    def command(self):
        return ["redun", "run", "workflow.py", "main"]

    def write(self, folder, count):
        Path(folder, "workflow.py").write_text(textwrap.dedent(f"""
            import shutil, sys
            from redun import task, File
            sys.setrecursionlimit(100_000)
            redun_namespace = "bench"

            @task()
            def copy(source: File, out: str) -> File:
                shutil.copy(source.path, out)
                return File(out)

            @task()
            def main(count: int = {count}) -> list:
                made = []
                for index in range(count):
                    source = File("in.txt") if index == 0 else made[index - 1 if index < count // 2 else 0]
                    made.append(copy(source, f"s{{index}}.txt"))
                return made
            """))


def change(folder, count, round):
    """Edits the command of the last stage, which nothing reads from."""
    path = Path(folder, "pipeline.yaml")
    last = f"  s{count - 1}: "
    lines = path.read_text().splitlines()
    path.write_text("\n".join(
        line.replace("[cp, ", f"[cp, --suffix={round}, ") if line.startswith(last) else line for line in lines) + "\n")


def one_changed(binary, count, repeat):
    """Seconds of the whole run, and of that the stage's own, as the run's record tells."""
    tool = Admix(binary)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as folder:
        Path(folder, "in.txt").write_text("1\n")
        tool.write(folder, count)
        measured(tool.command(), cwd=folder)
        original = Path(folder, "pipeline.yaml").read_text()
        rows = []
        for round in range(repeat):
            change(folder, count, round)
            # A file is not trusted to be what it was within the clock's granularity.
            subprocess.run(["sleep", "0.2"])
            seconds, _, _ = measured(tool.command(), cwd=folder)
            told = json.loads(measured([tool.binary, "report", "--json"], cwd=folder)[2])
            own = [stage["seconds"] for stage in told["stages"] if stage["status"] == "executed"]
            assert len(own) == 1, own
            rows.append((seconds, own[0]))
            Path(folder, "pipeline.yaml").write_text(original)
        seconds, own = (statistics.median(column) for column in zip(*rows))
        print(f"\nOne of {count} changed: {seconds:.3f} s, of which the stage {own:.3f} s: {seconds - own:.3f} s beside it.")


def known_files(binary, count):
    """A folder of small files, all known, then one more: what a plan and what a run takes."""
    command = [str(Path(binary).resolve())]
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as folder:
        Path(folder, "in").mkdir()
        for index in range(count):
            Path(folder, "in", f"{index:07}.csv").write_text(f"a,b\n{index},{index % 7}\n")
        Path(folder, "pipeline.yaml").write_text(
            "admix: 1\nname: files\nstages:\n  rows:\n    ingest: {from: in, format: csv}\n")
        subprocess.run(["sleep", "0.2"])
        first, _, _ = measured(command + ["run", "--quiet", "--no-report"], cwd=folder)
        Path(folder, "in", "one-more.csv").write_text("a,b\n1,2\n")
        subprocess.run(["sleep", "0.2"])
        measured(command + ["plan"], cwd=folder)
        plan = statistics.median(measured(command + ["plan"], cwd=folder)[0] for _ in range(5))
        run, mib, _ = measured(command + ["run", "--quiet", "--no-report"], cwd=folder)
        nothing, _, _ = measured(command + ["run", "--quiet", "--no-report"], cwd=folder)
        print(
            f"\n{count} files: first run {first:.1f} s; one more: plan {plan:.2f} s, run {run:.1f} s and"
            f" {mib:.0f} MiB; nothing to do {nothing:.2f} s.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--admix", required=True)
    parser.add_argument("--counts", default="10,100,1000")
    parser.add_argument("--slow", type=int, default=100, help="DVC and redun up to so many stages")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--files", type=int, default=0, help="a folder of so many files")
    options = parser.parse_args()
    tools = [Admix(options.admix), Ninja(), Snakemake(), DVC(), Redun()]
    print("| stages | tool | first s | nothing to do s | ratio to admix | peak MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count in map(int, options.counts.split(",")):
        ours = None
        for tool in tools:
            if shutil.which(tool.command()[0]) is None:
                print(f"| {count} | {tool.name} | not installed | | | |")
                continue
            if tool.name in ("dvc", "redun") and count > options.slow:
                continue
            with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_TMP")) as folder:
                Path(folder, "in.txt").write_text("1\n")
                tool.write(folder, count)
                first, _, _ = measured(tool.command(), cwd=folder)
                subprocess.run(["sleep", "0.2"])
                measured(tool.command(), cwd=folder)
                rows = [measured(tool.command(), cwd=folder)[:2] for _ in range(options.repeat)]
                seconds, mib = (statistics.median(column) for column in zip(*rows))
            ours = ours or seconds
            print(
                f"| {count} | {tool.name} | {first:.2f} | {seconds:.3f} | {seconds / ours:.1f}x | {mib:.0f} |",
                flush=True)
    one_changed(options.admix, max(map(int, options.counts.split(","))), options.repeat)
    if options.files:
        known_files(options.admix, options.files)


if __name__ == "__main__":
    main()
