#include "world/gather.h"

#include <glob.h>

#include "tests/unit/world/drill_case.h"

#define RUN 9u
#define EPOCH 3u
#define POSTS_MAX 4096u

/* An observation that was sent and not looked at yet. */
struct post {
    struct peer to;
    struct envelope head;
    uint8_t *bytes;
    size_t size;
};

struct bench {
    struct scene scene;
    struct domain domain; /* the drill, with its slots' policies exchanged where a test wants it */
    struct gather *gather;
    struct outbox out;
    struct exchange exchange;
    struct post posts[POSTS_MAX];
    uint32_t post_count, params_count;
    uint64_t now_ms;
};

static struct domain_slot mixed_slots[2] = {{.policy = "drill", .params = ""}, {.policy = "other", .params = "x: 1\n"}};

static uint32_t
get_mixed_slots(const void *self, const struct domain_slot **out)
{
    (void)self;
    *out = mixed_slots;
    return 2;
}

static const struct gather_options defaults = {
    .chunk = 8192, .deadline_ms = 1000, .credit = 2, .poison_kills = 3, .seed = 7, .run = RUN, .epoch = EPOCH};

static struct bench *
bench_new(uint32_t agents, uint32_t slots, bool mixed, const struct gather_options *options)
{
    struct bench *self = ALLOC(struct bench);

    self->scene = case_scene(agents, slots, 3);
    self->domain = domain_drill;
    if (mixed)
        self->domain.slots = get_mixed_slots;
    self->gather = gather_new(&self->domain, self->scene.domain_self, options);
    outbox_init(&self->out);
    outbox_identity(&self->out, RUN, EPOCH);
    self->now_ms = 100;
    return self;
}

static void
bench_forget_posts(struct bench *self)
{
    for (uint32_t i = 0; i < self->post_count; i++)
        free(self->posts[i].bytes);
    self->post_count = 0;
}

static void
bench_destroy(struct bench *self)
{
    bench_forget_posts(self);
    gather_destroy(&self->gather);
    outbox_fini(&self->out);
    scene_fini(&self->scene);
    free(self);
}

static void
bench_begin(struct bench *self, uint64_t step)
{
    self->domain.begin(self->scene.domain_self, step);
    assert_true(self->domain.next(self->scene.domain_self, &self->exchange));
    gather_begin(self->gather, &self->exchange, step, 0, NULL);
}

/* Pumps and looks what was sent. */
static void
bench_pump(struct bench *self)
{
    struct outbox_parcel parcel;

    self->out.wake_ms = UINT64_MAX;
    gather_pump(self->gather, self->now_ms, &self->out);
    while (outbox_queue_pop(&self->out.queue, &parcel)) {
        if (parcel.head.type != MSG_OBSERVATION) {
            assert_int_equal(parcel.head.type, MSG_PARAMS);
            self->params_count++;
            free(parcel.bytes);
            continue;
        }
        assert_true(self->post_count < POSTS_MAX);
        self->posts[self->post_count++] =
            (struct post){.to = parcel.to, .head = parcel.head, .bytes = parcel.bytes, .size = parcel.size};
    }
}

static void
bench_up(struct bench *self, uint8_t number, const char *serves)
{
    struct peer peer = case_peer(number);

    gather_worker_up(self->gather, &peer, serves);
}

static struct post
bench_remove_post(struct bench *self, uint32_t index)
{
    struct post post = self->posts[index];

    memmove(&self->posts[index], &self->posts[index + 1], (--self->post_count - index) * sizeof post);
    return post;
}

static int
bench_down(struct bench *self, uint8_t number, bool bye, struct why *why)
{
    struct peer peer = case_peer(number);

    for (uint32_t i = self->post_count; i-- > 0;)
        if (peer_equal(&self->posts[i].to, &peer))
            free(bench_remove_post(self, i).bytes);
    return gather_worker_down(self->gather, &peer, bye, why);
}

/* What a healthy worker makes of a post. */
static struct buffer
answer_of(const struct post *post)
{
    struct buffer answer = {0};
    struct why why = {0};

    case_ok(drill_answer(post->bytes, post->size, digest_xxh3(post->bytes, post->size), 3, &answer, &why), &why);
    return answer;
}

static int
bench_letter(struct bench *self, const struct post *post, const struct peer *from, const struct buffer *answer,
             struct why *why)
{
    struct envelope head = post->head;
    struct letter letter;

    head.type = MSG_ACTION;
    letter = case_letter(from, &head, answer->data, answer->size);
    return gather_letter(self->gather, &letter, self->now_ms, why);
}

/* The worker of the post answers it; the post is gone. */
static void
bench_answer(struct bench *self, uint32_t index)
{
    struct post post = bench_remove_post(self, index);
    struct buffer answer = answer_of(&post);
    struct why why = {0};

    case_ok(bench_letter(self, &post, &post.to, &answer, &why), &why);
    buffer_fini(&answer);
    free(post.bytes);
}

