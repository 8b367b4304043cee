#!/usr/bin/env node
/**
 * Does a tables.ts of `outpost tables convex` say what the definitions say? Reads both, and compares all that a
 * backend validates by, and that each table has its columns and indexes.
 *
 *   node convex_definitions.mjs CONTRACT-DIR TABLES.TS DEFINITION.json...
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [contract, module, ...files] = process.argv.slice(2);
const { buildSync } = createRequire(`${contract}/x.mjs`)("esbuild");

/** What a column's validation depends on; the same member may be left out or say what it says anyway. */
function rules(column) {
  const { name, type, required = false, maxLength = 65536, min, max, choices } = column;
  const isText = type === "text";
  const values = choices?.map((choice) => choice.value ?? choice);
  // -0 is stored as 0.
  const fallback = typeof column.default === "number" ? column.default + 0 : column.default;
  return { name, type, required, maxLength: isText ? maxLength : 0, min, max, values, fallback };
}

/** The module in plain Node: its imports stand for what they are only as far as it is looked at. */
async function load(path) {
  const { outputFiles } = buildSync({ entryPoints: [path], bundle: false, write: false, outdir: "/", logLevel: "error" });
  const fakes = `const named = (kind) => (...parts) => ({ kind, parts });
const v = new Proxy({}, { get: (_, kind) => named(kind) });
const recordFields = {};
const defineTable = (fields) => ({ fields, indexes: [], index(...words) { this.indexes.push(words); return this; } });
`;
  const text = outputFiles[0].text.replace(/^import .*$/gm, "");
  const file = `${path}.mjs`;
  writeFileSync(file, fakes + text);
  return await import(pathToFileURL(file).href);
}

const { syncedTables, definitions } = await load(module);
const wanted = new Map(files.map((file) => JSON.parse(readFileSync(file, "utf8"))).map((table) => [table.name, table]));

for (const [name, table] of wanted) {
  const written = definitions.find((definition) => definition.name === name);
  assert(written !== undefined, `${name} is missing`);
  assert.deepEqual(written.columns.map(rules), table.columns.map(rules), name);
  assert(Object.hasOwn(syncedTables, name), `${name} has no schema`);
  const { fields, indexes } = syncedTables[name];
  assert.deepEqual(Object.keys(fields), table.columns.map((column) => column.name), name);
  assert.equal(indexes.length, 3, name);
  for (const column of table.columns.filter(({ type }) => type === "choice")) {
    const literals = fields[column.name].parts[0].parts.filter(({ kind }) => kind === "literal");
    assert.deepEqual(literals.map(({ parts }) => parts[0]), rules(column).values, `${name}.${column.name}`);
  }
}
assert.equal(definitions.length, wanted.size + (wanted.has("tasks") ? 0 : 1), "and nothing else");
