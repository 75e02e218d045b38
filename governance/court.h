/* governance/court.h - the governance process: an actor that keeps an engine in step with the world.
 *
 * 1. It waits for COURT, which says whose dockets will come and after which step its state must be. When it has no
 *    engine, or one of another epoch or set-up, or one that is past that step, it starts at genesis. Its answer,
 *    COURT_READY, says which step it is at and the digest of its state.
 * 2. While that is not the step wanted, the world sends the dockets of the missing steps again, attempt
 *    COURT_CATCH_UP: they are folded and answered with CREDIT 1, so that the world can pace itself; then it asks again.
 * 3. A docket with another attempt is judged and answered with VERDICT: same fence, tag = hash of the docket's payload.
 *    The last docket's verdict is kept: asked again, it is sent again.
 * 4. A docket that is neither the last one nor one behind it is answered with NACK ERR_STATE; one of an older
 *    epoch than the engine's is not answered at all. */
#ifndef POLIS_GOVERNANCE_COURT_H
#define POLIS_GOVERNANCE_COURT_H

#include "bus/actor.h"

#define COURT_CATCH_UP UINT32_MAX

struct courthouse; /* struct court is the message */

struct courthouse *court_new(void);
void court_destroy(struct courthouse **self_p);
/* Lends `self` to the actor. */
void court_actor(struct courthouse *self, struct actor *out);

#endif
