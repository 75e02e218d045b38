/* bench/actor_drive.h - the gateway's actor without bus and HTTP: letters are put into its hands, and its outbox is
 * read. What is timed is the actor alone, from a letter to the answer in the outbox. */
#ifndef POLIS_BENCH_ACTOR_DRIVE_H
#define POLIS_BENCH_ACTOR_DRIVE_H

#include "bench/measure.h"
#include "bench/questions.h"
#include "bus/outbox.h"

struct actor_drive {
    const struct measure *measure; /* lent */
    struct gateway *gateway;
    struct actor actor;
    struct outbox out;
    uint64_t sources[ANSWER_SOURCE_COUNT];
    double seconds; /* in the actor */
};

void actor_drive_init(struct actor_drive *self, const struct measure *measure, const struct questions_gateway *plan);
/* Closes the step that is open, as a signal does it. */
void actor_drive_fini(struct actor_drive *self);
/* One message, and its answer, which must be a good one. Seconds that it took. */
double actor_drive_ask(struct actor_drive *self, uint64_t step, uint32_t index, uint32_t rows, bool equal);

#endif
