/* tests/golden/governance_case.h - a golden case of the compat levers: parameters by their keys, agents "a0".."a7",
 * operations and the effects that are wanted of each. */
#ifndef POLIS_TESTS_GOLDEN_GOVERNANCE_CASE_H
#define POLIS_TESTS_GOLDEN_GOVERNANCE_CASE_H

#include "world/compat/levers.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12
#define AGENTS_MAX 8u
#define DRAWS_MAX 256u

struct governance_case {
    struct compat_governance params;
    struct compat_levers *levers;
    struct compat_agents agents;
    struct compat_effect effect;
    struct compat_draws draws;
    double reputation[AGENTS_MAX], resources[AGENTS_MAX], script[DRAWS_MAX];
    double reputation_change[AGENTS_MAX], resources_change[AGENTS_MAX];
    bool freeze[AGENTS_MAX], unfreeze[AGENTS_MAX];
    uint32_t interactions;
};

static inline uint32_t
agent_of(const char *name)
{
    assert_true(name != NULL && name[0] == 'a' && name[1] >= '0' && name[1] < '0' + (int)AGENTS_MAX);
    assert_int_equal(name[2], 0);
    return (uint32_t)(name[1] - '0');
}

static inline uint32_t
agent_at(const json_t *object, const char *key)
{
    return agent_of(json_string_value(json_object_get(object, key)));
}

