/* base/log.h: the log file. One line an event: UTC time, level, process id, module, sentence. Ids and
 * counts only: never what users typed, never tokens. Nothing ever goes to the terminal. A sentence is
 * made displayable, so that no path or answer can write a line of its own, and is cut at 2,000 bytes.
 *
 * Threads  any. The open log is the one piece of global state here; open it before the first thread.
 * Size     at max_bytes the file becomes FILE.1 (one old file is kept). Lines are written with one write(2)
 *          to an O_APPEND descriptor, so that several processes may share the file. A process that is
 *          stopped while it renames holds the others up for 20 ms a line, and they write on.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Creates the file 0600. Until it is called, and after log_close, lines go nowhere. */
enum rc log_open(const char *path, enum log_level level, size_t max_bytes, struct err *err);
void log_close(void);
bool log_level_from_name(const char *name, enum log_level *out);

void log_error(const char *module, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *module, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *module, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_debug(const char *module, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
