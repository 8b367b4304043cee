/** Is a value right for its column? The same rules as on a device, from the same definition. */
import type { Column, Definition, Scalar } from "./definition";
import { refuse } from "./errors";
import { TEXT_CODE_POINTS } from "./limits";

export const TIME_MAX = 253_402_300_799_999; // the last ms of the year 9999

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const WORD = /^[A-Za-z0-9-]{1,64}$/;
const DATE = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const BLANK = /^\p{White_Space}*$/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

export function isUuid(value: unknown): value is string {
  return typeof value === "string" && UUID.test(value);
}

/** deviceId and runId. */
export function isWord(value: unknown): value is string {
  return typeof value === "string" && WORD.test(value);
}

export function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= TIME_MAX;
}

/** An object as JSON has them: neither null, nor an array, nor bytes. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof ArrayBuffer)
  );
}

function isDay(text: string): boolean {
  const match = DATE.exec(text);
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  if (year < 1 || month < 1 || month > 12 || day < 1) return false;
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return day <= (days[month - 1] ?? 0);
}

/** Stops counting above `most`. */
function hasMoreCodePoints(text: string, most: number): boolean {
  if (text.length <= most) return false;
  if (text.length > 2 * most) return true;
  let count = 0;
  for (const _ of text) count++;
  return count > most;
}

function textFault(column: Column, value: unknown): string | null {
  if (typeof value !== "string") return "must be text.";
  if (value.includes("\0") || LONE_SURROGATE.test(value)) return "has a character that is none.";
  const most = column.maxLength ?? TEXT_CODE_POINTS;
  if (hasMoreCodePoints(value, most)) return `can have ${most} characters.`;
  if (column.required === true && BLANK.test(value)) return "must not be blank.";
  return null;
}

function rangeFault(column: Column, value: number): string | null {
  if (column.min !== undefined && value < column.min) return `must be at least ${column.min}.`;
  if (column.max !== undefined && value > column.max) return `must be at most ${column.max}.`;
  return null;
}

type Check = (column: Column, value: unknown) => string | null;

/** What is wrong with a value that is not null, as the end of a sentence; or null. */
const faults: Record<Column["type"], Check> = {
  text: textFault,
  bool: (_, value) => (typeof value === "boolean" ? null : "must be true or false."),
  integer: (column, value) =>
    typeof value === "number" && Number.isSafeInteger(value)
      ? rangeFault(column, value)
      : "must be a whole number.",
  real: (column, value) =>
    typeof value === "number" && Number.isFinite(value)
      ? rangeFault(column, value)
      : "must be a number.",
  timestamp: (column, value) =>
    isTime(value) ? rangeFault(column, value) : "must be whole milliseconds since the epoch.",
  date: (_, value) =>
    typeof value === "string" && isDay(value) ? null : "must be a day as YYYY-MM-DD.",
  choice: (column, value) =>
    typeof value === "string" && (column.choices ?? []).includes(value)
      ? null
      : `must be one of: ${(column.choices ?? []).join(", ")}.`,
  reference: (_, value) => (isUuid(value) ? null : "must be a lower-case UUID."),
};

function check(column: Column, value: unknown): Scalar {
  const refuseIt = (sentence: string): never =>
    refuse("invalid_value", `${column.label ?? column.name} ${sentence}`, { column: column.name });

  if (value === null) {
    if (column.required === true || column.default !== undefined) refuseIt("is required.");
    return null;
  }
  const fault = faults[column.type](column, value);
  if (fault !== null) refuseIt(fault);
  return value === 0 ? 0 : (value as Scalar); // -0 is stored as 0
}

/** The columns of `set`, checked. Refuses with the first column that is not right. */
export function checkSet(table: Definition, set: Record<string, unknown>): Map<string, Scalar> {
  const checked = new Map<string, Scalar>();
  for (const [name, value] of Object.entries(set)) {
    const column = table.columns.find((candidate) => candidate.name === name);
    if (column === undefined) {
      refuse("unknown_column", "This backend has no such column.", { column: name });
    }
    checked.set(name, check(column, value));
  }
  return checked;
}

/** A required column that a new record would lack, or undefined. */
export function lackingColumn(
  table: Definition,
  set: ReadonlyMap<string, Scalar>,
): Column | undefined {
  return table.columns.find(
    (column) => column.required === true && column.default === undefined && !set.has(column.name),
  );
}
