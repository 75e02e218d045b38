#include "tests/support/llmdouble/double_fill.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>

#define DEPTH_SMALL 6u /* from here on what may be absent is */
#define DEPTH_MAX 24u
#define NO_SITE UINT32_MAX

enum { T_NULL = 1, T_BOOLEAN = 2, T_INTEGER = 4, T_NUMBER = 8, T_STRING = 16, T_ARRAY = 32, T_OBJECT = 64 };

static void fill(struct double_fill *self, const struct double_json_node *schema, struct double_slice name,
                 uint32_t depth, struct buffer *out);

/* ---- reading a schema ---- */

static unsigned
type_of(struct double_slice name)
{
    static const char *const names[] = {"null", "boolean", "integer", "number", "string", "array", "object"};

    for (unsigned i = 0; i < 7; i++)
        if (double_slice_is_word(name, names[i]))
            return 1u << i;
    return 0;
}

static unsigned
types_of(const struct double_json *json, const struct double_json_node *schema)
{
    const struct double_json_node *type = double_json_find(json, schema, "type"), *at;
    unsigned types = double_json_is(type, DOUBLE_JSON_STRING) ? type_of(type->text) : 0;

    if (double_json_is(type, DOUBLE_JSON_ARRAY))
        for (at = double_json_first(json, type); at != NULL; at = double_json_next(json, at))
            types |= type_of(double_json_text(at));
    if (types == 0)
        types = double_json_find(json, schema, "properties") != NULL ? T_OBJECT
                : double_json_find(json, schema, "items") != NULL    ? T_ARRAY
                                                                     : T_STRING;
    if (double_json_is(double_json_find(json, schema, "nullable"), DOUBLE_JSON_TRUE))
        types |= T_NULL;
    return types;
}

static const struct double_json_node *
follow(const struct double_fill *self, const struct double_json_node *schema)
{
    for (int hops = 0; hops < 16; hops++) {
        struct double_slice ref = double_json_text(double_json_find(self->schema, schema, "$ref"));
        const struct double_json_node *at = self->root;
        const char *from = ref.at, *end = ref.at + ref.size;

        if (ref.size < 2 || ref.at[0] != '#')
            return schema;
        for (from += 2; from < end && at != NULL;) {
            const char *stop = memchr(from, '/', (size_t)(end - from));
            char key[128];

            snprintf(key, sizeof key, "%.*s", (int)((stop == NULL ? end : stop) - from), from);
            at = double_json_find(self->schema, at, key);
            from = stop == NULL ? end : stop + 1;
        }
        if (at == NULL)
            return schema;
        schema = at;
    }
    return schema;
}

static bool
lists(const struct double_json *json, const struct double_json_node *list, struct double_slice name)
{
    const struct double_json_node *at = double_json_first(json, list);

    for (; at != NULL; at = double_json_next(json, at))
        if (at->text.size == name.size && memcmp(at->text.at, name.at, name.size) == 0)
            return true;
    return false;
}

/* True at the one place that is to be broken. */
static bool
breaks(struct double_fill *self, enum double_hostility hostility)
{
    return self->mode == DOUBLE_FILL_BROKEN && self->hostility == hostility && self->site++ == self->site_wanted;
}

/* ---- scalars ---- */

static uint32_t
word_weight(const struct double_fill *self, struct double_slice word)
{
    static const struct {
        const char *word;
        uint32_t weight;
    } usual[] = {
        {"pass", 2},        {"post", 4},     {"reply", 4},       {"vote", 5},          {"claim_task", 6},
        {"submit_work", 8}, {"verify", 5},   {"post_bounty", 1}, {"bid", 3},           {"accept_bid", 3},
        {"dispute", 1},     {"moderate", 1}, {"decompose", 2},   {"assign", 3},        {"accept", 6},
        {"reject", 2},      {"none", 1},     {"trade", 4},       {"collaboration", 4},
    };
    uint32_t weight = self->mode == DOUBLE_FILL_SANDBOX ? 3 : 1;

    for (unsigned i = 0; i < sizeof usual / sizeof usual[0] && self->mode == DOUBLE_FILL_SANDBOX; i++)
        if (double_slice_is_word(word, usual[i].word))
            weight = usual[i].weight;
    for (const struct yaml_node *at = self->weights == NULL ? NULL : self->weights->first; at != NULL; at = at->next) {
        int64_t given = 0;

        if (double_slice_is(word, at->key) && yaml_get_integer(at, &given, NULL) == 0)
            weight = given > 1000000 ? 1000000 : (uint32_t)given;
    }
    return weight;
}

