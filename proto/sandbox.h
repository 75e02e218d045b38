/* proto/sandbox.h - what the sandbox domain says to agents and governance: the batches of its two agent exchanges
 * (act, offers) and of its governance exchange (docket, verdict), and its step summary. True types are in none. */
#ifndef POLIS_PROTO_SANDBOX_H
#define POLIS_PROTO_SANDBOX_H

#include "proto/columns.h"

#define SANDBOX_NOBODY UINT32_MAX /* no agent, no post, no task */
#define SANDBOX_GRID 11u          /* effort and disguise are weighed on 0, 0.1 .. 1 */

enum sandbox_role {
    SANDBOX_PLANNER,
    SANDBOX_WORKER,
    SANDBOX_VERIFIER,
    SANDBOX_POSTER,
    SANDBOX_MODERATOR,
    SANDBOX_ROLES
};

enum sandbox_verb {
    VERB_PASS, VERB_POST, VERB_REPLY, VERB_VOTE, VERB_CLAIM_TASK, VERB_SUBMIT_WORK, VERB_VERIFY, VERB_POST_BOUNTY,
    VERB_BID, VERB_ACCEPT_BID, VERB_DISPUTE, VERB_MODERATE, VERB_DECOMPOSE, VERB_ASSIGN, VERB_COUNT
};

/* What a post is, as its author declares it. */
enum sandbox_post {
    POST_PLAIN,
    POST_RULE,  /* proposes a rule: its text is "RULE lever.parameter=value" */
    POST_STORY, /* tells a story: `topic` says which */
    POST_MEME,  /* passes a meme on: `topic` says which */
    POST_META,  /* talks about what agents are; `stance` says what it holds */
    POST_KINDS
};

/* Who decided for an agent whose policy asks models. */
enum sandbox_mind {
    MIND_NONE,        /* nobody was asked: there was nothing to decide */
    MIND_MODEL,       /* the model */
    MIND_MENDED,      /* the model, after its answer's form was mended */
    MIND_BUDGET,      /* the fallback: no budget left to ask */
    MIND_UNAVAILABLE, /* the fallback: nobody gave a fit answer in time */
    MIND_REFUSED,     /* the fallback: the model would not */
    MIND_OVERRULED,   /* the fallback: what the model wanted is not among its options, or out of bounds */
    SANDBOX_MINDS
};

/* What stands out in what a mind read and tried. */
enum sandbox_sign {
    SIGN_HOSTILE = 1,   /* it read a text that looks like an attempt to give it orders */
    SIGN_FORBIDDEN = 2, /* it named an option, a party or a number that it was not offered */
    SIGN_LEAK = 4,      /* it gave its secret instructions away: the answer was not used */
    SIGN_WITHHELD = 8   /* a text was kept from it: too many models had had it in their hands */
};

/* Whose work a task is. */
enum sandbox_owner {
    OWNER_ENVIRONMENT, /* it turned up */
    OWNER_BOUNTY,      /* a bounty was awarded: its poster judges it */
    OWNER_PROJECT,     /* a part of a project that a planner has taken on */
    OWNER_KINDS
};

enum sandbox_bounty {
    BOUNTY_OPEN,
    BOUNTY_AWARDED,
    BOUNTY_COMPLETED,
    BOUNTY_FAILED,
    BOUNTY_DISPUTED,
    BOUNTY_EXPIRED,
    BOUNTY_STATUSES
};

#define SANDBOX_OFFERS_ASKED 8u /* of an agent's offers a mind outside is asked about these first ones */
#define SANDBOX_CAPABILITIES 8u /* kinds of work: a bit each */

enum sandbox_interaction {
    INTERACTION_REPLY,
    INTERACTION_VOTE,
    INTERACTION_TRADE,
    INTERACTION_COLLABORATION,
    INTERACTION_KINDS
};

enum sandbox_task_status {
    TASK_OPEN,
    TASK_CLAIMED,
    TASK_IN_PROGRESS,
    TASK_SUBMITTED,
    TASK_COMPLETED,
    TASK_FAILED,
    TASK_EXPIRED
};

/* Numbers every agent and lever may know, by index in axis `quote`. */
enum sandbox_quote {
    /* set by governance at the opening docket of an epoch */
    QUOTE_TAX_RATE, QUOTE_AUDIT_PROBABILITY, QUOTE_AUDIT_PENALTY, QUOTE_AUDIT_THRESHOLD, QUOTE_AUDIT_POWER,
    QUOTE_SLASH_RATE, QUOTE_STAKE_REQUIRED, QUOTE_REPUTATION_DECAY, QUOTE_BREAKER_THRESHOLD, QUOTE_BANDWIDTH_CAP,
    QUOTE_TRANSPARENCY,
    QUOTE_REFINERY_THRESHOLD,      /* work whose label is below it is refused; 0: none is */
    QUOTE_MODERATION_PROBABILITY, QUOTE_MODERATION_PENALTY, QUOTE_MODERATION_THRESHOLD,
    QUOTE_COUNCIL_PROBABILITY,     /* that a council looks at accepted work and stops it when it is bad */
    QUOTE_GOVERNANCE_END,          /* first number that governance does not set */
    /* set by the world */
    QUOTE_EPOCH = QUOTE_GOVERNANCE_END,
    QUOTE_STEP, QUOTE_STEPS_PER_EPOCH, QUOTE_S_PLUS, QUOTE_S_MINUS, QUOTE_H, QUOTE_THETA, QUOTE_RHO_A, QUOTE_RHO_B,
    QUOTE_W_REP, QUOTE_EFFORT_COST, QUOTE_DISGUISE_COST, QUOTE_ETA, QUOTE_ATTENTION_SCARCITY,
    QUOTE_P_GOOD,                             /* E[p | v = +1] */
    QUOTE_P_BAD,                              /* SANDBOX_GRID entries: E[p | v = -1, disguise i/10] */
    QUOTE_COUNT = QUOTE_P_BAD + 11
};

