#include "llm-gateway/http.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "core/text.h"
#include "tests/support/test.h"
#include "tests/unit/llm-gateway/http_server.h"

#define PATIENCE_MS 60000 /* a slow machine under a sanitizer; every deadline of a row is far below */

static uint16_t port, closed_port, full_port;
static struct secrets *secrets;
static uint32_t secret;

/* ---- what is told ---- */

struct told {
    uint32_t count;
    enum llm_class class;
    int status;
    bool reused, revived;
    char body[65536], error[300], request_id[64], retry_after[16];
    size_t size;
    uint32_t field_count;
    char stream[4096];
    size_t stream_size;
    struct http *http;
    uint64_t cancel_id; /* cancelled by the first piece, or done */
    bool again;         /* done() sends once more */
    struct http_ask *ask;
};

static void
on_done(void *context, const struct http_reply *reply)
{
    struct told *told = context;
    const char *id = provider_find_field(&reply->answer, "x-request-id");
    const char *after = provider_find_field(&reply->answer, "retry-after");

    told->count++;
    told->class = reply->class;
    told->status = reply->answer.status;
    told->reused = reply->reused;
    told->revived = reply->revived;
    told->size = reply->answer.body.size;
    told->field_count = reply->answer.header_count;
    (void)snprintf(told->body, sizeof told->body, "%.*s", (int)reply->answer.body.size,
                   reply->answer.body.size > 0 ? reply->answer.body.text : "");
    (void)snprintf(told->error, sizeof told->error, "%s", reply->error);
    (void)snprintf(told->request_id, sizeof told->request_id, "%s", id != NULL ? id : "");
    (void)snprintf(told->retry_after, sizeof told->retry_after, "%s", after != NULL ? after : "");
    if (told->cancel_id != 0)
        (void)http_cancel(told->http, told->cancel_id);
    if (told->again) {
        told->again = false;
        assert_int_equal(http_send(told->http, clock_ms(), told->ask, NULL), 0);
    }
}

static void
on_piece(void *context, uint64_t id, const char *bytes, size_t size)
{
    struct told *told = context;

    (void)id;
    assert_true(told->stream_size + size < sizeof told->stream);
    memcpy(told->stream + told->stream_size, bytes, size);
    told->stream_size += size;
    if (told->cancel_id != 0)
        assert_true(http_cancel(told->http, told->cancel_id));
}

/* ---- driving it ---- */

static struct http *
engine(uint32_t in_flight_max)
{
    struct why why = {0};
    struct http *http = http_new(&(struct http_options){.in_flight_max = in_flight_max, .secrets = secrets}, &why);

    if (http == NULL)
        fail_msg("%s", why.text);
    return http;
}

/* Turns until `count` have been told, or for `most_ms`. */
static void
drive(struct http *http, const uint32_t *count, uint32_t want, uint64_t most_ms)
{
    uint64_t end = clock_ms() + most_ms, now;

    while (*count < want && (now = clock_ms()) < end) {
        struct pollfd ready = {.fd = http_fd(http), .events = POLLIN};
        int timeout = http_timeout_ms(http, now);

        if (timeout < 0 || (uint64_t)timeout > end - now)
            timeout = (int)(end - now);
        (void)poll(&ready, 1, timeout);
        (void)http_turn(http, clock_ms());
    }
}

struct asked {
    struct provider_http request;
    struct http_ask ask;
    char base[64];
};

static void
asked_init(struct asked *self, struct told *told, uint16_t to, const char *path)
{
    *self = (struct asked){.ask = {.id = 1, .done = on_done, .context = told}};
    (void)snprintf(self->base, sizeof self->base, "http://127.0.0.1:%u", to);
    (void)snprintf(self->request.path, sizeof self->request.path, "%s", path);
    self->request.method = "POST";
    self->request.headers[0] = (struct provider_header){"content-type", "application/json", PROVIDER_PLAIN};
    self->request.headers[1] = (struct provider_header){"authorization", "Bearer ", PROVIDER_BEARER};
    self->request.header_count = 2;
    text_add(&self->request.body, "{\"model\":\"m\"}");
    self->ask.base_url = self->base;
    self->ask.request = &self->request;
    self->ask.secret = secret;
}

