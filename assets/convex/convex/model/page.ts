/** Pages of records in commit order, for devices and the office; limits.ts has the arithmetic. */
import { getConvexSize } from "convex/values";
import type { QueryCtx } from "../_generated/server";
import type { Cursor } from "./cursor";
import type { Definition } from "./definition";
import { PAGE_BYTES, PAGE_READ_BYTES, PAGE_READ_DOCS } from "./limits";
import { jsonBytes, toWire, type StoredRecord, type WireDoc } from "./record";
import { anyTable } from "./tables";

/** What one call may still take; several tables of a pull share it. */
export type Budget = {
  docs: number;
  bytes: number;
  readDocs: number;
  readBytes: number;
  taken: number;
};

export function newBudget(docs: number): Budget {
  return {
    docs,
    bytes: PAGE_BYTES,
    readDocs: PAGE_READ_DOCS,
    readBytes: PAGE_READ_BYTES,
    taken: 0,
  };
}

export type Scan = { docs: WireDoc[]; cursor: Cursor; more: boolean };

/** The records after a cursor. Two ranges: the rest of its rev, then all later ones. */
async function* recordsAfter(
  ctx: QueryCtx,
  table: Definition,
  userId: string,
  from: Cursor,
): AsyncGenerator<StoredRecord> {
  if (from.clientId !== "") {
    yield* ctx.db
      .query(anyTable(table))
      .withIndex("by_user_rev", (q) =>
        q.eq("userId", userId).eq("rev", from.rev).gt("clientId", from.clientId),
      );
  }
  yield* ctx.db
    .query(anyTable(table))
    .withIndex("by_user_rev", (q) => q.eq("userId", userId).gt("rev", from.rev));
}

/**
 * Reads on from a cursor until the budget is used up or nothing is left. `leavesOut` says which
 * records are passed without being given. A record is looked at before it is known that it does
 * not fit: each scan may read one more than its budget.
 */
export async function scan(
  ctx: QueryCtx,
  table: Definition,
  userId: string,
  from: Cursor,
  budget: Budget,
  leavesOut: (record: StoredRecord, at: Cursor) => boolean,
): Promise<Scan> {
  const docs: WireDoc[] = [];
  const cursor = { ...from };

  for await (const record of recordsAfter(ctx, table, userId, from)) {
    const isTaken = !leavesOut(record, cursor);
    const doc = isTaken ? toWire(table, record) : null;
    const size = getConvexSize(record);
    const bytes = doc === null ? 0 : jsonBytes(doc) + 64;
    if (
      budget.docs === 0 ||
      budget.readDocs === 0 ||
      budget.readBytes < size ||
      (budget.taken > 0 && budget.bytes < bytes)
    ) {
      return { docs, cursor, more: true };
    }
    budget.readDocs--;
    budget.readBytes -= size;
    if (doc !== null) {
      docs.push(doc);
      budget.docs--;
      budget.taken++;
      budget.bytes -= bytes;
    }
    cursor.rev = record.rev as bigint;
    cursor.clientId = record.clientId;
    if (cursor.start <= cursor.rev) cursor.start = 0n; // all that was there at the start is passed
  }
  return { docs, cursor, more: false };
}