/* clang-format off */
/* ---- observation of the act round ---- */
/* ACT_TRAIT has an element a row where the scenario uses what its columns are about, and none where it does not. */
enum {
    ACT_ROW, ACT_CANDIDATE, ACT_POST, ACT_TASK, ACT_MEMORY, ACT_QUOTE, ACT_TRAIT, ACT_BOUNTY, ACT_BID, ACT_JOB, ACT_PART,
    ACT_WORDS, ACT_AXES
};
#define OBSERVE_COLUMNS(C)                                                                                       \
    C(OBSERVE, agent,        U32, ACT_ROW, 0, 0, 1e9, "who observes")                                            \
    C(OBSERVE, role,         U8,  ACT_ROW, 0, 0, SANDBOX_ROLES - 1, "enum sandbox_role")                         \
    C(OBSERVE, frozen,       U8,  ACT_ROW, 0, 0, 1, "1: may not act or propose now")                             \
    C(OBSERVE, resources,    I64, ACT_ROW, 0, -9e18, 9e18, "free money, millionths")                             \
    C(OBSERVE, stake,        I64, ACT_ROW, 0, 0, 9e18, "money at stake, millionths")                             \
    C(OBSERVE, reputation,   F64, ACT_ROW, 0, -1, 1, "own reputation")                                           \
    C(OBSERVE, skill,        F64, ACT_ROW, 0, 0, 1, "own skill")                                                 \
    C(OBSERVE, posts_left,   U16, ACT_ROW, 0, 0, 65535, "posts and replies still allowed in this epoch")         \
    C(OBSERVE, votes_left,   U16, ACT_ROW, 0, 0, 65535, "votes still allowed in this epoch")                     \
    C(OBSERVE, tasks_left,   U16, ACT_ROW, 0, 0, 65535, "task claims still allowed in this epoch")               \
    C(OBSERVE, budget_left,  I64, ACT_ROW, 0, -9e18, 9e18, "spending still allowed in this epoch, millionths")   \
    C(OBSERVE, task,         U32, ACT_ROW, 0, 0, UINT32_MAX, "own task in work, or NOBODY")                      \
    C(OBSERVE, task_steps,   U32, ACT_ROW, 0, 0, UINT32_MAX, "steps worked on it")                               \
    C(OBSERVE, voted,        U32, ACT_ROW, 0, 0, UINT32_MAX, "bit i: has voted on visible post i")               \
    C(OBSERVE, proposed,     U32, ACT_ROW, 0, 0, UINT32_MAX, "own proposals so far")                             \
    C(OBSERVE, accepted,     U32, ACT_ROW, 0, 0, UINT32_MAX, "of those, accepted by the other side")             \
    C(OBSERVE, trusted_by,   U32, ACT_ROW, 0, 0, UINT32_MAX, "distinct partners that accepted at least 2 of its proposals") \
    C(OBSERVE, caught,       U32, ACT_ROW, 0, 0, UINT32_MAX, "audits that showed its work was bad")              \
    C(OBSERVE, candidates,   OFFSETS, ACT_ROW, ACT_CANDIDATE, 0, 0, "possible partners, drawn by the world")     \
    C(OBSERVE, memories,     OFFSETS, ACT_ROW, ACT_MEMORY, 0, 0, "its private memory")                           \
    C(OBSERVE, candidate,    U32, ACT_CANDIDATE, 0, 0, 1e9, "which agent")                                       \
    C(OBSERVE, candidate_reputation, F64, ACT_CANDIDATE, 0, -1, 1, "its public reputation")                      \
    C(OBSERVE, candidate_trust, F64, ACT_CANDIDATE, 0, 0, 1, "the observer's trust in it; 0.5 when unknown")     \
    C(OBSERVE, candidate_past, U16, ACT_CANDIDATE, 0, 0, 65535, "past interactions with it")                     \
    C(OBSERVE, candidate_accepted, U16, ACT_CANDIDATE, 0, 0, 65535, "of the observer's proposals, accepted by it") \
    C(OBSERVE, candidate_kin, U8, ACT_CANDIDATE, 0, 0, 1, "1: known to be of the observer's own kind (insiders only)") \
    C(OBSERVE, post,         U32, ACT_POST, 0, 0, UINT32_MAX, "id of a visible post; best score first")          \
    C(OBSERVE, post_author,  U32, ACT_POST, 0, 0, 1e9, "who wrote it")                                           \
    C(OBSERVE, post_votes,   I32, ACT_POST, 0, -2e9, 2e9, "up minus down")                                       \
    C(OBSERVE, post_replies, U32, ACT_POST, 0, 0, UINT32_MAX, "replies")                                         \
    C(OBSERVE, post_reputation, F64, ACT_POST, 0, -1, 1, "its author's reputation")                              \
    C(OBSERVE, task_id,      U32, ACT_TASK, 0, 0, UINT32_MAX, "a task to claim (open) or to verify (submitted)") \
    C(OBSERVE, task_status,  U8,  ACT_TASK, 0, 0, TASK_EXPIRED, "enum sandbox_task_status")                      \
    C(OBSERVE, task_bounty,  I64, ACT_TASK, 0, 0, 9e18, "what it pays, millionths")                              \
    C(OBSERVE, task_difficulty, F64, ACT_TASK, 0, 0, 1, "0 trivial .. 1 expert")                                 \
    C(OBSERVE, task_min_reputation, F64, ACT_TASK, 0, -1, 1, "needed to claim it")                               \
    C(OBSERVE, task_signal,  F64, ACT_TASK, 0, 0, 1, "submitted: noisy quality of the work; else 0")             \
    C(OBSERVE, task_worker,  U32, ACT_TASK, 0, 0, UINT32_MAX, "submitted: by whom; else NOBODY")                 \
    C(OBSERVE, memory,       U8,  ACT_MEMORY, 0, 0, 255, "bytes of private memory")                              \
    C(OBSERVE, quote,        F64, ACT_QUOTE, 0, -1e300, 1e300, "by enum sandbox_quote")                          \
    C(OBSERVE, candidate_capabilities, U8, ACT_CANDIDATE, 0, 0, 255, "what it can do, a bit each; 0 without projects") \
    C(OBSERVE, post_kind,    U8,  ACT_POST, 0, 0, POST_KINDS - 1, "enum sandbox_post")                           \
    C(OBSERVE, post_topic,   U32, ACT_POST, 0, 0, UINT32_MAX, "what it is about, or NOBODY")                     \
    C(OBSERVE, post_stance,  I32, ACT_POST, 0, -1, 1, "what it holds; of a rule: 1 stricter, -1 laxer")          \
    C(OBSERVE, task_owner,   U8,  ACT_TASK, 0, 0, OWNER_KINDS - 1, "enum sandbox_owner")                         \
    C(OBSERVE, task_poster,  U32, ACT_TASK, 0, 0, UINT32_MAX, "who pays (bounty) or plans (project); else NOBODY") \
    C(OBSERVE, task_capability, U8, ACT_TASK, 0, 0, 255, "what it needs, a bit; 0: nothing special")             \
    C(OBSERVE, compromised,  U8,  ACT_TRAIT, 0, 0, 255, "0: its own master; else steps of contagion since the source, from 1") \
    C(OBSERVE, capabilities, U8,  ACT_TRAIT, 0, 0, 255, "what it can do, a bit each")                            \
    C(OBSERVE, topic,        U32, ACT_TRAIT, 0, 0, UINT32_MAX, "the story or meme it has taken up, or NOBODY")   \
    C(OBSERVE, rework,       U32, ACT_TRAIT, 0, 0, UINT32_MAX, "times its task in work was sent back")           \
    C(OBSERVE, moderation_left, U16, ACT_TRAIT, 0, 0, 65535, "acts of moderation still allowed in this epoch")   \
    C(OBSERVE, bids,         OFFSETS, ACT_TRAIT, ACT_BID, 0, 0, "bids on its own bounties that it could accept now") \
    C(OBSERVE, jobs,         OFFSETS, ACT_TRAIT, ACT_JOB, 0, 0, "awarded bounties in which it pays or works")    \
    C(OBSERVE, parts,        OFFSETS, ACT_TRAIT, ACT_PART, 0, 0, "planners: parts to be assigned, or projects to be taken on") \
    C(OBSERVE, bounty,       U32, ACT_BOUNTY, 0, 0, UINT32_MAX, "an open bounty; best paid first")               \
    C(OBSERVE, bounty_poster, U32, ACT_BOUNTY, 0, 0, 1e9, "who offers it")                                       \
    C(OBSERVE, bounty_poster_reputation, F64, ACT_BOUNTY, 0, -1, 1, "its poster's reputation")                   \
    C(OBSERVE, bounty_reward, I64, ACT_BOUNTY, 0, 0, 9e18, "most it pays, millionths")                           \
    C(OBSERVE, bounty_difficulty, F64, ACT_BOUNTY, 0, 0, 1, "0 trivial .. 1 expert")                             \
    C(OBSERVE, bounty_min_reputation, F64, ACT_BOUNTY, 0, -1, 1, "needed to bid")                                \
    C(OBSERVE, bounty_bids,  U16, ACT_BOUNTY, 0, 0, 65535, "pending bids")                                       \
    C(OBSERVE, bounty_lowest, I64, ACT_BOUNTY, 0, 0, 9e18, "lowest of them, millionths; 0: none")                \
    C(OBSERVE, bounty_deadline, U32, ACT_BOUNTY, 0, 0, UINT32_MAX, "epoch in which it is too late; 0: none")     \
    C(OBSERVE, bid,          U32, ACT_BID, 0, 0, UINT32_MAX, "a bid")                                            \
    C(OBSERVE, bid_bounty,   U32, ACT_BID, 0, 0, UINT32_MAX, "on which bounty")                                  \
    C(OBSERVE, bid_bidder,   U32, ACT_BID, 0, 0, 1e9, "whose")                                                   \
    C(OBSERVE, bid_amount,   I64, ACT_BID, 0, 0, 9e18, "asked for the work, millionths")                         \
    C(OBSERVE, bid_reputation, F64, ACT_BID, 0, -1, 1, "the bidder's reputation")                                \
    C(OBSERVE, bid_trust,    F64, ACT_BID, 0, 0, 1, "the observer's trust in the bidder")                        \
    C(OBSERVE, job,          U32, ACT_JOB, 0, 0, UINT32_MAX, "an awarded bounty")                                \
    C(OBSERVE, job_task,     U32, ACT_JOB, 0, 0, UINT32_MAX, "its task")                                         \
    C(OBSERVE, job_status,   U8,  ACT_JOB, 0, 0, BOUNTY_STATUSES - 1, "enum sandbox_bounty: awarded or disputed") \
    C(OBSERVE, job_task_status, U8, ACT_JOB, 0, 0, TASK_EXPIRED, "enum sandbox_task_status of its task")         \
    C(OBSERVE, job_is_worker, U8, ACT_JOB, 0, 0, 1, "1: the observer works; 0: it pays")                         \
    C(OBSERVE, job_other,    U32, ACT_JOB, 0, 0, 1e9, "the other side")                                          \
    C(OBSERVE, job_amount,   I64, ACT_JOB, 0, 0, 9e18, "in escrow for it, millionths")                           \
    C(OBSERVE, job_signal,   F64, ACT_JOB, 0, 0, 1, "noisy quality of the work handed in last; 0: none was")      \
    C(OBSERVE, bid_on,       U32, ACT_TRAIT, 0, 0, UINT32_MAX, "bit i: has a bid pending on visible bounty i")   \
    C(OBSERVE, bids_left,    U16, ACT_TRAIT, 0, 0, 65535, "bids still allowed in this epoch")                    \
    C(OBSERVE, bounties_left, U16, ACT_TRAIT, 0, 0, 65535, "bounties still allowed in this epoch")               \
    C(OBSERVE, bounty_fee,   F64, ACT_BOUNTY, 0, 0, 1, "share of the pay that goes to the treasury")             \
    C(OBSERVE, job_difficulty, F64, ACT_JOB, 0, 0, 1, "0 trivial .. 1 expert")                                   \
    C(OBSERVE, job_fee,      F64, ACT_JOB, 0, 0, 1, "the same")                                                  \
    C(OBSERVE, job_power,    F64, ACT_JOB, 0, 0, 1, "probability that a hearing finds out about the work")       \
    C(OBSERVE, job_split,    F64, ACT_JOB, 0, 0, 1, "share of the escrow that the worker gets where it does not") \
    C(OBSERVE, job_loss,     F64, ACT_JOB, 0, 0, 1, "share of the escrow that the loser of a hearing pays")      \
    C(OBSERVE, part,         U32, ACT_PART, 0, 0, UINT32_MAX, "a part of the observer's project that has no worker, or an open project") \
    C(OBSERVE, part_is_project, U8, ACT_PART, 0, 0, 1, "1: a project, to be decomposed; 0: a part, to be assigned") \
    C(OBSERVE, part_bounty,  I64, ACT_PART, 0, 0, 9e18, "what it pays, millionths")                              \
    C(OBSERVE, part_capability, U8, ACT_PART, 0, 0, 255, "what it needs, a bit")                                 \
    C(OBSERVE, part_difficulty, F64, ACT_PART, 0, 0, 1, "0 trivial .. 1 expert")                                 \
    C(OBSERVE, post_words,   OFFSETS, ACT_POST, ACT_WORDS, 0, 0, "its text, for agents that read; others get none") \
    C(OBSERVE, words,        U8,  ACT_WORDS, 0, 0, 255, "UTF-8")                                                 \
    C(OBSERVE, post_taint,   U8,  ACT_POST, 0, 0, 255, "0: engine or template wrote it; 1: a model; n + 1: a model that had read n")
