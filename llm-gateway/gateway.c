#include "llm-gateway/gateway.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/log.h"
#include "core/text.h"
#include "llm-gateway/gateway_inner.h"

#define WHO "llm-gateway"

static int64_t
us_of(uint64_t ms)
{
    return (int64_t)ms * 1000;
}

/* ---- making ---- */

static void
digest_of_map(const struct yaml_node *node, uint8_t out[DIGEST_SIZE])
{
    struct buffer text = {0};

    if (node != NULL)
        yaml_write(node, &text);
    digest_of(text.data, text.size, out);
    buffer_fini(&text);
}

static int
open_own(struct gateway *self, const struct gateway_options *options, const struct yaml_node *section, struct why *why)
{
    struct record_header header = {
        .run = options->run, .seed = options->seed, .build = POLIS_VARIANT, .started_s = (uint64_t)time(NULL)};
    int error;

    if (access(options->log, F_OK) == 0) {
        if ((error = record_open(options->log, true, &self->own, why)) != 0)
            return error;
        if (record_header(self->own)->seed != options->seed || record_header(self->own)->run != options->run)
            return fail(why, ERR_DIGEST, "%s: the call log of another run", options->log);
        return 0;
    }
    if (options->scenario != NULL)
        memcpy(header.scenario, options->scenario, DIGEST_SIZE);
    digest_of_map(yaml_find(section, "roles"), header.roles);
    digest_of_map(yaml_find(section, "schemas"), header.schemas);
    if (options->parent != NULL)
        (void)text_copy(header.parent, sizeof header.parent, options->parent);
    return record_create(options->log, &header, &self->own, why);
}

static int
open_logs(struct gateway *self, const struct gateway_options *options, const struct yaml_node *section, struct why *why)
{
    struct replay_plan plan = {.mode = options->mode,
                               .seed = options->seed,
                               .audit_per_mille = options->audit_per_mille,
                               .role_count = self->config->role_count,
                               .keep_prompts = options->keep_prompts};
    bool writes = options->mode == REPLAY_RECORD || options->mode == REPLAY_BRANCH;
    bool reads = options->mode >= REPLAY_STRICT;
    int error;

    ASSERT((!writes || options->log != NULL) && (!reads || options->parent != NULL));
    if (writes && (error = open_own(self, options, section, why)) != 0)
        return error;
    if (reads && (error = record_open(options->parent, false, &self->parent, why)) != 0)
        return error;
    plan.own = self->own;
    plan.parent = self->parent;
    self->replay = replay_new(&plan);
    return 0;
}

static uint32_t
find_role(const struct llm_config *config, const char *name)
{
    for (uint32_t i = 0; i < config->role_count; i++)
        if (strcmp(config->roles[i].name, name) == 0)
            return i;
    return ERRANDS_NONE;
}

/* A client's share of the budgets: its agents, times the weight of its role. */
static int
read_clients(struct gateway *self, const struct gateway_options *options, struct why *why)
{
    uint32_t roles = self->config->role_count;

    self->roles = ALLOC_ARRAY(uint32_t, options->client_count + 1);
    self->weights = ALLOC_ARRAY(double, (size_t)options->client_count *roles + 1);
    for (uint32_t i = 0; i < options->client_count; i++) {
        const struct gateway_client *client = &options->clients[i];

        self->roles[i] = client->role != NULL ? find_role(self->config, client->role) : ERRANDS_NONE;
        if (client->role != NULL && self->roles[i] == ERRANDS_NONE)
            return fail(why, ERR_UNKNOWN, "llm.roles: there is no %s", client->role);
        if (self->roles[i] != ERRANDS_NONE)
            self->weights[i * roles + self->roles[i]] =
                self->config->roles[self->roles[i]].params.weight * client->agent_count;
    }
    return 0;
}

static void
make_flow(struct gateway *self, const struct gateway_options *options)
{
    struct budget_plan budget;
    struct flow_plan plan;

    self->caps = ALLOC_ARRAY(struct budget_cap, self->client_count + 1);
    llm_config_budget(self->config, self->client_count, self->caps, &budget);
    self->budget = budget_new(&budget);
    llm_config_flow(self->config, &plan);
    plan.run = options->run;
    plan.seed = options->seed;
    plan.client_count = self->client_count;
    plan.budget = self->budget;
    plan.replay = self->replay;
    self->flow = flow_new(&plan, 0);
}

