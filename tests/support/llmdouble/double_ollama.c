/* tests/support/llmdouble/double_ollama.c - Ollama's chat and generate, whole and as lines. */
#include "tests/support/llmdouble/double_dialect.h"

#include "core/text.h"

#include <inttypes.h>

/* The created_at of number n is n seconds into an hour long past. */
static void
begin(const struct double_answer *answer, struct buffer *out)
{
    text_add(out, "{\"model\":");
    double_dialect_quote(out, answer->model);
    text_addf(out, ",\"created_at\":\"2023-11-14T22:%02u:%02u.000000Z\"", answer->number / 60 % 60,
              answer->number % 60);
}

static void
add_text(const struct double_ask *ask, const struct double_answer *answer, struct double_slice text, struct buffer *out)
{
    bool generate = ask->endpoint == DOUBLE_OLLAMA_GENERATE;

    text_add(out, generate ? ",\"response\":" : ",\"message\":{\"role\":\"assistant\",\"content\":");
    if (answer->is_null)
        text_add(out, "null");
    else
        double_dialect_quote(out, text);
    if (!generate)
        text_add(out, "}");
}

static void
add_end(const struct double_ask *ask, const struct double_answer *answer, struct buffer *out)
{
    text_addf(out, ",\"done_reason\":\"%s\",\"done\":true", answer->finish == DOUBLE_LENGTH ? "length" : "stop");
    if (ask->endpoint == DOUBLE_OLLAMA_GENERATE)
        text_add(out, ",\"context\":[1,2,3]");
    text_add(out, ",\"total_duration\":2254970291,\"load_duration\":574751416");
    if (!answer->usage_absent)
        text_addf(out,
                  ",\"prompt_eval_count\":%" PRId64 ",\"prompt_eval_duration\":1502000000,\"eval_count\":%" PRId64
                  ",\"eval_duration\":175000000",
                  answer->tokens_in, answer->tokens_out);
    text_add(out, "}");
}

/* It knows no refusals: a model that refuses says so in plain words. */
static struct double_slice
words(const struct double_answer *answer)
{
    if (answer->finish == DOUBLE_REFUSED)
        return double_slice_of("I cannot help with that.");
    return (struct double_slice){(const char *)answer->text.data, answer->text.size};
}

static void
ollama_whole(const struct double_ask *ask, const struct double_answer *answer, struct buffer *body)
{
    if (ask->endpoint == DOUBLE_OLLAMA_TAGS) {
        text_add(
            body,
            "{\"models\":[{\"name\":\"gemma3:27b\",\"model\":\"gemma3:27b\",\"modified_at\":\"2023-11-14T22:13:20Z\","
            "\"size\":17396936941,\"digest\":\"a418f5838eaf7fe2cfe0a3046c8384b68ba43a4435542c942f9db00a5f342203\","
            "\"details\":{\"format\":\"gguf\",\"family\":\"gemma3\",\"parameter_size\":\"27.4B\","
            "\"quantization_level\":\"Q4_K_M\"}}]}");
        return;
    }
    begin(answer, body);
    add_text(ask, answer, words(answer), body);
    add_end(ask, answer, body);
}

static void
ollama_stream(const struct double_ask *ask, const struct double_answer *answer, struct double_stream *out)
{
    struct double_slice all = words(answer), piece;
    struct buffer text = {(uint8_t *)(uintptr_t)all.at, all.size, all.size};
    size_t at = 0;

    while (!answer->is_null && (piece = double_dialect_piece(&text, &at, answer->piece_size)).size > 0) {
        begin(answer, &out->body);
        add_text(ask, answer, piece, &out->body);
        text_add(&out->body, ",\"done\":false}\n");
        double_stream_end(out);
    }
    if (answer->closing_absent)
        return;
    begin(answer, &out->body);
    add_text(ask, answer, double_slice_of(""), &out->body);
    add_end(ask, answer, &out->body);
    text_add(&out->body, "\n");
    double_stream_end(out);
}

static unsigned
ollama_refuse(enum double_refusal refusal, const char *message, uint32_t wait_ms, uint64_t key, struct buffer *body)
{
    static const unsigned statuses[] = {
        [DOUBLE_BAD_REQUEST] = 400, [DOUBLE_NO_SUCH_PLACE] = 404, [DOUBLE_RATE] = 429,    [DOUBLE_QUOTA] = 429,
        [DOUBLE_SPEND_LIMIT] = 429, [DOUBLE_BROKEN] = 500,        [DOUBLE_LOADING] = 503, [DOUBLE_OVERLOADED] = 529,
    };

    (void)wait_ms;
    (void)key;
    text_add(body, "{\"error\":");
    double_dialect_quote(body, double_slice_of(message));
    text_add(body, "}");
    return statuses[refusal];
}

static void
ollama_stream_error(uint64_t key, struct double_stream *out)
{
    (void)ollama_refuse(DOUBLE_BROKEN, "an error was encountered while running the model", 0, key, &out->body);
    text_add(&out->body, "\n");
    double_stream_end(out);
}

const struct double_dialect double_dialect_ollama = {
    .name = "ollama",
    .whole = ollama_whole,
    .stream = ollama_stream,
    .refuse = ollama_refuse,
    .stream_error = ollama_stream_error,
};
