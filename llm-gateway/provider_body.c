/* Writing the bodies of requests. */
#include "llm-gateway/provider.h"

#include <inttypes.h>
#include <string.h>

#include "core/assert.h"

void
provider_put_key(struct buffer *out, const char *key)
{
    ASSERT(out->size > 0);
    if (out->data[out->size - 1] != '{')
        text_add(out, ",");
    text_add(out, "\"");
    text_add(out, key);
    text_add(out, "\":");
}

void
provider_put_bytes(struct buffer *out, const char *key, struct provider_bytes bytes)
{
    provider_put_key(out, key);
    text_add_json(out, bytes.size > 0 ? bytes.text : "", bytes.size);
}

void
provider_put_text(struct buffer *out, const char *key, const char *text)
{
    provider_put_bytes(out, key, (struct provider_bytes){text, strlen(text)});
}

void
provider_put_number(struct buffer *out, const char *key, uint64_t number)
{
    provider_put_key(out, key);
    text_addf(out, "%" PRIu64, number);
}

void
provider_put_bool(struct buffer *out, const char *key, bool value)
{
    provider_put_raw(out, key, value ? "true" : "false");
}

void
provider_put_raw(struct buffer *out, const char *key, const char *json)
{
    provider_put_key(out, key);
    text_add(out, json);
}

void
provider_put_e4(struct buffer *out, const char *key, uint32_t ten_thousandths)
{
    uint32_t rest = ten_thousandths % 10000;
    int digits = 4;

    provider_put_key(out, key);
    text_addf(out, "%" PRIu32, ten_thousandths / 10000);
    if (rest == 0)
        return;
    for (; rest % 10 == 0; rest /= 10)
        digits--;
    text_addf(out, ".%0*" PRIu32, digits, rest);
}

void
provider_put_stop(struct buffer *out, const char *key, const char *const *stop)
{
    if (stop == NULL || *stop == NULL)
        return;
    provider_put_key(out, key);
    text_add(out, "[");
    for (uint32_t i = 0; stop[i] != NULL; i++) {
        text_add(out, i > 0 ? "," : "");
        text_add_json(out, stop[i], strlen(stop[i]));
    }
    text_add(out, "]");
}

void
provider_put_sampling(struct buffer *out, const struct provider_request *request,
                      const struct provider_dialect *dialect, const char *temperature, const char *top_p,
                      const char *seed)
{
    uint32_t warmth = request->temperature_e4;

    if (dialect->temperature && temperature != NULL)
        provider_put_e4(out, temperature, warmth < dialect->temperature_max ? warmth : dialect->temperature_max);
    if (dialect->top_p && top_p != NULL)
        provider_put_e4(out, top_p, request->top_p_e4);
    if (dialect->seed && seed != NULL)
        provider_put_number(out, seed, request->seed & ((UINT64_C(1) << dialect->seed_bits) - 1));
}

void
provider_system_text(
    const struct provider_request *request, const struct provider_dialect *dialect, struct buffer *out)
{
    static const char asked[] = "Answer with one JSON object and nothing else. It must fit this JSON schema: ";

    buffer_append(out, request->system.text, request->system.size);
    if (request->schema == NULL || dialect->schema > PROVIDER_SCHEMA_JSON)
        return;
    if (out->size > 0)
        text_add(out, "\n\n");
    text_add(out, asked);
    text_add(out, schema_text(request->schema));
}