static void
bench_nack(struct bench *self, const struct post *post, int code, const char *text, int want)
{
    struct nack nack = {.code = (uint32_t)code};
    struct envelope head = post->head;
    struct buffer bytes = {0};
    struct letter letter;
    struct why why = {0};

    snprintf(nack.text, sizeof nack.text, "%s", text);
    message_pack(MSG_NACK, &nack, &bytes);
    head.type = MSG_NACK;
    letter = case_letter(&post->to, &head, bytes.data, bytes.size);
    assert_int_equal(gather_letter(self->gather, &letter, self->now_ms, &why), want);
    buffer_fini(&bytes);
}

static uint32_t
post_rows(const struct post *post, uint32_t *first)
{
    struct batch batch;
    struct why why = {0};

    case_ok(batch_read(&schema_drill_ask, post->bytes, post->size, &batch, &why), &why);
    *first = batch.first;
    return batch.count[0];
}

static uint32_t
posts_of(const struct bench *self, uint8_t number)
{
    struct peer peer = case_peer(number);
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->post_count; i++)
        count += peer_equal(&self->posts[i].to, &peer) ? 1 : 0;
    return count;
}

/* ---- the grid ---- */

static const struct grid_row {
    const char *name;
    uint32_t agents, slots, workers, chunk;
    uint32_t chunks, size_first, size_last;
} grid_rows[] = {
    {"a few agents are one chunk", 100, 1, 1, 8192, 1, 100, 100},
    {"four chunks for one worker", 10000, 1, 1, 8192, 4, 2500, 2500},
    {"eight chunks for two workers", 10000, 1, 2, 8192, 8, 1250, 1250},
    {"the last one takes the rest", 10001, 1, 1, 8192, 4, 2501, 2498},
    {"no chunk is smaller than it is worth", 1000, 1, 8, 8192, 4, 256, 232},
    {"no chunk is larger than allowed", 100000, 1, 2, 8192, 13, 8192, 1696},
    {"the scenario may want smaller ones", 1000, 1, 1, 100, 10, 100, 100},
    {"a chunk never spans two groups", 1000, 3, 1, 8192, 6, 256, 78},
    {"an empty group has none", 1, 2, 1, 8192, 1, 1, 1},
};

static void
grid(void **state)
{
    const struct grid_row *row = *state;
    struct gather_options options = defaults;
    struct bench *bench;
    uint32_t first, expected = 0, total = 0;

    options.chunk = row->chunk;
    options.credit = 64;
    bench = bench_new(row->agents, row->slots, false, &options);
    for (uint32_t i = 0; i < row->workers; i++)
        bench_up(bench, (uint8_t)(i + 1), "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(bench->post_count, row->chunks);
    assert_int_equal(post_rows(&bench->posts[0], &first), row->size_first);
    assert_int_equal(post_rows(&bench->posts[row->chunks - 1], &first), row->size_last);
    for (uint32_t i = 0; i < bench->post_count; i++) {
        uint32_t count = post_rows(&bench->posts[i], &first);

        assert_int_equal(bench->posts[i].head.chunk, i);
        assert_true(first == expected || first == 0);
        expected = first + count;
        total += count;
    }
    assert_int_equal(total, row->agents);
    bench_destroy(bench);
}

/* ---- credit and order ---- */

static void
credit_is_respected(void **state)
{
    struct bench *bench = bench_new(10000, 1, false, &defaults);

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 4);
    assert_int_equal(posts_of(bench, 1), 2);
    assert_int_equal(posts_of(bench, 2), 2);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 4);
    bench_answer(bench, 0);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 4);
    assert_int_equal(bench->posts[3].head.chunk, 4); /* the lowest that waits */
    assert_int_equal(posts_of(bench, 1), 2);
    bench_destroy(bench);
}

static void
a_repeated_answer_gives_no_credit(void **state)
{
    struct bench *bench = bench_new(10000, 1, false, &defaults);
    struct buffer answer;
    struct why why = {0};
    struct post post;

    (void)state;
    bench_up(bench, 1, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 2);
    post = bench_remove_post(bench, 0);
    answer = answer_of(&post);
    for (int i = 0; i < 3; i++)
        case_ok(bench_letter(bench, &post, &post.to, &answer, &why), &why);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 2);
    assert_int_equal(gather_counters(bench->gather).answered, 1);
    assert_int_equal(gather_counters(bench->gather).repeated, 2);
    buffer_fini(&answer);
    free(post.bytes);
    bench_destroy(bench);
}

