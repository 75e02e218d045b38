/* The double without sockets: what it draws fits the schema or breaks it once, what it spoils is spoiled as said, rules
 * that are wrong are refused with their place, and equal requests in equal order give equal bytes. */
#include "core/streams.h"
#include "tests/support/llmdouble/double_deflate.h"
#include "tests/support/llmdouble/double_fill.h"
#include "tests/support/llmdouble/double_service.h"
#include "tests/support/llmdouble/double_society.h"
#include "tests/support/llmdouble/double_spoil.h"
#include "tests/support/llmdouble/double_timer.h"
#include "tests/support/test.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define SEEDS 60u

static struct double_slice
slice(const struct buffer *text)
{
    return (struct double_slice){(const char *)text->data, text->size};
}

/* ---- a validator of its own, on another JSON library ---- */

static bool fits(const json_t *root, const json_t *schema, const json_t *value);

static bool
is_of_type(const json_t *value, const char *type)
{
    return (strcasecmp(type, "null") == 0 && json_is_null(value)) ||
           (strcasecmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcasecmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcasecmp(type, "number") == 0 && json_is_number(value)) ||
           (strcasecmp(type, "string") == 0 && json_is_string(value)) ||
           (strcasecmp(type, "array") == 0 && json_is_array(value)) ||
           (strcasecmp(type, "object") == 0 && json_is_object(value));
}

static bool
fits_type(const json_t *schema, const json_t *value)
{
    const json_t *type = json_object_get(schema, "type"), *at;
    size_t i;

    if (json_is_true(json_object_get(schema, "nullable")) && json_is_null(value))
        return true;
    if (json_is_string(type))
        return is_of_type(value, json_string_value(type));
    json_array_foreach(type, i, at) if (is_of_type(value, json_string_value(at))) return true;
    return type == NULL;
}

static bool
fits_object(const json_t *root, const json_t *schema, const json_t *value)
{
    const json_t *properties = json_object_get(schema, "properties"), *at;
    const char *key;
    size_t i;

    json_array_foreach(json_object_get(schema, "required"), i,
                       at) if (json_object_get(value, json_string_value(at)) == NULL) return false;
    json_object_foreach((json_t *)(uintptr_t)value, key, at)
    {
        const json_t *inner = json_object_get(properties, key);

        if (inner == NULL ? json_is_false(json_object_get(schema, "additionalProperties")) : !fits(root, inner, at))
            return false;
    }
    return true;
}

static bool
fits_bounds(const json_t *schema, const json_t *value)
{
    const json_t *low = json_object_get(schema, "minimum"), *high = json_object_get(schema, "maximum");
    const json_t *over = json_object_get(schema, "exclusiveMinimum"), *longest = json_object_get(schema, "maxLength");

    if (json_is_string(value) && longest != NULL && json_string_length(value) > (size_t)json_integer_value(longest))
        return false;
    if (!json_is_number(value))
        return true;
    return (low == NULL || json_number_value(value) >= json_number_value(low)) &&
           (high == NULL || json_number_value(value) <= json_number_value(high)) &&
           (over == NULL || json_number_value(value) > json_number_value(over)) && json_number_value(value) > -1e15 &&
           json_number_value(value) < 1e15;
}

static bool
fits(const json_t *root, const json_t *schema, const json_t *value)
{
    const json_t *at, *list = json_object_get(schema, "enum"), *any = json_object_get(schema, "anyOf");
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    bool found = false;
    size_t i;

    if (ref != NULL)
        return fits(root, json_object_get(json_object_get(root, "$defs"), strrchr(ref, '/') + 1), value);
    json_array_foreach(any, i, at) found = found || fits(root, at, value);
    json_array_foreach(list, i, at) found = found || json_equal(at, value);
    if ((any != NULL || list != NULL) && !found)
        return false;
    if (!fits_type(schema, value) || !fits_bounds(schema, value))
        return false;
    json_array_foreach(value, i, at) if (json_object_get(schema, "items") != NULL &&
                                         !fits(root, json_object_get(schema, "items"), at)) return false;
    return !json_is_object(value) || fits_object(root, schema, value);
}

/* ---- filling ---- */

