#include "src/backend/backend.h"

#include <sodium.h>
#include <stdlib.h>
#include "base/mem.h"
#include "src/backend/mark.h"
#include "src/backend/store.h"

enum rc backend_open(const struct backend_options *options, struct backend **out, struct err *err)
{
    struct backend *b;
    enum rc rc;

    if (sodium_init() < 0)
        return err_set(err, RC_INTERNAL, "This machine gives no random numbers.");
    b = mem_zero(1, sizeof *b);
    b->registry = options->registry;
    b->clock = options->clock;
    b->signup = options->signup;
    b->quick_hash = options->quick_hash;
    rc = backend_store_open(b, options, err);
    if (!rc)
        rc = backend_fit_tables(b, err);
    if (rc)
        backend_close(b);
    else
        *out = b;
    return rc;
}

void backend_close(struct backend *b)
{
    if (b == NULL)
        return;
    sql_close(b->sql);
    backend_mark_close(b->mark);
    free(b->instance_name);
    free(b);
}

enum rc backend_epoch_new(struct backend *b, char out[64], struct err *err)
{
    enum rc rc = backend_store_begin(b, err);

    if (!rc)
        rc = backend_epoch_change(b, out, err);
    if (!rc)
        rc = backend_store_commit(b, 0, err);
    backend_store_end(b);
    return rc;
}

void backend_answer_done(struct backend_answer *answer)
{
    buf_done(&answer->body);
    backend_hash_cancel(answer->hash);
    answer->hash = NULL;
}
