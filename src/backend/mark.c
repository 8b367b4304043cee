#include "src/backend/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#define MARK_SIZE 128 /* one line, below a disk sector: never torn */
#define MARK_FORMAT "outpost-mark 1 %36s %19lld %19lld\n"

struct mark {
    int fd;
    char *path;
};

enum rc backend_mark_open(const char *db_path, struct mark **out, struct err *err)
{
    struct buf path = { 0 };
    enum rc rc = RC_OK;
    int fd;

    buf_printf(&path, "%s.mark", db_path);
    fd = open(buf_str(&path), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT) {
        rc = file_replace(buf_str(&path), "", 0, 0600, err); /* makes the name durable too */
        if (!rc)
            fd = open(buf_str(&path), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (!rc && fd < 0)
        rc = err_sys(err, RC_IO, errno, "Cannot open %s", buf_str(&path));
    if (!rc) {
        *out = mem_zero(1, sizeof **out);
        (*out)->fd = fd;
        (*out)->path = buf_take(&path);
    }
    buf_done(&path);
    return rc;
}

void backend_mark_close(struct mark *mark)
{
    if (mark == NULL)
        return;
    close(mark->fd);
    free(mark->path);
    free(mark);
}

bool backend_mark_read(struct mark *mark, struct mark_state *out)
{
    char text[MARK_SIZE + 1], end;
    long long committed, ahead;
    ssize_t len = pread(mark->fd, text, MARK_SIZE, 0);

    if (len <= 0)
        return false;
    text[len] = '\0';
    if (sscanf(text, "outpost-mark 1 %36s %lld %lld%c", out->id, &committed, &ahead, &end) != 4 ||
        end != '\n')
        return false;
    out->committed = committed;
    out->ahead = ahead;
    return id_is_valid(out->id);
}

enum rc backend_mark_write(struct mark *mark, const struct mark_state *state, bool is_durable,
                           struct err *err)
{
    char text[MARK_SIZE];
    int len = snprintf(text, sizeof text, MARK_FORMAT, state->id, (long long)state->committed,
                       (long long)state->ahead);
    ssize_t written = pwrite(mark->fd, text, (size_t)len, 0);

    if (written != len)
        return err_sys(err, RC_IO, written < 0 ? errno : ENOSPC, "Cannot write %s", mark->path);
    if (is_durable && fdatasync(mark->fd) != 0)
        return err_sys(err, RC_IO, errno, "Cannot write %s", mark->path);
    return RC_OK;
}

enum rc backend_mark_before(struct mark *mark, int64_t last, int64_t rev, struct err *err)
{
    struct mark_state state;

    if (!backend_mark_read(mark, &state))
        return err_set(err, RC_IO, "%s is damaged; restart the backend.", mark->path);
    if (rev <= state.ahead)
        return RC_OK;
    if (state.committed < last)
        state.committed = last;
    state.ahead = rev + MARK_STEP;
    return backend_mark_write(mark, &state, true, err);
}

void backend_mark_after(struct mark *mark, int64_t rev)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%19lld", (long long)rev);

    /* Only these bytes: another process may just have moved `ahead`. Best effort: an older number
     * here only makes a restored backup harder to notice. */
    if (pwrite(mark->fd, text, (size_t)len, 15 + ID_LEN + 1) != len)
        return;
}
