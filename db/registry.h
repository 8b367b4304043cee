/* db/registry.h: the tables that this program knows, each read from one JSON definition. From a
 * definition follow the SQLite table, queue payloads, forms, lists, the command line and the
 * backend's validation; nothing else in the program knows a table's or a column's name.
 *
 * Ownership  a registry owns its tables, which live as long as it; what is handed out is borrowed.
 * Threads    constant after loading: any thread may read it.
 * Words      a wire name is the definition's (`dueAt`); a SQL name is derived by one rule
 *            (`due_at`) and may be a word of SQL (`order`): quote it.
 */
#ifndef DB_REGISTRY_H
#define DB_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "db/value.h"

struct cJSON;

enum column_kind {
    COLUMN_TEXT, COLUMN_BOOL, COLUMN_INTEGER, COLUMN_REAL,
    COLUMN_DATE, COLUMN_TIMESTAMP, COLUMN_CHOICE, COLUMN_REFERENCE
};

#define COLUMN_TEXT_MAX 65536           /* code points of a text without a limit of its own */
#define RECORD_JSON_MAX (256u << 10)    /* bytes of a record as JSON */
#define TABLE_SORTS_MAX 4
#define TABLE_COLUMNS_MAX 128

enum edit_kind {
    EDIT_LINE, EDIT_LINES, EDIT_SWITCH, EDIT_CHOICE, EDIT_DATE, EDIT_NUMBER, EDIT_REFERENCE
};

struct choice {
    char *value, *label;
};

struct column {
    char *name;                 /* wire name */
    char *sql;                  /* SQL name */
    char *label, *help, *unit;  /* label is never NULL; help and unit may be */
    enum column_kind kind;
    bool is_required, is_read_only, is_multiline;
    bool has_default, has_min, has_max;
    struct value default_value; /* of the column's shape when has_default */
    double min, max;            /* integer, real, timestamp */
    size_t max_length;          /* text: code points */
    struct choice *choices;
    size_t choice_count;
    char **examples;            /* text: what such a text looks like; for invented records */
    size_t example_count;
    char *reference;            /* wire name of the table it points to */
    size_t index;               /* place in table->columns */
};

struct sort_order {
    char *name;                 /* "due": for the user, and `--sort` */
    const struct column *column;        /* NULL: updatedAt or createdAt, as below */
    bool by_created;            /* with column NULL: createdAt instead of updatedAt */
    bool is_descending;
};

struct table {
    char *name;                 /* wire name; the SQL table has the same name in snake_case */
    char *sql;
    char *label, *label_one;    /* "Tasks", "task" */
    struct column *columns;
    size_t column_count;
    const struct column **by_name;      /* the same, sorted by wire name, for table_column */
    const struct column *title;         /* a text column */
    const struct column *done;          /* a bool column that says a record is finished, or NULL */
    const struct column **list;         /* columns of the list, in order */
    size_t list_count;
    struct sort_order sorts[TABLE_SORTS_MAX];   /* at least one: `created` when there are none */
    size_t sort_count;
    char *source;               /* the file it came from, or "built in" */
    size_t index;               /* place in the registry */
};

struct registry;

/* One definition that was refused; the other tables are loaded all the same. */
struct registry_problem {
    char *source;               /* file */
    char *sentence;             /* with line and column name where known, and what would be right */
};

/* Loads the built-in tables, then every *.json of each folder in `dirs` (in order of file names;
 * NULL entries and missing folders are skipped). A folder's definition with the name of a built-in
 * one replaces it only if it adds to it. Fails only when the built-in ones cannot be read; what else
 * was refused is in the problems. *out: yours, registry_free() it. */
enum rc registry_load(const char *const *dirs, size_t dir_count, struct registry **out,
                      struct err *err);
/* From a definition as text, for tests: source is only a name, and begins RC_INVALID's sentence. */
enum rc registry_add(struct registry *reg, const char *json, size_t len, const char *source,
                     struct err *err);
