/* The agents process with a policy that asks models, letter by letter and on virtual time. */
#include "tests/unit/agents/worker_case.h"

#define PASS "{\"act\":{\"option\":\"pass\"},\"deal\":{\"option\":\"none\"}}"

static struct buffer
bytes_of(const struct outbox_parcel *parcel)
{
    struct buffer out = {0};

    buffer_append(&out, parcel->bytes, parcel->size);
    return out;
}

static void
assert_fence(const struct envelope *head, const struct envelope *want, uint16_t type)
{
    assert_int_equal(head->type, type);
    assert_int_equal(head->flags, want->flags);
    assert_int_equal(head->run, want->run);
    assert_int_equal(head->epoch, want->epoch);
    assert_true(head->step == want->step);
    assert_int_equal(head->phase, want->phase);
    assert_int_equal(head->chunk, want->chunk);
    assert_int_equal(head->attempt, want->attempt);
}

/* A worker bound to the policy, and an observation that was sent to it: the prompt that comes out. */
static struct buffer
begin_pending(struct desk *desk, struct buffer *ask)
{
    desk_init(desk, "*");
    tell_params(desk, 3, 1, "llm", "");
    write_observation(3, ask);
    tell(desk, ask_head, ask);
    assert_int_equal(desk->count, 1); /* no credit yet */
    assert_fence(&desk->parcels[0].head, &ask_head, MSG_PROMPT);
    return bytes_of(&desk->parcels[0]);
}

static void
tell_completion(struct desk *desk, struct envelope head, const struct buffer *prompt)
{
    struct model_answer answers[8];
    struct buffer completion = {0};

    for (uint32_t i = 0; i < 8; i++)
        answers[i] = (struct model_answer){.text = PASS, .digest = 1 + i};
    model_complete(prompt, answers, &completion);
    head.type = MSG_COMPLETION;
    tell(desk, head, &completion);
    buffer_fini(&completion);
}

/* What the world would be told by whoever decides on these answers. */
static void
assert_decided(const struct desk *desk, const struct buffer *ask, const struct buffer *prompt)
{
    struct chunk_policy policy = case_policy("llm", "{}");
    struct chunk_scratch scratch = {0};
    struct buffer completion = {0}, want = {0};
    struct model_answer answers[8];
    struct batch observed, told, decided;
    struct why why = {0};

    for (uint32_t i = 0; i < 8; i++)
        answers[i] = (struct model_answer){.text = PASS, .digest = 1 + i};
    model_complete(prompt, answers, &completion);
    assert_int_equal(batch_read(&schema_sandbox_observe, ask->data, ask->size, &observed, &why), 0);
    assert_int_equal(batch_read(&schema_completion, completion.data, completion.size, &told, &why), 0);
    chunk_hear(&policy, &observed, &told, 7, digest_xxh3(ask->data, ask->size), &scratch, &want);
    assert_int_equal(desk->count, 2);
    assert_int_equal(credit_of(&desk->parcels[1]), 1);
    assert_int_equal(desk->parcels[0].size, want.size);
    assert_memory_equal(desk->parcels[0].bytes, want.data, want.size);
    assert_int_equal(batch_read(&schema_sandbox_decide, want.data, want.size, &decided, &why), 0);
    assert_int_equal(batch_u8(&decided, DECIDE_mind, 0), MIND_MODEL);
    chunk_scratch_fini(&scratch);
    buffer_fini(&completion);
    buffer_fini(&want);
    free((void *)(uintptr_t)policy.params);
}

static void
asks_and_hears(void **state)
{
    struct desk desk;
    struct buffer ask = {0}, prompt;

    (void)state;
    prompt = begin_pending(&desk, &ask);
    tell_completion(&desk, ask_head, &prompt);
    assert_fence(&desk.parcels[0].head, &ask_head, MSG_ACTION);
    assert_decided(&desk, &ask, &prompt);
    tell_completion(&desk, ask_head, &prompt); /* once more: nobody waits for it */
    assert_int_equal(desk.count, 0);
    assert_int_equal(worker_counters(desk.worker)->asked, 1);
    assert_int_equal(worker_counters(desk.worker)->heard, 1);
    assert_int_equal(worker_counters(desk.worker)->dropped, 1);
    buffer_fini(&ask);
    buffer_fini(&prompt);
    desk_fini(&desk);
}

