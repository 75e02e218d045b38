/* The gateway as a whole against llmdouble: for every fault that a provider can have, what the asker is told, what the
 * call log says was tried, how often the provider was asked, and that nothing stays open behind it. The gateway never
 * asks for streams; the faults of streams are looked at where streams are read. F44 is in gateway_tls.c. */
#include "tests/support/gateway_rig.h"
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

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
              verbs, dialect, rig.port, provider[0] != '\0' ? ", " : "", provider,
              rig.port, role);
    buffer_append(out, "", 1);
}

static const struct gateway_client clients[] = {{"swarm.worker", 4}, {"swarm.planner", 4}};

static void
open_rig(struct gateway_rig *gateway, const char *yaml, const char *log)
{
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
    struct prompt_plan plan = {.role = clients[slot].role,
                               .system = "be brief",
                               .schema = schema,
                               .span = 1,
                               .rows = &row,
                               .row_count = 1};

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

/* `want`: what is told; a prefix where it ends in a star. `once`: the same question meets the fault the first time only.
 * Waits are looked at in the log, where one of them is 0 they are not. */
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
    {"F01 silence, twice", "F01", "ok: fine.", "timeout_first:0 ok:200", .once = true, .provider = "first_ms: 150"},
    {"F02 stall until the deadline", "F02", "timeout: " FALLBACK, "timeout_total:0", .role = SHORT},
    {"F02 stall, then well", "F02", "ok: fine.", "timeout_idle:0 ok:200", .once = true, .provider = "idle_ms: 150"},
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
    {"F25 -0", "{id: F25, variant: negative_zero}", "ok: {\"verb\":\"pass\",\"amount\":-0,\"done\":null,\"note\":null}", "ok:200", .schema = true, .reply = SHORT_ACT},
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
    uint32_t files = gateway_rig_file_count();
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
    gateway_rig_finish(&gateway);
    gateway_rig_close(&gateway);
    assert_int_equal(gateway_rig_file_count(), files);
    buffer_fini(&yaml);
}

int
main(void)
{
    int failed;

    if (!double_rig_start(&rig, NULL))
        abort();
    failed = TEST_ROWS("one question, one fault", rows, one_fault);
    (void)double_rig_stop(&rig);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return failed;
}
