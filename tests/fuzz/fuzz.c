#include "tests/fuzz/fuzz.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"

static char dir[64];

_Noreturn void fuzz_fail(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}

int fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("input", MFD_CLOEXEC);
    ORACLE(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size &&
           lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void remove_dir(void)
{
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *fuzz_dir(void)
{
    if (dir[0] == '\0') {
        snprintf(dir, sizeof dir, "%s/outpost-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        ORACLE(mkdtemp(dir) != NULL);
        atexit(remove_dir);
    }
    return dir;
}

struct registry *fuzz_registry(void)
{
    static struct registry *reg;
    const char *const no_dirs[] = { NULL };
    struct err err = { 0 };

    if (!reg)
        ORACLE(registry_load(no_dirs, 1, &reg, &err) == RC_OK);
    return reg;
}

struct db *fuzz_store(void)
{
    static struct db *db;
    struct err err = { 0 };
    const struct db_account account = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = "token-1",
    };

    if (db)
        return db;
    char *path = path_join(fuzz_dir(), "store.db");
    const struct db_options options = {
        .path = path,
        .role = DB_SYNCER,
        .registry = fuzz_registry(),
        .clock = &clock_system,
        .no_bell = true,
    };
    ORACLE(db_open(&options, &db, &err) == RC_OK);
    ORACLE(db_account_write(db, &account, &err) == RC_OK);
    free(path);
    return db;
}