/* Nobody has a question: an empty prompt says that these places are passed, and the answer that nobody was asked. */
static void
asks_nobody(void **state)
{
    struct case_agent agent = {.agent = 20, .role = SANDBOX_WORKER, .resources = TOKEN, .frozen = 1};
    struct case_scene scene = {0};
    struct desk desk;
    struct buffer ask = {0}, prompt;
    struct batch batch;
    struct why why = {0};

    (void)state;
    desk_init(&desk, "*");
    tell_params(&desk, 3, 1, "llm", "");
    case_quotes(scene.quotes);
    case_observe(&scene, &agent, 1, &ask);
    tell(&desk, ask_head, &ask);
    assert_int_equal(desk.count, 1);
    assert_fence(&desk.parcels[0].head, &ask_head, MSG_PROMPT);
    prompt = bytes_of(&desk.parcels[0]);
    assert_int_equal(batch_read(&schema_prompt, prompt.data, prompt.size, &batch, &why), 0);
    assert_int_equal(batch.count[PROMPT_ROW], 0);
    assert_int_equal(batch_u32(&batch, PROMPT_rows, 0), 1);
    tell_completion(&desk, ask_head, &prompt);
    assert_int_equal(desk.count, 2);
    assert_fence(&desk.parcels[0].head, &ask_head, MSG_ACTION);
    assert_int_equal(credit_of(&desk.parcels[1]), 1);
    assert_int_equal(batch_read(&schema_sandbox_decide, desk.parcels[0].bytes, desk.parcels[0].size, &batch, &why), 0);
    assert_int_equal(batch.count[DECIDE_MIND], 1);
    assert_int_equal(batch_u8(&batch, DECIDE_mind, 0), MIND_NONE);
    tell_params(&desk, 3, 1, "honest", ""); /* who asks nobody says nothing of minds */
    tell(&desk, ask_head, &ask);
    assert_int_equal(batch_read(&schema_sandbox_decide, desk.parcels[0].bytes, desk.parcels[0].size, &batch, &why), 0);
    assert_int_equal(batch.count[DECIDE_MIND], 0);
    buffer_fini(&ask);
    buffer_fini(&prompt);
    desk_fini(&desk);
}

static void
pass_time(struct desk *desk, uint64_t now_ms)
{
    desk->now_ms = now_ms;
    if (outbox_wake_due(&desk->out, now_ms))
        desk->actor.tick(desk->actor.self, now_ms, &desk->out);
    collect(desk);
}

/* The same bytes again, at longer and longer intervals up to two seconds, until the answer has come. */
static void
asks_again(void **state)
{
    static const uint32_t waits[] = {100, 200, 400, 800, 1600, 2000, 2000};
    struct desk desk;
    struct buffer ask = {0}, prompt;
    uint64_t now_ms = 1;

    (void)state;
    prompt = begin_pending(&desk, &ask); /* at 1 ms */
    for (uint32_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        pass_time(&desk, now_ms + waits[i] - 1);
        assert_int_equal(desk.count, 0);
        now_ms += waits[i];
        pass_time(&desk, now_ms);
        assert_int_equal(desk.count, 1);
        assert_fence(&desk.parcels[0].head, &ask_head, MSG_PROMPT);
        assert_int_equal(desk.parcels[0].size, prompt.size);
        assert_memory_equal(desk.parcels[0].bytes, prompt.data, prompt.size);
        assert_true(desk.parcels[0].head.payload_hash == digest_xxh3(prompt.data, prompt.size));
    }
    assert_int_equal(worker_counters(desk.worker)->resent, 7);
    tell_completion(&desk, ask_head, &prompt);
    assert_decided(&desk, &ask, &prompt);
    pass_time(&desk, 100 * WORKER_RESEND_MOST_MS);
    assert_int_equal(desk.count, 0);
    buffer_fini(&ask);
    buffer_fini(&prompt);
    desk_fini(&desk);
}

