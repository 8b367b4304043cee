/* db/definition.h: private to the registry. One JSON definition becomes one struct table.
 *
 * Errors   RC_INVALID, with a sentence such as `line 12, column "dueAt": "min" is above "max".`
 */
#ifndef DB_DEFINITION_H
#define DB_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "db/registry.h"

struct cJSON;

/* The byte order mark that some editors put at the begin of a file is passed over. *out: yours,
 * definition_free() it. */
enum rc definition_read(const char *json, size_t len, const char *source, struct table **out,
                        struct err *err);
void definition_free(struct table *table);

/* Does `table` keep all that `old` has: columns with their types, choices and references? */
enum rc definition_adds_to(const struct table *old, const struct table *table, struct err *err);

/* ---- shared by the definition's files ---- */

#define DEFINITION_NOWHERE ((size_t)-1)

/* A definition under way, and the place that is looked at. */
struct reading {
    const char *json;
    size_t len;
    struct table *table;
    size_t column;              /* index in "columns", or DEFINITION_NOWHERE */
    const char *column_name;    /* NULL until known */
    struct err *err;
};

/* `member`: of the column looked at, else of the table; NULL for the thing itself. */
enum rc definition_refuse(const struct reading *r, const char *member, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

enum member_shape { MEMBER_STRING, MEMBER_BOOL, MEMBER_NUMBER, MEMBER_LIST, MEMBER_ANY };

struct member {
    const char *name;
    enum member_shape shape;
    bool is_needed;
    size_t max_length;          /* strings: code points, and not blank; 0: not looked at */
    unsigned takes;             /* of a column: bits of enum column_takes; 0: every kind has it */
};

/* Members are known, of the right shape, and there if needed. */
enum rc definition_members(const struct reading *r, const struct cJSON *obj,
                           const struct member *members, size_t count);

/* A member's text on the heap, or NULL when it is absent. */
char *definition_string(const struct cJSON *obj, const char *name);

/* [a-z][A-Za-z0-9]{0,59} */
bool definition_name_is_valid(const char *name);
#define DEFINITION_NAME_RULE \
    N_("a small letter, then letters and digits, at most 60 (such as dueAt)")

/* The SQL name on the heap: dueAt -> due_at, siteURL -> site_url, pdfFile2 -> pdf_file2. */
char *definition_sql_name(const char *name);
/* From a SQL name: due_at -> "Due at". */
char *definition_label(const char *sql);

/* One element of "columns" into r->table->columns[r->column]. */
enum rc definition_column_read(struct reading *r, const struct cJSON *obj);
void definition_column_done(struct column *col);

/* Bytes of a byte order mark at the begin of a text; RFC 8259 (8.1) lets a reader pass over it. */
size_t definition_mark(const char *json, size_t len);

/* The line, from 1, of a place in valid JSON text: the member of the object itself, or of element
 * `column` of its "columns". 0 when it cannot be found. */
int definition_line(const char *json, size_t len, size_t column, const char *member);

#endif
