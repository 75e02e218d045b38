#include "tests/support/llmdouble/double_spoil.h"

#include "core/text.h"
#include "tests/support/llmdouble/double_json.h"

/* Sets the text to what is in `fresh` and frees that. */
static void
replace(struct buffer *text, struct buffer *fresh)
{
    struct buffer old = *text;

    *text = *fresh;
    *fresh = (struct buffer){0};
    buffer_fini(&old);
}

static void
wrap(struct buffer *text, const char *before, const char *after)
{
    struct buffer fresh = {0};

    text_add(&fresh, before);
    buffer_append(&fresh, text->data, text->size);
    text_add(&fresh, after);
    replace(text, &fresh);
}

/* Puts `insert` in place of `cut` bytes at `at`. */
static void
splice(struct buffer *text, size_t at, size_t cut, const char *insert)
{
    struct buffer fresh = {0};

    buffer_append(&fresh, text->data, at);
    text_add(&fresh, insert);
    buffer_append(&fresh, text->data + at + cut, text->size - at - cut);
    replace(text, &fresh);
}

static struct double_slice
slice(const struct buffer *text)
{
    return (struct double_slice){(const char *)text->data, text->size};
}

static void
need_object(struct buffer *text)
{
    struct double_json json = {0};

    if (double_json_parse(&json, slice(text), NULL) != 0 ||
        !double_json_is(double_json_root(&json), DOUBLE_JSON_OBJECT) || double_json_root(&json)->count == 0) {
        buffer_clear(text);
        text_add(text, "{\"ops\":[],\"amount\":12.5,\"done\":true,\"notes\":null,\"text\":\"plain\"}");
    }
    double_json_fini(&json);
}

static void
spoil_python(struct buffer *text)
{
    static const char *const words[][2] = {{"true", "True"}, {"false", "False"}, {"null", "None"}};
    const char *at = (const char *)text->data, *end = at + text->size;
    struct buffer fresh = {0};
    bool inside = false;

    while (at < end) {
        size_t step = 1;

        if (*at == '"') {
            inside = !inside;
            text_add(&fresh, "'");
        } else if (inside) {
            step = *at == '\\' && end - at > 1 ? 2 : 1;
            if (step == 2 && at[1] == '"')
                text_add(&fresh, "\"");
            else
                buffer_append(&fresh, *at == '\'' ? "\\'" : at, *at == '\'' ? 2 : step);
        } else {
            unsigned i = 0;

            while (i < 3 && strncmp(at, words[i][0], strnlen(words[i][0], (size_t)(end - at))) != 0)
                i++;
            step = i < 3 ? strlen(words[i][0]) : 1;
            buffer_append(&fresh, i < 3 ? words[i][1] : at, i < 3 ? strlen(words[i][1]) : 1);
        }
        at += step;
    }
    replace(text, &fresh);
}

/* {"a":1,...} becomes {"a":"another value","a":1,...}. */
static void
spoil_duplicate(struct buffer *text)
{
    struct double_json json = {0};
    struct buffer insert = {0};
    const struct double_json_node *first;

    if (double_json_parse(&json, slice(text), NULL) == 0) {
        first = double_json_first(&json, double_json_root(&json));
        double_json_quote(&insert, first->key.at, first->key.size);
        text_add(&insert, ":\"another value\",");
        buffer_append(&insert, "", 1);
        splice(text, (size_t)((const char *)memchr(text->data, '{', text->size) - (const char *)text->data) + 1, 0,
               (const char *)insert.data);
    }
    buffer_fini(&insert);
    double_json_fini(&json);
}

static void
spoil_number(struct buffer *text, uint32_t variant)
{
    static const char *const numbers[] = {"5e71028", "NaN", "-0", "Infinity"};
    struct double_json json = {0};
    size_t at = 0, size = 0;

    if (double_json_parse(&json, slice(text), NULL) == 0) {
        for (uint32_t i = 1; i <= json.count && size == 0; i++)
            if (json.nodes[i].kind == DOUBLE_JSON_NUMBER) {
                at = (size_t)(json.nodes[i].source.at - (const char *)text->data);
                size = json.nodes[i].source.size;
            }
    }
    double_json_fini(&json);
    if (size == 0) { /* no number in it: one of its own */
        buffer_clear(text);
        text_add(text, "{\"amount\":0}");
        at = 10;
        size = 1;
    }
    splice(text, at, size, numbers[variant % 4]);
}

static void
spoil_bytes(struct buffer *text, uint32_t variant)
{
    static const char bad[] = " \xff\xc0\xaf\xf5", surrogate[] = " \xed\xa0\xbd";
    const char *quote;
    struct buffer fresh = {0};
    size_t at;

    if (variant == DOUBLE_BYTES_BOM) {
        wrap(text, "\xef\xbb\xbf", "");
        return;
    }
    /* Inside the last string of a JSON text, else at the end. */
    quote = text->size == 0 ? NULL : memrchr(text->data, '"', text->size);
    at = quote == NULL ? text->size : (size_t)(quote - (const char *)text->data);
    buffer_append(&fresh, text->data, at);
    if (variant == DOUBLE_BYTES_UTF8)
        text_add(&fresh, bad);
    else if (variant == DOUBLE_BYTES_SURROGATE)
        text_add(&fresh, surrogate);
    else
        buffer_append(&fresh, " \0", 2);
    buffer_append(&fresh, text->data + at, text->size - at);
    replace(text, &fresh);
}

static void
spoil_deep(struct buffer *text, uint64_t depth)
{
    buffer_clear(text);
    memset(buffer_extend(text, (size_t)depth), '[', (size_t)depth);
    memset(buffer_extend(text, (size_t)depth), ']', (size_t)depth);
}

static void
spoil_trailing(struct buffer *text)
{
    size_t at = text->size;

    while (at > 0 && text->data[at - 1] != '}' && text->data[at - 1] != ']')
        at--;
    splice(text, at == 0 ? 0 : at - 1, 0, ",");
}

void
double_spoil(struct buffer *text, const struct double_fault *fault)
{
    if (fault->id >= DOUBLE_FAULT_FENCED && fault->id <= DOUBLE_FAULT_NUMBER)
        need_object(text);
    switch (fault->id) {
    case DOUBLE_FAULT_NO_JSON:
        buffer_clear(text);
        text_add(text, "I would rather tell you a story about two merchants than fill in a form.");
        break;
    case DOUBLE_FAULT_FENCED: wrap(text, "```json\n", "\n```"); break;
    case DOUBLE_FAULT_PROSE:
        wrap(text, "Sure! Here is the answer {as you asked}:\n\n", "\n\nLet me know if it {should} change.");
        break;
    case DOUBLE_FAULT_PYTHON: spoil_python(text); break;
    case DOUBLE_FAULT_TRAILING: spoil_trailing(text); break;
    case DOUBLE_FAULT_DUPLICATE: spoil_duplicate(text); break;
    case DOUBLE_FAULT_DEEP: spoil_deep(text, fault->size < (8u << 20) ? fault->size : 8u << 20); break;
    case DOUBLE_FAULT_NUMBER: spoil_number(text, fault->variant); break;
    case DOUBLE_FAULT_BYTES: spoil_bytes(text, fault->variant); break;
    default: break;
    }
}