enum { OBSERVE_COLUMNS(COLUMN_ENUM) OBSERVE_COUNT };
extern const struct schema schema_sandbox_observe;
/* Axes that all rows share. */
#define OBSERVE_SHARED ((1u << ACT_POST) | (1u << ACT_WORDS) | (1u << ACT_TASK) | (1u << ACT_QUOTE) | (1u << ACT_BOUNTY))

/* ---- answer of the act round: one action and at most one proposal each ---- */
/* DECIDE_EXTRA has as many elements as the observation's ACT_TRAIT: one a row, or none. */
/* DECIDE_MIND has an element a row where agents ask models (or other minds outside), and none where they do not. */
enum { DECIDE_ROW, DECIDE_TEXT, DECIDE_MEMORY, DECIDE_EXTRA, DECIDE_MIND, DECIDE_AXES };
#define DECIDE_COLUMNS(C)                                                                                        \
    C(DECIDE, agent,         U32, DECIDE_ROW, 0, 0, 1e9, "who decides: as observed, same order")                 \
    C(DECIDE, verb,          U8,  DECIDE_ROW, 0, 0, VERB_COUNT - 1, "enum sandbox_verb")                         \
    C(DECIDE, target,        U32, DECIDE_ROW, 0, 0, UINT32_MAX, "post, task, bounty ... the verb is about; else NOBODY") \
    C(DECIDE, value,         I32, DECIDE_ROW, 0, -1, 1, "vote: -1 or 1; verify: 0 reject, 1 approve; moderate: 0 hide, 1 freeze") \
    C(DECIDE, amount,        I64, DECIDE_ROW, 0, 0, 9e18, "money named by the verb, millionths")                 \
    C(DECIDE, work,          F64, DECIDE_ROW, 0, 0, 1, "submit_work: effort put in; post: sincerity; post_bounty: difficulty") \
    C(DECIDE, partner,       U32, DECIDE_ROW, 0, 0, UINT32_MAX, "counterparty of the proposal, or NOBODY")       \
    C(DECIDE, kind,          U8,  DECIDE_ROW, 0, 0, INTERACTION_KINDS - 1, "enum sandbox_interaction")           \
    C(DECIDE, transfer,      I64, DECIDE_ROW, 0, -1e15, 1e15, "tau: offered to the counterparty (negative: asked), millionths") \
    C(DECIDE, effort,        F64, DECIDE_ROW, 0, 0, 1, "e")                                                      \
    C(DECIDE, disguise,      F64, DECIDE_ROW, 0, 0, 1, "m")                                                      \
    C(DECIDE, texts,         OFFSETS, DECIDE_ROW, DECIDE_TEXT, 0, 0, "content of a post or reply")               \
    C(DECIDE, memories,      OFFSETS, DECIDE_ROW, DECIDE_MEMORY, 0, 0, "new private memory")                     \
    C(DECIDE, text,          U8,  DECIDE_TEXT, 0, 0, 255, "UTF-8")                                               \
    C(DECIDE, memory,        U8,  DECIDE_MEMORY, 0, 0, 255, "bytes")                                             \
    C(DECIDE, whom,          U32, DECIDE_EXTRA, 0, 0, UINT32_MAX, "assign: to which agent; else NOBODY")         \
    C(DECIDE, post_kind,     U8,  DECIDE_EXTRA, 0, 0, POST_KINDS - 1, "enum sandbox_post")                       \
    C(DECIDE, topic,         U32, DECIDE_EXTRA, 0, 0, UINT32_MAX, "what a post or reply is about, or NOBODY")    \
    C(DECIDE, stance,        I32, DECIDE_EXTRA, 0, -1, 1, "what it holds")                                       \
    C(DECIDE, payload,       U8,  DECIDE_EXTRA, 0, 0, 1, "1: the proposal carries an injection")                 \
    C(DECIDE, mind,          U8,  DECIDE_MIND, 0, 0, SANDBOX_MINDS - 1, "enum sandbox_mind: who decided")        \
    C(DECIDE, mind_signs,    U8,  DECIDE_MIND, 0, 0, 255, "bits of enum sandbox_sign: what the mind read and tried") \
    C(DECIDE, mind_taint,    U8,  DECIDE_MIND, 0, 0, 255, "of the texts it wrote: 1 + the highest that it had read") \
    C(DECIDE, mind_confidence, F64, DECIDE_MIND, 0, 0, 1, "as it said; 0.5 when it did not")                     \
    C(DECIDE, mind_answer,   U64, DECIDE_MIND, 0, 0, 1.8446744073709552e19, "first 8 bytes of the BLAKE2b-256 of its answer; 0: none") \
    C(DECIDE, mind_tokens,   U32, DECIDE_MIND, 0, 0, 4294967295.0, "in and out")                                 \
    C(DECIDE, mind_read,     U32, DECIDE_MIND, 0, 0, UINT32_MAX, "bit i: the words of visible post i were laid before the model")
