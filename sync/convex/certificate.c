#include "sync/convex/http_priv.h"

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <time.h>

/* curl says that a certificate is out of its time, but not which day that was: it hands on no
 * certificate that was refused. OpenSSL calls this for each one of the chain, and keeps its own
 * verdict: SSL_CTX_set_verify(3), X509_STORE_CTX_get_ex_data(3). */
static int look_at(int is_valid, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    int64_t *limit = ssl != NULL ? SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)) : NULL;
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    int error = X509_STORE_CTX_get_error(store);
    const ASN1_TIME *at = NULL;
    struct tm tm;

    if (!is_valid && certificate != NULL && error == X509_V_ERR_CERT_HAS_EXPIRED)
        at = X509_get0_notAfter(certificate);
    else if (!is_valid && certificate != NULL && error == X509_V_ERR_CERT_NOT_YET_VALID)
        at = X509_get0_notBefore(certificate);
    if (at != NULL && limit != NULL && ASN1_TIME_to_tm(at, &tm) == 1)
        *limit = (int64_t)timegm(&tm) * 1000;
    return is_valid;
}

static CURLcode watch(CURL *easy, void *ssl_ctx, void *limit)
{
    (void)easy;
    SSL_CTX_set_app_data(ssl_ctx, limit);
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, look_at);
    return CURLE_OK;
}

void convex_watch_certificate(CURL *easy, int64_t *limit_ms)
{
    /* A libcurl without OpenSSL does not know these: then no day is known. */
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, watch);
    (void)curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, limit_ms);
}
