/* bench/sandbox_domain.c - what the sandbox domain alone costs: time in begin, ask, check, take, end and digest,
 * with answers made up here and not counted. Usage: sandbox_domain [AGENTS [STEPS]] */
#include "core/arena.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/yaml.h"
#include "proto/sandbox.h"
#include "world/domain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

extern const struct domain domain_sandbox;

static double spent; /* seconds in the domain */
static double started;

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#define TIMED(call) (started = now(), (call), spent += now() - started)

#define PUT(type, column, v) (((type *)batch_column(&w, column))[i] = (type)(v))

/* A post, vote or claim now and then, and an offer to a candidate in four steps of ten. */
static void
decide(const struct batch *seen, uint64_t step, struct buffer *out)
{
    uint32_t count = seen->count[ACT_ROW];
    struct batch_writer w;

    batch_begin(&w, &schema_sandbox_decide, out, 0, seen->first,
                (uint32_t[DECIDE_AXES]){[DECIDE_ROW] = count, [DECIDE_TEXT] = count * 4});
    for (uint32_t i = 0; i < count; i++) {
        uint32_t agent = batch_u32(seen, OBSERVE_agent, i), begin = batch_u32(seen, OBSERVE_candidates, i);
        struct rng rng = rng_make(1, STREAM_BENCH, agent, step);
        uint32_t kind = rng_below(&rng, 10);
        bool offers = rng_below(&rng, 10) < 4 && begin < batch_u32(seen, OBSERVE_candidates, i + 1);

        PUT(uint32_t, DECIDE_agent, agent);
        PUT(uint8_t, DECIDE_verb, kind < 2 ? VERB_POST : kind < 6 && seen->count[ACT_POST] > 0 ? VERB_VOTE : VERB_PASS);
        PUT(uint32_t, DECIDE_target,
            seen->count[ACT_POST] > 0 ? batch_u32(seen, OBSERVE_post, rng_below(&rng, seen->count[ACT_POST]))
                                      : SANDBOX_NOBODY);
        PUT(int32_t, DECIDE_value, 1);
        PUT(uint32_t, DECIDE_partner, offers ? batch_u32(seen, OBSERVE_candidate, begin) : SANDBOX_NOBODY);
        PUT(double, DECIDE_effort, 0.7);
        PUT(uint32_t, DECIDE_texts, 4 * i);
    }
    memset(batch_column(&w, DECIDE_text), 'x', 4 * (size_t)count);
    ((uint32_t *)batch_column(&w, DECIDE_texts))[count] = 4 * count;
}

static void
reply(const struct batch *seen, struct buffer *out)
{
    uint32_t count = seen->count[OFFERS_ROW];
    struct batch_writer w;

    batch_begin(&w, &schema_sandbox_answer, out, 0, seen->first,
                (uint32_t[ANSWER_AXES]){[ANSWER_ROW] = count, [ANSWER_OFFER] = seen->count[OFFERS_OFFER]});
    for (uint32_t i = 0; i < count; i++) {
        PUT(uint32_t, ANSWER_agent, batch_u32(seen, OFFERS_agent, i));
        PUT(uint32_t, ANSWER_offers, batch_u32(seen, OFFERS_offers, i));
    }
    ((uint32_t *)batch_column(&w, ANSWER_offers))[count] = seen->count[OFFERS_OFFER];
    for (uint32_t i = 0; i < seen->count[OFFERS_OFFER]; i++)
        PUT(uint8_t, ANSWER_accept, batch_f64(seen, OFFERS_signal, i) > 0.4);
}

static void
exchange_all(void *self, const struct exchange *exchange, uint64_t step)
{
    struct batch *answers = calloc(exchange->group_count, sizeof *answers), seen;
    struct buffer *bytes = calloc(exchange->group_count, sizeof *bytes), ask = {0};
    struct why why = {0};
    int code = 0;

    for (uint32_t group = 0; group < exchange->group_count && code == 0; group++) {
        uint32_t count = exchange->groups[group].count;

        buffer_clear(&ask);
        TIMED(domain_sandbox.ask(self, exchange, group, 0, count, &ask));
        code = batch_read(exchange->ask, ask.data, ask.size, &seen, &why);
        if (exchange->ask == &schema_sandbox_observe)
            decide(&seen, step, &bytes[group]);
        else
            reply(&seen, &bytes[group]);
        code |= batch_read(exchange->answer, bytes[group].data, bytes[group].size, &answers[group], &why);
        TIMED(code |= domain_sandbox.check(self, exchange, group, 0, count, &answers[group], &why));
    }
    if (code != 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    TIMED(domain_sandbox.take(self, exchange, answers, NULL));
    for (uint32_t group = 0; group < exchange->group_count; group++)
        buffer_fini(&bytes[group]);
    buffer_fini(&ask);
    free(bytes);
    free(answers);
}

static void *
make(uint32_t agents)
{
    struct yaml_tree *tree;
    struct why why = {0};
    char text[256];
    void *self;

    snprintf(text, sizeof text, "agents: [{type: honest, count: %u}, {type: opportunistic, count: %u}]\n"
             "simulation: {epochs: 100, steps_per_epoch: 10}\n", agents - agents / 2, agents / 2);
    if (yaml_read_text("bench", text, strlen(text), &tree, &why) != 0 ||
        domain_sandbox.configure(yaml_root(tree), 1, &self, &why) != 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    yaml_destroy(&tree);
    domain_sandbox.genesis(self);
    return self;
}

int
main(int argc, char **argv)
{
    uint32_t agents = argc > 1 ? (uint32_t)atoi(argv[1]) : 1000, steps = argc > 2 ? (uint32_t)atoi(argv[2]) : 1000;
    void *self = make(agents < 2 ? 2 : agents);
    struct exchange exchange;
    struct rusage usage;
    uint8_t digest[FOLD_SIZE];
    double folding = 0.0;

    for (uint64_t step = 1; step <= steps; step++) {
        struct fold fold;
        double before;

        TIMED(domain_sandbox.begin(self, step));
        while (domain_sandbox.next(self, &exchange))
            exchange_all(self, &exchange, step);
        TIMED(domain_sandbox.end(self));
        before = now();
        fold_init(&fold);
        domain_sandbox.digest(self, &fold);
        fold_end(&fold, digest);
        folding += now() - before;
    }
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "%u agents, %u steps: %.3f s in the domain (%.0f ns an agent and step), %.3f s for digests, %.0f MB in all\n",
        agents, steps, spent, 1e9 * spent / ((double)agents * steps), folding, (double)usage.ru_maxrss / 1024.0);
    domain_sandbox.destroy(self);
    return 0;
}