int
gateway_new(const struct gateway_options *options, struct gateway **out, struct why *why)
{
    struct gateway *self = ALLOC(struct gateway);
    /* What is answered from a log alone needs no key. */
    bool unasked = options->dry || options->mode == REPLAY_STRICT || options->mode == REPLAY_LOOSE;
    const struct yaml_node *section;
    int error;

    ASSERT(options->client_count > 0 && options->client_count <= ANSWER_CLIENT_MAX);
    *out = NULL;
    self->mode = options->mode;
    self->run = options->run;
    self->seed = options->seed;
    self->client_count = options->client_count;
    self->came_back = true;
    self->tree = yaml_new("llm");
    section = yaml_put(self->tree, yaml_root(self->tree), "llm", options->section);
    errands_init(&self->errands, options->client_count);
    if ((error = llm_config_read(section, &self->config, why)) == 0 && self->config == NULL)
        error = fail(why, ERR_MISSING, "the scenario has no section llm");
    if (error == 0)
        error = read_clients(self, options, why);
    if (error == 0)
        error = open_logs(self, options, section, why);
    if (error == 0)
        error = asker_new(self->config, section, unasked, &self->asker, why);
    if (error != 0) {
        gateway_destroy(&self);
        return error;
    }
    make_flow(self, options);
    *out = self;
    return 0;
}

void
gateway_destroy(struct gateway **self_p)
{
    struct gateway *self = *self_p;

    if (self == NULL)
        return;
    asker_destroy(&self->asker);
    flow_destroy(&self->flow);
    replay_destroy(&self->replay);
    if (self->budget != NULL)
        budget_destroy(&self->budget);
    record_close(&self->own);
    record_close(&self->parent);
    errands_fini(&self->errands);
    schema_pool_fini(&self->schemas);
    llm_config_destroy(&self->config);
    yaml_destroy(&self->tree);
    free(self->caps);
    free(self->roles);
    free(self->weights);
    free(self);
    *self_p = NULL;
}

/* ---- saying ---- */

static void
give_up(struct gateway *self, int status, const struct why *why, struct outbox *out)
{
    if (self->stopped)
        return;
    log_line(LOG_ERROR, WHO, "%s", why->text);
    self->stopped = true;
    outbox_stop(out, status);
}

static void
refuse(const struct letter *letter, const struct why *why, struct outbox *out)
{
    struct nack nack = {.code = (uint32_t)why->code};
    struct envelope head = letter->head;

    log_line(LOG_LEVEL_WARNING, WHO, "a prompt was refused: %s", why->text);
    (void)text_copy(nack.text, sizeof nack.text, why->text);
    head.type = MSG_NACK;
    outbox_send_message(out, CHANNEL_DATA, &letter->peer, &head, MSG_NACK, &nack);
}

static void
answer(struct gateway *self, const struct errand *errand, struct outbox *out)
{
    struct envelope head = errand->head;
    struct buffer bytes = {0};

    errands_write(&self->errands, errand, &bytes);
    head.type = MSG_COMPLETION;
    outbox_send(out, CHANNEL_DATA, &errand->peer, &head, &bytes);
    buffer_fini(&bytes);
}

/* ---- what the flow wants done ---- */

static void
obey(struct gateway *self, const struct flow_output *output)
{
    switch (output->kind) {
    case FLOW_SEND:
        asker_send(self->asker, output, schema_pool_get(&self->schemas, output->request->schema), self->now_ms);
        break;
    case FLOW_ABORT: asker_cancel(self->asker, output->call); break;
    case FLOW_RESPOND: errands_tell(&self->errands, &output->id, output->answer); break;
    }
}

