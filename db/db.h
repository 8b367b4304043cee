/* db/db.h: the door of db/. SQLite is the single truth of the device: the screen reads only from here, sync
 * writes what the backend says here, and nothing else holds a record. db/ knows nothing of networks.
 *
 *   db/value.h     one value of a record
 *   db/registry.h  the tables, from their JSON definitions
 *   db/store.h     one database file: records, queue, windows, drafts, account, state (device side)
 *   db/push.h      what sync needs to send the queue and to apply answers
 *   db/pull.h      what sync needs to apply pages and to walk a table again
 *   db/process.h   several processes on one file: the bell, the sync lock
 *   db/sql.h       SQLite itself; only for db/ and the embedded backend
 *
 * Durable  which write is synced when:
 *   user's saves, queue, answers, account, tokens   synchronous=FULL: on disk before the call returns
 *   pulled rows, cursors, state for the status bar  synchronous=NORMAL: rows and their cursor in one transaction,
 *                                                   so a power cut loses both or none, and the page comes again
 *   drafts                                          NORMAL: survive a kill; the worker's next FULL write keeps them
 */
#ifndef DB_DB_H
#define DB_DB_H

#include "db/doctor.h"
#include "db/process.h"
#include "db/pull.h"
#include "db/push.h"
#include "db/registry.h"
#include "db/store.h"
#include "db/value.h"

#endif
