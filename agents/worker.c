#include "agents/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/chunk.h"
#include "agents/pending.h"
#include "agents/policy.h"
#include "core/arena.h"
#include "core/assert.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/text.h"
#include "core/yaml.h"

#define SLOTS_MAX 65536u /* they travel in 16 bits */
#define SERVES_MAX 4000u /* bytes, as in hello */

struct worker {
    char serves[SERVES_MAX + 1];
    uint32_t run, epoch;         /* newest seen */
    struct worker_slot {
        struct chunk_policy bound; /* policy NULL: not bound; params owned */
        uint64_t yaml_hash;        /* of the parameters as they came */
    } *slots;
    uint32_t slot_count;
    struct pending_list pending;
    struct worker_counters counters;
    struct chunk_scratch scratch;
    uint32_t poison_agent;       /* test hooks; SANDBOX_NOBODY and 0: none */
    uint32_t delay_ms;
};

/* ---- making one ---- */

static uint32_t
hook(const char *name, uint32_t none)
{
    const char *text = getenv(name);
    struct why why = {0};
    int64_t value;

    if (text == NULL || text[0] == '\0')
        return none;
    if (text_parse_integer(text, &value, &why) != 0 || value < 0 || value >= UINT32_MAX) {
        log_line(LOG_LEVEL_WARNING, "agents", "%s=%s is no number of 32 bits; ignored", name, text);
        return none;
    }
    return (uint32_t)value;
}

struct worker *
worker_new(const struct worker_options *options)
{
    struct worker *self = ALLOC(struct worker);
    const char *serves = options == NULL || options->serves == NULL ? "*" : options->serves;

    if (!text_copy(self->serves, sizeof self->serves, serves))
        log_line(LOG_LEVEL_WARNING, "agents", "the list of policies is longer than %u bytes; cut", SERVES_MAX);
    self->poison_agent = hook("POLIS_WORKER_POISON_AGENT", SANDBOX_NOBODY);
    self->delay_ms = hook("POLIS_WORKER_DELAY_MS", 0);
    return self;
}

static void
forget_slots(struct worker *self)
{
    for (uint32_t i = 0; i < self->slot_count; i++)
        free((void *)(uintptr_t)self->slots[i].bound.params);
    free(self->slots);
    self->slots = NULL;
    self->slot_count = 0;
}

void
worker_destroy(struct worker **self_p)
{
    struct worker *self = *self_p;

    if (self == NULL)
        return;
    forget_slots(self);
    pending_list_fini(&self->pending);
    chunk_scratch_fini(&self->scratch);
    free(self);
    *self_p = NULL;
}

const struct worker_counters *
worker_counters(const struct worker *self)
{
    return &self->counters;
}

/* ---- words to the world ---- */

static void
send_credit(const struct envelope *head, uint32_t chunks, struct outbox *out)
{
    struct envelope copy = *head;

    copy.type = MSG_CREDIT;
    outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, &copy, MSG_CREDIT, &(struct credit){.chunks = chunks});
}

static void
refuse(const struct envelope *head, uint16_t slot, const struct why *why, struct outbox *out)
{
    struct nack nack = {.code = (uint32_t)why->code};
    struct envelope copy = *head;

    (void)text_copy(nack.text, sizeof nack.text, why->text);
    copy.type = MSG_NACK;
    copy.flags = slot;
    outbox_send_message(out, CHANNEL_DATA, &PEER_WORLD, &copy, MSG_NACK, &nack);
}

/* Follows the world. False: the letter is from one that is no more. */
static bool
is_current(struct worker *self, uint32_t run, uint32_t epoch)
{
    if (run == self->run && epoch < self->epoch)
        return false;
    if (run != self->run || epoch > self->epoch) {
        forget_slots(self);
        pending_list_fini(&self->pending);
    }
    self->run = run;
    self->epoch = epoch;
    return true;
}

/* ---- PARAMS ---- */

static bool
is_served(const struct worker *self, const char *policy)
{
    size_t size = strlen(policy);

    for (const char *at = self->serves; at != NULL && *at != '\0'; at = strchr(at, ',')) {
        at += strspn(at, ", ");
        if (strncmp(at, "*", 1) == 0)
            return true;
        if (strncmp(at, policy, size) == 0 && (at[size] == '\0' || at[size] == ',' || at[size] == ' '))
            return true;
    }
    return false;
}