/* Everything that can be done now; with `network` what is on its way is looked after, too. */
static int
turn(struct gateway *self, bool network, struct outbox *out, struct why *why)
{
    struct flow_output output;
    struct flow_result result;
    struct errand *errand;
    bool again = true, due = network; /* due: something may have come, or is to go out */
    uint64_t call;
    int error;

    while (again) {
        again = false;
        while (flow_take(self->flow, &output)) {
            obey(self, &output);
            again = true;
            due = due || (network && output.kind == FLOW_SEND);
        }
        if (due)
            asker_turn(self->asker, self->now_ms);
        due = false;
        while (asker_take(self->asker, &call, &result)) {
            if ((error = flow_answer(self->flow, call, &result, us_of(self->now_ms), why)) != 0)
                return error;
            again = true;
        }
        if (!again && flow_next_us(self->flow) <= us_of(self->now_ms)) {
            if ((error = flow_tick(self->flow, us_of(self->now_ms), why)) != 0)
                return error;
            again = true;
        }
    }
    while ((errand = errands_take_done(&self->errands)) != NULL)
        answer(self, errand, out);
    return 0;
}

/* ---- steps ---- */

/* What is still on its way is taken back, and nobody is told: either the world has gone on without it, or this process
 * ends, and another will be asked again. An agent that were told now would decide by its own rules. */
static int
close_step(struct gateway *self, struct why *why)
{
    struct flow_output output;
    int error;

    if (!self->is_open)
        return 0;
    if ((error = flow_close(self->flow, self->step, us_of(self->now_ms), &self->last, why)) != 0)
        return error;
    while (flow_take(self->flow, &output))
        obey(self, &output);
    self->is_open = false;
    errands_clear(&self->errands);
    schema_pool_clear(&self->schemas);
    return 0;
}

/* What this run's log says was spent in other steps, before the budget opens its first one. */
static int
carry(struct gateway *self, uint64_t step, struct why *why)
{
    struct record_totals totals;
    int error = llm_config_carry(self->config, self->own, step, self->budget, &totals, why);

    if (error == 0)
        flow_carry(self->flow, &totals);
    return error;
}

/* What an earlier life of the gateway was doing in this step counts as done. */
static int
remember(struct gateway *self, uint64_t step, struct why *why)
{
    struct buffer room = {0};
    int error = 0;

    for (uint32_t i = 0; i < record_count(self->own) && error == 0; i++) {
        struct answer_id id;
        struct answer recorded;

        error = record_read(self->own, i, &id, &recorded, &room, NULL, why);
        if (error == 0 && id.step == step)
            flow_remember(self->flow, &id, &recorded);
    }
    buffer_fini(&room);
    return error;
}

static int
open_step(struct gateway *self, uint64_t step, struct why *why)
{
    bool lived_before = !self->has_opened && self->own != NULL && record_count(self->own) > 0;
    int error = lived_before ? carry(self, step, why) : 0;

    if (error == 0)
        error = flow_open(self->flow, step, self->weights, us_of(self->now_ms), why);
    if (error == 0 && lived_before)
        error = remember(self, step, why);
    if (error != 0)
        return error;
    self->came_back = !self->has_opened;
    self->settled_ms = self->now_ms + GATEWAY_SETTLE_MS;
    self->has_opened = true;
    self->is_open = true;
    self->step = step;
    return 0;
}

/* To the step that is asked about. ERR_STATE: it is over. */
static int
go_to(struct gateway *self, const struct envelope *head, struct why *why)
{
    int error;

    if (self->is_open && head->step == self->step) {
        self->step_epoch = head->epoch > self->step_epoch ? head->epoch : self->step_epoch;
        return 0;
    }
    if (self->is_open && head->step < self->step && head->epoch <= self->step_epoch)
        return fail(why, ERR_STATE, "step %" PRIu64 " is over", head->step);
    if ((error = close_step(self, why)) != 0 || (error = open_step(self, head->step, why)) != 0)
        return error;
    self->step_epoch = head->epoch;
    return 0;
}

/* ---- a question ---- */

static struct key_text
text_of(const struct batch *prompt, uint32_t offsets, uint32_t bytes, uint32_t i)
{
    uint32_t begin = batch_u32(prompt, offsets, i), end = batch_u32(prompt, offsets, i + 1);

    return (struct key_text){(const char *)prompt->data[bytes] + begin, end - begin};
}

static uint32_t
ten_thousandths(double value)
{
    return (uint32_t)(value * 10000.0 + 0.5);
}

/* The schema of its shape, or, where that has none, of its role. */
static int
find_schema(struct gateway *self, const struct batch *prompt, uint32_t shape, const struct llm_role *role,
            struct flow_request *out, struct why *why)
{
    struct key_text text = text_of(prompt, PROMPT_schemas, PROMPT_schema, shape);
    const char *name = "answer";

