/* llm-gateway/flow.h on a virtual clock, with providers that follow a script: they are slow, broken, busy, silent, lie
 * about what they used, answer twice and after they were hung up on. Every accepted request is answered once and in
 * time, the budget's invariants hold at every event, and what has to be the same is the same: the same run, whoever
 * comes first, a replay without any provider, and a branch up to where it leaves. */
#include "llm-gateway/flow.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/rng.h"
#include "core/streams.h"
#include "core/text.h"
#include "llm-gateway/timers.h"
#include "tests/support/test.h"

#define MILLISECOND INT64_C(1000)

enum { CLIENTS = 8, ROLE_ROWS = 4, STEPS = 3, REQUESTS = 40, EVENTS_MAX = 1 << 14 };

static const struct flow_provider providers[] = {
    {"first", "openai", 60000, 30000000, 10, 8},
    {"second", "ollama", 0, 0, 10, 4},
};
static const struct flow_model models[] = {
    {"large", 0, {3000000, 1500000, 9000000}, 25},
    {"medium", 0, {1000000, 1000000, 1000000}, 25},
    {"small", 1, {100000, 100000, 300000}, 25},
};
static const struct flow_role roles[] = {
    {"writer", {0, 2, FLOW_RULES}, 3, 200, 3, 0, CACHE_OFF, 3, false},
    {"compiler", {1}, 1, 300, 3, 1, CACHE_FLIGHT, 3, false},
    {"voter", {2, FLOW_RULES}, 2, 50, 2, 0, CACHE_WRITE, 3, true},
    {"nobody", {FLOW_RULES}, 1, 50, 1, 0, CACHE_OFF, 3, false},
};

/* What providers do, in thousandths; the rest are good answers. */
struct weather {
    uint32_t server, rate, idle, silent, refuse, unfit, unused, lie, twice, late;
};
static const struct weather fine = {0}, foul = {60, 40, 20, 15, 30, 40, 60, 4, 50, 500};

enum event_kind { ARRIVE, ANSWER, GONE };
struct event {
    enum event_kind kind;
    uint32_t client, i; /* arrive: which of the client's requests */
    uint64_t call;      /* answer: a call that was sent */
    struct key key;     /* of its request's fields, for the dice */
    uint32_t attempt, model, prompt;
};

struct told {
    uint32_t answers;
    uint32_t status, source;
    uint64_t hash; /* of the text */
    int64_t deadline_us;
    bool accepted;
};

struct world {
    struct flow *flow;
    struct budget *budget;
    struct replay *replay;
    struct weather weather;
    uint64_t seed, order_seed; /* what is asked and answered; who comes first */
    uint32_t change_step;      /* from this step on role 1 asks something else; 0: never */
    bool gone;                 /* a client goes in the middle of a step */
    int64_t now_us;
    struct timers agenda;
    struct event events[EVENTS_MAX];
    uint32_t event_count;
    struct told told[STEPS + 1][CLIENTS][ROLE_ROWS][REQUESTS];
    uint32_t ordinals[CLIENTS][ROLE_ROWS];
    uint64_t sends, responses, checks, sends_before_change, hash;
    int64_t paid, paid_before_change;
    struct why why;
};

static void
schedule(struct world *self, int64_t at_us, const struct event *event)
{
    uint32_t place = self->event_count++ % EVENTS_MAX;

    self->events[place] = *event;
    timers_set(&self->agenda, at_us, place, 0);
}

static void
look(struct world *self)
{
    self->checks++;
    if (flow_check(self->flow, &self->why) != 0)
        fail_msg("seed %" PRIu64 ", at %" PRId64 " us: %s", self->seed, self->now_us, self->why.text);
}

static void
must(struct world *self, int error)
{
    if (error != 0)
        fail_msg("seed %" PRIu64 ": %s", self->seed, self->why.text);
}

/* ---- what is asked: a function of the seed, the step and who asks ---- */

static uint32_t
role_of(const struct world *self, uint32_t step, uint32_t client, uint32_t i)
{
    struct rng rng = rng_make(self->seed, STREAM_TEST, client, (uint64_t)step << 20 | i << 4 | 1);

    return rng_below(&rng, ROLE_ROWS);
}

