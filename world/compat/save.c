/* world/compat/save.c - the state as bytes: its digest, a snapshot, and back. Between steps only. */
#include "world/compat/domain.h"

#include "core/bytes.h"

#include <inttypes.h>
#include <string.h>

#define SAVE_MAGIC UINT64_C(0x317461706d6f63) /* "compat1" */

_Static_assert(sizeof(((struct compat_run *)0)->now) == 2 * 8 + 4 * 4 + 8, "no padding in what is saved as bytes");
_Static_assert(sizeof(struct compat_used) == 6 * 4 && sizeof(struct compat_proposal) == 4 * 4 + 8, "nor here");

/* ---- blocks whose size is known before anything is read ---- */

static void
list_cells(struct compat_run *run, struct cells *out)
{
    uint32_t count = run->config->agent_count;

    *out = (struct cells){0};
    cells_add(out, &run->now, sizeof run->now);
    cells_add(out, &run->draws.state, sizeof run->draws.state);
    cells_add(out, &run->draws.used, sizeof run->draws.used);
    cells_add(out, &run->audit_draws.state, sizeof run->audit_draws.state);
    cells_add(out, &run->audit_draws.used, sizeof run->audit_draws.used);
#define COLUMN_CELL(type, name) cells_add(out, run->name, count * sizeof(type));
    COMPAT_AGENT_COLUMNS(COLUMN_CELL)
    cells_add(out, run->used, ((size_t)count + 1) * sizeof run->used[0]);
    cells_add(out, run->epoch_set, sizeof *run->epoch_set);
    cells_add(out, run->run_set, sizeof *run->run_set);
    tasks_cells(run->tasks, out);
    if (run->network != NULL)
        compat_network_cells(run->network, out);
    if (run->market != NULL)
        compat_market_head(run->market, out);
}

static void
put_cells(const struct cells *cells, struct buffer *out)
{
    for (uint32_t i = 0; i < cells->count; i++)
        buffer_append(out, cells->items[i].data, cells->items[i].size);
}

static void
put_u64(struct buffer *out, uint64_t value)
{
    uint8_t bytes[8];

    bytes_put_u64(bytes, value);
    buffer_append(out, bytes, sizeof bytes);
}

/* ---- writing ---- */

void
compat_save(const void *self_any, struct buffer *out)
{
    const struct compat *self = self_any;
    struct compat_run *run = (struct compat_run *)(uintptr_t)&self->run; /* the blocks are not changed */
    struct buffer levers = {0};
    struct cells cells;

    put_u64(out, SAVE_MAGIC);
    list_cells(run, &cells);
    put_cells(&cells, out);
    cells = (struct cells){0};
    if (run->market != NULL)
        compat_market_body(run->market, &cells);
    put_cells(&cells, out);
    compat_memory_save(&run->memory, out);
    compat_board_save(&run->board, out);
    put_u64(out, run->pending.size);
    buffer_append(out, run->pending.data, run->pending.size);
    if (run->levers != NULL)
        compat_levers_save(run->levers, &levers);
    put_u64(out, levers.size);
    buffer_append(out, levers.data, levers.size);
    buffer_fini(&levers);
}

void
compat_digest(const void *self, struct fold *fold)
{
    struct buffer bytes = {0};

    compat_save(self, &bytes);
    fold_bytes(fold, bytes.data, bytes.size);
    buffer_fini(&bytes);
}

/* ---- reading ---- */

struct source {
    const uint8_t *bytes;
    size_t size, offset;
};

static int
get_cells(struct source *from, const struct cells *cells, struct why *why)
{
    for (uint32_t i = 0; i < cells->count; i++) {
        size_t size = cells->items[i].size;

        if (from->size - from->offset < size)
            return fail(why, ERR_FORMAT, "the snapshot ends within block %" PRIu32 ": another scenario's?", i);
        if (size > 0)
            memcpy(cells->items[i].data, from->bytes + from->offset, size);
        from->offset += size;
    }
    return 0;
}

/* A size and where so many bytes are. */
static int
get_bytes(struct source *from, const uint8_t **bytes, size_t *size, struct why *why)
{
    size_t left = from->size - from->offset;

    *bytes = NULL;
    *size = left < 8 ? 0 : bytes_get_u64(from->bytes + from->offset);
    if (left < 8 || left - 8 < *size)
        return fail(why, ERR_FORMAT, "the snapshot ends too early");
    *bytes = from->bytes + from->offset + 8;
    from->offset += 8 + *size;
    return 0;
}

static int
get_market(struct compat_run *run, struct source *from, struct why *why)
{
    struct cells cells = {0};
    int code;

    if (run->market == NULL)
        return 0;
    if ((code = compat_market_room(run->market, why)) != 0)
        return code;
    compat_market_body(run->market, &cells);
    return get_cells(from, &cells, why);
}

static int
get_pending(struct compat_run *run, struct source *from, struct why *why)
{
    uint32_t agents = run->config->agent_count, count;
    const struct compat_proposal *pending;
    const uint8_t *bytes;
    size_t size;
    int code = get_bytes(from, &bytes, &size, why);

    if (code != 0)
        return code;
    if (size % sizeof *pending != 0 || size / sizeof *pending > UINT32_MAX)
        return fail(why, ERR_FORMAT, "the snapshot's proposals are cut short");
    buffer_clear(&run->pending);
    buffer_append(&run->pending, bytes, size);
    memset(run->waiting, 0, agents * sizeof run->waiting[0]);
    pending = compat_pending(run, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (pending[i].initiator >= agents || pending[i].counterparty >= agents || pending[i].kind >= INTERACTION_KINDS)
            return fail(why, ERR_FORMAT, "the snapshot's proposal %" PRIu32 " is of nobody", i);
        run->waiting[pending[i].counterparty]++;
    }
    return 0;
}

static int
get_levers(struct compat_run *run, struct source *from, struct why *why)
{
    const uint8_t *bytes = NULL;
    size_t size;
    int code = get_bytes(from, &bytes, &size, why);

    if (code == 0 && run->levers != NULL)
        return compat_levers_load(run->levers, bytes, size, why);
    if (code == 0 && size != 0)
        return fail(why, ERR_FORMAT, "the snapshot has levers, the scenario has none");
    return code;
}

int
compat_load(void *self_any, const void *bytes, size_t size, struct why *why)
{
    struct compat *self = self_any;
    struct compat_run *run = &self->run;
    struct source from = {bytes, size, 8};
    struct cells cells;
    int code;

    if (size < 8 || bytes_get_u64(bytes) != SAVE_MAGIC)
        return fail(why, ERR_FORMAT, "no snapshot of the compat rules of this version");
    buffer_clear(&run->deals);
    buffer_clear(&run->done);
    list_cells(run, &cells);
    code = get_cells(&from, &cells, why);
    if (code == 0)
        code = get_market(run, &from, why);
    if (code == 0)
        code = compat_memory_load(&run->memory, bytes, size, &from.offset, why);
    if (code == 0)
        code = compat_board_load(&run->board, bytes, size, &from.offset, why);
    if (code == 0)
        code = get_pending(run, &from, why);
    if (code == 0)
        code = get_levers(run, &from, why);
    if (code == 0 && from.offset != size)
        code = fail(why, ERR_FORMAT, "the snapshot has %zu bytes left over", size - from.offset);
    if (code == 0 && compat_check_invariants(self, why) != 0)
        code = ERR_FORMAT;
    return code;
}
