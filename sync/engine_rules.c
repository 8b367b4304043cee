/* What an answer means to the engine is data: the first row of `rules` that fits decides.
 * (CONTRACT section 1.) */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/engine_priv.h"

#define NAME_MAX_BYTES 200 /* of an instance name or a version */

static const char *ask_name(enum engine_ask ask)
{
    switch (ask) {
    case ASK_NONE:
        break;
    case ASK_PROBE:
        return "probe";
    case ASK_VERSION:
        return "version";
    case ASK_REFRESH:
        return "refresh";
    case ASK_PUSH:
        return "push";
    case ASK_HEAD:
        return "head";
    case ASK_WALK:
        return "walk";
    case ASK_CHANGES:
        return "changes";
    }
    return "nothing";
}

/* ---- what each verdict does ---- */

static void fill_trouble(const struct convex_answer *answer, enum rc rc, const char *code,
                         struct err *out)
{
    *out = (struct err){ 0 };
    err_set(out, rc, "%s", answer->message[0] ? answer->message : _("The server did not answer."));
    out->sys = answer->http_status;
    err_code(out, code[0] ? code : convex_class_name(answer->class));
}

static bool is_busy_server(const struct convex_answer *answer)
{
    return answer->http_status == 429 || answer->http_status >= 500;
}

static void outage_trouble(const struct convex_answer *answer, struct err *out)
{
    if (answer->class == CONVEX_HIDDEN) {
        fill_trouble(answer, RC_NETWORK, "hidden", out);
        err_set(out, RC_NETWORK, _("The server cannot work at the moment."));
        err_code(out, "hidden");
    } else if (is_busy_server(answer)) {
        fill_trouble(answer, RC_NETWORK, "busy", out);
        err_set(out, RC_NETWORK, _("The server is busy."));
        err_code(out, "busy");
    } else {
        fill_trouble(answer, RC_NETWORK, "network", out);
    }
    out->sys = answer->http_status;
}

typedef void rule_act(struct engine *e, enum engine_ask ask, const struct convex_answer *answer);

static void act_outage(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    struct err trouble;

    e->is_server_ill =
        answer->http_status != 0 && ask != ASK_PROBE; /* a portal is not our server */
    if (ask & ASK_PULL && answer->http_status == 0)
        engine_pull_shrink(e);
    outage_trouble(answer, &trouble);
    engine_outage(e, &trouble, answer->retry_after_ms);
}

/* The backend answers, and cannot take a push: reading may still work, and goes on. */
static void act_push_outage(struct engine *e, enum engine_ask ask,
                            const struct convex_answer *answer)
{
    struct err trouble;

    engine_push_forget(e, true);
    if (answer->http_status < 500) {
        act_outage(e, ask, answer);
        return;
    }
    outage_trouble(answer, &trouble);
    e->round.push_stopped = true;
    engine_trouble(e, &trouble, answer->retry_after_ms);
}

static void act_refresh(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    if (ask == ASK_PUSH)
        engine_push_forget(e, false);
    if (ask & ASK_PULL)
        engine_pull_stop(e);
    if (ask == ASK_CHANGES)
        e->round.changes_done = false;
    engine_reached(e);
    engine_auth_refused(e, answer);
}

static void act_split(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    (void)ask;
    engine_push_split(e, answer);
}

static void act_too_old(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    struct err trouble = { 0 }, err = { 0 };

    (void)ask;
    engine_push_forget(e, false);
    engine_reached(e);
    err_set(&trouble, RC_REFUSED,
            _("This version is too old for the server. Changes are kept until it is updated."));
    err_code(&trouble, answer->code);
    if (db_push_hold_all(e->db, answer->code, trouble.msg, &err)) {
        engine_store_failed(e, &err);
        return;
    }
    free(e->version);
    e->version = NULL; /* what is held is due again when the next /version has come */
    e->version_at = engine_now(e);
    engine_block(e, BLOCK_TOO_OLD, &trouble);
}