static void
ask(struct world *self, uint32_t step, uint32_t client, uint32_t i)
{
    struct rng rng = rng_make(self->seed, STREAM_TEST, client, (uint64_t)step << 20 | i << 4 | 2);
    uint32_t role = role_of(self, step, client, i), ordinal = self->ordinals[client][role];
    bool other = self->change_step != 0 && step >= self->change_step && role == 1;
    static char user[3000];
    struct told *told = &self->told[step][client][role][ordinal];
    struct flow_request request = {.run = 1, .id = {step, client, role, ordinal}, .seed = rng_u64(&rng) >> 1,
        .template = 1, .template_version = 1, .fallback = {.bytes = "by the rules", .size = 12},
        .out_max = roles[role].out_max, .temperature_e4 = 7000, .top_p_e4 = 10000, .cache = CACHE_WRITE,
        .deadline_ms = self->weather.silent > 0 ? 300 + rng_below(&rng, 20000) : 600000,
        .priority = rng_below(&rng, 4)};
    int size = snprintf(user, sizeof user, "%s question %u", other ? "another" : "a",
        role == 2 ? rng_below(&rng, 20) : rng_u32(&rng));
    int error;

    request.user = (struct key_text){user, (size_t)size + (role == 2 ? 0 : rng_below(&rng, 2000))};
    memset(user + size, 'x', sizeof user - (size_t)size);
    if (role == 1 && rng_chance(&rng, 0.3)) /* some of the compiler's are the same */
        request = (struct flow_request){.run = 1, .id = request.id, .seed = 1, .template = 1, .template_version = 1,
            .user = {.bytes = other ? "one more" : "the same", .size = 8}, .fallback = request.fallback, .out_max = 300,
            .cache = CACHE_FLIGHT, .deadline_ms = request.deadline_ms};
    error = flow_request(self->flow, &request, self->now_us, &self->why);
    if (error != 0)
        fail_msg("seed %" PRIu64 ": %s", self->seed, self->why.text);
    self->ordinals[client][role]++;
    told->accepted = true;
    told->deadline_us = self->now_us + (int64_t)request.deadline_ms * 1000;
    if (rng_chance(&rng, 0.1)) { /* sent twice */
        must(self, flow_request(self->flow, &request, self->now_us, &self->why));
        if (told->answers == 0 && flow_figures(self->flow)->duplicates == 0)
            fail_msg("a duplicate was not seen");
    }
}

/* ---- what is done ---- */

static uint64_t
hash_text(const char *text, size_t size)
{
    return size > 0 ? digest_xxh3(text, size) : 0;
}

static void
on_send(struct world *self, const struct flow_output *output)
{
    struct key_fields fields = {.dialect = "", .model = "", .user = output->request->user, .seed = output->seed,
                                .system = output->complaints};
    struct event event = {.kind = ANSWER, .call = output->call, .key = key_of(&fields), .model = output->model,
                          .prompt = (uint32_t)output->request->user.size};
    struct rng rng;

    self->sends++;
    self->sends_before_change += output->id.step < self->change_step;
    for (uint32_t i = 0; i < EVENTS_MAX && i < self->event_count; i++)
        event.attempt += self->events[i].kind == ANSWER && key_equal(&self->events[i].key, &event.key);
    memcpy(&rng, &(struct rng){0}, sizeof rng);
    rng = rng_make(self->seed ^ hash_text((const char *)event.key.bytes, KEY_SIZE), STREAM_TEST, event.attempt, 7);
    if (rng_below(&rng, 1000) < self->weather.silent)
        return;
    schedule(self, self->now_us + (20 + rng_below(&rng, 400)) * MILLISECOND, &event);
    if (rng_below(&rng, 1000) < self->weather.twice)
        schedule(self, self->now_us + (600 + rng_below(&rng, 30000)) * MILLISECOND, &event);
}

