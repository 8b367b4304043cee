/** The functions of assets/convex, bundled as `convex deploy` does it and run by convex-test. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { makeFunctionReference } from "convex/server";
import { convexTest } from "convex-test";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const project = join(here, "..", "..", "..", "assets", "convex");
const source = join(project, "convex");

/** Packages come from beside this file, one copy for the functions, Convex Auth and convex-test. */
const packages = {
  name: "packages",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" ? undefined : { path: import.meta.resolve(path), external: true },
    );
  },
};

/** Another tables.ts, as `outpost tables convex` has written it, in the place of the project's. */
function tablesOf(path) {
  const contents = readFileSync(path, "utf8");
  return {
    name: "tables",
    setup({ onLoad }) {
      onLoad({ filter: /\/convex\/tables\.ts$/ }, () => ({
        contents,
        loader: "ts",
        resolveDir: source,
      }));
    },
  };
}

async function bundle(tables) {
  const out = mkdtempSync(join(tmpdir(), "outpost-convex-"));
  const names = readdirSync(source)
    .filter((name) => name.endsWith(".ts") && name !== "auth.config.ts" && !name.endsWith(".d.ts"))
    .map((name) => name.slice(0, -3));
  try {
    await build({
      entryPoints: names.map((name) => join(source, `${name}.ts`)),
      outdir: out,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "neutral",
      sourcemap: "inline",
      logLevel: "error",
      plugins: tables === undefined ? [packages] : [packages, tablesOf(tables)],
    });
    const modules = {};
    for (const name of names) {
      modules[name] = await import(pathToFileURL(join(out, `${name}.mjs`)).href);
    }
    return modules;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/**
 * Convex's argument validation where convex-test is laxer: an object or record is a plain object.
 * `validator` is the JSON form that a function exports.
 */
function checkShape(validator, value) {
  if (value === undefined) return;
  if (validator.type === "record" || validator.type === "object") {
    const isPlain = value !== null && Object.getPrototypeOf(value) === Object.prototype;
    if (!isPlain)
      throw new FunctionError("ArgumentValidationError: Value does not match validator.");
  }
  if (validator.type === "object") {
    for (const [name, { fieldType }] of Object.entries(validator.value)) {
      checkShape(fieldType, value[name]);
    }
  }
}

/** The most that one call of each function has read and written. */
class Usage {
  most = new Map();

  note(path, metrics) {
    const most = this.most.get(path) ?? {};
    for (const [name, { used }] of Object.entries(metrics)) {
      most[name] = Math.max(most[name] ?? 0, used);
    }
    this.most.set(path, most);
  }

  watch(modules) {
    for (const [module, exports] of Object.entries(modules)) {
      for (const [name, fn] of Object.entries(exports)) {
        if (!fn?.isQuery && !fn?.isMutation) continue;
        const handler = fn._handler;
        fn._handler = async (ctx, args) => {
          const value = await handler(ctx, args);
          this.note(`${module}:${name}`, await ctx.meta.getTransactionMetrics());
          return value;
        };
      }
    }
  }
}

/** What a function path names: `dir/module:function`, `.js` allowed, `default` when left out. */
function parsePath(path) {
  const match = /^([A-Za-z0-9_./]+?)(?:\.js)?(?::([A-Za-z0-9_]+))?$/.exec(path);
  return match === null ? null : { module: match[1], name: match[2] ?? "default" };
}

export class FunctionError extends Error {}

export class Functions {
  /** `tables`: the file of a tables.ts; without it, the project's own. */
  static async load(tables) {
    const modules = await bundle(tables);
    return new Functions(modules);
  }

  constructor(modules) {
    this.modules = modules;
    this.usage = new Usage();
    this.usage.watch(modules);
    const loaders = { "./_generated/api.js": async () => ({}) };
    for (const [name, exports] of Object.entries(modules))
      loaders[`./${name}.ts`] = async () => exports;
    this.test = convexTest({
      schema: modules.schema.default,
      modules: loaders,
      transactionLimits: true,
    });
  }

  /** A public function of this kind ("query", ...). Throws FunctionError with Convex's words. */
  find(kind, path) {
    const parsed = parsePath(path);
    const exports =
      parsed !== null && Object.hasOwn(this.modules, parsed.module)
        ? this.modules[parsed.module]
        : {};
    const fn =
      parsed !== null && Object.hasOwn(exports, parsed.name) ? exports[parsed.name] : undefined;
    if (!fn?.isPublic) throw new FunctionError(`Could not find public function for '${path}'.`);
    const is = { query: fn.isQuery, mutation: fn.isMutation, action: fn.isAction };
    if (!is[kind]) throw new FunctionError(`Trying to execute ${path} as ${kind}.`);
    return { fn, reference: makeFunctionReference(`${parsed.module}:${parsed.name}`) };
  }

  async call(kind, path, args, identity) {
    const { fn, reference } = this.find(kind, path);
    checkShape(JSON.parse(fn.exportArgs()), args);
    const caller = identity === null ? this.test : this.test.withIdentity(identity);
    return await caller[kind](reference, args);
  }

  /** An internal function, as the operator runs it. */
  async run(path, args) {
    return await this.test.fun({ componentPath: "", udfPath: path }, args);
  }

  /** All cron jobs, now, and what they schedule. */
  async runCrons() {
    for (const { name, args } of Object.values(this.modules.crons.default.crons)) {
      await this.run(name, args[0] ?? {});
      await this.test.finishAllScheduledFunctions(() => {});
    }
  }
}
