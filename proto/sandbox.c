#include "proto/sandbox.h"

#define LENGTH(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))

#define ROWS_MAX (1u << 24)
#define BYTES_MAX (PAYLOAD_BYTES)
#define PAYLOAD_BYTES (1u << 30) /* on the wire PAYLOAD_MAX is the tighter bound; the log joins chunks */

static const struct axis observe_axes[] = {
    [ACT_ROW] = {"agent", ROWS_MAX, "agents in this chunk"},
    [ACT_CANDIDATE] = {"candidate", ROWS_MAX * 8u, "partners an agent may choose from"},
    [ACT_POST] = {"post", 32, "visible posts, the same for all"},
    [ACT_TASK] = {"task", 64, "tasks to claim or verify, the same for all"},
    [ACT_MEMORY] = {"memory", BYTES_MAX, "bytes of private memory"},
    [ACT_QUOTE] = {"quote", 64, "public numbers, the same for all"},
    [ACT_TRAIT] = {"trait", ROWS_MAX, "agents again, where the scenario uses these columns; else none"},
    [ACT_BOUNTY] = {"bounty", 64, "open bounties, the same for all"},
    [ACT_BID] = {"bid", ROWS_MAX, "pending bids on agents' own bounties"},
    [ACT_JOB] = {"job", ROWS_MAX, "awarded bounties of agents"},
    [ACT_PART] = {"part", ROWS_MAX, "parts of projects that wait to be assigned"},
    [ACT_WORDS] = {"words", 1u << 20, "bytes of visible posts' texts, the same for all"},
};
static const struct axis decide_axes[] = {
    [DECIDE_ROW] = {"agent", ROWS_MAX, "agents in this chunk"},
    [DECIDE_TEXT] = {"text", BYTES_MAX, "bytes of text"},
    [DECIDE_MEMORY] = {"memory", BYTES_MAX, "bytes of private memory"},
    [DECIDE_EXTRA] = {"extra", ROWS_MAX, "agents again where the observation has traits; else none"},
    [DECIDE_MIND] = {"mind", ROWS_MAX, "agents again where their policy asks models; else none"},
};
static const struct axis offers_axes[] = {
    [OFFERS_ROW] = {"agent", ROWS_MAX, "agents with offers to answer"},
    [OFFERS_OFFER] = {"offer", ROWS_MAX, "offers"},
    [OFFERS_MEMORY] = {"memory", BYTES_MAX, "bytes of private memory"},
    [OFFERS_QUOTE] = {"quote", 64, "public numbers, the same for all"},
};
static const struct axis answer_axes[] = {
    [ANSWER_ROW] = {"agent", ROWS_MAX, "agents with offers to answer"},
    [ANSWER_OFFER] = {"offer", ROWS_MAX, "offers"},
    [ANSWER_MIND] = {"mind", ROWS_MAX, "agents again where their policy asks models; else none"},
};
static const struct axis docket_axes[] = {
    [DOCKET_ROW] = {"interaction", ROWS_MAX, "interactions"},
    [DOCKET_ACTION] = {"action", ROWS_MAX, "actions other than pass"},
    [DOCKET_OPENING] = {"opening", 1, "one at the first docket of an epoch"},
    [DOCKET_AGENT] = {"agent", ROWS_MAX, "all agents at an opening, else none"},
    [DOCKET_NORM] = {"norm", 256, "rules that agents have adopted since the last opening"},
    [DOCKET_TEXT] = {"text", 1u << 16, "bytes of their texts"},
};
static const struct axis verdict_axes[] = {
    [VERDICT_ROW] = {"interaction", ROWS_MAX, "as in the docket"},
    [VERDICT_ACTION] = {"action", ROWS_MAX, "as in the docket"},
    [VERDICT_EFFECT] = {"effect", ROWS_MAX, "changes of state for the world to apply, in order"},
    [VERDICT_QUOTE] = {"quote", 64, "public numbers, at an opening"},
};
static const struct axis events_axes[] = {
    [EVENTS_ROW] = {"interaction", ROWS_MAX, "offers that passed the rails, by initiator within a turn"},
    [EVENTS_ACTION] = {"action", ROWS_MAX * 2u, "actions other than pass, then refused proposals"},
    [EVENTS_NOTE] = {"note", ROWS_MAX * 4u, "what else happened, in order"},
};
static const struct axis summary_axes[] = {
    [SUMMARY_ROW] = {"figure", 4096, "figures"},
    [SUMMARY_TEXT] = {"text", 1u << 20, "bytes of names"},
};

static const struct column observe_columns[] = {OBSERVE_COLUMNS(COLUMN_ROW)};
static const struct column decide_columns[] = {DECIDE_COLUMNS(COLUMN_ROW)};
static const struct column offers_columns[] = {OFFERS_COLUMNS(COLUMN_ROW)};
static const struct column answer_columns[] = {ANSWER_COLUMNS(COLUMN_ROW)};
static const struct column docket_columns[] = {DOCKET_COLUMNS(COLUMN_ROW)};
static const struct column verdict_columns[] = {VERDICT_COLUMNS(COLUMN_ROW)};
static const struct column events_columns[] = {EVENTS_COLUMNS(COLUMN_ROW)};
static const struct column summary_columns[] = {SUMMARY_COLUMNS(COLUMN_ROW)};

#define SCHEMA(variable, number, title, sender, receiver, list, text)                                                \
    const struct schema variable = {.id = number, .name = title, .from = sender, .to = receiver, .doc = text,        \
        .axes = list##_axes, .axis_count = LENGTH(list##_axes),                                                      \
        .columns = list##_columns, .column_count = LENGTH(list##_columns)};                                          \
    _Static_assert(LENGTH(list##_columns) <= COLUMN_MAX && LENGTH(list##_axes) <= AXIS_MAX, "schema too wide")

/* clang-format off */
SCHEMA(schema_summary,         1,  "summary",         "world",      "subscribers", summary, "Figures of a step.");
SCHEMA(schema_sandbox_observe, 16, "sandbox.observe", "world",      "agents",     observe, "What an agent sees before it acts.");
SCHEMA(schema_sandbox_decide,  17, "sandbox.decide",  "agents",     "world",      decide,  "One action and at most one proposal an agent.");
SCHEMA(schema_sandbox_offers,  18, "sandbox.offers",  "world",      "agents",     offers,  "Proposals that wait for an answer.");
SCHEMA(schema_sandbox_answer,  19, "sandbox.answer",  "agents",     "world",      answer,  "Accepted or not.");
SCHEMA(schema_sandbox_docket,  20, "sandbox.docket",  "world",      "governance", docket,  "Interactions and actions to be judged.");
SCHEMA(schema_sandbox_verdict, 21, "sandbox.verdict", "governance", "world",      verdict, "What may happen, what it costs, and what else changes.");
SCHEMA(schema_sandbox_events,  22, "sandbox.events",  "world",      "subscribers", events, "What became of every offer and action of a step.");
/* clang-format on */

#define NOTE_NAME(name, doc) [NOTE_##name] = #name,
static const char *const note_names[] = {SANDBOX_NOTES(NOTE_NAME)};

const char *
sandbox_note_name(uint32_t note)
{
    return note < SANDBOX_NOTE_COUNT ? note_names[note] : NULL;
}
