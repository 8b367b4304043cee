#include "base/id.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* sodium_init is idempotent and takes a lock: so the first use may be in any thread. */
static void random_bytes(void *out, size_t size)
{
    if (sodium_init() < 0)
        abort();                        /* no randomness on this machine: an id would be a lie */
    randombytes_buf(out, size);
}

void id_new(int64_t wall_ms, char out[ID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
    unsigned char b[16];
    size_t at = 0;

    random_bytes(b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0F));       /* version 7 */
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));       /* variant 10 */
    for (size_t i = 0; i < sizeof b; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[b[i] >> 4];
        out[at++] = hex[b[i] & 0x0F];
    }
    out[at] = '\0';
}

bool id_is_valid(const char *s)
{
    for (int i = 0; i < ID_LEN; i++) {
        bool is_dash_place = i == 8 || i == 13 || i == 18 || i == 23;
        bool is_hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

        if (is_dash_place ? s[i] != '-' : !is_hex)
            return false;               /* an early NUL ends here too */
    }
    return s[ID_LEN] == '\0';
}

void id_token(char out[ID_TOKEN_SIZE])
{
    unsigned char secret[32];

    random_bytes(secret, sizeof secret);
    sodium_bin2base64(out, ID_TOKEN_SIZE, secret, sizeof secret,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(secret, sizeof secret);
}

bool id_is_word(const char *s)
{
    size_t len = 0;

    for (; s[len]; len++) {
        char c = s[len];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (len == 64 || !(is_letter || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return len > 0;
}

uint64_t id_random(void)
{
    uint64_t v;

    random_bytes(&v, sizeof v);
    return v;
}
