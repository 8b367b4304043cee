#!/usr/bin/env node
/**
 * Writes convex/tables.ts from table definitions: validators, indexes and the registry follow from
 * the same JSON as the devices' tables, forms and checks.
 *
 *   node scripts/tables.mjs [--check] [--out FILE] [FILE|DIR...]
 *
 * Without FILE or DIR it reads ../tables. With --check it writes nothing and fails if the file is
 * not what it would write.
 */
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const RESERVED_COLUMNS = new Set([
  "clientId",
  "serverId",
  "userId",
  "deletedAt",
  "createdAt",
  "updatedAt",
  "rev",
  "runId",
  "writers",
]);
const RESERVED_TABLES = new Set([
  "users",
  "accounts",
  "sessions",
  "receipts",
  "conflicts",
  "settings",
  "devices",
]);
/** Tables of this backend, and modules of it: a table's name is also one of TABLE:list. */
const TAKEN_HERE = new Set([
  "heads",
  "floors",
  "records",
  "sync",
  "admin",
  "schema",
  "tables",
  "http",
  "crons",
  "prune",
]);

/** A record by its name; pulls, lists and walks in commit order; pruning. */
const INDEXES = [
  ["by_user_client", ["userId", "clientId"]],
  ["by_user_rev", ["userId", "rev", "clientId"]],
  ["by_deletedAt", ["deletedAt"]],
];

const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/** Validators of a value that is there, as arguments of v.union. */
const VALIDATORS = {
  text: () => "v.string()",
  bool: () => "v.boolean()",
  integer: () => "v.number()",
  real: () => "v.number()",
  timestamp: () => "v.number()",
  date: () => "v.string()",
  reference: () => "v.string()",
  choice: (column) => {
    const literals = choicesOf(column).map((choice) => `v.literal(${JSON.stringify(choice)})`);
    return literals.join(", ");
  },
};

function choicesOf(column) {
  return column.choices.map((choice) => (typeof choice === "string" ? choice : choice.value));
}

function fail(source, sentence) {
  throw new Error(`${source}: ${sentence}`);
}

function checkDefinition(definition, source) {
  const { name, columns } = definition;
  if (!NAME.test(name ?? "")) fail(source, `${JSON.stringify(name)} is no name for a table.`);
  if (RESERVED_TABLES.has(name) || name.startsWith("auth") || TAKEN_HERE.has(name)) {
    fail(source, `The table name ${name} is taken by the backend.`);
  }
  if (!Array.isArray(columns) || columns.length === 0) fail(source, "It has no columns.");
  const seen = new Set();
  for (const column of columns) {
    if (!NAME.test(column.name ?? "") || RESERVED_COLUMNS.has(column.name)) {
      fail(source, `${JSON.stringify(column.name)} is no name for a column.`);
    }
    if (seen.has(column.name)) fail(source, `There are two columns ${column.name}.`);
    seen.add(column.name);
    if (!Object.hasOwn(VALIDATORS, column.type)) {
      fail(source, `${column.name}: there is no type ${JSON.stringify(column.type)}.`);
    }
    if (column.type === "choice" && !(column.choices?.length > 0)) {
      fail(source, `${column.name}: a choice needs choices.`);
    }
  }
}

function columnLine(column) {
  // Optional, because records that were written before a definition gained the column lack it;
  // null, because a doc on the wire has every column.
  const union = `v.union(${VALIDATORS[column.type](column)}, v.null())`;
  const line = `    ${column.name}: v.optional(${union}),`;
  return line.length <= 100 ? line : `    ${column.name}: v.optional(\n      ${union},\n    ),`;
}

/** Only what validation needs: labels and help of the form stay on the device. */
function shortened(column) {
  const kept = { name: column.name, type: column.type };
  for (const member of ["label", "required", "default", "maxLength", "min", "max"]) {
    if (column[member] !== undefined && column[member] !== false) kept[member] = column[member];
  }
  if (column.default === false) kept.default = false;
  if (column.type === "choice") kept.choices = choicesOf(column);
  return kept;
}

function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).map(([name, member]) => `${name}: ${literal(member)}`);
    return `{ ${members.join(", ")} }`;
  }
  return JSON.stringify(value);
}

export function generate(definitions) {
  const lines = [
    "/** Written by scripts/tables.mjs from the table definitions: change those, not this file. */",
    'import { defineTable } from "convex/server";',
    'import { v } from "convex/values";',
    'import type { Definition } from "./model/definition";',
    'import { recordFields } from "./model/recordFields";',
    "",
    "export const syncedTables = {",
  ];
  for (const { name, columns } of definitions) {
    lines.push(
      `  ${name}: defineTable({`,
      "    ...recordFields,",
      ...columns.map(columnLine),
      "  })",
    );
    lines.push(
      ...INDEXES.map(([index, fields]) => `    .index(${literal(index)}, ${literal(fields)})`),
    );
    lines[lines.length - 1] += ",";
  }
  lines.push("};", "", "export const definitions: readonly Definition[] = [");
  for (const { name, columns } of definitions) {
    lines.push("  {", `    name: ${JSON.stringify(name)},`, "    columns: [");
    lines.push(...columns.map((column) => `      ${literal(shortened(column))},`));
    lines.push("    ],", "  },");
  }
  lines.push("];", "");
  return lines.join("\n");
}

/** Definitions of files and folders, in order of their names. Throws with the file's name. */
export function read(paths) {
  const files = paths.flatMap((path) =>
    statSync(path).isDirectory()
      ? readdirSync(path)
          .filter((name) => name.endsWith(".json") && !name.endsWith(".schema.json"))
          .sort()
          .map((name) => join(path, name))
      : [path],
  );
  const definitions = files.map((file) => {
    const definition = JSON.parse(readFileSync(file, "utf8"));
    checkDefinition(definition, file);
    return definition;
  });
  const names = definitions.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`Two definitions are named ${twice}.`);
  return definitions;
}

function main(words) {
  const paths = [];
  let out = join(root, "convex", "tables.ts");
  let isCheck = false;
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--check") isCheck = true;
    else if (words[i] === "--out") out = words[++i];
    else paths.push(words[i]);
  }
  const text = generate(read(paths.length > 0 ? paths : [join(root, "..", "tables")]));
  if (!isCheck) {
    writeFileSync(out, text);
  } else if (readFileSync(out, "utf8") !== text) {
    console.error(`${out} does not follow from the definitions: run npm run tables`);
    process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
