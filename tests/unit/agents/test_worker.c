/* The agents process, letter by letter. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/agents/worker_case.h"

/* The answer carries the fence and the hash, and equals what the policy says. */
static void
answers(void **state)
{
    struct chunk_policy policy = case_policy("honest", "{interact: 1}");
    struct desk desk;
    struct buffer ask = {0}, want = {0};
    struct chunk_scratch scratch = {0};
    struct batch batch;
    struct why why = {0};

    (void)state;
    desk_init(&desk, "*");
    tell_params(&desk, 3, 1, "honest", "{interact: 1}");
    assert_int_equal(desk.count, 0);
    write_observation(8, &ask);
    tell(&desk, ask_head, &ask);
    assert_int_equal(desk.count, 2);
    assert_int_equal(desk.parcels[0].head.type, MSG_ACTION);
    assert_int_equal(desk.parcels[0].head.run, RUN);
    assert_int_equal(desk.parcels[0].head.epoch, 3);
    assert_int_equal(desk.parcels[0].head.step, 7);
    assert_int_equal(desk.parcels[0].head.phase, 2);
    assert_int_equal(desk.parcels[0].head.chunk, 5);
    assert_int_equal(desk.parcels[0].head.attempt, 6);
    assert_int_equal(desk.parcels[0].head.flags, 1);
    assert_int_equal(credit_of(&desk.parcels[1]), 1);
    assert_int_equal(batch_read(&schema_sandbox_observe, ask.data, ask.size, &batch, &why), 0);
    chunk_decide(&policy, &batch, 7, digest_xxh3(ask.data, ask.size), &scratch, &want);
    assert_int_equal(desk.parcels[0].size, want.size);
    assert_memory_equal(desk.parcels[0].bytes, want.data, want.size);
    assert_int_equal(batch_read(&schema_sandbox_decide, want.data, want.size, &batch, &why), 0);
    assert_int_equal(batch_u32(&batch, DECIDE_partner, 7), 11); /* it did decide something */
    buffer_fini(&ask);
    buffer_fini(&want);
    chunk_scratch_fini(&scratch);
    desk_fini(&desk);
    free((void *)(uintptr_t)policy.params);
}

static void
answers_offers(void **state)
{
    struct case_offer offers[] = {
        {.signal = 0.9, .trust = 0.5, .revealed = 3}, {.signal = 0, .trust = 0.5, .revealed = 31}};
    double quotes[QUOTE_COUNT];
    struct desk desk;
    struct buffer ask = {0};
    struct batch batch;
    struct why why = {0};

    (void)state;
    desk_init(&desk, "*");
    tell_params(&desk, 3, 1, "honest", "");
    case_quotes(quotes);
    case_offers(quotes, 5, TOKEN, offers, 2, &ask);
    tell(&desk, ask_head, &ask);
    assert_int_equal(desk.count, 2);
    assert_int_equal(batch_read(&schema_sandbox_answer, desk.parcels[0].bytes, desk.parcels[0].size, &batch, &why), 0);
    assert_int_equal(batch.tag, digest_xxh3(ask.data, ask.size));
    assert_int_equal(batch_u8(&batch, ANSWER_accept, 0), 1);
    assert_int_equal(batch_u8(&batch, ANSWER_accept, 1), 0);
    buffer_fini(&ask);
    desk_fini(&desk);
}

static const struct params_row {
    const char *name, *serves, *policy, *yaml;
    int code;
    const char *says;
} params_rows[] = {
    {"defaults", "*", "honest", "", 0, ""},
    {"in a list", "opportunistic, honest", "honest", "", 0, ""},
    {"first of a list", "honest,opportunistic", "honest", "", 0, ""},
    {"not in the list", "opportunistic", "honest", "", ERR_UNKNOWN, "does not serve"},
    {"not by a longer name", "honestly", "honest", "", ERR_UNKNOWN, "does not serve"},
    {"misspelt", "*", "honset", "", ERR_UNKNOWN, "did you mean 'honest'"},
    {"a misspelt parameter", "*", "honest", "interacts: 1", ERR_UNKNOWN, "did you mean 'interact'"},
    {"out of bounds", "*", "honest", "interact: 2", ERR_INVALID, "interact"},
    {"not YAML", "*", "honest", "{", -1, ""},
};

