/* llm-gateway/gateway_inner.h - what gateway.c (the actor) and gateway_status.c (what operators see) share. */
#ifndef POLIS_LLM_GATEWAY_GATEWAY_INNER_H
#define POLIS_LLM_GATEWAY_GATEWAY_INNER_H

#include "llm-gateway/asker.h"
#include "llm-gateway/errands.h"
#include "llm-gateway/flow.h"
#include "llm-gateway/gateway.h"
#include "llm-gateway/llm_config.h"
#include "llm-gateway/schema_pool.h"

struct gateway_counters {
    uint64_t prompts, questions, repeated, malformed, stale;
};

struct gateway {
    struct yaml_tree *tree; /* a copy of the section: providers look things up in it */
    struct llm_config *config;
    struct asker *asker;
    struct budget *budget;
    struct budget_cap *caps;
    struct record *own, *parent;
    struct replay *replay;
    struct flow *flow;
    struct schema_pool schemas;
    struct errands errands;
    enum replay_mode mode;
    uint32_t run, epoch;
    uint64_t seed;
    uint32_t client_count;
    uint32_t *roles; /* by client: row of the configuration's roles; ERRANDS_NONE: it asks nobody */
    double *weights;
    uint64_t step;
    uint32_t step_epoch; /* the newest that asked in this step */
    bool is_open;
    bool came_back; /* this process has opened no other step: who began in it before is not known */
    bool has_opened, stopped;
    uint64_t settled_ms;     /* came_back: nobody is held any more from then on */
    struct flow_report last; /* of the step before */
    struct gateway_counters counters;
    uint64_t now_ms;
    struct why miss;
};

#endif
