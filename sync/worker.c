#include "sync/sync.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/worker_priv.h"

#define QUIET_MS 200 /* one change of a link makes a burst of events */
#define SLEPT_MIN_MS 1000
#define STOP_WAIT_MS 200 /* for the write lock, in all, once the end was asked for */

enum watched_fd { FD_BELL, FD_LINK, FD_CLOCK, FD_HOLDER, FD_COUNT };

enum rc sync_global_init(struct err *err)
{
    return convex_global_init(err);
}

void sync_global_done(void)
{
    convex_global_done();
}

/* ---- system sleep ---- */

static int64_t read_slept_ms(void)
{
    struct timespec boot = { 0 }, mono = { 0 };

    clock_gettime(CLOCK_BOOTTIME, &boot);
    clock_gettime(CLOCK_MONOTONIC, &mono);
    return (int64_t)(boot.tv_sec - mono.tv_sec) * 1000 + (boot.tv_nsec - mono.tv_nsec) / 1000000;
}

/* A timer that never ends but is cancelled when the wall clock is set, as the kernel does at
 * resume: it ends a poll() whose timeout did not count the sleep. */
static int open_sleep_fd(void)
{
    struct itimerspec far = { .it_value.tv_sec = LONG_MAX / 4 };
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd < 0)
        return -1;
    timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL);
    return fd;
}

static bool has_slept(struct sync *s)
{
    int64_t slept = read_slept_ms();
    bool is_long = slept - s->slept_ms >= SLEPT_MIN_MS;

    s->slept_ms = slept;
    return is_long;
}

/* ---- start and end of the thread ---- */

