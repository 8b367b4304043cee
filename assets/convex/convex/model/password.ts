/**
 * Convex Auth's Password provider, with failures that a device can tell apart: the library throws
 * plain errors, whose text production hides.
 */
import {
  ConvexCredentials,
  type ConvexCredentialsUserConfig,
} from "@convex-dev/auth/providers/ConvexCredentials";
import { Password } from "@convex-dev/auth/providers/Password";
import { internal } from "../_generated/api";
import type { DataModel } from "../_generated/dataModel";
import { refuse } from "./errors";

export const PROVIDER = "password";
const PASSWORD_CODE_POINTS = 8;

type Authorize = ConvexCredentialsUserConfig<DataModel>["authorize"];

/** Trimmed, with ASCII letters in lower case: how an account is named. */
export function normalEmail(email: string): string {
  return email.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * HMAC pads its key with zeros, so that scrypt takes "secret" and "secret\0" for the same password:
 * one that holds U+0000 is none.
 */
function hasNul(password: string): boolean {
  return password.includes("\0");
}

export function checkNewPassword(password: string): void {
  if (hasNul(password)) {
    refuse("invalid_value", "A password cannot hold U+0000.", { column: "password" });
  }
  if ([...password].length < PASSWORD_CODE_POINTS) {
    refuse("invalid_value", `A password has at least ${PASSWORD_CODE_POINTS} characters.`, {
      column: "password",
    });
  }
}

function filledText(params: Record<string, unknown>, name: string): string {
  const value = params[name];
  if (typeof value !== "string" || value === "") {
    refuse("invalid_credentials", "E-mail and password are needed.");
  }
  if (hasNul(value)) refuse("invalid_credentials", "E-mail or password is wrong.");
  return value;
}

/** What the library's plain errors mean to who signs in. Others are defects and stay so. */
function refuseKnown(error: unknown): void {
  const text = error instanceof Error ? error.message : "";
  if (text.includes("TooManyFailedAttempts")) {
    refuse("too_many_attempts", "Too many attempts; try again in an hour.");
  }
  if (text.includes("InvalidAccountId") || text.includes("InvalidSecret")) {
    refuse("invalid_credentials", "E-mail or password is wrong.");
  }
}

/** Refused before the library sees it: it would sign in who signs up with the right password. */
async function checkSignUp(
  ctx: Parameters<Authorize>[1],
  email: string,
  password: string,
): Promise<void> {
  if (process.env.OUTPOST_SIGNUP !== "open") refuse("forbidden", "Sign-up is closed.");
  checkNewPassword(password);
  if ((await ctx.runQuery(internal.accounts.find, { email })) !== null) {
    refuse("invalid_credentials", "E-mail or password is wrong.");
  }
}

function withCodes(authorize: Authorize): Authorize {
  return async (params, ctx) => {
    if (params.flow !== "signIn" && params.flow !== "signUp") {
      refuse("invalid_value", "flow must be signIn or signUp.", { column: "flow" });
    }
    const email = normalEmail(filledText(params, "email"));
    const password = filledText(params, "password");
    if (params.flow === "signUp") await checkSignUp(ctx, email, password);
    try {
      return await authorize({ flow: params.flow, email, password }, ctx);
    } catch (error) {
      refuseKnown(error);
      throw error;
    }
  };
}

/** Password() hands its configuration on as `options`, with hashing and the sign-in itself. */
const library = Password<DataModel>({
  validatePasswordRequirements: checkNewPassword,
}) as unknown as {
  options: ConvexCredentialsUserConfig<DataModel>;
};

export const password = ConvexCredentials<DataModel>({
  ...library.options,
  id: PROVIDER,
  authorize: withCodes(library.options.authorize),
});
