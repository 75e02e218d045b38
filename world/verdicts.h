/* world/verdicts.h - asks governance and waits for its verdicts. Governance's state is a fold over the dockets since
 * step 1, or since a fork's base, which holds the state to begin with: that is sent first (COURT_BASE). When it comes
 * (back), it is told with COURT which step's state is wanted; the dockets it lacks are sent to it again from the log
 * (attempt VERDICTS_CATCH_UP, no further step's while VERDICTS_WINDOW are unanswered), then those of the step under
 * way, and only then does it judge what is new.
 *
 *   ABSENT --peer up--> GREETED --ready, behind--> FEEDING --all fed--> GREETED
 *                          '---ready, there---> READY --peer down--> ABSENT
 *
 * Invariants:
 * 1. A verdict is taken only for the docket that is outstanding, by fence and hash.
 * 2. A verdict given again for a docket of this step must equal the first in every byte: governance is a function. */
#ifndef POLIS_WORLD_VERDICTS_H
#define POLIS_WORLD_VERDICTS_H

#include "bus/actor.h"
#include "world/domain.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

#define VERDICTS_CATCH_UP UINT32_MAX
#define VERDICTS_WINDOW 8u

struct verdicts;

struct verdicts_options {
    uint64_t seed;
    const char *domain;      /* name; lent */
    uint32_t agent_count;
    struct blob yaml;        /* the governance section; lent */
    const uint8_t *base;     /* governance's state where a fork branched off; lent */
    uint64_t base_size;      /* bytes; 0: none */
    struct store *store;     /* where committed dockets are read; lent */
    const char *tag;         /* for log lines; lent */
};

struct verdicts_counters {
    uint64_t asked, answered, stale, fed, again;
};

struct verdicts *verdicts_new(const struct verdicts_options *options);
void verdicts_destroy(struct verdicts **self_p);

void verdicts_peer_up(struct verdicts *self, const struct peer *peer, struct outbox *out);
void verdicts_peer_down(struct verdicts *self, const struct peer *peer); /* NULL: whoever it was */
bool verdicts_ready(const struct verdicts *self);
bool verdicts_is_peer(const struct verdicts *self, const struct peer *peer);

/* The state wanted from now on is the one after step - 1; what was kept of the step before is dropped. */
void verdicts_begin_step(struct verdicts *self, uint64_t step);
/* Asks (taking the docket's bytes). One docket at a time. */
void verdicts_ask(struct verdicts *self, const struct domain *domain, const void *domain_self,
                  const struct exchange *exchange, uint32_t phase, struct buffer *docket, struct outbox *out);
/* VERDICT, COURT_READY, CREDIT or NACK from governance. ERR_DIGEST: it contradicted itself; ERR_STATE: it refused. */
MUST_CHECK int verdicts_letter(struct verdicts *self, const struct letter *letter, struct outbox *out, struct why *why);
/* More steps are committed: dockets that were waited for can be read. */
MUST_CHECK int verdicts_committed(struct verdicts *self, struct outbox *out, struct why *why);

bool verdicts_complete(const struct verdicts *self);
/* The outstanding docket and its verdict, both lent until verdicts_begin_step(). */
void verdicts_take(struct verdicts *self, struct batch *docket, struct blob *docket_bytes, struct batch *verdict,
                   struct blob *verdict_bytes);

struct verdicts_counters verdicts_counters(const struct verdicts *self);

#endif
