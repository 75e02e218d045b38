/* The gateway's actor with a model in the process: what a chunk is told, in which order budgets are given out, what
 * comes again after a death, what a replay knows and does not. */
#include "llm-gateway/gateway.h"

#include <jansson.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "bus/outbox.h"
#include "core/bytes.h"
#include "core/digest.h"
#include "tests/support/prompt.h"
#include "tests/support/test.h"

enum { CLIENTS = 4 };

static const char scenario[] =
    "llm:\n"
    "  budgets: {max_calls_per_step: 7} # five for the eight workers, one for each of the others\n"
    "  providers:\n"
    "    script:\n"
    "      dialect: scripted\n"
    "      models: {small: {price: {in: 1, out: 2}}}\n"
    "      options: {script: [{has: broken, reply: 'no JSON'}, {has: gone, error: not_found}, {schema: answer, reply: "
    "'{\"verb\":\"pass\"}'}, {replies: [alpha, beta, gamma, delta]}]}\n"
    "    nobody: {dialect: openai, base_url: 'http://127.0.0.1:9', models: {none: {price: free}}}\n"
    "  roles:\n"
    "    swarm.worker: {chain: [script/small, rules], out_max: 20}\n"
    "    swarm.verifier: {chain: [nobody/none, rules]}\n"
    "    swarm.planner: {chain: [rules]}\n";

