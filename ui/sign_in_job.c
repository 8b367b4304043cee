#include "ui/sign_in_job.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/mem.h"

#define SIGN_OUT_LAST_MS 1000   /* the program ends: so much longer for a backend that answers */

struct sign_in_job {
    pthread_t thread;
    bool is_joined;
    int done_fd, stop_fd;       /* eventfds, made before the thread */
    struct sync_sign_in how;    /* copies */
    /* Written by the thread, read after the join. */
    struct sync_identity identity;
    struct err err;
    enum rc rc;
};

struct sign_out_job {
    pthread_t thread;
    int done_fd, stop_fd;       /* eventfds, made before the thread */
    char *server, *token, *ca_file;
    bool insecure;
};

static char *copy(const char *s)
{
    return s ? mem_strdup(s) : NULL;
}

static void drop_secret(const char *s)
{
    char *own = (char *)(uintptr_t)s;

    if (own)
        explicit_bzero(own, strlen(own));
    free(own);
}

/* An eventfd always takes a first write. */
static void tell(int fd)
{
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one);

    (void)written;
}

static void *sign_in_run(void *ctx)
{
    struct sign_in_job *job = ctx;

    job->rc = sync_sign_in(&job->how, &job->identity, &job->err);
    tell(job->done_fd);
    return NULL;
}

struct sign_in_job *sign_in_job_start(const struct sync_sign_in *how, struct err *err)
{
    struct sign_in_job *job = mem_zero(1, sizeof *job);
    int number;

    job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->how = *how;
    job->how.server = copy(how->server);
    job->how.email = copy(how->email);
    job->how.password = copy(how->password);
    job->how.token = copy(how->token);
    job->how.ca_file = copy(how->ca_file);
    job->how.stop_fd = job->stop_fd;
    number = job->done_fd < 0 || job->stop_fd < 0
                 ? errno
                 : pthread_create(&job->thread, NULL, sign_in_run, job);
    if (number) {
        job->is_joined = true;
        sign_in_job_free(job);
        (void)err_sys(err, RC_IO, number, "signing in could not start");
        return NULL;
    }
    return job;
}

int sign_in_job_fd(const struct sign_in_job *job)
{
    return job->done_fd;
}

static void join(struct sign_in_job *job)
{
    if (!job->is_joined)
        (void)pthread_join(job->thread, NULL);
    job->is_joined = true;
}

enum rc sign_in_job_take(struct sign_in_job *job, struct sync_identity *identity, struct err *err)
{
    join(job);
    if (job->rc) {
        *err = job->err;
        return job->rc;
    }
    *identity = job->identity;
    job->identity = (struct sync_identity){ 0 };
    return RC_OK;
}

void sign_in_job_free(struct sign_in_job *job)
{
    if (!job)
        return;
    if (!job->is_joined)
        tell(job->stop_fd);
    join(job);
    if (job->done_fd >= 0)
        (void)close(job->done_fd);
    if (job->stop_fd >= 0)
        (void)close(job->stop_fd);
    free((char *)(uintptr_t)job->how.server);
    free((char *)(uintptr_t)job->how.email);
    free((char *)(uintptr_t)job->how.ca_file);
    drop_secret(job->how.password);
    drop_secret(job->how.token);
    sync_identity_done(&job->identity);
    free(job);
}

static void *sign_out_run(void *ctx)
{
    struct sign_out_job *job = ctx;

    sync_sign_out(job->server, job->token, job->ca_file, job->insecure, job->stop_fd);
    tell(job->done_fd);
    return NULL;
}

static void sign_out_wipe(struct sign_out_job *job)
{
    free(job->server);
    free(job->ca_file);
    drop_secret(job->token);
    if (job->done_fd >= 0)
        (void)close(job->done_fd);
    if (job->stop_fd >= 0)
        (void)close(job->stop_fd);
    free(job);
}

struct sign_out_job *sign_out_job_start(const char *server, const char *token, const char *ca_file,
                                        bool insecure)
{
    struct sign_out_job *job = mem_zero(1, sizeof *job);

    job->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    job->server = copy(server);
    job->token = copy(token);
    job->ca_file = copy(ca_file);
    job->insecure = insecure;
    if (job->done_fd >= 0 && job->stop_fd >= 0 &&
        pthread_create(&job->thread, NULL, sign_out_run, job) == 0)
        return job;
    sign_out_wipe(job);         /* best effort: the session ends by itself at the backend */
    return NULL;
}

void sign_out_job_free(struct sign_out_job *job)
{
    struct pollfd done;

    if (!job)
        return;
    done = (struct pollfd){ .fd = job->done_fd, .events = POLLIN };
    (void)poll(&done, 1, SIGN_OUT_LAST_MS);
    tell(job->stop_fd);
    (void)pthread_join(job->thread, NULL);
    sign_out_wipe(job);
}
