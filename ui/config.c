#include "ui/ui.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/buf.h"
#include "base/mem.h"
#include "ui/keymap.h"

enum setting_kind { SETTING_COLOR, SETTING_THEME, SETTING_LINK, SETTING_BELL, SETTING_FLAG };

/* One setting: its words, in the order of the numbers that they stand for, empty ones not
 * offered. */
struct setting {
    const char *name;
    enum setting_kind kind;
    const char *words[4];
    size_t flag;                /* SETTING_FLAG: offset of the bool */
};

static const struct setting settings[] = {
    { "color", SETTING_COLOR, { "auto", "never" }, 0 },
    { "theme", SETTING_THEME, { "plain", "contrast" }, 0 },
    { "link", SETTING_LINK, { "auto", "fast", "slow" }, 0 },
    { "bell", SETTING_BELL, { "auto", "none", "visual", "audible" }, 0 },
    { "marks", SETTING_FLAG, { "ascii", "utf8" }, offsetof(struct ui_config, utf8_marks) },
    { "charset", SETTING_FLAG, { "auto", "ascii" }, offsetof(struct ui_config, ascii) },
    { "flow", SETTING_FLAG, { "none", "xon" }, offsetof(struct ui_config, flow_xon) },
    { "reader", SETTING_FLAG, { "no", "yes" }, offsetof(struct ui_config, reader) },
    { "scan", SETTING_FLAG, { "prefix", "burst" }, offsetof(struct ui_config, scan_burst) },
};

static void setting_store(struct ui_config *config, const struct setting *setting, int number)
{
    switch (setting->kind) {
    case SETTING_COLOR:
        config->color = (enum ui_color)number;
        break;
    case SETTING_THEME:
        config->theme = (enum ui_theme)number;
        break;
    case SETTING_LINK:
        config->link = (enum ui_link)number;
        break;
    case SETTING_BELL:
        config->bell = (enum ui_bell)number;
        break;
    case SETTING_FLAG:
        *(bool *)((char *)config + setting->flag) = number == 1;
        break;
    }
}

static enum rc setting_set(struct ui_config *config, const struct setting *setting,
                           const char *value, struct err *err)
{
    struct buf offered = { 0 };
    enum rc rc = RC_OK;
    int number = -1;

    for (int i = 0; i < 4 && setting->words[i]; i++) {
        if (strcasecmp(value, setting->words[i]) == 0)
            number = i;
        buf_printf(&offered, "%s%s", i ? ", " : "", setting->words[i]);
    }
    if (number < 0)
        rc = err_set(err, RC_INVALID, "%s is one of: %s", setting->name, buf_str(&offered));
    else
        setting_store(config, setting, number);
    buf_done(&offered);
    return rc;
}

static void key_set(struct ui_config *config, const char *action, const char *keys)
{
    for (size_t i = 0; i < config->key_count; i++) {
        if (strcmp(config->keys[i].action, action) == 0) {
            free(config->keys[i].keys);
            config->keys[i].keys = mem_strdup(keys);
            return;
        }
    }
    config->keys = mem_grow(config->keys, config->key_count + 1, sizeof *config->keys);
    config->keys[config->key_count++] = (struct ui_key_setting){
        .action = mem_strdup(action),
        .keys = mem_strdup(keys),
    };
}

enum rc ui_config_set(struct ui_config *config, const char *name, const char *value,
                      struct err *err)
{
    enum rc rc;

    if (strncmp(name, "key.", 4) == 0) {
        rc = keymap_check(name + 4, value, err);
        if (rc == RC_OK)
            key_set(config, name + 4, value);
        return rc;
    }
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        if (strcmp(settings[i].name, name) == 0)
            return setting_set(config, &settings[i], value, err);
    }
    return RC_NOT_FOUND;
}

void ui_config_done(struct ui_config *config)
{
    for (size_t i = 0; i < config->key_count; i++) {
        free(config->keys[i].action);
        free(config->keys[i].keys);
    }
    free(config->keys);
    *config = (struct ui_config){ 0 };
}