static const char verbs[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"verb\"],\"properties\":"
    "{\"verb\":{\"type\":\"string\",\"enum\":[\"pass\",\"post\"]}}}";

struct bench {
    struct yaml_tree *tree;
    struct gateway *gateway;
    struct actor actor;
    struct outbox out;
    uint64_t now_ms;
    uint32_t epoch;
    uint64_t step;
};

static void
open_bench(struct bench *self, enum replay_mode mode, const char *log, const char *parent)
{
    static const struct gateway_client clients[CLIENTS] = {
        {"swarm.worker", 8}, {NULL, 5}, {"swarm.planner", 2}, {"swarm.verifier", 2}};
    struct gateway_options options = {.seed = 42,
                                      .run = 7,
                                      .clients = clients,
                                      .client_count = CLIENTS,
                                      .mode = mode,
                                      .log = log,
                                      .parent = parent,
                                      .keep_prompts = true};
    struct why why = {0};

    *self = (struct bench){.now_ms = 1000, .epoch = 1, .step = 1};
    assert_int_equal(yaml_read_text("test.yaml", scenario, strlen(scenario), &self->tree, &why), 0);
    options.section = yaml_find(yaml_root(self->tree), "llm");
    if (gateway_new(&options, &self->gateway, &why) != 0)
        fail_msg("%s", why.text);
    gateway_actor(self->gateway, &self->actor);
    outbox_init(&self->out);
}

static void
close_bench(struct bench *self)
{
    gateway_destroy(&self->gateway);
    outbox_fini(&self->out);
    yaml_destroy(&self->tree);
}

static void
send(struct bench *self, uint32_t peer, uint32_t slot, uint32_t phase, uint32_t chunk, uint32_t attempt,
     const struct prompt_plan *plan)
{
    struct letter letter = {.channel = CHANNEL_DATA,
                            .peer = {.id = {[3] = (uint8_t)(peer + 1)}},
                            .head = {.type = MSG_PROMPT,
                                     .flags = (uint16_t)slot,
                                     .run = 7,
                                     .epoch = self->epoch,
                                     .step = self->step,
                                     .phase = phase,
                                     .chunk = chunk,
                                     .attempt = attempt}};
    struct buffer bytes = {0};

    prompt_write(plan, &bytes);
    letter.payload = bytes.data;
    letter.size = bytes.size;
    letter.head.payload_hash = digest_xxh3(bytes.data, bytes.size);
    self->actor.receive(self->actor.self, self->now_ms, &letter, &self->out);
    buffer_fini(&bytes);
}

/* Chunk number `chunk` of four places each, asked by all of them. */
static void
ask(struct bench *self, uint32_t peer, uint32_t phase, uint32_t chunk, uint32_t attempt, const char *user)
{
    struct prompt_row rows[4];
    struct prompt_plan plan = {
        .role = "swarm.worker", .system = "be brief", .first = 4 * chunk, .span = 4, .rows = rows, .row_count = 4};

    for (uint32_t i = 0; i < 4; i++)
        rows[i] = (struct prompt_row){
            .place = 4 * chunk + i, .seed = 4 * chunk + i + 1, .user = user, .fallback = "by the rules"};
    send(self, peer, 0, phase, chunk, attempt, &plan);
}

/* What was said to whom, as a text: "1:2[alpha beta !budget]" is peer 1's chunk 2. */
static const char *
heard(struct bench *self)
{
    static char text[2000];
    struct outbox_parcel parcel;
    size_t used = 0;

    text[0] = '\0';
    while (outbox_queue_pop(&self->out.queue, &parcel)) {
        struct batch batch;
        struct why why = {0};

        used += (size_t)snprintf(text + used, sizeof text - used, "%s%u:%u", used > 0 ? " " : "", parcel.to.id[3] - 1u,
                                 parcel.head.chunk);
        if (parcel.head.type == MSG_NACK) {
            used += (size_t)snprintf(text + used, sizeof text - used, "-");
        } else {
            assert_int_equal(parcel.head.type, MSG_COMPLETION);
            assert_int_equal(batch_read(&schema_completion, parcel.bytes, parcel.size, &batch, &why), 0);
            assert_int_equal(batch_check(&batch, &why), 0);
            used += (size_t)snprintf(text + used, sizeof text - used, "[");
            for (uint32_t i = 0; i < batch.count[COMPLETION_ROW]; i++) {
                static const char *const status[] = {"",        "~",        "!fallback",    "!refused", "!invalid",
                                                     "!budget", "!timeout", "!unavailable", "!miss",    "!cancelled"};
                uint32_t begin = batch_u32(&batch, COMPLETION_texts, i),
                         end = batch_u32(&batch, COMPLETION_texts, i + 1);
                uint32_t said = batch_u8(&batch, COMPLETION_status, i);

                used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%.*s", i > 0 ? " " : "", status[said],
                                         said > 1 ? 0 : (int)(end - begin),
                                         (const char *)batch.data[COMPLETION_text] + begin);
                assert_true((batch_u64(&batch, COMPLETION_digest, i) != 0) == (said <= 1));
            }
            used += (size_t)snprintf(text + used, sizeof text - used, "]");
        }
        free(parcel.bytes);
    }
    return text;
}

/* ---- a step ---- */

static void
answers_in_order(void **state)
{
    struct bench bench;
    char first[2000], again[2000];

    (void)state;
    open_bench(&bench, REPLAY_OFF, NULL, NULL);
    bench.now_ms = 10;
    ask(&bench, 1, 0, 0, 0, "x"); /* opens the step; five calls in it */
    snprintf(first, sizeof first, "%s", heard(&bench));
    assert_non_null(strstr(first, "1:0["));
    assert_null(strstr(first, "!"));
    ask(&bench, 2, 0, 1, 0, "x");
    assert_non_null(strstr(heard(&bench), " !budget !budget !budget]"));
    ask(&bench, 1, 0, 0, 0, "x"); /* the same letter again */
    snprintf(again, sizeof again, "%s", heard(&bench));
    assert_string_equal(first, again);
    ask(&bench, 0, 0, 0, 1, "x"); /* another worker has it now */
    snprintf(again, sizeof again, "%s", heard(&bench));
    assert_string_equal(first + 1, again + 1);
    close_bench(&bench);
}

/* The second chunk comes first: in the first step of a gateway it is held until the others had time to come, later as
 * long as it takes. Either way the first five places are served. */
