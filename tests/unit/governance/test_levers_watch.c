/* Levers that watch who deals with whom: collusion and security, against figures worked by hand. */
#include "tests/unit/governance/docket_case.h"

#define TOKEN INT64_C(1000000)
#define SOCIETY 15u
#define ROWS_MAX 512u

struct history {
    struct case_row rows[ROWS_MAX];
    uint32_t count;
};

static void
add(struct history *self, uint32_t a, uint32_t b, bool accepted, double p, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++) {
        assert_true(self->count < ROWS_MAX);
        self->rows[self->count++] = (struct case_row){a, b, accepted, 0, p, 1, 0};
    }
}

/* Everybody from `first` on proposes good work to everybody else of them once. */
static void
mingle(struct history *self, uint32_t first, uint32_t end)
{
    for (uint32_t a = first; a < end; a++)
        for (uint32_t b = first; b < end; b++)
            add(self, a, b, true, 0.9, a != b);
}

/* What an opening says about an agent: effects of one kind, added up. */
static double
said(const struct case_verdict *v, uint32_t agent, enum sandbox_effect kind)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < v->batch.count[VERDICT_EFFECT]; i++)
        if (batch_u32(&v->batch, VERDICT_effect_agent, i) == agent &&
            batch_u8(&v->batch, VERDICT_effect_kind, i) == (uint8_t)kind)
            sum += kind == EFFECT_FINE || kind == EFFECT_FREEZE
                ? (double)batch_i64(&v->batch, VERDICT_effect_amount, i) * (kind == EFFECT_FINE ? 1e-6 : 1.0)
                : batch_f64(&v->batch, VERDICT_effect_value, i);
    return sum;
}

/* ---- collusion ---- */

/* Agents 0 and 1 among six (agents 2..7) who all deal with each other: 30 interactions and ten of theirs make 40; ten a
 * head. Chance would have 0 and 1 meet 40 x 100 / 2800 = 1.43 times: their ten are 7.2 deviations above. */
static const struct pair_row {
    const char *name, *section;
    uint32_t ab, ba; /* proposals of 0 to 1, of 1 to 0 */
    bool accepted;
    double p;
    double risk; /* of both, 0: not flagged; of 0 alone where 1 proposes nothing */
} pair_rows[] = {
    {"bad work for each other: 0.25 + 0.20 + 0.25 x 2 x 0.4", "collusion: true", 5, 5, true, 0.1, 0.65},
    {"bad work one way: half as bad, and the other is a victim", "collusion: true", 10, 0, true, 0.1, 0.55},
    {"good partners keep to each other: 0.45 is below 0.5", "collusion: true", 5, 5, true, 0.9, 0},
    {"the same with a tax that both share", "collusion: true\ntransaction_tax: {rate: 0, surplus_rate: 0.5}", 5, 5,
        true, 0.9, 0},
    {"disguised work that audits show to be bad: (0.9 + 0) / (1 + 5)", "collusion: true\nrandom_audit: {prob: 1}", 5, 5,
        true, 0.9, 0.625},
    {"blind audits show nothing", "collusion: true\nrandom_audit: {prob: 1, audit_power: 0}", 5, 5, true, 0.9, 0},
    {"bad work that nobody takes", "collusion: true", 5, 5, false, 0.1, 0},
    {"five dealings count half: 0.7 / 2", "collusion: {threshold: 0.3}", 3, 2, true, 0.0, 0.35},
    {"two are too few to judge", "collusion: {threshold: 0.01}", 1, 1, true, 0.0, 0},
    {"penalties are parameters", "collusion: {penalty: 0.5, fine: 2}", 5, 5, true, 0.1, 0.65},
};

