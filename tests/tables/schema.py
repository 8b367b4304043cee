#!/usr/bin/env python3
"""The published JSON Schema of table definitions and the program's own reader say the same: of every shipped
definition, and of many that each have one thing wrong.

    schema.py BUILD_DIR         ends with `N passed, N failed`
"""

import copy
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLES = ROOT / "assets" / "tables"
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}
NOTES = {"$schema", "$defs", "title", "description"}


class Schema:
    """The part of JSON Schema 2020-12 that the definition's schema uses; anything else in it is an error."""

    def __init__(self, path):
        self.root = json.loads(path.read_text("utf-8"))

    def fits(self, value, schema=None):
        schema = self.root if schema is None else schema
        if isinstance(schema, bool):
            return schema
        return all(self.keeps(value, schema, keyword) for keyword in schema if keyword not in NOTES)

    def keeps(self, value, schema, keyword):
        rule = schema[keyword]
        is_object, is_list, is_text = (isinstance(value, kind) for kind in (dict, list, str))
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if keyword == "$ref":
            return self.fits(value, self.root["$defs"][rule.removeprefix("#/$defs/")])
        if keyword == "type":
            if rule in TYPES:
                return isinstance(value, TYPES[rule])
            return is_number and (rule == "number" or float(value).is_integer())
        if keyword == "properties":
            return not is_object or all(self.fits(value[name], rule[name]) for name in rule if name in value)
        if keyword == "required":
            return not is_object or all(name in value for name in rule)
        if keyword == "additionalProperties" and rule is False:
            return not is_object or all(name in schema["properties"] for name in value)
        if keyword == "items":
            return not is_list or all(self.fits(item, rule) for item in value)
        if keyword == "uniqueItems":
            return not is_list or len({json.dumps(item) for item in value}) == len(value)
        if keyword == "enum":
            return value in rule
        if keyword == "const":
            return value == rule and type(value) is type(rule)
        if keyword == "pattern":
            return not is_text or re.search(rule, value, re.ASCII) is not None
        if keyword in ("allOf", "anyOf"):
            return (all if keyword == "allOf" else any)(self.fits(value, part) for part in rule)
        if keyword == "not":
            return not self.fits(value, rule)
        if keyword == "if":
            return self.fits(value, schema.get("then" if self.fits(value, rule) else "else", True))
        if keyword in ("then", "else"):
            return True
        limits = {
            "minLength": (is_text, lambda: len(value) >= rule), "maxLength": (is_text, lambda: len(value) <= rule),
            "minItems": (is_list, lambda: len(value) >= rule), "maxItems": (is_list, lambda: len(value) <= rule),
            "minimum": (is_number, lambda: value >= rule), "maximum": (is_number, lambda: value <= rule),
        }
        applies, holds = limits[keyword]
        return not applies or holds()


GOOD = {
    "name": "wells", "label": "Wells", "labelOne": "well", "title": "place", "done": "isShut",
    "list": ["isShut", "place"], "sorts": [{"name": "place", "column": "place", "descending": True}],
    "columns": [
        {"name": "place", "type": "text", "required": True, "maxLength": 80, "multiline": False, "help": "Where.",
         "examples": ["Mill 7"]},
        {"name": "isShut", "type": "bool", "default": False},
        {"name": "rings", "type": "integer", "min": 0, "max": 9, "default": 2, "unit": "rings"},
        {"name": "depth", "type": "real", "min": -0.5, "max": 1e6, "default": 1.5, "unit": "m"},
        {"name": "dugOn", "type": "date", "default": "2026-11-20"},
        {"name": "seenAt", "type": "timestamp", "min": 0, "default": 5, "readOnly": True},
        {"name": "soil", "type": "choice", "choices": ["clay", {"value": "sand", "label": "Sand"}], "default": "sand"},
        {"name": "parent", "type": "reference", "table": "wells"},
    ],
}
COLUMNS = {column["name"]: i for i, column in enumerate(GOOD["columns"])}


def changed(where, value):
    """GOOD with one member set: "label", "place.maxLength" (of a column), "sorts.0.name"; value ... takes it out."""
    definition = copy.deepcopy(GOOD)
    at = definition
    *path, last = where.split(".")
    for step in path:
        if at is definition and step in COLUMNS:
            at = definition["columns"][COLUMNS[step]]
        else:
            at = at[int(step) if isinstance(at, list) else step]
    last = int(last) if isinstance(at, list) else last
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return definition


