/* world/sandbox/observe.c - what agents see before they act. */
#include "core/assert.h"
#include "world/sandbox/feature.h"

#include <string.h>

#define DRAWS_MAX 64u /* tries to find distinct candidates: more than enough, and bounded */

/* ---- who may be dealt with ---- */

static bool
is_among(const uint32_t *list, uint32_t count, uint32_t agent)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == agent)
            return true;
    return false;
}

/* Up to `familiar` agents that it remembers, the rest from all (or its neighbours); distinct, awake, not itself. A
 * small economy may have fewer than asked for. */
static void
draw_candidates(struct sandbox *self, uint32_t agent)
{
    uint32_t wanted = self->config.world.candidates, familiar = self->config.world.familiar;
    uint32_t *out = self->turn.candidates + (size_t)agent * wanted;
    uint32_t count = 0, known, among = self->config.agent_count - 1;
    const uint32_t *neighbours = network_neighbours(self, agent, &among);
    const struct trust_entry *table = trust_table(self->trust, agent, &known);
    struct rng rng = rng_make(self->seed, STREAM_CANDIDATES, agent, self->now.step);

    if (familiar > wanted)
        familiar = wanted;
    for (uint32_t i = 0; i < familiar && known > 0; i++) {
        uint32_t other = table[rng_below(&rng, known)].partner;

        if (!is_frozen(self, other) && !is_among(out, count, other) && network_linked(self, agent, other))
            out[count++] = other;
    }
    for (uint32_t i = 0; i < DRAWS_MAX && count < wanted && among > 0; i++) {
        uint32_t other = rng_below(&rng, among);

        other = neighbours != NULL ? neighbours[other] : other + (other >= agent);
        if (!is_frozen(self, other) && !is_among(out, count, other))
            out[count++] = other;
    }
    self->turn.candidate_count[agent] = (uint8_t)count;
}

/* ---- who is due ---- */

static void
group_all(struct sandbox *self)
{
    struct turn *turn = &self->turn;
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->config.agent_count; i++) {
        uint32_t agent = self->agents.by_slot[i];
        uint32_t slot = self->agents.slot[agent];

        if (is_frozen(self, agent))
            continue;
        if (turn->group_count == 0 || turn->groups[turn->group_count - 1].slot != slot)
            turn->groups[turn->group_count++] = (struct exchange_group){.slot = slot, .agents = turn->due + count};
        turn->groups[turn->group_count - 1].count++;
        turn->due[count++] = agent;
        draw_candidates(self, agent);
    }
}

/* The next agent awake, from turn->agent on. */
static void
group_one(struct sandbox *self)
{
    struct turn *turn = &self->turn;

    while (turn->agent < self->config.agent_count && is_frozen(self, turn->agent))
        turn->agent++;
    if (turn->agent == self->config.agent_count)
        return;
    turn->due[0] = turn->agent;
    turn->groups[0] = (struct exchange_group){.slot = self->agents.slot[turn->agent], .agents = turn->due, .count = 1};
    turn->group_count = 1;
    draw_candidates(self, turn->agent);
}

void
observe_begin(struct sandbox *self)
{
    struct turn *turn = &self->turn;
    uint32_t visible = self->config.tasks.visible;

    turn->deal_first = turn->deal_count;
    turn->action_first = turn->action_count;
    turn->group_count = 0;
    turn->post_count = feed_visible(self->feed, self->config.feed.visible_posts, turn->posts);
    turn->task_count = tasks_claimable(self->tasks, 1.0, visible, turn->tasks);
    turn->task_count +=
        tasks_waiting(self->tasks, TASK_SUBMITTED, visible, turn->tasks + turn->task_count);
    features_show(self);
    if (self->config.sequential)
        group_one(self);
    else
        group_all(self);
}

/* ---- the batch ---- */

static uint16_t
left(const struct sandbox *self, enum rails_count what, uint32_t agent)
{
    return (uint16_t)rails_left(self->rails, what, agent); /* limits are at most 65535 */
}

