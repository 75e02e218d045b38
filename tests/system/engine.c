/* Our providers, schemas and grammars against a true engine: llama.cpp, behind the dialects of Ollama, OpenAI and
 * llama-server (tests/engine), with a model that is computed, not trained. What it writes is nonsense that fits its
 * grammar, so these tests show what a grammar guarantees, and what it does not. Skipped, row by row and with the
 * reason, where node, npm, its registry or the machine do not let the engine run. */
#include "bus/clock.h"
#include "core/text.h"
#include "llm-gateway/http.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/repair.h"
#include "proto/sandbox.h"
#include "tests/support/engine_rig.h"
#include "tests/support/test.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODEL "polis-bigram"
#define PATIENCE_MS 300000u /* for the slowest machine: an answer takes some hundredths of a second */
#define TALK_MAX 200u
#define OUT_MAX 2000u

static struct engine_rig rig;

/* ---- one talk ---- */

struct talk {
    const struct provider *provider;
    struct provider_dialect dialect;
    struct provider_request request;
    struct provider_http http;
    struct provider_result result;
    struct provider_stream stream;
    struct http_ask ask;
    struct http *engine; /* cancelled at its first piece when this is set */
    char base[64], error[300];
    uint32_t pieces, count; /* how often it ended */
    bool fed;
};

static void
on_piece(void *context, uint64_t id, const char *bytes, size_t size)
{
    struct talk *talk = context;

    talk->pieces++;
    if (!talk->fed)
        provider_stream_init(&talk->stream, talk->provider, &talk->result, 0);
    talk->fed = true;
    (void)provider_stream_feed(&talk->stream, bytes, size);
    if (talk->engine != NULL)
        assert_true(http_cancel(talk->engine, id));
}

static void
on_done(void *context, const struct http_reply *reply)
{
    struct talk *talk = context;

    talk->count++;
    (void)snprintf(talk->error, sizeof talk->error, "%s", reply->error);
    if (reply->class != LLM_OK)
        talk->result.verdict.class = reply->class;
    else if (talk->fed)
        (void)provider_stream_end(&talk->stream, &talk->request);
    else
        provider_read(talk->provider, &talk->request, &reply->answer, &talk->result);
}

static void
talk_init(struct talk *self, const char *dialect, const struct schema *schema, uint64_t seed)
{
    const char *nearest;

    *self = (struct talk){.ask = {.id = seed,
                                  .connect_ms = PATIENCE_MS,
                                  .first_ms = PATIENCE_MS,
                                  .idle_ms = PATIENCE_MS,
                                  .total_ms = PATIENCE_MS,
                                  .done = on_done,
                                  .secret = SECRET_NONE}};
    self->provider = provider_find_dialect(dialect, &self->dialect, &nearest);
    assert_non_null(self->provider);
    self->request = (struct provider_request){.role = "tester",
                                              .model = MODEL,
                                              .system = {"You are agent-01.", 17},
                                              .user = {"What now?", 9},
                                              .out_max = OUT_MAX,
                                              .temperature_e4 = 10000,
                                              .top_p_e4 = 10000,
                                              .seed = seed,
                                              .schema = schema};
}

static void
talk_send(struct talk *self, struct http *http)
{
    struct why why = {0};

    if (provider_build(self->provider, &self->request, &self->dialect, &self->http, &why) != 0)
        fail_msg("%s", why.text);
    (void)snprintf(self->base, sizeof self->base, "http://127.0.0.1:%u", rig.port);
    self->ask.base_url = self->base;
    self->ask.request = &self->http;
    self->ask.piece = self->request.stream ? on_piece : NULL;
    self->ask.context = self;
    if (http_send(http, clock_ms(), &self->ask, &why) != 0)
        fail_msg("%s", why.text);
}

static void
talk_fini(struct talk *self)
{
    if (self->fed)
        provider_stream_fini(&self->stream);
    provider_http_fini(&self->http);
    provider_result_fini(&self->result);
}

