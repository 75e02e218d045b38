/* control/models_gateway.h - the gateway of a run's folder, and the variables that hold its keys. */
#ifndef POLIS_CONTROL_MODELS_GATEWAY_H
#define POLIS_CONTROL_MODELS_GATEWAY_H

#include "core/error.h"
#include "core/yaml.h"
#include "llm-gateway/gateway.h"

/* Sets the gateway up from the manifest and cluster.yaml: whoever decides by the policy llm is a client, by slot. The
 * run must not be open in this process. `dry`: nobody is asked, see llm-gateway/gateway.h. */
MUST_CHECK int models_gateway_open(const char *folder, bool dry, struct gateway **out, struct why *why);

/* The environment without the variables that providers of the section (may be NULL) take their keys from: for every
 * process that has no business with them. NULL-ended, to be freed; the strings are lent by the environment. */
char **models_gateway_clean_environment(const struct yaml_node *section);

#endif
