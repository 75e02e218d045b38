/* world/compat/observables.h - what can be seen of an interaction. It depends on the initiator's type alone (and, from
 * v1g on, on its reputation), and is drawn after the counterparty has decided. */
#ifndef POLIS_WORLD_COMPAT_OBSERVABLES_H
#define POLIS_WORLD_COMPAT_OBSERVABLES_H

#include "world/compat/compat.h"

void compat_observables_draw(enum compat_version version, enum compat_type initiator, double reputation,
                             bool accepted, struct compat_draws *draws, struct observables *out);
/* The proxy of every version: core/proxy's weights and decays with k = 2 and b = 0. */
const struct proxy_params *compat_proxy(void);

#endif
