/* base/file.h: small whole files and paths.
 *
 * Errors   sentences name the path. RC_NOT_FOUND when a file is not there, RC_FULL when the disk is.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file to *out; refuses more than max_bytes (RC_INVALID). */
enum rc file_read(const char *path, size_t max_bytes, struct buf *out, struct err *err);

/* Replaces the file at once: temporary file beside it, fsync, rename, fsync of the folder. */
enum rc file_replace(const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);

/* Makes a name that was made or moved in its folder last through a power cut. */
enum rc file_sync_name(const char *path, struct err *err);

/* Appends whole lines, and makes them and the name last. A line that a full disk had cut short is
 * ended first, so that it spoils no other. */
enum rc file_append_lines(const char *path, const struct buf *lines, struct err *err);

/* Makes the folder and those above it (mode 0700 for what it makes). */
enum rc file_make_dirs(const char *path, struct err *err);

bool file_exists(const char *path);

/* "DIR/NAME" on the heap. */
char *path_join(const char *dir, const char *name);

#endif
