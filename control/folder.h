/* control/folder.h - a run's folder as the operator's commands see it. The store owns log.mdb, state.mdb and trace.bin;
 * beside them lie:
 *
 *     cluster.yaml   how the processes are laid out (cluster, how hard the disk is synced, whether models are asked or
 *                    a log of them): changes no result
 *     calls.log      what models answered (llm-gateway/record.h); calls.parent.log: the same of the run it is a fork of
 *     place          where the broker is met: "bus" (the folder of that name), or tcp://127.0.0.1:PORT
 *     bus/           unix sockets, mode 0700
 *     log/NAME.N     what each process said */
#ifndef POLIS_CONTROL_FOLDER_H
#define POLIS_CONTROL_FOLDER_H

#include "core/error.h"
#include "core/yaml.h"
#include "llm-gateway/llm_config.h"
#include "world/plan.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

#define FOLDER_PATH_SIZE 4096u

/* A run opened for reading, beside its writer or without one. */
struct folder {
    char path[FOLDER_PATH_SIZE];
    struct store *store;
    struct yaml_tree *tree; /* the scenario of the manifest */
    struct plan plan;       /* with the cluster of cluster.yaml */
    struct llm_settings models; /* of cluster.yaml, too; defaults where the scenario has no section llm */
};

/* The folder of a run: a path, or a name below runs/. ERR_MISSING names the nearest one. */
MUST_CHECK int folder_find(const char *name, char out[FOLDER_PATH_SIZE], struct why *why);

/* "runs/NAME-SEED-N", with the first N that is free; the name's bytes that are no letters or digits become '-'. */
MUST_CHECK int folder_choose(const char *name, int64_t seed, char out[FOLDER_PATH_SIZE], struct why *why);

/* Makes the run: the store with the manifest, then what lies beside it. `resolved` is a resolved scenario. */
MUST_CHECK int folder_create(const char *path, struct yaml_tree *resolved, struct why *why);

/* The same for a fork, whose log begins with `base` (world/base.h). */
MUST_CHECK int folder_create_fork(
    const char *path, struct yaml_tree *resolved, const struct store_step *base, struct why *why);

MUST_CHECK int folder_open(const char *name, struct folder *out, struct why *why);
void folder_close(struct folder *self);
/* Lets go of the store alone, so that something else in this process may open the run; path, tree and plan stay. */
void folder_close_store(struct folder *self);

/* Plan of a run: its manifest with what cluster.yaml says. */
MUST_CHECK int folder_read_plan(
    const char *path, struct store *store, struct yaml_tree **tree, struct plan *out, struct why *why);
/* Writes cluster.yaml and place for this layout, and makes log/. `models` is NULL where there are none. */
MUST_CHECK int folder_write_cluster(
    const char *path, const struct plan *plan, const struct llm_settings *models, struct why *why);

/* Where the run's broker is met, as for place_parse(). */
MUST_CHECK int folder_read_place(const char *path, char *out, size_t out_size, struct why *why);

/* Whether a broker may be there: false is certain, true is worth a try. */
bool folder_is_live(const char *path);

/* The layout alone: works before the store can be opened. Absent files are defaults. */
MUST_CHECK int folder_read_cluster(const char *path, struct cluster *cluster, struct logging *logging, struct why *why);

/* How models are asked; defaults where the file says nothing. */
MUST_CHECK int folder_read_models(const char *path, struct llm_settings *out, struct why *why);

/* Copies one in the same way. */
MUST_CHECK int folder_copy_file(const char *from, const char *to, struct why *why);
/* Writes a whole file: a temporary one beside it, synced, renamed. */
MUST_CHECK int folder_write_file(const char *path, const void *bytes, size_t size, struct why *why);

#endif
