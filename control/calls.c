#include "control/calls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/text.h"
#include "llm-gateway/llm_config.h"
#include "llm-gateway/record.h"
#include "llm-gateway/repair.h"

struct calls {
    struct record *log;
    struct llm_config *config; /* NULL: the manifest says nothing of models any more */
    struct buffer text, prompt;
};

/* A call as it is read. */
struct call_row {
    const struct calls *of;
    struct answer_id id;
    struct answer answer;
};

/* One column: what it is called, what it means, and its value. */
typedef void put_fn(const struct call_row *row, enum export_format format, struct buffer *out);
struct call_column {
    const char *name, *doc;
    put_fn *put;
    bool is_text; /* only with texts */
};

static void
put_number(struct buffer *out, uint64_t number)
{
    text_addf(out, "%" PRIu64, number);
}

static void
put_words(enum export_format format, const char *bytes, size_t size, struct buffer *out)
{
    struct buffer valid = {0};

    if (format == EXPORT_CSV) {
        export_add_field(out, bytes, size);
        return;
    }
    text_add_valid(&valid, bytes, size);
    text_add_json(out, (const char *)valid.data, valid.size);
    buffer_fini(&valid);
}

#define NUMBER(name, value)                                                                                            \
    static void put_##name(const struct call_row *row, enum export_format format, struct buffer *out)                  \
    {                                                                                                                  \
        (void)format;                                                                                                  \
        put_number(out, (uint64_t)(value));                                                                            \
    }
#define WORDS(name, value)                                                                                             \
    static void put_##name(const struct call_row *row, enum export_format format, struct buffer *out)                  \
    {                                                                                                                  \
        const char *words = (value);                                                                                   \
                                                                                                                       \
        put_words(format, words, strlen(words), out);                                                                  \
    }

static const char *
role_of(const struct call_row *row)
{
    const struct llm_config *config = row->of->config;

    return config != NULL && row->id.role < config->role_count ? config->roles[row->id.role].name : "unknown";
}

static const char *
reason_of(const struct call_row *row)
{
    return row->answer.reason > 0 && row->answer.reason < LLM_CLASS_COUNT ? llm_classes[row->answer.reason].name : "";
}

static const char *
finish_of(const struct call_row *row)
{
    static const char *const names[] = {"", "stop", "length", "refused", "other"};

    return row->answer.finish < sizeof names / sizeof names[0] ? names[row->answer.finish] : "";
}

NUMBER(step, row->id.step)
NUMBER(slot, row->id.client)
WORDS(role, role_of(row))
NUMBER(phase, row->id.ordinal >> 16)
NUMBER(place, row->id.ordinal & 0xffffu)
NUMBER(agent, row->answer.entity)
WORDS(status, answer_status_name(row->answer.status))
WORDS(source, answer_source_name(row->answer.source))
WORDS(reason, reason_of(row))
WORDS(provider, row->answer.provider)
WORDS(model, row->answer.model)
WORDS(finish, finish_of(row))
NUMBER(schema_ok, row->answer.schema_ok)
NUMBER(tokens_in, row->answer.tokens_in)
NUMBER(tokens_out, row->answer.tokens_out)
NUMBER(tokens_cached, row->answer.tokens_cached)
NUMBER(cost, row->answer.cost)
NUMBER(paid, row->answer.paid)
NUMBER(reserved_tokens, row->answer.reserved_tokens)
NUMBER(reserved_cost, row->answer.reserved_cost)
NUMBER(attempts, row->answer.attempt_count)
NUMBER(http_status, row->answer.http_status)
NUMBER(queue_us, row->answer.queue_us)
NUMBER(provider_us, row->answer.provider_us)

static void
put_repairs(const struct call_row *row, enum export_format format, struct buffer *out)
{
    struct buffer names = {0};

    for (uint32_t i = 0; i < REPAIR_BIT_COUNT; i++)
        if ((row->answer.repairs >> i & 1u) != 0)
            text_addf(&names, "%s%s", names.size > 0 ? " " : "", repair_name(i));
    put_words(format, (const char *)names.data, names.size, out);
    buffer_fini(&names);
}

static void
put_key(const struct call_row *row, enum export_format format, struct buffer *out)
{
    char hex[KEY_HEX_SIZE];

    key_hex(&row->answer.key, hex);
    put_words(format, hex, strlen(hex), out);
}

static void
put_question(const struct call_row *row, enum export_format format, struct buffer *out)
{
    put_words(format, (const char *)row->of->prompt.data, row->of->prompt.size, out);
}

static void
put_answer(const struct call_row *row, enum export_format format, struct buffer *out)
{
    put_words(format, row->answer.text, row->answer.text_size, out);
}

