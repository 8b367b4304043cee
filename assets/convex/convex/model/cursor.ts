/**
 * Cursors: how far a reader has come in a user's table, in commit order.
 *
 * All records of one mutation share a rev, so a place is the pair (rev, clientId). A cursor also
 * holds where its reading began, until it has come that far: tombstones that were forgotten before
 * it began are none of its business. And it holds a hash of user and table, so that one that was
 * mixed up is noticed; it opens nothing, because every read is scoped by the token.
 */
import type { QueryCtx } from "../_generated/server";
import type { Definition } from "./definition";
import { refuse } from "./errors";
import { isUuid } from "./values";

export type Cursor = {
  rev: bigint;
  /** "": before all records of rev. */
  clientId: string;
  /** 0n once the reading has come past its beginning. */
  start: bigint;
};

const FORM = /^([0-9a-f]{1,16})\.([0-9a-f-]*)\.([0-9a-f]{1,16})\.([0-9a-f]{16})$/;
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

function ownerHash(userId: string, table: string): string {
  let hash = FNV_OFFSET;
  for (const byte of new TextEncoder().encode(`${userId}\n${table}`)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  }
  return hash.toString(16).padStart(16, "0");
}

export function formatCursor(cursor: Cursor, userId: string, table: string): string {
  const { rev, clientId, start } = cursor;
  return `${rev.toString(16)}.${clientId}.${start.toString(16)}.${ownerHash(userId, table)}`;
}

/** Strict: only what formatCursor writes is read back. */
function parseCursor(text: string, userId: string, table: string): Cursor | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, rev, clientId, start] = match as unknown as [string, string, string, string];
  if (clientId !== "" && !isUuid(clientId)) return null;
  const cursor = { rev: BigInt(`0x${rev}`), clientId, start: BigInt(`0x${start}`) };
  return formatCursor(cursor, userId, table) === text ? cursor : null;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

/** Up to which rev tombstones of the table have been forgotten (prune.ts). */
async function readFloor(ctx: QueryCtx, userId: string, table: string): Promise<bigint> {
  const floor = await ctx.db
    .query("floors")
    .withIndex("by_user_table", (q) => q.eq("userId", userId).eq("table", table))
    .unique();
  return floor?.rev ?? 0n;
}

/** Reads `text`, or begins anew where it is null. Refuses with cursor_unknown, naming the table. */
export async function openCursor(
  ctx: QueryCtx,
  userId: string,
  table: Definition,
  text: string | null,
): Promise<Cursor> {
  const now = ctx.meta.getSnapshotTs();
  if (text === null) return { rev: 0n, clientId: "", start: now };
  const cursor = parseCursor(text, userId, table.name);
  if (
    cursor === null ||
    cursor.rev > now ||
    cursor.start > now ||
    (await readFloor(ctx, userId, table.name)) > max(cursor.start, cursor.rev)
  ) {
    refuse("cursor_unknown", "The backend does not know this cursor: read the table again.", {
      table: table.name,
    });
  }
  return cursor;
}
