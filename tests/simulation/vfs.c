#include "tests/simulation/vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/simulation/rng.h"

#define SECTOR 512
#define REGIONS 32 /* of shared memory: 128 MiB of WAL */
#define NAME_SIZE 64

/* How to take one write back: the bytes that it covered, and how long the file was. */
struct undo {
    size_t offset, len, file_len;
    size_t saved_len; /* of the len bytes, those that the file had */
    unsigned char *saved;
};

struct file {
    char name[NAME_SIZE];
    int machine;
    unsigned char *data;
    size_t len, room;
    struct undo *undos; /* since the last sync, oldest first */
    size_t undo_count, undo_room;
    int handles;
    bool is_deleted; /* goes with its last handle */

    int shared; /* how many handles hold a shared lock */
    const struct handle *reserved, *pending, *exclusive;
    void *regions[REGIONS];
    int region_size;
    int shm_users;
    int shm_shared[SQLITE_SHM_NLOCK];
    const struct handle *shm_exclusive[SQLITE_SHM_NLOCK];
    struct file *next;
};

struct machine {
    bool is_armed, is_dead, counts_reads;
    uint32_t countdown;
    char lying_suffix[16]; /* syncs of such files do nothing */
};

struct vfs {
    sqlite3_vfs base;
    struct file *files;
    struct machine machines[VFS_MACHINES];
    struct rng crash_rng, sqlite_rng;
    const struct clock *clock;
    uint64_t operations;
};

struct handle {
    sqlite3_file base;
    struct vfs *vfs;
    struct file *file;
    int lock;
    bool has_shm;
    bool shm_shared[SQLITE_SHM_NLOCK];
};

/* ---- files ---- */