static void
parameters_are_told_once_and_before(void **state)
{
    struct bench *bench = bench_new(1000, 2, true, &defaults);

    (void)state;
    bench_up(bench, 1, "*");
    bench_begin(bench, 1);
    gather_pump(bench->gather, bench->now_ms, &bench->out);
    assert_int_equal(outbox_queue_front(&bench->out.queue)->head.type, MSG_PARAMS);
    bench_pump(bench);
    assert_int_equal(bench->params_count, 1);
    while (bench->post_count > 0) {
        bench_answer(bench, 0);
        bench_pump(bench);
    }
    assert_int_equal(bench->params_count, 2);
    assert_true(gather_complete(bench->gather));
    bench_destroy(bench);
}

static void
policies_go_to_those_who_serve_them(void **state)
{
    struct bench *bench = bench_new(2000, 2, true, &defaults); /* four chunks of each policy */

    (void)state;
    bench_up(bench, 1, "drill");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(posts_of(bench, 1), 2);
    bench_up(bench, 2, "foreign,other");
    bench_pump(bench); /* chunks 2 and 3 wait for worker 1; those behind them do not */
    assert_int_equal(posts_of(bench, 2), 2);
    assert_int_equal(bench->posts[2].head.flags, 1);
    while (bench->post_count > 0) {
        assert_int_equal(bench->posts[0].to.id[15], bench->posts[0].head.flags + 1);
        bench_answer(bench, 0);
        bench_pump(bench);
    }
    assert_true(gather_complete(bench->gather));
    bench_destroy(bench);
}

/* ---- answers that are refused ---- */

enum spoil { SPOIL_NOTHING, SPOIL_STEP, SPOIL_PHASE, SPOIL_EPOCH, SPOIL_RUN, SPOIL_CHUNK, SPOIL_UNSENT, SPOIL_STRANGER,
             SPOIL_HASH, SPOIL_BYTES, SPOIL_ROWS, SPOIL_AGENT, SPOIL_BOUND, SPOIL_NAN, SPOIL_FOREIGN };

static const struct refused_row {
    const char *name;
    enum spoil spoil;
    struct gather_counters want; /* sent is not looked at */
    bool barred;
} refused_rows[] = {
    {"a right answer is taken", SPOIL_NOTHING, {.answered = 1}, false},
    {"another step's is stale", SPOIL_STEP, {.stale = 1}, false},
    {"another phase's is stale", SPOIL_PHASE, {.stale = 1}, false},
    {"another epoch's is stale", SPOIL_EPOCH, {.stale = 1}, false},
    {"another run's is stale", SPOIL_RUN, {.stale = 1}, false},
    {"a chunk that does not exist is stale", SPOIL_CHUNK, {.stale = 1}, false},
    {"a chunk that was never sent is stale", SPOIL_UNSENT, {.stale = 1}, false},
    {"a stranger's is stale", SPOIL_STRANGER, {.stale = 1}, false},
    {"another observation's hash", SPOIL_HASH, {.invalid = 1}, true},
    {"broken bytes", SPOIL_BYTES, {.invalid = 1}, true},
    {"a row too few", SPOIL_ROWS, {.invalid = 1}, true},
    {"an agent that was not asked", SPOIL_AGENT, {.invalid = 1}, true},
    {"a value out of its bounds", SPOIL_BOUND, {.invalid = 1}, true},
    {"no number", SPOIL_NAN, {.invalid = 1}, true},
    {"a policy that the worker does not serve", SPOIL_FOREIGN, {.invalid = 1}, true},
};

/* The answer of `post` again, with one thing wrong. */
static void
spoil_answer(enum spoil spoil, const struct post *post, struct buffer *answer)
{
    struct batch right;
    struct batch_writer writer;
    struct buffer wrong = {0};
    struct why why = {0};
    uint32_t count;
    double *move;

    if (spoil == SPOIL_BYTES) {
        answer->size--;
        return;
    }
    case_ok(batch_read(&schema_drill_answer, answer->data, answer->size, &right, &why), &why);
    count = right.count[0] - (spoil == SPOIL_ROWS ? 1 : 0);
    batch_begin(&writer, &schema_drill_answer, &wrong, digest_xxh3(post->bytes, post->size)
                + (spoil == SPOIL_HASH ? 1 : 0),
                right.first, &count);
    memcpy(batch_column(&writer, 0), right.data[0], count * 4);
    memcpy(batch_column(&writer, 1), right.data[1], count * 8);
    memcpy(batch_column(&writer, 2), right.data[2], count);
    move = batch_column(&writer, 1);
    if (spoil == SPOIL_AGENT)
        *(uint32_t *)batch_column(&writer, 0) += 1;
    if (spoil == SPOIL_BOUND)
        move[count - 1] = 1e7;
    if (spoil == SPOIL_NAN)
        move[0] = 0.0 / (count - (double)count);
    buffer_fini(answer);
    *answer = wrong;
}

