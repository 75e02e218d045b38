/* The gateway as a whole against llmdouble: for every fault that a provider can have, what the asker is told, what the
 * call log says was tried, how often the provider was asked, and that nothing stays open behind it. The gateway never
 * asks for streams: F33 to F37 are in gateway_streams.c. More of F44 is in gateway_http.c. */
#include "tests/support/gateway_rig.h"
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/test.h"
#include "tests/support/tls_server.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/text.h"
#include "llm-gateway/repair.h"

#define KEY "sk-planted-5d1e8a77c0b94f02"
#define FALLBACK "by the rules"
#define ACT "{\"verb\":\"pass\",\"amount\":3,\"done\":true,\"note\":\"na\303\257ve \342\202\254\"}"

static const char verbs[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"verb\",\"amount\",\"done\",\"note\"],"
    "\"properties\":{\"verb\":{\"type\":\"string\",\"enum\":[\"pass\",\"post\"]},\"amount\":{\"type\":\"number\"},"
    "\"done\":{\"type\":[\"boolean\",\"null\"]},\"note\":{\"type\":[\"string\",\"null\"]}}}";

static struct double_rig rig;

static void
use_rules(const char *yaml)
{
    struct double_rig_answer got = {0};

    if (!double_rig_rules(&rig, yaml, &got))
        fail_msg("%s\n%s", got.body.size > 0 ? (const char *)got.body.data : "no answer", yaml);
    double_rig_ask(rig.control, "POST", "/reset", "", NULL, &got);
    assert_int_equal(got.status, 200);
    double_rig_answer_fini(&got);
}

/* A number of the double's statistics. */
static int64_t
count_of(const char *name)
{
    struct double_rig_answer got = {0};
    json_error_t error;
    json_t *root;
    int64_t value;

    double_rig_ask(rig.control, "GET", "/stats", "", NULL, &got);
    root = json_loadb((const char *)got.body.data, got.body.size, 0, &error);
    assert_non_null(root);
    assert_non_null(json_object_get(root, name));
    value = json_integer_value(json_object_get(root, name));
    json_decref(root);
    double_rig_answer_fini(&got);
    return value;
}

/* The double as a provider `first` that speaks `dialect`, and a second one, `other`, of a dialect of its own. */
static void
write_scenario(const char *dialect, const char *provider, const char *role, struct buffer *out)
{
    buffer_clear(out);
    text_addf(out,
              "llm:\n"
              "  schemas: {answer: '%s'}\n"
              "  providers:\n"
              "    first: {dialect: %s, base_url: \"http://127.0.0.1:%u\", models: {m: {price: {in: 1000, out: "
              "2000}}}%s%s}\n"
              "    other: {dialect: ollama, base_url: \"http://127.0.0.1:%u\", models: {o: {price: free}}}\n"
              "  roles:\n"
              "    swarm.worker: {out_max: 50, %s}\n"
              "    swarm.planner: {out_max: 50, chain: [other/o, rules]}\n",
              verbs, dialect, rig.port, provider[0] != '\0' ? ", " : "", provider, rig.port, role);
    buffer_append(out, "", 1);
}

static const struct gateway_client clients[] = {{"swarm.worker", 4}, {"swarm.planner", 4}};

static uint32_t files; /* open when the gateway was not */

static void
open_rig(struct gateway_rig *gateway, const char *yaml, const char *log)
{
    files = gateway_rig_file_count();
    gateway_rig_open(gateway, &(struct gateway_rig_options){.yaml = yaml,
                                                            .mode = log != NULL ? REPLAY_RECORD : REPLAY_OFF,
                                                            .log = log,
                                                            .clients = clients,
                                                            .client_count = 2});
}

/* One question of slot `slot` as a chunk of its own. */
static void
ask(struct gateway_rig *gateway, uint32_t slot, uint32_t phase, const char *user, const char *schema)
{
    struct prompt_row row = {.seed = phase + 1u, .user = user, .fallback = FALLBACK};
    struct prompt_plan plan = {
        .role = clients[slot].role, .system = "be brief", .schema = schema, .span = 1, .rows = &row, .row_count = 1};

    gateway_rig_send(gateway, 1, slot, phase, 0, 0, &plan);
}

/* "ok: text", "fallback: text" ... */
static const char *
told(const struct gateway_rig *gateway, uint32_t slot, uint32_t phase)
{
    static char text[ANSWER_TEXT_MAX + 100];
    struct batch batch;

    gateway_rig_read(gateway_rig_heard_of(gateway, slot, phase, 0), &batch);
    assert_int_equal(batch.count[COMPLETION_ROW], 1);
    (void)snprintf(text, sizeof text, "%s: %.*s", answer_status_name(batch_u8(&batch, COMPLETION_status, 0)),
                   (int)batch_u32(&batch, COMPLETION_texts, 1), (const char *)batch.data[COMPLETION_text]);
    return text;
}

/* What the log has of the question. */
static struct answer
logged(const struct gateway_rig *gateway, uint32_t slot, uint32_t phase)
{
    static struct buffer room;
    struct answer_id id = {.step = gateway->step, .client = slot, .role = slot, .ordinal = phase << 16};
    struct answer answer = {0};
    struct why why = {0};
    uint32_t number;

    assert_true(record_find(gateway->gateway->own, &id, &number));
    assert_int_equal(record_read(gateway->gateway->own, number, &id, &answer, &room, NULL, &why), 0);
    answer.text = NULL;
    buffer_fini(&room);
    return answer;
}

/* "server:500 ok:200": how each attempt ended. */
static const char *
tried(const struct answer *answer)
{
    static char text[500];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < answer->attempt_count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s:%u", i > 0 ? " " : "",
                                 llm_classes[answer->attempts[i].class].name, answer->attempts[i].http_status);
    return text;
}

