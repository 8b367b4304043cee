/* Gives every file of the named folders to the target: the corpus as a test, without libFuzzer. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/file.h"
#include "tests/fuzz/fuzz.h"

static bool replay_file(const char *path)
{
    struct buf bytes = { 0 };
    struct err err = { 0 };

    if (file_read(path, 16 << 20, &bytes, &err)) {
        fprintf(stderr, "%s\n", err.msg);
        return false;
    }
    /* A copy of just that size, so that the sanitizer sees a read behind its end. */
    uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    LLVMFuzzerTestOneInput(copy, bytes.len);
    free(copy);
    buf_done(&bytes);
    return true;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        struct dirent **names = NULL;
        int n = scandir(argv[i], &names, NULL, alphasort);

        if (n < 0) {
            perror(argv[i]);
            return 2;
        }
        for (int j = 0; j < n; j++) {
            char *path = path_join(argv[i], names[j]->d_name);
            if (names[j]->d_name[0] != '.') {
                if (!replay_file(path))
                    return 2;
                count++;
            }
            free(path);
            free(names[j]);
        }
        free(names);
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1; /* an empty corpus proves nothing */
}
