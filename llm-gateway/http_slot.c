#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <sodium.h>

#include "core/assert.h"
#include "core/text.h"
#include "llm-gateway/http_inner.h"

/* ---- what curl tells about a transfer ---- */

static void
slot_phase(struct http_slot *self, enum http_phase phase)
{
    if (self->phase == HTTP_CONNECTING)
        self->host->connecting--;
    self->phase = phase;
    self->phase_ms = self->http->now_ms;
    http_timer_set(self);
}

static void
slot_heard(struct http_slot *self)
{
    self->heard_ms = self->http->now_ms;
    if (self->phase == HTTP_SENT)
        slot_phase(self, HTTP_BODY);
}

/* A connection is there, the request goes out next. The second time for one handing over, curl has noticed by itself
 * that the kept connection was dead. Then the second one must be fresh: another kept one is as likely dead, and curl
 * would try five of them. */
static int
on_connected(void *context, char *their_ip, char *our_ip, int their_port, int our_port)
{
    struct http_slot *self = context;
    long fresh = 0;

    (void)their_ip, (void)our_ip, (void)their_port, (void)our_port;
    if (self->cancelled)
        return CURL_PREREQFUNC_ABORT;
    if (self->sendings++ > 0) {
        (void)curl_easy_getinfo(self->easy, CURLINFO_NUM_CONNECTS, &fresh);
        if (self->revived || fresh == 0) {
            self->dead_twice = true;
            return CURL_PREREQFUNC_ABORT;
        }
        self->revived = true;
        self->http->stats.revived++;
    }
    if (self->phase == HTTP_CONNECTING)
        slot_phase(self, HTTP_SENT);
    return CURL_PREREQFUNC_OK;
}

static bool
field_matters(const char *name, size_t size)
{
    static const char *const names[] = {"retry-after", "retry-after-ms", "x-should-retry",      "content-type",
                                        "date",        "x-request-id",   "openai-processing-ms", "request-id"};
    static const char *const starts[] = {"x-ratelimit-", "ratelimit-", "anthropic-ratelimit-"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == size && strncasecmp(name, names[i], size) == 0)
            return true;
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
        if (size > strlen(starts[i]) && strncasecmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

static void
field_keep(struct http_slot *self, const char *line, size_t size)
{
    const char *colon = memchr(line, ':', size);
    const char *value, *end = line + size;
    size_t name_size = colon != NULL ? (size_t)(colon - line) : 0;
    char *out;

    if (colon == NULL || self->field_count == HTTP_FIELDS_MAX || !field_matters(line, name_size))
        return;
    for (value = colon + 1; value < end && isspace((unsigned char)*value); value++)
        ;
    while (end > value && isspace((unsigned char)end[-1]))
        end--;
    if ((size_t)(end - value) > 255 || memchr(value, '\0', (size_t)(end - value)) != NULL)
        return;
    self->field_at[self->field_count++] = (uint32_t)self->fields.size;
    out = buffer_extend(&self->fields, name_size + 1 + (size_t)(end - value) + 1);
    for (size_t i = 0; i < name_size; i++)
        out[i] = (char)tolower((unsigned char)line[i]);
    out[name_size] = '\0';
    memcpy(out + name_size + 1, value, (size_t)(end - value));
    out[name_size + 1 + (size_t)(end - value)] = '\0';
}

/* "HTTP/1.1 200 OK", "HTTP/2 200". */
static int
status_of(const char *line, size_t size)
{
    const char *space = memchr(line, ' ', size);
    int status = 0;

    for (size_t i = 1; space != NULL && i <= 3 && space + i < line + size && isdigit((unsigned char)space[i]); i++)
        status = status * 10 + (space[i] - '0');
    return status;
}

static size_t
on_header(char *line, size_t one, size_t count, void *context)
{
    struct http_slot *self = context;
    size_t size = one * count;

    slot_heard(self);
    self->head_size += size;
    if (self->head_size > HTTP_HEAD_MAX)
        self->over = true;
    if (self->over || self->cancelled)
        return 0;
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) {
        /* An interim answer's fields are not the answer's. */
        self->status = status_of(line, size);
        self->field_count = 0;
        buffer_clear(&self->fields);
    } else {
        field_keep(self, line, size);
    }
    return size;
}

/* Hands on what can hold no key any more. */
static void
piece_hand_on(struct http_slot *self, bool more)
{
    const struct secrets *secrets = self->http->options.secrets;
    char *bytes = (char *)self->body.data;
    size_t size = self->body.size, held = 0;

    if (size == 0)
        return;
    if (secrets != NULL) {
        self->http->stats.masked += secrets_mask(secrets, bytes, &size, more);
        held = more ? secrets_tail(secrets, bytes, size) : 0;
    }
    if (size > held)
        self->piece(self->context, self->id, bytes, size - held);
    memmove(bytes, bytes + size - held, held);
    self->body.size = held;
}

static bool
is_streamed(const struct http_slot *self)
{
    return self->piece != NULL && self->status >= 200 && self->status < 300;
}

static size_t
on_body(char *bytes, size_t one, size_t count, void *context)
{
    struct http_slot *self = context;
    size_t size = one * count;

    slot_heard(self);
    if (size > self->http->options.body_max - self->body_size)
        self->over = true;
    if (self->over || self->cancelled)
        return 0;
    self->body_size += size;
    self->http->stats.bytes_in += size;
    buffer_append(&self->body, bytes, size);
    if (is_streamed(self))
        piece_hand_on(self, true);
    return self->cancelled ? 0 : size;
}

void
http_slot_flush(struct http_slot *self)
{
    if (is_streamed(self))
        piece_hand_on(self, false);
}

/* ---- handles ---- */

#define SET(option, value) (ok = ok && curl_easy_setopt(easy, (option), (value)) == CURLE_OK)

/* All that stays the same from ask to ask. */
static bool
easy_setup(struct http_slot *self, CURL *easy)
{
    struct http *http = self->http;
    bool ok = true;

    SET(CURLOPT_PRIVATE, self);
    SET(CURLOPT_SHARE, http->share);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_VERBOSE, 0L);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (http->ca_file != NULL) {
        SET(CURLOPT_CAINFO, http->ca_file);
        SET(CURLOPT_CAPATH, NULL);
    }
    SET(CURLOPT_HTTP_VERSION, (long)(http->options.http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    SET(CURLOPT_PIPEWAIT, http->options.http2 ? 1L : 0L);
    /* Nothing compressed is asked for (see the header list), but what comes compressed anyway is unpacked, so that the
     * limit counts what it becomes. */
    SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)http->options.body_max);
    SET(CURLOPT_BUFFERSIZE, 8192L);
    SET(CURLOPT_USERAGENT, "polis");
    /* All deadlines are ours; curl's own for connecting is put out of their way. A name server that does not answer is
     * left behind with its thread, never waited for. */
    SET(CURLOPT_CONNECTTIMEOUT_MS, 2L * (long)HTTP_DEADLINE_MAX_MS);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_ERRORBUFFER, self->error);
    SET(CURLOPT_HTTPHEADER, self->lines);
    SET(CURLOPT_OPENSOCKETFUNCTION, http_socket_open);
    SET(CURLOPT_OPENSOCKETDATA, self);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_socket_close);
    SET(CURLOPT_CLOSESOCKETDATA, http);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, self);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, self);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, self);
    return ok;
}

