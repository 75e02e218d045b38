/* tests/fuzz/fuzz_repair.c - any bytes as a model's answer: what is taken fits the schema, is strict JSON, and taken
 * again comes out unchanged and without a repair. The cleaner of foreign texts and the redactor see the same bytes. */
#include "core/assert.h"
#include "core/text.h"
#include "core/injection.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/redact.h"
#include "llm-gateway/repair.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char schema_source[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"ops\",\"note\"],\"properties\":{"
    "\"note\":{\"type\":[\"string\",\"null\"]},\"ops\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
    "\"additionalProperties\":false,\"required\":[\"op\",\"n\",\"x\"],\"properties\":{\"op\":{\"type\":\"string\","
    "\"enum\":[\"a\",\"b\"]},\"n\":{\"type\":\"integer\"},\"x\":{\"type\":[\"number\",\"null\"]}}}}}}";

static const struct schema *
the_schema(void)
{
    static struct schema *schema;
    struct why why = {0};

    if (schema == NULL) {
        int code = schema_compile("fuzz", schema_source, sizeof schema_source - 1, &schema, &why);

        ASSERT(code == 0);
    }
    return schema;
}

static void
check_json(const char *text, size_t size, bool cut_off)
{
    struct schema_report report;
    struct repair first = {0};
    struct repair second = {0};
    json_t *tree;
    int code;

    repair_json(&first, the_schema(), text, size, cut_off);
    ASSERT((first.status == REPAIR_CLEAN) == (first.status != REPAIR_REFUSED && first.bits == 0));
    if (first.status == REPAIR_REFUSED) {
        ASSERT(first.text.size == 0 && first.report.count > 0);
    } else {
        code = json_limits_parse(&json_limits_answer, (const char *)first.text.data, first.text.size, &tree, NULL);
        ASSERT(code == 0 && schema_validate(the_schema(), tree, &report));
        json_decref(tree);
        repair_json(&second, the_schema(), (const char *)first.text.data, first.text.size, cut_off);
        ASSERT(second.status == REPAIR_CLEAN && second.text.size == first.text.size &&
               memcmp(second.text.data, first.text.data, first.text.size) == 0);
    }
    repair_fini(&first);
    repair_fini(&second);
}

static void
check_text(const char *text, size_t size, bool cut_off)
{
    struct repair first = {0};
    struct repair second = {0};

    repair_text(&first, text, size, 300, cut_off);
    ASSERT((first.status == REPAIR_REFUSED) == (first.text.size == 0) && first.text.size <= 300);
    if (first.status != REPAIR_REFUSED) {
        ASSERT(text_is_utf8((const char *)first.text.data, first.text.size));
        repair_text(&second, (const char *)first.text.data, first.text.size, 300, cut_off);
        ASSERT(second.status == REPAIR_CLEAN && second.text.size == first.text.size &&
               memcmp(second.text.data, first.text.data, first.text.size) == 0);
    }
    repair_fini(&first);
    repair_fini(&second);
}

static void
check_cleaning(const char *text, size_t size)
{
    static const char secret[] = "S3cret!value";
    struct redact redact = {0};
    struct injection_counts counts = {0};
    struct buffer once = {0};
    struct buffer twice = {0};
    struct buffer hidden = {0};

    (void)injection_clean(text, size, 200, true, &once);
    ASSERT(once.size <= 200 && text_is_utf8((const char *)once.data, once.size));
    ASSERT(injection_clean((const char *)once.data, once.size, 200, true, &twice) == 0);
    ASSERT(once.size == twice.size && (once.size == 0 || memcmp(once.data, twice.data, once.size) == 0));
    (void)injection_scan(text, size, NULL, &counts);
    (void)injection_leaks(text, size, "abcdefghijklmnop");
    ASSERT(redact_add(&redact, secret, sizeof secret - 1));
    (void)redact_text(&redact, text, size, &hidden);
    ASSERT(hidden.size == 0 || memmem(hidden.data, hidden.size, secret, sizeof secret - 1) == NULL);
    buffer_fini(&once);
    buffer_fini(&twice);
    buffer_fini(&hidden);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;

    check_json(text, size, false);
    check_json(text, size, true);
    check_text(text, size, false);
    check_text(text, size, true);
    check_cleaning(text, size);
    return 0;
}
