#!/usr/bin/env python3
"""Deliberately broken variants of the product, each to be caught by the simulation: proof that its checks can
fail. broken/NAME.patch is a variant; its first line says which promise it breaks. A patch that does not apply
any more is a failure: bring it up to date with the code.

    tests/simulation/broken.py [--build build/release] [--seeds N] [--only NAME]... [--jobs N] [--keep DIR]

Then the build as it is runs the seeds that were needed, and must pass them. Ends with `N passed, N failed`.
"""
import argparse
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "mutation"))
from altered import ROOT, Build, NotBuilt  # noqa: E402

TARGET = "tests/simulation/simulation"
HANG_S = 1200      # no variant takes so long: it has no end
VIOLATION = re.compile(r"seed (\d+), at .*?: invariant (.*)")


class Stale(Exception):
    """The patch does not fit the code any more."""


def touched(patch):
    with open(patch, encoding="utf-8") as file:
        text = file.read()
    promise = text.splitlines()[0].strip()
    files = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
    if not files or promise.startswith(("---", "diff ")):
        raise Stale("it needs a sentence in its first line, and then a diff")
    for name in files:
        if not name.endswith(".c"):
            raise Stale(f"{name} is no source of C: only these are compiled again")
    return promise, files


def apply(patch, files, into):
    for name in files:
        os.makedirs(os.path.dirname(os.path.join(into, name)), exist_ok=True)
        try:
            shutil.copy(os.path.join(ROOT, name), os.path.join(into, name))
        except FileNotFoundError as error:
            raise Stale(f"there is no {name}") from error
    done = subprocess.run(["patch", "-p1", "--batch", "--forward", "--no-backup-if-mismatch", "-i", patch],
                          cwd=into, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise Stale("the code has changed under it; make the same change by hand and write the patch anew:\n"
                    + done.stdout)


def build(build_tree, files, into):
    objects = []
    for name in files:
        objects.append(os.path.join(into, name + ".o"))
        build_tree.compile(name, os.path.join(into, name), objects[-1])
    program = os.path.join(into, "simulation")
    build_tree.link(TARGET, objects, program)
    return program


def first_violation(program, seeds, jobs=1):
    """(seed, invariant) of the first seed that fails; (None, why) when none did."""
    with subprocess.Popen([program, "--seeds", str(seeds), "--jobs", str(jobs), "--quiet"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        last = ""
        timer = threading.Timer(HANG_S, process.kill)
        timer.start()
        for line in process.stdout:
            last = line.strip() or last
            found = VIOLATION.match(line)
            if found:
                timer.cancel()
                process.kill()
                return int(found.group(1)), found.group(2).strip()
        code = process.wait()
        timer.cancel()
    if code not in (0, 1):
        return None, f"the simulation ended with {code}: {last}"
    return None, f"NOT caught in {seeds} seeds"


class Variant:
    def __init__(self, patch):
        self.patch = patch
        self.name = os.path.splitext(os.path.basename(patch))[0]
        self.promise = ""
        self.seed = None
        self.word = ""

    def judge(self, build_tree, seeds, under):
        into = os.path.join(under, self.name)
        os.makedirs(into)
        try:
            self.promise, files = touched(self.patch)
            apply(self.patch, files, into)
            self.seed, self.word = first_violation(build(build_tree, files, into), seeds)
        except Stale as error:
            self.word = f"STALE patch: {error}"
        except NotBuilt as error:
            self.word = f"does not build:\n{error}"
        return self


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--seeds", type=int, default=2000, help="at most, for each variant")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", metavar="DIR", help="where the variants are built and left; new, or empty")
    return parser.parse_args()


def judge_all(variants, build_tree, options, under):
    width = max(len(v.name) for v in variants)
    passed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for v in pool.map(lambda v: v.judge(build_tree, options.seeds, under), variants):
            after = "-" if v.seed is None else str(v.seed)
            print(f"{v.name:{width}}  {after:>5}  {v.word[:120] if v.seed else v.word}", flush=True)
            passed += v.seed is not None
    return passed


def unbroken_passes(build_tree, seeds, jobs):
    seed, word = first_violation(os.path.join(build_tree.path, TARGET), seeds, jobs)
    print(f"unbroken: {seeds} seeds" if seed is None and word.startswith("NOT") else f"unbroken FAILS: {seed} {word}")
    return seed is None and word.startswith("NOT")


def main():
    options = read_options()
    patches = sorted(glob.glob(os.path.join(HERE, "broken", "*.patch")))
    variants = [Variant(p) for p in patches]
    if options.only:
        variants = [v for v in variants if v.name in options.only]
    if not variants:
        sys.exit("There is no such variant.")
    build_tree = Build(options.build)
    subprocess.run(["ninja", "-C", build_tree.path, "--quiet", TARGET], check=True)
    build_tree.link_command(TARGET)
    under = options.keep or tempfile.mkdtemp(prefix="outpost-broken-")
    start = time.monotonic()
    print("variant, seeds until it was caught, by which invariant")
    try:
        passed = judge_all(variants, build_tree, options, under)
    finally:
        if not options.keep:
            shutil.rmtree(under)
    total = len(variants) + 1
    passed += unbroken_passes(build_tree, max([v.seed or 1 for v in variants]), options.jobs)
    print(f"{time.monotonic() - start:.0f} s")
    print(f"{passed} passed, {total - passed} failed")
    return passed < total


if __name__ == "__main__":
    sys.exit(main())
