/* The bell (inotify on PATH.bell) and the lock of the one process that syncs (fcntl(2) on PATH.lock). */
#include "db/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/mem.h"

struct db_bell {
    int fd;
};

static int open_beside(const char *db_path, const char *suffix)
{
    struct buf path = { 0 };

    buf_printf(&path, "%s%s", db_path, suffix);
    int fd = open(buf_str(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    buf_done(&path);
    return fd;
}

enum rc db_bell_open(const char *db_path, struct db_bell **out, struct err *err)
{
    struct buf path = { 0 };
    enum rc rc = RC_OK;

    int file = open_beside(db_path, ".bell");
    if (file >= 0)
        close(file);
    buf_printf(&path, "%s.bell", db_path);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || inotify_add_watch(fd, buf_str(&path), IN_MODIFY | IN_CLOSE_WRITE) < 0) {
        rc = err_sys(err, RC_IO, errno, _("Cannot watch %s"), buf_str(&path));
        if (fd >= 0)
            close(fd);
    } else {
        *out = mem_zero(1, sizeof **out);
        (*out)->fd = fd;
    }
    buf_done(&path);
    return rc;
}

void db_bell_close(struct db_bell *bell)
{
    if (bell == NULL)
        return;
    close(bell->fd);
    free(bell);
}

int db_bell_fd(const struct db_bell *bell)
{
    return bell->fd;
}

void db_bell_read(struct db_bell *bell)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(bell->fd, events, sizeof events) > 0) {
    }
}

/* ---- lock ---- */

struct db_lock {
    int fd;
    bool is_held;
};

enum rc db_lock_open(const char *db_path, struct db_lock **out, struct err *err)
{
    int fd = open_beside(db_path, ".lock");

    if (fd < 0)
        return err_sys(err, RC_IO, errno, _("Cannot open %s.lock"), db_path);
    *out = mem_zero(1, sizeof **out);
    (*out)->fd = fd;
    return RC_OK;
}

void db_lock_close(struct db_lock *lock)
{
    if (lock == NULL)
        return;
    close(lock->fd);
    free(lock);
}

static struct flock whole_file(short type)
{
    return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

enum rc db_lock_try(struct db_lock *lock, struct err *err)
{
    struct flock want = whole_file(F_WRLCK);

    if (fcntl(lock->fd, F_SETLK, &want) == 0) {
        lock->is_held = true;
        return RC_OK;
    }
    if (errno == EACCES || errno == EAGAIN)
        return err_set(err, RC_BUSY, _("Another process syncs this store."));
    return err_sys(err, RC_IO, errno, _("Cannot lock the store for sync"));
}

void db_lock_release(struct db_lock *lock)
{
    struct flock none = whole_file(F_UNLCK);

    fcntl(lock->fd, F_SETLK, &none);
    lock->is_held = false;
}

bool db_lock_is_held(const struct db_lock *lock)
{
    return lock->is_held;
}

/* The state letter of /proc/PID/stat comes after the name, which may itself hold parentheses. */
static bool is_process_stopped(pid_t pid)
{
    char path[64];
    struct buf text = { 0 };
    struct err ignored;
    bool stopped = false;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (file_read(path, 4096, &text, &ignored) == RC_OK) {
        const char *end = strrchr(buf_str(&text), ')');
        stopped = end != NULL && end[1] == ' ' && (end[2] == 'T' || end[2] == 't');
    }
    buf_done(&text);
    return stopped;
}

pid_t db_lock_holder(struct db_lock *lock, bool *is_stopped)
{
    struct flock who = whole_file(F_WRLCK);

    *is_stopped = false;
    if (lock->is_held)
        return getpid();
    if (fcntl(lock->fd, F_GETLK, &who) != 0 || who.l_type == F_UNLCK || who.l_pid <= 0)
        return 0;
    *is_stopped = is_process_stopped(who.l_pid);
    return who.l_pid;
}

int db_lock_watch(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}
