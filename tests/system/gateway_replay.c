/* A run recorded while every third answer of a provider is trouble of some kind, and replayed from its call log with
 * the provider gone, in a process without any network, by one, two and eight workers who cut their chunks otherwise and
 * come in any order: everybody is told the same, byte for byte. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* unshare() */
#endif
#include "tests/support/gateway_rig.h"
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/bytes.h"
#include "core/rng.h"
#include "core/streams.h"
#include "core/text.h"

enum { STEPS = 3, PHASES = 2, SLOTS = 2, PLACES = 64 };
#define KEY_VARIABLE "POLIS_REPLAY_KEY"

static const struct gateway_client clients[SLOTS] = {{"swarm.worker", PLACES}, {"swarm.planner", PLACES}};

/* The second slot's agents ask few different questions and share the answers. */
static void
write_scenario(uint16_t port, struct buffer *out)
{
    text_addf(out,
              "llm:\n"
              "  budgets: {max_calls_per_step: 220}\n"
              "  schemas: {answer: '{\"type\":\"object\",\"additionalProperties\":false,"
              "\"required\":[\"verb\",\"note\"],"
              "\"properties\":{\"verb\":{\"type\":\"string\",\"enum\":[\"pass\",\"post\"]},"
              "\"note\":{\"type\":\"string\"}}}'}\n"
              "  providers:\n"
              "    first: {dialect: openai, base_url: \"http://127.0.0.1:%u/v1\", key_env: " KEY_VARIABLE ", models: "
              "{m: {price: {in: 100, out: 200}}}}\n"
              "    other: {dialect: anthropic, base_url: \"http://127.0.0.1:%u\", models: {o: {price: {in: 1, out: "
              "2}}}}\n"
              "  roles:\n"
              "    swarm.worker: {chain: [first/m, rules], schema: answer, deadline_ms: 1500, out_max: 60, reask: 1}\n"
              "    swarm.planner: {chain: [first/m, other/o, rules], deadline_ms: 1500, out_max: 60, cache: 3, share: "
              "true}\n",
              port, port);
    buffer_append(out, "", 1);
}

/* A good third of the questions meets one of these: failures of the server once, what a model gets wrong always.
 * Silence is rare, or the breaker would open too soon: that it does when at last the server is down. */
static void
write_rules(struct buffer *out)
{
    static const char *const once[] = {"F10", "F14", "F15", "F16", "F26", "{id: F06, ms: 300}"};
    static const char *const always[] = {"F18", "F19", "F20", "F21", "F22", "F24", "F27", "F30", "F31", "F32", "F38"};
    uint32_t rest = 0;

    text_addf(out, "seed: 11\nrules:\n  - match: {body_has: \"step %d, phase %d\"}\n    fault: F12\n", STEPS,
              PHASES - 1);
    text_add(out, "  - match: {hash_mod: [97, 96]}\n    fault: F01\n");
    for (uint32_t i = 0; i < sizeof once / sizeof once[0]; i++)
        text_addf(out, "  - match: {hash_mod: [48, %u], nth: 1}\n    reply: schema_fill\n    fault: %s\n", rest++,
                  once[i]);
    for (uint32_t i = 0; i < sizeof always / sizeof always[0]; i++)
        text_addf(out, "  - match: {hash_mod: [48, %u]}\n    reply: schema_fill\n    fault: %s\n", rest++, always[i]);
    text_add(out, "  - reply: schema_fill\n");
    buffer_append(out, "", 1);
}

/* ---- a run ---- */

/* How the work is cut and in which order it comes. */
struct cut {
    const char *name;
    uint32_t peers, size; /* places of a chunk */
    uint64_t shuffle;     /* 0: in order */
};

/* What was told to each agent: place, status, digest, tokens, text. */
static struct buffer told[STEPS][SLOTS][PHASES][PLACES];

struct ledger {
    struct buffer bytes;  /* of all agents, in order */
    struct buffer chunks; /* of all COMPLETIONs in the order of their chunks, without where answers came from */
    uint32_t statuses[ANSWER_STATUS_COUNT], sources[ANSWER_SOURCE_COUNT];
};