static struct http *
engine(void)
{
    struct why why = {0};
    struct http *http = http_new(&(struct http_options){.in_flight_max = TALK_MAX, .connecting_max = 16}, &why);

    if (http == NULL)
        fail_msg("%s", why.text);
    return http;
}

static void
drive(struct http *http)
{
    uint64_t end = clock_ms() + PATIENCE_MS;

    while (http_stats(http)->in_flight > 0 && clock_ms() < end) {
        struct pollfd ready = {.fd = http_fd(http), .events = POLLIN};
        int timeout = http_timeout_ms(http, clock_ms());

        (void)poll(&ready, 1, timeout >= 0 && timeout < 1000 ? timeout : 1000);
        (void)http_turn(http, clock_ms());
    }
    assert_int_equal(http_stats(http)->in_flight, 0);
}

/* Sends one, and waits for it. */
static void
talk_run(struct talk *self)
{
    struct http *http = engine();

    talk_send(self, http);
    drive(http);
    assert_int_equal(self->count, 1);
    http_destroy(&http);
}

static void
assert_whole(const struct talk *self)
{
    if (self->count != 1 || self->result.verdict.class != LLM_OK)
        fail_msg("seed %" PRIu64 ": %s %s %s", self->request.seed, llm_classes[self->result.verdict.class].name,
                 self->error, self->result.verdict.detail);
}

static void
assert_same_text(const struct talk *a, const struct talk *b)
{
    assert_int_equal(a->result.text.size, b->result.text.size);
    assert_memory_equal(a->result.text.data, b->result.text.data, a->result.text.size);
}

/* ---- what is asked for ---- */

#define OBJECT(required, properties)                                                                                   \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[" required "],\"properties\":{" properties "}}"
#define NULLABLE(type) "{\"type\":[\"" type "\",\"null\"]}"

/* As agents ask: one of some options, perhaps a target, and numbers whose bounds a schema cannot say. */
static const char decision_source[] =
    OBJECT("\"option\",\"target\",\"work\",\"transfer\",\"confidence\",\"note\"",
           "\"option\":{\"type\":\"string\",\"enum\":[\"post\",\"vote\",\"trade\",\"rest\"]},"
           "\"target\":{\"type\":[\"string\",\"null\"],\"enum\":[\"agent-01\",\"agent-02\",\"agent-07\",null]},"
           "\"work\":{\"type\":\"number\"},\"transfer\":{\"type\":\"integer\"},\"confidence\":{\"type\":\"number\"},"
           "\"note\":{\"type\":\"string\"}");

/* As the compiler of a society asks: lists of objects, four levels. */
static const char patch_source[] = OBJECT(
    "\"notes\",\"ops\"",
    "\"notes\":{\"type\":\"string\"},\"ops\":{\"type\":\"array\",\"items\":" OBJECT(
        "\"op\",\"target\",\"other\",\"edits\"",
        "\"op\":{\"type\":\"string\",\"enum\":[\"create_node\",\"update_node\",\"create_edge\",\"update_edge\","
        "\"delete_edge\"]},\"target\":{\"type\":\"string\"},\"other\":" NULLABLE(
            "string") ",\"edits\":{\"type\":"
                      "\"array\",\"items\":" OBJECT(
                          "\"do\",\"path\",\"text\",\"number\",\"status\",\"due_in\",\"rate\"",
                          "\"do\":{\"type\":\"string\",\"enum\":[\"set\",\"append\",\"update_item\",\"remove_item\"]},"
                          "\"path\":{\"type\":\"string\",\"enum\":[\"job\",\"reputation\",\"assets\",\"debts\","
                          "\"claims\"]},"
                          "\"text\":" NULLABLE("string") ",\"number\":" NULLABLE(
                              "number") ",\"status\":{\"type\":[\"string\","
                                        "\"null\"],\"enum\":[\"active\",\"sold\",\"repaid\",\"disputed\",null]},\"due_"
                                        "in\":" NULLABLE("integer") ",\"rate\":" NULLABLE("number")) "}") "}");

