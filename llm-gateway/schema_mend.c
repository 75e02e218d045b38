/* Mending a value after its schema; nothing here guesses what was meant. */
#include "llm-gateway/schema.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/json_limits.h"
#include "llm-gateway/repair.h"
#include "llm-gateway/schema_inner.h"

/* The number that a text holds and nothing else, or NULL. */
static json_t *
number_of(const json_t *text)
{
    json_t *number = NULL;

    if (text_number(json_string_value(text)) == TEXT_NO_NUMBER ||
        strlen(json_string_value(text)) != json_string_length(text) ||
        json_limits_parse(&json_limits_answer, json_string_value(text), json_string_length(text), &number, NULL) != 0)
        return NULL;
    if (json_is_number(number))
        return number;
    json_decref(number);
    return NULL;
}

static const struct schema_node *
property_of(const struct schema *self, const struct schema_node *node, const char *key)
{
    for (uint32_t i = 0; i < node->count; i++)
        if (strcmp(self->nodes[node->first + i].key, key) == 0)
            return &self->nodes[node->first + i];
    return NULL;
}

static void mend(const struct schema *self, const struct schema_node *node, json_t *value, uint32_t *bits);

/* `member` of `node` in whatever holds it: the number that takes its place (owned by the caller), or NULL. */
static json_t *
replacement(const struct schema_node *node, const json_t *member, uint32_t *bits)
{
    json_t *number;

    if ((node->types & (SCHEMA_INTEGER | SCHEMA_NUMBER)) == 0 || !json_is_string(member))
        return NULL;
    number = number_of(member);
    if (number != NULL)
        *bits |= REPAIR_NUMBER_TEXT;
    return number;
}

static void
mend_object(const struct schema *self, const struct schema_node *node, json_t *value, uint32_t *bits)
{
    const char *key;
    json_t *member;
    void *next;

    json_object_foreach_safe(value, next, key, member) {
        const struct schema_node *child = property_of(self, node, key);
        json_t *number;

        if (child == NULL) {
            json_object_del(value, key);
            *bits |= REPAIR_UNKNOWN_MEMBER;
            continue;
        }
        number = replacement(child, member, bits);
        if (number != NULL)
            json_object_set_new(value, key, number);
        else
            mend(self, child, member, bits);
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const struct schema_node *child = &self->nodes[node->first + i];

        if ((child->types & SCHEMA_NULL) && json_object_get(value, child->key) == NULL) {
            json_object_set_new(value, child->key, json_null());
            *bits |= REPAIR_NULL_MEMBER;
        }
    }
}

static void
mend(const struct schema *self, const struct schema_node *node, json_t *value, uint32_t *bits)
{
    if ((node->types & SCHEMA_OBJECT) && json_is_object(value))
        mend_object(self, node, value, bits);
    if ((node->types & SCHEMA_LIST) && json_is_array(value)) {
        const struct schema_node *item = &self->nodes[node->first];

        for (size_t i = 0; i < json_array_size(value); i++) {
            json_t *number = replacement(item, json_array_get(value, i), bits);

            if (number != NULL)
                json_array_set_new(value, i, number);
            else
                mend(self, item, json_array_get(value, i), bits);
        }
    }
}

void
schema_mend(const struct schema *self, json_t *value, uint32_t *bits)
{
    mend(self, &self->nodes[0], value, bits);
}
