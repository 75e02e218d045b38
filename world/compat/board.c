#include "world/compat/board.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BOARD_FIRST 256u
#define BOARD_MAX (1u << 28)

_Static_assert(sizeof(struct compat_post) == 3 * 4, "no padding in what is saved as bytes");

void
compat_board_init(struct compat_board *self, uint32_t agent_count)
{
    *self = (struct compat_board){.voters = agent_count + 1, .stride = ((size_t)agent_count + 4) / 4};
}

void
compat_board_fini(struct compat_board *self)
{
    free(self->posts);
    free(self->votes);
    free(self->order);
    *self = (struct compat_board){0};
}

void
compat_board_clear(struct compat_board *self)
{
    self->count = 0;
    self->vote_count = 0;
}

/* ---- the order ---- */

int32_t
compat_board_net(const struct compat_board *self, uint32_t post)
{
    return (int32_t)self->posts[post].up - (int32_t)self->posts[post].down;
}

/* Where a post with that many votes stands, or would stand, among `count` others. */
static uint32_t
order_place(const struct compat_board *self, uint32_t count, uint32_t post, int32_t net)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2, other = self->order[middle];
        int32_t other_net = compat_board_net(self, other);

        if (other_net > net || (other_net == net && other > post))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
order_insert(struct compat_board *self, uint32_t count, uint32_t post)
{
    uint32_t place = order_place(self, count, post, compat_board_net(self, post));

    memmove(self->order + place + 1, self->order + place, (size_t)(count - place) * sizeof self->order[0]);
    self->order[place] = post;
}

static void
order_remove(struct compat_board *self, uint32_t post)
{
    uint32_t place = order_place(self, self->count, post, compat_board_net(self, post));

    ASSERT(place < self->count && self->order[place] == post);
    memmove(self->order + place, self->order + place + 1, (size_t)(self->count - place - 1) * sizeof self->order[0]);
}

/* ---- posts and votes ---- */

static void *
grow(void *items, size_t size, uint32_t used, uint32_t room)
{
    void *larger = alloc_array(room, size);

    if (used > 0)
        memcpy(larger, items, (size_t)used * size);
    free(items);
    return larger;
}

static void
reserve(struct compat_board *self, uint32_t count)
{
    uint32_t room = self->room == 0 ? BOARD_FIRST : self->room;

    while (room < count)
        room *= 2;
    if (room == self->room)
        return;
    self->posts = grow(self->posts, sizeof self->posts[0], self->count, room);
    self->votes = grow(self->votes, self->stride, self->count, room);
    self->order = grow(self->order, sizeof self->order[0], self->count, room);
    self->room = room;
}

uint32_t
compat_board_post(struct compat_board *self, uint32_t author)
{
    uint32_t post = self->count;

    ASSERT(post < BOARD_MAX);
    reserve(self, post + 1);
    self->posts[post] = (struct compat_post){.author = author};
    memset(self->votes + post * self->stride, 0, self->stride);
    order_insert(self, post, post);
    self->count++;
    return post;
}

/* Two bits: 0 none, 1 up, 2 down. */
static unsigned
vote_bits(const struct compat_board *self, uint32_t post, uint32_t place)
{
    return (unsigned)self->votes[post * self->stride + place / 4] >> (place % 4 * 2) & 3u;
}

int32_t
compat_board_voted(const struct compat_board *self, uint32_t post, uint32_t voter)
{
    unsigned bits = vote_bits(self, post, voter == COMPAT_NOBODY ? self->voters - 1 : voter);

    return bits == 1 ? 1 : bits == 2 ? -1 : 0;
}

void
compat_board_vote(struct compat_board *self, uint32_t post, uint32_t voter, int32_t vote)
{
    uint32_t place = voter == COMPAT_NOBODY ? self->voters - 1 : voter;
    uint8_t *byte = &self->votes[post * self->stride + place / 4];
    int32_t before;

    ASSERT(post < self->count && place < self->voters && (vote == 1 || vote == -1));
    before = compat_board_voted(self, post, voter);
    if (before == vote)
        return;
    order_remove(self, post);
    self->posts[post].up += vote == 1;
    self->posts[post].up -= before == 1;
    self->posts[post].down += vote == -1;
    self->posts[post].down -= before == -1;
    self->vote_count += before == 0;
    *byte = (uint8_t)((*byte & ~(3u << (place % 4 * 2))) | (vote == 1 ? 1u : 2u) << (place % 4 * 2));
    order_insert(self, self->count - 1, post);
}

/* ---- saving ---- */

void
compat_board_save(const struct compat_board *self, struct buffer *out)
{
    uint8_t head[12];

    bytes_put_u32(head, self->count);
    bytes_put_u64(head + 4, self->vote_count);
    buffer_append(out, head, sizeof head);
    buffer_append(out, self->posts, self->count * sizeof self->posts[0]);
    buffer_append(out, self->votes, self->count * self->stride);
    buffer_append(out, self->order, self->count * sizeof self->order[0]);
}

int
compat_board_load(struct compat_board *self, const uint8_t *bytes, size_t size, size_t *offset, struct why *why)
{
    size_t each = sizeof self->posts[0] + self->stride + sizeof self->order[0];
    const uint8_t *at = bytes + *offset;
    uint32_t count;

    compat_board_clear(self);
    if (size - *offset < 12 || (count = bytes_get_u32(at)) >= BOARD_MAX || (size - *offset - 12) / each < count)
        return fail(why, ERR_FORMAT, "the snapshot ends within the posts");
    reserve(self, count);
    self->vote_count = bytes_get_u64(at + 4);
    at += 12;
    memcpy(self->posts, at, count * sizeof self->posts[0]);
    at += count * sizeof self->posts[0];
    memcpy(self->votes, at, count * self->stride);
    at += count * self->stride;
    memcpy(self->order, at, count * sizeof self->order[0]);
    self->count = count;
    *offset += 12 + count * each;
    return compat_board_check(self, why) == 0 ? 0 : ERR_FORMAT;
}

int
compat_board_check(const struct compat_board *self, struct why *why)
{
    uint64_t votes = 0;

    for (uint32_t i = 0; i < self->count; i++) {
        const struct compat_post *post = &self->posts[i];

        if (post->up > self->voters || post->down > self->voters || self->order[i] >= self->count ||
            (post->author >= self->voters - 1 && post->author != COMPAT_NOBODY))
            return fail(why, ERR_STATE, "post %" PRIu32 " has votes or an author that cannot be", i);
        votes += post->up + post->down;
    }
    if (votes != self->vote_count)
        return fail(why, ERR_STATE, "%" PRIu64 " votes where %" PRIu64 " were counted", votes, self->vote_count);
    for (uint32_t i = 1; i < self->count; i++) {
        uint32_t a = self->order[i - 1], b = self->order[i];
        int32_t net_a = compat_board_net(self, a), net_b = compat_board_net(self, b);

        if (net_a < net_b || (net_a == net_b && a <= b))
            return fail(why, ERR_STATE, "post %" PRIu32 " stands before post %" PRIu32, a, b);
    }
    return 0;
}