static void
close_with(struct gateway_rig *gateway)
{
    gateway_rig_finish(gateway);
    gateway_rig_close(gateway);
    assert_int_equal(gateway_rig_file_count(), files);
}

static const char *
log_path(void)
{
    static char path[600];
    static unsigned number;

    (void)snprintf(path, sizeof path, "%s/calls-%u.log", test_folder(), number++);
    return path;
}

/* ---- one question, one fault ---- */

#define SHORT "deadline_ms: 300"
#define LONG "deadline_ms: 60000"
#define GAVE_UP "fallback: " FALLBACK
#define SHORT_ACT "{\"verb\":\"pass\",\"amount\":3,\"done\":null,\"note\":null}"

/* `want`: what is told; with a star: what it begins with and holds. `once`: the same question meets the fault the first
 * time only. Waits are those of the log, before the second attempt; 0: they are not looked at. */
/* clang-format off */
static const struct row {
    const char *name, *fault, *want, *attempts;
    bool once, schema;
    const char *dialect, *provider, *role, *reply; /* NULL: openai, nothing, LONG, "fine." or ACT */
    uint64_t wait_min_ms, wait_max_ms;
    uint32_t repairs;
} rows[] = {
    {"no fault", NULL, "ok: fine.", "ok:200", .once = false},
    {"no fault, a schema", NULL, "ok: " ACT, "ok:200", .schema = true},
    {"F01 silence until the deadline", "F01", "timeout: " FALLBACK, "timeout_total:0", .role = SHORT},
    {"F01 silence, twice", "F01", "ok: fine.", "timeout_first:0 ok:200", .once = true, .provider = "first_ms: 1000"},
    {"F02 stall until the deadline", "F02", "timeout: " FALLBACK, "timeout_total:0", .role = SHORT},
    {"F02 stall, then well", "F02", "ok: fine.", "timeout_idle:0 ok:200", .once = true, .provider = "idle_ms: 1000"},
    {"F03 drip until the deadline", "F03", "timeout: " FALLBACK, "timeout_total:0", .role = SHORT},
    {"F04 told to wait seconds", "{id: F04, ms: 2000}", "ok: fine.", "rate:429 ok:200", .once = true, .wait_min_ms = 2000, .wait_max_ms = 2201},
    {"F04 anthropic", "{id: F04, ms: 2000}", "ok: fine.", "rate:429 ok:200", .once = true, .dialect = "anthropic", .wait_min_ms = 2000, .wait_max_ms = 2201},
    {"F04 gemini", "{id: F04, ms: 2000}", "ok: fine.", "rate:429 ok:200", .once = true, .dialect = "gemini", .wait_min_ms = 2000, .wait_max_ms = 2201},
    {"F04 ollama", "{id: F04, ms: 2000}", "ok: fine.", "rate:429 ok:200", .once = true, .dialect = "ollama", .wait_min_ms = 2000, .wait_max_ms = 2201},
    {"F05 told to wait until a date", "{id: F05, ms: 30000}", "ok: fine.", "rate:429 ok:200", .once = true, .wait_min_ms = 251, .wait_max_ms = 34101},
    {"F06 milliseconds go first", "{id: F06, ms: 1500}", "ok: fine.", "rate:429 ok:200", .once = true, .wait_min_ms = 1500, .wait_max_ms = 1651},
    {"F07 told to wait an hour", "F07", GAVE_UP, "rate:429", .once = true},
    {"F10 500, then well", "F10", "ok: fine.", "server:500 ok:200", .once = true},
    {"F10 500 for ever", "F10", GAVE_UP, "server:500 server:500 server:500", .once = false},
    {"F10 anthropic", "F10", "ok: fine.", "server:500 ok:200", .once = true, .dialect = "anthropic"},
    {"F10 gemini", "F10", "ok: fine.", "server:500 ok:200", .once = true, .dialect = "gemini"},
    {"F10 ollama", "F10", "ok: fine.", "server:500 ok:200", .once = true, .dialect = "ollama"},
    {"F10 one attempt is all", "F10", GAVE_UP, "server:500", .role = LONG ", attempts: 1"},
    {"F11 502 with a page", "F11", "ok: fine.", "server:502 ok:200", .once = true},
    {"F12 loading", "F12", "ok: fine.", "overload:503 ok:200", .once = true},
    {"F12 llama.cpp", "F12", "ok: fine.", "overload:503 ok:200", .once = true, .dialect = "llamacpp"},
    {"F12 ollama", "F12", "ok: fine.", "overload:503 ok:200", .once = true, .dialect = "ollama"},
    {"F13 overloaded", "F13", "ok: fine.", "overload:529 ok:200", .once = true, .dialect = "anthropic"},
    {"F14 half a JSON body, then well", "F14", "ok: fine.", "envelope:200 ok:200", .once = true},
    {"F14 half a JSON body, once again only", "F14", GAVE_UP, "envelope:200 envelope:200", .once = false},
    {"F14 anthropic", "F14", "ok: fine.", "envelope:200 ok:200", .once = true, .dialect = "anthropic"},
    {"F15 half a body", "F15", "ok: fine.", "transport:0 ok:200", .once = true},
    {"F15 for ever", "F15", GAVE_UP, "transport:0 transport:0 transport:0", .once = false},
    {"F16 reset in the body", "F16", "ok: fine.", "transport:0 ok:200", .once = true},
    {"F18 no JSON", "F18", GAVE_UP, "schema:200", .schema = true},
    {"F18 no JSON, asked again", "F18", "ok: " ACT, "schema:200 ok:200", .once = true, .schema = true, .role = LONG ", reask: 1"},
    {"F18 no JSON, whatever is said", "F18", GAVE_UP, "schema:200 schema:200 schema:200", .schema = true, .role = LONG ", reask: 3"},
    {"F19 a fence", "F19", "repaired: " ACT, "ok:200", .schema = true, .repairs = REPAIR_FENCE},
    {"F20 prose", "F20", "repaired: " ACT, "ok:200", .schema = true, .repairs = REPAIR_PROSE},
    {"F21 Python", "F21", "repaired: " ACT, "ok:200", .schema = true, .repairs = REPAIR_PYTHON | REPAIR_SINGLE_QUOTES},
    {"F22 a comma too many", "F22", "repaired: " ACT, "ok:200", .schema = true, .repairs = REPAIR_TRAILING_COMMA},
    {"F23 a key twice", "F23", GAVE_UP, "schema:200", .schema = true},
    {"F24 10,000 levels", "F24", GAVE_UP, "schema:200", .schema = true},
    {"F25 5e71028", "{id: F25, variant: huge}", GAVE_UP, "schema:200", .schema = true},
    {"F25 NaN", "{id: F25, variant: nan}", GAVE_UP, "schema:200", .schema = true},
    {"F25 Infinity", "{id: F25, variant: infinity}", GAVE_UP, "schema:200", .schema = true},
    {"F25 -0", "{id: F25, variant: negative_zero}",
        "ok: {\"verb\":\"pass\",\"amount\":-0,\"done\":null,\"note\":null}", "ok:200", .schema = true, .reply = SHORT_ACT},
    {"F26 no UTF-8", "{id: F26, variant: utf8}", GAVE_UP, "envelope:200 envelope:200", .schema = true},
    {"F26 half a pair", "{id: F26, variant: surrogate}", GAVE_UP, "envelope:200 envelope:200", .schema = true},
    {"F26 a zero byte", "{id: F26, variant: nul}", GAVE_UP, "schema:200", .schema = true},
    {"F26 a byte order mark", "{id: F26, variant: bom}", "repaired: " ACT, "ok:200", .schema = true, .repairs = REPAIR_BOM},
    {"F27 64 MB", "F27", GAVE_UP, "body_limit:0", .once = false},
    {"F28 without end", "F28", GAVE_UP, "body_limit:0", .once = false},
    {"F29 a bomb", "F29", GAVE_UP, "body_limit:0", .once = false},
    {"F30 cut off, free text", "F30", "repaired: One. Two.", "ok:200", .reply = "One. Two. Three and four and five.", .repairs = REPAIR_SENTENCE},
    {"F30 cut off, no sentence", "F30", GAVE_UP, "length:200", .once = false},
    {"F30 cut off, a schema", "F30", GAVE_UP, "length:200", .schema = true, .reply = SHORT_ACT},
    {"F30 cut off, asked again", "F30", "ok: " SHORT_ACT, "length:200 ok:200", .once = true, .schema = true, .reply = SHORT_ACT, .role = LONG ", reask: 1"},
    {"F31 refused", "F31", "refused: " FALLBACK, "refusal:200", .once = false},
    {"F31 refused, another is asked", "F31", "ok: fine.", "refusal:200 ok:200", .once = true, .role = LONG ", chain: [first/m, other/o, rules]"},
    {"F32 no content", "F32", GAVE_UP, "schema:200", .schema = true},
    {"F33 to F37 need a stream", "F36", "ok: fine.", "ok:200", .once = false},
    {"F38 usage below zero", "{id: F38, variant: negative}", "ok: fine.", "ok:200", .once = false},
    {"F38 huge usage", "{id: F38, variant: huge}", "ok: fine.", "ok:200", .once = false},
    {"F38 no usage", "{id: F38, variant: absent}", "ok: fine.", "ok:200", .once = false},
    {"F39 redirect", "F39", GAVE_UP, "redirect:0", .once = false},
    {"F40 another model", "{id: F40, variant: model}", "ok: fine.", "ok:200", .once = false},
    {"F40 text/html", "{id: F40, variant: type}", "ok: fine.", "ok:200", .once = false},
    {"F40 HTTP/1.0", "{id: F40, variant: http10}", "ok: fine.", "ok:200", .once = false},
    {"F40 100 first", "{id: F40, variant: continue}", "ok: fine.", "ok:200", .once = false},
    {"F40 204", "{id: F40, variant: empty}", GAVE_UP, "envelope:204 envelope:204", .once = false},
    {"F41 forbidden, and fits: not for the gateway to judge", "F41", "ok: *", "ok:200", .schema = true},
    {"F42 instructions in a text", "F42", "ok: *Ignore all previous", "ok:200", .schema = true},
};
/* clang-format on */