/* Everything that a schema may say, with keys and choices that need escapes. */
static const char every_source[] =
    OBJECT("\"q\\\"\\\\\",\"se\\u00f1al\",\"flag\",\"maybe\",\"choice\",\"level\",\"ratio\",\"lists\",\"none\",\"box\"",
           "\"q\\\"\\\\\":{\"type\":\"string\",\"enum\":[\"a\\\"b\",\"c\\\\d\",\"\u00e9 \\n\",\"\"]},"
           "\"se\\u00f1al\":" NULLABLE("string") ",\"flag\":{\"type\":\"boolean\"},\"maybe\":" NULLABLE(
               "boolean") ",\"choice\":{\"type\":[\"integer\",\"null\"],\"enum\":[-1,0,1000000,null]},"
                          "\"level\":" NULLABLE("integer") ",\"ratio\":{\"type\":\"number\",\"enum\":[0.5,-2.25,1e-7]},"
                                                           "\"lists\":{\"type\":\"array\",\"items\":{\"type\":"
                                                           "\"array\",\"items\":{\"type\":\"array\",\"items\":{"
                                                           "\"type\":\"array\",\"items\":{\"type\":\"boolean\"}}}}},"
                                                           "\"none\":" OBJECT(
                                                               "", "") ",\"box\":{\"type\":[\"object\",\"null\"],"
                                                                       "\"additionalProperties\":false,\"required\":"
                                                                       "[\"in\"],\"properties\":{\"in\":" NULLABLE(
                                                                           "number") "}}");

/* Texts, and escapes in them. */
static const char texts_source[] =
    OBJECT("\"notes\",\"text\",\"note\",\"target\"",
           "\"notes\":{\"type\":\"string\"},\"text\":{\"type\":\"string\"},\"note\":{\"type\":\"string\"},"
           "\"target\":{\"type\":\"string\"}");

/* It may go on for thousands of tokens. */
static const char list_source[] = OBJECT("\"list\"", "\"list\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}");

static struct schema *decision, *patch, *every, *texts, *list;

/* ---- what is answered ---- */

/* What a grammar lets through and no reader should: counted and mended in a copy of the text by a scan of its own. */
struct absurd {
    uint32_t numbers;   /* 1e15 and more */
    uint32_t finite;    /* of those: 1e99, which any reader of JSON takes */
    uint32_t letters;   /* half a surrogate pair, or zero */
    uint32_t fractions; /* 7e-9: no whole number, though an engine's grammar of whole numbers may let it through */
};

/* Whether the number between these is to be mended. */
static bool
is_absurd(const char *at, const char *end, struct absurd *absurd)
{
    double value = strtod(at, NULL);
    bool has_point = memchr(at, '.', (size_t)(end - at)) != NULL;
    bool huge = fabs(value) >= 1e15;
    bool fraction = !huge && !has_point && (value != floor(value) || (value == 0 && at[*at == '-'] != '0'));

    absurd->numbers += huge;
    absurd->finite += huge && isfinite(value);
    absurd->fractions += fraction;
    return huge || fraction;
}

static bool
is_hex4(const char *at, size_t left)
{
    return left >= 6 && at[0] == '\\' && at[1] == 'u';
}

static size_t
mend_escape(char *at, size_t left, struct absurd *absurd)
{
    unsigned long code, low;
    char digits[5] = "";

    if (!is_hex4(at, left))
        return 2;
    memcpy(digits, at + 2, 4);
    code = strtoul(digits, NULL, 16);
    if (is_hex4(at + 6, left - 6)) {
        memcpy(digits, at + 8, 4);
        low = strtoul(digits, NULL, 16);
        if (code >= 0xd800 && code < 0xdc00 && low >= 0xdc00 && low < 0xe000)
            return 12;
    }
    if (code == 0 || (code >= 0xd800 && code < 0xe000)) {
        memcpy(at + 2, "0041", 4);
        absurd->letters++;
    }
    return 6;
}

