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

/* A part as curl reads it, on our heap; NULL when there is none, or no memory to say so. */
static char *part(CURLU *parsed, CURLUPart what, bool *lacks_memory)
{
    char *text = NULL, *copy = NULL;
    CURLUcode code = curl_url_get(parsed, what, &text, 0);

    if (code == CURLUE_OK)
        copy = mem_strdup(text);
    *lacks_memory = *lacks_memory || code == CURLUE_OUT_OF_MEMORY;
    curl_free(text);
    return copy;
}

/* The one rule that is broken, or NULL. */
static const char *broken_rule(CURLU *parsed, const char *host, bool insecure, bool *lacks_memory)
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
        found = part(parsed, unwanted[i].part, lacks_memory);
        free(found);
        if (found != NULL)
            return _(unwanted[i].rule);
    }
    found = part(parsed, CURLUPART_SCHEME, lacks_memory);
    is_plain = found != NULL && strcmp(found, "http") == 0;
    free(found);
    if (is_plain && !insecure && !is_loopback_host(host))
        return _("The server's address must begin with https:// (http:// is for this machine "
                 "itself, or with insecure=yes).");
    return NULL;
}

static void compose(CURLU *parsed, struct convex_url *out, bool *lacks_memory)
{
    char *scheme = part(parsed, CURLUPART_SCHEME, lacks_memory);
    char *port = part(parsed, CURLUPART_PORT, lacks_memory);
    char *path = part(parsed, CURLUPART_PATH, lacks_memory);
    struct buf base = { 0 };
    size_t len = path != NULL ? strlen(path) : 0;

    while (len > 0 && path[len - 1] == '/')
        len--;
    buf_printf(&base, "%s://%s", scheme != NULL ? scheme : "", out->host);
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
    struct convex_url url = { 0 };
    bool lacks_memory = parsed == NULL;
    enum rc rc = RC_OK;

    if (!lacks_memory &&
        (strncasecmp(text, "https://", 8) == 0 || strncasecmp(text, "http://", 7) == 0)) {
        CURLUcode code = curl_url_set(parsed, CURLUPART_URL, text, 0);
        rule = _("The server's address is not a valid one.");
        lacks_memory = code == CURLUE_OUT_OF_MEMORY;
        if (code == CURLUE_OK)
            url.host = part(parsed, CURLUPART_HOST, &lacks_memory);
    }
    if (url.host != NULL)
        rule = broken_rule(parsed, url.host, insecure, &lacks_memory);
    if (url.host != NULL && rule == NULL) {
        url.is_loopback = is_loopback_host(url.host);
        compose(parsed, &url, &lacks_memory);
    }
    /* Without memory a part that is there may look as if it were not. */
    if (lacks_memory)
        rc = err_set(err, RC_NOMEM, _("Out of memory."));
    else if (rule != NULL) /* not quoted: what stands there may be a password */
        rc = err_set(err, RC_INVALID, "%s", rule);
    if (rc)
        convex_url_done(&url);
    else
        *out = url;
    curl_url_cleanup(parsed);
    return rc;
}

void convex_url_done(struct convex_url *url)
{
    free(url->base);
    free(url->host);
    *url = (struct convex_url){ 0 };
}
