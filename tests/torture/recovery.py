"""What a person can do when the database is damaged, newer, without a definition, or holds a change
that cannot be read: by the command lines that doctor and README name."""

import glob
import json
import os
import sqlite3

from stories import define, story

PAGE = 4096


def database(device):
    return next(name for name in glob.glob(os.path.join(glob.escape(device.dir), "*.db")))


def expect(world, sentence, holds, *more):
    if not holds:
        world.problems.append(f"{sentence}: {more!r}"[:600])


def run_sql(device, text):
    db = sqlite3.connect(database(device), timeout=10)
    with db:
        db.executescript(text)
    db.close()


def overwrite(device, page):
    with open(database(device), "r+b") as file:
        file.seek(page * PAGE)
        file.write(b"\xa5" * PAGE)


def is_named(world, device, what, code="corrupt"):
    """doctor says what is wrong, what is safe and what to do."""
    status, out, _ = device.run("doctor", "--json")
    found = [f for f in json.loads(out)["findings"] if f["code"] == code]
    expect(world, f"{what}: doctor names it", status == 1 and found and found[0]["what"] and
           found[0]["todo"] and found[0]["safe"], status, out)


def come_back(world, device, what, tables=("tasks",)):
    """doctor --rescue, the database moved away, login, import, as README says it."""
    saved = os.path.join(world.dir, f"{device.name}.jsonl")
    code, _, complaint = device.run("doctor", "--rescue", saved)
    expect(world, f"{what}: something is rescued", os.path.exists(saved), code, complaint)
    for name in glob.glob(glob.escape(database(device)) + "*"):
        os.rename(name, os.path.join(world.dir, f"{device.name}-{os.path.basename(name)}"))
    code, _, complaint = device.sign_in()
    expect(world, f"{what}: login makes a new one", code == 0, code, complaint)
    for table in tables:
        code, out, complaint = device.run("import", saved, "--table", table)
        expect(world, f"{what}: import takes it back", code == 0, code, out, complaint)
    code, _, _ = device.run("doctor")
    expect(world, f"{what}: all is well again", code == 0)


def with_changes(world, name):
    """A device with records of before, new ones and edits that wait."""
    device = world.device(name)
    ids = [device.add() for _ in range(5)]
    device.run("sync")
    for client_id in ids[:3]:
        device.edit(client_id)
    for _ in range(30):
        device.add()
    return device


def damaged_schema(world):
    device = with_changes(world, "schema")
    overwrite(device, 0)
    is_named(world, device, "no schema")
    code, _, complaint = device.run("list")
    expect(world, "no schema: list says what to do", code == 1 and "outpost doctor" in complaint,
           code, complaint)
    come_back(world, device, "no schema")


def newer(world):
    device = with_changes(world, "newer")
    run_sql(device, "PRAGMA user_version = 99")
    before = open(database(device), "rb").read()
    is_named(world, device, "a newer database", "foreign")
    code, _, _ = device.run("add", "not into a newer one")
    expect(world, "a newer database: nothing is written", code == 1 and
           before == open(database(device), "rb").read())
    come_back(world, device, "a newer database")


def cut_short(world):
    """What lay behind the cut is lost; what the office has, and what is before it, is not."""
    device = world.device("cut")
    for _ in range(40):
        device.add()
    device.run("sync")
    for number in range(40):
        title = f"cut off {number}"
        world.ledger.tried("tasks", title)
        device.run("add", title)
    with open(database(device), "r+b") as file:
        file.truncate(os.path.getsize(database(device)) * 2 // 3 // PAGE * PAGE)
    is_named(world, device, "cut short")
    come_back(world, device, "cut short")


def unreadable(world):
    device = world.device("unreadable")
    edited, discarded, sound = device.add(), None, None
    title = world.new_title("given up")
    world.ledger.tried("tasks", title)
    discarded = device.run("add", title)[1].strip()
    sound = device.add()
    run_sql(device, f"UPDATE sync_queue SET payload = 'x{{' WHERE record_client_id IN "
                    f"('{edited}', '{discarded}')")
    is_named(world, device, "a change that cannot be read", "queue_unreadable")
    code, out, _ = device.run("queue", "export")
    lines = [json.loads(line) for line in out.splitlines()]
    expect(world, "every change is exported", code == 0 and len(lines) == 3 and
           lines[2]["clientId"] == sound and isinstance(lines[2]["set"], dict), out)
    notes = world.new_title("note")
    code, _, complaint = device.run("queue", "edit", edited, "--set", "notes=" + notes)
    expect(world, "queue edit makes it anew", code == 0, complaint)
    world.ledger.saved("tasks", edited, {"notes": notes})
    code, _, complaint = device.run("queue", "discard", discarded, "--yes")
    expect(world, "queue discard takes it out", code == 0, complaint)
    code, out, _ = device.run("doctor")
    expect(world, "afterwards all is well", code == 0, out)
    device.run("sync")
    expect(world, "what was made anew and what was sound is sent",
           device.status()["pending"] == 0)


def undefined(world):
    device = world.device("undefined")
    name, records = device.write_lines(3, "wells", "note")
    code, out, _ = device.run("import", "--table", "wells", name, "--json")
    device.note_import(code, out, records, "wells")
    path = os.path.join(world.tables, "wells.json")
    os.rename(path, path + ".away")
    is_named(world, device, "no definition", "definition_missing")
    code, out, _ = device.run("queue", "export")
    expect(world, "without a definition its changes are exported", code == 0 and
           [json.loads(line)["clientId"] for line in out.splitlines()] == list(records), out)
    expect(world, "the others go on", device.add() is not None)
    os.rename(path + ".away", path)
    code, out, _ = device.run("doctor")
    expect(world, "with the definition again all is well", code == 0, out)


@story
def recovery(world, _until):
    """Damaged, newer, cut short, undefined, unreadable: doctor, rescue, import, queue edit, discard."""
    define(world, 0)
    world.title["wells"] = "note"
    world.kill_backend()
    world.start_backend()
    for accident in (damaged_schema, newer, cut_short, unreadable, undefined):
        accident(world)
