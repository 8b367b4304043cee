"""The stories: who does what, and who is killed when. Each runs for a while, then it is judged."""

import contextlib
import os
import signal
import subprocess
import threading
import time

import proxy

STORIES = {}
SKIP = "skipped"


def story(function):
    STORIES[function.__name__.replace("_", "-")] = function
    return function


def pause(seconds):
    """The random length of an outage; nothing is waited for."""
    threading.Event().wait(seconds)


def kill(world, process, name="outpost"):
    if process.poll() is None:
        process.kill()
        world.kills[name] += 1
    process.wait()
    world.gone(process)


def follow(device):
    return device.spawn("sync", "--follow", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_file(world, device):
    """Between two kills, now and then: opening the file here also recovers it."""
    if world.rng.random() < 0.15:
        world.problems.extend(device.file_problems())


@story
def capture(world, until):
    """Adds and edits on two devices; they, their followers and the backend are killed."""
    devices = [world.device("one"), world.device("two")]
    followers = [follow(device) for device in devices]
    ids = {device.name: [] for device in devices}
    while world.again(until):
        for number, device in enumerate(devices):
            within = 0.04 if world.rng.random() < 0.5 else 0
            client_id = device.add(within)
            if client_id:
                ids[device.name].append(client_id)
            if ids[device.name]:
                device.edit(world.rng.choice(ids[device.name][-5:]), within)
            if world.rng.random() < 0.1:
                kill(world, followers[number])
                check_file(world, device)
                followers[number] = follow(device)
        if world.rng.random() < 0.05:
            world.kill_backend()
        elif world.rng.random() < 0.3:
            world.start_backend()
    for follower in followers:
        kill(world, follower)


@story
def bulk_import(world, until):
    """Imports are killed, and done again until they say that they are done."""
    device = world.device("one")
    while world.again(until):
        name, records = device.write_lines(3000)
        within, code = 0.05, None
        while code is None:
            code, out, _ = device.run_killed(within, "import", name, "--json")
            within *= 1.3
            check_file(world, device)
        if not device.note_import(code, out, records):
            world.problems.append(f"import ended with {code}: {out[-200:]}")


@story
def push(world, until):
    """Thousands of changes wait; the rounds that send them are killed, and so is the backend."""
    device = world.device("one")
    while world.again(until):
        name, records = device.write_lines(2000)
        code, out, _ = device.run("import", name, "--json")
        if not device.note_import(code, out, records):
            world.problems.append(f"import ended with {code}: {out[-200:]}")
        while time.monotonic() < until and device.status()["pending"]:
            world.start_backend()
            if world.rng.random() < 0.5:
                device.run_killed(0.25, "sync")
                check_file(world, device)
            else:
                process = device.spawn("sync", stdout=subprocess.DEVNULL)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(world.rng.uniform(0, 0.25))
                world.kill_backend()
                if world.rng.random() < 0.3:
                    kill(world, process)
                else:
                    device.end(process)


@story
def pull(world, until):
    """Another device sends; this one is killed while it receives, and so is the backend."""
    sender, device = world.device("sender"), world.device("receiver")
    while world.again(until):
        world.start_backend()
        name, records = sender.write_lines(2000)
        code, out, _ = sender.run("import", name, "--json")
        sender.note_import(code, out, records)
        sender.run("sync")
        client_id = device.add()
        for _ in range(4):
            device.run_killed(0.2, "sync")
            device.edit(client_id, 0.03)
            check_file(world, device)
        if world.rng.random() < 0.5:
            process = device.spawn("sync", stdout=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(world.rng.uniform(0, 0.2))
            world.kill_backend()
            device.end(process)


@story
def initial_sync(world, until):
    """New devices are killed in their first sync, again and again, until it is done."""
    sender = world.device("sender")
    name, records = sender.write_lines(6000)
    code, out, _ = sender.run("import", name, "--json")
    sender.note_import(code, out, records)
    sender.run("sync")
    number = 0
    while time.monotonic() < until and number < 6:
        number += 1
        device = type(sender)(world, f"new-{number}")
        world.devices.append(device)
        code, within = None, 0.4
        while code != 0:
            world.start_backend()
            code, _, complaint = device.sign_in(within)
            within *= 1.1
            if code is not None and code not in (0, 4):
                world.problems.append(f"login ended with {code}: {complaint[-300:]}")
                break
            if code is None and world.rng.random() < 0.3:
                world.kill_backend()
            check_file(world, device)
        device.add()


DEFINITION = """{ "name": "wells", "label": "Wells", "labelOne": "well", "title": "note", %s
  "columns": [
  { "name": "note", "label": "Note", "type": "text", "required": true }%s ] }
"""
COLUMN = ',\n  { "name": "more%d", "label": "More %d", "type": "%s" }'
TYPES = ("text", "integer", "bool", "real", "date")


def define(world, version):
    columns = "".join(COLUMN % (i, i, TYPES[i % len(TYPES)]) for i in range(version))
    sorts = '"sorts": [{ "name": "more", "column": "more%d" }],' % (version - 1) if version else ""
    temporary = os.path.join(world.dir, "definition")
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(DEFINITION % (sorts, columns))
    os.replace(temporary, os.path.join(world.tables, "wells.json"))


@story
def migration(world, until):
    """A table grows by a column and a sort order; who brings a file up to date is killed."""
    define(world, 0)
    world.title["wells"] = "note"
    world.kill_backend()
    world.start_backend()
    device = world.device("one")
    for version in range(1, 40):
        name, records = device.write_lines(1500, "wells", "note")
        code, out, _ = device.run("import", "--table", "wells", name, "--json")
        if not device.note_import(code, out, records, "wells"):
            world.problems.append(f"import ended with {code}: {out[-200:]}")
        if version % 2:
            device.run("sync")
        define(world, version)
        world.kill_backend()
        for _ in range(4):
            device.run_killed(0.06, "list", "--table", "wells")
            check_file(world, device)
            world.spawn_backend()
            pause(world.rng.uniform(0, 0.08))
            world.kill_backend()
        world.start_backend()
        title = world.new_title("well")
        world.ledger.tried("wells", title)
        value = {"text": "x", "integer": 7, "bool": True, "real": 0.5, "date": "2026-11-28"}[
            TYPES[(version - 1) % len(TYPES)]]
        typed = {True: "yes"}.get(value is True, str(value))
        column = f"more{version - 1}"
        code, out, _ = device.run("add", "--table", "wells", "--set", "note=" + title, "--set",
                                  f"{column}={typed}")
        if not device.note_add(code, out, {"note": title, column: value}, "wells"):
            world.problems.append(f"after the migration add ended with {code}")
        if time.monotonic() > until:
            break


@story
def stopped(world, until):
    """SIGSTOP, SIGTSTP and SIGCONT for whoever syncs and for the backend, while captures go on."""
    device, other = world.device("one"), world.device("two")
    follower = follow(device)
    while world.again(until):
        how = world.rng.choice((signal.SIGSTOP, signal.SIGTSTP))
        victim = world.rng.choice((follower, follower, world.backend))
        victim.send_signal(signal.SIGSTOP if victim is world.backend else how)
        world.kills["stop"] += 1
        # The save itself may be refused while a stopped process is inside a transaction; then
        # nothing was acknowledged.
        for _ in range(world.rng.randint(1, 4)):
            adder = device.spawn("add", text := world.new_title("one"))
            world.ledger.tried("tasks", text)
            with contextlib.suppress(subprocess.TimeoutExpired):
                adder.wait(8)
            if adder.poll() is None:
                victim.send_signal(signal.SIGCONT)
            code, out, _ = device.end(adder)
            device.note_add(code, out, {"text": text})
        other.add()
        if world.rng.random() < 0.2 and victim is follower:
            kill(world, follower)
            follower = follow(device)
        victim = follower if victim is not world.backend else victim
        victim.send_signal(signal.SIGCONT)
        if world.rng.random() < 0.3:
            other.run("sync")
    kill(world, follower)


@story
def eight(world, until):
    """Eight processes on one data directory, and whoever holds the sync lock is killed."""
    device = world.device("one")
    stop = threading.Event()

    def adds():
        mine = []
        while not stop.is_set():
            client_id = device.add()
            if client_id:
                mine.append(client_id)
                device.edit(mine[-1])
            else:
                world.problems.append("an add beside seven others was not acknowledged")

    def imports():
        while not stop.is_set():
            name, records = device.write_lines(300)
            code, out, complaint = device.run("import", name, "--json")
            if not device.note_import(code, out, records):
                world.problems.append(f"import ended with {code}: {complaint[-300:]}")

    def follows():
        while not stop.is_set():
            process = follow(device)
            while process.poll() is None and not stop.wait(0.02):
                pass
            if process.poll() is None:
                process.kill()
            process.wait()
            world.gone(process)

    def syncs():
        while not stop.is_set():
            device.run("sync")

    works = (adds, adds, adds, imports, follows, follows, follows, syncs)
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    try:
        while world.again(until):
            pause(world.rng.uniform(0.05, 0.5))
            holder = device.status()["syncProcess"]
            if holder and any(process.pid == holder for process in list(world.processes)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(holder, signal.SIGKILL)
                world.kills["lock holder"] += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@story
def flapping(world, until):
    """Every request may meet one of 14 faults; none of them counts as a refusal."""
    seed = world.rng.getrandbits(64)
    rng = type(world.rng)(seed)

    def choose(_path):
        if rng.random() < share[0]:
            fault = rng.choice(proxy.FAULTS)
            return (fault, rng.randrange(1 << 20)) if fault.startswith("cut") else fault
        return None

    share = [0]
    between = proxy.Proxy(world.port, choose)
    world.device_url = between.url
    device, other = world.device("one"), world.device("two")
    follower = follow(other)
    while world.again(until):
        share[0] = world.rng.choice((0, 0.2, 0.5, 0.9))
        for _ in range(world.rng.randint(1, 6)):
            client_id = device.add()
            other.add()
        device.edit(client_id)
        device.run("sync")
        device.edit(client_id)
        other.run("sync")
        check_file(world, device)
    share[0] = 0
    kill(world, follower)
    world.faults = between.counts


@story
def cut_answers(world, until):
    """The answer to a push is cut after 0, 1, 2, ... bytes, by a reset or by an orderly end."""
    cut = [None]
    asked = [0]

    def choose(path):
        if cut[0] is not None and path in ("sync:upsert", "sync:bulkUpsert") and not asked[0]:
            asked[0] = 1
            return cut[0]
        return None

    between = proxy.Proxy(world.port, choose)
    world.device_url = between.url
    device = world.device("one")
    position = world.cut_from
    while world.again(until):
        client_id = device.add()
        if position % 5 == 0:
            device.add()
        cut[0], asked[0] = (("cut-close", "cut-reset")[position % 2], position // 2), 0
        device.run("sync")
        if not asked[0]:
            world.problems.append(f"nothing was pushed at position {position}")
        device.edit(client_id)  # before the device knows what became of the first one
        cut[0] = None
        code, out, complaint = device.run("sync")
        if code != 0:
            world.problems.append(f"after a cut at {position}: sync: {code} {complaint}")
        position += 1
    world.faults = between.counts