enum { DECIDE_COLUMNS(COLUMN_ENUM) DECIDE_COUNT };
extern const struct schema schema_sandbox_decide;

/* ---- observation of the accept round: the proposals an agent has to answer ---- */
enum { OFFERS_ROW, OFFERS_OFFER, OFFERS_MEMORY, OFFERS_QUOTE, OFFERS_AXES };
#define OFFERS_COLUMNS(C)                                                                                        \
    C(OFFERS, agent,         U32, OFFERS_ROW, 0, 0, 1e9, "who has to answer")                                    \
    C(OFFERS, role,          U8,  OFFERS_ROW, 0, 0, SANDBOX_ROLES - 1, "enum sandbox_role")                      \
    C(OFFERS, resources,     I64, OFFERS_ROW, 0, -9e18, 9e18, "free money, millionths")                          \
    C(OFFERS, reputation,    F64, OFFERS_ROW, 0, -1, 1, "own reputation")                                        \
    C(OFFERS, answers_left,  U16, OFFERS_ROW, 0, 0, 65535, "how many of its offers it may answer; the first ones count") \
    C(OFFERS, offers,        OFFSETS, OFFERS_ROW, OFFERS_OFFER, 0, 0, "its offers, by (initiator, index)")       \
    C(OFFERS, memories,      OFFSETS, OFFERS_ROW, OFFERS_MEMORY, 0, 0, "its private memory")                     \
    C(OFFERS, initiator,     U32, OFFERS_OFFER, 0, 0, 1e9, "who proposes")                                       \
    C(OFFERS, kind,          U8,  OFFERS_OFFER, 0, 0, INTERACTION_KINDS - 1, "enum sandbox_interaction")         \
    C(OFFERS, transfer,      I64, OFFERS_OFFER, 0, -1e15, 1e15, "tau: paid to the one who accepts, millionths")  \
    C(OFFERS, initiator_reputation, F64, OFFERS_OFFER, 0, -1, 1, "public reputation of the initiator")           \
    C(OFFERS, trust,         F64, OFFERS_OFFER, 0, 0, 1, "own trust in the initiator; 0.5 when unknown")         \
    C(OFFERS, past,          U16, OFFERS_OFFER, 0, 0, 65535, "past interactions with the initiator")             \
    C(OFFERS, revealed,      U8,  OFFERS_OFFER, 0, 0, 31, "which observables are seen, a bit each")              \
    C(OFFERS, signal,        F64, OFFERS_OFFER, 0, 0, 1, "p_signal: proxy over the revealed ones; 0.5 if none")  \
    C(OFFERS, reputation_weight, F64, OFFERS_OFFER, 0, 0, 100, "n_r of the belief: 1, more under a transparency ledger") \
    C(OFFERS, insider,       I32, OFFERS_OFFER, 0, -1, 1, "the true v when the initiator is of the observer's own deceiving kind; else 0") \
    C(OFFERS, kin,           U8,  OFFERS_OFFER, 0, 0, 1, "1: the initiator is of the observer's own kind (insiders only)") \
    C(OFFERS, memory,        U8,  OFFERS_MEMORY, 0, 0, 255, "bytes of private memory")                           \
    C(OFFERS, quote,         F64, OFFERS_QUOTE, 0, -1e300, 1e300, "by enum sandbox_quote")
