#include "tests/support/llmdouble/double_dialect.h"

#include "core/text.h"

#include <stdlib.h>

void
double_stream_fini(struct double_stream *self)
{
    buffer_fini(&self->body);
    free(self->ends);
    *self = (struct double_stream){0};
}

void
double_stream_clear(struct double_stream *self)
{
    buffer_clear(&self->body);
    self->count = 0;
}

void
double_stream_end(struct double_stream *self)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        self->ends = realloc(self->ends, self->capacity * sizeof *self->ends);
        if (self->ends == NULL)
            abort();
    }
    self->ends[self->count++] = self->body.size;
}

const struct double_dialect *
double_dialect_get(enum double_dialect_id id)
{
    static const struct double_dialect *const dialects[] = {
        [DOUBLE_OPENAI] = &double_dialect_openai, [DOUBLE_ANTHROPIC] = &double_dialect_anthropic,
        [DOUBLE_OLLAMA] = &double_dialect_ollama, [DOUBLE_LLAMACPP] = &double_dialect_llamacpp,
        [DOUBLE_GEMINI] = &double_dialect_gemini,
    };

    return dialects[id];
}

struct double_slice
double_dialect_piece(const struct buffer *text, size_t *at, uint32_t max)
{
    const char *start = (const char *)text->data + *at;
    size_t left = text->size - *at, size;

    if (left == 0)
        return (struct double_slice){NULL, 0};
    size = text_cut(start, left, max);
    if (size == 0) /* a code point longer than the piece, or no UTF-8 */
        size = text_decode(start, left, NULL);
    if (size == 0)
        size = left < max ? left : max;
    *at += size;
    return (struct double_slice){start, size};
}

bool
double_dialect_calls_tool(const struct double_ask *ask, const struct double_answer *answer, bool as_object)
{
    struct double_json json = {0};
    bool good;

    if (ask->tool.size == 0 || answer->is_null || answer->finish == DOUBLE_REFUSED)
        return false;
    if (!as_object)
        return true;
    good = double_json_parse(&json, (struct double_slice){(const char *)answer->text.data, answer->text.size}, NULL) ==
               0 &&
           double_json_is(double_json_root(&json), DOUBLE_JSON_OBJECT);
    double_json_fini(&json);
    return good;
}

void
double_dialect_quote(struct buffer *out, struct double_slice text)
{
    double_json_quote(out, text.at, text.size);
}

void
double_dialect_quote_text(struct buffer *out, const struct buffer *text)
{
    double_json_quote(out, (const char *)text->data, text->size);
}