static void
refused(void **state)
{
    const struct refused_row *row = *state;
    struct bench *bench = bench_new(2000, 2, true, &defaults);
    struct peer from = case_peer(1);
    struct gather_counters have;
    struct buffer answer;
    struct why why = {0};
    struct post post;

    bench_up(bench, 1, row->spoil == SPOIL_FOREIGN ? "drill" : "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    post = bench_remove_post(bench, 0);
    answer = answer_of(&post);
    if (row->spoil >= SPOIL_HASH && row->spoil < SPOIL_FOREIGN)
        spoil_answer(row->spoil, &post, &answer);
    if (row->spoil == SPOIL_FOREIGN) { /* worker 2 was asked about `other`; worker 1 answers */
        bench_up(bench, 2, "other");
        bench_pump(bench);
        free(post.bytes);
        post = bench_remove_post(bench, bench->post_count - 1);
        assert_int_equal(post.head.flags, 1);
        buffer_fini(&answer);
        answer = answer_of(&post);
    }
    post.head.step += row->spoil == SPOIL_STEP ? 1 : 0;
    post.head.phase += row->spoil == SPOIL_PHASE ? 1 : 0;
    post.head.epoch -= row->spoil == SPOIL_EPOCH ? 1 : 0;
    post.head.run += row->spoil == SPOIL_RUN ? 1 : 0;
    post.head.chunk += row->spoil == SPOIL_CHUNK ? 1000 : row->spoil == SPOIL_UNSENT ? 3 : 0;
    from.id[15] = row->spoil == SPOIL_STRANGER ? 77 : 1;
    case_ok(bench_letter(bench, &post, &from, &answer, &why), &why);
    have = gather_counters(bench->gather);
    have.sent = 0;
    assert_memory_equal(&have, &row->want, sizeof have);
    if (row->barred) { /* not even a right answer is listened to now, and nothing is sent any more */
        struct post other = bench_remove_post(bench, 0);
        uint32_t before = posts_of(bench, 1);

        buffer_fini(&answer);
        answer = answer_of(&other);
        case_ok(bench_letter(bench, &other, &from, &answer, &why), &why);
        assert_int_equal(gather_counters(bench->gather).answered, 0);
        bench_pump(bench);
        assert_int_equal(posts_of(bench, 1), before);
        free(other.bytes);
    }
    buffer_fini(&answer);
    free(post.bytes);
    bench_destroy(bench);
}

/* ---- death ---- */

static void
a_dead_workers_chunks_go_to_others(void **state)
{
    struct bench *bench = bench_new(10000, 1, false, &defaults);
    struct why why = {0};

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    case_ok(bench_down(bench, 1, false, &why), &why);
    assert_int_equal(bench->post_count, 2);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 2); /* worker 2 has its two */
    bench_answer(bench, 0);
    bench_pump(bench);
    assert_int_equal(bench->posts[1].head.chunk, 0); /* the dead one's, before what was never sent */
    assert_int_equal(bench->posts[1].head.attempt, 1);
    while (bench->post_count > 0) {
        bench_answer(bench, bench->post_count - 1);
        bench_pump(bench);
    }
    assert_true(gather_complete(bench->gather));
    assert_int_equal(gather_counters(bench->gather).deaths, 1);
    assert_int_equal(gather_counters(bench->gather).sent, 10);
    bench_destroy(bench);
}

static void
a_bye_is_no_kill(void **state)
{
    struct bench *bench = bench_new(100, 1, false, &defaults);
    struct why why = {0};

    (void)state;
    for (uint8_t i = 1; i <= 10; i++) {
        bench_up(bench, i, "*");
        if (i == 1)
            bench_begin(bench, 1);
        bench_pump(bench);
        assert_int_equal(bench->post_count, 1);
        case_ok(bench_down(bench, i, true, &why), &why);
    }
    assert_int_equal(gather_counters(bench->gather).deaths, 0);
    bench_destroy(bench);
}

static void
a_poison_chunk_stops_the_run(void **state)
{
    struct gather_options options = defaults;
    struct bench *bench;
    char pattern[PATH_MAX + 32];
    struct why why = {0};
    struct post post;
    FILE *file;
    glob_t found;
    uint8_t *bytes;

    (void)state;
    options.folder = test_folder();
    bench = bench_new(100, 1, false, &options);
    for (uint8_t i = 1; i <= 3; i++) {
        bench_up(bench, i, "*");
        if (i == 1)
            bench_begin(bench, 4);
        bench_pump(bench);
        assert_int_equal(bench->post_count, 1);
        if (i < 3)
            case_ok(bench_down(bench, i, false, &why), &why);
    }
    post = bench_remove_post(bench, 0);
    assert_int_equal(bench_down(bench, 3, false, &why), ERR_LIMIT);
    assert_non_null(strstr(why.text, "agents 0 to 99 (policy drill)"));
    snprintf(pattern, sizeof pattern, "%s/poison/step-4-*", options.folder);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    file = fopen(found.gl_pathv[0], "rb");
    assert_non_null(file);
    bytes = malloc(post.size + 1);
    assert_int_equal(fread(bytes, 1, post.size + 1, file), post.size); /* the dump is the observation */
    assert_memory_equal(bytes, post.bytes, post.size);
    fclose(file);
    free(bytes);
    free(post.bytes);
    globfree(&found);
    bench_destroy(bench);
}

