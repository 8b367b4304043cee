/** A device's op: its form, its receipt, and its result. */
import type { Infer } from "convex/values";
import { v } from "convex/values";
import type { MutationCtx } from "../_generated/server";
import type { Definition } from "./definition";
import { applyEdit, type Outcome } from "./edit";
import { Refusal, refuse } from "./errors";
import { REPLACES } from "./limits";
import { loadRecord, toWire, wireDoc, type StoredRecord, type WireDoc } from "./record";
import { knownTable } from "./tables";
import type { Usage } from "./usage";
import { checkSet, isObject, isTime, isUuid, lackingColumn } from "./values";

const OP_ID_ECHO = 128; // a malformed opId is echoed up to this size

export const opResult = v.union(
  v.object({
    opId: v.string(),
    status: v.literal("applied"),
    doc: wireDoc,
    overwrote: v.optional(
      v.array(
        v.object({
          column: v.string(),
          theirs: v.union(v.null(), v.boolean(), v.number(), v.string()),
        }),
      ),
    ),
  }),
  v.object({
    opId: v.union(v.string(), v.null()),
    status: v.literal("rejected"),
    error: v.object({
      code: v.string(),
      message: v.string(),
      column: v.optional(v.string()),
    }),
  }),
);
export type OpResult = Infer<typeof opResult>;

export type Push = {
  userId: string;
  deviceId: string;
  runId: string;
  usage: Usage;
  /** Has an op changed anything yet? */
  isChanged: boolean;
};

type Op = {
  opId: string;
  table: Definition;
  clientId: string;
  operation: "create" | "update";
  set: Record<string, unknown>;
  base: Record<string, unknown>;
  createdAt: number;
  updatedAt: number;
  replaces: string[];
};

function invalid(column: string, message: string): never {
  refuse("invalid_value", message, { column });
}

function objectOf(op: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = op[name];
  return isObject(value) ? value : invalid(name, `${name} must be an object of columns.`);
}

function timeOf(op: Record<string, unknown>, name: string): number {
  const value = op[name];
  return isTime(value) ? value : invalid(name, `${name} must be whole ms since the epoch.`);
}

function replacesOf(op: Record<string, unknown>): string[] {
  const { replaces } = op;
  if (replaces === undefined) return [];
  if (!Array.isArray(replaces) || replaces.length > REPLACES || !replaces.every(isUuid)) {
    invalid("replaces", `replaces must be at most ${REPLACES} op ids.`);
  }
  return replaces as string[];
}

/** The op's form, all but opId; and that its table is known. Unknown members are ignored. */
function parseOp(op: Record<string, unknown>, opId: string): Op {
  const { table, clientId, operation } = op;
  if (typeof table !== "string") invalid("table", "table must be text.");
  if (!isUuid(clientId)) invalid("clientId", "clientId must be a lower-case UUID.");
  if (operation === "delete") refuse("forbidden", "A device can not delete records.");
  if (operation !== "create" && operation !== "update") {
    invalid("operation", "operation must be create or update.");
  }
  const parsed: Omit<Op, "table"> = {
    opId,
    clientId,
    operation,
    set: objectOf(op, "set"),
    base: objectOf(op, "base"),
    createdAt: timeOf(op, "createdAt"),
    updatedAt: timeOf(op, "updatedAt"),
    replaces: replacesOf(op),
  };
  return { ...parsed, table: knownTable(table) };
}

function appliedResult(opId: string, doc: WireDoc, overwrote: Outcome["overwrote"]): OpResult {
  return overwrote.length > 0
    ? { opId, status: "applied", doc, overwrote }
    : { opId, status: "applied", doc };
}

/**
 * The result of an op that was applied before, or null. Looked up before anything is judged: what
 * was applied once is applied, whatever the definition says today.
 */
async function replayed(
  ctx: MutationCtx,
  push: Push,
  op: Record<string, unknown>,
  opId: string,
): Promise<OpResult | null> {
  // The oldest one counts: ops that others replace get receipts without a look at what there is.
  const receipt = await ctx.db
    .query("receipts")
    .withIndex("by_user_op", (q) => q.eq("userId", push.userId).eq("opId", opId))
    .first();
  if (receipt === null) return null;
  if (op.table !== receipt.table || op.clientId !== receipt.clientId) {
    invalid("opId", "This opId was used for another record.");
  }
  const table = knownTable(receipt.table);
  const record = await loadRecord(ctx, table, push.userId, receipt.clientId);
  if (record === null) return null; // its tombstone is forgotten: it is as if it had never been
  push.usage.read(record);
  return appliedResult(opId, toWire(table, record), []);
}

function checkNew(op: Op, set: ReturnType<typeof checkSet>): void {
  const lacking = lackingColumn(op.table, set);
  if (lacking === undefined) return;
  if (op.operation === "update") {
    refuse("not_found", "The backend does not have this record.", { column: lacking.name });
  }
  invalid(lacking.name, `${lacking.label ?? lacking.name} is required.`);
}

/** The op's own receipt, and those of the ops that it stands for, should one arrive late. */
async function writeReceipts(ctx: MutationCtx, push: Push, op: Op): Promise<void> {
  for (const opId of [op.opId, ...op.replaces]) {
    const receipt = {
      userId: push.userId,
      opId,
      table: op.table.name,
      clientId: op.clientId,
      at: Date.now(),
    };
    push.usage.write(receipt);
    await ctx.db.insert("receipts", receipt);
  }
}

async function applyOp(ctx: MutationCtx, push: Push, op: Op): Promise<OpResult> {
  const set = checkSet(op.table, op.set);
  const record: StoredRecord | null = await loadRecord(ctx, op.table, push.userId, op.clientId);
  if (record === null) checkNew(op, set);
  else push.usage.read(record);
  const outcome = await applyEdit(
    ctx,
    {
      userId: push.userId,
      table: op.table,
      clientId: op.clientId,
      set,
      isRemoval: false,
      writer: push.deviceId,
      createdAt: op.createdAt,
      updatedAt: op.updatedAt,
      device: { base: op.base, runId: push.runId, opId: op.opId },
    },
    record,
    push.usage,
  );
  await writeReceipts(ctx, push, op);
  push.isChanged ||= outcome.isChanged;
  return appliedResult(op.opId, outcome.doc, outcome.overwrote);
}

function rejectedResult(op: unknown, refusal: Refusal): OpResult {
  const opId = isObject(op) ? op.opId : null;
  const { code, message, column } = refusal.data;
  return {
    opId: typeof opId === "string" && opId.length <= OP_ID_ECHO ? opId : null,
    status: "rejected",
    error: column === undefined ? { code, message } : { code, message, column },
  };
}

/** Exactly one result. What fails here without a code is no fault of the op: the call fails. */
export async function runOp(ctx: MutationCtx, push: Push, op: unknown): Promise<OpResult> {
  try {
    if (!isObject(op)) refuse("invalid_value", "An op must be an object.");
    const { opId } = op;
    if (!isUuid(opId)) invalid("opId", "opId must be a lower-case UUID.");
    return (await replayed(ctx, push, op, opId)) ?? (await applyOp(ctx, push, parseOp(op, opId)));
  } catch (error) {
    if (error instanceof Refusal) return rejectedResult(op, error);
    throw error;
  }
}