static void
mend(struct buffer *text, struct absurd *absurd)
{
    char *at, *end, *number_end;
    bool inside = false;

    buffer_append(text, "", 1);
    at = (char *)text->data;
    end = at + text->size - 1;
    while (at < end) {
        if (inside && *at == '\\') {
            at += mend_escape(at, (size_t)(end - at), absurd);
        } else if (*at == '"') {
            inside = !inside;
            at++;
        } else if (!inside && (*at == '-' || (*at >= '0' && *at <= '9'))) {
            (void)strtod(at, &number_end);
            if (is_absurd(at, number_end, absurd)) {
                memset(at, ' ', (size_t)(number_end - at));
                *at = '7';
            }
            at = number_end;
        } else {
            at++;
        }
    }
    text->size--;
}

/* The numbers of a decision in the message that carries it to the engine: the check of its bounds is what stands
 * between a valid answer and the world. True when one is out of them, as this test sees it. */
static bool
check_bounds(const json_t *root)
{
    double work = json_number_value(json_object_get(root, "work"));
    double transfer = json_number_value(json_object_get(root, "transfer"));
    double confidence = json_number_value(json_object_get(root, "confidence"));
    bool out = work < 0 || work > 1 || confidence < 0 || confidence > 1;
    const uint32_t counts[DECIDE_AXES] = {[DECIDE_ROW] = 1, [DECIDE_EXTRA] = 1, [DECIDE_MIND] = 1};
    struct batch_writer writer;
    struct buffer bytes = {0};
    struct batch batch;
    struct why why = {0};

    assert_true(fabs(transfer) < 1e15); /* so that it may become a whole number of 64 bits at all */
    batch_begin(&writer, &schema_sandbox_decide, &bytes, 1, 0, counts);
    *(double *)batch_column(&writer, DECIDE_work) = work;
    *(int64_t *)batch_column(&writer, DECIDE_transfer) = (int64_t)transfer;
    *(double *)batch_column(&writer, DECIDE_mind_confidence) = confidence;
    assert_int_equal(batch_read(&schema_sandbox_decide, bytes.data, bytes.size, &batch, &why), 0);
    if (batch_check(&batch, &why) != (out ? ERR_INVALID : 0))
        fail_msg("work %g, confidence %g: %s", work, confidence, why.text);
    buffer_fini(&bytes);
    return out;
}

struct tally {
    uint32_t clean, cut, out_of_bounds;
    struct absurd absurd;
    uint32_t refused; /* for what is absurd */
};

/* Every answer fits its schema as it came; what fits and is absurd is refused for that, and for that only. */
static void
judge(const struct talk *talk, const struct schema *schema, struct tally *tally)
{
    const struct provider_result *result = &talk->result;
    struct repair repair = {0};
    struct absurd absurd = {0};
    struct buffer copy = {0};
    json_t *root;

    if (result->verdict.class == LLM_LENGTH) { /* cut off: not whole, whatever the grammar */
        assert_int_equal(result->tokens_out, talk->request.out_max);
        tally->cut++;
        return;
    }
    assert_whole(talk);
    buffer_append(&copy, result->text.data, result->text.size);
    mend(&copy, &absurd);
    repair_json(&repair, schema, (const char *)result->text.data, result->text.size, false);
    if (absurd.numbers + absurd.letters > 0 || (absurd.fractions > 0 && repair.status == REPAIR_REFUSED)) {
        assert_int_equal(repair.status, REPAIR_REFUSED);
        tally->refused++;
        repair_json(&repair, schema, (const char *)copy.data, copy.size, false);
    } else if (repair.status == REPAIR_CLEAN) {
        tally->clean++;
        assert_int_equal(
            json_limits_parse(&json_limits_answer, (const char *)repair.text.data, repair.text.size, &root, NULL), 0);
        tally->out_of_bounds += schema == decision && check_bounds(root);
        json_decref(root);
    }
    if (repair.status != REPAIR_CLEAN || repair.bits != 0)
        fail_msg("seed %" PRIu64 ": %.*s\n%s %s", talk->request.seed, (int)result->text.size, result->text.data,
                 repair.report.first[0].path, repair.report.first[0].what);
    tally->absurd.numbers += absurd.numbers;
    tally->absurd.finite += absurd.finite;
    tally->absurd.letters += absurd.letters;
    tally->absurd.fractions += absurd.fractions;
    buffer_fini(&copy);
    repair_fini(&repair);
}

