/* llm-gateway/flow.h where agents ask together and a server comes back: who has nobody else to ask waits for the one
 * question that tries it out. */
#include "llm-gateway/flow.h"

#include <string.h>

#include "tests/support/test.h"

enum { BURST = 20 };

static const struct flow_provider providers[] = {{"server", "openai", 0, 0, 10, 64}};
static const struct flow_model models[] = {{"first", 0, {0, 0, 0}, 25}, {"second", 0, {0, 0, 0}, 25}};
static const struct flow_role roles[] = {
    {"alone", {0, FLOW_RULES}, 2, 20, 1, 0, CACHE_OFF, 3, false},
    {"helped", {0, 1, FLOW_RULES}, 3, 20, 2, 0, CACHE_OFF, 3, false},
};

struct scene {
    struct budget *budget;
    struct replay *replay;
    struct flow *flow;
    int64_t now_us;
    uint32_t asked, statuses[ANSWER_STATUS_COUNT], sent[2];
    uint64_t calls[BURST];
    uint32_t call_count;
    struct why why;
};

static void
begin(struct scene *self)
{
    struct flow_plan plan = {.run = 1, .seed = 1, .providers = providers, .models = models, .roles = roles,
        .provider_count = 1, .model_count = 2, .role_count = 2, .client_count = 1};

    *self = (struct scene){.now_us = 1000};
    self->budget = budget_new(&(struct budget_plan){.whole = budget_uncapped, .client_count = 1, .role_count = 2,
        .provider_count = 1});
    self->replay = replay_new(&(struct replay_plan){.mode = REPLAY_OFF, .role_count = 2});
    plan.budget = self->budget;
    plan.replay = self->replay;
    self->flow = flow_new(&plan, self->now_us);
    assert_int_equal(flow_open(self->flow, 1, NULL, self->now_us, &self->why), 0);
}

static void
end(struct scene *self)
{
    assert_int_equal(flow_check(self->flow, &self->why), 0);
    flow_destroy(&self->flow);
    replay_destroy(&self->replay);
    budget_destroy(&self->budget);
}

/* What goes out is noted; answers are counted. */
static void
look(struct scene *self)
{
    struct flow_output output;

    while (flow_take(self->flow, &output))
        if (output.kind == FLOW_SEND) {
            assert_in_range(self->call_count, 0, BURST - 1);
            self->calls[self->call_count++] = output.call;
            self->sent[output.model]++;
        } else if (output.kind == FLOW_RESPOND) {
            self->statuses[output.answer->status]++;
        }
}

static void
ask(struct scene *self, uint32_t role)
{
    struct flow_request request = {.run = 1, .id = {.step = 1, .role = role, .ordinal = self->asked++},
        .user = {.bytes = "what?", .size = 5}, .out_max = 20, .deadline_ms = 60000};

    assert_int_equal(flow_request(self->flow, &request, self->now_us, &self->why), 0);
    look(self);
}

/* All calls that are out end so. */
static void
answer(struct scene *self, enum llm_class class)
{
    struct flow_result result = {.class = class, .wait_ms = -1, .should_retry = -1, .text = {"ok", 2}, .schema_ok = 1,
        .usage_known = true};
    uint64_t calls[BURST];
    uint32_t count = self->call_count;

    memcpy(calls, self->calls, sizeof calls);
    self->call_count = 0;
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(flow_answer(self->flow, calls[i], &result, self->now_us, &self->why), 0);
    look(self);
}

static void
pass(struct scene *self, int64_t time_us)
{
    self->now_us += time_us;
    assert_int_equal(flow_tick(self->flow, self->now_us, &self->why), 0);
    look(self);
}

/* The server fails until it is given up, and the time has come to try it again. */
static void
fail_and_cool(struct scene *self)
{
    for (int i = 0; i < 20 && flow_breaker(self->flow, 0)->state == BREAKER_CLOSED; i++) {
        ask(self, 0);
        answer(self, LLM_SERVER);
    }
    assert_int_equal(flow_breaker(self->flow, 0)->state, BREAKER_OPEN);
    memset(self->statuses, 0, sizeof self->statuses);
    self->sent[0] = 0;
    pass(self, INT64_C(3000000));
}

static void
comes_back(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    fail_and_cool(&scene);
    for (int i = 0; i < BURST; i++)
        ask(&scene, 0);
    assert_int_equal(scene.sent[0], 1); /* it is tried with one */
    for (int i = 0; i < 100 && scene.statuses[ANSWER_OK] < BURST; i++) {
        answer(&scene, LLM_OK);
        pass(&scene, 50000);
    }
    assert_int_equal(scene.statuses[ANSWER_OK], BURST);
    assert_int_equal(scene.sent[0], BURST);
    end(&scene);
}

static void
stays_away(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    fail_and_cool(&scene);
    for (int i = 0; i < BURST; i++)
        ask(&scene, 0);
    answer(&scene, LLM_SERVER);
    pass(&scene, 50000);
    assert_int_equal(scene.sent[0], 1);
    assert_int_equal(scene.statuses[ANSWER_FALLBACK] + scene.statuses[ANSWER_UNAVAILABLE], BURST);
    end(&scene);
}

static void
has_another(void **state)
{
    struct scene scene;

    (void)state;
    begin(&scene);
    fail_and_cool(&scene);
    for (int i = 0; i < BURST; i++)
        ask(&scene, 1);
    assert_int_equal(scene.sent[0], 1);
    assert_true(scene.sent[1] > 0); /* nobody waits for the first who has a second */
    for (int i = 0; i < 100 && scene.statuses[ANSWER_OK] < BURST; i++) {
        answer(&scene, LLM_OK);
        pass(&scene, 1000);
    }
    assert_int_equal(scene.statuses[ANSWER_OK], BURST);
    end(&scene);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a server that comes back answers all who asked together", comes_back},
        {"one that does not leaves them to the rules at once", stays_away},
        {"who has another model to ask does not wait", has_another},
    };

    return TEST_CASES("flow", cases);
}
