#!/usr/bin/env python3
"""25 tables over the wire, as a proxy sees them: how many requests a round takes, what a first sync that is killed
fetches again, and how much memory the device takes.

    sync.py BUILD_DIR [--records N]     N in all tables together, 15,000 without it; ends with `N passed, N failed`
"""

import argparse
import gzip
import json
import os
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "story"))
from fault_proxy import FaultProxy  # noqa: E402

TABLES = ROOT / "assets" / "tables" / "maintenance"
NAMES = sorted(path.stem for path in TABLES.glob("*.json"))
EMAIL, PASSWORD = "maria@example.org", "correct horse battery"
PAGE = 500
WALK, CHANGES = "sync:getAllForUser", "sync:getChangesSince"
PEAK_MIB = 32               # whatever the tables hold
LIMIT_S = 1200


class Watch(FaultProxy):
    """Notes each call and the ids in its answer; `stop_at` walks from now on, answers wait until `let_go`."""

    def __init__(self, url):
        self.calls, self.stop_at = [], None
        self.stopped, self.gone = threading.Event(), threading.Event()
        super().__init__(url)

    def forward(self, handler, body):
        is_packed = handler.headers.get("Content-Encoding") == "gzip"
        call = json.loads(gzip.decompress(body) if is_packed else body) if body else {}
        status, headers, answer = super().forward(handler, body)
        is_zipped = any(name.lower() == "content-encoding" and text == "gzip" for name, text in headers)
        value = json.loads(gzip.decompress(answer) if is_zipped else answer).get("value") if call else None
        self.note(call, value)
        return status, headers, answer

    def note(self, call, value):
        path = call.get("path", "GET")
        ids = []
        if path == WALK:
            ids = [(call["args"]["table"], doc["clientId"]) for doc in value["docs"]]
        elif path == CHANGES:
            ids = [(change["table"], change["doc"]["clientId"]) for change in value["changes"]]
        with self.lock:
            if path == WALK and self.stop_at == 0:
                self.stopped.set()
            elif path == WALK and self.stop_at is not None:
                self.stop_at -= 1
            self.calls.append((path, call.get("args", {}), ids))
            is_stopped = self.stopped.is_set()
        if is_stopped:                      # its answer never arrives
            self.gone.wait(LIMIT_S)
            raise ConnectionError

    def stop_after(self, walks):
        self.stop_at = walks
        self.stopped.clear()
        self.gone.clear()

    def let_go(self):
        self.stop_at = None
        self.stopped.clear()
        self.gone.set()

    def take(self):
        with self.lock:
            calls, self.calls = self.calls, []
        return calls