/* The number under `key`, or `otherwise`. */
static inline double
real_or(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* The defaults, and those keys of `in` that are parameters. */
static inline struct compat_governance
governance_params_of(const json_t *in)
{
    struct compat_governance out;

    params_default(&compat_governance_params, &out);
    for (uint32_t i = 0; i < compat_governance_params.count; i++) {
        const struct param *row = &compat_governance_params.rows[i];
        const json_t *value = json_object_get(in, row->name);
        char *at = (char *)&out + row->offset;
        double real = json_number_value(value);
        int64_t whole = (int64_t)real;

        if (value == NULL)
            continue;
        if (row->kind == PARAM_BOOL)
            *(bool *)at = json_is_true(value);
        else if (row->kind == PARAM_I64)
            memcpy(at, &whole, sizeof whole);
        else
            memcpy(at, &real, sizeof real);
    }
    return out;
}

static inline void
case_open(struct governance_case *self, const json_t *in, enum compat_version version, const json_t *draws)
{
    const char *name;
    const json_t *value;
    uint32_t count = (uint32_t)json_array_size(draws);

    memset(self, 0, sizeof *self);
    self->params = governance_params_of(in);
    self->agents = (struct compat_agents){AGENTS_MAX, self->reputation, self->resources};
    self->effect = (struct compat_effect){.reputation = self->reputation_change, .resources = self->resources_change,
                                          .freeze = self->freeze, .unfreeze = self->unfreeze};
    assert_true(count <= DRAWS_MAX);
    for (uint32_t i = 0; i < count; i++)
        self->script[i] = json_number_value(json_array_get(draws, i));
    compat_draws_script(&self->draws, self->script, count > 0 ? count : 1);
    json_object_foreach (json_object_get(in, "reputations"), name, value)
        self->reputation[agent_of(name)] = json_number_value(value);
    if (json_is_object(json_object_get(in, "resources")))
        json_object_foreach (json_object_get(in, "resources"), name, value)
            self->resources[agent_of(name)] = json_number_value(value);
    self->levers = compat_levers_new(&self->params, version, AGENTS_MAX, &self->draws);
}

static inline void
case_close(struct governance_case *self)
{
    compat_levers_destroy(&self->levers);
}

/* Saves the levers and goes on with others that load it: whatever follows also shows that nothing was lost. */
static inline void
case_reload(struct governance_case *self, enum compat_version version)
{
    struct buffer bytes = {0};
    struct why why = {0};

    compat_levers_save(self->levers, &bytes);
    compat_levers_destroy(&self->levers);
    self->levers = compat_levers_new(&self->params, version, AGENTS_MAX, &self->draws);
    if (compat_levers_load(self->levers, bytes.data, bytes.size, &why) != 0)
        fail_msg("%s", why.text);
    buffer_fini(&bytes);
}

/* The interaction that an operation or a case describes; who is not named is a0 and a1. */
static inline struct compat_interaction
interaction_of(const json_t *op, uint32_t id)
{
    return (struct compat_interaction){
        .id = id, .initiator = json_object_get(op, "initiator") ? agent_at(op, "initiator") : 0,
        .counterparty = json_object_get(op, "counterparty") ? agent_at(op, "counterparty")
                        : json_object_get(op, "initiator") && agent_at(op, "initiator") == 1 ? 0 : 1,
        .accepted = !json_is_false(json_object_get(op, "accepted")), .p = golden_real(op, "p"),
        .tau = real_or(op, "tau", 0.0), .c_a = real_or(op, "c_a", 0.0), .c_b = real_or(op, "c_b", 0.0),
        .r_a = real_or(op, "r_a", 0.0), .minutes = real_or(op, "dt", 0.0) / 60.0,
        .seen.misuse = (uint32_t)real_or(op, "tool_misuse_flags", 0.0),
        .seen.rejections = (uint32_t)real_or(op, "verifier_rejections", 0.0)};
}

/* Clears the effect and hands in an interaction or opens an epoch. Returns whether it was an epoch. */
static inline bool
case_step(struct governance_case *self, const json_t *op)
{
    const char *kind = json_string_value(json_object_get(op, "op"));
    bool epoch = kind != NULL && strcmp(kind, "epoch_start") == 0;

    self->effect.cost_a = self->effect.cost_b = 0.0;
    self->effect.refuse = false;
    memset(self->reputation_change, 0, sizeof self->reputation_change);
    memset(self->resources_change, 0, sizeof self->resources_change);
    memset(self->freeze, 0, sizeof self->freeze);
    memset(self->unfreeze, 0, sizeof self->unfreeze);
    if (epoch) {
        compat_levers_epoch_start(self->levers, &self->agents, (uint32_t)golden_real(op, "epoch"), &self->effect);
    } else {
        struct compat_interaction interaction = interaction_of(op, self->interactions++);

        compat_levers_interaction(self->levers, &interaction, &self->effect);
    }
    return epoch;
}

static inline void
compare_set(struct golden_count *count, size_t index, const char *what, const bool *got, const json_t *want)
{
    bool named[AGENTS_MAX] = {0};

    for (size_t i = 0; i < json_array_size(want); i++)
        named[agent_of(json_string_value(json_array_get(want, i)))] = true;
    for (uint32_t i = 0; i < AGENTS_MAX; i++)
        golden_compare(count, index, what, got[i], named[i], 0.0);
}

static inline void
compare_changes(struct golden_count *count, size_t index, const char *what, const double *got, const json_t *want)
{
    for (uint32_t i = 0; i < AGENTS_MAX; i++) {
        const char name[] = {'a', (char)('0' + (int)i), 0};

        golden_compare(count, index, what, got[i], real_or(want, name, 0.0), NEAR);
    }
}

/* What is wanted of one operation: those members that `want` has. */
static inline void
compare_effect(struct golden_count *count, size_t index, const struct governance_case *self, const json_t *want)
{
    if (json_object_get(want, "cost_a") != NULL) {
        golden_compare(count, index, "cost_a", self->effect.cost_a, golden_real(want, "cost_a"), NEAR);
        golden_compare(count, index, "cost_b", self->effect.cost_b, golden_real(want, "cost_b"), NEAR);
    }
    if (json_object_get(want, "freeze") != NULL)
        compare_set(count, index, "freeze", self->freeze, json_object_get(want, "freeze"));
    if (json_object_get(want, "unfreeze") != NULL)
        compare_set(count, index, "unfreeze", self->unfreeze, json_object_get(want, "unfreeze"));
    if (json_object_get(want, "reputation_deltas") == NULL)
        return;
    compare_changes(count, index, "reputation", self->reputation_change, json_object_get(want, "reputation_deltas"));
    compare_changes(count, index, "resources", self->resources_change, json_object_get(want, "resource_deltas"));
}

#endif