#define EDIT                                                                                                           \
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"do\",\"path\",\"ref\",\"number\",\"due_in\"]" \
    ","                                                                                                                \
    "\"properties\":{\"do\":{\"type\":\"string\",\"enum\":[\"set\",\"append\"]},\"path\":{\"type\":\"string\"},"       \
    "\"ref\":{\"type\":[\"string\",\"null\"]},\"number\":{\"type\":[\"number\",\"null\"]},"                            \
    "\"due_in\":{\"type\":[\"integer\",\"null\"]}}}"

/* clang-format off */
static const struct schema_row {
    const char *name, *text;
    bool closed; /* hostile `extra` has a place */
} schemas[] = {
    {"a patch: nested lists, nullable members, enumerations",
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ops\",\"notes\"],\"properties\":{\"notes\":"
        "{\"type\":\"string\"},\"ops\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
        "\"required\":[\"op\",\"edits\"],\"properties\":{\"op\":{\"type\":\"string\",\"enum\":[\"create\",\"update\"]},"
        "\"edits\":{\"type\":\"array\",\"items\":" EDIT "}}}}}}", true},
    {"bounds, lengths, optional members",
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\",\"d\"],\"properties\":{\"a\":{\"type\":"
        "\"integer\",\"minimum\":-3,\"maximum\":4},\"b\":{\"type\":\"number\",\"minimum\":0.25,\"maximum\":0.5},\"c\":{\"type\":"
        "\"string\",\"maxLength\":7},\"d\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":1},\"e\":{\"type\":"
        "\"boolean\"}}}", true},
    {"references and choices",
        "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"x\",\"y\"],\"properties\":{\"x\":{\"$ref\":"
        "\"#/$defs/n\"},\"y\":{\"anyOf\":[{\"type\":\"integer\"},{\"$ref\":\"#/$defs/n\"}]}},\"$defs\":{\"n\":{\"type\":\"object\","
        "\"additionalProperties\":false,\"required\":[\"v\",\"more\"],\"properties\":{\"v\":{\"type\":\"number\"},\"more\":{\"type\":"
        "\"array\",\"items\":{\"$ref\":\"#/$defs/n\"}}}}}}", true},
    {"Gemini's form", "{\"type\":\"OBJECT\",\"required\":[\"verb\"],\"properties\":{\"verb\":{\"type\":\"STRING\",\"enum\":[\"pass\","
        "\"vote\"]},\"note\":{\"type\":\"STRING\",\"nullable\":true},\"n\":{\"type\":\"INTEGER\"}}}", false},
};
/* clang-format on */

static void
fill_once(const char *schema, enum double_fill_mode mode, enum double_hostility hostility, uint32_t seed,
          struct buffer *out, bool *broke)
{
    struct double_json json = {0};
    struct double_fill fill = {.schema = &json,
                               .mode = mode,
                               .hostility = hostility,
                               .planted = double_slice_of("Ignore all"),
                               .rng = rng_make(seed, STREAM_TEST, 1, 0)};

    assert_int_equal(double_json_parse(&json, double_slice_of(schema), NULL), 0);
    buffer_clear(out);
    *broke = double_fill_value(&fill, double_json_root(&json), out);
    buffer_append(out, "", 1);
    out->size--;
    double_json_fini(&json);
}

static void
fill_fits(void **state)
{
    const struct schema_row *row = *state;
    json_t *schema = json_loads(row->text, 0, NULL);
    struct buffer out = {0};
    bool broke;

    assert_non_null(schema);
    for (uint32_t seed = 0; seed < SEEDS * 3; seed++) {
        enum double_fill_mode mode = seed % 3 == 0   ? DOUBLE_FILL_PLAIN
                                     : seed % 3 == 1 ? DOUBLE_FILL_SANDBOX
                                                     : DOUBLE_FILL_FORBIDDEN;
        json_t *value;

        fill_once(row->text, mode, DOUBLE_HOSTILE_ANY, seed, &out, &broke);
        value = json_loads((const char *)out.data, JSON_REJECT_DUPLICATES, NULL);
        if (value == NULL || !fits(schema, schema, value))
            print_error("seed %u: %s\n", seed, (const char *)out.data);
        assert_non_null(value);
        assert_true(fits(schema, schema, value));
        json_decref(value);
    }
    json_decref(schema);
    buffer_fini(&out);
}

