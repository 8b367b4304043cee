#include "src/app/args.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/mem.h"

#define NEAR_ENOUGH 2 /* typing mistakes that a suggestion forgives */
#define NAME_MAX_LEN 24
#define INDENT 24 /* column of the help texts */

const struct option_spec args_for_all[] = {
    { "data-dir", N_("DIR"), N_("where accounts and tasks are kept") },
    { "config", N_("FILE"), N_("the config file") },
    { "server", N_("URL"), N_("the server to talk to") },
    { "help", NULL, N_("show help") },
    { "version", NULL, N_("show the version") },
    { .name = NULL },
};

void args_done(struct args *args)
{
    free(args->given);
    free(args->words);
    *args = (struct args){ 0 };
}

static void add_given(struct args *args, const char *name, const char *value)
{
    args->given = mem_grow(args->given, args->given_count + 1, sizeof *args->given);
    args->given[args->given_count++] = (struct given){ .name = name, .value = value };
}

bool args_has(const struct args *args, const char *name)
{
    for (size_t i = 0; i < args->given_count; i++) {
        if (strcmp(args->given[i].name, name) == 0)
            return true;
    }
    return false;
}

const char *args_value(const struct args *args, const char *name)
{
    for (size_t i = args->given_count; i > 0; i--) {
        if (strcmp(args->given[i - 1].name, name) == 0)
            return args->given[i - 1].value;
    }
    return NULL;
}

const char *args_next(const struct args *args, const char *name, size_t *at)
{
    while (*at < args->given_count) {
        const struct given *given = &args->given[(*at)++];

        if (strcmp(given->name, name) == 0)
            return given->value;
    }
    return NULL;
}

