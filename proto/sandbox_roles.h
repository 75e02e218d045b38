/* proto/sandbox_roles.h - which verbs a role may use in the sandbox. One table for the world, which refuses the
 * others by name, and for policies, which do not try them. */
#ifndef POLIS_PROTO_SANDBOX_ROLES_H
#define POLIS_PROTO_SANDBOX_ROLES_H

#include "proto/sandbox.h"

#include <stdbool.h>
#include <stdint.h>

/* False for roles and verbs that do not exist; true for VERB_PASS in every role. */
bool sandbox_role_allows(uint32_t role, uint32_t verb);

/* "worker", "claim_task"; NULL for numbers that do not exist. */
const char *sandbox_role_name(uint32_t role);
const char *sandbox_verb_name(uint32_t verb);
/* SANDBOX_ROLES when unknown. */
uint32_t sandbox_role_find(const char *name);

#endif
