/* vfs.h: the disks of the simulated machines: SQLite files in memory that can lose power.
 *
 * A file is named "N/anything": N is the machine that it belongs to. The machine's second process
 * names the same file "Nb/anything": so it is known whose call fails when one of them dies. What
 * was written and not yet synced is known, so that a power cut can keep, drop or tear (at 512
 * bytes) each such write. A kill keeps all that was written. The WAL's shared memory is on the heap
 * and goes with the last connection, as a mapping goes with its process.
 *
 * Threads  one. Close a dead machine's connections before vfs_crash, a dead process's before
 *          vfs_bury: they still hold its shared memory.
 * Source   sqlite.org/c3ref/io_methods.html; sqlite.org/walformat.html.
 */
#ifndef SIMULATION_VFS_H
#define SIMULATION_VFS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/clock.h"
#include "tests/simulation/rng.h"

#define VFS_NAME "simulation"
#define VFS_MACHINES 5
#define VFS_PROCESSES 2
#define VFS_BENCH 4 /* the machine on which copies are looked at: it never dies of itself */

struct vfs;
struct vfs_copy;

struct vfs *vfs_new(void); /* registers it with SQLite as VFS_NAME */
void vfs_free(struct vfs *vfs);
/* Empty disks, machines alive, nothing armed. seed: of crashes, and of SQLite's own randomness. */
void vfs_reset(struct vfs *vfs, uint64_t seed, const struct clock *clock);

/* How machines die, and what a cut leaves, is drawn from here on from this seed. */
void vfs_seed_crashes(struct vfs *vfs, uint64_t seed);

/* A process of the machine dies at the machine's n-th next write, sync, truncation or deletion (0:
 * at the next one), and where two have a file open, at a barrier in its shared memory; that one is
 * not, half or wholly done. From then on everything that the process does fails, until vfs_crash or
 * vfs_bury. with_reads: reads count too, as opening does little else. */
void vfs_arm(struct vfs *vfs, int machine, uint32_t n, bool with_reads);
void vfs_disarm(struct vfs *vfs, int machine);
/* One of its processes is, or a certain one. */
bool vfs_is_dead(const struct vfs *vfs, int machine);
bool vfs_is_process_dead(const struct vfs *vfs, int machine, int process);
/* Dies here and now, between two operations: all its processes, or one of them. */
void vfs_kill(struct vfs *vfs, int machine);
void vfs_kill_process(struct vfs *vfs, int machine, int process);
/* The connections of the dead process are closed, and the others go on, with the shared memory as
 * it was in the moment of death. The process may be started again. */
void vfs_bury(struct vfs *vfs, int machine, int process);
/* What is left on the disk; the machine can be used again. Returns how many unsynced writes the
 * cut met. */
uint32_t vfs_crash(struct vfs *vfs, int machine, bool power_cut);
/* A file as it is in this moment; false: there is none. And a file that is there, and synced. */
bool vfs_read_file(struct vfs *vfs, const char *name, struct buf *out);
void vfs_write_file(struct vfs *vfs, const char *name, const struct buf *bytes);
/* Calls watch before each operation that changes a file of a living machine, within SQLite's call;
 * what it does with files of VFS_BENCH, also through SQLite, changes nothing for the others. */
void vfs_watch(struct vfs *vfs, void (*watch)(void *ctx, int machine), void *ctx);
/* What a power cut in this moment would leave of a machine's files, as files of the machine `to`. */
void vfs_cut_copy(struct vfs *vfs, int machine, int to, struct rng *rng);
/* Its disk is empty, it lives. Its connections must be closed. */
void vfs_empty(struct vfs *vfs, int machine);
/* From the n-th write on (0: the next one) the disk is full: what would make a file longer is
 * refused, perhaps half written; at a disk that copies on write, all is. Until vfs_make_room. */
void vfs_fill(struct vfs *vfs, int machine, uint32_t n, bool copies_on_write);
void vfs_make_room(struct vfs *vfs, int machine);
/* No room, or soon none. */
bool vfs_is_filling(const struct vfs *vfs, int machine);
/* A copy of all files of a machine as they are in this moment, as a snapshot of its disk takes
 * them. Yours: vfs_copy_free. */
struct vfs_copy *vfs_copy_take(const struct vfs *vfs, int machine);
/* The machine's files are those of the copy again, and synced. Its connections must be closed. */
void vfs_copy_put_back(struct vfs *vfs, int machine, const struct vfs_copy *copy);
void vfs_copy_free(struct vfs_copy *copy); /* vfs_copy_free(NULL) is fine */
/* How many connections hold files of the machine open. */
int vfs_open_handles(const struct vfs *vfs, int machine);
/* A disk that says synced and is not, for files whose name ends in suffix: a planted fault. */
void vfs_ignore_syncs(struct vfs *vfs, int machine, const char *suffix);
/* Operations so far, for repeatability: two runs of one seed have the same number. */
uint64_t vfs_operations(const struct vfs *vfs);

#endif
