#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

#define LINE_MAX_BYTES 2000
#define ROTATE_TRIES 20

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};

static struct {
    pthread_mutex_t lock;               /* guards all below; held for one line */
    bool is_open;
    int fd;
    char *path;
    enum log_level level;
    size_t max_bytes;
} state = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

enum rc log_open(const char *path, enum log_level level, size_t max_bytes, struct err *err)
{
    int fd = open_file(path);

    if (fd < 0)
        return err_sys(err, RC_IO, errno, _("cannot open the log %s"), path);
    log_close();
    pthread_mutex_lock(&state.lock);
    state.is_open = true;
    state.fd = fd;
    state.path = mem_strdup(path);
    state.level = level;
    state.max_bytes = max_bytes;
    pthread_mutex_unlock(&state.lock);
    return RC_OK;
}

void log_close(void)
{
    pthread_mutex_lock(&state.lock);
    if (state.is_open) {
        close(state.fd);
        free(state.path);
        state.path = NULL;
        state.is_open = false;
    }
    pthread_mutex_unlock(&state.lock);
}

bool log_level_from_name(const char *name, enum log_level *out)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

/* Takes a fresh descriptor when the name no longer means our file. Keeps the old one when that
 * fails. */
static void follow_name(void)
{
    struct stat ours, named;
    int fd;

    if (fstat(state.fd, &ours) != 0)
        return;
    if (stat(state.path, &named) == 0 && named.st_ino == ours.st_ino &&
        named.st_dev == ours.st_dev)
        return;
    fd = open_file(state.path);
    if (fd < 0)
        return;
    close(state.fd);
    state.fd = fd;
}

static bool is_full(size_t len)
{
    struct stat ours;

    return fstat(state.fd, &ours) == 0 && ours.st_size > 0 &&
           (size_t)ours.st_size + len > state.max_bytes;
}

/* Renames our file, unless its name means a fresh one already. */
static void put_aside(void)
{
    struct stat ours, named;
    struct buf old = { 0 };

    buf_printf(&old, "%s.1", state.path);
    if (fstat(state.fd, &ours) == 0 && stat(state.path, &named) == 0 &&
        named.st_ino == ours.st_ino && named.st_dev == ours.st_dev &&
        rename(state.path, old.data) != 0) {
        /* The old file cannot be put aside: better short of history than without a limit. */
        int ignored = ftruncate(state.fd, 0);
        (void)ignored;
    }
    buf_done(&old);
}

/* Makes room for a line of len bytes. Of several processes that find the file full, the one that
 * has the file lock renames it; the others must not rename the fresh file once more. They give it a
 * moment, and not more: the holder may be a stopped process, and then the file grows past its
 * limit. */
static void rotate_if_full(size_t len)
{
    const struct timespec moment = { .tv_nsec = 1000000 };

    for (int tries = 0; tries < ROTATE_TRIES && is_full(len); tries++) {
        if (flock(state.fd, LOCK_EX | LOCK_NB) == 0) {
            put_aside();
            flock(state.fd, LOCK_UN);
        } else {
            nanosleep(&moment, NULL);
        }
        follow_name();
    }
}

static void format_line(struct buf *line, enum log_level level, const char *module,
                        const char *fmt, va_list ap)
{
    char when[32], sentence[LINE_MAX_BYTES];

    clock_iso(clock_wall(&clock_system), when, sizeof when);
    vsnprintf(sentence, sizeof sentence, fmt, ap);
    buf_printf(line, "%s %s %ld %s: ", when, level_names[level], (long)getpid(), module);
    text_display(sentence, strlen(sentence), TEXT_LINE, line);
    buf_putc(line, '\n');
}

static void write_line(enum log_level level, const char *module, const char *fmt, va_list ap)
{
    int errno_before = errno;

    pthread_mutex_lock(&state.lock);
    if (state.is_open && level <= state.level) {
        struct buf line = { 0 };
        ssize_t written;

        format_line(&line, level, module, fmt, ap);
        follow_name();
        rotate_if_full(line.len);
        written = write(state.fd, line.data, line.len);
        (void)written;                  /* a log that cannot be written has nowhere to say so */
        buf_done(&line);
    }
    pthread_mutex_unlock(&state.lock);
    errno = errno_before;
}

void log_error(const char *module, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_ERROR, module, fmt, ap);
    va_end(ap);
}

void log_warn(const char *module, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_WARN, module, fmt, ap);
    va_end(ap);
}

void log_info(const char *module, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_INFO, module, fmt, ap);
    va_end(ap);
}

void log_debug(const char *module, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    write_line(LOG_DEBUG, module, fmt, ap);
    va_end(ap);
}
