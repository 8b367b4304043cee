/* The loop: waits on the terminal, the bell, sync's status and the signals at once; reads all keys
 * before it draws one frame; leaves the terminal as it was on every way out. */
#include "ui/ui.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/i18n.h"
#include "base/log.h"
#include "ui/sign_in_job.h"
#include "ui/ui_priv.h"

#define FRAME_MS 33
#define FRAME_SLOW_MS 250
#define RESIZE_MS 50
#define PARK_MS 1000
#define LAST_DRAFT_MS 1000      /* for a draft, while another process has the write lock */

enum wait_slot { WAIT_KEYS, WAIT_SIGNAL, WAIT_BELL, WAIT_SYNC, WAIT_JOB, WAIT_DRAIN, WAIT_COUNT };

/* ---- signals ---- */

static void signals_of_ui(sigset_t *set)
{
    static const int numbers[] = { SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT };

    sigemptyset(set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        sigaddset(set, numbers[i]);
}

static void leave_drafts(struct ui *ui)
{
    for (size_t i = 0; i < ui->depth; i++) {
        if (ui->stack[i].screen->leaving)
            ui->stack[i].screen->leaving(ui, ui->stack[i].state);
    }
}

static void come_back(struct ui *ui)
{
    terminal_enter(ui->terminal);
    ui->resize_at = ui_now(ui);
    ui->needs_draw = true;
    if (ui->sync)
        sync_ask(ui->sync, SYNC_UNPARK);
}

static void suspend(struct ui *ui)
{
    struct sigaction fall_back = { .sa_handler = SIG_DFL }, before;
    sigset_t stop;

    leave_drafts(ui);
    if (ui->sync) {
        sync_ask(ui->sync, SYNC_PARK);
        (void)sync_wait_parked(ui->sync, PARK_MS);
    }
    terminal_leave(ui->terminal);
    sigemptyset(&stop);
    sigaddset(&stop, SIGTSTP);
    (void)sigaction(SIGTSTP, &fall_back, &before);
    (void)raise(SIGTSTP);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, NULL);    /* stops here until SIGCONT */
    (void)pthread_sigmask(SIG_BLOCK, &stop, NULL);
    (void)sigaction(SIGTSTP, &before, NULL);
    come_back(ui);
}

static void on_signal(struct ui *ui, int number)
{
    switch (number) {
    case SIGWINCH:
        ui->resize_at = ui_now(ui) + RESIZE_MS;
        break;
    case SIGTSTP:
        suspend(ui);
        break;
    case SIGCONT:
        come_back(ui);
        break;
    case SIGINT:
        if (ui->prompt.kind != UI_PROMPT_NONE)
            (void)ui_prompt_key(ui, &(struct ui_key){ .code = UI_KEY_ESC, .text = "" });
        else
            ui_say(ui, "%s", _("Press q to quit."));
        break;
    case SIGHUP:
        ui->is_gone = true;
        break;
    default:                    /* SIGTERM, SIGQUIT */
        ui->is_quitting = true;
        break;
    }
}

