/* SQLite's view of the simulated disks. */
#include "tests/simulation/vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/simulation/disk.h"

/* ---- names ---- */

/* Nb/name is N/name, in the hands of the second process. */
static const char *plain_name(const char *name, char out[NAME_SIZE], int *process)
{
    *process = name[1] == 'b';
    if (*process == 0)
        return name;
    snprintf(out, NAME_SIZE, "%c%s", name[0], name + 2);
    return out;
}

/* ---- io methods ---- */

static bool is_dead(const struct handle *h)
{
    return h->vfs->machines[h->file->machine].is_dead[h->process];
}

static enum fate fate_of(struct handle *h, bool changes)
{
    return disk_fate(h->vfs, h->file->machine, h->process, changes);
}

static int h_close(sqlite3_file *file)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;

    h->vfs->machines[f->machine].handles[h->process]--;
    if (--f->handles == 0 && f->is_deleted)
        disk_remove(h->vfs, f);
    return SQLITE_OK;
}

static int h_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;
    size_t want = (size_t)amount, at = (size_t)offset;

    if (h->vfs->machines[f->machine].counts_reads && fate_of(h, false) != LIVES)
        return SQLITE_IOERR_READ;
    if (is_dead(h))
        return SQLITE_IOERR_READ;
    size_t have = at >= f->len ? 0 : f->len - at < want ? f->len - at : want;
    if (have > 0)
        memcpy(out, f->data + at, have);
    if (have == want)
        return SQLITE_OK;
    memset((unsigned char *)out + have, 0, want - have);
    return SQLITE_IOERR_SHORT_READ;
}

static int h_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 offset)
{
    struct handle *h = (struct handle *)file;
    size_t len = (size_t)amount, half;

    switch (fate_of(h, true)) {
    case LIVES:
        if (disk_is_full(h->vfs, h->file, (size_t)offset + len, len, &half)) {
            disk_write(h->file, (size_t)offset, bytes, half);
            return SQLITE_FULL;
        }
        disk_write(h->file, (size_t)offset, bytes, len);
        return SQLITE_OK;
    case DIES_HALFWAY:
        half = len / SECTOR == 0
                 ? len / 2
                 : rng_below(&h->vfs->crash_rng, (uint32_t)(len / SECTOR) + 1) * SECTOR;
        disk_write(h->file, (size_t)offset, bytes, half);
        return SQLITE_IOERR_WRITE;
    case DIES_AFTER:
        disk_write(h->file, (size_t)offset, bytes, len);
        return SQLITE_IOERR_WRITE;
    case DIES_BEFORE:
    case IS_DEAD:
        break;
    }
    return SQLITE_IOERR_WRITE;
}

static int h_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct handle *h = (struct handle *)file;
    enum fate fate = fate_of(h, true);

    if (fate == LIVES || fate == DIES_AFTER)
        disk_truncate(h->file, (size_t)size);
    return fate == LIVES ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int h_sync(sqlite3_file *file, int flags)
{
    struct handle *h = (struct handle *)file;
    enum fate fate = fate_of(h, true);

    (void)flags;
    if (fate == LIVES || fate == DIES_AFTER)
        disk_sync(h->vfs, h->file);
    return fate == LIVES ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int h_size(sqlite3_file *file, sqlite3_int64 *out)
{
    struct handle *h = (struct handle *)file;

    if (is_dead(h))
        return SQLITE_IOERR_FSTAT;
    *out = (sqlite3_int64)h->file->len;
    return SQLITE_OK;
}

static int h_lock(sqlite3_file *file, int level)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;

    if (level <= h->lock)
        return SQLITE_OK;
    if (is_dead(h))
        return SQLITE_IOERR_LOCK;
    if (level == SQLITE_LOCK_SHARED) {
        if ((f->pending != NULL && f->pending != h) || (f->exclusive != NULL && f->exclusive != h))
            return SQLITE_BUSY;
        f->shared++;
    } else if (level == SQLITE_LOCK_RESERVED) {
        if (f->reserved != NULL && f->reserved != h)
            return SQLITE_BUSY;
        f->reserved = h;
    } else {
        if ((f->pending != NULL && f->pending != h) || (f->reserved != NULL && f->reserved != h))
            return SQLITE_BUSY;
        f->pending = h;
        if (f->shared > 1)
            return SQLITE_BUSY;
        f->exclusive = h;
    }
    h->lock = level;
    return SQLITE_OK;
}

