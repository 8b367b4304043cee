#include "src/app/paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/id.h"
#include "base/mem.h"

#define DEVICE_FILE_MAX 256

void paths_done(struct paths *paths)
{
    free(paths->data_dir);
    free(paths->config_file);
    free(paths->tables_dir);
    free(paths->log_file);
    *paths = (struct paths){ 0 };
}

static enum rc xdg_dir(const char *variable, const char *under_home, char **out, struct err *err)
{
    const char *dir = getenv(variable);
    const char *home = getenv("HOME");
    struct buf path = { 0 };

    if (dir && dir[0] == '/')
        buf_printf(&path, "%s/outpost", dir);
    else if (home && home[0] == '/')
        buf_printf(&path, "%s/%s/outpost", home, under_home);
    else
        return err_set(err, RC_INVALID,
                       _("HOME is not set; name a folder with --data-dir DIR and a file with "
                         "--config FILE"));
    *out = buf_take(&path);
    return RC_OK;
}

enum rc paths_find(const char *data_dir, const char *config, struct paths *out, struct err *err)
{
    struct paths p = { 0 };
    char *config_dir = NULL, *state_dir = NULL;
    enum rc rc = RC_OK;

    if (data_dir)
        p.data_dir = mem_strdup(data_dir);
    else
        rc = xdg_dir("XDG_DATA_HOME", ".local/share", &p.data_dir, err);
    if (rc)
        goto out;
    if (config) {
        const char *slash = strrchr(config, '/');
        config_dir = slash ? mem_strndup(config, (size_t)(slash - config) + (slash == config))
                           : mem_strdup(".");
        p.config_file = mem_strdup(config);
        p.is_config_named = true;
    } else {
        /* Without a HOME, a named data directory is enough to work with. */
        rc = xdg_dir("XDG_CONFIG_HOME", ".config", &config_dir, err);
        if (rc && data_dir) {
            config_dir = mem_strdup(data_dir);
            rc = RC_OK;
        }
        if (rc)
            goto out;
        p.config_file = path_join(config_dir, "outpost.conf");
    }
    p.tables_dir = path_join(config_dir, "tables");
    if (data_dir) {
        p.log_file = path_join(data_dir, "outpost.log");
    } else {
        rc = xdg_dir("XDG_STATE_HOME", ".local/state", &state_dir, err);
        if (rc)
            goto out;
        p.log_file = path_join(state_dir, "outpost.log");
    }
out:
    if (rc)
        paths_done(&p);
    else
        *out = p;
    free(config_dir);
    free(state_dir);
    return rc;
}

static enum rc read_device(const char *path, char **out, struct err *err)
{
    struct buf text = { 0 };
    enum rc rc = file_read(path, DEVICE_FILE_MAX, &text, err);

    if (rc == RC_OK) {
        while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
            text.data[--text.len] = '\0';
        if (strlen(buf_str(&text)) == text.len && id_is_word(buf_str(&text)))
            *out = buf_take(&text);
        else
            rc = err_set(err, RC_CORRUPT,
                         _("%s does not hold the id of this device; it is one word of letters, "
                           "digits and -"),
                         path);
    }
    buf_done(&text);
    return rc;
}

/* A whole file appears under the final name or none does: link(2) fails when another process was
 * first. */
static enum rc make_device(const char *data_dir, const char *path, const struct clock *clock,
                           struct err *err)
{
    char id[ID_SIZE];
    struct buf mine = { 0 }, text = { 0 };
    enum rc rc;

    id_new(clock_wall(clock), id);
    buf_printf(&mine, "%s/.device-%s", data_dir, id);
    buf_printf(&text, "%s\n", id);
    rc = file_replace(buf_str(&mine), buf_str(&text), text.len, 0600, err);
    if (rc == RC_OK && link(buf_str(&mine), path) != 0 && errno != EEXIST)
        rc = err_sys(err, RC_IO, errno, _("cannot make %s"), path);
    if (unlink(buf_str(&mine)) != 0 && rc == RC_OK)
        rc = err_sys(err, RC_IO, errno, _("cannot remove %s"), buf_str(&mine));
    if (rc == RC_OK) /* an id that a power cut takes back would make a second device of us */
        rc = file_sync_name(path, err);
    buf_done(&mine);
    buf_done(&text);
    return rc;
}

enum rc paths_device(const char *data_dir, const struct clock *clock, char **out, struct err *err)
{
    char *path = path_join(data_dir, "device");
    enum rc rc = read_device(path, out, err);

    if (rc == RC_NOT_FOUND) {
        rc = file_make_dirs(data_dir, err);
        if (rc == RC_OK)
            rc = make_device(data_dir, path, clock, err);
        if (rc == RC_OK)
            rc = read_device(path, out, err);
    }
    free(path);
    return rc;
}
