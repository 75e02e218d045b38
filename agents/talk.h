/* agents/talk.h - what policies say in posts that have a kind: rules they propose, stories and memes they pass on, what
 * they hold agents to be; and what a compromised agent does instead of all this. Only where the world says what posts
 * are about (ACT_TRAIT), and only as far as a group's parameters ask for it: otherwise nothing is drawn or decided.
 *
 *   rules    the honest propose stricter ones once they were hurt (somebody they dealt with is trusted less than half)
 *            and vote for what is stricter; the opportunistic and the adversarial propose laxer ones and vote for
 *            those; the deceptive vote as the majority did. A rule's topic is the FNV-1a hash of its text (Fowler,
 *            Noll & Vo 1991), so that nobody proposes what is on the table.
 *   stories  one that is heard is taken up with probability `copy`, by a reply; which one goes by score, so that what
 *            is rich gets richer (Simon 1955); else the own one is told again, or with probability `invent` a new one.
 *   memes    two camps push topics 1 and 2; who is of neither is exposed to a post chosen by score, passes it on when
 *            it is of its own mind, and changes its mind with probability `copy` when it is not.
 *   meta     whether agents are to be trusted: the honest hold 1, the opportunistic 0, the adversarial -1, the
 *            deceptive what most posts hold; they answer what nobody has answered yet, of like or opposite mind. */
#ifndef POLIS_AGENTS_TALK_H
#define POLIS_AGENTS_TALK_H

#include "agents/policy.h"
#include "agents/reason.h"

#define TALK_RULES_MAX 400

/* To be added to a policy's list. */
#define TALK_PARAMS(P, S)                                                                                            \
    P(S, F64, rule, 0, 0, 1, "probability", "of proposing a rule in a step")                                         \
    P(S, TEXT, rules, "", 0, TALK_RULES_MAX, "a.b=c|d.e=f", "rules that it may propose")                             \
    P(S, F64, rule_vote, 0.5, 0, 1, "probability", "of voting on a proposed rule that it sees")                      \
    P(S, F64, story, 0, 0, 1, "probability", "of telling a story in a step")                                         \
    P(S, F64, copy, 0.5, 0, 1, "probability", "of taking up the story or meme of another")                           \
    P(S, F64, invent, 0.1, 0, 1, "probability", "of beginning something new instead of going on")                    \
    P(S, F64, meme, 0, 0, 1, "probability", "of passing a meme on in a step")                                        \
    P(S, ENUM, camp, 0, 0, 2, "none|first|second", "whose meme it pushes")                                           \
    P(S, F64, meta, 0, 0, 1, "probability", "of talking about what agents are in a step")                            \
    P(S, ENUM, answers, 0, 0, 2, "any|like|opposite", "whom it answers in such talk")

/* To be added to a hostile policy's list: a text that it plants where others, and their models, read. */
#define TALK_PLANT_MAX 300
#define TALK_PLANT_PARAMS(P, S)                                                                                      \
    P(S, TEXT, plant, "", 0, TALK_PLANT_MAX, "", "a text that it posts before it does anything else; empty: none")   \
    P(S, F64, plant_rate, 0.5, 0, 1, "probability", "of posting it in a step")                                       \
    P(S, U32, plant_until, 0, 0, 1000000000, "step", "the last one in which it does; 0: it never stops")

enum talk_answers { TALK_ANY, TALK_LIKE, TALK_OPPOSITE };
enum talk_disposition { TALK_HONEST, TALK_OPPORTUNISTIC, TALK_DECEPTIVE, TALK_ADVERSARIAL };

struct talk {
    double rule, rule_vote, story, copy, invent, meme, meta;
    uint32_t camp, answers;
    const char *rules;
    enum talk_disposition disposition;
};

/* From a policy's parameters. */
#define TALK_OF(p, who)                                                                                              \
    (&(struct talk){.rule = (p)->rule, .rule_vote = (p)->rule_vote, .story = (p)->story, .copy = (p)->copy,          \
        .invent = (p)->invent, .meme = (p)->meme, .meta = (p)->meta, .camp = (p)->camp, .answers = (p)->answers,     \
        .rules = (p)->rules, .disposition = (who)})

/* Decides on a post, reply or vote and returns true, or changes nothing and returns false. */
bool talk(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out);

/* Posts the text and returns true, or changes nothing and returns false; without a text nothing is drawn either. */
bool talk_plant(const char *text, double rate, uint32_t until, struct sandbox_view *view, struct sandbox_decision *out);

/* A compromised agent: bad work in full disguise, with a payload, for whomever it sees. False when it is its own
 * master. */
bool talk_worm(const struct reason *reason, struct sandbox_view *view, struct sandbox_decision *out);

/* The topic of a rule's text. */
uint32_t talk_rule_topic(const char *rule, uint32_t size);

#endif
