/* The C library's heap, replaced for this program: a simulation spends a sixth of its time in
 * malloc and free, and has one thread and blocks of a few sizes. A block that was freed goes to
 * the list of its size and comes back from there; nothing is given back to the system. Not in
 * builds with sanitizers, which have a heap of their own that sees more.
 *
 * Threads  one.
 * Source   glibc manual, 3.2.5 "Replacing malloc"
 */
#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ALIGN 16
#define SMALL_MAX 1024 /* up to here a size for every 16 bytes, */
#define SMALL_SIZES (SMALL_MAX / ALIGN)
#define STEPS 4 /* from there four between a power of two and the next */
#define LARGE_MAX ((size_t)1 << 24)
#define SIZES (SMALL_SIZES + 14 * STEPS)
#define CHUNK_SIZE ((size_t)64 << 20)

union block {
    struct {
        size_t size;       /* usable bytes */
        union block *next; /* while it is free */
    } head;
    unsigned char align[ALIGN];
};

/* Global by nature: there is one heap. */
static union block *free_lists[SIZES];
static unsigned char *chunk;
static size_t chunk_left;

/* The list that serves size; *rounded: the size of its blocks. */
static inline size_t list_of(size_t size, size_t *rounded)
{
    if (size <= SMALL_MAX) {
        size_t at = size == 0 ? 0 : (size - 1) / ALIGN;
        *rounded = (at + 1) * ALIGN;
        return at;
    }
    size_t power = (size_t)(63 - __builtin_clzll(size - 1)), step = ((size_t)1 << power) / STEPS;
    size_t n = (size - 1 - ((size_t)1 << power)) / step;
    *rounded = ((size_t)1 << power) + (n + 1) * step;
    return SMALL_SIZES + (power - 10) * STEPS + n;
}

static union block *from_system(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

static union block *carve(size_t size)
{
    size_t whole = size + sizeof(union block);

    if (chunk_left < whole) {
        chunk = (unsigned char *)from_system(CHUNK_SIZE);
        chunk_left = chunk == NULL ? 0 : CHUNK_SIZE;
    }
    if (chunk == NULL)
        return NULL;
    union block *b = (union block *)(void *)chunk;
    chunk += whole;
    chunk_left -= whole;
    b->head.size = size;
    return b;
}

void *malloc(size_t size)
{
    union block *b;

    if (size > LARGE_MAX) {
        b = size > PTRDIFF_MAX ? NULL : from_system(size + sizeof *b);
        if (b != NULL)
            b->head.size = size;
    } else {
        size_t rounded, at = list_of(size, &rounded);
        b = free_lists[at];
        if (b != NULL)
            free_lists[at] = b->head.next;
        else
            b = carve(rounded);
    }
    if (b == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    return b + 1;
}

void free(void *p)
{
    size_t rounded;

    if (p == NULL)
        return;
    union block *b = (union block *)p - 1;
    if (b->head.size > LARGE_MAX) {
        munmap(b, b->head.size + sizeof *b);
        return;
    }
    size_t at = list_of(b->head.size, &rounded);
    b->head.next = free_lists[at];
    free_lists[at] = b;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(bytes);
    return p == NULL ? NULL : memset(p, 0, bytes);
}

void *realloc(void *old, size_t size)
{
    if (old == NULL)
        return malloc(size);
    size_t had = ((union block *)old - 1)->head.size;
    if (size <= had && size > had / 4)
        return old;
    void *p = malloc(size);
    if (p == NULL)
        return NULL;
    memcpy(p, old, had < size ? had : size);
    free(old);
    return p;
}

size_t malloc_usable_size(void *p)
{
    return p == NULL ? 0 : ((union block *)p - 1)->head.size;
}

/* Nobody here wants more than every block has. */
void *memalign(size_t align, size_t size)
{
    if (align > ALIGN) {
        errno = EINVAL;
        return NULL;
    }
    return malloc(size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return memalign(align, size);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    void *p = memalign(align, size);

    if (p == NULL)
        return errno;
    *out = p;
    return 0;
}