static void
asked_fini(struct asked *self)
{
    provider_http_fini(&self->request);
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

static void
assert_no_key(const struct told *told)
{
    const struct http_stats *stats = http_stats(told->http);

    assert_false(secrets_found(secrets, told, sizeof *told));
    assert_false(secrets_found(secrets, stats, sizeof *stats));
}

/* ---- faults ---- */

enum where { SERVER, CLOSED, FULL };

static const struct fault_row {
    const char *name, *path;
    enum llm_class want;
    int status;
    enum where where;
    uint32_t connect_ms, first_ms, idle_ms, total_ms;
    const char *body;
    bool stream;
} faults[] = {
    {"a plain answer", .path = "/ok", .want = LLM_OK, .status = 200, .body = "{\"ok\":true}"},
    {"F01 no answer: first byte", .path = "/silent", .want = LLM_TIMEOUT_FIRST, .first_ms = 60},
    {"F01 no answer: deadline", .path = "/silent", .want = LLM_TIMEOUT_TOTAL, .total_ms = 60},
    {"F02 headers, then nothing", .path = "/stall", .want = LLM_TIMEOUT_IDLE, .status = 200, .idle_ms = 60},
    {"F03 a drip outlives the idle limit but not its deadline", .path = "/drip", .want = LLM_TIMEOUT_TOTAL,
     .status = 200, .idle_ms = 5000, .total_ms = 200},
    {"F04 a 429 is an answer", .path = "/429", .want = LLM_OK, .status = 429, .body = "{\"error\":1}"},
    {"F10 a 500 is an answer", .path = "/500", .want = LLM_OK, .status = 500, .body = "{\"error\":1}"},
    {"F13 a 529 is an answer", .path = "/529", .want = LLM_OK, .status = 529, .body = "{\"error\":1}"},
    {"F15 a body shorter than it says", .path = "/short", .want = LLM_TRANSPORT, .status = 200},
    {"F15 chunks without their end", .path = "/cut_chunk", .want = LLM_TRANSPORT, .status = 200},
    {"F15 the same in a stream", .path = "/cut_chunk", .want = LLM_TRANSPORT, .status = 200, .stream = true},
    {"chunks that are none", .path = "/bad_chunk", .want = LLM_TRANSPORT, .status = 200},
    {"F16 reset in the body", .path = "/reset", .want = LLM_TRANSPORT, .status = 200},
    {"reset before the head on a fresh connection", .path = "/gone", .want = LLM_TRANSPORT},
    {"F27 64 MB", .path = "/large", .want = LLM_BODY_LIMIT, .status = 200},
    {"F28 a chunk without end", .path = "/endless", .want = LLM_BODY_LIMIT, .status = 200},
    {"F28 a body without end", .path = "/until_close", .want = LLM_BODY_LIMIT, .status = 200},
    {"F29 a compressed bomb", .path = "/bomb", .want = LLM_BODY_LIMIT, .status = 200},
    {"a head without end", .path = "/head", .want = LLM_BODY_LIMIT, .status = 200},
    {"interim answers without end", .path = "/interim", .want = LLM_BODY_LIMIT, .status = 100},
    {"F39 a redirect", .path = "/redirect", .want = LLM_REDIRECT, .status = 307},
    {"F40 HTTP/1.0 without a length", .path = "/http10", .want = LLM_OK, .status = 200, .body = "{\"old\":1}"},
    {"F40 100 first", .path = "/continue", .want = LLM_OK, .status = 200, .body = "{\"ok\":true}"},
    {"F40 204", .path = "/204", .want = LLM_OK, .status = 204, .body = ""},
    {"not HTTP", .path = "/no_http", .want = LLM_TRANSPORT},
    {"nobody listens", .path = "/ok", .want = LLM_TRANSPORT, .where = CLOSED},
    {"nobody takes the connection", .path = "/ok", .want = LLM_TIMEOUT_CONNECT, .where = FULL,
     .connect_ms = 80},
};

static void
fault(void **state)
{
    const struct fault_row *row = *state;
    uint32_t files = file_count();
    struct told told = {.http = engine(4)};
    struct asked asked;

    asked_init(&asked, &told, row->where == CLOSED ? closed_port : row->where == FULL ? full_port : port, row->path);
    asked.ask.connect_ms = row->connect_ms;
    asked.ask.first_ms = row->first_ms;
    asked.ask.idle_ms = row->idle_ms;
    asked.ask.total_ms = row->total_ms;
    asked.ask.piece = row->stream ? on_piece : NULL;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    drive(told.http, &told.count, 1, PATIENCE_MS);
    assert_int_equal(told.count, 1);
    if (told.class != row->want)
        fail_msg("%s: %s", llm_classes[told.class].name, told.error);
    assert_int_equal(told.status, row->status);
    assert_string_equal(told.body, row->body != NULL ? row->body : "");
    assert_int_equal(told.error[0] == '\0', row->want == LLM_OK);
    assert_false(told.revived);
    assert_no_key(&told);
    assert_int_equal(http_stats(told.http)->failed[row->want] + http_stats(told.http)->answered, 1);
    assert_int_equal(http_stats(told.http)->in_flight, 0);
    assert_int_equal(http_timeout_ms(told.http, clock_ms()) == 0, 0);

    /* The slot is as good as new. */
    told.count = 0;
    asked_fini(&asked);
    asked_init(&asked, &told, port, "/ok");
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    drive(told.http, &told.count, 1, PATIENCE_MS);
    assert_int_equal(told.class, LLM_OK);
    assert_string_equal(told.body, "{\"ok\":true}");
    asked_fini(&asked);
    http_destroy(&told.http);
    assert_int_equal(file_count(), files);
}

/* ---- connections ---- */

/* F17: the server drops every connection at its second request. */
static void
dead_connection(const char *path)
{
    struct told told = {.http = engine(64)};
    struct asked asked;

    for (uint32_t i = 0; i < 10; i++) {
        asked_init(&asked, &told, port, path);
        told.count = 0;
        assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
        drive(told.http, &told.count, 1, PATIENCE_MS);
        assert_int_equal(told.class, LLM_OK);
        assert_string_equal(told.body, "{\"ok\":true}");
        assert_int_equal(told.revived, i % 2 == 1 || i > 0);
        asked_fini(&asked);
    }
    assert_int_equal(http_stats(told.http)->revived, 9);
    assert_int_equal(http_stats(told.http)->opened, 10);
    http_destroy(&told.http);
}

static void
dead_by_reset(void **state)
{
    (void)state;
    dead_connection("/reused_reset");
}

static void
dead_by_close(void **state)
{
    (void)state;
    dead_connection("/reused_close");
}

/* Sends `count` asks to one path and waits for all. */
static void
volley(struct told *told, const char *path, uint32_t count, uint64_t first_id)
{
    struct asked asked;

    asked_init(&asked, told, port, path);
    told->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        asked.ask.id = first_id + i;
        assert_int_equal(http_send(told->http, clock_ms(), &asked.ask, NULL), 0);
    }
    drive(told->http, &told->count, count, PATIENCE_MS);
    assert_int_equal(told->count, count);
    asked_fini(&asked);
}

