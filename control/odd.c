#include "control/odd.h"

#include <stddef.h>
#include <string.h>

/* ---- the sandbox under its own rules ---- */

#define MARKET_PURPOSE                                                                                               \
    "To study how the quality of what is exchanged in a society of agents depends on the rules of the game, when "   \
    "quality cannot be seen for certain. Agents of several dispositions propose work to one another; a proxy turns " \
    "what can be observed of the work into a soft label p, the probability that it is good, and p moves money and "  \
    "reputations. The model answers questions of this kind: which levers of governance lower the harm, for whom, "   \
    "and at what cost in welfare; when does bad work drive out good work; how much does it matter that the label "   \
    "can be gamed?"
#define MARKET_PATTERNS                                                                                              \
    "The model is meant to show, and is tested for: adverse selection (what is accepted is worse than what is "      \
    "refused, quality_gap < 0) among many deceivers and without governance, after Akerlof (1970); deterrence by "    \
    "the product of the chance of an audit and its penalty, after Becker (1968); a gap between harm by the soft "    \
    "label and harm by the truth that grows with disguise (Goodhart's law); and that levers which reveal the truth " \
    "work where levers that only cost do not."
#define MARKET_ENTITIES                                                                                              \
    "*Agents* have: a group with a policy (how they decide) and a role (what they may do), skill in [0, 1], "        \
    "reputation in [-1, 1], free money and stake in millionths of a token, influence, the sum of their payoffs, the " \
    "epoch until which they are frozen, a task in work, a table of the partners they remember (trust), and a few "   \
    "bytes of private memory. *Interactions* (proposals) have: initiator, counterparty, kind, transfer tau, effort " \
    "e, disguise m, a latent quality v in {-1, +1}, five observables, the label p, belief, costs and payoffs; they " \
    "live for one step. *Posts* make up a feed with replies, votes and a ranking. *Tasks* have a bounty, a "         \
    "difficulty, a deadline and a state. *Accounts* beside those of the agents: the environment (where payoffs come " \
    "from), the treasury (where costs and fines go) and escrow. *Governance* has levers with a state each. Space " \
    "is a network, where there is one, and nothing else."
#define MARKET_SCALES                                                                                                \
    "Time passes in steps of no fixed length; a number of steps is an epoch, after which limits are counted anew, "  \
    "rules are opened and figures are taken."
#define MARKET_PROCESS                                                                                               \
    "In each step: (1) operators' commands that are due; (2) tasks turn up, expire or fail, and work goes on; (3) in " \
    "the first step of an epoch governance *opens*: it says its public numbers, and stakes are made up; (4) *act*: " \
    "every agent that is not frozen chooses one action and at most one proposal, from what it sees at the start of " \
    "the step; (5) the quality and the observables of each proposal are drawn; (6) *offers*: counterparties see an " \
    "early signal of each proposal and accept or refuse; (7) *judge*: governance allows, refuses, prices, audits; "  \
    "(8) what was allowed is settled in the order of agents' ids, actions before interactions: transfers, payoffs, " \
    "reputations, trust; (9) figures, the check of money (the sum over all accounts is zero), the digest of the "    \
    "state. Within a phase nobody sees the others' choices of that phase. With `turns: sequential`, (4) to (8) are " \
    "run for one agent after the other, and each sees what those before it have done."
#define MARKET_BASIC                                                                                                 \
    "Trade under asymmetric information (Akerlof 1970; Glosten & Milgrom 1985; Kyle 1985): the initiator knows its " \
    "effort, the counterparty a noisy signal. Crime and punishment (Becker 1968): governance deters by expected "    \
    "cost. Reputation as a moving average of labels. Payoffs follow the label and not the truth, so the proxy is a " \
    "target that can be gamed."
#define MARKET_EMERGENCE                                                                                             \
    "Rates of acceptance, the quality of what is accepted, toxicity (mean 1 - p) and its hard counterpart (share of " \
    "v = -1), welfare, inequality of influence and wealth, and who still takes part emerge from decisions. Shares "  \
    "of policies, skills and the distributions of observables are imposed."
#define MARKET_ADAPTATION                                                                                            \
    "Agents choose effort, disguise, price and partner anew in every step, given the public numbers of governance "  \
    "and what they remember; policies with a memory switch their mode (deceptive) or their strategy (adaptive "      \
    "adversaries)."
#define MARKET_OBJECTIVES                                                                                            \
    "Honest agents maximise the expected gain of both sides together, opportunists their own; deceivers spend a "    \
    "reputation that they earned; adversaries maximise harm through acceptance. Effort and disguise are chosen on a " \
    "grid of 11 values each by closed-form expectations."