static void
send_chunk(struct gateway_rig *rig, uint32_t slot, uint32_t phase, uint32_t chunk, const struct cut *cut,
           uint32_t attempt)
{
    char users[PLACES][80], fallbacks[PLACES][40];
    struct prompt_row rows[PLACES];
    struct prompt_plan plan = {
        .role = clients[slot].role, .system = "be brief", .first = chunk * cut->size, .rows = rows};

    plan.span = PLACES - plan.first < cut->size ? PLACES - plan.first : cut->size;
    for (uint32_t i = 0; i < plan.span; i++) {
        uint32_t place = plan.first + i;

        if (slot == 1)
            (void)snprintf(users[i], sizeof users[i], "step %u: question %u", (unsigned)rig->step, place % 24);
        else
            (void)snprintf(users[i], sizeof users[i], "step %u, phase %u, place %u: what now?", (unsigned)rig->step,
                           phase, place);
        (void)snprintf(fallbacks[i], sizeof fallbacks[i], "{\"verb\":\"pass\",\"note\":\"%u\"}", place);
        rows[plan.row_count++] =
            (struct prompt_row){.place = place, .seed = place * 7 + phase, .user = users[i], .fallback = fallbacks[i]};
    }
    gateway_rig_send(rig, (chunk + attempt) % cut->peers, slot, phase, chunk, attempt, &plan);
}

/* All chunks of a phase, of all slots, then some of them again from another worker. */
static void
play_phase(struct gateway_rig *rig, uint32_t phase, const struct cut *cut)
{
    uint32_t count = (PLACES + cut->size - 1) / cut->size, total = SLOTS * count, order[SLOTS * PLACES];
    struct rng rng = rng_make(cut->shuffle, STREAM_TEST, phase, rig->step);

    for (uint32_t i = 0; i < total; i++)
        order[i] = i;
    for (uint32_t i = total; cut->shuffle != 0 && i > 1; i--) {
        uint32_t j = rng_below(&rng, i), swap = order[i - 1];

        order[i - 1] = order[j];
        order[j] = swap;
    }
    for (uint32_t i = 0; i < total; i++)
        send_chunk(rig, order[i] % SLOTS, phase, order[i] / SLOTS, cut, 0);
    gateway_rig_drive(rig);
    for (uint32_t i = 0; cut->shuffle != 0 && i < total; i += 3)
        send_chunk(rig, order[i] % SLOTS, phase, order[i] / SLOTS, cut, 1);
    gateway_rig_drive(rig);
}

static void
note_row(const struct gateway_rig_heard *heard, const struct batch *batch, uint32_t i, struct ledger *out)
{
    uint32_t begin = batch_u32(batch, COMPLETION_texts, i), end = batch_u32(batch, COMPLETION_texts, i + 1);
    uint32_t place = batch_u32(batch, COMPLETION_place, i), status = batch_u8(batch, COMPLETION_status, i);
    struct buffer *of = &told[heard->head.step - 1][heard->head.flags][heard->head.phase][place];
    struct buffer row = {0};
    uint8_t numbers[24];

    bytes_put_u32(numbers, place);
    bytes_put_u32(numbers + 4, status);
    bytes_put_u64(numbers + 8, batch_u64(batch, COMPLETION_digest, i));
    bytes_put_u32(numbers + 16, batch_u32(batch, COMPLETION_tokens_in, i));
    bytes_put_u32(numbers + 20, batch_u32(batch, COMPLETION_tokens_out, i));
    buffer_append(&row, numbers, sizeof numbers);
    buffer_append(&row, batch->data[COMPLETION_text] + begin, end - begin);
    if (of->size > 0) { /* told again: the same */
        assert_int_equal(of->size, row.size);
        assert_memory_equal(of->data, row.data, row.size);
    } else {
        buffer_append(of, row.data, row.size);
        out->statuses[status]++;
        out->sources[batch_u8(batch, COMPLETION_source, i)]++;
    }
    buffer_fini(&row);
}