/* ---- refusals ---- */

static void
forgotten_parameters_are_told_again(void **state)
{
    struct bench *bench = bench_new(100, 1, false, &defaults);
    struct post post;

    (void)state;
    bench_up(bench, 1, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(bench->params_count, 1);
    post = bench_remove_post(bench, 0);
    bench_nack(bench, &post, ERR_UNKNOWN, "no parameters of slot 0 here", 0);
    bench_pump(bench);
    assert_int_equal(bench->params_count, 2);
    assert_int_equal(bench->post_count, 1);
    bench_answer(bench, 0);
    assert_true(gather_complete(bench->gather));
    assert_int_equal(gather_counters(bench->gather).refused, 1);
    free(post.bytes);
    bench_destroy(bench);
}

static void
a_refused_chunk_goes_to_another_worker(void **state)
{
    struct bench *bench = bench_new(100, 1, false, &defaults);
    struct post post;
    uint8_t refuser;

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    post = bench_remove_post(bench, 0);
    refuser = post.to.id[15];
    bench_nack(bench, &post, ERR_INVALID, "I do not like it", 0);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 1);
    assert_int_not_equal(bench->posts[0].to.id[15], refuser);
    assert_int_equal(bench->params_count, 2); /* each was told once */
    free(post.bytes);
    bench_destroy(bench);
}

static void
a_chunk_that_all_refuse_stops_the_run(void **state)
{
    struct gather_options options = defaults;
    struct bench *bench;

    (void)state;
    options.folder = test_folder();
    bench = bench_new(100, 1, false, &options);
    bench_up(bench, 1, "*");
    bench_begin(bench, 5);
    for (int i = 1; i <= 3; i++) {
        struct post post;

        bench_pump(bench);
        post = bench_remove_post(bench, 0);
        bench_nack(bench, &post, ERR_INVALID, "no", i < 3 ? 0 : ERR_LIMIT);
        if (i == 1) /* said twice, counted once: it was not asked any more */
            bench_nack(bench, &post, ERR_INVALID, "no", 0);
        free(post.bytes);
    }
    bench_destroy(bench);
}

/* ---- deadlines ---- */

static void
a_late_chunk_is_given_to_a_second_worker(void **state)
{
    struct bench *bench = bench_new(100, 1, false, &defaults);
    struct post slow, quick;
    struct buffer answer;
    struct why why = {0};
    struct gather_counters counters;

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(bench->out.wake_ms, 1100);
    bench->now_ms = 1099;
    bench_pump(bench);
    assert_int_equal(bench->post_count, 1);
    bench->now_ms = 1100;
    bench_pump(bench);
    assert_int_equal(bench->post_count, 2);
    slow = bench_remove_post(bench, 0);
    quick = bench_remove_post(bench, 0);
    assert_false(peer_equal(&slow.to, &quick.to));
    assert_int_equal(quick.head.attempt, 1);
    answer = answer_of(&quick);
    case_ok(bench_letter(bench, &quick, &quick.to, &answer, &why), &why);
    assert_true(gather_complete(bench->gather));
    case_ok(bench_letter(bench, &slow, &slow.to, &answer, &why), &why);
    counters = gather_counters(bench->gather);
    assert_int_equal(counters.deadlines, 1);
    assert_int_equal(counters.answered, 1);
    assert_int_equal(counters.repeated, 1);
    buffer_fini(&answer);
    free(slow.bytes);
    free(quick.bytes);
    bench_destroy(bench);
}

static void
the_slow_one_may_still_be_first(void **state)
{
    struct bench *bench = bench_new(100, 1, false, &defaults);

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    bench->now_ms = 1100;
    bench_pump(bench);
    bench_answer(bench, 0); /* attempt 0, of the slow one */
    assert_true(gather_complete(bench->gather));
    bench_answer(bench, 0);
    assert_int_equal(gather_counters(bench->gather).repeated, 1);
    bench_destroy(bench);
}

/* Letters that got lost must not eat up a worker's credit for ever. */
static void
lost_letters_do_not_stop_the_run(void **state)
{
    struct bench *bench = bench_new(10000, 1, false, &defaults);
    uint32_t rounds = 0;

    (void)state;
    bench_up(bench, 1, "*");
    bench_begin(bench, 1);
    for (; !gather_complete(bench->gather) && rounds < 100; rounds++) {
        bench_pump(bench);
        if (rounds % 3 == 2)
            while (bench->post_count > 0)
                bench_answer(bench, 0);
        else
            bench_forget_posts(bench);
        bench->now_ms = bench->out.wake_ms > bench->now_ms && bench->out.wake_ms < UINT64_MAX ? bench->out.wake_ms
                                                                                             : bench->now_ms + 1;
    }
    assert_true(gather_complete(bench->gather));
    bench_destroy(bench);
}

