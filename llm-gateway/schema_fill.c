/* Completing a value after its schema: for scripted models, which say of an answer only what matters. */
#include "llm-gateway/schema.h"

#include "core/assert.h"
#include "llm-gateway/schema_inner.h"

#define HUNDREDTHS 100u /* most numbers that are asked for are shares */

static void complete(const struct schema *self, const struct schema_node *node, json_t *value, struct rng *rng);

static bool
may_be_null(const struct schema_node *node)
{
    bool among = node->choices == NULL;

    for (size_t i = 0; !among && i < json_array_size(node->choices); i++)
        among = json_is_null(json_array_get(node->choices, i));
    return among && (node->types & SCHEMA_NULL) != 0;
}

/* A value of the node's, owned by the caller. */
static json_t *
make(const struct schema *self, const struct schema_node *node, struct rng *rng)
{
    json_t *object;

    if (node->choices != NULL && rng != NULL)
        return json_deep_copy(
            json_array_get(node->choices, rng_below(rng, (uint32_t)json_array_size(node->choices))));
    if (rng != NULL && node->choices == NULL && (node->types & SCHEMA_NUMBER) != 0)
        return json_real((double)rng_below(rng, HUNDREDTHS + 1) / HUNDREDTHS);
    if (may_be_null(node))
        return json_null();
    if (node->choices != NULL)
        return json_deep_copy(json_array_get(node->choices, 0));
    switch (node->types & ~(uint32_t)SCHEMA_NULL) {
    case SCHEMA_BOOLEAN:
        return json_false();
    case SCHEMA_INTEGER:
    case SCHEMA_NUMBER:
        return json_integer(0);
    case SCHEMA_STRING:
        return json_string("");
    case SCHEMA_LIST:
        return json_array();
    case SCHEMA_OBJECT:
        object = json_object();
        complete(self, node, object, rng);
        return object;
    default:
        UNREACHABLE(); /* a node has one type, and perhaps null */
    }
}

static void
complete(const struct schema *self, const struct schema_node *node, json_t *value, struct rng *rng)
{
    if (json_is_array(value) && (node->types & SCHEMA_LIST) != 0)
        for (size_t i = 0; i < json_array_size(value); i++)
            complete(self, &self->nodes[node->first], json_array_get(value, i), rng);
    if (!json_is_object(value) || (node->types & SCHEMA_OBJECT) == 0)
        return;
    for (uint32_t i = 0; i < node->count; i++) {
        const struct schema_node *child = &self->nodes[node->first + i];
        json_t *member = json_object_get(value, child->key);

        if (member != NULL)
            complete(self, child, member, rng);
        else
            json_object_set_new(value, child->key, make(self, child, rng));
    }
}

void
schema_fill(const struct schema *self, json_t *value, struct rng *rng)
{
    complete(self, &self->nodes[0], value, rng);
}
