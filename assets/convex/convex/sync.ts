/** What devices call. */
import { v, type Infer } from "convex/values";
import { mutation, query } from "./_generated/server";
import { formatCursor, openCursor } from "./model/cursor";
import { moveHead, OFFICE } from "./model/edit";
import { readEpoch } from "./model/epoch";
import { refuse } from "./model/errors";
import { BATCH_OPS, PAGE_DOCS } from "./model/limits";
import { opResult, runOp, type Push } from "./model/op";
import { newBudget, scan } from "./model/page";
import { wireDoc } from "./model/record";
import { findTable, knownTable } from "./model/tables";
import { Usage } from "./model/usage";
import { checkLimit, checkWord, requireUser } from "./model/user";

/** `head` changes with every committed change of any record of the user; it says no more. */
export const head = query({
  args: { protocol: v.number() },
  returns: v.object({ epoch: v.string(), head: v.string() }),
  handler: async (ctx, args) => {
    const userId = await requireUser(ctx, args);
    const newest = await ctx.db
      .query("heads")
      .withIndex("by_user_rev", (q) => q.eq("userId", userId))
      .order("desc")
      .first();
    return { epoch: await readEpoch(ctx), head: String(newest?.rev ?? 0n) };
  },
});

/** One table from the start: the initial sync, and a walk after `cursor_unknown` or a new epoch. */
export const getAllForUser = query({
  args: {
    protocol: v.number(),
    table: v.string(),
    cursor: v.union(v.string(), v.null()),
    limit: v.number(),
  },
  returns: v.object({
    epoch: v.string(),
    docs: v.array(wireDoc),
    cursor: v.string(),
    more: v.boolean(),
  }),
  handler: async (ctx, args) => {
    const userId = await requireUser(ctx, args);
    const table = knownTable(args.table);
    const budget = newBudget(checkLimit(args.limit, PAGE_DOCS));
    const from = await openCursor(ctx, userId, table, args.cursor);
    const page = await scan(
      ctx,
      table,
      userId,
      from,
      budget,
      // A walk begins with nothing: tombstones from before its first page have nothing to remove.
      (record, at) => record.deletedAt !== null && (record.rev as bigint) <= at.start,
    );
    return {
      epoch: await readEpoch(ctx),
      docs: page.docs,
      cursor: formatCursor(page.cursor, userId, table.name),
      more: page.more,
    };
  },
});

const changesPage = v.object({
  epoch: v.string(),
  changes: v.array(v.object({ table: v.string(), doc: wireDoc })),
  cursors: v.record(v.string(), v.string()),
  more: v.boolean(),
  unknown: v.optional(v.array(v.string())),
});

/** All named tables in one request, tombstones included, without what this run wrote itself. */
export const getChangesSince = query({
  args: {
    protocol: v.number(),
    cursors: v.record(v.string(), v.union(v.string(), v.null())),
    limit: v.number(),
    runId: v.string(),
  },
  returns: changesPage,
  handler: async (ctx, args) => {
    const userId = await requireUser(ctx, args);
    checkWord("runId", args.runId);
    const budget = newBudget(checkLimit(args.limit, PAGE_DOCS));
    const answer: Infer<typeof changesPage> = {
      epoch: await readEpoch(ctx),
      changes: [],
      cursors: {},
      more: false,
    };
    const unknown: string[] = [];
    for (const [name, cursor] of Object.entries(args.cursors)) {
      const table = findTable(name);
      if (table === undefined) {
        unknown.push(name);
        continue;
      }
      const from = await openCursor(ctx, userId, table, cursor);
      const page = await scan(ctx, table, userId, from, budget, (record) => {
        return record.runId === args.runId;
      });
      for (const doc of page.docs) answer.changes.push({ table: name, doc });
      answer.cursors[name] = formatCursor(page.cursor, userId, name);
      answer.more ||= page.more;
    }
    return unknown.length > 0 ? { ...answer, unknown } : answer;
  },
});

function newPush(userId: string, args: { deviceId: string; runId: string }): Push {
  checkWord("deviceId", args.deviceId);
  checkWord("runId", args.runId);
  if (args.deviceId === OFFICE) {
    refuse("invalid_value", "No device can be named office.", { column: "deviceId" });
  }
  return { userId, ...args, usage: new Usage(), isChanged: false };
}

/** `op` is checked by model/op.ts, whose faults are results and not errors. */
export const upsert = mutation({
  args: { protocol: v.number(), deviceId: v.string(), runId: v.string(), op: v.any() },
  returns: v.object({ epoch: v.string(), result: opResult }),
  handler: async (ctx, { deviceId, runId, op, ...args }) => {
    const push = newPush(await requireUser(ctx, args), { deviceId, runId });
    const result = await runOp(ctx, push, op);
    if (push.isChanged) await moveHead(ctx, push.userId, deviceId);
    return { epoch: await readEpoch(ctx), result };
  },
});

/** One transaction, one result per op, in order, each op on its own merits. */
export const bulkUpsert = mutation({
  args: { protocol: v.number(), deviceId: v.string(), runId: v.string(), ops: v.array(v.any()) },
  returns: v.object({ epoch: v.string(), results: v.array(opResult) }),
  handler: async (ctx, { deviceId, runId, ops, ...args }) => {
    const push = newPush(await requireUser(ctx, args), { deviceId, runId });
    if (ops.length > BATCH_OPS) {
      refuse("invalid_value", `A batch can have ${BATCH_OPS} ops.`, { column: "ops" });
    }
    const results: Infer<typeof opResult>[] = [];
    for (const op of ops) results.push(await runOp(ctx, push, op));
    if (push.isChanged) await moveHead(ctx, push.userId, deviceId);
    return { epoch: await readEpoch(ctx), results };
  },
});
