#include "world/compat/domain.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

/* A slot for each type that there is, in the order of the types. */
static void
make_slots(struct compat *self)
{
    uint32_t counts[COMPAT_TYPES] = {0};

    for (uint32_t i = 0; i < self->config.group_count; i++)
        counts[self->config.groups[i].type] += self->config.groups[i].count;
    self->slots = ALLOC_ARRAY(struct domain_slot, COMPAT_TYPES);
    for (uint32_t type = 0; type < COMPAT_TYPES; type++)
        if (counts[type] > 0)
            self->slots[self->slot_count++] =
                (struct domain_slot){.policy = compat_type_name(type), .params = "", .agent_count = counts[type]};
}

static int
configure(const struct yaml_node *scenario, uint64_t seed, void **self_out, struct why *why)
{
    struct compat *self = ALLOC(struct compat);
    int code = compat_config_read(&self->config, scenario, why);

    if (code != 0) {
        free(self);
        return code;
    }
    self->seed = seed;
    make_slots(self);
    compat_run_init(&self->run, &self->config);
    *self_out = self;
    return 0;
}

static void
destroy(void *self_any)
{
    struct compat *self = self_any;

    if (self == NULL)
        return;
    compat_run_fini(&self->run);
    compat_config_fini(&self->config);
    free(self->slots);
    free(self);
}

static void
genesis(void *self_any)
{
    struct compat *self = self_any;

    compat_run_genesis(&self->run, self->seed);
}

/* ---- the step ---- */

static void
begin(void *self_any, uint64_t step)
{
    struct compat *self = self_any;

    compat_run_begin(&self->run, step);
}

static bool
next(void *self, struct exchange *out)
{
    (void)self;
    (void)out;
    return false;
}

static void
ask(const void *self, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
    struct buffer *out)
{
    (void)self;
    (void)exchange;
    (void)group;
    (void)first;
    (void)count;
    (void)out;
    UNREACHABLE(); /* next() has named no exchange */
}

static int
check(const void *self, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
      const struct batch *answer, struct why *why)
{
    (void)self;
    (void)exchange;
    (void)group;
    (void)first;
    (void)count;
    (void)answer;
    return fail(why, ERR_STATE, "the compat rules ask nobody, so there is nothing to answer");
}

static void
take(void *self, const struct exchange *exchange, const struct batch *answers, const struct batch *docket)
{
    (void)self;
    (void)exchange;
    (void)answers;
    (void)docket;
    UNREACHABLE(); /* check() lets nothing pass */
}

/* The agents act here rather than in begin(), so that an operator's commands for the step come before them. */
static void
end(void *self_any)
{
    struct compat *self = self_any;

    compat_run_act(&self->run);
    compat_run_end(&self->run);
}

/* ---- commands ---- */

struct order {
    enum { ORDER_KILL_SWITCH, ORDER_FREEZE } verb;
    bool on;
    uint32_t agent;
};

static int
read_order(const struct compat *self, const char *verb, const char *argument, struct order *out, struct why *why)
{
    int64_t agent = -1;
    int code;

    argument = argument == NULL ? "" : argument;
    *out = (struct order){.on = strcmp(argument, "on") == 0 || strcmp(verb, "freeze") == 0};
    if (strcmp(verb, "kill_switch") == 0)
        return out->on || strcmp(argument, "off") == 0
                   ? 0
                   : fail(why, ERR_INVALID, "kill_switch is 'on' or 'off', not '%s'", argument);
    if (strcmp(verb, "freeze") != 0 && strcmp(verb, "unfreeze") != 0)
        return fail(why, ERR_UNKNOWN,
                    "the compat rules know no command '%s' (kill_switch on|off, freeze AGENT, unfreeze AGENT)", verb);
    if ((code = text_parse_integer(argument, &agent, why)) != 0)
        return code;
    if (agent < 0 || agent >= self->config.agent_count)
        return fail(why, ERR_UNKNOWN, "there is no agent %" PRId64 ": they are 0 to %" PRIu32, agent,
                    self->config.agent_count - 1);
    out->verb = ORDER_FREEZE;
    out->agent = (uint32_t)agent;
    return 0;
}

static int
command_check(const void *self, const char *verb, const char *argument, struct why *why)
{
    struct order order;

    return read_order(self, verb, argument, &order, why);
}

static int
command(void *self_any, const char *verb, const char *argument, struct why *why)
{
    struct compat *self = self_any;
    struct order order;
    int code = read_order(self, verb, argument, &order, why);

    if (code != 0)
        return code;
    if (order.verb == ORDER_KILL_SWITCH)
        self->run.now.paused = order.on;
    else
        self->run.frozen[order.agent] = order.on;
    return 0;
}

/* ---- forks ---- */

static void
adopt(void *self_any, const double *quotes, uint32_t quote_count)
{
    struct compat *self = self_any;

    (void)quotes; /* there is no other governance */
    (void)quote_count;
    compat_run_reseed(&self->run, self->seed);
}

static const struct domain_fixed fixed[] = {
    {"simulation.steps_per_epoch", "steps already belong to epochs"},
    {"agents", "the state has a row for each of them"},
    {"governance", "the levers' state is that of their parameters"},
    {"sandbox.rules", "the state is that of these rules"},
    {"sandbox.network", "it had its effect at the start"},
    {"sandbox.marketplace", "what it holds was made under its rules"},
    {"sandbox.rate_limits", "agents have used them up in part"},
    {NULL, NULL},
};
static const struct domain_fork fork_rules = {fixed, adopt};

/* ---- what it is ---- */

static uint32_t
agent_count(const void *self)
{
    return ((const struct compat *)self)->config.agent_count;
}

static uint32_t
slots(const void *self, const struct domain_slot **out)
{
    *out = ((const struct compat *)self)->slots;
    return ((const struct compat *)self)->slot_count;
}

static uint32_t
steps_per_epoch(const void *self)
{
    return ((const struct compat *)self)->config.steps_per_epoch;
}

const struct domain domain_compat = {
    .name = "sandbox",
    .doc = "The sandbox under the rules of its earlier Python implementation, draw for draw (docs/compat.md).",
    .configure = configure,
    .destroy = destroy,
    .genesis = genesis,
    .agent_count = agent_count,
    .slots = slots,
    .steps_per_epoch = steps_per_epoch,
    .begin = begin,
    .next = next,
    .ask = ask,
    .check = check,
    .take = take,
    .command_check = command_check,
    .command = command,
    .end = end,
    .event_schema = &schema_sandbox_events,
    .events = compat_events,
    .figures = compat_figures,
    .digest = compat_digest,
    .save = compat_save,
    .load = compat_load,
    .check_invariants = compat_check_invariants,
    .resolve = compat_config_resolve,
    .write_schema = compat_config_write_schema,
    .write_manual = compat_config_write_manual,
    .fork = &fork_rules,
    .claims = compat_config_claims,
    .self_contained = true,
};
