/* base/json.h: JSON from strangers, and JSON written fast. Parsing is cJSON's; this adds what cJSON lets
 * pass: invalid UTF-8, U+0000, depth over 64, more than 400,000 values, a name twice in one object,
 * bytes after the value.
 *
 * Memory   cJSON's allocations are base/mem.h's in every program that links this: its functions never
 *          return NULL for want of memory.
 *
 * Source   RFC 8259; RFC 7493 (I-JSON).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct cJSON;

#define JSON_DEPTH_MAX 64
/* A value of two bytes takes 80 in memory. A page of 500 records with all their columns has a
 * third of this. */
#define JSON_VALUES_MAX 400000

/* *out: yours, cJSON_Delete() it. RC_INVALID says what is wrong and at which byte (and line, for files). */
enum rc json_parse(const char *text, size_t len, struct cJSON **out, struct err *err);

/* Members of an object. Borrowed; NULL or false when absent or of another type, or when obj is no object. */
const struct cJSON *json_get(const struct cJSON *obj, const char *name);
const char *json_get_string(const struct cJSON *obj, const char *name);
bool json_get_bool(const struct cJSON *obj, const char *name, bool *out);
bool json_get_number(const struct cJSON *obj, const char *name, double *out);
/* A whole number, given as a JSON number below 2^53 in size or as a decimal string that fits int64. */
bool json_get_i64(const struct cJSON *obj, const char *name, int64_t *out);

/* The same JSON value: numbers as numbers (-0 is 0), objects without regard to order. */
bool json_equal(const struct cJSON *a, const struct cJSON *b);

/* Writers: append compact JSON. */
void json_put_string(struct buf *out, const char *s, size_t len);   /* quoted; s is valid UTF-8 */
void json_put_double(struct buf *out, double v);        /* shortest text that reads back the same; whole: `12` */
void json_put_float(struct buf *out, double v);         /* the same as Convex prints it; whole: `12.0` */
void json_put(struct buf *out, const struct cJSON *v);
void json_put_convex(struct buf *out, const struct cJSON *v);   /* json_put with every number by json_put_float */

#endif
