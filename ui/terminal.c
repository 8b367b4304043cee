#include "ui/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <term.h>
#undef bell                             /* one of term.h's macros for capabilities */
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/rescue.h"

#define SLOW_BAUD 38400
#define ESCAPE_MS_NEAR 25
#define ESCAPE_MS_FAR 100
#define CLIPBOARD_MAX 4096
#define SYNC_ROWS_MIN 4
#define ANSWER_MS 1000          /* an answer that is still to come must not reach the shell */
#define STUCK_MS 3000           /* a frame that is not taken in this time is thrown away */
#define STUCK_LINE_MS 30000     /* on a line with a speed, which may need that long */

struct terminal {
    SCREEN *screen;
    struct termios before;
    struct ui_look look;
    enum ui_bell bell;
    bool has_paste, has_clipboard, lacks_function_keys;
    bool is_line;               /* a serial line, with a speed that means something */
    bool has_sync;              /* it can hold a frame until it is whole */
    bool is_stuck;              /* it did not take the last frame */
    bool redraws;               /* the next frame clears and draws everything */
    int64_t asked_ms;           /* monotonic: it was asked whether it can; 0: not, or it answered */
    struct guard guard;
    char type[64];
};

static const char hold_on[] = "\033[?2026h", hold_off[] = "\033[?2026l";
static const char hold_ask[] = "\033[?2026$p";   /* DECRQM; the answer comes as a key */
static const char paste_on[] = "\033[?2004h", paste_off[] = "\033[?2004l";

/* A frame of few rows is there at once anyway, and must not cost more bytes. */
static bool is_large_frame(void)
{
    int rows = 0;

    for (int y = 0; y < LINES; y++)
        rows += is_linetouched(newscr, y);
    return rows >= SYNC_ROWS_MIN;
}

bool terminal_update(struct terminal *t)
{
    bool is_synced = t->has_sync && (t->redraws || is_large_frame());

    t->redraws = false;
    guard_start(&t->guard, t->is_line ? STUCK_LINE_MS : STUCK_MS);
    if (is_synced)
        rescue_write(hold_on, sizeof hold_on - 1);
    (void)doupdate();
    if (is_synced)
        rescue_write(hold_off, sizeof hold_off - 1);
    t->is_stuck = guard_stop(&t->guard);
    if (t->is_stuck)
        terminal_redraw(t);
    return !t->is_stuck;
}

/* ---- what kind of terminal ---- */

static bool starts_with(const char *s, const char *head)
{
    return strncmp(s, head, strlen(head)) == 0;
}

static bool is_modern(const char *type)
{
    return starts_with(type, "xterm") || starts_with(type, "tmux") || starts_with(type, "screen") ||
           starts_with(type, "rxvt") || starts_with(type, "foot") || starts_with(type, "alacritty");
}

void terminal_fallbacks(const char *term, const char *out[5])
{
    size_t n = 0;

    if (term && *term)
        out[n++] = term;
    if (term && (starts_with(term, "xterm") || starts_with(term, "screen") ||
                 starts_with(term, "tmux") || starts_with(term, "rxvt"))) {
        out[n++] = "xterm-256color";
        out[n++] = "xterm";
    }
    out[n++] = "vt100";
    out[n] = NULL;
}

static bool is_far(void)
{
    static const char *const names[] = { "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return true;
    }
    return false;
}

/* A pseudo terminal says 38400 baud too; only a line with modem wires has a speed that means
 * something. */
static bool is_serial_line(void)
{
    int wires;

    return ioctl(STDOUT_FILENO, TIOCMGET, &wires) == 0;
}

static void locale_set(const struct ui_config *config)
{
    if (config->ascii)
        (void)setlocale(LC_CTYPE, "C");
    else if (strcasecmp(nl_langinfo(CODESET), "UTF-8") != 0)
        (void)setlocale(LC_CTYPE, "C.UTF-8");
}

static void styles_plain(struct ui_look *look, bool reverse)
{
    attr_t bar = reverse ? A_REVERSE : A_BOLD;

    look->attrs[UI_PLAIN] = A_NORMAL;
    look->attrs[UI_BAR] = bar;
    look->attrs[UI_BAR_ALERT] = bar | A_BOLD;
    look->attrs[UI_HEADS] = reverse ? A_UNDERLINE : A_NORMAL;
    look->attrs[UI_BANNER] = A_BOLD;
    look->attrs[UI_CURSOR] = reverse && !look->is_slow ? A_REVERSE : A_NORMAL;
    look->attrs[UI_BOLD] = A_BOLD;
    look->attrs[UI_DIM] = A_DIM;
    look->attrs[UI_ERROR] = A_BOLD;
    look->attrs[UI_MARK_CHANGED] = A_BOLD;
    look->attrs[UI_MARK_SENDING] = A_BOLD;
    look->attrs[UI_MARK_FAILED] = reverse ? A_REVERSE : A_BOLD;
}

