/* llm-gateway/record.h and replay.h: what is written is read back, a torn end is cut off wherever it tore, damage is
 * refused, and each mode answers as it should. */
#include "llm-gateway/record.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rng.h"
#include "core/streams.h"
#include "llm-gateway/provider.h"
#include "llm-gateway/replay.h"
#include "tests/support/test.h"

static struct why why;

static const char *
path_of(const char *name)
{
    static char paths[4][400];
    static uint32_t next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", test_folder(), name);
    return path;
}

static struct key
key_number(uint32_t i)
{
    struct key_fields fields = {.dialect = "test", .model = "m", .seed = i};

    return key_of(&fields);
}

/* The answer to question `i`; every eighth is long, and some are failures. */
static struct answer
answer_number(uint32_t i, struct buffer *room)
{
    struct answer answer = {.status = i % 5 == 4 ? ANSWER_FALLBACK : i % 5 == 3 ? ANSWER_REPAIRED : ANSWER_OK,
        .source = i % 5 == 4 ? ANSWER_FROM_RULES : ANSWER_FROM_LIVE, .reason = i % 5 == 4 ? LLM_SERVER : 0,
        .provider = "local", .model = "small", .finish = 1, .schema_ok = 1, .repairs = i % 3, .tokens_in = 10 + i,
        .tokens_out = 20 + i, .tokens_cached = i, .cost = 100 * i, .paid = 100 * i, .reserved_tokens = 500,
        .reserved_cost = 1000 * (int64_t)i, .http_status = 200, .queue_us = 7, .provider_us = UINT64_MAX,
        .attempts = {{1, LLM_SERVER, 503, 250}, {1, LLM_OK, 200, 0}}, .attempt_count = 2, .key = key_number(i)};
    uint32_t size = i % 8 == 7 ? 5000 + i : 20;

    buffer_clear(room);
    for (uint32_t c = 0; c < size; c++)
        *(char *)buffer_extend(room, 1) = (char)('a' + (c * 7 + i) % 26);
    answer.text = (const char *)room->data;
    answer.text_size = size;
    return answer;
}

static struct answer_id
id_number(uint32_t i)
{
    return (struct answer_id){.step = 1 + i / 10, .client = i % 3, .role = i % 2, .ordinal = i / 6};
}

static struct record *
create(const char *path)
{
    struct record_header header = {.run = 5, .seed = 6, .scenario = {1}, .roles = {2}, .templates = {3}, .schemas = {4},
        .started_s = 1700000000, .build = "test", .parent = ""};
    struct record *log;

    unlink(path);
    if (record_create(path, &header, &log, &why) != 0)
        fail_msg("%s", why.text);
    return log;
}

/* `count` calls; a mark after each ten. */
static void
fill(struct record *log, uint32_t count)
{
    struct buffer room = {0};

    for (uint32_t i = 0; i < count; i++) {
        struct answer_id id = id_number(i);
        struct answer answer = answer_number(i, &room);
        struct key_text prompt = {.bytes = "what now?", .size = 9};
        struct record_totals totals = {i + 1, 100, 200};

        if (record_add(log, &id, &answer, i % 2 == 0 ? &prompt : NULL, &why) != 0)
            fail_msg("%s", why.text);
        if (i % 10 == 9)
            assert_int_equal(record_mark(log, 1 + i / 10, &totals, &why), 0);
    }
    assert_int_equal(record_flush(log, &why), 0);
    buffer_fini(&room);
}

static void
compare(const struct record *log, uint32_t i)
{
    struct buffer room = {0}, wanted_room = {0}, prompt = {0};
    struct answer wanted = answer_number(i, &wanted_room), got;
    struct answer_id id, wanted_id = id_number(i);
    uint32_t number;

    assert_true(record_find(log, &wanted_id, &number));
    if (record_read(log, number, &id, &got, &room, &prompt, &why) != 0)
        fail_msg("%s", why.text);
    assert_true(answer_id_equal(&id, &wanted_id));
    assert_int_equal(got.text_size, wanted.text_size);
    assert_memory_equal(got.text, wanted.text, wanted.text_size);
    assert_int_equal(prompt.size, i % 2 == 0 ? 9 : 0);
    got.text = wanted.text;
    assert_memory_equal(&got, &wanted, sizeof got);
    buffer_fini(&room);
    buffer_fini(&wanted_room);
    buffer_fini(&prompt);
}

