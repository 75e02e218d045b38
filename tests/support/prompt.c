#include "tests/support/prompt.h"

#include <string.h>

static uint32_t
size_of(const char *text)
{
    return text != NULL ? (uint32_t)strlen(text) : 0;
}

/* The one text of a frame. */
static void
put_frame(const struct batch_writer *writer, uint32_t offsets, uint32_t bytes, const char *text)
{
    ((uint32_t *)batch_column(writer, offsets))[1] = size_of(text);
    batch_fill_bytes(writer, bytes, 0, text, size_of(text));
}

void
prompt_write(const struct prompt_plan *plan, struct buffer *out)
{
    uint32_t counts[PROMPT_AXES] = {[PROMPT_ROW] = plan->row_count,
                                    [PROMPT_FRAME] = 1,
                                    [PROMPT_SHAPE] = 1,
                                    [PROMPT_SPAN] = 1,
                                    [PROMPT_ROLE] = size_of(plan->role),
                                    [PROMPT_TEMPLATE] = size_of(plan->role),
                                    [PROMPT_SYSTEM] = size_of(plan->system),
                                    [PROMPT_SCHEMA] = size_of(plan->schema)};
    uint32_t user = 0, fallback = 0;
    struct batch_writer writer;

    for (uint32_t i = 0; i < plan->row_count; i++) {
        counts[PROMPT_USER] += size_of(plan->rows[i].user);
        counts[PROMPT_FALLBACK] += size_of(plan->rows[i].fallback);
    }
    batch_begin(&writer, &schema_prompt, out, 0, plan->first, counts);
    ((uint32_t *)batch_column(&writer, PROMPT_rows))[0] = plan->span;
    ((uint32_t *)batch_column(&writer, PROMPT_template_version))[0] = 1;
    put_frame(&writer, PROMPT_roles, PROMPT_role, plan->role);
    put_frame(&writer, PROMPT_templates, PROMPT_template, plan->role);
    put_frame(&writer, PROMPT_systems, PROMPT_system, plan->system);
    put_frame(&writer, PROMPT_schemas, PROMPT_schema, plan->schema);
    for (uint32_t i = 0; i < plan->row_count; i++) {
        const struct prompt_row *row = &plan->rows[i];

        ((uint32_t *)batch_column(&writer, PROMPT_place))[i] = row->place;
        ((uint32_t *)batch_column(&writer, PROMPT_entity))[i] = row->place + 100;
        ((uint64_t *)batch_column(&writer, PROMPT_seed))[i] = row->seed;
        ((uint8_t *)batch_column(&writer, PROMPT_taint))[i] = plan->taint;
        batch_fill_bytes(&writer, PROMPT_user, user, row->user, size_of(row->user));
        batch_fill_bytes(&writer, PROMPT_fallback, fallback, row->fallback, size_of(row->fallback));
        user += size_of(row->user);
        fallback += size_of(row->fallback);
        ((uint32_t *)batch_column(&writer, PROMPT_users))[i + 1] = user;
        ((uint32_t *)batch_column(&writer, PROMPT_fallbacks))[i + 1] = fallback;
    }
}