static void
holds(void **state)
{
    struct bench bench;
    char low[2000], high[2000];
    const char *both;

    (void)state;
    open_bench(&bench, REPLAY_OFF, NULL, NULL);
    ask(&bench, 1, 3, 0, 0, "x");
    snprintf(low, sizeof low, "%s", heard(&bench));
    ask(&bench, 2, 3, 1, 0, "x");
    snprintf(high, sizeof high, "%s", heard(&bench));
    assert_null(strstr(low, "!"));
    assert_non_null(strstr(high, " !budget !budget !budget]"));
    assert_null(strstr(high, "[!"));
    bench.step = 2;
    ask(&bench, 2, 3, 1, 0, "x");
    assert_string_equal(heard(&bench), "");
    bench.now_ms += 10 * GATEWAY_SETTLE_MS;
    bench.actor.tick(bench.actor.self, bench.now_ms, &bench.out);
    assert_string_equal(heard(&bench), "");
    ask(&bench, 1, 3, 0, 0, "x");
    both = heard(&bench);
    assert_non_null(strstr(both, low));
    assert_non_null(strstr(both, high));
    close_bench(&bench);
}

static void
settles(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, REPLAY_OFF, NULL, NULL);
    ask(&bench, 2, 5, 1, 0, "x");
    assert_string_equal(heard(&bench), "");
    assert_true(bench.out.wake_ms <= bench.now_ms + GATEWAY_SETTLE_MS);
    bench.now_ms += GATEWAY_SETTLE_MS;
    bench.actor.tick(bench.actor.self, bench.now_ms, &bench.out);
    assert_null(strstr(heard(&bench), "budget"));
    ask(&bench, 1, 5, 0, 0, "x");
    assert_non_null(strstr(heard(&bench), " !budget !budget !budget]"));
    close_bench(&bench);
}

static void
refuses(void **state)
{
    struct prompt_row row = {.place = 0, .user = "x"}, bad = {.place = 9, .user = "x"};
    struct prompt_plan plan = {.role = "swarm.worker", .span = 4, .rows = &row, .row_count = 1};
    struct bench bench;

    (void)state;
    open_bench(&bench, REPLAY_OFF, NULL, NULL);
    send(&bench, 1, 1, 0, 0, 0, &plan); /* slot 1 asks nobody */
    send(&bench, 1, 9, 0, 1, 0, &plan);
    plan.rows = &bad;
    send(&bench, 1, 0, 0, 2, 0, &plan); /* place 9 is not among the four */
    assert_string_equal(heard(&bench), "1:0- 1:1- 1:2-");
    plan.rows = &row;
    plan.role = "swarm.planner"; /* not what agents of this slot ask as */
    send(&bench, 1, 0, 0, 3, 0, &plan);
    assert_string_equal(heard(&bench), "1:3[!invalid]");
    plan.role = "swarm.worker";
    plan.schema = "{\"type\":\"string\"}";
    send(&bench, 1, 0, 1, 4, 0, &plan); /* no schema of the subset */
    plan.schema = verbs;
    row.user = "broken";
    send(&bench, 1, 0, 2, 5, 0, &plan);
    row.user = "fine";
    send(&bench, 1, 0, 3, 6, 0, &plan);
    assert_string_equal(heard(&bench), "1:4[!invalid] 1:5[!fallback] 1:6[{\"verb\":\"pass\"}]");
    plan.taint = 200;
    send(&bench, 1, 0, 4, 7, 0, &plan);
    assert_string_equal(heard(&bench), "1:7[!invalid]");
    plan = (struct prompt_plan){.role = "swarm.worker", .span = 4};
    send(&bench, 1, 0, 5, 8, 0, &plan); /* nobody asks: answered all the same */
    assert_string_equal(heard(&bench), "1:8[]");
    plan = (struct prompt_plan){.role = "swarm.planner", .span = 1, .rows = &row, .row_count = 1};
    send(&bench, 1, 2, 5, 9, 0, &plan); /* a role whose chain is rules */
    assert_string_equal(heard(&bench), "1:9[!fallback]");
    close_bench(&bench);
}

