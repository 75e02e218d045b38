/* The gateway's HTTP engine and a provider against llmdouble: each fault of the transport ends in its class and in
 * time, whatever happens to others; certificates that are not to be trusted get no request; no key comes back. */
#include "bus/clock.h"
#include "core/text.h"
#include "llm-gateway/http.h"
#include "tests/support/llmdouble/double_rig.h"
#include "tests/support/test.h"
#include "tests/support/tls_server.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY "sk-planted-5d1e8a77c0b94f02"
#define PATIENCE_MS 120000 /* for the slowest machine; the deadlines of the asks are far below */

static struct double_rig rig;
static struct secrets *secrets;
static uint32_t secret;
static const struct provider *provider;
static struct provider_dialect dialect;

/* ---- one talk ---- */

struct talk {
    struct provider_request request;
    struct provider_http http;
    struct provider_result result;
    struct http_ask ask;
    char base[64], user[64], error[300];
    uint32_t count; /* how often it ended */
    enum llm_class class; /* of all: transport, then what the answer means */
    int status;
    bool revived, leaked;
};

static void
on_done(void *context, const struct http_reply *reply)
{
    struct talk *talk = context;

    talk->count++;
    talk->class = reply->class;
    talk->status = reply->answer.status;
    talk->revived = reply->revived;
    talk->leaked = secrets_found(secrets, reply->answer.body.text, reply->answer.body.size) ||
                   secrets_found(secrets, reply->error, strlen(reply->error));
    (void)snprintf(talk->error, sizeof talk->error, "%s", reply->error);
    if (reply->class != LLM_OK)
        return;
    provider_read(provider, &talk->request, &reply->answer, &talk->result);
    talk->class = talk->result.verdict.class;
}

static void
talk_init(struct talk *self, uint64_t id)
{
    struct why why = {0};

    *self = (struct talk){.ask = {.id = id, .done = on_done, .context = self, .secret = secret, .total_ms = 20000}};
    (void)snprintf(self->user, sizeof self->user, "hello %llu", (unsigned long long)id);
    self->request = (struct provider_request){.role = "tester", .model = "m", .out_max = 50, .temperature_e4 = 7000,
        .top_p_e4 = 10000, .user = {self->user, strlen(self->user)}};
    if (provider_build(provider, &self->request, &dialect, &self->http, &why) != 0)
        fail_msg("%s", why.text);
    (void)snprintf(self->base, sizeof self->base, "http://127.0.0.1:%u/v1", rig.port);
    self->ask.base_url = self->base;
    self->ask.request = &self->http;
}

static void
talk_fini(struct talk *self)
{
    provider_http_fini(&self->http);
    provider_result_fini(&self->result);
}

static struct http *
engine(uint32_t in_flight_max, const char *ca_file)
{
    struct why why = {0};
    struct http *http = http_new(
        &(struct http_options){.in_flight_max = in_flight_max, .secrets = secrets, .ca_file = ca_file}, &why);

    if (http == NULL)
        fail_msg("%s", why.text);
    return http;
}

static void
drive(struct http *http)
{
    uint64_t end = clock_ms() + PATIENCE_MS;

    while (http_stats(http)->in_flight > 0 && clock_ms() < end) {
        struct pollfd ready = {.fd = http_fd(http), .events = POLLIN};
        int timeout = http_timeout_ms(http, clock_ms());

        (void)poll(&ready, 1, timeout >= 0 ? timeout : 1000);
        (void)http_turn(http, clock_ms());
    }
    assert_int_equal(http_stats(http)->in_flight, 0);
    assert_false(secrets_found(secrets, http_stats(http), sizeof *http_stats(http)));
}

static void
talk_send(struct talk *self, struct http *http)
{
    struct why why = {0};

    if (http_send(http, clock_ms(), &self->ask, &why) != 0)
        fail_msg("%s", why.text);
}

