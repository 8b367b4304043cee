/** The epoch: a string that the operator changes after a backup was restored (admin:setEpoch). */
import type { QueryCtx } from "../_generated/server";

const FIRST_EPOCH = "first";

export async function readEpoch(ctx: QueryCtx): Promise<string> {
  const setting = await ctx.db
    .query("settings")
    .withIndex("by_name", (q) => q.eq("name", "epoch"))
    .unique();
  return setting?.value ?? FIRST_EPOCH;
}
