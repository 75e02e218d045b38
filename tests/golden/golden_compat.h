/* tests/golden/golden_compat.h - what the golden cases of the earlier implementation's agents share: their ids are a
 * letter and a number ("a3", "p0"), their state is a history and what a type keeps besides. */
#ifndef POLIS_TESTS_GOLDEN_COMPAT_H
#define POLIS_TESTS_GOLDEN_COMPAT_H

#include "tests/golden/golden.h"
#include "world/compat/policy.h"

#define CASE_AGENTS 16u
#define CASE_DRAWS 64u

static inline const char *
case_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text == NULL)
        fail_msg("no text \"%s\"", key);
    return text;
}

/* "mb12" -> 12; "" -> COMPAT_NOBODY. */
static inline uint32_t
case_number(const char *id)
{
    while (*id >= 'a' && *id <= 'z')
        id++;
    return *id == '\0' ? COMPAT_NOBODY : (uint32_t)atoi(id);
}

static inline uint32_t
case_id(const json_t *object, const char *key)
{
    return case_number(case_text(object, key));
}

static inline double
case_real_or(const json_t *object, const char *key, double otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_number(value) ? json_number_value(value) : otherwise;
}

static inline enum compat_type
case_type(const char *name)
{
    for (uint32_t type = 0; type < COMPAT_TYPES; type++)
        if (strcmp(compat_type_name(type), name) == 0)
            return type;
    fail_msg("no type %s", name);
    return COMPAT_TYPES;
}

static inline enum sandbox_interaction
case_kind(const char *name)
{
    return strcmp(name, "reply") == 0 ? INTERACTION_REPLY : strcmp(name, "vote") == 0 ? INTERACTION_VOTE :
           strcmp(name, "trade") == 0 ? INTERACTION_TRADE : INTERACTION_COLLABORATION;
}

static inline void
case_draws(struct compat_draws *draws, double script[CASE_DRAWS], const json_t *in)
{
    const json_t *list = json_object_get(in, "draws");
    uint32_t count = (uint32_t)json_array_size(list);

    assert_true(count < CASE_DRAWS);
    for (uint32_t i = 0; i < count; i++)
        script[i] = json_number_value(json_array_get(list, i));
    script[count] = 0.0;
    compat_draws_script(draws, script, count > 0 ? count : 1);
}

/* Agent 0 remembers. Scores of trust are set after the history, which does not move them here. */
static inline void
case_memory(struct compat_memory *memory, const json_t *state)
{
    json_t *entry;
    const char *key;
    size_t index;

    compat_memory_init(memory, CASE_AGENTS, CASE_AGENTS * CASE_AGENTS);
    json_array_foreach(json_object_get(state, "history"), index, entry)
    {
        uint32_t initiator = case_number(json_string_value(json_array_get(entry, 0)));
        uint32_t counterparty = case_number(json_string_value(json_array_get(entry, 1)));

        compat_memory_learn(memory, 0, initiator == 0 ? counterparty : initiator, false,
                            json_is_true(json_array_get(entry, 2)), json_number_value(json_array_get(entry, 3)));
    }
    json_object_foreach(json_object_get(state, "trust_scores"), key, entry)
        compat_memory_set_faith(memory, 0, case_number(key), json_number_value(entry));
    json_object_foreach(json_object_get(state, "interactions_with"), key, entry)
        compat_memory_add_met(memory, 0, case_number(key), (uint32_t)json_integer_value(entry));
    json_array_foreach(json_object_get(state, "target_list"), index, entry)
        compat_memory_add_target(memory, 0, case_number(json_string_value(entry)));
    json_array_foreach(json_object_get(state, "known_allies"), index, entry)
        compat_memory_add_ally(memory, 0, case_number(json_string_value(entry)));
    memory->cooldown[0] = (uint32_t)case_real_or(state, "attack_cooldown", 0);
}

/* The list of visible agents into out[CASE_AGENTS]; how many. */
static inline uint32_t
case_agents(const json_t *list, struct compat_seen_agent *out)
{
    json_t *entry;
    size_t index;

    json_array_foreach(list, index, entry)
        out[index] = (struct compat_seen_agent){case_id(entry, "agent_id"), case_type(case_text(entry, "agent_type")),
                                                golden_real(entry, "reputation"), golden_real(entry, "resources")};
    return (uint32_t)json_array_size(list);
}

#endif
