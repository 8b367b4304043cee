/* A table's definition: refused with words, or good enough to make a store from. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"

static void make_store(const struct registry *reg)
{
    char *path = path_join(fuzz_dir(), "definition.db");
    const struct db_options options = {
        .path = path, .role = DB_SYNCER, .registry = reg, .clock = &clock_system, .no_bell = true
    };
    struct db *db = NULL;
    struct err err = { 0 };
    enum rc rc = db_open(&options, &db, &err);

    if (rc)
        fprintf(stderr, "%s\n", err.msg);
    ORACLE(rc == RC_OK);
    db_close(db);
    ORACLE(unlink(path) == 0);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct registry *reg = registry_new();
    struct err err = { 0 };
    char print[33];

    if (registry_add(reg, (const char *)data, size, "fuzz.json", &err) == RC_OK) {
        const struct table *table = registry_at(reg, 0);

        ORACLE(registry_count(reg) == 1 && table->column_count > 0 && table->sort_count > 0);
        ORACLE(registry_find(reg, table->name) == table && table->title != NULL);
        for (size_t i = 0; i < table->column_count; i++)
            ORACLE(table_column(table, table->columns[i].name) == &table->columns[i]);
        table_fingerprint(table, print);
        /* Slow, so not for every one. */
        if (size % 8 == 0)
            make_store(reg);
    } else {
        ORACLE(registry_count(reg) == 0 && err.msg[0] != '\0');
        /* It quotes what it refuses. */
        ORACLE(text_is_valid(err.msg, strlen(err.msg)));
    }
    registry_free(reg);
    return 0;
}