const struct command *args_find(const struct command *commands, const char *name)
{
    for (const struct command *c = commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

/* Edits between two words, a swap of neighbours counting as one (optimal string alignment). */
static int distance(const char *a, const char *b)
{
    int d[NAME_MAX_LEN + 1][NAME_MAX_LEN + 1];
    int la = (int)strlen(a), lb = (int)strlen(b);

    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (int i = 0; i <= la; i++) {
        for (int j = 0; j <= lb; j++) {
            int best;

            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[la][lb];
}

enum rc args_unknown_command(const struct command *commands, const char *name, struct err *err)
{
    const struct command *nearest = NULL;
    int best = NEAR_ENOUGH + 1;
    struct buf all = { 0 };

    for (const struct command *c = commands; c->name; c++) {
        int d = distance(name, c->name);

        if (c->name[0] == '\0')
            continue;
        if (d < best) {
            best = d;
            nearest = c;
        }
        buf_printf(&all, "%s%s", all.len ? ", " : "", c->name);
    }
    if (nearest)
        err_set(err, RC_INVALID, _("there is no command \"%.40s\"; did you mean \"%s\"?"), name,
                nearest->name);
    else
        err_set(err, RC_INVALID, _("there is no command \"%.40s\"; there are: %s"), name,
                buf_str(&all));
    buf_done(&all);
    return RC_INVALID;
}

/* The options of a command and those of all as getopt wants them; val is the place in `specs`
 * plus 1. */
struct option_list {
    const struct option_spec *specs[40];
    struct option longs[41];
    size_t count;
};

static void list_add(struct option_list *list, const struct option_spec *specs)
{
    for (; specs && specs->name && list->count < sizeof list->specs / sizeof list->specs[0];
         specs++) {
        list->longs[list->count] = (struct option){
            .name = specs->name,
            .has_arg = specs->arg ? required_argument : no_argument,
            .val = (int)list->count + 1,
        };
        list->specs[list->count++] = specs;
    }
    list->longs[list->count] = (struct option){ 0 };
}

static enum rc unknown_option(const struct option_list *list, const struct command *command,
                              const char *given, struct err *err)
{
    const char *bare = given + strspn(given, "-");
    const char *nearest = NULL;
    int best = NEAR_ENOUGH + 1;
    struct buf all = { 0 };

    for (size_t i = 0; i < list->count; i++) {
        int d = distance(bare, list->specs[i]->name);

        if (d < best) {
            best = d;
            nearest = list->specs[i]->name;
        }
        buf_printf(&all, "%s--%s", i ? ", " : "", list->specs[i]->name);
    }
    if (nearest)
        err_set(err, RC_INVALID, _("there is no option \"%.40s\"; did you mean \"--%s\"?"), given,
                nearest);
    else if (command && command->name[0])
        err_set(err, RC_INVALID, _("%s has no option \"%.40s\"; it has: %s"), command->name, given,
                buf_str(&all));
    else
        err_set(err, RC_INVALID, _("there is no option \"%.40s\"; there are: %s"), given,
                buf_str(&all));
    buf_done(&all);
    return RC_INVALID;
}

/* One pass of getopt; argv[0] is skipped. stop_early: the first word ends it. optind is left
 * behind the last one. */
static enum rc parse_options(int argc, char **argv, bool stop_early, const struct option_list *list,
                             const struct command *command, struct args *out, struct err *err)
{
    optind = 0; /* glibc: start afresh */
    opterr = 0;
    for (;;) {
        int val = getopt_long(argc, argv, stop_early ? "+:hV" : ":hV", list->longs, NULL);

        if (val == -1)
            return RC_OK;
        if (val == 'h')
            add_given(out, "help", NULL);
        else if (val == 'V')
            add_given(out, "version", NULL);
        else if (val == ':')
            return err_set(err, RC_INVALID, _("\"%.40s\" wants a value"), argv[optind - 1]);
        else if (val == '?' && optopt > 0 && optopt <= (int)list->count)
            return err_set(err, RC_INVALID, _("--%s takes no value"),
                           list->specs[optopt - 1]->name);
        else if (val == '?')
            return unknown_option(list, command, argv[optind - 1], err);
        else
            add_given(out, list->specs[val - 1]->name, list->specs[val - 1]->arg ? optarg : NULL);
    }
}

static enum rc check_words(const struct args *args, struct err *err)
{
    const struct command *c = args->command;
    int count = (int)args->word_count;

    if (args_has(args, "help") || args_has(args, "version"))
        return RC_OK;
    if (count >= c->min_words && (c->max_words < 0 || count <= c->max_words))
        return RC_OK;
    if (count > c->max_words && c->max_words >= 0 && count > 0)
        return err_set(err, RC_INVALID, _("\"%.40s\" is too much; it is: outpost %s %s"),
                       args->words[c->max_words], c->name, c->words);
    return err_set(err, RC_INVALID, _("something is missing; it is: outpost %s %s"), c->name,
                   c->words);
}

enum rc args_parse(int argc, char **argv, const struct command *commands, struct args *out,
                   struct err *err)
{
    const struct command *screen = args_find(commands, "");
    struct option_list list = { .count = 0 };
    struct args args = { 0 };
    enum rc rc;

    list_add(&list, screen ? screen->options : NULL);
    list_add(&list, args_for_all);
    rc = parse_options(argc, argv, true, &list, NULL, &args, err);
    if (rc)
        goto out;
    args.command = screen;
    argc -= optind;
    argv += optind;
    if (argc > 0) {
        args.command = args_find(commands, argv[0]);
        if (!args.command || !argv[0][0]) {
            rc = args_unknown_command(commands, argv[0], err);
            goto out;
        }
        for (size_t i = 0; screen && i < args.given_count; i++) {
            for (const struct option_spec *o = screen->options; o && o->name; o++) {
                if (strcmp(o->name, args.given[i].name) == 0) {
                    rc = err_set(err, RC_INVALID, _("--%s is for the screen, not for %s"), o->name,
                                 argv[0]);
                    goto out;
                }
            }
        }
        list.count = 0;
        list_add(&list, args.command->options);
        list_add(&list, args_for_all);
        rc = parse_options(argc, argv, false, &list, args.command, &args, err);
        if (rc)
            goto out;
        args.word_count = (size_t)(argc - optind);
        args.words = mem_zero(args.word_count + 1, sizeof *args.words);
        for (size_t i = 0; i < args.word_count; i++)
            args.words[i] = argv[(size_t)optind + i];
    }
    rc = args.command ? check_words(&args, err) : RC_OK;
out:
    if (rc)
        args_done(&args);
    else
        *out = args;
    return rc;
}

static void help_options(const struct option_spec *specs, FILE *to)
{
    for (; specs && specs->name; specs++) {
        struct buf left = { 0 };

        buf_printf(&left, "--%s", specs->name);
        if (specs->arg)
            buf_printf(&left, " %s", _(specs->arg));
        fprintf(to, "  %-*s %s\n", INDENT - 3, buf_str(&left), _(specs->help));
        buf_done(&left);
    }
}

void args_help(const struct command *commands, FILE *to)
{
    const struct command *screen = args_find(commands, "");

    fputs(_("outpost: capture tasks, online or not\n\n"
            "Usage: outpost [OPTION...]                      opens the screen\n"
            "       outpost [OPTION...] COMMAND [ARG...]\n\nCommands:\n"),
          to);
    for (const struct command *c = commands; c->name; c++) {
        struct buf left = { 0 };

        if (!c->name[0])
            continue;
        buf_printf(&left, "%s %s", c->name, c->words);
        fprintf(to, "  %-*s %s\n", INDENT - 3, buf_str(&left), _(c->summary));
        buf_done(&left);
    }
    fputs(_("\nOptions of the screen:\n"), to);
    help_options(screen ? screen->options : NULL, to);
    fputs(_("\nOptions for all:\n"), to);
    help_options(args_for_all, to);
    fputs(_("\nMore: outpost help COMMAND, outpost help config, man outpost\n"), to);
}

void args_help_command(const struct command *command, FILE *to)
{
    if (command->name[0])
        fprintf(to, _("Usage: outpost %s [OPTION...] %s\n\n%s.\n"), command->name, command->words,
                _(command->summary));
    else
        fprintf(to, _("Usage: outpost [OPTION...]\n\n%s.\n"), _(command->summary));
    if (command->details)
        fprintf(to, "\n%s\n", _(command->details));
    if (command->options && command->options->name) {
        fputs(_("\nOptions:\n"), to);
        help_options(command->options, to);
    }
    fputs(_("\nOptions for all:\n"), to);
    help_options(args_for_all, to);
}
