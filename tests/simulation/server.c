/* The backend: the real code in a process that may die at any write; what it acknowledged stays. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define PATH "3/backend.db"
#define PASSWORD "correct horse"
#define SECOND 1000LL

static const char *const emails[ACCOUNTS] = { "crew@example.org", "yard@example.org" };

const char *account_email(int account)
{
    return emails[account];
}

void server_init(struct sim *sim, const struct buf *image)
{
    struct server *s = &sim->server;

    memset(s, 0, sizeof *s);
    s->sim = sim;
    s->clock = sim->clock;
    s->is_old = sim->plan.has_old_server;
    s->has_accounts = image != NULL;
    if (image != NULL)
        vfs_write_file(sim->vfs, PATH, image);
}

static void close_all(struct server *s)
{
    backend_close(s->backend);
    s->backend = NULL;
    for (int i = 0; i < ACCOUNTS; i++) {
        free(s->office_token[i]);
        s->office_token[i] = NULL;
    }
}

void server_stop(struct server *s)
{
    close_all(s);
    buf_done(&s->unknown_push);
    attempt_done(&s->attempt);
    vfs_copy_free(s->backup);
    model_backup_free(s->backup_model);
    s->backup = NULL;
    s->backup_model = NULL;
}

static bool died(struct server *s)
{
    struct sim *sim = s->sim;

    if (!vfs_is_dead(sim->vfs, SERVER))
        return false;
    close_all(s);
    if (vfs_open_handles(sim->vfs, SERVER) != 0)
        sim_violated(sim, "backend: a file is still open after backend_close");
    decide(sim, DECIDE_CRASH, SERVER);
    bool is_cut = rng_chance(&sim->rng, sim->plan.power_cuts);
    uint32_t met = vfs_crash(sim->vfs, SERVER, is_cut);
    sim->met[SIT_UNSYNCED_WRITES] += met;
    sim_met(sim, is_cut ? SIT_SERVER_CUTS : SIT_SERVER_KILLS);
    sim_note(sim, "backend: %s, %u unsynced writes", is_cut ? "power cut" : "kill", met);
    sim_plan(sim, sim->now + rng_between(&sim->rng, SECOND, 120 * SECOND), EV_SERVER_UP, SERVER, 0);
    return true;
}

void server_kill(struct server *s)
{
    vfs_kill(s->sim->vfs, SERVER);
    died(s);
}

void server_back_up(struct server *s)
{
    sim_note(s->sim, "backend: a backup is made");
    vfs_copy_free(s->backup);
    model_backup_free(s->backup_model);
    s->backup = vfs_copy_take(s->sim->vfs, SERVER);
    s->backup_model = model_backup_take(s->sim->model);
}

void server_restore(struct server *s)
{
    struct sim *sim = s->sim;

    if (s->backup == NULL)
        return;
    server_kill(s);
    vfs_copy_put_back(sim->vfs, SERVER, s->backup);
    model_backup_put_back(sim, s->backup_model);
    buf_clear(&s->unknown_push);
    attempt_done(&s->attempt);
    s->era++;
    s->must_renew = true;
    sim_met(sim, SIT_BACKUPS_RESTORED);
    sim_note(sim, "backend: restored from its backup");
}

void server_upgrade(struct server *s)
{
    if (!s->is_old)
        return;
    sim_note(s->sim, "backend: upgraded");
    sim_met(s->sim, SIT_UPGRADES);
    s->is_old = false;
    if (s->backend != NULL)
        server_kill(s);
}

/* ---- what a crash hid ---- */

static bool has_receipt(void *ctx, const char *op_id)
{
    sqlite3_stmt *st = ctx;

    sqlite3_reset(st);
    sqlite3_bind_text(st, 1, op_id, -1, SQLITE_TRANSIENT);
    return sqlite3_step(st) == SQLITE_ROW;
}

