#include "proto/registry.h"

#include "proto/models.h"
#include "proto/sandbox.h"

const struct schema *const proto_schemas[] = {
    &schema_summary,
    &schema_sandbox_observe,
    &schema_sandbox_decide,
    &schema_sandbox_offers,
    &schema_sandbox_answer,
    &schema_sandbox_docket,
    &schema_sandbox_verdict,
    &schema_sandbox_events,
    &schema_prompt,
    &schema_completion,
    NULL,
};
const uint32_t proto_schema_count = sizeof proto_schemas / sizeof proto_schemas[0] - 1;

const struct schema *
schema_find(int64_t id)
{
    for (uint32_t i = 0; i < proto_schema_count; i++)
        if (proto_schemas[i]->id == id)
            return proto_schemas[i];
    return NULL;
}
