#!/usr/bin/env python3
"""Nothing is ever lost: the real programs are killed, stopped, cut off, without room, and judged.

    run.py --backend BIN --outpost BIN [--seconds N] [--seed S] [--only NAME]... [--list]

The seconds are shared by the stories. The seed decides what is done and about when; the machine
decides what that hits, so a seed is a place to start from, not a replay. Ends with
`N passed, N failed`.
"""

import argparse
import collections
import os
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import disks  # noqa: E402, F401  (its stories)
import hostile  # noqa: E402, F401
import places  # noqa: E402, F401
import recovery  # noqa: E402, F401
from stories import SKIP, STORIES  # noqa: E402
from world import World  # noqa: E402


class Counted:
    def __init__(self):
        self.passed = self.failed = self.writes = self.violations = 0
        self.kills = collections.Counter()
        self.faults = collections.Counter()
        self.skipped = []


def run_story(name, options, seed, seconds, counted):
    world = World(options, seed)
    world.cut_from = seed * 97 % 1200
    world.faults, world.notes = {}, ""
    start = time.monotonic()
    failures = []

    def check(sentence, problems):
        if problems:
            counted.failed += 1
            counted.violations += len(problems)
            failures.append(sentence)
            print(f"FAIL {name}: {sentence}: {len(problems)} times no")
            for problem in problems[:5]:
                print(f"     {str(problem)[:500]}")
        else:
            counted.passed += 1

    def finish():
        world.settle()
        world.judge(check)
        world.is_judged = True

    world.finish, world.is_judged = finish, False
    result = None
    try:
        world.open()
        result = STORIES[name](world, time.monotonic() + seconds)
        if result is not SKIP and not world.is_judged:
            finish()
    except Exception:  # a story that can not be told to its end has failed
        check("the story can be told to its end", [traceback.format_exc()[-1500:]])
    finally:
        world.close()
    if result is SKIP:
        counted.skipped.append(name)
    counted.writes += world.ledger.writes
    counted.kills.update(world.kills)
    counted.faults.update({str(fault): count for fault, count in world.faults.items() if fault})
    kills = ", ".join(f"{count} of {what}" for what, count in sorted(world.kills.items())) or "none"
    state = "skip" if result is SKIP else "FAIL" if failures else "ok  "
    writes = f"{world.ledger.writes} writes acknowledged"
    print(f"{state} {name}: {writes}; kills: {kills}; seed {seed}, "
          f"{time.monotonic() - start:.0f} s {world.notes}", flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", help="the program outpost-backend")
    parser.add_argument("--outpost", help="the program outpost")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=list(STORIES))
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        for name, function in STORIES.items():
            print(f"{name:26}{function.__doc__}")
        return 0
    if not options.backend or not options.outpost:
        parser.error("--backend and --outpost are needed")
    names = options.only or list(STORIES)
    counted = Counted()
    # The judging takes its time too: what is left is shared anew before each story.
    end = time.monotonic() + options.seconds
    for number, name in enumerate(names):
        left = max(1.0, (end - time.monotonic()) / (len(names) - number))
        run_story(name, options, options.seed + number, left * 0.6, counted)
    kills = ", ".join(f"{count} of {what}" for what, count in sorted(counted.kills.items()))
    faults = ", ".join(f"{count} {what}" for what, count in sorted(counted.faults.items()))
    print(f"{sum(counted.kills.values())} kills: {kills or 'none'}; network faults: "
          f"{faults or 'none'}")
    if counted.skipped:
        print(f"skipped, not permitted here: {', '.join(counted.skipped)}")
    print(f"{counted.writes} writes acknowledged, {counted.violations} violations")
    print(f"{counted.passed} passed, {counted.failed} failed")
    return 1 if counted.failed else 0


if __name__ == "__main__":
    sys.exit(main())
