"""What a command is whose calls fail in calls.py: what it needs, and what may be there after it.

The device of all of them is `work`; each point begins with a copy of what prepare() made of it. After a point the
command has done its work wholly or not at all, wholly if it ended with 0, and done again without a fault it succeeds.
"""

import contextlib
import glob
import json
import os
import re
import shutil
import sqlite3

from world import OURS, Device

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
