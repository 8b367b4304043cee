/* base/buf.h: a growing byte buffer. All zero is a valid empty one. The bytes are always followed
 * by a NUL that len does not count, except in the all-zero state, where buf_str gives "".
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len, cap;
};

void buf_done(struct buf *b);                           /* frees and zeroes */
void buf_clear(struct buf *b);                          /* empties, keeps the room */
void buf_reserve(struct buf *b, size_t more);
void buf_append(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_put_i64(struct buf *b, int64_t v);             /* decimal; several times faster than printf */
const char *buf_str(const struct buf *b);               /* borrowed, until the next change */
char *buf_take(struct buf *b);                          /* moves the bytes out (free() them), never NULL */

#endif
