#!/usr/bin/env node
/**
 * What is not seen from outside: the operator's functions, other issuers' users, pruning.
 * Prints a line for each case and their numbers.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as clock from "./clock.mjs";
import * as indexes from "./indexes.mjs";

clock.install();
indexes.install();
for (const level of ["log", "info", "debug"]) console[level] = () => {};

const { Functions } = await import("./functions.mjs");
const { Tokens } = await import("./tokens.mjs");

const SITE = "https://site.example.org";
const DAY_S = 24 * 3600;
const source = join(dirname(fileURLToPath(import.meta.url)), "../../../assets/convex/convex");

Tokens.create(SITE);
const functions = await Functions.load();

/** Calls of one user. */
function as(identity) {
  const call =
    (kind) =>
    (path, args = {}) =>
      functions.call(kind, path, { protocol: 1, ...args }, identity);
  return { query: call("query"), mutation: call("mutation") };
}

const member = (subject) => as({ subject, issuer: SITE });

async function account(email = `${randomUUID()}@example.org`) {
  const userId = await functions.run("admin:addUser", { email, password: "long enough" });
  return { email, userId, ...member(`${userId}|session`) };
}

async function signIn(email, password) {
  const params = { flow: "signIn", email, password };
  const args = { provider: "password", params };
  return (await functions.call("action", "auth:signIn", args, null)).tokens;
}

const refresh = async ({ refreshToken }) =>
  (await functions.call("action", "auth:signIn", { refreshToken }, null)).tokens;

async function refused(promise, code, column) {
  const error = await promise.then(
    () => assert.fail("nothing was thrown"),
    (thrown) => thrown,
  );
  assert.equal(error.data?.code, code, String(error.stack));
  if (column !== undefined) assert.equal(error.data.column, column);
}

const rows = (table) => functions.test.run((ctx) => ctx.db.query(table).collect());

