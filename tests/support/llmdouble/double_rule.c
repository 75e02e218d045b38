#include "tests/support/llmdouble/double_rule.h"

#include "core/params.h"
#include "core/text.h"
#include "tests/support/llmdouble/double_template.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RULES_MAX 10000u
#define FILE_MAX (16u << 20)

/* Where rules are read into, and what for errors and files is needed. */
struct reader {
    struct double_rules *rules;
    const char *folder;
    struct why *why;
};

static const char *const reply_names[] = {"text",    "template", "schema_fill",  "echo",           "file",
                                          "hostile", "sandbox",  "rules:writer", "rules:compiler", NULL};
static const char *const hostility_names[] = {"missing", "type", "extra", "number", "inject", "canary", "any", NULL};

_Static_assert(sizeof reply_names / sizeof reply_names[0] == DOUBLE_REPLY_KINDS + 1, "a name each");
_Static_assert(sizeof hostility_names / sizeof hostility_names[0] == DOUBLE_HOSTILITIES + 1, "a name each");

void
double_rules_fini(struct double_rules *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (self->rules[i].body_re != NULL) {
            regfree(self->rules[i].body_re);
            free(self->rules[i].body_re);
        }
        buffer_fini(&self->files[i]);
    }
    free(self->rules);
    free(self->files);
    if (self->tree != NULL)
        yaml_destroy(&self->tree);
    *self = (struct double_rules){0};
}

