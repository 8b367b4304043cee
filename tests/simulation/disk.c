#include "tests/simulation/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* ---- files ---- */

struct file *disk_find(struct vfs *vfs, const char *name)
{
    for (struct file *f = vfs->files; f != NULL; f = f->next)
        if (!f->is_deleted && strcmp(f->name, name) == 0)
            return f;
    return NULL;
}

struct file *disk_make(struct vfs *vfs, const char *name)
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

static void forget_regions(void **regions)
{
    for (int i = 0; i < REGIONS; i++) {
        free(regions[i]);
        regions[i] = NULL;
    }
}

void disk_drop_regions(struct file *f)
{
    forget_regions(f->regions);
    forget_regions(f->regions_at_death);
}

static void file_free(struct file *f)
{
    forget_undos(f);
    disk_drop_regions(f);
    free(f->undos);
    free(f->data);
    free(f);
}

void disk_remove(struct vfs *vfs, struct file *gone)
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

void disk_write(struct file *f, size_t offset, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    remember(f, offset, len);
    if (offset > f->len)
        set_len(f, offset);
    if (offset + len > f->len) {
        ensure_room(f, offset + len);
        f->len = offset + len;
    }
    memcpy(f->data + offset, bytes, len);
}

void disk_truncate(struct file *f, size_t len)
{
    if (len < f->len)
        remember(f, len, f->len - len);
    else if (len > f->len)
        remember(f, f->len, 0);
    set_len(f, len);
}

static bool lies(const struct vfs *vfs, const struct file *f)
{
    const char *suffix = vfs->machines[f->machine].lying_suffix;
    size_t len = strlen(suffix), name_len = strlen(f->name);

    return len > 0 && name_len >= len && strcmp(f->name + name_len - len, suffix) == 0;
}

void disk_sync(struct vfs *vfs, struct file *f)
{
    if (!lies(vfs, f))
        forget_undos(f);
}

bool vfs_read_file(struct vfs *vfs, const char *name, struct buf *out)
{
    const struct file *f = disk_find(vfs, name);

    if (f == NULL)
        return false;
    buf_append(out, f->data, f->len);
    return true;
}

void vfs_write_file(struct vfs *vfs, const char *name, const struct buf *bytes)
{
    struct file *f = disk_find(vfs, name);

    if (f == NULL)
        f = disk_make(vfs, name);
    disk_truncate(f, 0);
    disk_write(f, 0, bytes->data, bytes->len);
    forget_undos(f);
}

/* ---- dying ---- */

/* SQLite's own randomness goes into WALs: it must be the same with and without a look. */
static void let_watch(struct vfs *vfs, int machine)
{
    struct rng sqlite_rng = vfs->sqlite_rng;

    vfs->is_watching = true;
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SAVE);
    vfs->watch(vfs->watch_ctx, machine);
    sqlite3_test_control(SQLITE_TESTCTRL_PRNG_RESTORE);
    vfs->is_watching = false;
    vfs->sqlite_rng = sqlite_rng;
}

bool disk_is_shared(const struct vfs *vfs, int machine)
{
    const struct machine *m = &vfs->machines[machine];
    int processes = 0;

    for (int i = 0; i < VFS_PROCESSES; i++)
        processes += m->handles[i] > 0;
    return processes > 1;
}

/* What SQLite still does in a dead process, when its calls fail, is not to be seen by the others. */
static void keep_regions(struct vfs *vfs, int machine)
{
    for (struct file *f = vfs->files; f != NULL; f = f->next) {
        for (int i = 0; f->machine == machine && i < REGIONS; i++) {
            if (f->regions[i] == NULL || f->regions_at_death[i] != NULL)
                continue;
            f->regions_at_death[i] = mem_alloc((size_t)f->region_size);
            memcpy(f->regions_at_death[i], f->regions[i], (size_t)f->region_size);
        }
    }
}

static void die(struct vfs *vfs, int machine, int process)
{
    vfs->machines[machine].is_armed = false;
    vfs->machines[machine].is_dead[process] = true;
    if (disk_is_shared(vfs, machine))
        keep_regions(vfs, machine);
}

enum fate disk_fate(struct vfs *vfs, int machine, int process, bool changes)
{
    struct machine *m = &vfs->machines[machine];

    if (vfs->is_watching)
        return m->is_dead[process] ? IS_DEAD : LIVES;
    vfs->operations++;
    if (m->is_dead[process])
        return IS_DEAD;
    if (vfs->watch != NULL && changes)
        let_watch(vfs, machine);
    if (!m->is_armed || m->countdown-- > 0)
        return LIVES;
    die(vfs, machine, process);
    return DIES_BEFORE + (enum fate)rng_below(&vfs->crash_rng, 3);
}

void vfs_seed_crashes(struct vfs *vfs, uint64_t seed)
{
    vfs->crash_rng.state = seed;
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
    for (int i = 0; i < VFS_PROCESSES; i++)
        if (vfs->machines[machine].is_dead[i])
            return true;
    return false;
}

bool vfs_is_process_dead(const struct vfs *vfs, int machine, int process)
{
    return vfs->machines[machine].is_dead[process];
}

void vfs_kill(struct vfs *vfs, int machine)
{
    vfs_disarm(vfs, machine);
    memset(vfs->machines[machine].is_dead, true, sizeof vfs->machines[machine].is_dead);
}

void vfs_kill_process(struct vfs *vfs, int machine, int process)
{
    vfs_disarm(vfs, machine);
    die(vfs, machine, process);
}