struct http_slot *
http_slot_new(struct http *http, uint32_t index, struct why *why)
{
    struct http_slot *self = calloc(1, sizeof *self);

    ASSERT(self != NULL);
    self->http = http;
    self->index = index;
    self->timer_at = self->previous = self->next = HTTP_NONE;
    self->easy = curl_easy_init();
    if (self->easy == NULL || !easy_setup(self, self->easy)) {
        (void)fail(why, ERR_VERSION, "this libcurl (%s) lacks an option that is needed: 7.87 or later",
                   curl_version_info(CURLVERSION_NOW)->version);
        http_slot_destroy(self);
        return NULL;
    }
    return self;
}

void
http_slot_destroy(struct http_slot *self)
{
    if (self->easy != NULL)
        curl_easy_cleanup(self->easy);
    if (self->head.data != NULL)
        sodium_memzero(self->head.data, self->head.capacity);
    buffer_fini(&self->url);
    buffer_fini(&self->request);
    buffer_fini(&self->head);
    buffer_fini(&self->body);
    buffer_fini(&self->fields);
    free(self);
}

/* ---- from an ask to a request ---- */

static bool
is_token(const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)name[i]) && strchr("!#$%&'*+-.^_`|~", name[i]) == NULL)
            return false;
    return size > 0;
}

static int
request_check(const struct provider_http *request, struct why *why)
{
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "POST") != 0)
        return fail(why, ERR_INVALID, "the method %.16s is neither GET nor POST", request->method);
    if (request->path[0] != '/')
        return fail(why, ERR_INVALID, "a path begins with /");
    for (const char *at = request->path; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f || *at == '#')
            return fail(why, ERR_INVALID, "byte %d of a path cannot stand in one", (int)(at - request->path) + 1);
    ASSERT(request->header_count <= PROVIDER_HEADER_MAX);
    for (uint32_t i = 0; i < request->header_count; i++) {
        if (!is_token(request->headers[i].name))
            return fail(why, ERR_INVALID, "header %u has a name that is none", i + 1);
        for (const char *at = request->headers[i].value; *at != '\0'; at++)
            if ((*at < ' ' && *at != '\t') || *at == 0x7f)
                return fail(why, ERR_INVALID, "header %s has a control character", request->headers[i].name);
    }
    return 0;
}