static void
fill_breaks(void **state)
{
    const struct schema_row *row = *state;
    json_t *schema = json_loads(row->text, 0, NULL);
    struct buffer out = {0};
    uint32_t broken = 0;
    bool broke;

    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        for (int how = DOUBLE_HOSTILE_MISSING; how <= DOUBLE_HOSTILE_INJECT; how++) {
            json_t *value;
            bool fit;

            fill_once(row->text, DOUBLE_FILL_BROKEN, (enum double_hostility)how, seed, &out, &broke);
            /* A number beyond a double, or beyond 64 bits, is refused by the parser itself. */
            value = json_loads((const char *)out.data, 0, NULL);
            fit = value != NULL && fits(schema, schema, value);
            if (broke && how == DOUBLE_HOSTILE_INJECT)
                assert_non_null(strstr((const char *)out.data, "Ignore all"));
            else if (fit == broke)
                print_error("%d, seed %u: %s\n", how, seed, (const char *)out.data);
            if (how != DOUBLE_HOSTILE_INJECT)
                assert_int_equal(fit, !broke);
            broken += broke;
            if (how == DOUBLE_HOSTILE_EXTRA)
                assert_int_equal(broke, row->closed);
            json_decref(value);
        }
    }
    assert_true(broken > SEEDS * 2);
    json_decref(schema);
    buffer_fini(&out);
}

/* ---- spoiling ---- */

/* clang-format off */
static const struct spoil_row {
    const char *name, *text, *want;
    enum double_fault_id id;
    uint32_t variant;
    uint64_t size;
} spoils[] = {
    {"fenced", "{\"a\":1}", "```json\n{\"a\":1}\n```", DOUBLE_FAULT_FENCED, 0, 0},
    {"python", "{\"a\":true,\"b\":null,\"c\":\"it's \\\"null\\\"\"}", "{'a':True,'b':None,'c':'it\\'s \"null\"'}",
        DOUBLE_FAULT_PYTHON, 0, 0},
    {"trailing comma", "{\"a\":[1]}", "{\"a\":[1],}", DOUBLE_FAULT_TRAILING, 0, 0},
    {"duplicate key", "{\"a\":1,\"b\":2}", "{\"a\":\"another value\",\"a\":1,\"b\":2}", DOUBLE_FAULT_DUPLICATE, 0, 0},
    {"deep", "{}", "[[[]]]", DOUBLE_FAULT_DEEP, 0, 3},
    {"huge number", "{\"a\":{\"b\":17}}", "{\"a\":{\"b\":5e71028}}", DOUBLE_FAULT_NUMBER, DOUBLE_NUMBER_HUGE, 0},
    {"NaN", "{\"a\":17}", "{\"a\":NaN}", DOUBLE_FAULT_NUMBER, DOUBLE_NUMBER_NAN, 0},
    {"-0 where there was no number", "{\"a\":\"b\"}", "{\"amount\":-0}", DOUBLE_FAULT_NUMBER, DOUBLE_NUMBER_NEGATIVE_ZERO, 0},
    {"bad UTF-8 in the last string", "{\"a\":\"b\"}", "{\"a\":\"b \xff\xc0\xaf\xf5\"}", DOUBLE_FAULT_BYTES, DOUBLE_BYTES_UTF8, 0},
    {"a byte order mark", "x", "\xef\xbb\xbfx", DOUBLE_FAULT_BYTES, DOUBLE_BYTES_BOM, 0},
};
/* clang-format on */

static void
spoil(void **state)
{
    const struct spoil_row *row = *state;
    struct double_fault fault = {row->id, row->variant, 0, row->size};
    struct buffer text = {0};

    buffer_append(&text, row->text, strlen(row->text));
    double_spoil(&text, &fault);
    buffer_append(&text, "", 1);
    assert_string_equal((const char *)text.data, row->want);
    buffer_fini(&text);
}

/* ---- rules ---- */

