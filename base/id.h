/* base/id.h: identifiers. Randomness comes from libsodium (a simulation replaces its source with
 * randombytes_set_implementation).
 *
 * Source   UUIDv7: RFC 9562 section 5.7. Tokens: URL-safe base64 without padding, RFC 4648 section 5.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_LEN 36
#define ID_SIZE (ID_LEN + 1)
#define ID_TOKEN_SIZE 44                        /* 32 random bytes as text, with the NUL */

void id_new(int64_t wall_ms, char out[ID_SIZE]);        /* UUIDv7, lower case */
bool id_is_valid(const char *s);                        /* lower-case UUID text of any version, exactly 36 bytes */
void id_token(char out[ID_TOKEN_SIZE]);                 /* 256 random bits */
bool id_is_word(const char *s);                         /* 1 to 64 of [A-Za-z0-9-]: deviceId and runId */
uint64_t id_random(void);                               /* 64 random bits */

#endif
