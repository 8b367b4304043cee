#include "src/app/accounts.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"

#define FILE_MAX (1u << 20)
#define HASH_BYTES 16

/* The members of an entry, for reading and writing alike. */
static const struct {
    const char *name;
    size_t offset;
    bool is_required;
} members[] = {
    { "file", offsetof(struct account, file), true },
    { "server", offsetof(struct account, server), true },
    { "instance", offsetof(struct account, instance), true },
    { "userId", offsetof(struct account, user_id), true },
    { "email", offsetof(struct account, email), false },
    { "name", offsetof(struct account, name), false },
    { "tokenHash", offsetof(struct account, token_hash), false },
};
#define MEMBER_COUNT (sizeof members / sizeof members[0])

static char **member_of(struct account *account, size_t i)
{
    return (char **)((char *)account + members[i].offset);
}

void account_done(struct account *account)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        free(*member_of(account, i));
    *account = (struct account){ 0 };
}

void account_copy(struct account *to, const struct account *from)
{
    struct account copy = *from;

    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        char **text = member_of(&copy, i);
        *text = *text ? mem_strdup(*text) : NULL;
    }
    *to = copy;
}

const char *account_label(const struct account *account)
{
    if (account->email && account->email[0])
        return account->email;
    return account->name && account->name[0] ? account->name : account->user_id;
}

void accounts_done(struct accounts *accounts)
{
    for (size_t i = 0; i < accounts->count; i++)
        account_done(&accounts->items[i]);
    free(accounts->items);
    *accounts = (struct accounts){ .current = -1 };
}

static void hash_name(const char *a, const char *b, char hex[2 * HASH_BYTES + 1])
{
    unsigned char hash[HASH_BYTES];
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)a, strlen(a) + 1);
    crypto_generichash_update(&state, (const unsigned char *)b, strlen(b) + 1);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(hex, 2 * HASH_BYTES + 1, hash, sizeof hash);
}

void accounts_file_name(const char *instance, const char *user_id, char out[ACCOUNT_FILE_SIZE])
{
    hash_name(instance, user_id, out);
    memcpy(out + (size_t)2 * HASH_BYTES, ".db", sizeof ".db");
}

void accounts_token_hash(const char *token, char out[ACCOUNT_FILE_SIZE])
{
    hash_name("token", token, out);
}

/* A name that stays in the data directory. */
static bool is_plain_name(const char *s)
{
    return s[0] && s[0] != '.' && !strchr(s, '/') && strlen(s) < ACCOUNT_FILE_SIZE;
}

static bool entry_from_json(const cJSON *json, struct account *out)
{
    struct account account = { 0 };

    for (size_t i = 0; i < MEMBER_COUNT; i++) {
        const char *text = json_get_string(json, members[i].name);

        if (!text && members[i].is_required)
            goto bad;
        *member_of(&account, i) = text ? mem_strdup(text) : NULL;
    }
    if (!is_plain_name(account.file))
        goto bad;
    *out = account;
    return true;
bad:
    account_done(&account);
    return false;
}

static bool from_json(const cJSON *json, struct accounts *out)
{
    const cJSON *list = json_get(json, "accounts"), *entry;
    const char *current = json_get_string(json, "current");

    if (!cJSON_IsArray(list))
        return false;
    cJSON_ArrayForEach(entry, list)
    {
        struct account account;

        if (!entry_from_json(entry, &account))
            return false;
        out->items = mem_grow(out->items, out->count + 1, sizeof *out->items);
        out->items[out->count++] = account;
        if (current && strcmp(current, account.file) == 0)
            out->current = (int)out->count - 1;
    }
    return true;
}

enum rc accounts_read(const char *data_dir, struct accounts *out, struct err *err)
{
    char *path = path_join(data_dir, "accounts");
    struct accounts accounts = { .current = -1 };
    struct buf text = { 0 };
    cJSON *json = NULL;
    enum rc rc = file_read(path, FILE_MAX, &text, err);

