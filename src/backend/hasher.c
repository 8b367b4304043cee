#include "src/backend/hasher.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/mem.h"

#define THREADS 2
#define WAITING_MOST 32 /* some 3 s of work: who waits longer had better try again */

struct job {
    struct backend_hash *hash;
    void *ctx;
    bool is_run;
    struct job *next;
};

struct queue {
    struct job *first, **end;
};

struct hasher {
    pthread_t threads[THREADS];
    int thread_count, fd;

    pthread_mutex_t lock; /* guards the fields below; never held across a hash */
    pthread_cond_t has_work;
    struct queue waiting, finished;
    int waiting_count;
    bool is_stopping;
};

static void queue_init(struct queue *q)
{
    q->first = NULL;
    q->end = &q->first;
}

static void queue_put(struct queue *q, struct job *job)
{
    job->next = NULL;
    *q->end = job;
    q->end = &job->next;
}

static struct job *queue_get(struct queue *q)
{
    struct job *job = q->first;

    if (job == NULL)
        return NULL;
    q->first = job->next;
    if (q->first == NULL)
        q->end = &q->first;
    return job;
}

static void ring(const struct hasher *h)
{
    uint64_t one = 1;

    while (write(h->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

static void *work(void *ctx)
{
    struct hasher *h = ctx;

    pthread_mutex_lock(&h->lock);
    for (;;) {
        while (h->waiting.first == NULL && !h->is_stopping)
            pthread_cond_wait(&h->has_work, &h->lock);
        if (h->is_stopping)
            break;
        struct job *job = queue_get(&h->waiting);
        h->waiting_count--;
        pthread_mutex_unlock(&h->lock);
        backend_hash_run(job->hash);
        job->is_run = true;
        pthread_mutex_lock(&h->lock);
        queue_put(&h->finished, job);
        ring(h);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

enum rc hasher_start(struct hasher **out, struct err *err)
{
    struct hasher *h = mem_zero(1, sizeof *h);

    h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->fd < 0) {
        free(h);
        return err_sys(err, RC_IO, errno, "Cannot make an eventfd");
    }
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->has_work, NULL);
    queue_init(&h->waiting);
    queue_init(&h->finished);
    for (int i = 0; i < THREADS; i++) {
        int code = pthread_create(&h->threads[i], NULL, work, h);
        if (code != 0) {
            hasher_free(h);
            return err_sys(err, RC_IO, code, "Cannot start a thread");
        }
        h->thread_count++;
    }
    *out = h;
    return RC_OK;
}

void hasher_stop(struct hasher *h)
{
    struct job *job;

    pthread_mutex_lock(&h->lock);
    h->is_stopping = true;
    pthread_cond_broadcast(&h->has_work);
    pthread_mutex_unlock(&h->lock);
    for (int i = 0; i < h->thread_count; i++)
        pthread_join(h->threads[i], NULL);
    h->thread_count = 0;
    while ((job = queue_get(&h->waiting)) != NULL)
        queue_put(&h->finished, job);
}

void hasher_free(struct hasher *h)
{
    struct job *job;

    if (h == NULL)
        return;
    hasher_stop(h);
    while ((job = queue_get(&h->finished)) != NULL) {
        backend_hash_cancel(job->hash);
        free(job);
    }
    pthread_cond_destroy(&h->has_work);
    pthread_mutex_destroy(&h->lock);
    close(h->fd);
    free(h);
}

int hasher_fd(const struct hasher *h)
{
    return h->fd;
}

bool hasher_submit(struct hasher *h, struct backend_hash *hash, void *ctx)
{
    pthread_mutex_lock(&h->lock);
    bool has_room = h->waiting_count < WAITING_MOST && !h->is_stopping;
    if (has_room) {
        struct job *job = mem_zero(1, sizeof *job);

        job->hash = hash;
        job->ctx = ctx;
        queue_put(&h->waiting, job);
        h->waiting_count++;
        pthread_cond_signal(&h->has_work);
    }
    pthread_mutex_unlock(&h->lock);
    return has_room;
}

bool hasher_take(struct hasher *h, struct backend_hash **hash, void **ctx, bool *is_run)
{
    uint64_t count;

    pthread_mutex_lock(&h->lock);
    struct job *job = queue_get(&h->finished);
    if (job == NULL)
        (void)!read(h->fd, &count, sizeof count);
    pthread_mutex_unlock(&h->lock);
    if (job == NULL)
        return false;
    *hash = job->hash;
    *ctx = job->ctx;
    *is_run = job->is_run;
    free(job);
    return true;
}
