/* bus/operator.h - one command to a running world (or another process that takes some), and its answer. */
#ifndef POLIS_BUS_OPERATOR_H
#define POLIS_BUS_OPERATOR_H

#include "bus/actor.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdint.h>

/* Connects as an operator, sends COMMAND to `whom` (PEER_WORLD; again after 5 ms, 10 ms, ... 1 s: the world answers a
 * repeated number without acting twice; the number is random, so it is nobody else's) and waits for the RESULT. When
 * the world agreed, its text is put behind what `text` holds. A refusal returns the world's error, with its text as the
 * reason; ERR_TIMEOUT when nobody answered within timeout_ms (> 0). `argument` may be NULL. Has a context of its own,
 * leaves signals alone. */
MUST_CHECK int operator_request(const char *place, const struct peer *whom, const char *verb, const char *argument,
                                uint32_t timeout_ms, struct buffer *text, struct why *why);

#endif
