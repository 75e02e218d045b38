/* tests/support/llmdouble/double_service.h - the double without its sockets: a request in, a reply out. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SERVICE_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SERVICE_H

#include "core/table.h"
#include "tests/support/llmdouble/double_content.h"
#include "tests/support/llmdouble/double_wire.h"

/* How often a body was seen is remembered for this many bodies at least, and for twice as many at most: what was not
 * seen for so long counts from 1 again, and memory stays bounded. */
#define DOUBLE_BODIES (1u << 17)

struct double_stats {
    uint64_t requests, streams, unmatched, bad_requests, strays, bytes_in;
    uint64_t endpoints[DOUBLE_ENDPOINT_COUNT], statuses[600], faults[DOUBLE_FAULT_END];
    uint64_t tokens_in, tokens_out;
};

struct double_service {
    struct double_rules rules, otherwise; /* otherwise: where no rule matches */
    uint64_t seed;
    uint16_t port;       /* for the redirect */
    uint64_t started_ms; /* what flapping counts from: the start, new rules, a reset */
    struct double_stats stats;
    struct table seen[2]; /* [0] young, [1] old: how often a body was seen, by hash */
    struct double_ask ask;
    struct double_answer answer;
    struct double_stream stream, cut;
    struct double_json scratch;
    struct buffer body;
};

/* One request as it came. */
struct double_visit {
    const struct double_http *http;
    bool first;      /* on its connection */
    bool stray;      /* came to the address to which only F39 sends */
    uint64_t now_ms; /* monotonic; for faults about time alone */
};

/* `seed` counts unless the rules have one. */
void double_service_init(struct double_service *self, uint64_t seed, uint16_t port, uint64_t now_ms);
void double_service_fini(struct double_service *self);
MUST_CHECK int double_service_rules(struct double_service *self, const char *name, struct double_slice text,
                                    const char *folder, uint64_t now_ms, struct why *why);
/* Counts from nothing again: statistics, hits of rules, how often bodies were seen, flapping. */
void double_service_reset(struct double_service *self, uint64_t now_ms);

/* `out` is cleared first. */
void double_service_answer(struct double_service *self, const struct double_visit *visit, struct double_reply *out);
/* A JSON object; `connections` are members to be put in, without braces, or "". */
void double_service_stats(const struct double_service *self, const char *connections, struct buffer *out);

#endif