/* Completions that are not the one: each is dropped and counted, and the chunk goes on waiting. */
static void
stale_completions(void **state)
{
    struct envelope heads[6];
    struct desk desk;
    struct buffer ask = {0}, other = {0}, prompt, bytes = {0};
    struct model_answer answers[8] = {{.text = PASS}, {.text = PASS}, {.text = PASS}};
    struct chunk_policy policy = case_policy("llm", "{}");
    struct model_round round = {0};

    (void)state;
    prompt = begin_pending(&desk, &ask);
    for (uint32_t i = 0; i < 6; i++)
        heads[i] = ask_head;
    heads[0].run++;
    heads[1].epoch--;
    heads[2].step++;
    heads[3].phase++;
    heads[4].chunk++;
    heads[5].attempt--;
    for (uint32_t i = 0; i < 6; i++) {
        tell_completion(&desk, heads[i], &prompt);
        assert_int_equal(desk.count, 0);
        assert_int_equal(worker_counters(desk.worker)->dropped, i + 1);
    }
    write_observation(2, &other); /* of another prompt, under this fence */
    buffer_append(&round.ask, other.data, other.size);
    model_ask(&round, &policy);
    tell_completion(&desk, ask_head, &round.prompt);
    assert_int_equal(desk.count, 0);
    model_complete(&prompt, answers, &bytes);
    for (size_t cut = 0; cut < bytes.size; cut += 3) {
        struct envelope head = ask_head;

        head.type = MSG_COMPLETION;
        tell(&desk, head, &(struct buffer){.data = bytes.data, .size = cut});
        assert_int_equal(desk.count, 0);
    }
    assert_int_equal(worker_counters(desk.worker)->heard, 0);
    tell_completion(&desk, ask_head, &prompt);
    assert_decided(&desk, &ask, &prompt);
    model_fini(&round);
    buffer_fini(&ask);
    buffer_fini(&other);
    buffer_fini(&prompt);
    buffer_fini(&bytes);
    desk_fini(&desk);
    free((void *)(uintptr_t)policy.params);
}

/* What the gateway will not answer goes to the world in its words; NACKs of other chunks are nobody's. */
static void
gateway_refuses(void **state)
{
    struct envelope head = ask_head;
    struct desk desk;
    struct buffer ask = {0}, prompt, bytes = {0};
    struct nack nack = {.code = ERR_LIMIT};

    (void)state;
    prompt = begin_pending(&desk, &ask);
    snprintf(nack.text, sizeof nack.text, "too many questions");
    message_pack(MSG_NACK, &nack, &bytes);
    head.type = MSG_NACK;
    head.chunk++;
    tell(&desk, head, &bytes);
    assert_int_equal(desk.count, 0);
    head.chunk--;
    tell(&desk, head, &bytes);
    assert_int_equal(desk.count, 2);
    assert_fence(&desk.parcels[0].head, &ask_head, MSG_NACK);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_LIMIT);
    assert_string_equal(nack_of(&desk.parcels[0]).text, "too many questions");
    assert_int_equal(credit_of(&desk.parcels[1]), 1);
    assert_int_equal(worker_counters(desk.worker)->refused, 1);
    tell_completion(&desk, ask_head, &prompt);
    assert_int_equal(desk.count, 0);
    buffer_fini(&ask);
    buffer_fini(&prompt);
    buffer_fini(&bytes);
    desk_fini(&desk);
}

