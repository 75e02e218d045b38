#include "llm-gateway/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"

#define NONE UINT32_MAX

struct item {
    uint32_t before, after; /* of the same client and priority */
    uint32_t lane;          /* priority * client_count + client; NONE: not here */
    int64_t cost;
};

/* One client at one priority. */
struct lane {
    uint32_t first, last;
    uint32_t left, right; /* in the ring of those with items */
    int64_t deficit;
};

struct lanes {
    struct lane *lanes;
    struct item *items;
    uint32_t client_count, item_capacity, count;
    uint32_t turns[LANES_PRIORITIES]; /* the lane whose turn it is; NONE: no ring */
};

struct lanes *
lanes_new(uint32_t client_count)
{
    struct lanes *self = ALLOC(struct lanes);

    ASSERT(client_count > 0);
    self->client_count = client_count;
    self->lanes = ALLOC_ARRAY(struct lane, (size_t)client_count * LANES_PRIORITIES);
    for (uint32_t i = 0; i < client_count * LANES_PRIORITIES; i++)
        self->lanes[i] = (struct lane){NONE, NONE, NONE, NONE, 0};
    for (uint32_t i = 0; i < LANES_PRIORITIES; i++)
        self->turns[i] = NONE;
    return self;
}

void
lanes_destroy(struct lanes **self_p)
{
    if (*self_p == NULL)
        return;
    free((*self_p)->lanes);
    free((*self_p)->items);
    free(*self_p);
    *self_p = NULL;
}

static void
make_room(struct lanes *self, uint32_t item)
{
    uint32_t capacity = self->item_capacity > 0 ? self->item_capacity : 64;
    struct item *items;

    while (capacity <= item)
        capacity *= 2;
    if (capacity == self->item_capacity)
        return;
    items = ALLOC_ARRAY(struct item, capacity);
    if (self->item_capacity > 0)
        memcpy(items, self->items, self->item_capacity * sizeof items[0]);
    for (uint32_t i = self->item_capacity; i < capacity; i++)
        items[i].lane = NONE;
    free(self->items);
    self->items = items;
    self->item_capacity = capacity;
}

/* A lane gets its place in the ring: last, which is left of the one whose turn it is. */
static void
enter_ring(struct lanes *self, uint32_t lane)
{
    uint32_t *turn = &self->turns[lane / self->client_count];
    struct lane *at = &self->lanes[lane];

    at->deficit = 0;
    if (*turn == NONE) {
        *turn = lane;
        at->left = lane;
        at->right = lane;
        return;
    }
    at->right = *turn;
    at->left = self->lanes[*turn].left;
    self->lanes[at->left].right = lane;
    self->lanes[at->right].left = lane;
}

static void
leave_ring(struct lanes *self, uint32_t lane)
{
    uint32_t *turn = &self->turns[lane / self->client_count];
    struct lane *at = &self->lanes[lane];

    if (at->right == lane) {
        *turn = NONE;
    } else {
        self->lanes[at->left].right = at->right;
        self->lanes[at->right].left = at->left;
        if (*turn == lane)
            *turn = at->right;
    }
    at->left = NONE;
    at->right = NONE;
    at->deficit = 0;
}

void
lanes_put(struct lanes *self, uint32_t priority, uint32_t client, uint32_t item, int64_t cost)
{
    uint32_t lane = priority * self->client_count + client;
    struct lane *at = &self->lanes[lane];

    ASSERT(priority < LANES_PRIORITIES && client < self->client_count && cost >= 0 && item < 1u << 30);
    make_room(self, item);
    ASSERT(self->items[item].lane == NONE);
    self->items[item] = (struct item){.before = at->last, .after = NONE, .lane = lane, .cost = cost};
    if (at->last != NONE)
        self->items[at->last].after = item;
    else
        at->first = item;
    at->last = item;
    if (at->left == NONE)
        enter_ring(self, lane);
    self->count++;
}

void
lanes_remove(struct lanes *self, uint32_t item)
{
    struct item *of = &self->items[item];
    struct lane *at;
    uint32_t lane;

    ASSERT(item < self->item_capacity && of->lane != NONE);
    lane = of->lane;
    at = &self->lanes[lane];
    if (of->before != NONE)
        self->items[of->before].after = of->after;
    else
        at->first = of->after;
    if (of->after != NONE)
        self->items[of->after].before = of->before;
    else
        at->last = of->before;
    of->lane = NONE;
    self->count--;
    if (at->first == NONE)
        leave_ring(self, lane);
}

uint32_t
lanes_peek(struct lanes *self)
{
    for (uint32_t priority = 0; priority < LANES_PRIORITIES; priority++) {
        uint32_t *turn = &self->turns[priority];

        while (*turn != NONE) {
            struct lane *at = &self->lanes[*turn];

            if (at->deficit >= self->items[at->first].cost)
                return at->first;
            at->deficit += LANES_QUANTUM; /* for its next turn, if it has to wait for one */
            if (at->deficit < self->items[at->first].cost)
                *turn = at->right;
        }
    }
    return LANES_NOBODY;
}

uint32_t
lanes_take(struct lanes *self)
{
    uint32_t item = lanes_peek(self);
    struct lane *at;

    ASSERT(item != LANES_NOBODY);
    at = &self->lanes[self->items[item].lane];
    at->deficit -= self->items[item].cost;
    if (at->first != at->last && at->deficit < self->items[self->items[item].after].cost)
        self->turns[self->items[item].lane / self->client_count] = at->right;
    lanes_remove(self, item);
    return item;
}

uint32_t
lanes_count(const struct lanes *self)
{
    return self->count;
}
