/* control/doctor_models.h - who answers at the addresses of a scenario's providers, and whether their keys are there.
 * */
#ifndef POLIS_CONTROL_DOCTOR_MODELS_H
#define POLIS_CONTROL_DOCTOR_MODELS_H

#include "core/error.h"
#include "core/yaml.h"

#include <stdbool.h>

/* For each provider of a resolved scenario: what was looked at ("key of cloud"), whether it is as it should be, and
 * what was found, without a word of any key. */
typedef void doctor_models_fn(void *context, const char *what, bool good, const char *text);
void doctor_models_look(const struct yaml_node *root, doctor_models_fn *each, void *context);

/* Whether somebody takes connections at the place of an http or https address, within a second. */
MUST_CHECK int doctor_models_connect(const char *url, struct why *why);

#endif