#define MARKET_LEARNING                                                                                              \
    "Trust in a partner is the mean label of past accepted interactions, an audit that proved bad work counting as " \
    "several labels of 0. Adaptive adversaries keep a bandit over named strategies. No other parameter of a policy " \
    "changes in a run."
#define MARKET_PREDICTION                                                                                            \
    "Agents expect the chance that work succeeds from effort and skill, the label of good and of disguised bad work " \
    "(exact expectations, public numbers), their acceptance from their own record, and the cost of audits from the " \
    "audit's probability, power and penalty."
#define MARKET_SENSING                                                                                               \
    "An agent sees itself, a handful of possible partners with their public reputation and its own trust in them, "  \
    "the visible part of the feed, open tasks, and governance's public numbers. A counterparty sees each observable " \
    "of an offer with probability 1 - attention_scarcity. Dispositions and the truth v are never shown, but to "     \
    "insiders about their own kind."
#define MARKET_INTERACTION                                                                                           \
    "Directly by proposals (accepted or not), votes and tasks; indirectly by the feed's ranking, by reputations, by " \
    "the treasury and by scarce attention: who gets more offers than it may answer leaves some unanswered."
#define MARKET_STOCHASTICITY                                                                                         \
    "Skills, partners on offer, quality, observables, what is revealed, tasks, mixed decisions and audits are drawn. " \
    "Every number comes from Philox4x32-10 (Salmon et al. 2011) keyed by (seed, stream, entity, step), so it does "  \
    "not depend on who computes it or in which order, and two runs with the same seed share their random numbers."
#define MARKET_COLLECTIVES                                                                                           \
    "Groups of a scenario share a policy; insiders of one deceiving kind know each other. No other collective is "   \
    "imposed; cliques and cascades are observed."
#define MARKET_OBSERVATION                                                                                           \
    "Every step is in the run's log with all decisions, interactions and verdicts; figures are taken at the end of " \
    "every epoch and for the whole run. An epoch without interactions has no rates: they are reported as undefined, " \
    "never as 0."
#define MARKET_INITIALISATION                                                                                        \
    "Before step 1 every agent has the money of its group, reputation 0, no stake, no memory, and a skill drawn "    \
    "uniformly between its group's bounds; feed, tasks and trust are empty. Initialisation depends on the seed by "  \
    "the skills and, where these are on, by links, capabilities and the sources of a contagion."
#define MARKET_INPUT                                                                                                 \
    "None: no data from outside drive the model. Operators' commands (such as the kill switch) and, where agents "   \
    "are played by language models, the models' answers are inputs; they are kept in the log, and a replay uses them " \
    "again."
#define MARKET_SUBMODELS                                                                                             \
    "The equations of quality, proxy, belief, payoffs, reputation, trust, objectives and levers, with their "        \
    "sources, are in docs/model.md; all parameters, with defaults and bounds, are there, too. Below are those that " \
    "this scenario sets otherwise, and the levers that are on."

/* ---- the rules of the earlier implementation ---- */

#define COMPAT_PURPOSE                                                                                               \
    "To reproduce an earlier implementation of the sandbox, constant by constant and draw by draw, so that the "     \
    "numbers of this program can be compared with it. It is not meant for new studies; docs/compat.md names the "    \
    "mistakes that it keeps on purpose."
#define COMPAT_PATTERNS "Traces and sweeps of the earlier implementation, exactly, for the same generator and seed."
#define COMPAT_ENTITIES                                                                                              \
    "*Agents* with a type, resources, reputation, a memory of partners and counts; *interactions* with observables, " \
    "a label p and payoffs; a feed of posts; a marketplace of bounties; an optional network between agents; "        \
    "governance with its levers' counters."
#define COMPAT_PROCESS                                                                                               \
    "Agents act one after the other within a step, each seeing what those before it have done; an action is "        \
    "answered, judged and settled at once. At the start of an epoch the levers are applied, at its end figures are " \
    "taken."
#define COMPAT_BASIC                                                                                                 \
    "The same proxy and payoffs as the usual rules, with their constants of then. What can be observed is drawn "    \
    "from the initiator's type, after the counterparty has decided: quality does not exist before acceptance."
#define COMPAT_EMERGENCE "Toxicity, welfare, quality gap and inequality, within narrow bounds set by the constants."
#define COMPAT_ADAPTATION "By type: fixed thresholds and probabilities; adaptive adversaries weigh strategies."
#define COMPAT_OBJECTIVES "Implied by the constants of each type; nothing is maximised."
#define COMPAT_LEARNING "Counts of past outcomes with partners, and weights of strategies in adaptive adversaries."
#define COMPAT_PREDICTION "None, but for averages of past labels."
#define COMPAT_SENSING                                                                                               \
    "An agent sees itself, other agents in public, its pending proposals, the visible feed and tasks."
