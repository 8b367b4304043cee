/* Pages and push answers of a backend that may say anything: refused as a whole, or applied; the
 * store stays readable. The first byte chooses which. */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

#define SLICES_MAX 1000

static void finish(struct db_apply *apply)
{
    struct err err = { 0 };
    bool is_done = false;

    for (int i = 0; !is_done; i++) {
        ORACLE(i < SLICES_MAX);
        ORACLE(db_apply_slice(apply, &is_done, &err) == RC_OK);
    }
    db_apply_free(apply);
}

static void apply_page(const cJSON *json, bool is_walk)
{
    const struct table *table = registry_find(fuzz_registry(), "tasks");
    struct db_apply *apply = NULL;
    struct err err = { 0 };
    enum rc rc;

    if (is_walk) {
        ORACLE(db_walk_begin(fuzz_store(), table, NULL, &err) == RC_OK);
        rc = db_apply_walk(fuzz_store(), table, json, &apply, &err);
    } else {
        rc = db_apply_changes(fuzz_store(), json, &apply, &err);
    }
    ORACLE(rc == RC_OK || rc == RC_PROTOCOL);
    if (rc == RC_OK)
        finish(apply);
}

/* The JSON is the doc of an applied op. */
static void answer_push(const cJSON *json)
{
    struct db_ops ops = { 0 };
    struct db_push_counts counts;
    struct err err = { 0 };
    enum rc rc = db_push_take(fuzz_store(), 1, 1 << 20, &ops, &err);

    ORACLE(rc == RC_OK || rc == RC_NOT_FOUND);
    if (rc == RC_OK) {
        const struct db_push_result result = {
            .op = &ops.items[0],
            .is_applied = true,
            .doc = json_get(json, "doc"),
            .overwrote = json_get(json, "overwrote"),
        };
        if (result.doc) {
            rc = db_push_apply(fuzz_store(), &result, 1, "e1", &counts, &err);
            ORACLE(rc == RC_OK || rc == RC_PROTOCOL);
        }
    }
    db_ops_done(&ops);
}

static void save_one(void)
{
    static const char id[] = "01890000-0000-7000-8000-00000000000a";
    const struct table *table = registry_find(fuzz_registry(), "tasks");
    static int count;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct db_edit edit = { .table = table,
                                  .client_id = id,
                                  .if_missing = DB_MISSING_CREATE,
                                  .values = values,
                                  .is_set = is_set };
    struct db_saved saved;
    struct err err = { 0 };
    const char *text = ++count % 2 ? "one" : "other";
    struct value *title = &values[table->title->index];

    ORACLE(column_from_text(table->title, text, strlen(text), 0, title, &err) == RC_OK);
    is_set[table->title->index] = true;
    ORACLE(db_save(fuzz_store(), &edit, &saved, &err) == RC_OK);
    value_done(title);
}

static void read_all(void)
{
    const struct table *table = registry_find(fuzz_registry(), "tasks");
    const struct db_window window = {
        .table = table, .view = DB_VIEW_ALL, .from = DB_FROM_END, .count = 20
    };
    struct record_list list = { 0 };
    struct err err = { 0 };

    ORACLE(db_window_read(fuzz_store(), &window, &list, &err) == RC_OK);
    for (size_t i = 0; i < list.count; i++) {
        struct buf text = { 0 };
        cJSON *json = NULL;

        record_to_json(&list.items[i], &text);
        ORACLE(json_parse(buf_str(&text), text.len, &json, &err) == RC_OK);
        cJSON_Delete(json);
        buf_done(&text);
    }
    record_list_done(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *json = NULL;
    struct err err = { 0 };

    if (size == 0 || json_parse((const char *)data + 1, size - 1, &json, &err))
        return 0;
    if (data[0] & 4)
        save_one();
    if (data[0] & 2)
        answer_push(json);
    else
        apply_page(json, data[0] & 1);
    read_all();
    cJSON_Delete(json);
    return 0;
}
