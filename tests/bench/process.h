/* tests/bench/process.h: children as the operating system sees them: how long they ran, how much memory they took. */
#ifndef TESTS_BENCH_PROCESS_H
#define TESTS_BENCH_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

double seconds_now(void);               /* CLOCK_MONOTONIC */

struct run {
    double wall_s;
    long peak_kib;
    int status;                         /* exit code; -1 when a signal ended it */
};

/* Runs argv[0] (NULL-ended) with input on stdin (or /dev/null); its stdout and stderr go to `log` (appended). */
struct run process_run(const char *const *argv, const char *input_file, const char *log);

/* Starts it and returns; stdout's first line that begins with "listening " is copied to out. 0 when it never came. */
pid_t process_serve(const char *const *argv, const char *log, char *out, size_t size);
pid_t process_start(const char *const *argv, const char *log);
/* Waits for a started one. */
struct run process_wait(pid_t pid, double started);
long process_peak_kib(pid_t pid);       /* VmHWM of a running one */
void process_stop(pid_t pid);           /* SIGTERM, waits */

#endif