static void say_started(struct sync *s, const struct err *err)
{
    pthread_mutex_lock(&s->lock);
    s->start_err = *err;
    s->is_started = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* What is under way at the end may still want the lock of the store, several times over. What is
 * not written then is what the next start finds out by itself. */
static bool waits_for_lock(void *ctx)
{
    struct sync *s = ctx;
    bool is_late;

    pthread_mutex_lock(&s->lock);
    is_late = s->is_stopping && clock_mono(&clock_system) - s->stop_ms >= STOP_WAIT_MS;
    pthread_mutex_unlock(&s->lock);
    return !is_late;
}

static enum rc open_http(struct sync *s, struct err *err)
{
    struct convex_http_options options = {
        .url = s->server,
        .insecure = s->options.insecure,
        .ca_file = s->ca_file,
        .client = "outpost-" OUTPOST_VERSION,
    };
    struct db_account account = { 0 };
    enum rc rc = db_account_read(s->db, &account, err);

    if (rc == RC_NOT_FOUND)
        err_set(err, rc, _("Nobody is signed in here."));
    if (rc)
        return rc;
    if (!options.url)
        options.url = account.server;
    rc = convex_http_open(&options, &s->http, err);
    db_account_done(&account);
    return rc;
}

static enum rc open_all(struct sync *s, struct err *err)
{
    const struct db_options options = {
        .path = s->db_path,
        .role = DB_SYNCER,
        .registry = s->options.registry,
        .clock = s->options.clock,
    };
    struct err no_monitor = { 0 };
    enum rc rc = db_open(&options, &s->db, err);

    if (rc)
        return rc;
    db_wait_while(s->db, waits_for_lock, s);
    rc = open_http(s, err);
    if (!rc)
        rc = db_bell_open(s->db_path, &s->bell, err);
    if (!rc)
        rc = db_lock_open(s->db_path, &s->store_lock, err);
    if (!rc && netmon_open(&s->netmon, &no_monitor))
        log_warn("sync", "no news of links, timers alone: %s", no_monitor.msg);
    s->sleep_fd = open_sleep_fd();
    s->slept_ms = read_slept_ms();
    return rc;
}

static void close_all(struct sync *s)
{
    if (s->is_holder)
        holder_end(s);
    follower_end(s);
    engine_free(s->engine);
    if (s->sleep_fd >= 0)
        close(s->sleep_fd);
    netmon_close(s->netmon);
    db_lock_close(s->store_lock);
    db_bell_close(s->bell);
    db_close(s->db);
}

/* ---- the loop ---- */

static bool take_requests(struct sync *s, unsigned *requests)
{
    bool is_stopping;

    pthread_mutex_lock(&s->lock);
    *requests = s->requests;
    s->requests = 0;
    is_stopping = s->is_stopping;
    pthread_mutex_unlock(&s->lock);
    return !is_stopping;
}

static void publish(struct sync *s)
{
    struct sync_status now;
    uint64_t one = 1;
    bool is_new;

    memset(&now, 0, sizeof(now));
    if (s->is_holder) {
        engine_status(s->engine, &now);
        now.holder = getpid();
        now.rounds += s->rounds_base;
        now.untold = s->untold;
        s->mirror.rounds = now.rounds;
        s->mirror.last_ok = now.last_ok;
    } else {
        now = s->mirror;
    }
    pthread_mutex_lock(&s->lock);
    is_new = memcmp(&s->status, &now, sizeof(now)) != 0;
    if (is_new)
        memcpy(&s->status, &now, sizeof(now));
    pthread_mutex_unlock(&s->lock);
    if (is_new && write(s->status_fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        log_warn("sync", "the status notice was not written (%d)", errno);
}

static void say_parked(struct sync *s, bool is_parked)
{
    pthread_mutex_lock(&s->lock);
    s->is_parked = is_parked;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Park and unpark may both be asked for; the last state of the terminal is the one that
 * counts: it runs. */
static void change_parking(struct sync *s, unsigned requests)
{
    if (requests & SYNC_UNPARK) {
        say_parked(s, false);
    } else if (requests & SYNC_PARK) {
        if (s->is_holder)
            holder_end(s);
        publish(s); /* who waits for the parking reads that we hold nothing */
        say_parked(s, true);
    }
}

static void try_lock(struct sync *s)
{
    struct err err = { 0 };
    enum rc rc = db_lock_try(s->store_lock, &err);

    if (!rc)
        rc = holder_begin(s, &err);
    if (!rc)
        follower_end(s);
    s->begin_err = (struct err){ 0 };
    if (rc && rc != RC_BUSY) {
        log_error("sync", "cannot sync: %s", rc_name(rc));
        s->begin_err = err;
        db_lock_release(s->store_lock);
    }
}

static int64_t settle_hint(struct sync *s)
{
    int64_t left;

    if (s->hint == NETMON_NONE)
        return WAIT_FOREVER;
    left = s->hint_at + QUIET_MS - clock_mono(s->options.clock);
    if (left > 0)
        return left;
    if (s->is_holder)
        holder_link(s, s->hint);
    s->hint = NETMON_NONE;
    return WAIT_FOREVER;
}

/* Another process has newer definitions of the tables: it can sync, and this one can not any more. */
static void give_up(struct sync *s)
{
    struct sync_status status;

    engine_status(s->engine, &status);
    log_warn("sync", "the tables have changed; not syncing any more");
    holder_end(s);
    s->begin_err = status.last;
}

static int64_t turn(struct sync *s, unsigned requests)
{
    int64_t wait_ms, quiet_ms;

    if (!s->is_holder && !db_is_outdated(s->db))
        try_lock(s);
    if (s->is_holder)
        holder_wake(s, requests);
    else
        follower_wake(s, requests);
    quiet_ms = settle_hint(s);
    wait_ms = s->is_holder ? holder_turn(s) : follower_turn(s);
    if (s->is_holder && db_is_outdated(s->db)) {
        give_up(s);
        wait_ms = 0;
    }
    return wait_ms < quiet_ms ? wait_ms : quiet_ms;
}

static void read_fds(struct sync *s, const struct pollfd fds[FD_COUNT])
{
    enum netmon_hint hint = NETMON_NONE;
    uint64_t ignored;

    if (fds[FD_BELL].revents) {
        db_bell_read(s->bell);
        s->is_db_changed = db_has_changed(s->db) || s->is_db_changed;
    }
    if (fds[FD_LINK].revents)
        hint = netmon_read(s->netmon);
    if (hint != NETMON_NONE) {
        s->hint = hint;
        s->hint_at = clock_mono(s->options.clock);
    }
    if (fds[FD_CLOCK].revents && read(s->sleep_fd, &ignored, sizeof(ignored)) < 0) {
        close(s->sleep_fd); /* cancelled: a new one for the next time */
        s->sleep_fd = open_sleep_fd();
    }
    if (has_slept(s) && s->is_holder)
        holder_slept(s);
}

static void wait_for(struct sync *s, int64_t wait_ms)
{
    struct pollfd fds[FD_COUNT] = {
        [FD_BELL] = { .fd = db_bell_fd(s->bell), .events = POLLIN },
        [FD_LINK] = { .fd = s->netmon ? netmon_fd(s->netmon) : -1, .events = POLLIN },
        [FD_CLOCK] = { .fd = s->sleep_fd, .events = POLLIN },
        [FD_HOLDER] = { .fd = s->watched_fd, .events = POLLIN },
    };
    struct pollfd present[FD_COUNT];
    size_t at[FD_COUNT], count = 0;

    for (size_t i = 0; i < FD_COUNT; i++)
        if (fds[i].fd >= 0) {
            at[count] = i;
            present[count++] = fds[i];
        }
    convex_http_wait(s->http, present, count, wait_ms > INT_MAX ? -1 : (int)wait_ms);
    for (size_t i = 0; i < count; i++)
        fds[at[i]].revents = present[i].revents;
    read_fds(s, fds);
}

static void *run(void *arg)
{
    struct sync *s = arg;
    struct err err = { 0 };
    unsigned requests, kept = 0; /* what is asked of a parked worker is done when it runs again */
    int64_t wait_ms;

    open_all(s, &err);
    if (err.rc) {
        close_all(s);
        say_started(s, &err);
        return NULL;
    }
    turn(s, 0); /* the first status is a true one */
    publish(s);
    say_started(s, &err);
    while (take_requests(s, &requests)) {
        change_parking(s, requests);
        kept |= requests;
        wait_ms = WAIT_FOREVER;
        if (!s->is_parked) {
            wait_ms = turn(s, kept);
            kept = 0;
        }
        publish(s);
        wait_for(s, wait_ms);
    }
    close_all(s);
    return NULL;
}

/* ---- for the other thread ---- */

static void sync_free(struct sync *s)
{
    convex_http_close(s->http);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    if (s->status_fd >= 0)
        close(s->status_fd);
    free(s->db_path);
    free(s->server);
    free(s->ca_file);
    free(s);
}

static struct sync *sync_new(const struct sync_options *options)
{
    struct sync *s = mem_zero(1, sizeof(*s));
    pthread_condattr_t attr;

    s->options = *options;
    s->db_path = mem_strdup(options->db_path);
    s->server = options->server ? mem_strdup(options->server) : NULL;
    s->ca_file = options->ca_file ? mem_strdup(options->ca_file) : NULL;
    s->watched_fd = -1;
    s->sleep_fd = -1;
    s->status_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&s->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

/* Signals are the other thread's. */
static int create_thread(struct sync *s)
{
    sigset_t all, before;
    int failed;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

enum rc sync_start(const struct sync_options *options, struct sync **out, struct err *err)
{
    struct sync *s = sync_new(options);
    enum rc rc;
    int failed = s->status_fd < 0 ? errno : create_thread(s);

    if (failed) {
        sync_free(s);
        return err_sys(err, RC_IO, failed, _("Cannot start to sync"));
    }
    pthread_mutex_lock(&s->lock);
    while (!s->is_started)
        pthread_cond_wait(&s->changed, &s->lock);
    rc = s->start_err.rc;
    pthread_mutex_unlock(&s->lock);
    if (!rc) {
        *out = s;
        return RC_OK;
    }
    pthread_join(s->thread, NULL);
    *err = s->start_err;
    sync_free(s);
    return rc;
}

void sync_stop(struct sync *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->is_stopping = true;
    s->stop_ms = clock_mono(&clock_system);
    pthread_mutex_unlock(&s->lock);
    convex_http_wakeup(s->http);
    pthread_join(s->thread, NULL);
    sync_free(s);
}

void sync_ask(struct sync *s, enum sync_request what)
{
    static const struct {
        unsigned what, undoes;
    } opposites[] = {
        { SYNC_PARK, SYNC_UNPARK },
        { SYNC_UNPARK, SYNC_PARK },
        { SYNC_WORK_OFFLINE, SYNC_WORK_ONLINE },
        { SYNC_WORK_ONLINE, SYNC_WORK_OFFLINE },
    };

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < sizeof(opposites) / sizeof(opposites[0]); i++)
        if (opposites[i].what == what)
            s->requests &= ~opposites[i].undoes;
    s->requests |= what;
    pthread_mutex_unlock(&s->lock);
    convex_http_wakeup(s->http);
}

bool sync_wait_parked(struct sync *s, int wait_ms)
{
    struct timespec until;
    bool is_parked;
    int failed = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->is_parked && !failed)
        failed = pthread_cond_timedwait(&s->changed, &s->lock, &until);
    is_parked = s->is_parked;
    pthread_mutex_unlock(&s->lock);
    return is_parked;
}

void sync_status_read(struct sync *s, struct sync_status *out)
{
    uint64_t ignored;

    /* Emptied first: a change after the copy is announced again. */
    if (read(s->status_fd, &ignored, sizeof(ignored)) < 0 && errno != EAGAIN)
        log_warn("sync", "the status notice was not read (%d)", errno);
    pthread_mutex_lock(&s->lock);
    *out = s->status;
    pthread_mutex_unlock(&s->lock);
}

int sync_status_fd(const struct sync *s)
{
    return s->status_fd;
}
