#include "world/step.h"

#include "core/assert.h"
#include "core/digest.h"
#include "proto/cursor.h"
#include "proto/sandbox.h"

#include <inttypes.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

void
step_init(struct step *self, const struct domain *domain, void *domain_self, bool inputs_only)
{
    *self = (struct step){.domain = domain, .self = domain_self, .arena = arena_new(1u << 20),
        .inputs_only = inputs_only};
}

/* Whether the answers of a group come from outside, so that nobody could make them again. */
static bool
is_external(const struct step *self, uint32_t slot)
{
    const struct domain_slot *slots;
    uint32_t count = self->domain->slots(self->self, &slots);

    ASSERT(slot < count);

    return slots[slot].external;
}

void
step_fini(struct step *self)
{
    buffer_fini(&self->data);
    buffer_fini(&self->figures);
    arena_destroy(&self->arena);
}

static void
put_section(struct step *self, enum section_kind kind, uint32_t round, uint32_t slot, uint32_t schema,
            struct blob bytes)
{
    struct section section = {.kind = kind, .phase = self->phase, .round = round, .slot = slot, .schema = schema,
        .bytes = bytes.data, .size = bytes.size};

    record_put(&self->data, &section);
    self->section_count++;
}

/* ---- inputs ---- */

static void
pack_text(msgpack_packer *packer, const char *key, const char *text)
{
    msgpack_pack_str_with_body(packer, key, strlen(key));
    msgpack_pack_str_with_body(packer, text, strlen(text));
}

static void
put_input(struct step *self, const struct step_input *input)
{
    msgpack_sbuffer bytes;
    msgpack_packer packer;

    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 3);
    msgpack_pack_str_with_body(&packer, "source_seq", strlen("source_seq"));
    msgpack_pack_uint64(&packer, input->source_seq);
    pack_text(&packer, "verb", input->verb);
    pack_text(&packer, "argument", input->argument);
    put_section(self, SECTION_INPUT, 0, UINT32_MAX, 0,
                (struct blob){(const uint8_t *)bytes.data, (uint32_t)bytes.size});
    msgpack_sbuffer_destroy(&bytes);
}

static bool
read_key(struct cursor *cursor, const char *key)
{
    const char *text = NULL;
    uint32_t size = 0;

    return cursor_text(cursor, &text, &size) && size == strlen(key) && memcmp(text, key, size) == 0;
}

