/* tests/terminal/gate.h: a relay in front of the backend that holds what goes to it from a certain
 * request on: what the screen shows in the middle of something can be looked at for as long as it
 * takes.
 */
#ifndef TESTS_TERMINAL_GATE_H
#define TESTS_TERMINAL_GATE_H

#include <sys/types.h>

struct gate {
    pid_t pid;
    char url[64];
};

/* Holds the nth request that has `text` in it, and all such that come later; others go through. nth
 * 0: holds nothing. */
void gate_open(struct gate *gate, int backend_port, const char *text, int nth);
/* Holds no request, but of the answer to the first that has `text` in it, and to those that come later
 * on other connections, only so many bytes arrive, and nothing more. */
void gate_open_cut(struct gate *gate, int backend_port, const char *text, size_t bytes);
/* Lets what was held go on, and holds no more. */
void gate_release(struct gate *gate);
/* Lets one held request through, and holds the next. */
void gate_step(struct gate *gate);
/* Breaks every connection. Once more is fine. */
void gate_close(struct gate *gate);

#endif
