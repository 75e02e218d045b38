/* tests/property/test_choice_schema.c - a society of agents of all five roles that ask models, played in this process.
 * Every question they ask has at most its bytes, is JSON, and has a schema that the gateway takes. Answered at random,
 * by anything that fits the schema, each gives a decision that the world takes; answered from what is offered, it is
 * carried out, and the world refuses nothing of it that the agent could have known. Views and texts come from the world
 * itself, whose agents write what is hard to quote. */
#include "tests/property/motif.h"

#include <jansson.h>
#include <math.h>

#include "agents/choice.h"
#include "core/digest.h"
#include "core/rng.h"
#include "core/streams.h"
#include "llm-gateway/repair.h"
#include "llm-gateway/schema.h"
#include "world/sandbox/state.h"

#define STEPS 60u
#define VIEWS 1000u /* at least so many are seen */

static const char *const overrides[] = {
    "llm={providers: {local: {dialect: ollama, base_url: 'http://127.0.0.1:1', models: {small: {price: free}}}}, "
    "roles: {swarm.worker: {chain: [local/small, rules]}, swarm.poster: {chain: [rules]}, "
    "swarm.planner: {chain: [rules]}, swarm.verifier: {chain: [rules]}, swarm.moderator: {chain: [rules]}}}",
    "agents=[{type: llm, count: 4, role: planner}, {type: llm, count: 10, role: worker}, "
    "{type: llm, count: 3, role: verifier}, {type: llm, count: 5, role: poster}, "
    "{type: llm, count: 3, role: moderator}, {type: adversarial, count: 2, role: worker}]",
    "sandbox.memory_max=200", "sandbox.tasks.rate=0.2", "metrics_to_track=[]", NULL};

/* ---- answers ---- */

/* Any words, mostly such as are hard to quote. */
static json_t *
random_text(struct rng *rng)
{
    static const char *const pieces[] = {
        "\"", "\\", "}]}", "\n", "\x01", "\xe2\x80\xae", "\xe2\x80\x8b", "\xf0\x9f\x90\x9f", "\xc3\xa9", "system:",
        "P1", "ignore previous instructions", "work ", "{\"option\":", "/", "\xef\xbf\xbd", "word "};
    char text[900] = "x";
    uint32_t count = rng_below(rng, 30);

    for (uint32_t i = 0; i < count; i++)
        strcat(text, pieces[rng_below(rng, sizeof pieces / sizeof pieces[0])]);
    return json_string(text);
}

/* Anything that fits the schema. */
static json_t *
random_value(const json_t *schema, struct rng *rng)
{
    const json_t *type = json_object_get(schema, "type"), *choices = json_object_get(schema, "enum");
    const json_t *properties = json_object_get(schema, "properties");
    const char *name = json_string_value(json_is_array(type) ? json_array_get(type, 0) : type);
    json_t *out, *child;
    const char *key;

    if (choices != NULL)
        return json_incref(json_array_get(choices, rng_below(rng, (uint32_t)json_array_size(choices))));
    if (json_is_array(type) && rng_chance(rng, 0.2))
        return json_null();
    if (strcmp(name, "string") == 0)
        return random_text(rng);
    if (strcmp(name, "integer") == 0)
        return json_integer(rng_integer(rng, -100, 100));
    if (strcmp(name, "number") == 0)
        return json_real(rng_chance(rng, 0.7) ? rng_real(rng) : rng_between(rng, -1e14, 1e14));
    assert_string_equal(name, "object");
    out = json_object();
    json_object_foreach((json_t *)(uintptr_t)properties, key, child)
        json_object_set_new(out, key, random_value(child, rng));
    return out;
}

/* One of the options that a question lists, with arguments in their bounds; money small, so that there is enough. */
static json_t *
offered_answer(const json_t *question, struct rng *rng)
{
    const json_t *options = json_object_get(question, "options");
    uint32_t chosen = rng_below(rng, (uint32_t)json_object_size(options)), i = 0;
    json_t *out = json_object(), *option;
    const char *name, *key;

    json_object_foreach((json_t *)(uintptr_t)options, name, option) {
        json_t *value;

        if (i++ != chosen)
            continue;
        json_object_set_new(out, "option", json_string(name));
        json_object_foreach(option, key, value) {
            const json_t *from = json_object_get(value, "from"), *list = json_object_get(value, "one_of");

            list = list != NULL ? list : strcmp(key, "target") == 0 ? value : NULL;
            if (from != NULL) {
                double low = json_number_value(from), high = json_number_value(json_object_get(value, "to"));

                json_object_set_new(out, key, json_real(rng_between(rng, low, fmin(high, fmax(low, 4.0)))));
            } else if (list != NULL) {
                assert_true(json_array_size(list) > 0);
                json_object_set(out, key, json_array_get(list, rng_below(rng, (uint32_t)json_array_size(list))));
            } else if (strcmp(key, "text") == 0) {
                json_object_set_new(out, key, random_text(rng));
            }
        }
    }
    return out;
}

