/* Every allocation that libcurl makes in a device's session fails once, and then every one from
 * there on, all in one process: the transfer ends with an error that counts as no refusal, and
 * when there is memory again everything gets through, once.
 *
 *     curl_memory
 *
 * A session is a save, the push of it and a pull, over HTTP from a real backend on loopback.
 */
#include <curl/curl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "sync/convex/convex.h"
#include "tests/torture/site.h"
#include "tests/unit/loopback_server.h"

#define SEEDED 20
#define BEGIN_MS 1700000000000
#define HOUR_MS 3600000
#define POINTS_MAX 3000
#define SHOWN_MAX 20

/* ---- an allocator that fails, for libcurl alone ---- */

static struct {
    unsigned n, length; /* n 0: none fails */
    atomic_uint count;  /* curl's resolver is a thread */
} plan;

static bool strikes(void)
{
    unsigned at = atomic_fetch_add(&plan.count, 1) + 1;

    return plan.n != 0 && at >= plan.n && at - plan.n < plan.length;
}

static void *curl_alloc(size_t size)
{
    return strikes() ? NULL : malloc(size);
}

static void *curl_zero(size_t count, size_t size)
{
    return strikes() ? NULL : calloc(count, size);
}

static void *curl_grow(void *old, size_t size)
{
    return strikes() ? NULL : realloc(old, size);
}

static char *curl_copy(const char *text)
{
    return strikes() ? NULL : strdup(text);
}

static void arm(unsigned n, unsigned length)
{
    plan.n = n;
    plan.length = length;
    atomic_store(&plan.count, 0);
}

/* ---- a device that speaks HTTP ---- */

struct rig {
    struct site site;
    struct server server;
    struct convex_http *http;
    long points, failed_rounds, violations;
};

static void violation(struct rig *rig, const char *sentence, unsigned n, unsigned length)
{
    if (++rig->violations <= SHOWN_MAX)
        printf("VIOLATION at %u, %s: %s (%s)\n", n, length == 1 ? "once" : "for good", sentence,
               rig->site.err.msg);
}

static bool open_http(struct rig *rig)
{
    const struct convex_http_options options = { .url = rig->server.url,
                                                 .client = "outpost-torture" };

    return rig->http || convex_http_open(&options, &rig->http, &rig->site.err) == RC_OK;
}

static bool exchange(struct rig *rig, struct convex_reply *reply)
{
    for (int i = 0; i < 10000; i++) {
        if (convex_http_take(rig->http, reply))
            return true;
        convex_http_wait(rig->http, NULL, 0, 1000);
    }
    return false;
}

static bool sign_in(struct rig *rig)
{
    struct buf args = { 0 };
    struct convex_reply reply;
    struct convex_answer answer = { 0 };
    struct convex_tokens tokens = { 0 };
    struct site *s = &rig->site;

    convex_auth_password_args("signIn", SERVER_USER, SERVER_PASSWORD, &args);
    const struct convex_call call = { CONVEX_ACTION, "auth:signIn", buf_str(&args) };
    convex_http_post(rig->http, &call, NULL, false);
    bool ok = exchange(rig, &reply);
    if (ok) {
        convex_decode(&reply, &answer);
        ok = convex_auth_tokens(answer.value, &tokens, &s->err) == RC_OK;
        convex_answer_done(&answer);
        convex_reply_done(&reply);
    }
    if (ok)
        snprintf(s->token, sizeof s->token, "%s", tokens.token);
    convex_tokens_done(&tokens);
    buf_done(&args);
    return ok;
}

static char *instance_of(struct rig *rig)
{
    struct convex_reply reply;
    char *name = NULL;

    convex_http_get(rig->http, "/instance_name");
    if (!exchange(rig, &reply))
        return NULL;
    name = mem_strdup(buf_str(&reply.body));
    name[strcspn(name, "\r\n")] = '\0';
    convex_reply_done(&reply);
    return name;
}

static bool open_store(struct rig *rig, const char *name)
{
    struct site *s = &rig->site;
    char path[300];
    const struct db_options options = { .path = path,
                                        .role = DB_SYNCER,
                                        .registry = s->reg,
                                        .clock = &s->clock,
                                        .no_bell = true };
    char *instance = instance_of(rig);
    struct db_account account = { .server = rig->server.url,
                                  .instance = instance,
                                  .user_id = (char[]){ "u" },
                                  .email = (char[]){ SERVER_USER },
                                  .device_id = (char *)name,
                                  .token = s->token };

    snprintf(path, sizeof path, "%s/%s.db", s->dir, name);
    bool ok = instance && db_open(&options, &s->db, &s->err) == RC_OK &&
              db_account_write(s->db, &account, &s->err) == RC_OK;
    const struct engine_options how = { .db = s->db, .clock = &s->clock };
    ok = ok && engine_new(&how, &s->engine, &s->err) == RC_OK;
    free(instance);
    return ok;
}

static void run_action(struct rig *rig, const struct engine_action *action)
{
    struct site *s = &rig->site;
    struct convex_reply reply;
    struct convex_answer answer;
    bool is_get = action->what == ENGINE_GET;

    s->now += 20;
    if (is_get)
        convex_http_get(rig->http, action->get_path);
    else
        convex_http_post(rig->http, &action->call, action->token, action->gzip);
    if (!exchange(rig, &reply)) {
        fputs("a transfer never ends\n", stderr);
        abort();
    }
    if (is_get) {
        engine_got(s->engine, &reply);
    } else {
        convex_decode(&reply, &answer);
        engine_answer(s->engine, &answer, 100);
    }
    convex_reply_done(&reply);
}

