/* tests/unit/world/sandbox_driver.h - runs the sandbox domain without a world: answers are made here. Every batch
 * that the domain writes is read back and checked, every answer passes check() before take(). */
#ifndef POLIS_TESTS_SANDBOX_DRIVER_H
#define POLIS_TESTS_SANDBOX_DRIVER_H

#include "core/digest.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/yaml.h"
#include "proto/sandbox.h"
#include "tests/support/test.h"
#include "world/domain.h"

#include <stdio.h>
#include <string.h>

extern const struct domain domain_sandbox;

/* Who decided a row of agents that ask models; sent for those of type llm. */
struct driver_mind {
    uint32_t mind, signs, taint, tokens;
    uint32_t unread; /* a bit for each visible post whose words were kept from the model */
    double confidence;
};

/* What one agent answers in the act round; starts as pass without a proposal. */
struct wish {
    uint32_t verb, target, partner, kind;
    int32_t value;
    int64_t amount, transfer;
    double work, effort, disguise;
    char text[64];
    uint8_t memory[255];
    uint32_t text_size, memory_size;
    uint32_t whom, topic; /* these are sent where agents have traits */
    uint32_t post_kind;
    int32_t stance;
    bool payload;
    struct driver_mind mind;
};

/* What governance says; rows and actions start as allowed without cost. */
struct driver;
typedef void driver_act_fn(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng,
                           struct wish *out);
typedef bool driver_answer_fn(struct driver *driver, const struct batch *seen, uint32_t offer, struct rng *rng);
typedef void driver_mind_fn(struct driver *driver, const struct batch *seen, uint32_t row, struct driver_mind *out);
typedef void driver_judge_fn(struct driver *driver, const struct batch *docket, struct batch_writer *verdict,
                             struct rng *rng);

struct driver {
    void *self;
    uint64_t seed, step;
    uint32_t chunk;      /* rows an ask */
    uint32_t effects;    /* effects a verdict has room for */
    driver_act_fn *act;
    driver_answer_fn *answer;
    driver_mind_fn *answer_mind; /* of the accept round */
    driver_judge_fn *judge; /* fills in a verdict whose rows are all allowed */
    uint32_t exchanges, agents_asked;
    bool minds;          /* those who are asked now are of type llm */
    void *context;
};

static inline void
driver_read(const struct schema *schema, const struct buffer *bytes, struct batch *out)
{
    struct why why = {0};

    if (batch_read(schema, bytes->data, bytes->size, out, &why) != 0 || batch_check(out, &why) != 0)
        fail_msg("%s: %s", schema->name, why.text);
}

static inline struct rng
driver_rng(const struct driver *self, uint32_t agent, uint32_t purpose)
{
    return rng_make(self->seed + purpose, STREAM_TEST, agent, self->step);
}

static inline void
driver_decide(struct driver *self, const struct batch *seen, struct buffer *out)
{
    uint32_t count = seen->count[ACT_ROW], texts = 0, memories = 0;
    struct wish *wishes = calloc(count, sizeof *wishes);
    struct batch_writer w;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t agent = batch_u32(seen, OBSERVE_agent, i);
        struct rng rng = driver_rng(self, agent, 1);

        wishes[i] = (struct wish){.partner = SANDBOX_NOBODY, .target = SANDBOX_NOBODY, .whom = SANDBOX_NOBODY,
            .topic = SANDBOX_NOBODY};
        if (self->act != NULL)
            self->act(self, seen, i, &rng, &wishes[i]);
        texts += wishes[i].text_size;
        memories += wishes[i].memory_size;
    }
    batch_begin(&w, &schema_sandbox_decide, out, 0, seen->first,
                (uint32_t[DECIDE_AXES]){[DECIDE_ROW] = count, [DECIDE_TEXT] = texts, [DECIDE_MEMORY] = memories,
                                          [DECIDE_EXTRA] = seen->count[ACT_TRAIT],
                                          [DECIDE_MIND] = self->minds ? count : 0});
    texts = memories = 0;
