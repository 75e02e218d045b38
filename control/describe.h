/* control/describe.h - what a run or a scenario is, in Markdown, for a reader who has neither. */
#ifndef POLIS_CONTROL_DESCRIBE_H
#define POLIS_CONTROL_DESCRIBE_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"
#include "world/plan.h"
#include "world/store.h"

#include <stdbool.h>

/* All lent. */
struct subject {
    const char *place;              /* the run's folder or the scenario's file */
    const struct yaml_node *root;   /* resolved */
    const struct plan *plan;
    struct store *store;            /* of a run; NULL: a scenario */
    const struct buffer *manifest;  /* as a run would store it */
};

/* A page: agents, levers, what is set otherwise than by default, versions and hashes. */
void describe_write(const struct subject *self, struct buffer *out);

/* The whole of it in the order of the ODD protocol. ERR_UNKNOWN: these rules have no description yet. */
MUST_CHECK int describe_write_odd(const struct subject *self, struct buffer *out, struct why *why);

#endif
