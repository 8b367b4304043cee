/**
 * One change of one record, by a device or by the office: merged column by column, with what a
 * device overwrote kept in the conflict log.
 */
import type { WithoutSystemFields } from "convex/server";
import type { Doc } from "../_generated/dataModel";
import type { MutationCtx } from "../_generated/server";
import type { Definition, Scalar } from "./definition";
import { refuse } from "./errors";
import { RECORD_JSON_BYTES } from "./limits";
import { columnValue, jsonBytes, toWire, type StoredRecord, type WireDoc } from "./record";
import { anyTable } from "./tables";
import type { Usage } from "./usage";

export const OFFICE = "office";
const DELETED = "deletedAt"; // in the conflict log and among the writers; no column has this name
const ALL = "*";

export type Edit = {
  userId: string;
  table: Definition;
  clientId: string;
  set: ReadonlyMap<string, Scalar>;
  isRemoval: boolean;
  writer: string;
  createdAt: number;
  updatedAt: number;
  /** Of a device's op: what it saw before, for conflicts; the office sees what it edits. */
  device?: { base: Record<string, unknown>; runId: string; opId: string };
};

export type Overwrote = { column: string; theirs: Scalar };
type Columns = Record<string, Scalar>;

export type Outcome = { doc: WireDoc; overwrote: Overwrote[]; isChanged: boolean };

function writerOf(record: StoredRecord, column: string): string {
  return record.writers[column] ?? record.writers[ALL] ?? OFFICE;
}

/** Columns of the record before; nothing where there is none. */
function columnsBefore(table: Definition, record: StoredRecord | null): Columns {
  const columns: Columns = {};
  for (const column of table.columns) {
    columns[column.name] = record === null ? (column.default ?? null) : columnValue(record, column);
  }
  return columns;
}

/**
 * Who wrote which column last. Most records have one writer, who stands for all columns as "*".
 */
function writersAfter(
  edit: Edit,
  record: StoredRecord | null,
  written: ReadonlySet<string>,
): Record<string, string> {
  if (record === null) return { [ALL]: edit.writer };
  const all = writerOf(record, ALL);
  const writers: Record<string, string> = { [ALL]: all };
  for (const name of [...edit.table.columns.map((column) => column.name), DELETED]) {
    const writer = written.has(name) ? edit.writer : writerOf(record, name);
    if (writer !== all) writers[name] = writer;
  }
  return writers;
}

/** A device may call anything its base; only what could be a column's value goes into the log. */
function loggable(base: unknown): Scalar {
  return typeof base === "string" || typeof base === "number" || typeof base === "boolean"
    ? base
    : null;
}

type Conflict = { column: string; base: Scalar; theirs: Scalar; ours: Scalar };

/**
 * Where the stored value is neither what the device saw nor what it sets, and somebody else wrote
 * it. A column absent from base counts as null.
 */
function conflictsOf(
  edit: Edit,
  record: StoredRecord | null,
  before: Columns,
  changed: ReadonlySet<string>,
): Conflict[] {
  if (edit.device === undefined || record === null) return [];
  const conflicts: Conflict[] = [];
  if (record.deletedAt !== null) {
    conflicts.push({ column: DELETED, base: null, theirs: record.deletedAt, ours: null });
  }
  for (const { name } of edit.table.columns) {
    if (!changed.has(name) || writerOf(record, name) === edit.writer) continue;
    const base = Object.hasOwn(edit.device.base, name) ? edit.device.base[name] : null;
    const theirs = before[name] ?? null;
    if (base === theirs) continue;
    conflicts.push({
      column: name,
      base: loggable(base),
      theirs,
      ours: edit.set.get(name) ?? null,
    });
  }
  return conflicts;
}

async function logConflicts(
  ctx: MutationCtx,
  edit: Edit,
  record: StoredRecord | null,
  conflicts: Conflict[],
  usage: Usage,
): Promise<void> {
  if (edit.device === undefined || record === null) return;
  for (const [index, conflict] of conflicts.entries()) {
    const entry = {
      userId: edit.userId,
      rev: ctx.db.vars.commitTs,
      place: `${edit.device.opId}.${String(index).padStart(3, "0")}`,
      table: edit.table.name,
      clientId: edit.clientId,
      ...conflict,
      theirWriter: writerOf(record, conflict.column),
      deviceId: edit.writer,
      opId: edit.device.opId,
      at: Date.now(),
    };
    usage.write({ ...entry, rev: 0n });
    await ctx.db.insert("conflicts", entry);
  }
}

/**
 * Applies an edit to a record (null: there is none). Nothing is written before all of it was found
 * right, so a Refusal leaves the transaction as it was and the other ops of a batch can go on.
 */
export async function applyEdit(
  ctx: MutationCtx,
  edit: Edit,
  record: StoredRecord | null,
  usage: Usage,
): Promise<Outcome> {
  const before = columnsBefore(edit.table, record);
  const changed = new Set(
    [...edit.set.keys()].filter((name) => edit.set.get(name) !== before[name]),
  );
  const isMoved = record === null || (record.deletedAt !== null) !== edit.isRemoval;

  if (record !== null && changed.size === 0 && !isMoved) {
    return { doc: toWire(edit.table, record), overwrote: [], isChanged: false };
  }
  const written = new Set(isMoved ? [...changed, DELETED] : changed);
  const fields = {
    userId: edit.userId,
    clientId: edit.clientId,
    rev: ctx.db.vars.commitTs,
    deletedAt: edit.isRemoval ? Date.now() : null,
    createdAt: record?.createdAt ?? edit.createdAt,
    updatedAt: edit.updatedAt,
    runId: edit.device?.runId,
    writers: writersAfter(edit, record, written),
    ...before,
    ...Object.fromEntries(edit.set),
  } as unknown as WithoutSystemFields<StoredRecord>;

  const longestId = "x".repeat(40);
  const asStored = { ...fields, _id: record?._id ?? longestId, _creationTime: 0 } as StoredRecord;
  if (jsonBytes(toWire(edit.table, asStored)) > RECORD_JSON_BYTES) {
    refuse("invalid_value", `The record would have over ${RECORD_JSON_BYTES} bytes.`);
  }
  usage.write({ ...fields, rev: 0n });
  const conflicts = conflictsOf(edit, record, before, changed);
  await logConflicts(ctx, edit, record, conflicts, usage);
  let serverId: Doc<"tasks">["_id"];
  if (record === null) {
    serverId = await ctx.db.insert(anyTable(edit.table), fields);
  } else {
    serverId = record._id;
    usage.read(record); // again: Convex reads what it replaces
    await ctx.db.replace(anyTable(edit.table), serverId, fields);
  }
  return {
    doc: toWire(edit.table, { ...asStored, _id: serverId }),
    overwrote: conflicts.map(({ column, theirs }) => ({ column, theirs })),
    isChanged: true,
  };
}

/**
 * Moves sync:head. Each writer has a document of his own, so that the devices of an account do not
 * write the same one; the newest of them is the head.
 */
export async function moveHead(ctx: MutationCtx, userId: string, writer: string): Promise<void> {
  const head = await ctx.db
    .query("heads")
    .withIndex("by_user_writer", (q) => q.eq("userId", userId).eq("writer", writer))
    .unique();
  const rev = ctx.db.vars.commitTs;
  if (head === null) {
    await ctx.db.insert("heads", { userId, writer, rev });
  } else {
    await ctx.db.patch("heads", head._id, { rev });
  }
}
