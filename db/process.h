/* db/process.h: several processes and threads on one database file: the bell that says that something was
 * committed, and the lock of the one process that syncs.
 *
 * Threads  a bell watch belongs to one thread; the lock to the process (fcntl(2) locks die with it).
 */
#ifndef DB_PROCESS_H
#define DB_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"

/* Every COMMIT that changed something writes one byte to PATH.bell; a watch is an inotify on it. (inotify on
 * the WAL itself fires before the commit is visible.) It fires as well when a process closes the bell or dies: perhaps
 * between its COMMIT and the byte. After it fires, ask db_has_changed. */
struct db_bell;
enum rc db_bell_open(const char *db_path, struct db_bell **out, struct err *err);
void db_bell_close(struct db_bell *bell);
int db_bell_fd(const struct db_bell *bell);             /* borrowed: poll it for reading */
void db_bell_read(struct db_bell *bell);                /* empties it */

/* PATH.lock, opened once per process and file: closing any descriptor of it would drop the lock. */
struct db_lock;
enum rc db_lock_open(const char *db_path, struct db_lock **out, struct err *err);
void db_lock_close(struct db_lock *lock);               /* releases it */
/* RC_OK: held now (also when it was); RC_BUSY: another process has it. */
enum rc db_lock_try(struct db_lock *lock, struct err *err);
void db_lock_release(struct db_lock *lock);
bool db_lock_is_held(const struct db_lock *lock);
/* Who has it: 0 nobody. *is_stopped: that process is frozen (SIGSTOP, SIGTSTP). */
pid_t db_lock_holder(struct db_lock *lock, bool *is_stopped);
/* A descriptor that becomes readable when pid ends (pidfd_open); yours to close; -1 when there is none to be had. */
int db_lock_watch(pid_t pid);

#endif
