#!/usr/bin/env python3
"""Every file call of a session fails once, in the real programs: strace makes it fail, and it is judged.

    calls.py --backend BIN --outpost BIN [--seconds N] [--points N] [--seed S] [--only COMMAND]... [--list]
    calls.py --backend BIN --outpost BIN --only COMMAND --point PLACE:CALL:ERROR:NUMBER
    calls.py --backend BIN --outpost BIN --broken

A point is one process: the NUMBERth such call of each of its threads fails. PLACE is `files` (the calls on the
session's own files, counted alone), or `rest` (temporary files, what is printed, what the libraries open; counted
from the start of the process, but looked at only from where it has been loaded). Without --seconds and --points all
of them are looked at; else a sample, spread evenly over the commands. Another seed is another sample, and the seeds
1, 2, 3 ... with the same --points take each point once before any twice. --broken judges a device that acknowledges
before it saves. Ends with `N passed, N failed`.
"""

import argparse
import collections
import os
import random
import re
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import calls_device  # noqa: E402, F401
import calls_backend  # noqa: E402, F401
from calls_command import COMMANDS, copy  # noqa: E402
from world import Device, World  # noqa: E402

MADE = {"write", "pwrite64", "openat", "ftruncate", "fallocate", "rename", "renameat", "renameat2", "mkdir", "fsync",
        "fdatasync", "link", "linkat", "inotify_add_watch"}
ERRORS = {
    "EIO": {"openat", "read", "pread64", "write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2",
            "unlink", "unlinkat", "mkdir", "ftruncate", "fallocate", "fcntl", "flock", "newfstatat", "link", "linkat",
            "fchmod", "getdents64", "lseek"},
    "ENOSPC": MADE,
    "ENOMEM": {"mmap"},
}
TRACED = ",".join("?" + name for name in sorted(set.union(*ERRORS.values())))  # ?: not on every processor
# A failure of these that ends with 0 is a lie, but for SQLite's files (a checkpoint may fail) and the log.
PROMISES = {"write", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat", "fchmod"}
MAY_FAIL = re.compile(r"\.db(-wal|-shm|-journal|\.bell|\.lock)?[>\"]|outpost\.log|<(socket|anon_inode):")
NO_FILE = re.compile(r"<(socket|anon_inode):|\((?![12]<)\d+<pipe:")  # what is printed is one, whatever it goes to
# An unlock on a local disk does not fail, and SQLite counts on that.
CANNOT_FAIL = re.compile(r"F_SETLK, \{l_type=F_UNLCK|F_[GS]ETF[DL]|F_DUPFD")

Point = collections.namedtuple("Point", "place call error number")


def is_permitted(folder):
    """Can strace follow a process here, and make a call of it fail?"""
    log = os.path.join(folder, "try.log")
    command = [*tracer(log, "mkdir", ()), "-e", "inject=mkdir:error=EIO", "mkdir", os.path.join(folder, "try")]
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False, timeout=20)
        return any("(INJECTED)" in line for _, _, line in calls_in(log))
    except (OSError, subprocess.TimeoutExpired):
        return False


def tracer(log, calls, paths):
    """The program is our child (-D), so that its end is its own."""
    only = [word for path in paths for word in ("-P", path)]
    return ["strace", "-D", "-f", "-qq", "-y", "-e", "signal=none", "-o", log, *only, "-e", "trace=" + calls]


def calls_in(log):
    """(thread, call, all of the line), of each thread in the order in which it made them."""
    begun = {}
    with open(log, encoding="utf-8", errors="replace") as file:
        for line in map(str.rstrip, file):
            thread, _, rest = line.partition(" ")
            rest = rest.strip()
            if rest.endswith("<unfinished ...>"):
                begun[thread] = rest.removesuffix("<unfinished ...>")
                continue
            if resumed := re.match(r"<\.\.\. \w+ resumed>", rest):
                rest = begun.pop(thread, "") + rest[resumed.end():]
            if call := re.match(r"\w+(?=\()", rest):
                yield thread, call[0], rest


def numbered(log):
    """The same with the number that strace counts them by."""
    counts = collections.Counter()
    for thread, call, line in calls_in(log):
        counts[thread, call] += 1
        yield thread, call, counts[thread, call], line


def errors_of(call, line):
    if CANNOT_FAIL.search(line):
        return
    for error, calls in ERRORS.items():
        # Who only reads is not told that the disk is full.
        if call in calls and not (error == "ENOSPC" and call == "openat" and "O_CREAT" not in line):
            yield error