enum { OFFERS_COLUMNS(COLUMN_ENUM) OFFERS_COUNT };
extern const struct schema schema_sandbox_offers;

/* ---- answer of the accept round ---- */
enum { ANSWER_ROW, ANSWER_OFFER, ANSWER_MIND, ANSWER_AXES };
#define ANSWER_COLUMNS(C)                                                                                        \
    C(ANSWER, agent,         U32, ANSWER_ROW, 0, 0, 1e9, "who answers: as observed, same order")                 \
    C(ANSWER, offers,        OFFSETS, ANSWER_ROW, ANSWER_OFFER, 0, 0, "as observed")                             \
    C(ANSWER, accept,        U8,  ANSWER_OFFER, 0, 0, 1, "1: accepts")                                           \
    C(ANSWER, belief,        F64, ANSWER_OFFER, 0, 0, 1, "p_b, the believed soft label, for the record")         \
    C(ANSWER, mind,          U8,  ANSWER_MIND, 0, 0, SANDBOX_MINDS - 1, "enum sandbox_mind: who decided")        \
    C(ANSWER, mind_signs,    U8,  ANSWER_MIND, 0, 0, 255, "bits of enum sandbox_sign")                           \
    C(ANSWER, mind_confidence, F64, ANSWER_MIND, 0, 0, 1, "as it said; 0.5 when it did not")                     \
    C(ANSWER, mind_answer,   U64, ANSWER_MIND, 0, 0, 1.8446744073709552e19, "first 8 bytes of the BLAKE2b-256 of its answer; 0: none") \
    C(ANSWER, mind_tokens,   U32, ANSWER_MIND, 0, 0, 4294967295.0, "in and out")
enum { ANSWER_COLUMNS(COLUMN_ENUM) ANSWER_COUNT };
extern const struct schema schema_sandbox_answer;

