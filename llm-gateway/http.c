#include "llm-gateway/http.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <sodium.h>

#include "bus/clock.h"
#include "core/assert.h"
#include "llm-gateway/http_inner.h"

/* ---- beginning and end ---- */

static void
options_default(struct http_options *options)
{
#define DEFAULT(name, value) options->name = options->name != 0 ? options->name : (value)
    DEFAULT(in_flight_max, 256);
    DEFAULT(shard_max, 256);
    DEFAULT(connecting_max, 128);
    DEFAULT(idle_close_ms, 60000);
    DEFAULT(body_max, 1u << 20);
    DEFAULT(asked_max, (size_t)256 << 20);
#undef DEFAULT
    ASSERT(options->in_flight_max <= HTTP_IN_FLIGHT_MAX);
}

static void
sigpipe_ignore(void)
{
    struct sigaction action;

    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
        (void)signal(SIGPIPE, SIG_IGN);
}

static int
http_open(struct http *self, struct why *why)
{
    if (self->options.ca_file != NULL) {
        if (access(self->options.ca_file, R_OK) != 0)
            return fail_errno(why, ERR_MISSING, errno, "the certificates in %s", self->options.ca_file);
        self->ca_file = strdup(self->options.ca_file);
        ASSERT(self->ca_file != NULL);
    }
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll < 0)
        return fail_errno(why, ERR_IO, errno, "no epoll set");
    self->share = curl_share_init();
    ASSERT(self->share != NULL);
    (void)curl_share_setopt(self->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    (void)curl_share_setopt(self->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    /* The first slot shows whether this libcurl can all that is needed. */
    self->slots[0] = http_slot_new(self, 0, why);
    if (self->slots[0] == NULL)
        return ERR_VERSION;
    self->slot_count = 1;
    http_row_append(self, &self->spare, self->slots[0]);
    return 0;
}

struct http *
http_new(const struct http_options *options, struct why *why)
{
    struct http *self = calloc(1, sizeof *self);

    ASSERT(self != NULL && options != NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || sodium_init() < 0) {
        (void)fail(why, ERR_STATE, "libcurl cannot be set up");
        free(self);
        return NULL;
    }
    sigpipe_ignore();
    self->options = *options;
    options_default(&self->options);
    self->epoll = -1;
    self->spare = self->finished = (struct http_row){HTTP_NONE, HTTP_NONE};
    self->slots = calloc(self->options.in_flight_max + 1, sizeof *self->slots); /* and the one that is being told */
    self->heap = calloc(self->options.in_flight_max, sizeof *self->heap);
    ASSERT(self->slots != NULL && self->heap != NULL);
    table_init(&self->ids, self->options.in_flight_max);
    if (http_open(self, why) != 0)
        http_destroy(&self);
    return self;
}

void
http_destroy(struct http **self_p)
{
    struct http *self = *self_p;

    if (self == NULL)
        return;
    ASSERT(!self->turning && !self->in_curl);
    for (uint32_t i = 0; i < self->slot_count; i++) {
        struct http_slot *slot = self->slots[i];

        if (slot->shard != NULL)
            (void)curl_multi_remove_handle(slot->shard->multi, slot->easy);
    }
    for (uint32_t i = 0; i < self->shard_count; i++) {
        if (self->shards[i]->multi != NULL)
            (void)curl_multi_cleanup(self->shards[i]->multi);
    }
    for (uint32_t i = 0; i < self->slot_count; i++)
        http_slot_destroy(self->slots[i]);
    for (uint32_t i = 0; i < self->shard_count; i++)
        free(self->shards[i]);
    for (uint32_t i = 0; i < self->host_count; i++)
        http_host_destroy(self->hosts[i]);
    if (self->share != NULL)
        (void)curl_share_cleanup(self->share);
    if (self->epoll >= 0)
        (void)close(self->epoll);
    table_fini(&self->ids);
    free(self->ca_file);
    free(self->slots);
    free(self->heap);
    free(self->shards);
    free(self->sockets);
    free(self);
    curl_global_cleanup();
    *self_p = NULL;
}

/* ---- asks come ---- */

static struct http_slot *
slot_take(struct http *self, struct why *why)
{
    struct http_slot *slot = http_row_first(self, &self->spare);

    if (slot == NULL) {
        slot = http_slot_new(self, self->slot_count, why);
        if (slot != NULL)
            self->slots[self->slot_count++] = slot;
        return slot;
    }
    http_row_remove(self, &self->spare, slot);
    return slot;
}

/* What an ask may be refused for before anything is done for it. */
static int
ask_check(const struct http *self, const struct http_ask *ask, struct why *why)
{
    ASSERT(ask->done != NULL && ask->base_url != NULL && ask->request != NULL);
    ASSERT(ask->secret == SECRET_NONE ||
           (self->options.secrets != NULL && ask->secret <= secrets_count(self->options.secrets)));
    ASSERT(ask->connect_ms <= HTTP_DEADLINE_MAX_MS && ask->first_ms <= HTTP_DEADLINE_MAX_MS &&
           ask->idle_ms <= HTTP_DEADLINE_MAX_MS && ask->total_ms <= HTTP_DEADLINE_MAX_MS);

    if (table_find(&self->ids, ask->id, NULL))
        return fail(why, ERR_STATE, "ask %" PRIu64 " is in flight", ask->id);
    if (self->stats.in_flight == self->options.in_flight_max)
        return fail(why, ERR_FULL, "%u asks are in flight", self->stats.in_flight);
    if (ask->request->body.size > self->options.asked_max - self->asked_size)
        return fail(why, ERR_FULL, "requests in flight have %zu bytes", self->asked_size);
    return 0;
}

int
http_send(struct http *self, uint64_t now_ms, const struct http_ask *ask, struct why *why)
{
    struct http_host *host;
    struct http_slot *slot;
    int code = ask_check(self, ask, why);

    if (code != 0)
        return code;
    host = http_host_find(self, ask->base_url, &code, why);
    if (host == NULL)
        return code;
    slot = slot_take(self, why);
    if (slot == NULL)
        return ERR_VERSION;
    code = http_slot_fill(slot, host, ask, why);
    if (code != 0) {
        http_row_append(self, &self->spare, slot);
        return code;
    }
    slot->host = host;
    slot->phase = HTTP_WAITING;
    slot->began_ms = now_ms;
    http_row_append(self, &host->waiting, slot);
    http_timer_set(slot);
    (void)table_put(&self->ids, slot->id, slot->index);
    self->asked_size += slot->request.size;
    self->stats.sent++;
    self->stats.bytes_out += slot->request.size;
    self->stats.waiting++;
    self->stats.in_flight++;
    if (self->stats.in_flight > self->stats.in_flight_peak)
        self->stats.in_flight_peak = self->stats.in_flight;
    return 0;
}

uint32_t
http_room(const struct http *self)
{
    return self->options.in_flight_max - self->stats.in_flight;
}

/* ---- and go ---- */

/* Out of whatever it was in but the table of ids; the slot then is in no row. */
static void
slot_leave(struct http *self, struct http_slot *slot)
{
    if (slot->phase == HTTP_WAITING) {
        http_row_remove(self, &slot->host->waiting, slot);
        self->stats.waiting--;
    }
    if (slot->phase == HTTP_CONNECTING)
        slot->host->connecting--;
    if (slot->timer_at != HTTP_NONE)
        http_timer_remove(slot);
    if (slot->shard != NULL) {
        (void)curl_multi_remove_handle(slot->shard->multi, slot->easy);
        slot->shard->in_flight--;
        slot->shard->idle_ms = self->now_ms;
        slot->shard = NULL;
    }
}

static void
slot_uncount(struct http *self, const struct http_slot *slot)
{
    self->asked_size -= slot->request.size;
    self->stats.in_flight--;
}

static void
slot_put_back(struct http *self, struct http_slot *slot)
{
    http_slot_clear(slot);
    http_row_prepend(self, &self->spare, slot); /* used next, while its buffers are warm */
}

static void
slot_free(struct http *self, struct http_slot *slot)
{
    slot_uncount(self, slot);
    slot_put_back(self, slot);
}

static void
slot_finish(struct http *self, struct http_slot *slot, enum llm_class class)
{
    slot->class = class;
    slot->phase = HTTP_DONE;
    http_row_append(self, &self->finished, slot);
}

bool
http_cancel(struct http *self, uint64_t id)
{
    struct http_slot *slot;
    uint32_t index;

    if (!table_find(&self->ids, id, &index))
        return false;
    slot = self->slots[index];
    (void)table_remove(&self->ids, id);
    self->stats.cancelled++;
    slot->cancelled = true;
    if (self->in_curl && slot->shard != NULL) {
        self->cancelled++;
    } else if (slot->phase != HTTP_DONE) {
        slot_leave(self, slot);
        slot_free(self, slot);
    } else {
        http_row_remove(self, &self->finished, slot);
        slot_free(self, slot);
    }
    return true;
}

/* ---- a turn ---- */

static void
shards_run_due(struct http *self)
{
    for (uint32_t i = 0; i < self->shard_count; i++)
        if (self->shards[i]->deadline_ms <= self->now_ms)
            http_shard_run(self, self->shards[i], CURL_SOCKET_TIMEOUT, 0);
}

/* Gives curl as many of the host's waiting as may connect now. */
static bool
host_start(struct http *self, struct http_host *host)
{
    bool started = false;

    while (host->waiting.first != HTTP_NONE && host->connecting < self->options.connecting_max) {
        struct http_slot *slot = http_row_first(self, &host->waiting);
        struct http_shard *shard = http_host_shard(self, host);

        http_row_remove(self, &host->waiting, slot);
        self->stats.waiting--;
        host->connecting++;
        slot->phase = HTTP_CONNECTING;
        slot->phase_ms = self->now_ms;
        slot->shard = shard;
        shard->in_flight++;
        http_timer_set(slot);
        (void)curl_easy_setopt(slot->easy, CURLOPT_FRESH_CONNECT, slot->revived ? 1L : 0L);
        if (curl_multi_add_handle(shard->multi, slot->easy) != CURLM_OK) {
            slot->shard = NULL;
            shard->in_flight--;
            slot_leave(self, slot);
            (void)snprintf(slot->error, sizeof slot->error, "curl did not take it");
            slot_finish(self, slot, LLM_TRANSPORT);
            continue;
        }
        shard->deadline_ms = self->now_ms;
        started = true;
    }
    return started;
}

/* Asks that find a kept connection pass through CONNECTING in no time, and make place for the next ones. */
static void
waiting_start(struct http *self)
{
    bool started = true;

    while (started && self->stats.waiting > 0) {
        started = false;
        for (uint32_t i = 0; i < self->host_count; i++)
            started = host_start(self, self->hosts[i]) || started;
        if (started)
            shards_run_due(self);
    }
}

/* Once more, on a fresh connection: before everybody else, since it has waited already. */
static void
slot_revive(struct http *self, struct http_slot *slot)
{
    http_slot_restart(slot);
    slot->revived = true;
    self->stats.revived++;
    slot->phase = HTTP_WAITING;
    http_row_prepend(self, &slot->host->waiting, slot);
    self->stats.waiting++;
    http_timer_set(slot);
}

static void
transfer_end(struct http *self, struct http_slot *slot, CURLcode code)
{
    bool dead = http_slot_was_dead(slot, code);
    enum llm_class class = dead ? LLM_OK : http_slot_judge(slot, code);

    slot_leave(self, slot);
    if (slot->cancelled) {
        self->cancelled--;
        slot_free(self, slot);
    } else if (dead) {
        slot_revive(self, slot);
    } else {
        slot_finish(self, slot, class);
    }
}

static void
shards_collect(struct http *self)
{
    for (uint32_t i = 0; i < self->shard_count; i++) {
        struct http_shard *shard = self->shards[i];
        const CURLMsg *message;
        int left;

        if (!shard->touched)
            continue;
        shard->touched = false;
        while ((message = curl_multi_info_read(shard->multi, &left)) != NULL) {
            struct http_slot *slot = NULL;

            ASSERT(message->msg == CURLMSG_DONE);
            if (curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot) != CURLE_OK || slot == NULL)
                UNREACHABLE();
            transfer_end(self, slot, message->data.result);
        }
    }
}

