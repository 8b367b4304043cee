#!/usr/bin/env python3
"""Does every reference in a folder of records (TABLE.jsonl) lead to a record of the table that its definition names?

    references.py DEFINITIONS RECORDS
"""

import json
import sys
from pathlib import Path

definitions = {path.stem: json.loads(path.read_text("utf-8")) for path in Path(sys.argv[1]).glob("*.json")}
records = {path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
           for path in Path(sys.argv[2]).glob("*.jsonl")}
ids = {name: {record["clientId"] for record in rows} for name, rows in records.items()}
count, astray = 0, []
for name, rows in records.items():
    for column in definitions[name]["columns"]:
        if column["type"] == "reference":
            for record in rows:
                to = record.get(column["name"])
                count += to is not None
                if to is not None and to not in ids[column["table"]]:
                    astray.append(f"{name} {record['clientId']} {column['name']}")
print(count, "references", *astray[:20], sep="\n")
sys.exit(bool(astray) or count == 0)
