#include "world/compat/memory.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAITH_START 0.5
#define FAITH_STEP 0.1
#define FAITH_HIGH 0.7 /* from there on a deceiver thinks that it is trusted */

_Static_assert(sizeof(struct compat_bond) == 3 * 8 + 6 * 4, "no padding in what is saved as bytes");

/* ---- making ---- */

void
compat_memory_init(struct compat_memory *self, uint32_t agent_count, uint64_t bond_room)
{
    uint64_t pairs = (uint64_t)agent_count * agent_count;
    size_t words = (agent_count + 63u) / 64u;

    ASSERT(agent_count > 0 && agent_count <= COMPAT_AGENTS_MAX);
    *self = (struct compat_memory){.agent_count = agent_count, .index_room = 16, .words = (uint32_t)words};
    self->bond_room = (uint32_t)(bond_room < pairs ? bond_room : pairs);
    while (self->index_room / 2 < self->bond_room)
        self->index_room *= 2;
    self->bonds = ALLOC_ARRAY(struct compat_bond, (size_t)self->bond_room + 1);
    self->index = ALLOC_ARRAY(uint32_t, self->index_room);
    self->targets = ALLOC_ARRAY(uint64_t, words * agent_count);
    self->allies = ALLOC_ARRAY(uint64_t, words * agent_count);
    self->cooldown = ALLOC_ARRAY(uint32_t, agent_count);
    self->confided = ALLOC_ARRAY(uint32_t, agent_count);
    self->met = ALLOC_ARRAY(uint32_t, agent_count);
}

void
compat_memory_fini(struct compat_memory *self)
{
    free(self->bonds);
    free(self->index);
    free(self->targets);
    free(self->allies);
    free(self->cooldown);
    free(self->confided);
    free(self->met);
    *self = (struct compat_memory){0};
}

void
compat_memory_clear(struct compat_memory *self)
{
    size_t set = (size_t)self->words * self->agent_count * sizeof(uint64_t);

    self->bond_count = 0;
    memset(self->index, 0, self->index_room * sizeof self->index[0]);
    memset(self->targets, 0, set);
    memset(self->allies, 0, set);
    memset(self->cooldown, 0, self->agent_count * sizeof self->cooldown[0]);
    memset(self->confided, 0, self->agent_count * sizeof self->confided[0]);
    memset(self->met, 0, self->agent_count * sizeof self->met[0]);
}

/* ---- bonds ---- */

/* The place of a pair in the index, or the free place where it goes. */
static uint32_t
index_place(const struct compat_memory *self, uint32_t of, uint32_t with)
{
    uint64_t key = ((uint64_t)of << 32 | with) * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t mask = self->index_room - 1, place = (uint32_t)(key >> 32) & mask;

    while (self->index[place] != 0) {
        const struct compat_bond *bond = &self->bonds[self->index[place] - 1];

        if (bond->of == of && bond->with == with)
            break;
        place = (place + 1) & mask;
    }
    return place;
}

const struct compat_bond *
compat_memory_find(const struct compat_memory *self, uint32_t of, uint32_t with)
{
    uint32_t found = self->index[index_place(self, of, with)];

    return found == 0 ? NULL : &self->bonds[found - 1];
}

struct compat_bond *
compat_memory_make(struct compat_memory *self, uint32_t of, uint32_t with)
{
    uint32_t place = index_place(self, of, with);

    ASSERT(of < self->agent_count && with < self->agent_count);
    if (self->index[place] == 0) {
        ASSERT(self->bond_count < self->bond_room);
        self->bonds[self->bond_count] = (struct compat_bond){.of = of, .with = with, .faith = FAITH_START};
        self->index[place] = ++self->bond_count;
    }
    return &self->bonds[self->index[place] - 1];
}

double
compat_memory_trust(const struct compat_memory *self, uint32_t of, uint32_t with)
{
    const struct compat_bond *bond = compat_memory_find(self, of, with);

    return bond == NULL || bond->accepted == 0 ? 0.5 : bond->p_accepted / (double)bond->accepted;
}

void
compat_memory_set_faith(struct compat_memory *self, uint32_t of, uint32_t with, double faith)
{
    struct compat_bond *bond = compat_memory_make(self, of, with);

    self->confided[of] -= bond->faithful && bond->faith > FAITH_HIGH;
    bond->faith = faith;
    bond->faithful = 1;
    self->confided[of] += faith > FAITH_HIGH;
}

void
compat_memory_add_met(struct compat_memory *self, uint32_t of, uint32_t with, uint32_t times)
{
    compat_memory_make(self, of, with)->met += times;
    self->met[of] += times;
}

void
compat_memory_learn(struct compat_memory *self, uint32_t of, uint32_t with, bool deceiver, bool accepted, double p)
{
    struct compat_bond *bond = compat_memory_make(self, of, with);

    bond->p_all += p;
    bond->all++;
    if (!accepted)
        return;
    bond->p_accepted += p;
    bond->accepted++;
    if (deceiver)
        compat_memory_set_faith(
            self, of, with, bond->faith + FAITH_STEP < 1.0 ? bond->faith + FAITH_STEP : 1.0);
}