const cases = {
  async "the user of this deployment's token is the same in every session"() {
    const { userId } = await account();
    for (const session of ["one", "two"]) {
      const viewer = await member(`${userId}|${session}`).query("users:viewer");
      assert.equal(viewer.userId, userId);
    }
  },
  async "the user of another issuer's token is issuer#subject, whatever the subject holds"() {
    const foreign = as({
      subject: "a|b",
      issuer: "https://id.example.org",
      email: "x@example.org",
    });
    const viewer = await foreign.query("users:viewer");
    assert.deepEqual(viewer, { userId: "https://id.example.org#a|b", email: "x@example.org" });
    const doc = await foreign.mutation("tasks:create", { set: { text: "foreign" } });
    const other = as({ subject: "a|c", issuer: "https://id.example.org" });
    assert.equal(
      await other.query("records:get", { table: "tasks", clientId: doc.clientId }),
      null,
    );
  },
  async "a foreign subject that looks like a user of this deployment is not that user"() {
    const { userId, mutation } = await account();
    const doc = await mutation("tasks:create", { set: { text: "mine" } });
    const impostor = as({ subject: `${userId}|session`, issuer: "https://id.example.org" });
    assert.equal(
      await impostor.query("records:get", { table: "tasks", clientId: doc.clientId }),
      null,
    );
  },
  async "admin:addUser makes an account that can sign in, by its e-mail's normal form"() {
    await functions.run("admin:addUser", { email: " Ada@Example.org ", password: "long enough" });
    assert.ok(await signIn("ada@example.org", "long enough"));
    const again = { email: "ADA@example.org", password: "another one" };
    await refused(functions.run("admin:addUser", again), "invalid_value", "email");
  },
  async "admin:addUser refuses what is no e-mail, and short passwords"() {
    const add = (email, password) => functions.run("admin:addUser", { email, password });
    await refused(add("nobody", "long enough"), "invalid_value", "email");
    await refused(add("a b@example.org", "long enough"), "invalid_value", "email");
    await refused(add("short@example.org", "1234567"), "invalid_value", "password");
    await refused(add("nul@example.org", "1234567\0"), "invalid_value", "password");
  },
  async "admin:setPassword takes the old password and every session away"() {
    const { email } = await account();
    const tokens = await signIn(email, "long enough");
    await functions.run("admin:setPassword", { email, password: "a new password" });
    assert.equal(await refresh(tokens), null);
    await refused(signIn(email, "long enough"), "invalid_credentials");
    assert.ok(await signIn(email, "a new password"));
    const unknown = { email: "nobody@example.org", password: "a new password" };
    await refused(functions.run("admin:setPassword", unknown), "not_found");
  },
  async "admin:listUsers gives names and no secrets"() {
    await account();
    const page = await functions.run("admin:listUsers", {
      paginationOpts: { numItems: 1, cursor: null },
    });
    assert.equal(page.page.length, 1);
    assert.ok(Object.keys(page.page[0]).every((name) => ["_id", "email", "name"].includes(name)));
  },
  async "admin:setEpoch takes a given epoch or makes one, and both show at once"() {
    const { query } = await account();
    const made = await functions.run("admin:setEpoch", {});
    assert.equal((await query("sync:head")).epoch, made);
    assert.equal(await functions.run("admin:setEpoch", { epoch: "mine" }), "mine");
    assert.equal((await query("sync:head")).epoch, "mine");
  },
  async "admin:restamp makes a record that was written past the functions visible"() {
    const { userId, query, mutation } = await account();
    const doc = await mutation("tasks:create", { set: { text: "old" } });
    const walk = { table: "tasks", cursor: null, limit: 500 };
    const { cursor } = await query("sync:getAllForUser", walk);
    await functions.test.run((ctx) => ctx.db.patch(doc.serverId, { text: "by hand" }));
    const pull = { cursors: { tasks: cursor }, limit: 500, runId: "run" };
    assert.deepEqual((await query("sync:getChangesSince", pull)).changes, []);
    const before = await query("sync:head");
    const clientIds = [doc.clientId, randomUUID()];
    assert.equal(await functions.run("admin:restamp", { userId, table: "tasks", clientIds }), 1);
    const { changes } = await query("sync:getChangesSince", pull);
    assert.deepEqual(
      changes.map(({ doc }) => doc.text),
      ["by hand"],
    );
    assert.notDeepEqual(await query("sync:head"), before);
  },
  async "a cursor from the future is unknown, in its rev and in its start"() {
    const { query, mutation } = await account();
    await mutation("tasks:create", { set: { text: "x" } });
    const first = { table: "tasks", cursor: null, limit: 1 };
    const { cursor } = await query("sync:getAllForUser", first);
    const [rev, clientId, start, owner] = cursor.split(".");
    const future = "7fffffffffffffff";
    for (const forged of [
      [future, clientId, start, owner],
      [rev, clientId, future, owner],
    ]) {
      const args = { ...first, cursor: forged.join(".") };
      await refused(query("sync:getAllForUser", args), "cursor_unknown");
    }
    await query("sync:getAllForUser", { ...first, cursor });
  },
  async "a record from before its definition gained a column has the column's default"() {
    const { query, mutation } = await account();
    const doc = await mutation("tasks:create", { set: { text: "old" } });
    await functions.test.run((ctx) =>
      ctx.db.patch(doc.serverId, { isCompleted: undefined, notes: undefined }),
    );
    const args = { table: "tasks", clientId: doc.clientId };
    assert.deepEqual(await query("records:get", args), doc);
    const same = { clientId: doc.clientId, set: { isCompleted: false, notes: null } };
    assert.deepEqual(await mutation("tasks:update", same), doc);
  },
  async "receipts, tombstones and sessions go when their time is over, and not before"() {
    const { email, mutation } = await account();
    const op = {
      opId: randomUUID(),
      table: "tasks",
      clientId: randomUUID(),
      operation: "create",
      set: { text: "x" },
      base: {},
      createdAt: 1,
      updatedAt: 2,
    };
    await mutation("sync:upsert", { deviceId: "d", runId: "r", op });
    await mutation("tasks:remove", { clientId: op.clientId });
    await signIn(email, "long enough");
    const counts = async () => ({
      receipts: (await rows("receipts")).filter(({ opId }) => opId === op.opId).length,
      tombstones: (await rows("tasks")).filter(({ clientId }) => clientId === op.clientId).length,
      sessions: (await rows("authSessions")).length > 0 ? 1 : 0,
      tokens: (await rows("authRefreshTokens")).length > 0 ? 1 : 0,
    });
    const after = async (days) => {
      clock.advance(days * DAY_S);
      await functions.runCrons();
      return await counts();
    };
    assert.deepEqual(await after(29), { receipts: 1, tombstones: 1, sessions: 1, tokens: 1 });
    assert.deepEqual(await after(3), { receipts: 1, tombstones: 1, sessions: 0, tokens: 0 });
    assert.deepEqual(await after(57), { receipts: 1, tombstones: 1, sessions: 0, tokens: 0 });
    assert.deepEqual(await after(2), { receipts: 0, tombstones: 1, sessions: 0, tokens: 0 });
    assert.deepEqual(await after(88), { receipts: 0, tombstones: 1, sessions: 0, tokens: 0 });
    assert.deepEqual(await after(2), { receipts: 0, tombstones: 0, sessions: 0, tokens: 0 });
  },
  async "every query of a table goes by an index, and none reads all there is"() {
    const files = readdirSync(source, { recursive: true }).filter(
      (name) => name.endsWith(".ts") && !name.startsWith("_generated"),
    );
    for (const name of files) {
      const text = readFileSync(join(source, name), "utf8");
      assert.ok(!text.includes(".collect("), `${name} collects`);
      for (const [query] of text.matchAll(/\.query\(\w[^;]*?\)\s*\.\w+/g)) {
        assert.match(query, /\.(withIndex|paginate)$/, `${name}: ${query}`);
      }
    }
  },
  async "every function validates its arguments and what it returns"() {
    const library = new Set(["signOut", "store", "isAuthenticated", "librarySignIn"]);
    let count = 0;
    for (const [module, exports] of Object.entries(functions.modules)) {
      for (const [name, fn] of Object.entries(exports)) {
        if (!fn?.exportArgs || library.has(name)) continue;
        count++;
        assert.equal(JSON.parse(fn.exportArgs()).type, "object", `${module}:${name}`);
        assert.notEqual(JSON.parse(fn.exportReturns()), null, `${module}:${name} returns anything`);
      }
    }
    assert.ok(count > 25, `${count} functions`);
  },
};

let passed = 0;
let failed = 0;
const say = (line) => process.stdout.write(`${line}\n`);
for (const [name, body] of Object.entries(cases)) {
  try {
    await body();
    passed++;
    say(`ok ${name}`);
  } catch (error) {
    failed++;
    say(`FAIL ${name}: ${error.stack}`);
  }
}
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