static struct file *find(struct vfs *vfs, const char *name)
{
    for (struct file *f = vfs->files; f != NULL; f = f->next)
        if (!f->is_deleted && strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

static struct file *make(struct vfs *vfs, const char *name)
{
    struct file *f = mem_zero(1, sizeof *f);

    snprintf(f->name, sizeof f->name, "%s", name);
    f->machine = name[0] - '0';
    f->next = vfs->files;
    vfs->files = f;
    return f;
}

static void forget_undos(struct file *f)
{
    for (size_t i = 0; i < f->undo_count; i++)
        free(f->undos[i].saved);
    f->undo_count = 0;
}

static void drop_regions(struct file *f)
{
    for (int i = 0; i < REGIONS; i++) {
        free(f->regions[i]);
        f->regions[i] = NULL;
    }
}

static void file_free(struct file *f)
{
    forget_undos(f);
    drop_regions(f);
    free(f->undos);
    free(f->data);
    free(f);
}

static void remove_file(struct vfs *vfs, struct file *gone)
{
    for (struct file **at = &vfs->files; *at != NULL; at = &(*at)->next) {
        if (*at == gone) {
            *at = gone->next;
            file_free(gone);
            return;
        }
    }
}

static void ensure_room(struct file *f, size_t len)
{
    if (len <= f->room)
        return;
    f->room = len < 65536 ? 65536 : len * 2;
    f->data = mem_grow(f->data, f->room, 1);
}

static void set_len(struct file *f, size_t len)
{
    ensure_room(f, len);
    if (len > f->len)
        memset(f->data + f->len, 0, len - f->len);
    f->len = len;
}

static void remember(struct file *f, size_t offset, size_t len)
{
    if (f->undo_count == f->undo_room) {
        f->undo_room = f->undo_room == 0 ? 32 : f->undo_room * 2;
        f->undos = mem_grow(f->undos, f->undo_room, sizeof *f->undos);
    }
    struct undo *u = &f->undos[f->undo_count++];
    *u = (struct undo){ .offset = offset, .len = len, .file_len = f->len };
    if (offset < f->len) {
        u->saved_len = f->len - offset < len ? f->len - offset : len;
        u->saved = mem_alloc(u->saved_len);
        memcpy(u->saved, f->data + offset, u->saved_len);
    }
}

static void write_bytes(struct file *f, size_t offset, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    remember(f, offset, len);
    if (offset + len > f->len)
        set_len(f, offset + len);
    memcpy(f->data + offset, bytes, len);
}

static void truncate_to(struct file *f, size_t len)
{
    if (len < f->len)
        remember(f, len, f->len - len);
    else if (len > f->len)
        remember(f, f->len, 0);
    set_len(f, len);
}

/* ---- dying ---- */

enum fate { LIVES, DIES_BEFORE, DIES_HALFWAY, DIES_AFTER, IS_DEAD };

static enum fate next_fate(struct vfs *vfs, int machine)
{
    struct machine *m = &vfs->machines[machine];

    vfs->operations++;
    if (m->is_dead)
        return IS_DEAD;
    if (!m->is_armed || m->countdown-- > 0)
        return LIVES;
    m->is_armed = false;
    m->is_dead = true;
    return DIES_BEFORE + (enum fate)rng_below(&vfs->crash_rng, 3);
}

void vfs_arm(struct vfs *vfs, int machine, uint32_t n, bool with_reads)
{
    vfs->machines[machine].counts_reads = with_reads;
    vfs->machines[machine].is_armed = true;
    vfs->machines[machine].countdown = n;
}

void vfs_disarm(struct vfs *vfs, int machine)
{
    vfs->machines[machine].is_armed = false;
    vfs->machines[machine].counts_reads = false;
}

bool vfs_is_dead(const struct vfs *vfs, int machine)
{
    return vfs->machines[machine].is_dead;
}

void vfs_kill(struct vfs *vfs, int machine)
{
    vfs->machines[machine].is_armed = false;
    vfs->machines[machine].is_dead = true;
}

void vfs_ignore_syncs(struct vfs *vfs, int machine, const char *suffix)
{
    snprintf(vfs->machines[machine].lying_suffix, sizeof vfs->machines[machine].lying_suffix, "%s",
             suffix);
}

uint64_t vfs_operations(const struct vfs *vfs)
{
    return vfs->operations;
}

int vfs_open_handles(const struct vfs *vfs, int machine)
{
    int n = 0;

    for (const struct file *f = vfs->files; f != NULL; f = f->next)
        n += f->machine == machine ? f->handles : 0;
    return n;
}

/* Back to the synced state, keeping what each write had put there; then some of them again. */
static uint32_t cut_power(struct vfs *vfs, struct file *f)
{
    uint32_t met = (uint32_t)f->undo_count;
    unsigned char **written = mem_zero(f->undo_count + 1, sizeof *written);
    size_t *written_len = mem_zero(f->undo_count + 1, sizeof *written_len);

    for (size_t i = f->undo_count; i-- > 0;) {
        struct undo *u = &f->undos[i];
        written_len[i] = f->len <= u->offset         ? 0
                       : f->len - u->offset < u->len ? f->len - u->offset
                                                     : u->len;
        written[i] = mem_alloc(written_len[i] + 1);
        if (written_len[i] > 0)
            memcpy(written[i], f->data + u->offset, written_len[i]);
        set_len(f, u->file_len);
        if (u->saved_len > 0)
            memcpy(f->data + u->offset, u->saved, u->saved_len);
    }
    for (size_t i = 0; i < f->undo_count; i++) {
        struct undo *u = &f->undos[i];
        /* Half of the writes are whole or gone, the others torn. */
        static const uint32_t keep_per_mille[] = { 1000, 0, 500, 500 };
        uint32_t keep = keep_per_mille[rng_below(&vfs->crash_rng, 4)];
        for (size_t at = 0; at < written_len[i]; at += SECTOR) {
            if (!rng_chance(&vfs->crash_rng, keep))
                continue;
            size_t n = written_len[i] - at < SECTOR ? written_len[i] - at : SECTOR;
            if (u->offset + at + n > f->len)
                set_len(f, u->offset + at + n);
            memcpy(f->data + u->offset + at, written[i] + at, n);
        }
        free(written[i]);
    }
    free(written);
    free(written_len);
    forget_undos(f);
    return met;
}

uint32_t vfs_crash(struct vfs *vfs, int machine, bool power_cut)
{
    uint32_t met = 0;

    for (struct file *f = vfs->files; f != NULL; f = f->next) {
        if (f->machine != machine)
            continue;
        if (power_cut && !f->is_deleted)
            met += cut_power(vfs, f);
    }
    vfs->machines[machine].is_dead = false;
    vfs_disarm(vfs, machine);
    return met;
}

/* ---- io methods ---- */

static int h_close(sqlite3_file *file)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;

    if (--f->handles == 0 && f->is_deleted)
        remove_file(h->vfs, f);
    return SQLITE_OK;
}

static int h_read(sqlite3_file *file, void *out, int amount, sqlite3_int64 offset)
{
    struct handle *h = (struct handle *)file;
    struct file *f = h->file;
    size_t want = (size_t)amount, at = (size_t)offset;

    if (h->vfs->machines[f->machine].counts_reads && next_fate(h->vfs, f->machine) != LIVES)
        return SQLITE_IOERR_READ;
    if (h->vfs->machines[f->machine].is_dead)
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

    switch (next_fate(h->vfs, h->file->machine)) {
    case LIVES:
        write_bytes(h->file, (size_t)offset, bytes, len);
        return SQLITE_OK;
    case DIES_HALFWAY:
        half = len / SECTOR == 0
                 ? len / 2
                 : rng_below(&h->vfs->crash_rng, (uint32_t)(len / SECTOR) + 1) * SECTOR;
        write_bytes(h->file, (size_t)offset, bytes, half);
        return SQLITE_IOERR_WRITE;
    case DIES_AFTER:
        write_bytes(h->file, (size_t)offset, bytes, len);
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
    enum fate fate = next_fate(h->vfs, h->file->machine);

    if (fate == LIVES || fate == DIES_AFTER)
        truncate_to(h->file, (size_t)size);
    return fate == LIVES ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static bool lies(const struct vfs *vfs, const struct file *f)
{
    const char *suffix = vfs->machines[f->machine].lying_suffix;
    size_t len = strlen(suffix), name_len = strlen(f->name);

    return len > 0 && name_len >= len && strcmp(f->name + name_len - len, suffix) == 0;
}

static int h_sync(sqlite3_file *file, int flags)
{
    struct handle *h = (struct handle *)file;
    enum fate fate = next_fate(h->vfs, h->file->machine);

    (void)flags;
    if ((fate == LIVES || fate == DIES_AFTER) && !lies(h->vfs, h->file))
        forget_undos(h->file);
    return fate == LIVES ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int h_size(sqlite3_file *file, sqlite3_int64 *out)
{
    struct handle *h = (struct handle *)file;

    if (h->vfs->machines[h->file->machine].is_dead)
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
    if (h->vfs->machines[f->machine].is_dead)
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
    if (h->vfs->machines[f->machine].is_dead || region >= REGIONS)
        return SQLITE_IOERR_SHMMAP;
    if (!h->has_shm) {
        h->has_shm = true;
        f->shm_users++;
    }
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
        if (h->vfs->machines[f->machine].is_dead)
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

static void h_shm_barrier(sqlite3_file *file)
{
    (void)file;
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
        drop_regions(h->file);
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

    memset(h, 0, sizeof *h);
    if (name == NULL || name[0] < '0' || name[0] >= '0' + VFS_MACHINES || strlen(name) >= NAME_SIZE)
        return SQLITE_CANTOPEN; /* temporary files are in memory (PRAGMA temp_store) */
    if (vfs->machines[name[0] - '0'].is_dead)
        return SQLITE_CANTOPEN;
    struct file *f = find(vfs, name);
    if (f == NULL && (flags & SQLITE_OPEN_CREATE) == 0)
        return SQLITE_CANTOPEN;
    if (f == NULL)
        f = make(vfs, name);
    f->handles++;
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
    struct file *f = find(vfs, name);
    enum fate fate = next_fate(vfs, name[0] - '0');

    (void)sync_dir;
    if (fate == LIVES && f == NULL)
        return SQLITE_IOERR_DELETE_NOENT;
    if (f != NULL && (fate == LIVES || fate == DIES_AFTER)) {
        f->is_deleted = true;
        if (f->handles == 0)
            remove_file(vfs, f);
    }
    return fate == LIVES ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int v_access(sqlite3_vfs *base, const char *name, int flags, int *out)
{
    (void)flags;
    struct file *f = find(base->pAppData, name);
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
        remove_file(vfs, vfs->files);
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
        remove_file(vfs, vfs->files);
    free(vfs);
}
