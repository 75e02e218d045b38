#include "tests/support/drill.h"

#include "core/assert.h"
#include "core/params.h"
#include "core/rng.h"
#include "core/streams.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRILL_ROW, DRILL_AXES };
#define DRILL_ASK_COLUMNS(C)                                                                                         \
    C(DRILL_ASK, agent, U32, DRILL_ROW, 0, 0, 1e9, "who")                                                            \
    C(DRILL_ASK, level, F64, DRILL_ROW, 0, -1e300, 1e300, "its level")                                               \
    C(DRILL_ASK, slope, F64, DRILL_ROW, 0, -1e300, 1e300, "its slope")                                               \
    C(DRILL_ASK, noise, F64, DRILL_ROW, 0, 0, 1, "this step's noise")                                                \
    C(DRILL_ASK, mean, F64, DRILL_ROW, 0, -1e300, 1e300, "everybody's level")
enum { DRILL_ASK_COLUMNS(COLUMN_ENUM) DRILL_ASK_COUNT };
#define DRILL_ANSWER_COLUMNS(C)                                                                                      \
    C(DRILL_ANSWER, agent, U32, DRILL_ROW, 0, 0, 1e9, "who")                                                         \
    C(DRILL_ANSWER, move, F64, DRILL_ROW, 0, -1e6, 1e6, "added to its level")                                        \
    C(DRILL_ANSWER, mark, U8, DRILL_ROW, 0, 0, 255, "a byte of it")
enum { DRILL_ANSWER_COLUMNS(COLUMN_ENUM) DRILL_ANSWER_COUNT };

static const struct axis drill_axes[] = {[DRILL_ROW] = {"agent", 1u << 24, "agents"}};
static const struct column ask_columns[] = {DRILL_ASK_COLUMNS(COLUMN_ROW)};
static const struct column answer_columns[] = {DRILL_ANSWER_COLUMNS(COLUMN_ROW)};

const struct schema schema_drill_ask = {.id = 60000,
                                        .name = "drill.ask",
                                        .from = "world",
                                        .to = "agents",
                                        .doc = "Four numbers.",
                                        .axes = drill_axes,
                                        .axis_count = 1,
                                        .columns = ask_columns,
                                        .column_count = DRILL_ASK_COUNT};
const struct schema schema_drill_answer = {.id = 60001, .name = "drill.answer", .from = "agents", .to = "world",
    .doc = "One number.", .axes = drill_axes, .axis_count = 1, .columns = answer_columns,
    .column_count = DRILL_ANSWER_COUNT};

#define DRILL_PARAMS(P, S)                                                                                           \
    P(S, U32, agents, 100, 1, 1e8, "agents", "how many")                                                             \
    P(S, U32, slots, 1, 1, 64, "", "in how many slots")                                                              \
    P(S, U32, external, 64, 0, 64, "", "the slot whose answers come from outside; 64: none")                         \
    P(S, U32, rounds, 1, 1, 16, "", "exchanges a step")
PARAMS_DEFINE(drill_params_of, DRILL_PARAMS)

struct drill {
    struct drill_params_of params;
    uint64_t seed, step;
    uint32_t steps_per_epoch;
    uint32_t round;
    double *level, *slope;
    double mean;
    bool kill_switch;
    uint32_t *ids;
    struct exchange_group *groups;
    struct domain_slot *slots;
};

static int
configure(const struct yaml_node *scenario, uint64_t seed, void **self_out, struct why *why)
{
    struct drill *self = ALLOC(struct drill);
    int64_t steps = 10;
    uint32_t first = 0;
    int error = params_bind(&drill_params_of_params, yaml_find(scenario, "drill"), NULL, &self->params, why);

    if (error == 0 && yaml_find_path(scenario, "simulation.steps_per_epoch") != NULL)
        error = yaml_get_integer(yaml_find_path(scenario, "simulation.steps_per_epoch"), &steps, why);
    if (error != 0) {
        free(self);
        return error;
    }
    self->seed = seed;
    self->steps_per_epoch = (uint32_t)steps;
    self->level = ALLOC_ARRAY(double, self->params.agents);
    self->slope = ALLOC_ARRAY(double, self->params.agents);
    self->ids = ALLOC_ARRAY(uint32_t, self->params.agents);
    self->groups = ALLOC_ARRAY(struct exchange_group, self->params.slots);
    self->slots = ALLOC_ARRAY(struct domain_slot, self->params.slots);
    for (uint32_t i = 0; i < self->params.agents; i++)
        self->ids[i] = i;
    for (uint32_t s = 0; s < self->params.slots; s++) {
        uint32_t last = (uint32_t)((uint64_t)self->params.agents * (s + 1) / self->params.slots);

        self->groups[s] = (struct exchange_group){.slot = s, .agents = self->ids + first, .count = last - first};
        self->slots[s] = (struct domain_slot){.policy = "drill", .params = "", .agent_count = last - first,
            .external = s == self->params.external};
        first = last;
    }
    *self_out = self;
    return 0;
}