/* ---- docket: what governance judges. Rows are interactions; at the start of an epoch `opening` has one element ---- */
enum { DOCKET_ROW, DOCKET_ACTION, DOCKET_OPENING, DOCKET_AGENT, DOCKET_NORM, DOCKET_TEXT, DOCKET_AXES };
#define DOCKET_COLUMNS(C)                                                                                        \
    C(DOCKET, initiator,     U32, DOCKET_ROW, 0, 0, 1e9, "who proposed")                                         \
    C(DOCKET, counterparty,  U32, DOCKET_ROW, 0, 0, 1e9, "to whom")                                              \
    C(DOCKET, kind,          U8,  DOCKET_ROW, 0, 0, INTERACTION_KINDS - 1, "enum sandbox_interaction")           \
    C(DOCKET, accepted,      U8,  DOCKET_ROW, 0, 0, 1, "1: the counterparty accepted")                           \
    C(DOCKET, transfer,      I64, DOCKET_ROW, 0, -1e15, 1e15, "tau, millionths")                                 \
    C(DOCKET, p,             F64, DOCKET_ROW, 0, 0, 1, "soft label")                                             \
    C(DOCKET, truth,         I32, DOCKET_ROW, 0, -1, 1, "v; only an audit may look at it")                       \
    C(DOCKET, progress,      F64, DOCKET_ROW, 0, -1, 1, "observable")                                            \
    C(DOCKET, rework,        U8,  DOCKET_ROW, 0, 0, 255, "observable")                                           \
    C(DOCKET, rejections,    U8,  DOCKET_ROW, 0, 0, 255, "observable")                                           \
    C(DOCKET, misuse,        U8,  DOCKET_ROW, 0, 0, 255, "observable")                                           \
    C(DOCKET, engagement,    F64, DOCKET_ROW, 0, -1, 1, "observable")                                            \
    C(DOCKET, reputation,    F64, DOCKET_ROW, 0, -1, 1, "the initiator's")                                       \
    C(DOCKET, stake,         I64, DOCKET_ROW, 0, 0, 9e18, "the initiator's stake, millionths")                   \
    C(DOCKET, effort,        F64, DOCKET_ROW, 0, 0, 1, "e, for the record; no lever may look at it")             \
    C(DOCKET, disguise,      F64, DOCKET_ROW, 0, 0, 1, "m, for the record; no lever may look at it")             \
    C(DOCKET, belief,        F64, DOCKET_ROW, 0, 0, 1, "p_b of the counterparty")                                \
    C(DOCKET, answered,      U8,  DOCKET_ROW, 0, 0, 1, "0: the offer lapsed unanswered")                         \
    C(DOCKET, actor,         U32, DOCKET_ACTION, 0, 0, 1e9, "who acts")                                          \
    C(DOCKET, verb,          U8,  DOCKET_ACTION, 0, 0, VERB_COUNT - 1, "enum sandbox_verb")                      \
    C(DOCKET, target,        U32, DOCKET_ACTION, 0, 0, UINT32_MAX, "as decided")                                 \
    C(DOCKET, value,         I32, DOCKET_ACTION, 0, -1, 1, "as decided")                                         \
    C(DOCKET, amount,        I64, DOCKET_ACTION, 0, 0, 9e18, "as decided")                                       \
    C(DOCKET, refused,       U8,  DOCKET_ACTION, 0, 0, 255, "enum sandbox_refusal of the safety rails; 0: none") \
    C(DOCKET, epoch,         U32, DOCKET_OPENING, 0, 0, UINT32_MAX, "the epoch that begins")                     \
    C(DOCKET, agent_reputation, F64, DOCKET_AGENT, 0, -1, 1, "at an opening: every agent's reputation, by id")   \
    C(DOCKET, agent_resources, I64, DOCKET_AGENT, 0, -9e18, 9e18, "at an opening: every agent's free money")     \
    C(DOCKET, agent_stake,   I64, DOCKET_AGENT, 0, 0, 9e18, "at an opening: every agent's stake")                \
    C(DOCKET, subject,       U32, DOCKET_ACTION, 0, 0, UINT32_MAX, "whom the action is about: author, worker, poster; or NOBODY") \
    C(DOCKET, norms,         OFFSETS, DOCKET_NORM, DOCKET_TEXT, 0, 0, "at an opening: rules that agents have adopted, oldest first") \
    C(DOCKET, norm_text,     U8,  DOCKET_TEXT, 0, 0, 255, "lever.parameter=value")
enum { DOCKET_COLUMNS(COLUMN_ENUM) DOCKET_COUNT };
extern const struct schema schema_sandbox_docket;

/* Why the rails or governance refused something. Levers' reasons are 32 + their place in the scenario's list. */
enum sandbox_refusal {
    REFUSAL_NONE, REFUSAL_ROLE, REFUSAL_FROZEN, REFUSAL_RATE, REFUSAL_BUDGET, REFUSAL_LENGTH, REFUSAL_FUNDS,
    REFUSAL_TARGET, REFUSAL_KILL_SWITCH, REFUSAL_INTERVAL, REFUSAL_REPEATED, REFUSAL_TEXT, REFUSAL_UNAVAILABLE,
    REFUSAL_BUSY, REFUSAL_LINK,
    REFUSAL_LEVER = 32
};

enum sandbox_effect { EFFECT_FREEZE, EFFECT_UNFREEZE, EFFECT_REPUTATION, EFFECT_REPUTATION_SCALE, EFFECT_SLASH, EFFECT_FINE,
    EFFECT_FLAG, /* says that governance holds the agent for one of a colluding group; changes nothing */
    EFFECT_NORM, /* an adopted rule: amount is its number in the docket, value 1 when it now holds, 0 when it cannot */
    EFFECT_KINDS
};
enum sandbox_audit { AUDIT_NONE, AUDIT_CLEAN, AUDIT_CAUGHT, AUDIT_BLIND };

