/* src/backend/pack.h: gzip, both ways, with a limit on what comes out. Source: RFC 1952. Private to
 * src/backend. */
#ifndef BACKEND_PACK_H
#define BACKEND_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"

enum unpack_result { UNPACK_OK, UNPACK_BROKEN, UNPACK_TOO_LARGE };

/* Level 1: on a small server the processor is dearer than the last tenth of the line. False: no
 * memory. */
bool pack_gzip(const char *bytes, size_t len, struct buf *out);

/* One whole gzip member and nothing behind it. */
enum unpack_result unpack_gzip(const char *bytes, size_t len, size_t most, struct buf *out);

#endif