/* A round that is whole, within so many of the site's ms. */
static bool drain(struct rig *rig, int64_t patience_ms)
{
    struct site *s = &rig->site;
    struct sync_status status = { 0 };
    struct engine_action action;
    int64_t end = s->now + patience_ms;

    engine_wake(s->engine, ENGINE_NOW);
    engine_status(s->engine, &status);
    int64_t rounds = status.rounds;
    while (s->now < end) {
        engine_next(s->engine, &action);
        if (action.what == ENGINE_POST || action.what == ENGINE_GET)
            run_action(rig, &action);
        if (action.what != ENGINE_WAIT)
            continue;
        engine_status(s->engine, &status);
        if (status.rounds > rounds && status.waiting == 0 && status.last.rc == RC_OK)
            return true;
        s->now = action.until_ms > s->now ? action.until_ms : s->now + 1000;
    }
    s->err = status.last;
    return false;
}

/* ---- the sweep ---- */

static bool save(struct rig *rig)
{
    struct site *s = &rig->site;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct db_edit edit = { .table = s->tasks, .values = values, .is_set = is_set };
    struct value *title = &values[s->tasks->title->index];
    struct db_saved saved;
    char text[48];

    int len = snprintf(text, sizeof text, "record %ld", rig->points);
    value_set_text(title, text, (size_t)len);
    is_set[s->tasks->title->index] = true;
    bool ok = db_save(s->db, &edit, &saved, &s->err) == RC_OK;
    value_done(title);
    engine_wake(s->engine, ENGINE_LOCAL_CHANGE);
    return ok;
}

static bool is_counted(struct rig *rig)
{
    struct db_ops ops = { 0 };
    bool found = false;

    if (db_queue_list(rig->site.db, &ops, &rig->site.err) != RC_OK)
        return true;
    for (size_t i = 0; i < ops.count; i++)
        found = found || ops.items[i].retry_count > 0 || ops.items[i].state != OP_QUEUED;
    db_ops_done(&ops);
    return found;
}

/* Returns how many allocations there were. */
static unsigned session(struct rig *rig, unsigned n, unsigned length)
{
    convex_http_close(rig->http);
    rig->http = NULL;
    rig->points++;
    arm(n, length);
    bool ok = save(rig) && open_http(rig) && drain(rig, length == 1 ? HOUR_MS : HOUR_MS / 10);
    unsigned count = atomic_load(&plan.count);
    arm(0, 0);
    rig->failed_rounds += !ok;
    if (is_counted(rig))
        violation(rig, "want of memory counts as a refusal", n, length);
    if (!open_http(rig) || !drain(rig, HOUR_MS))
        violation(rig, "there is memory again, and nothing gets through", n, length);
    return count;
}

static void count_records(struct rig *rig, const char *name)
{
    struct site *s = &rig->site;
    int64_t count = 0;

    if (db_count(s->db, s->tasks, DB_VIEW_ALL, &count, &s->err) || count != SEEDED + rig->points) {
        rig->violations++;
        printf("VIOLATION: %s has %lld records, not %ld: %s\n", name, (long long)count,
               SEEDED + rig->points, s->err.msg);
    }
}

static bool begin(struct rig *rig)
{
    struct site *s = &rig->site;
    static char dir[] = "/tmp/outpost-curl-memory-XXXXXX";
    static char backend[300];
    static struct ledger ledger;

    if (!mkdtemp(dir))
        return false;
    site_init(s, dir, &ledger);
    s->now = BEGIN_MS;
    snprintf(backend, sizeof backend, "%s/backend.db", dir);
    const struct backend_options options = { .path = backend,
                                             .registry = s->reg,
                                             .clock = &clock_system,
                                             .quick_hash = true,
                                             .no_mark = true };
    return server_begin(&rig->server, &options, SEEDED) && open_http(rig) && sign_in(rig) &&
           open_store(rig, "device") && drain(rig, HOUR_MS);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

int main(void)
{
    static struct rig rig;
    struct err err = { 0 };
    unsigned count = 0;

    /* Before convex_global_init, which then finds it done. */
    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, curl_alloc, free, curl_grow, curl_copy,
                             curl_zero) != CURLE_OK ||
        convex_global_init(&err) != RC_OK || !begin(&rig)) {
        fprintf(stderr, "it does not begin: %s %s\n", rig.server.problem, rig.site.err.msg);
        return 2;
    }
    for (unsigned n = 1; n <= POINTS_MAX; n++) {
        count = session(&rig, n, 1);
        session(&rig, n, UINT32_MAX);
        if (count < n) /* the session had no such allocation any more */
            break;
    }
    count_records(&rig, "the device");
    site_close_device(&rig.site);
    if (open_store(&rig, "second") && drain(&rig, HOUR_MS))
        count_records(&rig, "a second device");
    else
        rig.violations++;
    if (rig.failed_rounds == 0) {
        puts("VIOLATION: nothing ever failed");
        rig.violations++;
    }
    convex_http_close(rig.http);
    server_end(&rig.server);
    site_done(&rig.site);
    nftw(rig.site.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    convex_global_done();
    curl_global_cleanup();
    printf("%ld points, %ld rounds failed, %ld violations\n", rig.points, rig.failed_rounds,
           rig.violations);
    return rig.violations ? 1 : 0;
}
