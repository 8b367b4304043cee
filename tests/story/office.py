#!/usr/bin/env python3
"""The office of the story: signs in to the same account over HTTP, as a web page would.

    office.py URL EMAIL PASSWORD-FILE list TABLE          live records, one JSON object a line
    office.py URL EMAIL PASSWORD-FILE update TABLE CLIENT-ID COLUMN=JSON...
    office.py URL EMAIL PASSWORD-FILE remove TABLE CLIENT-ID
"""

import json
import sys
import urllib.request


def call(url, kind, path, args, token=None):
    headers = {"Content-Type": "application/json", "Convex-Client": "story-1.0"}
    if token:
        headers["Authorization"] = "Bearer " + token
    body = json.dumps({"path": path, "args": args, "format": "json"}).encode()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(f"{url}/api/{kind}", body, headers), timeout=10) as answer:
        said = json.load(answer)
    if said["status"] != "success":
        sys.exit(f"{path}: {said}")
    return said["value"]


def sign_in(url, email, password):
    params = {"flow": "signIn", "email": email, "password": password}
    return call(url, "action", "auth:signIn", {"provider": "password", "params": params})["tokens"]["token"]


def list_table(url, token, table):
    cursor = None
    while True:
        args = {"protocol": 1, "table": table, "limit": 500}
        if cursor:
            args["cursor"] = cursor
        page = call(url, "query", "records:list", args, token)
        for doc in page["docs"]:
            print(json.dumps(doc))
        cursor = page["cursor"]
        if not page["more"]:
            return


def main():
    url, email, password_file, what, table, *rest = sys.argv[1:]
    with open(password_file, encoding="utf-8") as file:
        token = sign_in(url, email, file.readline().rstrip("\n"))
    if what == "list":
        list_table(url, token, table)
        return
    args = {"protocol": 1, "table": table, "clientId": rest[0]}
    if what == "update":
        args["set"] = {name: json.loads(value) for name, value in (pair.split("=", 1) for pair in rest[1:])}
    call(url, "mutation", f"records:{what}", args, token)


main()