static uint32_t
find_name(const char *name, const char *const *names, uint32_t none)
{
    for (uint32_t i = 0; names[i] != NULL; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return none;
}

static int
refuse_key(const struct yaml_node *member, const char *const *names, struct why *why)
{
    const char *near = params_nearest(member->key, names);

    return yaml_fail_key(member, why, ERR_UNKNOWN, "unknown key '%s'%s%s%s", member->key,
                         near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

static int
refuse_word(const struct yaml_node *node, const char *word, const char *what, const char *const *names, struct why *why)
{
    const char *near = params_nearest(word, names);

    return yaml_fail(node, why, ERR_UNKNOWN, "unknown %s '%s'%s%s%s", what, word,
                     near != NULL ? "; did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?" : "");
}

static int
need_map(const struct yaml_node *node, const char *what, struct why *why)
{
    char shown[YAML_SHOWN_SIZE];

    if (node->kind == YAML_MAP)
        return 0;
    return yaml_fail(node, why, ERR_INVALID, "%s is a map, not %s", what, yaml_shown(node, shown));
}

static int
read_count(const struct yaml_node *node, int64_t low, int64_t high, int64_t *out, struct why *why)
{
    int error = yaml_get_integer(node, out, why);

    if (error != 0)
        return error;
    if (*out < low || *out > high)
        return yaml_fail(node, why, ERR_LIMIT, "%" PRId64 " is not in %" PRId64 " to %" PRId64, *out, low, high);
    return 0;
}

static int
read_u32(const struct yaml_node *node, int64_t low, uint32_t *out, struct why *why)
{
    int64_t value = 0;
    int error = read_count(node, low, UINT32_MAX - 1, &value, why);

    *out = (uint32_t)value;
    return error;
}

static int
read_texts(const struct yaml_node *node, bool list, struct why *why)
{
    const char *text;
    int error = 0;

    if (list ? node->kind == YAML_SCALAR : node->kind == YAML_NULL)
        return yaml_get_text(node, &text, why);
    if (node->kind != (list ? YAML_LIST : YAML_MAP))
        return yaml_fail(node, why, ERR_INVALID, list ? "a text or a list of texts is needed" : "a map is needed");
    for (const struct yaml_node *at = node->first; at != NULL && error == 0; at = at->next)
        error = yaml_get_text(at, &text, why);
    return error;
}

static int
read_regex(const struct yaml_node *node, struct double_rule *rule, struct why *why)
{
    const char *text = NULL;
    char message[200];
    int error = yaml_get_text(node, &text, why);

    if (error != 0)
        return error;
    rule->body_re = calloc(1, sizeof *rule->body_re);
    if (rule->body_re == NULL)
        abort();
    error = regcomp(rule->body_re, text, REG_EXTENDED | REG_NOSUB);
    if (error == 0)
        return 0;
    regerror(error, rule->body_re, message, sizeof message);
    free(rule->body_re);
    rule->body_re = NULL;
    return yaml_fail(node, why, ERR_INVALID, "no regular expression: %s", message);
}

static int
read_hash_mod(const struct yaml_node *node, struct double_rule *rule, struct why *why)
{
    int64_t mod = 0, rest = 0;
    int error;

    if (node->kind == YAML_LIST && node->count == 2) {
        error = read_count(node->first, 1, UINT32_MAX, &mod, why);
        if (error == 0)
            error = read_count(node->first->next, 0, mod - 1, &rest, why);
    } else {
        error = read_count(node, 1, UINT32_MAX, &mod, why);
    }
    rule->hash_mod = (uint32_t)mod;
    rule->hash_rest = (uint32_t)rest;
    return error;
}

static int
read_match(const struct yaml_node *map, struct double_rule *rule, struct why *why)
{
    static const char *const names[] = {"path", "model", "header",   "body_has", "body_re",
                                        "nth",  "every", "hash_mod", NULL};
    int error = need_map(map, "match", why);

    for (const struct yaml_node *at = map->first; at != NULL && error == 0; at = at->next) {
        switch (find_name(at->key, names, 99)) {
        case 0: error = yaml_get_text(at, &rule->path, why); break;
        case 1: error = yaml_get_text(at, &rule->model, why); break;
        case 2: error = read_texts(rule->headers = at, false, why); break;
        case 3: error = read_texts(rule->body_has = at, true, why); break;
        case 4: error = read_regex(at, rule, why); break;
        case 5: error = read_u32(at, 1, &rule->nth, why); break;
        case 6: error = read_u32(at, 1, &rule->every, why); break;
        case 7: error = read_hash_mod(at, rule, why); break;
        default: error = refuse_key(at, names, why);
        }
    }
    return error;
}

static int
read_file(const struct reader *reader, const struct yaml_node *node, struct double_rule *rule, struct buffer *out)
{
    const char *name = NULL;
    char path[4200];
    int error = yaml_get_text(node, &name, reader->why);
    FILE *file;
    size_t size;

    if (error != 0)
        return error;
    if (reader->folder == NULL)
        return yaml_fail(node, reader->why, ERR_DENIED,
                         "a reply from a file is only allowed in rules read from a file");
    snprintf(path, sizeof path, "%s%s%s", name[0] == '/' ? "" : reader->folder, name[0] == '/' ? "" : "/", name);
    file = fopen(path, "rbe");
    if (file == NULL)
        return yaml_fail(node, reader->why, ERR_MISSING, "%s cannot be opened", path);
    do {
        buffer_reserve(out, 65536);
        size = fread(out->data + out->size, 1, 65536, file);
        out->size += size;
    } while (size > 0 && out->size <= FILE_MAX);
    error = ferror(file);
    fclose(file);
    if (error != 0 || out->size > FILE_MAX)
        return yaml_fail(node, reader->why, ERR_IO, "%s cannot be read, or is over %u bytes", path, FILE_MAX);
    rule->text = (struct double_slice){(const char *)out->data, out->size};
    return 0;
}

static int
read_weights(const struct yaml_node *node, struct double_rule *rule, struct why *why)
{
    static const char *const names[] = {"weights", NULL};
    uint32_t weight;
    int error = 0;

    if (node->kind == YAML_NULL)
        return 0;
    error = need_map(node, node->key, why);
    for (const struct yaml_node *at = node->first; at != NULL && error == 0; at = at->next) {
        if (strcmp(at->key, "weights") != 0)
            return refuse_key(at, names, why);
        error = need_map(at, "weights", why);
        rule->weights = at;
        for (const struct yaml_node *word = at->first; word != NULL && error == 0; word = word->next)
            error = read_u32(word, 0, &weight, why);
        if (error == 0 && at->count > 1000)
            error = yaml_fail(at, why, ERR_LIMIT, "more than 1000 weights");
    }
    return error;
}

static int
read_hostility(const struct yaml_node *node, struct double_rule *rule, struct why *why)
{
    const char *word = NULL;
    int error = yaml_get_text(node, &word, why);

    if (error != 0)
        return error;
    rule->hostility = find_name(word, hostility_names, DOUBLE_HOSTILITIES);
    return rule->hostility == DOUBLE_HOSTILITIES ? refuse_word(node, word, "hostility", hostility_names, why) : 0;
}

/* The one member of the reply's map. */
static int
read_reply_member(const struct reader *reader, const struct yaml_node *node, struct double_rule *rule,
                  struct buffer *file)
{
    const char *text = NULL;
    int error;

    switch (rule->reply) {
    case DOUBLE_REPLY_TEXT:
    case DOUBLE_REPLY_TEMPLATE:
        error = yaml_get_text(node, &text, reader->why);
        if (error != 0)
            return error;
        rule->text = double_slice_of(text);
        return rule->reply == DOUBLE_REPLY_TEMPLATE ? double_template_check(node, text, reader->why) : 0;
    case DOUBLE_REPLY_FILE: return read_file(reader, node, rule, file);
    case DOUBLE_REPLY_HOSTILE: return read_hostility(node, rule, reader->why);
    case DOUBLE_REPLY_SCHEMA_FILL:
    case DOUBLE_REPLY_SANDBOX: return read_weights(node, rule, reader->why);
    default:
        return node->kind == YAML_NULL ? 0 : yaml_fail(node, reader->why, ERR_INVALID, "%s takes nothing", node->key);
    }
}

static int
read_reply(const struct reader *reader, const struct yaml_node *node, struct double_rule *rule, struct buffer *file)
{
    const char *word = NULL;
    int error = 0;

    if (node->kind == YAML_MAP && node->count == 1)
        word = node->first->key;
    else if (node->kind == YAML_SCALAR)
        error = yaml_get_text(node, &word, reader->why);
    else
        return yaml_fail(node, reader->why, ERR_INVALID, "a reply is a word or a map of one member");
    if (error != 0)
        return error;
    rule->reply = find_name(word, reply_names, DOUBLE_REPLY_KINDS);
    if (rule->reply == DOUBLE_REPLY_KINDS)
        return refuse_word(node, word, "reply", reply_names, reader->why);
    if (node->kind == YAML_MAP)
        return read_reply_member(reader, node->first, rule, file);
    if (rule->reply == DOUBLE_REPLY_TEXT || rule->reply == DOUBLE_REPLY_TEMPLATE || rule->reply == DOUBLE_REPLY_FILE)
        return yaml_fail(node, reader->why, ERR_INVALID, "'%s' needs a value: {%s: ...}", word, word);
    return 0;
}

static int
read_usage(const struct yaml_node *map, struct double_rule *rule, struct why *why)
{
    static const char *const names[] = {"in", "out", NULL};
    int error = need_map(map, "usage", why);

    for (const struct yaml_node *at = map->first; at != NULL && error == 0; at = at->next) {
        uint32_t which = find_name(at->key, names, 99);

        error = which == 99
                    ? refuse_key(at, names, why)
                    : read_count(at, 0, INT64_C(1000000000000), which == 0 ? &rule->tokens_in : &rule->tokens_out, why);
    }
    return error;
}

static int
read_pace(const struct yaml_node *map, struct double_rule *rule, struct why *why)
{
    static const char *const names[] = {"ttft_ms", "per_chunk_ms", "chunk_bytes", NULL};
    int error = need_map(map, "pace", why);

    for (const struct yaml_node *at = map->first; at != NULL && error == 0; at = at->next) {
        switch (find_name(at->key, names, 99)) {
        case 0: error = read_u32(at, 0, &rule->ttft_ms, why); break;
        case 1: error = read_u32(at, 0, &rule->per_chunk_ms, why); break;
        case 2: error = read_u32(at, 1, &rule->chunk_bytes, why); break;
        default: error = refuse_key(at, names, why);
        }
    }
    return error;
}

static int
read_fault_id(const struct yaml_node *node, struct double_fault *fault, struct why *why)
{
    const char *word = NULL;
    int error = yaml_get_text(node, &word, why);

    if (error != 0)
        return error;
    fault->id = double_fault_find(word);
    if (fault->id == DOUBLE_FAULT_NONE)
        return yaml_fail(node, why, ERR_UNKNOWN, "unknown fault '%s': they are F01 to F%02d", word,
                         DOUBLE_FAULT_END - 1);
    if (fault->id == DOUBLE_FAULT_CERTIFICATE)
        return yaml_fail(node, why, ERR_INVALID, "F44 needs TLS, which this double does not speak");
    fault->variant = DOUBLE_FAULT_DRAWN;
    fault->ms = double_fault_kind(fault->id)->ms;
    fault->size = double_fault_kind(fault->id)->size;
    return 0;
}

static int
read_variant(const struct yaml_node *node, struct double_fault *fault, struct why *why)
{
    const char *word = NULL, *all = double_fault_kind(fault->id)->variants;
    int error = yaml_get_text(node, &word, why);

    if (error != 0)
        return error;
    fault->variant = double_fault_variant(fault->id, word);
    if (fault->variant != DOUBLE_FAULT_DRAWN)
        return 0;
    return yaml_fail(node, why, ERR_UNKNOWN, "F%02d has no variant '%s'%s%s", (int)fault->id, word,
                     all[0] != '\0' ? ", only " : "", all);
}

static int
read_fault(const struct yaml_node *node, struct double_fault *fault, struct why *why)
{
    static const char *const names[] = {"id", "variant", "ms", "size", NULL};
    const struct yaml_node *id;
    int64_t size = 0;
    int error;

    if (node->kind != YAML_MAP)
        return read_fault_id(node, fault, why);
    id = yaml_find(node, "id");
    if (id == NULL)
        return yaml_fail(node, why, ERR_MISSING, "the fault has no id");
    error = read_fault_id(id, fault, why);
    for (const struct yaml_node *at = node->first; at != NULL && error == 0; at = at->next) {
        switch (find_name(at->key, names, 99)) {
        case 0: break;
        case 1: error = read_variant(at, fault, why); break;
        case 2: error = read_u32(at, 0, &fault->ms, why); break;
        case 3:
            error = read_count(at, 1, INT64_C(1) << 32, &size, why);
            fault->size = (uint64_t)size;
            break;
        default: error = refuse_key(at, names, why);
        }
    }
    return error;
}

static int
read_rule(const struct reader *reader, const struct yaml_node *map, struct double_rule *rule, struct buffer *file)
{
    static const char *const names[] = {"name", "match", "reply", "usage", "pace", "fault", NULL};
    struct why *why = reader->why;
    int error = need_map(map, "a rule", why);

    *rule = (struct double_rule){.tokens_in = -1, .tokens_out = -1, .chunk_bytes = 16, .reply = DOUBLE_REPLY_SANDBOX};
    for (const struct yaml_node *at = map->first; at != NULL && error == 0; at = at->next) {
        switch (find_name(at->key, names, 99)) {
        case 0: error = yaml_get_text(at, &rule->name, why); break;
        case 1: error = read_match(at, rule, why); break;
        case 2: error = read_reply(reader, at, rule, file); break;
        case 3: error = read_usage(at, rule, why); break;
        case 4: error = read_pace(at, rule, why); break;
        case 5: error = read_fault(at, &rule->fault, why); break;
        default: error = refuse_key(at, names, why);
        }
    }
    return error;
}

static int
read_all(struct reader *reader, const struct yaml_node *root)
{
    static const char *const names[] = {"seed", "rules", "steady", NULL};
    struct double_rules *self = reader->rules;
    const struct yaml_node *list = root->kind == YAML_MAP ? yaml_find(root, "rules") : root;
    int64_t seed = 0;
    int error = 0;

    for (const struct yaml_node *at = root->kind == YAML_MAP ? root->first : NULL; at != NULL && error == 0;
         at = at->next) {
        uint32_t which = find_name(at->key, names, 99);

        if (which == 99)
            return refuse_key(at, names, reader->why);
        if (which == 0) {
            error = read_count(at, 0, INT64_MAX, &seed, reader->why);
            self->has_seed = true;
            self->seed = (uint64_t)seed;
        }
        if (which == 2)
            error = yaml_get_bool(at, &self->steady, reader->why);
    }
    if (error != 0)
        return error;
    if (list == NULL || list->kind != YAML_LIST || list->count == 0 || list->count > RULES_MAX)
        return yaml_fail(root, reader->why, ERR_INVALID, "'rules' with a list of 1 to %u rules is needed", RULES_MAX);
    self->rules = calloc(list->count, sizeof *self->rules);
    self->files = calloc(list->count, sizeof *self->files);
    if (self->rules == NULL || self->files == NULL)
        abort();
    for (const struct yaml_node *at = list->first; at != NULL && error == 0; at = at->next) {
        self->count++;
        error = read_rule(reader, at, &self->rules[self->count - 1], &self->files[self->count - 1]);
    }
    return error;
}

/* JSON lines are YAML once they stand in a list; lines keep their numbers, the first one's columns move by one. */
static void
enlist_lines(const char *text, size_t size, struct buffer *out)
{
    bool some = false;

    text_add(out, "[");
    for (const char *at = text, *end = text + size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((stop == NULL ? end : stop) - at);

        if (strspn(at, " \t\r\n") < length) {
            text_add(out, some ? "," : "");
            some = true;
        }
        buffer_append(out, at, length);
        text_add(out, "\n");
        at += length + 1;
    }
    text_add(out, "]\n");
}

/* Several lines that each begin with a brace. */
static bool
is_lines(const char *text, size_t size)
{
    const char *second = size == 0 ? NULL : memchr(text, '\n', size);

    return size > 0 && text[0] == '{' && second != NULL && second + 1 < text + size && second[1] == '{';
}

int
double_rules_read(struct double_rules *self, const char *name, const char *text, size_t size, const char *folder,
                  struct why *why)
{
    struct double_rules fresh = {0};
    struct reader reader = {&fresh, folder, why};
    struct buffer copy = {0}, lines = {0};
    int error;

    buffer_append(&copy, text, size);
    buffer_append(&copy, "", 1); /* a terminator, so that blanks can be skipped to it */
    if (is_lines((const char *)copy.data, size))
        enlist_lines((const char *)copy.data, size, &lines);
    error = lines.size > 0 ? yaml_read_text(name, (const char *)lines.data, lines.size, &fresh.tree, why)
                           : yaml_read_text(name, (const char *)copy.data, size, &fresh.tree, why);
    if (error == 0)
        error = read_all(&reader, yaml_root(fresh.tree));
    buffer_fini(&copy);
    buffer_fini(&lines);
    if (error != 0) {
        double_rules_fini(&fresh);
        return error;
    }
    double_rules_fini(self);
    *self = fresh;
    return 0;
}

void
double_rules_default(struct double_rules *self)
{
    static const char text[] = "rules: [{name: sandbox, reply: sandbox}]\n";

    if (double_rules_read(self, "default", text, sizeof text - 1, NULL, NULL) != 0)
        abort();
}

static bool
fits(const char *pattern, struct double_slice text)
{
    char copy[1024];

    if (text.size >= sizeof copy)
        return false;
    memcpy(copy, text.size > 0 ? text.at : "", text.size);
    copy[text.size] = '\0';
    return fnmatch(pattern, copy, 0) == 0;
}

static bool
has_texts(const struct yaml_node *node, struct double_slice body)
{
    if (node->kind == YAML_SCALAR)
        return double_slice_has(body, node->text);
    for (const struct yaml_node *at = node->first; at != NULL; at = at->next)
        if (!double_slice_has(body, at->text))
            return false;
    return true;
}

/* On a terminated copy: the pattern looks no further than a NUL in the body. */
static bool
has_pattern(const regex_t *pattern, struct double_slice body)
{
    struct buffer copy = {0};
    bool found;

    buffer_append(&copy, body.at, body.size);
    buffer_append(&copy, "", 1);
    found = regexec(pattern, (const char *)copy.data, 0, NULL, 0) == 0;
    buffer_fini(&copy);
    return found;
}

static bool
has_headers(const struct yaml_node *map, const struct double_http *http)
{
    for (const struct yaml_node *at = map->first; at != NULL; at = at->next) {
        struct double_slice value = double_http_header(http, at->key);

        if (value.at == NULL || !fits(at->text, value))
            return false;
    }
    return true;
}

static bool
matches(const struct double_rule *rule, const struct double_occasion *occasion)
{
    return (rule->nth == 0 || rule->nth == occasion->number) &&
           (rule->every == 0 || occasion->number % rule->every == 0) &&
           (rule->hash_mod == 0 || occasion->hash % rule->hash_mod == rule->hash_rest) &&
           (rule->path == NULL || fits(rule->path, occasion->http->path)) &&
           (rule->model == NULL || fits(rule->model, occasion->model)) &&
           (rule->headers == NULL || has_headers(rule->headers, occasion->http)) &&
           (rule->body_has == NULL || has_texts(rule->body_has, occasion->http->body)) &&
           (rule->body_re == NULL || has_pattern(rule->body_re, occasion->http->body));
}

struct double_rule *
double_rules_find(struct double_rules *self, const struct double_occasion *occasion)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (matches(&self->rules[i], occasion))
            return &self->rules[i];
    return NULL;
}
