/* export: every record of a table as JSON Lines, window by window; a file appears whole or not
 * at all. */
#include "src/app/app.h"

#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "src/app/outfile.h"
#include "src/app/print.h"
#include "src/app/prompt.h"

#define WINDOW 500

static enum rc export_all(struct db *db, const struct table *table, FILE *to, int stop_fd,
                          int64_t *count, struct err *err)
{
    struct db_window window = {
        .table = table, .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = WINDOW
    };
    struct record_list list = { 0 };
    struct value key = { 0 };
    char client_id[ID_SIZE];
    struct buf json = { 0 };
    enum rc rc;

    for (;;) {
        rc = db_window_read(db, &window, &list, err);
        if (rc || list.count == 0 || ferror(to))
            break;
        for (size_t i = 0; i < list.count; i++) {
            buf_clear(&json);
            record_to_json(&list.items[i], &json);
            print_json(to, &json);
        }
        *count += (int64_t)list.count;
        if (stop_is_asked(stop_fd)) {
            rc = err_set(err, RC_CANCELLED, _("stopped"));
            break;
        }
        value_done(&key);
        value_copy(&key, &list.items[list.count - 1].key);
        memcpy(client_id, list.items[list.count - 1].client_id, sizeof client_id);
        window.from = DB_FROM_AFTER;
        window.key = &key;
        window.client_id = client_id;
        record_list_done(&list);
    }
    record_list_done(&list);
    value_done(&key);
    buf_done(&json);
    return rc;
}

int command_export(struct app *app, const struct args *args)
{
    struct session session = { 0 };
    struct outfile out = { 0 };
    struct err err = { 0 };
    const struct table *table = app_table(app, args, &err);
    const char *path = args->word_count ? args->words[0] : NULL;
    int stop_fd;
    int64_t count = 0;
    enum rc rc;

    if (!table)
        return app_misused(args, &err);
    stop_fd = stop_open(); /* a temporary file is not left behind */
    rc = session_open(app, &session, &err);
    if (rc == RC_OK)
        rc = outfile_open(&out, path, &err);
    if (rc == RC_OK)
        rc = export_all(session.db, table, out.to, stop_fd, &count, &err);
    if (rc == RC_OK)
        rc = outfile_finish(&out, &err);
    if (rc == RC_OK && out.path)
        say(stderr, _("%lld records in %s\n"), (long long)count, out.path);
    outfile_done(&out);
    session_close(&session);
    if (stop_fd >= 0)
        close(stop_fd);
    return rc ? app_fail(&err) : EXIT_DONE;
}
