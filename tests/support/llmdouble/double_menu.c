#include "tests/support/llmdouble/double_menu.h"

#include "core/text.h"

#include <math.h>
#include <stdio.h>

struct menu_work {
    const struct double_json *prompt, *schema_of;
    const struct yaml_node *weights;
    struct rng *rng;
    struct buffer *out;
};

static const char *
name_of(struct double_slice key, char out[80])
{
    snprintf(out, 80, "%.*s", (int)(key.size < 79 ? key.size : 79), key.at);
    return out;
}

static uint32_t
weight_of(const struct menu_work *self, struct double_slice option, bool is_first)
{
    int64_t given;

    for (const struct yaml_node *at = self->weights == NULL ? NULL : self->weights->first; at != NULL; at = at->next)
        if (double_slice_is(option, at->key) && yaml_get_integer(at, &given, NULL) == 0)
            return given < 0 ? 0 : given > 1000000 ? 1000000 : (uint32_t)given;
    return is_first ? 1 : 3;
}

static const struct double_json_node *
choose_option(const struct menu_work *self, const struct double_json_node *options)
{
    const struct double_json_node *first = double_json_first(self->prompt, options), *at;
    uint64_t total = 0;
    uint32_t draw;

    for (at = first; at != NULL; at = double_json_next(self->prompt, at))
        total += weight_of(self, at->key, at == first);
    draw = rng_below(self->rng, total == 0 || total > UINT32_MAX ? 1 : (uint32_t)total);
    for (at = first; at != NULL; at = double_json_next(self->prompt, at)) {
        uint32_t weight = weight_of(self, at->key, at == first);

        if (draw < weight)
            return at;
        draw -= weight;
    }
    return first;
}

static void
put_one_of(const struct menu_work *self, const struct double_json_node *list)
{
    const struct double_json_node *at = double_json_first(self->prompt, list);

    for (uint32_t i = list->count > 0 ? rng_below(self->rng, list->count) : 0; i > 0 && at != NULL; i--)
        at = double_json_next(self->prompt, at);
    if (at == NULL)
        text_add(self->out, "null");
    else
        buffer_append(self->out, at->source.at, at->source.size);
}

/* Shares anywhere, amounts near the lower of what they may be: who asks for all that others have gets nothing. */
static void
put_number(const struct menu_work *self, const struct double_json_node *bounds)
{
    double from = double_json_number(double_json_find(self->prompt, bounds, "from"), 0);
    double to = double_json_number(double_json_find(self->prompt, bounds, "to"), 1), value;

    if (to - from > 4) {
        from = from < 0 ? fmax(from, -2) : from;
        to = fmin(to, from + 4);
    }
    value = rng_between(self->rng, from, to);
    if (double_json_is(double_json_find(self->prompt, bounds, "whole"), DOUBLE_JSON_TRUE))
        value = fmin(floor(value + 0.5), floor(to));
    else
        value = fmax(from, fmin(to, floor(value * 100 + 0.5) / 100));
    text_addf(self->out, "%.17g", value);
}

static void
put_text(const struct menu_work *self)
{
    static const char *const texts[] = {
        "I did what I said I would, and it held.",   "Who checks this result with me?",
        "Good work is worth more than a good name.", "I take on one more task today.",
        "That deal was fair to both of us.",         "Careful: not everything here is what it seems.",
    };

    text_addf(self->out, "\"%s\"", texts[rng_below(self->rng, sizeof texts / sizeof texts[0])]);
}

/* A member of the answer: what the chosen option says it needs, else null. */
static void
put_member(const struct menu_work *self, const struct double_json_node *option, struct double_slice member)
{
    char name[80];
    const struct double_json_node *need = double_json_find(self->prompt, option, name_of(member, name));
    const struct double_json_node *names = double_json_find(self->prompt, need, "one_of");

    if (need == NULL)
        text_add(self->out, "null");
    else if (double_json_is(need, DOUBLE_JSON_ARRAY) || names != NULL)
        put_one_of(self, names != NULL ? names : need);
    else if (double_slice_is(member, "text"))
        put_text(self);
    else
        put_number(self, need);
}

static void
answer_question(const struct menu_work *self, const struct double_json_node *question,
                const struct double_json_node *schema)
{
    const struct double_json_node *option = choose_option(self, double_json_find(self->prompt, question, "options"));
    const struct double_json_node *members = double_json_find(self->schema_of, schema, "properties"), *at;
    bool first = true;

    text_add(self->out, "{");
    for (at = double_json_first(self->schema_of, members); at != NULL; at = double_json_next(self->schema_of, at)) {
        text_add(self->out, first ? "" : ",");
        first = false;
        double_json_quote(self->out, at->key.at, at->key.size);
        text_add(self->out, ":");
        if (double_slice_is(at->key, "option"))
            double_json_quote(self->out, option == NULL ? "" : option->key.at, option == NULL ? 0 : option->key.size);
        else
            put_member(self, option, at->key);
    }
    text_add(self->out, "}");
}

/* What is no question: how sure it is, why, and what it will remember. */
static void
answer_other(const struct menu_work *self, struct double_slice name)
{
    if (double_slice_is(name, "confidence"))
        text_addf(self->out, "%.2f", rng_between(self->rng, 0.3, 0.95));
    else if (double_slice_is(name, "rationale"))
        text_add(self->out, "\"It was the best of what was offered.\"");
    else if (double_slice_is(name, "note") && rng_chance(self->rng, 0.3))
        put_text(self);
    else
        text_add(self->out, "null");
}

bool
double_menu_answer(const struct double_json *prompt, const struct double_json *schema_of,
                   const struct double_json_node *schema, const struct yaml_node *weights, struct rng *rng,
                   struct buffer *out)
{
    struct menu_work self = {.prompt = prompt, .schema_of = schema_of, .weights = weights, .rng = rng, .out = out};
    const struct double_json_node *asked = double_json_find(prompt, double_json_root(prompt), "asked"), *at;
    const struct double_json_node *members = double_json_find(schema_of, schema, "properties");
    bool first = true;

    if (!double_json_is(asked, DOUBLE_JSON_OBJECT) || members == NULL)
        return false;
    text_add(out, "{");
    for (at = double_json_first(schema_of, members); at != NULL; at = double_json_next(schema_of, at)) {
        char name[80];
        const struct double_json_node *question = double_json_find(prompt, asked, name_of(at->key, name));

        text_add(out, first ? "" : ",");
        first = false;
        double_json_quote(out, at->key.at, at->key.size);
        text_add(out, ":");
        if (double_json_is(double_json_find(prompt, question, "options"), DOUBLE_JSON_OBJECT))
            answer_question(&self, question, at);
        else
            answer_other(&self, at->key);
    }
    text_add(out, "}");
    return true;
}
