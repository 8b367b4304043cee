"""A TCP proxy with bad days: it knows just enough HTTP to see where requests and answers end.

One fault per request, chosen by a function that it is given; None lets the request through.
"""

import contextlib
import gzip
import socket
import struct
import threading

FAULTS = (
    "refuse", "reset-before", "reset-after", "cut-reset", "cut-close", "twice", "delay",
    "garbage", "portal", "redirect", "empty", "unavailable", "half-json", "no-answer",
)
PORTAL = b"<html><body>Please accept the terms of this network.</body></html>"


def read_message(source):
    """Head and body of one message, or None at the end of the stream."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = source.recv(65536)
        if not got:
            return None
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
        elif name.lower() == b"transfer-encoding":
            raise ValueError("chunked messages are not understood here")
    while len(body) < length:
        got = source.recv(65536)
        if not got:
            return None
        body += got
    return head, body


def path_of(head, body):
    """The function that is called, or the path of a GET."""
    if head.startswith(b"GET "):
        return head.split(b" ")[1].decode()
    if body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    start = body.find(b'"path":"') + 8
    return body[start:body.find(b'"', start)].decode()


def reset(sock):
    """A reset instead of an orderly end."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def answer_head(status, kind, length, more=b""):
    return b"HTTP/1.1 " + status + b"\r\nContent-Type: " + kind + b"\r\n" + more + \
        b"Content-Length: " + str(length).encode() + b"\r\n\r\n"


class Proxy:
    """choose(path) -> None, or the name of a fault, or for cut-* (name, after how many bytes)."""

    def __init__(self, port, choose, address="127.0.0.1"):
        self.port_behind = port
        self.choose = choose
        self.counts = {}
        self.answer_bytes = 0  # of the last answer, head included
        self.lock = threading.Lock()
        self.listener = socket.create_server((address, 0))
        self.url = f"http://{address}:{self.listener.getsockname()[1]}"
        self.is_closed = False
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.is_closed = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while not self.is_closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        server = None
        try:
            client.settimeout(60)
            server = socket.create_connection(("127.0.0.1", self.port_behind), 5)
            server.settimeout(60)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self.pass_one(client, server):
                pass
        except OSError:
            reset(client)
        finally:
            client.close()
            if server:
                server.close()

    def ask(self, server, request):
        server.sendall(request)
        message = read_message(server)
        if message is None:
            raise OSError("the backend is gone")
        return message[0] + b"\r\n\r\n" + message[1]

    def pass_one(self, client, server):
        """One request; False when the connection is over."""
        message = read_message(client)
        if message is None:
            return False
        fault, number = self.choose(path_of(*message)), None
        if isinstance(fault, tuple):
            fault, number = fault
        with self.lock:
            self.counts[fault] = self.counts.get(fault, 0) + 1
        request = message[0] + b"\r\n\r\n" + message[1]
        if fault in ("refuse", "reset-before"):
            reset(client)
            return False
        lone = self.answer_alone(fault)
        if lone is not None:
            client.sendall(lone)
            return fault in ("portal", "unavailable")
        if fault == "delay":
            threading.Event().wait(0.3)
        if fault == "twice":
            # The network's doing: the backend sees it again, on a connection of its own.
            with socket.create_connection(("127.0.0.1", self.port_behind), 5) as other:
                other.settimeout(60)
                self.ask(other, request)
        answer = self.ask(server, request)
        with self.lock:
            self.answer_bytes = len(answer)
        return self.give(client, fault, number, answer)

    def answer_alone(self, fault):
        """What somebody else than the backend answers."""
        if fault == "portal":
            return answer_head(b"200 OK", b"text/html", len(PORTAL)) + PORTAL
        if fault == "redirect":
            return answer_head(b"302 Found", b"text/html", 0, b"Location: http://127.0.0.1:1/\r\n")
        if fault == "empty":
            return answer_head(b"200 OK", b"application/json", 0)
        if fault == "unavailable":
            return answer_head(b"503 Service Unavailable", b"text/plain", 0)
        if fault == "half-json":
            body = b'{"status":"success","value":{"epoch":"'
            return answer_head(b"200 OK", b"application/json", len(body)) + body
        return None

    def give(self, client, fault, number, answer):
        if fault == "garbage":
            client.sendall(b"\x00\xff\x16\x03\x01 not HTTP\r\n" + answer)
            return False
        if fault in ("reset-after", "no-answer"):
            if fault == "reset-after":
                reset(client)
            return False
        if fault in ("cut-reset", "cut-close"):
            client.sendall(answer[:number % len(answer)])
            if fault == "cut-reset":
                reset(client)
            return False
        client.sendall(answer)
        return True
