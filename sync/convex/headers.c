#include "sync/convex/http_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "base/clock.h"

#define RETRY_AFTER_MAX_MS (10 * 60 * 1000)

static const char *header(CURL *easy, const char *name)
{
    struct curl_header *found;

    return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value
                                                                                  : NULL;
}

/* RFC 9110 section 10.2.3: seconds or a date. */
static int64_t retry_after_ms(const char *value)
{
    size_t digits;
    int64_t ms = 0;
    time_t date;

    if (value == NULL)
        return 0;
    digits = strspn(value, "0123456789");
    if (digits > 0 && value[digits] == '\0') {
        for (; *value != '\0' && ms < RETRY_AFTER_MAX_MS; value++)
            ms = ms * 10 + (*value - '0') * 1000;
    } else {
        date = curl_getdate(value, NULL);
        if (date != -1)
            ms = (int64_t)date * 1000 - clock_wall(&clock_system);
    }
    if (ms < 0)
        return 0;
    return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

/* RFC 9110 section 12.5.3: a list of codings, each with an optional weight; 0 means never. */
static bool lists_gzip(const char *value)
{
    while (value != NULL && *value != '\0') {
        size_t len = strcspn(value, ",");
        size_t start = strspn(value, " \t");
        size_t name = start < len ? strcspn(value + start, " \t;,") : 0;
        char weight[16] = "";

        if (name == 4 && strncasecmp(value + start, "gzip", 4) == 0) {
            size_t used = 0;
            for (size_t i = start + name; i < len && used < sizeof(weight) - 1; i++)
                if (value[i] != ' ' && value[i] != '\t')
                    weight[used++] = value[i];
            weight[used] = '\0';
            return strncasecmp(weight, ";q=0", 4) != 0 || strpbrk(weight + 4, "123456789") != NULL;
        }
        value += len;
        value += *value == ',';
    }
    return false;
}

void convex_read_headers(CURL *easy, struct convex_reply *reply)
{
    char *type = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type) == CURLE_OK && type != NULL)
        snprintf(reply->content_type, sizeof(reply->content_type), "%s", type);
    reply->retry_after_ms = retry_after_ms(header(easy, "Retry-After"));
    reply->takes_gzip = lists_gzip(header(easy, "Accept-Encoding"));
}