#define COMPAT_INTERACTION "Proposals, votes, bounties; by the network where there is one."
#define COMPAT_STOCHASTICITY                                                                                         \
    "All draws come from one generator (splitmix64, Steele, Lea & Flood 2014) in the order of execution."
#define COMPAT_COLLECTIVES "Deceptive and adversarial agents may favour their own type."
#define COMPAT_OBSERVATION "Figures of every epoch and of the run; every interaction is in the log."
#define COMPAT_INITIALISATION                                                                                        \
    "Every agent has the same resources, reputation 0 and no memory; the network, if any, is drawn."
#define COMPAT_INPUT "None."
#define COMPAT_SUBMODELS                                                                                             \
    "See docs/compat.md. Below are the parameters that this scenario sets, and the levers that are on."

#define NO_SCALES "Time passes in steps; a number of steps is an epoch. There is no space."

#define ROW_MEMBERS(prefix, scales_text)                                                                             \
    .purpose = prefix##_PURPOSE, .patterns = prefix##_PATTERNS, .entities = prefix##_ENTITIES,                       \
    .scales = scales_text, .process = prefix##_PROCESS, .basic_principles = prefix##_BASIC,                          \
    .emergence = prefix##_EMERGENCE, .adaptation = prefix##_ADAPTATION, .objectives = prefix##_OBJECTIVES,           \
    .learning = prefix##_LEARNING, .prediction = prefix##_PREDICTION, .sensing = prefix##_SENSING,                   \
    .interaction = prefix##_INTERACTION, .stochasticity = prefix##_STOCHASTICITY,                                    \
    .collectives = prefix##_COLLECTIVES, .observation = prefix##_OBSERVATION,                                        \
    .initialisation = prefix##_INITIALISATION, .input = prefix##_INPUT, .submodels = prefix##_SUBMODELS

static const struct odd rows[] = {
    {.rules = "sandbox", ROW_MEMBERS(MARKET, MARKET_SCALES)},
    {.rules = "compat", ROW_MEMBERS(COMPAT, NO_SCALES)},
};

const struct odd *
odd_find(const char *rules)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].rules, rules) == 0)
            return &rows[i];
    return NULL;
}

/* ---- mechanisms ---- */

const struct odd_mechanism odd_mechanisms[] = {
    {"sandbox.network.topology", "none", "Network",
        "Agents are joined by weighted links, made once at genesis. Partners are offered among neighbours, and a "
        "proposal to anybody else is refused. With `dynamic`, accepted interactions strengthen a link, every "
        "epoch weakens all, links below `weight_min` end, and friends of friends are met with probability "
        "`relink`."},
    {"sandbox.market.enabled", "false", "Market of bounties",
        "*Bounties* have a reward in escrow, a difficulty, bids and a status. Posters set a reward aside, workers "
        "bid, the poster awards one bid (the rest of the reward goes back), the work is done as a task and "
        "handed in, and the escrow is paid out or back when the condition is known. Who disagrees files a "
        "dispute; a hearing some epochs later finds out the truth with probability `dispute_power`, otherwise the "
        "escrow is split."},
    {"sandbox.projects.enabled", "false", "Projects",
        "Agents have *capabilities* (bits, drawn at genesis). *Projects* turn up with a bounty set aside and "
        "parts that need a capability each. A planner takes a project on and assigns its parts; each is a task "
        "that is done, handed in, judged by a verifier and, where it is sent back, done again. Parts are paid "
        "when they are approved, the planner when all are."},
    {"sandbox.contagion.enabled", "false", "Contagion",
        "Agents may be *compromised*, from a source at a distance. Proposals of a compromised agent carry a "
        "payload, which compromises who accepts them with probability `susceptibility` and shows as a flag of "
        "misuse with probability `detectability`. Audits that find bad work, and freezes, cure."},
    {"sandbox.discourse.enabled", "false", "Discourse",
        "Posts have a kind (plain, rule, story, meme, talk about what agents are), a topic and a stance. An agent "
        "holds the topic of its last story or meme; it has taken it up from the author of the post that it "
        "answered, one generation later."},
    {"sandbox.norms.enabled", "false", "Norms",
        "Posts may propose a value for a parameter of governance. When an epoch ends, the proposals with the net "
        "votes of a share `quorum` of the agents behind them are adopted, best first, and hold from the next "
        "opening on."},
    {"sandbox.moderation.enabled", "false", "Moderation",
        "Agents with the role of a moderator hide posts and freeze authors of whom `warnings` posts were hidden, "
        "at most `budget` times an epoch. Harm is measured by what the author meant, which moderators do not see."},
    {"sandbox.communities", "false", "Communities",
        "Who deals with whom is followed, and groups in it are found at the end of an epoch by the method of "
        "Louvain (Blondel et al. 2008). This is observation: no agent sees it."},
    {NULL, NULL, NULL, NULL},
};
