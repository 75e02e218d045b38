#include "agents/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/chunk.h"
#include "agents/policy.h"
#include "core/arena.h"
#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"
#include "core/yaml.h"

#define SLOTS_MAX 65536u /* they travel in 16 bits */
#define SERVES_MAX 4000u /* bytes, as in hello */

struct worker {
    char serves[SERVES_MAX + 1];
    uint32_t run, epoch;         /* newest seen */
    struct chunk_policy *slots;  /* policy NULL: not bound; params owned */
    uint32_t slot_count;
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
        free((void *)(uintptr_t)self->slots[i].params);
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
    chunk_scratch_fini(&self->scratch);
    free(self);
    *self_p = NULL;
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
    if (run != self->run || epoch > self->epoch)
        forget_slots(self);
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
    return code;
}

static void
put_slot(struct worker *self, uint32_t slot, const struct policy *policy, void *params, uint64_t seed)
{
    ASSERT(slot < SLOTS_MAX);
    if (slot >= self->slot_count) {
        self->slots = realloc(self->slots, (slot + 1u) * sizeof *self->slots);
        ASSERT(self->slots != NULL);
        memset(self->slots + self->slot_count, 0, (slot + 1u - self->slot_count) * sizeof *self->slots);
        self->slot_count = slot + 1u;
    }
    free((void *)(uintptr_t)self->slots[slot].params);
    self->slots[slot] = (struct chunk_policy){.policy = policy, .params = params, .seed = seed};
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
        put_slot(self, message.slot, policy, params, message.seed);
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

static int
decide(struct worker *self, const struct letter *letter, struct buffer *answer, struct why *why)
{
    const struct envelope *head = &letter->head;
    const struct schema *schema = &schema_sandbox_observe;
    struct batch ask;
    int code;

    if (head->flags >= self->slot_count || self->slots[head->flags].policy == NULL)
        return fail(why, ERR_UNKNOWN, "no parameters of slot %u here", head->flags);
    if (batch_schema_id(letter->payload, letter->size) == schema_sandbox_offers.id)
        schema = &schema_sandbox_offers;
    code = batch_read(schema, letter->payload, letter->size, &ask, why);
    if (code == 0)
        code = chunk_check(&self->slots[head->flags], &ask, head->step, why);
    if (code != 0)
        return code;
    obey_hooks(self, &ask);
    chunk_decide(&self->slots[head->flags], &ask, head->step, head->payload_hash, &self->scratch, answer);
    return 0;
}

static void
on_observation(struct worker *self, const struct letter *letter, struct outbox *out)
{
    struct envelope head = letter->head;
    struct buffer answer = {0};
    struct why why = {0};

    if (!is_current(self, head.run, head.epoch))
        return;
    if (decide(self, letter, &answer, &why) == 0) {
        head.type = MSG_ACTION;
        outbox_send(out, CHANNEL_DATA, &PEER_WORLD, &head, &answer);
    } else {
        refuse(&head, head.flags, &why, out);
    }
    buffer_fini(&answer);
    send_credit(&letter->head, 1, out);
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
}

static void
receive(void *self, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    (void)now_ms;
    switch (letter->head.type) {
    case MSG_EPOCH: on_epoch(self, letter, out); break;
    case MSG_PARAMS: on_params(self, letter, out); break;
    case MSG_OBSERVATION: on_observation(self, letter, out); break;
    default: break;
    }
}

static void
tick(void *self, uint64_t now_ms, struct outbox *out)
{
    (void)self, (void)now_ms, (void)out;
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
