#include "ui/rescue.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <term.h>
#include "base/mem.h"

#define RESTORE_MAX 512
#define TICK_MS 100             /* how often a write that is not taken is looked at */

/* What a crash handler needs, made beforehand because it may call next to nothing. */
static struct {
    volatile sig_atomic_t is_set;
    struct termios before;
    char bytes[RESTORE_MAX];
    size_t len;
} rescue;

static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
#define CRASH_SIGNALS (sizeof crash_signals / sizeof crash_signals[0])
static struct sigaction crash_before[CRASH_SIGNALS];

void rescue_write(const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, len);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return;
        bytes += done;
        len -= (size_t)done;
    }
}

/* ---- crashes ---- */

/* Only async-signal-safe calls. */
static void rescue_now(void)
{
    if (!rescue.is_set)
        return;
    rescue.is_set = 0;
    rescue_write(rescue.bytes, rescue.len);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &rescue.before);
}

/* Gives the terminal back, then lets the signal do what it would have done (core file, a
 * sanitizer's report). */
static void on_crash(int number)
{
    int saved = errno;

    rescue_now();
    for (size_t i = 0; i < CRASH_SIGNALS; i++) {
        if (crash_signals[i] == number)
            (void)sigaction(number, &crash_before[i], NULL);
    }
    errno = saved;
    (void)raise(number);
}

static void on_exhausted(void)
{
    static const char line[] = "outpost: out of memory; what was saved and the draft are kept\n";
    ssize_t written;

    rescue_now();
    written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;                      /* nobody is left to tell */
    /* Other exit handlers would free what is in use. */
    _exit(1);
}

/* Appends a capability without its padding ($<5>). */
static void rescue_add(const char *name)
{
    const char *s = tigetstr(name);

    if (!s || s == (const char *)-1)
        return;
    while (*s && rescue.len < RESTORE_MAX) {
        if (s[0] == '$' && s[1] == '<' && strchr(s, '>'))
            s = strchr(s, '>') + 1;
        else
            rescue.bytes[rescue.len++] = *s++;
    }
}

void rescue_set(const struct termios *before, const char *first)
{
    static const char *const undo[] = { "sgr0", "op", "cnorm", "rmkx", "rmcup" };
    struct sigaction action = { 0 };

    rescue.before = *before;
    rescue.len = strlen(first);
    memcpy(rescue.bytes, first, rescue.len);
    for (size_t i = 0; i < sizeof undo / sizeof undo[0]; i++)
        rescue_add(undo[i]);
    action.sa_handler = on_crash;
    action.sa_flags = SA_ONSTACK;
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        (void)sigaction(crash_signals[i], &action, &crash_before[i]);
    rescue.is_set = 1;
    mem_on_exhausted(on_exhausted);
}

void rescue_reset(void)
{
    rescue.is_set = 0;
    mem_on_exhausted(NULL);
    for (size_t i = 0; i < CRASH_SIGNALS; i++)
        (void)sigaction(crash_signals[i], &crash_before[i], NULL);
}

/* ---- a terminal that takes nothing ---- */

static volatile sig_atomic_t was_stuck;
static volatile sig_atomic_t ticks_left, end_ticks_left;

/* Only async-signal-safe calls. */
bool rescue_end_is_asked(void)
{
    static const int numbers[] = { SIGHUP, SIGTERM, SIGQUIT };
    sigset_t waiting;

    if (sigpending(&waiting) != 0)
        return false;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigismember(&waiting, numbers[i]) == 1)
            return true;
    }
    return false;
}

/* The write that curses is in gets room, and goes on. (tcflush is async-signal-safe.) */
static void on_tick(int number)
{
    int saved = errno;

    (void)number;
    if (ticks_left > 0)
        ticks_left--;
    if (end_ticks_left > 0 && rescue_end_is_asked())
        end_ticks_left--;
    if (ticks_left > 0 && end_ticks_left > 0)
        return;
    was_stuck = 1;
    (void)tcflush(STDOUT_FILENO, TCOFLUSH);
    errno = saved;
}

/* To this thread alone: the signal must interrupt its write, not another thread's sleep. */
void guard_init(struct guard *g)
{
    struct sigaction action = { .sa_handler = on_tick };
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };

    event._sigev_un._tid = gettid();
    sigemptyset(&action.sa_mask);
    g->is_made = sigaction(SIGALRM, &action, NULL) == 0 &&
                 timer_create(CLOCK_MONOTONIC, &event, &g->timer) == 0;
}

static void guard_set(struct guard *g, long tick_ns)
{
    struct itimerspec when = { .it_value.tv_nsec = tick_ns, .it_interval.tv_nsec = tick_ns };

    if (g->is_made)
        (void)timer_settime(g->timer, 0, &when, NULL);
}

void guard_start(struct guard *g, int wait_ms)
{
    was_stuck = 0;
    ticks_left = wait_ms / TICK_MS;
    end_ticks_left = GUARD_END_MS / TICK_MS;
    guard_set(g, TICK_MS * 1000000L);
}

bool guard_stop(struct guard *g)
{
    guard_set(g, 0);
    return was_stuck != 0;
}

void guard_done(struct guard *g)
{
    if (g->is_made)
        (void)timer_delete(g->timer);
    *g = (struct guard){ 0 };
}
