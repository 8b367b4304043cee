#include "ui/statusbar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/i18n.h"

const char *statusbar_word(const struct statusbar *bar)
{
    if (bar->is_busy)
        return _("SYNCING");
    return bar->status->net == SYNC_ONLINE ? _("ONLINE") : _("OFFLINE");
}

static void add(struct statusbar_part *parts, size_t *count, bool is_alert, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void add(struct statusbar_part *parts, size_t *count, bool is_alert, const char *fmt, ...)
{
    va_list args;

    if (*count == STATUSBAR_PARTS)
        return;
    va_start(args, fmt);
    (void)vsnprintf(parts[*count].text, sizeof parts[*count].text, fmt, args);
    va_end(args);
    parts[(*count)++].is_alert = is_alert;
}

/* A round under way. */
static void add_progress(const struct sync_status *s, struct statusbar_part *parts, size_t *count)
{
    if (s->phase == SYNC_PUSHING && s->total > 0)
        add(parts, count, false, _("sending %" PRId64 " of %" PRId64), s->done, s->total);
    else if (s->phase == SYNC_PUSHING)
        add(parts, count, false, "%s", _("sending"));
    else if (s->total > 0)
        add(parts, count, false, _("getting %" PRId64 " of %" PRId64), s->done, s->total);
    else if (s->done > 0)
        add(parts, count, false, _("getting %" PRId64), s->done);
    else
        add(parts, count, false, "%s", _("getting changes"));
}

static void add_last(const struct statusbar *bar, struct statusbar_part *parts, size_t *count)
{
    char time[24];

    if (bar->status->last_ok == 0) {
        add(parts, count, false, "%s", _("never synced"));
        return;
    }
    clock_hhmm(bar->status->last_ok, time, sizeof time);
    if (bar->pending == 0 && bar->failed == 0 && bar->status->net == SYNC_ONLINE)
        add(parts, count, false, _("all changes sent, %s"), time);
    else
        add(parts, count, false, _("last sync %s"), time);
}

static size_t narrow_parts(const struct statusbar *bar, struct statusbar_part *parts)
{
    size_t count = 0;
    char time[24];

    if (bar->failed > 0)
        add(parts, &count, true, _("%" PRId64 " failed"), bar->failed);
    if (bar->pending > 0)
        add(parts, &count, false, _("%" PRId64 " pend"), bar->pending);
    if (bar->status->last_ok > 0 && count < 2) {
        clock_hhmm(bar->status->last_ok, time, sizeof time);
        add(parts, &count, false, "%s", time);
    }
    if (bar->status->needs_sign_in)
        add(parts, &count, true, "%s", _("sign in"));
    return count;
}

size_t statusbar_parts(const struct statusbar *bar, bool is_narrow,
                       struct statusbar_part parts[STATUSBAR_PARTS])
{
    size_t count = 0;

    if (is_narrow)
        return narrow_parts(bar, parts);
    if (bar->is_busy) {
        add_progress(bar->status, parts, &count);
        if (bar->failed > 0)
            add(parts, &count, true, _("%" PRId64 " failed"), bar->failed);
        return count;
    }
    if (bar->pending > 0)
        add(parts, &count, false, _("%" PRId64 " pending"), bar->pending);
    if (bar->failed > 0)
        add(parts, &count, true, _("%" PRId64 " failed"), bar->failed);
    if (bar->is_disk_full)
        add(parts, &count, true, "%s", _("disk full"));
    else if (bar->status->needs_sign_in)
        add(parts, &count, true, "%s", _("sign in to send"));
    if (!bar->has_more)
        add_last(bar, parts, &count);
    return count;
}
