#include "sync/convex/convex.h"

#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <sodium.h>
#include "base/clock.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"

static void wipe_free(char *s)
{
    if (s != NULL)
        sodium_memzero(s, strlen(s));
    free(s);
}

void convex_tokens_done(struct convex_tokens *t)
{
    wipe_free(t->token);
    wipe_free(t->refresh);
    *t = (struct convex_tokens){ 0 };
}

static void put_member(struct buf *out, const char *name, const char *value)
{
    json_put_string(out, name, strlen(name));
    buf_putc(out, ':');
    json_put_string(out, value, strlen(value));
}

void convex_auth_password_args(const char *flow, const char *email, const char *password,
                               struct buf *out)
{
    buf_puts(out, "{\"provider\":\"password\",\"params\":{");
    put_member(out, "flow", flow);
    buf_putc(out, ',');
    put_member(out, "email", email);
    buf_putc(out, ',');
    put_member(out, "password", password);
    buf_puts(out, "}}");
}

void convex_auth_refresh_args(const char *refresh_token, struct buf *out)
{
    buf_putc(out, '{');
    put_member(out, "refreshToken", refresh_token);
    buf_putc(out, '}');
}

/* Not empty, and of visible ASCII: it goes into a header as it is. */
static bool is_token(const char *s)
{
    if (s == NULL || *s == '\0')
        return false;
    for (; *s != '\0'; s++)
        if (*s < '!' || *s > '~')
            return false;
    return true;
}

enum rc convex_auth_tokens(const struct cJSON *value, struct convex_tokens *out, struct err *err)
{
    const cJSON *tokens = json_get(value, "tokens");
    const char *token = json_get_string(tokens, "token");
    const char *refresh = json_get_string(tokens, "refreshToken");
    bool is_started = false;

    if (cJSON_IsNull(tokens))
        return err_set(err, RC_AUTH, _("The session is over."));
    if (tokens == NULL && json_get_bool(value, "started", &is_started) && is_started)
        return err_set(err, RC_PROTOCOL,
                       _("The server wants the address confirmed by e-mail first; that is not "
                         "possible here."));
    if (!is_token(token) || !is_token(refresh))
        return err_set(err, RC_PROTOCOL,
                       _("The server's answer to the sign-in was not understood."));
    out->token = mem_strdup(token);
    out->refresh = mem_strdup(refresh);
    return RC_OK;
}

int64_t convex_token_expiry(const char *token)
{
    const char *first = strchr(token, '.');
    const char *last = strrchr(token, '.');
    cJSON *claims = NULL;
    struct err ignored;
    unsigned char *payload;
    size_t text_len, len = 0;
    double exp_s = 0;

    if (first == NULL || first == last ||
        memchr(first + 1, '.', (size_t)(last - first - 1)) != NULL)
        return 0; /* RFC 7519: three parts */
    text_len = (size_t)(last - first - 1);
    payload = mem_alloc(text_len + 1);
    if (sodium_base642bin(payload, text_len, first + 1, text_len, NULL, &len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
        json_parse((const char *)payload, len, &claims, &ignored) == RC_OK &&
        (!json_get_number(claims, "exp", &exp_s) || !(exp_s > 0)))
        exp_s = 0;
    cJSON_Delete(claims);
    free(payload);
    return exp_s < (double)(CLOCK_MAX_MS / 1000) ? (int64_t)(exp_s * 1000) : CLOCK_MAX_MS;
}
