"""CONTRACT.md section 1, Sizes; DESIGN.md section 7: what the backend bounds, and that it says
so."""

import http.client
import select
import socket
import time

import client
from suite import bad_request, case, check, fails, nothing_written, same, value
from world import at_once, make_op, new_device, new_run

DEADLINE_S = 10  # from the first byte of a request to the whole of it
SLACK_S = 5
TOO_LARGE = 24 << 20  # over Convex's 16 MiB and over every smaller bound


@case()
def a_body_that_is_too_large_is_413_or_400(t):
    """413, or 400 on a push: too large. Several ops: halve the batch."""
    args = {
        "protocol": 1,
        "deviceId": new_device(),
        "runId": new_run(),
        "ops": [make_op(set={"text": "x", "notes": "n" * TOO_LARGE})],
    }
    body = client.encode({"path": "sync:bulkUpsert", "args": args, "format": "json"})
    with nothing_written(t.me):
        answer = t.client.raw(t.client.head_bytes("/api/mutation", len(body), t.me.token) + body)
        check(answer is not None, "closed without an answer")
        bad_request(answer, 400, 413)


@case()
def a_body_of_unsaid_length_is_bounded_too(t):
    """413, or 400 on a push: too large; the size is enforced while receiving."""
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    head = t.client.head_bytes("/api/mutation", None, t.me.token, ["Transfer-Encoding: chunked"])
    with nothing_written(t.me):
        answer = t.client.raw(head + chunk * (TOO_LARGE >> 20) + b"0\r\n\r\n")
        check(answer is not None, "closed without an answer")
        check(answer.status in (400, 413), f"{answer}")


@case()
def a_chunked_body_is_taken(t):
    """POST with a body, however HTTP frames it."""
    body = b'{"path":"sync:head","args":{"protocol":1},"format":"json"}'
    chunks = b"".join(
        b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:30], body[30:])
    )
    head = t.client.head_bytes("/api/query", None, t.me.token, ["Transfer-Encoding: chunked"])
    same(value(t.client.raw(head + chunks + b"0\r\n\r\n")), t.me.head(), "sync:head")


@case()
def several_requests_go_over_one_connection(t):
    """Keep-alive: a device keeps its connection."""
    body = b'{"path":"sync:head","args":{"protocol":1},"format":"json"}'
    request = t.client.head_bytes("/api/query", len(body), t.me.token) + body
    want = t.me.head()
    with t.client.connect() as sock:
        for _ in range(3):
            sock.sendall(request)
            same(value(client.read_answer(sock)), want, "sync:head")


@case()
def a_client_that_waits_for_100_continue_is_served(t):
    """POST with a body, however HTTP frames it: curl asks before it sends a large one."""
    body = b'{"path":"sync:head","args":{"protocol":1},"format":"json"}'
    head = t.client.head_bytes("/api/query", len(body), t.me.token, ["Expect: 100-continue"])
    with t.client.connect() as sock:
        sock.sendall(head)
        check(select.select([sock], [], [], 5)[0], "no 100 Continue within 5 s")
        sock.sendall(body)
        same(value(client.read_answer(sock)), t.me.head(), "sync:head")


@case("embedded")  # on Convex the hashing is the platform's, and in its test server a simulation's
def signing_in_holds_up_nobody_else(t):
    """Passwords are hashed in a helper thread, at most two at once; others are served meanwhile."""
    lived_s = []

    def read():
        for _ in range(20):
            start = time.monotonic()
            t.me.head()
            lived_s.append(time.monotonic() - start)

    sessions = at_once(*[t.me.another_session] * 4, read)[:4]
    for session in sessions:
        session.head()
    check(max(lived_s) < 2, f"sync:head took {max(lived_s):.1f} s beside four sign-ins")


@case()
def many_tables_in_one_pull_are_bounded(t):
    """4,096 index ranges at most: the named tables in one request."""
    names = {f"table{n}": None for n in range(3000)}
    answer = t.me.changes_call({**names, "tasks": t.me.caught_up()}, 10)
    if answer.json.get("status") == "success":
        same(len(answer.json["value"]["unknown"]), 3000, "unknown")
    else:
        fails(answer)


