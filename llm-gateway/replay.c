#include "llm-gateway/replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/rng.h"
#include "core/streams.h"

struct replay {
    struct replay_plan plan;
    bool has_left;
    struct replay_agreement *agreements;
};

struct replay *
replay_new(const struct replay_plan *plan)
{
    struct replay *self = ALLOC(struct replay);
    bool writes = plan->mode == REPLAY_RECORD || plan->mode == REPLAY_BRANCH;
    struct answer_id id;
    uint64_t offset;

    ASSERT(writes == (plan->own != NULL));
    ASSERT((plan->mode >= REPLAY_STRICT) == (plan->parent != NULL));
    self->plan = *plan;
    self->has_left = plan->mode == REPLAY_BRANCH && record_find_branch(plan->own, &id, &offset);
    self->agreements = ALLOC_ARRAY(struct replay_agreement, plan->role_count > 0 ? plan->role_count : 1);
    return self;
}

void
replay_destroy(struct replay **self_p)
{
    struct replay *self = *self_p;

    if (self == NULL)
        return;
    free(self->agreements);
    free(self);
    *self_p = NULL;
}

bool
replay_asks(const struct replay *self)
{
    return self->plan.mode != REPLAY_STRICT && self->plan.mode != REPLAY_LOOSE;
}

bool
replay_has_left(const struct replay *self)
{
    return self->has_left;
}

/* ---- looking ---- */

static int
serve(const struct record *log, uint32_t number, struct answer *out, struct buffer *room, struct why *why)
{
    struct answer_id id;
    int error = record_read(log, number, &id, out, room, NULL, why);

    out->source = ANSWER_FROM_REPLAY;
    out->paid = 0;
    return error;
}

/* Where two prompts begin to differ, for a person. */
static void
tell_difference(const struct buffer *then, const struct key_text *now, char *out, size_t out_size)
{
    size_t i = 0, size = then->size < now->size ? then->size : now->size;

    while (i < size && then->data[i] == (uint8_t)now->bytes[i])
        i++;
    snprintf(out, out_size, "; the prompts differ from byte %zu on: '%.*s' was asked, now '%.*s'", i,
        (int)(then->size - i < 40 ? then->size - i : 40), (const char *)then->data + i,
        (int)(now->size - i < 40 ? now->size - i : 40), now->bytes + i);
}

static int
miss(const struct record *log, const struct answer_id *id, const struct key *key, const struct key_text *prompt,
    const uint32_t *number, struct why *why)
{
    char wanted[KEY_HEX_SIZE], has[KEY_HEX_SIZE] = "none", difference[200] = "";
    struct buffer room = {0}, then = {0};
    struct answer recorded;
    struct answer_id ignored;

    if (number != NULL && record_read(log, *number, &ignored, &recorded, &room, &then, why) == 0) {
        key_hex(&recorded.key, has);
        if (then.size > 0 && prompt != NULL)
            tell_difference(&then, prompt, difference, sizeof difference);
    }
    buffer_fini(&room);
    buffer_fini(&then);
    return fail(why, ERR_MISSING,
        "step %" PRIu64 ", client %" PRIu32 ", role %" PRIu32 ", ordinal %" PRIu32
        ": the question's key is %s, the log has %s%s",
        id->step, id->client, id->role, id->ordinal, key_hex(key, wanted), has, difference);
}

/* The call of the log at this place, if its key is this one. *number is the call at the place, if there is any. */
static int
same_place(const struct record *log, const struct answer_id *id, const struct key *key, uint32_t *number, bool *there,
    bool *same, struct answer *out, struct buffer *room, struct why *why)
{
    int error;

    *same = false;
    *there = record_find(log, id, number);
    if (!*there)
        return 0;
    if ((error = serve(log, *number, out, room, why)) != 0)
        return error;
    *same = key_equal(&out->key, key);
    return 0;
}

/* Is this one of the calls that are made again? The same ones in every audit with the same seed. */
static bool
is_drawn(const struct replay *self, const struct key *key)
{
    struct rng rng = rng_make(self->plan.seed, STREAM_LLM_AUDIT, bytes_get_u32(key->bytes),
        bytes_get_u64(key->bytes + 4) & ((UINT64_C(1) << 48) - 1));

    return rng_below(&rng, 1000) < self->plan.audit_per_mille;
}

static int
find_strict(struct replay *self, const struct answer_id *id, const struct key *key, const struct key_text *prompt,
    struct answer *out, struct buffer *room, enum replay_verdict *verdict, struct why *why)
{
    uint32_t number;
    bool there, same;
    int error = same_place(self->plan.parent, id, key, &number, &there, &same, out, room, why);

    if (error != 0)
        return error;
    if (!same) {
        *verdict = REPLAY_MISS;
        (void)miss(self->plan.parent, id, key, prompt, there ? &number : NULL, why);
        return 0;
    }
    *verdict = self->plan.mode == REPLAY_AUDIT && is_drawn(self, key) ? REPLAY_AGAIN : REPLAY_ANSWERED;
    return 0;
}

