/* src/app/config.h: the config file (INI, read by inih) and what its keys mean. The reference is
 * assets/config/outpost.conf; a test holds it to the table of keys here.
 *
 * Precedence  command line > environment > config file > default; the first two are applied in
 *             main.c. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum config_kind {
    CONFIG_TEXT,
    CONFIG_PATH,    /* ~/ in front is HOME */
    CONFIG_SWITCH,  /* yes, no */
    CONFIG_WORD,    /* one of `words` */
    CONFIG_SECONDS, /* 60, 60s, 5m, 1h */
    CONFIG_MS,      /* 25 */
    CONFIG_BYTES    /* 512k, 1m */
};

struct config_key {
    const char *name;     /* "key." stands for every name that begins so */
    const char *fallback; /* the default; "" for none */
    enum config_kind kind;
    const char *words;  /* CONFIG_WORD: apart by blanks */
    int64_t min, max;   /* numbers: in s, ms or bytes */
    bool is_for_screen; /* ui_config_set takes it */
};

extern const struct config_key config_keys[]; /* a name NULL ends it */

struct config_item {
    const struct config_key *key;
    char *name, *value;
    int line;
};

struct config { /* all zero is valid; config_done frees */
    struct config_item *items;
    size_t count;
    char **warnings; /* "FILE:LINE: sentence" */
    size_t warning_count;
};
void config_done(struct config *config);

/* A line that is not understood is left out and becomes a warning; the others count.
 * RC_NOT_FOUND: no such file. */
enum rc config_read(const char *path, struct config *out, struct err *err);

/* The value in the file or the default; NULL when there is neither. */
const char *config_text(const struct config *config, const char *name);
bool config_switch(const struct config *config, const char *name);
/* s, ms or bytes. */
int64_t config_number(const struct config *config, const char *name);

#endif
