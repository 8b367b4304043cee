#!/usr/bin/env python3
"""Mutants of the cursor, merge and queue logic: one small mistake each. Who sees it, a unit test or the
simulation? Those that nobody sees must stand in survivors.tsv with the reason why that is right.

    tests/mutation/mutate.py [--build build/release] [--first N] [--count N] [--seconds N] [--file F] [--id ID]

Takes the mutants N, N+1, … of an order that depends on their own text alone, so that it is the same order after
other lines have changed. Survivors without a reason are added to survivors.tsv with a `?`: write the test that
kills them (and delete the row), or why none can. Ends with `N mutants, N killed, N survived, N unexplained`.
"""
import argparse
import collections
import functools
import glob
import math
import os
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
from altered import ROOT, Build, NotBuilt  # noqa: E402
from mutants import mutants_of  # noqa: E402

FILES = ["db/" + n for n in ("queue.c", "op.c", "apply.c", "pull.c", "push.c", "walk.c", "save.c", "discard.c")] + \
        ["sync/" + n for n in ("push.c", "pull.c", "pull_page.c", "backoff.c")]
SURVIVORS = os.path.join(HERE, "survivors.tsv")
HEADER = "mutant\tverdict\tfile\tmutation\tline\treason\n"
UNIT = ("store_*_test", "engine_*_test")
FEW_SEEDS, MANY_SEEDS = 25, 200
SIMULATION = "tests/simulation/simulation"
FAILURE = re.compile(rb"\[  FAILED  \]|, at [0-9.]+ s of virtual time: ")      # a unit test's; the simulation's
MEMORY_MAX = 4 << 30
FILE_MAX = 256 << 20
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None      # what is synced there waits for no disk


class Killer:
    """A program and its arguments. It kills a mutant that makes it fail, crash, or take far too long. What it says
    of a failure is enough: the rest of it need not run."""

    def __init__(self, target, arguments, at_least_s):
        self.target, self.arguments = target, arguments
        self.name = os.path.basename(target) + "".join(f" {a}" for a in arguments if a.isdigit())
        self.limit_s = at_least_s
        self.cpu_s = at_least_s
        self.took_s = 0.0

    def run(self, program, cwd):
        """None: it passed. Else why it did not."""
        environment = dict(os.environ, TMPDIR=cwd, LC_ALL="C.UTF-8", TZ="UTC")
        start = time.monotonic()
        process = subprocess.Popen([program] + self.arguments, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                                   preexec_fn=functools.partial(limits, self.cpu_s))
        try:
            why = listen(process, start + self.limit_s)
        finally:
            end_group(process)
            process.stdout.close()
        if not why:
            self.took_s = time.monotonic() - start
        return why


def listen(process, until):
    """Until it fails, ends, or takes too long; nothing is polled."""
    fd, tail = process.stdout.fileno(), b""
    while select.select([fd], [], [], max(0.0, until - time.monotonic()))[0]:
        data = os.read(fd, 1 << 16)
        if data == b"":
            break
        if FAILURE.search(tail + data):
            return "fails"
        tail = (tail + data)[-200:]
    try:
        process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        return "no end"
    if process.returncode == -signal.SIGXCPU:
        return "no end"
    return None if process.returncode == 0 else f"exit {process.returncode}"


def end_group(process):
    """And what it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def limits(cpu_s):
    """Of its own time, not of the clock's: a busy machine is no reason."""
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(cpu_s), math.ceil(cpu_s) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_MAX, FILE_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def find_killers(build):
    """Those that the build has, the quickest first; all of them must let the code as it is live."""
    unit = []
    for pattern in UNIT:
        for source in sorted(glob.glob(os.path.join(ROOT, "tests/unit", pattern + ".c"))):
            name = os.path.splitext(os.path.basename(source))[0]
            if os.path.exists(os.path.join(build.path, "tests/unit", name)):
                unit.append(Killer("tests/unit/" + name, [], 600))
    few = Killer(SIMULATION, ["--quiet", "--seeds", str(FEW_SEEDS)], 120)
    many = Killer(SIMULATION, ["--quiet", "--from", str(FEW_SEEDS + 1), "--seeds", str(MANY_SEEDS)], 900)
    with tempfile.TemporaryDirectory(prefix="outpost-mutants-", dir=FAST) as cwd:
        for killer in unit + [few, many]:
            why = killer.run(os.path.join(build.path, killer.target), cwd)
            if why:
                sys.exit(f"{killer.name} fails without any mutant: {why}")
            if killer is not many:
                killer.limit_s = max(20.0, 15 * killer.took_s)
                killer.cpu_s = max(5.0, 15 * killer.took_s)
    unit.sort(key=lambda k: k.took_s)
    quick = [k for k in unit if k.took_s < 1.5]
    return quick + [few] + [k for k in unit if k not in quick] + [many]


