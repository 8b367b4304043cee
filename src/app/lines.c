#include "src/app/lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/i18n.h"

#define CHUNK 65536

static enum rc fill(struct lines *l, struct err *err)
{
    ssize_t n;

    buf_clear(&l->rest);
    l->rest_at = 0;
    buf_reserve(&l->rest, CHUNK);
    do {
        n = read(l->fd, l->rest.data, CHUNK);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_sys(err, RC_IO, errno, _("cannot read the input"));
    l->rest.len = (size_t)n;
    l->is_at_end = n == 0;
    return RC_OK;
}

enum rc lines_next(struct lines *l, struct err *err)
{
    bool has_some = false;

    buf_clear(&l->line);
    l->is_too_long = false;
    for (;;) {
        const char *start, *newline;
        size_t len;

        if (l->rest_at == l->rest.len) {
            enum rc rc = l->is_at_end ? RC_OK : fill(l, err);
            if (rc)
                return rc;
            if (l->is_at_end)
                break;
        }
        start = l->rest.data + l->rest_at;
        len = l->rest.len - l->rest_at;
        newline = memchr(start, '\n', len);
        if (newline)
            len = (size_t)(newline - start);
        has_some = true;
        l->rest_at += len + (newline != NULL);
        if (l->line.len + len > l->max_bytes)
            l->is_too_long = true;
        if (l->is_too_long)
            buf_clear(&l->line);
        else
            buf_append(&l->line, start, len);
        if (newline)
            break;
    }
    if (!has_some)
        return RC_NOT_FOUND;
    l->number++;
    return RC_OK;
}

bool lines_is_ready(const struct lines *l)
{
    struct pollfd fd = { .fd = l->fd, .events = POLLIN };

    if (l->is_at_end || (l->rest.len > l->rest_at &&
                         memchr(l->rest.data + l->rest_at, '\n', l->rest.len - l->rest_at)))
        return true;
    return poll(&fd, 1, 0) > 0;
}

void lines_done(struct lines *l)
{
    buf_done(&l->line);
    buf_done(&l->rest);
}
