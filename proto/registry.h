/* proto/registry.h - every batch schema this program knows. Numbers are for ever, as those of messages are. */
#ifndef POLIS_PROTO_REGISTRY_H
#define POLIS_PROTO_REGISTRY_H

#include "proto/columns.h"

/* In the order of their ids; proto_schemas[proto_schema_count] is NULL. */
extern const struct schema *const proto_schemas[];
extern const uint32_t proto_schema_count;

/* The schema with this id (of batch_schema_id(): any number), or NULL. */
const struct schema *schema_find(int64_t id);

#endif