/* A call that was taken back is no answer: the same id may be answered later, in this life or the next. */
static void
taken_back(void **state)
{
    const char *path = path_of("cancelled.log");
    struct record *log = create(path);
    struct answer_id id = {.step = 1, .ordinal = UINT32_MAX};
    struct answer cancelled = {.status = ANSWER_CANCELLED, .source = ANSWER_FROM_RULES, .paid = 5, .cost = 5}, got;
    struct answer answer = {.status = ANSWER_OK, .text = "yes", .text_size = 3};
    struct buffer room = {0};
    uint32_t number;

    (void)state;
    assert_int_equal(record_add(log, &id, &cancelled, NULL, &why), 0);
    assert_int_equal(record_add(log, &id, &cancelled, NULL, &why), 0);
    record_close(&log);
    assert_int_equal(record_open(path, true, &log, &why), 0);
    assert_int_equal(record_add(log, &id, &answer, NULL, &why), 0);
    assert_int_equal(record_add(log, &id, &answer, NULL, &why), ERR_STATE);
    record_close(&log);
    assert_int_equal(record_open(path, false, &log, &why), 0);
    assert_int_equal(record_count(log), 3);
    assert_true(record_find(log, &id, &number));
    assert_int_equal(record_read(log, number, &id, &got, &room, NULL, &why), 0);
    assert_int_equal(got.status, ANSWER_OK);
    record_close(&log);
    buffer_fini(&room);
}

static void
comes_back(void **state)
{
    const char *path = path_of("whole.log");
    struct record *log = create(path), *second;
    struct record_totals totals;
    struct answer_id id = id_number(3);
    struct buffer room = {0};
    struct answer answer = answer_number(3, &room);
    uint64_t step;

    (void)state;
    fill(log, 40);
    assert_int_equal(record_add(log, &id, &answer, NULL, &why), ERR_STATE);
    assert_int_equal(record_open(path, true, &second, &why), ERR_STATE); /* one writer */
    assert_int_equal(record_create(path, record_header(log), &second, &why), ERR_STATE);
    record_close(&log);
    assert_int_equal(record_open(path, true, &log, &why), 0);
    assert_int_equal(record_torn_size(log), 0);
    assert_int_equal(record_count(log), 40);
    assert_int_equal(record_header(log)->seed, 6);
    assert_int_equal(record_header(log)->schemas[0], 4);
    for (uint32_t i = 0; i < 40; i++)
        compare(log, i);
    assert_true(record_last_mark(log, &step, &totals));
    assert_int_equal(step, 4);
    assert_int_equal(totals.calls, 40);
    assert_int_equal(record_mark(log, 5, &totals, &why), 0); /* the chain goes on over the opening */
    record_close(&log);
    assert_int_equal(record_open(path, false, &log, &why), 0);
    record_close(&log);
    buffer_fini(&room);
}

static void
same_text_once(void **state)
{
    const char *path = path_of("once.log");
    struct record *log = create(path);
    struct buffer room = {0};
    struct answer answer = answer_number(7, &room);
    uint64_t before, first;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct answer_id id = {.step = 1, .ordinal = i};

        before = record_size(log);
        assert_int_equal(record_add(log, &id, &answer, NULL, &why), 0);
        if (i == 0)
            first = record_size(log) - before;
        else
            assert_true(record_size(log) - before < first - 5000);
    }
    record_close(&log);
    buffer_fini(&room);
}

static void
write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
}

static uint8_t *
read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = test_malloc(1 << 20);

    assert_non_null(file);
    *size = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

/* Cut at every byte: what was whole before is there, the rest is gone, and one can go on. */
static void
torn_everywhere(void **state)
{
    const char *path = path_of("torn.log"), *cut = path_of("cut.log");
    struct record *log = create(path);
    uint64_t ends[40], header = record_size(log);
    uint8_t *bytes;
    size_t size;
    uint32_t whole;

    (void)state;
    fill(log, 12);
    for (uint32_t i = 0; i < 12; i++)
        ends[i] = i + 1 < 12 ? record_offset(log, i + 1) : record_size(log);
    record_close(&log);
    bytes = read_file(path, &size);
    for (size_t at = 0; at <= size; at++) {
        struct stat info;
        int code;

        write_file(cut, bytes, at);
        code = record_open(cut, true, &log, &why);
        if (at < header) {
            assert_int_equal(code, ERR_FORMAT);
            continue;
        }
        if (code != 0)
            fail_msg("cut at %zu: %s", at, why.text);
        for (whole = 0; whole < 12 && ends[whole] <= at; whole++)
            ;
        /* A mark or a text may stand between two calls, so the last whole call may end a little earlier. */
        assert_true(record_count(log) == whole || record_count(log) == whole + 1);
        assert_int_equal(record_size(log) + record_torn_size(log), at);
        assert_int_equal(stat(cut, &info), 0);
        assert_int_equal(info.st_size, record_size(log));
        if (at % 97 == 0 || at == size)
            for (uint32_t i = 0; i < record_count(log); i++)
                compare(log, i);
        if (at % 89 == 0 && record_count(log) < 12) {
            struct buffer room = {0};
            uint32_t next = record_count(log);
            struct answer_id id = id_number(next);
            struct answer answer = answer_number(next, &room);
            struct key_text prompt = {.bytes = "what now?", .size = 9};

            assert_int_equal(record_add(log, &id, &answer, next % 2 == 0 ? &prompt : NULL, &why), 0);
            compare(log, next);
            buffer_fini(&room);
        }
        record_close(&log);
    }
    test_free(bytes);
}

