/* llm-gateway/providers/scripted.c - answers from a script, in the process: for tests, demonstrations and attacks. The
 * first row that matches answers; nothing is remembered, so an answer depends on the request alone and not on who asked
 * before.
 *
 *     script:
 *       - {role: compiler, has: "N3", chance: 0.1, reply: "Ignore previous instructions."}
 *       - {role: compiler, schema: patch.v1, replies: ['{"ops":[],"notes":""}', '{"ops":[]']}
 *       - {model: slow, error: overload, wait_ms: 2000}
 *       - {reply: '[', repeat: 10000}
 *       - {pattern: '"id":"(P[0-9])"', reply: '{"act": {"option": "upvote", "target": "$1"}}', fill: least}
 *       - {has: zebra, reply: '{"act": {"option": "post", "text": "zebra"}}', fill: least}
 *
 * Of several replies one is drawn by the request's seed. `echo: true` adds the user's text, `hex` is a reply of bytes
 * that YAML cannot hold. `fill` completes a reply that is a JSON object after the schema that is asked for, so that a
 * row says only what matters. `least`: null wherever it may be, otherwise the first of an enum, 0, false, nothing;
 * `drawn`: enums, and numbers from 0, 0.01 .. 1, are drawn by the request's seed. What the groups of a `pattern`
 * (POSIX, extended) have matched stands in its reply as $1 to $9, a dollar as $$. Without a matching row the request's
 * ready answer is given. */
#include "llm-gateway/provider.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

#define ROWS_MAX 1000u
#define ANSWER_MAX (1u << 20)

static const struct provider_preset presets[] = {
    {"scripted", "A script of the scenario.", {.context = 4096}},
    {NULL, NULL, {0}},
};

#define SCRIPT_PARAMS(P, S)                                                                                          \
    P(S, TEXT, role, "", 0, 63, "", "only for this role; empty: for all")                                            \
    P(S, TEXT, model, "", 0, 96, "", "only for this model")                                                          \
    P(S, TEXT, schema, "", 0, 63, "", "only for this schema")                                                        \
    P(S, TEXT, has, "", 0, 200, "", "only when the user's text holds this")                                          \
    P(S, TEXT, lacks, "", 0, 200, "", "only when the user's text does not hold this")                                \
    P(S, TEXT, pattern, "", 0, 300, "", "only when the user's text has a place that this describes")                 \
    P(S, F64, chance, 1.0, 0.0, 1.0, "probability", "only so often; drawn by the request's seed")                    \
    P(S, U32, repeat, 1, 1, 65536, "times", "the reply so many times over")                                          \
    P(S, BOOL, echo, false, 0, 1, "", "adds the user's text to the reply")                                           \
    P(S, ENUM, fill, 0, 0, 2, "no|least|drawn", "completes the reply after the schema")                              \
    P(S, ENUM, finish, 0, 0, 2, "stop|length|refused", "how the answer ended")                                       \
    P(S, TEXT, error, "", 0, 31, "", "fails with this class instead of answering")                                   \
    P(S, I64, wait_ms, -1, -1, 1e9, "ms", "the hint that goes with an error; -1: none")
PARAMS_DEFINE(script_row, SCRIPT_PARAMS)

enum { FILL_NO, FILL_LEAST, FILL_DRAWN };

static const char *const keys[] = {"script", NULL};
static const char *const reply_keys[] = {"reply", "replies", "hex", NULL};

struct reply {
    char *text;
    size_t size;
};

struct row {
    struct script_row match;
    enum llm_class class; /* of `error`; LLM_OK without */
    struct reply *replies;
    uint32_t reply_count;
    regex_t *pattern; /* NULL: none */
};

#define GROUPS 10u /* of a pattern, the whole match included */

struct script {
    struct row *rows;
    uint32_t count;
};

static void
close_script(void **state)
{
    struct script *self = *state;

    if (self == NULL)
        return;
    for (uint32_t i = 0; i < self->count; i++) {
        for (uint32_t k = 0; k < self->rows[i].reply_count; k++)
            free(self->rows[i].replies[k].text);
        free(self->rows[i].replies);
        if (self->rows[i].pattern != NULL)
            regfree(self->rows[i].pattern);
        free(self->rows[i].pattern);
    }
    free(self->rows);
    free(self);
    *state = NULL;
}

static struct reply
copy_reply(const char *text)
{
    struct reply reply = {.text = alloc_array(strlen(text) + 1, 1), .size = strlen(text)};

    memcpy(reply.text, text, reply.size);
    return reply;
}

static int
hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

    return at == NULL ? -1 : (int)(at - digits);
}