static void
use_fault(const struct row *row)
{
    const char *reply = row->reply != NULL ? row->reply : row->schema ? ACT : "fine.";
    struct buffer rules = {0};

    text_add(&rules, "seed: 7\nrules:\n");
    if (row->once) /* the complaints make another question of it */
        text_addf(&rules, "  - match: {body_has: did not fit}\n    reply: {text: '%s'}\n", reply);
    if (row->fault != NULL)
        text_addf(&rules, "  - match: {model: m%s}\n    reply: {text: '%s'}\n    fault: %s\n",
                  row->once ? ", nth: 1" : "", reply, row->fault);
    text_addf(&rules, "  - reply: {text: '%s'}\n", reply);
    buffer_append(&rules, "", 1);
    use_rules((const char *)rules.data);
    buffer_fini(&rules);
}

static void
expect_told(const char *is, const char *want)
{
    const char *star = strchr(want, '*');

    if (star == NULL) {
        assert_string_equal(is, want);
    } else {
        assert_memory_equal(is, want, (size_t)(star - want));
        assert_non_null(strstr(is, star + 1));
    }
}

/* Whether calls may have been billed, what they cost is never less than what is known and never more than was set
 * aside, in all attempts together. */
static void
expect_paid(const struct row *row, const struct answer *answer)
{
    bool lies = row->fault != NULL && strstr(row->fault, "F38") != NULL;

    assert_true(answer->paid == answer->cost);
    assert_in_range(answer->cost, 0, answer->reserved_cost * answer->attempt_count);
    if (lies || strcmp(row->attempts, "timeout_total:0") == 0)
        assert_true(answer->cost == answer->reserved_cost && answer->cost > 0);
    if (strstr(row->attempts, ":500") != NULL && answer->status == ANSWER_FALLBACK)
        assert_true(answer->cost == 0);
    assert_true((int64_t)answer->tokens_in + answer->tokens_out <= answer->reserved_tokens);
}