    out->schema = SCHEMA_POOL_NONE;
    if (text.size == 0 && role->schema != FLOW_RULES) {
        name = self->config->schemas[role->schema].name;
        text.bytes = schema_text(self->config->schemas[role->schema].schema);
        text.size = strlen(text.bytes);
    }
    if (text.size == 0)
        return 0;
    out->schema_hash = digest_xxh3(text.bytes, text.size);
    return schema_pool_find(&self->schemas, name, text.bytes, text.size, &out->schema, why);
}

static int
make_request(struct gateway *self, const struct errand *errand, const struct batch *prompt, uint32_t row,
             struct flow_request *out, struct why *why)
{
    uint32_t frame = batch_u16(prompt, PROMPT_frame, row);
    const struct llm_role *role = &self->config->roles[self->roles[errand->client]];
    struct key_text name = text_of(prompt, PROMPT_roles, PROMPT_role, frame);

    *out = (struct flow_request){.run = self->run,
                                 .id = {.step = errand->head.step,
                                        .client = errand->client,
                                        .role = self->roles[errand->client],
                                        .ordinal = errand->head.phase << 16 | errand->rows[row].place},
                                 .entity = batch_u32(prompt, PROMPT_entity, row),
                                 .seed = batch_u64(prompt, PROMPT_seed, row),
                                 .template = batch_u32(prompt, PROMPT_template_hash, frame),
                                 .template_version = batch_u32(prompt, PROMPT_template_version, frame),
                                 .system = text_of(prompt, PROMPT_systems, PROMPT_system, frame),
                                 .user = text_of(prompt, PROMPT_users, PROMPT_user, row),
                                 .fallback = text_of(prompt, PROMPT_fallbacks, PROMPT_fallback, row),
                                 .out_max = role->params.out_max,
                                 .temperature_e4 = ten_thousandths(role->params.temperature),
                                 .top_p_e4 = ten_thousandths(role->params.top_p),
                                 .deadline_ms = role->params.deadline_ms,
                                 .priority = role->params.priority,
                                 .cache = role->params.cache,
                                 .taint = batch_u8(prompt, PROMPT_taint, row)};
    if (name.size != strlen(role->name) || memcmp(name.bytes, role->name, name.size) != 0)
        return fail(why, ERR_DENIED, "role: agents of this slot ask as %s", role->name);
    if (!text_is_utf8(out->user.bytes, out->user.size) || !text_is_utf8(out->system.bytes, out->system.size))
        return fail(why, ERR_INVALID, "a text is not UTF-8");
    return find_schema(self, prompt, batch_u16(prompt, PROMPT_shape, row), role, out, why);
}

/* ERR_IO and the like: the log is broken. */
static int
begin_row(struct gateway *self, struct errand *errand, const struct batch *prompt, uint32_t row, struct why *why)
{
    struct flow_request request;
    struct why reason = {0};
    int error = make_request(self, errand, prompt, row, &request, &reason);

    self->counters.questions++;
    if (error == 0)
        error = flow_request(self->flow, &request, us_of(self->now_ms), &reason);
    if (error == 0) {
        if (reason.code == ERR_MISSING && self->miss.code == 0)
            self->miss = reason;
        errands_wait(&self->errands, errand, row, &request.id);
        return 0;
    }
    if (error == ERR_IO || error == ERR_FULL || error == ERR_FORMAT || error == ERR_DIGEST) {
        if (why != NULL)
            *why = reason;
        return error;
    }
    log_line(LOG_LEVEL_WARNING, WHO, "step %" PRIu64 ", agent %u: the question is not acceptable: %s",
             errand->head.step, batch_u32(prompt, PROMPT_entity, row), reason.text);
    errands_refuse(&self->errands, errand, row);
    return 0;
}

static int
begin_errands(struct gateway *self, struct why *why)
{
    struct errand *errand;
    bool any = self->came_back && self->now_ms >= self->settled_ms;

    while ((errand = errands_begin(&self->errands, any)) != NULL) {
        struct batch prompt;
        int error = batch_read(&schema_prompt, errand->payload.data, errand->payload.size, &prompt, why);

        ASSERT(error == 0); /* it was read before */
        for (uint32_t row = 0; row < errand->row_count && error == 0; row++)
            error = begin_row(self, errand, &prompt, row, why);
        if (error != 0)
            return error;
        errands_begun(&self->errands, errand);
    }
    return 0;
}

