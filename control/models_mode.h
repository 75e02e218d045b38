/* control/models_mode.h - whether a run's models are asked or the call log of an earlier run is: what `--llm
 * MODE[=RUN]` says, and the settings of the section llm that are kept in cluster.yaml, since they change no result. */
#ifndef POLIS_CONTROL_MODELS_MODE_H
#define POLIS_CONTROL_MODELS_MODE_H

#include "control/folder.h"
#include "core/error.h"
#include "core/yaml.h"
#include "llm-gateway/llm_config.h"

#include <stdbool.h>

/* A parent's log that was copied into the run's folder; such a name is `llm.parent` in cluster.yaml. */
#define MODELS_PARENT_FILE "calls.parent.log"

/* "record", "replay=RUN", "rules" and so on, as --llm takes it. */
struct models_wish {
    const char *mode;           /* of llm.mode; NULL: no model is ever asked */
    char run[FOLDER_PATH_SIZE]; /* "" for none */
};

/* ERR_INVALID: no such mode, or a RUN where it takes none. `needs_run` says that the modes which read a log must name
 * it (a fork has its parent's). */
MUST_CHECK int models_wish_read(const char *text, bool needs_run, struct models_wish *out, struct why *why);
/* Puts it into a scenario that is not resolved yet. ERR_INVALID: it has no section llm. */
MUST_CHECK int models_wish_apply(const struct models_wish *self, struct yaml_tree *tree, struct why *why);

/* Of a resolved scenario: the run that `llm.parent` names becomes the path of its call log. Does nothing where no log
 * is read, or where it is the copy in the run's own folder. */
MUST_CHECK int models_mode_settle(struct yaml_tree *tree, struct why *why);

/* The log that has all calls of a run: its own, or the one that was read instead. A path to a log is taken as it is.
 * ERR_MISSING: nothing was kept. */
MUST_CHECK int models_mode_find_log(const char *run, char out[FOLDER_PATH_SIZE], struct why *why);

/* How a fork begins: from the parent's settings, with its log (`has_log`) to branch off. */
void models_mode_inherit(const struct llm_settings *parent, bool has_log, struct llm_settings *out);

/* A mode that reads no log has no use for the parent's that a fork was given. */
void models_mode_forget_parent(struct yaml_tree *tree);
/* Whether the parent's log is to be copied into the folder of this (resolved) scenario. */
bool models_mode_wants_copy(const struct yaml_node *root);

#endif