/* One that stands still is not asked again and again while others answer. */
static void
a_slow_worker_does_not_slow_every_step(void **state)
{
    struct bench *bench = bench_new(100, 1, false, &defaults);
    struct arena *arena = arena_new(1u << 16);
    uint32_t asked = 0;

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    for (uint64_t step = 1; step <= 20; step++) {
        struct batch answers[2];
        struct blob bytes[2];
        uint32_t before = bench->post_count;

        bench_begin(bench, step);
        while (!gather_complete(bench->gather)) {
            bench_pump(bench);
            for (uint32_t i = bench->post_count; i-- > 0;)
                if (bench->posts[i].to.id[15] == 2)
                    bench_answer(bench, i);
            if (!gather_complete(bench->gather))
                bench->now_ms += 500;
        }
        asked += bench->post_count > before ? 1 : 0;
        gather_take(bench->gather, arena, answers, bytes);
        bench->domain.take(bench->scene.domain_self, &bench->exchange, answers, NULL);
        arena_reset(arena);
    }
    assert_int_equal(asked, 1);
    arena_destroy(&arena);
    bench_destroy(bench);
}

/* ---- the answers are one, whatever happens ---- */

static struct buffer
gather_once(uint64_t seed, uint32_t agents, uint32_t slots, uint32_t chunk, uint32_t workers, bool deaths)
{
    struct gather_options options = defaults;
    struct bench *bench;
    struct arena *arena = arena_new(1u << 16);
    struct batch answers[8];
    struct blob bytes[8];
    struct buffer out = {0};
    struct why why = {0};
    uint8_t next = 0;

    options.chunk = chunk;
    options.poison_kills = 1000;
    bench = bench_new(agents, slots, false, &options);
    for (uint32_t i = 0; i < workers; i++)
        bench_up(bench, next++, "*");
    bench_begin(bench, 1);
    for (uint32_t i = 0; !gather_complete(bench->gather); i++) {
        bench_pump(bench);
        assert_true(i < 100000 && bench->post_count > 0);
        if (deaths && next < 250 && case_random(&seed) % 5 == 0) {
            uint32_t which = (uint32_t)(case_random(&seed) % bench->post_count);

            case_ok(bench_down(bench, bench->posts[which].to.id[15], case_random(&seed) % 2 == 0, &why), &why);
            bench_up(bench, next++, "*");
        } else {
            bench_answer(bench, (uint32_t)(case_random(&seed) % bench->post_count));
        }
        bench->now_ms += case_random(&seed) % 400;
    }
    gather_take(bench->gather, arena, answers, bytes);
    for (uint32_t i = 0; i < slots; i++)
        buffer_append(&out, bytes[i].data, bytes[i].size);
    arena_destroy(&arena);
    bench_destroy(bench);
    return out;
}

static void
joined_answers_are_the_same_bytes(void **state)
{
    struct buffer want = gather_once(1, 3001, 3, 8192, 1, false);
    uint64_t seeds = 5;

    (void)state;
    for (uint32_t i = 0; i < 150; i++) {
        uint64_t seed = case_random(&seeds);
        struct buffer have = gather_once(seed, 3001, 3, 1 + (uint32_t)(seed % 500), 1 + (uint32_t)(seed / 7 % 8), true);

        if (have.size != want.size || memcmp(have.data, want.data, want.size) != 0) {
            print_error("seed %llu: other bytes\n", (unsigned long long)seed);
            _fail(__FILE__, __LINE__);
        }
        buffer_fini(&have);
    }
    buffer_fini(&want);
}