/* One changed byte before a mark is damage, not a tear. Behind the last mark it is where the log ends. */
static void
damage(void **state)
{
    const char *path = path_of("damage.log"), *bad = path_of("bad.log");
    struct record *log = create(path);
    uint64_t mark_end;
    uint8_t *bytes;
    size_t size;

    (void)state;
    fill(log, 10);
    mark_end = record_size(log);
    record_close(&log);
    assert_int_equal(record_open(path, true, &log, &why), 0);
    for (uint32_t i = 10; i < 13; i++) {
        struct buffer room = {0};
        struct answer_id id = id_number(i);
        struct answer answer = answer_number(i, &room);

        assert_int_equal(record_add(log, &id, &answer, NULL, &why), 0);
        buffer_fini(&room);
    }
    record_close(&log);
    bytes = read_file(path, &size);
    for (size_t at = 0; at < size; at += at % 3 + 1) {
        int code;

        bytes[at] ^= 0x40;
        write_file(bad, bytes, size);
        bytes[at] ^= 0x40;
        code = record_open(bad, false, &log, &why);
        if (at < mark_end && code == 0 && record_size(log) + 100 < mark_end)
            fail_msg("damage at byte %zu passed", at);
        if (at >= mark_end) {
            assert_int_equal(code, 0);
            assert_true(record_count(log) >= 10 && record_count(log) < 13);
        }
        record_close(&log);
    }
    test_free(bytes);
}

/* Bytes that lie, with checksums that are right: they meet the readers, and nothing happens. */
static void
hostile(void **state)
{
    const char *path = path_of("hostile.log"), *bad = path_of("lie.log");
    struct rng rng = rng_make(3, STREAM_TEST, 6, 0);
    struct record *log = create(path);
    uint8_t *bytes;
    size_t size, header;
    uint32_t refused = 0, taken = 0;

    (void)state;
    fill(log, 3);
    header = record_offset(log, 1); /* a call whose text stands in it */
    record_close(&log);
    bytes = read_file(path, &size);
    for (uint32_t round = 0; round < 4000; round++) {
        uint8_t copy[4096];
        uint32_t payload = bytes[header] | (uint32_t)bytes[header + 1] << 8, kind = bytes[header + 4];
        struct buffer room = {0};
        struct answer answer;
        struct answer_id id;

        assert_true(size < sizeof copy);
        memcpy(copy, bytes, size);
        for (uint32_t i = 0; i < 1 + rng_below(&rng, 3); i++)
            copy[header + RECORD_HEAD + rng_below(&rng, payload)] = (uint8_t)rng_u32(&rng);
        if (rng_chance(&rng, 0.2))
            copy[header + 4] = (uint8_t)(kind = rng_below(&rng, 6));
        {
            uint8_t front[8] = {copy[header], copy[header + 1], 0, 0, (uint8_t)kind, 0, 0, 0};
            uint64_t sum = digest_xxh3(front, 8) ^ digest_xxh3(copy + header + RECORD_HEAD, payload);

            memcpy(copy + header + 8, &sum, 8);
        }
        write_file(bad, copy, size);
        if (record_open(bad, false, &log, &why) != 0) {
            refused++;
            continue;
        }
        taken++;
        for (uint32_t i = 0; i < record_count(log); i++)
            (void)!record_read(log, i, &id, &answer, &room, NULL, &why);
        buffer_fini(&room);
        record_close(&log);
    }
    print_message("             %" PRIu32 " refused, %" PRIu32 " taken\n", refused, taken);
    assert_true(refused > 500 && taken > 500);
    test_free(bytes);
}

