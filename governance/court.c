#include "governance/court.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"
#include "core/yaml.h"
#include "governance/engine.h"

#define DOMAIN "sandbox" /* the one whose dockets the engine reads */

struct courthouse {
    struct engine *engine; /* NULL until COURT */
    /* What the engine was made for. */
    uint32_t run, epoch;
    uint64_t seed;
    uint32_t agent_count;
    struct buffer section;
    /* A fork's state to begin with, as far as it has come; of which run. */
    struct buffer base;
    uint32_t base_run;
    /* The last docket judged since then, for when it is asked again. */
    bool has_last;
    uint64_t last_hash;
    struct buffer last_verdict;
};

struct courthouse *
court_new(void)
{
    return ALLOC(struct courthouse);
}

void
court_destroy(struct courthouse **self_p)
{
    struct courthouse *self = *self_p;

    if (self == NULL)
        return;
    engine_destroy(&self->engine);
    buffer_fini(&self->section);
    buffer_fini(&self->base);
    buffer_fini(&self->last_verdict);
    free(self);
    *self_p = NULL;
}

/* Says why a letter could not be dealt with, under the letter's own fence. */
static void
refuse(const struct letter *letter, const struct why *why, struct outbox *out)
{
    struct nack nack = {.code = (uint32_t)why->code};
    struct envelope head = letter->head;

    (void)text_copy(nack.text, sizeof nack.text, why->text);
    head.type = MSG_NACK;
    outbox_send_message(out, letter->channel, &PEER_WORLD, &head, MSG_NACK, &nack);
    log_line(LOG_LEVEL_WARNING, "governance", "step %llu phase %u refused: %s",
        (unsigned long long)letter->head.step, letter->head.phase, why->text);
}

/* ---- COURT ---- */

static bool
is_held_for(const struct courthouse *self, const struct envelope *head, const struct court *asked)
{
    return self->engine != NULL && self->run == head->run && self->epoch == head->epoch && self->seed == asked->seed &&
        self->agent_count == asked->agents && self->section.size == asked->yaml.size &&
        (asked->yaml.size == 0 || memcmp(self->section.data, asked->yaml.data, asked->yaml.size) == 0) &&
        engine_step(self->engine) <= asked->step;
}

/* A piece of what a fork begins with; the first one begins anew. */
static void
on_base(struct courthouse *self, const struct letter *letter, struct outbox *out)
{
    struct court_base piece;
    struct why why = {0};
    int code = message_unpack(MSG_COURT_BASE, letter->payload, letter->size, &piece, &why);

    if (code == 0 && piece.offset == 0) {
        buffer_clear(&self->base);
        self->base_run = letter->head.run;
    }
    if (code == 0 && (self->base_run != letter->head.run || piece.offset != self->base.size ||
                      piece.bytes.size > piece.size - piece.offset))
        code = fail(&why, ERR_STATE, "a piece at %llu does not follow %zu bytes of a fork's state",
            (unsigned long long)piece.offset, self->base.size);
    if (code != 0)
        refuse(letter, &why, out);
    else
        buffer_append(&self->base, piece.bytes.data, piece.bytes.size);
}

/* The state that a fork begins with. */
static int
load_base(
    const struct courthouse *self, const struct envelope *head, const struct court *asked, struct engine *engine,
    struct why *why)
{
    if (asked->base == 0)
        return 0;
    if (self->base_run != head->run || self->base.size != asked->base)
        return fail(why, ERR_STATE, "%zu of %llu bytes have come of the state that this fork begins with",
            self->base_run == head->run ? self->base.size : 0, (unsigned long long)asked->base);
    return engine_load(engine, self->base.data, self->base.size, why);
}

/* Makes a new engine at genesis, or where a fork begins; on failure the old one is kept. */
static int
convene(struct courthouse *self, const struct envelope *head, const struct court *asked, struct why *why)
{
    struct yaml_tree *tree = NULL;
    struct engine *engine = NULL;
    int code = 0;

    if (strcmp(asked->domain, DOMAIN) != 0)
        return fail(why, ERR_UNKNOWN, "governance judges the domain " DOMAIN ", not '%s'", asked->domain);
    if (asked->yaml.size > 0)
        code = yaml_read_text("governance", (const char *)asked->yaml.data, asked->yaml.size, &tree, why);
    if (code == 0)
        code = engine_new(tree == NULL ? NULL : yaml_root(tree), asked->seed, asked->agents, &engine, why);
    yaml_destroy(&tree);
    if (code == 0)
        code = load_base(self, head, asked, engine, why);
    if (code != 0) {
        engine_destroy(&engine);
        return code;
    }

    engine_destroy(&self->engine);
    self->engine = engine;
    self->run = head->run;
    self->epoch = head->epoch;
    self->seed = asked->seed;
    self->agent_count = asked->agents;
    buffer_clear(&self->section);
    buffer_append(&self->section, asked->yaml.data, asked->yaml.size);
    self->has_last = false;
    return 0;
}