/* Asks that were cancelled while curl ran, and that it did not end itself. Rare: a look at every slot will do. */
static void
cancelled_free(struct http *self)
{
    for (uint32_t i = 0; i < self->slot_count && self->cancelled > 0; i++) {
        struct http_slot *slot = self->slots[i];

        if (!slot->cancelled || slot->shard == NULL)
            continue;
        self->cancelled--;
        slot_leave(self, slot);
        slot_free(self, slot);
    }
}

static void
late_end(struct http *self)
{
    struct http_slot *slot;
    enum llm_class class;

    while ((slot = http_timer_due(self, self->now_ms, &class)) != NULL) {
        static const char *const whats[] = {[LLM_TIMEOUT_CONNECT] = "no connection",
                                            [LLM_TIMEOUT_FIRST] = "no byte of an answer",
                                            [LLM_TIMEOUT_IDLE] = "no further byte",
                                            [LLM_TIMEOUT_TOTAL] = "no whole answer"};

        uint32_t limit_ms = class == LLM_TIMEOUT_CONNECT ? slot->connect_ms
                            : class == LLM_TIMEOUT_FIRST ? slot->first_ms
                            : class == LLM_TIMEOUT_IDLE  ? slot->idle_ms
                                                         : slot->total_ms;
        (void)snprintf(slot->error, sizeof slot->error, "%s in %u ms", whats[class], limit_ms);
        slot_leave(self, slot);
        slot_finish(self, slot, class);
    }
}

