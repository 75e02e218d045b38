#include "llm-gateway/provider.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/assert.h"

#define LLM_CLASS_ROW(name, word, remedy, breaker, doc) {word, LLM_REMEDY_##remedy, LLM_BREAKER_##breaker, doc},
const struct llm_class_row llm_classes[LLM_CLASS_COUNT] = {LLM_CLASSES(LLM_CLASS_ROW)};

PARAMS_TABLE(provider_dialect, PROVIDER_DIALECT_PARAMS)
const struct params *const provider_dialect_list = &provider_dialect_params;

void
provider_http_fini(struct provider_http *self)
{
    buffer_fini(&self->body);
    *self = (struct provider_http){0};
}

void
provider_result_clear(struct provider_result *self)
{
    struct buffer text = self->text;

    buffer_clear(&text);
    *self = (struct provider_result){.text = text, .verdict = {.wait_ms = -1, .retry = -1}};
}

void
provider_result_fini(struct provider_result *self)
{
    buffer_fini(&self->text);
    *self = (struct provider_result){0};
}

const struct provider *
provider_find(const char *name)
{
    for (const struct provider *const *provider = provider_roll; *provider != NULL; provider++)
        if (strcmp((*provider)->name, name) == 0)
            return *provider;
    return NULL;
}

const struct provider *
provider_find_dialect(const char *name, struct provider_dialect *out, const char **nearest)
{
    struct text_nearest near = {.name = name};

    for (const struct provider *const *provider = provider_roll; *provider != NULL; provider++) {
        for (const struct provider_preset *preset = (*provider)->presets; preset->name != NULL; preset++) {
            if (strcmp(preset->name, name) == 0) {
                *out = preset->dialect;
                return *provider;
            }
            text_nearest_offer(&near, preset->name);
        }
    }
    if (nearest != NULL)
        *nearest = near.best;
    return NULL;
}

int
provider_dialect_bind(
    const struct yaml_node *map, const char *const *also, struct provider_dialect *dialect, struct why *why)
{
    struct provider_dialect checked;
    int code = params_bind(provider_dialect_list, map, also, &checked, why);

    for (uint32_t i = 0; code == 0 && i < provider_dialect_list->count; i++) {
        const struct param *row = &provider_dialect_list->rows[i];
        const struct yaml_node *value = yaml_find(map, row->name);

        if (value != NULL)
            code = params_bind_row(row, value, dialect, why);
    }
    return code;
}

uint32_t
provider_capabilities(const struct provider *self, const struct provider_dialect *dialect)
{
    uint32_t bits = 0;

    if (self->build == NULL)
        return PROVIDER_IN_PROCESS | PROVIDER_CAN_SEED;
    bits |= dialect->seed ? PROVIDER_CAN_SEED : 0;
    bits |= dialect->schema != PROVIDER_SCHEMA_NONE ? PROVIDER_CAN_JSON : 0;
    bits |= dialect->schema > PROVIDER_SCHEMA_JSON ? PROVIDER_CAN_SCHEMA : 0;
    bits |= self->framing != PROVIDER_NO_STREAM ? PROVIDER_CAN_STREAM : 0;
    bits |= dialect->system != PROVIDER_USER ? PROVIDER_CAN_SYSTEM : 0;
    bits |= dialect->temperature ? PROVIDER_CAN_TEMPERATURE : 0;
    return bits;
}

/* ---- asking ---- */

