/* llm-gateway/replay.h - whether a request is answered from a call log or by asking. Modes:
 *
 *   off      asks; writes nothing
 *   record   asks, and writes a log; what its own log has already (a step done again after a crash) is not asked
 *   replay   answers from a log only: the same place (step, client, role, ordinal) and the same key, else MISS
 *   loose    answers from a log by the key alone, wherever the same question was asked
 *   branch   as replay while places and keys agree; at the first difference it is on its own: asks, and writes a child
 *            log that names its parent. Equal keys are still served from the parent: one pays only for what changed
 *   audit    as replay, and a share of the calls is made again, to see how often a model says the same
 */
#ifndef POLIS_LLM_GATEWAY_REPLAY_H
#define POLIS_LLM_GATEWAY_REPLAY_H

#include "llm-gateway/record.h"

enum replay_mode { REPLAY_OFF, REPLAY_RECORD, REPLAY_STRICT, REPLAY_LOOSE, REPLAY_BRANCH, REPLAY_AUDIT };
#define REPLAY_MODE_NAMES "off|record|replay|replay_loose|branch|audit"

struct replay_plan {
    enum replay_mode mode;
    struct record *own;    /* lent; written: record and branch */
    struct record *parent; /* lent; read: replay, loose, branch, audit */
    uint64_t seed;         /* audit: which calls are made again */
    uint32_t audit_per_mille;
    uint32_t role_count;
    bool keep_prompts;
};

struct replay;
struct replay *replay_new(const struct replay_plan *plan);
void replay_destroy(struct replay **self_p);

enum replay_verdict {
    REPLAY_ASK,      /* nobody knows: ask a model */
    REPLAY_ANSWERED, /* here it is */
    REPLAY_AGAIN,    /* here it is; and ask a model too, for replay_agree() */
    REPLAY_MISS,     /* a replay without such a call: the reason has both keys */
    REPLAY_OTHER,    /* this place was answered in this run, and the question was another one */
};

/* Looks for an answer. Its text lies in `room`. Answers from a log have source REPLAY and paid 0, all else is as it was
 * recorded; in a branch they are written to the child. `prompt` (may be NULL) is the question, for the report of a miss
 * and for a branch's log. An error is the disk's, or a damaged log. */
MUST_CHECK int replay_find(struct replay *self, const struct answer_id *id, const struct key *key,
    const struct key_text *prompt, struct answer *out, struct buffer *room, enum replay_verdict *verdict,
    struct why *why);

/* A call was answered in any way but from a log: written where there is one to write. Before the answer leaves. */
MUST_CHECK int replay_note(struct replay *self, const struct answer_id *id, const struct answer *answer,
    const struct key_text *prompt, struct why *why);

/* audit: what was said when a call was made again. Whether it is what the log has is counted per role. */
void replay_agree(struct replay *self, uint32_t role, const char *recorded, size_t recorded_size, const char *live,
    size_t live_size);
struct replay_agreement {
    uint64_t same, other;
};
struct replay_agreement replay_agreement(const struct replay *self, uint32_t role);

/* A step is over: its mark, and everything is durable. */
MUST_CHECK int replay_mark(
    struct replay *self, uint64_t step, const struct record_totals *totals, struct why *why);

bool replay_asks(const struct replay *self); /* may this mode ask a model at all? */
bool replay_has_left(const struct replay *self); /* branch: is it on its own? */

#endif