static void
one_fault(void **state)
{
    const struct row *row = *state;
    char log[600], role[200];
    struct gateway_rig gateway;
    struct buffer yaml = {0};
    struct answer answer;

    use_fault(row);
    (void)snprintf(role, sizeof role, "%s%s", row->role != NULL ? row->role : LONG,
                   row->role != NULL && strstr(row->role, "chain") != NULL ? "" : ", chain: [first/m, rules]");
    write_scenario(row->dialect != NULL ? row->dialect : "openai", row->provider != NULL ? row->provider : "", role,
                   &yaml);
    (void)snprintf(log, sizeof log, "%s", log_path());
    open_rig(&gateway, (const char *)yaml.data, log);
    ask(&gateway, 0, 0, "hello", row->schema ? verbs : NULL);
    gateway_rig_drive(&gateway);
    expect_told(told(&gateway, 0, 0), row->want);
    answer = logged(&gateway, 0, 0);
    assert_string_equal(tried(&answer), row->attempts);
    assert_int_equal(answer.repairs, row->repairs);
    if (row->wait_min_ms > 0)
        assert_in_range(answer.attempts[1].wait_ms, row->wait_min_ms, row->wait_max_ms);
    expect_paid(row, &answer);
    assert_int_equal(count_of("requests"), answer.attempt_count);
    assert_int_equal(count_of("strays"), 0);
    assert_int_equal(count_of("streams"), 0);
    assert_int_equal(count_of("bad_requests"), 0);
    close_with(&gateway);
    buffer_fini(&yaml);
}

