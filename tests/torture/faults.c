/* Every file operation, call of SQLite and allocation of a device's session fails once, 40 times,
 * or for good: nothing crashes, nothing is half-written, and what was acknowledged is there
 * afterwards, once.
 *
 *     faults [--points N] [--seed N] [--kind KIND] [--lasting L] [--at N] [--broken]
 *
 * Each point is a process of its own: the session runs in a child whose N-th operation fails; the
 * parent then opens what is left, without faults, and judges. --points: so many of each kind,
 * evenly spread (--seed: beginning elsewhere); 0: all of them. --broken plants a device that
 * acknowledges before it saves: it must be seen.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "tests/torture/planted.h"
#include "tests/torture/site.h"

#define EXIT_NO_MEMORY 4
#define SHOWN_MAX 20

static const char *const kind_names[] = {
    [PLANTED_NONE] = "none",
    [PLANTED_IOERR] = "ioerr",
    [PLANTED_FULL] = "full",
    [PLANTED_SHORT] = "short",
    [PLANTED_CALL] = "call",
    [PLANTED_SQL_MEMORY] = "sqlite-memory",
    [PLANTED_JSON_MEMORY] = "json-memory",
    [PLANTED_OWN_MEMORY] = "own-memory",
};

enum lasting { ONCE, BURST, FOR_GOOD, LASTINGS };

static const struct {
    const char *name;
    uint32_t length; /* operations that fail */
    int tries;       /* after which a person may expect success */
} lastings[] = {
    [ONCE] = { "once", 1, 3 },
    [BURST] = { "burst", 40, 200 },
    [FOR_GOOD] = { "for-good", UINT32_MAX, 1 },
};

struct point {
    enum planted kind;
    uint32_t n;
    enum lasting lasting;
    bool is_broken;
};

struct run {
    struct ledger *ledger; /* shared with children */
    char dir[200];
    struct buf backend_file; /* a backend with an account */
    char token[200];
    long points, violations, writes, out_of_memory;
};

static void problem(struct ledger *ledger, const char *sentence, const char *more)
{
    if (ledger->problem[0] == '\0')
        snprintf(ledger->problem, sizeof ledger->problem, "%s: %s", sentence, more);
}

/* ---- the session, in the child ---- */

/* What a person does who is told that something failed: the same again. A text of its own each
 * time, for what failed may be there all the same. */
static void try_add(struct site *s, const struct point *point, const char *stem)
{
    char text[48];

    for (int i = 0; i < lastings[point->lasting].tries; i++) {
        snprintf(text, sizeof text, "%s try %d", stem, i);
        if (point->is_broken) {
            struct ack *ack = &s->ledger->acks[s->ledger->count];
            bool ok = site_add(s, text);
            if (!ok)
                id_new(s->now, ack->id);
            return;
        }
        if (site_add(s, text) || point->lasting == FOR_GOOD)
            return;
    }
    problem(s->ledger, "the fault is over, and saves fail", s->err.msg);
}

static void try_import(struct site *s, const struct point *point)
{
    char stem[32];

    for (int i = 0; i < lastings[point->lasting].tries; i++) {
        snprintf(stem, sizeof stem, "import try %d", i);
        if (site_import(s, stem, 5) || point->lasting == FOR_GOOD)
            return;
    }
    problem(s->ledger, "the fault is over, and imports fail", s->err.msg);
}

static void try_edits(struct site *s, const struct point *point, const char *stem)
{
    char notes[48];

    for (int i = 0; i < s->ledger->count; i += 2) {
        struct ack *ack = &s->ledger->acks[i];
        int tries = 0;

        snprintf(notes, sizeof notes, "%s %d", stem, i);
        while (ack->id[0] && tries++ < lastings[point->lasting].tries &&
               !site_edit(s, ack, notes) && point->lasting != FOR_GOOD)
            ;
        if (tries > lastings[point->lasting].tries)
            problem(s->ledger, "the fault is over, and edits fail", s->err.msg);
    }
}

static bool reopen(struct site *s, const struct point *point)
{
    site_close_device(s);
    for (int i = 0; i < lastings[point->lasting].tries; i++) {
        if (site_open_device(s, "device", PLANTED_VFS))
            return true;
        if (point->lasting == FOR_GOOD)
            return false;
    }
    problem(s->ledger, "the fault is over, and the store opens no more", s->err.msg);
    return false;
}

static void drain(struct site *s, const struct point *point)
{
    if (!site_drain(s) && point->lasting != FOR_GOOD)
        problem(s->ledger, "the fault is over, and the queue never drains", s->err.msg);
}

static void session(struct site *s, const struct point *point)
{
    if (!reopen(s, point))
        return;
    drain(s, point); /* the first sync */
    try_add(s, point, "one");
    try_add(s, point, "two");
    drain(s, point);
    try_import(s, point);
    try_edits(s, point, "first");
    drain(s, point);
    for (int i = 0; i < s->ledger->count && i < 4; i++)
        site_office_edits(s, &s->ledger->acks[i], "high");
    try_edits(s, point, "second");
    drain(s, point);
    if (!reopen(s, point))
        return;
    try_add(s, point, "three");
    try_edits(s, point, "third");
}