static void
steps_go_on(void **state)
{
    struct bench bench;

    (void)state;
    open_bench(&bench, REPLAY_OFF, NULL, NULL);
    ask(&bench, 1, 0, 0, 0, "x");
    bench.step = 2;
    ask(&bench, 1, 0, 0, 0, "x");
    assert_null(strstr(heard(&bench), "budget")); /* each step has its own */
    bench.step = 1;
    ask(&bench, 1, 0, 0, 7, "x"); /* over, and no newer world */
    assert_string_equal(heard(&bench), "");
    bench.epoch = 2;
    ask(&bench, 1, 0, 0, 7, "x");
    assert_non_null(strstr(heard(&bench), "1:0["));
    bench.epoch = 1;
    bench.step = 3;
    ask(&bench, 1, 0, 0, 8, "x"); /* of the world that is no more */
    assert_string_equal(heard(&bench), "");
    close_bench(&bench);
}

/* ---- lives ---- */

static const char *
log_path(const char *name)
{
    static char paths[2][500];
    static int turn;

    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s.log", test_folder(), name);
    return paths[turn];
}

/* Killed in the middle of a step: what was answered is answered again without being asked, what was given out of the
 * quota stays given out. */
static void
comes_back(void **state)
{
    struct bench bench;
    char first[2000];

    (void)state;
    open_bench(&bench, REPLAY_RECORD, log_path("back"), NULL);
    ask(&bench, 1, 0, 0, 0, "x");
    snprintf(first, sizeof first, "%s", heard(&bench));
    close_bench(&bench);
    open_bench(&bench, REPLAY_RECORD, log_path("back"), NULL);
    ask(&bench, 1, 0, 1, 0, "x"); /* held: who begins before it is not known here */
    assert_string_equal(heard(&bench), "");
    bench.now_ms += GATEWAY_SETTLE_MS;
    bench.actor.tick(bench.actor.self, bench.now_ms, &bench.out);
    assert_non_null(strstr(heard(&bench), " !budget !budget !budget]")); /* one of five was left */
    ask(&bench, 1, 0, 0, 3, "x");
    assert_string_equal(heard(&bench), first);
    close_bench(&bench);
}

static void
replays(void **state)
{
    struct bench bench;
    char first[2000];
    int status = 0;

    (void)state;
    open_bench(&bench, REPLAY_RECORD, log_path("parent"), NULL);
    ask(&bench, 1, 0, 0, 0, "x");
    snprintf(first, sizeof first, "%s", heard(&bench));
    bench.actor.signal(bench.actor.self, bench.now_ms, ACTOR_FINISH, &bench.out);
    assert_true(bench.out.stopped);
    close_bench(&bench);
    open_bench(&bench, REPLAY_STRICT, NULL, log_path("parent"));
    ask(&bench, 1, 0, 0, 0, "x");
    assert_string_equal(heard(&bench), first);
    bench.step = 2;
    ask(&bench, 1, 0, 0, 0, "x"); /* was never asked */
    status = bench.out.status;
    assert_true(bench.out.stopped);
    assert_int_equal(status, EX_DATAERR);
    close_bench(&bench);
    open_bench(&bench, REPLAY_BRANCH, log_path("child"), log_path("parent"));
    ask(&bench, 1, 0, 0, 0, "x");
    assert_string_equal(heard(&bench), first);
    bench.step = 2;
    ask(&bench, 1, 0, 0, 0, "other");
    assert_null(strstr(heard(&bench), "!"));
    close_bench(&bench);
}

/* Told to end while a question is on its way: nobody is told that it was taken back, since whoever asks would decide by
 * its own rules then. The next life is asked again, and asks. */
