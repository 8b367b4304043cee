#include "src/app/checkup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "src/app/print.h"
#include "src/app/round.h"

#define FREE_BYTES_MIN (64LL << 20)
#define DAY_MS (24 * 3600 * 1000LL)

static void say_so(struct checkup *c, enum db_gravity gravity, const char *code, const char *safe,
                   const char *todo, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void say_so(struct checkup *c, enum db_gravity gravity, const char *code, const char *safe,
                   const char *todo, const char *fmt, ...)
{
    char *what = NULL;
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&what, fmt, ap);
    va_end(ap);
    if (len < 0)
        mem_exhausted();
    c->found(c->ctx, &(struct db_finding){ gravity, code, what, safe, todo });
    free(what);
}

/* ---- folder, disk, files ---- */

const char *checkup_network_fs(long type)
{
    static const struct {
        unsigned type;
        const char *name;
    } rows[] = {
        { 0x6969, "NFS" },     { 0xFF534D42, "CIFS" },   { 0xFE534D42, "SMB2" },
        { 0x517B, "SMB" },     { 0x01021997, "9p" },     { 0x65735546, "FUSE" },
        { 0x5346414F, "AFS" }, { 0x00C36400, "Ceph" },   { 0x73757245, "Coda" },
        { 0x564C, "NCP" },     { 0x786F4256, "vboxsf" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == (unsigned)type)
            return rows[i].name;
    }
    return NULL;
}

/* Group and others have no business in what a person captures. */
static void check_mode(struct checkup *c, const char *path, mode_t wanted)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return;
    if (st.st_uid != geteuid())
        say_so(c, DB_ILL, "owner", _("Nothing is lost."),
               _("Give it to the user who runs outpost (chown), or run outpost as that user."),
               _("%s belongs to user %ld, and outpost runs as user %ld"), path, (long)st.st_uid,
               (long)geteuid());
    if ((st.st_mode & 0777 & ~wanted) == 0 && (st.st_mode & wanted) == wanted)
        return;
    bool is_repaired = c->is_repairing && chmod(path, wanted) == 0;
    say_so(c, is_repaired ? DB_REPAIRED : DB_REPAIRABLE, "mode", _("Nothing is lost."),
           is_repaired ? "" : _("outpost doctor --repair"),
           _("%s has the mode %03o; it should be %03o, for its owner alone"), path,
           (unsigned)(st.st_mode & 0777), (unsigned)wanted);
}

static bool check_data_dir(struct checkup *c)
{
    const char *dir = c->app->paths.data_dir;
    struct stat st;

    if (stat(dir, &st) != 0) {
        say_so(c, DB_ILL, "data_dir", "", errno == ENOENT ? _("outpost login") : "",
               _("The data directory %s cannot be looked at: %s"), dir, strerror(errno));
        return false;
    }
    check_mode(c, dir, 0700);
    if (access(dir, W_OK | X_OK) != 0) {
        say_so(c, DB_ILL, "data_dir", _("What is in it is not touched."),
               _("Make it writable for this user."), _("The data directory %s cannot be written"),
               dir);
        return false;
    }
    say_so(c, DB_NOTE, "data_dir", "", "", _("Data directory %s"), dir);
    return true;
}

static void check_disk(struct checkup *c)
{
    const char *dir = c->app->paths.data_dir;
    struct statfs fs;
    struct statvfs vfs;

    if (statfs(dir, &fs) == 0 && checkup_network_fs((long)fs.f_type))
        say_so(c, DB_ILL, "network_file_system",
               _("As long as one process on one machine uses it, nothing happens."),
               _("Move the data directory to a disk of this machine (--data-dir, "
                 "OUTPOST_DATA_DIR)."),
               _("The data directory is on %s: a database there may be damaged when several "
                 "processes use it"),
               checkup_network_fs((long)fs.f_type));
    if (statvfs(dir, &vfs) != 0)
        return;
    long long free_bytes = (long long)vfs.f_bavail * (long long)vfs.f_frsize;
    if (free_bytes < FREE_BYTES_MIN || (vfs.f_files > 0 && vfs.f_favail == 0))
        say_so(c, DB_ILL, "disk_full", _("What is saved stays saved."),
               _("Remove files that are not needed."), _("The disk has only %lld MiB left"),
               free_bytes >> 20);
    else
        say_so(c, DB_NOTE, "disk", "", "", _("%lld MiB are free"), free_bytes >> 20);
}

static void check_log(struct checkup *c)
{
    if (access(c->app->paths.log_file, W_OK) != 0)
        say_so(c, DB_ILL, "log", _("Outpost works without a log."),
               _("Make the file and its folder writable for this user."),
               _("The log %s cannot be written: %s"), c->app->paths.log_file, strerror(errno));
}

