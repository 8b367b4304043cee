/* tests/fuzz/fuzz.h: what the targets share. A target is one function over bytes; libFuzzer calls
 * it in campaigns (tests/deep/fuzz), replay.c with the checked-in corpus in every run of the tests.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include "db/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold, whatever the bytes: ends the program loudly. */
#define ORACLE(holds)                                                                              \
    do {                                                                                           \
        if (!(holds))                                                                              \
            fuzz_fail(__FILE__, __LINE__, #holds);                                                 \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *what);

/* A file without a name that holds just these bytes, read from its start: the same one each time,
 * because to make one costs more than most inputs. Borrowed. */
int fuzz_file(const uint8_t *data, size_t size);
/* A folder of this process, removed at its end. */
const char *fuzz_dir(void);
/* The built-in tables. */
struct registry *fuzz_registry(void);
/* A store with them, in the folder, with an account. */
struct db *fuzz_store(void);

#endif