static void
destroy(void *context)
{
    struct drill *self = context;

    free(self->level);
    free(self->slope);
    free(self->ids);
    free(self->groups);
    free(self->slots);
    free(self);
}

static void
genesis(void *context)
{
    struct drill *self = context;

    for (uint32_t i = 0; i < self->params.agents; i++) {
        struct rng rng = rng_make(self->seed, STREAM_GENESIS, i, 0);

        self->level[i] = rng_real(&rng);
        self->slope[i] = rng_between(&rng, -1.0, 1.0);
    }
}

static uint32_t
agent_count(const void *context)
{
    return ((const struct drill *)context)->params.agents;
}

static uint32_t
slots(const void *context, const struct domain_slot **out)
{
    const struct drill *self = context;

    *out = self->slots;
    return self->params.slots;
}

static uint32_t
steps_per_epoch(const void *context)
{
    return ((const struct drill *)context)->steps_per_epoch;
}

static void
begin(void *context, uint64_t step)
{
    struct drill *self = context;

    self->step = step;
    self->round = 0;
    self->mean = 0.0;
    for (uint32_t i = 0; i < self->params.agents; i++)
        self->mean += self->level[i];
    self->mean /= self->params.agents;
}

static bool
next(void *context, struct exchange *out)
{
    struct drill *self = context;

    if (self->round == self->params.rounds || self->kill_switch)
        return false;
    *out = (struct exchange){.kind = EXCHANGE_AGENTS, .round = self->round, .name = "drill", .ask = &schema_drill_ask,
        .answer = &schema_drill_answer, .groups = self->groups, .group_count = self->params.slots};
    return true;
}

static void
ask(const void *context, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
    struct buffer *out)
{
    const struct drill *self = context;
    const uint32_t *agents = exchange->groups[group].agents + first;
    struct batch_writer writer;
    uint32_t *agent;
    double *level, *slope, *noise, *mean;

    batch_begin(&writer, &schema_drill_ask, out, self->seed, first, &count);
    agent = batch_column(&writer, DRILL_ASK_agent);
    level = batch_column(&writer, DRILL_ASK_level);
    slope = batch_column(&writer, DRILL_ASK_slope);
    noise = batch_column(&writer, DRILL_ASK_noise);
    mean = batch_column(&writer, DRILL_ASK_mean);
    memcpy(agent, agents, count * sizeof *agent);
    for (uint32_t i = 0; i < count; i++) {
        level[i] = self->level[agents[i]];
        slope[i] = self->slope[agents[i]];
        noise[i] = (double)((agents[i] * 2654435761u ^ (uint32_t)self->step * 40503u) >> 8) / 16777216.0;
        mean[i] = self->mean;
    }
}

static int
check(const void *context, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
      const struct batch *answer, struct why *why)
{
    const uint32_t *agents = exchange->groups[group].agents + first;

    (void)context;
    if (answer->count[0] != count)
        return fail(why, ERR_INVALID, "%u rows for %u agents", answer->count[0], count);
    for (uint32_t i = 0; i < count; i++)
        if (batch_u32(answer, DRILL_ANSWER_agent, i) != agents[i])
            return fail(why, ERR_INVALID, "row %u is about agent %u, not %u", i,
                        batch_u32(answer, DRILL_ANSWER_agent, i), agents[i]);
    return 0;
}

static void
take(void *context, const struct exchange *exchange, const struct batch *answers, const struct batch *docket)
{
    struct drill *self = context;

    (void)docket;
    for (uint32_t g = 0; g < exchange->group_count; g++)
        for (uint32_t i = 0; i < exchange->groups[g].count; i++)
            self->level[exchange->groups[g].agents[i]] += batch_f64(&answers[g], DRILL_ANSWER_move, i);
    self->round++;
}

static int
command_check(const void *context, const char *verb, const char *argument, struct why *why)
{
    (void)context;
    if (strcmp(verb, "kill_switch") == 0 && (strcmp(argument, "on") == 0 || strcmp(argument, "off") == 0))
        return 0;
    return fail(why, ERR_UNKNOWN, "no command '%s %s'", verb, argument);
}

static int
command(void *context, const char *verb, const char *argument, struct why *why)
{
    struct drill *self = context;
    int error = command_check(context, verb, argument, why);

    if (error == 0)
        self->kill_switch = strcmp(argument, "on") == 0;
    return error;
}

static void
end(void *context)
{
    (void)context;
}

