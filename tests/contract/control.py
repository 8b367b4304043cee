"""Powers over a backend that HTTP does not give: time, kill, epoch, restored files.

Three kinds: none (a URL alone), a command that somebody else provides, and the embedded backend,
which is started here, one instance per case that needs a power.
"""

import glob
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from definitions import PAGES, THINGS
from suite import Skip

START_S = 30
ACCOUNTS = [("alice@example.org", "correct horse 1"), ("bob@example.org", "battery staple 2")]


class NoControl:
    """A URL and nothing else."""

    powers = frozenset()
    is_embedded = False


class CommandControl:
    """Powers through a command: `CMD powers` prints their names, `CMD POWER [ARG]` uses one.

    advance SECONDS moves the backend's clock; epoch sets a new epoch and prints it; kill kills the
    backend without warning, starts it again and prints its URL.
    """

    is_embedded = False

    def __init__(self, command):
        self.command = command
        self.powers = frozenset(self.run("powers").split())

    def run(self, *words):
        done = subprocess.run(
            [*self.command.split(), *words], check=True, capture_output=True, text=True, timeout=120
        )
        return done.stdout.strip()

    def advance(self, seconds):
        self.run("advance", str(seconds))

    def new_epoch(self):
        return self.run("epoch")

    def kill(self):
        return self.run("kill")

    def close(self):
        pass


def faketime_library():
    """libfaketime of the Debian package `faketime`, or None."""
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else None


class Backend:
    """One embedded backend with a database of its own; stopped by its pid."""

    is_embedded = True
    powers = frozenset(["advance", "kill", "epoch", "restore", "signup", "fresh"])

    def __init__(self, binary, tables_dir=None, moves_time=False, options=()):
        self.binary = os.path.abspath(binary)
        self.dir = tempfile.mkdtemp(prefix="outpost-contract-")
        self.db = os.path.join(self.dir, "data", "backend.db")
        self.options = list(options)
        self.process = None
        self.moved_s = 0
        self.moves_time = moves_time
        os.mkdir(os.path.dirname(self.db))
        self.tables = os.path.join(self.dir, "tables")
        os.mkdir(self.tables)
        if tables_dir:
            for path in glob.glob(os.path.join(tables_dir, "*.json")):
                shutil.copy(path, self.tables)
        for table in (THINGS, PAGES):
            with open(
                os.path.join(self.tables, table["name"] + ".json"), "w", encoding="utf-8"
            ) as file:
                json.dump(table, file)
        for email, password in ACCOUNTS:
            self.command("user", "add", email, "--db", self.db, stdin=password + "\n")
        self.start()

    def command(self, *words, stdin=""):
        done = subprocess.run(
            [self.binary, *words],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.dir,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"outpost-backend {' '.join(words)}: exit {done.returncode}: {done.stderr}"
            )
        return done.stdout.strip()

    def environment(self):
        env = dict(os.environ)
        if self.moves_time:
            library = faketime_library()
            if library is None:
                raise Skip("needs the Debian package faketime")
            self.write_clock()
            env.update(
                LD_PRELOAD=library,
                FAKETIME_TIMESTAMP_FILE=self.clock_file(),
                FAKETIME_NO_CACHE="1",
                DONT_FAKE_MONOTONIC="1",
                FAKETIME_DONT_FAKE_MONOTONIC="1",
            )
            env["ASAN_OPTIONS"] = ":".join(
                filter(None, [env.get("ASAN_OPTIONS"), "verify_asan_link_order=0"])
            )
        return env

    def start(self):
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            [
                self.binary,
                "serve",
                "--db",
                self.db,
                "--listen",
                "127.0.0.1:0",
                "--tables",
                self.tables,
                *self.options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=self.environment(),
            cwd=self.dir,
        )
        self.url = self.wait_until_listening()

    def wait_until_listening(self):
        deadline = time.monotonic() + START_S
        line = b""
        fd = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([fd], [], [], max(0, deadline - time.monotonic()))
            byte = os.read(fd, 1) if readable else b""
            if not byte:
                raise RuntimeError(f"the backend did not start: {line!r} {self.tail()}")
            line += byte
        words = line.decode().split()
        if len(words) != 2 or words[0] != "listening":
            raise RuntimeError(f"wanted `listening URL`, got {line!r}")
        return words[1]

    def tail(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def end(self, how):
        """Ends the process by its pid; its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait(20)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return status

    def stop(self):
        return self.end(signal.SIGTERM)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def close(self):
        """Stops it and clears away; why the end was not in order, or None.

        A backend built with sanitizers tells here what it found.
        """
        status = self.end(signal.SIGTERM)
        why = f"the backend ended with status {status}: {self.tail()}" if status else None
        shutil.rmtree(self.dir, ignore_errors=True)
        return why

    # powers

    def clock_file(self):
        return os.path.join(self.dir, "clock")

    def write_clock(self):
        with open(self.clock_file() + ".new", "w", encoding="ascii") as file:
            file.write(f"{self.moved_s:+d}\n")
        os.replace(self.clock_file() + ".new", self.clock_file())

    def advance(self, seconds):
        self.moved_s += seconds
        self.write_clock()

    def kill(self):
        """kill -9 and a new start; the new URL."""
        self.end(signal.SIGKILL)
        self.start()
        return self.url

    def new_epoch(self):
        return self.command("epoch", "--new", "--db", self.db)

    def copy(self):
        """A backup of the stopped backend's database, as an operator would take it: the SQLite
        files."""
        backup = tempfile.mkdtemp(dir=self.dir)
        for suffix in ("", "-wal"):
            if os.path.exists(self.db + suffix):
                shutil.copy2(
                    self.db + suffix, os.path.join(backup, os.path.basename(self.db) + suffix)
                )
        return backup

    def restore(self, backup):
        """Puts a backup in the place of the stopped backend's database; nothing else is touched."""
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.db + suffix):
                os.unlink(self.db + suffix)
        for path in glob.glob(os.path.join(backup, "*")):
            shutil.copy2(path, os.path.join(os.path.dirname(self.db), os.path.basename(path)))
