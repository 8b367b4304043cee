"""A backend that means ill, or is broken: whatever it answers, the device stays small, says what is
wrong, loses nothing, counts no refusal, and is in sync again after the next honest answers."""

import contextlib
import gzip
import json
import resource
import subprocess
import tempfile
import time

import proxy
from stories import story
from world import HUNG

MEMORY = 160 << 20  # an honest round takes a tenth of it
BIG = 100 << 20
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
SUCCESS = b'{"status":"success","value":'
PULL = ("sync:getChangesSince", "sync:getAllForUser")
PUSH = ("sync:upsert", "sync:bulkUpsert")
ALL = PULL + PUSH + ("sync:head",)

ENMITIES = []


class Enmity:
    """answer(send, value, count): the honest value is given; send takes bytes."""

    def __init__(self, name, paths, answer):
        self.name, self.paths, self.answer = name, paths, answer


def sends(name, paths=ALL):
    """A function that sends the whole answer by itself."""
    def keep(function):
        ENMITIES.append(Enmity(name, paths, function))
        return function
    return keep


def says(name, paths=PULL + PUSH):
    """A function from the honest value to the one that is sent; or to its JSON text."""
    def keep(function):
        def answer(send, value, count):
            changed = function(value, count)
            text = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
            body = SUCCESS + text + b"}"
            send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        ENMITIES.append(Enmity(name, paths, answer))
        return function
    return keep


# ---- bytes without end ----

def pour(send, piece, total):
    for _ in range(0, total, len(piece)):
        send(piece)


@sends("100 MB of blanks before the JSON")
def _(send, _value, _count):
    send(HEAD + b"Content-Length: %d\r\n\r\n" % BIG)
    pour(send, b" " * 65536, BIG)


@sends("a string of 100 MB")
def _(send, _value, _count):
    send(HEAD + b"Content-Length: %d\r\n\r\n" % BIG)
    send(b'{"status":"success","value":{"epoch":"')
    pour(send, b"a" * 65536, BIG)