/* Sixteen kept connections, all of which the server will drop: each ask goes out twice, not once for each of them. */
static void
all_dead(void **state)
{
    struct told told = {.http = engine(64)};

    (void)state;
    volley(&told, "/late", 16, 1);
    assert_int_equal(http_stats(told.http)->opened, 16);
    volley(&told, "/reused_reset", 16, 1);
    assert_int_equal(told.class, LLM_OK);
    assert_int_equal(http_stats(told.http)->answered, 32);
    /* The second sending of one may use up the kept connection of another, which then takes a fresh one at once. */
    assert_in_range(http_stats(told.http)->revived, 1, 16);
    assert_in_range(http_stats(told.http)->opened, 32, 48);
    http_destroy(&told.http);
}

static void
kept(void **state)
{
    struct told told = {.http = engine(8)};

    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        volley(&told, "/ok", 1, i);
        assert_int_equal(told.reused, i > 0);
    }
    assert_int_equal(http_stats(told.http)->opened, 1);
    assert_int_equal(http_stats(told.http)->revived, 0);
    http_destroy(&told.http);
}

static void
thousand(void **state)
{
    uint32_t files = file_count();
    struct told told = {.http = engine(1000)};
    uint64_t opened;

    (void)state;
    volley(&told, "/late", 1000, 1);
    assert_int_equal(http_stats(told.http)->answered, 1000);
    assert_int_equal(http_stats(told.http)->in_flight_peak, 1000);
    opened = http_stats(told.http)->opened;
    assert_true(opened <= 1000);
    volley(&told, "/late", 1000, 1);
    assert_int_equal(http_stats(told.http)->answered, 2000);
    assert_true(http_stats(told.http)->opened - http_stats(told.http)->closed <= 1000);
    /* An hour later nothing is kept open. */
    (void)http_turn(told.http, clock_ms() + 3600000);
    assert_int_equal(http_stats(told.http)->opened, http_stats(told.http)->closed);
    assert_int_equal(file_count(), files + 1);
    volley(&told, "/ok", 3, 1);
    assert_int_equal(told.class, LLM_OK);
    http_destroy(&told.http);
    assert_int_equal(file_count(), files);
}

