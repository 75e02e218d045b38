#include "world/verdicts.h"

#include "core/assert.h"
#include "core/digest.h"
#include "core/log.h"
#include "world/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum court_state { COURT_ABSENT, COURT_GREETED, COURT_FEEDING, COURT_IN_SESSION };

/* One docket of the step under way. */
struct docket {
    uint32_t phase;
    const struct schema *ask, *answer;
    struct buffer bytes;
    uint64_t hash;
    struct buffer verdict;
    bool answered;
};

struct verdicts {
    struct verdicts_options options;
    enum court_state state;
    struct peer peer;
    uint64_t step;       /* under way; the state wanted is the one after step - 1 */
    uint64_t feed_step;  /* next step whose dockets are to be sent again */
    uint64_t fed_through;
    uint32_t unanswered;
    struct docket *dockets;
    uint32_t docket_count, docket_room;
    /* What is needed to check the outstanding docket's verdict. */
    const struct domain *domain;
    const void *domain_self;
    struct exchange exchange;
    struct verdicts_counters counters;
};

struct verdicts *
verdicts_new(const struct verdicts_options *options)
{
    struct verdicts *self = ALLOC(struct verdicts);

    self->options = *options;
    self->step = 1;
    return self;
}

static void
drop_dockets(struct verdicts *self)
{
    for (uint32_t i = 0; i < self->docket_count; i++) {
        buffer_fini(&self->dockets[i].bytes);
        buffer_fini(&self->dockets[i].verdict);
    }
    self->docket_count = 0;
}

void
verdicts_destroy(struct verdicts **self_p)
{
    struct verdicts *self = *self_p;

    if (self == NULL)
        return;
    drop_dockets(self);
    free(self->dockets);
    free(self);
    *self_p = NULL;
}

/* ---- greeting and catching up ---- */

static void
greet(struct verdicts *self, struct outbox *out)
{
    struct court court = {.seed = self->options.seed, .agents = self->options.agent_count, .step = self->step - 1,
        .yaml = self->options.yaml, .base = self->options.base_size};

    memccpy(court.domain, self->options.domain, '\0', sizeof court.domain - 1);
    self->state = COURT_GREETED;
    outbox_send_message(out, CHANNEL_DATA, &self->peer, NULL, MSG_COURT, &court);
}

/* What a fork begins with, in pieces that a letter may carry. */
static void
send_base(struct verdicts *self, struct outbox *out)
{
    for (uint64_t at = 0; at < self->options.base_size; at += COURT_BASE_PIECE) {
        uint64_t left = self->options.base_size - at;
        struct court_base piece = {.size = self->options.base_size, .offset = at,
            .bytes = {self->options.base + at, (uint32_t)(left < COURT_BASE_PIECE ? left : COURT_BASE_PIECE)}};

        outbox_send_message(out, CHANNEL_DATA, &self->peer, NULL, MSG_COURT_BASE, &piece);
    }
}

void
verdicts_peer_up(struct verdicts *self, const struct peer *peer, struct outbox *out)
{
    self->peer = *peer;
    self->unanswered = 0;
    self->fed_through = 0;
    send_base(self, out);
    greet(self, out);
}

void
verdicts_peer_down(struct verdicts *self, const struct peer *peer)
{
    if (peer == NULL || peer_equal(peer, &self->peer))
        self->state = COURT_ABSENT;
}

bool
verdicts_ready(const struct verdicts *self)
{
    return self->state == COURT_IN_SESSION;
}

bool
verdicts_is_peer(const struct verdicts *self, const struct peer *peer)
{
    return self->state != COURT_ABSENT && peer_equal(&self->peer, peer);
}

static void
send_docket(struct verdicts *self, uint64_t step, uint32_t phase, uint32_t attempt, const void *bytes, size_t size,
            struct outbox *out)
{
    struct envelope head = {.type = MSG_DOCKET, .step = step, .phase = phase, .attempt = attempt};
    struct buffer copy = {0};

