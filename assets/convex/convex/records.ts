/** The office: full create, read, update and delete on the records that devices capture. */
import { getConvexSize, v, type Infer } from "convex/values";
import { mutation, query } from "./_generated/server";
import { refuse } from "./model/errors";
import { PAGE_BYTES, PAGE_DOCS } from "./model/limits";
import * as office from "./model/office";
import { wireDoc } from "./model/record";
import { knownTable } from "./model/tables";
import { checkLimit, requireUser } from "./model/user";

const table = v.string();

export const list = query({
  args: { table, ...office.listArgs },
  returns: office.listPage,
  handler: async (ctx, { table, ...args }) => office.list(ctx, knownTable(table), args),
});

export const get = query({
  args: { table, ...office.namedArgs },
  returns: v.union(wireDoc, v.null()),
  handler: async (ctx, { table, ...args }) => office.get(ctx, knownTable(table), args),
});

export const create = mutation({
  args: { table, ...office.createArgs },
  returns: wireDoc,
  handler: async (ctx, { table, ...args }) => office.create(ctx, knownTable(table), args),
});

export const update = mutation({
  args: { table, ...office.updateArgs },
  returns: wireDoc,
  handler: async (ctx, { table, ...args }) => office.update(ctx, knownTable(table), args),
});

export const remove = mutation({
  args: { table, ...office.namedArgs },
  returns: wireDoc,
  handler: async (ctx, { table, ...args }) => office.remove(ctx, knownTable(table), args),
});

const CONFLICTS_AT_ONCE = 100;
const scalar = v.union(v.null(), v.boolean(), v.number(), v.string());
const conflict = v.object({
  table: v.string(),
  clientId: v.string(),
  column: v.string(),
  base: scalar,
  theirs: scalar,
  ours: scalar,
  theirWriter: v.string(),
  deviceId: v.string(),
  opId: v.string(),
  at: v.number(),
});

/** "k", the rev and the place of the last conflict given. */
const CONFLICT_CURSOR = /^k([0-9a-f]{1,16})\.([0-9a-f.-]*)$/;

function parseConflictCursor(text: string | null): { rev: bigint; place: string } {
  if (text === null) return { rev: 0n, place: "" };
  const match = CONFLICT_CURSOR.exec(text);
  if (match === null) refuse("cursor_unknown", "The backend does not know this cursor.");
  return { rev: BigInt(`0x${match[1]}`), place: match[2] as string };
}

/** What devices overwrote, oldest first. */
export const conflicts = query({
  args: {
    protocol: v.number(),
    cursor: v.optional(v.union(v.string(), v.null())),
    limit: v.optional(v.number()),
  },
  returns: v.object({ conflicts: v.array(conflict), cursor: v.string(), more: v.boolean() }),
  handler: async (ctx, args) => {
    const userId = await requireUser(ctx, args);
    const limit = checkLimit(args.limit ?? CONFLICTS_AT_ONCE, PAGE_DOCS);
    const at = parseConflictCursor(args.cursor ?? null);
    const found: Infer<typeof conflict>[] = [];
    let bytes = 0;
    let more = false;
    const ranges = [
      ctx.db
        .query("conflicts")
        .withIndex("by_user_rev", (q) =>
          q.eq("userId", userId).eq("rev", at.rev).gt("place", at.place),
        ),
      ctx.db
        .query("conflicts")
        .withIndex("by_user_rev", (q) => q.eq("userId", userId).gt("rev", at.rev)),
    ];
    for (const range of ranges) {
      if (more) break;
      for await (const entry of range) {
        bytes += getConvexSize(entry);
        more = found.length === limit || (found.length > 0 && bytes > PAGE_BYTES);
        if (more) break;
        const { _id, _creationTime, userId: _user, rev, place, ...kept } = entry;
        found.push(kept);
        at.rev = rev as bigint;
        at.place = place;
      }
    }
    return { conflicts: found, cursor: `k${at.rev.toString(16)}.${at.place}`, more };
  },
});
