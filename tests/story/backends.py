#!/usr/bin/env python3
"""Stories of the real device against both backends, with the faults of the world between them:

    backends.py BUILD_DIR [embedded|convex] [--only WORD] [--keep]

The embedded backend gets its faults from a proxy and its clock from faketime; the Convex functions
run in tests/contract/convex-server, which has both.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CONTRACT = os.path.join(os.path.dirname(HERE), "contract")
sys.path[:0] = [HERE, CONTRACT, os.path.join(CONTRACT, "convex-server")]
sys.dont_write_bytecode = True

import control  # noqa: E402
import convex_backend  # noqa: E402
import definitions  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from suite import applied, check, same  # noqa: E402
from world import World, make_op, new_device  # noqa: E402

HOUR_S = 3600
EVERY = 10**9
PUSH = ("sync:upsert", "sync:bulkUpsert")
PAGED = 10_000
OK, NOT_REACHED, SOME_FAILED = 0, 4, 5


def strict_and_lax(folder):
    """A table whose backend allows less than its devices: what comes of it is refused there."""
    for name, most in (("strict", 20), ("lax", 200)):
        note = {"name": "note", "label": "Note", "type": "text", "required": True}
        note["maxLength"] = most
        table = {"name": "checks", "label": "Checks", "labelOne": "check", "title": "note"}
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "checks.json"), "w", encoding="utf-8") as file:
            json.dump({**table, "columns": [note]}, file)


class Embedded:
    def __init__(self, build, tables):
        program = os.path.join(build, "src", "backend", "outpost-backend")
        self.backend = control.Backend(program, tables, moves_time=True)
        self.proxy = FaultProxy(self.backend.url)
        self.direct_url, self.url = self.backend.url, self.proxy.url

    def faults(self, *rules):
        self.proxy.faults(rules)

    def struck(self):
        return self.proxy.struck

    def advance(self, seconds):
        self.backend.advance(seconds)

    def close(self):
        self.proxy.close()
        return self.backend.close()


class Convex:
    def __init__(self, _build, tables):
        self.backend = convex_backend.ConvexBackend(tables)
        self.direct_url = self.url = self.backend.url

    def faults(self, *rules):
        self.backend.power("faults", list(rules))

    def struck(self):
        return self.backend.power("struck")

    def advance(self, seconds):
        self.backend.advance(seconds)

    def close(self):
        return self.backend.close()


BACKENDS = {"embedded": Embedded, "convex": Convex}


def wait_for(what, condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < deadline, f"waited in vain: {what}")
        time.sleep(0.01)


class Device:
    """One data directory and the real program."""

    def __init__(self, stage, name):
        self.dir = os.path.join(stage.dir, name)
        self.stage = stage
        config = os.path.join(stage.dir, "device.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"tables_dir = {os.path.join(stage.dir, 'lax')}\n")
        program = os.path.join(stage.build, "src", "app", "outpost")
        self.words = [program, "--data-dir", self.dir, "--config", config]
        names = ("OUTPOST_TOKEN", "OUTPOST_SERVER", "OUTPOST_CONFIG", "OUTPOST_DATA_DIR")
        self.env = {k: v for k, v in os.environ.items() if k not in names}
        self.env.update(LC_ALL="C.UTF-8", LANGUAGE="")

    def start(self, *words):
        return subprocess.Popen(
            [*self.words, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.env,
        )

    def run(self, *words, code=OK, timeout_s=120):
        process = self.start(*words)
        try:
            out, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            check(False, f"outpost {' '.join(words)} is not done after {timeout_s} s: {out[-600:]}")
        text = out.decode("utf-8", "replace")
        wanted = code if isinstance(code, tuple) else (code,)
        check(process.returncode in wanted, f"{words}: exit {process.returncode}: {text[-600:]}")
        return text

    def sign_in(self):
        password = os.path.join(self.stage.dir, "password")
        email = self.stage.me.email
        self.run("login", "--server", self.stage.url, "--user", email, "--password-file", password)
        return self

    def add(self, text):
        return self.run("add", text).strip()

    def sync(self, code=OK):
        return self.run("sync", code=code)

    def status(self):
        return json.loads(self.run("status", "--json"))

    def records(self):
        lines = self.run("list", "--all", "--json").splitlines()
        records = [json.loads(line) for line in lines]
        names = [record["clientId"] for record in records]
        same(len(set(names)), len(names), "a device lists a record once; records")
        return {record["clientId"]: record for record in records}

    def nothing_waits(self):
        status = self.status()
        same([status["pending"], status["failed"]], [0, 0], "pending and failed")


class Stage:
    def __init__(self, build, kind):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix="outpost-stories-")
        strict_and_lax(self.dir)
        self.backend = BACKENDS[kind](build, os.path.join(self.dir, "strict"))
        self.url = self.backend.url
        with open(os.path.join(self.dir, "password"), "w", encoding="utf-8") as file:
            file.write(control.ACCOUNTS[0][1] + "\n")
        tasks = definitions.read(definitions.TASKS_FILE)
        self.world = World(self.backend.direct_url, control.ACCOUNTS, tasks, None)
        self.me = self.world.me
        self.devices = 0

    def device(self):
        self.devices += 1
        return Device(self, f"device{self.devices}").sign_in()

    def faults(self, *rules):
        self.backend.faults(*rules)

    def office(self, client_id):
        return self.me.get(client_id)

    def office_texts(self):
        docs = self.me.pages("records:list", "docs", table="tasks", limit=500)
        return [doc["text"] for doc in docs]

    def close(self):
        return self.backend.close()


def a_first_sync_brings_what_the_office_made(stage):
    made = [stage.me.office_create({"text": f"by the office {n}"}) for n in range(3)]
    stage.me.remove(made[0])
    device = stage.device()
    records = device.records()
    check(made[0]["clientId"] not in records, "a removed record was brought")
    for doc in made[1:]:
        same(records[doc["clientId"]]["text"], doc["text"], "text")
    check(device.status()["complete"] is True, "the first sync is not complete")


def what_is_captured_online_is_at_the_office(stage):
    device = stage.device()
    name = device.add("captured online")
    device.sync()
    same(stage.office(name)["text"], "captured online", "text")
    device.nothing_waits()


def what_is_captured_offline_arrives_after_the_token_expired(stage):
    device = stage.device()
    stage.faults({"fault": "before", "times": EVERY})
    names = [device.add(f"captured offline {n}") for n in range(5)]
    device.sync(NOT_REACHED)
    same(device.status()["pending"], 5, "pending")
    stage.faults()
    stage.backend.advance(2 * HOUR_S)
    device.sync()
    stage.me.sign_in()
    for name in names:
        check(stage.office(name) is not None, f"{name} did not arrive")
    device.nothing_waits()


def a_device_wins_over_the_office_and_the_conflict_is_told(stage):
    device = stage.device()
    name = device.add("first")
    device.sync()
    stage.me.office_update(stage.office(name), {"text": "by the office", "notes": "kept"})
    device.run("edit", name, "--set", "text=by the device")
    device.sync()
    doc = stage.office(name)
    same([doc["text"], doc["notes"]], ["by the device", "kept"], "text and notes at the office")
    same(device.records()[name]["notes"], "kept", "notes on the device")
    log = stage.me.conflicts(name)
    same([(c["column"], c["theirs"], c["ours"]) for c in log],
         [("text", "by the office", "by the device")], "conflict log")


def what_the_office_removes_goes_and_a_later_edit_revives_it(stage):
    device = stage.device()
    gone, revived = device.add("to be removed"), device.add("to be revived")
    device.sync()
    for name in (gone, revived):
        stage.me.remove(stage.office(name))
    device.run("edit", revived, "--set", "notes=still needed")
    device.sync()
    records = device.records()
    check(gone not in records, "the removed record is still there")
    same(records[revived]["notes"], "still needed", "notes on the device")
    same(stage.office(revived)["deletedAt"], None, "deletedAt at the office")


def a_lost_answer_makes_no_second_record(stage):
    device = stage.device()
    for fault in ("lost", "truncated"):
        stage.faults(*({"path": path, "fault": fault} for path in PUSH))
        names = [device.add(f"{fault} {n}") for n in range(3)]
        device.sync((OK, NOT_REACHED))
        same([rule["fault"] for rule in stage.backend.struck()][:1], [fault], "what struck")
        stage.faults()
        device.sync()
        texts = stage.office_texts()
        for n in range(len(names)):
            same(texts.count(f"{fault} {n}"), 1, f"records of {fault} {n}")
        device.nothing_waits()


def a_request_that_arrives_after_its_device_was_killed_undoes_nothing(stage):
    device = stage.device()
    name = device.add("before")
    device.sync()
    device.run("edit", name, "--set", "text=in a request that is held up")
    stage.faults({"path": "sync:upsert", "fault": "held", "ms": 3000})
    process = device.start("sync")
    wait_for("the request is held", lambda: stage.backend.struck())
    held_until = time.monotonic() + 3.5
    process.kill()
    process.communicate()
    device.run("edit", name, "--set", "text=newest")
    device.sync()
    same(stage.office(name)["text"], "newest", "text before the late arrival")
    wait_for("the held request has run", lambda: time.monotonic() > held_until)
    same(stage.office(name)["text"], "newest", "text after the late arrival")
    device.sync()
    same(device.records()[name]["text"], "newest", "text on the device")


def one_refused_change_fails_alone_and_says_why(stage):
    """With redaction: the code and the sentence come as data."""
    device = stage.device()
    lines = [{"note": "x" * 60 if n == 20 else f"check {n}"} for n in range(40)]
    path = os.path.join(stage.dir, "checks.jsonl")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    device.run("import", "--table", "checks", path)

    def has_failed():
        device.sync((OK, SOME_FAILED))
        return device.status()["failed"] == 1

    wait_for("three refusals", has_failed, 60)
    docs = stage.me.pages("records:list", "docs", table="checks", limit=500)
    same(len(docs), 39, "checks at the office")
    check("20" in device.run("queue"), "the queue does not say why")
    device.sync(SOME_FAILED)


def a_paused_deployment_counts_against_no_change(stage):
    """Production hides why a function failed: 200, status error, no data."""
    device = stage.device()
    names = [device.add(f"while paused {n}") for n in range(4)]
    stage.faults({"fault": "paused", "times": EVERY})
    for _ in range(4):
        device.sync(NOT_REACHED)
    status = device.status()
    same([status["pending"], status["failed"]], [4, 0], "pending and failed")
    stage.faults()
    device.sync()
    for name in names:
        check(stage.office(name) is not None, f"{name} did not arrive")
    device.nothing_waits()


def a_batch_that_fails_without_a_reason_is_halved_and_arrives(stage):
    device = stage.device()
    names = [device.add(f"halved {n}") for n in range(8)]
    stage.faults({"path": "sync:bulkUpsert", "fault": "paused", "times": 2})
    device.sync((OK, NOT_REACHED))
    check(stage.backend.struck(), "no batch was sent")
    device.sync()
    for name in names:
        check(stage.office(name) is not None, f"{name} did not arrive")
    device.nothing_waits()


def write_conflicts_are_tried_again(stage):
    device = stage.device()
    names = [device.add(f"in a 503 {n}") for n in range(3)]
    stage.faults(*({"path": path, "fault": "retryAfter", "times": 3} for path in PUSH))

    def has_arrived():
        device.sync((OK, NOT_REACHED))
        return device.status()["pending"] == 0

    wait_for("it arrives", has_arrived)
    check(stage.backend.struck(), "no 503 was given")
    for name in names:
        check(stage.office(name) is not None, f"{name} did not arrive")
    device.nothing_waits()


def a_captive_portal_is_no_backend(stage):
    device = stage.device()
    name = device.add("behind a portal")
    stage.faults({"fault": "garbage", "times": EVERY})
    device.sync(NOT_REACHED)
    stage.faults()
    device.sync()
    check(stage.office(name) is not None, "it did not arrive")


def ten_thousand_records_come_page_by_page(stage):
    ops = [make_op(set={"text": f"paged {n}"}) for n in range(PAGED)]
    writer = new_device()
    for start in range(0, PAGED, 500):
        for result in stage.me.push_many(ops[start : start + 500], device=writer):
            applied(result)
    stage.faults({"path": "sync:getAllForUser", "fault": "status", "after": 7, "times": 1})
    device = Device(stage, "paged")
    password = os.path.join(stage.dir, "password")
    words = ("login", "--server", stage.url, "--user", stage.me.email, "--password-file", password)
    device.run(*words, code=(OK, NOT_REACHED))
    device.sync()
    paged = [r for r in device.records().values() if r["text"].startswith("paged ")]
    same(sorted(r["clientId"] for r in paged), sorted(op["clientId"] for op in ops), "records")
    last = stage.office(ops[-1]["clientId"])
    stage.me.office_update(last, {"text": "changed later"})
    device.sync()
    same(device.records()[last["clientId"]]["text"], "changed later", "text")


STORIES = [
    a_first_sync_brings_what_the_office_made,
    what_is_captured_online_is_at_the_office,
    a_device_wins_over_the_office_and_the_conflict_is_told,
    what_the_office_removes_goes_and_a_later_edit_revives_it,
    a_lost_answer_makes_no_second_record,
    a_request_that_arrives_after_its_device_was_killed_undoes_nothing,
    one_refused_change_fails_alone_and_says_why,
    a_paused_deployment_counts_against_no_change,
    a_batch_that_fails_without_a_reason_is_halved_and_arrives,
    write_conflicts_are_tried_again,
    a_captive_portal_is_no_backend,
    ten_thousand_records_come_page_by_page,
    what_is_captured_offline_arrives_after_the_token_expired,  # moves the clock: last
]


def tell(build, kind, only, is_kept):
    passed, failed = 0, 0
    stage = Stage(build, kind)
    try:
        for story in STORIES:
            if only and only not in story.__name__:
                continue
            start = time.monotonic()
            try:
                stage.faults()
                story(stage)
                passed += 1
                print(f"ok {kind}: {story.__name__} ({time.monotonic() - start:.1f} s)", flush=True)
            except (AssertionError, OSError, KeyError, ValueError) as error:
                failed += 1
                print(f"FAIL {kind}: {story.__name__}: {error!r}", flush=True)
    finally:
        why = stage.close()
        if why:
            failed += 1
            print(f"FAIL {kind}: the backend ended badly: {why}")
        if failed or is_kept:
            print(f"What is left: {stage.dir}")
        else:
            shutil.rmtree(stage.dir, ignore_errors=True)
    return passed, failed


def main(words):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build")
    parser.add_argument("kind", nargs="?", choices=sorted(BACKENDS))
    parser.add_argument("--only")
    parser.add_argument("--keep", action="store_true")
    args = parser.parse_args(words)
    kinds = [args.kind] if args.kind else sorted(BACKENDS)
    results = [tell(os.path.abspath(args.build), kind, args.only, args.keep) for kind in kinds]
    passed, failed = (sum(numbers) for numbers in zip(*results))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
