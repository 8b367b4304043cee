#!/usr/bin/env python3
"""Is every value that was typed in what was exported? Prints how many are not, and the first of them.

    expected.py TYPED EXPORTED      JSON Lines; of several values typed for one column the last counts
"""

import json
import sys


def read(name):
    records = {}
    with open(name, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            records.setdefault(record["clientId"], {}).update(record)
    return records


typed, exported = read(sys.argv[1]), read(sys.argv[2])
lost = [f"{client_id} {column}={value!r}" for client_id, record in typed.items() for column, value in record.items()
        if exported.get(client_id, {}).get(column) != value]
print(len(lost), *lost[:5])