static const struct answer_row {
    const char *name, *dialect;
    struct schema **schema;
    uint32_t answers, temperature_e4;
    uint32_t clean_min, cut_max; /* the rest is absurd, and refused for that */
    bool huge, letters;          /* so hot that some must be */
} answers[] = {
    {"200 decisions, Ollama", "ollama", &decision, 200, 7000, 200, 0, false, false},
    {"60 patches, Ollama", "ollama", &patch, 60, 7000, 30, 0, false, false},
    {"60 decisions at twice the heat, Ollama", "ollama", &decision, 60, 20000, 20, 5, true, false},
    {"60 texts at twice the heat, Ollama", "ollama", &texts, 60, 20000, 20, 5, false, true},
    {"50 of every form, Ollama", "ollama", &every, 50, 10000, 40, 0, false, false},
    {"60 decisions, OpenAI", "openai", &decision, 60, 10000, 50, 0, false, false},
    {"50 patches, llama-server", "llamacpp", &patch, 50, 7000, 30, 0, false, false},
    /* Our grammar lets nothing absurd through, however hot it is. */
    {"60 decisions, our grammar", "llamacpp_grammar", &decision, 60, 10000, 60, 0, false, false},
    {"60 patches, our grammar", "llamacpp_grammar", &patch, 60, 7000, 60, 0, false, false},
    {"60 decisions at twice the heat, our grammar", "llamacpp_grammar", &decision, 60, 20000, 60, 0, false, false},
    {"60 texts at twice the heat, our grammar", "llamacpp_grammar", &texts, 60, 20000, 60, 0, false, false},
    {"50 of every form, our grammar", "llamacpp_grammar", &every, 50, 10000, 50, 0, false, false},
};

static void
answer(void **state)
{
    const struct answer_row *row = *state;
    struct talk *talks = calloc(row->answers, sizeof *talks);
    struct http *http = engine();
    struct tally tally = {0};

    assert_non_null(talks);
    for (uint32_t i = 0; i < row->answers; i++) {
        talk_init(&talks[i], row->dialect, *row->schema, i);
        talks[i].request.temperature_e4 = row->temperature_e4;
        talk_send(&talks[i], http);
    }
    drive(http);
    for (uint32_t i = 0; i < row->answers; i++) {
        judge(&talks[i], *row->schema, &tally);
        talk_fini(&talks[i]);
    }
    print_message("# %s: %u clean, %u of them out of bounds, %u refused (%u huge numbers, %u of them finite, "
                  "%u fractions, %u letters), %u cut\n",
                  row->name, tally.clean, tally.out_of_bounds, tally.refused, tally.absurd.numbers, tally.absurd.finite,
                  tally.absurd.fractions, tally.absurd.letters, tally.cut);
    assert_int_equal(tally.clean + tally.refused + tally.cut, row->answers);
    assert_in_range(tally.cut, 0, row->cut_max);
    assert_in_range(tally.clean, row->clean_min, row->answers);
    if (row->schema == &decision)
        assert_in_range(tally.out_of_bounds, 1, row->answers);
    if (row->huge)
        assert_in_range(tally.absurd.finite, 1, 50 * row->answers);
    if (row->letters)
        assert_in_range(tally.absurd.letters, 1, 50 * row->answers);
    http_destroy(&http);
    free(talks);
}

/* ---- seeds, streams, counts ---- */

