/* src/app/convex_schema.h: the tables as a module of the Convex backend, assets/convex/convex/tables.ts:
 * schema, indexes, and what its validation needs. */
#ifndef APP_CONVEX_SCHEMA_H
#define APP_CONVEX_SCHEMA_H

#include "base/buf.h"
#include "base/err.h"
#include "db/registry.h"

/* Appends the module's text. RC_INVALID when a table has a name that the Convex backend needs for
 * itself; nothing is appended then. */
enum rc convex_schema_write(const struct registry *reg, struct buf *out, struct err *err);

#endif