#define DECIDE_PUT(type, name, v) (((type *)batch_column(&w, DECIDE_##name))[i] = (type)(v))
    for (uint32_t i = 0; i <= count; i++) {
        DECIDE_PUT(uint32_t, texts, texts);
        DECIDE_PUT(uint32_t, memories, memories);
        if (i == count)
            break;
        DECIDE_PUT(uint32_t, agent, batch_u32(seen, OBSERVE_agent, i));
        DECIDE_PUT(uint8_t, verb, wishes[i].verb);
        DECIDE_PUT(uint32_t, target, wishes[i].target);
        DECIDE_PUT(int32_t, value, wishes[i].value);
        DECIDE_PUT(int64_t, amount, wishes[i].amount);
        DECIDE_PUT(double, work, wishes[i].work);
        DECIDE_PUT(uint32_t, partner, wishes[i].partner);
        DECIDE_PUT(uint8_t, kind, wishes[i].kind);
        DECIDE_PUT(int64_t, transfer, wishes[i].transfer);
        DECIDE_PUT(double, effort, wishes[i].effort);
        DECIDE_PUT(double, disguise, wishes[i].disguise);
        if (seen->count[ACT_TRAIT] > 0) {
            DECIDE_PUT(uint32_t, whom, wishes[i].whom);
            DECIDE_PUT(uint32_t, topic, wishes[i].topic);
            DECIDE_PUT(uint8_t, post_kind, wishes[i].post_kind);
            DECIDE_PUT(int32_t, stance, wishes[i].stance);
            DECIDE_PUT(uint8_t, payload, wishes[i].payload);
        }
        if (self->minds) {
            DECIDE_PUT(uint8_t, mind, wishes[i].mind.mind);
            DECIDE_PUT(uint8_t, mind_signs, wishes[i].mind.signs);
            DECIDE_PUT(uint8_t, mind_taint, wishes[i].mind.taint);
            DECIDE_PUT(double, mind_confidence, wishes[i].mind.confidence);
            DECIDE_PUT(uint32_t, mind_tokens, wishes[i].mind.tokens);
            DECIDE_PUT(uint32_t, mind_read,
                       ((UINT64_C(1) << seen->count[ACT_POST]) - 1) & ~(uint64_t)wishes[i].mind.unread);
        }
        batch_fill_bytes(&w, DECIDE_text, texts, wishes[i].text, wishes[i].text_size);
        batch_fill_bytes(&w, DECIDE_memory, memories, wishes[i].memory, wishes[i].memory_size);
        texts += wishes[i].text_size;
        memories += wishes[i].memory_size;
    }
    free(wishes);
}

static inline void
driver_reply(struct driver *self, const struct batch *seen, struct buffer *out)
{
    uint32_t count = seen->count[OFFERS_ROW];
    struct batch_writer w;

    batch_begin(&w, &schema_sandbox_answer, out, 0, seen->first,
                (uint32_t[ANSWER_AXES]){[ANSWER_ROW] = count, [ANSWER_OFFER] = seen->count[OFFERS_OFFER],
                                        [ANSWER_MIND] = self->minds ? count : 0});
    for (uint32_t i = 0; i <= count; i++)
        ((uint32_t *)batch_column(&w, ANSWER_offers))[i] = batch_u32(seen, OFFERS_offers, i);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t agent = batch_u32(seen, OFFERS_agent, i);
        struct rng rng = driver_rng(self, agent, 2);
        struct driver_mind mind = {0};

        if (self->minds && self->answer_mind != NULL)
            self->answer_mind(self, seen, i, &mind);
        if (self->minds) {
            ((uint8_t *)batch_column(&w, ANSWER_mind))[i] = (uint8_t)mind.mind;
            ((uint8_t *)batch_column(&w, ANSWER_mind_signs))[i] = (uint8_t)mind.signs;
            ((double *)batch_column(&w, ANSWER_mind_confidence))[i] = mind.confidence;
            ((uint32_t *)batch_column(&w, ANSWER_mind_tokens))[i] = mind.tokens;
        }
        ((uint32_t *)batch_column(&w, ANSWER_agent))[i] = agent;
        for (uint32_t j = batch_u32(seen, OFFERS_offers, i); j < batch_u32(seen, OFFERS_offers, i + 1); j++) {
            ((uint8_t *)batch_column(&w, ANSWER_accept))[j] = self->answer == NULL || self->answer(self, seen, j, &rng);
            ((double *)batch_column(&w, ANSWER_belief))[j] = batch_f64(seen, OFFERS_signal, j);
        }
    }
}