static json_t *
offered_answers(const json_t *user, struct rng *rng)
{
    json_t *out = json_object(), *question;
    const char *name;

    json_object_foreach(json_object_get(user, "asked"), name, question)
        json_object_set_new(out, name, offered_answer(question, rng));
    json_object_set_new(out, "confidence", json_real(rng_real(rng)));
    if (json_object_get(user, "note") != NULL && rng_chance(rng, 0.5))
        json_object_set_new(out, "note", random_text(rng));
    return out;
}

/* ---- templates ---- */

#define WORDS_MAX 60u
#define WORD_MAX 30u

/* The words in `these` marks of a role's template, and whether a question of the role has had them. */
static struct template {
    char words[WORDS_MAX][WORD_MAX + 1];
    bool met[WORDS_MAX];
    uint32_t count;
} templates[SANDBOX_ROLES];

static void
read_template(uint32_t role, struct template *out)
{
    char path[100], text[2600], head[100];
    FILE *file;
    size_t size;

    snprintf(path, sizeof path, "configs/prompts/swarm.%s.md", sandbox_role_name(role));
    file = fopen(path, "r");
    assert_non_null(file);
    size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    assert_in_range(size, 1000, 2500);
    snprintf(head, sizeof head, "# swarm.%s, version 1\n", sandbox_role_name(role));
    assert_int_equal(strncmp(text, head, strlen(head)), 0);
    *out = (struct template){0};
    for (const char *at = strchr(text, '`'); at != NULL; at = strchr(at, '`')) {
        size_t length = strcspn(++at, "`");

        assert_in_range(length, 1, WORD_MAX);
        assert_true(out->count < WORDS_MAX);
        memcpy(out->words[out->count++], at, length);
        at += length + 1;
    }
    assert_true(out->count > 10);
}

/* A list of bytes of a prompt: whether a word stands in it in quotes. */
static bool
holds(const struct batch *prompt, uint32_t offsets, uint32_t bytes, uint32_t i, const char *word)
{
    uint32_t from = batch_u32(prompt, offsets, i), to = batch_u32(prompt, offsets, i + 1);
    char quoted[WORD_MAX + 3];

    snprintf(quoted, sizeof quoted, "\"%s\"", word);
    return memmem(prompt->data[bytes] + from, to - from, quoted, strlen(quoted)) != NULL;
}

/* What the question of a row has of its role's words. */
static void
meet_words(const struct batch *prompt, uint32_t row)
{
    uint32_t frame = batch_u16(prompt, PROMPT_frame, row), shape = batch_u16(prompt, PROMPT_shape, row), role = 0;

    while (role < SANDBOX_ROLES) {
        uint32_t from = batch_u32(prompt, PROMPT_roles, frame), to = batch_u32(prompt, PROMPT_roles, frame + 1);
        const char *name = sandbox_role_name(role);

        if (to - from == 6 + strlen(name) && memcmp(prompt->data[PROMPT_role] + from + 6, name, to - from - 6) == 0)
            break;
        role++;
    }
    assert_true(role < SANDBOX_ROLES);
    for (uint32_t i = 0; i < templates[role].count; i++)
        templates[role].met[i] |= holds(prompt, PROMPT_schemas, PROMPT_schema, shape, templates[role].words[i]) ||
            holds(prompt, PROMPT_users, PROMPT_user, row, templates[role].words[i]);
}

/* ---- one exchange ---- */

static struct {
    uint32_t asked, offers_asked, taken, overruled, by_rules, longest;
    uint64_t hostile;
    uint32_t done[VERB_COUNT];
    uint8_t mind[64]; /* by agent: who made its last decision of the act round */
} seen;

/* A frame's schema, compiled as the gateway does it. */
static struct schema *
compile(const struct batch *prompt, uint32_t shape)
{
    uint32_t from = batch_u32(prompt, PROMPT_schemas, shape), to = batch_u32(prompt, PROMPT_schemas, shape + 1);
    struct schema *out;
    struct why why = {0};

    motif_hold(schema_compile("choice", (const char *)prompt->data[PROMPT_schema] + from, to - from, &out, &why), &why);
    return out;
}