static int
find_loose(struct replay *self, const struct answer_id *id, const struct key *key, const struct key_text *prompt,
    struct answer *out, struct buffer *room, enum replay_verdict *verdict, struct why *why)
{
    uint32_t number;

    if (record_find_key(self->plan.parent, key, &number)) {
        *verdict = REPLAY_ANSWERED;
        return serve(self->plan.parent, number, out, room, why);
    }
    *verdict = REPLAY_MISS;
    (void)miss(self->plan.parent, id, key, prompt, record_find(self->plan.parent, id, &number) ? &number : NULL, why);
    return 0;
}

/* What this run's own log says: after a crash a step is done again, and nothing of it is paid twice. */
static int
find_own(const struct replay *self, const struct answer_id *id, const struct key *key, struct answer *out,
    struct buffer *room, enum replay_verdict *verdict, struct why *why)
{
    uint32_t number;
    bool there, same;
    int error = same_place(self->plan.own, id, key, &number, &there, &same, out, room, why);

    if (error != 0 || !there || out->status == ANSWER_CANCELLED)
        return error;
    *verdict = same ? REPLAY_ANSWERED : REPLAY_OTHER;
    if (!same)
        (void)miss(self->plan.own, id, key, NULL, &number, why);
    return 0;
}

static int
find_branch(struct replay *self, const struct answer_id *id, const struct key *key, const struct key_text *prompt,
    struct answer *out, struct buffer *room, enum replay_verdict *verdict, struct why *why)
{
    uint32_t number;
    bool there, same;
    int error = same_place(self->plan.parent, id, key, &number, &there, &same, out, room, why);

    if (error == 0 && !same && !self->has_left) {
        error = record_branch(self->plan.own, id,
            there ? record_offset(self->plan.parent, number) : record_size(self->plan.parent), why);
        self->has_left = error == 0;
    }
    if (error != 0)
        return error;
    if (!same && record_find_key(self->plan.parent, key, &number)) {
        if ((error = serve(self->plan.parent, number, out, room, why)) != 0)
            return error;
        /* Another call's failure is no answer to this one. */
        same = out->status == ANSWER_OK || out->status == ANSWER_REPAIRED;
    }
    *verdict = same ? REPLAY_ANSWERED : REPLAY_ASK;
    return same ? record_add(self->plan.own, id, out, self->plan.keep_prompts ? prompt : NULL, why) : 0;
}

int
replay_find(struct replay *self, const struct answer_id *id, const struct key *key, const struct key_text *prompt,
    struct answer *out, struct buffer *room, enum replay_verdict *verdict, struct why *why)
{
    int error = 0;

    *verdict = REPLAY_ASK;
    if (self->plan.own != NULL)
        error = find_own(self, id, key, out, room, verdict, why);
    if (error != 0 || *verdict != REPLAY_ASK)
        return error;
    switch (self->plan.mode) {
    case REPLAY_OFF:
    case REPLAY_RECORD: return 0;
    case REPLAY_STRICT:
    case REPLAY_AUDIT: return find_strict(self, id, key, prompt, out, room, verdict, why);
    case REPLAY_LOOSE: return find_loose(self, id, key, prompt, out, room, verdict, why);
    case REPLAY_BRANCH: return find_branch(self, id, key, prompt, out, room, verdict, why);
    }
    UNREACHABLE();
}

/* ---- writing ---- */

int
replay_note(struct replay *self, const struct answer_id *id, const struct answer *answer,
    const struct key_text *prompt, struct why *why)
{
    if (self->plan.own == NULL)
        return 0;
    return record_add(self->plan.own, id, answer, self->plan.keep_prompts ? prompt : NULL, why);
}

int
replay_mark(struct replay *self, uint64_t step, const struct record_totals *totals, struct why *why)
{
    struct record_totals marked;
    uint64_t last;
    int error;

    if (self->plan.own == NULL)
        return 0;
    /* A world that was recovered goes through steps again that were over. */
    error = record_last_mark(self->plan.own, &last, &marked) && step <= last
        ? 0 : record_mark(self->plan.own, step, totals, why);
    return error != 0 ? error : record_flush(self->plan.own, why);
}

void
replay_agree(struct replay *self, uint32_t role, const char *recorded, size_t recorded_size, const char *live,
    size_t live_size)
{
    ASSERT(role < self->plan.role_count);
    if (recorded_size == live_size && (live_size == 0 || memcmp(recorded, live, live_size) == 0))
        self->agreements[role].same++;
    else
        self->agreements[role].other++;
}

struct replay_agreement
replay_agreement(const struct replay *self, uint32_t role)
{
    ASSERT(role < self->plan.role_count);
    return self->agreements[role];
}
