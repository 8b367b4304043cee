#include "sync/convex/http_priv.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

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

static void put_seconds(char *out, size_t size, const char *before, int ms)
{
    int seconds = (ms + 999) / 1000;

    snprintf(out, size, "%s in %d %s.", before, seconds, seconds == 1 ? "second" : "seconds");
}

static const char *certificate_reason(const struct convex_trouble *t)
{
    /* OpenSSL's X509_V_ERR_ numbers, which curl hands on. */
    static const struct {
        long result;
        const char *reason;
    } reasons[] = {
        { 9, "not valid yet" },
        { 10, "expired" },
        { 18, "self-signed" },
        { 19, "from an unknown authority" },
        { 20, "from an unknown authority" },
        { 21, "from an unknown authority" },
        { 23, "revoked" },
    };
    long result = 0;

    curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &result);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].result == result)
            return reasons[i].reason;
    if (strstr(t->detail, "match") != NULL)
        return "made for another name";
    return t->detail[0] != '\0' ? t->detail : curl_easy_strerror(t->code);
}

static void connect_problem(const struct convex_trouble *t, char *out, size_t size)
{
    long sys = 0;

    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &sys);
    if (sys == ECONNREFUSED)
        snprintf(out, size, "The server refused the connection.");
    else if (sys == ENETUNREACH || sys == ENETDOWN || (!t->url->is_loopback && !has_network()))
        snprintf(out, size, "No network.");
    else if (sys == EHOSTUNREACH)
        snprintf(out, size, "The server can not be reached from this network.");
    else if (sys == ETIMEDOUT)
        put_seconds(out, size, "The server did not answer", t->connect_ms);
    else
        snprintf(out, size, "No connection to the server (%s).",
                 sys != 0 ? strerrordesc_np((int)sys) : curl_easy_strerror(t->code));
}

static void timeout_problem(const struct convex_trouble *t, char *out, size_t size)
{
    curl_off_t request_us = 0;

    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &request_us);
    if (t->was_silent)
        put_seconds(out, size, "The server did not answer", t->answer_ms);
    else if (request_us > 0)
        snprintf(out, size, "The connection is too slow.");
    else if (!t->url->is_loopback && !has_network())
        snprintf(out, size, "No network.");
    else
        put_seconds(out, size, "The server did not answer", t->connect_ms);
}

void convex_problem(const struct convex_trouble *t, char *out, size_t size)
{
    switch (t->code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        if (!t->url->is_loopback && !has_network())
            snprintf(out, size, "No network.");
        else
            snprintf(out, size, "Server name not found: %.120s.", t->url->host);
        break;
    case CURLE_COULDNT_RESOLVE_PROXY:
        snprintf(out, size, "The proxy's name was not found.");
        break;
    case CURLE_COULDNT_CONNECT:
        connect_problem(t, out, size);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        timeout_problem(t, out, size);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        snprintf(out, size, "The server's certificate is not valid (%.120s). Not connected.",
                 certificate_reason(t));
        break;
    case CURLE_SSL_CACERT_BADFILE:
        snprintf(out, size, "The file of certificate authorities can not be used. Not connected.");
        break;
    case CURLE_SSL_CONNECT_ERROR:
        snprintf(out, size, "No secure connection to the server. Not connected.");
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        snprintf(out, size, "The connection broke before the answer was complete.");
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        snprintf(out, size, "What answered is not the server. Does this network want a sign-in?");
        break;
    case CURLE_OUT_OF_MEMORY:
        snprintf(out, size, "Out of memory.");
        break;
    default:
        snprintf(out, size, "The server can not be reached (%s).", curl_easy_strerror(t->code));
    }
}