class Slow:
    """Three clients that never finish a request, all at once; how long each was borne."""

    def __init__(self, t):
        c = t.client
        head = c.head_bytes("/api/mutation", 1000, t.me.token)
        silent, dripping, half = c.connect(), c.connect(), c.connect()
        silent.sendall(b"POST /api/mut")
        dripping.sendall(b"POST /api/query HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        half.sendall(head + b'{"path":"sync:')
        sockets = {"silent": silent, "dripping": dripping, "half": half}
        self.lived_s = dict.fromkeys(sockets)
        self.others_s = 0.0
        start = time.monotonic()
        try:
            while sockets and time.monotonic() - start < DEADLINE_S + SLACK_S:
                readable, _, _ = select.select(list(sockets.values()), [], [], 0.5)
                for name in list(sockets):
                    if self.is_closed(sockets[name], sockets[name] in readable, name == "dripping"):
                        self.lived_s[name] = time.monotonic() - start
                        sockets.pop(name).close()
                before = time.monotonic()
                t.me.head()
                self.others_s = max(self.others_s, time.monotonic() - before)
        finally:
            for sock in sockets.values():
                sock.close()

    @staticmethod
    def is_closed(sock, is_readable, is_dripping):
        try:
            if is_readable:
                return not sock.recv(65536)
            if is_dripping:
                sock.send(b"x")
        except OSError:
            return True
        return False


def slow(t):
    if "slow" not in t.kept:
        t.kept["slow"] = Slow(t)
    return t.kept["slow"]


def was_closed_in_time(t, name):
    lived_s = slow(t).lived_s[name]
    check(lived_s is not None, f"still open after {DEADLINE_S + SLACK_S} s")
    check(lived_s >= 1, f"closed after {lived_s:.1f} s already")


@case("embedded")
def a_client_that_falls_silent_is_closed(t):
    """It limits the time from first byte to whole request: 10 s."""
    was_closed_in_time(t, "silent")


@case("embedded")
def a_client_that_drips_its_head_is_closed(t):
    """It limits the time from first byte to whole request: 10 s, however busy the client looks."""
    was_closed_in_time(t, "dripping")


@case("embedded")
def a_client_that_sends_half_a_body_is_closed(t):
    """It limits the time from first byte to whole request: 10 s."""
    with nothing_written(t.me):
        was_closed_in_time(t, "half")


@case("embedded")
def slow_clients_hinder_no_other(t):
    """It limits ...: so that others are served meanwhile."""
    check(slow(t).others_s < 2, f"sync:head took {slow(t).others_s:.1f} s beside slow clients")


@case("embedded")
def connections_of_one_address_are_limited(t):
    """It limits connections per address."""
    sockets = []
    try:
        for _ in range(600):
            try:
                sock = t.client.connect(2)
            except OSError:
                break
            sockets.append(sock)
        deadline = time.monotonic() + 5
        refused = 0
        while not refused and time.monotonic() < deadline:
            poll = select.poll()
            for sock in sockets:
                poll.register(sock, select.POLLIN | select.POLLHUP)
            refused = len(poll.poll(500))
        check(
            refused or len(sockets) < 600, "600 idle connections of one address, and all were kept"
        )
    finally:
        for sock in sockets:
            sock.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            value(t.me.query("sync:head"))
            return
        except (OSError, http.client.HTTPException):
            check(time.monotonic() < deadline, "not served again after the crowd had left")


@case("embedded")
def a_huge_head_is_refused(t):
    """Its bounds: a head of megabytes is no request."""
    head = t.client.head_bytes("/api/query", 2, t.me.token, ["X-Filler: " + "x" * (2 << 20)])
    answer = t.client.raw(head + b"{}")
    check(answer is None or answer.status in (400, 413, 431), f"{answer}")
    t.me.head()


@case("embedded")
def a_client_that_hangs_up_in_the_middle_harms_nobody(t):
    """A request that did not come whole is not done."""
    op = client.encode(
        {
            "path": "sync:upsert",
            "format": "json",
            "args": {"protocol": 1, "deviceId": "d", "runId": "r", "op": make_op()},
        }
    )
    with nothing_written(t.me):
        for cut in (1, 10, len(op) // 2, len(op) - 1):
            with t.client.connect() as sock:
                sock.sendall(t.client.head_bytes("/api/mutation", len(op), t.me.token) + op[:cut])
                sock.shutdown(socket.SHUT_WR)
                answer = client.read_answer(sock)
                check(answer is None or answer.status == 400, f"{answer}")
