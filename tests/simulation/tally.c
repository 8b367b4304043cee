#include "tests/simulation/tally.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define ENOUGH_SEEDS 1000 /* from so many on every situation must have been met */
#define LINE_SIZE 400

/* ---- the main situations: of these the pairs are counted ---- */

static const struct {
    const char *name;
    enum situation any[4]; /* SIT_COUNT ends the list */
} classes[] = {
    { "conflict", { SIT_CONFLICTS, SIT_COUNT } },
    { "revival", { SIT_REVIVALS, SIT_COUNT } },
    { "replay", { SIT_REPLAYS, SIT_COUNT } },
    { "late arrival", { SIT_LATE_ARRIVALS, SIT_DOUBLED, SIT_COUNT } },
    { "lost answer", { SIT_LOST_ANSWERS, SIT_CUT_ANSWERS, SIT_COUNT } },
    { "page edge", { SIT_PAGE_EDGES, SIT_COUNT } },
    { "device kill", { SIT_DEVICE_KILLS, SIT_COUNT } },
    { "device power cut", { SIT_DEVICE_CUTS, SIT_COUNT } },
    { "backend crash", { SIT_SERVER_KILLS, SIT_SERVER_CUTS, SIT_COUNT } },
    { "expired token", { SIT_TOKEN_REFRESHES, SIT_COUNT } },
    { "new sign-in", { SIT_SIGN_INS, SIT_COUNT } },
    { "new epoch", { SIT_EPOCHS, SIT_COUNT } },
    { "rejection", { SIT_REJECTIONS, SIT_COUNT } },
    { "held op", { SIT_HELD, SIT_COUNT } },
    { "discard", { SIT_DISCARDS, SIT_COUNT } },
    { "clock jump", { SIT_CLOCK_JUMPS, SIT_COUNT } },
    { "full disk", { SIT_FULL_DISKS, SIT_COUNT } },
    { "old copy", { SIT_OLD_COPIES, SIT_COUNT } },
    { "restored backup", { SIT_BACKUPS_RESTORED, SIT_COUNT } },
    { "account switch", { SIT_SWITCHES, SIT_COUNT } },
    { "two processes", { SIT_SECOND_PROCESSES, SIT_COMMANDS, SIT_COUNT } },
    { "device upgrade", { SIT_DEVICE_UPGRADES, SIT_COUNT } },
    { "pruned tombstone", { SIT_TOMBSTONES_PRUNED, SIT_COUNT } },
};
#define CLASSES (sizeof classes / sizeof *classes)
_Static_assert(CLASSES <= CLASSES_MAX, "more classes than struct tally has room for");

static bool has_class(const struct sim *sim, size_t class)
{
    const enum situation *any = classes[class].any;

    for (size_t i = 0; i < sizeof classes->any / sizeof *any && any[i] != SIT_COUNT; i++)
        if (sim->met[any[i]] > 0)
            return true;
    return false;
}

/* ---- adding up ---- */

void tally_run(struct tally *tally, const struct sim *sim)
{
    bool has[CLASSES];

    tally->seeds++;
    tally->failed += sim_failed(sim);
    tally->operations += sim->operations;
    for (int i = 0; i < 2; i++)
        tally->points[i] += sim->points[i];
    for (size_t i = 0; i < SIT_COUNT; i++) {
        tally->times[i] += sim->met[i];
        tally->seeds_with[i] += sim->met[i] > 0;
    }
    for (size_t a = 0; a < CLASSES; a++)
        has[a] = has_class(sim, a);
    for (size_t a = 0; a < CLASSES; a++)
        for (size_t b = 0; b < CLASSES; b++)
            tally->pairs[a][b] += has[a] && has[b];
}

void tally_add(struct tally *tally, const struct tally *more)
{
    tally->seeds += more->seeds;
    tally->failed += more->failed;
    tally->operations += more->operations;
    for (int i = 0; i < 2; i++)
        tally->points[i] += more->points[i];
    for (size_t i = 0; i < SIT_COUNT; i++) {
        tally->times[i] += more->times[i];
        tally->seeds_with[i] += more->seeds_with[i];
    }
    for (size_t a = 0; a < CLASSES; a++)
        for (size_t b = 0; b < CLASSES; b++)
            tally->pairs[a][b] += more->pairs[a][b];
}