static void
a_new_broker_forgets_workers_and_keeps_answers(void **state)
{
    struct bench *bench = bench_new(10000, 1, false, &defaults);

    (void)state;
    bench_up(bench, 1, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    bench_answer(bench, 0);
    gather_forget_workers(bench->gather);
    bench_forget_posts(bench);
    bench_pump(bench);
    assert_int_equal(bench->post_count, 0);
    bench_up(bench, 2, "*");
    bench_pump(bench);
    assert_int_equal(bench->post_count, 2);
    assert_int_equal(bench->posts[0].head.chunk, 1);
    assert_int_equal(bench->posts[1].head.chunk, 2);
    while (bench->post_count > 0) {
        bench_answer(bench, 0);
        bench_pump(bench);
    }
    assert_true(gather_complete(bench->gather));
    assert_int_equal(gather_counters(bench->gather).sent, 5);
    bench_destroy(bench);
}

/* The one that refuses everything is always free, the others are busy: it must not use up a chunk's chances alone. */
static void
a_refused_chunk_waits_for_a_busy_worker(void **state)
{
    struct bench *bench = bench_new(1000, 1, false, &defaults); /* four chunks */
    uint32_t refused = UINT32_MAX;

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    assert_int_equal(posts_of(bench, 1), 2);
    assert_int_equal(posts_of(bench, 2), 2);
    for (uint32_t i = 0; i < bench->post_count; i++)
        if (bench->posts[i].to.id[15] == 1)
            refused = i;
    struct post post = bench_remove_post(bench, refused);

    bench_nack(bench, &post, ERR_STATE, "no", 0);
    bench_pump(bench);
    assert_int_equal(posts_of(bench, 1), 1);
    assert_int_equal(posts_of(bench, 2), 2);
    for (uint32_t i = 0; i < bench->post_count; i++)
        if (bench->posts[i].to.id[15] == 2) {
            bench_answer(bench, i);
            break;
        }
    bench_pump(bench);
    assert_int_equal(posts_of(bench, 2), 2);
    assert_int_equal(bench->posts[bench->post_count - 1].head.chunk, post.head.chunk);
    free(post.bytes);
    bench_destroy(bench);
}

/* Each answer keeps to the bounds of a batch, and all of a group together would not: the one too many is refused, and
 * none is joined that does not fit. */
static void
answers_that_do_not_fit_together(void **state)
{
    struct axis axis = schema_drill_answer.axes[0];
    struct schema tight = schema_drill_answer;
    struct bench *bench = bench_new(1000, 1, false, &defaults);

    (void)state;
    axis.max = 700;
    tight.axes = &axis;
    for (uint8_t i = 1; i <= 4; i++)
        bench_up(bench, i, "*");
    bench_begin(bench, 1);
    bench->exchange.answer = &tight;
    bench_pump(bench);
    assert_int_equal(bench->post_count, 4); /* of 256 agents, the last of 232 */
    for (int i = 0; i < 3; i++)
        bench_answer(bench, 0);
    assert_int_equal(gather_counters(bench->gather).answered, 2);
    assert_int_equal(gather_counters(bench->gather).invalid, 1);
    assert_false(gather_complete(bench->gather));
    bench_destroy(bench);
}

/* ---- external slots ---- */

static struct bench *
bench_with_models(uint32_t agents)
{
    mixed_slots[1].external = true; /* the second half of the agents; undone by the caller's next call without */
    return bench_new(agents, 2, true, &defaults);
}

static uint32_t
posts_in_slot(const struct bench *self, uint8_t worker, uint16_t slot)
{
    struct peer peer = case_peer(worker);
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->post_count; i++)
        count += peer_equal(&self->posts[i].to, &peer) && self->posts[i].head.flags == slot ? 1 : 0;
    return count;
}

/* A worker that waits for models has its credit still: all that goes to models goes out at once, evenly, in small
 * chunks, and the others' chunks find their workers. */
static void
external_chunks_use_no_credit(void **state)
{
    struct bench *bench = bench_with_models(8192);
    uint32_t first;

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    for (uint8_t worker = 1; worker <= 2; worker++) {
        assert_int_equal(posts_in_slot(bench, worker, 0), 2);
        assert_int_equal(posts_in_slot(bench, worker, 1), 8);
    }
    for (uint32_t i = 0; i < bench->post_count; i++)
        if (bench->posts[i].head.flags == 1)
            assert_int_equal(post_rows(&bench->posts[i], &first), 256);
    for (uint32_t i = 0; i < bench->post_count;) /* the models are slow; the others go on */
        if (bench->posts[i].head.flags == 0) {
            bench_answer(bench, i);
            bench_pump(bench);
            i = 0;
        } else {
            i++;
        }
    assert_int_equal(posts_in_slot(bench, 1, 1) + posts_in_slot(bench, 2, 1), 16);
    assert_int_equal(bench->post_count, 16);
    assert_false(gather_complete(bench->gather));
    while (bench->post_count > 0)
        bench_answer(bench, 0);
    assert_true(gather_complete(bench->gather));
    mixed_slots[1].external = false;
    bench_destroy(bench);
}

/* A dead worker's go to the one that is left, however much that one waits for already. */
static void
external_chunks_of_the_dead_find_somebody(void **state)
{
    struct bench *bench = bench_with_models(8192);
    struct why why = {0};

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    case_ok(bench_down(bench, 1, false, &why), &why);
    bench_pump(bench);
    assert_int_equal(posts_in_slot(bench, 2, 1), 16);
    assert_int_equal(posts_in_slot(bench, 2, 0), 2); /* of these no more than its credit */
    while (bench->post_count > 0) {
        bench_answer(bench, 0);
        bench_pump(bench);
    }
    assert_true(gather_complete(bench->gather));
    mixed_slots[1].external = false;
    bench_destroy(bench);
}