static const struct form_row {
    const char *name, *dialect;
    struct schema **schema; /* NULL: free text */
    uint32_t temperature_e4;
} forms[] = {
    {"Ollama, free text", "ollama", NULL, 10000},
    {"Ollama, a schema", "ollama", &decision, 10000},
    {"Ollama, characters in pieces", "ollama", &texts, 20000},
    {"OpenAI, free text", "openai", NULL, 10000},
    {"OpenAI, a schema", "openai", &decision, 10000},
    {"llama-server, our grammar", "llamacpp_grammar", &patch, 10000},
};

static void
form_init(const struct form_row *row, struct talk *talk, uint64_t seed)
{
    talk_init(talk, row->dialect, row->schema != NULL ? *row->schema : NULL, seed);
    talk->request.temperature_e4 = row->temperature_e4;
}

#define SEEDS 8u

/* Twice with the server, once with another one: what a seed gives depends on nothing else. */
static void
seeds(void **state)
{
    const struct form_row *row = *state;
    struct talk talks[3][SEEDS];
    struct http *http = engine();
    uint32_t others = 0;
    char why[300];

    for (uint32_t round = 0; round < 3; round++) {
        if (round == 2) {
            assert_int_equal(engine_rig_stop(&rig, SIGTERM), 0);
            if (engine_rig_start(&rig, why, sizeof why) != ENGINE_RIG_RUNS)
                fail_msg("%s", why);
        }
        for (uint32_t i = 0; i < SEEDS; i++) { /* in another order, together or alone */
            uint32_t seed = round == 1 ? SEEDS - 1 - i : i;

            form_init(row, &talks[round][seed], seed);
            talk_send(&talks[round][seed], http);
            if (round == 1)
                drive(http);
        }
        drive(http);
    }
    for (uint32_t i = 0; i < SEEDS; i++) {
        assert_whole(&talks[0][i]);
        assert_same_text(&talks[0][i], &talks[1][i]);
        assert_same_text(&talks[0][i], &talks[2][i]);
        others += talks[0][i].result.text.size != talks[0][0].result.text.size ||
                  memcmp(talks[0][i].result.text.data, talks[0][0].result.text.data, talks[0][0].result.text.size) != 0;
    }
    assert_in_range(others, SEEDS / 2, SEEDS - 1);
    for (uint32_t i = 0; i < 3 * SEEDS; i++)
        talk_fini(&talks[i / SEEDS][i % SEEDS]);
    http_destroy(&http);
}

static void
stream(void **state)
{
    const struct form_row *row = *state;
    uint32_t pieces = 0;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct talk whole, streamed;

        form_init(row, &whole, seed);
        form_init(row, &streamed, seed);
        streamed.request.stream = true;
        talk_run(&whole);
        talk_run(&streamed);
        assert_whole(&whole);
        assert_whole(&streamed);
        assert_true(streamed.fed);
        assert_same_text(&whole, &streamed);
        assert_int_equal(streamed.result.tokens_in, whole.result.tokens_in);
        assert_int_equal(streamed.result.tokens_out, whole.result.tokens_out);
        assert_int_equal(streamed.result.finish, whole.result.finish);
        assert_string_equal(streamed.result.model, MODEL);
        pieces += streamed.pieces;
        talk_fini(&whole);
        talk_fini(&streamed);
    }
    assert_in_range(pieces, SEEDS + 1, UINT32_MAX);
}