static uint32_t
finished_tell(struct http *self)
{
    struct http_slot *slot;
    uint32_t count = 0;

    while ((slot = http_row_first(self, &self->finished)) != NULL) {
        struct provider_field fields[HTTP_FIELDS_MAX];
        struct http_reply reply;

        /* The end of a stream may be cancelled in its last piece; then it is gone from the row. */
        if (slot->class == LLM_OK && slot->piece != NULL) {
            http_slot_flush(slot);
            if (http_row_first(self, &self->finished) != slot || slot->phase != HTTP_DONE)
                continue;
        }
        http_row_remove(self, &self->finished, slot);
        (void)table_remove(&self->ids, slot->id);
        if (slot->class == LLM_OK)
            self->stats.answered++;
        else
            self->stats.failed[slot->class]++;
        http_slot_reply(slot, &reply, fields);
        slot_uncount(self, slot); /* done() may send in its place, though its buffers are still lent */
        slot->done(slot->context, &reply);
        slot_put_back(self, slot);
        count++;
    }
    return count;
}

uint32_t
http_turn(struct http *self, uint64_t now_ms)
{
    uint32_t count;

    ASSERT(!self->turning && !self->in_curl);
    self->turning = true;
    self->now_ms = now_ms;
    waiting_start(self);
    http_sockets_run(self);
    shards_run_due(self);
    shards_collect(self);
    cancelled_free(self);
    late_end(self);
    count = finished_tell(self);
    /* What the callbacks sent, and what goes out a second time, need not wait for the next turn. */
    waiting_start(self);
    shards_collect(self);
    cancelled_free(self);
    http_shard_sweep(self);
    self->turning = false;
    return count;
}

int
http_fd(const struct http *self)
{
    return self->epoll;
}

int
http_timeout_ms(const struct http *self, uint64_t now_ms)
{
    uint64_t at = http_timer_next(self);

    if (self->finished.first != HTTP_NONE)
        return 0;
    for (uint32_t i = 0; i < self->shard_count; i++)
        at = clock_earlier(at, self->shards[i]->deadline_ms);
    for (uint32_t i = 0; i < self->host_count && self->stats.waiting > 0; i++)
        if (self->hosts[i]->waiting.first != HTTP_NONE &&
            self->hosts[i]->connecting < self->options.connecting_max)
            return 0;
    if (at == CLOCK_NEVER)
        return -1;
    if (at <= now_ms)
        return 0;
    return at - now_ms < INT_MAX ? (int)(at - now_ms) : INT_MAX;
}

const struct http_stats *
http_stats(const struct http *self)
{
    return &self->stats;
}