/* clang-format off */
static const struct rule_row {
    const char *name, *yaml, *want; /* want NULL: they are good */
} rule_rows[] = {
    {"everything", "seed: 3\nrules:\n  - {name: a, match: {path: '*', model: g*, header: {x-a: '*'}, body_has: [a, b], body_re: 'a+', "
                   "nth: 1, every: 2, hash_mod: [10, 3]}, reply: {text: x}, usage: {in: 1, out: 2}, pace: {ttft_ms: 1, per_chunk_ms: "
                   "2, chunk_bytes: 3}, fault: {id: F26, variant: nul}}\n", NULL},
    {"a list alone", "- reply: echo\n- {reply: 'rules:writer', fault: F12}\n", NULL},
    {"JSON lines", "{\"match\":{\"nth\":1},\"fault\":\"F10\"}\n{\"reply\":\"echo\"}\n", NULL},
    {"weights", "- reply: {sandbox: {weights: {vote: 9}}}\n", NULL},
    {"an unknown key", "rules:\n  - {repply: echo}\n", "r.yaml:2:6: rules[0]: unknown key 'repply'; did you mean 'reply'?"},
    {"an unknown reply", "rules:\n  - reply: ecko\n", "r.yaml:2:12: rules[0].reply: unknown reply 'ecko'; did you mean 'echo'?"},
    {"an unknown fault", "- fault: F99\n", "r.yaml:1:10: [0].fault: unknown fault 'F99': they are F01 to F44"},
    {"the fault that needs TLS", "- fault: F44\n", "r.yaml:1:10: [0].fault: F44 needs TLS"},
    {"an unknown variant", "- fault: {id: F26, variant: x}\n", "F26 has no variant 'x', only utf8|surrogate|nul|bom"},
    {"a bad pattern", "- match: {body_re: '('}\n", "r.yaml:1:20: [0].match.body_re: no regular expression: "},
    {"a template's slip", "- reply: {template: 'a ${nobody}'}\n", "r.yaml:1:21: [0].reply.template: nothing fills ${nobody}"},
    {"hash_mod out of range", "- match: {hash_mod: [3, 3]}\n", "r.yaml:1:25: [0].match.hash_mod[1]: 3 is not in 0 to 2"},
    {"a text without its text", "- reply: text\n", "'text' needs a value: {text: ...}"},
    {"a file where none is allowed", "- reply: {file: /etc/hostname}\n", "only allowed in rules read from a file"},
    {"no rules", "seed: 1\n", "r.yaml:1:1: 'rules' with a list of 1 to 10000 rules is needed"},
    {"an unknown hostility", "- reply: {hostile: misssing}\n", "unknown hostility 'misssing'; did you mean 'missing'?"},
};
/* clang-format on */

static void
rules(void **state)
{
    const struct rule_row *row = *state;
    struct double_rules read = {0};
    struct why why = {0};
    int error = double_rules_read(&read, "r.yaml", row->yaml, strlen(row->yaml), NULL, &why);

    if (row->want == NULL ? error != 0 : strstr(why.text, row->want) == NULL)
        print_error("%s\n", why.text);
    assert_int_equal(error == 0, row->want == NULL);
    if (row->want != NULL)
        assert_non_null(strstr(why.text, row->want));
    double_rules_fini(&read);
}

/* ---- the service ---- */

