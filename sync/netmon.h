/* sync/netmon.h: hears from the kernel when links, addresses and routes change.
 *
 * What it says is a hint, never proof: an uplink can die without any event, a link comes up before
 * its route does, and interfaces that have nothing to do with the server (containers, tunnels) come
 * and go. So NETMON_UP means "try now", and NETMON_DOWN "ask whether the server is still there";
 * only an answer from the server decides. Router advertisements and wireless scans repeat NETMON_UP now
 * and then: who is online may ignore it.
 *
 * Threads  a struct netmon belongs to one thread.
 * Timing   one change makes a burst of events (down: a link, several routes and addresses; up: two
 *          links and routes). The caller waits until it was quiet for 200 ms before it acts.
 * Source   rtnetlink(7), netlink(7).
 */
#ifndef SYNC_NETMON_H
#define SYNC_NETMON_H

#include "base/err.h"

struct netmon;

enum netmon_hint { NETMON_NONE, NETMON_UP, NETMON_DOWN };

/* Needs no rights. RC_IO when the kernel has no rtnetlink for us: go on by timers alone. */
enum rc netmon_open(struct netmon **out, struct err *err);
void netmon_close(struct netmon *mon);

/* Readable when there is something to read. Borrowed: poll it, do not read or close it. */
int netmon_fd(const struct netmon *mon);

/* Reads all that waits, without blocking. The last change that matters decides; when events were
 * lost, NETMON_UP. */
enum netmon_hint netmon_read(struct netmon *mon);

#endif
