/* world/sandbox/save.c - the state as bytes: its digest, a snapshot, and back. Between steps only. */
#include "core/assert.h"
#include "core/bytes.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <string.h>

#define SAVE_MAGIC UINT64_C(0x31786f62646e6173) /* "sandbox1" */

_Static_assert(sizeof(struct tally) == 27 * 8 + TALLY_REFUSALS * 8 + 32 + TALLY_KINDS * 80 + sizeof(struct metrics_set),
               "no padding in what is saved as bytes");

/* Every block of state but the feed's texts and the accounts. */
static void
list_cells(const struct sandbox *self_const, struct cells *out)
{
    struct sandbox *self = (struct sandbox *)(uintptr_t)self_const; /* the blocks are the caller's to change or not */
    uint32_t count = self->config.agent_count;

    *out = (struct cells){0};
    cells_add(out, &self->now, sizeof self->now);
#define AGENT_CELL(type, name) cells_add(out, self->agents.name, count * sizeof(type));
    AGENT_COLUMNS(AGENT_CELL)
    cells_add(out, self->agents.memory, (size_t)count * self->config.world.memory_max);
    cells_add(out, self->epoch, sizeof *self->epoch);
    cells_add(out, self->run, sizeof *self->run);
    feed_cells(self->feed, out);
    tasks_cells(self->tasks, out);
    rails_cells(self->rails, out);
    trust_cells(self->trust, out);
    features_cells(self, out);
}

void
save_digest(const void *self_any, struct fold *fold)
{
    const struct sandbox *self = self_any;
    struct cells cells;

    list_cells(self, &cells);
    for (uint32_t i = 0; i < cells.count; i++)
        fold_bytes(fold, cells.items[i].data, cells.items[i].size);
    feed_fold_texts(self->feed, fold);
    accounts_digest(self->accounts, fold);
}

void
save_write(const void *self_any, struct buffer *out)
{
    const struct sandbox *self = self_any;
    struct cells cells;
    uint8_t head[16];

    ASSERT(self->stage == STAGE_DONE);
    list_cells(self, &cells);
    feed_text_cells(self->feed, &cells);
    bytes_put_u64(head, SAVE_MAGIC);
    bytes_put_u64(head + 8, cells.count);
    buffer_append(out, head, sizeof head);
    for (uint32_t i = 0; i < cells.count; i++) {
        uint8_t size[8];

        bytes_put_u64(size, cells.items[i].size);
        buffer_append(out, size, sizeof size);
        buffer_append(out, cells.items[i].data, cells.items[i].size);
    }
    accounts_save(self->accounts, out);
}

static int
load_cells(const struct cells *cells, const uint8_t *bytes, size_t size, size_t *offset, struct why *why)
{
    if (size < 16 || bytes_get_u64(bytes) != SAVE_MAGIC || bytes_get_u64(bytes + 8) != cells->count)
        return fail(why, ERR_FORMAT, "no snapshot of a sandbox of this version");
    *offset = 16;
    for (uint32_t i = 0; i < cells->count; i++) {
        size_t block = cells->items[i].size;

        if (size - *offset < 8 || bytes_get_u64(bytes + *offset) != block || size - *offset - 8 < block)
            return fail(why, ERR_FORMAT, "the snapshot's block %" PRIu32 " is not %zu bytes: another scenario's?", i,
                        block);
        memcpy(cells->items[i].data, bytes + *offset + 8, block);
        *offset += 8 + block;
    }
    return 0;
}

int
save_load(void *self_any, const void *bytes, size_t size, struct why *why)
{
    struct sandbox *self = self_any;
    struct cells cells;
    size_t offset;
    int code;

    list_cells(self, &cells);
    feed_text_cells(self->feed, &cells);
    self->stage = STAGE_DONE;
    memset(&self->turn, 0, sizeof self->turn);
    arena_reset(self->arena);
    code = load_cells(&cells, bytes, size, &offset, why);
    if (code == 0)
        code = accounts_load(self->accounts, bytes, size, &offset, why);
    if (code == 0 && offset != size)
        code = fail(why, ERR_FORMAT, "the snapshot has %zu bytes left over", size - offset);
    if (code == 0)
        code = feed_rebuild(self->feed, why);
    if (code == 0) {
        rails_fit(self->rails);
        network_fit(self);
    }
    if (code == 0 && check_invariants(self, why) != 0)
        code = ERR_FORMAT;
    return code;
}
