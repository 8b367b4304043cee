"""The commands of a device whose calls fail in calls.py."""

import contextlib
import glob
import json
import os
import sqlite3

from calls_command import Command, Reader, command, copy
from world import EMAIL


# ---- signing in and out ----


@command
class Login(Command):
    """a first start, and the first sign-in"""

    def line(self):
        return ("login", "--server", self.world.device_url, "--user", EMAIL, "--password-file", self.world.password)

    def prepare(self):
        super().prepare()
        self.device.run("sync")
        self.docs = self.plain_docs()
        copy({self.out: self.device.dir})  # nothing
        self.files = [self.world.password]

    def judge(self, code, out):
        if code == 0:
            status = self.device.status()
            if status["account"] != EMAIL or not status["complete"]:
                yield f"it signed in, and status says {status}"
            yield from self.same(self.docs, self.plain_docs())
        yield from self.judge_files()


@command
class LoginAgain(Login):
    """signing in again, while changes wait"""

    def prepare(self):
        Command.prepare(self)
        self.device.sign_in()  # or the session of all would end
        self.device.run("logout")
        self.files = [self.world.password]

    def judge(self, code, out):
        if code == 0:
            yield from self.same(self.docs, self.plain_docs())
        yield from self.judge_files()


@command
class Logout(Command):
    """signing out, while changes wait: they stay"""

    words = ("logout",)

    def before(self):
        """With a session of its own: the server ends it."""
        self.device.sign_in()

    def judge(self, code, out):
        yield from self.judge_files()
        signed_in = self.device.run("list")[0] == 0
        if code == 0 and signed_in:
            yield "it signed out, and is signed in"

    def again(self):
        code, _, complaint = self.run()
        if code not in (0, 3):
            yield f"again, it ended with {code}: {complaint}"
        code, _, complaint = self.device.sign_in()
        if code != 0:
            yield f"signing in again ended with {code}: {complaint}"
        yield from self.drain()
        yield from self.same(self.docs, self.plain_docs())


# ---- capture ----


@command
class Add(Command):
    """a new record"""

    def line(self):
        return ("add", self.text)

    def before(self):
        self.choose_text()
        self.known = self.docs

    def judge_docs(self, code, out, now):
        new = now.keys() - self.known.keys()
        yield from self.same(self.known, now, new)
        client_id = self.device.note_add(code, out, {"text": self.text})
        if (self.is_broken or client_id or code == 0) and (len(new) != 1 or client_id not in {None, *new}):
            yield f"{self.text!r} was acknowledged and is gone: {code} {out!r}, there is {new}"
        for one in new:
            if len(new) > 1 or now[one]["text"] != self.text:
                yield f"a record is there that was never captured so: {now[one]}"
        self.known = now
        self.choose_text()

    def choose_text(self):
        self.text = self.world.new_title("added")
        self.world.ledger.tried("tasks", self.text)


class Change(Command):
    """Of one record that is there."""

    def wanted(self):
        return {}

    def change(self):
        return self.target

    def before(self):
        if "notes" in self.wanted_names:
            self.notes = self.world.new_title("note")
            self.world.ledger.perhaps("tasks", self.change(), {"notes": self.notes})

    wanted_names = ("notes",)

    def judge_docs(self, code, out, now):
        client_id = self.change()
        yield from self.same(self.docs, now, (client_id,))
        wanted = {**self.docs[client_id], **self.wanted()}
        allowed = [wanted] if code == 0 or self.is_broken else [wanted, self.docs[client_id]]
        if now.get(client_id) not in allowed:
            yield f"it ended with {code}, and the record is {now.get(client_id)}"
        if code == 0:
            self.world.ledger.saved("tasks", client_id, self.wanted())


@command
class Edit(Change):
    """a change of a record"""

    def line(self):
        return ("edit", self.target, "--set", "notes=" + self.notes)

    def wanted(self):
        return {"notes": self.notes}


@command
class Done(Change):
    """a record is done"""

    wanted_names = ()

    def line(self):
        return ("done", self.target)

    def wanted(self):
        return {"isCompleted": True}


@command
class Import(Command):
    """four new records from a file"""

    def line(self):
        return ("import", self.path, "--json")

    def before(self):
        name, self.records = self.device.write_lines(4)
        self.path = os.path.join(self.world.dir, "import.jsonl")
        self.files = [self.path]
        os.rename(name, self.path)

    def judge_docs(self, code, out, now):
        yield from self.same(self.docs, now, self.records)
        for client_id, columns in self.records.items():
            there = now.get(client_id)
            if (there is None and code == 0) or (there and there["text"] != columns["text"]):
                yield f"it ended with {code}, and {client_id} is {there}"
        self.device.note_import(code, out, self.records)


# ---- files that are written ----


class Writer(Command):
    """A file appears whole, or the one before it stays."""

    earlier = '{"earlier":true}\n'

    def prepare(self):
        super().prepare()
        self.path = os.path.join(self.out, "out.jsonl")
        self.files = [self.path]
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(self.earlier)
        self.clean = None

    def judge_docs(self, code, out, now):
        yield from super().judge_docs(code, out, now)
        with open(self.path, encoding="utf-8") as file:
            text = file.read()
        if code == 0 and self.clean is None:
            self.clean = text
        if text != self.earlier or code == 0:
            yield from self.judge_text(text, now)
        if code == 0 and text == self.earlier:
            yield "it ended with 0, and the earlier file is there"

    def judge_text(self, text, now):
        docs = [json.loads(line) for line in text.splitlines()]
        ids = {doc["clientId"] for doc in docs}
        wanted = self.wanted_ids(now)
        if ids != wanted or not text.endswith("\n") or len(docs) != len(wanted):
            yield f"the file has {len(docs)} lines of {len(wanted)}, and ends {text[-60:]!r}"

    def wanted_ids(self, now):
        return set(now)


