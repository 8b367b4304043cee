"""A small HTTP client that shows everything, and raw sockets for requests that no client would
send."""

import gzip
import http.client
import json
import select
import socket
import ssl
import time
import urllib.parse

TIMEOUT_S = 60


class Answer:
    """One whole HTTP answer. json is None when the body is no JSON."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): text for name, text in headers}
        self.wire_body = body
        if self.headers.get("content-encoding", "").lower() == "gzip":
            body = gzip.decompress(body)
        self.body = body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    def __str__(self):
        text = self.body[:300].decode("utf-8", "replace")
        return f"HTTP {self.status} {text}"


def encode(value):
    """JSON as UTF-8; text that is no Unicode has to be sent as a raw body instead."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


class Client:
    """Speaks to one base URL. A connection per request, so that no case sees another's."""

    def __init__(self, url):
        parts = urllib.parse.urlsplit(url)
        self.host = parts.hostname
        self.is_tls = parts.scheme == "https"
        self.port = parts.port or (443 if self.is_tls else 80)
        self.prefix = parts.path.rstrip("/")

    def request(self, method, target, body=None, headers=None):
        kind = http.client.HTTPSConnection if self.is_tls else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, self.prefix + target, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def post(self, kind, body, token=None, headers=None):
        """POST /api/KIND with a body of bytes or of anything JSON can say."""
        if not isinstance(body, bytes):
            body = encode(body)
        sent = {"Content-Type": "application/json", "Convex-Client": "outpost-0.0.0"}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        for name, text in (headers or {}).items():
            if text is None:
                sent.pop(name, None)
            else:
                sent[name] = text
        return self.request("POST", "/api/" + kind, body, sent)

    def call(self, kind, path, args, token=None, headers=None):
        return self.post(kind, {"path": path, "args": args, "format": "json"}, token, headers)

    def connect(self, timeout_s=TIMEOUT_S):
        """A raw connected socket."""
        made = socket.create_connection((self.host, self.port), timeout=timeout_s)
        if self.is_tls:
            made = ssl.create_default_context().wrap_socket(made, server_hostname=self.host)
        return made

    def head_bytes(self, target, length, token=None, extra=(), method="POST"):
        """The head of a request, for raw sockets; length None leaves Content-Length out."""
        lines = [
            f"{method} {self.prefix}{target} HTTP/1.1",
            f"Host: {self.host}:{self.port}",
            "Content-Type: application/json",
        ]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        if token is not None:
            lines.append(f"Authorization: Bearer {token}")
        lines.extend(extra)
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def raw(self, data, timeout_s=TIMEOUT_S):
        """Sends bytes as they are. An Answer, or None when the server closed without one.

        Stops sending as soon as the server answers: a server may refuse a body by its head alone.
        """
        with self.connect(timeout_s) as sock:
            view = memoryview(data)
            while view:
                readable, writable, _ = select.select([sock], [sock], [], timeout_s)
                if readable or not writable:
                    break
                try:
                    view = view[sock.send(view[:65536]) :]
                except OSError:
                    break
            return read_answer(sock)


def read_answer(sock):
    """One answer from a raw socket, or None when it was closed or reset before one came."""
    response = http.client.HTTPResponse(sock)
    try:
        response.begin()
        return Answer(response.status, response.getheaders(), response.read())
    except (http.client.HTTPException, ConnectionError, socket.timeout):
        return None
    finally:
        response.close()


def seconds_until_closed(sock, most_s, drip=None):
    """How long the server keeps a socket open on which no whole request comes; None: over most_s.

    drip: bytes to send one by one, one a second, while waiting.
    """
    start = time.monotonic()
    next_drip = start + 1
    drip = list(drip or b"")
    while time.monotonic() - start < most_s:
        wait_s = max(0.0, min(next_drip, start + most_s) - time.monotonic())
        readable, _, _ = select.select([sock], [], [], wait_s)
        try:
            if readable and not sock.recv(65536):
                return time.monotonic() - start
            if not readable and drip:
                sock.send(bytes([drip.pop(0)]))
        except ConnectionError:
            return time.monotonic() - start
        if not readable:
            next_drip += 1
    return None
