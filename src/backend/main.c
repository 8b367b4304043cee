/* src/backend/main.c: the program `outpost-backend`: words of the command line, and what they
 * start. */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "src/backend/backend.h"
#include "src/backend/password.h"
#include "src/backend/server.h"

#define EXIT_USAGE 2
#define LISTEN_DEFAULT "127.0.0.1:3210"
#define SEED_MOST 10000000
#define TABLES_MOST 8

static const char help[] =
    "outpost-backend: the backend of one site, for Outpost devices and their office\n"
    "\n"
    "  outpost-backend serve [--db FILE] [--listen ADDR:PORT] [--tables DIR] [--signup]\n"
    "                        [--tls-cert FILE --tls-key FILE] [--insecure] [--quiet]\n"
    "  outpost-backend user add EMAIL [--db FILE]       password from stdin, or asked for\n"
    "  outpost-backend user passwd EMAIL [--db FILE]    signs all its devices out\n"
    "  outpost-backend user list [--db FILE]\n"
    "  outpost-backend epoch --new [--db FILE]          after restoring a backup: devices compare "
    "all\n"
    "  outpost-backend seed --user EMAIL --count N [--tables DIR] [--db FILE]\n"
    "                                                   invented records, N in each table\n"
    "\n"
    "  --db FILE          database (default $XDG_DATA_HOME/outpost-backend/backend.db)\n"
    "  --listen ADDR:PORT numbers only; port 0 picks a free one (default " LISTEN_DEFAULT ")\n"
    "  --tables DIR       more table definitions (*.json); may be repeated\n"
    "  --signup           whoever reaches the backend may make an account\n"
    "  --tls-cert, --tls-key  PEM files; without them only loopback is served\n"
    "  --insecure         plain HTTP beyond loopback: something else protects the network\n"
    "  --quiet            no log on stderr\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0 done, 1 it failed, 2 it was asked for wrongly.\n";

struct options {
    const char *db, *listen, *tls_cert, *tls_key, *user, *count;
    const char *tables[TABLES_MOST];
    size_t table_count;
    bool signup, insecure, quiet, is_new;
    char **words; /* command and its own words */
    int word_count;
};

static void complain(const char *sentence)
{
    struct buf line = { 0 };

    buf_puts(&line, "outpost-backend: ");
    text_display(sentence, strlen(sentence), TEXT_LINE, &line);
    fprintf(stderr, "%s\n", buf_str(&line));
    buf_done(&line);
}

static int usage(const char *sentence)
{
    complain(sentence);
    fputs("See: outpost-backend --help\n", stderr);
    return EXIT_USAGE;
}

/* False: *status is the exit status. */
static bool parse_options(int argc, char **argv, struct options *o, int *status)
{
    static const struct option longs[] = {
        { "db", required_argument, NULL, 'd' },
        { "listen", required_argument, NULL, 'l' },
        { "tables", required_argument, NULL, 't' },
        { "signup", no_argument, NULL, 's' },
        { "tls-cert", required_argument, NULL, 'c' },
        { "tls-key", required_argument, NULL, 'k' },
        { "insecure", no_argument, NULL, 'i' },
        { "quiet", no_argument, NULL, 'q' },
        { "new", no_argument, NULL, 'n' },
        { "user", required_argument, NULL, 'u' },
        { "count", required_argument, NULL, 'N' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (c) {
        case 'd':
            o->db = optarg;
            break;
        case 'l':
            o->listen = optarg;
            break;
        case 's':
            o->signup = true;
            break;
        case 'c':
            o->tls_cert = optarg;
            break;
        case 'k':
            o->tls_key = optarg;
            break;
        case 'i':
            o->insecure = true;
            break;
        case 'q':
            o->quiet = true;
            break;
        case 'n':
            o->is_new = true;
            break;
        case 'u':
            o->user = optarg;
            break;
        case 'N':
            o->count = optarg;
            break;
        case 't':
            if (o->table_count == TABLES_MOST) {
                *status = usage("--tables was given too often.");
                return false;
            }
            o->tables[o->table_count++] = optarg;
            break;
        case 'h':
            fputs(help, stdout);
            *status = EXIT_SUCCESS;
            return false;
        case 'V':
            puts("outpost-backend " OUTPOST_VERSION);
            *status = EXIT_SUCCESS;
            return false;
        default: /* getopt has said what is wrong */
            fputs("See: outpost-backend --help\n", stderr);
            *status = EXIT_USAGE;
            return false;
        }
    }
    o->words = argv + optind;
    o->word_count = argc - optind;
    return true;
}

/* ---- what every command needs ---- */

static char *default_db(struct err *err)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    char *base = NULL, *folder, *path = NULL;

    if (data != NULL && data[0] == '/')
        base = mem_strdup(data);
    else if (home != NULL && home[0] == '/')
        base = path_join(home, ".local/share");
    if (base == NULL) {
        err_set(err, RC_INVALID, "There is no home directory: say where with --db FILE.");
        return NULL;
    }
    folder = path_join(base, "outpost-backend");
    if (file_make_dirs(folder, err) == RC_OK)
        path = path_join(folder, "backend.db");
    free(folder);
    free(base);
    return path;
}

