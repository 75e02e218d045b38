#include "llm-gateway/asker.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/text.h"
#include "llm-gateway/key_map.h"
#include "llm-gateway/repair.h"

#define COMPLAINT_MAX 900u /* bytes of what was wrong with an answer, told to the model */
#define ERROR_SIZE 200u

/* A call on its way, or done and not taken yet. */
struct asked {
    struct asked *next; /* in the row of those done, or of those free */
    struct asker *asker;
    uint32_t place; /* in asker.all */
    uint64_t call;
    uint32_t provider, model;
    const struct schema *schema;
    struct provider_request request; /* its texts are gone once it is sent */
    struct provider_result result;
    struct provider_limits limits;
    struct flow_result out;
    struct buffer text, complaints;
};

struct asker {
    const struct llm_config *config;
    bool dry;
    struct secrets *secrets;
    struct http *http;
    uint32_t *keys;             /* by provider */
    void **states;              /* by provider: of those that answer in the process */
    char (*errors)[ERROR_SIZE]; /* by provider */
    struct asked **all;
    uint32_t count, capacity;
    struct key_map on_the_way;  /* calls over HTTP, to places */
    struct asked *first, *last; /* done */
    struct asked *free, *taken;
};

static struct key
key_of_call(uint64_t call)
{
    struct key key = {{0}};

    bytes_put_u64(key.bytes, call);
    return key;
}

/* ---- making ---- */

static bool
is_used(const struct llm_config *config, uint32_t provider)
{
    for (uint32_t r = 0; r < config->role_count; r++)
        for (uint32_t i = 0; i < config->roles[r].chain_count; i++) {
            uint32_t model = config->roles[r].chain[i];

            if (model != FLOW_RULES && config->models[model].provider == provider)
                return true;
        }
    return false;
}

static int
open_provider(struct asker *self, uint32_t number, const struct yaml_node *section, struct why *why)
{
    const struct llm_provider *provider = &self->config->providers[number];
    const struct yaml_node *map = yaml_find(yaml_find(section, "providers"), provider->name);
    int error = 0;

    self->keys[number] = SECRET_NONE;
    if (!is_used(self->config, number))
        return 0;
    if (provider->params.key_env[0] != '\0')
        error = secrets_load_env(self->secrets, provider->params.key_env, &self->keys[number], why);
    else if (provider->params.key_file[0] != '\0')
        error = secrets_load_file(self->secrets, provider->params.key_file, &self->keys[number], why);
    if (error == 0 && provider->provider->open != NULL)
        error = provider->provider->open(yaml_find(map, "options"), &self->states[number], why);
    return error == 0 ? 0 : fail_prefix(why, "llm.providers.%s", provider->name);
}

static uint32_t
most_in_flight(const struct llm_config *config, bool *insecure)
{
    uint64_t sum = 0;

    *insecure = false;
    for (uint32_t i = 0; i < config->provider_count; i++) {
        sum += config->providers[i].params.max_in_flight;
        *insecure = *insecure || config->providers[i].params.insecure;
    }
    return sum < HTTP_IN_FLIGHT_MAX ? (uint32_t)sum : HTTP_IN_FLIGHT_MAX;
}

int
asker_new(
    const struct llm_config *config, const struct yaml_node *section, bool dry, struct asker **out, struct why *why)
{
    struct asker *self = ALLOC(struct asker);
    struct http_options options = {0};
    int error = 0;

    *out = NULL;
    self->config = config;
    self->dry = dry;
    self->keys = ALLOC_ARRAY(uint32_t, config->provider_count + 1);
    self->states = ALLOC_ARRAY(void *, config->provider_count + 1);
    self->errors = alloc_array(config->provider_count + 1, ERROR_SIZE);
    self->secrets = secrets_new(why);
    if (self->secrets == NULL)
        error = why->code;
    for (uint32_t i = 0; error == 0 && !dry && i < config->provider_count; i++)
        error = open_provider(self, i, section, why);
    if (error == 0) {
        options.in_flight_max = most_in_flight(config, &options.insecure);
        options.secrets = self->secrets;
        self->http = http_new(&options, why);
        error = self->http == NULL ? why->code : 0;
    }
    if (error != 0) {
        asker_destroy(&self);
        return error;
    }
    *out = self;
    return 0;
}

