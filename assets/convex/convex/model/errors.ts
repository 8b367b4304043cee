/** Refusals. Production hides the text of every error but the data of a ConvexError. */
import { ConvexError } from "convex/values";

export type Code =
  | "unauthenticated"
  | "cursor_unknown"
  | "unknown_table"
  | "unknown_column"
  | "invalid_value"
  | "not_found"
  | "client_too_old"
  | "invalid_credentials"
  | "too_many_attempts"
  | "forbidden";

export type RefusalData = {
  code: Code;
  message: string;
  table?: string;
  column?: string;
};

/** What a caller can act on: `errorData` of a failed call, or `error` of a rejected op. */
export class Refusal extends ConvexError<RefusalData> {}

export function refuse(
  code: Code,
  message: string,
  where: { table?: string; column?: string } = {},
): never {
  throw new Refusal({ code, message, ...where });
}
