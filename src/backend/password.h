/* src/backend/password.h: a password from whoever runs the program. Private to outpost-backend. */
#ifndef BACKEND_PASSWORD_H
#define BACKEND_PASSWORD_H

#include "base/buf.h"
#include "base/err.h"

/* The first line of stdin; at a terminal it is asked for twice, without echo. */
enum rc password_read(struct buf *out, struct err *err);

#endif