static void
params(void **state)
{
    const struct params_row *row = *state;
    struct desk desk;
    struct buffer ask = {0};

    desk_init(&desk, row->serves);
    tell_params(&desk, 3, 1, row->policy, row->yaml);
    assert_int_equal(desk.count, row->code != 0);
    if (row->code != 0) {
        struct nack nack = nack_of(&desk.parcels[0]);

        assert_int_equal(desk.parcels[0].head.flags, 1);
        if (row->code > 0)
            assert_int_equal(nack.code, row->code);
        if (strstr(nack.text, row->says) == NULL)
            case_fail(nack.text);
    }
    write_observation(1, &ask);
    tell(&desk, ask_head, &ask);
    assert_int_equal(desk.count, 2);
    assert_int_equal(desk.parcels[0].head.type, row->code == 0 ? MSG_ACTION : MSG_NACK);
    buffer_fini(&ask);
    desk_fini(&desk);
}

/* Parameters can be said again; a newer world forgets them; an older one is not heard. */
static void
epochs(void **state)
{
    struct desk desk;
    struct buffer ask = {0}, news = {0};
    struct envelope head = ask_head;
    uint8_t chain[32] = {0};

    (void)state;
    desk_init(&desk, "*");
    write_observation(2, &ask);
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_UNKNOWN);
    assert_int_equal(desk.parcels[0].head.chunk, 5);
    assert_int_equal(desk.parcels[0].head.attempt, 6);
    assert_int_equal(credit_of(&desk.parcels[1]), 1);
    tell_params(&desk, 3, 1, "honest", "");
    tell_params(&desk, 3, 1, "adversarial", "");
    tell_params(&desk, 3, 40000, "honest", "");
    tell(&desk, head, &ask);
    assert_int_equal(desk.parcels[0].head.type, MSG_ACTION);
    head.flags = 40000;
    tell(&desk, head, &ask);
    assert_int_equal(desk.parcels[0].head.type, MSG_ACTION);
    head.flags = 39999;
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_UNKNOWN);
    head.flags = 1;

    message_pack(MSG_EPOCH, &(struct epoch){.epoch = 4, .step = 6, .chain = {chain, 32}}, &news);
    tell(&desk, (struct envelope){.type = MSG_EPOCH, .run = RUN, .epoch = 4}, &news);
    assert_int_equal(desk.count, 1);
    assert_int_equal(credit_of(&desk.parcels[0]), WORKER_CREDIT);
    tell(&desk, (struct envelope){.type = MSG_EPOCH, .run = RUN, .epoch = 4}, &news);
    assert_int_equal(desk.count, 0); /* the same news again */
    tell(&desk, head, &ask); /* epoch 3 */
    assert_int_equal(desk.count, 0);
    head.epoch = 4;
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_UNKNOWN);
    tell_params(&desk, 4, 1, "honest", "");
    tell(&desk, head, &ask);
    assert_int_equal(desk.parcels[0].head.type, MSG_ACTION);
    head.epoch = 5; /* a newer world that it had no news of */
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_UNKNOWN);
    buffer_fini(&ask);
    buffer_fini(&news);
    desk_fini(&desk);
}

