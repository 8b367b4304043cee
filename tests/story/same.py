#!/usr/bin/env python3
"""Compares lists of records (JSON Lines): the same ones, each once, with the same columns.

    same.py FILE FILE...      says how many there are, or what differs
"""

import json
import sys

OURS = {"serverId", "rev", "createdAt", "updatedAt", "deletedAt", "syncStatus"}


def read(name):
    records = {}
    with open(name, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            client_id = record["clientId"]
            if client_id in records:
                sys.exit(f"{name}: {client_id} is there twice")
            records[client_id] = {column: value for column, value in record.items() if column not in OURS}
    return records


def main():
    first = read(sys.argv[1])
    for name in sys.argv[2:]:
        other = read(name)
        for client_id in first.keys() | other.keys():
            if first.get(client_id) != other.get(client_id):
                sys.exit(f"{client_id}: {sys.argv[1]} has {first.get(client_id)}, {name} has {other.get(client_id)}")
    print(len(first))


main()
