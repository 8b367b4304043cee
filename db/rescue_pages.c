/* The rows of a file whose trees can not be followed: every page that looks like the leaf of a
 * table is read by itself (sqlite.org/fileformat2.html, sections 1.6, 2 and 4). */
#include "db/rescue_priv.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"

#define PAGE RESCUE_PAGE_SIZE
#define LEAF_OF_TABLE 0x0d
#define PAYLOAD_MAX (64u << 20)
#define WAL_HEADER 32
#define FRAME_HEADER 24

/* ---- the WAL ---- */

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void add_sums(uint32_t sums[2], bool is_big, const unsigned char *at, size_t len)
{
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint32_t first = big_endian(at + i), second = big_endian(at + i + 4);
        sums[0] += (is_big ? first : __builtin_bswap32(first)) + sums[1];
        sums[1] += (is_big ? second : __builtin_bswap32(second)) + sums[0];
    }
}

static bool are_sums(const uint32_t sums[2], const unsigned char *at)
{
    return big_endian(at) == sums[0] && big_endian(at + 4) == sums[1];
}

/* Where the last commit of the WAL ends that is whole: sections 4.2 and 4.4. */
static size_t end_of_wal(const unsigned char *wal, size_t len)
{
    uint32_t sums[2] = { 0, 0 };
    bool is_big = wal[3] & 1;
    size_t end = 0;

    add_sums(sums, is_big, wal, 24);
    if (!are_sums(sums, wal + 24))
        return 0;
    for (size_t at = WAL_HEADER; at + FRAME_HEADER + PAGE <= len; at += FRAME_HEADER + PAGE) {
        add_sums(sums, is_big, wal + at, 8);
        add_sums(sums, is_big, wal + at + FRAME_HEADER, PAGE);
        if (memcmp(wal + at + 8, wal + 16, 8) != 0 || !are_sums(sums, wal + at + 16))
            break;
        if (big_endian(wal + at + 4) != 0)
            end = at + FRAME_HEADER + PAGE;
    }
    return end;
}

static void put_wal_onto(int to, const unsigned char *wal, size_t len)
{
    size_t end = end_of_wal(wal, len);

    for (size_t at = WAL_HEADER; at < end; at += FRAME_HEADER + PAGE) {
        off_t number = big_endian(wal + at);
        if (number == 0 || pwrite(to, wal + at + FRAME_HEADER, PAGE, (number - 1) * PAGE) != PAGE)
            return;
    }
}

struct view { /* a file in memory */
    unsigned char *bytes;
    size_t len;
};

static bool view_open(struct view *view, int fd)
{
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0)
        return false;
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return false;
    *view = (struct view){ bytes, (size_t)st.st_size };
    return true;
}

static void view_close(struct view *view)
{
    if (view->bytes != NULL)
        munmap(view->bytes, view->len);
    *view = (struct view){ 0 };
}

static void merge_wal(int to, const char *path)
{
    struct view wal = { 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (view_open(&wal, fd) && wal.len > WAL_HEADER)
        put_wal_onto(to, wal.bytes, wal.len);
    view_close(&wal);
    if (fd >= 0)
        close(fd);
}

/* ---- a row ---- */

/* Returns its length, 0: it does not end within the room. */
static size_t varint(const unsigned char *at, size_t room, uint64_t *out)
{
    uint64_t n = 0;

    for (size_t i = 0; i < 9 && i < room; i++) {
        if (i == 8) {
            *out = n << 8 | at[i];
            return 9;
        }
        n = n << 7 | (at[i] & 0x7f);
        if ((at[i] & 0x80) == 0) {
            *out = n;
            return i + 1;
        }
    }
    return 0;
}

static size_t length_of(uint64_t type)
{
    static const size_t fixed[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };

    return type < 12 ? fixed[type] : (size_t)(type - 12) / 2;
}

/* How much of a payload lies on the leaf itself: section 1.6. */
static size_t local_part(size_t len)
{
    const size_t max = PAGE - 35, min = (PAGE - 12) * 32 / 255 - 23;

    if (len <= max)
        return len;
    size_t rest = min + (len - min) % (PAGE - 4);
    return rest <= max ? rest : min;
}

/* The rest of a payload, from page to page. */
static bool read_overflow(const struct view *file, uint32_t page, unsigned char *to, size_t len)
{
    while (len > 0) {
        size_t part = len < PAGE - 4 ? len : PAGE - 4;
        size_t at = ((size_t)page - 1) * PAGE;

        if (page == 0 || at + 4 + part > file->len)
            return false;
        memcpy(to, file->bytes + at + 4, part);
        page = big_endian(file->bytes + at);
        to += part;
        len -= part;
    }
    return true;
}

static bool read_fields(struct rescue_row *row, size_t len)
{
    uint64_t header, type;
    size_t at = varint(row->payload, len, &header), body = (size_t)header;

    row->count = 0;
    if (at == 0 || header > len)
        return false;
    while (at < header && row->count < RESCUE_FIELDS_MAX) {
        size_t used = varint(row->payload + at, (size_t)header - at, &type);
        if (used == 0 || type > 2 * (uint64_t)PAYLOAD_MAX || body + length_of(type) > len)
            return false;
        row->fields[row->count++] = (struct rescue_field){ type, body, length_of(type) };
        body += length_of(type);
        at += used;
    }
    return row->count > 0;
}

/* The row whose cell begins there; the caller frees row->payload in any case. */
static bool read_cell(const struct view *file, size_t page_at, size_t cell, struct rescue_row *row)
{
    const unsigned char *page = file->bytes + page_at;
    uint64_t len, rowid;
    size_t used = varint(page + cell, PAGE - cell, &len);

    row->payload = NULL;
    if (used == 0 || len == 0 || len > PAYLOAD_MAX || len > file->len)
        return false;
    cell += used;
    used = varint(page + cell, PAGE - cell, &rowid);
    cell += used;
    size_t local = local_part((size_t)len);
    size_t link = local < len ? 4 : 0;
    if (used == 0 || cell + local + link > PAGE)
        return false;
    row->rowid = (int64_t)rowid;
    unsigned char *payload = mem_alloc((size_t)len);
    row->payload = payload;
    memcpy(payload, page + cell, local);
    if (link > 0 && !read_overflow(file, big_endian(page + cell + local), payload + local,
                                   (size_t)len - local))
        return false;
    return read_fields(row, (size_t)len);
}

static void read_page(const struct view *file, size_t at, rescue_take *take, void *ctx)
{
    const unsigned char *page = file->bytes + at;
    size_t cells = (size_t)page[3] << 8 | page[4];

    if (page[0] != LEAF_OF_TABLE || 8 + 2 * cells > PAGE)
        return;
    for (size_t i = 0; i < cells; i++) {
        struct rescue_row row;
        size_t cell = (size_t)page[8 + 2 * i] << 8 | page[9 + 2 * i];

        if (cell >= PAGE)
            continue;
        if (read_cell(file, at, cell, &row))
            take(ctx, &row);
        free(row.payload);
    }
}

void rescue_pages(const char *path, const char *wal, rescue_take *take, void *ctx)
{
    struct view file = { 0 };
    int fd = open(path, O_RDWR | O_CLOEXEC);

    if (fd >= 0)
        merge_wal(fd, wal);
    if (view_open(&file, fd)) {
        for (size_t at = 0; at + PAGE <= file.len; at += PAGE)
            read_page(&file, at, take, ctx);
    }
    view_close(&file);
    if (fd >= 0)
        close(fd);
}
