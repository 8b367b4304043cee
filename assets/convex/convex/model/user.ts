/** Whose call it is, and in which protocol. Every function of the contract begins here. */
import type { Auth, UserIdentity } from "convex/server";
import { refuse } from "./errors";
import { isWord } from "./values";

const PROTOCOL = 1;

/**
 * The user of a token. Convex Auth puts `<user>|<session>` into the subject, so neither the subject
 * nor tokenIdentifier names a user; other issuers' subjects do.
 */
export function userIdOf(identity: UserIdentity): string {
  if (identity.issuer === process.env.CONVEX_SITE_URL) {
    return identity.subject.split("|")[0] as string;
  }
  return `${identity.issuer}#${identity.subject}`;
}

export async function requireIdentity(
  ctx: { auth: Auth },
  args: { protocol: number },
): Promise<UserIdentity> {
  const identity = await ctx.auth.getUserIdentity();
  if (identity === null) refuse("unauthenticated", "Sign in first.");
  if (args.protocol > PROTOCOL || !Number.isInteger(args.protocol)) {
    refuse("invalid_value", `This backend speaks protocol ${PROTOCOL}.`, { column: "protocol" });
  }
  if (args.protocol < PROTOCOL) {
    refuse("client_too_old", `This backend speaks protocol ${PROTOCOL}; update the device.`);
  }
  return identity;
}

export async function requireUser(
  ctx: { auth: Auth },
  args: { protocol: number },
): Promise<string> {
  return userIdOf(await requireIdentity(ctx, args));
}

/** deviceId or runId: 1 to 64 of A-Z, a-z, 0-9 and -. */
export function checkWord(name: string, value: string): void {
  if (!isWord(value)) {
    refuse("invalid_value", `${name} must be 1 to 64 of A-Z, a-z, 0-9 and -.`, { column: name });
  }
}

/** `limit` of a page: a whole number from 1; over `most` means `most`. */
export function checkLimit(limit: number, most: number): number {
  if (!(limit >= 1) || !Number.isInteger(limit)) {
    refuse("invalid_value", "limit must be a whole number from 1.", { column: "limit" });
  }
  return Math.min(limit, most);
}
