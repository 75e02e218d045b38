/* Peers that lie, shout or babble: refused and counted, and the log is that of an undisturbed run. The test program
 * starts itself again as the hostile peer: hostile peer MODE RUN. */
#include "bus/actor.h"
#include "bus/process.h"
#include "core/digest.h"
#include "proto/columns.h"
#include "proto/registry.h"
#include "proto/sandbox.h"
#include "tests/support/rig.h"
#include "tests/support/test.h"

#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define SCENARIO "tests/system/mixed.yaml"

static const char *const overrides[] = {"simulation.epochs=30", "cluster.deadline_ms=50", "cluster.poison_kills=100",
                                        NULL};
static char reference[65];

enum mode {
    STALE_STEP,
    FOREIGN_AGENTS,
    NOT_A_NUMBER,
    GARBAGE,
    TRUNCATED,
    FLOOD,
    USURPER,
    WRONG_BUILD,
    RAW_NOISE,
    MODES
};

static const struct row {
    const char *name;
    enum mode mode;
    const char *sign; /* what the world's or the broker's log must say of it */
    int status;       /* of the hostile peer when it ends by itself; -1: it stays */
} rows[] = {
    {"answers of another step", STALE_STEP, "\"stale\":", -1},
    {"answers about foreign agents", FOREIGN_AGENTS, "refused", -1},
    {"answers that are not numbers", NOT_A_NUMBER, "refused", -1},
    {"answers that are noise", GARBAGE, "refused", -1},
    {"answers cut short", TRUNCATED, "refused", -1},
    {"a flood of answers", FLOOD, "\"stale\":", -1},
    {"letters only the world may send", USURPER, "", -1},
    {"another build", WRONG_BUILD, "", 78},
    {"noise on the sockets", RAW_NOISE, "", 0},
};

/* ---- the hostile peer ---- */

struct liar {
    enum mode mode;
    uint64_t letters;
};

static void
liar_start(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context;
    (void)now_ms;
    outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, NULL, MSG_CREDIT, &(struct credit){.chunks = 8});
}

static void
usurp(struct outbox *out)
{
    struct epoch epoch = {
        .epoch = 4000000, .step = 1, .chain = {(const uint8_t *)"01234567890123456789012345678901", 32}};
    struct command command = {.source_seq = 1, .verb = "kill_switch", .argument = "on"};
    struct court court = {.domain = "sandbox", .agents = 5};

    outbox_send_message(out, CHANNEL_CONTROL, &PEER_BROKER, NULL, MSG_EPOCH, &epoch);
    outbox_send_message(out, CHANNEL_CONTROL, &PEER_WORLD, NULL, MSG_COMMAND, &command);
    outbox_send_message(out, CHANNEL_DATA, &PEER_GOVERNANCE, NULL, MSG_COURT, &court);
    outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, NULL, MSG_COURT_READY,
                        &(struct court_ready){.step = 7, .digest = {(const uint8_t *)"0123456789012345", 16}});
}

/* An answer of the right shape whose every value is wrong in the mode's way. */
static void
lie(const struct liar *liar, const struct letter *letter, struct buffer *out)
{
    bool act = batch_schema_id(letter->payload, letter->size) == schema_sandbox_observe.id;
    const struct schema *ask = act ? &schema_sandbox_observe : &schema_sandbox_offers;
    const struct schema *answer = act ? &schema_sandbox_decide : &schema_sandbox_answer;
    struct batch seen;
    struct batch_writer writer;
    uint32_t counts[AXIS_MAX] = {0};
    uint32_t *agents;

    if (liar->mode == GARBAGE || batch_read(ask, letter->payload, letter->size, &seen, NULL) != 0) {
        buffer_append(out, "\xdd\xff\xff\xff\xff noise", 11);
        return;
    }
    counts[0] = seen.count[0];
    if (!act)
        counts[ANSWER_OFFER] = seen.count[OFFERS_OFFER];
    batch_begin(&writer, answer, out, letter->head.payload_hash, seen.first, counts);
    agents = batch_column(&writer, 0);
    for (uint32_t i = 0; i < seen.count[0]; i++)
        agents[i] = batch_u32(&seen, 0, i) + (liar->mode == FOREIGN_AGENTS ? 1u : 0u);
    if (!act)
        memcpy(batch_column(&writer, ANSWER_offers), seen.data[OFFERS_offers], (seen.count[0] + 1u) * 4u);
    if (liar->mode == NOT_A_NUMBER && act)
        for (uint32_t i = 0; i < seen.count[0]; i++)
            ((double *)batch_column(&writer, DECIDE_effort))[i] = NAN;
    if (liar->mode == NOT_A_NUMBER && !act && seen.count[OFFERS_OFFER] > 0)
        ((double *)batch_column(&writer, ANSWER_belief))[0] = NAN;
    if (liar->mode == TRUNCATED)
        out->size -= out->size > 8 ? 8 : 0;
}

static void
liar_receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct liar *liar = context;
    struct envelope head = letter->head;
    unsigned copies = liar->mode == FLOOD ? 500 : 1;

    (void)now_ms;
    if (letter->head.type != MSG_OBSERVATION)
        return;
    liar->letters++;
    if (liar->mode == USURPER) {
        usurp(out);
        return;
    }
    head.type = MSG_ACTION;
    if (liar->mode == STALE_STEP)
        head.step -= 1;
    if (liar->mode == FLOOD)
        head.phase += 1000;
    for (unsigned i = 0; i < copies; i++) {
        struct buffer answer = {0};

        lie(liar, letter, &answer);
        outbox_send(out, CHANNEL_DATA, &letter->peer, &head, &answer);
        buffer_fini(&answer);
    }
}

static void
liar_tick(void *context, uint64_t now_ms, struct outbox *out)
{
    (void)context;
    (void)now_ms;
    (void)out;
}