static void
pair(void **state)
{
    const struct pair_row *row = *state;
    bool halved = strstr(row->section, "penalty") != NULL;
    struct engine *engine = case_engine(row->section, 42, 8);
    struct history *history = calloc(1, sizeof *history);
    struct case_verdict v = {0};

    add(history, 0, 1, row->accepted, row->p, row->ab);
    add(history, 1, 0, row->accepted, row->p, row->ba);
    for (uint32_t i = 0; i < history->count; i++)
        history->rows[i].truth = -1; /* which only an audit shows */
    mingle(history, 2, 8);
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = history->rows, .row_count = history->count, .epoch = -1}, &v);
    case_judge(engine, 2, 0, &(struct case_docket){.epoch = 0, .agents = 8}, &v);
    for (uint32_t agent = 0; agent < 8; agent++) {
        double risk = agent == 0 || (agent == 1 && row->ba > 0) ? row->risk : 0.0;

        assert_close(said(&v, agent, EFFECT_FLAG), risk, 1e-12);
        assert_close(said(&v, agent, EFFECT_REPUTATION), -risk * (halved ? 0.5 : 1.0), 1e-12);
        assert_close(said(&v, agent, EFFECT_FINE), risk * (halved ? 1.0 : 10.0), 1e-6);
    }
    free(history);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* The suspicion fades: with 8, 6.4 dealings left the score is 0.8 and 0.64 of 0.65. */
static void
suspicion_fades(void **state)
{
    static const double risks[] = {0.65, 0.52, 0.0};
    struct engine *engine = case_engine("collusion: {realtime: true}", 42, 8);
    struct history *history = calloc(1, sizeof *history);
    struct case_row again = {0, 1, true, 0, 0.1, 1, 0}, other = {0, 2, true, 0, 0.1, 1, 0};
    struct case_verdict v = {0};

    (void)state;
    add(history, 0, 1, true, 0.1, 5);
    add(history, 1, 0, true, 0.1, 5);
    mingle(history, 2, 8);
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = history->rows, .row_count = history->count, .epoch = -1}, &v);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 9), 0);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        case_judge(engine, 2 + epoch, 0, &(struct case_docket){.epoch = epoch, .agents = 8}, &v);
        assert_close(said(&v, 1, EFFECT_FLAG), risks[epoch], 1e-12);
    }
    engine_destroy(&engine);
    engine = case_engine("collusion: {realtime: true}", 42, 8);
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = history->rows, .row_count = history->count, .epoch = -1}, &v);
    case_judge(engine, 2, 0, &(struct case_docket){.epoch = 0, .agents = 8}, &v);
    case_judge(engine, 3, 0, &(struct case_docket){.rows = &again, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), 65000); /* 0.1 x 0.65 */
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_b, 0), 65000);
    case_judge(engine, 4, 0, &(struct case_docket){.rows = &other, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), 0); /* the partner is not flagged */
    free(history);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* A chain 0-1-2-3-4 of ten bad dealings a link, one of p = 0.1 and three of 0.3, among ten who all deal with each
 * other: links score 0.65, 0.55, 0.55, 0.55, the group of five their mean, 0.575. */
static void
group(void **state)
{
    static const double risks[SOCIETY] = {0.65, 0.65, 0.575, 0.575, 0.575};
    struct engine *engine = case_engine("collusion: true", 42, SOCIETY);
    struct history *history = calloc(1, sizeof *history);
    struct case_verdict v = {0};

    (void)state;
    for (uint32_t link = 4; link-- > 0;) { /* the far end first: groups must find together */
        add(history, link, link + 1, true, link == 0 ? 0.1 : 0.3, 5);
        add(history, link + 1, link, true, link == 0 ? 0.1 : 0.3, 5);
    }
    mingle(history, 5, SOCIETY);
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = history->rows, .row_count = history->count, .epoch = -1}, &v);
    case_judge(engine, 2, 0, &(struct case_docket){.epoch = 0, .agents = SOCIETY}, &v);
    for (uint32_t agent = 0; agent < SOCIETY; agent++)
        assert_close(said(&v, agent, EFFECT_FLAG), risks[agent], 1e-12);
    free(history);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- security ---- */

#define LINK(a, b, p) {a, b, true, 0, p, 1, 0}, {a, b, true, 0, p, 1, 0}, {a, b, true, 0, p, 1, 0}

