#include "src/app/follow.h"

#include <string.h>
#include <unistd.h>
#include "base/i18n.h"

static const char *const names[] = {
    [FOLLOW_ONLINE] = "online",       [FOLLOW_OFFLINE] = "offline",
    [FOLLOW_SENT] = "sent",           [FOLLOW_RECEIVED] = "received",
    [FOLLOW_REFUSED] = "refused",     [FOLLOW_SIGN_IN] = "sign-in",
    [FOLLOW_ELSEWHERE] = "elsewhere", [FOLLOW_FIRST_SYNC] = "first-sync",
};

const char *follow_name(enum follow_what what)
{
    return names[what];
}

static struct follow_event *add(struct follow_events *out, enum follow_what what, int64_t count)
{
    struct follow_event *event = &out->items[out->count++];

    *event = (struct follow_event){ .what = what, .count = count };
    return event;
}

static bool is_elsewhere(const struct sync_status *s)
{
    return s->holder != 0 && s->holder != getpid();
}

void follow_compare(const struct sync_status *before, const struct sync_status *now,
                    struct follow_events *out)
{
    static const struct sync_status nothing = { .net = SYNC_OFFLINE };
    const struct sync_status *old = before ? before : &nothing;

    out->count = 0;
    if (is_elsewhere(now) && (!is_elsewhere(old) || old->holder != now->holder))
        add(out, FOLLOW_ELSEWHERE, now->holder);
    if (now->net == SYNC_ONLINE && old->net != SYNC_ONLINE)
        add(out, FOLLOW_ONLINE, 0);
    /* At the start offline is news only with a reason. */
    if (now->net == SYNC_OFFLINE && now->last.rc && (old->net == SYNC_ONLINE || !old->last.rc)) {
        struct follow_event *event = add(out, FOLLOW_OFFLINE, now->waiting);
        memcpy(event->message, now->last.msg, sizeof event->message);
    }
    if (now->needs_sign_in && !old->needs_sign_in)
        add(out, FOLLOW_SIGN_IN, now->waiting);
    if (before && now->is_complete && !old->is_complete)
        add(out, FOLLOW_FIRST_SYNC, 0);
    if (before && now->waiting < old->waiting)
        add(out, FOLLOW_SENT, old->waiting - now->waiting);
    if (now->rounds > old->rounds && now->pulled > 0)
        add(out, FOLLOW_RECEIVED, now->pulled);
    if (now->failed > old->failed)
        add(out, FOLLOW_REFUSED, now->failed);
}

void follow_sentence(const struct follow_event *event, struct buf *out)
{
    long long n = (long long)event->count;
    unsigned long plural = (unsigned long)n;

    switch (event->what) {
    case FOLLOW_ONLINE:
        buf_puts(out, _("online"));
        break;
    case FOLLOW_OFFLINE:
        buf_printf(
            out,
            ngettext("offline, %lld change waits: %s", "offline, %lld changes wait: %s", plural), n,
            event->message);
        break;
    case FOLLOW_SENT:
        buf_printf(out, _("%lld sent"), n);
        break;
    case FOLLOW_RECEIVED:
        buf_printf(out, _("%lld received"), n);
        break;
    case FOLLOW_REFUSED:
        buf_printf(out,
                   ngettext("%lld change is refused; see: outpost queue",
                            "%lld changes are refused; see: outpost queue", plural),
                   n);
        break;
    case FOLLOW_SIGN_IN:
        buf_puts(out, _("the session is over: outpost login"));
        break;
    case FOLLOW_ELSEWHERE:
        buf_printf(out, _("process %lld syncs; this one takes over when it ends"), n);
        break;
    case FOLLOW_FIRST_SYNC:
        buf_puts(out, _("the first sync is complete"));
        break;
    }
}