/* Neither their deadline nor the time they take is that of the others. */
static void
external_chunks_may_take_long(void **state)
{
    struct bench *bench = bench_with_models(600);

    (void)state;
    bench_up(bench, 1, "*");
    bench_up(bench, 2, "*");
    bench_begin(bench, 1);
    bench_pump(bench);
    while (bench->posts[0].head.flags == 0)
        bench_answer(bench, 0);
    assert_int_equal(bench->post_count, 2);
    bench->now_ms += 599000;
    bench_pump(bench);
    assert_int_equal(bench->post_count, 2);
    assert_int_equal(gather_counters(bench->gather).deadlines, 0);
    bench->now_ms += 1000;
    bench_pump(bench);
    assert_int_equal(bench->post_count, 4); /* to the other one as well */
    assert_int_equal(gather_counters(bench->gather).deadlines, 2);
    while (bench->post_count > 0)
        bench_answer(bench, 0);
    assert_true(gather_complete(bench->gather));
    mixed_slots[1].external = false;
    bench_destroy(bench);
}

/* What is known already is asked of nobody, and stands with the other answers as if it had been gathered. */
static void
given_answers_are_asked_of_nobody(void **state)
{
    struct bench *bench = bench_with_models(1000);
    struct arena *arena = arena_new(1u << 16);
    struct batch answers[2];
    struct blob bytes[2], given[2] = {{0}};
    struct buffer kept = {0}, others = {0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        bench_up(bench, 1, "*");
        bench->domain.begin(bench->scene.domain_self, 1);
        assert_true(bench->domain.next(bench->scene.domain_self, &bench->exchange));
        gather_begin(bench->gather, &bench->exchange, 1, 0, round == 0 ? NULL : given);
        bench_pump(bench);
        while (bench->post_count > 0) {
            assert_true(round == 0 || bench->posts[0].head.flags == 0);
            bench_answer(bench, 0);
            bench_pump(bench);
        }
        assert_true(gather_complete(bench->gather));
        gather_take(bench->gather, arena, answers, bytes);
        if (round == 0) {
            buffer_append(&others, bytes[0].data, bytes[0].size);
            buffer_append(&kept, bytes[1].data, bytes[1].size);
            given[1] = (struct blob){kept.data, (uint32_t)kept.size};
        }
    }
    assert_int_equal(bytes[0].size, others.size);
    assert_memory_equal(bytes[0].data, others.data, others.size);
    assert_int_equal(bytes[1].size, kept.size);
    assert_memory_equal(bytes[1].data, kept.data, kept.size);
    buffer_fini(&kept);
    buffer_fini(&others);
    arena_destroy(&arena);
    mixed_slots[1].external = false;
    bench_destroy(bench);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a refused chunk waits for a busy worker", a_refused_chunk_waits_for_a_busy_worker},
        {"answers that do not fit together", answers_that_do_not_fit_together},
        {"credit is respected, the lowest chunk first", credit_is_respected},
        {"a repeated answer gives no credit", a_repeated_answer_gives_no_credit},
        {"parameters are told once, before the first chunk", parameters_are_told_once_and_before},
        {"policies go to those who serve them", policies_go_to_those_who_serve_them},
        {"a dead worker's chunks go to others", a_dead_workers_chunks_go_to_others},
        {"a bye is no kill", a_bye_is_no_kill},
        {"a poison chunk stops the run and is dumped", a_poison_chunk_stops_the_run},
        {"forgotten parameters are told again", forgotten_parameters_are_told_again},
        {"a refused chunk goes to another worker", a_refused_chunk_goes_to_another_worker},
        {"a chunk that all refuse stops the run", a_chunk_that_all_refuse_stops_the_run},
        {"a late chunk is given to a second worker", a_late_chunk_is_given_to_a_second_worker},
        {"the slow one may still be first", the_slow_one_may_still_be_first},
        {"lost letters do not stop the run", lost_letters_do_not_stop_the_run},
        {"a slow worker does not slow every step", a_slow_worker_does_not_slow_every_step},
        {"joined answers are the same bytes", joined_answers_are_the_same_bytes},
        {"external chunks use no credit", external_chunks_use_no_credit},
        {"external chunks of the dead find somebody", external_chunks_of_the_dead_find_somebody},
        {"external chunks may take long", external_chunks_may_take_long},
        {"given answers are asked of nobody", given_answers_are_asked_of_nobody},
        {"a new broker: workers forgotten, answers kept", a_new_broker_forgets_workers_and_keeps_answers},
    };

    log_set_level(LOG_ERROR);
    return TEST_ROWS("grid", grid_rows, grid) + TEST_ROWS("refused", refused_rows, refused)
        + TEST_CASES("gather", cases);
}