/* One interaction a step, then an opening. */
static const struct attack_row {
    const char *name, *section;
    struct case_row rows[8];
    uint32_t count;
    uint8_t misuse, rejections;
    double reputations[CASE_AGENTS + 2];
    uint32_t agent;
    double score; /* 0: nobody is punished */
    int64_t free_at;
} attack_rows[] = {
    {"injection: 0.2 + 0.2 + 0.15 = 0.55, confidence 0.75", "security: {min_interactions: 1}",
        {{0, 1, true, 0, 0.1, -1, 0}}, 1, 1, 1, {0}, 0, 0.55 * 0.75, 0},
    {"injection: once among five", "security: {penalty_threshold: 0.05}", {{0, 1, true, 0, 0.1, -1, 0}}, 1, 1, 1, {0},
        0, 0.55 * 0.75 / 5, 0},
    {"injection: once in four: 0.5 x 0.7 / 4",
        "security: {injection_threshold: 0.4, min_interactions: 1, penalty_threshold: 0.05}",
        {{0, 1, true, 0, 0.1, -1, 0}, {0, 2, true, 0, 0.9, 1, 0}, {0, 3, true, 0, 0.9, 1, 0},
            {0, 4, false, 0, 0.1, 1, 0}}, 4, 0, 2, {0}, 0, 0.0875, 0},
    {"injection: refused work without the 0.2", "security: {penalty_threshold: 0.1, min_interactions: 1}",
        {{0, 1, false, 0, 0.1, -1, 0}}, 1, 1, 1, {0}, 0, 0.35 * 0.55, 0},
    {"a single flag is none: 0.2 below 0.3", "security: {penalty_threshold: 0.01}", {{0, 1, true, 0, 0.9, 1, 0}}, 1, 1,
        0, {0}, 0, 0, 0},
    {"exfiltration: two flags, 0.6 x 0.6", "security: true", {{0, 1, true, 0, 0.9, 1, 0}}, 1, 2, 0, {0}, 0, 0.36, 0},
    {"manipulation: five of five took two tokens: 1 x 0.9, quarantine", "security: true",
        {{0, 1, true, -2 * TOKEN, 0.45, 1, 0}, {0, 2, true, -2 * TOKEN, 0.45, 1, 0},
            {0, 3, true, -2 * TOKEN, 0.45, 1, 0}, {0, 4, true, -2 * TOKEN, 0.45, 1, 0},
            {0, 5, true, -2 * TOKEN, 0.45, 1, 0}}, 5, 0, 0, {0}, 0, 0.9, 2},
    {"manipulation: a token is a fair price", "security: {penalty_threshold: 0.01}",
        {{0, 1, true, -TOKEN, 0.45, 1, 0}, {0, 2, true, -TOKEN, 0.45, 1, 0}, {0, 3, true, -TOKEN, 0.45, 1, 0},
            {0, 4, true, -TOKEN, 0.45, 1, 0}, {0, 5, true, -TOKEN, 0.45, 1, 0}}, 5, 0, 0, {0}, 0, 0, 0},
    {"manipulation: the same one again: 3 of 5, 0.6 x 0.74", "security: true",
        {{0, 1, true, 0, 0.35, 1, 0}, {0, 1, true, 0, 0.35, 1, 0}, {0, 1, true, 0, 0.35, 1, 0},
            {0, 1, true, 0, 0.35, 1, 0}, {0, 1, true, 0, 0.35, 1, 0}}, 5, 0, 0, {0}, 0, 0.444, 0},
    {"manipulation: four proposals are too few", "security: {penalty_threshold: 0.01}",
        {{0, 1, true, 0, 0.35, 1, 0}, {0, 1, true, 0, 0.35, 1, 0}, {0, 1, true, 0, 0.35, 1, 0},
            {0, 1, true, 0, 0.35, 1, 0}}, 4, 0, 0, {0}, 0, 0, 0},
    {"laundering: 0.7 above 1 and 0.6 above 2, over 1: 1 x 0.8", "security: true",
        {LINK(0, 1, 0.4), LINK(1, 2, 0.4)}, 6, 0, 0, {0.8, 0.1, 0.2, 0, 0, 0}, 0, 0.8, 2},
    {"laundering: 0.35 above: 0.7 x 0.75", "security: true",
        {LINK(0, 1, 0.4), LINK(1, 2, 0.4)}, 6, 0, 0, {0.85, 0.5, 0.25, 0, 0, 0}, 0, 0.525, 0},
    {"laundering: one of the chain is as good", "security: {penalty_threshold: 0.01}",
        {LINK(0, 1, 0.4), LINK(1, 2, 0.4)}, 6, 0, 0, {0.8, 0.1, 0.7, 0, 0, 0}, 0, 0, 0},
    {"laundering: the way back is no chain", "security: {penalty_threshold: 0.01}",
        {LINK(0, 1, 0.4), LINK(1, 0, 0.4)}, 6, 0, 0, {0.8, 0.1, 0, 0, 0, 0}, 0, 0, 0},
    {"laundering: twice is no habit", "security: {penalty_threshold: 0.01}",
        {LINK(0, 1, 0.4), {1, 2, true, 0, 0.4, 1, 0}, {1, 2, true, 0, 0.4, 1, 0}}, 5, 0, 0,
        {0.8, 0.1, 0.2, 0, 0, 0}, 0, 0, 0},
    {"laundering: good work is worth its reputation", "security: {penalty_threshold: 0.01}",
        {LINK(0, 1, 0.6), LINK(1, 2, 0.6)}, 6, 0, 0, {0.8, 0.1, 0.2, 0, 0, 0}, 0, 0, 0},
    {"contagion: 1 passes on within 2 steps: 0.2 x (0.5 + 1 / 20.1)", "security: {penalty_threshold: 0.1}",
        {{0, 1, true, 0, 0.2, 1, 0}, {1, 2, true, 0, 0.2, 1, 0}, {1, 3, true, 0, 0.2, 1, 0}}, 3, 0, 0, {0}, 1,
        0.2 * (0.5 + 1 / 20.1), 0},
    {"contagion: disguised, but audited", "random_audit: {prob: 1}\nsecurity: {penalty_threshold: 0.1, "
        "injection_threshold: 0.4}", {{0, 1, true, 0, 0.9, -1, 0}, {1, 2, true, 0, 0.9, -1, 0},
            {1, 3, true, 0, 0.9, -1, 0}}, 3, 0, 0, {0}, 1, 0.2 * (0.5 + 1 / 20.1), 0},
    {"contagion: it looks bad, but audits show good work",
        "random_audit: {prob: 1}\nsecurity: {penalty_threshold: 0.01}",
        {{0, 1, true, 0, 0.2, 1, 0}, {1, 2, true, 0, 0.2, 1, 0}, {1, 3, true, 0, 0.2, 1, 0}}, 3, 0, 0, {0}, 1, 0, 0},
    {"contagion: once is not enough", "security: {penalty_threshold: 0.01}",
        {{0, 1, true, 0, 0.2, 1, 0}, {1, 2, true, 0, 0.2, 1, 0}}, 2, 0, 0, {0}, 1, 0, 0},
    {"contagion: too late", "security: {penalty_threshold: 0.01, window: 1}",
        {{0, 1, true, 0, 0.2, 1, 0}, {1, 2, true, 0, 0.2, 1, 0}, {1, 3, true, 0, 0.2, 1, 0}}, 3, 0, 0, {0}, 1, 0, 0},
    {"contagion: the third hand has depth 2: 0.4 x (0.5 + 2 / 20.1)", "security: {penalty_threshold: 0.2}",
        {{0, 1, true, 0, 0.2, 1, 0}, {1, 2, true, 0, 0.2, 1, 0}, {1, 3, true, 0, 0.2, 1, 0}, {3, 4, true, 0, 0.2, 1, 0},
            {3, 5, true, 0, 0.2, 1, 0}}, 5, 0, 0, {0}, 3, 0.4 * (0.5 + 2 / 20.1), 0},
    {"contagion: back and forth goes no deeper", "security: {penalty_threshold: 0.2}",
        {{0, 1, true, 0, 0.2, 1, 0}, {1, 0, true, 0, 0.2, 1, 0}, {1, 0, true, 0, 0.2, 1, 0}, {0, 1, true, 0, 0.2, 1, 0},
            {0, 1, true, 0, 0.2, 1, 0}, {1, 0, true, 0, 0.2, 1, 0}}, 6, 0, 0, {0}, 0, 0, 0},
};