static const struct call_column columns[] = {
    {"step", "step of the run", put_step, false},
    {"slot", "group of agents: the client whose budget counts", put_slot, false},
    {"role", "row of llm.roles", put_role, false},
    {"phase", "ordinal of the exchange in the step", put_phase, false},
    {"place", "place of the agent in its group", put_place, false},
    {"agent", "who asked", put_agent, false},
    {"status", "ok, repaired, or why the agent's own rules decided", put_status, false},
    {"source", "live, cache, joined, replay, rules", put_source, false},
    {"reason", "class of the last failure; empty: none", put_reason, false},
    {"provider", "who answered; empty: nobody", put_provider, false},
    {"model", "which model answered", put_model, false},
    {"finish", "how the answer ended", put_finish, false},
    {"schema_ok", "1: it fits its schema", put_schema_ok, false},
    {"repairs", "what had to be mended", put_repairs, false},
    {"tokens_in", "tokens", put_tokens_in, false},
    {"tokens_out", "tokens", put_tokens_out, false},
    {"tokens_cached", "tokens that the provider had cached, part of tokens_in", put_tokens_cached, false},
    {"cost", "millionths of a currency unit: what the answer cost whoever paid for it", put_cost, false},
    {"paid", "of that, by this run", put_paid, false},
    {"reserved_tokens", "set aside before the call", put_reserved_tokens, false},
    {"reserved_cost", "set aside before the call, millionths", put_reserved_cost, false},
    {"attempts", "calls made", put_attempts, false},
    {"http_status", "of the last; 0: none", put_http_status, false},
    {"queue_us", "waiting for a place, microseconds", put_queue_us, false},
    {"provider_us", "on the way and at the provider, microseconds", put_provider_us, false},
    {"key", "what makes equal questions the same", put_key, false},
    {"question", "the user's part of the prompt; empty when prompts were not recorded", put_question, true},
    {"answer", "as the agent got it", put_answer, true},
};
#define COLUMN_COUNT (sizeof columns / sizeof columns[0])

int
calls_open(const char *folder, const struct yaml_node *manifest, struct calls **out, struct why *why)
{
    struct calls *self = ALLOC(struct calls);
    struct buffer path = {0};
    struct why ignored = {0};
    int error;

    text_addf(&path, "%s/%s", folder, RECORD_FILE);
    buffer_append(&path, "", 1);
    error = record_open((const char *)path.data, false, &self->log, why);
    buffer_fini(&path);

    *out = NULL;
    if (error != 0) {
        free(self);
        return error == ERR_MISSING
                   ? fail(why, ERR_MISSING, "%.300s has no call log: it asked no models, or kept nothing", folder)
                   : error;
    }
    if (llm_config_read(yaml_find(manifest, "llm"), &self->config, &ignored) != 0)
        self->config = NULL;
    *out = self;
    return 0;
}

void
calls_close(struct calls **self_p)
{
    struct calls *self = *self_p;

    if (self == NULL)
        return;
    record_close(&self->log);
    llm_config_destroy(&self->config);
    buffer_fini(&self->text);
    buffer_fini(&self->prompt);
    free(self);
    *self_p = NULL;
}

uint32_t
calls_count(const struct calls *self)
{
    return record_count(self->log);
}

int
calls_add_up(struct calls *self, struct calls_sum *out, struct why *why)
{
    int error = 0;

    *out = (struct calls_sum){0};
    for (uint32_t i = 0; i < record_count(self->log) && error == 0; i++) {
        struct answer answer = {0};
        struct answer_id id;

        error = record_read(self->log, i, &id, &answer, &self->text, NULL, why);
        out->questions++;
        out->answered += answer.status == ANSWER_OK || answer.status == ANSWER_REPAIRED;
        out->tokens_in += answer.tokens_in;
        out->tokens_out += answer.tokens_out;
        out->paid += answer.paid;
    }
    return error;
}

void
calls_write_head(enum export_format format, bool texts, struct buffer *out)
{
    if (format != EXPORT_CSV)
        return;
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        if (texts || !columns[i].is_text)
            text_addf(out, "%s%s", i > 0 ? "," : "", columns[i].name);
    text_add(out, "\n");
}

int
calls_write_row(struct calls *self, uint32_t number, enum export_format format, bool texts, struct buffer *out,
                struct why *why)
{
    struct call_row row = {.of = self};
    int error = record_read(self->log, number, &row.id, &row.answer, &self->text, texts ? &self->prompt : NULL, why);

    if (error != 0)
        return error;
    if (format == EXPORT_JSONL)
        text_add(out, "{");
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        if (!texts && columns[i].is_text)
            continue;
        if (format == EXPORT_JSONL)
            text_addf(out, "%s\"%s\": ", i > 0 ? ", " : "", columns[i].name);
        else if (i > 0)
            text_add(out, ",");
        columns[i].put(&row, format, out);
    }
    text_add(out, format == EXPORT_JSONL ? "}\n" : "\n");
    return 0;
}

void
calls_write_columns(struct buffer *out)
{
    text_add(out, "model_calls: ");
    calls_write_head(EXPORT_CSV, false, out);
    text_add(out, "model_texts: ");
    calls_write_head(EXPORT_CSV, true, out);
    for (size_t i = 0; i < COLUMN_COUNT; i++)
        text_addf(out, "    %-16s %s\n", columns[i].name, columns[i].doc);
}
