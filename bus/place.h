/* bus/place.h - where a cluster meets: a run directory with unix sockets in it, or a host with five ports in a row.
 *
 *     RUNDIR                 ipc: RUNDIR/ctl, data, evout, fetch, evin (the directory has mode 0700)
 *     tcp://127.0.0.1:BASE   ports BASE+0 control, +1 data, +2 events out, +3 fetch, +4 events in */
#ifndef POLIS_BUS_PLACE_H
#define POLIS_BUS_PLACE_H

#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define PLACE_TEXT_SIZE 4096u
#define PLACE_ENDPOINT_SIZE 200u

/* A door of the broker. The order is the distance from the base port. */
enum place_door { PLACE_CONTROL, PLACE_DATA, PLACE_EVENTS_OUT, PLACE_FETCH, PLACE_EVENTS_IN, PLACE_DOORS };

struct place {
    bool tcp;
    char folder[PLACE_TEXT_SIZE]; /* ipc: the run directory */
    int folder_fd;                /* ipc: open while the path is too long for a unix socket; else -1 */
    char host[64];                /* tcp: a numeric address */
    uint16_t port;                /* tcp: the base */
};

/* Reads "tcp://HOST:PORT", or else a directory (a leading "ipc://" is dropped). ERR_INVALID, ERR_LIMIT. */
MUST_CHECK int place_parse(const char *text, struct place *out, struct why *why);

/* Makes the place usable for this process; place_close() lets go. For a directory: `create` makes it (one level) and
 * takes all rights from group and others. A unix socket's path has at most 107 bytes; in a longer directory the
 * sockets are reached through an open descriptor, as /proc/self/fd/N/ctl: still the same file, no link, no second
 * place on disk. ERR_MISSING, ERR_DENIED (the directory is another user's), ERR_IO. */
MUST_CHECK int place_open(struct place *self, bool create, struct why *why);
void place_close(struct place *self);

/* The endpoint for zmq_bind() and zmq_connect(). The place is open. */
void place_endpoint(const struct place *self, enum place_door door, char out[PLACE_ENDPOINT_SIZE]);

/* True for unix sockets and 127.0.0.0/8: bytes that never leave the machine. */
bool place_is_local(const struct place *self);

#endif