static void
note_step(const struct gateway_rig *rig, const struct cut *cut, struct ledger *out)
{
    for (uint32_t h = 0; h < rig->heard_count; h++) {
        struct batch batch;

        gateway_rig_read(&rig->heard[h], &batch);
        for (uint32_t i = 0; i < batch.count[COMPLETION_ROW]; i++)
            note_row(&rig->heard[h], &batch, i, out);
    }
    for (uint32_t phase = 0; phase < PHASES; phase++)
        for (uint32_t slot = 0; slot < SLOTS; slot++)
            for (uint32_t chunk = 0; chunk * cut->size < PLACES; chunk++) {
                const struct gateway_rig_heard *heard = gateway_rig_heard_of(rig, slot, phase, chunk);
                struct batch batch;
                size_t at = out->chunks.size;

                gateway_rig_read(heard, &batch);
                buffer_append(&out->chunks, heard->bytes.data, heard->bytes.size);
                memset(out->chunks.data + at + (batch.data[COMPLETION_source] - heard->bytes.data), 0,
                       batch.count[COMPLETION_ROW]);
            }
}

static void
play(enum replay_mode mode, uint16_t port, const char *log, const char *parent, const struct cut *cut,
     struct ledger *out)
{
    struct buffer yaml = {0};
    struct gateway_rig rig;

    write_scenario(port, &yaml);
    gateway_rig_open(&rig, &(struct gateway_rig_options){.yaml = (const char *)yaml.data,
                                                         .mode = mode,
                                                         .log = log,
                                                         .parent = parent,
                                                         .clients = clients,
                                                         .client_count = SLOTS});
    for (rig.step = 1; rig.step <= STEPS; rig.step++) {
        for (uint32_t phase = 0; phase < PHASES; phase++)
            play_phase(&rig, phase, cut);
        note_step(&rig, cut, out);
        gateway_rig_forget(&rig);
    }
    gateway_rig_finish(&rig);
    assert_int_equal(asker_stats(rig.gateway->asker)->sent > 0, mode == REPLAY_RECORD);
    gateway_rig_close(&rig);
    buffer_fini(&yaml);
    for (uint32_t i = 0; i < STEPS * SLOTS * PHASES * PLACES; i++) {
        struct buffer *of = &told[0][0][0][0] + i;

        assert_true(of->size > 0);
        buffer_append(&out->bytes, of->data, of->size);
        buffer_clear(of);
    }
}

static void
ledger_fini(struct ledger *self)
{
    buffer_fini(&self->bytes);
    buffer_fini(&self->chunks);
}

/* ---- the recorded one ---- */

static const struct cut recorded_cut = {"as recorded", 2, 16, 5};
static struct ledger recorded;
static char log_file[600];
static uint16_t port;

static void
record(void **state)
{
    struct double_rig_answer got = {0};
    struct double_rig rig;
    struct buffer rules = {0};

    (void)state;
    assert_true(double_rig_start(&rig, NULL));
    write_rules(&rules);
    if (!double_rig_rules(&rig, (const char *)rules.data, &got))
        fail_msg("%s", (const char *)got.body.data);
    port = rig.port;
    assert_int_equal(setenv(KEY_VARIABLE, "sk-planted-5d1e8a77c0b94f02", 1), 0);
    play(REPLAY_RECORD, port, log_file, NULL, &recorded_cut, &recorded);
    assert_null(getenv(KEY_VARIABLE)); /* and no replay needs it */
    (void)double_rig_stop(&rig);
    assert_int_equal(double_rig_connect(port), -1);
    double_rig_answer_fini(&got);
    buffer_fini(&rules);
    for (uint32_t i = 0; i <= ANSWER_UNAVAILABLE; i++)
        if (recorded.statuses[i] == 0 && i != ANSWER_INVALID)
            fail_msg("nobody was told %s: these faults show too little", answer_status_name(i));
    assert_true(recorded.sources[ANSWER_FROM_LIVE] > 100);
    assert_true(recorded.sources[ANSWER_FROM_JOINED] + recorded.sources[ANSWER_FROM_CACHE] > 0);
    assert_int_equal(recorded.sources[ANSWER_FROM_REPLAY], 0);
}

static const struct cut cuts[] = {
    {"as recorded", 2, 16, 5},
    {"one worker, in order", 1, 64, 0},
    {"two workers, any order", 2, 8, 17},
    {"eight workers, small chunks, any order", 8, 3, 23},
    {"eight workers, one agent a chunk", 8, 1, 29},
};