static void no_memory(void)
{
    _exit(EXIT_NO_MEMORY);
}

static _Noreturn void child(struct run *run, const struct point *point)
{
    struct site s;

    mem_on_exhausted(no_memory);
    site_init(&s, run->dir, run->ledger);
    memcpy(s.token, run->token, sizeof s.token);
    if (!site_open_backend(&s))
        exit(3);
    planted_arm(point->kind, point->n, lastings[point->lasting].length);
    session(&s, point);
    run->ledger->operations = planted_count();
    run->ledger->has_fired = planted_fired();
    site_done(&s);
    exit(0);
}

/* ---- the judge, in the parent, without faults ---- */

static void check_file(struct run *run)
{
    static const char differ[] =
        "SELECT (SELECT count(*) FROM tasks WHERE sync_status = 'pending' AND client_id NOT IN"
        " (SELECT record_client_id FROM sync_queue)) + (SELECT count(*) FROM sync_queue WHERE "
        "record_client_id"
        " NOT IN (SELECT client_id FROM tasks WHERE sync_status = 'pending'))";
    char path[300];
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    snprintf(path, sizeof path, "%s/device.db", run->dir);
    if (!file_exists(path)) /* it was never made */
        return;
    sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
        problem(run->ledger, "the file is damaged", sqlite3_errmsg(db));
    sqlite3_finalize(st);
    st = NULL;
    /* Without its tables nothing waits. */
    if (sqlite3_prepare_v2(db, differ, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) != 0)
        problem(run->ledger, "a record waits without an op, or an op without its record", "");
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static int count_text(struct site *s, const char *text)
{
    struct record_list list = { 0 };
    const struct db_window window = {
        .table = s->tasks, .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = 500
    };
    int found = 0;

    if (db_window_read(s->db, &window, &list, &s->err))
        problem(s->ledger, "the list cannot be read", s->err.msg);
    for (size_t i = 0; i < list.count; i++) {
        const struct value *v = &list.items[i].values[s->tasks->title->index];
        struct buf shown = { 0 };

        column_to_text(s->tasks->title, v, &shown);
        found += strcmp(buf_str(&shown), text) == 0;
        buf_done(&shown);
    }
    record_list_done(&list);
    return found;
}

static void check_record(struct site *s, const struct ack *ack, const char *where)
{
    const struct column *notes = table_column(s->tasks, "notes");
    struct record rec = { 0 };
    struct buf shown = { 0 };

    if (count_text(s, ack->text) > 1)
        problem(s->ledger, "a record is there twice", ack->text);
    if (ack->id[0] == '\0')
        return;
    if (db_record_read(s->db, s->tasks, ack->id, &rec, &s->err)) {
        problem(s->ledger, where, ack->text);
        return;
    }
    column_to_text(notes, &rec.values[notes->index], &shown);
    bool is_right = strcmp(buf_str(&shown), ack->notes) == 0;
    for (int i = 0; i < ack->maybe_count && i < 3; i++)
        is_right = is_right || strcmp(buf_str(&shown), ack->maybe[i]) == 0;
    if (!is_right)
        problem(s->ledger, "an edit is lost", ack->text);
    buf_done(&shown);
    record_done(&rec);
}

/* Opens, drains, and looks for everything. */
static void judge_device(struct site *s, const char *name, const char *where)
{
    if (!site_open_device(s, name, NULL)) {
        problem(s->ledger, "afterwards the store opens no more", s->err.msg);
        return;
    }
    if (!site_drain(s))
        problem(s->ledger, "afterwards the queue does not drain", s->err.msg);
    for (int i = 0; i < s->ledger->count; i++)
        check_record(s, &s->ledger->acks[i], where);
    site_close_device(s);
}

static void judge(struct run *run)
{
    struct site s;

    check_file(run);
    site_init(&s, run->dir, run->ledger);
    memcpy(s.token, run->token, sizeof s.token);
    if (!site_open_backend(&s))
        problem(run->ledger, "afterwards the backend does not open", s.err.msg);
    else {
        judge_device(&s, "device", "an acknowledged record is gone");
        judge_device(&s, "second", "a second device does not get an acknowledged record");
    }
    site_done(&s);
}

/* ---- the sweep ---- */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    return ftw->level == 0 ? 0 : remove(path);
}