@sends("chunks that do not end")
def _(send, _value, _count):
    send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(BIG // 65536):
        send(b"10000\r\n" + b"x" * 65536 + b"\r\n")


@sends("headers that do not end")
def _(send, _value, _count):
    send(HEAD)
    for number in range(1 << 20):
        send(b"X-%d: %s\r\n" % (number, b"y" * 100))


@sends("one header of 100 MB")
def _(send, _value, _count):
    send(HEAD + b"X: ")
    pour(send, b"y" * 65536, BIG)


@sends("answers of 1xx without end")
def _(send, _value, _count):
    for _ in range(1 << 20):
        send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")


@sends("a gzip bomb that nobody asked for")
def _(send, _value, _count):
    body = gzip.compress(SUCCESS + b'"' + b"a" * BIG + b'"}')
    send(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@sends("gzip that is none")
def _(send, _value, _count):
    send(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")


@sends("a length below zero")
def _(send, _value, _count):
    send(HEAD + b"Content-Length: -1\r\n\r\n{}")


@sends("a length beyond all numbers")
def _(send, _value, _count):
    send(HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}")


@sends("more bytes than were said")
def _(send, value, _count):
    body = SUCCESS + json.dumps(value).encode() + b"}"
    send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body + b"HTTP/1.1 200 OK\r\n\r\n" * 9)


# ---- JSON that is none, or too much ----

@says("a hundred thousand brackets")
def _(_value, _count):
    return b"[" * 100000


@says("values two bytes each, 15 MB of them")
def _(_value, _count):
    return b"[" + b"1," * (15 << 19) + b"1]"


@says("objects of nothing, 15 MB of them")
def _(_value, _count):
    return b"[" + b"{}," * (5 << 20) + b"{}]"


@says("a name twice")
def _(value, _count):
    return b'{"epoch":"a",' + json.dumps(value).encode()[1:]


@says("no UTF-8")
def _(_value, _count):
    return b'{"epoch":"\xff\xfe"}'


@says("NUL in a string")
def _(_value, _count):
    return b'{"epoch":"a\\u0000b"}'


@says("NUL behind the value")
def _(value, _count):
    return json.dumps(value).encode() + b"\0" * 1000


@says("JSON that is cut, with its length right")
def _(value, _count):
    return json.dumps(value).encode()[:-2]


# ---- values of other types ----

for wrong in (None, [], {}, "text", 7, True, -0.5):
    says(f"the value is {wrong!r}")(lambda value, count, wrong=wrong: wrong)

for member in ("epoch", "cursor", "cursors", "more", "docs", "changes", "results", "result"):
    for wrong in (None, [], {"a": 1}, 7, "x", True, 1e300):
        def change(value, _count, member=member, wrong=wrong):
            return {**value, member: wrong} if member in value else value
        says(f"{member} is {wrong!r}")(change)


def each_doc(value):
    for change in value.get("changes", []):
        yield change["doc"]
    yield from value.get("docs", [])
    for result in value.get("results", []) + [value.get("result", {})]:
        if isinstance(result, dict) and result.get("doc"):
            yield result["doc"]


for member in ("clientId", "serverId", "rev", "createdAt", "updatedAt", "deletedAt", "text",
               "isCompleted", "priority"):
    for wrong in (None, [[[]]], {"a": {}}, -1, 1e300, "", "x" * 300000, False):
        def change(value, _count, member=member, wrong=wrong):
            for doc in each_doc(value):
                doc[member] = wrong
            return value
        shown = repr(wrong)[:20]
        # An empty priority is an honest answer, and so are others: then nothing is wrong.
        says(f"{member} of every doc is {shown}")(change)


# ---- records of others, and answers to what nobody asked ----

@says("records of a table that nobody knows", PULL)
def _(value, _count):
    for change in value.get("changes", []):
        change["table"] = "foreign"
    for doc in value.get("docs", []):
        doc["table"] = "foreign"
    return value


@says("every doc is another record's", PUSH)
def _(value, _count):
    for doc in each_doc(value):
        doc["clientId"] = "01890000-0000-7000-8000-0123456789ab"
    return value


@says("results for ops of somebody else", PUSH)
def _(value, _count):
    for result in value.get("results", []) + [value.get("result", {})]:
        if result:
            result["opId"] = "01890000-0000-7000-8000-0123456789ab"
    return value


@says("every result twice", PUSH)
def _(value, _count):
    return {**value, "results": value.get("results", []) * 2}


@says("no results", PUSH)
def _(value, _count):
    return {"epoch": value["epoch"], "results": []}


@says("results in another order", PUSH)
def _(value, _count):
    return {**value, "results": value.get("results", [])[::-1] if len(
        value.get("results", [])) > 1 else []}


# ---- pages without end ----

@says("pages without end whose cursors do not move", PULL)
def _(value, _count):
    return {**value, "more": True}


@says("pages without end, each with a new cursor", PULL)
def _(value, count):
    page = {**value, "more": True}
    if "cursor" in page:
        page["cursor"] = f"cursor-{count}"
    else:
        page["cursors"] = {table: f"cursor-{count}" for table in page["cursors"]}
    return page


@says("cursors that go back and forth", PULL)
def _(value, count):
    page = {**value, "more": True}
    if "cursor" in page:
        page["cursor"] = f"cursor-{count % 2}"
    else:
        page["cursors"] = {table: f"cursor-{count % 2}" for table in page["cursors"]}
    return page


@says("a cursor of 10 MB", PULL)
def _(value, _count):
    page = {**value, "more": True}
    if "cursor" in page:
        page["cursor"] = "c" * (10 << 20)
    else:
        page["cursors"] = {table: "c" * (10 << 20) for table in page["cursors"]}
    return page


@says("a new epoch with every answer")
def _(value, count):
    return {**value, "epoch": f"epoch-{count}"}


@says("an epoch of 10 MB")
def _(value, _count):
    return {**value, "epoch": "e" * (10 << 20)}


# ---- errors ----

def fails(name, text, status=b"200 OK", paths=ALL):
    def answer(send, _value, _count):
        send(b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: %d"
             b"\r\n\r\n" % len(text) + text)
    ENMITIES.append(Enmity(name, paths, answer))


fails("an error without words", b'{"status":"error"}')
fails("an error of the wrong types",
      b'{"status":"error","errorMessage":[],"errorData":{"code":{},"message":7}}')
fails("a message of 10 MB", b'{"status":"error","errorMessage":"' + b"m" * (10 << 20) +
      b'","errorData":{"code":"' + b"c" * 1000000 + b'"}}')
fails("a status of another kind", b'{"status":{}}')
fails("418", b'{"code":"Teapot","message":"\x1b[31mred\x1b]0;title\x07"}', b"418 Teapot")
fails("a number that is no status", b"{}", b"000 x")


# ---- the story ----

class HostileProxy(proxy.Proxy):
    def __init__(self, port):
        super().__init__(port, self.is_meant)
        self.enmity = None
        self.count = 0

    def is_meant(self, path):
        return self.enmity if self.enmity and path in self.enmity.paths else None

    def pass_one(self, client, server):
        message = proxy.read_message(client)
        if message is None:
            return False
        enmity = self.is_meant(proxy.path_of(*message))
        answer = self.ask(server, message[0] + b"\r\n\r\n" + message[1])
        honest = json.loads(answer.partition(b"\r\n\r\n")[2]) if enmity else {}
        value = honest.get("value")
        if not isinstance(value, dict):  # somebody's cursor of before is refused
            client.sendall(answer)
            return True
        with self.lock:
            self.counts[enmity.name] = self.counts.get(enmity.name, 0) + 1
            self.count += 1
        enmity.answer(client.sendall, value, self.count)
        return False  # so that what it sent too much meets nobody


def peak_of(process):
    """VmHWM in bytes; 0 when it has ended."""
    with contextlib.suppress(OSError, ProcessLookupError):
        with open(f"/proc/{process.pid}/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) << 10
    return 0


def run_measured(device, bound, *words):
    """Exit code, what it complained, and the most memory that it was seen with. What needs more
    than the bound does not get it, and says so."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaint:
        process = device.spawn(*words, stdout=out, stderr=complaint)
        if bound:
            resource.prlimit(process.pid, resource.RLIMIT_DATA, (bound, bound))
        end, peak, code = time.monotonic() + HUNG, 0, None
        while code is None:
            peak = max(peak, peak_of(process))
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(0.002)
            if code is None and time.monotonic() > end:
                process.kill()
                device.world.problems.append(f"{words} hung")
        complaint.seek(0)
        said = complaint.read()
        device.world.gone(process, said)
        return code, said.decode("utf-8", "replace"), peak


def is_sanitized(program):
    """A sanitizer takes memory of its own: then only what is said and kept is looked at."""
    return b"__asan_init" in subprocess.run(["nm", "-D", program], stdout=subprocess.PIPE,
                                            stderr=subprocess.DEVNULL, check=False).stdout


def meet(world, device, between, enmity, bound):
    client_id = device.add()
    device.add()
    between.enmity = enmity
    if world.rng.random() < 0.3:  # it walks again from the start
        device.forget_cursor()
    code, said, memory = run_measured(device, bound, "sync")
    world.most_memory = max(world.most_memory, memory)
    # As base/mem.c says it. (libcurl calls a header line over 100 KB "Out of memory.", too.)
    if "outpost: out of memory" in said:
        world.problems.append(f"{enmity.name}: more than {bound >> 20} MB of memory: {said[-200:]}")
    if code not in (0, 1, 4):
        world.problems.append(f"{enmity.name}: exit code {code}: {said[-300:]}")
    if code != 0 and not said.strip():
        world.problems.append(f"{enmity.name}: exit code {code}, and not a word")
    if any(ord(c) < 32 and c not in "\n\t" for c in said) or len(said) > 4000:
        world.problems.append(f"{enmity.name}: it says {said[:300]!r}")
    world.problems.extend(f"{enmity.name}: {p}" for p in device.file_problems())
    device.edit(client_id)
    between.enmity = None
    code, said, _ = run_measured(device, 0, "sync")
    if code != 0 or device.status()["pending"]:
        world.problems.append(f"after {enmity.name}: sync ends with {code}: {said[-300:]}")


@story
def hostile(world, until):
    """Answers of wrong types, foreign, endless, huge: memory is bounded, the next round heals."""
    between = HostileProxy(world.port)
    world.device_url = between.url
    device = world.device("one")
    bound = 0 if is_sanitized(world.outpost) else MEMORY
    world.most_memory = 0
    enmities = ENMITIES[:]
    world.rng.shuffle(enmities)
    met = 0
    for enmity in enmities:
        if met > 8 and time.monotonic() > until:
            break
        meet(world, device, between, enmity, bound)
        met += 1
    # A lie that looks like any other answer is believed; an honest walk takes it away.
    device.forget_cursor()
    world.notes = f"{met} of {len(ENMITIES)} enmities, {world.most_memory >> 20} MB at most"
    world.faults = {"hostile answers": sum(between.counts.values())}