# ---- survivors with a reason ----

def read_survivors():
    rows = collections.OrderedDict()
    if os.path.exists(SURVIVORS):
        with open(SURVIVORS, encoding="utf-8") as file:
            for line in file.readlines()[1:]:
                cells = line.rstrip("\n").split("\t")
                rows[cells[0]] = cells
    return rows


def write_survivors(rows):
    order = {name: i for i, name in enumerate(FILES)}
    with open(SURVIVORS, "w", encoding="utf-8") as file:
        file.write(HEADER)
        for cells in sorted(rows.values(), key=lambda c: (order.get(c[2], 99), c[4], c[3], c[0])):
            file.write("\t".join(cells) + "\n")


# ---- one mutant ----

class Worker:
    def __init__(self, campaign, under):
        self.campaign, self.under = campaign, under
        self.recent = collections.deque(maxlen=400)     # who killed, of late

    def order(self, path):
        """Who killed often in this file goes first, for what it costs."""
        killers = self.campaign.killers
        kills = collections.Counter(k for p, k in self.recent if p == path)
        library = f"lib{'outpost_' + os.path.dirname(path)}.a"
        killers = [k for k in killers if any(library in part for part in self.campaign.build.link_command(k.target))]
        return sorted(killers, key=lambda k: (k.limit_s == 900, (k.took_s + 0.1) / (kills[k.name] + 0.5)))

    def build(self, mutant, program_dir):
        source = os.path.join(program_dir, os.path.basename(mutant.path))
        text = self.campaign.texts[mutant.path]
        objects = []
        for name, content in (("plain", text), ("mutant", mutant.apply(text))):
            with open(source, "w", encoding="utf-8") as file:
                file.write(content)
            objects.append(os.path.join(program_dir, name + ".o"))
            if name == "plain" and mutant.path in self.campaign.plain:
                continue
            self.campaign.build.compile(mutant.path, source, objects[-1])
            if name == "plain":
                with open(objects[-1], "rb") as file:
                    self.campaign.plain[mutant.path] = code_of(file.read())
        with open(objects[1], "rb") as file:
            is_same = code_of(file.read()) == self.campaign.plain[mutant.path]
        return None if is_same else objects[1]

    def judge(self, mutant):
        """(verdict, by whom): killed, survived; or no mutant at all: same, refused."""
        program_dir = os.path.join(self.under, "x")     # of one name for all, so that objects can be compared
        os.makedirs(program_dir, exist_ok=True)
        tmp = tempfile.mkdtemp(dir=self.under)
        try:
            return self.judge_in(mutant, program_dir, tmp)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)

    def judge_in(self, mutant, program_dir, tmp):
        try:
            obj = self.build(mutant, program_dir)
        except NotBuilt:
            return "refused", "the compiler"
        if obj is None:
            return "same", "the compiler"
        programs = {}
        for killer in self.order(mutant.path):
            if killer.target not in programs:
                programs[killer.target] = os.path.join(program_dir, os.path.basename(killer.target))
                self.campaign.build.link(killer.target, [obj], programs[killer.target])
            why = killer.run(programs[killer.target], tmp)
            if why:
                self.recent.append((mutant.path, killer.name))
                return "killed", f"{killer.name}: {why}"
        return "survived", "-"


def code_of(obj):
    return obj.replace(b"/0/", b"/w/").replace(b"/1/", b"/w/").replace(b"/2/", b"/w/").replace(b"/3/", b"/w/")


