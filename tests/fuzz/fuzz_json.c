/* tests/fuzz/fuzz_json.c - any bytes as JSON from a stranger: what the scan lets through jansson reads, and what is
 * written of it reads back to the same tree and the same bytes. */
#include "llm-gateway/json_limits.h"

#include <string.h>

#include "core/assert.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

static void
check(const struct json_limits *limits, const char *text, size_t size)
{
    struct buffer first = {0};
    struct buffer second = {0};
    struct why why = {0};
    json_t *tree, *again;
    int scanned = json_limits_check(limits, text, size, &why);
    int code = json_limits_parse(limits, text, size, &tree, &why);

    ASSERT((code == 0) == (tree != NULL) && (code == 0 || why.text[0] != '\0'));
    ASSERT(scanned == 0 || code == scanned);
    if (tree == NULL)
        return;
    json_limits_write(tree, &first);
    ASSERT(text_is_utf8((const char *)first.data, first.size));
    code = json_limits_parse(limits, (const char *)first.data, first.size, &again, &why);
    /* Written out a number may round up to the bound; nothing else may be refused that was taken. */
    if (code == 0) {
        json_limits_write(again, &second);
        ASSERT(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
        json_decref(again);
    } else {
        ASSERT(code == ERR_LIMIT);
    }
    json_decref(tree);
    buffer_fini(&first);
    buffer_fini(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(&json_limits_answer, (const char *)data, size);
    check(&json_limits_envelope, (const char *)data, size);
    return 0;
}