static void start_anew(struct run *run)
{
    char path[300];
    struct err err = { 0 };

    nftw(run->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    memset(run->ledger, 0, sizeof *run->ledger);
    if (run->backend_file.len == 0)
        return;
    snprintf(path, sizeof path, "%s/backend.db", run->dir);
    if (file_replace(path, run->backend_file.data, run->backend_file.len, 0600, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        exit(2);
    }
}

static void prepare(struct run *run)
{
    struct site s;
    char path[300];

    start_anew(run);
    site_init(&s, run->dir, run->ledger);
    if (!site_open_backend(&s) || !site_make_account(&s)) {
        fprintf(stderr, "%s\n", s.err.msg);
        exit(2);
    }
    memcpy(run->token, s.token, sizeof run->token);
    site_done(&s);
    snprintf(path, sizeof path, "%s/backend.db", run->dir);
    if (file_read(path, 64 << 20, &run->backend_file, &s.err)) {
        fprintf(stderr, "%s\n", s.err.msg);
        exit(2);
    }
}

/* Returns how many operations there were. */
static uint32_t run_point(struct run *run, const struct point *point)
{
    char said[40];
    int status = 0;

    start_anew(run);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        child(run, point);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("fork");
        exit(2);
    }
    bool is_memory = point->kind == PLANTED_JSON_MEMORY || point->kind == PLANTED_OWN_MEMORY;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_MEMORY && is_memory) {
        run->out_of_memory++;
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        snprintf(said, sizeof said, "wait status %d", status);
        problem(run->ledger, "the process died", said);
    }
    judge(run);
    run->points++;
    for (int i = 0; i < run->ledger->count; i++)
        run->writes +=
            (run->ledger->acks[i].id[0] != '\0') + (run->ledger->acks[i].notes[0] != '\0');
    if (run->ledger->problem[0] != '\0' && ++run->violations <= SHOWN_MAX)
        printf("VIOLATION --kind %s --lasting %s --at %u: %s\n", kind_names[point->kind],
               lastings[point->lasting].name, point->n, run->ledger->problem);
    return run->ledger->operations;
}

static void sweep(struct run *run, enum planted kind, enum lasting lasting, bool is_broken,
                  long points, uint32_t seed)
{
    const struct point none = { .kind = kind };
    long before = run->points, memory = run->out_of_memory;

    start_anew(run);
    uint32_t operations = run_point(run, &none);
    if (run->ledger->problem[0] != '\0')
        return;
    uint32_t step =
        points == 0 || operations < (uint32_t)points ? 1 : operations / (uint32_t)points;
    for (uint32_t n = 1 + seed % step; n <= operations; n += step) {
        const struct point point = { kind, n, lasting, is_broken };
        run_point(run, &point);
    }
    printf("%-13s %-8s: %u operations, %ld points, %ld ended for want of memory\n",
           kind_names[kind], lastings[lasting].name, operations, run->points - before,
           run->out_of_memory - memory);
}

static enum planted kind_of(const char *name)
{
    for (int i = PLANTED_IOERR; i <= PLANTED_OWN_MEMORY; i++) {
        if (strcmp(name, kind_names[i]) == 0)
            return (enum planted)i;
    }
    fprintf(stderr, "there is no kind %s\n", name);
    exit(2);
}

static enum lasting lasting_of(const char *name)
{
    for (int i = ONCE; i < LASTINGS; i++) {
        if (strcmp(name, lastings[i].name) == 0)
            return (enum lasting)i;
    }
    fprintf(stderr, "a fault lasts once, burst or for-good\n");
    exit(2);
}

int main(int argc, char **argv)
{
    struct run run = { 0 };
    struct point at = { 0 };
    long points = 40;
    uint32_t seed = 0;
    const char *parent = getenv("TMPDIR");

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--broken") == 0)
            at.is_broken = true;
        else if (strcmp(argv[i], "--points") == 0 && i + 1 < argc)
            points = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--kind") == 0 && i + 1 < argc)
            at.kind = kind_of(argv[++i]);
        else if (strcmp(argv[i], "--lasting") == 0 && i + 1 < argc)
            at.lasting = lasting_of(argv[++i]);
        else if (strcmp(argv[i], "--at") == 0 && i + 1 < argc)
            at.n = (uint32_t)strtoul(argv[++i], NULL, 10);
        else {
            fputs("usage: faults [--points N] [--seed N] [--kind KIND] [--lasting L] [--at N] "
                  "[--broken]\n",
                  stderr);
            return 2;
        }
    }
    planted_init();
    snprintf(run.dir, sizeof run.dir, "%s/outpost-faults-XXXXXX",
             parent && parent[0]             ? parent
             : access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                             : "/tmp");
    run.ledger =
        mmap(NULL, sizeof *run.ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!mkdtemp(run.dir) || run.ledger == MAP_FAILED)
        return 2;
    prepare(&run);
    for (int kind = PLANTED_IOERR; kind <= PLANTED_OWN_MEMORY && at.n == 0; kind++) {
        if (at.kind != PLANTED_NONE && at.kind != (enum planted)kind)
            continue;
        /* Where the first one ends the program no second one comes. */
        bool is_ending = kind == PLANTED_JSON_MEMORY || kind == PLANTED_OWN_MEMORY;
        for (int lasting = ONCE; lasting < (at.is_broken || is_ending ? BURST : LASTINGS); lasting++)
            sweep(&run, (enum planted)kind, (enum lasting)lasting, at.is_broken, points, seed);
    }
    if (at.n)
        run_point(&run, &at);
    nftw(run.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(run.dir);
    buf_done(&run.backend_file);
    printf("%ld points, %ld writes acknowledged, %ld violations\n", run.points, run.writes,
           run.violations);
    return run.violations ? 1 : 0;
}
