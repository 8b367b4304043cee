#include "src/app/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "src/app/print.h"

#define ANSWER_MAX 1024

int stop_open(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGQUIT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

bool stop_is_asked(int stop_fd)
{
    struct pollfd fd = { .fd = stop_fd, .events = POLLIN };

    return stop_fd >= 0 && poll(&fd, 1, 0) > 0;
}

/* One line from fd into line (ANSWER_MAX bytes), without its newline, read byte by byte: what
 * follows is not ours. */
static enum rc read_line(int fd, int stop_fd, char *line, struct err *err)
{
    size_t len = 0;

    for (;;) {
        struct pollfd fds[2] = { { .fd = fd, .events = POLLIN },
                                 { .fd = stop_fd, .events = POLLIN } };
        ssize_t n;

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return err_sys(err, RC_IO, errno, _("cannot read the answer"));
        if (fds[1].revents)
            return err_set(err, RC_CANCELLED, _("stopped"));
        if (!fds[0].revents)
            continue;
        n = read(fd, line + len, 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return err_sys(err, RC_IO, errno, _("cannot read the answer"));
        if (n == 0 && len == 0)
            return err_set(err, RC_CANCELLED, _("there was no answer"));
        if (n == 0 || line[len] == '\n')
            break;
        if (++len == ANSWER_MAX - 1)
            return err_set(err, RC_INVALID, _("the answer is longer than %d bytes"),
                           ANSWER_MAX - 2);
    }
    if (len && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    return RC_OK;
}

enum rc prompt_line(const char *label, bool is_secret, int stop_fd, char **out, struct err *err)
{
    struct termios before, quiet;
    struct sigaction ignore = { .sa_handler = SIG_IGN }, old_stop;
    char line[ANSWER_MAX];
    enum rc rc;

    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return err_set(err, RC_INVALID, _("there is no terminal to ask on"));
    quiet = before;
    if (is_secret)
        quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
    quiet.c_lflag |= ICANON | ISIG;
    /* ^Z would give the shell a terminal without echo. */
    sigaction(SIGTSTP, &ignore, &old_stop);
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    say(stderr, "%s", label);
    fflush(stderr);
    rc = read_line(STDIN_FILENO, stop_fd, line, err);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    sigaction(SIGTSTP, &old_stop, NULL);
    if (is_secret || rc)
        fputc('\n', stderr);
    if (rc == RC_OK)
        *out = mem_strdup(line);
    explicit_bzero(line, sizeof line);
    return rc;
}

enum rc prompt_read_secret(const char *path, int stop_fd, char **out, struct err *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    char line[ANSWER_MAX];
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    enum rc rc;

    if (fd < 0)
        return err_sys(err, RC_IO, errno, _("cannot open %s"), path);
    rc = read_line(fd, stop_fd, line, err);
    if (rc == RC_CANCELLED && !stop_is_asked(stop_fd))
        rc = err_set(err, RC_INVALID, _("%s holds no password"), is_stdin ? _("the input") : path);
    if (rc == RC_OK)
        *out = mem_strdup(line);
    explicit_bzero(line, sizeof line);
    if (!is_stdin)
        close(fd);
    return rc;
}
