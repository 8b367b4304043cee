/* The account that is signed in, and its store. */
#include "src/app/app.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"

static enum rc open_store(struct app *app, const char *path, struct db **out, struct err *err)
{
    struct db_options options = {
        .path = path,
        .role = DB_COMMAND,
        .registry = app->registry,
        .clock = app->clock,
    };

    return db_open(&options, out, err);
}

enum rc session_keep(struct app *app, const struct sync_identity *identity, char **db_path,
                     struct err *err)
{
    char file[ACCOUNT_FILE_SIZE], hash[ACCOUNT_FILE_SIZE];
    struct db_account row = {
        .server = identity->server,
        .instance = identity->instance,
        .user_id = identity->user_id,
        .email = identity->email ? identity->email : (char[]){ "" },
        .name = identity->name,
        .token = identity->token,
        .refresh = identity->refresh,
    };
    struct account who = {
        .file = file,
        .server = identity->server,
        .instance = identity->instance,
        .user_id = identity->user_id,
        .email = identity->email,
        .name = identity->name,
    };
    struct db *db = NULL;
    char *path = NULL;
    enum rc rc;

    accounts_file_name(identity->instance, identity->user_id, file);
    if (!identity->refresh && identity->token) {
        accounts_token_hash(identity->token, hash);
        who.token_hash = hash;
    }
    path = path_join(app->paths.data_dir, file);
    rc = paths_device(app->paths.data_dir, app->clock, &row.device_id, err);
    if (rc == RC_OK)
        rc = open_store(app, path, &db, err);
    if (rc == RC_OK)
        rc = db_account_write(db, &row, err);
    if (rc == RC_OK)
        rc = accounts_sign_in(app->paths.data_dir, &who, err);
    db_close(db);
    free(row.device_id);
    if (rc == RC_OK) {
        *db_path = path;
        log_info("app", "signed in; the file is %s", file);
    } else {
        free(path);
    }
    return rc;
}

enum rc session_forget(struct app *app, const char *db_path, struct err *err)
{
    const char *slash = strrchr(db_path, '/');
    struct db_account row = { 0 };
    struct db *db = NULL;
    enum rc rc = open_store(app, db_path, &db, err);

    if (rc == RC_OK)
        rc = db_account_read(db, &row, err);
    if (rc == RC_OK) {
        struct db_account without = row;
        without.token = NULL;
        without.refresh = NULL;
        rc = db_account_write(db, &without, err);
    }
    if (rc == RC_OK)
        rc = accounts_sign_out(app->paths.data_dir, slash ? slash + 1 : db_path, err);
    db_account_done(&row);
    db_close(db);
    if (rc == RC_OK)
        log_info("app", "signed out");
    return rc;
}

/* A ready token says whose file it opens only to its backend; after that the hash of it is known
 * here, so that capture works without a network. */
static enum rc open_by_token(struct app *app, struct accounts *accounts, struct account *out,
                             char **db_path, struct err *err)
{
    char hash[ACCOUNT_FILE_SIZE];
    struct sync_identity identity = { 0 };
    struct sync_sign_in how;
    enum rc rc;

    accounts_token_hash(app->token, hash);
    for (size_t i = 0; i < accounts->count; i++) {
        if (accounts->items[i].token_hash && strcmp(accounts->items[i].token_hash, hash) == 0) {
            account_copy(out, &accounts->items[i]);
            *db_path = path_join(app->paths.data_dir, out->file);
            return RC_OK;
        }
    }
    app_sign_in_options(app, &how);
    how.token = app->token;
    if (!how.server && accounts->current >= 0)
        how.server = accounts->items[accounts->current].server;
    if (!how.server)
        return err_set(err, RC_INVALID,
                       _("OUTPOST_TOKEN is set, but no server: give --server URL"));
    rc = sync_sign_in(&how, &identity, err);
    if (rc == RC_OK)
        rc = session_keep(app, &identity, db_path, err);
    sync_identity_done(&identity);
    if (rc)
        return rc;
    accounts_done(accounts);
    rc = accounts_read(app->paths.data_dir, accounts, err);
    if (rc == RC_OK && accounts->current < 0)
        rc = err_set(err, RC_AUTH, _("Sign in first: outpost login"));
    if (rc == RC_OK)
        account_copy(out, &accounts->items[accounts->current]);
    return rc;
}

/* Who has signed in has written to it: a file of no length was emptied since, and would be filled
 * anew as nobody's store (and SQLite would throw the WAL beside it away). */
static enum rc check_not_emptied(const char *path, struct err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && st.st_size == 0)
        return err_set(err, RC_CORRUPT,
                       _("The store is damaged (it is empty). See: outpost doctor."));
    return RC_OK;
}

static enum rc check_is_ours(struct db *db, struct err *err)
{
    struct db_account who = { 0 };
    enum rc rc = db_account_read(db, &who, err);

    db_account_done(&who);
    return rc == RC_NOT_FOUND
               ? err_set(err, RC_CORRUPT,
                         _("The store is damaged (it holds no account). See: outpost doctor."))
               : rc;
}

enum rc session_open(struct app *app, struct session *out, struct err *err)
{
    struct accounts accounts = { .current = -1 };
    struct session session = { 0 };
    enum rc rc = accounts_read(app->paths.data_dir, &accounts, err);

    if (rc)
        goto out;
    if (app->token) {
        rc = open_by_token(app, &accounts, &session.account, &session.db_path, err);
    } else if (accounts.current < 0) {
        rc = err_set(err, RC_AUTH, _("Sign in first: outpost login"));
    } else {
        account_copy(&session.account, &accounts.items[accounts.current]);
        session.db_path = path_join(app->paths.data_dir, session.account.file);
    }
    if (rc)
        goto out;
    if (!file_exists(session.db_path)) {
        rc =
            err_set(err, RC_IO, _("%s is gone; sign in again to get the tasks anew: outpost login"),
                    session.db_path);
        goto out;
    }
    rc = check_not_emptied(session.db_path, err);
    if (rc == RC_OK)
        rc = open_store(app, session.db_path, &session.db, err);
    if (rc == RC_OK)
        rc = check_is_ours(session.db, err);
out:
    if (rc)
        session_close(&session);
    else
        *out = session;
    accounts_done(&accounts);
    return rc;
}

void session_close(struct session *session)
{
    db_close(session->db);
    free(session->db_path);
    account_done(&session->account);
    *session = (struct session){ 0 };
}

enum rc session_check_ready(struct session *session, const struct table *table, struct err *err)
{
    bool is_complete = false, all = false, any = false;
    enum rc rc = db_pull_is_table_complete(session->db, table, &is_complete, err);

    if (rc == RC_OK && !is_complete)
        rc = db_pull_is_complete(session->db, &all, &any, err);
    if (rc || is_complete)
        return rc;
    if (any) /* a table that came later */
        return err_set(err, RC_INVALID,
                       _("%s were never synced: outpost sync. If that changes nothing, the server "
                         "does not have the definition of %s yet."),
                       table->label, table->name);
    return err_set(err, RC_INVALID,
                   _("The first sync of this device is not complete: outpost sync"));
}