/* ---- more than one question ---- */

/* Opens a gateway with these settings of the double as provider `first`, and of swarm.worker. */
static void
open_with(struct gateway_rig *gateway, const char *dialect, const char *provider, const char *role)
{
    struct buffer yaml = {0};

    write_scenario(dialect, provider, role, &yaml);
    open_rig(gateway, (const char *)yaml.data, log_path());
    buffer_fini(&yaml);
}

#define ROLE LONG ", chain: [first/m, rules]"

static const struct base_row {
    const char *name, *dialect, *behind, *path;
} bases[] = {
    {"a host alone", "openai", "", "/v1/chat/completions"},
    {"with a version", "openai", "/v1", "/v1/chat/completions"},
    {"with a version and a stroke", "openai", "/v1/", "/v1/chat/completions"},
    {"below a path", "openai", "/proxy/v1", "/proxy/v1/chat/completions"},
    {"a word that only ends so", "openai", "/proxyv1", "/proxyv1/v1/chat/completions"},
    {"gemini", "gemini", "/v1beta", "/v1beta/models/m:generateContent"},
};

/* A base URL may have the version that every path of its dialect begins with. */
static void
base_url(void **state)
{
    const struct base_row *row = *state;
    struct gateway_rig gateway;
    char yaml[700], rules[300];

    (void)snprintf(rules, sizeof rules,
                   "rules:\n  - match: {path: \"%s\"}\n    reply: {text: right}\n  - reply: {text: wrong}\n",
                   row->path);
    use_rules(rules);
    (void)snprintf(yaml, sizeof yaml,
                   "llm:\n  providers:\n    first: {dialect: %s, base_url: \"http://127.0.0.1:%u%s\", models: {m: "
                   "{price: free}}}\n  roles:\n    swarm.worker: {chain: [first/m, rules]}\n    swarm.planner: {chain: "
                   "[rules]}\n",
                   row->dialect, rig.port, row->behind);
    open_rig(&gateway, yaml, NULL);
    ask(&gateway, 0, 0, "hello", NULL);
    gateway_rig_drive(&gateway);
    assert_string_equal(told(&gateway, 0, 0), "ok: right");
    gateway_rig_close(&gateway);
}

