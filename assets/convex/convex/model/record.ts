/** Records as they are stored, and docs as they are sent. */
import { v, type CommitTsPlaceholder } from "convex/values";
import type { Doc } from "../_generated/dataModel";
import type { QueryCtx } from "../_generated/server";
import type { Definition, Scalar } from "./definition";
import { anyTable, type AnyTable } from "./tables";

export type StoredRecord = Doc<AnyTable>;
export type WireDoc = Record<string, Scalar | bigint | CommitTsPlaceholder>;

/** Its columns differ from table to table: `rev` is the only value that is no JSON scalar. */
export const wireDoc = v.record(
  v.string(),
  v.union(v.null(), v.boolean(), v.number(), v.string(), v.commitTs()),
);

export function loadRecord(
  ctx: QueryCtx,
  table: Definition,
  userId: string,
  clientId: string,
): Promise<StoredRecord | null> {
  return ctx.db
    .query(anyTable(table))
    .withIndex("by_user_client", (q) => q.eq("userId", userId).eq("clientId", clientId))
    .unique();
}

/** The value of a column: its default or null where the record is older than the column. */
export function columnValue(
  record: Record<string, unknown>,
  column: Definition["columns"][number],
): Scalar {
  const value = record[column.name];
  return value === undefined ? (column.default ?? null) : (value as Scalar);
}

export function toWire(table: Definition, record: StoredRecord): WireDoc {
  const doc: WireDoc = {
    clientId: record.clientId,
    serverId: record._id,
    rev: record.rev,
    deletedAt: record.deletedAt,
    createdAt: record.createdAt,
    updatedAt: record.updatedAt,
  };
  for (const column of table.columns) doc[column.name] = columnValue(record, column);
  return doc;
}

const encoder = new TextEncoder();

/** Bytes of a doc as JSON; `rev` counts as the longest that it can be. */
export function jsonBytes(doc: WireDoc): number {
  const rev = "9223372036854775807";
  return encoder.encode(JSON.stringify({ ...doc, rev })).length;
}
