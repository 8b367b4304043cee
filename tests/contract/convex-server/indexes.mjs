/**
 * Makes convex-test look documents up by the equalities of an index range, instead of looking at
 * every document of every table: 10,000 records take seconds, not many minutes. What a query gives
 * is unchanged, because convex-test still filters and sorts what it is offered.
 */
import { registerHooks } from "node:module";

const TARGET = /\/convex-test\/dist\/index\.js$/;

/** Before convex-test is loaded: its last lines hand its database class to `speedUp`. */
export function install() {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!TARGET.test(url)) return loaded;
      const source =
        `${loaded.source}\n` +
        `import { speedUp as speedUpHere } from ${JSON.stringify(import.meta.url)};\n` +
        "speedUpHere(DatabaseFake, tableNameFromId);\n";
      return { ...loaded, source };
    },
  });
}

/** Committed ids of a table, by the values of the fields that ranges fix. */
class Index {
  buckets = new Map();

  constructor(fields) {
    this.fields = fields;
  }

  key(document) {
    return JSON.stringify(this.fields.map((field) => document[field]));
  }

  add(id, document) {
    const key = this.key(document);
    if (!this.buckets.has(key)) this.buckets.set(key, new Set());
    this.buckets.get(key).add(id);
  }

  remove(id, document) {
    this.buckets.get(this.key(document))?.delete(id);
  }
}

class Tables {
  tables = new Map();

  table(name) {
    if (!this.tables.has(name)) this.tables.set(name, { ids: new Set(), indexes: new Map() });
    return this.tables.get(name);
  }

  write(name, id, before, after) {
    const { ids, indexes } = this.table(name);
    if (after === undefined) ids.delete(id);
    else ids.add(id);
    for (const index of indexes.values()) {
      if (before !== undefined) index.remove(id, before);
      if (after !== undefined) index.add(id, after);
    }
  }

  /** Ids that may match: of texts only, because their equality is that of their JSON. */
  candidates(name, range, documents) {
    const { ids, indexes } = this.table(name);
    const fixed = range.filter(({ type, value }) => type === "Eq" && typeof value === "string");
    if (fixed.length === 0) return ids;
    const label = fixed.map(({ fieldPath }) => fieldPath).join();
    let index = indexes.get(label);
    if (index === undefined) {
      index = new Index(fixed.map(({ fieldPath }) => fieldPath));
      for (const id of ids) index.add(id, documents[id]);
      indexes.set(label, index);
    }
    return index.buckets.get(JSON.stringify(fixed.map(({ value }) => value))) ?? [];
  }
}

export function speedUp(DatabaseFake, tableNameFromId) {
  const { commit, _resolveQuerySource } = DatabaseFake.prototype;
  if (commit === undefined || _resolveQuerySource === undefined) {
    throw new Error("This convex-test is another one than indexes.mjs was written for.");
  }
  const tablesOf = new WeakMap();
  const tables = (database) => {
    if (!tablesOf.has(database)) tablesOf.set(database, new Tables());
    return tablesOf.get(database);
  };

  DatabaseFake.prototype.commit = function (...words) {
    const ids = this._writes.length === 1 ? Object.keys(this._writes[0]) : [];
    const before = ids.map((id) => this._documents[id]);
    commit.apply(this, words);
    ids.forEach((id, i) => {
      tables(this).write(tableNameFromId(id), id, before[i], this._documents[id]);
    });
  };

  DatabaseFake.prototype._resolveQuerySource = function (query) {
    this.range = query.source.type === "IndexRange" ? query.source.range : [];
    return _resolveQuerySource.call(this, query);
  };

  DatabaseFake.prototype._iterateDocs = function (tableName, callback) {
    const ids = new Set(tables(this).candidates(tableName, this.range ?? [], this._documents));
    for (const level of this._writes) {
      for (const id of Object.keys(level)) {
        if (tableNameFromId(id) === tableName) ids.add(id);
      }
    }
    for (const id of ids) {
      const document = this.get(tableName, id);
      if (document !== null) callback(document);
    }
  };
}