void
asker_destroy(struct asker **self_p)
{
    struct asker *self = *self_p;

    if (self == NULL)
        return;
    if (self->http != NULL)
        http_destroy(&self->http);
    for (uint32_t i = 0; i < self->count; i++) {
        provider_result_fini(&self->all[i]->result);
        buffer_fini(&self->all[i]->text);
        buffer_fini(&self->all[i]->complaints);
        free(self->all[i]);
    }
    key_map_fini(&self->on_the_way);
    for (uint32_t i = 0; i < self->config->provider_count; i++)
        if (self->states[i] != NULL && self->config->providers[i].provider->close != NULL)
            self->config->providers[i].provider->close(&self->states[i]);
    if (self->secrets != NULL)
        secrets_destroy(&self->secrets);
    free(self->all);
    free(self->keys);
    free(self->states);
    free(self->errors);
    free(self);
    *self_p = NULL;
}

/* ---- what came back ---- */

static void
put_done(struct asker *self, struct asked *asked)
{
    asked->next = NULL;
    if (self->first == NULL)
        self->first = asked;
    else
        self->last->next = asked;
    self->last = asked;
}

static void
note_error(struct asker *self, const struct asked *asked, enum llm_class class, const char *text)
{
    char *error = self->errors[asked->provider];

    if (class == LLM_OK)
        return;
    (void)text_copy(error, ERROR_SIZE, text[0] != '\0' ? text : llm_classes[class].doc);
    (void)secrets_redact_in_place(self->secrets, error, ERROR_SIZE);
}

/* The engine has looked at what came over the wire. JSON can spell a key so that only whoever reads it sees it. */
static void
mask(const struct asker *self, struct buffer *text)
{
    if (text->size > 0)
        (void)secrets_mask(self->secrets, (char *)text->data, &text->size, false);
}

