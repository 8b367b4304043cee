#include "src/app/config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

const struct config_key config_keys[] = {
    { .name = "server", .fallback = "", .kind = CONFIG_TEXT },
    { .name = "ca_file", .fallback = "", .kind = CONFIG_PATH },
    { .name = "insecure", .fallback = "no", .kind = CONFIG_SWITCH },
    { .name = "poll", .fallback = "60", .kind = CONFIG_SECONDS, .min = 1, .max = 86400 },
    { .name = "log_level",
      .fallback = "info",
      .kind = CONFIG_WORD,
      .words = "error warn info debug" },
    { .name = "log_max", .fallback = "1m", .kind = CONFIG_BYTES, .min = 4096, .max = 1 << 30 },
    { .name = "tables_dir", .fallback = "", .kind = CONFIG_PATH },
    { .name = "escdelay", .fallback = "", .kind = CONFIG_MS, .min = 1, .max = 1000 },
    /* The screen itself knows which values are right (ui_config_set). */
    { .name = "marks", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "scan", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "bell", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "link", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "color", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "theme", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "charset", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "reader", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "flow", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = "key.", .fallback = "", .kind = CONFIG_TEXT, .is_for_screen = true },
    { .name = NULL },
};

struct reading {
    struct config *config;
    const char *path;
    FILE *file;
    int line;
};

void config_done(struct config *config)
{
    for (size_t i = 0; i < config->count; i++) {
        free(config->items[i].name);
        free(config->items[i].value);
    }
    for (size_t i = 0; i < config->warning_count; i++)
        free(config->warnings[i]);
    free(config->items);
    free(config->warnings);
    *config = (struct config){ 0 };
}

static void warn(struct reading *r, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void warn(struct reading *r, int line, const char *fmt, ...)
{
    struct config *config = r->config;
    char sentence[400];
    struct buf whole = { 0 };
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, ap);
    va_end(ap);
    buf_printf(&whole, "%s:%d: %s", r->path, line, sentence);
    config->warnings =
        mem_grow(config->warnings, config->warning_count + 1, sizeof *config->warnings);
    config->warnings[config->warning_count++] = buf_take(&whole);
}

static const struct config_key *find_key(const char *name)
{
    for (const struct config_key *key = config_keys; key->name; key++) {
        size_t len = strlen(key->name);
        bool is_family = key->name[len - 1] == '.';

        if (is_family ? strncmp(name, key->name, len) == 0 && name[len]
                      : strcmp(name, key->name) == 0)
            return key;
    }
    return NULL;
}

/* A whole number and an optional unit. */
static bool parse_number(enum config_kind kind, const char *s, int64_t *out)
{
    long long v;
    int64_t unit = 1;
    char *end;

    if (!isdigit((unsigned char)s[0]))
        return false;
    errno = 0;
    v = strtoll(s, &end, 10);
    if (errno || v > INT64_MAX / (1 << 20))
        return false;
    if (*end && !end[1]) {
        switch (kind == CONFIG_SECONDS || kind == CONFIG_BYTES ? tolower((unsigned char)*end) : 0) {
        case 's':
            unit = kind == CONFIG_SECONDS ? 1 : 0;
            break;
        case 'h':
            unit = kind == CONFIG_SECONDS ? 3600 : 0;
            break;
        case 'm':
            unit = kind == CONFIG_SECONDS ? 60 : 1 << 20;
            break;
        case 'k':
            unit = kind == CONFIG_BYTES ? 1 << 10 : 0;
            break;
        default:
            unit = 0;
            break;
        }
        end++;
    }
    if (*end || unit == 0)
        return false;
    *out = v * unit;
    return true;
}

