/* src/backend/call.h: one call of a function: its arguments, who calls, and the value it answers
 * with. Private to src/backend.
 *
 * Errors   a function returns RC_OK with `value` written; RC_REFUSED, RC_INVALID or RC_NOT_FOUND
 *          with err->code for what the contract calls thrown; RC_INVALID without a code for
 *          arguments of a wrong shape, as Convex's validators do (an error without errorData);
 *          anything else is an outage, and the device tries again.
 */
#ifndef BACKEND_CALL_H
#define BACKEND_CALL_H

#include "src/backend/record.h"

struct cJSON;

#define PAGE_MOST 500
#define PAGE_BYTES (4u << 20)
#define VALUE_BYTES (16u << 20)         /* of an answer; Convex's limit too */

struct call {
    struct backend *b;
    const struct cJSON *args;           /* of the shape that the function declares */
    const struct table *table;          /* of TABLE:list and its like; else NULL */
    const char *table_name;             /* named in errorData; NULL: none */
    const char *peer;                   /* address text, never NULL */
    int64_t now;
    int64_t user;                       /* 0: nobody */
    int64_t session;                    /* 0: none; may be over when user is 0 */
    bool is_encoded;                    /* int64 as $integer */
    struct buf value;                   /* JSON text */
    struct backend_hash *hash;          /* set: the value comes later */
};

enum rc backend_throw(struct err *err, const char *code, const char *column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets *out to the table of this call; throws unknown_table. */
enum rc backend_call_table(struct call *call, const struct table **out, struct err *err);
/* A whole number from 1, cut to PAGE_MOST; `otherwise` when the argument is absent. Throws
 * invalid_value. */
enum rc backend_call_limit(const struct call *call, int64_t otherwise, int64_t *out,
                           struct err *err);
/* deviceId and runId. Throws invalid_value. */
enum rc backend_call_word(const struct call *call, const char *name, const char **out,
                          struct err *err);
/* `"epoch":"…"`, from the snapshot or transaction that is open. */
enum rc backend_call_epoch(struct call *call, struct err *err);

/* Finds the function, checks its arguments and who calls, and runs it. `kind` is "query", "mutation"
 * or "action". */
enum rc backend_call_run(struct call *call, const char *kind, const char *path, struct err *err);

/* The functions. Each opens and ends its own transaction. */
enum rc backend_users_viewer(struct call *call, struct err *err);
enum rc backend_sync_head(struct call *call, struct err *err);
enum rc backend_sync_walk(struct call *call, struct err *err);
enum rc backend_sync_changes(struct call *call, struct err *err);
enum rc backend_sync_upsert(struct call *call, struct err *err);
enum rc backend_sync_bulk(struct call *call, struct err *err);
enum rc backend_office_list(struct call *call, struct err *err);
enum rc backend_office_get(struct call *call, struct err *err);
enum rc backend_office_create(struct call *call, struct err *err);
enum rc backend_office_update(struct call *call, struct err *err);
enum rc backend_office_remove(struct call *call, struct err *err);
enum rc backend_office_conflicts(struct call *call, struct err *err);
enum rc backend_auth_sign_in(struct call *call, struct err *err);
enum rc backend_auth_sign_out(struct call *call, struct err *err);

#endif
