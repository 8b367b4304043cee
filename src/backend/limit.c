#include "src/backend/limit.h"

#include <sodium.h>
#include "base/buf.h"
#include "src/backend/call.h"

#define HOUR_MS 3600000.0
#define KEY_SIZE 16
#define BUCKETS 3
#define DEBT_MOST (-100) /* paid back within 11 h, before it is pruned */

static const double capacity[BUCKETS] = { 10, 100, 100 };

struct bucket {
    unsigned char key[KEY_SIZE]; /* a hash: people type passwords where the e-mail goes */
    double remaining;
};

static void bucket_key(size_t which, const char *email, const char *peer,
                       unsigned char key[KEY_SIZE])
{
    struct buf text = { 0 };

    buf_printf(&text, "%zu\n%s\n%s", which, which != 2 ? email : "", which != 1 ? peer : "");
    crypto_generichash(key, KEY_SIZE, (const unsigned char *)buf_str(&text), text.len, NULL, 0);
    buf_done(&text);
}

static enum rc bucket_read(struct backend *b, size_t which, int64_t now, struct bucket *bucket,
                           struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, "SELECT remaining,at FROM attempts WHERE key=?1", err);

    if (st == NULL)
        return err->rc;
    sqlite3_bind_blob(st, 1, bucket->key, KEY_SIZE, SQLITE_STATIC);
    bucket->remaining = capacity[which];
    enum rc rc = sql_step(b->sql, st, err);
    if (rc == RC_OK) {
        double passed = (double)(now - sql_i64(st, 1));

        bucket->remaining = sqlite3_column_double(st, 0);
        if (passed > 0)
            bucket->remaining += passed * capacity[which] / HOUR_MS;
        if (bucket->remaining > capacity[which])
            bucket->remaining = capacity[which];
        sqlite3_reset(st);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc bucket_write(struct backend *b, const struct bucket *bucket, int64_t now,
                            struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql,
                               "INSERT INTO attempts VALUES(?1,?2,?3) ON CONFLICT(key) DO UPDATE"
                               " SET remaining=excluded.remaining,at=excluded.at",
                               err);

    if (st == NULL)
        return err->rc;
    sqlite3_bind_blob(st, 1, bucket->key, KEY_SIZE, SQLITE_STATIC);
    sqlite3_bind_double(st, 2, bucket->remaining);
    sql_bind_i64(st, 3, now);
    return sql_run(b->sql, st, err);
}

enum rc backend_limit_check(struct backend *b, const char *email, const char *peer, int64_t now,
                            struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < BUCKETS; i++) {
        struct bucket bucket = { 0 };

        bucket_key(i, email, peer, bucket.key);
        rc = bucket_read(b, i, now, &bucket, err);
        if (!rc && bucket.remaining < 1)
            rc = backend_throw(err, "too_many_attempts", NULL,
                               "Too many attempts to sign in. Try again later.");
    }
    return rc;
}

enum rc backend_limit_fail(struct backend *b, const char *email, const char *peer, int64_t now,
                           struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < BUCKETS; i++) {
        struct bucket bucket = { 0 };

        bucket_key(i, email, peer, bucket.key);
        rc = bucket_read(b, i, now, &bucket, err);
        bucket.remaining -= bucket.remaining > DEBT_MOST ? 1 : 0;
        if (!rc)
            rc = bucket_write(b, &bucket, now, err);
    }
    return rc;
}

enum rc backend_limit_forgive(struct backend *b, const char *email, const char *peer,
                              struct err *err)
{
    unsigned char key[KEY_SIZE];
    sqlite3_stmt *st = sql_get(b->sql, "DELETE FROM attempts WHERE key=?1", err);

    if (st == NULL)
        return err->rc;
    bucket_key(0, email, peer, key);
    sqlite3_bind_blob(st, 1, key, KEY_SIZE, SQLITE_STATIC);
    return sql_run(b->sql, st, err);
}
