#include "sync/convex/http_priv.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"
#include "base/i18n.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define EXPIRED 10 /* X509_V_ERR_CERT_HAS_EXPIRED */

/* Some interface besides loopback is up and has an address that reaches beyond its link. */
static bool has_network(void)
{
    struct ifaddrs *all = NULL;
    bool is_found = false;

    if (getifaddrs(&all) != 0)
        return true;
    for (const struct ifaddrs *one = all; one != NULL && !is_found; one = one->ifa_next) {
        const struct sockaddr_in6 *v6 = (const void *)one->ifa_addr;
        if (one->ifa_addr == NULL || (one->ifa_flags & IFF_LOOPBACK) ||
            !(one->ifa_flags & IFF_RUNNING))
            continue;
        is_found = one->ifa_addr->sa_family == AF_INET ||
                   (one->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr));
    }
    freeifaddrs(all);
    return is_found;
}

void convex_no_answer(int ms, char *out, size_t size)
{
    int seconds = (ms + 999) / 1000;

    snprintf(out, size,
             ngettext("The server did not answer in %d second.",
                      "The server did not answer in %d seconds.", (unsigned long)seconds),
             seconds);
}

/* OpenSSL's X509_V_ERR_ numbers, which curl hands on. */
static long certificate_result(const struct convex_trouble *t)
{
    long result = 0;

    curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    return result;
}

static const char *certificate_reason(const struct convex_trouble *t)
{
    static const struct {
        long result;
        const char *reason;
    } reasons[] = {
        { 9, N_("not valid yet") },
        { EXPIRED, N_("expired") },
        { 18, N_("self-signed") },
        { 19, N_("from an unknown authority") },
        { 20, N_("from an unknown authority") },
        { 21, N_("from an unknown authority") },
        { 23, N_("revoked") },
    };
    long result = certificate_result(t);

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].result == result)
            return _(reasons[i].reason);
    if (strstr(t->detail, "match") != NULL)
        return _("made for another name");
    return t->detail[0] != '\0' ? t->detail : curl_easy_strerror(t->code);
}

/* The same with the day, where it was the time: "expired 3 Nov", with the year where it is not
 * this one. False: it was something else. */
static bool certificate_time(const struct convex_trouble *t, char *out, size_t size)
{
    time_t day = (time_t)(t->certificate_ms / 1000), today = (time_t)(clock_wall(t->clock) / 1000);
    struct tm then = { 0 }, now = { 0 };
    char date[64];

    if (t->certificate_ms == 0 || !localtime_r(&day, &then) || !localtime_r(&today, &now) ||
        strftime(date, sizeof(date), then.tm_year == now.tm_year ? "%-d %b" : "%-d %b %Y",
                 &then) == 0)
        return false;
    snprintf(out, size,
             certificate_result(t) == EXPIRED ? _("expired %s") : _("not valid before %s"), date);
    return true;
}

/* A device whose clock has lost its date finds every certificate invalid. */
static void certificate_problem(const struct convex_trouble *t, char *out, size_t size)
{
    int64_t now = clock_wall(t->clock);
    time_t seconds = (time_t)(now / 1000);
    struct tm tm = { 0 };
    char date[64], reason[100];
    size_t len;

    snprintf(out, size, _("The server's certificate is not valid (%.120s). Not connected."),
             certificate_time(t, reason, sizeof(reason)) ? reason : certificate_reason(t));
    len = strlen(out);
    if (now >= clock_built() - DAY_MS || !localtime_r(&seconds, &tm) ||
        strftime(date, sizeof(date), "%-d %b %Y", &tm) == 0)
        return;
    snprintf(out + len, size - len, " ");
    snprintf(out + len + 1, size - len - 1, _("Check this device's date: %s."), date);
}

static void connect_problem(const struct convex_trouble *t, char *out, size_t size)
{
    long sys = 0;

    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &sys);
    if (sys == ECONNREFUSED)
        snprintf(out, size, _("The server refused the connection."));
    else if (sys == ENETUNREACH || sys == ENETDOWN || (!t->url->is_loopback && !has_network()))
        snprintf(out, size, _("No network."));
    else if (sys == EHOSTUNREACH)
        snprintf(out, size, _("The server can not be reached from this network."));
    else if (sys == ETIMEDOUT)
        convex_no_answer(t->connect_ms, out, size);
    else
        snprintf(out, size, _("No connection to the server (%s)."),
                 sys != 0 ? strerrordesc_np((int)sys) : curl_easy_strerror(t->code));
}

static void timeout_problem(const struct convex_trouble *t, char *out, size_t size)
{
    curl_off_t request_us = 0;

    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &request_us);
    if (t->was_silent)
        convex_no_answer(t->answer_ms, out, size);
    else if (request_us > 0)
        snprintf(out, size, _("The connection is too slow."));
    else if (!t->url->is_loopback && !has_network())
        snprintf(out, size, _("No network."));
    else
        convex_no_answer(t->connect_ms, out, size);
}

void convex_problem(const struct convex_trouble *t, char *out, size_t size)
{
    switch (t->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        if (!t->url->is_loopback && !has_network())
            snprintf(out, size, _("No network."));
        else
            snprintf(out, size, _("Server name not found: %.120s."), t->url->host);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        snprintf(out, size, _("The proxy's name was not found."));
        break;
    case CURLE_COULDNT_CONNECT:
        connect_problem(t, out, size);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        timeout_problem(t, out, size);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        certificate_problem(t, out, size);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        snprintf(out, size,
                 _("The file of certificate authorities can not be used. Not connected."));
        break;
    case CURLE_SSL_CONNECT_ERROR:
        snprintf(out, size, _("No secure connection to the server. Not connected."));
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        snprintf(out, size, _("The connection broke before the answer was complete."));
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        snprintf(out, size,
                 _("What answered is not the server. Does this network want a sign-in?"));
        break;
    case CURLE_OUT_OF_MEMORY:
        snprintf(out, size, _("Out of memory."));
        break;
    default:
        snprintf(out, size, _("The server can not be reached (%s)."), curl_easy_strerror(t->code));
    }
}