static void
connecting_is_bounded(void **state)
{
    struct told told = {0};
    struct asked asked;

    (void)state;
    told.http = http_new(&(struct http_options){.in_flight_max = 64, .connecting_max = 4}, NULL);
    asked_init(&asked, &told, full_port, "/ok");
    asked.ask.secret = SECRET_NONE;
    asked.ask.total_ms = 400;
    for (asked.ask.id = 1; asked.ask.id <= 64; asked.ask.id++)
        assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    (void)http_turn(told.http, clock_ms());
    assert_int_equal(http_stats(told.http)->waiting, 60);
    assert_int_equal(http_stats(told.http)->opened, 4);
    /* Those who wait for a place have a deadline like all others. */
    drive(told.http, &told.count, 64, PATIENCE_MS);
    assert_int_equal(http_stats(told.http)->failed[LLM_TIMEOUT_TOTAL], 64);
    asked_fini(&asked);
    http_destroy(&told.http);
}

/* One that is slow, stalls or floods is no matter to the others. */
static void
neighbours(void **state)
{
    static const char *const paths[] = {"/silent", "/drip", "/stall", "/endless", "/ok", "/ok", "/ok", "/ok"};
    struct told told = {.http = engine(64)};
    struct asked asked[8];

    (void)state;
    for (uint32_t i = 0; i < 64; i++) {
        asked_init(&asked[i % 8], &told, port, paths[i % 8]);
        asked[i % 8].ask.id = i + 1;
        asked[i % 8].ask.total_ms = 30000;
        assert_int_equal(http_send(told.http, clock_ms(), &asked[i % 8].ask, NULL), 0);
        asked_fini(&asked[i % 8]);
    }
    drive(told.http, &told.count, 40, PATIENCE_MS);
    assert_int_equal(http_stats(told.http)->answered, 32);
    assert_int_equal(http_stats(told.http)->failed[LLM_BODY_LIMIT], 8);
    assert_int_equal(http_stats(told.http)->in_flight, 24);
    http_destroy(&told.http); /* with 24 in flight */
}

/* ---- cancelling ---- */

