/* The end was asked for: what still waits then, waits no longer than it is worth. */
#include <signal.h>
#include "ui/ui_priv.h"

#define LAST_KEYS_MS 100        /* for what was typed before the end was asked for */

static bool is_end_asked(const struct ui *ui)
{
    static const int numbers[] = { SIGHUP, SIGTERM, SIGQUIT };
    sigset_t waiting;

    if (ui->is_gone || ui->is_quitting)
        return true;
    if (sigpending(&waiting) != 0)
        return false;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (sigismember(&waiting, numbers[i]) == 1)
            return true;
    }
    return false;
}

bool ui_waits_on(void *ctx)
{
    struct ui *ui = ctx;

    if (ui->give_up_at == 0 && is_end_asked(ui))
        ui->give_up_at = ui_now(ui) + LAST_KEYS_MS;
    return ui->give_up_at == 0 || ui_now(ui) < ui->give_up_at;
}
