/* tests/unit/temp_dir.h: a fresh folder for one test, as cmocka setup and teardown. */
#ifndef TESTS_UNIT_TEMP_DIR_H
#define TESTS_UNIT_TEMP_DIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static inline int temp_dir_remove_one(const char *path, const struct stat *st, int flag,
                                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* *state becomes the folder's path. */
static inline int temp_dir_make(void **state)
{
    const char *parent = getenv("TMPDIR");
    char path[256];

    snprintf(path, sizeof path, "%s/outpost-test-XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(path))
        return -1;
    *state = mem_strdup(path);
    return 0;
}

static inline int temp_dir_remove(void **state)
{
    int failed = nftw(*state, temp_dir_remove_one, 16, FTW_DEPTH | FTW_PHYS);

    free(*state);
    return failed;
}

#endif
