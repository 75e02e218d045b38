#include "world/sandbox/trust.h"

#include "core/arena.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ONE 65536.0

_Static_assert(sizeof(struct trust_entry) == 16, "no padding in what is saved as bytes");

struct trust {
    uint32_t agent_count, slots;
    struct trust_entry *entries; /* slots an agent */
};

struct trust *
trust_new(uint32_t agent_count, uint32_t slots)
{
    struct trust *self = ALLOC(struct trust);

    ASSERT(slots > 0);
    self->agent_count = agent_count;
    self->slots = slots;
    self->entries = ALLOC_ARRAY(struct trust_entry, (size_t)agent_count * slots);
    trust_clear(self);
    return self;
}

void
trust_destroy(struct trust **self_p)
{
    struct trust *self = *self_p;

    if (self == NULL)
        return;
    free(self->entries);
    free(self);
    *self_p = NULL;
}

void
trust_clear(struct trust *self)
{
    for (size_t i = 0; i < (size_t)self->agent_count * self->slots; i++)
        self->entries[i] = (struct trust_entry){.partner = TRUST_NOBODY};
}

static struct trust_entry *
table_of(const struct trust *self, uint32_t agent)
{
    ASSERT(agent < self->agent_count);
    return self->entries + (size_t)agent * self->slots;
}

static struct trust_entry *
entry_of(const struct trust *self, uint32_t agent, uint32_t partner)
{
    struct trust_entry *table = table_of(self, agent);

    for (uint32_t i = 0; i < self->slots && table[i].partner != TRUST_NOBODY; i++)
        if (table[i].partner == partner)
            return &table[i];
    return NULL;
}

/* The partner's entry, brought to the front; a new one takes the last place. */
static struct trust_entry *
entry_use(struct trust *self, uint32_t agent, uint32_t partner)
{
    struct trust_entry *table = table_of(self, agent);
    struct trust_entry *found = entry_of(self, agent, partner);
    struct trust_entry used = found != NULL ? *found : (struct trust_entry){.partner = partner};
    size_t before = found != NULL ? (size_t)(found - table) : self->slots - 1;

    memmove(table + 1, table, before * sizeof table[0]);
    table[0] = used;
    return &table[0];
}

const struct trust_entry *
trust_find(const struct trust *self, uint32_t agent, uint32_t partner)
{
    return entry_of(self, agent, partner);
}

double
trust_value(const struct trust_entry *entry)
{
    if (entry == NULL || entry->weight == 0)
        return 0.5;
    return (double)entry->sum / (ONE * (double)entry->weight);
}

const struct trust_entry *
trust_table(const struct trust *self, uint32_t agent, uint32_t *count)
{
    const struct trust_entry *table = table_of(self, agent);

    for (*count = 0; *count < self->slots && table[*count].partner != TRUST_NOBODY; (*count)++)
        continue;
    return table;
}

static uint16_t
count_up(uint16_t count)
{
    return count < UINT16_MAX ? (uint16_t)(count + 1) : count;
}

static void
add_labels(struct trust_entry *entry, uint32_t sum, uint32_t weight)
{
    while (entry->weight + weight > UINT16_MAX) {
        entry->weight /= 2;
        entry->sum /= 2;
        if (entry->sum > (uint32_t)entry->weight * 65536u)
            entry->sum = (uint32_t)entry->weight * 65536u;
    }
    entry->weight = (uint16_t)(entry->weight + weight);
    entry->sum += sum;
}

void
trust_note(struct trust *self, uint32_t agent, uint32_t partner, double p, bool proposed)
{
    struct trust_entry *entry = entry_use(self, agent, partner);

    ASSERT(p >= 0.0 && p <= 1.0 && agent != partner);
    add_labels(entry, (uint32_t)(p * ONE + 0.5), 1);
    entry->past = count_up(entry->past);
    if (proposed)
        entry->accepted = count_up(entry->accepted);
}

void
trust_punish(struct trust *self, uint32_t agent, uint32_t partner, uint32_t weight)
{
    struct trust_entry *entry = entry_of(self, agent, partner);

    ASSERT(weight <= 1000);
    if (entry != NULL)
        add_labels(entry, 0, weight);
}

bool
trust_flag(struct trust *self, uint32_t agent, uint32_t partner, uint16_t flag)
{
    struct trust_entry *entry = entry_of(self, agent, partner);

    if (entry == NULL || (entry->flags & flag) != 0)
        return false;
    entry->flags |= flag;
    return true;
}

uint32_t
trust_count(const struct trust *self, uint32_t agent, uint16_t least)
{
    const struct trust_entry *table = table_of(self, agent);
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->slots && table[i].partner != TRUST_NOBODY; i++)
        count += table[i].accepted >= least;
    return count;
}

void
trust_cells(struct trust *self, struct cells *out)
{
    cells_add(out, self->entries, (size_t)self->agent_count * self->slots * sizeof self->entries[0]);
}

static int
check_table(const struct trust *self, uint32_t agent, struct why *why)
{
    const struct trust_entry *table = table_of(self, agent);
    bool ended = false;

    for (uint32_t i = 0; i < self->slots; i++) {
        const struct trust_entry *entry = &table[i];

        if (entry->partner == TRUST_NOBODY) {
            ended = true;
            continue;
        }
        if (ended || entry->partner >= self->agent_count || entry->partner == agent ||
            entry->sum > (uint64_t)entry->weight * 65536u || entry->accepted > entry->past)
            return fail(why, ERR_STATE, "trust: entry %" PRIu32 " of agent %" PRIu32 " makes no sense", i, agent);
        if (entry_of(self, agent, entry->partner) != entry)
            return fail(why, ERR_STATE, "trust: agent %" PRIu32 " remembers %" PRIu32 " twice", agent, entry->partner);
    }
    return 0;
}

int
trust_check(const struct trust *self, struct why *why)
{
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        int code = check_table(self, agent, why);

        if (code != 0)
            return code;
    }
    return 0;
}