static void
fill_enum(struct double_fill *self, const struct double_json_node *list, struct buffer *out)
{
    const struct double_json_node *first = double_json_first(self->schema, list), *at, *chosen = first;
    uint64_t total = 0;
    uint32_t draw;

    for (at = first; at != NULL; at = double_json_next(self->schema, at))
        total += word_weight(self, at->text);
    draw = rng_below(&self->rng, total == 0 || total > UINT32_MAX ? 1 : (uint32_t)total);
    for (at = first; at != NULL; at = double_json_next(self->schema, at)) {
        uint32_t weight = word_weight(self, at->text);

        chosen = at;
        if (draw < weight)
            break;
        draw -= weight;
    }
    buffer_append(out, chosen->source.at, chosen->source.size);
}

/* A value for this member that stands in the prompt: under its name, its plural, or with _id. Lists give their items,
 * and items that are objects their id. */
static bool
suits(const struct double_json_node *node, unsigned types)
{
    bool whole = node->kind == DOUBLE_JSON_NUMBER && memchr(node->text.at, '.', node->text.size) == NULL &&
                 memchr(node->text.at, 'e', node->text.size) == NULL && node->text.at[0] != '-';

    return (node->kind == DOUBLE_JSON_STRING && (types & T_STRING) != 0) || (whole && (types & T_INTEGER) != 0);
}

static bool
names_match(struct double_slice key, struct double_slice name)
{
    static const char *const others[][8] = {
        {"target", "id", "agent", "candidate", "candidates", NULL},
        {"counterparty", "candidate", "candidates", "agent", NULL},
        {"partner", "candidate", "candidates", "agent", NULL},
        {"other", "alias", "agent", NULL},
    };

    if (key.size >= name.size && name.size > 0 && memcmp(key.at, name.at, name.size) == 0 &&
        (key.size == name.size ||
         double_slice_is((struct double_slice){key.at + name.size, key.size - name.size}, "s") ||
         double_slice_is((struct double_slice){key.at + name.size, key.size - name.size}, "_id")))
        return true;
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++)
        for (unsigned j = 1; double_slice_is(name, others[i][0]) && others[i][j] != NULL; j++)
            if (double_slice_is(key, others[i][j]))
                return true;
    return false;
}

static bool
fill_fact(struct double_fill *self, struct double_slice name, unsigned types, struct buffer *out)
{
    const struct double_json_node *found[64];
    uint32_t count = 0;

    if (self->mode != DOUBLE_FILL_SANDBOX || self->facts == NULL)
        return false;
    for (uint32_t i = 1; i <= self->facts->count && count < 64; i++) {
        const struct double_json_node *node = &self->facts->nodes[i], *at;

        if (!names_match(node->key, name))
            continue;
        if (suits(node, types))
            found[count++] = node;
        for (at = double_json_first(self->facts, node); at != NULL && count < 64 && node->kind == DOUBLE_JSON_ARRAY;
             at = double_json_next(self->facts, at)) {
            const struct double_json_node *item =
                at->kind == DOUBLE_JSON_OBJECT ? double_json_find(self->facts, at, "id") : at;

            if (item != NULL && suits(item, types))
                found[count++] = item;
        }
    }
    if (count == 0)
        return false;
    found[0] = found[rng_below(&self->rng, count)];
    buffer_append(out, found[0]->source.at, found[0]->source.size);
    return true;
}

static void
fill_number(struct double_fill *self, const struct double_json_node *schema, struct double_slice name, bool whole,
            struct buffer *out)
{
    const struct double_json *json = self->schema;
    double low = double_json_number(double_json_find(json, schema, "minimum"), -1e300);
    double high = double_json_number(double_json_find(json, schema, "maximum"), 1e300);
    double under = double_json_number(double_json_find(json, schema, "exclusiveMaximum"), 1e300);
    double over = double_json_number(double_json_find(json, schema, "exclusiveMinimum"), -1e300);
    double top = self->mode == DOUBLE_FILL_SANDBOX && !whole ? 1 : 10, value;
    char text[TEXT_NUMBER_SIZE];

    if (breaks(self, DOUBLE_HOSTILE_NUMBER)) {
        text_add(out, whole ? "-9223372036854775809" : "5e71028");
        return;
    }
    if (self->mode == DOUBLE_FILL_FORBIDDEN && low < -1e6 && over < -1e6) {
        text_add(out, "-1000000");
        return;
    }
    if (fill_fact(self, name, whole ? T_INTEGER : 0, out))
        return;
    if (over > low)
        low = whole ? over + 1 : over + (under < 1e300 ? (under - over) / 1e6 : 1e-6);
    if (under < high)
        high = whole ? under - 1 : under - (low > -1e300 ? (under - low) / 1e6 : 1e-6);
    if (low <= -1e299)
        low = high < 0 ? high - top : 0;
    if (high >= 1e299)
        high = low + top;
    if (high < low)
        high = low;
    if (whole) {
        double span = high - low < 1e9 ? high - low : 1e9;

        text_addf(out, "%" PRId64, (int64_t)low + (int64_t)rng_below(&self->rng, (uint32_t)span + 1));
        return;
    }
    value = low + (high - low) * ((double)rng_below(&self->rng, 101) / 100.0);
    text_format_real(value > high ? high : value, text);
    text_add(out, text);
}