static void read_signals(struct ui *ui)
{
    struct signalfd_siginfo info;

    while (read(ui->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        on_signal(ui, (int)info.ssi_signo);
}

/* ---- keys ---- */

static void handle_keys(struct ui *ui)
{
    struct ui_key key;

    while (!ui->is_quitting && ui_waits_on(ui)) {
        struct ui_layer *top = ui_top(ui);
        bool in_text = ui->prompt.kind == UI_PROMPT_TEXT ||
                       (top && top->screen->is_text && top->screen->is_text(top->state));

        if (!input_next(&ui->input, in_text, ui_now(ui), &key))
            break;
        ui_key(ui, &key, ui->input.after_esc);
    }
}

static void read_keys(struct ui *ui)
{
    if (input_read(&ui->input, ui_now(ui)) == 0 && terminal_is_gone(ui->terminal))
        ui->is_gone = true;
    if (ui->input.sync_answer)
        terminal_set_sync(ui->terminal, ui->input.sync_answer == TERMINAL_SYNC_YES);
    ui->input.sync_answer = 0;
    handle_keys(ui);
}

/* ---- time ---- */

static int64_t earlier(int64_t a, int64_t b)
{
    if (a == 0 || b == 0)
        return a ? a : b;
    return a < b ? a : b;
}

static int64_t screen_due(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);

    return top && top->screen->due ? top->screen->due(top->state) : 0;
}

/* ms until the next thing that only time brings; -1: nothing, so idle is idle. */
static int wait_ms(struct ui *ui, bool can_draw)
{
    int64_t due = earlier(ui->busy_at, ui->resize_at);
    int64_t left;

    due = earlier(due, screen_due(ui));
    due = earlier(due, input_due(&ui->input));
    if (ui->needs_draw && can_draw)
        due = earlier(due, ui->frame_at > 0 ? ui->frame_at : 1);
    if (due == 0)
        return -1;
    left = due - ui_now(ui);
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

static void handle_time(struct ui *ui)
{
    int64_t now = ui_now(ui);
    int64_t due = screen_due(ui);
    struct ui_layer *top = ui_top(ui);

    if (ui->busy_at && now >= ui->busy_at)
        ui_session_busy(ui);
    if (ui->resize_at && now >= ui->resize_at) {
        ui->resize_at = 0;
        terminal_resized(ui->terminal);
        terminal_redraw(ui->terminal);          /* back at the old size, the terminal has cut what stood there */
        ui_layout(ui);
        if (top && top->screen->load)
            top->screen->load(ui, top->state);
        ui->needs_draw = true;
    }
    if (due && now >= due)
        top->screen->wake(ui, top->state);
    if (input_due(&ui->input) && now >= input_due(&ui->input))
        handle_keys(ui);
}

static void draw_if_due(struct ui *ui)
{
    int64_t now = ui_now(ui);

    /* While the window is being dragged nothing is drawn: curses has another size than the
     * terminal. */
    if (!ui->needs_draw || now < ui->frame_at || ui->resize_at || !terminal_drains(ui->terminal))
        return;
    ui_draw(ui);
    ui->frame_at = ui_now(ui) + (terminal_look(ui->terminal)->is_slow ? FRAME_SLOW_MS : FRAME_MS);
}

/* ---- waiting ---- */

static void handle_ready(struct ui *ui, const struct pollfd fds[WAIT_COUNT])
{
    /* Keys first: what was typed before ^C or ^Z comes before it. */
    if (fds[WAIT_KEYS].revents)
        read_keys(ui);
    if (fds[WAIT_SIGNAL].revents)
        read_signals(ui);
    if (fds[WAIT_BELL].revents && ui->bell)
        ui_session_notice(ui);
    if (fds[WAIT_SYNC].revents && ui->sync)
        ui_session_status(ui);
    if (fds[WAIT_JOB].revents && ui->job)
        ui_login_answered(ui);
}

static void loop(struct ui *ui)
{
    while (!ui->is_gone && !ui->is_quitting) {
        bool is_full = ui->needs_draw && !terminal_drains(ui->terminal);
        struct pollfd fds[WAIT_COUNT] = {
            [WAIT_KEYS] = { .fd = STDIN_FILENO, .events = POLLIN },
            [WAIT_SIGNAL] = { .fd = ui->signal_fd, .events = POLLIN },
            [WAIT_BELL] = { .fd = ui->bell ? db_bell_fd(ui->bell) : -1, .events = POLLIN },
            [WAIT_SYNC] = { .fd = ui->sync ? sync_status_fd(ui->sync) : -1, .events = POLLIN },
            [WAIT_JOB] = { .fd = ui->job ? sign_in_job_fd(ui->job) : -1, .events = POLLIN },
            [WAIT_DRAIN] = { .fd = is_full ? STDOUT_FILENO : -1, .events = POLLOUT },
        };

        if (poll(fds, WAIT_COUNT, wait_ms(ui, !is_full && ui->resize_at == 0)) < 0 &&
            errno != EINTR) {
            ui->exit_code = 1;
            return;
        }
        handle_ready(ui, fds);
        handle_time(ui);
        if (!ui->is_gone && !ui->is_quitting)
            draw_if_due(ui);
    }
}

/* ---- start and end ---- */

static void name_device(struct ui *ui)
{
    char host[64] = "";

    if (ui->options->device_name)
        (void)snprintf(host, sizeof host, "%s", ui->options->device_name);
    else if (gethostname(host, sizeof host - 1) != 0)
        host[0] = '\0';
    (void)snprintf(ui->device, sizeof ui->device, "%.*s", (int)strcspn(host, "."), host);
}

static void finish(struct ui *ui)
{
    ui->give_up_at = ui_now(ui) + LAST_DRAFT_MS;
    leave_drafts(ui);
    terminal_close(ui->terminal, ui->is_gone);
    ui_pop_all(ui);
    ui_history_done(ui);
    sign_in_job_free(ui->job);
    ui_session_close(ui);
    sign_out_job_free(ui->leaving);
    input_done(&ui->input);
    keymap_free(ui->keymap);
    buf_done(&ui->frame.scratch);
    buf_done(&ui->content.scratch);
}

static void run(struct ui *ui)
{
    struct buf note = { 0 };
    struct err err = { 0 };

    if (terminal_open(ui->options->config, &ui->terminal, &note, &err)) {
        (void)fprintf(stderr, "outpost: %s\n", err.msg);
        ui->exit_code = 2;
    } else if (ui->options->db_path && ui_session_open(ui, ui->options->db_path, &err)) {
        terminal_close(ui->terminal, false);
        ui->terminal = NULL;
        (void)fprintf(stderr, "outpost: %s\n", err.msg);
        ui->exit_code = 1;
    } else {
        ui->input.key_of = terminal_key_of;
        ui->input.holds_esc = terminal_lacks_function_keys(ui->terminal);
        ui->input.has_bursts = ui->options->config->scan_burst;
        ui_layout(ui);
        ui_session_enter(ui);
        if (note.len)
            ui_say(ui, "%s", buf_str(&note));
        loop(ui);
        log_info("ui", "%s", ui->is_gone ? "the terminal hung up" : "leaving");
    }
    buf_done(&note);
    finish(ui);
}

int ui_run(const struct ui_options *options)
{
    struct ui ui = { .options = options, .clock = options->clock, .screens = ui_screens };
    struct signalfd_siginfo late;
    sigset_t signals, before;

    signals_of_ui(&signals);
    if (pthread_sigmask(SIG_BLOCK, &signals, &before) != 0)
        return 1;
    ui.signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (ui.signal_fd < 0) {
        (void)fprintf(stderr, "outpost: signals: %s\n", strerror(errno));
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        return 1;
    }
    ui.keymap = keymap_new(options->config);
    name_device(&ui);
    run(&ui);
    /* What came meanwhile asked for the end that is here; unblocked it would end us in another
     * way. */
    while (read(ui.signal_fd, &late, sizeof late) == (ssize_t)sizeof late)
        continue;
    (void)close(ui.signal_fd);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ui.exit_code;
}
