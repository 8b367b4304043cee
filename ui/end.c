/* The end was asked for: what still waits then, waits no longer than it is worth. */
#include "ui/rescue.h"
#include "ui/ui_priv.h"

#define LAST_KEYS_MS 100        /* for what was typed before the end was asked for */

bool ui_waits_on(void *ctx)
{
    struct ui *ui = ctx;
    bool is_asked = ui->is_gone || ui->is_quitting || rescue_end_is_asked();

    if (ui->give_up_at == 0 && is_asked)
        ui->give_up_at = ui_now(ui) + LAST_KEYS_MS;
    return ui->give_up_at == 0 || ui_now(ui) < ui->give_up_at;
}
