#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "src/app/convex_schema.h"

static struct registry *with(const char *json)
{
    struct registry *reg = registry_new();
    struct err err = { 0 };

    if (registry_add(reg, json, strlen(json), "x.json", &err))
        fail_msg("%s", err.msg);
    return reg;
}

/* clang-format off */
static const char wells[] =
    "{\"name\":\"wells\",\"label\":\"Wells\",\"labelOne\":\"well\",\"title\":\"place\",\"columns\":["
    "{\"name\":\"place\",\"type\":\"text\",\"required\":true,\"maxLength\":80},"
    "{\"name\":\"isShut\",\"label\":\"Shut\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"rings\",\"label\":\"Rings\",\"type\":\"integer\",\"min\":0,\"max\":9,\"default\":2},"
    "{\"name\":\"depth\",\"label\":\"Depth\",\"type\":\"real\",\"min\":-0.5,\"max\":1e6,\"unit\":\"m\"},"
    "{\"name\":\"dugOn\",\"label\":\"Dug\",\"type\":\"date\",\"help\":\"The day.\"},"
    "{\"name\":\"seenAt\",\"label\":\"Seen\",\"type\":\"timestamp\",\"readOnly\":true},"
    "{\"name\":\"soil\",\"label\":\"So\\\"il\",\"type\":\"choice\",\"choices\":[\"clay\","
    "{\"value\":\"a \\\\ b\",\"label\":\"Both\"}],\"default\":\"clay\"},"
    "{\"name\":\"parent\",\"label\":\"Parent\",\"type\":\"reference\",\"table\":\"wells\"},"
    "{\"name\":\"verdict\",\"label\":\"Verdict\",\"type\":\"choice\",\"choices\":[\"as it should be\","
    "\"to be watched\",\"to be shut\"]},"
    "{\"name\":\"log\",\"label\":\"Log\",\"type\":\"text\",\"multiline\":true}]}";

static const char wanted[] =
    "/** Written by `outpost tables convex` from the table definitions: change those, not this file. */\n"
    "import { defineTable } from \"convex/server\";\n"
    "import { v } from \"convex/values\";\n"
    "import type { Definition } from \"./model/definition\";\n"
    "import { recordFields } from \"./model/recordFields\";\n"
    "\n"
    "export const syncedTables = {\n"
    "  wells: defineTable({\n"
    "    ...recordFields,\n"
    "    place: v.optional(v.union(v.string(), v.null())),\n"
    "    isShut: v.optional(v.union(v.boolean(), v.null())),\n"
    "    rings: v.optional(v.union(v.number(), v.null())),\n"
    "    depth: v.optional(v.union(v.number(), v.null())),\n"
    "    dugOn: v.optional(v.union(v.string(), v.null())),\n"
    "    seenAt: v.optional(v.union(v.number(), v.null())),\n"
    "    soil: v.optional(v.union(v.literal(\"clay\"), v.literal(\"a \\\\ b\"), v.null())),\n"
    "    parent: v.optional(v.union(v.string(), v.null())),\n"
    "    verdict: v.optional(\n"
    "      v.union(v.literal(\"as it should be\"), v.literal(\"to be watched\"), v.literal(\"to be shut\"), "
             "v.null()),\n"
    "    ),\n"
    "    log: v.optional(v.union(v.string(), v.null())),\n"
    "  })\n"
    "    .index(\"by_user_client\", [\"userId\", \"clientId\"])\n"
    "    .index(\"by_user_rev\", [\"userId\", \"rev\", \"clientId\"])\n"
    "    .index(\"by_deletedAt\", [\"deletedAt\"]),\n"
    "};\n"
    "\n"
    "export const definitions: readonly Definition[] = [\n"
    "  {\n"
    "    name: \"wells\",\n"
    "    columns: [\n"
    "      { name: \"place\", type: \"text\", label: \"Place\", required: true, maxLength: 80 },\n"
    "      { name: \"isShut\", type: \"bool\", label: \"Shut\", default: false },\n"
    "      { name: \"rings\", type: \"integer\", label: \"Rings\", default: 2, min: 0, max: 9 },\n"
    "      { name: \"depth\", type: \"real\", label: \"Depth\", min: -0.5, max: 1000000 },\n"
    "      { name: \"dugOn\", type: \"date\", label: \"Dug\" },\n"
    "      { name: \"seenAt\", type: \"timestamp\", label: \"Seen\" },\n"
    "      { name: \"soil\", type: \"choice\", label: \"So\\\"il\", default: \"clay\", "
                  "choices: [\"clay\", \"a \\\\ b\"] },\n"
    "      { name: \"parent\", type: \"reference\", label: \"Parent\" },\n"
    "      { name: \"verdict\", type: \"choice\", label: \"Verdict\", "
                  "choices: [\"as it should be\", \"to be watched\", \"to be shut\"] },\n"
    "      { name: \"log\", type: \"text\", label: \"Log\" },\n"
    "    ],\n"
    "  },\n"
    "];\n";
/* clang-format on */

static void every_type_has_its_validator_and_its_rules(void **state)
{
    struct registry *reg = with(wells);
    struct buf out = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(convex_schema_write(reg, &out, &err), RC_OK);
    assert_string_equal(buf_str(&out), wanted);
    buf_done(&out);
    registry_free(reg);
}

static void a_name_that_the_backend_needs_is_refused(void **state)
{
    struct registry *reg =
        with("{\"name\":\"records\",\"label\":\"R\",\"labelOne\":\"r\",\"title\":\"t\","
             "\"columns\":[{\"name\":\"t\",\"type\":\"text\"}]}");
    struct buf out = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(convex_schema_write(reg, &out, &err), RC_INVALID);
    assert_string_equal(err.msg, "x.json: the table name \"records\" is taken by the Convex backend");
    assert_int_equal(out.len, 0);
    buf_done(&out);
    registry_free(reg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_validator_and_its_rules),
        cmocka_unit_test(a_name_that_the_backend_needs_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