static void
use_rules(const char *yaml)
{
    struct double_rig_answer got = {0};

    if (!double_rig_rules(&rig, yaml, &got))
        fail_msg("%s", got.body.size > 0 ? (const char *)got.body.data : "no answer");
    double_rig_answer_fini(&got);
}

static uint32_t
file_count(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint32_t count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    (void)closedir(folder);
    return count;
}

/* ---- the faults ---- */

#define ANY (-1) /* it may or may not have come in time */

static const struct row {
    const char *name, *fault;
    enum llm_class want;
    uint32_t first_ms, idle_ms, total_ms;
    int status;
} rows[] = {
    {.name = "no fault", .fault = NULL, .want = LLM_OK, .status = 200},
    {.name = "F01 silence, first byte", .fault = "F01", .want = LLM_TIMEOUT_FIRST, .first_ms = 100},
    {.name = "F01 silence, deadline", .fault = "F01", .want = LLM_TIMEOUT_TOTAL, .total_ms = 100},
    {.name = "F02 stall", .fault = "F02", .want = LLM_TIMEOUT_IDLE, .idle_ms = 100, .status = 200},
    {.name = "F03 drip", .fault = "{id: F03, ms: 20}", .want = LLM_TIMEOUT_TOTAL, .total_ms = 250, .status = ANY},
    {.name = "F10 500", .fault = "F10", .want = LLM_SERVER, .status = 500},
    {.name = "F11 502 with a page", .fault = "F11", .want = LLM_SERVER, .status = 502},
    {.name = "F12 503 loading", .fault = "F12", .want = LLM_OVERLOAD, .status = 503},
    {.name = "F13 529", .fault = "F13", .want = LLM_OVERLOAD, .status = 529},
    {.name = "F14 half a JSON body", .fault = "F14", .want = LLM_ENVELOPE, .status = 200},
    {.name = "F15 half a body", .fault = "F15", .want = LLM_TRANSPORT, .status = 200},
    {.name = "F16 reset in the body", .fault = "F16", .want = LLM_TRANSPORT, .status = 200},
    {.name = "F17 reset of a kept connection", .fault = "F17", .want = LLM_OK, .status = 200},
    {.name = "F27 64 MB", .fault = "F27", .want = LLM_BODY_LIMIT, .status = 200},
    {.name = "F28 endless", .fault = "F28", .want = LLM_BODY_LIMIT, .status = 200},
    {.name = "F29 bomb", .fault = "F29", .want = LLM_BODY_LIMIT, .status = 200},
    {.name = "F39 redirect", .fault = "F39", .want = LLM_REDIRECT, .status = 307},
    {.name = "F40 another model", .fault = "{id: F40, variant: model}", .want = LLM_OK, .status = 200},
    {.name = "F40 text/html", .fault = "{id: F40, variant: type}", .want = LLM_OK, .status = 200},
    {.name = "F40 HTTP/1.0", .fault = "{id: F40, variant: http10}", .want = LLM_OK, .status = 200},
    {.name = "F40 100 first", .fault = "{id: F40, variant: continue}", .want = LLM_OK, .status = 200},
    {.name = "F40 204", .fault = "{id: F40, variant: empty}", .want = LLM_ENVELOPE, .status = 204},
};

/* Three in a row over one engine: the second and third meet what the first one left behind. */
static void
fault(void **state)
{
    const struct row *row = *state;
    uint32_t files = file_count();
    struct http *http = engine(4, NULL);
    struct talk talk;
    char rules[200];

    (void)snprintf(rules, sizeof rules, "seed: 7\nrules:\n  - reply: {text: \"fine\"}\n%s%s%s",
                   row->fault != NULL ? "    fault: " : "", row->fault != NULL ? row->fault : "", "\n");
    use_rules(rules);
    for (uint64_t i = 0; i < 3; i++) {
        talk_init(&talk, i);
        talk.ask.first_ms = row->first_ms;
        talk.ask.idle_ms = row->idle_ms;
        talk.ask.total_ms = row->total_ms != 0 ? row->total_ms : 20000;
        talk_send(&talk, http);
        drive(http);
        assert_int_equal(talk.count, 1);
        if (talk.class != row->want)
            fail_msg("%s: %s %s", llm_classes[talk.class].name, talk.error, talk.result.verdict.detail);
        if (row->status != ANY)
            assert_int_equal(talk.status, row->status);
        if (row->want == LLM_OK)
            assert_memory_equal(talk.result.text.data, "fine", 4);
        assert_int_equal(talk.revived, row->fault != NULL && strcmp(row->fault, "F17") == 0 && i > 0);
        assert_false(talk.leaked);
        talk_fini(&talk);
    }
    http_destroy(&http);
    assert_int_equal(file_count(), files);
}