/* clang-format off */
static const struct {
    const char *target, *body;
} requests[] = {
    {"/v1/chat/completions", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello {\\\"id\\\":4}\"}],\"response_format\":"
                             "{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"x\",\"schema\":{\"type\":\"object\",\"required\":"
                             "[\"verb\"],\"properties\":{\"verb\":{\"enum\":[\"pass\",\"vote\"]},\"target\":{\"type\":\"integer\"}}}}}}"},
    {"/v1/chat/completions", "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"/v1/messages", "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"/v1/messages", "{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"/api/chat", "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {"/api/generate", "{\"model\":\"m\",\"stream\":false,\"prompt\":\"hi\"}"},
    {"/completion", "{\"prompt\":\"hi\",\"stream\":true}"},
    {"/v1beta/models/m:generateContent", "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}"},
    {"/v1beta/models/m:streamGenerateContent", "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}"},
};
/* clang-format on */

#define REQUESTS (sizeof requests / sizeof requests[0])

static void
serve(struct double_service *service, size_t which, struct double_reply *reply)
{
    struct buffer bytes = {0};
    struct double_http http = {0};
    struct double_visit visit = {&http, false, false, 500};
    char head[300];
    int size = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nContent-Length: %zu\r\n\r\n", requests[which].target,
                        strlen(requests[which].body));

    buffer_append(&bytes, head, (size_t)size);
    buffer_append(&bytes, requests[which].body, strlen(requests[which].body));
    assert_int_equal(double_http_parse(&http, (const char *)bytes.data, bytes.size), DOUBLE_HTTP_READY);
    double_service_answer(service, &visit, reply);
    double_http_fini(&http);
    buffer_fini(&bytes);
}

/* Every dialect, whole and stream, under every fault with every variant: no promise is broken, and twice the same. */
static void
all_faults(void **state)
{
    (void)state;
    for (int id = 1; id < DOUBLE_FAULT_CERTIFICATE; id++) {
        struct double_service service[2];
        struct double_reply reply[2] = {0};
        char yaml[200];

        snprintf(yaml, sizeof yaml, "- {reply: sandbox, fault: {id: F%02d, ms: 100%s}}\n", id,
                 id == 27 || id == 29 ? ", size: 100000" : "");
        for (int i = 0; i < 2; i++) {
            struct why why = {0};

            double_service_init(&service[i], 11, 1, 0);
            assert_int_equal(double_service_rules(&service[i], "r", double_slice_of(yaml), NULL, 0, &why), 0);
        }
        for (size_t i = 0; i < REQUESTS * 8; i++) {
            serve(&service[0], i % REQUESTS, &reply[0]);
            serve(&service[1], i % REQUESTS, &reply[1]);
            assert_int_equal(reply[0].end, reply[1].end);
            if (id == DOUBLE_FAULT_RATE_DATE)
                continue; /* it names the time */
            assert_int_equal(reply[0].bytes.size, reply[1].bytes.size);
            if (reply[0].bytes.size > 0)
                assert_memory_equal(reply[0].bytes.data, reply[1].bytes.data, reply[0].bytes.size);
        }
        for (int i = 0; i < 2; i++) {
            double_service_fini(&service[i]);
            double_reply_fini(&reply[i]);
        }
    }
}

static void
seeds_and_numbers_count(void **state)
{
    struct double_service service[2];
    struct double_reply reply[2] = {0};

    (void)state;
    double_service_init(&service[0], 1, 1, 0);
    double_service_init(&service[1], 2, 1, 0);
    serve(&service[0], 0, &reply[0]);
    serve(&service[1], 0, &reply[1]);
    assert_true(reply[0].bytes.size != reply[1].bytes.size ||
                memcmp(reply[0].bytes.data, reply[1].bytes.data, reply[0].bytes.size) != 0);
    serve(&service[0], 0, &reply[1]);
    assert_non_null(memmem(reply[0].bytes.data, reply[0].bytes.size, "\"created\":1700000001", 20));
    assert_non_null(memmem(reply[1].bytes.data, reply[1].bytes.size, "\"created\":1700000002", 20));
    for (int i = 0; i < 2; i++) {
        double_service_fini(&service[i]);
        double_reply_fini(&reply[i]);
    }
}

static void
canaries(void **state)
{
    static const char *const rows[][2] = {
        {"The canary word is blue-42.", "blue-42"},
        {"canary: K9", "K9"},
        {"keep CANARY-7f3a secret", "CANARY-7f3a"},
        {"nothing", "CANARY-0000"},
        {"canary", "CANARY-0000"},
    };
    struct double_ask ask = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct double_slice found;

        buffer_clear(&ask.system);
        buffer_append(&ask.system, rows[i][0], strlen(rows[i][0]));
        found = double_content_canary(&ask);
        assert_int_equal(found.size, strlen(rows[i][1]));
        assert_memory_equal(found.at, rows[i][1], found.size);
    }
    double_ask_fini(&ask);
}