/* The receipts tell. No answer could: a replay looks as the first time did. */
static bool resolve_push(struct server *s)
{
    struct sim *sim = s->sim;
    sqlite3_stmt *st = NULL;
    sqlite3 *db = NULL;
    int found = 0;

    if (s->unknown_push.len == 0)
        return true;
    if (sqlite3_open_v2(PATH, &db, SQLITE_OPEN_READWRITE, VFS_NAME) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT 1 FROM receipts WHERE op_id = ?1", -1, &st, NULL) !=
            SQLITE_OK)
        sim_violated(sim, "backend: its file can not be read: %s", sqlite3_errmsg(db));
    else
        found = model_committed(sim, buf_str(&s->unknown_push), has_receipt, st);
    sqlite3_finalize(st);
    sqlite3_close(db);
    sim_note(sim, "backend: of a push in a crash %d new ops are there", found);
    if (found > 0)
        sim_met(sim, SIT_PUSH_SURVIVED);
    return !sim_failed(sim);
}

/* The first time with the accounts. */
static enum rc open_backend(struct server *s, struct err *err)
{
    const struct backend_options options = {
        .path = PATH,
        .vfs = VFS_NAME,
        .registry = s->is_old ? s->sim->old_tables : s->sim->server_tables,
        .clock = &s->clock,
        .no_mark = true,
        .quick_hash = true,
    };
    enum rc rc = backend_open(&options, &s->backend, err);

    for (int i = 0; i < ACCOUNTS && !rc && !s->has_accounts; i++)
        rc = backend_user_add(s->backend, emails[i], PASSWORD, err);
    s->has_accounts = true;
    return rc;
}

bool server_make_image(struct server *s, struct buf *out)
{
    struct err err = { 0 };
    enum rc rc = open_backend(s, &err);

    close_all(s);
    return !rc && vfs_read_file(s->sim->vfs, PATH, out);
}

bool server_start(struct server *s)
{
    struct sim *sim = s->sim;
    struct err err = { 0 };
    bool is_first = sim->order == 0;

    decide(sim, DECIDE_START, SERVER);
    if (!is_first && !sim->is_calm && rng_chance(&sim->rng, sim->plan.crashes) && decided(sim)) {
        uint32_t n = rng_below(&sim->rng, 40);
        sim_note(sim, "backend: dies at the %u. access to the disk from here", n + 1);
        vfs_arm(sim->vfs, SERVER, n, true);
    }
    enum rc rc = open_backend(s, &err);
    if (died(s))
        return false;
    if (rc)
        return sim_violated(sim, "1: the backend can not be started: %s", err.msg);
    sim_note(sim, "backend: up");
    vfs_disarm(sim->vfs, SERVER);
    if (s->must_renew)
        server_new_epoch(s);
    if (s->backend == NULL)
        return false;
    s->must_renew = false;
    if (!resolve_push(s))
        return false;
    if (s->must_prune)
        server_prune(s);
    if (s->backend == NULL)
        return false;
    office_looks_again(sim);
    buf_done(&s->unknown_push); /* not before: only now what was found is there for good */
    return !sim_failed(sim);
}

/* ---- calls ---- */

static void take_answer(struct exchange *x, struct backend_answer *answer)
{
    x->http_status = answer->http_status;
    x->retry_after_s = answer->retry_after_s;
    snprintf(x->content_type, sizeof x->content_type, "%s",
             answer->content_type == NULL ? "" : answer->content_type);
    x->answer = answer->body;
    answer->body = (struct buf){ 0 };
}

