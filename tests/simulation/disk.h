/* disk.h: what is behind the simulated disks: files with a memory of what was not yet synced, and
 * machines that die. Private to vfs.c and disk.c. */
#ifndef SIMULATION_DISK_H
#define SIMULATION_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tests/simulation/rng.h"
#include "tests/simulation/vfs.h"

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
    void *regions_at_death[REGIONS]; /* of one of the processes that share them; NULL: no copy */
    int region_size;
    int shm_users;
    int shm_shared[SQLITE_SHM_NLOCK];
    const struct handle *shm_exclusive[SQLITE_SHM_NLOCK];
    struct file *next;
};

struct machine {
    bool is_armed, counts_reads;
    bool is_dead[VFS_PROCESSES];
    uint32_t countdown;
    int handles[VFS_PROCESSES]; /* that are open */
    bool is_filling, copies_on_write;
    uint32_t room; /* writes until the disk is full */
    char lying_suffix[16]; /* syncs of such files do nothing */
};

struct vfs {
    sqlite3_vfs base;
    struct file *files;
    struct machine machines[VFS_MACHINES];
    struct rng crash_rng, sqlite_rng;
    const struct clock *clock;
    uint64_t operations;
    void (*watch)(void *ctx, int machine);
    void *watch_ctx;
    bool is_watching;
};

struct handle {
    sqlite3_file base;
    struct vfs *vfs;
    struct file *file;
    int process;
    int lock;
    bool has_shm;
    bool shm_shared[SQLITE_SHM_NLOCK];
};

struct file *disk_find(struct vfs *vfs, const char *name); /* NULL: there is none */
struct file *disk_make(struct vfs *vfs, const char *name);
void disk_remove(struct vfs *vfs, struct file *gone);
void disk_write(struct file *f, size_t offset, const void *bytes, size_t len);
void disk_truncate(struct file *f, size_t len);
void disk_sync(struct vfs *vfs, struct file *f);
void disk_drop_regions(struct file *f);

/* There is no room for a write of these bytes: then only the first *kept of them are written. */
bool disk_is_full(struct vfs *vfs, const struct file *f, size_t end, size_t len, size_t *kept);

/* What becomes of the operation that the process begins now. changes: it is not a read. */
enum fate { LIVES, DIES_BEFORE, DIES_HALFWAY, DIES_AFTER, IS_DEAD };
enum fate disk_fate(struct vfs *vfs, int machine, int process, bool changes);
bool disk_is_shared(const struct vfs *vfs, int machine); /* by two processes */

#endif
