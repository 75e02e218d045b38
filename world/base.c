#include "world/base.h"

#include "core/assert.h"
#include "core/digest.h"
#include "world/record.h"

#include <inttypes.h>
#include <string.h>

static void
state_digest(const struct domain *domain, const void *domain_self, uint8_t out[STORE_DIGEST])
{
    struct fold fold;

    fold_init(&fold);
    domain->digest(domain_self, &fold);
    fold_end(&fold, out);
}

void
base_write(const struct domain *domain, const void *domain_self, uint64_t step, const struct buffer *court,
           struct store_step *out)
{
    struct record_head header = {.step = step, .section_count = court->size > 0 ? 2 : 1,
        .simulation_epoch = step == 0 ? 0 : (uint32_t)((step - 1) / domain->steps_per_epoch(domain_self))};
    struct buffer state = {0};

    *out = (struct store_step){.step = step};
    domain->save(domain_self, &state);
    record_put(&out->data, &(struct section){.kind = SECTION_STATE, .slot = UINT32_MAX, .bytes = state.data,
                               .size = state.size});
    if (court->size > 0)
        record_put(&out->data, &(struct section){.kind = SECTION_COURT, .slot = UINT32_MAX, .bytes = court->data,
                                   .size = court->size});
    header.data_size = out->data.size;
    record_head_write(&header, &out->header);
    state_digest(domain, domain_self, out->digest);
    buffer_fini(&state);
}

/* The section of a kind in the base's record, lent from `data`; size 0 when there is none. */
static int
find_section(struct store *store, enum section_kind kind, struct buffer *data, struct section *out,
             struct store_commit *commit, struct why *why)
{
    uint64_t offset = 0;
    int error = store_read_step(store, store_base(store), NULL, data, commit, why);

    while (error == 0 && offset < data->size)
        if ((error = record_next(data->data, data->size, &offset, out, why)) == 0 && out->kind == (uint32_t)kind)
            return 0;
    *out = (struct section){0};
    return error;
}

int
base_load(struct store *store, const struct domain *domain, void *domain_self, uint64_t *step, struct why *why)
{
    uint8_t digest[STORE_DIGEST];
    struct buffer data = {0};
    struct store_commit commit;
    struct section section;
    int error;

    *step = store_base(store);
    if (!store_is_fork(store))
        return 0;
    error = find_section(store, SECTION_STATE, &data, &section, &commit, why);
    if (error == 0)
        error = domain->load(domain_self, section.bytes, section.size, why);
    if (error == 0) {
        state_digest(domain, domain_self, digest);
        if (memcmp(digest, commit.digest, sizeof digest) != 0)
            error = fail(why, ERR_DIGEST, "the state at step %" PRIu64 ", where the fork begins, has another digest "
                         "than the logged one", *step);
    }
    buffer_fini(&data);
    return error;
}

int
base_read_court(struct store *store, struct buffer *out, struct why *why)
{
    struct buffer data = {0};
    struct store_commit commit;
    struct section section;
    int error;

    if (!store_is_fork(store))
        return 0;
    error = find_section(store, SECTION_COURT, &data, &section, &commit, why);
    if (error == 0 && section.size > 0)
        buffer_append(out, section.bytes, section.size);
    buffer_fini(&data);
    return error;
}