static void
replay(void **state)
{
    const struct cut *cut = *state;
    struct ledger ledger = {0};

    play(REPLAY_STRICT, port, NULL, log_file, cut, &ledger);
    assert_int_equal(ledger.bytes.size, recorded.bytes.size);
    assert_memory_equal(ledger.bytes.data, recorded.bytes.data, recorded.bytes.size);
    assert_int_equal(ledger.sources[ANSWER_FROM_REPLAY], STEPS * SLOTS * PHASES * PLACES);
    assert_memory_equal(ledger.statuses, recorded.statuses, sizeof recorded.statuses);
    if (cut->size == recorded_cut.size) {
        assert_int_equal(ledger.chunks.size, recorded.chunks.size);
        assert_memory_equal(ledger.chunks.data, recorded.chunks.data, recorded.chunks.size);
    }
    ledger_fini(&ledger);
}

/* ---- without a network ---- */

#define NO_NAMESPACE 77

/* The second program: replays in a namespace of its own, where not even the loopback is up, and writes what it heard.
 */
static int
replay_alone(const char *log, const char *out)
{
    struct ledger ledger = {0};
    FILE *file;
    bool good;

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return NO_NAMESPACE;
    if (double_rig_connect(1) != -1)
        return 1;
    play(REPLAY_STRICT, 1, NULL, log, &cuts[3], &ledger);
    file = fopen(out, "w");
    good = file != NULL && fwrite(ledger.bytes.data, 1, ledger.bytes.size, file) == ledger.bytes.size;
    ledger_fini(&ledger);
    for (uint32_t i = 0; i < STEPS * SLOTS * PHASES * PLACES; i++)
        buffer_fini(&told[0][0][0][0] + i);
    (void)prctl(PR_SET_DUMPABLE, 1);
    return file != NULL && fclose(file) == 0 && good ? 0 : 1;
}

static char self_path[600];

static void
alone(void **state)
{
    char out[600], said[2000];
    struct buffer bytes = {0};
    FILE *file;
    int status;

    (void)state;
    (void)snprintf(out, sizeof out, "%s/alone", test_folder());
    status = rig_command(self_path, (const char *const[]){"--alone", log_file, out, NULL}, 300, said, sizeof said);
    if (status == NO_NAMESPACE) {
        test_say_skipped("a replay without a network", "this system gives no network namespaces");
        return;
    }
    if (status != 0)
        fail_msg("%d: %s", status, said);
    file = fopen(out, "r");
    assert_non_null(file);
    buffer_reserve(&bytes, recorded.bytes.size + 1);
    assert_int_equal(fread(bytes.data, 1, recorded.bytes.size + 1, file), recorded.bytes.size);
    assert_memory_equal(bytes.data, recorded.bytes.data, recorded.bytes.size);
    (void)fclose(file);
    buffer_fini(&bytes);
}

/* A question that was never asked is no silent fallback: the process ends, and so the run. */
static void
miss(void **state)
{
    struct prompt_row row = {.seed = 1, .user = "was never asked"};
    struct prompt_plan plan = {.role = "swarm.worker", .span = PLACES, .rows = &row, .row_count = 1};
    struct buffer yaml = {0};
    struct gateway_rig rig;

    (void)state;
    write_scenario(port, &yaml);
    gateway_rig_open(&rig, &(struct gateway_rig_options){.yaml = (const char *)yaml.data,
                                                         .mode = REPLAY_STRICT,
                                                         .parent = log_file,
                                                         .clients = clients,
                                                         .client_count = SLOTS});
    gateway_rig_send(&rig, 0, 0, 0, 0, 0, &plan);
    gateway_rig_drive(&rig);
    assert_true(rig.out.stopped);
    assert_int_equal(rig.out.status, 65);
    gateway_rig_close(&rig);
    buffer_fini(&yaml);
}

int
main(int count, char **words)
{
    static const struct test_case first[] = {{"recorded under faults", record}};
    static const struct test_case last[] = {{"without any network", alone}, {"another question", miss}};
    int failed;

    if (count == 4 && strcmp(words[1], "--alone") == 0)
        return replay_alone(words[2], words[3]);
    (void)snprintf(self_path, sizeof self_path, "%s", words[0]);
    (void)snprintf(log_file, sizeof log_file, "%s/recorded.log", test_folder());
    failed = TEST_CASES("record", first);
    failed += TEST_ROWS("replays", cuts, replay);
    failed += TEST_CASES("replays alone", last);
    ledger_fini(&recorded);
    for (uint32_t i = 0; i < STEPS * SLOTS * PHASES * PLACES; i++)
        buffer_fini(&told[0][0][0][0] + i);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return failed;
}