static void
ends_in_silence(void **state)
{
    struct prompt_row row = {.place = 0, .user = "x"};
    struct prompt_plan plan = {.role = "swarm.verifier", .span = 1, .rows = &row, .row_count = 1};
    struct bench bench;
    struct record *log;
    struct answer_id id;
    struct answer answer;
    struct buffer room = {0};
    struct why why = {0};

    (void)state;
    open_bench(&bench, REPLAY_RECORD, log_path("silent"), NULL);
    send(&bench, 1, 3, 0, 0, 0, &plan);
    assert_string_equal(heard(&bench), "");
    bench.actor.signal(bench.actor.self, bench.now_ms, ACTOR_FINISH, &bench.out);
    assert_true(bench.out.stopped);
    assert_int_equal(bench.out.status, 0);
    assert_string_equal(heard(&bench), "");
    close_bench(&bench);
    assert_int_equal(record_open(log_path("silent"), false, &log, &why), 0);
    assert_int_equal(record_count(log), 1);
    assert_int_equal(record_read(log, 0, &id, &answer, &room, NULL, &why), 0);
    assert_int_equal(answer.status, ANSWER_CANCELLED);
    record_close(&log);
    buffer_fini(&room);
    open_bench(&bench, REPLAY_RECORD, log_path("silent"), NULL);
    send(&bench, 1, 3, 0, 0, 1, &plan);
    assert_string_equal(heard(&bench), ""); /* on its way again, not answered from the log */
    close_bench(&bench);
}

static void
other_run(void **state)
{
    static const struct gateway_client client = {"swarm.worker", 1};
    struct gateway_options options = {
        .seed = 43, .run = 7, .clients = &client, .client_count = 1, .mode = REPLAY_RECORD};
    struct gateway *gateway = NULL;
    struct bench bench;
    struct why why = {0};

    (void)state;
    open_bench(&bench, REPLAY_RECORD, log_path("mine"), NULL);
    options.section = yaml_find(yaml_root(bench.tree), "llm");
    options.log = log_path("mine");
    gateway_destroy(&bench.gateway);
    assert_int_equal(gateway_new(&options, &gateway, &why), ERR_DIGEST);
    close_bench(&bench);
}

/* What operators see is JSON and OpenMetrics, and counts. */
static void
tells(void **state)
{
    struct bench bench;
    struct buffer text = {0};
    json_error_t error;
    json_t *root;

    (void)state;
    open_bench(&bench, REPLAY_OFF, NULL, NULL);
    ask(&bench, 1, 0, 0, 0, "x");
    gateway_write_status(bench.gateway, &text);
    root = json_loadb((const char *)text.data, text.size, 0, &error);
    assert_non_null(root);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "answers"), "ok")), 4);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(json_object_get(root, "models"), 0), "sent")),
                     4);
    json_decref(root);
    buffer_clear(&text);
    gateway_write_metrics(bench.gateway, &text);
    buffer_append(&text, "", 1);
    assert_non_null(strstr((const char *)text.data, "gen_ai_request_model=\"small\",le=\"+Inf\"} 4\n"));
    assert_non_null(strstr((const char *)text.data, "polis_llm_answers_total{status=\"ok\"} 4\n"));
    assert_string_equal((const char *)text.data + text.size - 7, "# EOF\n");
    buffer_fini(&text);
    close_bench(&bench);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a chunk is answered together, and again", answers_in_order},
        {"lower places come first", holds},
        {"a gateway that came back waits for a while only", settles},
        {"what is not acceptable", refuses},
        {"steps go on, and back for a newer world", steps_go_on},
        {"killed within a step", comes_back},
        {"replay, a miss, a branch", replays},
        {"ends in silence", ends_in_silence},
        {"the log of another run", other_run},
        {"status and metrics", tells},
    };

    return TEST_CASES("gateway", cases);
}
