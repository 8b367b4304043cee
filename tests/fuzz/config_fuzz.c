/* The config file: what is not understood becomes a warning, and every key still has a value of its
 * kind. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <string.h>
#include "src/app/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config = { 0 };
    struct err err = { 0 };
    char path[40];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fuzz_file(data, size));
    ORACLE(config_read(path, &config, &err) == RC_OK);
    for (const struct config_key *key = config_keys; key->name; key++) {
        config_text(&config, key->name);
        config_switch(&config, key->name);
        int64_t n = config_number(&config, key->name);
        bool has_value = config_text(&config, key->name) != NULL;
        if (has_value &&
            (key->kind == CONFIG_SECONDS || key->kind == CONFIG_MS || key->kind == CONFIG_BYTES))
            ORACLE(n >= key->min && n <= key->max);
    }
    for (size_t i = 0; i < config.warning_count; i++)
        ORACLE(strncmp(config.warnings[i], path, strlen(path)) == 0);
    config_done(&config);
    return 0;
}