static void styles_set(const struct ui_config *config, struct terminal *t)
{
    const char *no_color = getenv("NO_COLOR");
    struct ui_look *look = &t->look;

    styles_plain(look, !config->reader);
    if (config->theme == UI_THEME_CONTRAST)
        look->attrs[UI_DIM] = A_NORMAL;
    if (config->color == UI_COLOR_NEVER || config->theme == UI_THEME_CONTRAST ||
        (no_color && *no_color) || !has_colors() || start_color() == ERR)
        return;
    if (use_default_colors() == ERR)
        return;
    (void)init_pair(1, COLOR_YELLOW, -1);
    (void)init_pair(2, COLOR_CYAN, -1);
    (void)init_pair(3, COLOR_RED, -1);
    look->attrs[UI_MARK_CHANGED] |= (attr_t)COLOR_PAIR(1);
    look->attrs[UI_MARK_SENDING] |= (attr_t)COLOR_PAIR(2);
    look->attrs[UI_MARK_FAILED] |= (attr_t)COLOR_PAIR(3);
}

/* ---- modes ---- */

static int64_t now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Synchronized output only where terminfo or the terminal itself says that it is there. */
static void ask_for_sync(struct terminal *t)
{
    const char *sync = tigetstr("Sync");

    if (!is_modern(t->type))
        return;
    t->has_sync = sync && sync != (char *)-1;
    if (t->has_sync)
        return;
    (void)define_key("\033[?2026;0$y", TERMINAL_SYNC_NO);
    (void)define_key("\033[?2026;1$y", TERMINAL_SYNC_YES);
    (void)define_key("\033[?2026;2$y", TERMINAL_SYNC_YES);
    (void)define_key("\033[?2026;3$y", TERMINAL_SYNC_NO);
    (void)define_key("\033[?2026;4$y", TERMINAL_SYNC_NO);
    rescue_write(hold_ask, sizeof hold_ask - 1);
    t->asked_ms = now_ms();
}

void terminal_set_sync(struct terminal *t, bool has_sync)
{
    t->has_sync = has_sync;
    t->asked_ms = 0;
}

static void modes_on(struct terminal *t, const struct ui_config *config)
{
    struct termios tio;

    cbreak();
    noecho();
    nonl();
    intrflush(stdscr, FALSE);
    keypad(stdscr, TRUE);
    meta(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    typeahead(-1);
    idlok(stdscr, TRUE);
    leaveok(stdscr, FALSE);
    if (tcgetattr(STDIN_FILENO, &tio) == 0) {
        if (!config->flow_xon)
            tio.c_iflag &= ~(tcflag_t)(IXON | IXOFF);
        tio.c_lflag &= ~(tcflag_t)IEXTEN;       /* ^V and ^O are keys, not the line's */
        tio.c_lflag |= NOFLSH; /* ^C must not throw away what was typed before it */
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &tio);
    }
    def_prog_mode();
    (void)define_key("\033[200~", TERMINAL_PASTE_START);
    (void)define_key("\033[201~", TERMINAL_PASTE_END);
    if (t->has_paste)
        rescue_write(paste_on, sizeof paste_on - 1);
    ask_for_sync(t);
}

static enum rc open_first(struct terminal *t, struct buf *note, struct err *err)
{
    const char *term = getenv("TERM");
    const char *types[5];

    if (term && strcmp(term, "dumb") == 0)
        return err_set(
            err, RC_INVALID, "%s",
            _("This terminal cannot show the screen. Use: outpost list, add, done, sync."));
    terminal_fallbacks(term, types);
    for (size_t i = 0; types[i]; i++) {
        t->screen = newterm(types[i], stdout, stdin);
        if (!t->screen)
            continue;
        (void)snprintf(t->type, sizeof t->type, "%s", types[i]);
        if (i > 0 || !term || !*term)
            buf_printf(note, _("The terminal type \"%s\" is not known here; using %s."),
                       term ? term : "", types[i]);
        return RC_OK;
    }
    return err_set(err, RC_INVALID, "%s",
                   _("This terminal cannot show the screen. Use: outpost list, add, done, sync."));
}