/* ---- PROMPT ---- */

static int
check_rows(const struct batch *prompt, struct why *why)
{
    uint32_t span = batch_u32(prompt, PROMPT_rows, 0), next = prompt->first;

    if (prompt->first > MODELS_PLACE_MAX || prompt->first + span > MODELS_PLACE_MAX + 1)
        return fail(why, ERR_LIMIT, "prompt: places up to %" PRIu32 ", more than %u", prompt->first + span,
                    MODELS_PLACE_MAX);
    for (uint32_t i = 0; i < prompt->count[PROMPT_ROW]; i++) {
        uint32_t place = batch_u32(prompt, PROMPT_place, i);

        if (place < next || place >= prompt->first + span)
            return fail(why, ERR_INVALID, "prompt: row %" PRIu32 ": place %" PRIu32 " is out of order", i, place);
        if (batch_u16(prompt, PROMPT_frame, i) >= prompt->count[PROMPT_FRAME] ||
            batch_u16(prompt, PROMPT_shape, i) >= prompt->count[PROMPT_SHAPE])
            return fail(why, ERR_INVALID, "prompt: row %" PRIu32 ": there is no such frame or shape", i);
        next = place + 1;
    }
    return 0;
}

static int
check_prompt(const struct gateway *self, const struct letter *letter, struct batch *prompt, struct why *why)
{
    const struct envelope *head = &letter->head;
    int error;

    if (head->run != self->run)
        return fail(why, ERR_STATE, "this gateway is of run %08x, not %08x", self->run, head->run);
    if (head->flags >= self->client_count || self->roles[head->flags] == ERRANDS_NONE)
        return fail(why, ERR_DENIED, "agents of slot %u ask no models in this run", head->flags);
    if (head->step == 0 || head->step > ANSWER_STEP_MAX || head->phase > MODELS_PLACE_MAX)
        return fail(why, ERR_LIMIT, "step %" PRIu64 ", phase %" PRIu32 " is out of range", head->step, head->phase);
    if ((error = batch_read(&schema_prompt, letter->payload, letter->size, prompt, why)) != 0 ||
        (error = batch_check(prompt, why)) != 0)
        return error;
    if (prompt->count[PROMPT_SPAN] != 1)
        return fail(why, ERR_FORMAT, "prompt: it covers no places");
    return check_rows(prompt, why);
}

static void
on_prompt(struct gateway *self, const struct letter *letter, struct outbox *out)
{
    struct why why = {0};
    struct errand *errand;
    struct batch prompt;
    int error;

    if (letter->head.epoch < self->epoch) {
        self->counters.stale++;
        return; /* its worker will hear of the newer world */
    }
    if (check_prompt(self, letter, &prompt, &why) != 0) {
        self->counters.malformed++;
        refuse(letter, &why, out);
        return;
    }
    self->epoch = letter->head.epoch;
    self->counters.prompts++;
    if ((error = go_to(self, &letter->head, &why)) != 0) {
        if (error == ERR_STATE)
            self->counters.stale++;
        else
            give_up(self, error_exit_status(error), &why, out);
        return;
    }
    errand = errands_find(&self->errands, &letter->peer, &letter->head);
    if (errand != NULL) {
        self->counters.repeated++;
        if (errand->state == ERRAND_DONE)
            answer(self, errand, out);
        return;
    }
    (void)errands_add(&self->errands, letter, &prompt);
}

/* ---- the actor ---- */

/* After everything that happened: what can be done is done, and the next time is named. Letters come in bursts: what
 * they ask goes to the network together, by the tick behind the burst. */