/* The double listens where its redirect leads, and counts who comes. */
static void
nobody_strayed(void **state)
{
    struct double_rig_answer got = {0};

    (void)state;
    double_rig_ask(rig.control, "GET", "/stats", "", NULL, &got);
    assert_int_equal(got.status, 200);
    assert_non_null(strstr((const char *)got.body.data, "\"F39\":3"));
    assert_non_null(strstr((const char *)got.body.data, "\"strays\":0"));
    double_rig_answer_fini(&got);
}

/* Every kind of trouble at once, and answers between them: all end, each once. */
static void
storm(void **state)
{
    static const char *const faults[] = {"F01", "F02", "F03", "F10", "F15", "F16", "F17", "F27", "F28", "F29", "F39",
                                         "{id: F40, variant: http10}"};
    uint32_t files = file_count(), fine = 0;
    struct http *http = engine(300, NULL);
    struct talk *talks = calloc(300, sizeof *talks);
    struct buffer rules = {0};

    (void)state;
    assert_non_null(talks);
    text_add(&rules, "rules:\n");
    for (uint32_t i = 0; i < 12; i++)
        text_addf(&rules, "  - match: {hash_mod: [24, %u]}\n    reply: {text: fine}\n    fault: %s\n", i, faults[i]);
    text_add(&rules, "  - reply: {text: fine}\n");
    buffer_append(&rules, "", 1);
    use_rules((const char *)rules.data);
    for (uint32_t i = 0; i < 300; i++) {
        talk_init(&talks[i], i);
        talks[i].ask.total_ms = 3000;
        talk_send(&talks[i], http);
    }
    for (uint32_t i = 0; i < 300; i += 20)
        assert_true(http_cancel(http, i));
    drive(http);
    for (uint32_t i = 0; i < 300; i++) {
        assert_int_equal(talks[i].count, i % 20 != 0);
        assert_false(talks[i].leaked);
        fine += talks[i].count == 1 && talks[i].class == LLM_OK;
        talk_fini(&talks[i]);
    }
    assert_in_range(fine, 100, 284);
    http_destroy(&http);
    assert_int_equal(file_count(), files);
    buffer_fini(&rules);
    free(talks);
}

static void
thousand(void **state)
{
    struct http *http = engine(1000, NULL);
    struct talk *talks = calloc(1000, sizeof *talks);

    (void)state;
    assert_non_null(talks);
    use_rules("rules:\n  - reply: {text: fine}\n    pace: {ttft_ms: 100}\n");
    for (uint32_t i = 0; i < 1000; i++) {
        talk_init(&talks[i], i);
        talk_send(&talks[i], http);
    }
    drive(http);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(talks[i].count, 1);
        if (talks[i].class != LLM_OK)
            fail_msg("%s: %s", llm_classes[talks[i].class].name, talks[i].error);
        talk_fini(&talks[i]);
    }
    assert_int_equal(http_stats(http)->in_flight_peak, 1000);
    http_destroy(&http);
    free(talks);
}

