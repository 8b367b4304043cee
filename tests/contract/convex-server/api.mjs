/** Convex's HTTP functions API over the functions: envelope, codes, redaction, faults. */
import { createServer } from "node:http";
import { gzipSync } from "node:zlib";
import { FunctionError } from "./functions.mjs";
import { BadJson, BadValue, parseBody, printer, toValue } from "./json.mjs";
import { AuthError } from "./tokens.mjs";

const BODY_BYTES = 16 * 1024 * 1024 + 2000;
const VALUE_BYTES = 16 * 1024 * 1024;
const KINDS = { "/api/query": "query", "/api/mutation": "mutation", "/api/action": "action" };

class HttpError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function readBody(request) {
  return new Promise((resolve, reject) => {
    const tooLong = () => reject(new HttpError(400, "BadJsonBody", "length limit exceeded"));
    if (Number(request.headers["content-length"] ?? 0) > BODY_BYTES) return tooLong();
    const chunks = [];
    let size = 0;
    request.on("data", (chunk) => {
      size += chunk.length;
      if (size > BODY_BYTES) tooLong();
      else chunks.push(chunk);
    });
    request.on("end", () => resolve(Buffer.concat(chunks)));
    request.on("error", reject);
    request.on("aborted", () => reject(new HttpError(408, "ClientDisconnected", "hung up")));
  });
}

function parseCall(body) {
  const bad = (message) => new HttpError(400, "BadJsonBody", message);
  let call;
  try {
    call = parseBody(body);
  } catch (error) {
    if (error instanceof BadJson) throw bad(error.message);
    throw error;
  }
  if (call === null || typeof call !== "object" || Array.isArray(call))
    throw bad("expected an object");
  if (typeof call.path !== "string") throw bad("missing field `path`");
  if (call.args === undefined) throw bad("missing field `args`");
  const args = Array.isArray(call.args) && call.args.length === 1 ? call.args[0] : call.args;
  if (args === null || typeof args !== "object" || Array.isArray(args)) throw bad("bad `args`");
  const print = printer(call.format ?? "json");
  if (print === undefined) throw new HttpError(400, "BadFormat", `no format ${call.format}`);
  return { path: call.path, args, print };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Api {
  constructor({ functions, tokens, faults, name, isRedacted }) {
    Object.assign(this, { functions, tokens, faults, name, isRedacted });
    this.server = createServer((request, response) => void this.serve(request, response));
    this.server.keepAliveTimeout = 60_000;
  }

  async serve(request, response) {
    try {
      await this.route(request, response);
    } catch (error) {
      if (response.headersSent || response.destroyed) return response.destroy();
      const { status, code, message } =
        error instanceof HttpError || error instanceof AuthError
          ? error
          : {
              status: 500,
              code: "InternalServerError",
              message: "Your request couldn't be completed.",
            };
      if (status === 500) console.error(error);
      if (!request.complete) response.setHeader("Connection", "close");
      this.send(request, response, status, JSON.stringify({ code, message }));
    }
  }

  send(request, response, status, text, type = "application/json") {
    let body = Buffer.from(text);
    response.setHeader("Content-Type", type);
    response.setHeader("Date", new Date().toUTCString());
    if (/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(request.headers["accept-encoding"] ?? "")) {
      body = gzipSync(body, { level: 1 });
      response.setHeader("Content-Encoding", "gzip");
    }
    response.writeHead(status, { "Content-Length": body.length });
    response.end(body);
  }

  async route(request, response) {
    const { method, url } = request;
    const texts = { "/instance_name": this.name, "/version": "test", "/instance_version": "test" };
    if (Object.hasOwn(texts, url)) {
      if (method !== "GET") throw new HttpError(405, "MethodNotAllowed", "Method not allowed");
      return this.send(request, response, 200, texts[url], "text/plain");
    }
    if (url.startsWith("/.well-known/") && method === "GET") {
      const answer = await this.functions.test.fetch(url);
      return this.send(request, response, answer.status, await answer.text());
    }
    if (!Object.hasOwn(KINDS, url)) throw new HttpError(404, "NotFound", "Not found");
    if (method !== "POST") throw new HttpError(405, "MethodNotAllowed", "Method not allowed");
    await this.serveCall(request, response, KINDS[url]);
  }

  async serveCall(request, response, kind) {
    const { headers } = request;
    const body = await readBody(request);
    if (!/^application\/(.+\+)?json\s*(;|$)/i.test(headers["content-type"] ?? "")) {
      throw new HttpError(400, "BadJsonBody", "Expected Content-Type: application/json");
    }
    if (!["identity", undefined].includes(headers["content-encoding"])) {
      throw new HttpError(415, "UnsupportedMediaType", "Unsupported Content-Encoding");
    }
    if (headers["convex-client"] !== undefined && !headers["convex-client"].includes("-")) {
      throw new HttpError(400, "InvalidVersion", "Convex-Client must be NAME-VERSION");
    }
    const call = parseCall(body);
    const rule = this.faults.next(call.path);
    if (rule !== null && (await this.strikeBefore(rule, request, response))) return;
    const identity = await this.tokens.identify(headers.authorization);
    const text = await this.answer(kind, call, identity);
    if (rule?.fault === "lost") return response.destroy();
    if (rule?.fault === "truncated") return this.truncate(response, text);
    if (rule?.fault === "late") await wait(rule.ms);
    this.send(request, response, 200, text);
  }

  /** True: the call was answered, or never will be. */
  async strikeBefore(rule, request, response) {
    switch (rule.fault) {
      case "retryAfter":
        response.setHeader("Retry-After", String(rule.seconds ?? 1));
      // falls through
      case "status":
        throw new HttpError(
          rule.status ?? 503,
          rule.code ?? "OptimisticConcurrencyControlFailure",
          "A fault.",
        );
      case "paused":
        this.send(request, response, 200, this.failure(new FunctionError("Deployment is paused.")));
        return true;
      case "before":
        response.destroy();
        return true;
      case "garbage":
        this.send(request, response, 200, "<html><body>Please sign in.</body></html>", "text/html");
        return true;
      case "held":
        await wait(rule.ms);
        return false;
      default:
        return false;
    }
  }

  truncate(response, text) {
    const body = Buffer.from(text);
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": body.length });
    response.write(body.subarray(0, body.length / 2), () => response.destroy());
  }

  failure(error, print) {
    const id = Math.random().toString(16).slice(2, 18).padEnd(16, "0");
    const words = this.isRedacted ? "" : `\nUncaught ${error.name}: ${error.message}\n`;
    const message = JSON.stringify(`[Request ID: ${id}] Server Error${words}`);
    const isConvexError = error?.[Symbol.for("ConvexError")] === true;
    const data = isConvexError ? `,"errorData":${print(error.data)}` : "";
    return `{"status":"error","errorMessage":${message}${data}}`;
  }

  async answer(kind, { path, args, print }, identity) {
    try {
      const value = await this.functions.call(kind, path, toValue(args), identity);
      const text = print(value);
      if (text.length > VALUE_BYTES) throw new FunctionError("The answer is too large.");
      return `{"status":"success","value":${text}}`;
    } catch (error) {
      if (this.onError !== undefined && !(error?.[Symbol.for("ConvexError")] === true)) {
        this.onError(path, error);
      }
      return this.failure(error, print);
    }
  }
}
