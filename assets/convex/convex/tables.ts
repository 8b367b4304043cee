/** Written by `outpost tables convex` from the table definitions: change those, not this file. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import type { Definition } from "./model/definition";
import { recordFields } from "./model/recordFields";

export const syncedTables = {
  tasks: defineTable({
    ...recordFields,
    text: v.optional(v.union(v.string(), v.null())),
    isCompleted: v.optional(v.union(v.boolean(), v.null())),
    priority: v.optional(
      v.union(v.literal("low"), v.literal("normal"), v.literal("high"), v.null()),
    ),
    dueAt: v.optional(v.union(v.string(), v.null())),
    notes: v.optional(v.union(v.string(), v.null())),
  })
    .index("by_user_client", ["userId", "clientId"])
    .index("by_user_rev", ["userId", "rev", "clientId"])
    .index("by_deletedAt", ["deletedAt"]),
};

export const definitions: readonly Definition[] = [
  {
    name: "tasks",
    columns: [
      { name: "text", type: "text", label: "Text", required: true, maxLength: 200 },
      { name: "isCompleted", type: "bool", label: "Done", default: false },
      { name: "priority", type: "choice", label: "Priority", choices: ["low", "normal", "high"] },
      { name: "dueAt", type: "date", label: "Due" },
      { name: "notes", type: "text", label: "Notes", maxLength: 20000 },
    ],
  },
];
