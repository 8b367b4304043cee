#include "tests/bench/process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static pid_t spawn(const char *const *argv, const char *input_file, int out_fd, const char *log)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, input_file == NULL ? "/dev/null" : input_file, O_RDONLY, 0);
    if (out_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    else
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int failed = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed) {
        fprintf(stderr, "bench: cannot start %s: %s\n", argv[0], strerror(failed));
        exit(2);
    }
    return pid;
}

pid_t process_start(const char *const *argv, const char *log)
{
    return spawn(argv, NULL, -1, log);
}

struct run process_wait(pid_t pid, double started)
{
    struct rusage usage;
    int status = 0;

    wait4(pid, &status, 0, &usage);
    return (struct run){ seconds_now() - started, usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1 };
}

struct run process_run(const char *const *argv, const char *input_file, const char *log)
{
    double started = seconds_now();

    return process_wait(spawn(argv, input_file, -1, log), started);
}

pid_t process_serve(const char *const *argv, const char *log, char *out, size_t size)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return 0;
    pid_t pid = spawn(argv, NULL, ends[1], log);
    close(ends[1]);
    FILE *lines = fdopen(ends[0], "r");
    char line[512] = "";
    while (fgets(line, sizeof line, lines) != NULL && strncmp(line, "listening ", 10) != 0) {
    }
    fclose(lines);
    if (strncmp(line, "listening ", 10) != 0) {
        process_stop(pid);
        return 0;
    }
    line[strcspn(line, "\n")] = '\0';
    snprintf(out, size, "%s", line + 10);
    return pid;
}

long process_peak_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (f != NULL)
        fclose(f);
    return kib;
}

void process_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}
