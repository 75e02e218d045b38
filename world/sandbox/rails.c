#include "world/sandbox/rails.h"

#include "core/arena.h"
#include "core/text.h"
#include "proto/sandbox_roles.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct param rails_param_rows[] = {RAILS_PARAMS(PARAM_ROW, rails_params)};
const struct params rails_params_list = {
    "rails", sizeof(struct rails_params), rails_param_rows, sizeof rails_param_rows / sizeof rails_param_rows[0]};

#define TICK INT64_C(1000000) /* ticks a step: the bucket counts time in whole numbers */

struct rails {
    struct rails_params params;
    uint32_t agent_count;
    struct {
        uint32_t killed;
        uint32_t spare;
    } flags;
    uint32_t limit[RAILS_COUNTS];
    uint16_t *used[RAILS_COUNTS];
    int64_t *spent;      /* millionths in this epoch */
    uint64_t *last_post; /* step; 0: never */
    /* The token bucket as a clock (generic cell rate algorithm, ITU-T I.371): each token taken moves the agent's clock
     * on by the time it takes to refill one; the bucket is empty when the clock is a burst ahead of now. */
    int64_t *clock;
    int64_t token_ticks, ahead_max; /* ticks to refill a token; how far the clock may be ahead */
};

struct rails *
rails_new(const struct rails_params *params, uint32_t agent_count)
{
    struct rails *self = ALLOC(struct rails);

    self->params = *params;
    self->agent_count = agent_count;
    self->limit[RAILS_POST] = params->max_posts_per_epoch;
    self->limit[RAILS_VOTE] = params->max_votes;
    self->limit[RAILS_CLAIM] = params->max_task_claims;
    self->limit[RAILS_BOUNTY] = params->max_bounties;
    self->limit[RAILS_BID] = params->max_bids;
    self->limit[RAILS_INTERACTION] = params->max_interactions_per_step;
    for (unsigned i = 0; i < RAILS_COUNTS; i++)
        self->used[i] = ALLOC_ARRAY(uint16_t, agent_count);
    self->spent = ALLOC_ARRAY(int64_t, agent_count);
    self->last_post = ALLOC_ARRAY(uint64_t, agent_count);
    self->clock = ALLOC_ARRAY(int64_t, agent_count);
    if (params->token_rate > 0) {
        double ticks = (double)TICK / params->token_rate;

        self->token_ticks = ticks < 1e15 ? (int64_t)ticks : INT64_C(1000000000000000);
        self->ahead_max = (int64_t)((params->token_burst - 1.0) * (double)self->token_ticks);
    }
    return self;
}

void
rails_destroy(struct rails **self_p)
{
    struct rails *self = *self_p;

    if (self == NULL)
        return;
    for (unsigned i = 0; i < RAILS_COUNTS; i++)
        free(self->used[i]);
    free(self->spent);
    free(self->last_post);
    free(self->clock);
    free(self);
    *self_p = NULL;
}

void
rails_clear(struct rails *self)
{
    rails_begin_epoch(self);
    memset(self->last_post, 0, self->agent_count * sizeof self->last_post[0]);
    memset(self->clock, 0, self->agent_count * sizeof self->clock[0]);
    self->flags.killed = 0;
}

void
rails_begin_step(struct rails *self)
{
    memset(self->used[RAILS_INTERACTION], 0, self->agent_count * sizeof(uint16_t));
}

void
rails_begin_epoch(struct rails *self)
{
    for (unsigned i = 0; i < RAILS_COUNTS; i++)
        memset(self->used[i], 0, self->agent_count * sizeof(uint16_t));
    memset(self->spent, 0, self->agent_count * sizeof self->spent[0]);
}

bool
rails_use(struct rails *self, enum rails_count what, uint32_t agent)
{
    ASSERT(what < RAILS_COUNTS && agent < self->agent_count);
    if (self->used[what][agent] >= self->limit[what])
        return false;
    self->used[what][agent]++;
    return true;
}

uint32_t
rails_used(const struct rails *self, enum rails_count what, uint32_t agent)
{
    ASSERT(what < RAILS_COUNTS && agent < self->agent_count);
    return self->used[what][agent];
}

uint32_t
rails_left(const struct rails *self, enum rails_count what, uint32_t agent)
{
    uint32_t used = rails_used(self, what, agent);

    return used < self->limit[what] ? self->limit[what] - used : 0;
}

int64_t
rails_budget_left(const struct rails *self, uint32_t agent)
{
    return self->params.budget_per_epoch - self->spent[agent];
}

/* ---- wishes ---- */

const char *
rails_refusal_name(uint32_t refusal)
{
    static const char *const names[] = {
        [REFUSAL_NONE] = "none", [REFUSAL_ROLE] = "role", [REFUSAL_FROZEN] = "frozen", [REFUSAL_RATE] = "rate",
        [REFUSAL_BUDGET] = "budget", [REFUSAL_LENGTH] = "length", [REFUSAL_FUNDS] = "funds",
        [REFUSAL_TARGET] = "target", [REFUSAL_KILL_SWITCH] = "kill_switch", [REFUSAL_INTERVAL] = "interval",
        [REFUSAL_REPEATED] = "repeated", [REFUSAL_TEXT] = "text", [REFUSAL_UNAVAILABLE] = "unavailable",
        [REFUSAL_BUSY] = "busy", [REFUSAL_LINK] = "link",
    };

    return refusal < sizeof names / sizeof names[0] ? names[refusal] : NULL;
}

