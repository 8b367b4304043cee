/** records:* for the table `tasks`, for a web application that knows no other. */
import { mutation, query } from "./_generated/server";
import * as office from "./model/office";
import { wireDoc } from "./model/record";
import { knownTable } from "./model/tables";

export const list = query({
  args: office.listArgs,
  returns: office.listPage,
  handler: async (ctx, args) => office.list(ctx, knownTable("tasks"), args),
});

export const create = mutation({
  args: office.createArgs,
  returns: wireDoc,
  handler: async (ctx, args) => office.create(ctx, knownTable("tasks"), args),
});

export const update = mutation({
  args: office.updateArgs,
  returns: wireDoc,
  handler: async (ctx, args) => office.update(ctx, knownTable("tasks"), args),
});

export const remove = mutation({
  args: office.namedArgs,
  returns: wireDoc,
  handler: async (ctx, args) => office.remove(ctx, knownTable("tasks"), args),
});