static inline void
driver_verdict(struct driver *self, const struct batch *docket, struct buffer *out)
{
    bool opening = docket->count[DOCKET_OPENING] > 0;
    struct rng rng = driver_rng(
        self, 0, opening ? 3 : 4 + (docket->count[DOCKET_ROW] > 0 ? batch_u32(docket, DOCKET_initiator, 0) : 0));
    struct batch_writer w;

    batch_begin(&w, &schema_sandbox_verdict, out, 0, 0, (uint32_t[VERDICT_AXES]){
        [VERDICT_ROW] = docket->count[DOCKET_ROW], [VERDICT_ACTION] = docket->count[DOCKET_ACTION],
        [VERDICT_EFFECT] = self->effects, [VERDICT_QUOTE] = opening ? QUOTE_GOVERNANCE_END : 0});
    memset(batch_column(&w, VERDICT_allow), 1, docket->count[DOCKET_ROW]);
    memset(batch_column(&w, VERDICT_action_allow), 1, docket->count[DOCKET_ACTION]);
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++)
        ((double *)batch_column(&w, VERDICT_action_weight))[i] = 1.0;
    for (uint32_t i = 0; i < self->effects; i++)
        ((uint8_t *)batch_column(&w, VERDICT_effect_kind))[i] = EFFECT_UNFREEZE;
    if (self->judge != NULL)
        self->judge(self, docket, &w, &rng);
}

static inline bool
driver_asks_models(const struct driver *self, uint32_t slot)
{
    const struct domain_slot *slots;

    assert_true(slot < domain_sandbox.slots(self->self, &slots));
    return strcmp(slots[slot].policy, "llm") == 0;
}

/* One chunk asked and answered, the answer at the end of `out`. */
static inline void
driver_chunk(struct driver *self, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
             struct buffer *out, struct batch *answer)
{
    struct buffer ask = {0}, again = {0};
    struct batch seen;
    struct why why = {0};

    self->minds = exchange->kind == EXCHANGE_AGENTS && driver_asks_models(self, exchange->groups[group].slot);
    domain_sandbox.ask(self->self, exchange, group, first, count, &ask);
    domain_sandbox.ask(self->self, exchange, group, first, count, &again);
    assert_int_equal(ask.size, again.size);
    assert_memory_equal(ask.data, again.data, ask.size);
    driver_read(exchange->ask, &ask, &seen);
    if (exchange->kind == EXCHANGE_GOVERNANCE)
        driver_verdict(self, &seen, out);
    else if (exchange->ask == &schema_sandbox_observe)
        driver_decide(self, &seen, out);
    else
        driver_reply(self, &seen, out);
    driver_read(exchange->answer, out, answer);
    if (domain_sandbox.check(self->self, exchange, group, first, count, answer, &why) != 0)
        fail_msg("%s: %s", exchange->name, why.text);
    self->agents_asked += exchange->kind == EXCHANGE_AGENTS ? count : 0;
    buffer_fini(&ask);
    buffer_fini(&again);
}

/* A whole group's answers as one batch. */
static inline void
driver_group(struct driver *self, const struct exchange *exchange, uint32_t group, struct buffer *out,
             struct batch *answer)
{
    uint32_t count = exchange->groups[group].count, chunk = self->chunk == 0 ? count : self->chunk;
    uint32_t parts = (count + chunk - 1) / chunk;
    struct buffer *bytes = calloc(parts, sizeof *bytes);
    struct batch *part = calloc(parts, sizeof *part);

    for (uint32_t i = 0; i < parts; i++) {
        uint32_t first = i * chunk;

        driver_chunk(self, exchange, group, first, count - first < chunk ? count - first : chunk, &bytes[i], &part[i]);
    }
    batch_concatenate(exchange->answer, part, parts, 0, out);
    driver_read(exchange->answer, out, answer);
    for (uint32_t i = 0; i < parts; i++)
        buffer_fini(&bytes[i]);
    free(bytes);
    free(part);
}