@command
class Export(Writer):
    """every record to a file, in the place of an earlier one"""

    def line(self):
        return ("export", self.path)


@command
class QueueExport(Writer):
    """what waits to a file, in the place of an earlier one"""

    def line(self):
        return ("queue", "export", self.path)

    def wanted_ids(self, now):
        return {row[0] for row in self.select("SELECT record_client_id FROM sync_queue")}


@command
class Rescue(Writer):
    """doctor --rescue to a file, in the place of an earlier one"""

    def line(self):
        return ("doctor", "--rescue", self.path)

    def judge_text(self, text, now):
        waiting = {row[0] for row in self.select("SELECT record_client_id FROM sync_queue")}
        ids = {json.loads(line)["clientId"] for line in text.splitlines()}
        if not waiting <= ids or not text.endswith("\n"):
            yield f"{len(waiting - ids)} that wait are not in the file, which ends {text[-60:]!r}"


# ---- reading ----


@command
class List(Reader):
    """the list"""

    words = ("list", "--all")


@command
class Show(Reader):
    """one record"""

    def line(self):
        return ("show", self.target)


@command
class Tables(Reader):
    """the tables"""

    words = ("tables",)


@command
class Queue(Reader):
    """what waits"""

    words = ("queue", "--json")


@command
class Status(Reader):
    """the state of the device"""

    words = ("status", "--json")

    def judge(self, code, out):
        yield from Command.judge(self, code, out)
        if code == 0:
            now, clean = json.loads(out), json.loads(self.clean_out)
            for name in ("account", "pending", "failed", "complete", "device"):
                if now[name] != clean[name]:
                    yield f"{name} is {now[name]!r}, and not {clean[name]!r}"


@command
class Doctor(Command):
    """what is wrong"""

    words = ("doctor",)
    tells_on_stdout = True


# ---- what waits ----


@command
class QueueEdit(Change):
    """another value for what waits"""

    def change(self):
        return self.waits

    def line(self):
        return ("queue", "edit", self.waits, "--set", "notes=" + self.notes)

    def wanted(self):
        return {"notes": self.notes}


@command
class QueueRetry(Command):
    """what was refused three times is to be sent again"""

    words = ("queue", "retry")

    def before(self):
        (path,) = glob.glob(os.path.join(glob.escape(self.device.dir), "*.db"))
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:
            db.execute("UPDATE sync_queue SET state = 'failed', retry_count = 3 WHERE record_client_id = ?",
                       (self.waits,))

    def judge(self, code, out):
        rows = self.select(f"SELECT state, retry_count FROM sync_queue WHERE record_client_id = '{self.waits}'")
        if rows not in ([("queued", 0)], [("failed", 3)]) or (code == 0 and rows != [("queued", 0)]):
            yield f"it ended with {code}, and the change is {rows}"
        for sentence in super().judge(code, out):
            if "counted as refused" not in sentence:
                yield sentence


@command
class QueueDiscard(Command):
    """a change is given up: it is in a file, and the office's version is back"""

    def line(self):
        return ("queue", "discard", self.given_up, "--yes")

    def lines(self):
        for path in glob.glob(os.path.join(glob.escape(self.device.dir), "discarded-*.jsonl")):
            with open(path, encoding="utf-8") as file:
                yield from (json.loads(line) for line in file)

    def judge_docs(self, code, out, now):
        yield from self.same(self.docs, now, (self.given_up,))
        waits = self.select(f"SELECT 1 FROM sync_queue WHERE record_client_id = '{self.given_up}'")
        notes = now.get(self.given_up, {}).get("notes")
        if notes != ("given up" if waits else None) or (waits and code == 0):
            yield f"it ended with {code}, the change is {'there' if waits else 'gone'}, notes are {notes!r}"
        kept = [line["set"] for line in self.lines() if line["clientId"] == self.given_up]
        if not waits and {"notes": "given up"} not in kept:
            yield f"the change is gone, and the file has {kept}"
        self.is_gone = not waits

    def again(self):
        if self.is_gone:
            return self.drain()
        return super().again()


# ---- sync ----


@command
class Sync(Command):
    """a round: what waits is sent, what is new comes"""

    words = ("sync",)
    codes = (0, 1, 4)

    def prepare(self):
        """What waits must not be older than what the office has been sent by copies of it."""
        self.world.common = None
        super().prepare()

    def before(self):
        """Something new of its own, for the others have sent what waits already."""
        self.new = self.device.add()
        self.device.edit(self.target)

    def judge_docs(self, code, out, now):
        if self.new not in now:
            yield f"{self.new} was acknowledged and is gone"
        for client_id, doc in self.docs.items():
            there = now.get(client_id)
            if there is None or (client_id != self.target and there != doc):
                yield f"{client_id} is {there}, and was {doc}"

    def judge(self, code, out):
        yield from super().judge(code, out)
        waiting = self.select("SELECT count(*) FROM sync_queue")
        if code == 0 and waiting != [(0,)]:
            yield f"it ended with 0, and {waiting} wait"