static void
figures(const void *context, bool whole_run, domain_figure_fn *each, void *each_context)
{
    const struct drill *self = context;

    (void)whole_run;
    each(each_context, "mean", self->mean, true);
}

static void
digest(const void *context, struct fold *fold)
{
    const struct drill *self = context;

    fold_bytes(fold, self->level, self->params.agents * sizeof *self->level);
    fold_u32(fold, self->kill_switch);
}

static void
save(const void *context, struct buffer *out)
{
    const struct drill *self = context;
    uint8_t kill_switch = self->kill_switch;

    buffer_append(out, self->level, self->params.agents * sizeof *self->level);
    buffer_append(out, &kill_switch, 1);
}

static int
load(void *context, const void *bytes, size_t size, struct why *why)
{
    struct drill *self = context;
    size_t levels = self->params.agents * sizeof *self->level;

    if (size != levels + 1)
        return fail(why, ERR_FORMAT, "a snapshot of %zu bytes, %zu wanted", size, levels + 1);
    memcpy(self->level, bytes, levels);
    self->kill_switch = ((const uint8_t *)bytes)[levels] != 0;
    return 0;
}

static int
check_invariants(const void *context, struct why *why)
{
    (void)context;
    (void)why;
    return 0;
}

const struct domain domain_drill = {.name = "drill", .doc = "A drill for the engine.", .configure = configure,
    .destroy = destroy, .genesis = genesis, .agent_count = agent_count, .slots = slots,
    .steps_per_epoch = steps_per_epoch, .begin = begin, .next = next, .ask = ask, .check = check, .take = take,
    .command_check = command_check, .command = command, .end = end, .figures = figures, .digest = digest, .save = save,
    .load = load, .check_invariants = check_invariants};

void
drill_manifest(struct buffer *out, uint32_t agents, uint32_t slot_count, uint32_t rounds, uint32_t steps, uint64_t seed,
               const char *detail)
{
    char text[512];

    snprintf(text, sizeof text,
             "polis: 1\nname: drill\ndomain: drill\nsimulation:\n  epochs: %u\n  steps_per_epoch: 1\n  seed: %llu\n"
             "log:\n  detail: %s\ndrill:\n  agents: %u\n  slots: %u\n  rounds: %u\n",
             steps, (unsigned long long)seed, detail, agents, slot_count, rounds);
    buffer_append(out, text, strlen(text));
}

int
drill_answer(const void *bytes, size_t size, uint64_t hash, uint32_t work, struct buffer *out, struct why *why)
{
    struct batch batch;
    struct batch_writer writer;
    uint32_t *agent;
    double *move;
    uint8_t *mark;
    int error = batch_read(&schema_drill_ask, bytes, size, &batch, why);

    if (error != 0)
        return error;
    batch_begin(&writer, &schema_drill_answer, out, hash, batch.first, batch.count);
    agent = batch_column(&writer, DRILL_ANSWER_agent);
    move = batch_column(&writer, DRILL_ANSWER_move);
    mark = batch_column(&writer, DRILL_ANSWER_mark);
    for (uint32_t i = 0; i < batch.count[0]; i++) {
        double x = batch_f64(&batch, DRILL_ASK_level, i) - batch_f64(&batch, DRILL_ASK_mean, i);
        double slope = batch_f64(&batch, DRILL_ASK_slope, i) * 0.5;

        for (uint32_t k = 0; k < work; k++)
            x = x * slope + 0.0625;
        agent[i] = batch_u32(&batch, DRILL_ASK_agent, i);
        move[i] = x * 0.001 + batch_f64(&batch, DRILL_ASK_noise, i) - 0.5;
        mark[i] = (uint8_t)(agent[i] & 255u);
    }
    return 0;
}

static void
worker_start(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context;
    (void)now_ms;
    outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, NULL, MSG_CREDIT, &(struct credit){.chunks = 2});
}

static void
worker_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct drill_worker *self = context;
    struct envelope head = letter->head;
    struct buffer answer = {0};

    (void)now_ms;
    if (letter->head.type != MSG_OBSERVATION)
        return;
    head.type = MSG_ACTION;
    if (drill_answer(letter->payload, letter->size, letter->head.payload_hash, self->work, &answer, NULL) == 0) {
        self->answered++;
        outbox_send(out, CHANNEL_DATA, &letter->peer, &head, &answer);
    }
    buffer_fini(&answer);
}

static void
worker_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context;
    (void)now_ms;
    (void)out;
}

void
drill_worker_actor(struct drill_worker *self, struct actor *out)
{
    *out = (struct actor){.role = ROLE_AGENTS, .serves = "drill", .self = self, .ready_fd = -1, .start = worker_start,
        .receive = worker_receive, .tick = worker_tick};
}