static void
on_respond(struct world *self, const struct flow_output *output)
{
    const struct answer_id *id = &output->id;
    struct told *told = &self->told[id->step][id->client][id->role][id->ordinal];
    uint64_t hash = hash_text(output->answer->text, output->answer->text_size);

    if (told->answers > 0) { /* to a duplicate: the same again */
        assert_int_equal(told->status, output->answer->status);
        assert_true(told->hash == hash);
        return;
    }
    if (told->accepted && self->now_us > told->deadline_us)
        fail_msg("seed %" PRIu64 ": an answer %" PRId64 " us after its deadline", self->seed,
            self->now_us - told->deadline_us);
    told->answers++;
    told->status = output->answer->status;
    told->source = output->answer->source;
    told->hash = hash;
    self->responses++;
    self->paid += output->answer->paid;
    self->paid_before_change += id->step < self->change_step ? output->answer->paid : 0;
    if (told->status > ANSWER_REPAIRED) {
        assert_int_equal(output->answer->text_size, 12);
        assert_int_equal(told->source == ANSWER_FROM_REPLAY ? ANSWER_FROM_RULES : told->source, ANSWER_FROM_RULES);
    }
}

static void
obey(struct world *self)
{
    struct flow_output output;

    while (flow_take(self->flow, &output)) {
        uint64_t row[5] = {output.kind, output.call, output.id.step << 40 | output.id.client << 20 | output.id.role,
                           output.id.ordinal, (uint64_t)self->now_us};

        self->hash = self->hash * 31 + digest_xxh3(row, sizeof row);
        if (output.kind == FLOW_SEND)
            on_send(self, &output);
        else if (output.kind == FLOW_RESPOND)
            on_respond(self, &output);
    }
}

static bool
happens(struct rng *rng, uint32_t *dice, uint32_t per_mille)
{
    bool yes = *dice < per_mille;

    (void)rng;
    *dice = yes ? UINT32_MAX : *dice - per_mille;
    return yes;
}

static void
on_answer(struct world *self, const struct event *event)
{
    struct rng rng = rng_make(
        self->seed ^ hash_text((const char *)event->key.bytes, KEY_SIZE), STREAM_TEST, event->attempt, 8);
    const struct weather *weather = &self->weather;
    uint32_t dice = rng_below(&rng, 1000);
    char text[40];
    struct provider_limits limits;
    struct flow_result result = {.class = LLM_OK, .wait_ms = -1, .should_retry = -1, .usage_known = true,
        .http_status = 200, .tokens_in = event->prompt / 4, .tokens_out = 1 + rng_below(&rng, 50)};

    memset(&limits, 0xff, sizeof limits); /* -1: not said */
    snprintf(text, sizeof text, "answer %016" PRIx64, hash_text((const char *)event->key.bytes, KEY_SIZE));
    result.text = (struct key_text){text, strlen(text)};
    if (happens(&rng, &dice, weather->server))
        result = (struct flow_result){.class = LLM_SERVER, .wait_ms = -1, .should_retry = -1, .http_status = 503};
    else if (happens(&rng, &dice, weather->rate))
        result = (struct flow_result){.class = LLM_RATE, .wait_ms = rng_below(&rng, 3000), .should_retry = -1,
            .http_status = 429};
    else if (happens(&rng, &dice, weather->idle))
        result = (struct flow_result){.class = LLM_TIMEOUT_IDLE, .wait_ms = -1, .should_retry = -1};
    else if (happens(&rng, &dice, weather->refuse))
        result.class = LLM_REFUSAL;
    else if (happens(&rng, &dice, weather->unfit))
        result.class = LLM_SCHEMA, result.complaints = (struct key_text){"not a number", 12};
    else if (happens(&rng, &dice, weather->unused))
        result.usage_known = false;
    else if (happens(&rng, &dice, weather->lie))
        result.tokens_out = 100000;
    result.repairs = result.class == LLM_OK && rng_chance(&rng, 0.1);
    if (rng_chance(&rng, 0.1)) {
        limits.of[PROVIDER_REQUESTS].remaining = rng_below(&rng, 20);
        limits.of[PROVIDER_REQUESTS].reset_ms = rng_below(&rng, 500);
        result.limits = weather->rate > 0 ? &limits : NULL;
    }
    must(self, flow_answer(self->flow, event->call, &result, self->now_us, &self->why));
}

