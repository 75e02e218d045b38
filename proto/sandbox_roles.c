#include "proto/sandbox_roles.h"

#include <string.h>

#define BIT(verb) (1u << VERB_##verb)
#define FEED (BIT(POST) | BIT(REPLY) | BIT(VOTE))

/* Everybody talks; who plans and who posts may pay others for work (and
 * judge what they pay for: a role's `verify` reaches as far as the domain lets it), who works may be paid for it. */
static const struct role_row {
    const char *name;
    uint32_t verbs;
} roles[SANDBOX_ROLES] = {
    [SANDBOX_PLANNER] = {"planner",
        FEED | BIT(CLAIM_TASK) | BIT(SUBMIT_WORK) | BIT(VERIFY) | BIT(POST_BOUNTY) | BIT(ACCEPT_BID) | BIT(DISPUTE) |
            BIT(DECOMPOSE) | BIT(ASSIGN)},
    [SANDBOX_WORKER] = {"worker", FEED | BIT(CLAIM_TASK) | BIT(SUBMIT_WORK) | BIT(BID) | BIT(DISPUTE)},
    [SANDBOX_VERIFIER] = {"verifier", FEED | BIT(VERIFY) | BIT(DISPUTE)},
    [SANDBOX_POSTER] = {"poster", FEED | BIT(POST_BOUNTY) | BIT(ACCEPT_BID) | BIT(VERIFY) | BIT(DISPUTE)},
    [SANDBOX_MODERATOR] = {"moderator", FEED | BIT(MODERATE)},
};

static const char *const verbs[VERB_COUNT] = {
    [VERB_PASS] = "pass", [VERB_POST] = "post", [VERB_REPLY] = "reply", [VERB_VOTE] = "vote",
    [VERB_CLAIM_TASK] = "claim_task", [VERB_SUBMIT_WORK] = "submit_work", [VERB_VERIFY] = "verify",
    [VERB_POST_BOUNTY] = "post_bounty", [VERB_BID] = "bid", [VERB_ACCEPT_BID] = "accept_bid",
    [VERB_DISPUTE] = "dispute", [VERB_MODERATE] = "moderate", [VERB_DECOMPOSE] = "decompose",
    [VERB_ASSIGN] = "assign",
};

bool
sandbox_role_allows(uint32_t role, uint32_t verb)
{
    if (role >= SANDBOX_ROLES || verb >= VERB_COUNT)
        return false;
    return verb == VERB_PASS || (roles[role].verbs >> verb & 1u) != 0;
}

const char *
sandbox_role_name(uint32_t role)
{
    return role < SANDBOX_ROLES ? roles[role].name : NULL;
}

const char *
sandbox_verb_name(uint32_t verb)
{
    return verb < VERB_COUNT ? verbs[verb] : NULL;
}

uint32_t
sandbox_role_find(const char *name)
{
    uint32_t role = 0;

    while (role < SANDBOX_ROLES && strcmp(roles[role].name, name) != 0)
        role++;
    return role;
}
