"""Table definitions that the cases read limits from: the shipped `tasks`, and a wider one of our
own."""

import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TASKS_FILE = os.path.join(ROOT, "assets", "tables", "tasks.json")

TEXT_LIMIT = 65536  # of text without a limit of its own, in code points
RECORD_LIMIT = 256 * 1024  # of a record as JSON, in bytes
BATCH_BYTES = 512 * 1024
PAGE_BYTES = 4 * 1024 * 1024
MOST = 500  # ops in a batch, changes in a page
TIME_MAX = 253402300799999  # the last ms of the year 9999

# Every type of column once. Cases that need it are skipped where the backend answers unknown_table.
THINGS = {
    "name": "contractthings",
    "label": "Things",
    "labelOne": "thing",
    "title": "name",
    "columns": [
        {"name": "name", "type": "text", "required": True, "maxLength": 40, "label": "Name"},
        {"name": "count", "type": "integer", "min": 0, "max": 1000, "label": "Count"},
        {"name": "size", "type": "real"},
        {"name": "seenAt", "type": "timestamp"},
        {"name": "day", "type": "date"},
        {"name": "kind", "type": "choice", "choices": ["a", "b"], "required": True},
        {"name": "isOn", "type": "bool", "default": True},
        {"name": "task", "type": "reference", "table": "tasks"},
    ],
}

# Text without limits of its own, enough of it for a record that is too large.
PAGES = {
    "name": "contractpages",
    "label": "Pages",
    "labelOne": "page",
    "title": "title",
    "columns": [
        {"name": "title", "type": "text", "required": True, "label": "Title"},
        {"name": "top", "type": "text"},
        {"name": "left", "type": "text"},
        {"name": "right", "type": "text"},
        {"name": "bottom", "type": "text"},
    ],
}


class Table:
    def __init__(self, definition):
        self.name = definition["name"]
        self.columns = {column["name"]: column for column in definition["columns"]}

    def text_limit(self, column):
        return self.columns[column].get("maxLength", TEXT_LIMIT)

    def doc_keys(self):
        return {"clientId", "serverId", "rev", "deletedAt", "createdAt", "updatedAt", *self.columns}


def read(path):
    with open(path, encoding="utf-8") as file:
        return Table(json.load(file))
