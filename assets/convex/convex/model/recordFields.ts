/** What every synced table has beside its own columns. */
import { v } from "convex/values";

export const recordFields = {
  /** Whose record it is: see model/user.ts. With the table and clientId it names the record. */
  userId: v.string(),
  clientId: v.string(),
  /**
   * The commit timestamp of the last change, set by every write. Pulls follow it: unlike a clock
   * read by the mutation, it rises in the order in which mutations become visible.
   */
  rev: v.commitTs(),
  /** null, or when the office removed it: a tombstone keeps its columns for 180 days. */
  deletedAt: v.union(v.null(), v.number()),
  createdAt: v.number(),
  updatedAt: v.number(),
  /** The device run that wrote it last; absent after the office's writes. */
  runId: v.optional(v.string()),
  /** Column to last writer, "*" for all that are not named: a device id, or "office". */
  writers: v.record(v.string(), v.string()),
};
