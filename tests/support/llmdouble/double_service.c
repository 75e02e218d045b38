#include "tests/support/llmdouble/double_service.h"

#include "core/bytes.h"
#include "core/digest.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define BYTES_PER_TOKEN 4

void
double_service_init(struct double_service *self, uint64_t seed, uint16_t port, uint64_t now_ms)
{
    *self = (struct double_service){.seed = seed, .port = port, .started_ms = now_ms};
    double_rules_default(&self->otherwise);
}

void
double_service_fini(struct double_service *self)
{
    double_rules_fini(&self->rules);
    double_rules_fini(&self->otherwise);
    table_fini(&self->seen[0]);
    table_fini(&self->seen[1]);
    double_ask_fini(&self->ask);
    buffer_fini(&self->answer.text);
    double_stream_fini(&self->stream);
    double_stream_fini(&self->cut);
    double_json_fini(&self->scratch);
    buffer_fini(&self->body);
}

int
double_service_rules(struct double_service *self, const char *name, struct double_slice text, const char *folder,
                     uint64_t now_ms, struct why *why)
{
    int error = double_rules_read(&self->rules, name, text.at, text.size, folder, why);

    if (error == 0)
        self->started_ms = now_ms;
    return error;
}

void
double_service_reset(struct double_service *self, uint64_t now_ms)
{
    self->stats = (struct double_stats){0};
    for (uint32_t i = 0; i < self->rules.count; i++)
        self->rules.rules[i].hits = 0;
    table_clear(&self->seen[0]);
    table_clear(&self->seen[1]);
    self->started_ms = now_ms;
}

/* The how manyeth request with this body it is. */
static uint32_t
count_body(struct double_service *self, uint64_t hash)
{
    uint32_t number = 0;

    if (!table_find(&self->seen[0], hash, &number))
        (void)table_find(&self->seen[1], hash, &number);
    if (self->seen[0].count >= DOUBLE_BODIES) {
        struct table old = self->seen[1];

        self->seen[1] = self->seen[0];
        self->seen[0] = old;
        table_clear(&self->seen[0]);
    }
    number++;
    table_put(&self->seen[0], hash, number);
    return number;
}

static uint64_t
make_key(const struct double_service *self, uint64_t hash, uint32_t number)
{
    uint8_t bytes[20];

    bytes_put_u64(bytes, self->rules.has_seed ? self->rules.seed : self->seed);
    bytes_put_u64(bytes + 8, hash);
    bytes_put_u32(bytes + 16, self->rules.steady ? 1 : number);
    return digest_xxh3(bytes, sizeof bytes);
}

static bool
is_stream_fault(enum double_fault_id id)
{
    return id >= DOUBLE_FAULT_SPLIT && id <= DOUBLE_FAULT_NO_USAGE;
}

/* The fault this request meets: its variant chosen, none where it makes no sense. */
static struct double_fault
choose_fault(const struct double_service *self, const struct double_rule *rule, const struct double_visit *visit)
{
    struct double_fault fault = rule->fault, none = {0};
    struct rng rng = rng_make(self->answer.key, STREAM_TEST, 4, 0);
    uint32_t variants;

    if (fault.id == DOUBLE_FAULT_NONE)
        return fault;
    variants = double_fault_variant_count(fault.id);
    if (fault.variant == DOUBLE_FAULT_DRAWN)
        fault.variant = fault.id == DOUBLE_FAULT_FLAPPING || variants == 0 ? 0 : rng_below(&rng, variants);
    if (fault.id == DOUBLE_FAULT_RESET_REUSED && visit->first)
        return none;
    if (fault.id == DOUBLE_FAULT_FLAPPING && (fault.ms == 0 || (visit->now_ms - self->started_ms) / fault.ms % 2 == 0))
        return none;
    if (is_stream_fault(fault.id) && !self->ask.stream)
        return none;
    return fault;
}

/* ---- refusals ---- */

