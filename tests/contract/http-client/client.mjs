#!/usr/bin/env node
/**
 * The official ConvexHttpClient against a backend:
 *
 *   node client.mjs URL EMAIL PASSWORD
 *
 * The backend has the tables of definitions.py. Prints a line for each case and their numbers.
 */
import { ConvexHttpClient } from "convex/browser";
import { makeFunctionReference as f } from "convex/server";
import { ConvexError } from "convex/values";
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

const [url, email, password] = process.argv.slice(2);
const signedOut = new ConvexHttpClient(url);

async function signIn() {
  const params = { flow: "signIn", email, password };
  const { tokens } = await signedOut.action(f("auth:signIn"), { provider: "password", params });
  const client = new ConvexHttpClient(url);
  client.setAuth(tokens.token);
  return { client, tokens };
}

const { client, tokens } = await signIn();
const query = (path, args = {}) => client.query(f(path), { protocol: 1, ...args });
const mutation = (path, args) => client.mutation(f(path), { protocol: 1, ...args });
const create = (set, table = "tasks") => mutation("records:create", { table, set });
const things = (columns) => create({ name: "pump", kind: "a", ...columns }, "contractthings");

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}

const cases = {
  async "an action signs in and refreshes"() {
    const { refreshToken } = tokens;
    const again = await signedOut.action(f("auth:signIn"), { refreshToken });
    assert.match(again.tokens.token, /^.{20,}$/);
    const leaving = await signIn();
    assert.equal(await leaving.client.action(f("auth:signOut"), {}), null);
  },
  async "a query runs with the token of setAuth"() {
    const viewer = await query("users:viewer");
    assert.equal(viewer.email, email);
    assert.deepEqual(Object.keys(await query("sync:head")).sort(), ["epoch", "head"]);
  },
  async "a mutation writes, and a query reads it"() {
    const doc = await create({ text: "from the client" });
    const read = await query("records:get", { table: "tasks", clientId: doc.clientId });
    assert.deepEqual(read, doc);
    assert.equal(doc.notes, null);
    assert.equal(doc.isCompleted, false);
  },
  async "mutations are done in the order in which they were called"() {
    const texts = ["one", "two", "three"];
    const docs = await Promise.all(
      texts.map((text) => mutation("tasks:create", { set: { text } })),
    );
    const revs = docs.map((doc) => doc.rev);
    assert.deepEqual(
      revs,
      [...revs].sort((a, b) => (a < b ? -1 : 1)),
    );
  },
  async "an int64 is a bigint"() {
    const doc = await create({ text: "int" });
    assert.equal(typeof doc.rev, "bigint");
    assert.ok(doc.rev > 0n);
  },
  async "a float is a number, whole or not"() {
    const doc = await things({ count: 5, size: 2.5 });
    assert.equal(doc.count, 5);
    assert.equal(doc.size, 2.5);
    assert.equal((await things({ size: 5e-324 })).size, 5e-324);
    assert.equal((await things({ size: 1.7976931348623157e308 })).size, 1.7976931348623157e308);
    assert.equal((await things({ size: 1e21 })).size, 1e21);
    assert.ok(Object.is((await things({ size: -0 })).size, 0));
  },
  async "NaN, infinities and an int64 are refused for a float, with the column"() {
    for (const size of [NaN, Infinity, -Infinity, 5n, new ArrayBuffer(8)]) {
      const error = await refusal(things({ size }));
      if (error instanceof ConvexError) assert.equal(error.data.code, "invalid_value");
    }
    assert.equal((await refusal(things({ size: NaN }))).data?.column, "size");
  },
  async "text comes back code point by code point"() {
    const text = 'ü 漢字 🔧 \u202e \\ " \n';
    assert.equal((await create({ text })).text, text);
  },
  async "an error's data is that of a ConvexError"() {
    const error = await refusal(create({ text: "" }));
    assert.ok(error instanceof ConvexError, String(error));
    assert.equal(error.data.code, "invalid_value");
    assert.equal(error.data.column, "text");
    assert.equal(typeof error.data.message, "string");
  },
  async "an error's data of an action, too"() {
    const params = { flow: "signIn", email, password: "wrong" };
    const error = await refusal(
      signedOut.action(f("auth:signIn"), { provider: "password", params }),
    );
    assert.ok(error instanceof ConvexError, String(error));
    assert.equal(error.data.code, "invalid_credentials");
  },
  async "a function that is not there throws without data"() {
    const error = await refusal(query("sync:nope"));
    assert.ok(error instanceof Error && !(error instanceof ConvexError));
  },
  async "without a token a call is refused"() {
    const error = await refusal(signedOut.query(f("sync:head"), { protocol: 1 }));
    assert.ok(error.data?.code === "unauthenticated" || /Unauthenticated/i.test(error.message));
  },
  async "a foreign token is refused as a failure of the request"() {
    const other = new ConvexHttpClient(url);
    other.setAuth("A".repeat(43));
    const error = await refusal(other.query(f("sync:head"), { protocol: 1 }));
    assert.ok(!(error instanceof ConvexError));
    assert.equal(typeof JSON.parse(error.message).code, "string");
  },
  async "a device's op and a pull are the same through the client"() {
    const runId = `run-${randomUUID()}`;
    const start = await query("sync:getAllForUser", { table: "tasks", cursor: null, limit: 500 });
    let { cursor, more } = start;
    while (more) {
      ({ cursor, more } = await query("sync:getAllForUser", {
        table: "tasks",
        cursor,
        limit: 500,
      }));
    }
    const op = {
      opId: randomUUID(),
      table: "tasks",
      clientId: randomUUID(),
      operation: "create",
      set: { text: "by a device" },
      base: {},
      createdAt: 1,
      updatedAt: 2,
    };
    const { result } = await mutation("sync:upsert", { deviceId: "client", runId, op });
    assert.equal(result.status, "applied");
    const page = await query("sync:getChangesSince", {
      cursors: { tasks: cursor },
      limit: 500,
      runId: "other",
    });
    assert.deepEqual(page.changes, [{ table: "tasks", doc: result.doc }]);
  },
};

let passed = 0;
let failed = 0;
for (const [name, body] of Object.entries(cases)) {
  try {
    await body();
    passed++;
    console.log(`ok ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stack}`);
  }
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
