/**
 * What is kept for a time only, and goes when the time is over: receipts after 90 days, tombstones
 * after 180, sessions after their 30. Each call takes a bounded batch and schedules the next one.
 */
import { getConvexSize, v } from "convex/values";
import { internal } from "./_generated/api";
import type { MutationCtx } from "./_generated/server";
import { internalMutation } from "./_generated/server";
import { DAY_MS, PRUNE_BYTES, PRUNE_DOCS, RECEIPT_MS, TOMBSTONE_MS } from "./model/limits";
import { anyTable, knownTable } from "./model/tables";
import { definitions } from "./tables";

const SESSION_MS = 31 * DAY_MS; // Convex Auth's 30 days in total, and a day to be sure

export const receipts = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const old = await ctx.db
      .query("receipts")
      .withIndex("by_at", (q) => q.lt("at", Date.now() - RECEIPT_MS))
      .take(PRUNE_DOCS);
    for (const receipt of old) await ctx.db.delete("receipts", receipt._id);
    if (old.length === PRUNE_DOCS) await ctx.scheduler.runAfter(0, internal.prune.receipts, {});
    return null;
  },
});

/** A day's work, a function call for each table. */
export const allTombstones = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    for (const { name } of definitions) {
      await ctx.scheduler.runAfter(0, internal.prune.tombstones, { table: name });
    }
    return null;
  },
});

/** In the transaction that forgets tombstones: a cursor below this has missed one. */
async function raiseFloor(
  ctx: MutationCtx,
  userId: string,
  table: string,
  rev: bigint,
): Promise<void> {
  const floor = await ctx.db
    .query("floors")
    .withIndex("by_user_table", (q) => q.eq("userId", userId).eq("table", table))
    .unique();
  if (floor === null) await ctx.db.insert("floors", { userId, table, rev });
  else if (floor.rev < rev) await ctx.db.patch("floors", floor._id, { rev });
}

export const tombstones = internalMutation({
  args: { table: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const table = anyTable(knownTable(args.table));
    const before = Date.now() - TOMBSTONE_MS;
    const floors = new Map<string, bigint>();
    let count = 0;
    let bytes = 0;
    for await (const record of ctx.db
      .query(table)
      .withIndex("by_deletedAt", (q) => q.gt("deletedAt", 0).lt("deletedAt", before))) {
      const rev = record.rev as bigint;
      const floor = floors.get(record.userId) ?? 0n;
      floors.set(record.userId, rev > floor ? rev : floor);
      await ctx.db.delete(table, record._id);
      count++;
      bytes += getConvexSize(record);
      if (count === PRUNE_DOCS || bytes > PRUNE_BYTES) {
        await ctx.scheduler.runAfter(0, internal.prune.tombstones, args);
        break;
      }
    }
    for (const [userId, rev] of floors) await raiseFloor(ctx, userId, args.table, rev);
    return null;
  },
});

/** Convex Auth leaves sessions that are over, and their refresh tokens, where they are. */
export const sessions = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const before = Date.now() - SESSION_MS;
    const tokens = await ctx.db
      .query("authRefreshTokens")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", before))
      .take(PRUNE_DOCS);
    for (const token of tokens) await ctx.db.delete("authRefreshTokens", token._id);
    const over = await ctx.db
      .query("authSessions")
      .withIndex("by_creation_time", (q) => q.lt("_creationTime", before))
      .take(PRUNE_DOCS);
    for (const session of over) await ctx.db.delete("authSessions", session._id);
    if (tokens.length === PRUNE_DOCS || over.length === PRUNE_DOCS) {
      await ctx.scheduler.runAfter(0, internal.prune.sessions, {});
    }
    return null;
  },
});
