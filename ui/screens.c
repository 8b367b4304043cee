/* Every screen there is: the one place that knows them all. */
#include "ui/ui_priv.h"

const struct ui_screen *const ui_screens[UI_SCREEN_COUNT] = {
    [UI_SCREEN_LOGIN] = &ui_login_screen,
    [UI_SCREEN_FIRST_SYNC] = &ui_first_sync_screen,
    [UI_SCREEN_LIST] = &ui_list_screen,
    [UI_SCREEN_HELP] = &ui_help_screen,
    [UI_SCREEN_FORM] = &ui_form_screen,
    [UI_SCREEN_QUEUE] = &ui_queue_screen,
};