/* ---- verdict ---- */
enum { VERDICT_ROW, VERDICT_ACTION, VERDICT_EFFECT, VERDICT_QUOTE, VERDICT_AXES };
#define VERDICT_COLUMNS(C)                                                                                       \
    C(VERDICT, allow,        U8,  VERDICT_ROW, 0, 0, 1, "0: the interaction does not happen")                    \
    C(VERDICT, reason,       U8,  VERDICT_ROW, 0, 0, 255, "REFUSAL_LEVER + lever when not allowed; else 0")      \
    C(VERDICT, cost_a,       I64, VERDICT_ROW, 0, 0, 1e15, "c_a: what it costs the initiator, to the treasury, millionths") \
    C(VERDICT, cost_b,       I64, VERDICT_ROW, 0, 0, 1e15, "c_b: what it costs the counterparty")                \
    C(VERDICT, audit,        U8,  VERDICT_ROW, 0, 0, 3, "enum sandbox_audit")                                    \
    C(VERDICT, reputation,   F64, VERDICT_ROW, 0, -2, 2, "added to the initiator's reputation")                  \
    C(VERDICT, action_allow, U8,  VERDICT_ACTION, 0, 0, 1, "0: the action does not happen")                      \
    C(VERDICT, action_reason, U8, VERDICT_ACTION, 0, 0, 255, "as reason")                                        \
    C(VERDICT, action_weight, F64, VERDICT_ACTION, 0, 0, 100, "weight of a vote, 1 without a lever")             \
    C(VERDICT, action_cost,  I64, VERDICT_ACTION, 0, 0, 1e15, "what it costs the actor, to the treasury")        \
    C(VERDICT, effect_agent, U32, VERDICT_EFFECT, 0, 0, UINT32_MAX, "whom; NOBODY: everyone")                    \
    C(VERDICT, effect_kind,  U8,  VERDICT_EFFECT, 0, 0, EFFECT_KINDS - 1, "enum sandbox_effect")                 \
    C(VERDICT, effect_lever, U8,  VERDICT_EFFECT, 0, 0, 255, "place of the lever in the scenario's list")        \
    C(VERDICT, effect_amount, I64, VERDICT_EFFECT, 0, 0, 9e18, "money, millionths; freeze: first epoch in which it is free again") \
    C(VERDICT, effect_value, F64, VERDICT_EFFECT, 0, -1e6, 1e6, "reputation: added; reputation_scale: factor")   \
    C(VERDICT, quote,        F64, VERDICT_QUOTE, 0, -1e300, 1e300, "answer to an opening: the QUOTE_GOVERNANCE_END quotes; else empty")
enum { VERDICT_COLUMNS(COLUMN_ENUM) VERDICT_COUNT };
extern const struct schema schema_sandbox_verdict;

/* ---- events of a step, for the log: what exports read ---- */
/* What happened beside offers and actions: `agent` is whom it is about, `other` the other side, `id` the task, bounty,
 * escrow or post. */
#define SANDBOX_NOTES(N)                                                                                         \
    N(task_created, "id, amount: its bounty")                                                                        \
    N(task_completed, "agent: its worker, amount: its pay, value: the label of the work")                            \
    N(task_rejected, "agent: its worker, value: the label of the work")                                              \
    N(task_failed, "agent: its worker, if it had one")                                                               \
    N(task_expired, "agent: its worker, if it had one")                                                              \
    N(bounty_posted, "agent: its poster, amount: the reward set aside")                                              \
    N(bid_placed, "agent: the bidder, other: the poster, id: the bounty, amount: the bid")                           \
    N(bid_accepted, "agent: the bidder, other: the poster, id: the bounty, amount: in escrow for the work")          \
    N(escrow_released, "agent: the worker, other: the poster, id: the bounty, amount: what the worker got")          \
    N(escrow_refunded, "agent: the poster, other: the worker, id: the bounty, amount: what the poster got back")     \
    N(escrow_split, "agent: the worker, other: the poster, id: the bounty, amount: the worker's part")               \
    N(dispute_filed, "agent: by whom, other: against whom, id: the bounty")                                          \
    N(dispute_resolved, "agent: the worker, other: the poster, id: the bounty, value: the worker's share")           \
    N(bounty_expired, "agent: its poster, id, amount: given back")                                                   \
    N(project_created, "id, amount: its bounty, value: its parts")                                                   \
    N(project_planned, "agent: the planner, id")                                                                     \
    N(part_assigned, "agent: the worker, other: the planner, id: the task")                                          \
    N(project_completed, "agent: the planner, id, amount: its bounty, value: mean label of the parts")               \
    N(project_failed, "agent: the planner, id")                                                                      \
    N(post_hidden, "agent: its author, other: the moderator, id: the post, value: 1 when the post was sincere")      \
    N(agent_frozen, "agent, other: the moderator or NOBODY, value: the epoch in which it is free again")             \
    N(agent_unfrozen, "agent")                                                                                       \
    N(agent_fined, "agent, amount")                                                                                  \
    N(agent_slashed, "agent, amount")                                                                                \
    N(reputation_changed, "agent (NOBODY: all), value: added by governance")                                         \
    N(reputation_scaled, "agent (NOBODY: all), value: factor")                                                       \
    N(norm_adopted, "agent: who proposed it, id: the post, value: share of agents behind it")                        \
    N(norm_refused, "agent: who proposed it, id: the post: governance cannot apply it")                              \
    N(topic_adopted, "agent, other: from whom (NOBODY: made up), id: the topic, value: generation")                  \
    N(infected, "agent, other: by whom, value: steps of contagion since the source")                                 \
    N(cured, "agent")                                                                                                \
    N(miscoordination, "agent, other: unanswered offer or a task that another got, id: the task or NOBODY")          \
    N(conflict, "agent, other: who have voted against each other or dispute")                                        \
    N(collusion, "agent: flagged by governance")                                                                     \
    N(marked_post, "agent: its author, id: the post, value: hops from where its tracked word was planted")           \
    N(injected, "agent: whose model did as it was told, other: whom it served (NOBODY: not known), value: its signs") \
    N(canary_leak, "agent: whose model gave its secret instructions away")
#define SANDBOX_NOTE_ENUM(name, doc) NOTE_##name,
enum sandbox_note { SANDBOX_NOTES(SANDBOX_NOTE_ENUM) SANDBOX_NOTE_COUNT };
/* "task_created"; NULL for numbers that do not exist. */
const char *sandbox_note_name(uint32_t note);

