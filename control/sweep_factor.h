/* control/sweep_factor.h - what varies in a sweep. A factor has levels; a level sets some values of the scenario. Each
 * path of a `grid` is a factor of its own, a `zip`, a `list` and a `latin_hypercube` are one factor each; the cells of
 * the sweep are all combinations of their levels. */
#ifndef POLIS_CONTROL_SWEEP_FACTOR_H
#define POLIS_CONTROL_SWEEP_FACTOR_H

#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"

#include <stdint.h>

#define SWEEP_FACTOR_MAX 32u
#define SWEEP_LEVEL_MAX 100000u

struct sweep_assignment {
    const char *path; /* as yaml_find_path() takes it */
    const struct yaml_node *value;
};

struct sweep_level {
    const char *label;
    struct sweep_assignment *list;
    uint32_t count;
};

struct sweep_factor {
    struct sweep_level *levels;
    uint32_t count;
};

/* The factors of a sweep's file, in the order in which they stand there. What they hold lives as long as the file's
 * tree and `arena`. Errors name the place in the file. */
MUST_CHECK int sweep_factor_read(const struct yaml_node *root, struct arena *arena,
    struct sweep_factor out[SWEEP_FACTOR_MAX], uint32_t *count, struct why *why);

/* The members of a map path: value as assignments. */
MUST_CHECK int sweep_factor_read_map(
    const struct yaml_node *map, struct arena *arena, struct sweep_assignment **out, uint32_t *count, struct why *why);

/* `samples` points of a Latin hypercube (McKay, Beckman & Conover 1979): for dimension `dimension`, the one of point i
 * in [0, 1). Of any dimension, each of the `samples` equal parts of [0, 1) holds exactly one point. */
void sweep_factor_draw(uint64_t seed, uint32_t dimension, uint32_t samples, double out[]);

/* A node in YAML's flow style, on one line: {prob: 0.2}, [1, 2], 0.5, "text in quotes". */
void sweep_factor_write_flow(const struct yaml_node *node, struct buffer *out);

#endif