enum rc terminal_open(const struct ui_config *config, struct terminal **out, struct buf *note,
                      struct err *err)
{
    struct terminal *t;
    enum rc rc;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return err_set(err, RC_INVALID, "%s",
                       _("The screen needs a terminal. Use: outpost list, add, done, sync."));
    locale_set(config);
    t = mem_zero(1, sizeof *t);
    if (tcgetattr(STDIN_FILENO, &t->before) != 0) {
        free(t);
        return err_sys(err, RC_IO, errno, "the terminal");
    }
    rc = open_first(t, note, err);
    if (rc) {
        free(t);
        return rc;
    }
    t->bell = config->bell;
    if (t->bell == UI_BELL_AUTO)
        t->bell = is_far() ? UI_BELL_NONE : UI_BELL_VISUAL;
    t->is_line = is_serial_line();
    t->look.reader = config->reader;
    t->look.is_slow =
        config->link == UI_LINK_SLOW ||
        (config->link == UI_LINK_AUTO && (is_far() || (t->is_line && baudrate() <= SLOW_BAUD)));
    if (!getenv("ESCDELAY"))
        (void)set_escdelay(t->look.is_slow ? ESCAPE_MS_FAR : ESCAPE_MS_NEAR);
    t->has_paste = t->has_clipboard = is_modern(t->type);
    t->lacks_function_keys = tigetstr("kf5") == NULL || tigetstr("kf5") == (char *)-1;
    t->look.utf8_marks = config->utf8_marks && is_modern(t->type) && MB_CUR_MAX > 1;
    styles_set(config, t);
    rescue_set(&t->before, t->has_paste ? paste_off : "");
    guard_init(&t->guard);
    modes_on(t, config);
    *out = t;
    return RC_OK;
}

void terminal_close(struct terminal *t, bool is_gone)
{
    if (!t)
        return;
    /* Nobody reads any more: what waits would hold endwin, which lets output drain. */
    if (is_gone || !terminal_drains(t))
        (void)tcflush(STDOUT_FILENO, TCOFLUSH);
    guard_start(&t->guard, t->is_stuck ? GUARD_END_MS : STUCK_MS);
    if (t->has_paste && !is_gone)
        rescue_write(paste_off, sizeof paste_off - 1);
    (void)endwin();
    guard_done(&t->guard);
    rescue_reset();
    delscreen(t->screen);
    (void)tcsetattr(STDIN_FILENO,
                    t->asked_ms && now_ms() - t->asked_ms < ANSWER_MS ? TCSAFLUSH : TCSANOW,
                    &t->before);
    free(t);
}

/* Whoever started us in a script has been stopped by the same ^Z, so the shell may have taken the
 * terminal already: then each write to its modes would stop us in the middle (SIGTTOU), half out. */
void terminal_leave(struct terminal *t)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGTTOU, &ignore, &before);
    if (t->has_paste)
        rescue_write(paste_off, sizeof paste_off - 1);
    (void)endwin();
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
    (void)sigaction(SIGTTOU, &before, NULL);
}

void terminal_enter(struct terminal *t)
{
    reset_prog_mode();
    if (t->has_paste)
        rescue_write(paste_on, sizeof paste_on - 1);
    terminal_resized(t);
    terminal_redraw(t);
}

void terminal_resized(struct terminal *t)
{
    struct winsize size;

    (void)t;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
        (size.ws_row != LINES || size.ws_col != COLS))
        (void)resizeterm(size.ws_row, size.ws_col);
}

void terminal_redraw(struct terminal *t)
{
    t->redraws = true;
    (void)clearok(curscr, TRUE);
}

bool terminal_drains(const struct terminal *t)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

    (void)t;
    return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
}

bool terminal_is_gone(const struct terminal *t)
{
    struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
    int waiting = 0;

    (void)t;
    if (poll(&in, 1, 0) != 1)
        return false;
    if (in.revents & (POLLHUP | POLLERR | POLLNVAL))
        return true;
    return (in.revents & POLLIN) != 0 &&
           (ioctl(STDIN_FILENO, FIONREAD, &waiting) != 0 || waiting == 0);
}

const struct ui_look *terminal_look(const struct terminal *t)
{
    return &t->look;
}

int terminal_key_of(const char *sequence)
{
    return key_defined(sequence);
}

bool terminal_lacks_function_keys(const struct terminal *t)
{
    return t->lacks_function_keys;
}

void terminal_alert(struct terminal *t)
{
    if (t->bell == UI_BELL_AUDIBLE)
        (void)beep();
    else if (t->bell == UI_BELL_VISUAL)
        (void)flash();
}

/* RFC 4648 section 4. */
static void base64(const char *s, size_t len, struct buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        unsigned a = (unsigned char)s[i];
        unsigned b = i + 1 < len ? (unsigned char)s[i + 1] : 0;
        unsigned c = i + 2 < len ? (unsigned char)s[i + 2] : 0;

        buf_putc(out, digits[a >> 2]);
        buf_putc(out, digits[(a & 3) << 4 | b >> 4]);
        buf_putc(out, i + 1 < len ? digits[(b & 15) << 2 | c >> 6] : '=');
        buf_putc(out, i + 2 < len ? digits[c & 63] : '=');
    }
}

bool terminal_copy(struct terminal *t, const char *s, size_t len)
{
    struct buf bytes = { 0 };

    if (!t->has_clipboard)
        return false;
    buf_puts(&bytes, "\033]52;c;");
    base64(s, len < CLIPBOARD_MAX ? len : CLIPBOARD_MAX, &bytes);
    buf_puts(&bytes, "\033\\");
    rescue_write(bytes.data, bytes.len);
    buf_done(&bytes);
    return true;
}