/* A captive portal may answer like this too: only right after a good probe is it believed. */
static void act_wrong(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    struct err trouble;

    if (ask == ASK_PUSH)
        engine_push_forget(e, false);
    engine_pull_stop(e);
    if (!e->round.has_probed) {
        e->needs_probe = true;
        e->round.changes_done = false;
        return;
    }
    fill_trouble(answer, RC_REFUSED, answer->code, &trouble);
    engine_block(e, BLOCK_WRONG, &trouble);
}

static void act_rewalk(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    (void)ask;
    engine_reached(e);
    engine_pull_rewalk(e, answer->table);
}

static void act_unknown(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    (void)ask;
    engine_reached(e);
    engine_pull_unknown(e, answer->table);
}

/* The walk of one table fails: the others go on. */
static void act_skip(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    struct err trouble;

    (void)ask;
    outage_trouble(answer, &trouble);
    engine_trouble(e, &trouble, answer->retry_after_ms);
    engine_pull_skip(e);
}

static void act_shrink(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    bool was_least = e->pull.limit <= 1;

    engine_pull_shrink(e);
    engine_pull_stop(e);
    if (ask == ASK_CHANGES)
        e->round.changes_done = false;
    if (was_least)
        act_outage(e, ask, answer);
}

/* Not worth a failed round: it is asked again tomorrow. */
static void act_ignore(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    (void)ask;
    (void)answer;
    e->version_at = engine_now(e) + DAY_MS;
}

/* First match wins. code NULL: any. */
static const struct rule {
    unsigned asks;
    enum convex_class class;
    const char *code;
    rule_act *act;
} rules[] = {
    { ASK_REFRESH, CONVEX_AUTH, NULL,
      act_outage }, /* only {tokens:null} means that the session is over */
    { ASK_REFRESH, CONVEX_REFUSED, NULL, act_outage },
    { ASK_ANY, CONVEX_AUTH, NULL, act_refresh },
    { ASK_ANY, CONVEX_REFUSED, "client_too_old", act_too_old },
    { ASK_PUSH, CONVEX_REFUSED, NULL, act_split },
    { ASK_PUSH, CONVEX_HIDDEN, NULL, act_split },
    { ASK_PUSH, CONVEX_TOO_LARGE, NULL, act_split },
    { ASK_PUSH, CONVEX_BAD_REQUEST, NULL, act_split },
    { ASK_PUSH, CONVEX_TRANSIENT, NULL, act_push_outage },
    { ASK_PULL, CONVEX_REFUSED, "cursor_unknown", act_rewalk },
    { ASK_PULL, CONVEX_REFUSED, "unknown_table", act_unknown },
    { ASK_PULL, CONVEX_TOO_LARGE, NULL, act_shrink },
    { ASK_WALK, CONVEX_HIDDEN, NULL, act_skip },
    { ASK_ANY, CONVEX_REFUSED, NULL, act_wrong },
    { ASK_ANY, CONVEX_BAD_REQUEST, NULL, act_wrong },
    { ASK_ANY, CONVEX_WRONG, NULL, act_wrong },
    { ASK_ANY, CONVEX_HIDDEN, NULL, act_outage },
    { ASK_ANY, CONVEX_TOO_LARGE, NULL, act_outage },
    { ASK_ANY, CONVEX_TRANSIENT, NULL, act_outage },
};

static void answer_failed(struct engine *e, enum engine_ask ask, const struct convex_answer *answer)
{
    log_info("sync", "%s: %s %s (http %d)", ask_name(ask), convex_class_name(answer->class),
             answer->code, answer->http_status);
    if (ask == ASK_HEAD)
        e->push.trial = TRIAL_NONE;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct rule *rule = &rules[i];
        bool fits = (rule->asks & ask) && rule->class == answer->class &&
                    (!rule->code || strcmp(rule->code, answer->code) == 0);
        if (!fits)
            continue;
        rule->act(e, ask, answer);
        return;
    }
}

