#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/i18n.h"
#include "base/mem.h"

#define CHUNK 65536

enum rc file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err)
{
    size_t before = out->len;
    enum rc rc = RC_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        rc = errno == ENOENT || errno == ENOTDIR ? RC_NOT_FOUND : RC_IO;
        return err_sys(err, rc, errno, _("cannot open %s"), path);
    }
    for (;;) {
        ssize_t n;

        buf_reserve(out, CHUNK);
        n = read(fd, out->data + out->len, CHUNK);
        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = err_sys(err, RC_IO, errno, _("cannot read %s"), path);
            goto out;
        }
        out->len += (size_t)n;
        if (out->len - before > max_bytes) {
            rc = err_set(err, RC_INVALID, _("%s is larger than %zu bytes"), path, max_bytes);
            goto out;
        }
    }
out:
    if (rc)
        out->len = before;
    out->data[out->len] = '\0';
    close(fd);
    return rc;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

enum rc file_sync_name(const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == path ? mem_strdup("/")
                   : slash       ? mem_strndup(path, (size_t)(slash - path))
                                 : mem_strdup(".");
    enum rc rc = RC_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* EINVAL: a file system that cannot sync a folder; there is no more to be had from it. */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL))
        rc = err_sys(err, RC_IO, errno, _("cannot sync the folder %s"), folder);
    if (fd >= 0)
        close(fd);
    free(folder);
    return rc;
}

enum rc file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
    struct buf temporary = { 0 };
    bool is_made = false;
    enum rc rc = RC_OK;
    int fd;

    buf_printf(&temporary, "%s.XXXXXX", path);
    fd = mkostemp(temporary.data, O_CLOEXEC);
    if (fd < 0) {
        rc = err_sys(err, RC_IO, errno, _("cannot make a file beside %s"), path);
        goto out;
    }
    is_made = true;
    if (!write_all(fd, bytes, len) || fchmod(fd, mode) != 0 || fsync(fd) != 0) {
        rc = err_sys(err, RC_IO, errno, _("cannot write %s"), path);
        goto out;
    }
    if (rename(temporary.data, path) != 0) {
        rc = err_sys(err, RC_IO, errno, _("cannot replace %s"), path);
        goto out;
    }
    is_made = false;
    rc = file_sync_name(path, err);
out:
    if (fd >= 0)
        close(fd);
    if (is_made)
        unlink(temporary.data);
    buf_done(&temporary);
    return rc;
}

enum rc file_append_lines(const char *path, const struct buf *lines, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    enum rc rc = RC_OK;
    char last = '\n';

    if (end < 0 || (end > 0 && pread(fd, &last, 1, end - 1) < 0) ||
        (last != '\n' && !write_all(fd, "\n", 1)) || !write_all(fd, lines->data, lines->len) ||
        fsync(fd) != 0)
        rc = err_sys(err, RC_IO, errno, _("cannot write %s"), path);
    if (fd >= 0 && close(fd) != 0 && rc == RC_OK)
        rc = err_sys(err, RC_IO, errno, _("cannot write %s"), path);
    return rc ? rc : file_sync_name(path, err);
}

/* One folder, which may be there already. */
static enum rc make_dir(const char *path, struct err *err)
{
    struct stat st;
    int failed;

    if (mkdir(path, 0700) == 0)
        return RC_OK;
    failed = errno;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            return RC_OK;
        failed = ENOTDIR;
    }
    return err_sys(err, RC_IO, failed, _("cannot make the folder %s"), path);
}

enum rc file_make_dirs(const char *path, struct err *err)
{
    char *part;
    enum rc rc = RC_OK;

    if (!*path)
        return err_set(err, RC_INVALID, _("a folder needs a name"));
    part = mem_strdup(path);
    for (char *p = part + 1; *p && !rc; p++) {
        if (*p != '/' || p[-1] == '/')
            continue;
        *p = '\0';
        rc = make_dir(part, err);
        *p = '/';
    }
    if (!rc)
        rc = make_dir(part, err);
    free(part);
    return rc;
}

bool file_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

char *path_join(const char *dir, const char *name)
{
    struct buf path = { 0 };

    buf_puts(&path, dir);
    if (path.len > 0 && path.data[path.len - 1] != '/')
        buf_putc(&path, '/');
    buf_puts(&path, name);
    return buf_take(&path);
}
