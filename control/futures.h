/* control/futures.h - several branches of one run: brings each to its end in a process of its own, as many at a time as
 * there are cores, and says what they came to: every final figure, its mean and the interval that covers it. */
#ifndef POLIS_CONTROL_FUTURES_H
#define POLIS_CONTROL_FUTURES_H

#include "control/folder.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct future {
    char path[FOLDER_PATH_SIZE];
    int64_t seed;
    pid_t process; /* 0: not started, or ended */
    int status;    /* exit status */
};

struct futures {
    struct future *list;
    uint32_t count;
    const char *parent; /* lent */
    uint64_t step;      /* behind which they begin */
    uint64_t until;     /* stop there; 0: go on to the end */
    bool json;
    bool one_by_one;    /* instead of on all cores */
};

/* Returns the exit status: 0 when all have come to their end, else that of the first that has not. INT and TERM are
 * handed on, so that every branch stops with its step and can be resumed. */
int futures_run(struct futures *self);

#endif