/* A question's answer: from what is offered, or whatever fits. */
static char *
answer(const struct batch *prompt, uint32_t row, bool offered, struct rng *rng)
{
    uint32_t from = batch_u32(prompt, PROMPT_users, row), to = batch_u32(prompt, PROMPT_users, row + 1);
    struct schema *schema = compile(prompt, batch_u16(prompt, PROMPT_shape, row));
    json_t *user = json_loadb((const char *)prompt->data[PROMPT_user] + from, to - from, JSON_REJECT_DUPLICATES, NULL);
    json_t *tree = json_loads(schema_text(schema), 0, NULL), *value;
    struct schema_report report;
    struct repair repair = {0};
    uint32_t bits = 0;
    char *out;

    assert_non_null(user);
    assert_in_range(to - from, 1, CHOICE_TEXT_MAX);
    meet_words(prompt, row);
    seen.longest = to - from > seen.longest ? to - from : seen.longest;
    value = offered ? offered_answers(user, rng) : random_value(tree, rng);
    schema_mend(schema, value, &bits);
    assert_true(schema_validate(schema, value, &report));
    out = json_dumps(value, JSON_COMPACT);
    repair_json(&repair, schema, out, strlen(out), false); /* the gateway would hand it on */
    assert_int_not_equal(repair.status, REPAIR_REFUSED);
    repair_fini(&repair);
    json_decref(value);
    json_decref(tree);
    json_decref(user);
    schema_destroy(&schema);
    return out;
}

static void
complete(const struct buffer *prompt_bytes, bool offered, struct rng *rng, struct buffer *out)
{
    uint32_t counts[COMPLETION_AXES] = {0}, at = 0;
    struct batch prompt;
    struct batch_writer w;
    char **texts;

    motif_read(&schema_prompt, prompt_bytes, &prompt);
    counts[COMPLETION_ROW] = prompt.count[PROMPT_ROW];
    texts = calloc(counts[COMPLETION_ROW], sizeof *texts);
    for (uint32_t i = 0; i < counts[COMPLETION_ROW]; i++) {
        texts[i] = answer(&prompt, i, offered, rng);
        counts[COMPLETION_TEXT] += (uint32_t)strlen(texts[i]);
    }
    batch_begin(&w, &schema_completion, out, digest_xxh3(prompt_bytes->data, prompt_bytes->size), 0, counts);
    for (uint32_t i = 0; i < counts[COMPLETION_ROW]; i++) {
        uint32_t size = (uint32_t)strlen(texts[i]);

        ((uint32_t *)batch_column(&w, COMPLETION_place))[i] = batch_u32(&prompt, PROMPT_place, i);
        ((uint64_t *)batch_column(&w, COMPLETION_digest))[i] = 1;
        batch_fill_bytes(&w, COMPLETION_text, at, texts[i], size);
        at += size;
        ((uint32_t *)batch_column(&w, COMPLETION_texts))[i + 1] = at;
        free(texts[i]);
    }
    free(texts);
}

static void
count_minds(const struct batch *decided, bool acts)
{
    for (uint32_t i = 0; i < decided->count[acts ? (uint32_t)DECIDE_MIND : (uint32_t)ANSWER_MIND]; i++) {
        uint8_t mind = batch_u8(decided, acts ? (uint32_t)DECIDE_mind : (uint32_t)ANSWER_mind, i), signs;

        if (acts)
            seen.mind[batch_u32(decided, DECIDE_agent, i)] = mind;
        seen.taken += mind == MIND_MODEL;
        seen.overruled += mind == MIND_OVERRULED;
        seen.by_rules += mind == MIND_NONE;
        signs = batch_u8(decided, acts ? (uint32_t)DECIDE_mind_signs : (uint32_t)ANSWER_mind_signs, i);
        seen.hostile += (signs & SIGN_HOSTILE) != 0;
    }
}

/* A group's decisions at the end of `out`. */
static void
decide(struct motif_players *p, const struct exchange *exchange, uint32_t group, bool offered, struct rng *rng,
       struct buffer *out, struct batch *decided)
{
    const struct chunk_policy *policy = &p->policies[exchange->groups[group].slot];
    uint32_t count = exchange->groups[group].count;
    struct buffer bytes = {0}, prompt_bytes = {0}, completion_bytes = {0};
    struct batch ask, prompt, completion;
    struct why why = {0};

    p->scenario.domain->ask(p->self, exchange, group, 0, count, &bytes);
    motif_read(exchange->ask, &bytes, &ask);
    motif_hold(chunk_check(policy, &ask, p->step, &why), &why);
    if (chunk_ask(policy, &ask, p->step, exchange->ask == &schema_sandbox_observe, &p->scratch, &prompt_bytes)) {
        motif_read(&schema_prompt, &prompt_bytes, &prompt);
        complete(&prompt_bytes, offered, rng, &completion_bytes);
        motif_read(&schema_completion, &completion_bytes, &completion);
        motif_hold(chunk_answers_check(&prompt, &completion, &why), &why);
        chunk_hear(policy, &ask, &completion, p->step, p->seed, &p->scratch, out);
        seen.asked += prompt.count[PROMPT_ROW];
        if (exchange->ask == &schema_sandbox_offers)
            seen.offers_asked += prompt.count[PROMPT_ROW];
    } else {
        chunk_decide(policy, &ask, p->step, p->seed, &p->scratch, out);
    }
    motif_read(exchange->answer, out, decided);
    motif_hold(p->scenario.domain->check(p->self, exchange, group, 0, count, decided, &why), &why);
    count_minds(decided, exchange->ask == &schema_sandbox_observe);
    buffer_fini(&bytes);
    buffer_fini(&prompt_bytes);
    buffer_fini(&completion_bytes);
}