/* ---- sets ---- */

static bool
has(const struct compat_memory *self, const uint64_t *set, uint32_t of, uint32_t other)
{
    ASSERT(of < self->agent_count);
    return other < self->agent_count && (set[(size_t)of * self->words + other / 64] >> (other % 64) & 1) != 0;
}

static void
put(const struct compat_memory *self, uint64_t *set, uint32_t of, uint32_t other)
{
    ASSERT(of < self->agent_count && other < self->agent_count);
    set[(size_t)of * self->words + other / 64] |= UINT64_C(1) << (other % 64);
}

bool
compat_memory_is_target(const struct compat_memory *self, uint32_t of, uint32_t other)
{
    return has(self, self->targets, of, other);
}

bool
compat_memory_is_ally(const struct compat_memory *self, uint32_t of, uint32_t other)
{
    return has(self, self->allies, of, other);
}

void
compat_memory_add_target(struct compat_memory *self, uint32_t of, uint32_t other)
{
    put(self, self->targets, of, other);
}

void
compat_memory_add_ally(struct compat_memory *self, uint32_t of, uint32_t other)
{
    put(self, self->allies, of, other);
}

/* ---- saving ---- */

/* What is state besides the bonds; confided and met follow from them but are cheap to keep. */
#define MEMORY_BLOCKS 5u
struct block {
    void *data;
    size_t size;
};

static void
list_blocks(const struct compat_memory *self, struct block out[MEMORY_BLOCKS])
{
    size_t set = (size_t)self->words * self->agent_count * sizeof(uint64_t);
    size_t column = self->agent_count * sizeof(uint32_t);

    out[0] = (struct block){self->targets, set};
    out[1] = (struct block){self->allies, set};
    out[2] = (struct block){self->cooldown, column};
    out[3] = (struct block){self->confided, column};
    out[4] = (struct block){self->met, column};
}

void
compat_memory_save(const struct compat_memory *self, struct buffer *out)
{
    struct block blocks[MEMORY_BLOCKS];
    uint8_t head[4];

    list_blocks(self, blocks);
    bytes_put_u32(head, self->bond_count);
    buffer_append(out, head, sizeof head);
    buffer_append(out, self->bonds, self->bond_count * sizeof self->bonds[0]);
    for (uint32_t i = 0; i < MEMORY_BLOCKS; i++)
        buffer_append(out, blocks[i].data, blocks[i].size);
}

int
compat_memory_load(struct compat_memory *self, const uint8_t *bytes, size_t size, size_t *offset, struct why *why)
{
    struct block blocks[MEMORY_BLOCKS];
    uint32_t count;

    compat_memory_clear(self);
    list_blocks(self, blocks);
    if (size - *offset < 4)
        return fail(why, ERR_FORMAT, "the snapshot ends before the agents' memory");
    count = bytes_get_u32(bytes + *offset);
    *offset += 4;
    if (count > self->bond_room || (size - *offset) / sizeof self->bonds[0] < count)
        return fail(why, ERR_FORMAT, "the snapshot has %" PRIu32 " bonds where %" PRIu32 " fit", count,
                    self->bond_room);
    memcpy(self->bonds, bytes + *offset, count * sizeof self->bonds[0]);
    *offset += count * sizeof self->bonds[0];
    for (uint32_t i = 0; i < MEMORY_BLOCKS; i++) {
        if (size - *offset < blocks[i].size)
            return fail(why, ERR_FORMAT, "the snapshot ends within the agents' memory");
        memcpy(blocks[i].data, bytes + *offset, blocks[i].size);
        *offset += blocks[i].size;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct compat_bond *bond = &self->bonds[i];
        uint32_t place = index_place(self, bond->of, bond->with);

        if (bond->of >= self->agent_count || bond->with >= self->agent_count || self->index[place] != 0)
            return fail(why, ERR_FORMAT, "the snapshot's bond %" PRIu32 " is of nobody, or there twice", i);
        self->index[place] = i + 1;
    }
    self->bond_count = count;
    return 0;
}

int
compat_memory_check(const struct compat_memory *self, struct why *why)
{
    uint64_t confided = 0, met = 0;

    for (uint32_t i = 0; i < self->bond_count; i++) {
        const struct compat_bond *bond = &self->bonds[i];

        if (bond->accepted > bond->all || !(bond->p_accepted <= (double)bond->accepted) ||
            !(bond->p_all <= (double)bond->all) || !(bond->faith >= 0.0 && bond->faith <= 1.0))
            return fail(why, ERR_STATE, "what %" PRIu32 " remembers of %" PRIu32 " contradicts itself", bond->of,
                        bond->with);
        confided += bond->faithful && bond->faith > FAITH_HIGH;
        met += bond->met;
    }
    for (uint32_t i = 0; i < self->agent_count; i++) {
        confided -= self->confided[i];
        met -= self->met[i];
    }
    return confided == 0 && met == 0 ? 0 : fail(why, ERR_STATE, "the deceivers' totals are not those of their bonds");
}
