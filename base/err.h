/* base/err.h: the one error type. A function that can fail returns an enum rc (RC_OK is 0) and
 * fills a struct err; whoever knows the cause writes the sentence, once.
 *
 * Threads  a struct err is a value: copy it, store it, hand it to another thread.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum rc {
    RC_OK = 0,
    RC_NOT_FOUND,       /* an expected outcome: no sentence needed */
    RC_CANCELLED,       /* an expected outcome: somebody asked us to stop */
    RC_INVALID,         /* a value, file or argument is not what it must be; the sentence says what would be */
    RC_IO,              /* a file or descriptor failed; sys holds errno */
    RC_FULL,            /* the disk is full */
    RC_BUSY,            /* the store is locked by another process for too long */
    RC_CORRUPT,         /* the store is damaged */
    RC_FOREIGN,         /* the file is newer than this program, or not ours; never touched */
    RC_NOMEM,           /* SQLite or curl had no memory */
    RC_NETWORK,         /* no usable answer: says nothing about what we sent */
    RC_AUTH,            /* the session is over, or the password is wrong */
    RC_REFUSED,         /* the backend understood and refused */
    RC_PROTOCOL,        /* the backend answered something that the contract does not allow */
    RC_INTERNAL,        /* a defect of ours */
    RC_COUNT
};

struct err {
    enum rc rc;
    int sys;            /* errno or HTTP status; 0 when neither */
    char msg[304];      /* one sentence for a person, UTF-8, may hold foreign text: print it through text_* */
    char code[40];      /* a machine's word (`invalid_value`, `disk_full`), or empty */
    char column[72];    /* the column it is about, wire name, or empty */
};

/* Fills *err and returns rc, so that a failing function can `return err_set(...)`. */
enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with errno's text after a colon; ENOSPC and EDQUOT turn rc into RC_FULL. */
enum rc err_sys(struct err *err, enum rc rc, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Sets code or column of an error that is already filled; cut to fit. */
void err_code(struct err *err, const char *code);
void err_column(struct err *err, const char *column);

/* Puts "what: " before the sentence. */
void err_prefix(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A fixed word such as "not_found"; never NULL. */
const char *rc_name(enum rc rc);

#endif