/* A server ends, with connections kept to it; another one comes. The engine stays the same. */
static void
restart(void **state)
{
    struct http *http = engine(8, NULL);
    struct talk talk;

    (void)state;
    for (uint64_t i = 0; i < 2; i++) {
        use_rules("rules:\n  - reply: {text: fine}\n");
        talk_init(&talk, i);
        talk_send(&talk, http);
        drive(http);
        assert_int_equal(talk.class, LLM_OK);
        talk_fini(&talk);
        if (i == 0) {
            (void)double_rig_stop(&rig);
            talk_init(&talk, 9);
            talk_send(&talk, http);
            drive(http);
            assert_int_equal(talk.class, LLM_TRANSPORT);
            talk_fini(&talk);
            assert_true(double_rig_start(&rig, NULL));
        }
    }
    http_destroy(&http);
}

/* ---- F44: certificates ---- */

static const struct certificate_row {
    const char *name, *certificate, *ca;
    enum llm_class want;
} certificates[] = {
    {"a good certificate", "good", "ca.pem", LLM_OK},
    {"for another host", "other", "ca.pem", LLM_TLS},
    {"expired", "expired", "ca.pem", LLM_TLS},
    {"by an authority nobody knows", "good", "stranger.pem", LLM_TLS},
    {"by one the system does not know", "good", NULL, LLM_TLS},
};

static void
certificate(void **state)
{
    const struct certificate_row *row = *state;
    uint16_t port = tls_free_port();
    char ca[300];
    int keep;
    pid_t server = tls_start(row->certificate, port, &keep);
    struct http *http;
    struct talk talk;

    (void)snprintf(ca, sizeof ca, "%s/%s", test_folder(), row->ca != NULL ? row->ca : "");
    http = engine(1, row->ca != NULL ? ca : NULL);
    talk_init(&talk, 1);
    talk.http.method = "GET";
    (void)snprintf(talk.http.path, sizeof talk.http.path, "/");
    (void)snprintf(talk.base, sizeof talk.base, "https://localhost:%u", port);
    talk.ask.first_ms = 20000;
    talk.ask.connect_ms = 20000;
    talk_send(&talk, http);
    drive(http);
    if (row->want == LLM_OK && talk.status != 200)
        fail_msg("%s: %s", llm_classes[talk.class].name, talk.error);
    if (row->want != LLM_OK && talk.class != row->want)
        fail_msg("%s: %s", llm_classes[talk.class].name, talk.error);
    assert_int_equal(talk.status, row->want == LLM_OK ? 200 : 0);
    assert_false(talk.leaked);
    talk_fini(&talk);
    http_destroy(&http);
    (void)kill(server, SIGKILL);
    (void)waitpid(server, NULL, 0);
    (void)close(keep);
}

static int
certificates_run(void)
{
    if (!tls_make_authority("ca") || !tls_make_authority("stranger") ||
        !tls_make_certificate("good", "DNS:localhost,IP:127.0.0.1", 2) ||
        !tls_make_certificate("other", "DNS:other.example", 2) ||
        !tls_make_certificate("expired", "DNS:localhost,IP:127.0.0.1", -1)) {
        test_say_skipped("certificates", "no openssl program to make them with");
        return 0;
    }
    return TEST_ROWS("F44 certificates", certificates, certificate);
}

static const struct test_case cases[] = {
    {"nobody followed a redirect", nobody_strayed},
    {"every trouble at once", storm},
    {"1,000 at once", thousand},
    {"a server goes, another one comes", restart},
};

int
main(void)
{
    const char *nearest;
    int failed;

    if (setenv("POLIS_TEST_KEY", KEY, 1) != 0 || (secrets = secrets_new(NULL)) == NULL ||
        secrets_load_env(secrets, "POLIS_TEST_KEY", &secret, NULL) != 0)
        abort();
    provider = provider_find_dialect("openai", &dialect, &nearest);
    if (provider == NULL || !double_rig_start(&rig, NULL))
        abort();
    failed = TEST_ROWS("faults", rows, fault);
    failed += TEST_CASES("many", cases);
    failed += certificates_run();
    (void)double_rig_stop(&rig);
    secrets_destroy(&secrets);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return failed;
}
