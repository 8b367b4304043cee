/* src/app/paths.h: where things lie, and who this device is.
 *
 * Source  XDG Base Directory Specification 0.8: a variable that is no absolute path is ignored.
 */
#ifndef APP_PATHS_H
#define APP_PATHS_H

#include <stdbool.h>
#include "base/clock.h"
#include "base/err.h"

struct paths {      /* all zero is valid; paths_done frees */
    char *data_dir; /* accounts, device, the database files */
    char *config_file;
    bool is_config_named; /* by the user: then it must be there */
    char *tables_dir;     /* definitions beside the config file */
    char *log_file;       /* under the data dir when that was named */
};
void paths_done(struct paths *paths);

/* data_dir, config: as named on the command line or in the environment, or NULL. RC_INVALID: no
 * HOME. Makes nothing. */
enum rc paths_find(const char *data_dir, const char *config, struct paths *out, struct err *err);

/* The id of this device (base/id.h: a word), made once for a data directory, however many
 * processes ask at once. *out: yours. RC_CORRUPT: the file holds something else. */
enum rc paths_device(const char *data_dir, const struct clock *clock, char **out, struct err *err);

#endif