/* And the text may be JSON itself, for its reader to read once more. */
static void
mask_as_read(const struct asker *self, struct buffer *text)
{
    json_error_t ignored;
    json_t *root;
    char *plain;

    mask(self, text);
    if (secrets_count(self->secrets) == 0 || text->size == 0 || memchr(text->data, '\\', text->size) == NULL)
        return;
    root = json_loadb((const char *)text->data, text->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &ignored);
    plain = root != NULL ? json_dumps(root, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    if (plain != NULL && secrets_found(self->secrets, plain, strlen(plain))) {
        buffer_clear(text);
        buffer_append(text, plain, strlen(plain));
        mask(self, text);
    }
    free(plain);
    json_decref(root);
}

static void
complain(const struct schema_report *report, struct buffer *out)
{
    text_add(out, "Your last answer did not fit the schema");
    for (uint32_t i = 0; i < report->count && i < SCHEMA_SHOWN; i++)
        text_addf(out, "; at '%s': %s", report->first[i].path, report->first[i].what);
    text_add(out, ". Answer again, with nothing but JSON that fits.");
    if (out->size > COMPLAINT_MAX)
        out->size = text_cut((const char *)out->data, out->size, COMPLAINT_MAX);
}

/* Mended and checked; the class then says whether it can be used. */
static void
check_text(const struct asker *self, struct asked *asked)
{
    struct repair repair = {0};
    const struct buffer *text = &asked->result.text;
    bool cut_off = asked->result.finish == PROVIDER_LENGTH;

    if (asked->schema != NULL)
        repair_json(&repair, asked->schema, (const char *)text->data, text->size, cut_off);
    else
        repair_text(&repair, (const char *)text->data, text->size, ANSWER_TEXT_MAX, cut_off);
    if (repair.status == REPAIR_REFUSED) {
        asked->out.class = cut_off ? LLM_LENGTH : LLM_SCHEMA;
        complain(&repair.report, &asked->complaints);
        mask(self, &asked->complaints);
    } else {
        asked->out.class = LLM_OK;
        asked->out.schema_ok = 1;
        asked->out.repairs = repair.bits;
        buffer_append(&asked->text, repair.text.data, repair.text.size);
        mask_as_read(self, &asked->text);
    }
    repair_fini(&repair);
}

/* Everything of a provider's result that the flow asks for. */
static void
settle(struct asker *self, struct asked *asked, int status)
{
    const struct provider_result *result = &asked->result;

    mask(self, &asked->result.text);
    asked->out =
        (struct flow_result){.class = result->verdict.class,
                             .wait_ms = result->verdict.wait_ms,
                             .should_retry = result->verdict.retry,
                             .finish = result->finish,
                             .http_status = (uint32_t)status,
                             .usage_known = (result->flags & (PROVIDER_USAGE_ABSENT | PROVIDER_USAGE_FALSE)) == 0,
                             .tokens_in = result->tokens_in,
                             .tokens_out = result->tokens_out,
                             .tokens_cached = result->tokens_cached};
    if (result->verdict.class == LLM_OK || result->verdict.class == LLM_LENGTH)
        check_text(self, asked);
    note_error(self, asked, asked->out.class,
               asked->complaints.size > 0 ? "an answer did not fit its schema" : result->verdict.detail);
}

static void
fail_with(struct asker *self, struct asked *asked, enum llm_class class, const char *text)
{
    asked->out = (struct flow_result){.class = class, .wait_ms = -1, .should_retry = -1};
    note_error(self, asked, class, text);
}

static void
on_done(void *context, const struct http_reply *reply)
{
    struct asked *asked = context;
    const struct llm_provider *provider = &asked->asker->config->providers[asked->provider];
    struct key key = key_of_call(asked->call);

    (void)key_map_remove(&asked->asker->on_the_way, &key);
    if (reply->class != LLM_OK) {
        fail_with(asked->asker, asked, reply->class, reply->error);
    } else {
        provider_read(provider->provider, &asked->request, &reply->answer, &asked->result);
        provider_read_limits(provider->provider, &reply->answer, &asked->limits);
        settle(asked->asker, asked, reply->answer.status);
        asked->out.limits = &asked->limits;
    }
    put_done(asked->asker, asked);
}

/* ---- asking ---- */

static struct asked *
asked_new(struct asker *self, const struct flow_output *output, const struct schema *schema)
{
    struct asked *asked = self->free;

    if (asked != NULL) {
        self->free = asked->next;
    } else {
        if (self->count == self->capacity) {
            self->capacity = self->capacity > 0 ? 2 * self->capacity : 64;
            self->all = realloc(self->all, self->capacity * sizeof(struct asked *));
            ASSERT(self->all != NULL);
        }
        asked = ALLOC(struct asked);
        asked->place = self->count;
        self->all[self->count++] = asked;
    }
    buffer_clear(&asked->text);
    buffer_clear(&asked->complaints);
    provider_result_clear(&asked->result);
    asked->asker = self;
    asked->call = output->call;
    asked->provider = output->provider;
    asked->model = output->model;
    asked->schema = schema;
    return asked;
}

static struct provider_bytes
bytes_of(struct key_text text)
{
    return (struct provider_bytes){text.bytes, text.size};
}

/* People write https://api.example.com/v1 as others do, and paths begin with /v1: it is not said twice. */
static void
join_base(const char *url, const char *path, char out[HTTP_URL_MAX])
{
    size_t size = strlen(url), segment = 1 + strcspn(path + 1, "/");

    while (size > 0 && url[size - 1] == '/')
        size--;
    if (size > segment && memcmp(url + size - segment, path, segment) == 0)
        size -= segment;
    ASSERT(size < HTTP_URL_MAX);
    memcpy(out, url, size);
    out[size] = '\0';
}

static void
send_over_http(struct asker *self, struct asked *asked, int64_t deadline_us, uint64_t now_ms)
{
    const struct llm_provider *provider = &self->config->providers[asked->provider];
    int64_t left_ms = deadline_us / 1000 - (int64_t)now_ms;
    struct provider_http request = {0};
    char base[HTTP_URL_MAX];
    struct http_ask ask = {.id = asked->call,
                           .base_url = base,
                           .request = &request,
                           .secret = self->keys[asked->provider],
                           .connect_ms = provider->params.connect_ms,
                           .first_ms = provider->params.first_ms,
                           .idle_ms = provider->params.idle_ms,
                           .done = on_done,
                           .context = asked};
    struct key key = key_of_call(asked->call);
    struct why why = {0};
    int error = provider_build(provider->provider, &asked->request, &provider->dialect, &request, &why);

    ask.total_ms = left_ms < 1 ? 1 : left_ms < HTTP_DEADLINE_MAX_MS ? (uint32_t)left_ms : HTTP_DEADLINE_MAX_MS;
    if (error == 0) {
        join_base(provider->params.base_url, request.path, base);
        error = http_send(self->http, now_ms, &ask, &why);
    }
    if (error != 0) {
        fail_with(self, asked, error == ERR_FULL ? LLM_OVERLOAD : LLM_BAD_REQUEST, why.text);
        put_done(self, asked);
    } else {
        key_map_put(&self->on_the_way, &key, asked->place);
    }
    provider_http_fini(&request);
}

void
asker_send(struct asker *self, const struct flow_output *output, const struct schema *schema, uint64_t now_ms)
{
    const struct llm_provider *provider = &self->config->providers[output->provider];
    const struct flow_request *request = output->request;
    struct asked *asked = asked_new(self, output, schema);
    struct buffer user = {0};

    buffer_append(&user, request->user.bytes, request->user.size);
    if (output->complaints.size > 0) {
        text_add(&user, "\n\n");
        buffer_append(&user, output->complaints.bytes, output->complaints.size);
    }
    asked->request = (struct provider_request){.role = self->config->roles[request->id.role].name,
                                               .model = self->config->models[output->model].name,
                                               .system = bytes_of(request->system),
                                               .user = {(const char *)user.data, user.size},
                                               .fallback = bytes_of(request->fallback),
                                               .out_max = request->out_max,
                                               .temperature_e4 = request->temperature_e4,
                                               .top_p_e4 = request->top_p_e4,
                                               .seed = output->seed,
                                               .schema = schema};
    if (self->dry) {
        fail_with(self, asked, LLM_BAD_REQUEST, "nobody is asked");
        put_done(self, asked);
    } else if (provider->provider->answer != NULL) {
        provider->provider->answer(self->states[output->provider], &asked->request, &asked->result);
        settle(self, asked, 0);
        put_done(self, asked);
    } else {
        send_over_http(self, asked, output->deadline_us, now_ms);
    }
    asked->request.system = asked->request.user = asked->request.fallback = (struct provider_bytes){0};
    buffer_fini(&user);
}

void
asker_cancel(struct asker *self, uint64_t call)
{
    struct key key = key_of_call(call);
    uint32_t place;

    if (!key_map_find(&self->on_the_way, &key, &place))
        return; /* it is done: the flow will be told, and knows that nobody waits for it */
    (void)http_cancel(self->http, call);
    (void)key_map_remove(&self->on_the_way, &key);
    self->all[place]->next = self->free;
    self->free = self->all[place];
}

bool
asker_take(struct asker *self, uint64_t *call, struct flow_result *out)
{
    struct asked *asked = self->first;

    if (self->taken != NULL) {
        self->taken->next = self->free;
        self->free = self->taken;
        self->taken = NULL;
    }
    if (asked == NULL)
        return false;
    self->first = asked->next;
    asked->next = NULL;
    self->taken = asked;
    *call = asked->call;
    *out = asked->out;
    out->text = (struct key_text){(const char *)asked->text.data, asked->text.size};
    out->complaints = (struct key_text){(const char *)asked->complaints.data, asked->complaints.size};
    return true;
}

int
asker_fd(const struct asker *self)
{
    return http_fd(self->http);
}

int
asker_timeout_ms(const struct asker *self, uint64_t now_ms)
{
    return self->first != NULL ? 0 : http_timeout_ms(self->http, now_ms);
}

void
asker_turn(struct asker *self, uint64_t now_ms)
{
    (void)http_turn(self->http, now_ms);
}

const struct http_stats *
asker_stats(const struct asker *self)
{
    return http_stats(self->http);
}

const char *
asker_last_error(const struct asker *self, uint32_t provider)
{
    return self->errors[provider];
}
