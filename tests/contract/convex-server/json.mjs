/**
 * JSON as Convex reads and writes it: strict on the way in, floats with a point on the way out.
 * Values on the inside are those of convex/values (bigint is an int64, ArrayBuffer is bytes).
 */
import { convexToJson, jsonToConvex } from "convex/values";

const BODY_DEPTH = 127; // serde_json's own limit
const VALUE_DEPTH = 64;
const FIELDS = 1024;
const ELEMENTS = 8192;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class BadJson extends Error {}
/** A value that JSON can hold and Convex can not; the call fails, the request is fine. */
export class BadValue extends Error {}

/** Without recursion, because it is what finds out how deep a value is. */
function checkBody(value) {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > BODY_DEPTH) throw new BadJson("recursion limit exceeded");
    const next = [];
    for (const item of level) {
      if (typeof item === "number" && !Number.isFinite(item))
        throw new BadJson("number out of range");
      if (typeof item === "string" && /\p{Surrogate}/u.test(item))
        throw new BadJson("lone surrogate");
      if (item === null || typeof item !== "object") continue;
      next.push(...Object.values(item));
      if (!Array.isArray(item)) next.push(...Object.keys(item));
    }
    level = next;
  }
}

/** A body of bytes to plain JSON values. Throws BadJson. */
export function parseBody(bytes) {
  let value;
  try {
    value = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new BadJson(String(error.message ?? error));
  }
  checkBody(value);
  return value;
}

function checkValue(value, depth = 0) {
  if (value === null || typeof value !== "object") return;
  if (depth > VALUE_DEPTH) throw new BadValue("nested too deeply");
  if (Array.isArray(value)) {
    if (value.length > ELEMENTS) throw new BadValue("array is too long");
  } else {
    const names = Object.keys(value);
    if (names.length > FIELDS) throw new BadValue("object has too many fields");
    // Which fields may begin with $ is for jsonToConvex to say.
    if (names.some((name) => !/^[ -~]{1,1024}$/.test(name))) throw new BadValue("bad field name");
  }
  for (const item of Object.values(value)) checkValue(item, depth + 1);
}

/** JSON of a request to a Convex value. Throws BadValue. */
export function toValue(json) {
  checkValue(json);
  try {
    return jsonToConvex(json);
  } catch (error) {
    throw new BadValue(String(error.message ?? error));
  }
}

/** As Rust prints an f64: 1.0, 1e21, 5e-324. */
function printFloat(number) {
  if (Object.is(number, -0)) return "-0.0";
  const size = Math.abs(number);
  if (size >= 1e16 || (size !== 0 && size < 1e-5)) return number.toExponential().replace("+", "");
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

function printClean(value) {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") {
    return Number.isFinite(value) ? printFloat(value) : JSON.stringify(String(value));
  }
  if (typeof value === "bigint") return `"${value}"`;
  if (value instanceof ArrayBuffer) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (Array.isArray(value)) return `[${value.map(printClean).join(",")}]`;
  if (typeof value === "object") return printMembers(value, printClean);
  return JSON.stringify(value);
}

function printEncoded(json) {
  if (typeof json === "number") return printFloat(json);
  if (Array.isArray(json)) return `[${json.map(printEncoded).join(",")}]`;
  if (json !== null && typeof json === "object") return printMembers(json, printEncoded);
  return JSON.stringify(json);
}

function printMembers(object, print) {
  const members = Object.entries(object).filter(([, member]) => member !== undefined);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  const texts = members.map(([name, member]) => `${JSON.stringify(name)}:${print(member)}`);
  return `{${texts.join(",")}}`;
}

const FORMATS = {
  json: printClean,
  convex_clean_json: printClean,
  convex_encoded_json: (value) => printEncoded(convexToJson(value ?? null)),
  convex_json: (value) => printEncoded(convexToJson(value ?? null)),
};

/** The writer of a format, or undefined. */
export function printer(format) {
  return Object.hasOwn(FORMATS, format) ? FORMATS[format] : undefined;
}
