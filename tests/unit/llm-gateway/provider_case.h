/* tests/unit/llm-gateway/provider_case.h - what the tests of providers share: a request, and a reply of headers written
 * in one text. */
#ifndef POLIS_TESTS_UNIT_LLM_GATEWAY_PROVIDER_CASE_H
#define POLIS_TESTS_UNIT_LLM_GATEWAY_PROVIDER_CASE_H

#include <string.h>

#include "llm-gateway/provider.h"
#include "tests/support/test.h"

static const char case_schema_text[] = "{\"type\":\"object\",\"properties\":{\"ops\":{\"type\":\"array\",\"items\":"
                                       "{\"type\":\"string\"}}},\"required\":[\"ops\"],\"additionalProperties\":false}";

static inline struct provider_bytes
case_bytes(const char *text)
{
    return (struct provider_bytes){text, strlen(text)};
}

/* The request of the specification's examples. */
static inline struct provider_request
case_request(const char *model, const struct schema *schema)
{
    return (struct provider_request){.role = "compiler", .model = model, .system = case_bytes("Be \"brief\"."),
        .user = case_bytes("Go\n"), .fallback = case_bytes("{\"ops\":[\"f\"]}"), .out_max = 256,
        .temperature_e4 = 7000, .top_p_e4 = 9000, .seed = 12345, .schema = schema};
}

static inline struct schema *
case_schema(void)
{
    struct schema *schema;

    assert_int_equal(schema_compile("patch.v1", case_schema_text, strlen(case_schema_text), &schema, NULL), 0);
    return schema;
}

/* "name: value\nname: value" into fields; `room` keeps the letters. */
static inline uint32_t
case_headers(const char *text, char room[2000], struct provider_field fields[20])
{
    uint32_t count = 0;
    char *rest = room;

    assert_true(strlen(text) < 2000);
    memcpy(room, text, strlen(text) + 1);
    while (rest != NULL && *rest != '\0') {
        char *line = strsep(&rest, "\n");
        char *colon = strstr(line, ": ");

        assert_non_null(colon);
        assert_true(count < 20);
        *colon = '\0';
        fields[count++] = (struct provider_field){line, colon + 2};
    }
    return count;
}

#endif
