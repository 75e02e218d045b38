/* llm-gateway/schema_inner.h - the table that a schema is compiled to; for the files of the schema alone. */
#ifndef POLIS_LLM_GATEWAY_SCHEMA_INNER_H
#define POLIS_LLM_GATEWAY_SCHEMA_INNER_H

#include "llm-gateway/schema.h"

enum schema_type {
    SCHEMA_NULL = 1u << 0,
    SCHEMA_BOOLEAN = 1u << 1,
    SCHEMA_INTEGER = 1u << 2,
    SCHEMA_NUMBER = 1u << 3,
    SCHEMA_STRING = 1u << 4,
    SCHEMA_LIST = 1u << 5,
    SCHEMA_OBJECT = 1u << 6,
};

struct schema_node {
    uint32_t types;       /* bits of enum schema_type */
    const char *key;      /* of the property that this is; NULL for the root and for items. Lent by `tree` */
    const json_t *choices; /* the enum, or NULL. Lent by `tree` */
    uint32_t first, count; /* an object's properties are nodes[first .. first + count); a list's item is nodes[first] */
};

struct schema {
    char name[SCHEMA_NAME_SIZE];
    char *text;
    json_t *tree;
    uint32_t count, choice_count;
    struct schema_node nodes[SCHEMA_NODE_MAX];
};

/* A JSON pointer that grows; what does not fit is dropped. */
struct schema_path {
    char text[160];
    size_t size;
};
void schema_path_key(struct schema_path *self, const char *key);
void schema_path_index(struct schema_path *self, size_t index);
static inline void schema_path_back(struct schema_path *self, size_t size) { self->text[self->size = size] = '\0'; }

#endif
