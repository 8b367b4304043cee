"""A proxy in front of a backend that has no faults of its own: the same rules as
tests/contract/convex-server/faults.mjs, for calls of a function path or of all."""

import gzip
import http.client
import http.server
import json
import threading
import time
import urllib.parse

HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class FaultProxy:
    def __init__(self, url):
        self.target = urllib.parse.urlsplit(url)
        self.rules, self.struck = [], []
        self.lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            do_GET = do_POST = lambda handler: proxy.serve(handler)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def faults(self, rules):
        with self.lock:
            self.rules = [{"after": 0, "times": 1, **rule} for rule in rules]
            self.struck = []

    def next_rule(self, path):
        with self.lock:
            for rule in self.rules:
                if rule.get("path", path) != path:
                    continue
                if rule["after"] > 0:
                    rule["after"] -= 1
                elif rule["times"] > 0:
                    rule["times"] -= 1
                    self.struck.append({"path": path, "fault": rule["fault"]})
                    return rule
        return {"fault": None}

    def forward(self, handler, body):
        connection = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        try:
            headers = {n: t for n, t in handler.headers.items() if n.lower() not in {*HOP, "host"}}
            connection.request(handler.command, handler.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    @staticmethod
    def send(handler, status, headers, body):
        handler.send_response(status)
        for name, text in headers:
            if name.lower() not in HOP:
                handler.send_header(name, text)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        rule = {"fault": None}
        if handler.path.startswith("/api/"):
            is_packed = handler.headers.get("Content-Encoding") == "gzip"
            call = json.loads(gzip.decompress(body) if is_packed else body)
            rule = self.next_rule(call["path"])
        try:
            self.strike(handler, body, rule)
        except OSError:
            pass  # the device hung up
        if rule["fault"] in ("before", "lost", "truncated"):
            handler.close_connection = True

    def strike(self, handler, body, rule):
        fault, json_type = rule["fault"], [("Content-Type", "application/json")]
        if fault in ("status", "retryAfter"):
            code = rule.get("code", "OptimisticConcurrencyControlFailure")
            text = {"code": code, "message": "A fault."}
            after = [("Retry-After", str(rule.get("seconds", 1)))] if fault == "retryAfter" else []
            headers, status = json_type + after, rule.get("status", 503)
            self.send(handler, status, headers, json.dumps(text).encode())
        elif fault == "paused":
            message = "[Request ID: 0000000000000000] Server Error"
            text = {"status": "error", "errorMessage": message}
            self.send(handler, 200, json_type, json.dumps(text).encode())
        elif fault == "garbage":
            html = [("Content-Type", "text/html")]
            self.send(handler, 200, html, b"<html>Please sign in.</html>")
        elif fault != "before":
            if fault == "held":
                time.sleep(rule["ms"] / 1000)
            status, headers, answer = self.forward(handler, body)
            if fault == "late":
                time.sleep(rule["ms"] / 1000)
            if fault == "truncated":
                handler.send_response(status)
                handler.send_header("Content-Length", str(len(answer)))
                handler.end_headers()
                handler.wfile.write(answer[: len(answer) // 2])
            elif fault != "lost":
                self.send(handler, status, headers, answer)
