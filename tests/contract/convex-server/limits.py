#!/usr/bin/env python3
"""Drives every Convex function to its page and batch limits and says what a call reads and writes,
against Convex's limits: 25 tables, one account.

    limits.py [--records N]     N small records on top (10,000), which must not matter
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]
sys.dont_write_bytecode = True

import json  # noqa: E402
import tempfile  # noqa: E402
import urllib.error  # noqa: E402

import control  # noqa: E402
import convex_backend  # noqa: E402
import definitions  # noqa: E402
from suite import applied, check, fails, value  # noqa: E402
from world import World, make_op, new_device, new_id  # noqa: E402

MIB = 1 << 20
LIMITS = {
    "databaseQueries": 4096,
    "documentsRead": 32000,
    "bytesRead": 16 * MIB,
    "documentsWritten": 16000,
    "bytesWritten": 16 * MIB,
}
SHEETS = [f"sheet{n:02}" for n in range(22)]  # with tasks and the two of the suite: 25 tables
LARGE = {"top": "a" * 65000, "left": "b" * 65000, "right": "c" * 65000, "bottom": "d" * 60000}
DAY_S = 24 * 3600


def write_definitions(folder):
    for name in SHEETS:
        sheet = {**definitions.PAGES, "name": name}
        with open(os.path.join(folder, name + ".json"), "w", encoding="utf-8") as file:
            json.dump(sheet, file)


def push(user, ops, **more):
    for start in range(0, len(ops), 500):
        for result in user.push_many(ops[start : start + 500], **more):
            applied(result)


def large_op(table, title="large"):
    return make_op(table, set={"title": title, **LARGE})


class Run:
    def __init__(self, backend, records):
        self.backend = backend
        tasks = definitions.read(definitions.TASKS_FILE)
        self.world = World(backend.url, control.ACCOUNTS, tasks, backend)
        self.me, self.you = self.world.me, self.world.you
        self.records = records
        self.notes = []

    def many_small_records(self):
        """They are there and must not show in any figure but the number of pages."""
        tables = ["tasks", *SHEETS]
        ops = []
        for n in range(self.records):
            table = tables[n % len(tables)]
            column = "text" if table == "tasks" else "title"
            ops.append(make_op(table, set={column: f"small {n}"}))
        push(self.me, ops)
        for table in tables:
            want = len([op for op in ops if op["table"] == table])
            check(len(self.me.walk(table)[0]) == want, f"a walk of {table} is not complete")

    def full_batches(self):
        """500 ops of 512 KiB; 500 ops that replace 20 others each; 500 ops with conflicts."""
        ops = [make_op(set={"text": "x", "notes": "n" * 700}) for _ in range(500)]
        push(self.me, ops)
        push(self.me, [make_op(replaces=[new_id() for _ in range(20)]) for _ in range(500)])
        edits = [
            make_op(client_id=op["clientId"], operation="update", set={"text": "y", "notes": "m"})
            for op in ops
        ]
        push(self.me, edits, device=new_device())
        replays = edits
        push(self.me, replays)

    def large_records(self):
        """As large as records get: pages of several tables, and batches that have to be halved."""
        ops = [large_op("contractpages") for _ in range(60)]
        for op in ops:
            applied(self.you.push(op))
        for table in SHEETS:
            applied(self.you.push(large_op(table)))
        edits = [
            make_op("contractpages", op["clientId"], "update", {"title": "small change"})
            for op in ops
        ]
        fails(self.you.push_many_call(edits))  # 60 * 250 KiB, read and written
        fails(self.you.push_many_call(edits[:30]))
        for start in range(0, 60, 20):
            push(self.you, edits[start : start + 20])
        self.notes.append("60 and 30 small ops on records of 245 KiB fail whole; 20 pass")

    def full_pages(self):
        for user in (self.me, self.you):
            cursors = dict.fromkeys(["contractpages", *SHEETS, "contractthings", "tasks"])
            while True:
                page = value(user.changes_call(cursors, 500))
                check(page["cursors"] != cursors or not page["more"], "the cursors stay")
                cursors = page["cursors"]
                if not page["more"]:
                    break
            for table in ("tasks", "contractpages"):
                user.walk(table)
                user.pages("records:list", "docs", table=table, limit=500)
            user.pages("records:conflicts", "conflicts", limit=500)
            user.head()
            value(user.query("users:viewer"))

    def office(self):
        doc = self.you.office_create({"title": "x", **LARGE}, "contractpages")
        self.you.get(doc["clientId"], "contractpages")
        self.you.office_update(doc, {"title": "y"}, "contractpages")
        self.you.remove(doc, "contractpages")
        notes = {"text": "t", "notes": "\U0001f527" * 20000}
        doc = value(self.you.mutation("tasks:create", set=notes))
        value(self.you.mutation("tasks:update", clientId=doc["clientId"], set={"text": "u"}))
        self.you.pages("tasks:list", "docs", limit=500)
        value(self.you.mutation("tasks:remove", clientId=doc["clientId"]))
        applied(self.you.push(large_op("contractpages")))

    def pruned(self):
        """A day when 1,000 tombstones and over 10,000 receipts have had their time."""
        docs, _ = self.me.walk("tasks")
        for doc in docs[:600]:
            self.me.remove(doc)
        self.backend.advance(181 * DAY_S)
        self.me.sign_in()
        self.me.record()

    def table(self):
        usage = self.backend.power("usage")
        lines = [
            "| function | ranges | documents read | MiB read | documents written | MiB written |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        over = []
        for path in sorted(usage):
            if path.split(":")[0] not in ("sync", "records", "tasks", "users", "prune"):
                continue
            most = usage[path]
            cells = [path]
            for name, limit in LIMITS.items():
                figure = most.get(name, 0)
                if figure > limit:
                    over.append(f"{path}: {name} {figure}")
                cells.append(f"{figure / MIB:.2f}" if name.startswith("bytes") else str(figure))
            lines.append("| " + " | ".join(cells) + " |")
        limits = ["Convex's limit", *LIMITS.values()]
        limits = [n // MIB if isinstance(n, int) and n >= MIB else n for n in limits]
        lines.append("| " + " | ".join(map(str, limits)) + " |")
        return lines, over


def main(words):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10000)
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="outpost-limits-") as folder:
        write_definitions(folder)
        backend = convex_backend.ConvexBackend(folder)
        passed, failed = 0, 0
        try:
            run = Run(backend, args.records)
            steps = (
                run.many_small_records,
                run.full_batches,
                run.large_records,
                run.full_pages,
                run.office,
                run.pruned,
            )
            for step in steps:
                try:
                    step()
                    passed += 1
                    print(f"ok {step.__name__}", flush=True)
                except (AssertionError, OSError, urllib.error.HTTPError) as error:
                    failed += 1
                    print(f"FAIL {step.__name__}: {error}")
            lines, over = run.table()
            print("\n".join([*lines, *run.notes]))
            passed, failed = passed + (not over), failed + bool(over)
            print("FAIL over a limit: " + "; ".join(over) if over else "ok all within the limits")
        finally:
            backend.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