enum { EVENTS_ROW, EVENTS_ACTION, EVENTS_NOTE, EVENTS_AXES };
#define EVENTS_COLUMNS(C)                                                                                        \
    C(EVENTS, initiator,     U32, EVENTS_ROW, 0, 0, 1e9, "who proposed")                                         \
    C(EVENTS, counterparty,  U32, EVENTS_ROW, 0, 0, 1e9, "to whom")                                              \
    C(EVENTS, kind,          U8,  EVENTS_ROW, 0, 0, INTERACTION_KINDS - 1, "enum sandbox_interaction")           \
    C(EVENTS, answered,      U8,  EVENTS_ROW, 0, 0, 1, "0: the offer lapsed unanswered")                         \
    C(EVENTS, accepted,      U8,  EVENTS_ROW, 0, 0, 1, "1: the counterparty accepted")                           \
    C(EVENTS, lapsed,        U8,  EVENTS_ROW, 0, 0, 1, "1: accepted, but the counterparty could not pay")        \
    C(EVENTS, allow,         U8,  EVENTS_ROW, 0, 0, 1, "0: governance did not let it happen")                    \
    C(EVENTS, reason,        U8,  EVENTS_ROW, 0, 0, 255, "REFUSAL_LEVER + lever when not allowed; else 0")       \
    C(EVENTS, truth,         I32, EVENTS_ROW, 0, -1, 1, "v")                                                     \
    C(EVENTS, p,             F64, EVENTS_ROW, 0, 0, 1, "soft label")                                             \
    C(EVENTS, v_hat,         F64, EVENTS_ROW, 0, -1, 1, "what the label is computed from")                       \
    C(EVENTS, progress,      F64, EVENTS_ROW, 0, -1, 1, "observable")                                            \
    C(EVENTS, rework,        U8,  EVENTS_ROW, 0, 0, 255, "observable")                                           \
    C(EVENTS, rejections,    U8,  EVENTS_ROW, 0, 0, 255, "observable")                                           \
    C(EVENTS, misuse,        U8,  EVENTS_ROW, 0, 0, 255, "observable")                                           \
    C(EVENTS, engagement,    F64, EVENTS_ROW, 0, -1, 1, "observable")                                            \
    C(EVENTS, transfer,      I64, EVENTS_ROW, 0, -1e15, 1e15, "tau, millionths")                                 \
    C(EVENTS, cost_a,        I64, EVENTS_ROW, 0, 0, 1e15, "c_a, millionths")                                     \
    C(EVENTS, cost_b,        I64, EVENTS_ROW, 0, 0, 1e15, "c_b, millionths")                                     \
    C(EVENTS, reputation_a,  F64, EVENTS_ROW, 0, -2, 2, "r_a: change of the initiator's reputation")             \
    C(EVENTS, reputation_b,  F64, EVENTS_ROW, 0, -2, 2, "r_b")                                                   \
    C(EVENTS, payoff_a,      F64, EVENTS_ROW, 0, -1e300, 1e300, "pi_a in tokens; what it would have been when it did not happen") \
    C(EVENTS, payoff_b,      F64, EVENTS_ROW, 0, -1e300, 1e300, "pi_b")                                          \
    C(EVENTS, audit,         U8,  EVENTS_ROW, 0, 0, 3, "enum sandbox_audit")                                     \
    C(EVENTS, effort,        F64, EVENTS_ROW, 0, 0, 1, "e")                                                      \
    C(EVENTS, disguise,      F64, EVENTS_ROW, 0, 0, 1, "m")                                                      \
    C(EVENTS, signal,        F64, EVENTS_ROW, 0, 0, 1, "p_signal")                                               \
    C(EVENTS, revealed,      U8,  EVENTS_ROW, 0, 0, 31, "which observables were seen, a bit each")               \
    C(EVENTS, belief,        F64, EVENTS_ROW, 0, 0, 1, "p_b; 0 when unanswered")                                 \
    C(EVENTS, actor,         U32, EVENTS_ACTION, 0, 0, 1e9, "who acts")                                          \
    C(EVENTS, verb,          U8,  EVENTS_ACTION, 0, 0, VERB_COUNT - 1, "enum sandbox_verb; pass: a proposal that was refused, target its partner") \
    C(EVENTS, target,        U32, EVENTS_ACTION, 0, 0, UINT32_MAX, "as decided; a post or reply that was made: its id") \
    C(EVENTS, value,         I32, EVENTS_ACTION, 0, -1, 1, "as decided")                                         \
    C(EVENTS, refused,       U8,  EVENTS_ACTION, 0, 0, 255, "enum sandbox_refusal; 0: it happened")              \
    C(EVENTS, weight,        F64, EVENTS_ACTION, 0, 0, 100, "of a vote")                                         \
    C(EVENTS, cost,          I64, EVENTS_ACTION, 0, 0, 1e15, "to the treasury, millionths")                      \
    C(EVENTS, amount,        I64, EVENTS_ACTION, 0, 0, 9e18, "as decided, millionths")                           \
    C(EVENTS, whom,          U32, EVENTS_ACTION, 0, 0, UINT32_MAX, "as decided")                                 \
    C(EVENTS, note,          U8,  EVENTS_NOTE, 0, 0, SANDBOX_NOTE_COUNT - 1, "enum sandbox_note")                \
    C(EVENTS, note_agent,    U32, EVENTS_NOTE, 0, 0, UINT32_MAX, "whom it is about, or NOBODY")                  \
    C(EVENTS, note_other,    U32, EVENTS_NOTE, 0, 0, UINT32_MAX, "the other side, or NOBODY")                    \
    C(EVENTS, note_id,       U32, EVENTS_NOTE, 0, 0, UINT32_MAX, "task, bounty, post ..., or NOBODY")            \
    C(EVENTS, note_amount,   I64, EVENTS_NOTE, 0, -9e18, 9e18, "millionths")                                     \
    C(EVENTS, note_value,    F64, EVENTS_NOTE, 0, -1e300, 1e300, "by note")
enum { EVENTS_COLUMNS(COLUMN_ENUM) EVENTS_COUNT };
extern const struct schema schema_sandbox_events;

/* ---- summary of a step, for subscribers: one row a metric ---- */
enum { SUMMARY_ROW, SUMMARY_TEXT, SUMMARY_AXES };
#define SUMMARY_COLUMNS(C)                                                                                       \
    C(SUMMARY, names,        OFFSETS, SUMMARY_ROW, SUMMARY_TEXT, 0, 0, "name of the figure")                     \
    C(SUMMARY, value,        F64, SUMMARY_ROW, 0, -1e300, 1e300, "its value")                                    \
    C(SUMMARY, known,        U8,  SUMMARY_ROW, 0, 0, 1, "0: undefined (an empty set)")                           \
    C(SUMMARY, text,         U8,  SUMMARY_TEXT, 0, 0, 255, "the names' bytes")
enum { SUMMARY_COLUMNS(COLUMN_ENUM) SUMMARY_COUNT };
extern const struct schema schema_summary;
/* clang-format on */

#endif