static void
attack(void **state)
{
    enum { AGENTS = CASE_AGENTS + 2 };
    const struct attack_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, AGENTS);
    struct case_verdict v = {0};

    case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0, .agents = AGENTS}, &v);
    for (uint32_t i = 0; i < row->count; i++)
        case_judge(engine, 2 + i, 0, &(struct case_docket){.rows = &row->rows[i], .row_count = 1, .epoch = -1,
            .misuse = row->misuse, .rejections = row->rejections}, &v);
    case_judge(engine, 20, 0,
        &(struct case_docket){.epoch = 0, .agents = AGENTS, .reputations = row->reputations}, &v);
    for (uint32_t agent = 0; agent < AGENTS; agent++) {
        double score = agent == row->agent ? row->score : 0.0;

        assert_close(said(&v, agent, EFFECT_REPUTATION), -score, 1e-12);
        assert_close(said(&v, agent, EFFECT_FINE), score * 5.0, 1e-6);
        assert_true(said(&v, agent, EFFECT_FREEZE) == (agent == row->agent ? (double)row->free_at : 0.0));
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* Quarantine: neither acts nor proposes in epochs 1 and 2, does in epoch 3; the score has faded by then. */
static void
quarantine(void **state)
{
    struct engine *engine = case_engine("security: {quarantine_threshold: 0.35}", 42, CASE_AGENTS);
    struct case_row bad = {0, 1, true, 0, 0.9, 1, 0}, good[] = {{0, 1, true, 0, 0.9, 1, 0}, {1, 0, true, 0, 0.9, 1, 0}};
    struct case_action acts[] = {{0, VERB_POST, 0}, {1, VERB_POST, 0}};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &(struct case_docket){.rows = &bad, .row_count = 1, .misuse = 2, .epoch = -1}, &v);
    for (uint32_t epoch = 1; epoch < 4; epoch++) {
        case_judge(engine, 1 + epoch, 0, &(struct case_docket){.rows = good, .row_count = 2, .actions = acts,
            .action_count = 2, .epoch = epoch}, &v);
        assert_true(said(&v, 0, EFFECT_FREEZE) == (epoch == 1 ? 3.0 : 0.0));
        assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 0), epoch == 3);
        assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), epoch == 3);
        assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 1), 1);
        assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 1), 1);
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* At once: 0.3 + 0.2 + 0.15 = 0.65 of bad work that was accepted; 0.2 of that from the initiator, half of it from the
 * other. */
static void
realtime(void **state)
{
    struct engine *engine = case_engine("security: {realtime: true}", 42, CASE_AGENTS);
    struct case_row rows[] = {{0, 1, true, 0, 0.1, 1, 0}, {0, 1, false, 0, 0.1, 1, 0}};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = rows, .row_count = 2, .misuse = 1, .rejections = 1, .epoch = -1}, &v);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), 130000);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_b, 0), 65000);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 1), 0); /* 0.35 is below a half */
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a pair's suspicion fades, and costs while it lasts", suspicion_fades},
        {"a group shares its risk", group},
        {"quarantine holds until its epoch", quarantine},
        {"suspicious interactions cost at once", realtime},
    };

    return TEST_ROWS("lever_collusion", pair_rows, pair) + TEST_ROWS("lever_security", attack_rows, attack) +
        TEST_CASES("levers_watch", cases);
}
