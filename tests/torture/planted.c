/* The VFS passes everything to the system's; each handle has the system's handle behind its own. */
#include "tests/torture/planted.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

struct handle {
    sqlite3_file base;
    sqlite3_file *real;
};

static struct {
    enum planted kind;
    uint32_t n, length, count;
    bool has_fired;
} plan;

static sqlite3_vfs *system_vfs;
static sqlite3_mem_methods system_memory;

void planted_arm(enum planted kind, uint32_t n, uint32_t length)
{
    plan.kind = kind;
    plan.n = n;
    plan.count = 0;
    plan.length = length;
    plan.has_fired = false;
}

uint32_t planted_count(void)
{
    return plan.count;
}

bool planted_fired(void)
{
    return plan.has_fired;
}

static bool strikes(void)
{
    plan.count++;
    if (plan.n == 0 || plan.count < plan.n || plan.count - plan.n >= plan.length)
        return false;
    plan.has_fired = true;
    return true;
}

static bool file_strikes(void)
{
    return plan.kind >= PLANTED_IOERR && plan.kind <= PLANTED_SHORT && strikes();
}

/* ---- io methods ---- */

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct handle *)file)->real;
}

static int p_close(sqlite3_file *file)
{
    int rc = real(file)->pMethods ? real(file)->pMethods->xClose(real(file)) : SQLITE_OK;

    sqlite3_free(((struct handle *)file)->real);
    return rc;
}

static int p_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 at)
{
    if (file_strikes())
        return SQLITE_IOERR_READ;
    return real(file)->pMethods->xRead(real(file), out, amount, at);
}

static int p_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 at)
{
    if (file_strikes()) {
        if (plan.kind == PLANTED_FULL)
            return SQLITE_FULL;
        if (plan.kind == PLANTED_SHORT)
            real(file)->pMethods->xWrite(real(file), bytes, amount / 2, at);
        return SQLITE_IOERR_WRITE;
    }
    return real(file)->pMethods->xWrite(real(file), bytes, amount, at);
}

static int p_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    bool is_struck = file_strikes();

    if (is_struck && plan.kind != PLANTED_SHORT)
        return SQLITE_IOERR_TRUNCATE;
    int rc = real(file)->pMethods->xTruncate(real(file), size);
    return is_struck ? SQLITE_IOERR_TRUNCATE : rc;
}

static int p_sync(sqlite3_file *file, int flags)
{
    bool is_struck = file_strikes();

    if (is_struck && plan.kind != PLANTED_SHORT)
        return SQLITE_IOERR_FSYNC;
    int rc = real(file)->pMethods->xSync(real(file), flags);
    return is_struck ? SQLITE_IOERR_FSYNC : rc;
}

static int p_size(sqlite3_file *file, sqlite3_int64 *out)
{
    if (file_strikes())
        return SQLITE_IOERR_FSTAT;
    return real(file)->pMethods->xFileSize(real(file), out);
}

static int p_lock(sqlite3_file *file, int level)
{
    if (file_strikes())
        return SQLITE_IOERR_LOCK;
    return real(file)->pMethods->xLock(real(file), level);
}

static int p_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int p_reserved(sqlite3_file *file, int *out)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int p_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int p_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int p_traits(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int p_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
    if (file_strikes())
        return SQLITE_IOERR_SHMMAP;
    return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int p_shm_lock(sqlite3_file *file, int at, int count, int flags)
{
    if ((flags & SQLITE_SHM_LOCK) && file_strikes())
        return SQLITE_IOERR_SHMLOCK;
    return real(file)->pMethods->xShmLock(real(file), at, count, flags);
}

static void p_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int p_shm_unmap(sqlite3_file *file, int is_delete)
{
    return real(file)->pMethods->xShmUnmap(real(file), is_delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = p_close,
    .xRead = p_read,
    .xWrite = p_write,
    .xTruncate = p_truncate,
    .xSync = p_sync,
    .xFileSize = p_size,
    .xLock = p_lock,
    .xUnlock = p_unlock,
    .xCheckReservedLock = p_reserved,
    .xFileControl = p_control,
    .xSectorSize = p_sector,
    .xDeviceCharacteristics = p_traits,
    .xShmMap = p_shm_map,
    .xShmLock = p_shm_lock,
    .xShmBarrier = p_shm_barrier,
    .xShmUnmap = p_shm_unmap,
};

/* ---- vfs methods ---- */

static int p_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags,
                  int *out_flags)
{
    struct handle *h = (struct handle *)file;

    (void)vfs;
    h->base.pMethods = NULL;
    if (file_strikes())
        return SQLITE_CANTOPEN;
    h->real = sqlite3_malloc(system_vfs->szOsFile);
    if (!h->real)
        return SQLITE_NOMEM;
    memset(h->real, 0, (size_t)system_vfs->szOsFile);
    int rc = system_vfs->xOpen(system_vfs, name, h->real, flags, out_flags);
    if (rc == SQLITE_OK)
        h->base.pMethods = &methods;
    else
        sqlite3_free(h->real);
    return rc;
}

static int p_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    if (file_strikes())
        return SQLITE_IOERR_DELETE;
    return system_vfs->xDelete(system_vfs, name, sync_dir);
}

