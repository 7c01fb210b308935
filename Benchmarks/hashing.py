#!/usr/bin/env python3
"""Source files identified, measured against `sha256sum`; and what a second look reads.

    Benchmarks/hashing.py [--admix FILE] [--megabytes N] [--files N]

`admix plan` on a stage that names files and has never run does nothing but digest them. Each figure is the
best of three; the files are in the page cache for both. With `strace` it also counts how often a source is
opened once its digest is known.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

PIPELINE = """admix: 1
name: hashing
stages:
  a:
    command:
      run: [sh, -c, "printf 'n\\n1\\n' > {{outputs.x}}"]
      files: "{files}"
      outputs: {{x: csv}}
"""


def best(command, cwd, times=3):
    """The least wall time in seconds."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run(command, cwd=cwd, check=True, shell=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def measure(what, files, folder, admix):
    (folder / "pipeline.yaml").write_text(PIPELINE.format(files=files))
    # Digests of files written a moment ago are not remembered.
    time.sleep(2)
    peer = best(f"find {files} -type f | xargs sha256sum", folder)
    ours = best(f"{admix} plan", folder)
    print(f"{what}: admix {ours:.2f} s, sha256sum {peer:.2f} s, ratio {ours / peer:.2f}")
    shutil.rmtree(folder / ".admix", ignore_errors=True)
    subprocess.run(
        [admix, "run", "--quiet", "--no-report", "--allow-commands"], cwd=folder, check=True)
    again = best(f"{admix} plan", folder)
    print(f"  known: {again:.3f} s", end="")
    if shutil.which("strace"):
        trace = folder / "trace"
        subprocess.run(
            ["strace", "-f", "-e", "trace=open,openat,openat2", "-o", trace, admix, "plan"],
            cwd=folder, check=True, stdout=subprocess.DEVNULL)
        opened = [line for line in trace.read_text().splitlines() if ".bin" in line]
        print(f", sources opened: {len(opened)}", end="")
    print()
    shutil.rmtree(folder / ".admix", ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--admix", default=".build/release/admix")
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--files", type=int, default=10_000)
    options = parser.parse_args()
    admix = os.path.abspath(options.admix)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with open(folder / "big.bin", "wb") as file:
            for _ in range(options.megabytes):
                file.write(os.urandom(1_000_000))
        measure(f"one file of {options.megabytes} MB", "big.bin", folder, admix)
        (folder / "big.bin").unlink()
        (folder / "many").mkdir()
        for number in range(options.files):
            (folder / "many" / f"{number}.bin").write_bytes(os.urandom(100 << 10))
        measure(f"{options.files} files of 100 KiB", "many/*.bin", folder, admix)


if __name__ == "__main__":
    main()