/* Time goes on to the next thing that happens, here or in the flow. False when nothing is left. */
static bool
pass(struct world *self)
{
    int64_t mine_us = timers_next_us(&self->agenda), its_us = flow_next_us(self->flow);
    struct timer timer;

    if (mine_us == INT64_MAX && its_us == INT64_MAX)
        return false;
    if (its_us <= mine_us) {
        self->now_us = its_us > self->now_us ? its_us : self->now_us;
        must(self, flow_tick(self->flow, self->now_us, &self->why));
    } else {
        self->now_us = mine_us > self->now_us ? mine_us : self->now_us;
        if (!timers_take(&self->agenda, self->now_us, &timer))
            fail_msg("a timer is lost");
        if (self->events[timer.what].kind == ANSWER)
            on_answer(self, &self->events[timer.what]);
        else if (self->events[timer.what].kind == GONE)
            must(self, flow_client_gone(self->flow, self->events[timer.what].client, self->now_us, &self->why));
    }
    look(self);
    obey(self);
    return true;
}

/* Everybody's requests of a step, each client's in its order, the clients as the dice of `order_seed` have it. */
static void
arrivals(struct world *self, uint32_t step)
{
    struct rng rng = rng_make(self->order_seed, STREAM_TEST, 99, step);
    uint32_t next[CLIENTS] = {0}, left = CLIENTS * REQUESTS;

    memset(self->ordinals, 0, sizeof self->ordinals);
    while (left > 0) {
        uint32_t client = rng_below(&rng, CLIENTS);

        if (next[client] == REQUESTS)
            continue;
        left--;
        ask(self, step, client, next[client]++);
        look(self);
        obey(self);
        for (uint32_t i = 0; i < 8 && rng_chance(&rng, 0.45); i++)
            pass(self);
    }
}

static void
run_steps(struct world *self)
{
    struct flow_report report;

    for (uint32_t step = 1; step <= STEPS; step++) {
        must(self, flow_open(self->flow, step, NULL, self->now_us, &self->why));
        if (self->gone)
            schedule(self, self->now_us + 60 * MILLISECOND, &(struct event){.kind = GONE, .client = 3});
        arrivals(self, step);
        for (uint32_t i = 0; flow_figures(self->flow)->open > 0 && !(self->gone && step == 2 && i > 5); i++)
            if (!pass(self))
                fail_msg("seed %" PRIu64 ": %u wait and nothing will happen", self->seed,
                    flow_figures(self->flow)->open);
        must(self, flow_close(self->flow, step, self->now_us, &report, &self->why));
        look(self);
        obey(self);
        assert_int_equal(report.calls, CLIENTS * REQUESTS);
        for (uint32_t c = 0; c < CLIENTS; c++)
            for (uint32_t r = 0; r < ROLE_ROWS; r++)
                for (uint32_t i = 0; i < self->ordinals[c][r]; i++)
                    assert_int_equal(self->told[step][c][r][i].answers, 1);
    }
    assert_int_equal(self->responses, STEPS * CLIENTS * REQUESTS);
}

static struct world *
make(uint64_t seed, uint64_t order_seed, const struct weather *weather, int64_t calls_per_step, struct record *own,
    struct record *parent, enum replay_mode mode)
{
    static const bool asks_again[ROLE_ROWS] = {true, true, true, false};
    struct world *self = test_calloc(1, sizeof *self);
    struct budget_plan caps = {.whole = budget_uncapped, .client_count = CLIENTS, .role_count = ROLE_ROWS,
        .provider_count = 2, .again_per_mille = 200, .asks_again = asks_again};
    struct replay_plan replay = {.mode = mode, .own = own, .parent = parent, .role_count = ROLE_ROWS, .seed = seed,
        .audit_per_mille = 100};
    struct flow_plan plan = {.run = 1, .seed = 7, .providers = providers, .models = models, .roles = roles,
        .provider_count = 2, .model_count = 3, .role_count = ROLE_ROWS, .client_count = CLIENTS,
        .cache_bytes = 1 << 20};

