#include "src/backend/pack.h"

#define ZLIB_CONST
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib's way to ask for gzip and nothing else */
#define STEP (64u << 10)

bool pack_gzip(const char *bytes, size_t len, struct buf *out)
{
    z_stream z = { 0 };

    if (deflateInit2(&z, 1, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t most = deflateBound(&z, len);
    buf_reserve(out, most + 1);
    z.next_in = (const Bytef *)bytes;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)out->data + out->len;
    z.avail_out = (uInt)most;
    bool is_done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (is_done) {
        out->len += z.total_out;
        out->data[out->len] = '\0';
    }
    deflateEnd(&z);
    return is_done;
}

enum unpack_result unpack_gzip(const char *bytes, size_t len, size_t most, struct buf *out)
{
    enum unpack_result result = UNPACK_BROKEN;
    z_stream z = { 0 };
    int code = Z_OK;

    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return UNPACK_BROKEN;
    z.next_in = (const Bytef *)bytes;
    z.avail_in = (uInt)len;
    while (code == Z_OK) {
        buf_reserve(out, STEP + 1);
        z.next_out = (Bytef *)out->data + out->len;
        z.avail_out = STEP;
        code = inflate(&z, Z_NO_FLUSH);
        out->len += STEP - z.avail_out;
        out->data[out->len] = '\0';
        if (out->len > most) {
            result = UNPACK_TOO_LARGE;
            break;
        }
    }
    if (code == Z_STREAM_END && result != UNPACK_TOO_LARGE && z.avail_in == 0)
        result = UNPACK_OK;
    inflateEnd(&z);
    return result;
}