#define COLUMN(type, name) type *name = batch_column(writer, OBSERVE_##name)

static void
write_self(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *ids)
{
    const struct agents *agents = &self->agents;
    COLUMN(uint32_t, agent);
    COLUMN(uint8_t, role);
    COLUMN(int64_t, resources);
    COLUMN(int64_t, stake);
    COLUMN(double, reputation);
    COLUMN(double, skill);
    COLUMN(uint32_t, proposed);
    COLUMN(uint32_t, accepted);
    COLUMN(uint32_t, trusted_by);
    COLUMN(uint32_t, caught);

    for (uint32_t i = 0; i < writer->count[ACT_ROW]; i++) {
        uint32_t id = ids[i];

        agent[i] = id;
        role[i] = agents->role[id];
        resources[i] = money_of(self, id);
        stake[i] = stake_held(self, id);
        reputation[i] = agents->reputation[id];
        skill[i] = agents->skill[id];
        proposed[i] = agents->proposed[id];
        accepted[i] = agents->accepted[id];
        trusted_by[i] = trust_count(self->trust, id, 2);
        caught[i] = agents->caught[id];
    }
}

static void
write_limits(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *ids)
{
    COLUMN(uint16_t, posts_left);
    COLUMN(uint16_t, votes_left);
    COLUMN(uint16_t, tasks_left);
    COLUMN(int64_t, budget_left);
    COLUMN(uint32_t, task);
    COLUMN(uint32_t, task_steps);
    COLUMN(uint32_t, voted);

    for (uint32_t i = 0; i < writer->count[ACT_ROW]; i++) {
        const struct task *work = tasks_find(self->tasks, self->agents.task[ids[i]]);

        posts_left[i] = left(self, RAILS_POST, ids[i]);
        votes_left[i] = left(self, RAILS_VOTE, ids[i]);
        tasks_left[i] = left(self, RAILS_CLAIM, ids[i]);
        budget_left[i] = rails_budget_left(self->rails, ids[i]);
        task[i] = self->agents.task[ids[i]];
        task_steps[i] = work != NULL ? work->steps : 0;
    }
    for (uint32_t j = 0; j < self->turn.post_count; j++)
        for (uint32_t i = 0; i < writer->count[ACT_ROW]; i++)
            if (feed_voted(self->feed, self->turn.posts[j], ids[i]) != 0)
                voted[i] |= 1u << j;
}

static void
write_candidates(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *ids)
{
    uint32_t stride = self->config.world.candidates, at = 0;
    COLUMN(uint32_t, candidates);
    COLUMN(uint32_t, candidate);
    COLUMN(double, candidate_reputation);
    COLUMN(double, candidate_trust);
    COLUMN(uint16_t, candidate_past);
    COLUMN(uint16_t, candidate_accepted);
    COLUMN(uint8_t, candidate_kin);

    for (uint32_t i = 0; i < writer->count[ACT_ROW]; i++) {
        const uint32_t *list = self->turn.candidates + (size_t)ids[i] * stride;

        candidates[i] = at;
        for (uint32_t j = 0; j < self->turn.candidate_count[ids[i]]; j++, at++) {
            const struct trust_entry *entry = trust_find(self->trust, ids[i], list[j]);

            candidate[at] = list[j];
            candidate_reputation[at] = self->agents.reputation[list[j]];
            candidate_trust[at] = trust_value(entry);
            candidate_past[at] = entry != NULL ? entry->past : 0;
            candidate_accepted[at] = entry != NULL ? entry->accepted : 0;
            candidate_kin[at] = is_kin(self, ids[i], list[j]);
        }
    }
    candidates[writer->count[ACT_ROW]] = at;
}

static void
write_memories(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *ids)
{
    uint32_t at = 0;
    COLUMN(uint32_t, memories);

    for (uint32_t i = 0; i < writer->count[ACT_ROW]; i++) {
        uint32_t size = self->agents.memory_size[ids[i]];

        memories[i] = at;
        batch_fill_bytes(writer, OBSERVE_memory, at,
                         self->agents.memory + (size_t)ids[i] * self->config.world.memory_max, size);
        at += size;
    }
    memories[writer->count[ACT_ROW]] = at;
}

