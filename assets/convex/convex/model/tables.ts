/** The tables that this backend knows, by wire name. */
import type { TableNames } from "../_generated/dataModel";
import { definitions } from "../tables";
import type { Definition } from "./definition";
import { refuse } from "./errors";

/**
 * Functions here are generic over tables and touch only what every synced table has, plus columns
 * by name. `tasks` is always there and stands for all of them where TypeScript wants a table's
 * type.
 */
export type AnyTable = "tasks" & TableNames;

const byName: ReadonlyMap<string, Definition> = new Map(
  definitions.map((definition) => [definition.name, definition]),
);

export function findTable(name: string): Definition | undefined {
  return byName.get(name);
}

export function knownTable(name: string): Definition {
  const table = byName.get(name);
  if (table === undefined) {
    refuse("unknown_table", "This backend has no such table.", { table: name });
  }
  return table;
}

export function anyTable(table: Definition): AnyTable {
  return table.name as AnyTable;
}