class Site:
    def __init__(self, build, folder):
        self.outpost, self.backend = f"{build}/src/app/outpost", f"{build}/src/backend/outpost-backend"
        self.dir = folder
        self.db = f"{folder}/backend.db"
        Path(f"{folder}/conf").write_text(f"tables_dir = {TABLES}\n", "utf-8")
        Path(f"{folder}/password").write_text(PASSWORD + "\n", "utf-8")
        self.run_backend("user", "add", EMAIL, stdin=PASSWORD + "\n")

    def run_backend(self, *words, stdin=""):
        subprocess.run([self.backend, *words, "--db", self.db], input=stdin, text=True, check=True, timeout=LIMIT_S,
                       stdout=subprocess.DEVNULL)

    def seed(self, count):
        """So many in each table; the first ones are those that are there."""
        self.run_backend("seed", "--user", EMAIL, "--count", str(count), "--tables", str(TABLES))

    def serve(self):
        self.process = subprocess.Popen([self.backend, "serve", "--db", self.db, "--listen", "127.0.0.1:0", "--tables",
                                         str(TABLES)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return self.process.stdout.readline().split()[1]

    def start(self, device, *words):
        argv = [self.outpost, "--data-dir", f"{self.dir}/{device}", "--config", f"{self.dir}/conf", *words]
        with open(f"{self.dir}/said", "ab") as said:
            return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def login(self, device, url):
        return self.start(device, "login", "--server", url, "--user", EMAIL, "--password-file", f"{self.dir}/password")

    @staticmethod
    def end(process):
        """(exit code, peak MiB). What wait4 calls its peak begins with the memory of this program."""
        peak = 0
        fd = os.pidfd_open(process.pid)
        while not select.select([fd], [], [], 0.01)[0]:
            status = Path(f"/proc/{process.pid}/status").read_text("ascii")
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            peak = int(found[1]) / 1024 if found else peak
        os.close(fd)
        return process.wait(), peak


def ids_of(calls, path):
    return [one for called, _, ids in calls if called == path for one in ids]


def order(walks):
    """Each name once, as they come."""
    return list(dict.fromkeys(walks))


def is_full(calls):
    """Of each page but the last one of its table: has it as many records as were asked for? Pages begin small."""
    walks = [(args["table"], args["limit"], len(ids)) for path, args, ids in calls if path == WALK]
    return [count == limit for (table, limit, count), after in zip(walks, walks[1:]) if table == after[0]]


def all_full(pages):
    """The same of pages over all tables; each names all of them."""
    return (all(len(ids) == args["limit"] for args, ids in pages[:-1]) and 0 < len(pages[-1][1]) <= PAGE and
            all(sorted(args["cursors"]) == NAMES for args, _ in pages))


def first_sync(site, watch, each, check):
    started = time.monotonic()
    code, peak = site.end(site.login("one", watch.url))
    took = time.monotonic() - started
    calls = watch.take()
    got = ids_of(calls, WALK)
    walks = [args["table"] for path, args, _ in calls if path == WALK]
    print(f"     {len(got)} records in {took:.1f} s through the proxy, {len(walks)} requests, {peak:.1f} MiB at most")
    check("the first sync of 25 tables", code == 0)
    check("gets every record once", len(got) == len(set(got)) == each * len(NAMES))
    check("table by table", [name for i, name in enumerate(walks) if walks[i - 1:i] != [name]] == order(walks))
    check("no page that is not the last of its table or full", all(is_full(calls)))
    check(f"with at most {PEAK_MIB} MiB", peak <= PEAK_MIB)


def round_of(site, watch, device="one"):
    code, _ = site.end(site.start(device, "sync"))
    calls = watch.take()
    return code, [(args, ids) for path, args, ids in calls if path == CHANGES], [path for path, _, _ in calls]


def steady(site, watch, each, check):
    code, pages, paths = round_of(site, watch)
    check("a round with nothing to do is one request for all tables", code == 0 and len(pages) == 1)
    check("and asks for the server's name and version, and for nothing else", sorted(paths) == ["GET", "GET", CHANGES])
    check("it names all 25 tables", sorted(pages[0][0]["cursors"]) == NAMES)

    site.seed(each + 4)
    code, pages, paths = round_of(site, watch)
    check("25 tables changed", code == 0 and sorted({table for _, ids in pages for table, _ in ids}) == NAMES)
    check("in one page: that is one request", len(pages) == 1 and len(pages[0][1]) == 100 and WALK not in paths)

    site.seed(each + 104)
    code, pages, paths = round_of(site, watch)
    got = [one for _, ids in pages for one in ids]
    print(f"     2,500 changes came in pages of {', '.join(str(len(ids)) for _, ids in pages)}")
    check("2,500 changes of 25 tables: a request for each full page, not for each table",
          code == 0 and all_full(pages) and len(pages) == 7 and WALK not in paths)
    check("each change once", len(set(got)) == len(got) == 2500)


def killed(site, watch, each, check):
    """The answer to a walk's request is kept back and the device is killed there; then it goes on."""
    pages = -(-each // PAGE) * len(NAMES)
    at = [0, 1, pages // 4, pages // 4, pages // 3]
    got, refused = [], 0
    for turn, walks in enumerate(at):
        watch.stop_after(walks)
        process = site.login("two", watch.url) if turn == 0 else site.start("two", "sync")
        stopped = watch.stopped.wait(LIMIT_S)
        process.kill()
        site.end(process)
        watch.let_go()
        arrived = [one for one in watch.take() if one[0] == WALK]
        refused += not stopped or len(arrived) != walks + 1
        got += [one for _, _, ids in arrived[:walks] for one in ids]
    check(f"a first sync is killed {len(at)} times", refused == 0)
    known = set(got)
    code, peak = site.end(site.start("two", "sync"))
    calls = watch.take()
    rest = ids_of(calls, WALK)
    again = len(known) + len(set(rest)) - len(known | set(rest)) + len(got) - len(known)
    print(f"     {len(known)} records had arrived before the last kill, {again} were fetched again")
    check("it is completed", code == 0 and len(known | set(rest)) == each * len(NAMES))
    check("what was there was not fetched again, but for the pages that a kill hit", again <= PAGE * len(at))
    done = {name for name in NAMES if sum(table == name for table, _ in known) == each}
    tables = [args["table"] for path, args, _ in calls if path == WALK]
    whole = {name for name in done if any(args["table"] == name for path, args, _ in calls if path == WALK)}
    check("nor any page of a table that was complete, but for the last one", len(done) > 1 and len(whole) <= 1)
    left = [each - sum(table == name for table, _ in known) for name in NAMES]
    least = sum(-(-count // PAGE) for count in left)
    check("nor more requests than that takes: one again, and two because pages begin small", len(tables) <= least + 3)
    check(f"with at most {PEAK_MIB} MiB", peak <= PEAK_MIB)


def in_a_network_of_its_own():
    """A link of the machine that goes and comes makes the device ask again, as it should; here none does."""
    alone = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if "OUTPOST_TEST_ALONE" in os.environ:
        return
    if subprocess.run([*alone, "true"], check=False, stderr=subprocess.DEVNULL).returncode == 0:
        os.environ["OUTPOST_TEST_ALONE"] = "1"
        os.execvp(alone[0], [*alone, sys.executable, *sys.argv])


def main():
    in_a_network_of_its_own()
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--records", type=int, default=15000)
    options = parser.parse_args()
    os.environ.update(LC_ALL="C.UTF-8", TZ="UTC")
    for name in ("OUTPOST_TOKEN", "OUTPOST_SERVER", "OUTPOST_CONFIG", "OUTPOST_DATA_DIR"):
        os.environ.pop(name, None)
    passed = failed = 0

    def check(sentence, is_so):
        nonlocal passed, failed
        passed, failed = passed + bool(is_so), failed + (not is_so)
        print(("ok   " if is_so else "FAIL ") + sentence, flush=True)

    each = options.records // len(NAMES)
    with tempfile.TemporaryDirectory(prefix="outpost-tables-sync-") as folder:
        site = Site(os.path.abspath(options.build), folder)
        site.seed(each)
        watch = Watch(site.serve())
        try:
            first_sync(site, watch, each, check)
            killed(site, watch, each, check)
            steady(site, watch, each, check)
        finally:
            watch.let_go()
            watch.close()
            site.process.terminate()
            site.process.wait(20)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
