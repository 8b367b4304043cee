/* Preloaded into the real program: counts what SQLite does for the main thread, in the file named by
 * COUNT_SQL (two native 64-bit numbers: statements run, virtual-machine steps). */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct counts {
    volatile uint64_t statements, steps;
};

/* Set once before main, and only read after that. */
static struct counts *counts;

static int count(unsigned what, void *unused, void *statement, void *unused_too)
{
    (void)what;
    (void)unused;
    (void)unused_too;
    int steps = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);

    if (gettid() == getpid()) {
        counts->statements++;
        counts->steps += (uint64_t)steps;
    }
    return 0;
}

static int watch(sqlite3 *db, const char **message, const struct sqlite3_api_routines *api)
{
    (void)message;
    (void)api;
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, count, NULL);
}

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("COUNT_SQL");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT, 0600);

    if (fd < 0 || ftruncate(fd, sizeof *counts) != 0)
        return;
    counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (counts != MAP_FAILED)
        sqlite3_auto_extension((void (*)(void))watch);
}