bool tally_print(const struct tally *tally)
{
    bool all = true;

    printf("  %-44s %12s %12s\n", "situation", "times", "seeds");
    for (size_t i = 0; i < SIT_COUNT; i++)
        printf("  %-44s %12" PRIu64 " %12" PRIu64 "\n", situation_name((enum situation)i),
               tally->times[i], tally->seeds_with[i]);
    for (size_t i = 0; i < SIT_COUNT && tally->seeds >= ENOUGH_SEEDS; i++) {
        if (tally->times[i] > 0)
            continue;
        printf("%" PRIu64 " seeds, and none met: %s\n", tally->seeds,
               situation_name((enum situation)i));
        all = false;
    }
    return all;
}

/* ---- the file: `situation`, name, times, seeds; `pair`, name, name, seeds; by tabs ---- */

static size_t find_class(const char *name)
{
    size_t i = 0;

    while (i < CLASSES && strcmp(classes[i].name, name) != 0)
        i++;
    return i;
}

static void read_line(struct tally *tally, char *line)
{
    char *field[4] = { NULL };
    size_t count = 0;

    line[strcspn(line, "\n")] = '\0';
    for (char *rest = line; rest != NULL && count < 4; count++) {
        field[count] = rest;
        rest = strchr(rest, '\t');
        if (rest != NULL)
            *rest++ = '\0';
    }
    if (count == 2 && strcmp(field[0], "seeds") == 0)
        tally->seeds += strtoull(field[1], NULL, 10);
    if (count < 4)
        return;
    if (strcmp(field[0], "pair") == 0) {
        size_t a = find_class(field[1]), b = find_class(field[2]);
        if (a < CLASSES && b < CLASSES)
            tally->pairs[a][b] += strtoull(field[3], NULL, 10);
        return;
    }
    for (size_t i = 0; strcmp(field[0], "situation") == 0 && i < SIT_COUNT; i++) {
        if (strcmp(situation_name((enum situation)i), field[1]) != 0)
            continue;
        tally->times[i] += strtoull(field[2], NULL, 10);
        tally->seeds_with[i] += strtoull(field[3], NULL, 10);
    }
}

static void write_matrix(const struct tally *tally, FILE *file)
{
    fprintf(file, "Seeds of the simulation in which two situations met; in the diagonal, one.\n\n");
    fprintf(file, "%22s", "");
    for (size_t b = 0; b < CLASSES; b++)
        fprintf(file, " %7zu", b + 1);
    fprintf(file, "\n");
    for (size_t a = 0; a < CLASSES; a++) {
        fprintf(file, "%3zu %-18s", a + 1, classes[a].name);
        for (size_t b = 0; b <= a; b++)
            fprintf(file, " %7" PRIu64, tally->pairs[a][b]);
        fprintf(file, "\n");
    }
    fprintf(file, "\nThe same as numbers, to be added to:\n\n");
}

static void write_numbers(const struct tally *tally, FILE *file)
{
    fprintf(file, "seeds\t%" PRIu64 "\n", tally->seeds);
    for (size_t i = 0; i < SIT_COUNT; i++)
        fprintf(file, "situation\t%s\t%" PRIu64 "\t%" PRIu64 "\n",
                situation_name((enum situation)i), tally->times[i], tally->seeds_with[i]);
    for (size_t a = 0; a < CLASSES; a++)
        for (size_t b = 0; b < CLASSES; b++)
            fprintf(file, "pair\t%s\t%s\t%" PRIu64 "\n", classes[a].name, classes[b].name,
                    tally->pairs[a][b]);
}

bool tally_keep(const struct tally *tally, const char *path)
{
    struct tally sum = *tally;
    struct buf fresh = { 0 };
    char line[LINE_SIZE];
    FILE *file = fopen(path, "r");

    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        read_line(&sum, line);
    if (file != NULL)
        fclose(file);
    buf_printf(&fresh, "%s.new", path);
    file = fopen(buf_str(&fresh), "w");
    bool ok = file != NULL;
    if (ok) {
        write_matrix(&sum, file);
        write_numbers(&sum, file);
        ok = ferror(file) == 0;
        ok = fclose(file) == 0 && ok;
    }
    ok = ok && rename(buf_str(&fresh), path) == 0;
    if (!ok)
        fprintf(stderr, "simulation: %s can not be written\n", path);
    buf_done(&fresh);
    return ok;
}