static void
write_posts(const struct sandbox *self, const struct batch_writer *writer)
{
    COLUMN(uint32_t, post);
    COLUMN(uint32_t, post_author);
    COLUMN(int32_t, post_votes);
    COLUMN(uint32_t, post_replies);
    COLUMN(double, post_reputation);

    for (uint32_t i = 0; i < self->turn.post_count; i++) {
        struct feed_post seen;

        if (!feed_find(self->feed, self->turn.posts[i], &seen))
            UNREACHABLE();
        post[i] = seen.id;
        post_author[i] = seen.author;
        post_votes[i] = (int32_t)seen.up - (int32_t)seen.down;
        post_replies[i] = seen.replies;
        post_reputation[i] = self->agents.reputation[seen.author];
    }
}

static void
write_tasks(const struct sandbox *self, const struct batch_writer *writer)
{
    COLUMN(uint32_t, task_id);
    COLUMN(uint8_t, task_status);
    COLUMN(int64_t, task_bounty);
    COLUMN(double, task_difficulty);
    COLUMN(double, task_min_reputation);
    COLUMN(double, task_signal);
    COLUMN(uint32_t, task_worker);
    COLUMN(uint8_t, task_owner);
    COLUMN(uint32_t, task_poster);
    COLUMN(uint8_t, task_capability);

    for (uint32_t i = 0; i < self->turn.task_count; i++) {
        const struct task *task = tasks_find(self->tasks, self->turn.tasks[i]);

        ASSERT(task != NULL);
        task_id[i] = task->id;
        task_status[i] = task->status;
        task_bounty[i] = task->bounty;
        task_difficulty[i] = task->difficulty;
        task_min_reputation[i] = task->min_reputation;
        task_signal[i] = task->status == TASK_SUBMITTED ? task->signal : 0.0;
        task_worker[i] = task->status == TASK_SUBMITTED ? task->worker : SANDBOX_NOBODY;
        task_owner[i] = task->owner;
        task_poster[i] = task->poster;
        task_capability[i] = task->capability;
    }
}

/* What a feature that is off leaves unsaid. */
static void
write_traits(const struct batch_writer *writer)
{
    COLUMN(uint32_t, topic);
    COLUMN(uint32_t, post_topic);

    memset(topic, 0xff, writer->count[ACT_TRAIT] * sizeof *topic);
    memset(post_topic, 0xff, writer->count[ACT_POST] * sizeof *post_topic);
}

void
observe_ask(const struct sandbox *self, uint32_t group, uint32_t first, uint32_t count, struct buffer *out)
{
    const uint32_t *ids = self->turn.groups[group].agents + first;
    struct batch_writer batch, *writer = &batch;
    uint32_t candidates = 0, memories = 0;
    uint32_t counts[ACT_AXES] = {[ACT_ROW] = count, [ACT_POST] = self->turn.post_count,
        [ACT_TASK] = self->turn.task_count, [ACT_QUOTE] = QUOTE_COUNT};

    ASSERT(group < self->turn.group_count && first + count <= self->turn.groups[group].count);
    for (uint32_t i = 0; i < count; i++) {
        candidates += self->turn.candidate_count[ids[i]];
        memories += self->agents.memory_size[ids[i]];
    }
    counts[ACT_CANDIDATE] = candidates;
    counts[ACT_MEMORY] = memories;
    features_count(self, ids, count, counts);
    batch_begin(writer, &schema_sandbox_observe, out, self->seed, first, counts);
    write_self(self, writer, ids);
    write_limits(self, writer, ids);
    write_candidates(self, writer, ids);
    write_memories(self, writer, ids);
    write_posts(self, writer);
    write_tasks(self, writer);
    memcpy(batch_column(writer, OBSERVE_quote), self->now.quotes, sizeof self->now.quotes);
    write_traits(writer);
    features_write(self, writer, ids);
}
