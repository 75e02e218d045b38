/* llm-gateway/breaker.h - stops asking a model that does not answer (Nygard 2007, "Release It!"). One a (provider,
 * model). Closed, it counts the last BREAKER_RESULTS results of the last BREAKER_WINDOW_US and opens when there are
 * BREAKER_RESULTS_MIN of them and half failed, or when BREAKER_ROW in a row failed (being told to slow down is no
 * failure, but BREAKER_RATE_ROW of those in a row are). Open, it lets nobody through for 1 s * 2^k, k the number of
 * times it has opened again since it was closed (at most BREAKER_DOUBLINGS), times a factor drawn from [0.8, 1.2]. Then
 * it is half open: one probe at a time, and BREAKER_PROBES_MIN good ones close it. A key that is refused, a quota that
 * is used up and a model that is not there latch it: only breaker_reload() opens the way again.
 *
 * Calls that were cancelled are not reported as results but given back with breaker_forget(). Times are microseconds of
 * any clock that does not run backwards. A plain value. */
#ifndef POLIS_LLM_GATEWAY_BREAKER_H
#define POLIS_LLM_GATEWAY_BREAKER_H

#include "llm-gateway/provider.h"

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_RESULTS 20u
#define BREAKER_RESULTS_MIN 10u
#define BREAKER_WINDOW_US INT64_C(30000000)
#define BREAKER_ROW 5u
#define BREAKER_RATE_ROW 10u
#define BREAKER_COOL_US INT64_C(1000000)
#define BREAKER_DOUBLINGS 6u
#define BREAKER_PROBES_MIN 3u

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, BREAKER_LATCHED };

struct breaker {
    uint64_t seed;
    uint32_t number; /* which breaker: for its draws */
    enum breaker_state state;
    enum llm_class latched_by;
    int64_t until_us; /* open: when it becomes half open */
    uint32_t doublings, probes_good, row, rate_row;
    bool probing; /* half open: a probe is on its way */
    uint64_t times_opened;
    uint32_t result_count, result_next; /* of the ring */
    struct {
        int64_t at_us;
        bool failed;
    } results[BREAKER_RESULTS];
};

void breaker_init(struct breaker *self, uint64_t seed, uint32_t number);

/* May a call go out now? Changes nothing but open to half open. */
bool breaker_allows(struct breaker *self, int64_t now_us);

/* When it may next be worth asking: `now_us` or later; INT64_MAX when latched or while a probe is on its way. */
int64_t breaker_retry_us(const struct breaker *self, int64_t now_us);

/* A call goes out; it was allowed. Every one ends in exactly one breaker_result() or breaker_forget(), which are given
 * the number that is returned here: what was sent before the breaker opened says nothing about the time after. */
uint64_t breaker_send(struct breaker *self, int64_t now_us);

/* How it went: LLM_OK, or the class of the error. True when the state changed (worth a line to a person). */
bool breaker_result(struct breaker *self, uint64_t sent, enum llm_class class, int64_t now_us);
void breaker_forget(struct breaker *self, uint64_t sent);

/* The operator says that keys and models are in order now. */
void breaker_reload(struct breaker *self);

const char *breaker_state_name(enum breaker_state state);

#endif
