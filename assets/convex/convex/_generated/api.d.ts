/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import type * as accounts from "../accounts.js";
import type * as admin from "../admin.js";
import type * as auth from "../auth.js";
import type * as crons from "../crons.js";
import type * as http from "../http.js";
import type * as model_cursor from "../model/cursor.js";
import type * as model_definition from "../model/definition.js";
import type * as model_edit from "../model/edit.js";
import type * as model_epoch from "../model/epoch.js";
import type * as model_errors from "../model/errors.js";
import type * as model_id from "../model/id.js";
import type * as model_limits from "../model/limits.js";
import type * as model_office from "../model/office.js";
import type * as model_op from "../model/op.js";
import type * as model_page from "../model/page.js";
import type * as model_password from "../model/password.js";
import type * as model_record from "../model/record.js";
import type * as model_recordFields from "../model/recordFields.js";
import type * as model_tables from "../model/tables.js";
import type * as model_usage from "../model/usage.js";
import type * as model_user from "../model/user.js";
import type * as model_values from "../model/values.js";
import type * as prune from "../prune.js";
import type * as records from "../records.js";
import type * as sync from "../sync.js";
import type * as tables from "../tables.js";
import type * as tasks from "../tasks.js";
import type * as users from "../users.js";

/**
 * A utility for referencing Convex functions in your app's API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
declare const fullApi: ApiFromModules<{
  accounts: typeof accounts;
  admin: typeof admin;
  auth: typeof auth;
  crons: typeof crons;
  http: typeof http;
  "model/cursor": typeof model_cursor;
  "model/definition": typeof model_definition;
  "model/edit": typeof model_edit;
  "model/epoch": typeof model_epoch;
  "model/errors": typeof model_errors;
  "model/id": typeof model_id;
  "model/limits": typeof model_limits;
  "model/office": typeof model_office;
  "model/op": typeof model_op;
  "model/page": typeof model_page;
  "model/password": typeof model_password;
  "model/record": typeof model_record;
  "model/recordFields": typeof model_recordFields;
  "model/tables": typeof model_tables;
  "model/usage": typeof model_usage;
  "model/user": typeof model_user;
  "model/values": typeof model_values;
  prune: typeof prune;
  records: typeof records;
  sync: typeof sync;
  tables: typeof tables;
  tasks: typeof tasks;
  users: typeof users;
}>;
export declare const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
>;
export declare const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
>;