static const struct cancel_row {
    const char *name, *path;
    enum where where;
    int state; /* 0 just sent, 1 after a turn, 2 once bytes came, 3 in piece(), 4 in done() of itself, 5 of another */
} cancels[] = {
    {"before it starts", "/silent", SERVER, 0},
    {"while it waits for a connection", "/ok", FULL, 1},
    {"while it waits for an answer", "/silent", SERVER, 2},
    {"in the middle of an answer", "/drip", SERVER, 2},
    {"in the middle of a flood", "/endless", SERVER, 1},
    {"in its own piece", "/stream", SERVER, 3},
    {"in its own end", "/ok", SERVER, 4},
};

static void
cancel(void **state)
{
    const struct cancel_row *row = *state;
    uint32_t files = file_count();
    struct told told = {.http = engine(4)};
    struct asked asked;
    uint32_t never = 0;
    bool by_callback = row->state >= 3;

    asked_init(&asked, &told, row->where == FULL ? full_port : port, row->path);
    asked.ask.piece = row->state == 3 || row->state == 2 ? on_piece : NULL;
    told.cancel_id = by_callback ? 1 : 0;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    if (row->state > 0)
        (void)http_turn(told.http, clock_ms());
    if (row->state == 2)
        drive(told.http, &never, 1, 60);
    if (row->state >= 3)
        drive(told.http, row->state == 4 ? &told.count : &never, 1, row->state == 4 ? PATIENCE_MS : 200);
    assert_int_equal(http_cancel(told.http, 1), !by_callback);
    assert_false(http_cancel(told.http, 1));
    assert_int_equal(http_stats(told.http)->in_flight, 0);
    assert_int_equal(http_stats(told.http)->cancelled, row->state == 4 ? 0 : 1);
    assert_int_equal(http_room(told.http), 4);

    /* The id may come again at once, and nothing of the old ask is told. */
    told.cancel_id = 0;
    told.count = 0;
    volley(&told, "/ok", 1, 1);
    assert_string_equal(told.body, "{\"ok\":true}");
    drive(told.http, &told.count, 2, 20);
    assert_int_equal(told.count, 1);
    asked_fini(&asked);
    http_destroy(&told.http);
    assert_int_equal(file_count(), files);
}

/* Two end in the same turn; the first one's end takes the second one with it. */
static void
cancel_another(void **state)
{
    struct told told = {.http = engine(4)};
    struct asked asked;
    uint32_t never = 0;

    (void)state;
    asked_init(&asked, &told, port, "/ok");
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    asked.ask.id = 2;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    (void)http_turn(told.http, clock_ms());
    (void)usleep(100000); /* both answers are there */
    told.cancel_id = 2;
    drive(told.http, &told.count, 1, PATIENCE_MS);
    told.cancel_id = 0;
    drive(told.http, &never, 1, 50);
    assert_int_equal(told.count + http_stats(told.http)->cancelled, 2);
    assert_int_equal(http_stats(told.http)->in_flight, 0);
    asked_fini(&asked);
    http_destroy(&told.http);
}

/* ---- refusals ---- */

static const struct refusal_row {
    const char *name, *base, *method, *path, *header, *value;
    int want;
} refusals[] = {
    {"plain http to another host", .base = "http://example.com", .want = ERR_DENIED},
    {"plain http to a host that begins like this one", .base = "http://127.0.0.1.example.com", .want = ERR_DENIED},
    {"plain http to a private address", .base = "http://10.0.0.1", .want = ERR_DENIED},
    {"another scheme", .base = "ftp://example.com", .want = ERR_INVALID},
    {"a file", .base = "file:///etc/passwd", .want = ERR_INVALID},
    {"a user in the URL", .base = "https://user:word@example.com", .want = ERR_INVALID},
    {"a blank in the URL", .base = "https://example.com/a b", .want = ERR_INVALID},
    {"a query in the URL", .base = "https://example.com/?x", .want = ERR_INVALID},
    {"no host", .base = "https:///v1", .want = ERR_INVALID},
    {"a line break in the path", .path = "/a\r\nX: y", .want = ERR_INVALID},
    {"a path without its slash", .path = "a", .want = ERR_INVALID},
    {"a line break in a header", .header = "x-a", .value = "1\r\nX-B: 2", .want = ERR_INVALID},
    {"a header name that is none", .header = "x a", .value = "1", .want = ERR_INVALID},
    {"another method", .method = "DELETE", .want = ERR_INVALID},
    {"this host by name", .base = "http://localhost:1", .want = 0},
    {"this host by its other address", .base = "http://[::1]:1", .want = 0},
    {"https to another host", .base = "https://example.com", .want = 0},
};

