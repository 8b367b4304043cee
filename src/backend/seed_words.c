#include "src/backend/seed_words.h"

#include <stddef.h>
#include <string.h>

#define COUNT(list) ((int64_t)(sizeof(list) / sizeof *(list)))

static const char *const verbs[] = {
    "Replace", "Check", "Grease", "Tighten",         "Clean",      "Calibrate",
    "Inspect", "Test",  "Drain",  "Repaint",         "Photograph", "Measure",
    "Reseal",  "Label", "Reset",  "Order parts for",
};

struct thing {
    const char *name, *mark;
};

static const struct thing things[] = {
    { "valve", "V" },           { "pump", "P" },
    { "pressure gauge", "PG" }, { "fire extinguisher", "FE" },
    { "conveyor belt", "CB" },  { "emergency light", "EL" },
    { "air filter", "AF" },     { "bearing", "B" },
    { "level sensor", "LS" },   { "gate motor", "GM" },
    { "transformer", "T" },     { "ladder", "L" },
    { "flow meter", "FM" },     { "door seal", "DS" },
    { "cooling fan", "CF" },    { "battery bank", "BB" },
};

static const char *const places[] = {
    "north pump house", "south pump house", "boiler room",       "loading dock 2",
    "tank farm",        "gatehouse",        "workshop",          "well 7",
    "substation B",     "roof of hall 3",   "quarry road depot", "cold store",
    "jetty 1",          "control room",     "east yard",         "weighbridge",
};

static const char *const remarks[] = {
    "Key is in the gatehouse.",  "Needs two people.",        "Isolate at panel C first.",
    "Spare part is on shelf 4.", "Last done in spring.",     "Slight leak at the flange.",
    "Noise at high speed.",      "Wait for the contractor.", "Bring the long ladder.",
    "Reading was 4.2 bar.",      "Bolts are M16.",           "Ask the night shift.",
};

/* splitmix64, by Sebastiano Vigna (public domain). */
uint64_t dice_throw(struct dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t dice_below(struct dice *dice, int64_t below)
{
    return (int64_t)(dice_throw(dice) % (uint64_t)below);
}

bool dice_chance(struct dice *dice, int percent)
{
    return dice_below(dice, 100) < percent;
}

static void put_marked(struct dice *dice, struct buf *out, const char **place)
{
    const struct thing *thing = &things[dice_below(dice, COUNT(things))];
    int64_t number = 1 + dice_below(dice, 60);

    *place = places[dice_below(dice, COUNT(places))];
    buf_printf(out, "%s %s-%lld", thing->name, thing->mark, (long long)number);
}

void seed_put_job(struct dice *dice, struct buf *out)
{
    const char *place;

    buf_puts(out, verbs[dice_below(dice, COUNT(verbs))]);
    buf_putc(out, ' ');
    put_marked(dice, out, &place);
    buf_printf(out, " at %s", place);
}

void seed_put_thing(struct dice *dice, struct buf *out)
{
    size_t start = out->len;
    const char *place;

    put_marked(dice, out, &place);
    out->data[start] = (char)(out->data[start] - 'a' + 'A');
    buf_printf(out, ", %s", place);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void seed_put_like(struct dice *dice, const char *example, struct buf *out)
{
    size_t end = strlen(example), start;

    while (end > 0 && !is_digit(example[end - 1]))
        end--;
    start = end;
    while (start > 0 && is_digit(example[start - 1]))
        start--;
    buf_append(out, example, start);
    for (size_t i = start; i < end; i++) {
        bool is_head = i == start && example[i] != '0';

        buf_putc(out, (char)('0' + (is_head ? 1 + dice_below(dice, 9) : dice_below(dice, 10))));
    }
    buf_puts(out, example + end);
}

void seed_put_notes(struct dice *dice, struct buf *out)
{
    int64_t lines = 1 + dice_below(dice, 3);

    for (int64_t i = 0; i < lines; i++) {
        if (i > 0)
            buf_putc(out, '\n');
        buf_puts(out, remarks[dice_below(dice, COUNT(remarks))]);
    }
}
