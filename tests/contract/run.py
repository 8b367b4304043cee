#!/usr/bin/env python3
"""Runs the contract suite against a backend: README.md beside this file says how."""

import argparse
import importlib
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "convex-server")]
sys.dont_write_bytecode = True

import control  # noqa: E402
import convex_backend  # noqa: E402
import definitions  # noqa: E402
from suite import CASES, CONTROL_POWERS, TABLES, Failed, Skip, check  # noqa: E402
from world import World  # noqa: E402

SECTIONS = [
    "envelope",
    "arguments",
    "auth",
    "sessions",
    "head",
    "walk",
    "pull",
    "ops",
    "upsert",
    "conflict",
    "replay",
    "deletes",
    "office",
    "validation",
    "limits",
    "hostile",
    "operator",
]


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="base URL of a running backend")
    parser.add_argument("--email", help="an account on it")
    parser.add_argument("--password")
    parser.add_argument("--email2", help="a second account; without it some cases are skipped")
    parser.add_argument("--password2")
    parser.add_argument("--control", metavar="CMD", help="a command with power over that backend")
    parser.add_argument("--backend", metavar="PATH", help="an outpost-backend to start and test")
    parser.add_argument(
        "--convex", action="store_true", help="start and test the Convex functions of assets/convex"
    )
    parser.add_argument("--tables", metavar="DIR", help="more table definitions for the started")
    parser.add_argument(
        "--tasks",
        metavar="FILE",
        default=definitions.TASKS_FILE,
        help="definition of the table tasks",
    )
    parser.add_argument(
        "--only",
        metavar="SUBSTR",
        action="append",
        help="only cases with this in their name or section (may be repeated)",
    )
    parser.add_argument(
        "--list", action="store_true", help="print the cases and what each holds to"
    )
    parser.add_argument("--trace", action="store_true", help="print a traceback with each failure")
    args = parser.parse_args(words)
    if not args.list and [bool(args.url), bool(args.backend), args.convex].count(True) != 1:
        parser.error("give --url, --backend or --convex")
    if args.url and not (args.email and args.password):
        parser.error("--url needs --email and --password")
    return args


class Stage:
    """Sets each case on a backend that has what it needs."""

    def __init__(self, args):
        self.args = args
        self.tasks = definitions.read(args.tasks)
        self.main_backend = None
        if args.backend or args.convex:
            self.main_backend = self.start()
            self.control = self.main_backend
            self.url, self.accounts = self.main_backend.url, control.ACCOUNTS
        else:
            self.control = (
                control.CommandControl(args.control) if args.control else control.NoControl()
            )
            self.url = args.url
            self.accounts = [(args.email, args.password)]
            if args.email2 and args.password2:
                self.accounts.append((args.email2, args.password2))
        self.world = self.make_world(self.url, self.control)

    def start(self, powers=()):
        options = ["--signup"] if "signup" in powers else []
        if self.args.convex:
            return convex_backend.ConvexBackend(self.args.tables, options)
        return control.Backend(self.args.backend, self.args.tables, "advance" in powers, options)

    def make_world(self, url, power):
        return World(url, self.accounts, self.tasks, power)

    def run(self, case):
        powers = [need for need in case.needs if need in CONTROL_POWERS]
        lacking = [power for power in powers if power not in self.control.powers]
        if lacking:
            raise Skip(f"needs power to {', '.join(lacking)}")
        if "embedded" in case.needs and not self.control.is_embedded:
            raise Skip("about the embedded backend only")
        if powers and self.main_backend:
            self.run_alone(case, powers)
            return
        for need in case.needs:
            if need in TABLES and not self.world.has_table(TABLES[need]):
                raise Skip(f"the backend has no table {TABLES[need]}")
        if not powers:
            case.function(self.world)
            return
        world = self.make_world(self.world.url, self.control)
        world.me  # signed in before the case moves anything
        try:
            case.function(world)
        finally:  # its clock or URL may have moved: everybody signs in again
            self.world = self.make_world(world.url, self.control)

    def run_alone(self, case, powers):
        backend = self.start(powers)
        try:
            world = self.make_world(backend.url, backend)
            world.me  # signed in before the case moves anything
            case.function(world)
        finally:
            why = backend.close()
        check(why is None, why)

    def check_alive(self):
        """A case that brings the backend down must not pass unseen."""
        if self.main_backend and not self.main_backend.is_running():
            status = self.main_backend.end(0)
            tail = self.main_backend.tail()
            self.main_backend.start()
            self.world.restarted(self.main_backend.url)
            raise Failed(f"the backend ended, status {status}: {tail}")

    def close(self):
        """Why the main backend did not end in order, or None."""
        return self.main_backend.close() if self.main_backend else None


def run_case(stage, case, with_trace):
    """("ok" | "FAIL" | "skip", why)"""
    try:
        stage.run(case)
        stage.check_alive()
        return "ok", ""
    except Skip as skip:
        return "skip", str(skip)
    except Exception as error:  # whatever a case trips over is the backend's answer
        why = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
        if with_trace:
            why += "\n" + traceback.format_exc()
        try:
            stage.check_alive()
        except Failed as dead:
            why += f"; {dead}"
        return "FAIL", why


def main(words):
    args = parse(words)
    for section in SECTIONS:
        importlib.import_module("cases_" + section)
    chosen = [
        case
        for case in CASES
        if not args.only or any(part in case.name or part in case.section for part in args.only)
    ]
    if args.list:
        for case in chosen:
            needs = f" [{', '.join(case.needs)}]" if case.needs else ""
            print(f"{case.section}: {case.name}{needs}\n    {case.sentence}")
        return 0
    counts = {"ok": 0, "FAIL": 0, "skip": 0}
    start = time.monotonic()
    stage = Stage(args)
    try:
        for case in chosen:
            outcome, why = run_case(stage, case, args.trace)
            counts[outcome] += 1
            print(f"{outcome} {case.name}{': ' if why else ''}{why}", flush=True)
    finally:
        why = stage.close()
    if why:
        counts["FAIL"] += 1
        print(f"FAIL the_backend_ends_in_order: {why}")
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    print(f"{counts['ok']} passed, {counts['FAIL']} failed{skipped}")
    return 1 if counts["FAIL"] or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
