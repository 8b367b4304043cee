/* ui/sign_in_job.h: what must wait for the network, in a helper thread, so that the screen does
 * not: signing in, and telling the backend of a sign-out.
 *
 * Threads  all calls are for the UI thread. A job's own thread touches only the job.
 */
#ifndef UI_SIGN_IN_JOB_H
#define UI_SIGN_IN_JOB_H

#include <stdbool.h>
#include "base/err.h"
#include "sync/sync.h"

struct sign_in_job;

/* Copies what it needs. NULL when no thread could be had (*err says why). */
struct sign_in_job *sign_in_job_start(const struct sync_sign_in *how, struct err *err);
int sign_in_job_fd(const struct sign_in_job *job);      /* readable when it is done; borrowed */
/* Waits for the end (it has come when the fd is readable). *identity: yours, on RC_OK. */
enum rc sign_in_job_take(struct sign_in_job *job, struct sync_identity *identity, struct err *err);
/* Tells it to give up, waits, and frees it. NULL is fine. */
void sign_in_job_free(struct sign_in_job *job);

struct sign_out_job;
struct sign_out_job *sign_out_job_start(const char *server, const char *token, const char *ca_file,
                                        bool insecure);
void sign_out_job_free(
    struct sign_out_job *job); /* waits for its end, some 5 s at most; NULL is fine */

#endif
