/** What the office does to records of any table; records.ts and tasks.ts are its functions. */
import { v, type Infer } from "convex/values";
import type { MutationCtx, QueryCtx } from "../_generated/server";
import { formatCursor, openCursor } from "./cursor";
import type { Definition } from "./definition";
import { applyEdit, moveHead, OFFICE } from "./edit";
import { refuse } from "./errors";
import { newId } from "./id";
import { PAGE_DOCS } from "./limits";
import { newBudget, scan } from "./page";
import { loadRecord, toWire, wireDoc, type StoredRecord, type WireDoc } from "./record";
import { Usage } from "./usage";
import { checkLimit, requireUser } from "./user";
import { checkSet, isUuid, lackingColumn } from "./values";

const LIST_DOCS = 100;

type Caller = { protocol: number };

/** Arguments of the functions, without the table. Values of `set` are checked by the definition. */
export const listArgs = {
  protocol: v.number(),
  cursor: v.optional(v.union(v.string(), v.null())),
  limit: v.optional(v.number()),
  deleted: v.optional(v.boolean()),
};
export const createArgs = {
  protocol: v.number(),
  clientId: v.optional(v.string()),
  set: v.record(v.string(), v.any()),
};
export const updateArgs = {
  protocol: v.number(),
  clientId: v.string(),
  set: v.record(v.string(), v.any()),
};
export const namedArgs = { protocol: v.number(), clientId: v.string() };

export const listPage = v.object({
  docs: v.array(wireDoc),
  cursor: v.string(),
  more: v.boolean(),
});

function checkClientId(clientId: string): void {
  if (!isUuid(clientId)) {
    refuse("invalid_value", "clientId must be a lower-case UUID.", { column: "clientId" });
  }
}

/** Live records in commit order, or the tombstones with `deleted`. */
export async function list(
  ctx: QueryCtx,
  table: Definition,
  args: Caller & { cursor?: string | null; limit?: number; deleted?: boolean },
): Promise<Infer<typeof listPage>> {
  const userId = await requireUser(ctx, args);
  const wantsDeleted = args.deleted ?? false;
  const budget = newBudget(checkLimit(args.limit ?? LIST_DOCS, PAGE_DOCS));
  const from = await openCursor(ctx, userId, table, args.cursor ?? null);
  const page = await scan(ctx, table, userId, from, budget, (record) => {
    return (record.deletedAt !== null) !== wantsDeleted;
  });
  return {
    docs: page.docs,
    cursor: formatCursor(page.cursor, userId, table.name),
    more: page.more,
  };
}

/** A tombstone too. */
export async function get(
  ctx: QueryCtx,
  table: Definition,
  args: Caller & { clientId: string },
): Promise<WireDoc | null> {
  const userId = await requireUser(ctx, args);
  checkClientId(args.clientId);
  const record = await loadRecord(ctx, table, userId, args.clientId);
  return record === null ? null : toWire(table, record);
}

async function write(
  ctx: MutationCtx,
  table: Definition,
  userId: string,
  clientId: string,
  record: StoredRecord | null,
  change: { set?: ReturnType<typeof checkSet>; isRemoval?: boolean },
): Promise<WireDoc> {
  const now = Date.now();
  const outcome = await applyEdit(
    ctx,
    {
      userId,
      table,
      clientId,
      set: change.set ?? new Map(),
      isRemoval: change.isRemoval ?? false,
      writer: OFFICE,
      createdAt: now,
      updatedAt: now,
    },
    record,
    new Usage(),
  );
  if (outcome.isChanged) await moveHead(ctx, userId, OFFICE);
  return outcome.doc;
}

export async function create(
  ctx: MutationCtx,
  table: Definition,
  args: Caller & { clientId?: string; set: Record<string, unknown> },
): Promise<WireDoc> {
  const userId = await requireUser(ctx, args);
  const clientId = args.clientId ?? newId();
  checkClientId(clientId);
  const set = checkSet(table, args.set);
  const lacking = lackingColumn(table, set);
  if (lacking !== undefined) {
    refuse("invalid_value", `${lacking.label ?? lacking.name} is required.`, {
      column: lacking.name,
    });
  }
  if ((await loadRecord(ctx, table, userId, clientId)) !== null) {
    refuse("invalid_value", "This clientId is in use.", { column: "clientId" });
  }
  return await write(ctx, table, userId, clientId, null, { set });
}

async function liveRecord(
  ctx: MutationCtx,
  table: Definition,
  userId: string,
  clientId: string,
): Promise<StoredRecord> {
  const record = await loadRecord(ctx, table, userId, clientId);
  if (record === null || record.deletedAt !== null) {
    refuse("not_found", "There is no such record.", { table: table.name });
  }
  return record;
}

export async function update(
  ctx: MutationCtx,
  table: Definition,
  args: Caller & { clientId: string; set: Record<string, unknown> },
): Promise<WireDoc> {
  const userId = await requireUser(ctx, args);
  checkClientId(args.clientId);
  const set = checkSet(table, args.set);
  const record = await liveRecord(ctx, table, userId, args.clientId);
  return await write(ctx, table, userId, args.clientId, record, { set });
}

/** Leaves a tombstone: a record that is simply gone would stay on the devices for ever. */
export async function remove(
  ctx: MutationCtx,
  table: Definition,
  args: Caller & { clientId: string },
): Promise<WireDoc> {
  const userId = await requireUser(ctx, args);
  checkClientId(args.clientId);
  const record = await liveRecord(ctx, table, userId, args.clientId);
  return await write(ctx, table, userId, args.clientId, record, { isRemoval: true });
}