/* Each of the fourteen sentences becomes a patch that is not empty, but for parting without a deal. */
static void
sentences(void **state)
{
    struct rng rng = rng_make(5, STREAM_TEST, 9, 0);
    struct buffer sentence = {0}, packet = {0}, patch = {0};
    struct double_json json = {0};

    (void)state;
    for (uint32_t i = 0; i < DOUBLE_SENTENCES; i++) {
        json_t *value;

        buffer_clear(&sentence);
        buffer_clear(&packet);
        buffer_clear(&patch);
        double_society_sentence(i, "N7", "N12", &rng, &sentence);
        buffer_append(&packet, "{\"outcome_summary\":", 19);
        double_json_quote(&packet, (const char *)sentence.data, sentence.size);
        buffer_append(&packet, "}", 1);
        assert_int_equal(double_json_parse(&json, slice(&packet), NULL), 0);
        double_society_compile(&json, &patch);
        value = json_loadb((const char *)patch.data, patch.size, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(value);
        assert_string_equal(json_string_value(json_object_get(value, "notes")), "");
        assert_int_equal(json_array_size(json_object_get(value, "ops")) > 0, i + 1 < DOUBLE_SENTENCES);
        json_decref(value);
    }
    double_json_fini(&json);
    buffer_fini(&sentence);
    buffer_fini(&packet);
    buffer_fini(&patch);
}

/* A loan in full, compared with what the sentence says. */
static void
loan(void **state)
{
    static const char packet[] = "{\"outcome_summary\":\"N1 lends N2 3.50 coin, due in 4 steps at 0.05.\"}";
    struct double_json json = {0};
    struct buffer patch = {0};
    json_t *value, *op;

    (void)state;
    assert_int_equal(double_json_parse(&json, double_slice_of(packet), NULL), 0);
    double_society_compile(&json, &patch);
    value = json_loadb((const char *)patch.data, patch.size, 0, NULL);
    op = json_array_get(json_object_get(value, "ops"), 1);
    assert_string_equal(json_string_value(json_object_get(op, "target")), "N2");
    op = json_array_get(json_object_get(op, "edits"), 0);
    assert_string_equal(json_string_value(json_object_get(op, "path")), "debts");
    assert_string_equal(json_string_value(json_object_get(op, "party")), "N1");
    assert_close(json_number_value(json_object_get(op, "number")), 3.5, 0);
    assert_int_equal(json_integer_value(json_object_get(op, "due_in")), 4);
    assert_close(json_number_value(json_object_get(op, "rate")), 0.05, 0);
    json_decref(value);
    double_json_fini(&json);
    buffer_fini(&patch);
}

/* Numbers leave the heap in the order of their times whatever was set again or cancelled. */
static void
timers(void **state)
{
    struct rng rng = rng_make(8, STREAM_TEST, 9, 0);
    struct double_timers heap;
    uint64_t due[200], last = 0;
    uint32_t left = 0, who;

    (void)state;
    double_timers_init(&heap, 200);
    for (uint32_t i = 0; i < 200; i++)
        due[i] = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        who = rng_below(&rng, 200);
        due[who] = rng_below(&rng, 4) == 0 ? 0 : 1 + rng_below(&rng, 1000);
        if (due[who] == 0)
            double_timers_cancel(&heap, who);
        else
            double_timers_set(&heap, who, due[who]);
    }
    for (uint32_t i = 0; i < 200; i++)
        left += due[i] != 0;
    for (; double_timers_take(&heap, 1000, &who); left--) {
        assert_true(due[who] >= last && due[who] > 0);
        last = due[who];
        due[who] = 0;
    }
    assert_int_equal(left, 0);
    double_timers_fini(&heap);
}

static const struct test_case cases[] = {
    {"every fault in every dialect, twice the same", all_faults},
    {"another seed or number is another answer", seeds_and_numbers_count},
    {"canaries are found", canaries},
    {"what the writer writes the compiler reads", sentences},
    {"a loan in full", loan},
    {"timers leave in order", timers},
};

int
main(void)
{
    int failures = TEST_ROWS("double_fill fits", schemas, fill_fits);

    failures += TEST_ROWS("double_fill breaks", schemas, fill_breaks);
    failures += TEST_ROWS("double_spoil", spoils, spoil);
    failures += TEST_ROWS("double_rule", rule_rows, rules);
    failures += TEST_CASES("double_service", cases);
    return failures;
}
