/** Sign-in by Convex Auth (CONVEX_SITE_URL, JWT_PRIVATE_KEY and JWKS are set on the deployment). */
import { convexAuth } from "@convex-dev/auth/server";
import { v, type Infer } from "convex/values";
import { api, internal } from "./_generated/api";
import { action } from "./_generated/server";
import { password } from "./model/password";

const library = convexAuth({ providers: [password] });

/** `store` is internal and called by the library under this name. */
export const { auth, signOut, store, isAuthenticated } = library;

/** The library's own sign-in, called by the one below. */
export const librarySignIn = library.signIn;

const answer = v.object({
  tokens: v.union(v.null(), v.object({ token: v.string(), refreshToken: v.string() })),
});

/**
 * Signs in with a password, or exchanges a refresh token. `tokens: null` says that the session is
 * over, and nothing else does; that includes a refresh token that is none, at which the library
 * throws.
 */
export const signIn = action({
  args: {
    provider: v.optional(v.string()),
    params: v.optional(v.any()),
    refreshToken: v.optional(v.string()),
  },
  returns: answer,
  handler: async (ctx, args): Promise<Infer<typeof answer>> => {
    const { refreshToken } = args;
    if (args.provider === undefined && refreshToken !== undefined) {
      const isToken = await ctx.runQuery(internal.accounts.isRefreshToken, { refreshToken });
      if (!isToken) return { tokens: null };
    }
    const { tokens } = await ctx.runAction(api.auth.librarySignIn, args);
    return { tokens: tokens ?? null };
  },
});