/* What is wrong with a definition stops its own table only: devices hold what they capture for it,
 * as for any table that the backend does not know yet. */
static void say_problems(const struct registry *reg)
{
    size_t problems = registry_problem_count(reg), tables = registry_count(reg);

    for (size_t i = 0; i < problems; i++) {
        const struct registry_problem *problem = registry_problem_at(reg, i);
        struct buf line = { 0 };

        buf_printf(&line, "%s: %s", problem->source, problem->sentence);
        complain(buf_str(&line));
        buf_done(&line);
    }
    if (problems > 0) {
        struct buf line = { 0 };

        buf_printf(&line,
                   "%zu left out, %zu %s served; changes that devices make to what was left out wait"
                   " there.",
                   problems, tables, tables == 1 ? "table is" : "tables are");
        complain(buf_str(&line));
        buf_done(&line);
    }
}

static enum rc load_tables(const struct options *o, const char *path, bool with_tables,
                           struct registry **out, struct err *err)
{
    if (!with_tables) { /* accounts and epochs have no tables */
        *out = registry_new();
        return RC_OK;
    }
    for (size_t i = 0; i < o->table_count; i++) {
        if (!file_exists(o->tables[i]))
            return err_set(err, RC_INVALID, "There is no folder %s.", o->tables[i]);
    }
    enum rc rc = registry_load(o->tables, o->table_count, out, err);
    if (rc)
        return rc;
    if (backend_fit_registry(path, *out, err))
        *err = (struct err){ 0 }; /* backend_open meets it again, and says it better */
    say_problems(*out);
    return RC_OK;
}

struct session { /* an open backend and what it borrows */
    struct registry *registry;
    struct backend *backend;
    char *path;
};

static void session_done(struct session *s)
{
    backend_close(s->backend);
    registry_free(s->registry);
    free(s->path);
}

static enum rc session_open(const struct options *o, bool with_tables, bool may_create,
                            struct session *s, struct err *err)
{
    struct backend_options how = { .clock = &clock_system, .signup = o->signup };
    enum rc rc;

    s->path = o->db != NULL ? mem_strdup(o->db) : default_db(err);
    if (s->path == NULL)
        return err->rc;
    if (!may_create && !file_exists(s->path))
        return err_set(err, RC_INVALID,
                       "There is no database %s yet: `outpost-backend user add` makes it.",
                       s->path);
    rc = load_tables(o, s->path, with_tables, &s->registry, err);
    if (rc)
        return rc;
    how.path = s->path;
    how.registry = s->registry;
    return backend_open(&how, &s->backend, err);
}

static int finish(struct session *s, enum rc rc, const struct err *err)
{
    session_done(s);
    if (rc == RC_OK)
        return EXIT_SUCCESS;
    complain(err->msg);
    return EXIT_FAILURE;
}

/* ---- commands ---- */

