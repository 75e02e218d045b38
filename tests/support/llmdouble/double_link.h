/* tests/support/llmdouble/double_link.h - one connection: bytes in, the reply that is on its way out.
 *
 * 1. A link answers one request at a time; what comes meanwhile waits in `in`.
 * 2. While a reply is on its way, exactly one of these holds: a timer is set, EPOLLOUT is awaited, or it stalls.
 * 3. A link whose other side has closed ends with its reply, and at once when that stalls. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_LINK_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_LINK_H

#include "tests/support/llmdouble/double_http.h"
#include "tests/support/llmdouble/double_reply.h"

enum double_door { DOUBLE_DOOR_API, DOUBLE_DOOR_STRAY, DOUBLE_DOOR_CONTROL, DOUBLE_DOORS };

struct double_link {
    int fd;          /* -1: free */
    uint32_t number; /* its place in the server's table */
    enum double_door door;
    struct buffer in;
    struct double_reply reply;
    uint64_t requests; /* answered on it */
    uint32_t part;     /* of the reply, that is being sent */
    uint64_t round;    /* of that part's repetitions */
    size_t sent;       /* bytes of this round */
    bool busy;         /* a reply is on its way */
    bool waited;       /* the delay of the part has passed */
    bool ended;        /* the other side sends no more */
    bool continued;    /* 100 was sent for the request that is coming in */
    uint32_t events;   /* what epoll looks for */
};

enum double_progress {
    DOUBLE_SENT,    /* all of it */
    DOUBLE_BLOCKED, /* the socket takes no more now */
    DOUBLE_PAUSED,  /* wait_ms must pass first */
    DOUBLE_BROKEN_LINK
};

/* Starts, or goes on, sending the reply. */
enum double_progress double_link_send(struct double_link *self, uint32_t *wait_ms);
/* Reads what there is. False when the link is broken. `room` bytes at most are kept waiting. */
bool double_link_receive(struct double_link *self, size_t room);
/* Closes it (by RST if `reset`) and frees what is large. */
void double_link_close(struct double_link *self, bool reset);
void double_link_fini(struct double_link *self);

#endif