    if (rc == RC_NOT_FOUND) {
        rc = RC_OK;
    } else if (rc == RC_OK) {
        rc = json_parse(buf_str(&text), text.len, &json, err);
        if (rc == RC_OK && !from_json(json, &accounts))
            rc = err_set(err, RC_INVALID, _("it is no list of accounts"));
        if (rc) {
            err_prefix(err, "%s", path);
            err->rc = rc = RC_CORRUPT;
        }
    }
    if (rc)
        accounts_done(&accounts);
    else
        *out = accounts;
    cJSON_Delete(json);
    buf_done(&text);
    free(path);
    return rc;
}

static enum rc accounts_write(const char *data_dir, struct accounts *accounts, struct err *err)
{
    char *path = path_join(data_dir, "accounts");
    struct buf text = { 0 };
    enum rc rc;

    buf_puts(&text, "{\"version\":1,\"current\":");
    if (accounts->current >= 0) {
        const char *file = accounts->items[accounts->current].file;
        json_put_string(&text, file, strlen(file));
    } else {
        buf_puts(&text, "null");
    }
    buf_puts(&text, ",\"accounts\":[");
    for (size_t i = 0; i < accounts->count; i++) {
        buf_puts(&text, i ? ",\n{" : "\n{");
        for (size_t j = 0, written = 0; j < MEMBER_COUNT; j++) {
            const char *value = *member_of(&accounts->items[i], j);

            if (!value)
                continue;
            buf_printf(&text, "%s\"%s\":", written++ ? "," : "", members[j].name);
            json_put_string(&text, value, strlen(value));
        }
        buf_putc(&text, '}');
    }
    buf_puts(&text, "]}\n");
    rc = file_replace(path, buf_str(&text), text.len, 0600, err);
    buf_done(&text);
    free(path);
    return rc;
}

/* Two commands that sign in at once must not drop each other's entry. */
static enum rc lock_accounts(const char *data_dir, int *fd, struct err *err)
{
    char *path = NULL;
    enum rc rc = file_make_dirs(data_dir, err);

    if (rc)
        return rc;
    path = path_join(data_dir, "accounts.lock");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0 || flock(*fd, LOCK_EX) != 0)
        rc = err_sys(err, RC_IO, errno, _("cannot lock %s"), path);
    free(path);
    return rc;
}

static int find_file(const struct accounts *accounts, const char *file)
{
    for (size_t i = 0; i < accounts->count; i++) {
        if (strcmp(accounts->items[i].file, file) == 0)
            return (int)i;
    }
    return -1;
}

enum rc accounts_sign_in(const char *data_dir, const struct account *who, struct err *err)
{
    struct accounts accounts = { .current = -1 };
    int fd = -1, at;
    enum rc rc = lock_accounts(data_dir, &fd, err);

    if (rc == RC_OK)
        rc = accounts_read(data_dir, &accounts, err);
    if (rc)
        goto out;
    at = find_file(&accounts, who->file);
    if (at < 0) {
        accounts.items = mem_grow(accounts.items, accounts.count + 1, sizeof *accounts.items);
        at = (int)accounts.count++;
    } else {
        account_done(&accounts.items[at]);
    }
    account_copy(&accounts.items[at], who);
    accounts.current = at;
    rc = accounts_write(data_dir, &accounts, err);
out:
    accounts_done(&accounts);
    if (fd >= 0)
        close(fd);
    return rc;
}

enum rc accounts_sign_out(const char *data_dir, const char *file, struct err *err)
{
    struct accounts accounts = { .current = -1 };
    int fd = -1, at;
    enum rc rc = lock_accounts(data_dir, &fd, err);

    if (rc == RC_OK)
        rc = accounts_read(data_dir, &accounts, err);
    if (rc)
        goto out;
    at = find_file(&accounts, file);
    if (at >= 0) {
        if (accounts.current == at)
            accounts.current = -1;
        free(accounts.items[at].token_hash);
        accounts.items[at].token_hash = NULL;
        rc = accounts_write(data_dir, &accounts, err);
    }
out:
    accounts_done(&accounts);
    if (fd >= 0)
        close(fd);
    return rc;
}
