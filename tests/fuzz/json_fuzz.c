/* What is read and written again reads the same. */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <string.h>
#include "base/json.h"
#include "base/text.h"

static void must_read_back(const cJSON *json, void (*put)(struct buf *, const struct cJSON *))
{
    struct buf text = { 0 };
    struct err err = { 0 };
    cJSON *again = NULL;

    put(&text, json);
    ORACLE(text_is_valid(buf_str(&text), text.len));
    ORACLE(json_parse(buf_str(&text), text.len, &again, &err) == RC_OK);
    ORACLE(json_equal(json, again) && json_equal(again, json));
    cJSON_Delete(again);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cJSON *json = NULL;
    struct err err = { 0 };

    if (json_parse((const char *)data, size, &json, &err)) {
        ORACLE(json == NULL && err.msg[0] != '\0');
        return 0;
    }
    ORACLE(text_is_valid((const char *)data, size) && memchr(data, 0, size) == NULL);
    must_read_back(json, json_put);
    must_read_back(json, json_put_convex);
    cJSON_Delete(json);
    return 0;
}
