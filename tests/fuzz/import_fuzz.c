/* Lines of an import: what is accepted stands in the store as it was given. */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include "base/json.h"
#include "src/app/form.h"
#include "src/app/lines.h"

#define LINE_MAX_BYTES 4096

static void compare(const struct table *table, const struct form *form, const cJSON *given,
                    const char *client_id)
{
    struct record rec = { 0 };
    struct buf text = { 0 };
    struct err err = { 0 };
    cJSON *stored = NULL;

    ORACLE(db_record_read(fuzz_store(), table, client_id, &rec, &err) == RC_OK);
    record_to_json(&rec, &text);
    ORACLE(json_parse(buf_str(&text), text.len, &stored, &err) == RC_OK);
    for (size_t i = 0; i < table->column_count; i++) {
        const char *name = table->columns[i].name;
        if (form->is_set[i])
            ORACLE(json_equal(json_get(stored, name), json_get(given, name)));
    }
    cJSON_Delete(stored);
    buf_done(&text);
    record_done(&rec);
}

static void import(struct form *form, const cJSON *json)
{
    struct db_edit edit = { .table = form->table,
                            .if_missing = DB_MISSING_CREATE,
                            .values = form->values,
                            .is_set = form->is_set };
    struct db_saved saved;
    struct err err = { 0 };
    const cJSON *item;

    form_clear(form);
    cJSON_ArrayForEach(item, json)
    {
        if (!item->string || form_set_json(form, item->string, item, &err))
            return;
    }
    enum rc rc = db_save(fuzz_store(), &edit, &saved, &err);
    ORACLE(rc == RC_OK || rc == RC_INVALID);
    if (rc == RC_OK)
        compare(form->table, form, json, saved.client_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct table *table = registry_find(fuzz_registry(), "tasks");
    struct lines lines = { .fd = fuzz_file(data, size), .max_bytes = LINE_MAX_BYTES };
    struct form form = { 0 };
    struct err err = { 0 };

    form_init(&form, table);
    ORACLE(db_batch_begin(fuzz_store(), &err) == RC_OK);
    while (lines_next(&lines, &err) == RC_OK) {
        cJSON *json = NULL;

        ORACLE(lines.line.len <= LINE_MAX_BYTES && (!lines.is_too_long || lines.line.len == 0));
        if (!lines.is_too_long &&
            json_parse(buf_str(&lines.line), lines.line.len, &json, &err) == RC_OK &&
            cJSON_IsObject(json))
            import(&form, json);
        cJSON_Delete(json);
    }
    db_batch_cancel(fuzz_store());
    form_done(&form);
    lines_done(&lines);
    return 0;
}
