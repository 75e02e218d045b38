/* world/domain.h - what the world asks of a domain. A domain is pure: it sees no bus, no store, no clock. A step is a
 * series of exchanges that the domain names one after the other: each asks agents (in id order, in chunks anybody may
 * answer) or governance, and hands the answers back. The world sends, gathers, logs and commits; because answers are
 * all that comes from outside, a replay feeds the same answers from the log and arrives at the same state.
 *
 * Invariants the world relies on (and tests check):
 * 1. Between begin() and end() the state changes only in begin(), take() and end(), and only as a function of the
 *    state before and of what these are given. ask() and next() change nothing that digest() sees.
 * 2. ask() for the same rows gives the same bytes until take() was called for the exchange.
 * 3. digest(), save() and every encoded column are the same on every machine. */
#ifndef POLIS_WORLD_DOMAIN_H
#define POLIS_WORLD_DOMAIN_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/digest.h"
#include "core/error.h"
#include "core/yaml.h"
#include "proto/columns.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum exchange_kind { EXCHANGE_AGENTS, EXCHANGE_GOVERNANCE };

/* Agents of one policy slot that are due, in rising id order. */
struct exchange_group {
    uint32_t slot;          /* index into domain_slots() */
    const uint32_t *agents; /* lent by the domain until take() */
    uint32_t count;
};

struct exchange {
    enum exchange_kind kind;
    uint32_t round;         /* the domain's own number for what is asked */
    const char *name;       /* "act" */
    const struct schema *ask, *answer;
    uint32_t ask_shared;    /* axes (1 << axis) that chunks of the ask share */
    const struct exchange_group *groups; /* EXCHANGE_AGENTS; governance: NULL */
    uint32_t group_count;
    uint32_t row_count;     /* EXCHANGE_GOVERNANCE: rows of the docket (it goes out as one chunk) */
};

/* A policy with its parameters, shared by a group of agents. */
struct domain_slot {
    const char *policy;   /* "honest" */
    const char *params;   /* its parameters as YAML text; "" = defaults */
    uint32_t agent_count;
    bool external;        /* its decisions come from outside (models): logged always, and never made again */
};

/* Figures: name, value, and whether it is defined (an empty set has none). */
typedef void domain_figure_fn(void *context, const char *name, double value, bool known);

/* What a fork may not change, and what it has to do when something did change. */
struct domain_fork {
    /* Paths below the scenario's root (`*` is any item of a list) that give the state its shape or had their effect at
     * genesis, each with the reason, for a person. NULL-ended. Everything below such a path is meant, too. */
    const struct domain_fixed {
        const char *path, *reason;
    } *fixed;
    /* The state was loaded from a run with another configuration: what it repeats of the configuration is made to agree
     * with this one's. `quotes` (NULL: as they are) are governance's public numbers under the levers from now on. With
     * the same configuration nothing changes. */
    void (*adopt)(void *self, const double *quotes, uint32_t quote_count);
};

struct domain {
    const char *name; /* the scenario's top-level key: "sandbox" */
    const char *doc;

    /* Makes the domain from the resolved scenario (already validated by scenario_check, so what is wrong here is wrong
     * for `why` all the same). `seed` is the run's. */
    MUST_CHECK int (*configure)(const struct yaml_node *scenario, uint64_t seed, void **self_out, struct why *why);
    void (*destroy)(void *self);
    void (*genesis)(void *self); /* state before step 1 */

    uint32_t (*agent_count)(const void *self);
    uint32_t (*slots)(const void *self, const struct domain_slot **out);
    uint32_t (*steps_per_epoch)(const void *self);

    /* Step `step` (from 1) begins. */
    void (*begin)(void *self, uint64_t step);
    /* The next exchange of this step, or false when the step has no more. */
    bool (*next)(void *self, struct exchange *out);
    /* Rows [first, first + count) of a group, as one batch at the end of `out`; tag is the run's seed. For
     * governance: the whole docket (group, first, count are ignored). */
    void (*ask)(const void *self, const struct exchange *exchange, uint32_t group, uint32_t first, uint32_t count,
                struct buffer *out);
    /* Is this answer to those rows acceptable? Structure and column bounds have been checked (batch_read,
     * batch_check). Changes nothing. */
    MUST_CHECK int (*check)(const void *self, const struct exchange *exchange, uint32_t group, uint32_t first,
                            uint32_t count, const struct batch *answer, struct why *why);
    /* All answers of the exchange: one batch a group, rows as in the group (governance: one batch). `docket` is what
     * governance was asked (NULL for agents). */
    void (*take)(void *self, const struct exchange *exchange, const struct batch *answers, const struct batch *docket);
    /* An operator's command due at this step, before the first exchange ("kill_switch on"). command_check() says
     * whether command() would take it, and changes nothing. */
    MUST_CHECK int (*command_check)(const void *self, const char *verb, const char *argument, struct why *why);
    MUST_CHECK int (*command)(void *self, const char *verb, const char *argument, struct why *why);
    /* The step is over (and the epoch, when step is a multiple of steps_per_epoch). */
    void (*end)(void *self);

    /* Events of the step for the log's `events` section, as a batch of the domain's own schema, or nothing. */
    const struct schema *event_schema;
    void (*events)(const void *self, struct buffer *out);

    /* Figures of the epoch that has just ended (`ended`), or of the one so far; and of the whole run. */
    void (*figures)(const void *self, bool whole_run, domain_figure_fn *each, void *context);

    /* The whole state: a fold for the digest, bytes for a snapshot, and back. load() on a configured domain. */
    void (*digest)(const void *self, struct fold *fold);
    void (*save)(const void *self, struct buffer *out);
    MUST_CHECK int (*load)(void *self, const void *bytes, size_t size, struct why *why);
    /* Every invariant of the domain (money conserved, counts consistent). ERR_STATE names the broken one. */
    MUST_CHECK int (*check_invariants)(const void *self, struct why *why);

    /* Validation of the scenario's sections that belong to this domain, with their resolved form put into `tree`. */
    MUST_CHECK int (*resolve)(struct yaml_tree *tree, struct why *why);
    /* JSON Schema properties and Markdown manual of those sections. */
    void (*write_schema)(struct buffer *out);
    void (*write_manual)(struct buffer *out);

    /* NULL: a fork may change nothing of the domain's own, nor its agents or levers. */
    const struct domain_fork *fork;

    /* Which scenarios of its name are its own; NULL: all that nobody before it in domains[] claims. */
    bool (*claims)(const struct yaml_node *root);
    /* The domain decides for its agents and is its own governance: the sections `agents` and `governance` are its to
     * read, and no process is asked. */
    bool self_contained;
};

/* The five domains, in the order in which a scenario may combine them (world/domains.c). NULL-ended. */
extern const struct domain *const domains[];
const struct domain *domain_find(const char *name);

/* The domain of that name for this scenario; NULL: there is none. */
static inline const struct domain *
domain_of(const char *name, const struct yaml_node *root)
{
    for (size_t i = 0; domains[i] != NULL; i++)
        if (strcmp(domains[i]->name, name) == 0 && (domains[i]->claims == NULL || domains[i]->claims(root)))
            return domains[i];
    return NULL;
}

/* Whether governance has to be asked. */
static inline bool
domain_is_governed(const struct domain *domain, const struct yaml_node *root)
{
    const struct yaml_node *governance = yaml_find(root, "governance");

    return !domain->self_contained && governance != NULL && governance->kind == YAML_MAP && governance->count > 0;
}

#endif
