/* world/step.h - one step in the making. The same code makes a live step (answers come from workers) and a replayed
 * one (answers come from the log), so both write the same bytes.
 *
 *   inputs -> begin -> (next exchange -> answers -> take)* -> end -> events, figures, digest -> record
 */
#ifndef POLIS_WORLD_STEP_H
#define POLIS_WORLD_STEP_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"
#include "proto/messages.h"
#include "world/domain.h"
#include "world/record.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

/* An operator's command as it is applied: in the log, before anything else of its step. */
struct step_input {
    uint64_t source_seq; /* the sender's number: makes it apply once */
    char verb[33];
    char argument[4001];
};

/* An exchange and the ordinal it has in its step. */
struct step {
    const struct domain *domain;
    void *self;           /* the domain's state; lent */
    struct arena *arena;  /* dies with the step */
    uint64_t number;
    uint32_t phase;       /* of the exchange under way or next */
    uint32_t section_count;
    bool inputs_only;     /* log.detail: inputs: only answers of external slots are logged */
    struct buffer data;   /* sections so far */
    struct buffer figures; /* of the epoch, as a `summary` batch, when its last step has just ended; else empty */
};

void step_init(struct step *self, const struct domain *domain, void *domain_self, bool inputs_only);
void step_fini(struct step *self);

/* Applies the inputs and begins step `number`. An input that the domain refuses fails (it was checked before). */
MUST_CHECK int step_begin(struct step *self, uint64_t number, const struct step_input *inputs, uint32_t input_count,
                          struct why *why);

/* The next exchange, or false: then step_end() is due. */
bool step_next(struct step *self, struct exchange *out);

/* Logs the answers of all groups (governance: one) and lets the domain take them. Governance's docket is logged too. */
void step_take(struct step *self, const struct exchange *exchange, const struct batch *answers,
               const struct batch *docket, struct blob docket_bytes, const struct blob *answer_bytes);

/* Ends the step and fills everything of `out` but snapshot and trace. */
void step_end(struct step *self, struct store_step *out);

/* The figures of the epoch so far (or of the whole run) as a `summary` batch at the end of `out`. */
void step_summary(const struct domain *domain, const void *domain_self, bool whole_run, struct buffer *out);

#define STEP_INPUTS_MAX 64u
/* Reads one input section back; and all of a record, with the offset of what follows them. */
MUST_CHECK int step_input_read(const struct section *section, struct step_input *out, struct why *why);
MUST_CHECK int step_inputs_read(const struct buffer *data, struct step_input inputs[STEP_INPUTS_MAX], uint32_t *count,
                                uint64_t *end, struct why *why);

/* Where a replay has come to in a logged record. */
struct step_replay {
    const struct buffer *data;
    uint64_t offset;
    uint64_t number;
    bool skip_answers; /* agents answer anew: what they answered then is passed over */
};

/* Takes docket and verdict of a governance exchange from the log, after asking the domain for the docket again:
 * ERR_DIGEST when it is another one. */
MUST_CHECK int step_take_logged_verdict(struct step *self, struct step_replay *replay, const struct exchange *exchange,
                                        struct why *why);

/* The logged answers of an agents' exchange that come from outside, by group; the other groups' are empty. Lent by the
 * record. */
MUST_CHECK int step_find_logged_answers(struct step *self, struct step_replay *replay, const struct exchange *exchange,
                                        struct blob *given, struct why *why);

/* Makes the step again from its record: same inputs, same answers. The rebuilt record must equal the logged one in
 * every byte and the state its digest: ERR_DIGEST names section or state otherwise. */
MUST_CHECK int step_replay(struct step *self, uint64_t number, const struct buffer *header, const struct buffer *data,
                           const uint8_t digest[STORE_DIGEST], struct why *why);
MUST_CHECK int step_compare(const struct store_step *made, const struct buffer *header, const struct buffer *data,
                            const uint8_t digest[STORE_DIGEST], struct why *why);

#endif