/* ---- modes ---- */

struct script {
    uint32_t asked, answered, missed, other, again;
    uint32_t first_wrong; /* the first that was not answered; UINT32_MAX: none */
};

/* Asks the questions [from, to); question i is i, or i + 1000 from `change` on in role 1. Asked is answered live. */
static struct script
go(struct replay *replay, uint32_t from, uint32_t to, uint32_t change)
{
    struct script out = {.first_wrong = UINT32_MAX};
    struct buffer room = {0}, live_room = {0};

    for (uint32_t i = from; i < to; i++) {
        uint32_t question = i >= change && i % 2 == 1 ? i + 1000 : i;
        struct answer_id id = id_number(i);
        struct answer answer, live = answer_number(question, &live_room);
        struct key key = key_number(question);
        struct key_text prompt = {.bytes = "p", .size = 1};
        enum replay_verdict verdict;

        if (replay_find(replay, &id, &key, &prompt, &answer, &room, &verdict, &why) != 0)
            fail_msg("%s", why.text);
        out.asked += verdict == REPLAY_ASK;
        out.answered += verdict == REPLAY_ANSWERED || verdict == REPLAY_AGAIN;
        out.again += verdict == REPLAY_AGAIN;
        out.missed += verdict == REPLAY_MISS;
        out.other += verdict == REPLAY_OTHER;
        if (verdict != REPLAY_ANSWERED && verdict != REPLAY_AGAIN && out.first_wrong == UINT32_MAX)
            out.first_wrong = i;
        if (verdict == REPLAY_ANSWERED || verdict == REPLAY_AGAIN) {
            assert_int_equal(answer.source, ANSWER_FROM_REPLAY);
            assert_int_equal(answer.paid, 0);
            assert_int_equal(answer.cost, live.cost);
            assert_int_equal(answer.status, live.status);
            assert_int_equal(answer.text_size, live.text_size);
            assert_memory_equal(answer.text, live.text, live.text_size);
        }
        if (verdict == REPLAY_AGAIN)
            replay_agree(replay, id.role, answer.text, answer.text_size, live.text, i % 4 == 1 ? 3 : live.text_size);
        if (verdict == REPLAY_ASK)
            assert_int_equal(replay_note(replay, &id, &live, &prompt, &why), 0);
    }
    buffer_fini(&room);
    buffer_fini(&live_room);
    return out;
}

enum { CALLS = 60 };

static struct record *
recorded(const char *name)
{
    struct record *log = create(path_of(name));
    struct replay_plan plan = {.mode = REPLAY_RECORD, .own = log, .role_count = 2, .keep_prompts = true};
    struct replay *replay = replay_new(&plan);
    struct script script = go(replay, 0, CALLS, UINT32_MAX);
    struct record_totals totals = {CALLS, 1, 1};

    assert_int_equal(script.asked, CALLS);
    assert_int_equal(replay_mark(replay, 6, &totals, &why), 0);
    replay_destroy(&replay);
    return log;
}

static void
off(void **state)
{
    struct replay_plan plan = {.mode = REPLAY_OFF, .role_count = 2};
    struct replay *replay = replay_new(&plan);

    (void)state;
    assert_int_equal(go(replay, 0, 10, UINT32_MAX).asked, 10);
    replay_destroy(&replay);
}

/* A step that is done again after a crash finds its own calls; another question at the same place is refused. */
static void
record_again(void **state)
{
    struct record *log = recorded("again.log");
    struct replay_plan plan = {.mode = REPLAY_RECORD, .own = log, .role_count = 2};
    struct replay *replay = replay_new(&plan);
    struct script script = go(replay, 50, CALLS + 5, UINT32_MAX);

    (void)state;
    assert_int_equal(script.answered, CALLS - 50);
    assert_int_equal(script.asked, 5);
    assert_int_equal(go(replay, 0, 4, 0).other, 2);
    replay_destroy(&replay);
    record_close(&log);
}

/* T7 for this module: answered from the log alone, failures included; and the first other question is a miss. */
static void
strict(void **state)
{
    struct record *log = recorded("strict.log");
    struct replay_plan plan = {.mode = REPLAY_STRICT, .parent = log, .role_count = 2};
    struct replay *replay = replay_new(&plan);
    struct script script;
    char has[KEY_HEX_SIZE], wanted[KEY_HEX_SIZE];
    struct key key = key_number(41), other = key_number(1041);

    (void)state;
    assert_false(replay_asks(replay));
    assert_int_equal(go(replay, 0, CALLS, UINT32_MAX).answered, CALLS);
    script = go(replay, 0, 42, 40);
    assert_int_equal(script.missed, 1);
    assert_int_equal(script.first_wrong, 41);
    assert_non_null(strstr(why.text, key_hex(&key, has)));
    assert_non_null(strstr(why.text, key_hex(&other, wanted)));
    assert_int_equal(go(replay, CALLS, CALLS + 1, UINT32_MAX).missed, 1);
    assert_non_null(strstr(why.text, "the log has none"));
    replay_destroy(&replay);
    record_close(&log);
}

