#!/usr/bin/env python3
"""Compares which lines of db/ and sync/ the tests have run with what is expected.

    gate.py BUILD        BUILD: a build with --coverage whose tests have just been run

It fails when less than 95 % of the lines or 85 % of the branches ran, when a line did not run that
uncovered.txt does not list, and when uncovered.txt lists a line that ran or is there no more. The last
line is `N passed, N failed`.

A branch is a way out of a condition as gcc -O0 makes them; those of an assert do not count.
"""
import collections
import json
import pathlib
import subprocess
import sys

FOLDERS = ("db", "sync")
LINES_AT_LEAST = 95.0
BRANCHES_AT_LEAST = 85.0
ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = pathlib.Path(__file__).with_name("uncovered.txt")


class Counts:
    """How often each line, and each branch of it, was run."""

    def __init__(self):
        self.lines = collections.Counter()
        self.branches = {}
        self.functions = {}
        self.texts = {}

    def text(self, place):
        path, number = place
        if path not in self.texts:
            self.texts[path] = (ROOT / path).read_text(encoding="utf-8").split("\n")
        return self.texts[path][number - 1].strip()

    def add(self, path, line):
        place = (path, line["line_number"])
        counts = [branch["count"] for branch in line["branches"]]
        self.lines[place] += line["count"]
        self.functions[place] = line.get("function_name", "-")
        if "assert(" in self.text(place):
            counts = []
        before = self.branches.get(place, [0] * len(counts))
        self.branches[place] = [a + b for a, b in zip(before, counts)]

    def entry(self, place):
        return f"{place[0]}: {self.functions[place]}: {self.text(place)}"


def gather(build):
    counts = Counts()
    for folder in FOLDERS:
        for notes in sorted((build / folder).rglob("*.gcno")):
            done = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", notes],
                                  cwd=build, capture_output=True, text=True, check=True)
            for document in done.stdout.splitlines():
                data = json.loads(document)
                for source in data["files"]:
                    path = (pathlib.Path(data["current_working_directory"]) / source["file"]).resolve()
                    if not path.is_relative_to(ROOT):
                        continue
                    path = path.relative_to(ROOT)
                    if path.parts[0] not in FOLDERS:
                        continue
                    for line in source["lines"]:
                        counts.add(str(path), line)
    return counts


def read_list():
    """The expected entries, and those that may be run or not, each with its number of lines."""
    expected, either = collections.Counter(), collections.Counter()
    reason = None
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("= "):
            reason = line
        elif line.startswith("~ "):
            either[line[2:]] += 1
        elif line and not line.startswith("#"):
            expected[line] += 1
        if reason is None and (expected or either):
            sys.exit(f"{LIST.name}:{number}: no reason (a line that begins with =) stands above this")
    return expected, either


class Verdicts:
    def __init__(self):
        self.passed = self.failed = 0

    def judge(self, is_right, claim, details=()):
        self.passed += is_right
        self.failed += not is_right
        print(f"{'ok  ' if is_right else 'FAIL'} {claim}")
        for detail in details:
            print(f"     {detail}")


def share(part, whole):
    return 100.0 * part / whole if whole else 0.0


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    counts = gather(pathlib.Path(sys.argv[1]).resolve())
    expected, either = read_list()
    verdicts = Verdicts()

    lines = share(sum(1 for n in counts.lines.values() if n), len(counts.lines))
    ways = [n for branches in counts.branches.values() for n in branches]
    branches = share(sum(1 for n in ways if n), len(ways))
    verdicts.judge(lines >= LINES_AT_LEAST,
                   f"lines: {lines:.2f} % of {len(counts.lines)}, at least {LINES_AT_LEAST:.0f} %")
    verdicts.judge(branches >= BRANCHES_AT_LEAST,
                   f"branches: {branches:.2f} % of {len(ways)}, at least {BRANCHES_AT_LEAST:.0f} %")

    missed, there = collections.Counter(), collections.Counter()
    for place, n in sorted(counts.lines.items()):
        there[counts.entry(place)] += 1
        missed[counts.entry(place)] += n == 0
    new = [entry for entry in missed for _ in range(missed[entry] - expected[entry] - either[entry])]
    verdicts.judge(not new, "every line that no test runs is listed with its reason", new)
    stale = [entry for entry in expected for _ in range(expected[entry] - missed[entry])]
    stale += [entry for entry in either if there[entry] < either[entry]]
    verdicts.judge(not stale, "every line that is listed is there, and no test runs it", stale)
    if new or stale:
        print(f"Test the lines that are new, or list them in {LIST.relative_to(ROOT)} under a reason; take out "
              "those that are not missed any more.")
    print(f"{verdicts.passed} passed, {verdicts.failed} failed")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    sys.exit(main())
