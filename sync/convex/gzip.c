#include "sync/convex/http_priv.h"

#include <limits.h>
#include <zlib.h>

bool convex_gzip(const struct buf *in, struct buf *out)
{
    z_stream z = { 0 };
    bool is_good;

    if (in->len > INT_MAX ||
        deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    buf_reserve(out, in->len);
    z.next_in = (Bytef *)in->data;
    z.avail_in = (uInt)in->len;
    z.next_out = (Bytef *)out->data;
    z.avail_out = (uInt)in->len;
    is_good = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (is_good) {
        out->len = in->len - z.avail_out;
        out->data[out->len] = '\0';
    } else {
        buf_done(out);
    }
    deflateEnd(&z);
    return is_good;
}
