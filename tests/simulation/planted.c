/* Faults planted on the wire: each breaks one promise, to show that the checks see it. */
#include "tests/simulation/net.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

static void strip_member(struct buf *body, const char *member)
{
    struct err ignored;
    cJSON *json = NULL, *op = NULL;

    if (json_parse(buf_str(body), body->len, &json, &ignored))
        return;
    cJSON *args = cJSON_GetObjectItemCaseSensitive(json, "args");
    cJSON *lone = cJSON_GetObjectItemCaseSensitive(args, "op");
    cJSON_DeleteItemFromObjectCaseSensitive(lone, member);
    if (strcmp(member, "base") == 0 && lone != NULL)
        cJSON_AddItemToObject(lone, member, cJSON_CreateObject());
    cJSON_ArrayForEach(op, cJSON_GetObjectItemCaseSensitive(args, "ops"))
    {
        cJSON_DeleteItemFromObjectCaseSensitive(op, member);
        if (strcmp(member, "base") == 0)
            cJSON_AddItemToObject(op, member, cJSON_CreateObject());
    }
    buf_clear(body);
    json_put(body, json);
    cJSON_Delete(json);
}

void net_replace_all(struct buf *text, const char *from, const char *to)
{
    size_t len = strlen(from);

    if (len == 0 || text->len == 0)
        return;
    for (char *at = strstr(text->data, from); at != NULL; at = strstr(at + len, from))
        memcpy(at, to, len); /* ids: of one length */
}

/* A lone op that was sent before goes under another id, and comes back under its own. */
static void rename_op(struct sim *sim, struct transfer *t)
{
    struct err ignored;
    cJSON *json = NULL;

    if (json_parse(buf_str(&t->body), t->body.len, &json, &ignored))
        return;
    const char *op_id = json_get_string(json_get(json_get(json, "args"), "op"), "opId");
    if (op_id != NULL) {
        memcpy(t->swapped_from, op_id, ID_SIZE);
        id_new(clock_wall(&sim->clock), t->swapped_to);
        net_replace_all(&t->body, t->swapped_from, t->swapped_to);
    }
    cJSON_Delete(json);
}

void net_plant(struct sim *sim, struct transfer *t)
{
    if (sim->broken == BROKEN_FORGET_REPLACES && t->is_push)
        strip_member(&t->body, "replaces");
    if (sim->broken == BROKEN_STRIP_BASE && t->is_push)
        strip_member(&t->body, "base");
    if (sim->broken == BROKEN_DUPLICATE_CREATE && t->is_push)
        rename_op(sim, t);
    if (sim->broken == BROKEN_SWAP_ACCOUNTS && t->is_page &&
        office_token(sim, !sim->devices[t->device].account)) {
        free(t->token);
        t->token = mem_strdup(office_token(sim, !sim->devices[t->device].account));
    }
}

void net_drop_row(struct sim *sim, struct transfer *t, struct buf *body)
{
    struct err ignored;
    cJSON *json = NULL;

    if (!rng_chance(&sim->rng, 100) || json_parse(buf_str(body), body->len, &json, &ignored))
        return;
    cJSON *items = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, "value"),
                                                    t->is_walk ? "docs" : "changes");
    if (cJSON_GetArraySize(items) > 0) {
        cJSON_DeleteItemFromArray(items, 0);
        buf_clear(body);
        json_put(body, json);
    }
    cJSON_Delete(json);
}
