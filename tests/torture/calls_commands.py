"""The commands whose calls fail in calls.py: what each needs, and what may be there after it.

The device of all of them is `work`; each point begins with a copy of what prepare() made of it. After a point the
command has done its work wholly or not at all, wholly if it ended with 0, and done again without a fault it succeeds.
"""

import contextlib
import glob
import json
import os
import re
import select
import shutil
import sqlite3
import subprocess

from world import EMAIL, HUNG, OURS, Device

COMMANDS = {}
LEFT_OVER = re.compile(r"\.[A-Za-z0-9]{6}$|^\.device-")  # of mkostemp(3), and of an id on its way
POINTS_FOR_ONE = 100


def command(kind):
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", kind.__name__).lower()
    COMMANDS[name] = kind
    return kind


def plain(doc):
    return {name: value for name, value in doc.items() if name not in OURS}


class Common:
    """What every command begins with: the device knows what the office has, and three changes wait."""

    def __init__(self, world, device, out):
        shutil.rmtree(out, ignore_errors=True)
        os.mkdir(out)
        device.run("sync")
        self.target, self.waits, self.given_up = [device.add() for _ in range(3)]
        device.run("sync")
        device.edit(self.waits)
        device.add()
        device.run("edit", self.given_up, "--set", "notes=given up")
        self.docs = {client_id: plain(doc) for client_id, doc in device.docs("tasks").items()}
        world.problems.extend(device.file_problems())
        self.folders = {folder: os.path.join(world.dir, "common", os.path.basename(folder))
                        for folder in (device.dir, out)}
        copy({folder: kept for folder, kept in self.folders.items()})
        self.points = 0  # that were looked at since: each leaves something at the office

    def restore(self):
        copy({kept: folder for folder, kept in self.folders.items()})


def copy(folders):
    for folder, to in folders.items():
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(folder, to)


class Command:
    words = ()
    codes = (0, 1, 3, 4)
    tells_on_stdout = False
    serves = False  # it goes on after a failure, and ends with 0
    failed = ""  # the call that was made to fail
    is_broken = False  # judged as if it acknowledged before it saved
    clean_out = ""  # what it prints when nothing fails

    def __init__(self, world):
        self.world = world
        self.device = Device(world, "work")
        self.out = os.path.join(world.dir, "out")  # for files that it writes
        self.folders = [self.device.dir, self.out]
        self.files = []
        self.docs = {}

    # ---- before a point ----

    def begin(self):
        common = self.world.common
        if common:
            common.restore()
        if not common or common.points > POINTS_FOR_ONE:
            common = self.world.common = Common(self.world, self.device, self.out)
        self.target, self.waits, self.given_up = common.target, common.waits, common.given_up
        self.docs = common.docs

    def prepare(self):
        self.begin()

    def before(self):
        """On the copy, without a fault."""

    # ---- the point ----

    def line(self):
        return self.words

    def run(self, prefix=()):
        self.world.prefix = list(prefix)
        try:
            return self.device.run(*self.line())
        finally:
            self.world.prefix = []

    def close(self):
        """After the last point: the common state gets through."""
        self.world.common.restore()
        self.device.run("sync")

    # ---- after it ----

    def plain_docs(self):
        return {client_id: plain(doc) for client_id, doc in self.device.docs("tasks").items()}

    def judge(self, code, out):
        now = self.plain_docs()
        yield from self.judge_docs(code, out, now)
        yield from self.judge_files()

    def judge_docs(self, code, out, now):
        yield from self.same(self.docs, now)

    def same(self, before, now, but=()):
        for client_id in before.keys() | now.keys():
            if client_id not in but and before.get(client_id) != now.get(client_id):
                yield f"{client_id} is {now.get(client_id)}, and was {before.get(client_id)}"

    def judge_files(self):
        yield from self.device.file_problems()
        yield from self.judge_names()

    def judge_names(self):
        for folder in self.folders:
            for name in os.listdir(folder):
                if LEFT_OVER.search(name) and self.failed != "unlink":
                    yield f"{name} was left behind"
        accounts = os.path.join(self.device.dir, "accounts")
        if os.path.exists(accounts):
            with open(accounts, encoding="utf-8") as file:
                json.load(file)

    def again(self):
        """The same without a fault, and then everything gets through."""
        code, out, complaint = self.run()
        if code != 0:
            yield f"again, it ended with {code}: {complaint}"
        else:
            yield from self.judge(code, out)
        yield from self.drain()

    def drain(self):
        code, _, complaint = self.device.run("sync")
        waiting = self.select("SELECT count(*) FROM sync_queue")
        if code != 0 or waiting != [(0,)]:
            yield f"the sync after it ended with {code}, {waiting} wait: {complaint}"

    def select(self, sql):
        (path,) = glob.glob(os.path.join(glob.escape(self.device.dir), "*.db"))
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db:
            return db.execute(sql).fetchall()

    def office_problems(self):
        docs = {"tasks": self.world.office_docs("tasks")}
        ledger = self.world.ledger
        title = self.world.title
        return [*ledger.missing_in(docs), *ledger.unseen_in(docs, title), *ledger.strange_in(docs, title)]


