#include "world/replay.h"

#include "core/assert.h"
#include "world/recover.h"

#include <inttypes.h>
#include <string.h>

struct watch {
    const struct replay_options *options;
    const struct scene *scene;
    uint64_t steps;
    int error;
    struct why why;
};

static void
after_step(void *context, uint64_t step)
{
    struct watch *watch = context;

    if (watch->options->each != NULL)
        watch->options->each(watch->options->context, step, watch->steps);
    if (watch->options->invariants && watch->error == 0) {
        watch->error = watch->scene->domain->check_invariants(watch->scene->domain_self, &watch->why);
        if (watch->error != 0)
            fail_prefix(&watch->why, "after step %" PRIu64, step);
    }
}

static int
replay_scene(struct store *store, struct scene *scene, const struct replay_options *options, struct replay_report *out,
             struct why *why)
{
    struct store_commit tip = store_committed(store);
    uint64_t upto = options->upto == 0 || options->upto > tip.step ? tip.step : options->upto;
    struct watch watch = {.options = options, .scene = scene, .steps = upto};
    int error;

    if (scene->plan.logging.detail == DETAIL_INPUTS)
        return fail(why, ERR_STATE, "the log was kept with detail `inputs`: its decisions have to be computed again");
    if (options->chain && (error = store_verify(store, 0, upto, why)) != 0)
        return error;
    if ((error = recover_to(store, scene, upto, false, after_step, &watch, NULL, why)) != 0)
        return error;
    if (watch.error != 0) {
        if (why != NULL)
            *why = watch.why;
        return watch.error;
    }
    if (upto < tip.step && upto > 0 && (error = store_read_commit(store, upto, &tip, why)) != 0)
        return error;
    out->steps = upto;
    memcpy(out->chain, tip.chain, sizeof out->chain);
    memcpy(out->digest, tip.digest, sizeof out->digest);
    if (options->figure != NULL)
        scene->domain->figures(scene->domain_self, true, options->figure, options->context);
    return 0;
}

int
replay_run(const char *folder, const struct replay_options *options, struct replay_report *out, struct why *why)
{
    struct store *store = NULL;
    struct scene scene = {0};
    const void *manifest;
    size_t size;
    int error = store_open_read(folder, &store, why);

    *out = (struct replay_report){0};
    if (error != 0)
        return error;
    manifest = store_manifest(store, &size);
    if ((error = scene_open(manifest, size, &scene, why)) == 0)
        error = replay_scene(store, &scene, options, out, why);
    scene_fini(&scene);
    if (store_close(&store, error == 0 ? why : NULL) != 0 && error == 0)
        error = ERR_IO;
    return error;
}