/* Letters of model names: they stand in paths, so nothing that would end or climb one. */
static bool
model_is_good(const char *model)
{
    size_t length = strlen(model);

    return length > 0 && length <= 96 && strstr(model, "..") == NULL && model[0] != '/' &&
           strspn(model, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-") == length;
}

int
provider_build(const struct provider *self, const struct provider_request *request,
               const struct provider_dialect *dialect, struct provider_http *out, struct why *why)
{
    ASSERT(self->build != NULL && request->out_max > 0);
    if (!model_is_good(request->model))
        return fail(why, ERR_INVALID, "model: a name has 1 to 96 letters, digits and . _ : / @ + -");
    if (!text_is_utf8(request->system.text, request->system.size) ||
        !text_is_utf8(request->user.text, request->user.size))
        return fail(why, ERR_FORMAT, "the prompt is not UTF-8");
    buffer_clear(&out->body);
    out->header_count = 0;
    out->method = "POST";
    provider_add_header(out, "content-type", "application/json", PROVIDER_PLAIN);
    return self->build(request, dialect, out, why);
}

void
provider_add_header(struct provider_http *out, const char *name, const char *value, enum provider_secret secret)
{
    ASSERT(out->header_count < PROVIDER_HEADER_MAX);
    out->headers[out->header_count++] = (struct provider_header){name, value, secret};
}

/* ---- what an HTTP answer means ---- */

enum llm_class
provider_class_of_status(int status)
{
    static const struct {
        int status;
        enum llm_class class;
    } rows[] = {
        {204, LLM_ENVELOPE},  {401, LLM_AUTH},      {402, LLM_QUOTA},    {403, LLM_AUTH},     {404, LLM_NOT_FOUND},
        {408, LLM_SERVER},    {409, LLM_SERVER},    {413, LLM_TOO_LARGE}, {425, LLM_SERVER},  {429, LLM_RATE},
        {503, LLM_OVERLOAD},  {529, LLM_OVERLOAD},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].class;
    if (status >= 200 && status < 300)
        return LLM_OK;
    if (status >= 300 && status < 400)
        return LLM_REDIRECT;
    if (status >= 400 && status < 500)
        return LLM_BAD_REQUEST;
    return status >= 500 && status < 600 ? LLM_SERVER : LLM_ENVELOPE;
}

const char *
provider_find_field(const struct provider_reply *reply, const char *name)
{
    for (uint32_t i = 0; i < reply->header_count; i++)
        if (strcasecmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    return NULL;
}

static void
read_hints(const struct provider_reply *reply, struct provider_verdict *out)
{
    const char *ms = provider_find_field(reply, "retry-after-ms");
    const char *after = provider_find_field(reply, "retry-after");
    const char *should = provider_find_field(reply, "x-should-retry");

    if ((ms == NULL || !retry_after_parse_ms(ms, &out->wait_ms)) && after != NULL &&
        !retry_after_parse(after, reply->now_ms, &out->wait_ms))
        out->wait_ms = -1;
    if (should != NULL && strcasecmp(should, "true") == 0)
        out->retry = 1;
    if (should != NULL && strcasecmp(should, "false") == 0)
        out->retry = 0;
}

/* The longest reset of a bucket that has nothing left, for a server that gives no other hint. */
static int64_t
empty_reset(const struct provider_limits *limits)
{
    int64_t wait_ms = -1;

    for (uint32_t i = 0; i < PROVIDER_BUCKETS; i++)
        if (limits->of[i].remaining == 0 && limits->of[i].reset_ms > wait_ms)
            wait_ms = limits->of[i].reset_ms;
    return wait_ms;
}

static void
read_error(const struct provider *self, const struct provider_reply *reply, struct provider_result *out)
{
    struct provider_verdict *verdict = &out->verdict;
    struct provider_limits limits;
    json_t *root;

    read_hints(reply, verdict);
    verdict->class = provider_class_of_status(reply->status);
    if (json_limits_parse(&json_limits_envelope, reply->body.text, reply->body.size, &root, NULL) != 0)
        root = NULL;
    self->classify(reply->status, root, reply->now_ms, verdict);
    json_decref(root);
    if (verdict->class == LLM_OK)
        verdict->class = LLM_ENVELOPE;
    if (verdict->class == LLM_RATE && verdict->wait_ms < 0) {
        provider_read_limits(self, reply, &limits);
        verdict->wait_ms = empty_reset(&limits);
    }
    out->flags |= PROVIDER_USAGE_ABSENT;
}

/* gpt-4o-mini-2024-07-18 is a dated name of gpt-4o-mini, models/x a path of x. */
static void
note_model(const struct provider_request *request, struct provider_result *out)
{
    if (out->model[0] != '\0' && strstr(out->model, request->model) == NULL &&
        strstr(request->model, out->model) == NULL)
        out->flags |= PROVIDER_OTHER_MODEL;
}

void
provider_read(const struct provider *self, const struct provider_request *request, const struct provider_reply *reply,
              struct provider_result *out)
{
    struct why why = {0};
    json_t *root;

    ASSERT(self->parse != NULL);
    provider_result_clear(out);
    if (provider_class_of_status(reply->status) != LLM_OK) {
        read_error(self, reply, out);
        return;
    }
    if (reply->body.size > json_limits_envelope.size_max) {
        provider_broken(out, LLM_BODY_LIMIT, "");
        return;
    }
    if (json_limits_parse(&json_limits_envelope, reply->body.text, reply->body.size, &root, &why) != 0) {
        provider_broken(out, LLM_ENVELOPE, why.text);
        return;
    }
    self->parse(root, reply->now_ms, out);
    json_decref(root);
    note_model(request, out);
}

/* A whole number of at most 15 digits. */
static bool
read_whole(const char *text, int64_t *out)
{
    int64_t value = 0;
    size_t length = strspn(text, "0123456789");

    if (length == 0 || length > 15 || text[length] != '\0')
        return false;
    for (size_t i = 0; i < length; i++)
        value = value * 10 + (text[i] - '0');
    *out = value;
    return true;
}

void
provider_read_limits(const struct provider *self, const struct provider_reply *reply, struct provider_limits *out)
{
    for (uint32_t i = 0; i < PROVIDER_BUCKETS; i++) {
        const char *text[3] = {NULL, NULL, NULL};

        out->of[i].limit = out->of[i].remaining = out->of[i].reset_ms = -1;
        for (uint32_t k = 0; k < 3 && self->limit_names != NULL; k++)
            text[k] = self->limit_names[i][k] == NULL ? NULL : provider_find_field(reply, self->limit_names[i][k]);
        if (text[0] != NULL && (!read_whole(text[0], &out->of[i].limit) || out->of[i].limit == 0))
            out->of[i].limit = -1;
        if (text[1] != NULL && !read_whole(text[1], &out->of[i].remaining))
            out->of[i].remaining = -1;
        /* Servers without limits send 0 and -1 for both: nothing left of no limit is no news. */
        if (text[0] != NULL && out->of[i].limit < 0)
            out->of[i].remaining = -1;
        if (text[2] != NULL && !retry_after_parse_reset(text[2], reply->now_ms, &out->of[i].reset_ms))
            out->of[i].reset_ms = -1;
    }
}

/* ---- streams ---- */

void
provider_stream_init(struct provider_stream *self, const struct provider *provider, struct provider_result *result,
                     int64_t now_ms)
{
    ASSERT(provider->framing != PROVIDER_NO_STREAM);
    provider_result_clear(result);
    result->flags = PROVIDER_USAGE_ABSENT | PROVIDER_TEXT_ABSENT;
    *self = (struct provider_stream){.provider = provider, .result = result, .now_ms = now_ms, .block = -1};
    sse_init(&self->sse, json_limits_envelope.size_max);
    ndjson_init(&self->ndjson, json_limits_envelope.size_max);
}

void
provider_stream_fini(struct provider_stream *self)
{
    sse_fini(&self->sse);
    ndjson_fini(&self->ndjson);
    *self = (struct provider_stream){0};
}

static void
take_event(void *context, const char *event, const char *data, size_t size)
{
    struct provider_stream *self = context;
    struct why why = {0};
    json_t *root;

    if (self->closed || self->result->verdict.class != LLM_OK)
        return;
    if (size == 6 && memcmp(data, "[DONE]", 6) == 0) {
        self->closed = true;
        return;
    }
    if (json_limits_parse(&json_limits_envelope, data, size, &root, &why) != 0) {
        provider_broken(self->result, LLM_ENVELOPE, why.text);
        return;
    }
    self->provider->event(self, event, root);
    json_decref(root);
}

static void
take_line(void *context, const char *data, size_t size)
{
    take_event(context, "", data, size);
}

enum llm_class
provider_stream_feed(struct provider_stream *self, const char *bytes, size_t size)
{
    struct provider_result *result = self->result;
    struct why why = {0};
    int code;

    if (result->verdict.class != LLM_OK || self->closed)
        return result->verdict.class;
    self->taken += size;
    if (self->taken > json_limits_envelope.size_max) {
        provider_broken(result, LLM_BODY_LIMIT, "");
        return LLM_BODY_LIMIT;
    }
    if (self->provider->framing == PROVIDER_SSE)
        code = sse_feed(&self->sse, bytes, size, &(struct sse_sink){take_event, self}, &why);
    else
        code = ndjson_feed(&self->ndjson, bytes, size, &(struct ndjson_sink){take_line, self}, &why);
    if (code != 0)
        provider_broken(result, LLM_BODY_LIMIT, why.text);
    return result->verdict.class;
}

enum llm_class
provider_stream_end(struct provider_stream *self, const struct provider_request *request)
{
    struct provider_result *result = self->result;
    struct why why = {0};

    if (result->verdict.class == LLM_OK && self->provider->framing == PROVIDER_NDJSON)
        ndjson_end(&self->ndjson, &(struct ndjson_sink){take_line, self});
    else if (result->verdict.class == LLM_OK && sse_end(&self->sse, &(struct sse_sink){take_event, self}, &why) != 0)
        provider_broken(result, LLM_BODY_LIMIT, why.text);
    if (result->verdict.class != LLM_OK)
        return result->verdict.class;
    /* A missing end mark is forgiven; an answer that never said how it ended is not whole. */
    if (result->finish == PROVIDER_UNFINISHED)
        provider_broken(result, LLM_ENVELOPE, "the stream ended in the middle");
    else
        provider_settle(result);
    note_model(request, result);
    return result->verdict.class;
}

/* ---- what providers share: reading ---- */

const json_t *
provider_member(const json_t *root, const char *const *path)
{
    for (; *path != NULL && root != NULL; path++) {
        /* "0" is the first item of a list. */
        root = strcmp(*path, "0") == 0 && json_is_array(root) ? json_array_get(root, 0) : json_object_get(root, *path);
    }
    return root;
}

const char *
provider_text(const json_t *value)
{
    return json_is_string(value) ? json_string_value(value) : "";
}

bool
provider_is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

enum provider_finish
provider_finish_of(const json_t *reason, const struct provider_word *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (provider_is_text(reason, rows[i].word))
            return rows[i].finish;
    return PROVIDER_OTHER;
}

bool
provider_mentions(const char *text, const char *words)
{
    return strcasestr(text, words) != NULL;
}

void
provider_copy(char *out, size_t out_size, const json_t *value)
{
    (void)text_copy(out, out_size, provider_text(value));
}

void
provider_add_answer(struct provider_result *out, const json_t *text)
{
    if (!json_is_string(text))
        return;
    buffer_append(&out->text, json_string_value(text), json_string_length(text));
    out->flags &= ~(uint32_t)PROVIDER_TEXT_ABSENT;
}

uint32_t
provider_count(const json_t *value, struct provider_result *out)
{
    double count;

    if (value == NULL || json_is_null(value))
        return 0;
    /* Whole doubles up to 1e9 are exact; the envelope's numbers may be any. */
    count = json_is_number(value) ? json_number_value(value) : -1.0;
    if (!(count >= 0.0 && count <= (double)PROVIDER_TOKENS_MAX)) {
        out->flags |= PROVIDER_USAGE_FALSE;
        return count > 0.0 ? PROVIDER_TOKENS_MAX : 0;
    }
    if (count != (double)(uint32_t)count)
        out->flags |= PROVIDER_USAGE_FALSE;
    return (uint32_t)count;
}

uint32_t
provider_sum(uint32_t a, uint32_t b, struct provider_result *out)
{
    if (a > PROVIDER_TOKENS_MAX || b > PROVIDER_TOKENS_MAX - a) {
        out->flags |= PROVIDER_USAGE_FALSE;
        return PROVIDER_TOKENS_MAX;
    }
    return a + b;
}

void
provider_broken(struct provider_result *out, enum llm_class class, const char *detail)
{
    buffer_clear(&out->text); /* half an answer is none */
    out->verdict.class = class;
    (void)text_copy(out->verdict.detail, sizeof out->verdict.detail, detail);
    out->flags |= out->tokens_in == 0 && out->tokens_out == 0 ? PROVIDER_USAGE_ABSENT : 0;
}

void
provider_settle(struct provider_result *out)
{
    if (out->tokens_cached > out->tokens_in) {
        out->tokens_cached = out->tokens_in;
        out->flags |= PROVIDER_USAGE_FALSE;
    }
    switch (out->finish) {
    case PROVIDER_REFUSED: out->verdict.class = LLM_REFUSAL; break;
    case PROVIDER_LENGTH: out->verdict.class = LLM_LENGTH; break;
    case PROVIDER_STOP: out->verdict.class = out->flags & PROVIDER_TEXT_ABSENT ? LLM_SCHEMA : LLM_OK; break;
    case PROVIDER_UNFINISHED:
    case PROVIDER_OTHER: out->verdict.class = LLM_ENVELOPE; break;
    }
}