class Sweep:
    """One command, its points, and the state that each of them begins with."""

    def __init__(self, world, name):
        self.world = world
        self.name = name
        self.log = os.path.join(world.dir, "strace.log")
        self.base = os.path.join(world.dir, "base")
        self.command = COMMANDS[name](world)
        self.looked_at = 0
        self.missed = 0

    def restore(self):
        copy({os.path.join(self.base, os.path.basename(folder)): folder for folder in self.command.folders})

    def keep(self):
        copy({folder: os.path.join(self.base, os.path.basename(folder)) for folder in self.command.folders})

    def run(self, *prefix):
        self.restore()
        self.command.before()
        return self.command.run(prefix)

    def measure(self):
        """All points, by running it without a fault."""
        self.command.prepare()
        self.keep()
        code, out, complaint = self.run(*tracer(self.log, TRACED, ()))
        if code != 0:
            raise AssertionError(f"{self.name} without a fault: {code} {complaint}")
        self.command.clean_out = out
        self.paths = list(self.own_paths())
        points = dict.fromkeys(self.points_of_the_rest())
        self.run(*tracer(self.log, TRACED, self.paths))
        for _, call, number, line in numbered(self.log):
            if not NO_FILE.search(line):
                points.update(dict.fromkeys(Point("files", call, error, number) for error in errors_of(call, line)))
        # In two threads the order of locks and unlocks is another one each time.
        has_threads = len({thread for thread, _, _ in calls_in(self.log)}) > 1
        return sorted(point for point in points if not (has_threads and point.call == "fcntl"))

    def own_paths(self):
        """What the command touches by a name that is known beforehand."""
        yield from (self.world.dir, self.world.config, self.world.tables)
        yield from self.command.files
        for folder in self.command.folders:
            yield folder
            for name in os.listdir(folder):
                yield os.path.join(folder, name)
                if name.endswith(".db"):
                    yield from (os.path.join(folder, name + end) for end in ("-wal", "-shm", "-journal"))

    def points_of_the_rest(self):
        """Of the first thread, from where it touches the session's files, what no path of ours stands in."""
        own, first, is_loaded = set(self.paths), None, False
        for thread, call, number, line in numbered(self.log):
            first = first or thread
            is_loaded = is_loaded or self.world.dir in line
            names = set(re.findall(r"[<\"](/[^\">]*)[\">]", line))
            if thread == first and is_loaded and not names & own and not NO_FILE.search(line):
                yield from (Point("rest", call, error, number) for error in errors_of(call, line))

    def look_at(self, point):
        """Sentences about what went wrong, or None: no call failed."""
        problems = self.world.problems
        before = len(problems)
        paths = self.paths if point.place == "files" else ()
        inject = f"inject={point.call}:error={point.error}:when={point.number}"
        code, out, complaint = self.run(*tracer(self.log, point.call, paths), "-e", inject)
        hits = [line for _, _, line in calls_in(self.log) if "(INJECTED)" in line]
        if not hits or any(map(CANNOT_FAIL.search, hits)):
            self.missed += 1
            del problems[before:]
            return None
        self.looked_at += 1
        self.command.failed = point.call
        self.world.common.points += 1
        try:
            problems.extend(self.end_problems(code, out, complaint, hits))
            problems.extend(self.command.judge(code, out))
            problems.extend(self.command.again())
        except Exception:  # what cannot be looked at is not whole
            problems.append(traceback.format_exc()[-700:])
        found = problems[before:]
        del problems[before:]
        if found:
            print(f"FAIL {self.name}: {found[0]}")
            for sentence in found[1:4]:
                print(f"     {sentence}")
            print(f"     it ended with {code}, said {complaint.strip()!r}; what failed: {hits[0]}")
            print(f"     again: --only {self.name} --point {':'.join(map(str, point))}", flush=True)
        return found

    def end_problems(self, code, out, complaint, hits):
        """Did it end as it is documented to, and did it say so?"""
        call = hits[0].partition("(")[0]
        if code not in self.command.codes:
            yield f"it ended with {code}"
        is_mute = call == "write" and "write(2<" in hits[0]
        if code != 0 and not complaint.strip() and not is_mute and not (self.command.tells_on_stdout and out.strip()):
            yield "it failed without a word"
        is_promise = call in PROMISES and not MAY_FAIL.search(hits[0]) and not is_mute and not self.command.serves
        # SQLite syncs folders in this way, and does not look.
        is_folder = call == "fdatasync" and any(f"<{folder}>" in hits[0] for folder in self.command.folders)
        if code == 0 and is_promise and not is_folder:
            yield f"it ended with 0, though a {call} had failed"