void vfs_bury(struct vfs *vfs, int machine, int process)
{
    for (struct file *f = vfs->files; f != NULL; f = f->next) {
        if (f->machine != machine)
            continue;
        for (int i = 0; i < REGIONS; i++)
            if (f->regions[i] != NULL && f->regions_at_death[i] != NULL)
                memcpy(f->regions[i], f->regions_at_death[i], (size_t)f->region_size);
        forget_regions(f->regions_at_death);
    }
    vfs->machines[machine].is_dead[process] = false;
}

static void come_alive(struct vfs *vfs, int machine)
{
    memset(vfs->machines[machine].is_dead, false, sizeof vfs->machines[machine].is_dead);
}

/* ---- no room ---- */

bool disk_is_full(struct vfs *vfs, const struct file *f, size_t end, size_t len, size_t *kept)
{
    struct machine *m = &vfs->machines[f->machine];

    if (!m->is_filling || m->room > 0) {
        m->room -= m->is_filling;
        return false;
    }
    if (end <= f->len && !m->copies_on_write)
        return false;
    *kept = rng_below(&vfs->crash_rng, (uint32_t)(len / SECTOR) + 1) * SECTOR;
    if (*kept >= len)
        *kept = 0;
    return true;
}

void vfs_fill(struct vfs *vfs, int machine, uint32_t n, bool copies_on_write)
{
    vfs->machines[machine].is_filling = true;
    vfs->machines[machine].room = n;
    vfs->machines[machine].copies_on_write = copies_on_write;
}

void vfs_make_room(struct vfs *vfs, int machine)
{
    vfs->machines[machine].is_filling = false;
}

bool vfs_is_filling(const struct vfs *vfs, int machine)
{
    return vfs->machines[machine].is_filling;
}

/* ---- copies ---- */

struct copied_file {
    char name[NAME_SIZE];
    unsigned char *data;
    size_t len;
};

struct vfs_copy {
    struct copied_file *files;
    size_t count;
};

struct vfs_copy *vfs_copy_take(const struct vfs *vfs, int machine)
{
    struct vfs_copy *copy = mem_zero(1, sizeof *copy);

    for (const struct file *f = vfs->files; f != NULL; f = f->next) {
        if (f->machine != machine || f->is_deleted)
            continue;
        copy->files = mem_grow(copy->files, copy->count + 1, sizeof *copy->files);
        struct copied_file *to = &copy->files[copy->count++];
        memcpy(to->name, f->name, NAME_SIZE);
        to->len = f->len;
        to->data = mem_alloc(f->len + 1);
        if (f->len > 0)
            memcpy(to->data, f->data, f->len);
    }
    return copy;
}

void vfs_copy_put_back(struct vfs *vfs, int machine, const struct vfs_copy *copy)
{
    struct file *next;

    for (struct file *f = vfs->files; f != NULL; f = next) {
        next = f->next;
        if (f->machine == machine)
            disk_remove(vfs, f);
    }
    for (size_t i = 0; i < copy->count; i++) {
        struct file *f = disk_make(vfs, copy->files[i].name);
        disk_write(f, 0, copy->files[i].data, copy->files[i].len);
        forget_undos(f);
    }
}

void vfs_copy_free(struct vfs_copy *copy)
{
    if (copy == NULL)
        return;
    for (size_t i = 0; i < copy->count; i++)
        free(copy->files[i].data);
    free(copy->files);
    free(copy);
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
static uint32_t cut_power(struct file *f, struct rng *rng)
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
        uint32_t keep = keep_per_mille[rng_below(rng, 4)];
        for (size_t at = 0; at < written_len[i]; at += SECTOR) {
            if (!rng_chance(rng, keep))
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
    return met;
}

uint32_t vfs_crash(struct vfs *vfs, int machine, bool power_cut)
{
    uint32_t met = 0;

    for (struct file *f = vfs->files; f != NULL; f = f->next) {
        if (f->machine != machine)
            continue;
        if (power_cut && !f->is_deleted) {
            met += cut_power(f, &vfs->crash_rng);
            forget_undos(f);
        }
    }
    come_alive(vfs, machine);
    vfs_disarm(vfs, machine);
    return met;
}

/* ---- looking at what a cut would leave ---- */

void vfs_watch(struct vfs *vfs, void (*watch)(void *ctx, int machine), void *ctx)
{
    vfs->watch = watch;
    vfs->watch_ctx = ctx;
}

static void cut_file(struct vfs *vfs, const struct file *f, int to, struct rng *rng)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "%d%s", to, f->name + 1);
    struct file *copy = disk_make(vfs, name);
    set_len(copy, f->len);
    if (f->len > 0)
        memcpy(copy->data, f->data, f->len);
    copy->undos = f->undos; /* borrowed: the same writes are taken back */
    copy->undo_count = f->undo_count;
    cut_power(copy, rng);
    copy->undos = NULL;
    copy->undo_count = 0;
}

void vfs_cut_copy(struct vfs *vfs, int machine, int to, struct rng *rng)
{
    for (const struct file *f = vfs->files; f != NULL; f = f->next)
        if (f->machine == machine && !f->is_deleted)
            cut_file(vfs, f, to, rng);
}

void vfs_empty(struct vfs *vfs, int machine)
{
    struct file *next;

    for (struct file *f = vfs->files; f != NULL; f = next) {
        next = f->next;
        if (f->machine == machine)
            disk_remove(vfs, f);
    }
    come_alive(vfs, machine);
}
