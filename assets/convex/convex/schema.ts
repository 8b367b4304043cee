import { authTables } from "@convex-dev/auth/server";
import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { syncedTables } from "./tables";

const scalar = v.union(v.null(), v.boolean(), v.number(), v.string());

export default defineSchema({
  ...authTables,
  ...syncedTables,

  /** Ops that were applied, so that one that is sent again changes nothing. Kept 90 days. */
  receipts: defineTable({
    userId: v.string(),
    opId: v.string(),
    table: v.string(),
    clientId: v.string(),
    at: v.number(),
  })
    .index("by_user_op", ["userId", "opId"])
    .index("by_at", ["at"]),

  /** What devices overwrote, in commit order; `place` orders those of one mutation. */
  conflicts: defineTable({
    userId: v.string(),
    rev: v.commitTs(),
    place: v.string(),
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
  }).index("by_user_rev", ["userId", "rev", "place"]),

  /** The last change by each writer of a user's records; the newest is sync:head. */
  heads: defineTable({
    userId: v.string(),
    writer: v.string(),
    rev: v.commitTs(),
  })
    .index("by_user_rev", ["userId", "rev"])
    .index("by_user_writer", ["userId", "writer"]),

  /** Up to which rev tombstones were forgotten: a cursor below it may have missed one. */
  floors: defineTable({
    userId: v.string(),
    table: v.string(),
    rev: v.int64(),
  }).index("by_user_table", ["userId", "table"]),

  /** What the operator sets for the whole deployment. */
  settings: defineTable({
    name: v.string(),
    value: v.string(),
  }).index("by_name", ["name"]),
});
