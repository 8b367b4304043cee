/* tests/bench/relay.h: a relay in front of the backend that counts the bytes of both directions: what goes over the
 * wire, headers included. Never in the way of a run that is timed. */
#ifndef TESTS_BENCH_RELAY_H
#define TESTS_BENCH_RELAY_H

#include <stdint.h>

struct relay;

struct relay *relay_open(const char *backend_url, char *url, int size);
int64_t relay_bytes(struct relay *relay);       /* since the last call, both directions */
void relay_close(struct relay *relay);

#endif