static void
fill_words(struct double_fill *self, struct buffer *out)
{
    static const char *const sentences[] = {
        "The offer looks fair for both sides.",        "Work first, talk later.",
        "I trust partners who have delivered before.", "The pay is worth the effort.",
        "A small step, to see how they answer.",       "Better to wait for a better price.",
        "My reputation matters more than one deal.",   "Checking the work protects all of us.",
    };
    static const char *const words[] = {"cloth",  "grain",   "timber", "bridge",  "harvest",     "ledger",
                                        "market", "garden",  "river",  "lantern", "caf\xc3\xa9", "anvil",
                                        "harbor", "orchard", "wheel",  "mason"};

    if (self->mode == DOUBLE_FILL_SANDBOX) {
        text_add(out, sentences[rng_below(&self->rng, sizeof sentences / sizeof sentences[0])]);
        return;
    }
    for (uint32_t left = 1 + rng_below(&self->rng, 4); left > 0; left--)
        text_addf(out, "%s%s", words[rng_below(&self->rng, sizeof words / sizeof words[0])], left > 1 ? " " : "");
}

static void
fill_string(struct double_fill *self, const struct double_json_node *schema, struct double_slice name,
            struct buffer *out)
{
    double low = double_json_number(double_json_find(self->schema, schema, "minLength"), 0);
    double high = double_json_number(double_json_find(self->schema, schema, "maxLength"), 65536);
    struct buffer text = {0};
    bool planted =
        breaks(self, self->hostility == DOUBLE_HOSTILE_CANARY ? DOUBLE_HOSTILE_CANARY : DOUBLE_HOSTILE_INJECT);

    if (!planted && self->mode != DOUBLE_FILL_FORBIDDEN && fill_fact(self, name, T_STRING, out))
        return;
    if (planted)
        buffer_append(&text, self->planted.at, self->planted.size);
    else if (self->mode == DOUBLE_FILL_FORBIDDEN)
        text_add(&text, "N999999");
    else
        fill_words(self, &text);
    while (!planted && (double)text.size < low && text.size < 65536)
        text_add(&text, "!");
    if (!planted && (double)text.size > high) /* bytes are at least as many as characters */
        text.size = text_cut((const char *)text.data, text.size, high < 0 ? 0 : (size_t)high);
    double_json_quote(out, (const char *)text.data, text.size);
    buffer_fini(&text);
}

/* ---- lists and objects ---- */

static void
fill_array(struct double_fill *self, const struct double_json_node *schema, struct double_slice name, uint32_t depth,
           struct buffer *out)
{
    const struct double_json_node *items = double_json_find(self->schema, schema, "items");
    double low = double_json_number(double_json_find(self->schema, schema, "minItems"), 0);
    double high = double_json_number(double_json_find(self->schema, schema, "maxItems"), low > 3 ? low : 3);
    uint32_t count,
        least = low > 100 ? 100
                : low < 0 ? 0
                          : (uint32_t)low,
        most = high > 100 ? 100
               : high < 0 ? 0
                          : (uint32_t)high;

    if (least == 0 && most > 0 && depth < DEPTH_SMALL)
        least = 1; /* an empty list would show nothing */
    most = most > least + 3 ? least + 3 : most < least ? least : most;
    count = depth >= DEPTH_SMALL ? least : least + rng_below(&self->rng, most - least + 1);
    text_add(out, "[");
    for (uint32_t i = 0; i < count; i++) {
        text_add(out, i == 0 ? "" : ",");
        if (items == NULL)
            text_addf(out, "%" PRIu32, i);
        else
            fill(self, items, name, depth + 1, out);
    }
    text_add(out, "]");
}

static void
fill_object(struct double_fill *self, const struct double_json_node *schema, uint32_t depth, struct buffer *out)
{
    const struct double_json *json = self->schema;
    const struct double_json_node *at = double_json_first(json, double_json_find(json, schema, "properties"));
    const struct double_json_node *required = double_json_find(json, schema, "required");
    bool some = false;

    text_add(out, "{");
    for (; at != NULL; at = double_json_next(json, at)) {
        bool needed = required == NULL || lists(json, required, at->key);

        if (!needed && (depth >= DEPTH_SMALL || rng_below(&self->rng, 2) == 0))
            continue;
        if (required != NULL && needed && breaks(self, DOUBLE_HOSTILE_MISSING))
            continue;
        text_add(out, some ? "," : "");
        some = true;
        double_json_quote(out, at->key.at, at->key.size);
        text_add(out, ":");
        fill(self, at, at->key, depth + 1, out);
    }
    at = double_json_find(json, schema, "additionalProperties");
    if (double_json_is(at, DOUBLE_JSON_FALSE) && breaks(self, DOUBLE_HOSTILE_EXTRA))
        text_addf(out, "%s\"nobody_asked_for_this\":1", some ? "," : "");
    text_add(out, "}");
}

