#include "src/app/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/mem.h"

enum rc outfile_open(struct outfile *out, const char *path, struct err *err)
{
    struct buf name = { 0 };
    int fd;

    if (!path || strcmp(path, "-") == 0) {
        out->to = stdout;
        return RC_OK;
    }
    buf_printf(&name, "%s.XXXXXX", path);
    out->temporary = buf_take(&name);
    fd = mkostemp(out->temporary, O_CLOEXEC); /* 0600 */
    if (fd < 0) {
        free(out->temporary);
        out->temporary = NULL;
        return err_sys(err, RC_IO, errno, _("cannot write %s"), path);
    }
    out->path = mem_strdup(path);
    out->to = fdopen(fd, "w");
    if (!out->to) {
        close(fd);
        return err_sys(err, RC_IO, errno, _("cannot write %s"), path);
    }
    return RC_OK;
}

enum rc outfile_finish(struct outfile *out, struct err *err)
{
    FILE *to = out->to;

    if (!out->path)
        return RC_OK; /* print_close looks at stdout */
    out->to = NULL;
    errno = 0;
    if (fflush(to) != 0 || ferror(to) || fsync(fileno(to)) != 0) {
        err_sys(err, RC_IO, errno ? errno : EIO, _("cannot write %s"), out->path);
        fclose(to);
        return err->rc;
    }
    if (fclose(to) != 0 || rename(out->temporary, out->path) != 0)
        return err_sys(err, RC_IO, errno, _("cannot write %s"), out->path);
    free(out->temporary);
    out->temporary = NULL;
    return file_sync_name(out->path, err);
}

void outfile_done(struct outfile *out)
{
    if (out->path && out->to)
        fclose(out->to);
    if (out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    free(out->path);
    *out = (struct outfile){ 0 };
}