struct registry *registry_new(void);
void registry_free(struct registry *reg);

/* Takes a table out again, with a problem that says why: for a definition that reads well and does
 * not fit what a store was made from. `column` is what the sentence is about, or NULL; its line is
 * looked up in the file and said first. Tables behind it move up; only before others look at the
 * registry. */
void registry_refuse(struct registry *reg, const char *name, const char *column,
                     const char *sentence);

size_t registry_count(const struct registry *reg);
const struct table *registry_at(const struct registry *reg, size_t index);
/* By wire name; NULL: unknown. */
const struct table *registry_find(const struct registry *reg, const char *name);
size_t registry_problem_count(const struct registry *reg);
const struct registry_problem *registry_problem_at(const struct registry *reg, size_t index);

/* By wire name; NULL: unknown. */
const struct column *table_column(const struct table *table, const char *name);

/* ---- values of a column: one row of functions per kind, no switch on kinds anywhere else ---- */

const char *column_kind_name(enum column_kind kind);            /* "text", as in a definition */
const char *column_sql_type(const struct column *col);          /* "TEXT", "INTEGER", "REAL" */
enum value_kind column_shape(const struct column *col);         /* of values that are not NULL */
enum edit_kind column_edit_kind(const struct column *col);

/* Is v right for col, by CONTRACT section 4 (Validation)? NULL is right unless the column is required
 * or has a default. RC_INVALID: err->code "invalid_value", err->column, and a sentence such as
 * "Text can have 200 characters; this has 214." */
enum rc column_check(const struct column *col, const struct value *v, struct err *err);

/* JSON to value, with column_check; so a choice that is not in the list is refused. *out is
 * overwritten, on success only. -0 becomes 0. */
enum rc column_from_json(const struct column *col, const struct cJSON *json, struct value *out,
                         struct err *err);
/* The check alone: copies nothing. */
enum rc column_check_json(const struct column *col, const struct cJSON *json, struct err *err);
/* The same without limits, required and choices: for what the backend says (it may be newer than we
 * are); only the shape must fit. RC_INVALID when it does not. */
enum rc column_from_backend(const struct column *col, const struct cJSON *json, struct value *out,
                            struct err *err);
void column_to_json(const struct column *col, const struct value *v, struct buf *out);

/* What a person types (`--set COL=VALUE`, a form's field) to value, with column_check. Empty text
 * is NULL. Bools: yes no true false 1 0; choices by value or label, any case; dates and times as in
 * db/typed_time.h (2026-11-28, 28.11., 11-28, today, tom, fri, +3, +2w), where `today_ms` is now;
 * numbers with a decimal point, the column's unit may follow. */
enum rc column_from_text(const struct column *col, const char *s, size_t len, int64_t today_ms,
                         struct value *out, struct err *err);
/* What a person reads and may type again; not made safe for display. */
void column_to_text(const struct column *col, const struct value *v, struct buf *out);

/* The key under which a value (of sort->column; not looked at without one) sorts in a list: the
 * folded head of a text, the place of a choice, the number. NULLs sort last in both directions.
 * *out, yours, is an INTEGER, REAL or TEXT value for SQLite. */
void sort_key(const struct sort_order *sort, const struct value *v, int64_t created_at,
              int64_t updated_at, struct value *out);

/* ---- checks over a whole op, for both ends of the wire ---- */

/* `set` of an op: an object of known columns with right values. On create also: required columns are
 * there (a default counts). err->code is unknown_column or invalid_value, err->column the column. */
enum rc table_check_set(const struct table *table, const struct cJSON *set, bool is_create,
                        struct err *err);

/* A text that changes whenever columns, types, limits, defaults, choices, title, done or sort
 * orders of the definition change (hex of a hash); labels do not count. */
void table_fingerprint(const struct table *table, char out[33]);

#endif