/* What a verb is counted as; RAILS_COUNTS for nothing. */
static enum rails_count
count_of(enum sandbox_verb verb)
{
    switch (verb) {
    case VERB_POST:
    case VERB_REPLY:
        return RAILS_POST;
    case VERB_VOTE:
        return RAILS_VOTE;
    case VERB_CLAIM_TASK:
        return RAILS_CLAIM;
    case VERB_POST_BOUNTY:
        return RAILS_BOUNTY;
    case VERB_BID:
        return RAILS_BID;
    default:
        return RAILS_COUNTS;
    }
}

static bool
bucket_is_empty(const struct rails *self, uint32_t agent, uint64_t step)
{
    return self->token_ticks > 0 && self->clock[agent] - (int64_t)step * TICK > self->ahead_max;
}

static enum sandbox_refusal
check_text(const struct rails *self, const struct rails_wish *wish)
{
    uint64_t last = self->last_post[wish->agent];

    if (wish->verb != VERB_POST && wish->verb != VERB_REPLY)
        return REFUSAL_NONE;
    if (last != 0 && wish->step < last + self->params.min_steps_between_posts)
        return REFUSAL_INTERVAL;
    if (wish->text_size > self->params.max_content_length)
        return REFUSAL_LENGTH;
    return text_is_utf8(wish->text, wish->text_size) ? REFUSAL_NONE : REFUSAL_TEXT;
}

enum sandbox_refusal
rails_check(const struct rails *self, const struct rails_wish *wish)
{
    enum rails_count what = count_of(wish->verb);
    enum sandbox_refusal refusal;

    ASSERT(wish->agent < self->agent_count && wish->role < SANDBOX_ROLES && wish->verb < VERB_COUNT);
    if (self->flags.killed)
        return REFUSAL_KILL_SWITCH;
    if (!sandbox_role_allows(wish->role, wish->verb))
        return REFUSAL_ROLE;
    if (bucket_is_empty(self, wish->agent, wish->step))
        return REFUSAL_RATE;
    if (what != RAILS_COUNTS && rails_left(self, what, wish->agent) == 0)
        return REFUSAL_RATE;
    refusal = check_text(self, wish);
    if (refusal != REFUSAL_NONE)
        return refusal;
    return wish->spending > rails_budget_left(self, wish->agent) ? REFUSAL_BUDGET : REFUSAL_NONE;
}

void
rails_accept(struct rails *self, const struct rails_wish *wish)
{
    enum rails_count what = count_of(wish->verb);
    int64_t now = (int64_t)wish->step * TICK;
    bool counted = what == RAILS_COUNTS || rails_use(self, what, wish->agent);

    ASSERT(counted);
    if (what == RAILS_POST)
        self->last_post[wish->agent] = wish->step;
    self->spent[wish->agent] += wish->spending;
    if (self->token_ticks > 0) {
        if (self->clock[wish->agent] < now)
            self->clock[wish->agent] = now;
        self->clock[wish->agent] += self->token_ticks;
    }
}

bool
rails_killed(const struct rails *self)
{
    return self->flags.killed != 0;
}

int
rails_kill_check(const struct rails *self, struct why *why)
{
    if (!self->params.kill_switch_enabled)
        return fail(why, ERR_DENIED, "the scenario has sandbox.rails.kill_switch_enabled: false");
    return 0;
}

int
rails_kill(struct rails *self, bool on, struct why *why)
{
    int code = rails_kill_check(self, why);

    if (code == 0)
        self->flags.killed = on;
    return code;
}

void
rails_cells(struct rails *self, struct cells *out)
{
    cells_add(out, &self->flags, sizeof self->flags);
    for (unsigned i = 0; i < RAILS_COUNTS; i++)
        cells_add(out, self->used[i], self->agent_count * sizeof(uint16_t));
    cells_add(out, self->spent, self->agent_count * sizeof self->spent[0]);
    cells_add(out, self->last_post, self->agent_count * sizeof self->last_post[0]);
    cells_add(out, self->clock, self->agent_count * sizeof self->clock[0]);
}

void
rails_fit(struct rails *self)
{
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        for (unsigned i = 0; i < RAILS_COUNTS; i++)
            if (self->used[i][agent] > self->limit[i])
                self->used[i][agent] = (uint16_t)self->limit[i];
        if (self->spent[agent] > self->params.budget_per_epoch)
            self->spent[agent] = self->params.budget_per_epoch;
    }
}

int
rails_check_state(const struct rails *self, struct why *why)
{
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        for (unsigned i = 0; i < RAILS_COUNTS; i++)
            if (self->used[i][agent] > self->limit[i])
                return fail(why, ERR_STATE, "rails: agent %" PRIu32 " used %u of %" PRIu32 " (count %u)", agent,
                            (unsigned)self->used[i][agent], self->limit[i], i);
        if (self->spent[agent] < 0 || self->spent[agent] > self->params.budget_per_epoch)
            return fail(why, ERR_STATE, "rails: agent %" PRIu32 " spent %" PRId64 ", more than its budget", agent,
                        self->spent[agent]);
    }
    return self->flags.killed > 1 ? fail(why, ERR_STATE, "rails: the kill switch is neither on nor off") : 0;
}
