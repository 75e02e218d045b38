/* agents/menu.h - what an agent of the sandbox may decide, as a choice for a mind outside (agents/choice.h): its own
 * numbers, what it sees, and as options just those verbs that its role, its limits and its view allow. The answer
 * becomes a decision again, or is refused.
 *
 * What can be named has the first letter of its list and a number that stays the same as long as it is there: posts P,
 * tasks T, agents A, bounties B, bids on own bounties O, jobs J, parts of projects R; in the accept round offers are
 * questions of their own, offer1 to offer8. Others than candidates have names of the letter A too, but cannot be
 * chosen. Of each list the first ones are shown, up to MENU_LONG or MENU_SHORT: lists come best first. */
#ifndef POLIS_AGENTS_MENU_H
#define POLIS_AGENTS_MENU_H

#include "agents/choice.h"
#include "agents/policy.h"

#define MENU_LONG 8u       /* posts, tasks */
#define MENU_SHORT 6u      /* the others */
#define MENU_POST_MAX 280u /* bytes of a text that is written */
#define MENU_QUOTE_MAX 240u /* bytes of one that is read */

enum menu_list { MENU_POSTS, MENU_TASKS, MENU_AGENTS, MENU_BOUNTIES, MENU_BIDS, MENU_JOBS, MENU_PARTS, MENU_LISTS };

struct menu_rules {
    uint8_t max_taint; /* texts above it are withheld */
    uint32_t note_max; /* bytes of notes; 0: none are kept */
};

/* Start from {0}; may be filled again and again; ends with menu_fini(). */
struct menu {
    struct choice choice;
    struct buffer user;
    uint32_t at[MENU_LISTS][CHOICE_MEMBERS_MAX]; /* where a member stands on its axis of the batch */
    uint32_t count[MENU_LISTS];
    uint32_t offer_count;                        /* accept round: offers that are asked about, from the first */
};
void menu_fini(struct menu *self);

/* The act round. False: nothing is open to it, so that there is nothing to ask. */
bool menu_act(struct menu *self, const struct sandbox_view *view, const struct menu_rules *rules);
/* Turns an answer into a decision; `out` is a pass without a proposal at first, and after a refusal. ERR_DENIED:
 * numbers that are each within their bounds, and together are not. The note is not looked at. */
MUST_CHECK int menu_act_take(const struct menu *self, const struct sandbox_view *view,
                             const struct choice_answer *answer, struct sandbox_decision *out, struct why *why);

/* The posts whose words are quoted: bit i for post i of what is observed. */
uint32_t menu_posts_read(const struct menu *self);

/* The accept round: one question an offer, for the first ones. */
bool menu_offers(struct menu *self, const struct sandbox_offers_view *view, const struct menu_rules *rules);
/* Fills in the first `offer_count` replies. */
void menu_offers_take(const struct menu *self, const struct choice_answer *answer, struct sandbox_reply *replies);

/* A note as private memory, and back: one byte, the highest taint of what was read for it, then the text. What an agent
 * carries along in its note does not get a hop farther by that. */
uint32_t menu_note_write(uint8_t taint, const char *text, size_t size, uint8_t *memory);

#endif