class Reader(Command):
    """It changes nothing, and says the same as always or that it cannot."""

    def judge(self, code, out):
        yield from super().judge(code, out)
        if code == 0 and out != self.clean_out:
            yield f"it printed {out[-200:]!r}, and not {self.clean_out[-200:]!r}"


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


# ---- the backend ----


class Backend(Command):
    """Of a copy of the backend's files, while nobody else serves them."""

    codes = (0, 1)

    def prepare(self):
        super().prepare()
        self.stop(self.world.backend)
        self.world.backend = None
        self.true_db = self.world.backend_db
        self.office = os.path.join(self.world.dir, "office")
        self.db = os.path.join(self.office, "backend.db")
        self.folders = [*self.folders, self.office]
        self.files = [self.true_db, self.world.password]
        self.copy_office()
        with contextlib.closing(sqlite3.connect(self.db, timeout=10)) as db:
            self.at_office = {row[0] for row in db.execute("SELECT client_id FROM records")}

    def copy_office(self):
        shutil.rmtree(self.office, ignore_errors=True)
        os.mkdir(self.office)
        for path in glob.glob(glob.escape(self.true_db) + "*"):
            shutil.copy2(path, self.office)

    def stop(self, process):
        """Its exit code, by the signal that ends it."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            code = process.wait(timeout=HUNG)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
            self.world.problems.append("the backend did not end when it was told to")
        process.stdout.read()  # strace, too, has ended then, and its log is whole
        process.stdout.close()
        self.world.gone(process)
        return code

    def close(self):
        self.world.backend_db = self.true_db
        self.world.start_backend()
        super().close()

    def backend(self, *words, prefix=(), stdin=None):
        line = [*prefix, self.world.backend_program, *words, "--db", self.db]
        process = self.world.keep(subprocess.Popen(line, env=self.world.env, stdin=stdin or subprocess.DEVNULL,
                                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        with process:
            return self.device.end(process)

    def judge_db(self):
        with contextlib.closing(sqlite3.connect(self.db, timeout=10)) as db:
            said = db.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                yield f"the backend's file: {said}"
            for client_id in self.docs:
                count = db.execute("SELECT count(*) FROM records WHERE client_id = ?", (client_id,)).fetchone()[0]
                if count != 1 and (count or client_id in self.at_office):
                    yield f"the backend has {client_id} {count} times"

    def drain(self):
        return ()


@command
class UserAdd(Backend):
    """an account at the backend"""

    def run(self, prefix=()):
        with open(self.world.password, "rb") as file:
            return self.backend("user", "add", "jo@example.org", prefix=prefix, stdin=file)

    def judge(self, code, out):
        listed = self.backend("user", "list")[1].split()
        self.is_there = "jo@example.org" in listed
        if sorted(listed) not in ([EMAIL], ["jo@example.org", EMAIL]) or (code == 0 and not self.is_there):
            yield f"it ended with {code}, and there are {listed}"
        yield from self.judge_db()

    def again(self):
        if self.is_there:
            return ()
        return super().again()


@command
class Epoch(Backend):
    """epoch --new, after a backup was restored"""

    def run(self, prefix=()):
        return self.backend("epoch", "--new", prefix=prefix)

    def prepare(self):
        super().prepare()
        self.epochs = self.settings()

    def settings(self):
        with contextlib.closing(sqlite3.connect(self.db, timeout=10)) as db:
            return dict(db.execute("SELECT name, value FROM settings"))

    def judge(self, code, out):
        now = self.settings()
        new = [value for name, value in now.items() if self.epochs.get(name) != value]
        if code == 0 and out.strip() not in new:
            yield f"it printed {out!r}, and the settings are {now}"
        yield from self.judge_db()


@command
class Serve(Backend):
    """the backend starts, answers a round of a device, and ends"""

    serves = True

    def before(self):
        """Not into the ledger: the office of all is another one."""
        self.new = self.device.run("add", "for one office")[1].strip()
        self.device.run("edit", self.target, "--set", "notes=for one office")

    def spawn(self, prefix):
        world = self.world
        line = [*prefix, world.backend_program, "serve", "--db", self.db, "--listen", f"127.0.0.1:{world.port}",
                "--tables", world.tables]
        with open(os.path.join(world.dir, "serve.log"), "wb") as log:
            return world.keep(subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                               env=world.env))

    def listens(self, process):
        ready, _, _ = select.select([process.stdout], [], [], HUNG)
        if not ready:
            self.world.problems.append("serve neither listened nor ended")
        return bool(ready) and process.stdout.readline().startswith(b"listening http://")

    def run(self, prefix=()):
        process = self.spawn(prefix)
        self.round = None
        if self.listens(process):
            self.round = self.device.run("sync")
        else:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=HUNG)
        code = self.stop(process)
        with open(os.path.join(self.world.dir, "serve.log"), encoding="utf-8", errors="replace") as log:
            return code, "", log.read()

    def judge(self, code, out):
        if self.round and self.round[0] not in (0, 1, 4):
            yield f"the round of the device ended with {self.round}"
        yield from self.judge_db()
        yield from self.device.file_problems()

    def again(self):
        self.world.backend_db = self.db
        self.world.start_backend()
        try:
            yield from Command.drain(self)
            docs = self.world.office_docs("tasks")
            ours = self.plain_docs()
            for client_id in ours.keys() | docs.keys():
                if plain(docs.get(client_id, {})) != ours.get(client_id):
                    yield f"the office has {docs.get(client_id)}, the device {ours.get(client_id)}"
            if self.new not in docs:
                yield f"{self.new} was acknowledged, and the office does not have it"
        finally:
            self.stop(self.world.backend)
            self.world.backend = None
            self.world.backend_db = self.true_db


@command
class NewEpoch(Backend):
    """a round after a backup was restored that has less: what is taken away goes into a file before"""

    words = ("sync",)
    codes = (0, 1, 4)
    run = Command.run

    def prepare(self):
        super().prepare()
        self.folders.remove(self.office)
        self.world.backend_db = self.db
        self.world.start_backend()
        other = Device(self.world, "other")
        other.sign_in()
        text = self.world.new_title("lost")
        self.world.ledger.tried("tasks", text)
        self.lost = other.run("add", text)[1].strip()
        other.run("sync")
        self.device.run("sync")
        self.docs = self.plain_docs()
        self.stop(self.world.backend)
        self.world.backend = None
        self.copy_office()
        self.backend("epoch", "--new")
        self.world.start_backend()

    def judge(self, code, out):
        now = self.plain_docs()
        yield from self.same(self.docs, now, (self.lost,))
        if self.lost in now and (code == 0 or now[self.lost] != self.docs[self.lost]):
            yield f"it ended with {code}, and what the backup lacks is {now[self.lost]}"
        kept = [line["doc"] for line in self.lines()]
        if self.lost not in now and self.docs[self.lost] not in [plain(doc) for doc in kept]:
            yield f"what the backup lacks is gone, and the file has {kept}"
        yield from self.judge_files()

    def lines(self):
        for path in glob.glob(os.path.join(glob.escape(self.device.dir), "*.recovered.jsonl")):
            with open(path, encoding="utf-8") as file:
                yield from (json.loads(line) for line in file)

    def drain(self):
        return Command.drain(self)

    def close(self):
        self.stop(self.world.backend)
        self.world.backend = None
        super().close()
