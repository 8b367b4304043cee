/* base/mem.h: our own allocations. They never return NULL: out of memory ends the program tidily
 * through the hook that main sets (terminal restored, draft kept, exit 1). Free with free().
 *
 * Threads  any; set the hook before the first thread starts.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);
void *mem_zero(size_t count, size_t size);              /* calloc: zeroed, overflow-checked */
void *mem_grow(void *old, size_t count, size_t size);   /* realloc of an array, overflow-checked */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t len);           /* copies exactly len bytes and adds a NUL */

/* Called once when memory is gone, before exit(1); must not allocate. NULL: only a line on stderr. */
void mem_on_exhausted(void (*hook)(void));

/* Leaves as above; for a library or a sum that says itself that memory is gone. */
_Noreturn void mem_exhausted(void);

#endif
