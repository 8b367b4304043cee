"""The commands of the backend whose calls fail in calls.py, and a round after one of them."""

import contextlib
import glob
import json
import os
import select
import shutil
import sqlite3
import subprocess

from calls_command import Command, command, plain
from world import EMAIL, HUNG, Device


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