static void
loose(void **state)
{
    struct record *log = recorded("loose.log");
    struct replay_plan plan = {.mode = REPLAY_LOOSE, .parent = log, .role_count = 2};
    struct replay *replay = replay_new(&plan);
    struct answer_id elsewhere = {.step = 99};
    struct key key = key_number(5);
    struct buffer room = {0};
    struct answer answer;
    enum replay_verdict verdict;

    (void)state;
    assert_int_equal(replay_find(replay, &elsewhere, &key, NULL, &answer, &room, &verdict, &why), 0);
    assert_int_equal(verdict, REPLAY_ANSWERED);
    assert_int_equal(answer.tokens_in, 15);
    assert_int_equal(go(replay, 0, 10, 5).missed, 3);
    buffer_fini(&room);
    replay_destroy(&replay);
    record_close(&log);
}

/* T8 for this module: before the change nothing is paid, after it only what changed; the child replays alone. */
static void
branch(void **state)
{
    struct record *parent = recorded("parent.log"), *child = create(path_of("child.log"));
    struct replay_plan plan = {.mode = REPLAY_BRANCH, .own = child, .parent = parent, .role_count = 2};
    struct replay *replay = replay_new(&plan);
    struct script before = go(replay, 0, 30, 30), after;
    struct answer_id id;
    uint64_t offset;
    uint32_t number;

    (void)state;
    assert_int_equal(before.answered, 30);
    assert_false(replay_has_left(replay));
    after = go(replay, 30, CALLS, 30);
    assert_true(replay_has_left(replay));
    assert_int_equal(after.asked, 15); /* role 1 asks something else; role 0 still asks the same */
    assert_int_equal(after.answered, 15);
    assert_int_equal(after.first_wrong, 31);
    assert_true(record_find_branch(child, &id, &offset));
    assert_int_equal(id.ordinal, id_number(31).ordinal);
    assert_true(record_find(parent, &id, &number));
    assert_int_equal(offset, record_offset(parent, number));
    replay_destroy(&replay);
    record_close(&parent);
    record_close(&child);

    assert_int_equal(record_open(path_of("child.log"), false, &child, &why), 0);
    plan = (struct replay_plan){.mode = REPLAY_STRICT, .parent = child, .role_count = 2};
    replay = replay_new(&plan);
    assert_int_equal(go(replay, 0, CALLS, 30).answered, CALLS);
    replay_destroy(&replay);
    record_close(&child);
}

static void
audit(void **state)
{
    struct record *log = recorded("audit.log");
    struct replay_plan plan = {.mode = REPLAY_AUDIT, .parent = log, .role_count = 2, .audit_per_mille = 300, .seed = 1};
    struct replay *replay = replay_new(&plan);
    struct script first = go(replay, 0, CALLS, UINT32_MAX), second;
    struct replay_agreement even = replay_agreement(replay, 0), odd = replay_agreement(replay, 1);

    (void)state;
    assert_int_equal(first.answered, CALLS);
    assert_true(first.again > 6 && first.again < 40); /* about 18 of 60 */
    assert_int_equal(even.same + even.other + odd.same + odd.other, first.again);
    assert_int_equal(even.other, 0);
    assert_true(odd.other > 0);
    second = go(replay, 0, CALLS, UINT32_MAX);
    assert_int_equal(second.again, first.again);
    replay_destroy(&replay);
    record_close(&log);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a call that was taken back", taken_back},
        {"what is written comes back", comes_back},
        {"a long text is stored once", same_text_once},
        {"torn at every byte", torn_everywhere},
        {"one changed byte", damage},
        {"bytes that lie", hostile},
        {"off: asks", off},
        {"record: nothing is asked twice", record_again},
        {"replay: from the log alone, or a miss with both keys", strict},
        {"replay_loose: by the key alone", loose},
        {"branch: pays only for what changed", branch},
        {"audit: the same share again, and agreement counted", audit},
    };

    return TEST_CASES("record", cases);
}