def sample(points, count, seed, name):
    """A window of the points in an order that is always the same; the next seed takes the next one."""
    points = list(points)
    random.Random(name).shuffle(points)
    start = (seed - 1) * count % max(1, len(points))
    return (points + points)[start:start + min(count, len(points))]


class Results:
    def __init__(self):
        self.passed = self.failed = self.looked_at = self.missed = self.violations = 0

    def check(self, sentence, problems):
        if problems:
            self.failed += 1
            self.violations += len(problems)
            print(f"FAIL {sentence}: {len(problems)} times no")
            for problem in problems[:5]:
                print(f"     {str(problem)[:500]}")
        else:
            self.passed += 1


def sweep_command(world, name, options, end, count, results):
    """One test for each kind of error, and one for what the office has at the end."""
    sweep = Sweep(world, name)
    start = time.monotonic()
    points = sweep.measure()
    if options.point:
        chosen = [options.point]
    else:
        chosen = sample(points, count or len(points), options.seed, name)
    found = {}
    for point in chosen:
        if end and time.monotonic() > end and found:
            break
        problems = sweep.look_at(point)
        if problems is not None:
            found.setdefault(point.error, []).extend(problems)
    for error, problems in found.items():
        results.check(f"{name}: {error}", problems)
    sweep.command.close()
    results.check(f"{name}: the office has each acknowledged write once", sweep.command.office_problems())
    results.looked_at += sweep.looked_at
    results.missed += sweep.missed
    print(f"{sweep.looked_at:6} of {len(points):5} points of {name}, {time.monotonic() - start:.0f} s", flush=True)


def sees_early_acknowledgement(world, results):
    """A device that acknowledges before it saves must be seen, or these checks see nothing."""
    sweep = Sweep(world, "add")
    points = [p for p in sweep.measure() if p.call in ("fdatasync", "pwrite64") and p.error == "EIO"]
    sweep.command.is_broken = True
    seen = []
    output, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")
    try:
        for point in points:
            seen += [s for s in sweep.look_at(point) or [] if "was acknowledged and is gone" in s]
            if seen:
                break
    finally:
        sys.stdout.close()
        sys.stdout = output
    results.check("a device that acknowledges before it saves is seen", [] if seen else ["nothing was seen"])
    print(f"planted, and seen: {seen[0]}" if seen else "planted, and not seen", flush=True)


def run(world, options, results):
    names = options.only or list(COMMANDS)
    end = time.monotonic() + options.seconds if options.seconds else None
    world.open()
    world.common = None
    device = Device(world, "work")
    world.devices.append(device)
    code, _, complaint = device.sign_in()
    if code != 0:
        raise AssertionError(f"it cannot sign in: {complaint}")
    if not options.broken:
        for number, name in enumerate(names):
            left = len(names) - number
            until = end and time.monotonic() + max(0.0, end - time.monotonic()) / left
            count = options.points and -(-options.points // len(names))
            sweep_command(world, name, options, until, count, results)
    if options.broken or ("add" in names and not options.point):
        sees_early_acknowledgement(world, results)
    COMMANDS["sync"](world).begin()
    world.settle()
    world.judge(results.check)


def a_point(text):
    place, call, error, number = text.split(":")
    return Point(place, call, error, int(number))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backend", help="the program outpost-backend")
    parser.add_argument("--outpost", help="the program outpost")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--points", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=list(COMMANDS))
    parser.add_argument("--point", type=a_point)
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        for name, kind in COMMANDS.items():
            print(f"{name:16}{kind.__doc__}")
        return 0
    if not options.backend or not options.outpost:
        parser.error("--backend and --outpost are needed")
    if options.point and len(options.only or []) != 1:
        parser.error("--point needs the one command that it is of: --only COMMAND")
    results = Results()
    world = World(options, options.seed)
    try:
        if not is_permitted(world.dir):
            print("skipped, not permitted here: strace, and so every point")
            print("0 points looked at, 0 violations")
            print("0 passed, 0 failed")
            return 0
        run(world, options, results)
    except Exception:
        results.check("the session can be told to its end", [traceback.format_exc()[-1500:]])
    finally:
        world.close()
    if results.missed:
        print(f"{results.missed} points were not reached again, and are not counted")
    print(f"{results.looked_at} points looked at, {results.violations} violations")
    print(f"{results.passed} passed, {results.failed} failed")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