class Campaign:
    def __init__(self, options):
        self.options = options
        self.build = Build(options.build)
        subprocess.run(["ninja", "-C", self.build.path, "--quiet", "all"], check=True)
        self.killers = find_killers(self.build)
        for killer in self.killers:
            self.build.link_command(killer.target)
        self.texts, self.plain, self.mutants = {}, {}, []
        for path in options.file or FILES:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                self.texts[path] = file.read()
            self.mutants += mutants_of(path, self.texts[path])
        self.mutants.sort(key=lambda m: m.id)
        self.rows = read_survivors()
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.next = options.first - 1
        self.last = len(self.mutants) if options.count is None else self.next + options.count
        self.end = time.monotonic() + options.seconds if options.seconds else None

    def take(self):
        with self.lock:
            if self.next >= self.last or self.end and time.monotonic() > self.end:
                return None
            mutant = self.mutants[self.next % len(self.mutants)]
            self.next += 1
            return mutant

    def note(self, mutant, verdict, who, took_s):
        with self.lock:
            self.counts[verdict] += 1
            row = self.rows.get(mutant.id)
            if verdict == "killed" and row is not None:
                self.counts["stale"] += 1
                print(f"{mutant.id} is killed now: its row in survivors.tsv can go", flush=True)
            if verdict == "survived" and row is None:
                row = self.rows[mutant.id] = [mutant.id, "?", mutant.path, mutant.what, mutant.line_text, "?"]
                write_survivors(self.rows)
            if verdict == "survived" and row[1] == "?":
                self.counts["unexplained"] += 1
            if verdict == "survived" or self.options.verbose:
                print(f"{verdict:8} {mutant.id} {mutant.path}:{mutant.line}: {mutant.what} | {mutant.line_text}"
                      f" ({who}, {took_s:.1f} s)", flush=True)

    def work(self, under):
        os.makedirs(under)
        worker = Worker(self, under)
        for mutant in iter(self.take, None):
            start = time.monotonic()
            row = self.rows.get(mutant.id)
            if row is not None and row[1] != "?" and not self.options.again:
                verdict, who = "survived", "as survivors.tsv says"
            else:
                verdict, who = worker.judge(mutant)
            self.note(mutant, verdict, who, time.monotonic() - start)

    def run(self):
        under = tempfile.mkdtemp(prefix="outpost-mutants-", dir=FAST)
        threads = [threading.Thread(target=self.work, args=(os.path.join(under, str(i)),))
                   for i in range(self.options.jobs)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            shutil.rmtree(under, ignore_errors=True)


def read_options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--file", action="append", choices=FILES)
    parser.add_argument("--id", action="append", help="only these; with the whole line of each")
    parser.add_argument("--again", action="store_true", help="try those again that survivors.tsv explains")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--list", action="store_true", help="how many there are in each file")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count()))
    parser.add_argument("--rows", action="store_true", help="is survivors.tsv of today's mutants, each with a reason?")
    return parser.parse_args()


def list_all(options):
    total = 0
    for path in options.file or FILES:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            count = len(mutants_of(path, file.read()))
        print(f"{path:24}{count:6}")
        total += count
    print(f"{'all':24}{total:6}")


def check_rows():
    """Every row of survivors.tsv is of a mutant that there is, once, and has a verdict and its reason."""
    known, seen, flaws = set(), set(), []
    for path in FILES:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            known |= {m.id for m in mutants_of(path, file.read())}
    with open(SURVIVORS, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file.readlines()[1:]]
    for cells in rows:
        if len(cells) != 6 or cells[1] not in ("equal", "accepted") or len(cells[5]) < 10:
            flaws.append(f"{cells[0]} has no verdict, or no reason")
        elif cells[0] not in known:
            flaws.append(f"{cells[0]} is no mutant any more: delete its row, or judge what its line is now")
        elif cells[0] in seen:
            flaws.append(f"{cells[0]} has two rows")
        seen.add(cells[0])
    for flaw in flaws:
        print(f"{os.path.relpath(SURVIVORS, ROOT)}: {flaw}")
    print(f"{len(known)} mutants, {len(rows)} of them may live")
    return len(flaws) > 0


def go_apart():
    """A test that a mutant ends early leaves its small disk mounted: in mounts of our own it goes with us."""
    if "OUTPOST_MUTANTS_APART" in os.environ or subprocess.run(["unshare", "--mount", "true"], check=False,
                                                               stderr=subprocess.DEVNULL).returncode != 0:
        return
    os.environ["OUTPOST_MUTANTS_APART"] = "1"
    os.execvp("unshare", ["unshare", "--mount", sys.executable] + sys.argv)


def main():
    options = read_options()
    if options.list:
        return list_all(options)
    if options.rows:
        return check_rows()
    go_apart()
    campaign = Campaign(options)
    if options.id:
        campaign.mutants = [m for m in campaign.mutants if m.id in options.id]
        campaign.last = len(campaign.mutants)
        options.again = options.verbose = True
    print(f"{len(campaign.mutants)} mutants in {len(campaign.texts)} files", flush=True)
    campaign.run()
    counts = campaign.counts
    judged = counts["killed"] + counts["survived"]
    print(f"{counts['refused']} did not compile, {counts['same']} were the same program")
    if judged:
        print(f"killed: {100.0 * counts['killed'] / judged:.1f} %")
    print(f"{campaign.next - options.first + 1} taken")
    print(f"{judged} mutants, {counts['killed']} killed, {counts['survived']} survived, "
          f"{counts['unexplained']} unexplained")
    return counts["unexplained"] > 0 or counts["stale"] > 0


if __name__ == "__main__":
    sys.exit(main())
