/* agents/worker.h - the agents process: an actor that decides for agents it has never seen before. It keeps nothing
 * between two chunks but bound parameters, which it can be told again at any time, so any worker can take any chunk
 * and may die with it.
 *
 * 1. Starting, and on news of a newer world: CREDIT WORKER_CREDIT. Old parameters are forgotten with the old world.
 * 2. PARAMS binds a slot (policy, seed, parameters). What cannot be bound is refused with NACK under the letter's own
 *    fence, flags = slot.
 * 3. OBSERVATION (flags: slot; the payload's schema says which round) is answered with ACTION, same fence and flags,
 *    tag = hash of the observation's payload; or with NACK: ERR_UNKNOWN when the slot is not bound here (the world
 *    says PARAMS again and resends), anything else when the observation makes no sense. Then CREDIT 1, either way.
 * 4. Letters of an older epoch than the newest one seen are not answered.
 * 5. Where the slot's policy asks models, PROMPT goes to the llm-gateway instead (also without a question: it says that
 *    these places are passed), with the observation's fence and flags; again, the same bytes, after WORKER_RESEND_MS
 *    (the gateway may not be there yet), then after twice as long and so on up to WORKER_RESEND_MOST_MS, until
 *    COMPLETION comes with that fence, the prompt's hash as tag and an answer for each question: then ACTION and
 *    CREDIT 1 follow as in 3. Other completions are dropped and counted. NACK from the gateway for such a chunk goes on
 *    to the world, with its code and text.
 * 6. A chunk that waits for answers is given up, with CREDIT 1, when the same chunk comes in the same or a later
 *    attempt, when CANCEL names its step or a later one, and when its slot gets other parameters (then with NACK
 *    ERR_UNKNOWN, so that it is sent again); without credit when a newer world comes.
 *
 * For system tests, from the environment: POLIS_WORKER_POISON_AGENT=id ends the process when it is to decide for that
 * agent; POLIS_WORKER_DELAY_MS=n sleeps before every chunk. */
#ifndef POLIS_AGENTS_WORKER_H
#define POLIS_AGENTS_WORKER_H

#include "bus/actor.h"

#define WORKER_CREDIT 2u
#define WORKER_RESEND_MS 100u
#define WORKER_RESEND_MOST_MS 2000u

struct worker_counters {
    uint64_t asked, resent, heard, dropped, refused; /* prompts; completions used and not; NACKs of the gateway */
};

struct worker_options {
    const char *serves; /* policies, comma separated, or "*" (also NULL): every built-in one. Copied */
};

struct worker;

struct worker *worker_new(const struct worker_options *options);
void worker_destroy(struct worker **self_p);
const struct worker_counters *worker_counters(const struct worker *self);
/* Lends `self` to the actor. */
void worker_actor(struct worker *self, struct actor *out);

#endif