static bool
read_text(struct cursor *cursor, const char *key, char *out, size_t room)
{
    const char *text = NULL;
    uint32_t size = 0;

    if (!read_key(cursor, key) || !cursor_text(cursor, &text, &size) || size >= room)
        return false;
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

int
step_input_read(const struct section *section, struct step_input *out, struct why *why)
{
    struct cursor cursor;
    uint32_t count = 0;

    cursor_init(&cursor, section->bytes, section->size, NULL);
    if (section->kind == SECTION_INPUT && cursor_map(&cursor, &count) && count == 3 &&
        read_key(&cursor, "source_seq") && cursor_u64(&cursor, &out->source_seq) &&
        read_text(&cursor, "verb", out->verb, sizeof out->verb) &&
        read_text(&cursor, "argument", out->argument, sizeof out->argument) && cursor_end(&cursor))
        return 0;
    return fail(why, ERR_FORMAT, "an input section of the log is damaged");
}

/* ---- the step ---- */

int
step_begin(struct step *self, uint64_t number, const struct step_input *inputs, uint32_t input_count, struct why *why)
{
    arena_reset(self->arena);
    buffer_clear(&self->data);
    self->number = number;
    self->phase = 0;
    self->section_count = 0;
    for (uint32_t i = 0; i < input_count; i++) {
        int error = self->domain->command(self->self, inputs[i].verb, inputs[i].argument, why);

        if (error != 0)
            return error;
        put_input(self, &inputs[i]);
    }
    self->domain->begin(self->self, number);
    return 0;
}

bool
step_next(struct step *self, struct exchange *out)
{
    *out = (struct exchange){0};
    return self->domain->next(self->self, out);
}

void
step_take(struct step *self, const struct exchange *exchange, const struct batch *answers, const struct batch *docket,
          struct blob docket_bytes, const struct blob *answer_bytes)
{
    ASSERT(answer_bytes != NULL);

    if (exchange->kind == EXCHANGE_GOVERNANCE) {
        put_section(self, SECTION_DOCKET, exchange->round, UINT32_MAX, exchange->ask->id, docket_bytes);
        put_section(self, SECTION_VERDICT, exchange->round, UINT32_MAX, exchange->answer->id, answer_bytes[0]);
    } else {
        for (uint32_t g = 0; g < exchange->group_count; g++)
            if (!self->inputs_only || is_external(self, exchange->groups[g].slot))
                put_section(self, SECTION_ANSWERS, exchange->round, exchange->groups[g].slot, exchange->answer->id,
                        answer_bytes[g]);
    }
    self->domain->take(self->self, exchange, answers, docket);
    self->phase++;
}

/* ---- figures ---- */

struct figure_list {
    struct buffer names;
    struct buffer offsets; /* u32 */
    struct buffer values;  /* f64 */
    struct buffer known;   /* u8 */
    uint32_t count;
};

static void
collect_figure(void *context, const char *name, double value, bool known)
{
    struct figure_list *list = context;
    uint32_t offset = (uint32_t)list->names.size;
    uint8_t flag = known ? 1 : 0;

    if (!known)
        value = 0.0;
    buffer_append(&list->offsets, &offset, sizeof offset);
    buffer_append(&list->names, name, strlen(name));
    buffer_append(&list->values, &value, sizeof value);
    buffer_append(&list->known, &flag, 1);
    list->count++;
}

void
step_summary(const struct domain *domain, const void *domain_self, bool whole_run, struct buffer *out)
{
    struct figure_list list = {0};
    struct batch_writer writer;
    uint32_t end;

    domain->figures(domain_self, whole_run, collect_figure, &list);
    end = (uint32_t)list.names.size;
    buffer_append(&list.offsets, &end, sizeof end);
    batch_begin(&writer, &schema_summary, out, 0, 0, (uint32_t[]){list.count, end});
    memcpy(batch_column(&writer, SUMMARY_names), list.offsets.data, list.offsets.size);
    if (list.count > 0) {
        memcpy(batch_column(&writer, SUMMARY_value), list.values.data, list.values.size);
        memcpy(batch_column(&writer, SUMMARY_known), list.known.data, list.known.size);
        memcpy(batch_column(&writer, SUMMARY_text), list.names.data, list.names.size);
    }
    buffer_fini(&list.names);
    buffer_fini(&list.offsets);
    buffer_fini(&list.values);
    buffer_fini(&list.known);
}

static void
put_events(struct step *self)
{
    struct buffer bytes = {0};

    if (self->domain->event_schema == NULL || self->inputs_only)
        return;
    self->domain->events(self->self, &bytes);
    if (bytes.size > 0)
        put_section(self, SECTION_EVENTS, 0, UINT32_MAX, self->domain->event_schema->id,
                    (struct blob){bytes.data, (uint32_t)bytes.size});
    buffer_fini(&bytes);
}

static void
put_figures(struct step *self, enum figures_of what, struct buffer *bytes)
{
    step_summary(self->domain, self->self, what == FIGURES_RUN, bytes);
    put_section(self, SECTION_FIGURES, what, UINT32_MAX, schema_summary.id,
                (struct blob){bytes->data, (uint32_t)bytes->size});
}

static void
put_all_figures(struct step *self)
{
    struct buffer run = {0};

    buffer_clear(&self->figures);
    if (self->number % self->domain->steps_per_epoch(self->self) != 0)
        return;
    put_figures(self, FIGURES_EPOCH, &self->figures);
    put_figures(self, FIGURES_RUN, &run);
    buffer_fini(&run);
}

void
step_end(struct step *self, struct store_step *out)
{
    struct fold fold;
    struct record_head header;

    self->domain->end(self->self);
    put_events(self);
    put_all_figures(self);
    *out = (struct store_step){.step = self->number};
    fold_init(&fold);
    self->domain->digest(self->self, &fold);
    fold_end(&fold, out->digest);
    header = (struct record_head){.step = self->number, .section_count = self->section_count,
        .data_size = self->data.size,
        .simulation_epoch = (uint32_t)((self->number - 1) / self->domain->steps_per_epoch(self->self))};
    record_head_write(&header, &out->header);
    out->data = self->data;
    self->data = (struct buffer){0};
}

/* ---- replay ---- */

/* The next section, which must be what the domain's own course asks for. */
static int
expect_section(struct step_replay *replay, enum section_kind kind, uint32_t phase, struct section *out, struct why *why)
{
    int error;

    do {
        error = record_next(replay->data->data, replay->data->size, &replay->offset, out, why);
    } while (error == 0 && replay->skip_answers && out->kind == SECTION_ANSWERS);
    if (error == 0 && (out->kind != (uint32_t)kind || out->phase != phase))
        error = fail(why, ERR_DIGEST, "step %" PRIu64 ": expected section %d of phase %u, the log has %u of %u",
                     replay->number, (int)kind, phase, out->kind, out->phase);
    return error;
}

int
step_inputs_read(const struct buffer *data, struct step_input inputs[STEP_INPUTS_MAX], uint32_t *count, uint64_t *end,
                 struct why *why)
{
    struct section section;
    uint64_t offset = 0;
    int error;

    *count = 0;
    *end = 0;
    while (offset < data->size) {
        if ((error = record_next(data->data, data->size, &offset, &section, why)) != 0)
            return error;
        if (section.kind != SECTION_INPUT)
            break;
        if (*count == STEP_INPUTS_MAX)
            return fail(why, ERR_LIMIT, "more than %u inputs in a step", STEP_INPUTS_MAX);
        if ((error = step_input_read(&section, &inputs[(*count)++], why)) != 0)
            return error;
        *end = offset;
    }
    return 0;
}

static int
replay_inputs(struct step *self, struct step_replay *replay, struct why *why)
{
    struct step_input *inputs = ALLOC_ARRAY(struct step_input, STEP_INPUTS_MAX);
    uint32_t count;
    int error = step_inputs_read(replay->data, inputs, &count, &replay->offset, why);

    if (error == 0)
        error = step_begin(self, replay->number, inputs, count, why);
    if (error != 0)
        fail_prefix(why, "step %" PRIu64, replay->number);
    free(inputs);
    return error;
}

int
step_take_logged_verdict(struct step *self, struct step_replay *replay, const struct exchange *exchange,
                         struct why *why)
{
    struct buffer ask = {0};
    struct section docket, verdict;
    struct batch docket_batch, answer;
    struct blob bytes;
    int error;

    self->domain->ask(self->self, exchange, 0, 0, exchange->row_count, &ask);
    if ((error = expect_section(replay, SECTION_DOCKET, self->phase, &docket, why)) != 0 ||
        (error = expect_section(replay, SECTION_VERDICT, self->phase, &verdict, why)) != 0)
        goto out;
    if (docket.size != ask.size || memcmp(docket.bytes, ask.data, ask.size) != 0) {
        error = fail(why, ERR_DIGEST, "step %" PRIu64 ", phase %u (%s): the docket differs from the logged one",
                     replay->number, self->phase, exchange->name);
        goto out;
    }
    if ((error = batch_read(exchange->ask, docket.bytes, docket.size, &docket_batch, why)) != 0 ||
        (error = batch_read(exchange->answer, verdict.bytes, verdict.size, &answer, why)) != 0 ||
        (error = batch_check(&answer, why)) != 0 ||
        (error = self->domain->check(self->self, exchange, 0, 0, exchange->row_count, &answer, why)) != 0)
        goto out;
    bytes = (struct blob){verdict.bytes, (uint32_t)verdict.size};
    step_take(self, exchange, &answer, &docket_batch, (struct blob){docket.bytes, (uint32_t)docket.size}, &bytes);
out:
    buffer_fini(&ask);
    return error;
}

/* One group's answers from a logged section. */
static int
read_answers(struct step *self, const struct exchange *exchange, uint32_t group, const struct section *section,
             struct batch *out, struct why *why)
{
    int error;

    if ((error = batch_read(exchange->answer, section->bytes, section->size, out, why)) != 0 ||
        (error = batch_check(out, why)) != 0)
        return error;
    return self->domain->check(self->self, exchange, group, 0, exchange->groups[group].count, out, why);
}

int
step_find_logged_answers(struct step *self, struct step_replay *replay, const struct exchange *exchange,
                         struct blob *given, struct why *why)
{
    struct section section = {0};
    struct batch batch;
    int error = 0;

    for (uint32_t g = 0; g < exchange->group_count && error == 0; g++) {
        given[g] = (struct blob){0};
        if (!is_external(self, exchange->groups[g].slot))
            continue;
        do {
            error = record_next(replay->data->data, replay->data->size, &replay->offset, &section, why);
        } while (error == 0 && section.kind == SECTION_ANSWERS &&
                 (section.phase != self->phase || section.slot != exchange->groups[g].slot));
        if (error == 0 && section.kind != SECTION_ANSWERS)
            error = fail(why, ERR_DIGEST, "step %" PRIu64 ", phase %u (%s): the log has no answers of slot %" PRIu32,
                         replay->number, self->phase, exchange->name, exchange->groups[g].slot);
        if (error == 0)
            error = read_answers(self, exchange, g, &section, &batch, why);
        if (error == 0)
            given[g] = (struct blob){section.bytes, (uint32_t)section.size};
    }
    return error;
}

static int
replay_agents(struct step *self, struct step_replay *replay, const struct exchange *exchange, struct why *why)
{
    struct batch *answers = ARENA_ARRAY(self->arena, struct batch, exchange->group_count + 1);
    struct blob *bytes = ARENA_ARRAY(self->arena, struct blob, exchange->group_count + 1);
    int error;

    for (uint32_t g = 0; g < exchange->group_count; g++) {
        struct section section;

        if ((error = expect_section(replay, SECTION_ANSWERS, self->phase, &section, why)) != 0 ||
            (error = read_answers(self, exchange, g, &section, &answers[g], why)) != 0)
            return error;
        bytes[g] = (struct blob){section.bytes, (uint32_t)section.size};
    }
    step_take(self, exchange, answers, NULL, (struct blob){0}, bytes);
    return 0;
}

static int
replay_exchanges(struct step *self, struct step_replay *replay, struct why *why)
{
    struct exchange exchange;

    while (step_next(self, &exchange)) {
        int error = exchange.kind == EXCHANGE_GOVERNANCE ? step_take_logged_verdict(self, replay, &exchange, why)
                                                         : replay_agents(self, replay, &exchange, why);
        if (error != 0) {
            if (why != NULL && why->code != ERR_DIGEST)
                fail_prefix(why, "step %" PRIu64 ", phase %u (%s)", self->number, self->phase, exchange.name);
            return error;
        }
    }
    return 0;
}

static bool
same_bytes(const struct buffer *a, const struct buffer *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

int
step_compare(const struct store_step *made, const struct buffer *header, const struct buffer *data,
             const uint8_t digest[STORE_DIGEST], struct why *why)
{
    if (!same_bytes(&made->data, data))
        return fail(why, ERR_DIGEST, "step %" PRIu64 ": the replayed record differs from the logged one", made->step);
    if (!same_bytes(&made->header, header))
        return fail(why, ERR_DIGEST, "step %" PRIu64 ": the replayed header differs from the logged one", made->step);
    if (memcmp(made->digest, digest, STORE_DIGEST) != 0)
        return fail(why, ERR_DIGEST, "step %" PRIu64 ": the replayed state has another digest than the logged one",
                    made->step);
    return 0;
}

int
step_replay(struct step *self, uint64_t number, const struct buffer *header, const struct buffer *data,
            const uint8_t digest[STORE_DIGEST], struct why *why)
{
    struct step_replay replay = {.data = data, .number = number};
    struct store_step made = {0};
    int error;

    if ((error = replay_inputs(self, &replay, why)) != 0 || (error = replay_exchanges(self, &replay, why)) != 0)
        return error;
    step_end(self, &made);
    error = step_compare(&made, header, data, digest, why);
    buffer_fini(&made.data);
    buffer_fini(&made.header);
    return error;
}
