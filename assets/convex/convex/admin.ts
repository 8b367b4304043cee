/**
 * For the operator, who runs them with `npx convex run admin:NAME '{...}'` or from the dashboard.
 * All are internal: no device and no browser can call them.
 */
import {
  createAccount,
  invalidateSessions,
  modifyAccountCredentials,
} from "@convex-dev/auth/server";
import { paginationOptsValidator, paginationResultValidator } from "convex/server";
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalAction, internalMutation, internalQuery } from "./_generated/server";
import { moveHead, OFFICE } from "./model/edit";
import { refuse } from "./model/errors";
import { newId } from "./model/id";
import { checkNewPassword, normalEmail, PROVIDER } from "./model/password";
import { loadRecord } from "./model/record";
import { anyTable, knownTable } from "./model/tables";

const RESTAMP_AT_ONCE = 50;

/** After a backup was restored: devices compare everything and send what the backup lacks. */
export const setEpoch = internalMutation({
  args: { epoch: v.optional(v.string()) },
  returns: v.string(),
  handler: async (ctx, args) => {
    const value = args.epoch ?? newId();
    const setting = await ctx.db
      .query("settings")
      .withIndex("by_name", (q) => q.eq("name", "epoch"))
      .unique();
    if (setting === null) await ctx.db.insert("settings", { name: "epoch", value });
    else await ctx.db.patch("settings", setting._id, { value });
    return value;
  },
});

/** An account for a site, a crew or a person; its devices and its office sign in to the same. */
export const addUser = internalAction({
  args: { email: v.string(), password: v.string(), name: v.optional(v.string()) },
  returns: v.id("users"),
  handler: async (ctx, args) => {
    const email = normalEmail(args.email);
    checkNewPassword(args.password);
    if (!/^[^\s@]+@[^\s@]+$/.test(email)) {
      refuse("invalid_value", "That is no e-mail address.", { column: "email" });
    }
    if ((await ctx.runQuery(internal.accounts.find, { email })) !== null) {
      refuse("invalid_value", "There is an account of this e-mail address.", { column: "email" });
    }
    const { user } = await createAccount(ctx, {
      provider: PROVIDER,
      account: { id: email, secret: args.password },
      profile: args.name === undefined ? { email } : { email, name: args.name },
    });
    return user._id;
  },
});

/** A new password; whoever is signed in with the old one is signed out when the token expires. */
export const setPassword = internalAction({
  args: { email: v.string(), password: v.string() },
  returns: v.null(),
  handler: async (ctx, args) => {
    const email = normalEmail(args.email);
    checkNewPassword(args.password);
    const account = await ctx.runQuery(internal.accounts.find, { email });
    if (account === null) refuse("not_found", "There is no account of this e-mail address.");
    await modifyAccountCredentials(ctx, {
      provider: PROVIDER,
      account: { id: email, secret: args.password },
    });
    await invalidateSessions(ctx, { userId: account.userId });
    return null;
  },
});

export const listUsers = internalQuery({
  args: { paginationOpts: paginationOptsValidator },
  returns: paginationResultValidator(
    v.object({ _id: v.id("users"), email: v.optional(v.string()), name: v.optional(v.string()) }),
  ),
  handler: async (ctx, args) => {
    const page = await ctx.db.query("users").paginate(args.paginationOpts);
    return { ...page, page: page.page.map(({ _id, email, name }) => ({ _id, email, name })) };
  },
});

/**
 * Gives records a new rev, so that devices see what was written past these functions (dashboard,
 * `npx convex import`). The office counts as their writer from then on.
 */
export const restamp = internalMutation({
  args: { userId: v.string(), table: v.string(), clientIds: v.array(v.string()) },
  returns: v.number(),
  handler: async (ctx, args) => {
    const table = knownTable(args.table);
    if (args.clientIds.length > RESTAMP_AT_ONCE) {
      refuse("invalid_value", `At most ${RESTAMP_AT_ONCE} at once.`, { column: "clientIds" });
    }
    let count = 0;
    for (const clientId of args.clientIds) {
      const record = await loadRecord(ctx, table, args.userId, clientId);
      if (record === null) continue;
      const stamp = { rev: ctx.db.vars.commitTs, runId: undefined, writers: { "*": OFFICE } };
      await ctx.db.patch(anyTable(table), record._id, stamp);
      count++;
    }
    if (count > 0) await moveHead(ctx, args.userId, OFFICE);
    return count;
  },
});
