import { v } from "convex/values";
import { query } from "./_generated/server";
import { requireIdentity, userIdOf } from "./model/user";

/** Who is signed in. A device keeps one file for each userId. */
export const viewer = query({
  args: { protocol: v.number() },
  returns: v.object({
    userId: v.string(),
    email: v.optional(v.string()),
    name: v.optional(v.string()),
  }),
  handler: async (ctx, args) => {
    const identity = await requireIdentity(ctx, args);
    const userId = userIdOf(identity);
    const id = ctx.db.normalizeId("users", userId);
    const user = id === null ? identity : await ctx.db.get("users", id);
    const { email, name } = user ?? {};
    return {
      userId,
      ...(email === undefined ? {} : { email }),
      ...(name === undefined ? {} : { name }),
    };
  },
});