    buffer_append(&copy, bytes, size);
    outbox_send(out, CHANNEL_DATA, &self->peer, &head, &copy);
}

/* Sends the dockets of one committed step again. */
static int
feed_one(struct verdicts *self, uint64_t step, struct outbox *out, struct why *why)
{
    struct buffer header = {0}, data = {0};
    struct store_commit commit;
    struct section section;
    uint64_t offset = 0;
    int error = store_read_step(self->options.store, step, &header, &data, &commit, why);

    while (error == 0 && offset < data.size) {
        if ((error = record_next(data.data, data.size, &offset, &section, why)) != 0)
            break;
        if (section.kind != SECTION_DOCKET)
            continue;
        send_docket(self, step, section.phase, VERDICTS_CATCH_UP, section.bytes, section.size, out);
        self->unanswered++;
        self->counters.fed++;
    }
    buffer_fini(&header);
    buffer_fini(&data);
    return error;
}

static int
feed(struct verdicts *self, struct outbox *out, struct why *why)
{
    uint64_t committed = store_committed(self->options.store).step;

    while (self->feed_step < self->step && self->feed_step <= committed && self->unanswered < VERDICTS_WINDOW) {
        int error = feed_one(self, self->feed_step, out, why);

        if (error != 0)
            return error;
        self->feed_step++;
    }
    if (self->feed_step == self->step && self->unanswered == 0) {
        self->fed_through = self->step - 1;
        greet(self, out);
    }
    return 0;
}

int
verdicts_committed(struct verdicts *self, struct outbox *out, struct why *why)
{
    return self->state == COURT_FEEDING ? feed(self, out, why) : 0;
}

static int
on_ready(struct verdicts *self, const struct letter *letter, struct outbox *out, struct why *why)
{
    struct court_ready ready;
    int error = message_unpack(MSG_COURT_READY, letter->payload, letter->size, &ready, why);

    if (error != 0)
        return error;
    if (self->state != COURT_GREETED)
        return 0;
    /* Only who was fed to the end is certain to be there: of the step that governance names it may have seen a part of
     * the dockets, when the connection broke between them. */
    if (self->step == 1 ? ready.step == 0 : self->fed_through == self->step - 1) {
        self->state = COURT_IN_SESSION;
        for (uint32_t i = 0; i < self->docket_count; i++) {
            self->counters.again += self->dockets[i].answered ? 1 : 0;
            send_docket(self, self->step, self->dockets[i].phase, 0, self->dockets[i].bytes.data,
                        self->dockets[i].bytes.size, out);
        }
        return 0;
    }
    log_line(LOG_LEVEL_INFO, self->options.tag, "governance catches up from step %" PRIu64 " to %" PRIu64, ready.step,
             self->step - 1);
    self->state = COURT_FEEDING;
    self->feed_step = ready.step > 0 ? ready.step : 1;
    if (self->feed_step <= store_base(self->options.store))
        self->feed_step = store_base(self->options.store) + 1;
    self->unanswered = 0;
    return feed(self, out, why);
}

/* ---- a step's dockets ---- */

void
verdicts_begin_step(struct verdicts *self, uint64_t step)
{
    drop_dockets(self);
    self->step = step;
}

void
verdicts_ask(struct verdicts *self, const struct domain *domain, const void *domain_self,
             const struct exchange *exchange, uint32_t phase, struct buffer *docket, struct outbox *out)
{
    struct docket *kept;

    if (self->docket_count == self->docket_room) {
        self->docket_room = self->docket_room == 0 ? 4 : self->docket_room * 2;
        self->dockets = realloc(self->dockets, self->docket_room * sizeof *self->dockets);
        ASSERT(self->dockets != NULL);
    }
    kept = &self->dockets[self->docket_count++];
    *kept = (struct docket){.phase = phase, .ask = exchange->ask, .answer = exchange->answer, .bytes = *docket,
        .hash = digest_xxh3(docket->data, docket->size)};
    *docket = (struct buffer){0};
    self->domain = domain;
    self->domain_self = domain_self;
    self->exchange = *exchange;
    self->counters.asked++;
    if (self->state == COURT_IN_SESSION)
        send_docket(self, self->step, phase, 0, kept->bytes.data, kept->bytes.size, out);
}