    caps.whole.step.calls = calls_per_step;
    self->seed = seed;
    self->order_seed = order_seed;
    self->weather = *weather;
    self->budget = plan.budget = budget_new(&caps);
    self->replay = plan.replay = replay_new(&replay);
    self->flow = flow_new(&plan, 0);
    return self;
}

static void
unmake(struct world **self_p)
{
    struct world *self = *self_p;

    flow_destroy(&self->flow);
    budget_destroy(&self->budget);
    replay_destroy(&self->replay);
    timers_fini(&self->agenda);
    test_free(self);
    *self_p = NULL;
}

/* ---- the tests ---- */

static void
one_answer_each(void **state)
{
    uint64_t checks = 0, statuses[ANSWER_STATUS_COUNT] = {0}, sources[ANSWER_SOURCE_COUNT] = {0}, late = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *self = make(seed, seed, &foul, 100 + 10 * (int64_t)seed, NULL, NULL, REPLAY_OFF);

        self->gone = seed % 4 == 0;
        run_steps(self);
        checks += self->checks;
        late += flow_figures(self->flow)->late_answers;
        for (uint32_t i = 0; i < ANSWER_STATUS_COUNT; i++)
            statuses[i] += flow_figures(self->flow)->statuses[i];
        for (uint32_t i = 0; i < ANSWER_SOURCE_COUNT; i++)
            sources[i] += flow_figures(self->flow)->sources[i];
        unmake(&self);
    }
    print_message("             %" PRIu64 " events;", checks);
    for (uint32_t i = 0; i < ANSWER_STATUS_COUNT; i++)
        print_message(" %s %" PRIu64, answer_status_name(i), statuses[i]);
    for (uint32_t i = 0; i < ANSWER_SOURCE_COUNT; i++)
        print_message(" from %s %" PRIu64, answer_source_name(i), sources[i]);
    print_message(" late %" PRIu64 "\n", late);
    assert_true(statuses[ANSWER_OK] > 1000 && statuses[ANSWER_FALLBACK] > 100 && statuses[ANSWER_BUDGET] > 100 &&
        statuses[ANSWER_TIMEOUT] > 10 && statuses[ANSWER_CANCELLED] > 10 && statuses[ANSWER_REFUSED] > 0 &&
        statuses[ANSWER_REPAIRED] > 10);
    assert_true(sources[ANSWER_FROM_CACHE] > 50 && sources[ANSWER_FROM_JOINED] > 10 && late > 100);
}

static void
same_run_same_outputs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world *first = make(seed, seed, &foul, 200, NULL, NULL, REPLAY_OFF);
        struct world *second = make(seed, seed, &foul, 200, NULL, NULL, REPLAY_OFF);

        run_steps(first);
        run_steps(second);
        assert_true(first->hash == second->hash && first->sends == second->sends);
        unmake(&first);
        unmake(&second);
    }
}

/* Whoever comes first: the same are admitted, and with providers that only depend on what they are asked, everybody is
 * told the same. */
static void
order_does_not_matter(void **state)
{
    struct world *first = make(3, 0, &fine, 200, NULL, NULL, REPLAY_OFF);

    (void)state;
    run_steps(first);
    for (uint64_t order = 1; order <= 20; order++) {
        struct world *other = make(3, order, &fine, 200, NULL, NULL, REPLAY_OFF);

        run_steps(other);
        for (uint32_t step = 1; step <= STEPS; step++)
            for (uint32_t c = 0; c < CLIENTS; c++)
                for (uint32_t r = 0; r < ROLE_ROWS; r++)
                    for (uint32_t i = 0; i < REQUESTS; i++) {
                        const struct told *a = &first->told[step][c][r][i], *b = &other->told[step][c][r][i];

                        assert_int_equal(a->status == ANSWER_BUDGET, b->status == ANSWER_BUDGET);
                        if (a->hash != b->hash)
                            fail_msg("order %" PRIu64 ", step %u, client %u, role %u, ordinal %u: %s %s against %s %s",
                                order, step, c, r, i, answer_status_name(a->status), answer_source_name(a->source),
                                answer_status_name(b->status), answer_source_name(b->source));
                    }
        unmake(&other);
    }
    unmake(&first);
}