static void
refusal(void **state)
{
    const struct refusal_row *row = *state;
    struct told told = {.http = engine(4)};
    struct why why = {0};
    struct asked asked;

    asked_init(&asked, &told, port, row->path != NULL ? row->path : "/ok");
    asked.ask.base_url = row->base != NULL ? row->base : asked.base;
    asked.request.method = row->method != NULL ? row->method : "POST";
    if (row->header != NULL)
        asked.request.headers[asked.request.header_count++] =
            (struct provider_header){row->header, row->value, PROVIDER_PLAIN};
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, &why), row->want);
    assert_int_equal(why.text[0] != '\0', row->want != 0);
    assert_int_equal(http_stats(told.http)->in_flight, row->want == 0);
    asked_fini(&asked);
    http_destroy(&told.http);
}

static void
full(void **state)
{
    struct told told = {.http = engine(2)};
    struct asked asked;

    (void)state;
    asked_init(&asked, &told, port, "/silent");
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), ERR_STATE);
    asked.ask.id = 2;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    asked.ask.id = 3;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), ERR_FULL);
    http_destroy(&told.http);
    told.http = http_new(&(struct http_options){.asked_max = 20}, NULL);
    asked.ask.secret = SECRET_NONE;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    asked.ask.id = 4;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), ERR_FULL);
    asked_fini(&asked);
    http_destroy(&told.http);
}

/* ---- what travels ---- */

static void
key_arrives(void **state)
{
    struct told told = {.http = engine(4)};

    (void)state;
    volley(&told, "/key", 1, 1);
    assert_string_equal(told.body, "yes");
    http_destroy(&told.http);
}

static void
key_does_not_come_back(void **state)
{
    struct told told = {.http = engine(4)};

    (void)state;
    volley(&told, "/echo", 1, 1);
    assert_non_null(strstr(told.body, "authorization: Bearer [redacted]\r\n"));
    assert_non_null(strstr(told.body, "\r\n\r\n{\"model\":\"m\"}"));
    assert_null(strstr(told.body, "Expect"));
    assert_non_null(strstr(told.body, "Accept-Encoding: identity\r\n"));
    assert_string_equal(told.request_id, "[redacted]");
    assert_int_equal(http_stats(told.http)->masked, 1);
    assert_no_key(&told);
    http_destroy(&told.http);
}

static void
stream(void **state)
{
    struct told told = {.http = engine(4)};
    struct asked asked;

    (void)state;
    asked_init(&asked, &told, port, "/stream");
    asked.ask.piece = on_piece;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    drive(told.http, &told.count, 1, PATIENCE_MS);
    assert_int_equal(told.class, LLM_OK);
    assert_int_equal(told.size, 0);
    told.stream[told.stream_size] = '\0';
    assert_string_equal(told.stream, "one [redacted] two zlast k");
    assert_no_key(&told);
    asked_fini(&asked);

    /* An error's body is no stream. */
    asked_init(&asked, &told, port, "/500");
    told.count = 0;
    told.stream_size = 0;
    asked.ask.piece = on_piece;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    drive(told.http, &told.count, 1, PATIENCE_MS);
    assert_int_equal(told.stream_size, 0);
    assert_string_equal(told.body, "{\"error\":1}");
    asked_fini(&asked);
    http_destroy(&told.http);
}