/* The list that curl reads, in one piece of memory: it must not move once the first line stands. */
static void
head_write(struct http_slot *self, const struct provider_http *request, uint32_t secret)
{
    const struct secrets *secrets = self->http->options.secrets;
    size_t key_size = secret != SECRET_NONE ? secrets_size(secrets, secret) : 0;
    size_t size = 128; /* the fixed lines */
    bool typed = false;
    uint32_t count = 0;

    for (uint32_t i = 0; i < request->header_count; i++)
        size += strlen(request->headers[i].name) + strlen(request->headers[i].value) + key_size + 4;
    buffer_clear(&self->head);
    buffer_reserve(&self->head, size);
#define LINE(text) (self->lines[count++].data = (char *)self->head.data + self->head.size, text_add(&self->head, text))
    for (uint32_t i = 0; i < request->header_count; i++) {
        const struct provider_header *header = &request->headers[i];

        if (header->secret != PROVIDER_PLAIN && secret == SECRET_NONE)
            continue;
        typed = typed || strcasecmp(header->name, "content-type") == 0;
        LINE(header->name);
        text_add(&self->head, ": ");
        text_add(&self->head, header->value);
        if (header->secret != PROVIDER_PLAIN)
            secrets_copy(secrets, secret, buffer_extend(&self->head, key_size));
        buffer_append(&self->head, "", 1);
    }
    LINE("Expect:"); /* without a value: not sent. Waiting for a 100 costs a round trip */
    buffer_append(&self->head, "", 1);
    LINE("Accept-Encoding: identity");
    buffer_append(&self->head, "", 1);
    if (!typed && self->is_post) {
        LINE("Content-Type: application/json");
        buffer_append(&self->head, "", 1);
    }
#undef LINE
    ASSERT(count <= HTTP_LINES_MAX && self->head.size <= size);
    for (uint32_t i = 0; i < count; i++)
        self->lines[i].next = i + 1 < count ? &self->lines[i + 1] : NULL;
}

/* Tells curl what differs from the last ask of this slot. */
static bool
easy_aim(struct http_slot *self, const struct http_host *host, const struct provider_http *request, bool is_post)
{
    CURL *easy = self->easy;
    size_t base_size = strlen(host->base), path_size = strlen(request->path);
    bool same = self->url.size == base_size + path_size + 1 && memcmp(self->url.data, host->base, base_size) == 0 &&
                memcmp(self->url.data + base_size, request->path, path_size + 1) == 0;
    bool ok = true;

    if (!same) {
        buffer_clear(&self->url);
        buffer_append(&self->url, host->base, base_size);
        buffer_append(&self->url, request->path, path_size + 1);
        SET(CURLOPT_URL, (const char *)self->url.data);
    }
    if (is_post) {
        buffer_reserve(&self->request, 1);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->request.size);
        SET(CURLOPT_POSTFIELDS, (const char *)self->request.data);
    } else {
        SET(CURLOPT_HTTPGET, 1L);
    }
    if (!ok)
        buffer_clear(&self->url);
    return ok;
}

int
http_slot_fill(struct http_slot *self, const struct http_host *host, const struct http_ask *ask, struct why *why)
{
    const struct provider_http *request = ask->request;
    int code = request_check(request, why);

    if (code != 0)
        return code;
    self->is_post = strcmp(request->method, "POST") == 0;
    buffer_clear(&self->request);
    buffer_append(&self->request, request->body.data, self->is_post ? request->body.size : 0);
    if (!easy_aim(self, host, request, self->is_post))
        return fail(why, ERR_INVALID, "curl refuses the URL");
    head_write(self, request, ask->secret);
    self->id = ask->id;
    self->done = ask->done;
    self->piece = ask->piece;
    self->context = ask->context;
    self->connect_ms = ask->connect_ms != 0 ? ask->connect_ms : 2000;
    self->first_ms = ask->first_ms != 0 ? ask->first_ms : 30000;
    self->idle_ms = ask->idle_ms != 0 ? ask->idle_ms : 15000;
    self->total_ms = ask->total_ms != 0 ? ask->total_ms : 60000;
    self->revived = false;
    self->cancelled = false;
    http_slot_restart(self);
    return 0;
}

void
http_slot_restart(struct http_slot *self)
{
    buffer_clear(&self->body);
    buffer_clear(&self->fields);
    self->field_count = 0;
    self->body_size = self->head_size = 0;
    self->status = 0;
    self->sendings = 0;
    self->over = self->dead_twice = false;
    self->class = LLM_OK;
    self->reused = false;
    self->total_us = 0;
    self->error[0] = '\0';
}