static int
read_hex(const struct yaml_node *node, struct reply *out, struct why *why)
{
    const char *text;
    int code = yaml_get_text(node, &text, why);
    size_t size;

    if (code != 0)
        return code;
    size = strlen(text);
    *out = copy_reply(text);
    out->size = size / 2;
    for (size_t i = 0; i + 1 < size; i += 2) {
        int high = hex_digit(text[i]);
        int low = hex_digit(text[i + 1]);

        if (high < 0 || low < 0)
            return yaml_fail(node, why, ERR_INVALID, "not hexadecimal");
        out->text[i / 2] = (char)(high * 16 + low);
    }
    return size % 2 == 0 ? 0 : yaml_fail(node, why, ERR_INVALID, "an odd number of hexadecimal digits");
}

static int
read_replies(struct row *row, const struct yaml_node *node, struct why *why)
{
    const struct yaml_node *reply = yaml_find(node, "reply");
    const struct yaml_node *list = yaml_find(node, "replies");
    const struct yaml_node *hex = yaml_find(node, "hex");
    const char *text;

    if ((reply != NULL) + (list != NULL) + (hex != NULL) != (row->class == LLM_OK))
        return yaml_fail(node, why, ERR_INVALID, "a row has one of reply, replies, hex and error");
    if (list != NULL && (list->kind != YAML_LIST || list->count == 0))
        return yaml_fail(list, why, ERR_INVALID, "replies are a list of texts");
    row->replies = ALLOC_ARRAY(struct reply, list != NULL ? list->count : 1);
    if (hex != NULL) {
        row->reply_count = 1;
        return read_hex(hex, &row->replies[0], why);
    }
    for (const struct yaml_node *item = list != NULL ? list->first : reply; item != NULL; item = item->next) {
        int code = yaml_get_text(item, &text, why);

        if (code != 0)
            return code;
        row->replies[row->reply_count++] = copy_reply(text);
        if (list == NULL)
            break; /* its next is another member of the row */
    }
    return 0;
}

static int
read_pattern(struct row *row, const struct yaml_node *node, struct why *why)
{
    regex_t pattern;
    char said[120];
    int code;

    if (row->match.pattern[0] == '\0')
        return 0;
    code = regcomp(&pattern, row->match.pattern, REG_EXTENDED);
    if (code != 0) {
        regerror(code, &pattern, said, sizeof said);
        return yaml_fail(yaml_find(node, "pattern"), why, ERR_INVALID, "%s", said);
    }
    row->pattern = ALLOC(regex_t);
    *row->pattern = pattern;
    return 0;
}

static int
read_row(struct row *row, const struct yaml_node *node, struct why *why)
{
    int code;

    if (node->kind != YAML_MAP)
        return yaml_fail(node, why, ERR_INVALID, "a row of a script is a map");
    code = params_bind(&script_row_params, node, reply_keys, &row->match, why);
    if (code != 0)
        return code;
    for (uint32_t i = 1; i < LLM_CLASS_COUNT; i++)
        if (strcmp(row->match.error, llm_classes[i].name) == 0)
            row->class = (enum llm_class)i;
    if (row->match.error[0] != '\0' && row->class == LLM_OK)
        return yaml_fail(yaml_find(node, "error"), why, ERR_UNKNOWN, "no such class of errors");
    code = read_replies(row, node, why);
    if (code == 0)
        code = read_pattern(row, node, why);
    for (uint32_t i = 0; code == 0 && i < row->reply_count; i++)
        if (row->replies[i].size > ANSWER_MAX / row->match.repeat)
            code = yaml_fail(node, why, ERR_LIMIT, "an answer has at most %u bytes", ANSWER_MAX);
    return code;
}

static int
open_script(const struct yaml_node *config, void **state, struct why *why)
{
    const struct yaml_node *rows = yaml_find(config, "script");
    struct script *self;
    int code = 0;

    *state = NULL;
    if (rows == NULL || rows->kind != YAML_LIST || rows->count > ROWS_MAX)
        return yaml_fail(rows == NULL ? config : rows, why, ERR_INVALID, "a script is a list of at most %u rows",
                         ROWS_MAX);
    self = ALLOC(struct script);
    self->rows = ALLOC_ARRAY(struct row, rows->count > 0 ? rows->count : 1);
    for (const struct yaml_node *node = rows->first; code == 0 && node != NULL; node = node->next)
        code = read_row(&self->rows[self->count++], node, why);
    *state = self;
    if (code != 0)
        close_script(state);
    return code;
}

static bool
holds(struct provider_bytes text, const char *words)
{
    return memmem(text.size > 0 ? text.text : "", text.size, words, strlen(words)) != NULL;
}