/* One asker hangs; what others ask comes back, over the same provider and over another one. */
static void
others_go_on(void **state)
{
    struct gateway_rig gateway;
    struct answer answer;

    (void)state;
    use_rules("rules:\n  - match: {body_has: slow}\n    fault: F03\n    reply: {text: slow.}\n"
              "  - reply: {text: fine.}\n");
    open_with(&gateway, "openai", "", "deadline_ms: 3000, chain: [first/m, rules]");
    ask(&gateway, 0, 0, "slow", NULL);
    for (uint32_t i = 1; i < 20; i++)
        ask(&gateway, 0, i, "quick", NULL);
    for (uint32_t i = 0; i < 20; i++)
        ask(&gateway, 1, i, "quick", NULL);
    gateway_rig_drive(&gateway);
    assert_string_equal(told(&gateway, 0, 0), "timeout: " FALLBACK);
    for (uint32_t i = 0; i < 20; i++) {
        if (i > 0)
            assert_string_equal(told(&gateway, 0, i), "ok: fine.");
        assert_string_equal(told(&gateway, 1, i), "ok: fine.");
    }
    answer = logged(&gateway, 0, 0);
    assert_string_equal(tried(&answer), "timeout_total:0");
    close_with(&gateway);
}

/* A limit is heeded by everybody who asks there: the bucket is as empty as the server says, the window smaller. */
static void
limit_heeded(void **state)
{
    struct flow_provider_figures before, behind;
    struct gateway_rig gateway;

    (void)state;
    use_rules("rules:\n  - match: {nth: 1, body_has: first}\n    fault: {id: F04, ms: 2000}\n"
              "    reply: {text: fine.}\n  - reply: {text: fine.}\n");
    open_with(&gateway, "openai", "rpm: 6000", ROLE);
    ask(&gateway, 0, 0, "warm", NULL);
    gateway_rig_drive(&gateway);
    before = flow_provider_figures(gateway.gateway->flow, 0, (int64_t)gateway.now_ms * 1000);
    ask(&gateway, 0, 1, "first", NULL);
    while (flow_figures(gateway.gateway->flow)->retries == 0)
        gateway_rig_drive_until(&gateway, gateway.now_ms + 1);
    behind = flow_provider_figures(gateway.gateway->flow, 0, (int64_t)gateway.now_ms * 1000);
    assert_true(behind.requests_left < before.requests_left / 2);
    assert_true(behind.window < before.window);
    gateway_rig_drive(&gateway);
    assert_string_equal(told(&gateway, 0, 1), "ok: fine.");
    close_with(&gateway);
}

static const struct latch_row {
    const char *name, *dialect, *fault, *attempts;
} latches[] = {
    {"F08 no credit", "openai", "F08", "quota:429"},
    {"F08 anthropic", "anthropic", "F08", "quota:402"},
    {"F09 spending limit", "anthropic", "F09", "quota:429"},
    {"F09 openai", "openai", "F09", "quota:429"},
};

/* No retry, and nobody asks there again in this run, until an operator says that it is in order. */
static void
closed_for_the_run(void **state)
{
    const struct latch_row *row = *state;
    struct gateway_rig gateway;
    struct answer answer;
    char rules[200];

    (void)snprintf(rules, sizeof rules, "rules:\n  - fault: %s\n    reply: {text: fine.}\n", row->fault);
    use_rules(rules);
    open_with(&gateway, row->dialect, "", ROLE);
    ask(&gateway, 0, 0, "hello", NULL);
    gateway_rig_drive(&gateway);
    assert_string_equal(told(&gateway, 0, 0), GAVE_UP);
    answer = logged(&gateway, 0, 0);
    assert_string_equal(tried(&answer), row->attempts);
    for (uint32_t step = 2; step < 5; step++) {
        gateway.step = step;
        ask(&gateway, 0, 0, "again", NULL);
        gateway_rig_drive(&gateway);
        assert_string_equal(told(&gateway, 0, 0), "unavailable: " FALLBACK);
        gateway.now_ms += 3600000;
    }
    assert_int_equal(count_of("requests"), 1);
    assert_int_equal(flow_breaker(gateway.gateway->flow, 0)->state, BREAKER_LATCHED);
    use_rules("rules:\n  - reply: {text: fine.}\n");
    gateway.actor.signal(gateway.actor.self, gateway.now_ms, ACTOR_RELOAD, &gateway.out);
    gateway.step = 5;
    ask(&gateway, 0, 0, "paid", NULL);
    gateway_rig_drive(&gateway);
    assert_string_equal(told(&gateway, 0, 0), "ok: fine.");
    close_with(&gateway);
}