/* A chunk that comes again takes the place of what waits, with the same questions; an earlier attempt waits beside. */
static void
comes_again(void **state)
{
    struct envelope later = ask_head, earlier = ask_head;
    struct desk desk;
    struct buffer ask = {0}, prompt;

    (void)state;
    prompt = begin_pending(&desk, &ask);
    later.attempt++;
    earlier.attempt--;
    for (uint32_t i = 0; i < 2; i++) { /* the second time it is the same attempt */
        tell(&desk, later, &ask);
        assert_int_equal(desk.count, 2);
        assert_int_equal(credit_of(&desk.parcels[0]), 1); /* for the one that it replaces */
        assert_fence(&desk.parcels[1].head, &later, MSG_PROMPT);
        assert_int_equal(desk.parcels[1].size, prompt.size);
        assert_memory_equal(desk.parcels[1].bytes, prompt.data, prompt.size);
    }
    tell(&desk, earlier, &ask);
    assert_int_equal(desk.count, 1);
    assert_fence(&desk.parcels[0].head, &earlier, MSG_PROMPT);
    tell_completion(&desk, ask_head, &prompt);
    assert_int_equal(desk.count, 0);
    tell_completion(&desk, later, &prompt);
    assert_fence(&desk.parcels[0].head, &later, MSG_ACTION);
    assert_decided(&desk, &ask, &prompt);
    tell_completion(&desk, earlier, &prompt);
    assert_fence(&desk.parcels[0].head, &earlier, MSG_ACTION);
    assert_decided(&desk, &ask, &prompt);
    buffer_fini(&ask);
    buffer_fini(&prompt);
    desk_fini(&desk);
}

static void
tell_cancel(struct desk *desk, uint32_t epoch, uint64_t step)
{
    struct buffer bytes = {0};

    message_pack(MSG_CANCEL, &(struct cancel){.step = step}, &bytes);
    tell(desk, (struct envelope){.type = MSG_CANCEL, .run = RUN, .epoch = epoch}, &bytes);
    buffer_fini(&bytes);
}

/* What nobody waits for is forgotten: by word of the world, and with a world that is gone; with other parameters it
 * has to be sent again. */
static void
given_up(void **state)
{
    struct desk desk;
    struct buffer ask = {0}, prompt, news = {0};
    uint8_t chain[32] = {0};

    (void)state;
    prompt = begin_pending(&desk, &ask);
    tell_cancel(&desk, 3, 6);
    assert_int_equal(desk.count, 0); /* an earlier step */
    tell_cancel(&desk, 2, 7);
    assert_int_equal(desk.count, 0); /* an earlier world */
    tell_cancel(&desk, 3, 7);
    assert_int_equal(desk.count, 1);
    assert_int_equal(credit_of(&desk.parcels[0]), 1);
    tell_completion(&desk, ask_head, &prompt);
    assert_int_equal(desk.count, 0);

    tell(&desk, ask_head, &ask);
    assert_int_equal(desk.count, 1);
    tell_params(&desk, 3, 1, "llm", ""); /* the same */
    assert_int_equal(desk.count, 0);
    tell_params(&desk, 3, 1, "llm", "{memory: 9}");
    assert_int_equal(desk.count, 2);
    assert_fence(&desk.parcels[0].head, &ask_head, MSG_NACK);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_UNKNOWN);
    assert_int_equal(credit_of(&desk.parcels[1]), 1);

    tell(&desk, ask_head, &ask);
    assert_int_equal(desk.count, 1);
    message_pack(MSG_EPOCH, &(struct epoch){.epoch = 4, .step = 6, .chain = {chain, 32}}, &news);
    tell(&desk, (struct envelope){.type = MSG_EPOCH, .run = RUN, .epoch = 4}, &news);
    assert_int_equal(desk.count, 1);
    assert_int_equal(credit_of(&desk.parcels[0]), WORKER_CREDIT);
    tell_completion(&desk, ask_head, &prompt);
    assert_int_equal(desk.count, 0);
    pass_time(&desk, 10 * WORKER_RESEND_MOST_MS);
    assert_int_equal(desk.count, 0);
    buffer_fini(&ask);
    buffer_fini(&prompt);
    buffer_fini(&news);
    desk_fini(&desk);
}