static struct docket *
find_docket(struct verdicts *self, const struct envelope *head)
{
    for (uint32_t i = 0; head->step == self->step && i < self->docket_count; i++)
        if (self->dockets[i].phase == head->phase)
            return &self->dockets[i];
    return NULL;
}

static int
on_verdict(struct verdicts *self, const struct letter *letter, struct why *why)
{
    struct docket *docket = find_docket(self, &letter->head);
    struct batch verdict;
    int error;

    if (docket == NULL || self->state != COURT_IN_SESSION) {
        self->counters.stale++;
        return 0;
    }
    if (docket->answered) {
        if (docket->verdict.size != letter->size || memcmp(docket->verdict.data, letter->payload, letter->size) != 0)
            return fail(why, ERR_DIGEST,
                        "step %" PRIu64 ", phase %u: governance gave two different verdicts for one docket",
                        self->step, docket->phase);
        return 0;
    }
    if ((error = batch_read(docket->answer, letter->payload, letter->size, &verdict, why)) != 0 ||
        (error = batch_check(&verdict, why)) != 0)
        return fail_prefix(why, "step %" PRIu64 ", phase %u: verdict refused", self->step, docket->phase);
    if (verdict.tag != docket->hash) {
        self->counters.stale++;
        return 0;
    }
    error = self->domain->check(self->domain_self, &self->exchange, 0, 0, self->exchange.row_count, &verdict, why);
    if (error != 0)
        return fail_prefix(why, "step %" PRIu64 ", phase %u: verdict refused", self->step, docket->phase);
    buffer_append(&docket->verdict, letter->payload, letter->size);
    docket->answered = true;
    self->counters.answered++;
    return 0;
}

int
verdicts_letter(struct verdicts *self, const struct letter *letter, struct outbox *out, struct why *why)
{
    struct nack nack;
    struct credit credit;

    if (!peer_equal(&letter->peer, &self->peer)) {
        self->counters.stale++;
        return 0;
    }
    switch (letter->head.type) {
    case MSG_VERDICT: return on_verdict(self, letter, why);
    case MSG_COURT_READY: return on_ready(self, letter, out, why);
    case MSG_CREDIT:
        if (self->state != COURT_FEEDING ||
            message_unpack(MSG_CREDIT, letter->payload, letter->size, &credit, NULL) != 0)
            return 0;
        self->unanswered -= credit.chunks < self->unanswered ? credit.chunks : self->unanswered;
        return feed(self, out, why);
    case MSG_NACK:
        if (message_unpack(MSG_NACK, letter->payload, letter->size, &nack, NULL) != 0)
            return fail(why, ERR_FORMAT, "governance sent an unreadable refusal");
        return fail(why, ERR_STATE, "governance refused a docket of step %" PRIu64 ": %s", letter->head.step,
                    nack.text);
    default: self->counters.stale++; return 0;
    }
}

bool
verdicts_complete(const struct verdicts *self)
{
    return self->docket_count > 0 && self->dockets[self->docket_count - 1].answered;
}

void
verdicts_take(struct verdicts *self, struct batch *docket, struct blob *docket_bytes, struct batch *verdict,
              struct blob *verdict_bytes)
{
    struct docket *last = &self->dockets[self->docket_count - 1];

    ASSERT(last->answered);

    *docket_bytes = (struct blob){last->bytes.data, (uint32_t)last->bytes.size};
    *verdict_bytes = (struct blob){last->verdict.data, (uint32_t)last->verdict.size};
    if (batch_read(last->ask, last->bytes.data, last->bytes.size, docket, NULL) != 0 ||
        batch_read(last->answer, last->verdict.data, last->verdict.size, verdict, NULL) != 0)
        UNREACHABLE();
}

struct verdicts_counters
verdicts_counters(const struct verdicts *self)
{
    return self->counters;
}