static int
find_policy(const struct worker *self, const char *name, const struct policy **out, struct why *why)
{
    struct text_nearest near = {.name = name};

    *out = policy_find(name);
    if (*out == NULL) {
        for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++)
            text_nearest_offer(&near, (*policy)->name);
        return near.best == NULL
            ? fail(why, ERR_UNKNOWN, "unknown policy '%.60s'", name)
            : fail(why, ERR_UNKNOWN, "unknown policy '%.60s'; did you mean '%s'?", name, near.best);
    }
    if (!is_served(self, name))
        return fail(why, ERR_UNKNOWN, "this worker does not serve policy '%s'", name);
    if ((*out)->sandbox_act == NULL || (*out)->sandbox_answer == NULL)
        return fail(why, ERR_UNKNOWN, "policy '%s' is not for the sandbox", name);
    return 0;
}

static int
bind_params(const struct policy *policy, const struct blob *yaml, void *out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    int code;

    if (yaml->size == 0) {
        params_default(policy->params, out);
        return 0;
    }
    code = yaml_read_text(policy->name, (const char *)yaml->data, yaml->size, &tree, why);
    if (code == 0)
        code = params_bind(policy->params, yaml_root(tree), NULL, out, why);
    yaml_destroy(&tree);
    if (code == 0 && policy->check != NULL)
        code = policy->check(out, why);
    return code;
}

/* A chunk that waits for answers is not waited for any more. */
static void
give_up(struct worker *self, struct pending *item, struct outbox *out)
{
    send_credit(&item->head, 1, out);
    pending_remove(&self->pending, item);
}

/* What was asked with other parameters cannot be decided with these. */
static void
give_up_slot(struct worker *self, uint16_t slot, struct outbox *out)
{
    struct pending *item;
    struct why why = {0};

    (void)fail(&why, ERR_UNKNOWN, "slot %u got other parameters", slot);
    while ((item = pending_find_slot(&self->pending, slot)) != NULL) {
        refuse(&item->head, slot, &why, out);
        give_up(self, item, out);
    }
}

static void
put_slot(struct worker *self, uint32_t slot, const struct chunk_policy *bound, uint64_t yaml_hash, struct outbox *out)
{
    struct worker_slot *own;

    ASSERT(slot < SLOTS_MAX);
    if (slot >= self->slot_count) {
        self->slots = realloc(self->slots, (slot + 1u) * sizeof *self->slots);
        ASSERT(self->slots != NULL);
        memset(self->slots + self->slot_count, 0, (slot + 1u - self->slot_count) * sizeof *self->slots);
        self->slot_count = slot + 1u;
    }
    own = &self->slots[slot];
    if (own->bound.policy != bound->policy || own->bound.seed != bound->seed || own->yaml_hash != yaml_hash)
        give_up_slot(self, (uint16_t)slot, out);
    free((void *)(uintptr_t)own->bound.params);
    *own = (struct worker_slot){.bound = *bound, .yaml_hash = yaml_hash};
}

static void
on_params(struct worker *self, const struct letter *letter, struct outbox *out)
{
    const struct policy *policy = NULL;
    struct params_of message = {0};
    struct why why = {0};
    void *params = NULL;
    int code;

    if (!is_current(self, letter->head.run, letter->head.epoch))
        return;
    code = message_unpack(MSG_PARAMS, letter->payload, letter->size, &message, &why);
    if (code == 0)
        code = find_policy(self, message.policy, &policy, &why);
    if (code == 0) {
        params = alloc_array(1, policy->params->size);
        code = bind_params(policy, &message.yaml, params, &why);
    }
    if (code == 0) {
        put_slot(self, message.slot,
                 &(struct chunk_policy){.policy = policy, .params = params, .seed = message.seed},
                 digest_xxh3(message.yaml.data, message.yaml.size), out);
        return;
    }
    free(params);
    log_line(LOG_LEVEL_WARNING, "agents", "slot %u refused: %s", message.slot, why.text);
    refuse(&letter->head, (uint16_t)message.slot, &why, out);
}

/* ---- OBSERVATION ---- */

