#include "src/backend/session.h"

#include <sodium.h>
#include <string.h>

#define ACCESS_MS 3600000LL          /* 1 h */
#define SESSION_MS (30 * 86400000LL) /* 30 days, in total */
#define REUSE_MS 10000 /* a used refresh token works again: the answer may have been lost */
#define HASH_SIZE 32

struct hash {
    unsigned char bytes[HASH_SIZE];
};

static void hash_token(const char *token, struct hash *out)
{
    crypto_generichash(out->bytes, HASH_SIZE, (const unsigned char *)token, strlen(token), NULL, 0);
}

static sqlite3_stmt *get_with_hash(struct backend *b, const char *query, const struct hash *hash,
                                   struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, query, err);

    if (st != NULL)
        sqlite3_bind_blob(st, 1, hash->bytes, HASH_SIZE, SQLITE_STATIC);
    return st;
}

static enum rc add_access(struct backend *b, int64_t session, int64_t now, char out[ID_TOKEN_SIZE],
                          struct err *err)
{
    struct hash hash;

    id_token(out);
    hash_token(out, &hash);
    sqlite3_stmt *st = get_with_hash(b, "INSERT INTO access_tokens VALUES(?1,?2,?3)", &hash, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 2, session);
    sql_bind_i64(st, 3, now + ACCESS_MS);
    return sql_run(b->sql, st, err);
}

static enum rc add_refresh(struct backend *b, int64_t session, int64_t parent, int64_t expires_at,
                           char out[ID_TOKEN_SIZE], struct err *err)
{
    struct hash hash;

    id_token(out);
    hash_token(out, &hash);
    sqlite3_stmt *st = get_with_hash(b,
                                     "INSERT INTO refresh_tokens(hash,session,parent,expires_at)"
                                     " VALUES(?1,?2,nullif(?3,0),?4)",
                                     &hash, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 2, session);
    sql_bind_i64(st, 3, parent);
    sql_bind_i64(st, 4, expires_at);
    return sql_run(b->sql, st, err);
}

enum rc backend_session_start(struct backend *b, int64_t user, int64_t now, struct tokens *out,
                              struct err *err)
{
    sqlite3_stmt *st =
        sql_get(b->sql, "INSERT INTO sessions(user_n,expires_at) VALUES(?1,?2)", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, user);
    sql_bind_i64(st, 2, now + SESSION_MS);
    enum rc rc = sql_run(b->sql, st, err);
    int64_t session = sqlite3_last_insert_rowid(sql_handle(b->sql));
    if (!rc)
        rc = add_access(b, session, now, out->access, err);
    if (!rc)
        rc = add_refresh(b, session, 0, now + SESSION_MS, out->refresh, err);
    return rc;
}

enum rc backend_session_check(struct backend *b, const char *token, int64_t now, int64_t *user,
                              int64_t *session, struct err *err)
{
    struct hash hash;

    hash_token(token, &hash);
    sqlite3_stmt *st = get_with_hash(b,
                                     "SELECT s.id,s.user_n,s.is_over FROM access_tokens a"
                                     " JOIN sessions s ON s.id=a.session"
                                     " WHERE a.hash=?1 AND a.expires_at>?2 AND s.expires_at>?2",
                                     &hash, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 2, now);
    enum rc rc = sql_step(b->sql, st, err);
    if (rc)
        return rc;
    *session = sql_i64(st, 0);
    *user = sql_i64(st, 2) ? 0 : sql_i64(st, 1);
    sqlite3_reset(st);
    return RC_OK;
}

static enum rc run_with_id(struct backend *b, const char *query, int64_t id, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, query, err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, id);
    return sql_run(b->sql, st, err);
}

enum rc backend_session_end(struct backend *b, int64_t session, struct err *err)
{
    enum rc rc = run_with_id(b, "UPDATE sessions SET is_over=1 WHERE id=?1", session, err);

    return rc ? rc : run_with_id(b, "DELETE FROM refresh_tokens WHERE session=?1", session, err);
}

enum rc backend_session_end_all(struct backend *b, int64_t user, struct err *err)
{
    enum rc rc = run_with_id(b,
                             "DELETE FROM refresh_tokens WHERE session IN"
                             " (SELECT id FROM sessions WHERE user_n=?1)",
                             user, err);

    return rc ? rc : run_with_id(b, "UPDATE sessions SET is_over=1 WHERE user_n=?1", user, err);
}

struct refresh { /* a stored refresh token */
    int64_t id, session, used_at, session_end;
    bool is_used, has_used_child;
};

static enum rc find_refresh(struct backend *b, const char *token, int64_t now, struct refresh *out,
                            struct err *err)
{
    struct hash hash;

    hash_token(token, &hash);
    sqlite3_stmt *st =
        get_with_hash(b,
                      "SELECT r.id,r.session,r.used_at,s.expires_at,EXISTS(SELECT 1 FROM"
                      " refresh_tokens c WHERE c.parent=r.id AND c.used_at IS NOT NULL)"
                      " FROM refresh_tokens r JOIN sessions s ON s.id=r.session"
                      " WHERE r.hash=?1 AND r.expires_at>?2 AND s.expires_at>?2 AND NOT s.is_over",
                      &hash, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 2, now);
    enum rc rc = sql_step(b->sql, st, err);
    if (rc)
        return rc;
    out->id = sql_i64(st, 0);
    out->session = sql_i64(st, 1);
    out->is_used = sql_text(st, 2) != NULL;
    out->used_at = sql_i64(st, 2);
    out->session_end = sql_i64(st, 3);
    out->has_used_child = sql_i64(st, 4) != 0;
    sqlite3_reset(st);
    return RC_OK;
}

/* Used again after its successor was: one of the two was stolen. All that came from it is dead. */
static enum rc revoke_branch(struct backend *b, int64_t id, struct err *err)
{
    return run_with_id(
        b,
        "WITH RECURSIVE branch(id) AS (VALUES(?1) UNION SELECT r.id FROM refresh_tokens r"
        " JOIN branch ON r.parent=branch.id)"
        " DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM branch)",
        id, err);
}

enum rc backend_session_refresh(struct backend *b, const char *token, int64_t now,
                                struct tokens *out, struct err *err)
{
    struct refresh found = { 0 };
    enum rc rc = find_refresh(b, token, now, &found, err);

    if (rc)
        return rc;
    bool is_young = now - found.used_at < REUSE_MS && now >= found.used_at;
    if (found.is_used && found.has_used_child && !is_young) {
        rc = revoke_branch(b, found.id, err);
        return rc ? rc : RC_NOT_FOUND;
    }
    if (!found.is_used) {
        sqlite3_stmt *st = sql_get(b->sql, "UPDATE refresh_tokens SET used_at=?1 WHERE id=?2", err);
        if (st == NULL)
            return err->rc;
        sql_bind_i64(st, 1, now);
        sql_bind_i64(st, 2, found.id);
        rc = sql_run(b->sql, st, err);
    }
    if (!rc)
        rc = add_access(b, found.session, now, out->access, err);
    if (!rc)
        rc = add_refresh(b, found.session, found.id, found.session_end, out->refresh, err);
    return rc;
}
