/* bench/questions.h - what the benches of the gateway ask it: chunks of questions as workers send them, each with a
 * system text, a schema and about 2,000 bytes as a request over HTTP; and a gateway that is set up for them. */
#ifndef POLIS_BENCH_QUESTIONS_H
#define POLIS_BENCH_QUESTIONS_H

#include "core/buffer.h"
#include "llm-gateway/gateway.h"

#include <stdbool.h>
#include <stdint.h>

#define QUESTIONS_RUN 7u

/* How a gateway is set up. */
struct questions_gateway {
    const char *base_url; /* NULL: a script within the gateway answers, over no HTTP */
    uint32_t in_flight_max;
    bool cached; /* role with cache 3 and share: equal questions have one answer */
    enum replay_mode mode;
    const char *log, *parent;
};

/* Ends the process when it cannot be made. */
struct gateway *questions_gateway_new(const struct questions_gateway *plan);

/* Message `index` of step `step`: head and PROMPT of `rows` questions (a divisor of 65,536), the next places each time.
 * `equal`: all messages ask the same. */
void questions_write(uint64_t step, uint32_t index, uint32_t rows, bool equal, struct envelope *head,
                     struct buffer *out);

/* Reads the COMPLETION; false: it is not `rows` good answers. Adds them up by where they came from. */
bool questions_read(const uint8_t *bytes, size_t size, uint32_t rows, uint64_t sources[ANSWER_SOURCE_COUNT]);

#endif
