#include "sync/convex/http_priv.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/i18n.h"
#include "base/mem.h"

static bool is_loopback_host(const char *host)
{
    struct in_addr v4;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* A part as curl reads it, on our heap; NULL when there is none. */
static char *part(CURLU *parsed, CURLUPart what)
{
    char *text = NULL, *copy = NULL;

    if (curl_url_get(parsed, what, &text, 0) == CURLUE_OK)
        copy = mem_strdup(text);
    curl_free(text);
    return copy;
}

/* The one rule that is broken, or NULL. */
static const char *broken_rule(CURLU *parsed, const char *host, bool insecure)
{
    static const struct {
        CURLUPart part;
        const char *rule;
    } unwanted[] = {
        { CURLUPART_USER, N_("The server's address must not hold a name or password.") },
        { CURLUPART_PASSWORD, N_("The server's address must not hold a name or password.") },
        { CURLUPART_QUERY, N_("The server's address must not have a ? part.") },
        { CURLUPART_FRAGMENT, N_("The server's address must not have a # part.") },
    };
    char *found;
    bool is_plain;

    for (size_t i = 0; i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
        found = part(parsed, unwanted[i].part);
        free(found);
        if (found != NULL)
            return _(unwanted[i].rule);
    }
    found = part(parsed, CURLUPART_SCHEME);
    is_plain = strcmp(found, "http") == 0;
    free(found);
    if (is_plain && !insecure && !is_loopback_host(host))
        return _("The server's address must begin with https:// (http:// is for this machine "
                 "itself, or with insecure=yes).");
    return NULL;
}

static void compose(CURLU *parsed, struct convex_url *out)
{
    char *scheme = part(parsed, CURLUPART_SCHEME);
    char *port = part(parsed, CURLUPART_PORT);
    char *path = part(parsed, CURLUPART_PATH);
    struct buf base = { 0 };
    size_t len = path != NULL ? strlen(path) : 0;

    while (len > 0 && path[len - 1] == '/')
        len--;
    buf_printf(&base, "%s://%s", scheme, out->host);
    if (port != NULL)
        buf_printf(&base, ":%s", port);
    if (len > 0)
        buf_append(&base, path, len);
    out->base = buf_take(&base);
    free(scheme);
    free(port);
    free(path);
}

enum rc convex_url_read(const char *text, bool insecure, struct convex_url *out, struct err *err)
{
    const char *rule = _("The server's address must begin with https://.");
    CURLU *parsed = curl_url();
    char *host = NULL;

    if (parsed == NULL)
        return err_set(err, RC_NOMEM, _("Out of memory."));
    if (strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0) {
        rule = _("The server's address is not a valid one.");
        if (curl_url_set(parsed, CURLUPART_URL, text, 0) == CURLUE_OK)
            host = part(parsed, CURLUPART_HOST);
    }
    if (host != NULL)
        rule = broken_rule(parsed, host, insecure);
    if (rule == NULL) {
        out->is_loopback = is_loopback_host(host);
        out->host = host;
        compose(parsed, out);
    } else {
        /* Not quoted: what stands there may be a password. */
        err_set(err, RC_INVALID, "%s", rule);
        free(host);
    }
    curl_url_cleanup(parsed);
    return rule == NULL ? RC_OK : RC_INVALID;
}

void convex_url_done(struct convex_url *url)
{
    free(url->base);
    free(url->host);
    *url = (struct convex_url){ 0 };
}