static void
obey_hooks(const struct worker *self, const struct batch *ask)
{
    uint32_t column = ask->schema == &schema_sandbox_observe ? (uint32_t)OBSERVE_agent : (uint32_t)OFFERS_agent;

    if (self->delay_ms > 0)
        (void)nanosleep(
            &(struct timespec){.tv_sec = self->delay_ms / 1000, .tv_nsec = self->delay_ms % 1000 * 1000000L}, NULL);
    for (uint32_t i = 0; self->poison_agent != SANDBOX_NOBODY && i < ask->count[0]; i++)
        if (batch_u32(ask, column, i) == self->poison_agent)
            abort();
}

/* The slot's policy and the batch to decide about. */
static int
read_observation(const struct worker *self, const struct envelope *head, const uint8_t *payload, size_t size,
                 const struct chunk_policy **policy, struct batch *ask, struct why *why)
{
    const struct schema *schema = &schema_sandbox_observe;
    int code;

    if (head->flags >= self->slot_count || self->slots[head->flags].bound.policy == NULL)
        return fail(why, ERR_UNKNOWN, "no parameters of slot %u here", head->flags);
    *policy = &self->slots[head->flags].bound;
    if (batch_schema_id(payload, size) == schema_sandbox_offers.id)
        schema = &schema_sandbox_offers;
    code = batch_read(schema, payload, size, ask, why);
    if (code == 0)
        code = chunk_check(*policy, ask, head->step, why);
    if (code == 0 && policy_asks((*policy)->policy) && head->phase > MODELS_PLACE_MAX)
        code = fail(why, ERR_LIMIT, "phase %u is more than models can be asked in", head->phase);
    return code;
}

static void
send_prompt(struct pending *item, uint64_t now_ms, struct outbox *out)
{
    struct envelope head = item->head;
    struct buffer copy = {0};

    head.type = MSG_PROMPT;
    head.payload_hash = item->prompt_hash;
    buffer_append(&copy, item->prompt.data, item->prompt.size);
    outbox_send_hashed(out, CHANNEL_DATA, &PEER_GATEWAY, &head, &copy);
    item->wait_ms = item->wait_ms == 0 ? WORKER_RESEND_MS : 2 * item->wait_ms;
    if (item->wait_ms > WORKER_RESEND_MOST_MS)
        item->wait_ms = WORKER_RESEND_MOST_MS;
    item->due_ms = now_ms + item->wait_ms;
    outbox_wake(out, item->due_ms);
}

static void
send_action(const struct envelope *head, struct buffer *answer, struct outbox *out)
{
    struct envelope copy = *head;

    copy.type = MSG_ACTION;
    outbox_send(out, CHANNEL_DATA, &PEER_WORLD, &copy, answer);
    send_credit(head, 1, out);
}

/* Asks, or decides at once. */
static void
begin_chunk(struct worker *self, const struct letter *letter, const struct chunk_policy *policy,
            const struct batch *ask, uint64_t now_ms, struct outbox *out)
{
    const struct envelope *head = &letter->head;
    struct buffer answer = {0}, prompt = {0}, observed = {0};

    obey_hooks(self, ask);
    if (chunk_ask(policy, ask, head->step, head->phase, &self->scratch, &prompt)) {
        buffer_append(&observed, letter->payload, letter->size);
        send_prompt(pending_add(&self->pending, head, &observed, &prompt), now_ms, out);
        self->counters.asked++;
        return;
    }
    chunk_decide(policy, ask, head->step, head->payload_hash, &self->scratch, &answer);
    send_action(head, &answer, out);
    buffer_fini(&answer);
}

static void
on_observation(struct worker *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    const struct envelope *head = &letter->head;
    const struct chunk_policy *policy = NULL;
    struct pending *earlier;
    struct batch ask;
    struct why why = {0};

    if (!is_current(self, head->run, head->epoch))
        return;
    while ((earlier = pending_find_earlier(&self->pending, head)) != NULL)
        give_up(self, earlier, out);
    if (read_observation(self, head, letter->payload, letter->size, &policy, &ask, &why) == 0) {
        begin_chunk(self, letter, policy, &ask, now_ms, out);
        return;
    }
    refuse(head, head->flags, &why, out);
    send_credit(head, 1, out);
}

/* ---- what models answered ---- */

static int
hear(struct worker *self, const struct pending *item, const struct letter *letter, struct buffer *answer,
     struct why *why)
{
    const struct chunk_policy *policy = NULL;
    struct batch ask, prompt, completion;
    int code = batch_read(&schema_completion, letter->payload, letter->size, &completion, why);

