#include "tests/support/llmdouble/double_fault.h"

#include <stddef.h>
#include <string.h>

static const struct double_fault_kind kinds[DOUBLE_FAULT_END] = {
#define KIND(number, name, variants, ms, size, doc) [number] = {variants, doc, ms, size},
    DOUBLE_FAULTS(KIND)};

const struct double_fault_kind *
double_fault_kind(enum double_fault_id id)
{
    return &kinds[id];
}

enum double_fault_id
double_fault_find(const char *word)
{
    if (strlen(word) == 3 && word[0] == 'F' && word[1] >= '0' && word[1] <= '9' && word[2] >= '0' && word[2] <= '9') {
        int number = (word[1] - '0') * 10 + (word[2] - '0');

        if (number >= 1 && number < (int)DOUBLE_FAULT_END)
            return (enum double_fault_id)number;
    }
    return DOUBLE_FAULT_NONE;
}

uint32_t
double_fault_variant(enum double_fault_id id, const char *name)
{
    uint32_t number = 0;

    for (const char *at = kinds[id].variants; *at != '\0'; number++) {
        size_t size = strcspn(at, "|");

        if (strlen(name) == size && strncmp(at, name, size) == 0)
            return number;
        at += size + (at[size] == '|');
    }
    return DOUBLE_FAULT_DRAWN;
}

uint32_t
double_fault_variant_count(enum double_fault_id id)
{
    uint32_t count = kinds[id].variants[0] != '\0';

    for (const char *at = kinds[id].variants; *at != '\0'; at++)
        count += *at == '|';
    return count;
}
