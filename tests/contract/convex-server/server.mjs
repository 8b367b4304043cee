#!/usr/bin/env node
/**
 * Outpost's Convex functions behind HTTP, for tests; README.md beside this file says more.
 *
 *   node server.mjs [--tables FILE] [--account EMAIL PASSWORD]... [--signup] [--plain] [--loud]
 *
 * Prints `listening URL` and `control URL` when it is ready, and ends on SIGTERM or when the pipe
 * that is its standard input is closed. --plain answers with the text of errors, as a development
 * deployment does; without it answers are redacted. --loud prints them on standard error.
 */
import { fstatSync } from "node:fs";
import { createServer } from "node:http";
import * as clock from "./clock.mjs";
import * as indexes from "./indexes.mjs";

clock.install();
indexes.install();

const { Api } = await import("./api.mjs");
const { Faults } = await import("./faults.mjs");
const { Functions } = await import("./functions.mjs");
const { Tokens } = await import("./tokens.mjs");

function parse(words) {
  const options = {
    tables: undefined,
    accounts: [],
    isRedacted: true,
    isSignupOpen: false,
    isLoud: false,
  };
  for (let i = 0; i < words.length; i++) {
    if (words[i] === "--tables") options.tables = words[++i];
    else if (words[i] === "--account")
      options.accounts.push({ email: words[++i], password: words[++i] });
    else if (words[i] === "--signup") options.isSignupOpen = true;
    else if (words[i] === "--plain") options.isRedacted = false;
    else if (words[i] === "--loud") options.isLoud = true;
    else throw new Error(`What is ${words[i]}?`);
  }
  return options;
}

function listen(server, port = 0) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : null;
}

/** Power over the backend, on a port of its own that only tests know. */
function controlServer(functions, faults) {
  const powers = {
    /** The clock of tokens, functions and commits; then what is scheduled. */
    async advance({ seconds }) {
      clock.advance(seconds);
      await functions.runCrons();
    },
    epoch: () => functions.run("admin:setEpoch", {}),
    /** See faults.mjs; an empty list ends all faults. */
    faults: (rules) => faults.set(rules),
    /** Which faults have struck since they were set. */
    struck: () => faults.struck,
    /** Any internal function, as `npx convex run`. */
    run: ({ path, args }) => functions.run(path, args),
    /** The most that one call of each function has read and written so far. */
    usage: () => Object.fromEntries(functions.usage.most),
  };
  return createServer(async (request, response) => {
    try {
      const power = powers[request.url.slice(1)];
      const answer = await power(await bodyOf(request));
      response.end(
        JSON.stringify(answer ?? null, (_, v) => (typeof v === "bigint" ? String(v) : v)),
      );
    } catch (error) {
      response.writeHead(500).end(String(error.stack ?? error));
    }
  });
}

async function main() {
  const options = parse(process.argv.slice(2));
  const faults = new Faults();
  const api = new Api({ faults, isRedacted: options.isRedacted, name: `test-${process.pid}` });
  if (options.isLoud)
    api.onError = (path, error) => process.stderr.write(`${path}: ${error.stack}\n`);
  const url = await listen(api.server);
  api.tokens = Tokens.create(url);
  api.functions = await Functions.load(options.tables);
  for (const account of options.accounts) await api.functions.run("admin:addUser", account);
  if (options.isSignupOpen) process.env.OUTPOST_SIGNUP = "open";
  const control = await listen(controlServer(api.functions, faults));
  process.stdout.write(`listening ${url}\ncontrol ${control}\n`);
}

process.on("SIGTERM", () => process.exit(0));
// Whoever started it and died leaves nothing running.
if (fstatSync(0).isFIFO()) process.stdin.on("end", () => process.exit(0)).resume();
// Functions and Convex Auth log; standard output is for the two lines above.
for (const level of ["log", "info", "debug"]) console[level] = console.error;
await main();
