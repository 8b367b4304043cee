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
 * Durable  Every write is one transaction in WAL mode. FULL: the WAL is synced (fdatasync) before the call returns, and
 *          with it all that was committed before. NORMAL: it survives the death of its process, and a power cut takes it
 *          whole or not at all, together with what was committed after it, but nothing older.
 *
 *   FULL    db_save, db_batch_end, db_queue_edit,       what the user did is acknowledged only when it is on disk
 *           db_queue_retry, db_queue_discard,           (with the want for a new run, in the same transaction)
 *           db_state_work_offline
 *           db_push_take                                an op is marked sent before its first byte leaves: what may have
 *                                                       arrived is never sent under a new id without naming the old one
 *           db_push_apply, _unhold, _hold_all           an answer counts once; its op is never sent again
 *           db_account_write, db_account_tokens         a used refresh token is worth nothing: the new one must be there
 *           db_apply_slice, db_walk_finish, new epoch   they put changes back into the queue; what they remove is in
 *                                                       PATH.recovered.jsonl first (synced)
 *           db_doctor that repairs; migrations, and tables made or grown (db_open)
 *   NORMAL  db_apply_slice, db_walk_begin, _finish      rows and the cursor that covers them in one transaction: a power
 *                                                       cut loses both or none, and the page comes again
 *           db_state_write, _want, _answer              for display, or asked again by whoever waits
 *           db_draft_put, _drop                         typing never waits for the disk; a kill loses nothing, and the next
 *                                                       FULL write of any process keeps it
 *
 *           db_open of a DB_SYNCER or DB_COMMAND checkpoints, and so syncs what a process left that was killed within its
 *           COMMIT: from then on it is shown. Checkpoints sync the WAL before they write to the file, and the file before
 *           the WAL is used anew. The folder of a new file is synced with the first sync of its WAL.
 *
 *   Shown by tests/unit/store_durable_test.c (the calls above: synced or not), tests/simulation (power cuts that drop or
 *   tear what was not synced, at any write; invariants 1, 8 and 11), tests/torture (kill -9 of the real programs; each
 *   file operation fails once, or for good).
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