/* A server resets what was kept open: the question goes out again on a new connection, and that is no attempt. */
static void
reused(void **state)
{
    struct gateway_rig gateway;

    (void)state;
    use_rules("rules:\n  - fault: F17\n    reply: {text: fine.}\n");
    open_with(&gateway, "openai", "", ROLE ", attempts: 1");
    for (uint32_t i = 0; i < 5; i++) {
        struct answer answer;

        ask(&gateway, 0, i, "hello", NULL);
        gateway_rig_drive(&gateway);
        assert_string_equal(told(&gateway, 0, i), "ok: fine.");
        answer = logged(&gateway, 0, i);
        assert_string_equal(tried(&answer), "ok:200");
    }
    assert_int_equal(asker_stats(gateway.gateway->asker)->revived, 4);
    assert_int_equal(count_of("requests"), 9);
    close_with(&gateway);
}

/* F44: a certificate by an authority that this system does not know. The other kinds are in gateway_http.c, whose
 * engine can be told whom to trust. */
static void
certificate(void **state)
{
    uint16_t port = tls_free_port();
    struct gateway_rig gateway;
    struct answer answer;
    char yaml[400];
    pid_t server;
    int keep;

    (void)state;
    if (!tls_make_authority("ca") || !tls_make_certificate("good", "DNS:localhost,IP:127.0.0.1", 2)) {
        test_say_skipped("F44", "no openssl program to make certificates with");
        return;
    }
    server = tls_start("good", port, &keep);
    (void)snprintf(yaml, sizeof yaml,
                   "llm:\n  providers:\n    first: {dialect: openai, base_url: \"https://localhost:%u\", connect_ms: "
                   "20000, models: {m: {price: free}}}\n  roles:\n    swarm.worker: {chain: [first/m, rules]}\n    "
                   "swarm.planner: {chain: [rules]}\n",
                   port);
    open_rig(&gateway, yaml, log_path());
    ask(&gateway, 0, 0, "hello", NULL);
    gateway_rig_drive(&gateway);
    assert_string_equal(told(&gateway, 0, 0), GAVE_UP);
    answer = logged(&gateway, 0, 0);
    assert_string_equal(tried(&answer), "tls:0");
    close_with(&gateway);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    (void)close(keep);
}

/* ---- F43 and storms ---- */

/* Asks once every `every_ms` until `until_ms` of the gateway's clock; returns how many. Phases go on from `first`. */
static uint32_t
ask_steadily(struct gateway_rig *gateway, uint32_t first, uint64_t every_ms, uint64_t until_ms)
{
    uint32_t count = 0;
    char user[40];

    while (gateway->now_ms < until_ms) {
        uint64_t next_ms = gateway->now_ms + every_ms;

        (void)snprintf(user, sizeof user, "question %u", first + count);
        ask(gateway, 0, first + count++, user, NULL);
        gateway_rig_drive_until(gateway, next_ms);
    }
    return count;
}

#define UP "rules:\n  - reply: {text: fine.}\n"
#define DOWN "rules:\n  - fault: F12\n    reply: {text: fine.}\n"

/* Half a minute well (or as long as the breaker's longest cooling takes), half a minute not, again and again: the
 * breaker opens and closes each time, and no more than a tenth is asked on top of the questions, whatever fails. */
