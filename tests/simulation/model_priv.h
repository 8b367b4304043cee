/* model_priv.h: what the files of the model share. Private to model.c and loss.c. */
#ifndef SIMULATION_MODEL_PRIV_H
#define SIMULATION_MODEL_PRIV_H

#include "tests/simulation/sim.h"

struct op {
    char op_id[ID_SIZE];
    int device;
    size_t record;
    int writes[COLUMNS_MAX]; /* which write of the user each column carries; 0: not in `set` */
    char *set;               /* as it was first sent: it never changes under one id */
    bool has_receipt;        /* it has taken effect, or a newer one that replaces it has */
    bool is_forgotten;       /* by its device, whose disk was put back; it may arrive yet */
    bool is_answered;        /* its device has read a result of it */
    bool is_discarded;       /* by its user; it may arrive yet */
    bool is_sent;            /* as far as its device can know */
    int refusals;            /* that the device was told of */
};

struct model {
    struct model_record *records;
    size_t record_count, record_room;
    struct op *ops;
    size_t op_count, op_room;
    int conflicts[ACCOUNTS];
};

char *model_json(const struct cJSON *json);                     /* yours; NULL is null */
int model_find_write(const struct writes *w, const char *json); /* 0: nobody typed it */
struct op *model_find_op(struct model *m, const char *op_id);   /* NULL: never sent */

#endif
