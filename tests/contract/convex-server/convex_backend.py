"""The Convex functions of assets/convex as a backend for the contract suite: a process of
server.mjs, with power over its clock and epoch through its control port."""

import glob
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

from control import ACCOUNTS
from definitions import PAGES, THINGS

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
START_S = 60


def node():
    """Node from the npm package that the lock file pins; never the machine's."""
    above = os.path.dirname(HERE)
    found = glob.glob(os.path.join(above, "node_modules", "node-linux-*", "bin", "node"))
    if not found:
        raise RuntimeError(f"no packages: run {os.path.join(above, 'install.sh')}")
    return found[0]


def write_tables(definitions, out):
    """The tables.ts of all definitions of a folder, as a user has it written."""
    program = os.environ.get("OUTPOST_PROGRAM", f"{ROOT}/build/release/src/app/outpost")
    with tempfile.TemporaryDirectory(prefix="outpost-tables-") as data:
        argv = [program, "--data-dir", data, "tables", "convex", "--dir", definitions, "--out", out]
        done = subprocess.run(argv, stderr=subprocess.PIPE, check=False, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(f"no tables.ts: {done.stderr.decode()}")


class ConvexBackend:
    """One server with a database of its own, in memory; stopped by its pid."""

    is_embedded = False
    powers = frozenset(["advance", "epoch", "signup", "fresh"])
    db = ""  # in memory: whatever a case calls it, every start is a new deployment

    def __init__(self, tables_dir=None, options=()):
        self.dir = tempfile.TemporaryDirectory(prefix="outpost-contract-")
        definitions = os.path.join(self.dir.name, "tables")
        os.mkdir(definitions)
        for path in glob.glob(os.path.join(tables_dir, "*.json")) if tables_dir else []:
            shutil.copy(path, definitions)
        for table in (THINGS, PAGES):
            path = os.path.join(definitions, table["name"] + ".json")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(table, file)
        self.tables = os.path.join(self.dir.name, "tables.ts")
        write_tables(definitions, self.tables)
        self.options = list(options)
        self.start()

    def start(self):
        words = [node(), os.path.join(HERE, "server.mjs"), "--tables", self.tables, *self.options]
        for account in ACCOUNTS:
            words += ["--account", *account]
        self.log = open(os.path.join(self.dir.name, "log"), "ab")
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
        )
        self.url = self.line("listening")
        self.control = self.line("control")

    def line(self, word):
        deadline = time.monotonic() + START_S
        line = b""
        fd = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
            byte = os.read(fd, 1) if readable else b""
            if not byte:
                raise RuntimeError(f"the server did not start: {line!r} {self.tail()}")
            line += byte
        words = line.decode().split()
        if len(words) != 2 or words[0] != word:
            raise RuntimeError(f"wanted `{word} URL`, got {line!r}")
        return words[1]

    def tail(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        return self.end(signal.SIGTERM)

    def end(self, how):
        """Ends the process by its pid; its exit status."""
        if how:
            self.process.send_signal(how)
        status = self.process.wait(20)
        self.process.stdin.close()
        self.process.stdout.close()
        self.log.close()
        return status

    def close(self):
        """Stops it and clears away; why the end was not in order, or None."""
        status = self.end(signal.SIGTERM)
        why = f"the server ended with status {status}: {self.tail()}" if status else None
        self.dir.cleanup()
        return why

    def power(self, name, body=None):
        data = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control}/{name}", data, method="POST")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    # powers

    def advance(self, seconds):
        self.power("advance", {"seconds": seconds})

    def new_epoch(self):
        return self.power("epoch")
