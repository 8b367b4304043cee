"""The world of one story: a backend, devices, their killer, and a ledger of what was acknowledged.

Acknowledged means said to the user: an `add` printed the client id, an `edit` ended with 0, an
`import` ended with 0 and its summary. The ledger is judged against the office (records:list over
HTTP), against every device, and against a device that signs in only then.
"""

import collections
import contextlib
import glob
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import urllib.request

EMAIL = "maria@example.org"
PASSWORD = "correct horse battery"
HUNG = 90  # seconds: a command that takes longer hangs
OURS = ("serverId", "rev", "createdAt", "updatedAt", "deletedAt", "syncStatus")


def wait_until(what, seconds, sentence):
    """Looks 100 times a second."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while not what():
        if time.monotonic() > end:
            raise AssertionError("waited in vain: " + sentence)
        pause.wait(0.01)


class Ledger:
    """What was acknowledged, and what may be there without having been."""

    def __init__(self):
        self.lock = threading.Lock()
        self.records = {}  # (table, client id) -> {column: set of the values that may be there}
        self.titles = collections.defaultdict(set)  # table -> every title that was ever tried
        self.seen = collections.defaultdict(set)  # table -> titles of which only that is known
        self.writes = 0

    def saved_title(self, table, title):
        """The screen said that it is saved; it does not say under which id."""
        with self.lock:
            self.writes += 1
            self.seen[table].add(title)

    def tried(self, table, title):
        with self.lock:
            self.titles[table].add(title)

    def saved(self, table, client_id, columns):
        with self.lock:
            self.writes += 1
            record = self.records.setdefault((table, client_id), {})
            for name, value in columns.items():
                record[name] = {value}

    def perhaps(self, table, client_id, columns):
        """A write to a record that is known, whose end nobody saw: the value before or this one."""
        with self.lock:
            record = self.records[(table, client_id)]
            for name, value in columns.items():
                record.setdefault(name, {None}).add(value)

    def missing_in(self, docs):
        """Sentences about what was acknowledged and is not in docs: table -> {client id: doc}."""
        for (table, client_id), columns in self.records.items():
            doc = docs[table].get(client_id)
            if doc is None:
                yield f"{table} {client_id} {columns} is gone"
                continue
            for name, values in columns.items():
                if doc.get(name) not in values:
                    yield f"{table} {client_id} {name} is {doc.get(name)!r}, not one of {values}"

    def unseen_in(self, docs, title):
        """The same of those whose id nobody was told."""
        for table, titles in self.seen.items():
            for text in titles - {doc[title[table]] for doc in docs[table].values()}:
                yield f"{table} {text!r} was called saved, and is gone"

    def strange_in(self, docs, title):
        """Sentences about what is in docs twice, or was never captured."""
        for table, titles in self.titles.items():
            seen = collections.Counter(doc[title[table]] for doc in docs[table].values())
            for text, count in seen.items():
                if count > 1:
                    yield f"{table} {text!r} is there {count} times"
                if text not in titles:
                    yield f"{table} {text!r} was never captured"


class Device:
    def __init__(self, world, name, folder=None):
        self.world = world
        self.name = name
        self.dir = os.path.join(folder or world.dir, name)

    def command(self, *words):
        return [*self.world.prefix, self.world.outpost, "--data-dir", self.dir, "--config", self.world.config, *words]

    def spawn(self, *words, **how):
        pipe = subprocess.PIPE
        how = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe, **how}
        return self.world.keep(subprocess.Popen(self.command(*words), env=self.world.env, **how))

    def run(self, *words):
        """Exit code, what it printed, what it complained about."""
        with self.spawn(*words) as process:
            return self.end(process)

    def end(self, process):
        try:
            out, complaint = process.communicate(timeout=HUNG)
        except subprocess.TimeoutExpired:
            process.kill()
            out, complaint = process.communicate()
            self.world.problems.append(f"{process.args[5:]} hung")
        complaint = complaint or b""
        self.world.gone(process, complaint)
        return process.returncode, (out or b"").decode(), complaint.decode("utf-8", "replace")

    def run_killed(self, most, *words):
        """Runs it and kills it after at most so many seconds, at random. None: it was killed."""
        process = self.spawn(*words)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.world.rng.uniform(0, most))
        was_killed = process.poll() is None
        if was_killed:
            process.kill()
            self.world.kills["outpost"] += 1
        code, out, complaint = self.end(process)
        return (None if was_killed and code == -signal.SIGKILL else code), out, complaint

    def sign_in(self, killed_within=0):
        words = ["login", "--server", self.world.device_url, "--user", EMAIL]
        words += ["--password-file", self.world.password]
        return self.run_killed(killed_within, *words) if killed_within else self.run(*words)

    def status(self):
        code, out, complaint = self.run("status", "--json")
        if code != 0:
            raise AssertionError(f"status of {self.name}: {code} {complaint}")
        return json.loads(out)

    def docs(self, table):
        """Client id -> record, and a sentence if one is there twice."""
        code, out, complaint = self.run("export", "--table", table)
        if code != 0:
            raise AssertionError(f"export of {self.name}: {code} {complaint}")
        docs = [json.loads(line) for line in out.splitlines()]
        by_id = {doc["clientId"]: doc for doc in docs}
        if len(by_id) != len(docs):
            self.world.problems.append(f"{self.name} exports a record twice")
        return by_id

    # ---- captures ----

    def note_add(self, code, out, columns, table="tasks"):
        """Into the ledger, if it was acknowledged. A kill after the id takes nothing back."""
        client_id = out.strip()
        if out.endswith("\n") and len(client_id) == 36:
            self.world.ledger.saved(table, client_id, columns)
            return client_id
        if code == 0:
            self.world.problems.append(f"add ended with 0 and printed {out!r}")
        return None

    def add(self, killed_within=0):
        text = self.world.new_title(self.name)
        self.world.ledger.tried("tasks", text)
        words = ("add", text)
        code, out, _ = self.run_killed(killed_within, *words) if killed_within else self.run(*words)
        return self.note_add(code, out, {"text": text})

    def edit(self, client_id, killed_within=0):
        """Only ever by one worker of one record, or no order of the values would be known."""
        notes = self.world.new_title("note")
        words = ("edit", client_id, "--set", "notes=" + notes)
        self.world.ledger.perhaps("tasks", client_id, {"notes": notes})
        code, _, _ = self.run_killed(killed_within, *words) if killed_within else self.run(*words)
        if code == 0:
            self.world.ledger.saved("tasks", client_id, {"notes": notes})

    def write_lines(self, count, table="tasks", column="text", more=None):
        """A file to import with ids of its own; its name, and client id -> columns."""
        records = {}
        for _ in range(count):
            title = self.world.new_title(self.name)
            self.world.ledger.tried(table, title)
            client_id = f"01990000-0000-7000-8000-{self.world.rng.getrandbits(48):012x}"
            records[client_id] = {column: title, **(more or {})}
        name = os.path.join(self.world.dir, f"{self.name}-{self.world.serial}.jsonl")
        with open(name, "w", encoding="utf-8") as file:
            for client_id, columns in records.items():
                file.write(json.dumps({"clientId": client_id, **columns}) + "\n")
        return name, records

    def note_import(self, code, out, records, table="tasks"):
        if code == 0 and '"created"' in out:
            for client_id, columns in records.items():
                self.world.ledger.saved(table, client_id, columns)
            return True
        return False

    def forget_cursor(self):
        """Its next round walks every table from the start, as after years without a network."""
        for path in glob.glob(os.path.join(glob.escape(self.dir), "*.db")):
            db = sqlite3.connect(path, timeout=10)
            with db:
                db.execute("UPDATE sync_metadata SET cursor = 'forgotten'")
            db.close()

    # ---- what the file must be at any moment that nobody writes ----

    def file_problems(self):
        """Is its file sound, does a record wait exactly if an op does, was no try counted?"""
        for path in glob.glob(os.path.join(glob.escape(self.dir), "*.db")):
            db = sqlite3.connect(path, timeout=10)
            try:
                yield from self.problems_in(db)
            except sqlite3.DatabaseError as error:
                yield f"{self.name}: {error}"
            finally:
                db.close()

    def problems_in(self, db):
        said = db.execute("PRAGMA integrity_check").fetchone()[0]
        if said != "ok":
            yield f"{self.name}: {said}"
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'sync_queue'").fetchone():
            return
        db.execute("BEGIN")
        for (table,) in db.execute("SELECT table_name FROM sync_metadata").fetchall():
            ops = {row[0] for row in db.execute(
                "SELECT record_client_id FROM sync_queue WHERE table_name = ?", (table,))}
            records = {row[0] for row in db.execute(
                f"SELECT client_id FROM \"{table}\" WHERE sync_status = 'pending'")}
            if ops != records:
                yield f"{self.name}: {table}: ops and pending differ in {list(ops ^ records)[:3]}"
        counted = db.execute(
            "SELECT count(*) FROM sync_queue WHERE retry_count > 0 OR state = 'failed'")
        refused = counted.fetchone()[0]
        if refused:
            yield f"{self.name}: {refused} ops were counted as refused, and nobody refused any"


class World:
    def __init__(self, options, seed):
        self.rng = random.Random(seed)
        self.backend_program = os.path.abspath(options.backend)
        self.outpost = os.path.abspath(options.outpost)
        self.prefix = []  # before the devices' commands
        self.dir = tempfile.mkdtemp(prefix="outpost-torture.")
        self.config = os.path.join(self.dir, "device.conf")
        self.password = os.path.join(self.dir, "password")
        self.tables = os.path.join(self.dir, "tables")  # of the devices
        self.backend_tables = self.tables
        self.title = {"tasks": "text"}
        self.ledger = Ledger()
        self.kills = collections.Counter()
        self.problems = []
        self.processes = set()
        self.process_lock = threading.Lock()
        self.devices = []
        self.serial = self.times = 0
        self.backend = None
        self.backend_db = os.path.join(self.dir, "backend.db")
        self.port = 0
        self.url = self.device_url = None
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("OUTPOST_")}
        self.env.update(LC_ALL="C.UTF-8", LANGUAGE="", TZ="UTC", HOME=self.dir)
        os.mkdir(self.tables)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"tables_dir = {self.tables}\n")
        with open(self.password, "w", encoding="utf-8") as file:
            file.write(PASSWORD + "\n")

    def open(self, backend_folder=None):
        """An account, and the backend that serves it."""
        if backend_folder:
            self.backend_db = os.path.join(backend_folder, "backend.db")
        with open(self.password, "rb") as file:
            subprocess.run([self.backend_program, "user", "add", EMAIL, "--db", self.backend_db],
                           stdin=file, stdout=subprocess.DEVNULL, check=True, env=self.env)
        self.start_backend()

    def close(self):
        with self.process_lock:
            left = list(self.processes)
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def keep(self, process):
        with self.process_lock:
            self.processes.add(process)
        return process

    def gone(self, process, complaint=b""):
        with self.process_lock:
            self.processes.discard(process)
        died_itself = process.returncode < 0 and -process.returncode not in (
            signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        if died_itself or b"Sanitizer" in complaint:
            self.problems.append(
                f"{process.args[1:7]} died of {process.returncode}: {complaint[-600:]!r}")

    def again(self, until):
        """Once more? Every story does its things twice at least, however slow the machine is."""
        self.times += 1
        return self.times <= 2 or time.monotonic() < until

    def new_title(self, name):
        with self.ledger.lock:
            self.serial += 1
            return f"{name} {self.serial}"

    def device(self, name, folder=None):
        device = Device(self, name, folder)
        self.devices.append(device)
        code, _, complaint = device.sign_in()
        if code != 0:
            raise AssertionError(f"{name} cannot sign in: {complaint}")
        return device

    # ---- the backend ----

    def spawn_backend(self):
        command = [self.backend_program, "serve", "--db", self.backend_db, "--listen",
                   f"127.0.0.1:{self.port}", "--tables", self.backend_tables]
        with open(os.path.join(self.dir, "backend.log"), "ab") as log:
            self.backend = self.keep(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env=self.env))

    def start_backend(self):
        if self.backend and self.backend.poll() is None:
            return
        self.spawn_backend()
        line = self.backend.stdout.readline().decode()
        if not line.startswith("listening http://"):
            with open(os.path.join(self.dir, "backend.log"), encoding="utf-8") as log:
                raise AssertionError(f"the backend does not start: {log.read()[-400:]}")
        self.url = line.split()[1]
        self.port = int(self.url.rpartition(":")[2])
        self.device_url = self.device_url or self.url

    def kill_backend(self):
        if not self.backend:
            return
        if self.backend.poll() is None:
            self.backend.kill()
            self.kills["outpost-backend"] += 1
        self.backend.wait()
        self.backend.stdout.close()
        self.gone(self.backend)
        self.backend = None

    def call(self, kind, path, args, token=None):
        headers = {"Content-Type": "application/json", "Convex-Client": "torture-1.0"}
        if token:
            headers["Authorization"] = "Bearer " + token
        body = json.dumps({"path": path, "args": args, "format": "json"}).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        request = urllib.request.Request(f"{self.url}/api/{kind}", body, headers)
        with opener.open(request, timeout=30) as answer:
            said = json.load(answer)
        if said["status"] != "success":
            raise AssertionError(f"{path}: {said}")
        return said["value"]

    def office(self):
        params = {"flow": "signIn", "email": EMAIL, "password": PASSWORD}
        args = {"provider": "password", "params": params}
        return self.call("action", "auth:signIn", args)["tokens"]["token"]

    def office_docs(self, table):
        docs, cursor, token = {}, None, self.office()
        while True:
            args = {"protocol": 1, "table": table, "limit": 500}
            if cursor:
                args["cursor"] = cursor
            page = self.call("query", "records:list", args, token)
            for doc in page["docs"]:
                if doc["clientId"] in docs:
                    self.problems.append(f"the office lists {doc['clientId']} twice")
                docs[doc["clientId"]] = doc
            cursor = page["cursor"]
            if not page["more"]:
                return docs

    # ---- the end of a story ----

    def settle(self):
        """The faults have ended: everything gets through, to everybody."""
        self.start_backend()
        for _ in range(2):
            for device in self.devices:
                said = [None]

                def is_synced(device=device, said=said):
                    said[0] = device.run("sync", "--json")
                    status = device.status()
                    return said[0][0] == 0 and status["pending"] == 0 and status["complete"]

                wait_until(is_synced, 120, f"{device.name} does not get through: {said[0]}")

    def judge(self, check):
        """check(sentence, problems): the invariants at the end of every story."""
        fresh = self.device("fresh")
        docs = {}
        for table in self.title:
            docs[table] = self.office_docs(table)
        check("the office has every acknowledged write",
              [*self.ledger.missing_in(docs), *self.ledger.unseen_in(docs, self.title)])
        check("nothing is there twice, nothing out of nowhere",
              list(self.ledger.strange_in(docs, self.title)))
        differences = []
        for device in self.devices:
            for table, at_office in docs.items():
                here = device.docs(table)
                for client_id in here.keys() | at_office.keys():
                    pair = [{k: v for k, v in side.get(client_id, {}).items() if k not in OURS}
                            for side in (here, at_office)]
                    if pair[0] != pair[1]:
                        differences.append(f"{device.name} has {pair[0]}, the office {pair[1]}")
        check(f"{len(self.devices)} devices, one of them new, hold what the office holds",
              differences)
        broken = [sentence for device in self.devices for sentence in device.file_problems()]
        check("every file is sound, and what waits has its op", broken)
        check("no command hung or crashed, nothing odd was seen on the way", self.problems)
        fresh.run("logout")
