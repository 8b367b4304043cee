#!/usr/bin/env python3
"""Presses keys on the real screen and prints what each costs in SQLite: NAME, statements, steps, by tabs.

    cost.py COUNT_SQL.SO OUTPOST DATA-DIR CONFIG
"""

import os
import struct
import sys
import time
from pathlib import Path

from screen import Screen

KEYS = [("j, one down", "j"), ("k, one up", "k"), ("PgDn", "\x1b[6~"), ("PgUp", "\x1b[5~"), ("G, last", "G"), ("g, first", "g"),
        ("o, other order", "o"), ("x, done", "x"), ("x, reopen", "x"), ("Space, mark", " "), ("a, form", "a"),
        ("a letter typed", "V"), ("another one", "a"), ("^S, save", "\x13"), ("e, edit", "e"), ("Esc", "\x1b"),
        ("/, find", "/"), ("a letter of it", "v"), ("Enter", "\r"), ("Esc, all again", "\x1b"), ("Tab, next table", "\t"),
        ("j, one down there", "j"), ("e, edit there", "e"), ("Esc, back", "\x1b")]
STARTS = 5
QUIET_S = 0.4
LIMIT_S = 20


def main():
    library, *argv = sys.argv[1:]
    counts = Path(argv[1]) / "counts"
    os.environ |= {"LD_PRELOAD": library, "COUNT_SQL": str(counts), "ESCDELAY": "25"}
    screen = None

    def now():
        return struct.unpack("QQ", counts.read_bytes())

    def settled():
        """The counts when nothing was said or counted for a while."""
        last, end = now(), time.monotonic() + LIMIT_S
        while time.monotonic() < end:
            said = screen.read(QUIET_S)
            if not said and now() == last:
                return last
            last = now()
        return screen.fail("it does not settle")

    starts = []
    for _ in range(STARTS):
        if screen is not None:
            screen.keys("q")
            screen.end()
        counts.unlink(missing_ok=True)
        screen = Screen([argv[0], "--data-dir", argv[1], "--config", argv[2]])
        screen.wait("Quit")
        starts.append(settled())
    # The news of the worker are read when they come, now and then once more or once less: the one in the middle.
    print("start", *sorted(starts)[STARTS // 2], sep="\t")
    # By choice, so that no failed connection is shown between two keys.
    screen.keys("O")
    screen.wait("offline")
    at = settled()
    for name, keys in KEYS:
        screen.keys(keys)
        before, at = at, settled()
        print(name, at[0] - before[0], at[1] - before[1], sep="\t")
    screen.keys("q")
    screen.end()


main()
