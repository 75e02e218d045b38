/* world/wishes.h - operators' commands that change the simulation. A wish waits for the next step, is logged with it as
 * an input, and is answered when that step is committed. Its number makes it apply once, however often it is sent.
 *
 *   waiting --taken into a step--> applied --that step is committed--> answered
 */
#ifndef POLIS_WORLD_WISHES_H
#define POLIS_WORLD_WISHES_H

#include "bus/actor.h"
#include "world/domain.h"
#include "world/step.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

struct wishes;

/* The commands of the store's last steps count as applied: one sent again after a crash is not applied twice. All are
 * lent. */
struct wishes *wishes_new(const struct domain *domain, const void *domain_self, struct store *store);
void wishes_destroy(struct wishes **self_p);

/* Answers a command: RESULT with its number, an enum error and a text. */
void wishes_reply(const struct letter *letter, uint64_t source_seq, int code, const char *text, struct outbox *out);

/* True when the command was here before: it is answered now, or when its step is committed. */
bool wishes_known(struct wishes *self, const struct letter *letter, uint64_t source_seq, struct outbox *out);
/* Takes a command that the domain understands; others are answered with the reason. */
void wishes_add(struct wishes *self, const struct letter *letter, const struct command *command, struct outbox *out);

/* The inputs of `step`, in the order of their numbers: every waiting wish that the domain (still) takes. */
uint32_t wishes_due(struct wishes *self, uint64_t step, struct step_input inputs[STEP_INPUTS_MAX], struct outbox *out);
/* Answers those whose step is committed. */
void wishes_answer(struct wishes *self, struct outbox *out);
/* The run is over: what still waits is told so. */
void wishes_dismiss(struct wishes *self, struct outbox *out);

#endif