static inline void
driver_exchange(struct driver *self, const struct exchange *exchange)
{
    uint32_t count = exchange->kind == EXCHANGE_AGENTS ? exchange->group_count : 1;
    struct buffer *bytes = calloc(count, sizeof *bytes);
    struct batch *answers = calloc(count, sizeof *answers);

    self->exchanges++;
    for (uint32_t group = 0; group < count; group++)
        if (exchange->kind == EXCHANGE_AGENTS)
            driver_group(self, exchange, group, &bytes[group], &answers[group]);
        else
            driver_chunk(self, exchange, 0, 0, 0, &bytes[0], &answers[0]);
    domain_sandbox.take(self->self, exchange, answers, NULL);
    for (uint32_t group = 0; group < count; group++)
        buffer_fini(&bytes[group]);
    free(bytes);
    free(answers);
}

static inline void
driver_step(struct driver *self)
{
    struct exchange exchange;
    struct buffer events = {0};
    struct batch batch;
    struct why why = {0};

    domain_sandbox.begin(self->self, ++self->step);
    while (domain_sandbox.next(self->self, &exchange))
        driver_exchange(self, &exchange);
    domain_sandbox.end(self->self);
    domain_sandbox.events(self->self, &events);
    driver_read(&schema_sandbox_events, &events, &batch);
    buffer_fini(&events);
    if (domain_sandbox.check_invariants(self->self, &why) != 0)
        fail_msg("seed %llu, step %llu: %s", (unsigned long long)self->seed, (unsigned long long)self->step, why.text);
}

/* From the text of a scenario, at genesis. */
static inline void
driver_begin(struct driver *self, const char *scenario)
{
    struct yaml_tree *tree;
    struct why why = {0};

    if (yaml_read_text("scenario", scenario, strlen(scenario), &tree, &why) != 0 ||
        domain_sandbox.resolve(tree, &why) != 0 ||
        domain_sandbox.configure(yaml_root(tree), self->seed, &self->self, &why) != 0)
        fail_msg("%s", why.text);
    yaml_destroy(&tree);
    domain_sandbox.genesis(self->self);
    self->step = 0;
}

static inline void
driver_end(struct driver *self)
{
    domain_sandbox.destroy(self->self);
    self->self = NULL;
}

static inline void
driver_digest(const struct driver *self, char out[2 * FOLD_SIZE + 1])
{
    uint8_t bytes[FOLD_SIZE];
    struct fold fold;

    fold_init(&fold);
    domain_sandbox.digest(self->self, &fold);
    fold_end(&fold, bytes);
    digest_hex(bytes, FOLD_SIZE, out);
}

/* `to`, which has begun alike, gets the state of `from` by way of a snapshot, and stands where that stands. */
static inline void
driver_copy(const struct driver *from, struct driver *to)
{
    struct buffer bytes = {0};
    struct why why = {0};

    domain_sandbox.save(from->self, &bytes);
    if (domain_sandbox.load(to->self, bytes.data, bytes.size, &why) != 0)
        fail_msg("seed %llu: %s", (unsigned long long)from->seed, why.text);
    to->step = from->step;
    buffer_fini(&bytes);
}

/* Both have the same state. */
static inline void
driver_same(const struct driver *one, const struct driver *two)
{
    char a[2 * FOLD_SIZE + 1], b[2 * FOLD_SIZE + 1];

    driver_digest(one, a);
    driver_digest(two, b);
    if (strcmp(a, b) != 0)
        fail_msg("seed %llu, step %llu: other states, %s and %s", (unsigned long long)one->seed,
            (unsigned long long)one->step, a, b);
}

struct driver_figure {
    const char *name;
    double value;
    bool known, found;
};

static inline void
driver_figure_each(void *context, const char *name, double value, bool known)
{
    struct driver_figure *figure = context;

    if (strcmp(name, figure->name) != 0)
        return;
    assert_false(figure->found); /* each name once */
    *figure = (struct driver_figure){figure->name, value, known, true};
}

static inline struct driver_figure
driver_figure(const struct driver *self, bool whole_run, const char *name)
{
    struct driver_figure figure = {.name = name};

    domain_sandbox.figures(self->self, whole_run, driver_figure_each, &figure);
    if (!figure.found)
        fail_msg("no figure %s", name);
    return figure;
}

#endif
