#include "tests/support/llmdouble/double_template.h"

#include "core/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum place { MODEL, NUMBER, KEY, PROMPT, SYSTEM, PROMPT_JSON, SYSTEM_JSON, INTEGER, PICK, NO_PLACE };

static enum place
find_place(const char *inside, int *low, int *high)
{
    static const char *const words[] = {"model", "number", "key", "prompt", "system", "prompt json", "system json"};
    int used = 0;

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(inside, words[i]) == 0)
            return (enum place)i;
    if (sscanf(inside, "integer %9d %9d%n", low, high, &used) == 2 && inside[used] == '\0' && *low <= *high)
        return INTEGER;
    return strncmp(inside, "pick ", 5) == 0 && inside[5] != '\0' ? PICK : NO_PLACE;
}

/* The inside of a place that starts at "${", and its length with the braces; 0: it is not closed, or too long. */
static size_t
take_place(const char *at, size_t left, char inside[256])
{
    const char *end = memchr(at, '}', left);
    size_t size = end == NULL ? 0 : (size_t)(end - at) - 2;

    if (end == NULL || size >= 256)
        return 0;
    memcpy(inside, at + 2, size);
    inside[size] = '\0';
    return size + 3;
}

int
double_template_check(const struct yaml_node *node, const char *text, struct why *why)
{
    char inside[256];
    int low, high;

    for (const char *at = strchr(text, '$'); at != NULL; at = strchr(at, '$')) {
        size_t size = 2;

        if (at[1] == '{') {
            size = take_place(at, strlen(at), inside);
            if (size == 0)
                return yaml_fail(node, why, ERR_INVALID, "a ${ is not closed, or its inside is over 255 bytes");
            if (find_place(inside, &low, &high) == NO_PLACE)
                return yaml_fail(node, why, ERR_UNKNOWN, "nothing fills ${%s}", inside);
        } else if (at[1] != '$') {
            return yaml_fail(node, why, ERR_INVALID, "a $ stands alone: write $$");
        }
        at += size;
    }
    return 0;
}

static void
pick(const char *words, struct rng *rng, struct buffer *out)
{
    uint32_t count = 1, chosen;

    for (const char *at = words; *at != '\0'; at++)
        count += *at == '|';
    chosen = rng_below(rng, count);
    while (chosen-- > 0)
        words = strchr(words, '|') + 1;
    buffer_append(out, words, strcspn(words, "|"));
}

static void
add_escaped(const struct buffer *text, struct buffer *out)
{
    struct buffer quoted = {0};

    text_add_json(&quoted, (const char *)text->data, text->size);
    buffer_append(out, quoted.data + 1, quoted.size - 2);
    buffer_fini(&quoted);
}

static void
fill_place(const char *inside, const struct double_ask *ask, const struct double_answer *answer, struct rng *rng,
           struct buffer *out)
{
    int low = 0, high = 0;

    switch (find_place(inside, &low, &high)) {
    case MODEL: buffer_append(out, ask->model.at, ask->model.size); break;
    case NUMBER: text_addf(out, "%" PRIu32, answer->number); break;
    case KEY: text_addf(out, "%016" PRIx64, answer->key); break;
    case PROMPT: text_add_valid(out, (const char *)ask->prompt.data, ask->prompt.size); break;
    case SYSTEM: text_add_valid(out, (const char *)ask->system.data, ask->system.size); break;
    case PROMPT_JSON: add_escaped(&ask->prompt, out); break;
    case SYSTEM_JSON: add_escaped(&ask->system, out); break;
    case INTEGER: text_addf(out, "%" PRId32, rng_integer(rng, low, high)); break;
    case PICK: pick(inside + 5, rng, out); break;
    case NO_PLACE: break;
    }
}

void
double_template_fill(struct double_slice text, const struct double_ask *ask, const struct double_answer *answer,
                     struct rng *rng, struct buffer *out)
{
    const char *at = text.at, *end = text.at + text.size;
    char inside[256];

    while (at < end) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        size_t size;

        buffer_append(out, at, (size_t)((dollar == NULL ? end : dollar) - at));
        if (dollar == NULL)
            return;
        if (dollar[1] == '{') {
            size = take_place(dollar, (size_t)(end - dollar), inside);
            fill_place(inside, ask, answer, rng, out);
        } else {
            size = 2;
            text_add(out, "$");
        }
        at = dollar + size;
    }
}