static void check_config(struct checkup *c)
{
    const struct registry *reg = c->app->registry;

    for (size_t i = 0; i < c->app->config.warning_count; i++)
        say_so(c, DB_ILL, "config", _("The other lines of the config file count."),
               _("Put the line right: outpost help config"), "%s", c->app->config.warnings[i]);
    for (size_t i = 0; i < registry_problem_count(reg); i++) {
        const struct registry_problem *p = registry_problem_at(reg, i);
        say_so(c, DB_ILL, "definition",
               _("The other tables work; records and changes of this one are kept."),
               _("Put the definition right."), "%s: %s", p->source, p->sentence);
    }
}

/* ---- clock ---- */

/* Dates that devices show depend on it, and nothing else: order and conflicts do not. */
static void check_clock(struct checkup *c, int64_t last_ok)
{
    int64_t now = clock_wall(c->app->clock);
    struct buf when = { 0 };

    put_time(now, &when);
    if (now < c->build_ms - DAY_MS)
        say_so(c, DB_ILL, "clock", _("Sync does not depend on the clock."),
               _("Set date and time (TLS refuses certificates under a wrong date)."),
               _("The clock says %s; this program was made later"), buf_str(&when));
    else if (last_ok > now + DAY_MS)
        say_so(c, DB_ILL, "clock", _("Sync does not depend on the clock."), _("Set date and time."),
               _("The clock says %s; the last sync was later"), buf_str(&when));
    buf_done(&when);
}

/* ---- the store ---- */

static const char *todo_of(enum rc rc)
{
    switch (rc) {
    case RC_CORRUPT:
        return _("outpost doctor --rescue FILE writes what can still be read; then move the "
                 "database file away, sign in again and import FILE.");
    case RC_FOREIGN:
        return _("Install the newer version; or outpost doctor --rescue FILE, to take what waits "
                 "elsewhere.");
    case RC_BUSY:
        return _("Look which process uses it, and try again.");
    case RC_FULL:
        return _("Remove files that are not needed.");
    default:
        return _("Look at the log, and at the modes of the file.");
    }
}

static void check_holder(struct checkup *c, const char *db_path)
{
    struct db_lock *lock = NULL;
    struct err err = { 0 };
    bool is_stopped = false;

    if (db_lock_open(db_path, &lock, &err)) {
        say_so(c, DB_ILL, "lock", _("Capture works without it."),
               _("Look at the modes of the file."), "%s", err.msg);
        return;
    }
    pid_t pid = db_lock_holder(lock, &is_stopped);
    db_lock_close(lock);
    if (pid && is_stopped)
        say_so(c, DB_ILL, "holder_stopped", _("Changes are kept, and sent when it goes on."),
               _("Let it go on (fg, or kill -CONT), or end it."),
               _("Process %ld holds the store and is stopped"), (long)pid);
    else if (pid)
        say_so(c, DB_NOTE, "holder", "", "", _("Process %ld keeps this device in sync"), (long)pid);
}

static void check_account(struct checkup *c, struct db *db)
{
    struct db_account who = { 0 };
    struct err err = { 0 };
    enum rc rc = db_account_read(db, &who, &err);

    if (rc == RC_NOT_FOUND)
        say_so(c, DB_ILL, "no_account", _("What the server has accepted is safe there."),
               _("outpost login"),
               _("The store belongs to nobody: it was emptied or never filled"));
    else if (rc)
        say_so(c, DB_ILL, "damaged", "", todo_of(rc), "%s", err.msg);
    else if (!who.token)
        say_so(c, DB_ILL, "session_over", _("You can go on working; nothing is lost."),
               _("outpost login"), _("The session of %s is over"),
               who.email && who.email[0] ? who.email : who.user_id);
    db_account_done(&who);
}

static void check_contact(struct checkup *c, const struct db_state *state)
{
    struct buf when = { 0 };

    put_time(state->last_ok, &when);
    if (state->error[0])
        say_so(c, state->online ? DB_ILL : DB_NOTE, "last_error", _("Changes wait on this device."),
               state->online ? _("outpost sync shows whether it is still so.") : "",
               _("The last contact failed: %s"), state->error);
    say_so(c, DB_NOTE, "last_sync", "", "", _("Last whole sync: %s"), buf_str(&when));
    buf_done(&when);
}

