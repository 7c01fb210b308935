#!/usr/bin/env python3
"""Store care, measured: `verify` against `sha256sum` of the same files, and `gc` of many results.

    Benchmarks/store.py [--admix FILE] [--gigabytes N] [--results N]

Each figure is the best of three; the files are in the page cache for both.
"""

import argparse
import hashlib
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

PIPELINE = """admix: 1
name: bench
stages:
  a: {generate: {rows: 10, with: {rules: {columns: [{x: {uniform: {low: 0, high: 1}}}]}}}}
"""


def best(command, cwd, times=3):
    """The least wall time in seconds."""
    seconds = []
    for _ in range(times):
        begin = time.perf_counter()
        subprocess.run(command, cwd=cwd, check=True, shell=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


def add(root, connection, key, content, run, scope="stage", port="rows"):
    digest = hashlib.sha256(content).digest()
    place = root / "objects" / digest.hex()[:2] / digest.hex()[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    cursor = connection.cursor()
    cursor.execute("INSERT INTO action(key, scope, kind) VALUES(?, ?, 'bench')", (key, scope))
    action = cursor.lastrowid
    cursor.execute(
        "INSERT INTO result(action, run, created_ns, body) VALUES(?, ?, 0, '{}')", (action, run))
    result = cursor.lastrowid
    cursor.execute("INSERT INTO object(digest, size) VALUES(?, ?)", (digest, len(content)))
    cursor.execute(
        "INSERT INTO result_output VALUES(?, ?, 0, ?, 'partition', NULL)",
        (result, port, cursor.lastrowid))
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--admix", default=".build/release/admix")
    parser.add_argument("--gigabytes", type=float, default=3)
    parser.add_argument("--results", type=int, default=100_000)
    options = parser.parse_args()
    admix = os.path.abspath(options.admix)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "pipeline.yaml").write_text(PIPELINE)
        subprocess.run([admix, "run", "--quiet", "--no-report"], cwd=folder, check=True)
        root = folder / ".admix"
        connection = sqlite3.connect(root / "store.db")
        size = 64 << 20
        for number in range(int(options.gigabytes * 1e9 / size)):
            add(root, connection, hashlib.sha256(b"big%d" % number).digest(), os.urandom(size), "old")
        connection.commit()
        one = best("find .admix/objects -type f | xargs sha256sum", folder)
        two = best(f"find .admix/objects -type f | xargs -P {os.cpu_count()} -n 4 sha256sum", folder)
        ours = best(f"{admix} verify", folder)
        print(f"verify of {options.gigabytes} GB: {ours:.2f} s; sha256sum {one:.2f} s, "
              f"as many at once as there are cores {two:.2f} s; ratio {ours / one:.2f} and {ours / two:.2f}")
        peak = subprocess.run(
            ["/usr/bin/time", "-f", "%M", admix, "verify"], cwd=folder, capture_output=True, text=True)
        print(f"peak memory of verify: {int(peak.stderr.split()[-1]) / 1024:.0f} MiB")

        for number in range(options.results):
            add(root, connection, hashlib.sha256(b"small%d" % number).digest(),
                b"content %d" % number, "old", scope="task")
        connection.commit()
        connection.close()
        dry = best(f"{admix} gc --dry-run", folder)
        measured = subprocess.run(
            ["/usr/bin/time", "-f", "%e %M", admix, "gc"], cwd=folder, capture_output=True, text=True)
        gc, peak = (float(word) for word in measured.stderr.split()[-2:])
        again = best(f"{admix} gc", folder)
        print(f"gc of {options.results} results with a file each: dry run {dry:.2f} s, "
              f"gc {gc:.2f} s and {peak / 1024:.0f} MiB, again {again:.2f} s")


main()
