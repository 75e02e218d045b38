#include "world/recover.h"

#include "core/assert.h"
#include "world/base.h"

#include <inttypes.h>
#include <string.h>

static const struct domain *
choose_domain(const struct yaml_node *root, struct why *why)
{
    const struct yaml_node *node = yaml_find(root, "domain");
    const char *name = "sandbox";
    const struct domain *domain;

    if (node != NULL && yaml_get_text(node, &name, why) != 0)
        return NULL;
    domain = domain_of(name, root);
    if (domain == NULL)
        yaml_fail(node, why, ERR_UNKNOWN, "no domain '%s'", name);
    return domain;
}

int
scene_open(const void *manifest, size_t size, struct scene *out, struct why *why)
{
    int error;

    *out = (struct scene){0};
    if ((error = plan_read_manifest(manifest, size, &out->tree, &out->plan, why)) != 0)
        return error;
    out->domain = choose_domain(yaml_root(out->tree), why);
    if (out->domain == NULL) {
        scene_fini(out);
        return ERR_UNKNOWN;
    }
    out->governed = domain_is_governed(out->domain, yaml_root(out->tree));
    if (out->governed)
        yaml_write(yaml_find(yaml_root(out->tree), "governance"), &out->governance);
    error = out->domain->configure(yaml_root(out->tree), (uint64_t)out->plan.simulation.seed, &out->domain_self, why);
    if (error != 0) {
        scene_fini(out);
        return error;
    }
    out->domain->genesis(out->domain_self);
    return 0;
}

void
scene_fini(struct scene *self)
{
    if (self->domain_self != NULL)
        self->domain->destroy(self->domain_self);
    yaml_destroy(&self->tree);
    buffer_fini(&self->governance);
    *self = (struct scene){0};
}

int
recover_snapshot(struct store *store, struct scene *scene, uint64_t at_or_below, uint64_t *step, struct why *why)
{
    struct buffer bytes = {0};
    struct store_commit commit;
    struct fold fold;
    uint8_t digest[STORE_DIGEST];
    int error = store_read_snapshot(store, at_or_below, step, &bytes, why);

    if (error == 0 && *step > 0) {
        error = scene->domain->load(scene->domain_self, bytes.data, bytes.size, why);
        if (error == 0)
            error = store_read_commit(store, *step, &commit, why);
        if (error == 0) {
            fold_init(&fold);
            scene->domain->digest(scene->domain_self, &fold);
            fold_end(&fold, digest);
            if (memcmp(digest, commit.digest, sizeof digest) != 0)
                error = fail(why, ERR_DIGEST, "the snapshot of step %" PRIu64 " does not have its step's digest",
                             *step);
        }
    }
    buffer_fini(&bytes);
    return error;
}

int
recover_start(struct store *store, struct scene *scene, uint64_t at_or_below, bool use_snapshots, uint64_t *step,
              struct why *why)
{
    int error = 0;

    *step = 0;
    if (at_or_below < store_base(store))
        return fail(why, ERR_MISSING, "step %" PRIu64 " is not in the log, which begins behind step %" PRIu64,
                    at_or_below, store_base(store));
    if (use_snapshots)
        error = recover_snapshot(store, scene, at_or_below, step, why);
    if (error == 0 && *step == 0)
        error = base_load(store, scene->domain, scene->domain_self, step, why);
    return error;
}

static int
replay_one(struct store *store, struct step *step, uint64_t number, struct why *why)
{
    struct buffer header = {0}, data = {0};
    struct store_commit commit;
    int error = store_read_step(store, number, &header, &data, &commit, why);

    if (error == 0)
        error = step_replay(step, number, &header, &data, commit.digest, why);
    buffer_fini(&header);
    buffer_fini(&data);
    return error;
}

int
recover_to(struct store *store, struct scene *scene, uint64_t step, bool use_snapshots,
           void (*each)(void *context, uint64_t step), void *context, struct recover_report *out, struct why *why)
{
    struct recover_report report = {0};
    struct step work;
    int error;

    if ((error = recover_start(store, scene, step, use_snapshots, &report.snapshot_step, why)) != 0)
        return error;
    step_init(&work, scene->domain, scene->domain_self, scene->plan.logging.detail == DETAIL_INPUTS);
    for (uint64_t number = report.snapshot_step + 1; error == 0 && number <= step; number++) {
        error = replay_one(store, &work, number, why);
        if (error == 0) {
            report.replayed++;
            if (each != NULL)
                each(context, number);
        }
    }
    step_fini(&work);
    if (out != NULL)
        *out = report;
    return error;
}