static int run_serve(const struct options *o)
{
    struct server_options server = {
        .listen = o->listen != NULL ? o->listen : LISTEN_DEFAULT,
        .tls_cert = o->tls_cert,
        .tls_key = o->tls_key,
        .insecure = o->insecure,
        .quiet = o->quiet,
    };
    struct session s = { 0 };
    struct err err = { 0 };
    sigset_t signals;

    if (o->word_count != 1)
        return usage("serve takes options only.");
    if ((o->tls_cert == NULL) != (o->tls_key == NULL))
        return usage("--tls-cert and --tls-key belong together.");
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* before any thread starts */
    signal(SIGPIPE, SIG_IGN);
    enum rc rc = session_open(o, true, true, &s, &err);
    if (!rc) {
        server.backend = s.backend;
        rc = server_run(&server, &err);
        if (rc == RC_INVALID) {
            session_done(&s);
            return usage(err.msg);
        }
    }
    return finish(&s, rc, &err);
}

static enum rc print(const char *text, const char *end, struct err *err)
{
    if (fputs(text, stdout) >= 0 && fputs(end, stdout) >= 0 && fflush(stdout) == 0)
        return RC_OK;
    return err_sys(err, RC_IO, errno, "What is to be printed cannot be written");
}

static enum rc change_user(struct backend *b, const char *email, bool is_new, struct err *err)
{
    struct buf password = { 0 };
    enum rc rc = password_read(&password, err);

    if (!rc && is_new)
        rc = backend_user_add(b, email, buf_str(&password), err);
    else if (!rc)
        rc = backend_user_passwd(b, email, buf_str(&password), err);
    if (password.data != NULL)
        sodium_memzero(password.data, password.cap);
    buf_done(&password);
    return rc;
}

static int run_user(const struct options *o)
{
    const char *verb = o->word_count > 1 ? o->words[1] : "";
    bool is_add = strcmp(verb, "add") == 0, is_list = strcmp(verb, "list") == 0;
    struct session s = { 0 };
    struct buf list = { 0 };
    struct err err = { 0 };

    if (!is_add && !is_list && strcmp(verb, "passwd") != 0)
        return usage("user takes add, passwd or list.");
    if (o->word_count != (is_list ? 2 : 3))
        return usage(is_list ? "user list takes no e-mail." : "Which account? Give its e-mail.");
    enum rc rc = session_open(o, false, is_add, &s, &err);
    if (!rc && is_list)
        rc = backend_user_list(s.backend, &list, &err);
    else if (!rc)
        rc = change_user(s.backend, o->words[2], is_add, &err);
    if (!rc)
        rc = print(buf_str(&list), "", &err);
    buf_done(&list);
    return finish(&s, rc, &err);
}

static int run_epoch(const struct options *o)
{
    struct session s = { 0 };
    struct err err = { 0 };
    char epoch[64];

    if (o->word_count != 1 || !o->is_new)
        return usage("epoch takes --new, so that nobody makes a new one by accident.");
    enum rc rc = session_open(o, false, false, &s, &err);
    if (!rc)
        rc = backend_epoch_new(s.backend, epoch, &err);
    if (!rc)
        rc = print(epoch, "\n", &err);
    return finish(&s, rc, &err);
}

static int run_seed(const struct options *o)
{
    struct session s = { 0 };
    struct err err = { 0 };
    char *end = NULL;

    errno = 0;
    long count = o->count != NULL ? strtol(o->count, &end, 10) : 0;
    if (o->word_count != 1 || o->user == NULL)
        return usage("seed takes --user EMAIL and --count N.");
    if (errno != 0 || end == NULL || end == o->count || *end != '\0' || count < 1 ||
        count > SEED_MOST)
        return usage("--count takes a whole number from 1 to 10000000.");
    enum rc rc = session_open(o, true, false, &s, &err);
    if (!rc)
        rc = backend_seed(s.backend, o->user, count, &err);
    return finish(&s, rc, &err);
}

struct command {
    const char *name;
    int (*run)(const struct options *o);
};

static const struct command commands[] = {
    { "serve", run_serve },
    { "user", run_user },
    { "epoch", run_epoch },
    { "seed", run_seed },
};

int main(int argc, char **argv)
{
    struct options o = { 0 };
    int status;

    if (!parse_options(argc, argv, &o, &status))
        return status;
    for (size_t i = 0; o.word_count > 0 && i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(o.words[0], commands[i].name) == 0)
            return commands[i].run(&o);
    }
    return usage(o.word_count > 0 ? "There is no such command."
                                  : "Say what to do: serve, user, epoch or seed.");
}