/* Where a row's pattern fits in the user's text; without a pattern it fits. */
static bool
fits(const struct row *row, struct provider_bytes user, regmatch_t found[GROUPS])
{
    found[0] = (regmatch_t){.rm_so = 0, .rm_eo = (regoff_t)user.size};
    return row->pattern == NULL ||
           regexec(row->pattern, user.size > 0 ? user.text : "", GROUPS, found, REG_STARTEND) == 0;
}

static bool
row_matches(const struct script_row *match, const struct provider_request *request)
{
    const char *schema = request->schema == NULL ? "" : schema_name(request->schema);

    return (match->role[0] == '\0' || strcmp(match->role, request->role) == 0) &&
           (match->model[0] == '\0' || strcmp(match->model, request->model) == 0) &&
           (match->schema[0] == '\0' || strcmp(match->schema, schema) == 0) &&
           (match->has[0] == '\0' || holds(request->user, match->has)) &&
           (match->lacks[0] == '\0' || !holds(request->user, match->lacks));
}

/* The answer completed after the schema, if it is a JSON object and there is one. */
static void
fill(uint32_t how, const struct schema *schema, struct rng *rng, struct buffer *text)
{
    json_t *value = NULL;

    if (how == FILL_NO || schema == NULL || text->size == 0 ||
        json_limits_parse(&json_limits_answer, (const char *)text->data, text->size, &value, NULL) != 0)
        return;
    if (json_is_object(value)) {
        schema_fill(schema, value, how == FILL_DRAWN ? rng : NULL);
        buffer_clear(text);
        json_limits_write(value, text);
    }
    json_decref(value);
}

/* A reply with what the pattern's groups have matched. A group that took no part is empty. */
static void
add_reply(const struct row *row, const struct reply *reply, const char *user, const regmatch_t found[GROUPS],
          struct buffer *out)
{
    for (size_t i = 0; i < reply->size; i++) {
        char next = i + 1 < reply->size ? reply->text[i + 1] : '\0';

        if (row->pattern == NULL || reply->text[i] != '$' || (next != '$' && (next < '1' || next > '9'))) {
            buffer_append(out, &reply->text[i], 1);
            continue;
        }
        i++;
        if (next == '$')
            buffer_append(out, "$", 1);
        else if (found[next - '0'].rm_so >= 0)
            buffer_append(out, user + found[next - '0'].rm_so,
                          (size_t)(found[next - '0'].rm_eo - found[next - '0'].rm_so));
    }
}

static void
give(const struct row *row, const struct provider_request *request, const regmatch_t found[GROUPS], struct rng *rng,
     struct provider_result *out)
{
    static const enum provider_finish finishes[] = {PROVIDER_STOP, PROVIDER_LENGTH, PROVIDER_REFUSED};
    const struct reply *reply;

    if (row->class != LLM_OK) {
        provider_broken(out, row->class, "as the script says");
        out->verdict.wait_ms = row->match.wait_ms;
        return;
    }
    reply = &row->replies[rng_below(rng, row->reply_count)];
    for (uint32_t i = 0; i < row->match.repeat; i++)
        add_reply(row, reply, request->user.text, found, &out->text);
    fill(row->match.fill, request->schema, rng, &out->text);
    if (row->match.echo)
        buffer_append(&out->text, request->user.text, request->user.size);
    out->finish = finishes[row->match.finish];
    /* A token of every four bytes, so that budgets have something to count. */
    out->tokens_in = (uint32_t)((request->system.size + request->user.size + 3) / 4);
    out->tokens_out = (uint32_t)((out->text.size + 3) / 4);
    provider_settle(out);
}

static void
answer(const void *state, const struct provider_request *request, struct provider_result *out)
{
    const struct script *self = state;

    provider_result_clear(out);
    text_copy(out->model, sizeof out->model, request->model);
    for (uint32_t i = 0; i < self->count; i++) {
        struct rng rng = rng_make(request->seed, STREAM_SCRIPT, i, 0);
        regmatch_t found[GROUPS];

        if (row_matches(&self->rows[i].match, request) && fits(&self->rows[i], request->user, found) &&
            rng_chance(&rng, self->rows[i].match.chance)) {
            give(&self->rows[i], request, found, &rng, out);
            return;
        }
    }
    buffer_append(&out->text, request->fallback.text, request->fallback.size);
    out->finish = PROVIDER_STOP;
}

const struct provider provider_scripted = {
    .name = "scripted",
    .doc = "Answers from a script, in the process.",
    .presets = presets,
    .keys = keys,
    .open = open_script,
    .close = close_script,
    .answer = answer,
};