    if (code != 0)
        return code;
    if (completion.tag != item->prompt_hash)
        return fail(why, ERR_DIGEST, "it answers another prompt");
    code = batch_read(&schema_prompt, item->prompt.data, item->prompt.size, &prompt, why);
    ASSERT(code == 0); /* its own bytes */
    code = chunk_answers_check(&prompt, &completion, why);
    if (code != 0)
        return code;
    code = read_observation(self, &item->head, item->ask.data, item->ask.size, &policy, &ask, why);
    ASSERT(code == 0); /* as when it was asked: the slot's parameters are the same */
    chunk_hear(policy, &ask, &completion, item->head.step, item->head.payload_hash, &self->scratch, answer);
    return 0;
}

static void
on_completion(struct worker *self, const struct letter *letter, struct outbox *out)
{
    struct pending *item = pending_find(&self->pending, &letter->head);
    struct buffer answer = {0};
    struct why why = {0};

    if (item == NULL || hear(self, item, letter, &answer, &why) != 0) {
        self->counters.dropped++;
        return;
    }
    self->counters.heard++;
    send_action(&item->head, &answer, out);
    pending_remove(&self->pending, item);
    buffer_fini(&answer);
}

static void
on_nack(struct worker *self, const struct letter *letter, struct outbox *out)
{
    struct pending *item = pending_find(&self->pending, &letter->head);
    struct nack nack;
    struct why why = {0};

    if (item == NULL || message_unpack(MSG_NACK, letter->payload, letter->size, &nack, NULL) != 0)
        return;
    self->counters.refused++;
    why.code = (int)nack.code;
    (void)text_copy(why.text, sizeof why.text, nack.text);
    refuse(&item->head, item->head.flags, &why, out);
    give_up(self, item, out);
}

static void
on_cancel(struct worker *self, const struct letter *letter, struct outbox *out)
{
    struct cancel message;
    struct pending *item;
    struct why why = {0};

    if (letter->head.run != self->run || letter->head.epoch != self->epoch ||
        message_unpack(MSG_CANCEL, letter->payload, letter->size, &message, &why) != 0)
        return;
    while ((item = pending_find_until(&self->pending, message.step)) != NULL)
        give_up(self, item, out);
}

/* ---- the actor ---- */

static void
on_epoch(struct worker *self, const struct letter *letter, struct outbox *out)
{
    struct envelope head = {.run = letter->head.run};
    struct epoch message;
    struct why why = {0};

    if (message_unpack(MSG_EPOCH, letter->payload, letter->size, &message, &why) != 0)
        return; /* the next observation says the same */
    head.epoch = message.epoch;
    if (head.run == self->run && head.epoch == self->epoch)
        return;
    if (is_current(self, head.run, head.epoch))
        send_credit(&head, WORKER_CREDIT, out); /* what was said to the world before is lost with it */
}

static void
start(void *self, uint64_t now_ms, struct outbox *out)
{
    const struct worker *worker = self;

    (void)now_ms;
    send_credit(&(struct envelope){.run = worker->run, .epoch = worker->epoch}, WORKER_CREDIT, out);
    if (worker->pending.count > 0)
        outbox_wake(out, pending_due(&worker->pending));
}

static void
receive(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    switch (letter->head.type) {
    case MSG_EPOCH: on_epoch(self, letter, out); break;
    case MSG_PARAMS: on_params(self, letter, out); break;
    case MSG_OBSERVATION: on_observation(self, now_ms, letter, out); break;
    case MSG_COMPLETION: on_completion(self, letter, out); break;
    case MSG_NACK: on_nack(self, letter, out); break;
    case MSG_CANCEL: on_cancel(self, letter, out); break;
    default: break;
    }
}

static void
tick(void *self, uint64_t now_ms, struct outbox *out)
{
    struct worker *worker = self;

    for (uint32_t i = 0; i < worker->pending.count; i++)
        if (worker->pending.items[i].due_ms <= now_ms) {
            send_prompt(&worker->pending.items[i], now_ms, out);
            worker->counters.resent++;
        }
    if (worker->pending.count > 0)
        outbox_wake(out, pending_due(&worker->pending));
}

void
worker_actor(struct worker *self, struct actor *out)
{
    *out = (struct actor){
        .role = ROLE_AGENTS,
        .serves = self->serves,
        .self = self,
        .ready_fd = -1,
        .start = start,
        .receive = receive,
        .tick = tick,
    };
}