/* The engine's own counts: the limit is kept to the token, and what comes before it is the same text. */
static void
token_counts(void **state)
{
    static const char longer[] = "What now, and what after that, and who says so?";
    const struct form_row *row = *state;

    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct talk whole, cut;
        uint32_t asked;

        form_init(row, &whole, seed);
        talk_run(&whole);
        assert_whole(&whole);
        assert_int_equal(whole.result.flags, 0);
        assert_in_range(whole.result.tokens_in, 10, 100);
        assert_in_range(whole.result.tokens_out, 1, OUT_MAX);
        asked = whole.result.tokens_out - 1;
        form_init(row, &cut, seed);
        cut.request.user = (struct provider_bytes){longer, sizeof longer - 1};
        cut.request.out_max = asked > 0 ? asked : 1;
        cut.request.stream = seed % 2 == 1;
        talk_run(&cut);
        if (asked > 0) {
            assert_int_equal(cut.result.verdict.class, LLM_LENGTH);
            assert_int_equal(cut.result.finish, PROVIDER_LENGTH);
        }
        assert_int_equal(cut.result.tokens_out, cut.request.out_max);
        assert_true(cut.result.tokens_in > whole.result.tokens_in);
        /* Newlines behind a whole object count as tokens, and only what is not the end mark is text. */
        for (size_t i = 0; i < cut.result.text.size && i < whole.result.text.size; i++)
            assert_int_equal(cut.result.text.data[i], whole.result.text.data[i]);
        talk_fini(&whole);
        talk_fini(&cut);
    }
}

/* ---- what it refuses ---- */

static const struct refusal_row {
    const char *name, *dialect, *model;
    size_t prompt;
    enum llm_class want;
} refusals[] = {
    {"a model it does not have, Ollama", "ollama", "polis-trigram", 10, LLM_NOT_FOUND},
    {"a model it does not have, OpenAI", "openai", "polis-trigram", 10, LLM_NOT_FOUND},
    {"a prompt over num_ctx, Ollama", "ollama", MODEL, 20000, LLM_CONTEXT},
    {"a prompt over the context, OpenAI", "openai", MODEL, 20000, LLM_CONTEXT},
};

static void
refusal(void **state)
{
    const struct refusal_row *row = *state;
    char *user = malloc(row->prompt);

    assert_non_null(user);
    memset(user, 'z', row->prompt);
    for (uint64_t i = 0; i < 2; i++) {
        struct talk talk;

        talk_init(&talk, row->dialect, decision, i);
        talk.request.model = row->model;
        talk.request.user = (struct provider_bytes){user, row->prompt};
        talk.request.stream = i == 1;
        talk_run(&talk);
        if (talk.result.verdict.class != row->want)
            fail_msg("%s: %s %s", llm_classes[talk.result.verdict.class].name, talk.error, talk.result.verdict.detail);
        assert_true(talk.result.verdict.detail[0] != '\0');
        talk_fini(&talk);
    }
    free(user);
}

/* ---- who goes away ---- */

struct page {
    struct buffer text;
    bool came;
};

static void
on_page(void *context, const struct http_reply *reply)
{
    struct page *page = context;

    page->came = reply->class == LLM_OK && reply->answer.status == 200;
    buffer_append(&page->text, reply->answer.body.text, reply->answer.body.size);
}

static json_t *
get(const char *path)
{
    struct provider_http request = {.method = "GET"};
    struct http *http = engine();
    struct page page = {0};
    char base[64];
    json_t *root;

    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", rig.port);
    (void)snprintf(request.path, sizeof request.path, "%s", path);
    assert_int_equal(http_send(http, clock_ms(),
                               &(struct http_ask){.id = 1,
                                                  .base_url = base,
                                                  .request = &request,
                                                  .done = on_page,
                                                  .secret = SECRET_NONE,
                                                  .first_ms = PATIENCE_MS,
                                                  .total_ms = PATIENCE_MS,
                                                  .context = &page},
                               NULL),
                     0);
    drive(http);
    http_destroy(&http);
    assert_true(page.came);
    assert_int_equal(
        json_limits_parse(&json_limits_envelope, (const char *)page.text.data, page.text.size, &root, NULL), 0);
    buffer_fini(&page.text);
    return root;
}

static uint64_t
stat_of(const char *name)
{
    json_t *root = get("/stats");
    json_t *value = json_object_get(root, name);
    uint64_t number = (uint64_t)json_integer_value(value);

    assert_true(json_is_integer(value));
    json_decref(root);
    return number;
}