static int h_unlock(sqlite3_file *file, int level)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;

    if (level >= h->lock)
        return SQLITE_OK;
    if (f->reserved == h)
        f->reserved = NULL;
    if (f->pending == h)
        f->pending = NULL;
    if (f->exclusive == h)
        f->exclusive = NULL;
    if (level == SQLITE_LOCK_NONE && h->lock >= SQLITE_LOCK_SHARED)
        f->shared--;
    h->lock = level;
    return SQLITE_OK;
}

static int h_check_reserved(sqlite3_file *file, int *out)
{
    struct handle *h = (struct handle *)file;

    *out = h->file->reserved != NULL;
    return SQLITE_OK;
}

static int h_control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int h_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

/* As SQLite's own says of Unix: a write harms no byte beside it. A torn write tears only itself. */
static int h_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- shared memory ---- */

static int h_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;

    *out = NULL;
    if (is_dead(h) || region >= REGIONS)
        return SQLITE_IOERR_SHMMAP;
    if (!h->has_shm) {
        h->has_shm = true;
        f->shm_users++;
    }
    f->region_size = size;
    if (f->regions[region] == NULL && extend)
        f->regions[region] = mem_zero(1, (size_t)size);
    *out = f->regions[region];
    return SQLITE_OK;
}

static int h_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;
    bool is_shared = (flags & SQLITE_SHM_SHARED) != 0;

    if ((flags & SQLITE_SHM_LOCK) != 0) {
        if (is_dead(h))
            return SQLITE_IOERR_SHMLOCK;
        for (int i = offset; i < offset + n; i++) {
            int others = f->shm_shared[i] - (h->shm_shared[i] ? 1 : 0);
            if ((f->shm_exclusive[i] != NULL && f->shm_exclusive[i] != h) ||
                (!is_shared && others > 0))
                return SQLITE_BUSY;
        }
    }
    for (int i = offset; i < offset + n; i++) {
        if ((flags & SQLITE_SHM_UNLOCK) != 0) {
            if (h->shm_shared[i])
                f->shm_shared[i]--;
            h->shm_shared[i] = false;
            if (f->shm_exclusive[i] == h)
                f->shm_exclusive[i] = NULL;
        } else if (is_shared) {
            if (!h->shm_shared[i])
                f->shm_shared[i]++;
            h->shm_shared[i] = true;
        } else {
            f->shm_exclusive[i] = h;
        }
    }
    return SQLITE_OK;
}

/* Between two writes to the shared memory, as to the two copies of its header: another process sees
 * of a death there what was written before it. Only in a write transaction (who has its lock, the
 * first one, is in one): whoever only looks does not die of it. */
static void h_shm_barrier(sqlite3_file *file)
{
    struct handle *h = (struct handle *)file;

    if (h->file->shm_exclusive[0] == h && disk_is_shared(h->vfs, h->file->machine))
        fate_of(h, false);
}

static int h_shm_unmap(sqlite3_file *file, int delete_it)
{
    struct handle *h = (struct handle *)file;

    (void)delete_it;
    if (!h->has_shm)
        return SQLITE_OK;
    h_shm_lock(file, 0, SQLITE_SHM_NLOCK, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED);
    h->has_shm = false;
    if (--h->file->shm_users == 0)
        disk_drop_regions(h->file);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = h_close,
    .xRead = h_read,
    .xWrite = h_write,
    .xTruncate = h_truncate,
    .xSync = h_sync,
    .xFileSize = h_size,
    .xLock = h_lock,
    .xUnlock = h_unlock,
    .xCheckReservedLock = h_check_reserved,
    .xFileControl = h_control,
    .xSectorSize = h_sector_size,
    .xDeviceCharacteristics = h_characteristics,
    .xShmMap = h_shm_map,
    .xShmLock = h_shm_lock,
    .xShmBarrier = h_shm_barrier,
    .xShmUnmap = h_shm_unmap,
};

/* ---- the vfs ---- */

