/* llm-gateway/errands.h - the open step's errands: chunks of questions that workers wait for, which questions they are
 * made of, and in which order they may begin. Several errands may wait for the same question: a worker that died, a
 * chunk cut in another way.
 *
 *   held --all lower places have begun--> begun --every row is told--> done (told again when asked again)
 *
 * Invariants:
 * 1. An errand begins when it begins a phase of its client (its first place is 0) or lies in an earlier one, or when
 * all places of its phase before its own have begun.
 * 2. A question has one answer; each row is told once. */
#ifndef POLIS_LLM_GATEWAY_ERRANDS_H
#define POLIS_LLM_GATEWAY_ERRANDS_H

#include "bus/actor.h"
#include "llm-gateway/answer.h"
#include "llm-gateway/key_map.h"
#include "llm-gateway/spare.h"
#include "proto/models.h"

#include <stdbool.h>
#include <stdint.h>

#define ERRANDS_NONE UINT32_MAX

enum errand_state { ERRAND_HELD, ERRAND_BEGUN, ERRAND_DONE };

struct errand_row {
    uint32_t place;
    uint32_t question;          /* ERRANDS_NONE: it was not acceptable */
    uint32_t next_errand, next; /* who else waits for it: an errand (ERRANDS_NONE: nobody), and its row */
};

struct errand {
    enum errand_state state;
    uint32_t place; /* in errands.list */
    struct peer peer;
    struct envelope head;
    uint64_t tag; /* XXH3-64 of the payload */
    uint32_t client, first, span;
    struct buffer payload; /* the PROMPT; empty once it has begun */
    struct errand_row *rows;
    uint32_t row_count, open;
};

/* How far a client's questions have begun. */
struct errand_order {
    bool any;
    uint32_t phase, next;
};

struct errand_question {
    struct answer_id id;
    const struct answer *answer;      /* NULL: not yet */
    uint32_t first_errand, first_row; /* who waits for it; ERRANDS_NONE: nobody */
};

struct errands {
    struct errand **list;
    uint32_t count, capacity, room; /* room: errands allocated, used again */
    struct key_map fences;          /* of errands, to their places */
    struct spare payloads;          /* of errands that have begun */
    struct errand_question *questions;
    uint32_t question_count, question_capacity;
    struct key_map ids;
    struct errand_order *orders; /* by client */
    uint32_t client_count;
    uint32_t *done; /* a row of errands to be answered */
    uint32_t done_first, done_count, done_capacity;
    uint32_t *held; /* places of those that have not begun, in no order */
    uint32_t held_count, held_capacity;
};

void errands_init(struct errands *self, uint32_t client_count);
void errands_fini(struct errands *self);
/* Another step begins. */
void errands_clear(struct errands *self);

/* The errand of this very letter (sent again), or NULL. */
struct errand *errands_find(struct errands *self, const struct peer *peer, const struct envelope *head);
/* Takes a PROMPT that was checked; it is held. */
struct errand *errands_add(struct errands *self, const struct letter *letter, const struct batch *prompt);
/* The next that may begin; `any`: the first of those held by (client, phase, first place), whatever is missing before
 * it. It now has begun; its payload stays until errands_begun(). NULL: none. */
struct errand *errands_begin(struct errands *self, bool any);
void errands_begun(struct errands *self, struct errand *errand);

/* Row `row` waits for this question (told at once when it is answered already). */
void errands_wait(struct errands *self, struct errand *errand, uint32_t row, const struct answer_id *id);
/* Row `row` is not acceptable. */
void errands_refuse(struct errands *self, struct errand *errand, uint32_t row);
/* The answer to a question, lent until errands_clear(). */
void errands_tell(struct errands *self, const struct answer_id *id, const struct answer *answer);

/* The next errand whose rows are all told, once; NULL: none. */
struct errand *errands_take_done(struct errands *self);
/* Its COMPLETION at the end of `out`. */
void errands_write(const struct errands *self, const struct errand *errand, struct buffer *out);

#endif