static void
on_court(struct courthouse *self, const struct letter *letter, struct outbox *out)
{
    struct why why = {0};
    struct court asked;
    struct court_ready ready = {0};
    struct envelope head = letter->head;
    uint8_t digest[FOLD_SIZE];
    int code = message_unpack(MSG_COURT, letter->payload, letter->size, &asked, &why);

    if (code == 0 && self->engine != NULL && head.run == self->run && head.epoch < self->epoch)
        return; /* a late letter of a world that is no more */
    if (code == 0 && !is_held_for(self, &head, &asked))
        code = convene(self, &head, &asked, &why);
    if (code != 0) {
        refuse(letter, &why, out);
        return;
    }
    engine_digest(self->engine, digest);
    ready.step = engine_step(self->engine);
    ready.digest = (struct blob){.data = digest, .size = sizeof digest};
    head.type = MSG_COURT_READY;
    /* On the channel it came by: there it stays in order with the dockets. */
    outbox_send_message(out, letter->channel, &PEER_WORLD, &head, MSG_COURT_READY, &ready);
}

/* ---- DOCKET ---- */

/* Sends a copy of the verdict on the last docket, under this letter's fence; a folded one is acknowledged. */
static void
answer(const struct courthouse *self, const struct letter *letter, struct outbox *out)
{
    struct envelope head = letter->head;
    struct buffer payload = {0};

    if (head.attempt == COURT_CATCH_UP) {
        head.type = MSG_CREDIT;
        outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, &head, MSG_CREDIT, &(struct credit){.chunks = 1});
        return;
    }
    buffer_append(&payload, self->last_verdict.data, self->last_verdict.size);
    head.type = MSG_VERDICT;
    outbox_send(out, CHANNEL_DATA, &PEER_WORLD, &head, &payload);
    buffer_fini(&payload);
}

/* True when this docket is the last one again and its answer is at hand. */
static bool
is_last_again(const struct courthouse *self, const struct envelope *head)
{
    return self->has_last && head->step == engine_step(self->engine) && head->phase == engine_phase(self->engine) &&
        head->payload_hash == self->last_hash;
}

/* A docket of the log that is part of the state already: a catch-up that was cut off between two dockets of one step
 * goes on with that step from its beginning. */
static bool
is_folded(const struct courthouse *self, const struct envelope *head)
{
    uint64_t step = engine_step(self->engine);

    return head->attempt == COURT_CATCH_UP &&
        (head->step < step || (head->step == step && head->phase <= engine_phase(self->engine)));
}

static int
judge(struct courthouse *self, const struct letter *letter, struct why *why)
{
    const struct envelope *head = &letter->head;
    struct buffer verdict = {0};
    struct batch docket;
    int code;

    if (is_last_again(self, head) || is_folded(self, head))
        return 0;
    code = batch_read(&schema_sandbox_docket, letter->payload, letter->size, &docket, why);
    if (code ==
        0) /* a verdict is made while catching up, too: the last docket of those may be asked again in earnest */
        code = engine_judge(self->engine, head->step, head->phase, &docket, head->payload_hash, &verdict, why);
    if (code != 0) {
        buffer_fini(&verdict);
        return code;
    }
    buffer_fini(&self->last_verdict);
    self->last_verdict = verdict;
    self->last_hash = head->payload_hash;
    self->has_last = true;
    return 0;
}

static void
on_docket(struct courthouse *self, const struct letter *letter, struct outbox *out)
{
    struct why why = {0};
    int code;

    if (self->engine == NULL || letter->head.run != self->run || letter->head.epoch > self->epoch)
        code = fail(&why, ERR_STATE, "governance has not been told about this run's epoch %u yet", letter->head.epoch);
    else if (letter->head.epoch < self->epoch)
        return; /* a late letter of a world that is no more */
    else
        code = judge(self, letter, &why);
    if (code != 0)
        refuse(letter, &why, out);
    else
        answer(self, letter, out);
}

/* ---- the actor ---- */

static void
receive(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    (void)now_ms;
    switch (letter->head.type) {
    case MSG_COURT: on_court(self, letter, out); break;
    case MSG_COURT_BASE: on_base(self, letter, out); break;
    case MSG_DOCKET: on_docket(self, letter, out); break;
    default: break; /* EPOCH says nothing that COURT does not; CANCEL: a verdict nobody waits for is stale there */
    }
}

/* The broker tells the world that governance is there, and the world sends COURT: nothing to say first. */
static void
start(void *self, uint64_t now_ms, struct outbox *out)
{
    (void)self, (void)now_ms, (void)out;
}

static void
tick(void *self, uint64_t now_ms, struct outbox *out)
{
    (void)self, (void)now_ms, (void)out;
}

void
court_actor(struct courthouse *self, struct actor *out)
{
    *out = (struct actor){
        .role = ROLE_GOVERNANCE,
        .serves = DOMAIN,
        .self = self,
        .ready_fd = -1,
        .start = start,
        .receive = receive,
        .tick = tick,
    };
}
