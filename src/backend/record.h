/* src/backend/record.h: one stored record, and the text that it is sent as. Private to
 * src/backend. */
#ifndef BACKEND_RECORD_H
#define BACKEND_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "src/backend/store.h"

struct cJSON;

#define WORD_SIZE 65                    /* deviceId, runId: 64 bytes and a NUL */

struct record {                         /* all zero is valid: not stored */
    int64_t id;                         /* 0: not stored yet */
    int64_t rev, created_at, updated_at, deleted_at;
    bool is_deleted;
    char client_id[ID_SIZE], server_id[ID_SIZE];
    char run_id[WORD_SIZE];             /* empty: the office */
    struct buf doc, writers;
};

void backend_record_done(struct record *rec);

/* RC_NOT_FOUND when there is none. *out must be empty. */
enum rc backend_record_load(struct backend *b, int64_t user, const char *table,
                            const char *client_id, struct record *out, struct err *err);

/* Inserts (and sets id) or updates, and keeps the count of live records. */
enum rc backend_record_store(struct backend *b, int64_t user, const char *table, struct record *rec,
                             bool was_live, struct err *err);

/* The doc's text: the record's own members, then every column of the definition, from
 * `values[column]`; a NULL there means the column's default. Numbers as Convex prints them, -0 as
 * 0. */
void backend_doc_compose(const struct table *table, const struct record *rec,
                         const struct cJSON *const *values, struct buf *out);

/* Appends stored doc text; with is_encoded, rev is an $integer. */
void backend_doc_put(struct buf *out, const char *doc, size_t len, bool is_encoded);

/* A JSON value as it is stored: json_put_convex, with -0 as 0. */
void backend_value_put(struct buf *out, const struct cJSON *value);

/* Text of ours, perhaps with foreign pieces cut in two: as a JSON string that is valid in any
 * case. */
void backend_text_put(struct buf *out, const char *s);

#endif