bool server_call(struct server *s, struct exchange *x)
{
    struct backend_answer answer = { 0 };
    struct buf authorization = { 0 };

    if (s->backend == NULL)
        return false;
    if (x->token != NULL)
        buf_printf(&authorization, "Bearer %s", x->token);
    struct backend_request request = {
        .method = x->method,
        .path = x->path,
        .content_type = "application/json",
        .authorization = x->token == NULL ? NULL : buf_str(&authorization),
        .body = x->body,
        .body_len = x->body_len,
        .peer = "127.0.0.1",
    };
    s->in_flight = x->body;
    backend_handle(s->backend, &request, &answer);
    if (answer.hash != NULL) {
        struct backend_hash *hash = answer.hash;
        answer.hash = NULL;
        backend_hash_run(hash);
        backend_hash_finish(s->backend, hash, &answer);
    }
    s->in_flight = NULL;
    bool is_dead = died(s);
    if (!is_dead)
        take_answer(x, &answer);
    if (!is_dead && x->http_status >= 500)
        sim_violated(s->sim, "backend: %s without a fault answers %d %s", x->path, x->http_status,
                     buf_str(&x->answer));
    backend_answer_done(&answer);
    buf_done(&authorization);
    return !is_dead;
}

cJSON *server_ask(struct server *s, const char *kind, const char *path, const char *args,
                  const char *token)
{
    struct buf body = { 0 }, url = { 0 };
    struct err ignored;
    cJSON *answer = NULL, *value = NULL;

    /* All but auth:* say which protocol they speak. */
    bool is_auth = strncmp(path, "auth:", 5) == 0;
    buf_printf(&body, "{\"path\":\"%s\",\"args\":{%s%s,\"format\":\"json\"}", path,
               is_auth          ? ""
               : args[1] == '}' ? "\"protocol\":1"
                                : "\"protocol\":1,",
               args + 1);
    buf_printf(&url, "/api/%s", kind);
    struct exchange x = { .method = "POST",
                          .path = buf_str(&url),
                          .token = token,
                          .body = buf_str(&body),
                          .body_len = body.len };
    if (server_call(s, &x) &&
        json_parse(buf_str(&x.answer), x.answer.len, &answer, &ignored) == RC_OK) {
        value = cJSON_DetachItemFromObjectCaseSensitive(answer, "value");
        if (value == NULL)
            sim_note(s->sim, "backend: %s says %.120s", path, buf_str(&x.answer));
    }
    cJSON_Delete(answer);
    buf_done(&x.answer);
    buf_done(&body);
    buf_done(&url);
    return value;
}

void server_new_epoch(struct server *s)
{
    struct err err = { 0 };
    char epoch[64];
    enum rc rc = backend_epoch_new(s->backend, epoch, &err);

    sim_note(s->sim, "backend: a new epoch");
    sim_met(s->sim, SIT_EPOCHS);
    if (!died(s) && rc)
        sim_violated(s->sim, "backend: no new epoch: %s", err.msg);
}

void server_prune(struct server *s)
{
    struct err err = { 0 };
    enum rc rc = backend_prune(s->backend, &err);

    sim_note(s->sim, "backend: prunes what is too old");
    s->must_prune = true;
    if (died(s))
        return;
    s->must_prune = false;
    if (rc)
        sim_violated(s->sim, "backend: what is too old can not be pruned: %s", err.msg);
    model_pruned(s->sim);
}

void server_end_sessions(struct server *s, int account)
{
    struct err err = { 0 };
    enum rc rc = backend_user_passwd(s->backend, emails[account], PASSWORD, &err);

    sim_note(s->sim, "backend: a new password for account %d", account);
    if (!died(s) && rc)
        sim_violated(s->sim, "backend: a password can not be changed: %s", err.msg);
    free(s->office_token[account]);
    s->office_token[account] = NULL;
}

char *server_sign_in(struct server *s, int account, char **refresh)
{
    struct buf args = { 0 };
    char *token = NULL;

    convex_auth_password_args("signIn", emails[account], PASSWORD, &args);
    cJSON *value = server_ask(s, "action", "auth:signIn", buf_str(&args), NULL);
    const cJSON *tokens = json_get(value, "tokens");
    if (json_get_string(tokens, "token") != NULL &&
        json_get_string(tokens, "refreshToken") != NULL) {
        token = mem_strdup(json_get_string(tokens, "token"));
        if (refresh != NULL)
            *refresh = mem_strdup(json_get_string(tokens, "refreshToken"));
    }
    cJSON_Delete(value);
    buf_done(&args);
    return token;
}