static void
fields(void **state)
{
    struct told told = {.http = engine(4)};

    (void)state;
    volley(&told, "/429", 1, 1);
    assert_string_equal(told.retry_after, "2");
    assert_int_equal(told.field_count, 2);
    volley(&told, "/ok", 1, 1);
    assert_string_equal(told.request_id, "r1");
    assert_int_equal(told.field_count, 2); /* and content-type; x-other is nobody's business */
    volley(&told, "/continue", 1, 1);
    assert_string_equal(told.retry_after, ""); /* an interim answer's */
    volley(&told, "/redirect", 1, 1);
    volley(&told, "/landed", 1, 1);
    assert_string_equal(told.body, "0");
    http_destroy(&told.http);
}

static void
get_and_again(void **state)
{
    struct told told = {.http = engine(1)};
    struct asked asked;

    (void)state;
    asked_init(&asked, &told, port, "/echo");
    asked.request.method = "GET";
    told.again = true;
    told.ask = &asked.ask;
    assert_int_equal(http_send(told.http, clock_ms(), &asked.ask, NULL), 0);
    drive(told.http, &told.count, 1, PATIENCE_MS);
    assert_int_equal(strncmp(told.body, "GET /echo HTTP/1.1\r\n", 20), 0);
    assert_null(strstr(told.body, "model"));
    asked.request.method = "POST";
    drive(told.http, &told.count, 2, PATIENCE_MS);
    assert_int_equal(told.count, 2); /* done() may send again, even into its own place */
    http_destroy(&told.http);
    asked_fini(&asked);
}

static void
no_certificates(void **state)
{
    struct why why = {0};

    (void)state;
    assert_null(http_new(&(struct http_options){.ca_file = "/nowhere/ca.pem"}, &why));
    assert_int_equal(why.code, ERR_MISSING);
}

static const struct test_case cases[] = {
    {"a kept connection reset before the answer is replaced unseen (F17)", dead_by_reset},
    {"a kept connection closed before the answer is replaced unseen (F17)", dead_by_close},
    {"when all kept connections are dead, each ask goes out twice", all_dead},
    {"connections are kept", kept},
    {"1,000 at once, twice; an hour later all is closed", thousand},
    {"connections in the making are bounded", connecting_is_bounded},
    {"slow, silent and flooding servers disturb no other ask", neighbours},
    {"cancelled in the end of another", cancel_another},
    {"too many asks, the same id, too many bytes", full},
    {"the key arrives", key_arrives},
    {"the key does not come back", key_does_not_come_back},
    {"a stream, with a key cut in two", stream},
    {"header fields", fields},
    {"GET; an ask sent from an end", get_and_again},
    {"certificates that are not there", no_certificates},
};

int
main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pid_t server = server_start(&port);
    int failed, fillers[8], closed = server_listen(-1, &closed_port), full_listener = server_listen(0, &full_port);

    /* Connections that nobody takes fill the listener's row; the kernel then ignores who knocks. */
    address.sin_port = htons(full_port);
    for (uint32_t i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    if (setenv("POLIS_TEST_HTTP_KEY", SERVER_KEY, 1) != 0 || (secrets = secrets_new(NULL)) == NULL ||
        secrets_load_env(secrets, "POLIS_TEST_HTTP_KEY", &secret, NULL) != 0)
        abort();
    failed = TEST_ROWS("http faults", faults, fault);
    failed += TEST_ROWS("http cancel", cancels, cancel);
    failed += TEST_ROWS("http refusals", refusals, refusal);
    failed += TEST_CASES("http", cases);
    secrets_destroy(&secrets);
    for (uint32_t i = 0; i < 8; i++)
        (void)close(fillers[i]);
    (void)close(closed);
    (void)close(full_listener);
    server_stop(server);
    (void)prctl(PR_SET_DUMPABLE, 1); /* a leak checker looks from outside */
    return failed;
}
