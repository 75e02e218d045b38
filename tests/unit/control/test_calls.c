/* The call log as rows: a line a call, texts only when asked for, quoted as CSV and JSON want it. */
#include "control/calls.h"

#include <stdio.h>
#include <string.h>

#include "llm-gateway/record.h"
#include "llm-gateway/repair.h"
#include "tests/support/test.h"

static const char manifest[] =
    "llm:\n"
    "  providers: {local: {dialect: ollama, base_url: 'http://127.0.0.1:1', models: {small: {price: free}}}}\n"
    "  roles: {swarm.worker: {chain: [local/small, rules]}}\n";

static void
write_log(const char *folder)
{
    struct record_header header = {.run = 1, .seed = 2, .build = "test"};
    struct key_text question = {"say \"hi\", please", 16};
    struct answer answer = {.entity = 7,
                            .status = ANSWER_REPAIRED,
                            .source = ANSWER_FROM_LIVE,
                            .provider = "local",
                            .model = "small",
                            .finish = 1,
                            .schema_ok = 1,
                            .repairs = REPAIR_FENCE | REPAIR_CLOSERS,
                            .text = "hi,\nthere",
                            .text_size = 9,
                            .tokens_in = 11,
                            .tokens_out = 3,
                            .cost = 500,
                            .paid = 400,
                            .reserved_tokens = 30,
                            .reserved_cost = 900,
                            .http_status = 200,
                            .queue_us = 10,
                            .provider_us = 20,
                            .attempt_count = 2};
    struct answer refused = {.entity = 8, .status = ANSWER_TIMEOUT, .source = ANSWER_FROM_RULES, .reason = 5};
    struct record *log;
    struct why why = {0};
    char path[600];

    snprintf(path, sizeof path, "%s/%s", folder, RECORD_FILE);
    assert_int_equal(record_create(path, &header, &log, &why), 0);
    assert_int_equal(
        record_add(log, &(struct answer_id){.step = 3, .client = 1, .ordinal = 2 << 16 | 5}, &answer, &question, &why),
        0);
    assert_int_equal(record_add(log, &(struct answer_id){.step = 4, .role = 9}, &refused, NULL, &why), 0);
    record_close(&log);
}

static const struct row {
    const char *name;
    enum export_format format;
    bool texts;
    const char *want;
} rows[] = {
    {"lines of CSV", EXPORT_CSV, false,
     "step,slot,role,phase,place,agent,status,source,reason,provider,model,finish,schema_ok,repairs,tokens_in,"
     "tokens_out,tokens_cached,cost,paid,reserved_tokens,reserved_cost,attempts,http_status,queue_us,provider_us,"
     "key\n"
     "3,1,swarm.worker,2,5,7,repaired,live,,local,small,stop,1,fence missing_closers,11,3,0,500,400,30,900,2,200,10,20,"
     "00000000000000000000000000000000\n"
     "4,0,unknown,0,0,8,timeout,rules,timeout_total,,,,0,,0,0,0,0,0,0,0,0,0,0,0,00000000000000000000000000000000\n"},
    {"texts in CSV", EXPORT_CSV, true,
     "step,slot,role,phase,place,agent,status,source,reason,provider,model,finish,schema_ok,repairs,tokens_in,"
     "tokens_out,tokens_cached,cost,paid,reserved_tokens,reserved_cost,attempts,http_status,queue_us,provider_us,"
     "key,question,answer\n"
     "3,1,swarm.worker,2,5,7,repaired,live,,local,small,stop,1,fence missing_closers,11,3,0,500,400,30,900,2,200,10,20,"
     "00000000000000000000000000000000,\"say \"\"hi\"\", please\",\"hi,\nthere\"\n"
     "4,0,unknown,0,0,8,timeout,rules,timeout_total,,,,0,,0,0,0,0,0,0,0,0,0,0,0,00000000000000000000000000000000,,\n"},
    {"JSON", EXPORT_JSONL, true,
     "{\"step\": 3, \"slot\": 1, \"role\": \"swarm.worker\", \"phase\": 2, \"place\": 5, \"agent\": 7, \"status\": "
     "\"repaired\", \"source\": \"live\", \"reason\": \"\", \"provider\": \"local\", \"model\": \"small\", "
     "\"finish\": \"stop\", \"schema_ok\": 1, \"repairs\": \"fence missing_closers\", \"tokens_in\": 11, "
     "\"tokens_out\": 3, "
     "\"tokens_cached\": 0, \"cost\": 500, \"paid\": 400, \"reserved_tokens\": 30, \"reserved_cost\": 900, "
     "\"attempts\": 2, \"http_status\": 200, \"queue_us\": 10, \"provider_us\": 20, \"key\": "
     "\"00000000000000000000000000000000\", \"question\": \"say \\\"hi\\\", please\", \"answer\": \"hi,\\nthere\"}\n"
     "{\"step\": 4, \"slot\": 0, \"role\": \"unknown\", \"phase\": 0, \"place\": 0, \"agent\": 8, \"status\": "
     "\"timeout\", \"source\": \"rules\", \"reason\": \"timeout_total\", \"provider\": \"\", \"model\": \"\", "
     "\"finish\": \"\", \"schema_ok\": 0, \"repairs\": \"\", \"tokens_in\": 0, \"tokens_out\": 0, "
     "\"tokens_cached\": 0, \"cost\": 0, \"paid\": 0, \"reserved_tokens\": 0, \"reserved_cost\": 0, "
     "\"attempts\": 0, \"http_status\": 0, \"queue_us\": 0, \"provider_us\": 0, \"key\": "
     "\"00000000000000000000000000000000\", \"question\": \"\", \"answer\": \"\"}\n"},
};

static void
lines(void **state)
{
    const struct row *row = *state;
    struct yaml_tree *tree = NULL;
    struct calls *calls = NULL;
    struct calls_sum sum;
    struct buffer out = {0};
    struct why why = {0};

    assert_int_equal(yaml_read_text("manifest", manifest, strlen(manifest), &tree, &why), 0);
    if (calls_open(test_folder(), yaml_root(tree), &calls, &why) != 0)
        fail_msg("%s", why.text);
    calls_write_head(row->format, row->texts, &out);
    for (uint32_t i = 0; i < calls_count(calls); i++)
        assert_int_equal(calls_write_row(calls, i, row->format, row->texts, &out, &why), 0);
    buffer_append(&out, "", 1);
    assert_string_equal((const char *)out.data, row->want);
    assert_int_equal(calls_add_up(calls, &sum, &why), 0);
    assert_int_equal(sum.questions, 2);
    assert_int_equal(sum.answered, 1);
    assert_int_equal(sum.tokens_in + sum.tokens_out, 14);
    assert_int_equal(sum.paid, 400);
    calls_close(&calls);
    assert_int_equal(calls_open("/nonexistent", yaml_root(tree), &calls, &why), ERR_MISSING);
    assert_non_null(strstr(why.text, "has no call log"));
    buffer_fini(&out);
    yaml_destroy(&tree);
}

int
main(void)
{
    write_log(test_folder());
    return TEST_ROWS("calls", rows, lines);
}
