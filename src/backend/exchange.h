/* src/backend/exchange.h: what libmicrohttpd calls for each request. Private to outpost-backend.
 *
 * Threads  the server's; passwords are hashed elsewhere while the connection is suspended.
 */
#ifndef BACKEND_EXCHANGE_H
#define BACKEND_EXCHANGE_H

#include <stdbool.h>
#include <microhttpd.h>
#include "src/backend/conn.h"
#include "src/backend/hasher.h"

struct host {                           /* what every exchange works with */
    struct backend *backend;
    struct hasher *hasher;
    struct conn_list conns;
    bool quiet;
};

/* Callbacks; cls is the host. */
enum MHD_Result exchange_request(void *cls, struct MHD_Connection *mhd, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *len, void **ctx);
void exchange_completed(void *cls, struct MHD_Connection *mhd, void **ctx,
                        enum MHD_RequestTerminationCode why);
void exchange_connection(void *cls, struct MHD_Connection *mhd, void **ctx,
                         enum MHD_ConnectionNotificationCode what);
size_t exchange_unescape(void *cls, struct MHD_Connection *mhd, char *text);

/* Gives finished sign-ins their answers. After hasher_stop also those that were never begun. */
void exchange_take_hashes(struct host *host);

#endif