static void check_sync(struct checkup *c, struct db *db)
{
    struct db_state state = { .phase = "" };
    struct db_queue_counts queue = { 0 };
    struct err err = { 0 };
    bool all = true, any = true;
    enum rc rc = db_state_read(db, &state, &err);

    if (rc == RC_OK)
        rc = db_queue_counts(db, &queue, &err);
    if (rc == RC_OK)
        rc = db_pull_is_complete(db, &all, &any, &err);
    if (rc) {
        say_so(c, DB_ILL, "damaged", "", todo_of(rc), "%s", err.msg);
        return;
    }
    check_clock(c, state.last_ok);
    check_contact(c, &state);
    if (!all)
        say_so(c, DB_ILL, "first_sync", _("What has arrived is kept."), _("outpost sync"),
               _("The first sync of this device is not complete"));
    if (queue.failed)
        say_so(c, DB_ILL, "refused", _("They are kept, and hold back no others."),
               _("outpost queue shows why; then outpost queue edit, retry or discard."),
               _("%lld changes were refused"), (long long)queue.failed);
    say_so(c, DB_NOTE, "waiting", "", "", _("%lld changes wait, %lld of them are held"),
           (long long)queue.waiting, (long long)queue.held);
}

/* Only files of SQLite's, and never opened and closed here: that would drop its locks. */
static void check_files(struct checkup *c, const char *db_path)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", ".bell", ".lock" };

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        struct buf path = { 0 };
        buf_printf(&path, "%s%s", db_path, suffixes[i]);
        check_mode(c, buf_str(&path), 0600);
        buf_done(&path);
    }
}

static void check_store(struct checkup *c, const char *db_path)
{
    struct db_options options = {
        .path = db_path,
        .role = c->is_repairing ? DB_COMMAND : DB_READER,
        .registry = c->app->registry,
        .clock = c->app->clock,
    };
    struct db *db = NULL;
    struct err err = { 0 };
    struct stat st;
    enum rc rc;

    if (stat(db_path, &st) != 0) {
        say_so(c, DB_ILL, "store_missing", _("What the server has accepted is safe there."),
               _("outpost login"), _("The store %s cannot be looked at: %s"), db_path,
               strerror(errno));
        return;
    }
    check_files(c, db_path);
    rc = st.st_size == 0 ? err_set(&err, RC_CORRUPT, _("The store %s is empty"), db_path)
                         : db_open(&options, &db, &err);
    if (rc == RC_OK)
        rc = db_doctor(db, c->is_repairing, c->found, c->ctx, &err);
    if (rc)
        say_so(c, DB_ILL, rc_name(rc), _("What the server has accepted is safe there."),
               todo_of(rc), "%s: %s", db_path, err.msg);
    if (rc == RC_OK) {
        say_so(c, DB_NOTE, "store", "", "", _("The store can be read: %lld KiB"),
               (long long)st.st_size >> 10);
        check_account(c, db);
        check_sync(c, db);
    }
    db_close(db);
    check_holder(c, db_path);
}

/* ---- the server ---- */

static void check_server(struct checkup *c)
{
    struct session session = { 0 };
    struct round round = { 0 };
    struct err err = { 0 };
    enum rc rc = session_open(c->app, &session, &err);

    if (rc == RC_OK)
        rc = round_run(c->app, &session, -1, false, &round, &err);
    if (rc)
        say_so(c, DB_ILL, "server", _("Changes wait on this device."),
               rc == RC_AUTH ? _("outpost login") : _("Look at the connection, and try again."),
               "%s", err.msg);
    else
        say_so(c, DB_NOTE, "server", "", "", _("The server was reached; a whole sync was made"));
    session_close(&session);
}

/* ---- all of it ---- */

void checkup_run(struct checkup *c)
{
    struct accounts accounts = { .current = -1 };
    struct err err = { 0 };
    char *path;

    c->build_ms = clock_built();
    check_config(c);
    check_log(c);
    if (!check_data_dir(c)) {
        check_clock(c, 0);
        return;
    }
    check_disk(c);
    path = path_join(c->app->paths.data_dir, "accounts");
    check_mode(c, path, 0600);
    free(path);
    if (accounts_read(c->app->paths.data_dir, &accounts, &err)) {
        say_so(c, DB_ILL, "accounts", _("The databases beside it are not touched by this."),
               _("Move the file `accounts` away and sign in again: the database is found again."),
               "%s", err.msg);
    } else if (accounts.current < 0) {
        say_so(c, DB_ILL, "signed_out", _("Changes that were not sent are kept."),
               _("outpost login"), _("Nobody is signed in"));
        check_clock(c, 0);
    } else {
        path = path_join(c->app->paths.data_dir, accounts.items[accounts.current].file);
        check_store(c, path);
        free(path);
        if (c->is_online)
            check_server(c);
    }
    accounts_done(&accounts);
}