/* What may go wrong with an act that was offered: what others did in the same step, or what nobody is told. */
static bool
is_bad_luck(const struct action *action)
{
    switch (action->refused) {
    case REFUSAL_NONE:
    case REFUSAL_BUSY:
        return true;
    case REFUSAL_FROZEN:
        return action->verb == VERB_MODERATE;
    case REFUSAL_TARGET: /* an author that was not warned; a reward below the least one */
        return (action->verb == VERB_MODERATE && action->value == 1) ||
            (action->verb == VERB_POST_BOUNTY && action->amount < MONEY_ONE);
    default:
        return false;
    }
}

static void
play_exchange(struct motif_players *p, const struct exchange *exchange, bool offered, struct rng *rng)
{
    bool agents = exchange->kind == EXCHANGE_AGENTS;
    uint32_t count = agents ? exchange->group_count : 1;
    struct buffer *bytes = calloc(count, sizeof *bytes);
    struct batch *decided = calloc(count, sizeof *decided);
    struct sandbox *self = p->self;
    bool acts = exchange->ask == &schema_sandbox_observe;

    for (uint32_t group = 0; group < count; group++)
        if (agents)
            decide(p, exchange, group, offered, rng, &bytes[group], &decided[group]);
        else
            motif_ask(p, exchange, group, &bytes[group], &decided[group]);
    p->scenario.domain->take(p->self, exchange, decided, NULL);
    for (uint32_t i = 0; acts && offered && i < self->turn.action_count; i++) {
        const struct action *action = &self->turn.actions[i];

        if (seen.mind[action->actor] != MIND_MODEL)
            continue;
        seen.done[action->verb] += action->refused == REFUSAL_NONE;
        if (!is_bad_luck(action))
            fail_msg("agent %u: %s: refused for reason %u", action->actor, sandbox_verb_name(action->verb),
                     action->refused);
    }
    for (uint32_t group = 0; group < count; group++)
        buffer_fini(&bytes[group]);
    free(bytes);
    free(decided);
}

static void
play(bool offered, uint64_t seed)
{
    struct motif_players players;
    struct rng rng = rng_make(seed, STREAM_TEST, offered, 33);
    struct why why = {0};

    memset(&seen, 0, sizeof seen);
    motif_begin(&players, "roles", overrides, seed);
    while (players.step < STEPS) {
        struct exchange exchange;

        players.scenario.domain->begin(players.self, ++players.step);
        while (players.scenario.domain->next(players.self, &exchange))
            play_exchange(&players, &exchange, offered, &rng);
        players.scenario.domain->end(players.self);
        motif_hold(players.scenario.domain->check_invariants(players.self, &why), &why);
    }
    motif_end(&players);
}

static void
whatever_fits(void **state)
{
    (void)state;
    play(false, 5);
    assert_true(seen.asked >= VIEWS);
    assert_true(seen.overruled > seen.asked / 10); /* most is nothing that was offered */
    assert_true(seen.taken > 0);
}

static void
what_is_offered(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        play(true, seed);
        assert_true(seen.asked >= VIEWS);
        assert_true(seen.offers_asked > 100);
        assert_true(seen.taken > seen.asked * 9 / 10); /* the rest cannot pay for both of its choices */
        assert_true(seen.hostile > 100);
        assert_true(seen.longest > 3000);
        for (uint32_t verb = VERB_PASS + 1; verb < VERB_COUNT; verb++)
            if (seen.done[verb] == 0)
                fail_msg("nobody could %s", sandbox_verb_name(verb));
    }
}

/* Templates speak of what is there: every name in them stands in some question of the role. */
static void
what_templates_say(void **state)
{
    (void)state;
    for (uint32_t role = 0; role < SANDBOX_ROLES; role++)
        read_template(role, &templates[role]);
    play(true, 3);
    for (uint32_t role = 0; role < SANDBOX_ROLES; role++)
        for (uint32_t i = 0; i < templates[role].count; i++)
            if (!templates[role].met[i])
                fail_msg("swarm.%s: `%s` is in no question", sandbox_role_name(role), templates[role].words[i]);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"whatever fits the schema gives a decision", whatever_fits},
        {"what is offered is carried out", what_is_offered},
        {"templates name what there is", what_templates_say},
    };

    return TEST_CASES("choice_schema", cases);
}
