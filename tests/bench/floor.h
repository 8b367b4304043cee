/* tests/bench/floor.h: the least that the same work can cost: the same rows through the same statements in transactions
 * of the same size and the same synchronous mode, straight into SQLite; no JSON, no HTTP, no checks, one process.
 * The rows are those of the run that is measured, read from its own files. */
#ifndef TESTS_BENCH_FLOOR_H
#define TESTS_BENCH_FLOOR_H

/* Each gives seconds. `device` and `backend` are files of the finished run; `queued` a copy of the device's file while
 * all its ops waited; `dir` a folder for throw-away files. */
double floor_import(const char *queued, const char *unused, const char *dir);
double floor_push(const char *queued, const char *backend, const char *dir);
double floor_pull(const char *device, const char *backend, const char *dir);

/* The same of one table of any name; `skip`: so many of its rows are there already, and are not timed. */
struct floor_table {
    const char *name, *sql;     /* on the wire, and in the device's file */
    int skip;
};
double floor_pull_table(const char *device, const char *backend, const char *dir, const struct floor_table *table);

/* Copies a database as it is, WAL included. */
void copy_database(const char *from, const char *to);

#endif
