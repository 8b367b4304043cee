/** What sign-in and the operator look up in Convex Auth's tables. */
import { v } from "convex/values";
import { internalQuery } from "./_generated/server";
import { PROVIDER } from "./model/password";

/** The account of an e-mail address, by its normal form. */
export const find = internalQuery({
  args: { email: v.string() },
  returns: v.union(v.null(), v.object({ userId: v.id("users") })),
  handler: async (ctx, { email }) => {
    const account = await ctx.db
      .query("authAccounts")
      .withIndex("providerAndAccountId", (q) =>
        q.eq("provider", PROVIDER).eq("providerAccountId", email),
      )
      .unique();
    return account === null ? null : { userId: account.userId };
  },
});

/** Could this text be a refresh token, `<token>|<session>`? Convex throws at an id that is none. */
export const isRefreshToken = internalQuery({
  args: { refreshToken: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { refreshToken }) => {
    const [token, session, ...rest] = refreshToken.split("|");
    return (
      rest.length === 0 &&
      ctx.db.normalizeId("authRefreshTokens", token ?? "") !== null &&
      ctx.db.normalizeId("authSessions", session ?? "") !== null
    );
  },
});
