/* tests/torture/planted.h: one operation of many fails: a file operation of SQLite, a call of its
 * functions, an allocation of SQLite, of cJSON, or one of our own. Global by nature: libraries have
 * one allocator each. Linked as outpost_planted, which has the linker wrap what it fails.
 */
#ifndef TESTS_TORTURE_PLANTED_H
#define TESTS_TORTURE_PLANTED_H

#include <stdbool.h>
#include <stdint.h>

#define PLANTED_VFS "planted"

enum planted {
    PLANTED_NONE,
    PLANTED_IOERR, /* a file operation says I/O error, nothing done */
    PLANTED_FULL,  /* a write says that the disk is full; other operations as IOERR */
    PLANTED_SHORT, /* a write is half done, others are done; then they say I/O error */
    PLANTED_CALL,  /* opening, preparing, a step or a checkpoint says I/O error, nothing done */
    PLANTED_SQL_MEMORY, /* an allocation of SQLite fails */
    PLANTED_JSON_MEMORY, /* an allocation of cJSON fails: as one of our own (base/json.h) */
    PLANTED_OWN_MEMORY   /* one of our own fails: the program ends, tidily (base/mem.h) */
};

/* Before anything else uses SQLite or cJSON. File operations and calls fail for connections of
 * PLANTED_VFS alone, allocations for all. */
void planted_init(void);
/* The n-th operation (from 1) of that kind from now on fails, and `length` in all from there; n 0:
 * none does, they are counted. */
void planted_arm(enum planted kind, uint32_t n, uint32_t length);
/* Operations since planted_arm; armed with NONE: 0. */
uint32_t planted_count(void);
bool planted_fired(void);

#endif