static struct record *
new_log(const char *name)
{
    char path[400];
    struct record_header header = {.run = 1, .build = "test"};
    struct why why = {0};
    struct record *log;

    snprintf(path, sizeof path, "%s/%s", test_folder(), name);
    unlink(path);
    if (record_create(path, &header, &log, &why) != 0)
        fail_msg("%s", why.text);
    return log;
}

static void
compare_told(const struct world *a, const struct world *b)
{
    for (uint32_t step = 1; step <= STEPS; step++)
        for (uint32_t c = 0; c < CLIENTS; c++)
            for (uint32_t r = 0; r < ROLE_ROWS; r++)
                for (uint32_t i = 0; i < REQUESTS; i++) {
                    assert_int_equal(a->told[step][c][r][i].status, b->told[step][c][r][i].status);
                    assert_true(a->told[step][c][r][i].hash == b->told[step][c][r][i].hash);
                }
}

/* T7: faults, timeouts, refusals for want of budget and cancellations are in the log; nobody is asked again. */
static void
replay_needs_nobody(void **state)
{
    struct record *log = new_log("foul.log");
    struct world *live = make(9, 9, &foul, 150, log, NULL, REPLAY_RECORD);
    struct world *again;

    (void)state;
    live->gone = true;
    run_steps(live);
    again = make(9, 1234, &foul, 1, NULL, log, REPLAY_STRICT);
    run_steps(again);
    assert_int_equal(again->sends, 0);
    assert_int_equal(again->paid, 0);
    assert_true(live->paid > 0 && live->sends > 100);
    compare_told(live, again);
    unmake(&live);
    unmake(&again);
    record_close(&log);
}

/* T8: one role asks something else from step 2 on: nothing is paid before, and after it only that role. */
static void
branch_pays_for_the_change(void **state)
{
    struct record *log = new_log("parent.log"), *child = new_log("child.log");
    struct world *live = make(11, 11, &fine, 400, log, NULL, REPLAY_RECORD);
    struct world *branch = make(11, 11, &fine, 400, child, log, REPLAY_BRANCH), *again;

    (void)state;
    run_steps(live);
    branch->change_step = 2;
    run_steps(branch);
    assert_int_equal(branch->sends_before_change, 0);
    assert_int_equal(branch->paid_before_change, 0);
    assert_true(branch->sends > 0 && branch->sends < live->sends / 3);
    again = make(11, 5, &fine, 1, NULL, child, REPLAY_STRICT);
    again->change_step = 2;
    run_steps(again);
    assert_int_equal(again->sends, 0);
    compare_told(branch, again);
    unmake(&live);
    unmake(&branch);
    unmake(&again);
    record_close(&log);
    record_close(&child);
}

static void
audit_asks_again(void **state)
{
    struct record *log = new_log("audit.log");
    struct world *live = make(13, 13, &fine, 5000, log, NULL, REPLAY_RECORD);
    struct world *audit = make(13, 13, &fine, 5000, NULL, log, REPLAY_AUDIT);
    uint64_t same = 0, other = 0;

    (void)state;
    run_steps(live);
    run_steps(audit);
    compare_told(live, audit);
    for (uint32_t r = 0; r < ROLE_ROWS; r++) {
        same += replay_agreement(audit->replay, r).same;
        other += replay_agreement(audit->replay, r).other;
    }
    assert_true(audit->sends > 20 && audit->sends < live->sends / 2);
    assert_int_equal(other, 0); /* this provider always says the same */
    assert_true(same > 20);
    unmake(&live);
    unmake(&audit);
    record_close(&log);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"one answer each, in time, B1 to B3 at every event", one_answer_each},
        {"the same run, the same outputs", same_run_same_outputs},
        {"who comes first does not matter", order_does_not_matter},
        {"a replay needs no provider", replay_needs_nobody},
        {"a branch pays for what changed", branch_pays_for_the_change},
        {"an audit asks a share again", audit_asks_again},
    };

    return TEST_CASES("gateway_flow", cases);
}