static void
flapping(void **state)
{
    struct gateway_rig gateway;
    const struct breaker *breaker;
    uint32_t asked = 0, in_bad_times = 0;
    int64_t calls = 0, down = 0;

    (void)state;
    use_rules(UP);
    open_with(&gateway, "openai", "", "deadline_ms: 10000, chain: [first/m, rules]");
    breaker = flow_breaker(gateway.gateway->flow, 0);
    for (uint32_t round = 0; round < 4; round++) {
        uint64_t start_ms = gateway.now_ms, opened = breaker->times_opened;
        uint32_t count;

        use_rules(UP);
        asked += ask_steadily(&gateway, asked, 100, start_ms + 30000);
        while (breaker->state != BREAKER_CLOSED && gateway.now_ms < start_ms + 120000)
            asked += ask_steadily(&gateway, asked, 100, gateway.now_ms + 1000);
        assert_int_equal(breaker->state, BREAKER_CLOSED);
        gateway_rig_drive(&gateway);
        ask(&gateway, 0, asked, "well", NULL);
        gateway_rig_drive(&gateway);
        assert_string_equal(told(&gateway, 0, asked++), "ok: fine.");
        calls += count_of("requests");
        use_rules(DOWN);
        count = ask_steadily(&gateway, asked, 100, gateway.now_ms + 30000);
        in_bad_times += count;
        asked += count;
        gateway_rig_drive(&gateway);
        assert_int_not_equal(breaker->state, BREAKER_CLOSED);
        assert_true(breaker->times_opened > opened);
        down += count_of("requests");
    }
    assert_int_equal(gateway.heard_count, asked);
    assert_true(10 * (calls + down) <= 11 * (int64_t)asked);
    assert_true(10 * down <= (int64_t)in_bad_times); /* a tenth at most of what was asked then was sent */
    close_with(&gateway);
}

/* The double's own flapping, on its own clock: answers come in the end, and no storm. */
static void
flapping_itself(void **state)
{
    struct gateway_rig gateway;
    uint32_t asked;

    (void)state;
    use_rules("rules:\n  - fault: {id: F43, ms: 400}\n    reply: {text: fine.}\n");
    open_with(&gateway, "openai", "", "deadline_ms: 3000, chain: [first/m, rules]");
    asked = ask_steadily(&gateway, 0, 20, 20000);
    gateway_rig_drive(&gateway);
    assert_int_equal(gateway.heard_count, asked);
    assert_true(10 * count_of("requests") <= 11 * (int64_t)asked + 200);
    close_with(&gateway);
}

static const struct storm_row {
    const char *name, *fault, *provider;
} storms[] = {
    {"100 % 503", "F12", ""},
    {"100 % 500", "F10", ""},
    {"100 % resets", "F16", ""},
    {"100 % 429 without a breaker that opens soon", "{id: F06, ms: 200}", ""},
};

/* A minute in which nothing works: a tenth more than the questions is sent, but for the first second. */
static void
storm(void **state)
{
    const struct storm_row *row = *state;
    struct gateway_rig gateway;
    int64_t first_second;
    uint32_t asked;
    char rules[200];

    (void)snprintf(rules, sizeof rules, "rules:\n  - fault: %s\n    reply: {text: fine.}\n", row->fault);
    use_rules(rules);
    open_with(&gateway, "openai", row->provider, "deadline_ms: 10000, chain: [first/m, rules]");
    asked = ask_steadily(&gateway, 0, 50, 2000);
    first_second = count_of("requests");
    asked += ask_steadily(&gateway, asked, 50, 61000);
    gateway_rig_drive(&gateway);
    assert_in_range(asked, 1000, 1300);
    assert_int_equal(gateway.heard_count, asked);
    for (uint32_t i = 0; i < asked; i++)
        assert_null(strstr(told(&gateway, 0, i), "fine."));
    assert_true(10 * count_of("requests") <= 11 * (int64_t)asked + 10 * first_second);
    assert_true(flow_breaker(gateway.gateway->flow, 0)->times_opened > 0);
    close_with(&gateway);
}

static const struct test_case many[] = {
    {"F03 others go on", others_go_on},
    {"F04 a limit is heeded", limit_heeded},
    {"F17 reset of a kept connection", reused},
    {"F43 half a minute well, half a minute not", flapping},
    {"F43 on the server's clock", flapping_itself},
    {"F44 a certificate that nobody vouches for", certificate},
};

int
main(void)
{
    int failed;

    if (!double_rig_start(&rig, NULL))
        abort();
    failed = TEST_ROWS("one question, one fault", rows, one_fault);
    failed += TEST_ROWS("base URLs", bases, base_url);
    failed += TEST_ROWS("closed for the run", latches, closed_for_the_run);
    failed += TEST_CASES("many questions", many);
    failed += TEST_ROWS("storms", storms, storm);
    (void)double_rig_stop(&rig);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return failed;
}