static bool parse_switch(const char *s, bool *out)
{
    static const char *const yes[] = { "yes", "true", "on", "1" };
    static const char *const no[] = { "no", "false", "off", "0" };

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
            *out = strcasecmp(s, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static bool is_one_of(const char *words, const char *s)
{
    size_t len = strlen(s);

    for (const char *at = words; len && !strchr(s, ' ') && (at = strstr(at, s)) != NULL;
         at += len) {
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    }
    return false;
}

static const char *const number_words[] = {
    [CONFIG_SECONDS] = N_("seconds (60, 90s, 5m, 1h)"),
    [CONFIG_MS] = N_("milliseconds"),
    [CONFIG_BYTES] = N_("bytes (65536, 512k, 1m)"),
};

static bool check_value(struct reading *r, const struct config_key *key, const char *name,
                        const char *value)
{
    int64_t number;
    bool flag;

    if (!text_is_valid(value, strlen(value))) {
        warn(r, r->line, _("%s is not UTF-8"), name);
        return false;
    }
    switch (key->kind) {
    case CONFIG_TEXT:
    case CONFIG_PATH:
        return true;
    case CONFIG_SWITCH:
        if (parse_switch(value, &flag))
            return true;
        warn(r, r->line, _("%s is yes or no, not \"%.40s\""), name, value);
        return false;
    case CONFIG_WORD:
        if (is_one_of(key->words, value))
            return true;
        warn(r, r->line, _("%s is one of: %s; not \"%.40s\""), name, key->words, value);
        return false;
    case CONFIG_SECONDS:
    case CONFIG_MS:
    case CONFIG_BYTES:
        if (parse_number(key->kind, value, &number) && number >= key->min && number <= key->max)
            return true;
        warn(r, r->line, _("%s is a number of %s, from %lld to %lld; not \"%.40s\""), name,
             _(number_words[key->kind]), (long long)key->min, (long long)key->max, value);
        return false;
    }
    return false;
}

static char *copy_value(const struct config_key *key, const char *value)
{
    const char *home = getenv("HOME");
    struct buf path = { 0 };

    if (key->kind != CONFIG_PATH || strncmp(value, "~/", 2) != 0 || !home)
        return mem_strdup(value);
    buf_printf(&path, "%s%s", home, value + 1);
    return buf_take(&path);
}

static int on_item(void *user, const char *section, const char *name, const char *value)
{
    struct reading *r = user;
    struct config *config = r->config;
    const struct config_key *key = find_key(name);

    if (section[0])
        warn(r, r->line, _("the file has no sections; [%.40s] is not looked at"), section);
    else if (!key)
        warn(r, r->line, _("there is no key \"%.60s\"; see: outpost help config"), name);
    else if (check_value(r, key, name, value)) {
        config->items = mem_grow(config->items, config->count + 1, sizeof *config->items);
        config->items[config->count++] = (struct config_item){
            .key = key,
            .name = mem_strdup(name),
            .value = copy_value(key, value),
            .line = r->line,
        };
    }
    return 1;
}

/* fgets for inih, which counts lines for the warnings, and keeps a line whole: one that does not
 * fit is left out. */
static char *read_line(char *str, int num, void *stream)
{
    struct reading *r = stream;
    size_t len;
    int c;

    if (!fgets(str, num, r->file))
        return NULL;
    r->line++;
    len = strlen(str);
    if (len && str[len - 1] != '\n' && !feof(r->file)) {
        warn(r, r->line, _("the line is longer than %d bytes"), num - 2);
        while ((c = getc(r->file)) != EOF && c != '\n')
            continue;
        str[0] = '\0';
    }
    return str;
}

enum rc config_read(const char *path, struct config *out, struct err *err)
{
    struct config config = { 0 };
    struct reading r = { .config = &config, .path = path };
    enum rc rc = RC_OK;
    int bad_line;

    r.file = fopen(path, "re");
    if (!r.file)
        return err_sys(err, errno == ENOENT ? RC_NOT_FOUND : RC_IO, errno, _("cannot open %s"),
                       path);
    bad_line = ini_parse_stream(read_line, &r, on_item, &r);
    if (bad_line < 0)
        rc = err_set(err, RC_NOMEM, _("there is no memory to read %s"), path);
    else if (ferror(r.file))
        rc = err_sys(err, RC_IO, errno, _("cannot read %s"), path);
    else if (bad_line > 0)
        warn(&r, bad_line, _("this is not NAME = VALUE"));
    fclose(r.file);
    if (rc)
        config_done(&config);
    else
        *out = config;
    return rc;
}

const char *config_text(const struct config *config, const char *name)
{
    const struct config_key *key = find_key(name);

    for (size_t i = config->count; i > 0; i--) {
        if (strcmp(config->items[i - 1].name, name) == 0)
            return config->items[i - 1].value[0] ? config->items[i - 1].value : NULL;
    }
    return key && key->fallback[0] ? key->fallback : NULL;
}

bool config_switch(const struct config *config, const char *name)
{
    const char *s = config_text(config, name);
    bool flag = false;

    return s && parse_switch(s, &flag) && flag;
}

int64_t config_number(const struct config *config, const char *name)
{
    const struct config_key *key = find_key(name);
    const char *s = config_text(config, name);
    int64_t v = 0;

    return key && s && parse_number(key->kind, s, &v) ? v : 0;
}