/* Observations that make no sense: every cut, other seeds, steps that are none, other batches. */
static void
nonsense(void **state)
{
    struct desk desk;
    struct buffer ask = {0};
    struct envelope head = ask_head;
    struct batch batch;
    struct why why = {0};

    (void)state;
    desk_init(&desk, "*");
    tell_params(&desk, 3, 1, "honest", "");
    write_observation(2, &ask);
    for (size_t cut = 0; cut < ask.size; cut++) {
        struct buffer part = {.data = ask.data, .size = cut};

        tell(&desk, head, &part);
        assert_int_equal(desk.count, 2);
        assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_FORMAT);
        assert_int_equal(credit_of(&desk.parcels[1]), 1);
    }
    head.step = 0;
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_INVALID);
    head.step = UINT64_C(1) << 48;
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_INVALID);
    head.step = 7;
    tell(&desk, (struct envelope){.type = MSG_CANCEL, .run = RUN, .epoch = 3}, &ask);
    assert_int_equal(desk.count, 0);
    tell(&desk, head, &ask);
    assert_int_equal(desk.parcels[0].head.type, MSG_ACTION);
    /* its own answer sent back is no observation */
    {
        struct buffer back = {.data = desk.parcels[0].bytes, .size = desk.parcels[0].size};

        assert_int_equal(batch_read(&schema_sandbox_decide, back.data, back.size, &batch, &why), 0);
        desk.parcels[0].bytes = NULL;
        tell(&desk, head, &back);
        assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_FORMAT);
        free(back.data);
    }
    buffer_fini(&ask);
    desk_fini(&desk);
}

static void
other_seed(void **state)
{
    struct case_scene scene = {0};
    struct buffer ask = {0};
    struct batch batch;
    struct why why = {0};
    struct chunk_policy policy = case_policy("honest", "{}");

    (void)state;
    policy.seed = CASE_SEED + 1;
    case_observe(&scene, NULL, 0, &ask);
    assert_int_equal(batch_read(&schema_sandbox_observe, ask.data, ask.size, &batch, &why), 0);
    assert_int_equal(chunk_check(&policy, &batch, 7, &why), ERR_STATE);
    buffer_fini(&ask);
    free((void *)(uintptr_t)policy.params);
}

/* Bits turned anywhere: an answer or a refusal, and never an end. */
static void
turned_bits(void **state)
{
    struct desk desk;
    struct buffer ask = {0};
    struct rng rng = rng_make(1, STREAM_TEST, 0, 6);
    uint32_t answered = 0;

    (void)state;
    desk_init(&desk, "*");
    for (uint32_t i = 0; i < 4; i++)
        tell_params(&desk, 3, i, policy_roll[i]->name, "");
    write_observation(8, &ask);
    for (uint32_t i = 0; i < 4000; i++) {
        struct envelope head = ask_head;
        uint32_t at = rng_below(&rng, (uint32_t)ask.size), bit = rng_below(&rng, 8);

        head.flags = (uint16_t)(i % 4);
        ask.data[at] ^= (uint8_t)(1u << bit);
        tell(&desk, head, &ask);
        assert_int_equal(desk.count, 2);
        if (desk.parcels[0].head.type == MSG_ACTION) {
            struct batch batch;
            struct why why = {0};

            answered++;
            assert_int_equal(
                batch_read(&schema_sandbox_decide, desk.parcels[0].bytes, desk.parcels[0].size, &batch, &why), 0);
            /* only what is copied, the id, may be out of bounds */
            if (batch_check(&batch, &why) != 0 && strstr(why.text, "agent") == NULL)
                case_fail(why.text);
        }
        ask.data[at] ^= (uint8_t)(1u << bit);
    }
    assert_true(answered > 1000);
    buffer_fini(&ask);
    desk_fini(&desk);
}

/* The poisoned agent ends the process; others do not. */
static void
poison(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        struct desk desk;
        struct buffer ask = {0};

        (void)setenv("POLIS_WORKER_POISON_AGENT", "22", 1);
        desk_init(&desk, "*");
        tell_params(&desk, 3, 1, "honest", "");
        write_observation(2, &ask); /* 20, 21 */
        tell(&desk, ask_head, &ask);
        if (desk.count != 2)
            _exit(1);
        write_observation(3, &ask);
        tell(&desk, ask_head, &ask);
        _exit(2);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"answers as the policy decides", answers},
        {"answers offers", answers_offers},
        {"follows the world's epochs", epochs},
        {"refuses nonsense", nonsense},
        {"refuses another seed's observation", other_seed},
        {"survives turned bits", turned_bits},
        {"ends at a poisoned agent", poison},
    };

    return TEST_ROWS("worker_params", params_rows, params) + TEST_CASES("worker", cases);
}