STILL_RIGHT = [
    ("$schema", "x.json"), ("done", ...), ("list", ...), ("sorts", ...), ("sorts", []), ("place.help", ...),
    ("sorts.0.column", "updatedAt"), ("place.examples", ...), ("place.examples", ["A", "B 2"]),
    ("place.maxLength", 65536), ("rings.min", -5), ("depth.default", 2),
    ("isShut.required", True), ("soil.choices", ["clay", "sand"]), ("soil.choices.1.label", "Gravel"),
    ("parent.required", True), ("place.label", "\u00dcber \u6c34"), ("name", "w"), ("name", "authoring"[0:3]),
    ("rings.unit", "\u00b0"), ("name", "syncing"), ("dugOn.name", "identity"), ("seenAt.max", 1e15),
]
WRONG = [
    ("name", ...), ("label", ...), ("labelOne", ...), ("title", ...), ("columns", ...), ("columns", []),
    ("columns", {}), ("name", "Wells"), ("name", "well-s"), ("name", "w" * 61), ("name", "users"), ("name", "authors"),
    ("name", "syncQueue"), ("name", "ftsWells"), ("name", 5), ("label", ""), ("label", "   "), ("label", "x" * 41),
    ("lable", "x"), ("title", 1), ("done", True), ("list", []), ("list", ["place", "place"]), ("list", "place"),
    ("list", [1]), ("sorts", {}), ("sorts", [{"name": f"s{i}", "column": "place"} for i in range(5)]),
    ("sorts.0.name", ...), ("sorts.0.column", ...), ("sorts.0.name", "By place"), ("sorts.0.descending", "yes"),
    ("sorts.0.up", True), ("place.name", ...), ("place.type", ...), ("place.type", "string"), ("place.name", "1st"),
    ("dugOn.name", "id"), ("dugOn.name", "createdAt"), ("dugOn.name", "serverId"), ("dugOn.name", "writers"),
    ("place.required", "yes"), ("place.maxLength", 0), ("place.maxLength", 65537), ("place.maxLength", 2.5),
    ("place.maxLength", "80"), ("place.multiline", 1), ("place.min", 1), ("place.unit", "m"), ("place.choices", ["a"]),
    ("place.examples", []), ("place.examples", "Mill"), ("place.examples", [1]), ("place.examples", [" "]),
    ("place.examples", ["x"] * 101), ("rings.examples", ["3"]), ("soil.examples", ["clay"]), ("place.table", "wells"), ("place.hint", "x"), ("place.help", ""), ("place.help", "x" * 501),
    ("isShut.default", "no"), ("isShut.maxLength", 3), ("rings.min", 0.5), ("rings.max", "9"), ("rings.default", 1.5),
    ("rings.default", "2"), ("rings.unit", ""), ("rings.unit", "x" * 21), ("rings.multiline", True),
    ("depth.default", "deep"), ("depth.maxLength", 4), ("dugOn.default", 5), ("dugOn.default", "20.11.2026"),
    ("dugOn.min", 1), ("seenAt.unit", "ms"), ("seenAt.default", "now"), ("seenAt.min", 0.5), ("seenAt.readOnly", 1),
    ("soil.choices", ...), ("soil.choices", []), ("soil.choices", [1]), ("soil.choices", [""]),
    ("soil.choices", ["x" * 101]), ("soil.choices.1.value", ...), ("soil.choices.1.text", "x"), ("soil.default", 1),
    ("soil.max", 3), ("parent.table", ...), ("parent.table", "Wells"), ("parent.choices", ["a"]),
]
# A schema cannot say these; only the program does.
ONLY_OURS = [
    ("title", "isShut"), ("title", "name"), ("done", "place"), ("list", ["width"]), ("sorts.0.column", "width"),
    ("rings.name", "isShut"), ("rings.min", 10), ("rings.default", 10), ("soil.default", "rock"),
    ("dugOn.default", "2026-02-30"), ("soil.choices", ["clay", "clay", "sand"]), ("place.default", " "),
    ("place.examples", ["x" * 81]),
]


def accepted(program, definition):
    """Does the program take this as a table? And what it said."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        (path / "tables").mkdir()
        text = definition if isinstance(definition, str) else json.dumps(definition)
        (path / "tables" / "x.json").write_text(text, "utf-8")
        (path / "conf").write_text(f"tables_dir = {folder}/tables\n")
        argv = [program, "--data-dir", f"{folder}/data", "--config", f"{folder}/conf", "tables", "--json"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode == 0, done.stderr


def main():
    os.environ.update(LC_ALL="C.UTF-8", LANGUAGE="")
    program = f"{sys.argv[1]}/src/app/outpost"
    schema = Schema(TABLES / "definition.schema.json")
    passed = failed = 0

    def check(sentence, is_so):
        nonlocal passed, failed
        passed, failed = passed + bool(is_so), failed + (not is_so)
        print(("ok   " if is_so else "FAIL ") + sentence)

    for path in sorted(TABLES.rglob("*.json")):
        if path.name == "definition.schema.json":
            continue
        text = path.read_text("utf-8")
        check(f"{path.relative_to(TABLES)} fits the schema", schema.fits(json.loads(text)))
        takes, said = accepted(program, text)
        check(f"{path.relative_to(TABLES)} is taken {said}", takes)
    for where, value in [("label", "Wells"), *STILL_RIGHT]:
        definition = changed(where, value)
        takes, said = accepted(program, definition)
        check(f"both take {where} = {value!r:.60} {said}", takes and schema.fits(definition))
    for where, value in WRONG:
        definition = changed(where, value)
        takes, said = accepted(program, definition)
        fits = schema.fits(definition)
        check(f"neither takes {where} = {value!r:.60}" + (" (schema does)" if fits else "") +
              (" (program does)" if takes else ""), not takes and not fits and "x.json: line " in said)
    for where, value in ONLY_OURS:
        takes, said = accepted(program, changed(where, value))
        check(f"the program says what is wrong with {where} = {value!r:.60}", not takes and "x.json: line " in said)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
