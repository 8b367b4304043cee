/* tests/terminal/world.h: what a terminal test lives in: a folder of its own, a real backend on
 * loopback with one account, and the real program on a device's data folder.
 */
#ifndef TESTS_TERMINAL_WORLD_H
#define TESTS_TERMINAL_WORLD_H

#include <stdbool.h>
#include <sys/types.h>
#include "tests/terminal/term.h"

#define WORLD_EMAIL "maria@example.org"
#define WORLD_PASSWORD "a long secret"

struct world {
    char dir[256];
    bool has_tables;            /* the backend serves the definitions in DIR/tables, too */
    bool has_tls;               /* it speaks TLS */
    char server[64];            /* http://127.0.0.1:PORT */
    int port;                   /* 0: chosen at the first start */
    pid_t backend;              /* 0: down */
    struct term term;
    bool has_term;
};

/* cmocka setup and teardown: *state is a struct world with the backend up. */
int world_make(void **state);
int world_remove(void **state);

void world_backend_up(struct world *w);                 /* on the same port as before */
void world_backend_down(struct world *w);
/* From now on by TLS, with a certificate of its own that the device trusts. The backend starts anew. */
void world_speak_tls(struct world *w);
void world_backend_kill(struct world *w);               /* at once, in the middle of an answer */
void world_password(struct world *w, const char *password); /* ends every session of the account */
void world_seed(struct world *w, int count);            /* invented records, at the backend */

/* What the office does on the web: signs in anew and calls a function of the backend
 * ("records:remove"). `args` is what goes between the braces behind the protocol. The answer must
 * be a success. */
void world_office(struct world *w, const char *path, const char *args);
/* The client id of the record with that title. */
void world_client_id(struct world *w, const char *title, char out[64]);

/* Runs `outpost ARGS` (NULL-terminated) on the device, with `input` on stdin; its exit code must be
 * `code`. */
void world_run(struct world *w, int code, const char *input, const char *const *args);
/* The same with nothing on stdin and exit code 0; appends what it says on stdout. */
void world_output(struct world *w, const char *const *args, struct buf *out);
void world_sign_in(struct world *w); /* on the command line, with the first sync */
void world_add(struct world *w, const char *const *sets);       /* COL=VALUE ..., NULL-terminated */

/* Writes a file of the world, in a folder that is made if it is missing. */
void world_write(const struct world *w, const char *folder, const char *name, const char *text);
/* A definition of the tasks with a priority, "urgent", that the backend does not know. */
extern const char world_more_choices[];
#define WORLD_TABLES "no-config/outpost/tables"         /* the folder of the device's definitions */

const char *world_program(void);                        /* path of `outpost` */
/* Opens the screen. env: more NAME=VALUE, NULL-terminated, or NULL. */
struct term *world_open(struct world *w, int rows, int cols, const char *const *env);
/* A title row: `left`, and at the right end, before column `end`, the user (or "") and this host's
 * name. Valid until the next call. */
const char *world_title(const char *left, const char *user, int end);
void world_close(struct world *w);                      /* whatever runs in the terminal */

#endif