static int p_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    if (file_strikes())
        return SQLITE_IOERR_ACCESS;
    return system_vfs->xAccess(system_vfs, name, flags, out);
}

/* ---- calls ---- */

int __real_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __real_sqlite3_prepare_v2(sqlite3 *db, const char *text, int len, sqlite3_stmt **out,
                              const char **rest);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *text, int len, unsigned flags,
                              sqlite3_stmt **out, const char **rest);
int __real_sqlite3_step(sqlite3_stmt *st);
int __real_sqlite3_exec(sqlite3 *db, const char *text,
                        int (*each)(void *ctx, int count, char **values, char **names), void *ctx,
                        char **message);
int __real_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *frames,
                                     int *done);
int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs);
int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *text, int len, sqlite3_stmt **out,
                              const char **rest);
int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *text, int len, unsigned flags,
                              sqlite3_stmt **out, const char **rest);
int __wrap_sqlite3_step(sqlite3_stmt *st);
int __wrap_sqlite3_exec(sqlite3 *db, const char *text,
                        int (*each)(void *ctx, int count, char **values, char **names), void *ctx,
                        char **message);
int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *frames,
                                     int *done);

static bool call_strikes(sqlite3 *db)
{
    sqlite3_vfs *vfs = NULL;

    if (plan.kind != PLANTED_CALL)
        return false;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
    return vfs && strcmp(vfs->zName, PLANTED_VFS) == 0 && strikes();
}

int __wrap_sqlite3_open_v2(const char *path, sqlite3 **out, int flags, const char *vfs)
{
    if (plan.kind == PLANTED_CALL && vfs && strcmp(vfs, PLANTED_VFS) == 0 && strikes()) {
        *out = NULL;
        return SQLITE_CANTOPEN;
    }
    return __real_sqlite3_open_v2(path, out, flags, vfs);
}

int __wrap_sqlite3_prepare_v2(sqlite3 *db, const char *text, int len, sqlite3_stmt **out,
                              const char **rest)
{
    *out = NULL;
    return call_strikes(db) ? SQLITE_IOERR : __real_sqlite3_prepare_v2(db, text, len, out, rest);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *text, int len, unsigned flags,
                              sqlite3_stmt **out, const char **rest)
{
    *out = NULL;
    return call_strikes(db) ? SQLITE_IOERR
                            : __real_sqlite3_prepare_v3(db, text, len, flags, out, rest);
}

int __wrap_sqlite3_step(sqlite3_stmt *st)
{
    return call_strikes(sqlite3_db_handle(st)) ? SQLITE_IOERR : __real_sqlite3_step(st);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *text,
                        int (*each)(void *ctx, int count, char **values, char **names), void *ctx,
                        char **message)
{
    return call_strikes(db) ? SQLITE_IOERR : __real_sqlite3_exec(db, text, each, ctx, message);
}

int __wrap_sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *frames, int *done)
{
    return call_strikes(db) ? SQLITE_IOERR
                            : __real_sqlite3_wal_checkpoint_v2(db, name, mode, frames, done);
}

/* ---- memory ---- */

static void *sql_alloc(int size)
{
    return plan.kind == PLANTED_SQL_MEMORY && strikes() ? NULL : system_memory.xMalloc(size);
}

static void *sql_realloc(void *old, int size)
{
    return plan.kind == PLANTED_SQL_MEMORY && strikes() ? NULL : system_memory.xRealloc(old, size);
}

/* As base/json.h has it. */
static void *json_alloc(size_t size)
{
    if (plan.kind == PLANTED_JSON_MEMORY && strikes())
        mem_exhausted();
    return mem_alloc(size);
}

/* Our own, by the linker: -Wl,--wrap=malloc (see CMakeLists.txt). It reaches what is linked into
 * this program, so base/ to src/backend/ and no library's. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool own_strikes(void)
{
    return plan.kind == PLANTED_OWN_MEMORY && strikes();
}

void *__wrap_malloc(size_t size)
{
    return own_strikes() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return own_strikes() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return own_strikes() ? NULL : __real_realloc(old, size);
}

static void must_work(int rc, const char *what)
{
    if (rc == SQLITE_OK)
        return;
    fprintf(stderr, "%s: %d\n", what, rc);
    abort();
}

void planted_init(void)
{
    static sqlite3_vfs vfs;
    sqlite3_mem_methods memory;
    cJSON_Hooks hooks = { json_alloc, free };

    must_work(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), "SQLITE_CONFIG_GETMALLOC");
    memory = system_memory;
    memory.xMalloc = sql_alloc;
    memory.xRealloc = sql_realloc;
    must_work(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory), "SQLITE_CONFIG_MALLOC");
    /* Its own pool would hide many of them. */
    must_work(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), "SQLITE_CONFIG_LOOKASIDE");
    must_work(sqlite3_initialize(), "sqlite3_initialize");
    cJSON_InitHooks(&hooks);
    system_vfs = sqlite3_vfs_find(NULL);
    vfs = *system_vfs;
    vfs.szOsFile = (int)sizeof(struct handle);
    vfs.zName = PLANTED_VFS;
    vfs.xOpen = p_open;
    vfs.xDelete = p_delete;
    vfs.xAccess = p_access;
    must_work(sqlite3_vfs_register(&vfs, 0), "sqlite3_vfs_register");
}