static void
tags(void **state)
{
    json_t *root = get("/api/tags");

    (void)state;
    assert_string_equal(provider_text(PROVIDER_MEMBER(root, "models", "0", "name")), MODEL);
    json_decref(root);
}

/* Long answers that are let go at their first piece, and others that had not begun: the server notices, computes no
 * further, and gives the next one the answer that it always gives. */
static void
cancel(void **state)
{
    const struct form_row *row = *state;
    uint64_t cancelled = stat_of("cancelled"), served = stat_of("served"), end = clock_ms() + PATIENCE_MS;
    struct talk first, next, talks[10];
    struct http *http = engine();

    form_init(row, &first, 77);
    talk_run(&first);
    for (uint64_t i = 0; i < 10; i++) {
        talk_init(&talks[i], row->dialect, list, i);
        talks[i].request.stream = true;
        talks[i].request.out_max = 4000;
        talks[i].engine = http;
        talk_send(&talks[i], http);
    }
    drive(http);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(talks[i].count, 0);
        talk_init(&next, row->dialect, list, 100 + i);
        talk_send(&next, http);
        (void)http_turn(http, clock_ms());
        assert_true(http_cancel(http, 100 + i));
        talk_fini(&next);
    }
    form_init(row, &next, 77);
    talk_run(&next);
    assert_whole(&first);
    assert_whole(&next);
    assert_same_text(&first, &next);
    while (stat_of("cancelled") + stat_of("served") < cancelled + served + 12 && clock_ms() < end)
        (void)usleep(10000);
    assert_in_range(stat_of("cancelled"), cancelled + 1, cancelled + 20);
    for (uint32_t i = 0; i < 10; i++)
        talk_fini(&talks[i]);
    talk_fini(&first);
    talk_fini(&next);
    http_destroy(&http);
}

static const struct test_case ends[] = {{"lists its models as Ollama does", tags}};

/* ---- where it cannot run ---- */

static void
skip_rows(const char *group, const void *rows, size_t count, size_t size, const char *why)
{
    for (size_t i = 0; i < count; i++) {
        const char *name;
        char text[200];

        memcpy(&name, (const char *)rows + i * size, sizeof name);
        (void)snprintf(text, sizeof text, "%s: %s", group, name);
        test_say_skipped(text, why);
    }
}

/* Runs the group, or says of each of its rows why not. */
#define ROWS(group, rows, function)                                                                                    \
    (why[0] == '\0' ? TEST_ROWS(group, rows, function)                                                                 \
                    : (skip_rows(group, rows, sizeof(rows) / sizeof((rows)[0]), sizeof((rows)[0]), why), 0))

static struct schema *
compile(const char *name, const char *source)
{
    struct schema *schema;
    struct why why = {0};

    if (schema_compile(name, source, strlen(source), &schema, &why) != 0) {
        print_error("%s: %s\n", name, why.text);
        abort();
    }
    return schema;
}

int
main(void)
{
    char why[300];
    int failed;

    if (engine_rig_start(&rig, why, sizeof why) == ENGINE_RIG_BROKEN) {
        print_error("the engine is broken: %s\n", why);
        return 1;
    }
    decision = compile("decision", decision_source);
    patch = compile("patch.v1", patch_source);
    every = compile("every", every_source);
    texts = compile("texts", texts_source);
    list = compile("list", list_source);
    failed = ROWS("answers", answers, answer);
    failed += ROWS("same seed, same text", forms, seeds);
    failed += ROWS("streams", forms, stream);
    failed += ROWS("token counts", forms, token_counts);
    failed += ROWS("refusals", refusals, refusal);
    failed += ROWS("cancelled", forms, cancel);
    failed += ROWS("models", ends, (*ends).function);
    if (why[0] == '\0' && engine_rig_stop(&rig, 0) != 0) {
        print_error("the server did not end with its stdin\n");
        failed++;
    }
    schema_destroy(&decision);
    schema_destroy(&patch);
    schema_destroy(&every);
    schema_destroy(&texts);
    schema_destroy(&list);
    return failed;
}