static int v_open(sqlite3_vfs *base, const char *name, sqlite3_file *file, int flags,
                  int *out_flags)
{
    struct vfs *vfs = base->pAppData;
    struct handle *h = (struct handle *)file;
    char plain[NAME_SIZE];

    memset(h, 0, sizeof *h);
    if (name == NULL || name[0] < '0' || name[0] >= '0' + VFS_MACHINES || strlen(name) >= NAME_SIZE)
        return SQLITE_CANTOPEN; /* temporary files are in memory (PRAGMA temp_store) */
    name = plain_name(name, plain, &h->process);
    struct machine *m = &vfs->machines[name[0] - '0'];
    if (m->is_dead[h->process])
        return SQLITE_CANTOPEN;
    struct file *f = disk_find(vfs, name);
    if (f == NULL && (flags & SQLITE_OPEN_CREATE) == 0)
        return SQLITE_CANTOPEN;
    if (f == NULL)
        f = disk_make(vfs, name);
    f->handles++;
    m->handles[h->process]++;
    h->base.pMethods = &methods;
    h->vfs = vfs;
    h->file = f;
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *base, const char *name, int sync_dir)
{
    struct vfs *vfs = base->pAppData;
    char plain[NAME_SIZE];
    int process;

    name = plain_name(name, plain, &process);
    struct file *f = disk_find(vfs, name);
    enum fate fate = disk_fate(vfs, name[0] - '0', process, true);

    (void)sync_dir;
    if (fate == LIVES && f == NULL)
        return SQLITE_IOERR_DELETE_NOENT;
    if (f != NULL && (fate == LIVES || fate == DIES_AFTER)) {
        f->is_deleted = true;
        if (f->handles == 0)
            disk_remove(vfs, f);
    }
    return fate == LIVES ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int v_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    char plain[NAME_SIZE];
    int process;

    (void)flags;
    struct file *f = disk_find(base->pAppData, plain_name(name, plain, &process));
    *out = f != NULL && f->len > 0;
    return SQLITE_OK;
}

static int v_full_path(sqlite3_vfs *base, const char *name, int size, char *out)
{
    (void)base;
    snprintf(out, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int v_randomness(sqlite3_vfs *base, int size, char *out)
{
    struct vfs *vfs = base->pAppData;

    for (int i = 0; i < size; i++)
        out[i] = (char)(rng_next(&vfs->sqlite_rng) >> 56);
    return size;
}

static int v_sleep(sqlite3_vfs *base, int us)
{
    (void)base;
    return us;
}

static int v_time64(sqlite3_vfs *base, sqlite3_int64 *out)
{
    struct vfs *vfs = base->pAppData;

    *out = 210866760000000 + clock_wall(vfs->clock); /* ms since noon of 4714-11-24 BC */
    return SQLITE_OK;
}

static int v_time(sqlite3_vfs *base, double *out)
{
    sqlite3_int64 ms;

    v_time64(base, &ms);
    *out = (double)ms / 86400000.0;
    return SQLITE_OK;
}

static int v_last_error(sqlite3_vfs *base, int size, char *out)
{
    (void)base;
    (void)size;
    (void)out;
    return 0;
}

struct vfs *vfs_new(void)
{
    struct vfs *vfs = mem_zero(1, sizeof *vfs);

    vfs->base = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(struct handle),
        .mxPathname = NAME_SIZE,
        .zName = VFS_NAME,
        .pAppData = vfs,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_full_path,
        .xRandomness = v_randomness,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
        .xGetLastError = v_last_error,
        .xCurrentTimeInt64 = v_time64,
    };
    sqlite3_vfs_register(&vfs->base, 1);
    return vfs;
}

void vfs_reset(struct vfs *vfs, uint64_t seed, const struct clock *clock)
{
    while (vfs->files != NULL)
        disk_remove(vfs, vfs->files);
    memset(vfs->machines, 0, sizeof vfs->machines);
    vfs->crash_rng.state = seed ^ 0x6372617368u;
    vfs->sqlite_rng.state = seed ^ 0x73716c697465u;
    vfs->clock = clock;
    vfs->operations = 0;
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_RESET);
}

void vfs_free(struct vfs *vfs)
{
    if (vfs == NULL)
        return;
    sqlite3_vfs_unregister(&vfs->base);
    while (vfs->files != NULL)
        disk_remove(vfs, vfs->files);
    free(vfs);
}