static void answer_good(struct engine *e, enum engine_ask ask, struct convex_answer *answer)
{
    e->takes_gzip = answer->takes_gzip;
    if (ask != ASK_REFRESH) {
        engine_reached(e);
        e->is_refresh_fresh = false;
        e->needs_probe = false;
    }
    if (ask == ASK_REFRESH)
        engine_auth_answer(e, answer);
    else if (ask == ASK_PUSH)
        engine_push_answer(e, answer->value);
    else if (ask == ASK_HEAD)
        engine_push_head(e, answer->value);
    else if (ask & ASK_PULL)
        engine_pull_answer(e, &answer->value);
}

void engine_answer(struct engine *e, struct convex_answer *answer, int64_t bytes)
{
    enum engine_ask ask = e->asked;

    e->asked = ASK_NONE;
    if (ask == ASK_WALK && !e->status.is_complete)
        e->status.got_bytes += bytes;
    if (ask != ASK_NONE && answer->class == CONVEX_OK)
        answer_good(e, ask, answer);
    else if (ask != ASK_NONE)
        answer_failed(e, ask, answer);
    convex_answer_done(answer);
    engine_touch(e);
}

/* ---- GET: the probe and the version ---- */

/* The body without white space around it; false when it cannot be a name. */
static bool read_word(const struct convex_reply *reply, char *out, size_t size)
{
    const char *s = buf_str(&reply->body);
    size_t len = reply->body.len;

    while (len > 0 && strchr(" \t\r\n", s[len - 1]))
        len--;
    while (len > 0 && strchr(" \t\r\n", *s)) {
        s++;
        len--;
    }
    if (reply->http_status != 200 || len == 0 || len >= size || memchr(s, '\0', len))
        return false;
    memcpy(out, s, len);
    out[len] = '\0';
    return true;
}

static void version_arrived(struct engine *e, const char *version)
{
    bool is_same = e->version && strcmp(e->version, version) == 0;

    e->version_at = engine_now(e) + DAY_MS;
    if (is_same)
        return;
    log_info("sync", "the backend's version is new to us");
    free(e->version);
    e->version = mem_strdup(version);
    engine_backend_changed(e);
}

static void probe_arrived(struct engine *e, const struct convex_reply *reply)
{
    char name[NAME_MAX_BYTES];
    struct err trouble = { 0 };

    if (read_word(reply, name, sizeof(name)) && strcmp(name, e->account.instance) == 0) {
        e->needs_probe = false;
        e->round.has_probed = true;
        if (!e->is_server_ill)
            engine_reached(e);
        return;
    }
    err_set(&trouble, RC_NETWORK,
            _("What answered is not the expected server. Does this network want a sign-in?"));
    err_code(&trouble, "not_the_server");
    trouble.sys = reply->http_status;
    engine_outage(e, &trouble, reply->retry_after_ms);
}

void engine_got(struct engine *e, const struct convex_reply *reply)
{
    char version[NAME_MAX_BYTES];
    enum engine_ask ask = e->asked;
    struct convex_answer answer = { .class = CONVEX_TRANSIENT };

    e->asked = ASK_NONE;
    engine_touch(e);
    if (!reply->complete || reply->http_status == 429 || reply->http_status >= 500) {
        answer.http_status = reply->complete ? reply->http_status : 0;
        answer.retry_after_ms = reply->complete ? reply->retry_after_ms : 0;
        snprintf(answer.message, sizeof(answer.message), "%s", reply->problem);
        answer_failed(e, ask, &answer);
    } else if (ask == ASK_PROBE) {
        probe_arrived(e, reply);
    } else if (read_word(reply, version, sizeof(version))) {
        version_arrived(e, version);
    } else {
        act_ignore(e, ask, &answer);
    }
}
