/* The copy that a rescue works on: the file itself is not touched. */
#include "db/rescue_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/log.h"

static enum rc copy_bytes(const char *from, const char *to, struct err *err)
{
    char bytes[65536];
    ssize_t n = -1;
    enum rc rc = RC_OK;
    int in = open(from, O_RDONLY | O_CLOEXEC), out;

    if (in < 0)
        return errno == ENOENT ? RC_NOT_FOUND
                               : err_sys(err, RC_IO, errno, _("Cannot read %s"), from);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    /* A disk that can not read a place reads it as nothing: the rest may still be there. */
    for (off_t at = 0; out >= 0 && (n = pread(in, bytes, sizeof bytes, at)) != 0; at += n) {
        if (n < 0 && errno == EIO) {
            n = 4096;
            memset(bytes, 0, (size_t)n);
        }
        if (n < 0 || pwrite(out, bytes, (size_t)n, at) != n)
            break;
    }
    if (out < 0 || n != 0)
        rc = err_sys(err, RC_IO, errno, _("Cannot copy %s to %s"), from, to);
    if (out >= 0)
        close(out);
    close(in);
    return rc;
}

void rescue_copy_remove(struct rescue_copy *copy)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

    for (size_t i = 0; copy->path != NULL && i < sizeof suffixes / sizeof *suffixes; i++) {
        struct buf path = { 0 };
        buf_printf(&path, "%s%s", copy->path, suffixes[i]);
        unlink(buf_str(&path));
        buf_done(&path);
    }
    if (copy->dir != NULL)
        rmdir(copy->dir);
    free(copy->dir);
    free(copy->path);
    free(copy->wal);
}

enum rc rescue_copy_make(const char *path, struct rescue_copy *copy, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    struct buf text = { 0 };
    enum rc rc;

    buf_printf(&text, "%s/outpost-rescue-XXXXXX",
               parent != NULL && *parent == '/' ? parent : "/tmp");
    copy->dir = buf_take(&text);
    if (mkdtemp(copy->dir) == NULL) {
        rc = err_sys(err, RC_IO, errno, _("Cannot make %s"), copy->dir);
        free(copy->dir);
        copy->dir = NULL;
        return rc;
    }
    copy->path = path_join(copy->dir, "store.db");
    copy->wal = path_join(copy->dir, "store.db-wal");
    rc = copy_bytes(path, copy->path, err);
    if (rc)
        return rc == RC_NOT_FOUND ? err_set(err, rc, _("%s does not exist."), path) : rc;
    buf_printf(&text, "%s-wal", path);
    rc = copy_bytes(buf_str(&text), copy->wal, err);
    buf_done(&text);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* sqlite.org/fileformat2.html, section 1.3. */
void rescue_copy_header(const struct rescue_copy *copy)
{
    /* Page size 4096, WAL, payload fractions. */
    static const unsigned char start[24] = "SQLite format 3\0\x10\0\1\1\0\x40\x20\x20";
    unsigned char header[100] = { 0 };
    int fd = open(copy->path, O_RDWR | O_CLOEXEC);
    off_t pages = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / RESCUE_PAGE_SIZE;

    memcpy(header, start, sizeof start);
    header[27] = header[95] =
        1; /* change counter, and the one that the size in pages is valid for */
    for (int i = 0; i < 4; i++)
        header[28 + i] = (unsigned char)(pages >> (24 - 8 * i));
    header[47] = 4; /* schema format */
    header[59] = 1; /* UTF-8 */
    if (fd >= 0 && pwrite(fd, header, sizeof header, 0) != (ssize_t)sizeof header)
        log_warn("db", "rescue: the copy can not be written");
    if (fd >= 0)
        close(fd);
}
