#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Global by nature, as the header says: there is one heap, and one tidy way out of the program. */
static void (*exhausted_hook)(void);

/* The first thread that runs out leaves through the hook; others wait, so that they cannot end the
 * program while it saves. Running out again inside the hook leaves at once. */
_Noreturn void mem_exhausted(void)
{
    static atomic_flag leaving = ATOMIC_FLAG_INIT;
    static _Thread_local bool is_leaving;
    static const char line[] = "outpost: out of memory\n";

    if (is_leaving)
        _exit(1);
    if (atomic_flag_test_and_set(&leaving)) {
        for (;;)
            pause();
    }
    is_leaving = true;
    if (exhausted_hook) {
        exhausted_hook();
    } else {
        ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
        (void)written;                  /* nobody is left to tell */
    }
    exit(1);
}

void mem_on_exhausted(void (*hook)(void))
{
    exhausted_hook = hook;
}

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        mem_exhausted();
    return p;
}

static size_t product(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        mem_exhausted();
    return count * size;
}

void *mem_zero(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *p = calloc(bytes ? bytes : 1, 1);

    if (!p)
        mem_exhausted();
    return p;
}

void *mem_grow(void *old, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *p = realloc(old, bytes ? bytes : 1);

    if (!p)
        mem_exhausted();
    return p;
}

char *mem_strdup(const char *s)
{
    return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t len)
{
    char *copy;

    if (len == SIZE_MAX)
        mem_exhausted();
    copy = mem_alloc(len + 1);
    if (len)
        memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}