static void
buffer_trim(struct buffer *buffer)
{
    if (buffer->capacity > HTTP_KEEP_SIZE)
        buffer_fini(buffer);
    else
        buffer_clear(buffer);
}

void
http_slot_clear(struct http_slot *self)
{
    /* Nothing of an ask stays with its slot: neither key nor prompt nor answer. */
    sodium_memzero(self->head.data, self->head.size);
    buffer_clear(&self->head);
    buffer_trim(&self->request);
    buffer_trim(&self->body);
    buffer_trim(&self->fields);
    self->piece = NULL;
    self->done = NULL;
    self->phase = HTTP_FREE;
}

/* ---- from a transfer's end to a class ---- */

bool
http_slot_was_dead(struct http_slot *self, CURLcode code)
{
    long fresh = 1;

    if (self->revived || self->cancelled || self->head_size > 0 || self->body_size > 0)
        return false;
    if (self->dead_twice)
        return true;
    if (code != CURLE_RECV_ERROR && code != CURLE_SEND_ERROR && code != CURLE_GOT_NOTHING && code != CURLE_HTTP2 &&
        code != CURLE_HTTP2_STREAM)
        return false;
    (void)curl_easy_getinfo(self->easy, CURLINFO_NUM_CONNECTS, &fresh);
    return fresh == 0 && self->sendings > 0;
}

static enum llm_class
class_of(const struct http_slot *self, CURLcode code)
{
    switch (code) {
    case CURLE_OK: return self->status >= 300 && self->status < 400 ? LLM_REDIRECT : LLM_OK;
    case CURLE_FILESIZE_EXCEEDED: return LLM_BODY_LIMIT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_USE_SSL_FAILED: return LLM_TLS;
    case CURLE_SSL_CONNECT_ERROR:
        /* So curl calls a peer that went away during the handshake, too, and that may be back; only the text tells. */
        return strstr(self->error, "SSL_connect: ") != NULL ? LLM_TRANSPORT : LLM_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return self->phase == HTTP_CONNECTING ? LLM_TIMEOUT_CONNECT
               : self->phase == HTTP_SENT     ? LLM_TIMEOUT_FIRST
                                              : LLM_TIMEOUT_IDLE;
    default: return self->over ? LLM_BODY_LIMIT : LLM_TRANSPORT;
    }
}

enum llm_class
http_slot_judge(struct http_slot *self, CURLcode code)
{
    curl_off_t total = 0;
    long fresh = 0;

    self->class = class_of(self, code);
    (void)curl_easy_getinfo(self->easy, CURLINFO_TOTAL_TIME_T, &total);
    (void)curl_easy_getinfo(self->easy, CURLINFO_NUM_CONNECTS, &fresh);
    self->total_us = total > 0 && total < (curl_off_t)UINT32_MAX ? (uint32_t)total : 0;
    self->reused = self->sendings > 0 && fresh == 0;
    if (self->class == LLM_REDIRECT)
        (void)snprintf(self->error, sizeof self->error, "sent elsewhere with status %d: not followed", self->status);
    else if (self->class == LLM_BODY_LIMIT)
        (void)snprintf(self->error, sizeof self->error, "more than %zu bytes of an answer or %u of its head",
                       self->http->options.body_max, HTTP_HEAD_MAX);
    else if (self->class != LLM_OK && self->error[0] == '\0')
        (void)snprintf(self->error, sizeof self->error, "%s", curl_easy_strerror(code));
    return self->class;
}

void
http_slot_reply(struct http_slot *self, struct http_reply *out, struct provider_field *fields)
{
    const struct secrets *secrets = self->http->options.secrets;
    bool whole = self->class == LLM_OK && !is_streamed(self);
    struct timespec now;

    if (self->class == LLM_OK)
        self->error[0] = '\0';
    if (secrets != NULL) {
        if (whole && self->body.size > 0)
            self->http->stats.masked += secrets_mask(secrets, (char *)self->body.data, &self->body.size, false);
        if (self->error[0] != '\0')
            (void)secrets_redact_in_place(secrets, self->error, sizeof self->error);
    }
    for (uint32_t i = 0; i < self->field_count; i++) {
        char *name = (char *)self->fields.data + self->field_at[i];
        char *value = name + strlen(name) + 1;
        size_t size = strlen(value);

        if (secrets != NULL && secrets_mask(secrets, value, &size, false) > 0)
            value[size] = '\0';
        fields[i] = (struct provider_field){.name = name, .value = value};
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct http_reply){
        .id = self->id, .class = self->class, .error = self->error, .total_us = self->total_us,
        .reused = self->reused, .revived = self->revived,
        .answer = {.status = self->status, .headers = fields, .header_count = self->field_count,
                   .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000},
    };
    if (whole && self->body.size > 0)
        out->answer.body = (struct provider_bytes){(const char *)self->body.data, self->body.size};
}
