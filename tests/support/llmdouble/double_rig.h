/* tests/support/llmdouble/double_rig.h - for tests: the double as a process, and a client so raw that it sees what is
 * on the wire. Everything ends within its deadline. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_RIG_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_RIG_H

#include "core/buffer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct double_rig {
    pid_t pid;
    uint16_t port, control;
};

enum double_rig_end {
    DOUBLE_RIG_WHOLE,  /* as much as the head said, or closed where it said nothing */
    DOUBLE_RIG_CLOSED, /* closed before */
    DOUBLE_RIG_RESET,
    DOUBLE_RIG_LATE,  /* the deadline came first */
    DOUBLE_RIG_ENOUGH /* more than `most` bytes came */
};

struct double_rig_answer {
    enum double_rig_end end;
    int status;               /* 0: there was no head */
    struct buffer head, body; /* both terminated; the body without its chunks' framing */
    struct buffer wire;       /* as it came */
    uint64_t took_ms, reads;  /* reads: how many times bytes came */
};

/* The program of this build: $POLIS_LLMDOUBLE, else the one of the variant. */
const char *double_rig_binary(void);
/* Starts it with the rules of a file (may be NULL). False when it does not come up within ten seconds. */
bool double_rig_start(struct double_rig *self, const char *rules_path);
/* Asks it to stop; kills it after five seconds. Returns its exit status, or -1. */
int double_rig_stop(struct double_rig *self);

/* -1 when it fails. */
int double_rig_connect(uint16_t port);
/* Sends the bytes and reads one response (not the interim 100), for at most `deadline_ms` and `most` bytes. */
void double_rig_exchange(int fd, const void *bytes, size_t size, uint32_t deadline_ms, size_t most,
                         struct double_rig_answer *out);
/* One request on a connection of its own. `headers` each with CR LF, or "". `body` NULL: none. */
void double_rig_ask(uint16_t port, const char *method, const char *target, const char *headers, const char *body,
                    struct double_rig_answer *out);
void double_rig_answer_fini(struct double_rig_answer *self);
/* PUT /rules; false, with the reason in `out`'s body, when they are refused. */
bool double_rig_rules(const struct double_rig *self, const char *yaml, struct double_rig_answer *out);
/* Writes a whole request into `out` (cleared first), ready to be sent on a connection that stays. */
void double_rig_request(struct buffer *out, const char *method, const char *target, const char *headers,
                        const char *body);

uint64_t double_rig_now_ms(void);
/* Resident memory of a process in bytes; 0 when it cannot be read. */
uint64_t double_rig_resident(pid_t pid);

#endif