static void
fill_wrong_type(unsigned types, bool has_enum, struct buffer *out)
{
    if ((types & T_STRING) == 0)
        text_add(out, "\"of the wrong type\"");
    else if ((types & (T_NUMBER | T_INTEGER)) == 0)
        text_add(out, "17");
    else if ((types & T_OBJECT) == 0 || has_enum)
        text_add(out, "{}");
    else if ((types & T_ARRAY) == 0)
        text_add(out, "[]");
    else
        text_add(out, (types & T_BOOLEAN) == 0 ? "true" : "null");
}

static void
fill_type(struct double_fill *self, const struct double_json_node *schema, unsigned types, struct double_slice name,
          uint32_t depth, struct buffer *out)
{
    unsigned rest = types & ~(unsigned)T_NULL;
    uint32_t count = 0, chosen, nulls = self->mode == DOUBLE_FILL_SANDBOX ? 1 : 3; /* in ten */

    if ((types & T_NULL) != 0 && (rest == 0 || depth >= DEPTH_SMALL || rng_below(&self->rng, 10) < nulls)) {
        text_add(out, "null");
        return;
    }
    for (unsigned bit = T_BOOLEAN; bit <= T_OBJECT; bit <<= 1)
        count += (rest & bit) != 0;
    chosen = count > 1 ? rng_below(&self->rng, count) : 0;
    for (unsigned bit = T_BOOLEAN; bit <= T_OBJECT; bit <<= 1) {
        if ((rest & bit) == 0 || chosen-- > 0)
            continue;
        switch (bit) {
        case T_BOOLEAN: text_add(out, rng_below(&self->rng, 10) < 6 ? "true" : "false"); break;
        case T_INTEGER: fill_number(self, schema, name, true, out); break;
        case T_NUMBER: fill_number(self, schema, name, false, out); break;
        case T_STRING: fill_string(self, schema, name, out); break;
        case T_ARRAY: fill_array(self, schema, name, depth, out); break;
        default: fill_object(self, schema, depth, out);
        }
        return;
    }
}

static void
fill(struct double_fill *self, const struct double_json_node *schema, struct double_slice name, uint32_t depth,
     struct buffer *out)
{
    static const char *const choices[] = {"anyOf", "oneOf", "allOf"};
    const struct double_json_node *found;
    unsigned types;

    schema = follow(self, schema);
    if (depth > DEPTH_MAX || !double_json_is(schema, DOUBLE_JSON_OBJECT)) {
        text_add(out, "null");
        return;
    }
    for (unsigned i = 0; i < 3; i++) {
        found = double_json_find(self->schema, schema, choices[i]);
        if (!double_json_is(found, DOUBLE_JSON_ARRAY) || found->count == 0)
            continue;
        types = i == 2 ? 0 : rng_below(&self->rng, found->count);
        for (found = double_json_first(self->schema, found); types > 0; types--)
            found = double_json_next(self->schema, found);
        fill(self, found, name, depth + 1, out);
        return;
    }
    types = types_of(self->schema, schema);
    found = double_json_find(self->schema, schema, "enum");
    if (breaks(self, DOUBLE_HOSTILE_TYPE)) {
        fill_wrong_type(types, found != NULL, out);
        return;
    }
    if (double_json_is(found, DOUBLE_JSON_ARRAY) && found->count > 0) {
        fill_enum(self, found, out);
        return;
    }
    found = double_json_find(self->schema, schema, "const");
    if (found != NULL)
        buffer_append(out, found->source.at, found->source.size);
    else
        fill_type(self, schema, types, name, depth, out);
}

bool
double_fill_value(struct double_fill *self, const struct double_json_node *schema, struct buffer *out)
{
    struct rng rng = self->rng;
    size_t start = out->size;

    self->root = schema;
    self->site = 0;
    self->site_wanted = NO_SITE;
    fill(self, schema, (struct double_slice){NULL, 0}, 0, out);
    if (self->mode != DOUBLE_FILL_BROKEN)
        return true;
    if (self->site == 0)
        return false;
    /* The same draws again, up to the place that was chosen with one more. */
    self->site_wanted = rng_below(&self->rng, self->site);
    self->site = 0;
    self->rng = rng;
    out->size = start;
    fill(self, schema, (struct double_slice){NULL, 0}, 0, out);
    return true;
}
