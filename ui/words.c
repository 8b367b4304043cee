/* Labels as they stand inside a sentence. */
#include <ctype.h>
#include <stdio.h>
#include "ui/ui_priv.h"

void ui_lower(const char *label, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", label);
    out[0] = (char)tolower((unsigned char)out[0]);
}

void ui_plural(const struct table *table, char *out, size_t size)
{
    ui_lower(table->label, out, size);
}