static void
add_date(char *out, size_t size, uint32_t ms)
{
    time_t when = time(NULL) + (time_t)((ms + 999) / 1000);
    struct tm parts;

    gmtime_r(&when, &parts);
    strftime(out, size, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
}

/* The headers of a rate limit. */
static void
add_rate_headers(const struct double_service *self, const struct double_fault *fault, char *out, size_t size)
{
    uint32_t seconds = (uint32_t)(((uint64_t)fault->ms + 999) / 1000);
    size_t used;

    out[0] = '\0';
    if (fault->id == DOUBLE_FAULT_RATE_DATE)
        add_date(out, size, fault->ms);
    else if (fault->id == DOUBLE_FAULT_RATE_MS)
        snprintf(out, size, "retry-after-ms: %" PRIu32 "\r\nRetry-After: %" PRIu32 "\r\n", fault->ms, seconds + 60);
    else if (fault->id != DOUBLE_FAULT_SPEND_LIMIT && fault->id != DOUBLE_FAULT_QUOTA)
        snprintf(out, size, "Retry-After: %" PRIu32 "\r\n", seconds);
    used = strlen(out);
    if (fault->id == DOUBLE_FAULT_SPEND_LIMIT || fault->id == DOUBLE_FAULT_QUOTA)
        return;
    if (self->ask.dialect == DOUBLE_ANTHROPIC)
        snprintf(out + used, size - used,
                 "anthropic-ratelimit-requests-limit: 50\r\nanthropic-ratelimit-requests-remaining: 0\r\n");
    else if (self->ask.dialect == DOUBLE_OPENAI)
        snprintf(out + used, size - used,
                 "x-ratelimit-limit-requests: 500\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: "
                 "%" PRIu32 "ms\r\n",
                 fault->ms);
}

static const char *
id_name(const struct double_service *self)
{
    return self->ask.dialect == DOUBLE_OPENAI      ? "x-request-id"
           : self->ask.dialect == DOUBLE_ANTHROPIC ? "request-id"
                                                   : NULL;
}

static void
refuse(struct double_service *self, struct double_wire *wire, enum double_refusal refusal, const char *message,
       struct double_reply *out)
{
    const struct double_fault fault = wire->fault;
    char extra[400] = "";

    if (refusal == DOUBLE_RATE || refusal == DOUBLE_QUOTA || refusal == DOUBLE_SPEND_LIMIT)
        add_rate_headers(self, &fault, extra, sizeof extra);
    buffer_clear(&self->body);
    wire->status =
        double_dialect_get(self->ask.dialect)->refuse(refusal, message, fault.ms, self->answer.key, &self->body);
    wire->extra = extra;
    double_wire_whole(wire, &self->body, out);
    wire->extra = "";
}

static void
redirect(struct double_service *self, struct double_wire *wire, const struct double_http *http,
         struct double_reply *out)
{
    char extra[1200];

    snprintf(extra, sizeof extra, "Location: http://127.0.0.2:%u%.*s\r\n", self->port,
             http->target.size > 1000 ? 1 : (int)http->target.size, http->target.at);
    buffer_clear(&self->body);
    wire->status = 307;
    wire->extra = extra;
    double_wire_whole(wire, &self->body, out);
    wire->extra = "";
}

/* Faults that are a status instead of an answer. False: it is none of them. */
static bool
refuse_fault(struct double_service *self, struct double_wire *wire, const struct double_visit *visit,
             struct double_reply *out)
{
    static const char html[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad "
                               "Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n";

    switch (wire->fault.id) {
    case DOUBLE_FAULT_RATE_SECONDS:
    case DOUBLE_FAULT_RATE_DATE:
    case DOUBLE_FAULT_RATE_MS:
    case DOUBLE_FAULT_RATE_LONG: refuse(self, wire, DOUBLE_RATE, "Rate limit reached for requests.", out); return true;
    case DOUBLE_FAULT_QUOTA:
        refuse(self, wire, DOUBLE_QUOTA, "You exceeded your current quota, please check your plan and billing details.",
               out);
        return true;
    case DOUBLE_FAULT_SPEND_LIMIT:
        refuse(self, wire, DOUBLE_SPEND_LIMIT, "You have reached your specified API usage limits.", out);
        return true;
    case DOUBLE_FAULT_BROKEN: refuse(self, wire, DOUBLE_BROKEN, "The server had an error.", out); return true;
    case DOUBLE_FAULT_LOADING: refuse(self, wire, DOUBLE_LOADING, "Loading model", out); return true;
    case DOUBLE_FAULT_OVERLOADED: refuse(self, wire, DOUBLE_OVERLOADED, "Overloaded", out); return true;
    case DOUBLE_FAULT_FLAPPING:
        if (wire->fault.variant == DOUBLE_FLAP_RESET)
            out->end = DOUBLE_RESET;
        else
            refuse(self, wire, DOUBLE_LOADING, "server busy, please try again", out);
        return true;
    case DOUBLE_FAULT_BAD_GATEWAY:
        buffer_clear(&self->body);
        text_add(&self->body, html);
        wire->status = 502;
        wire->type = "text/html";
        double_wire_whole(wire, &self->body, out);
        return true;
    case DOUBLE_FAULT_REDIRECT: redirect(self, wire, visit->http, out); return true;
    default: return false;
    }
}

/* ---- answers ---- */

static void
set_usage(struct double_service *self, const struct double_rule *rule, const struct double_fault *fault)
{
    struct double_answer *answer = &self->answer;
    const struct double_ask *ask = &self->ask;
    int64_t in = (int64_t)((ask->system.size + ask->prompt.size + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);
    int64_t out = (int64_t)((answer->text.size + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);

    if (ask->out_max > 0 && out > ask->out_max)
        out = ask->out_max; /* an honest provider bills no more than it was allowed to write */
    answer->tokens_in = rule->tokens_in >= 0 ? rule->tokens_in : in;
    answer->tokens_out = rule->tokens_out >= 0 ? rule->tokens_out : out;
    answer->usage_absent = fault->id == DOUBLE_FAULT_NO_USAGE;
    if (fault->id != DOUBLE_FAULT_USAGE_LIES)
        return;
    if (fault->variant == DOUBLE_USAGE_ABSENT)
        answer->usage_absent = true;
    else
        answer->tokens_in = answer->tokens_out =
            fault->variant == DOUBLE_USAGE_NEGATIVE ? -5 : INT64_C(4611686018427387904);
}

static void
make_answer(struct double_service *self, const struct double_rule *rule, const struct double_fault *fault)
{
    struct double_answer *answer = &self->answer;

    buffer_clear(&answer->text);
    answer->finish = fault->id == DOUBLE_FAULT_LENGTH    ? DOUBLE_LENGTH
                     : fault->id == DOUBLE_FAULT_REFUSAL ? DOUBLE_REFUSED
                                                         : DOUBLE_STOP;
    answer->is_null = fault->id == DOUBLE_FAULT_NULL_CONTENT;
    answer->closing_absent = fault->id == DOUBLE_FAULT_NO_END;
    answer->finish_absent = fault->id == DOUBLE_FAULT_NO_END && fault->variant == DOUBLE_END_UNFINISHED;
    answer->piece_size = rule->chunk_bytes;
    answer->model = fault->id == DOUBLE_FAULT_ODD && fault->variant == DOUBLE_ODD_MODEL
                        ? double_slice_of("some-other-model")
                        : self->ask.model;
    double_content_write(&self->ask, rule, fault, &self->scratch, answer);
    if (fault->id == DOUBLE_FAULT_LENGTH)
        answer->text.size = text_cut((const char *)answer->text.data, answer->text.size, answer->text.size / 2);
    set_usage(self, rule, fault);
    self->stats.tokens_in += (uint64_t)(answer->tokens_in > 0 ? answer->tokens_in : 0);
    self->stats.tokens_out += (uint64_t)(answer->tokens_out > 0 ? answer->tokens_out : 0);
}

/* The stream with CR LF for LF and a comment behind each event; of lines, an empty line. */
static void
comment_stream(struct double_service *self)
{
    struct double_stream *out = &self->cut;
    const struct double_stream *in = &self->stream;
    uint32_t next = 0;

    double_stream_clear(out);
    for (size_t i = 0; i < in->body.size; i++) {
        if (in->body.data[i] == '\n' && (i == 0 || in->body.data[i - 1] != '\r'))
            text_add(&out->body, "\r");
        buffer_append(&out->body, in->body.data + i, 1);
        if (next < in->count && i + 1 == in->ends[next]) {
            text_add(&out->body, self->ask.lines ? "\r\n"
                                 : next % 2 == 0 ? ": ping\r\n\r\n"
                                                 : ":\r\n: two lines\r\n\r\n");
            double_stream_end(out);
            next++;
        }
    }
}

static void
send_stream(struct double_service *self, struct double_wire *wire, struct double_reply *out)
{
    const struct double_dialect *dialect = double_dialect_get(self->ask.dialect);
    struct double_stream *stream = &self->stream;

    double_stream_clear(stream);
    dialect->stream(&self->ask, &self->answer, stream);
    if (wire->fault.id == DOUBLE_FAULT_STREAM_ERROR && stream->count > 0) {
        stream->count /= 2;
        stream->body.size = stream->count == 0 ? 0 : stream->ends[stream->count - 1];
        dialect->stream_error(self->answer.key, stream);
    }
    if (wire->fault.id == DOUBLE_FAULT_COMMENTS) {
        comment_stream(self);
        stream = &self->cut;
    }
    wire->type = self->ask.lines ? "application/x-ndjson" : "text/event-stream";
    double_wire_stream(wire, stream, out);
}

static void
send_answer(struct double_service *self, struct double_wire *wire, const struct double_rule *rule,
            struct double_reply *out)
{
    make_answer(self, rule, &wire->fault);
    wire->ttft_ms = rule->ttft_ms;
    wire->per_chunk_ms = rule->per_chunk_ms;
    if (wire->fault.id == DOUBLE_FAULT_ODD && wire->fault.variant == DOUBLE_ODD_EMPTY)
        wire->status = 204;
    if (self->ask.stream) {
        self->stats.streams++;
        send_stream(self, wire, out);
        return;
    }
    buffer_clear(&self->body);
    double_dialect_get(self->ask.dialect)->whole(&self->ask, &self->answer, &self->body);
    double_wire_whole(wire, &self->body, out);
}

void
double_service_answer(struct double_service *self, const struct double_visit *visit, struct double_reply *out)
{
    const struct double_http *http = visit->http;
    uint64_t hash = digest_xxh3(http->body.size > 0 ? http->body.at : "", http->body.size);
    struct double_wire wire = {.status = 200, .type = "application/json", .extra = "", .keep_alive = http->keep_alive};
    struct double_occasion occasion = {.http = http, .hash = hash, .number = count_body(self, hash)};
    struct why why = {0};
    struct double_rule *rule;
    int error;

    double_reply_clear(out);
    self->answer.number = occasion.number;
    self->answer.key = wire.key = make_key(self, hash, occasion.number);
    error = double_ask_read(&self->ask, http, &why);
    wire.id_name = id_name(self);
    self->stats.requests++;
    self->stats.bytes_in += http->size;
    self->stats.strays += visit->stray;
    self->stats.endpoints[self->ask.endpoint]++;
    if (error != 0 || self->ask.endpoint == DOUBLE_NOWHERE) {
        self->stats.bad_requests += error != 0;
        refuse(self, &wire, error != 0 ? DOUBLE_BAD_REQUEST : DOUBLE_NO_SUCH_PLACE,
               error != 0 ? why.text : "there is no such place", out);
    } else {
        occasion.model = self->ask.model;
        rule = double_rules_find(&self->rules, &occasion);
        self->stats.unmatched += rule == NULL;
        if (rule == NULL)
            rule = &self->otherwise.rules[0];
        rule->hits++;
        wire.fault = choose_fault(self, rule, visit);
        self->stats.faults[wire.fault.id]++;
        if (!refuse_fault(self, &wire, visit, out))
            send_answer(self, &wire, rule, out);
    }
    self->stats.statuses[wire.status < 600 ? wire.status : 599]++;
}

/* ---- statistics ---- */

static void
add_counts(const struct double_service *self, struct buffer *out)
{
    bool some = false;

    text_add(out, ",\"endpoints\":{");
    for (unsigned i = 0; i < DOUBLE_ENDPOINT_COUNT; i++)
        text_addf(out, "%s\"%s\":%" PRIu64, i == 0 ? "" : ",", double_ask_endpoint_name((enum double_endpoint)i),
                  self->stats.endpoints[i]);
    text_add(out, "},\"statuses\":{");
    for (unsigned i = 0; i < 600; i++) {
        if (self->stats.statuses[i] == 0)
            continue;
        text_addf(out, "%s\"%u\":%" PRIu64, some ? "," : "", i, self->stats.statuses[i]);
        some = true;
    }
    text_add(out, "},\"faults\":{");
    some = false;
    for (unsigned i = 1; i < DOUBLE_FAULT_END; i++) {
        if (self->stats.faults[i] == 0)
            continue;
        text_addf(out, "%s\"F%02u\":%" PRIu64, some ? "," : "", i, self->stats.faults[i]);
        some = true;
    }
    text_add(out, "}");
}

void
double_service_stats(const struct double_service *self, const char *connections, struct buffer *out)
{
    const struct double_stats *stats = &self->stats;

    text_addf(out,
              "{\"requests\":%" PRIu64 ",\"streams\":%" PRIu64 ",\"unmatched\":%" PRIu64 ",\"bad_requests\":%" PRIu64
              ",\"strays\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"tokens_in\":%" PRIu64 ",\"tokens_out\":%" PRIu64
              ",\"bodies\":%u",
              stats->requests, stats->streams, stats->unmatched, stats->bad_requests, stats->strays, stats->bytes_in,
              stats->tokens_in, stats->tokens_out, self->seen[0].count);
    add_counts(self, out);
    text_add(out, ",\"rules\":[");
    for (uint32_t i = 0; i < self->rules.count; i++) {
        const char *name = self->rules.rules[i].name;
        char plain[32];

        snprintf(plain, sizeof plain, "rule %u", i + 1);
        text_addf(out, "%s{\"name\":", i == 0 ? "" : ",");
        double_json_quote(out, name != NULL ? name : plain, strlen(name != NULL ? name : plain));
        text_addf(out, ",\"hits\":%" PRIu64 "}", self->rules.rules[i].hits);
    }
    text_addf(out, "]%s%s}", connections[0] != '\0' ? "," : "", connections);
}