/* More than models can be asked at a time, or in a step. */
static void
too_much_to_ask(void **state)
{
    struct envelope head = ask_head;
    struct desk desk;
    struct buffer ask = {0};

    (void)state;
    desk_init(&desk, "*");
    tell_params(&desk, 3, 1, "llm", "{fallback: llm}");
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_UNKNOWN);
    tell_params(&desk, 3, 1, "llm", "");
    write_observation(1, &ask);
    head.phase = 65536;
    tell(&desk, head, &ask);
    assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_LIMIT);
    head.phase = 65535;
    tell(&desk, head, &ask);
    assert_int_equal(desk.parcels[0].head.type, MSG_PROMPT);
    {
        struct case_agent *agents = calloc(8193, sizeof *agents);
        struct case_scene scene = {0};

        case_quotes(scene.quotes);
        buffer_clear(&ask);
        case_observe(&scene, agents, 8193, &ask);
        tell(&desk, ask_head, &ask);
        assert_int_equal(nack_of(&desk.parcels[0]).code, ERR_LIMIT);
        free(agents);
    }
    buffer_fini(&ask);
    desk_fini(&desk);
}

/* The same for observations that are asked about: a prompt in bounds, and decisions in bounds on what comes back. */
static void
turned_bits_asking(void **state)
{
    struct desk desk;
    struct buffer ask = {0}, prompt;
    struct rng rng = rng_make(1, STREAM_TEST, 0, 7);
    uint32_t asked = 0;

    (void)state;
    desk_init(&desk, "*");
    tell_params(&desk, 3, 1, "llm", "");
    write_observation(3, &ask);
    for (uint32_t i = 0; i < 3000; i++) {
        struct envelope head = ask_head;
        uint32_t at = rng_below(&rng, (uint32_t)ask.size), bit = rng_below(&rng, 8);
        struct batch batch;
        struct why why = {0};

        head.chunk = i;
        ask.data[at] ^= (uint8_t)(1u << bit);
        tell(&desk, head, &ask);
        ask.data[at] ^= (uint8_t)(1u << bit);
        if (desk.parcels[0].head.type != MSG_PROMPT)
            continue;
        asked++;
        prompt = bytes_of(&desk.parcels[0]);
        assert_int_equal(batch_read(&schema_prompt, prompt.data, prompt.size, &batch, &why), 0);
        if (batch_check(&batch, &why) != 0 && strstr(why.text, "entity") == NULL) /* an id, which is copied */
            case_fail(why.text);
        for (uint32_t k = 0; k < batch.count[PROMPT_ROW]; k++)
            assert_in_range(batch_u32(&batch, PROMPT_users, k + 1) - batch_u32(&batch, PROMPT_users, k), 1, 6000);
        tell_completion(&desk, head, &prompt);
        assert_int_equal(desk.count, 2);
        assert_int_equal(
            batch_read(&schema_sandbox_decide, desk.parcels[0].bytes, desk.parcels[0].size, &batch, &why), 0);
        if (batch_check(&batch, &why) != 0 && strstr(why.text, "agent") == NULL)
            case_fail(why.text);
        buffer_fini(&prompt);
    }
    assert_true(asked > 1000);
    buffer_fini(&ask);
    desk_fini(&desk);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"asks, and decides on the answer", asks_and_hears},
        {"passes its places where nobody asks", asks_nobody},
        {"asks again", asks_again},
        {"drops other completions", stale_completions},
        {"says what the gateway refuses", gateway_refuses},
        {"asks anew when a chunk comes again", comes_again},
        {"gives up what nobody waits for", given_up},
        {"refuses what is too much to ask", too_much_to_ask},
        {"survives turned bits", turned_bits_asking},
    };

    return TEST_CASES("worker_asks", cases);
}