static void
go_on(struct gateway *self, bool network, struct outbox *out)
{
    struct why why = {0};
    int64_t next_us;
    int wait_ms, error = 0;

    if (self->stopped)
        return;
    if (self->is_open)
        error = begin_errands(self, &why);
    if (error == 0)
        error = turn(self, network, out, &why);
    if (error == 0 && self->miss.code != 0) {
        give_up(self, EX_DATAERR, &self->miss, out);
        return;
    }
    if (error != 0) {
        give_up(self, error_exit_status(error), &why, out);
        return;
    }
    next_us = flow_next_us(self->flow);
    if (next_us < INT64_MAX)
        outbox_wake(out, (uint64_t)((next_us + 999) / 1000));
    wait_ms = asker_timeout_ms(self->asker, self->now_ms);
    if (wait_ms >= 0)
        outbox_wake(out, self->now_ms + (uint64_t)wait_ms);
    if (self->errands.held_count > 0 && self->came_back)
        outbox_wake(out, self->settled_ms);
}

static void
reply(const struct letter *letter, const struct command *command, int code, const char *text, struct outbox *out)
{
    struct result *result = ALLOC(struct result);

    result->source_seq = command->source_seq;
    result->code = (uint32_t)code;
    (void)text_copy(result->text, sizeof result->text, text);
    outbox_send_message(out, letter->channel, &letter->peer, NULL, MSG_RESULT, result);
    free(result);
}

static void
on_command(struct gateway *self, const struct letter *letter, struct outbox *out)
{
    struct command *command = ALLOC(struct command);
    struct buffer text = {0};
    struct why why = {0};

    if (message_unpack(MSG_COMMAND, letter->payload, letter->size, command, &why) != 0) {
        reply(letter, command, why.code, why.text, out);
    } else if (strcmp(command->verb, "status") == 0 || strcmp(command->verb, "metrics") == 0) {
        if (command->verb[0] == 's')
            gateway_write_status(self, &text);
        else
            gateway_write_metrics(self, &text);
        buffer_append(&text, "", 1);
        reply(letter, command, 0, (const char *)text.data, out);
    } else if (strcmp(command->verb, "reload") == 0) {
        flow_reload(self->flow);
        reply(letter, command, 0, "what was closed for good may be asked again", out);
    } else {
        (void)fail(&why, ERR_UNKNOWN, "the gateway knows status, metrics and reload, not '%.40s'", command->verb);
        reply(letter, command, why.code, why.text, out);
    }
    buffer_fini(&text);
    free(command);
}

static void
receive(void *context, uint64_t now_ms, const struct letter *letter, struct outbox *out)
{
    struct gateway *self = context;

    self->now_ms = now_ms;
    if (self->stopped)
        return;
    switch (letter->head.type) {
    case MSG_PROMPT: on_prompt(self, letter, out); break;
    case MSG_COMMAND: on_command(self, letter, out); break;
    default: break;
    }
    go_on(self, false, out);
}

static void
tick(void *context, uint64_t now_ms, struct outbox *out)
{
    struct gateway *self = context;

    self->now_ms = now_ms;
    go_on(self, true, out);
}

static void
start(void *context, uint64_t now_ms, struct outbox *out)
{
    tick(context, now_ms, out);
}

/* The step under way is left: what is on its way is taken back, and its log is closed in order. */
static void
finish(struct gateway *self, struct outbox *out)
{
    struct why why = {0};

    if (self->stopped)
        return;
    if (close_step(self, &why) != 0) {
        give_up(self, error_exit_status(why.code), &why, out);
        return;
    }
    self->stopped = true;
    outbox_stop(out, 0);
}

static void
on_signal(void *context, uint64_t now_ms, enum actor_signal signal, struct outbox *out)
{
    struct gateway *self = context;
    struct buffer text = {0};

    self->now_ms = now_ms;
    switch (signal) {
    case ACTOR_FINISH:
    case ACTOR_CHECKPOINT: finish(self, out); break;
    case ACTOR_RELOAD: flow_reload(self->flow); break;
    case ACTOR_DUMP:
        gateway_write_status(self, &text);
        log_line(LOG_LEVEL_INFO, WHO, "%.*s", (int)text.size, (const char *)text.data);
        break;
    }
    buffer_fini(&text);
}

void
gateway_actor(struct gateway *self, struct actor *out)
{
    *out = (struct actor){.role = ROLE_GATEWAY,
                          .serves = "",
                          .self = self,
                          .ready_fd = asker_fd(self->asker),
                          .start = start,
                          .receive = receive,
                          .tick = tick,
                          .ready = tick,
                          .signal = on_signal};
}