/* Frames that no program of ours sends. */
static int
make_noise(const char *folder)
{
    static const char *const doors[] = {"ctl", "data", "fetch", "evin"};
    void *context = zmq_ctx_new();
    uint8_t noise[300];

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)(i * 37u);
    for (size_t d = 0; d < 4; d++) {
        void *socket = zmq_socket(context, ZMQ_DEALER);
        char endpoint[4300];
        int linger = 200;

        snprintf(endpoint, sizeof endpoint, "ipc://%s/bus/%s", folder, doors[d]);
        zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
        if (zmq_connect(socket, endpoint) != 0)
            return 1;
        for (unsigned i = 0; i < 2000; i++) {
            unsigned frames = i % 6;

            for (unsigned f = 0; f < frames; f++)
                zmq_send(socket, noise + f, (i * 7 + f * 31) % (sizeof noise - 16), ZMQ_DONTWAIT | ZMQ_SNDMORE);
            zmq_send(socket, noise, i % 100, ZMQ_DONTWAIT);
        }
        zmq_close(socket);
    }
    zmq_ctx_term(context);
    return 0;
}

static int
be_hostile(enum mode mode, const char *folder, const char *build)
{
    struct liar liar = {.mode = mode};
    struct actor actor = {.role = ROLE_AGENTS, .serves = "*", .self = &liar, .ready_fd = -1, .start = liar_start,
        .receive = liar_receive, .tick = liar_tick};
    char place[4300];

    if (mode == RAW_NOISE)
        return make_noise(folder);
    snprintf(place, sizeof place, "%s/bus", folder);
    return process_main(&(struct process_options){.place = place, .who = "liar", .parent_pid = (int)getppid(),
                            .build = mode == WRONG_BUILD ? "00000000000000000000000000000000" : build}, &actor);
}

/* ---- the test ---- */

/* What the broker compares: the digest of the program that the others run. */
static void
build_of(const char *binary, char out[33])
{
    struct fold *fold = malloc(sizeof *fold);
    uint8_t bytes[65536], sum[FOLD_SIZE];
    FILE *file = fopen(binary, "rb");
    size_t size;

    if (file == NULL || fold == NULL)
        abort();
    fold_init(fold);
    while ((size = fread(bytes, 1, sizeof bytes, file)) > 0)
        fold_bytes(fold, bytes, size);
    fclose(file);
    fold_end(fold, sum);
    digest_hex(sum, sizeof sum, out);
    free(fold);
}

static bool
log_says(const char *folder, const char *role, const char *text)
{
    char path[4300], line[70000];
    FILE *file;
    bool found = false;

    snprintf(path, sizeof path, "%s/log/%s.test", folder, role);
    file = fopen(path, "r");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        const char *at = strstr(line, text);

        /* A counter must be more than 0. */
        found = at != NULL && (text[0] != '"' || (at[strlen(text)] >= '1' && at[strlen(text)] <= '9'));
    }
    if (file != NULL)
        fclose(file);
    return found;
}

static void
hostile_peer(void **state)
{
    const struct row *row = *state;
    struct rig rig = {0};
    char folder[4300], mode[16], build[33], hash[65];
    char *words[] = {"hostile", "peer", mode, folder, build, NULL};
    uint64_t deadline = rig_now_ms() + 120000;
    pid_t liar = 0;
    int status, liar_status = -1;

    snprintf(folder, sizeof folder, "%s/hostile-%d", test_folder(), (int)row->mode);
    snprintf(mode, sizeof mode, "%d", (int)row->mode);
    rig_create(folder, SCENARIO, overrides);
    build_of(rig_binary(), build);
    rig.folder = folder;
    setenv("POLIS_WORKER_DELAY_MS", "3", 1);
    rig_start(&rig, 2, true);
    unsetenv("POLIS_WORKER_DELAY_MS");
    assert_int_equal(posix_spawn(&liar, "/proc/self/exe", NULL, NULL, words, environ), 0);
    while ((status = rig_reap(&rig.world)) < 0 && rig_now_ms() < deadline) {
        rig_sleep_ms(20);
        if (rig.world.pid > 0 && log_says(folder, "world", "connected"))
            kill(rig.world.pid, SIGUSR2); /* makes it log its counters */
        if (liar_status < 0 && waitpid(liar, &liar_status, WNOHANG) != liar)
            liar_status = -1;
    }
    if (liar_status < 0 && row->status < 0)
        kill(liar, SIGKILL);
    if (liar_status < 0)
        waitpid(liar, &liar_status, 0);
    rig_stop(&rig);
    assert_int_equal(status, 0);
    assert_string_equal(rig_hash(folder, hash), reference);
    if (row->sign[0] != '\0')
        assert_true(log_says(folder, "world", row->sign));
    if (row->status >= 0)
        assert_int_equal(WIFEXITED(liar_status) ? WEXITSTATUS(liar_status) : -1, row->status);
}

static void
make_reference(void **state)
{
    static char output[100000];
    char folder[4300];
    int status;

    (void)state;
    snprintf(folder, sizeof folder, "%s/reference", test_folder());
    rig_create(folder, SCENARIO, overrides);
    status = POLIS(output, 300, "resume", folder, "--inproc", "--quiet");
    if (status != 0)
        print_error("%s", output);
    assert_int_equal(status, 0);
    assert_int_equal(strlen(rig_hash(folder, reference)), 64);
}

static const struct test_case first[] = {{"undisturbed run", make_reference}};

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "peer") == 0)
        return be_hostile((enum mode)atoi(argv[2]), argv[3], argv[4]);
    if (TEST_CASES("hostile: reference", first) != 0)
        return 1;
    return TEST_ROWS("hostile peers", rows, hostile_peer);
}
