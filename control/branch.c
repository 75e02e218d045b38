#include "control/branch.h"

#include "control/alias.h"
#include "control/launch.h"
#include "control/models.h"
#include "control/models_mode.h"
#include "control/paths.h"
#include "core/digest.h"
#include "core/text.h"
#include "world/base.h"
#include "world/record.h"
#include "world/recover.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- where ---- */

static int
read_number(const char *text, const char *whole, const char *behind, uint64_t *out, struct why *why)
{
    int64_t number = 0;

    if (text_parse_integer(text, &number, NULL) != 0 || number < 0)
        return fail(
            why, ERR_INVALID, "'%.100s': behind the @ stands a step, epoch:N or end, not '%.40s'", whole, behind);
    *out = (uint64_t)number;
    return 0;
}

int
branch_point_read(const char *text, struct branch_point *out, struct why *why)
{
    const char *at = strrchr(text, '@');
    size_t size = at != NULL ? (size_t)(at - text) : strlen(text);

    *out = (struct branch_point){.where = BRANCH_NEWEST};
    if (size == 0 || size >= sizeof out->run)
        return fail(why, ERR_INVALID, "'%.60s' names no run: RUN@STEP, RUN@epoch:N, RUN@end or RUN", text);
    memcpy(out->run, text, size);
    if (at == NULL)
        return 0;
    out->where = strcmp(at + 1, "end") == 0 ? BRANCH_END
        : strncmp(at + 1, "epoch:", 6) == 0 ? BRANCH_EPOCH
                                            : BRANCH_STEP;
    if (out->where == BRANCH_END)
        return 0;
    return read_number(out->where == BRANCH_EPOCH ? at + 7 : at + 1, text, at + 1, &out->number, why);
}

int
branch_point_step(
    const struct branch_point *self, const struct plan *plan, struct store *store, uint64_t *out, struct why *why)
{
    uint64_t tip = store_committed(store).step, per_epoch = plan->simulation.steps_per_epoch;

    switch (self->where) {
    case BRANCH_NEWEST:
        *out = tip;
        return 0;
    case BRANCH_END:
        *out = plan->steps;
        break;
    case BRANCH_STEP:
        *out = self->number;
        break;
    case BRANCH_EPOCH:
        if (self->number > plan->steps / per_epoch)
            return fail(why, ERR_MISSING, "%.200s has %" PRIu32 " epochs, no epoch %" PRIu64, self->run,
                plan->simulation.epochs, self->number);
        *out = self->number * per_epoch;
        break;
    }
    if (*out > tip)
        return fail(
            why, ERR_MISSING, "%.200s has come to step %" PRIu64 ", not to step %" PRIu64, self->run, tip, *out);
    if (*out < store_base(store))
        return fail(why, ERR_MISSING, "%.200s is a fork itself and begins behind step %" PRIu64 ": step %" PRIu64
                    " is in the log of the run it came from", self->run, store_base(store), *out);
    return 0;
}

/* ---- the run that is left ---- */

static int
judge_step(struct store *store, uint64_t step, struct engine *engine, struct why *why)
{
    struct buffer data = {0};
    struct section section;
    struct batch docket;
    uint64_t offset = 0;
    int error = store_read_step(store, step, NULL, &data, NULL, why);

    while (error == 0 && offset < data.size) {
        error = record_next(data.data, data.size, &offset, &section, why);
        if (error != 0 || section.kind != SECTION_DOCKET)
            continue;
        error = batch_read(&schema_sandbox_docket, section.bytes, section.size, &docket, why);
        if (error == 0)
            error = engine_judge(engine, step, section.phase, &docket, 0, NULL, why);
    }
    buffer_fini(&data);
    return error;
}

/* What governance had come to: its state is a fold over the dockets. */
static int
judge_again(struct branch *self, struct store *store, struct scene *scene, struct why *why)
{
    const struct yaml_node *section = yaml_find(yaml_root(scene->tree), "governance");
    struct buffer base = {0};
    int error;

    if (!scene->governed)
        return 0;
    error = engine_new(section, (uint64_t)self->plan.simulation.seed, scene->domain->agent_count(scene->domain_self),
        &self->engine, why);
    if (error == 0)
        error = base_read_court(store, &base, why);
    if (error == 0 && base.size > 0)
        error = engine_load(self->engine, base.data, base.size, why);
    for (uint64_t step = store_base(store) + 1; error == 0 && step <= self->step; step++)
        error = judge_step(store, step, self->engine, why);
    buffer_fini(&base);
    return error;
}

static int
read_commit(struct branch *self, struct store *store, struct why *why)
{
    self->commit = (struct store_commit){0};
    if (self->step > 0 || store_is_fork(store))
        return store_read_commit(store, self->step, &self->commit, why);
    digest_of(self->manifest.data, self->manifest.size, self->commit.chain);
    return 0;
}

static int
read_parent(struct branch *self, struct folder *folder, struct why *why)
{
    struct scene scene = {0};
    const void *manifest;
    size_t size;
    int error;

    manifest = store_manifest(folder->store, &size);
    buffer_append(&self->manifest, manifest, size);
    if ((error = read_commit(self, folder->store, why)) != 0 ||
        (error = scene_open(manifest, size, &scene, why)) != 0)
        return error;
    if ((error = judge_again(self, folder->store, &scene, why)) == 0 &&
        (folder->plan.logging.detail == DETAIL_ACTIONS || self->step == store_base(folder->store))) {
        error = recover_to(folder->store, &scene, self->step, true, NULL, NULL, NULL, why);
        if (error == 0)
            scene.domain->save(scene.domain_self, &self->state);
    }
    scene_fini(&scene);
    return error;
}

/* The log holds no decisions: workers make them again, from the beginning on and compared with the logged digests. */
static int
recompute(struct branch *self, struct why *why)
{
    struct launch launch = {.folder = self->path, .plan = &self->plan, .stop_after = self->step, .recompute = true,
        .quiet = true, .keep = &self->state};

    if (launch_inproc(&launch) == 0 && self->state.size > 0)
        return 0;
    return fail(why, ERR_STATE, "%.200s: step %" PRIu64 " could not be computed again", self->path, self->step);
}

int
branch_open(const char *text, struct branch *out, struct why *why)
{
    struct branch_point point;
    struct folder folder = {0};
    int error = branch_point_read(text, &point, why);

    memset(out, 0, sizeof *out);
    if (error != 0 || (error = folder_open(point.run, &folder, why)) != 0)
        return error;
    memcpy(out->path, folder.path, sizeof out->path);
    out->plan = folder.plan;
    out->models = folder.models;
    if (models_mode_find_log(folder.path, out->calls, NULL) != 0)
        out->calls[0] = '\0';
    error = branch_point_step(&point, &folder.plan, folder.store, &out->step, why);
    if (error == 0)
        error = read_parent(out, &folder, why);
    folder_close(&folder);
    if (error == 0 && out->state.size == 0)
        error = recompute(out, why);
    if (error != 0)
        branch_close(out);
    return error;
}

void
branch_close(struct branch *self)
{
    engine_destroy(&self->engine);
    buffer_fini(&self->manifest);
    buffer_fini(&self->state);
}

/* ---- what it becomes ---- */

static void
put_section(struct yaml_tree *tree, const char *key, const struct params *list, const void *values)
{
    struct yaml_tree *section = yaml_new("parent");

    params_put(list, values, section, yaml_root(section));
    yaml_put(tree, yaml_root(tree), key, yaml_root(section));
    yaml_destroy(&section);
}

/* The parent's scenario as it was resolved, without where it came from itself. */
static int
read_scenario(const struct branch *self, struct yaml_tree **out, struct why *why)
{
    struct yaml_node *fork;
    struct plan plan;
    int error = plan_read_manifest(self->manifest.data, self->manifest.size, out, &plan, why);

    if (error != 0)
        return error;
    fork = yaml_find(yaml_root(*out), "fork");
    if (fork != NULL)
        yaml_remove(*out, fork);
    return 0;
}

static int
apply_models(const char *text, struct yaml_tree *tree, struct why *why)
{
    struct models_wish wish;
    int error = models_wish_read(text, false, &wish, why);

    return error != 0 ? error : models_wish_apply(&wish, tree, why);
}

static int
apply_wish(const struct branch *self, const struct branch_wish *wish, struct yaml_tree *tree, struct why *why)
{
    struct yaml_node *section = yaml_find(yaml_root(tree), "llm");
    struct llm_settings models;
    struct yaml_tree *before = NULL;
    char seed[24];
    int error = read_scenario(self, &before, why);

    models_mode_inherit(&self->models, self->calls[0] != '\0', &models);
    if (section != NULL)
        llm_config_put_settings(&models, tree, section);
    put_section(tree, "log", plan_logging_params, &self->plan.logging);
    put_section(tree, "cluster", plan_cluster_params, &self->plan.cluster);
    for (uint32_t i = 0; i < wish->override_count && error == 0; i++) {
        error = yaml_set(tree, "-s", wish->overrides[i], why);
        if (error == 0)
            error = alias_apply(tree, true, why);
        models_merge_override(tree);
    }
    if (error == 0 && yaml_find(yaml_root(tree), "fork") != NULL)
        error = fail(why, ERR_INVALID, "-s fork: where a run comes from is not for the scenario to say");
    if (error == 0 && wish->llm != NULL)
        error = apply_models(wish->llm, tree, why);
    if (error == 0) {
        models_mode_forget_parent(tree);
        models_forget_templates(yaml_root(before), tree);
    }
    yaml_destroy(&before);
    snprintf(seed, sizeof seed, "%" PRId64, wish->seed);
    if (error == 0 && wish->reseeded)
        yaml_put_text(tree, yaml_find(yaml_root(tree), "simulation"), "seed", seed);
    return error;
}

struct change {
    const struct domain *domain;
    int error;
    struct why *why;
    bool any, governance;
    char paths[200]; /* what has changed, as far as it goes */
};

/* Of a domain that does not say what it can bear, only what is nobody's domain may change. */
static const char *const harmless[] = {"name", "description", "motif", "metrics_to_track", "simulation.epochs",
    "simulation.seed", "log", "cluster", "llm", NULL};

static const char *
reason_against(const struct domain *domain, const char *path)
{
    if (strcmp(path, "domain") == 0)
        return "its state is that of a domain";
    if (strncmp(path, "x-", 2) == 0)
        return NULL;
    for (size_t i = 0; domain->fork != NULL && domain->fork->fixed[i].path != NULL; i++)
        if (paths_match(path, domain->fork->fixed[i].path))
            return domain->fork->fixed[i].reason;
    for (size_t i = 0; domain->fork == NULL && harmless[i] != NULL; i++)
        if (paths_match(path, harmless[i]))
            return NULL;
    return domain->fork != NULL ? NULL : "the domain does not say what that would mean";
}

static void
look_at_change(void *context, const char *path, const struct yaml_node *a, const struct yaml_node *b)
{
    struct change *change = context;
    const char *reason = reason_against(change->domain, path);
    struct buffer before = {0}, after = {0};

    if (strlen(change->paths) + strlen(path) + 3 < sizeof change->paths)
        snprintf(change->paths + strlen(change->paths), sizeof change->paths - strlen(change->paths), "%s%s",
            change->any ? ", " : "", path);
    change->any = true;
    change->governance = change->governance || paths_match(path, "governance");
    if (reason == NULL || change->error != 0)
        return;
    paths_show(a, &before);
    paths_show(b, &after);
    change->error = fail(change->why, ERR_INVALID, "a fork cannot change %s from %.*s to %.*s: %s", path,
        (int)(before.size < 60 ? before.size : 60), (const char *)before.data,
        (int)(after.size < 60 ? after.size : 60), (const char *)after.data, reason);
    buffer_fini(&before);
    buffer_fini(&after);
}

/* Looked at before resolving, too: what is refused is then named as it was written, and not by what follows from it. */
static int
compare_wish(const struct branch *self, struct yaml_tree *wished, struct why *why)
{
    struct change change = {.why = why};
    struct yaml_tree *before = NULL;
    int error = read_scenario(self, &before, why);

    if (error == 0) {
        change.domain = domain_of(yaml_find(yaml_root(before), "domain")->text, yaml_root(before));
        paths_differ(yaml_root(before), yaml_root(wished), look_at_change, &change);
        error = change.error;
    }
    yaml_destroy(&before);
    return error;
}

/* What differs from the parent, in the form that manifests have: without cluster, and with every default. */
static int
compare_scenarios(const struct branch *self, struct yaml_tree *resolved, struct change *change, struct why *why)
{
    struct yaml_tree *before = NULL, *after = NULL;
    struct yaml_node *fork;
    struct buffer manifest = {0};
    struct plan plan;
    int error = read_scenario(self, &before, why);

    plan_write_manifest(resolved, &manifest);
    if (error == 0)
        error = plan_read_manifest(manifest.data, manifest.size, &after, &plan, why);
    if (error == 0) {
        fork = yaml_find(yaml_root(after), "fork");
        if (fork != NULL)
            yaml_remove(after, fork);
        *change = (struct change){
            .domain = domain_of(yaml_find(yaml_root(before), "domain")->text, yaml_root(before)), .why = why};
        paths_differ(yaml_root(before), yaml_root(after), look_at_change, change);
        error = change->error;
    }
    yaml_destroy(&before);
    yaml_destroy(&after);
    buffer_fini(&manifest);
    return error;
}

static int
check_length(const struct branch *self, const struct scenario *scenario, struct why *why)
{
    if (scenario->plan.steps > self->step)
        return 0;
    return fail(why, ERR_INVALID, "simulation.epochs: %" PRIu32 " epochs end with step %" PRIu64 ", and the fork "
                "begins behind step %" PRIu64 ": nothing would be left to do; choose more with --epochs",
        scenario->plan.simulation.epochs, scenario->plan.steps, self->step);
}

static void
put_origin(const struct branch *self, const struct branch_wish *wish, struct yaml_tree *tree)
{
    struct yaml_node *fork = yaml_put_empty(tree, yaml_root(tree), "fork", YAML_MAP);
    const char *name = strrchr(self->path, '/') != NULL ? strrchr(self->path, '/') + 1 : self->path;
    char hex[2 * STORE_CHAIN + 1], number[24];

    yaml_put_quoted(tree, fork, "parent", name);
    yaml_put_quoted(tree, fork, "parent_chain", digest_hex(self->commit.chain, STORE_CHAIN, hex));
    snprintf(number, sizeof number, "%" PRIu64, self->step);
    yaml_put_text(tree, fork, "step", number);
    snprintf(number, sizeof number, "%" PRIu32, wish->number);
    yaml_put_text(tree, fork, "branch", number);
}

int
branch_plan(const struct branch *self, const struct branch_wish *wish, struct scenario *out, struct why *why)
{
    struct yaml_tree *tree = NULL;
    struct change change;
    int error = read_scenario(self, &tree, why);

    memset(out, 0, sizeof *out);
    if (error == 0)
        error = apply_wish(self, wish, tree, why);
    if (error == 0)
        error = compare_wish(self, tree, why);
    if (error != 0)
        yaml_destroy(&tree);
    else
        error = scenario_resolve(&tree, out, why);
    if (error == 0)
        error = models_mode_settle(out->tree, why);
    if (error == 0 && (error = compare_scenarios(self, out->tree, &change, why)) == 0)
        error = check_length(self, out, why);
    if (error == 0)
        put_origin(self, wish, out->tree);
    else
        scenario_fini(out);
    return error;
}

/* ---- making it ---- */

/* Governance as it begins behind the step; its bytes when there are levers. */
static int
found_court(const struct branch *self, const struct scene *scene, const struct change *change, struct buffer *out,
    struct why *why)
{
    double quotes[QUOTE_GOVERNANCE_END];
    struct engine *engine = NULL;
    const struct yaml_node *section = scene->governed ? yaml_find(yaml_root(scene->tree), "governance") : NULL;
    int error = engine_new(section, (uint64_t)scene->plan.simulation.seed,
        scene->domain->agent_count(scene->domain_self), &engine, why);

    if (error != 0)
        return error;
    if (self->engine != NULL)
        engine_inherit(engine, self->engine);
    if (scene->governed)
        engine_save(engine, out);
    engine_quotes(engine, quotes);
    engine_destroy(&engine);
    if (scene->domain->fork != NULL && change->any)
        scene->domain->fork->adopt(
            scene->domain_self, change->governance ? quotes : NULL, change->governance ? QUOTE_GOVERNANCE_END : 0);
    return scene->domain->check_invariants(scene->domain_self, why);
}

/* The state under the new scenario. Where nothing has changed, it must be the parent's to the last bit. */
static int
found(const struct branch *self, const struct scene *scene, const struct change *change, struct store_step *base,
    struct why *why)
{
    struct buffer court = {0};
    int error = scene->domain->load(scene->domain_self, self->state.data, self->state.size, why);

    if (error != 0)
        return fail_prefix(why, "the state of step %" PRIu64 " does not fit the changed scenario (%s)", self->step,
            change->paths);
    error = found_court(self, scene, change, &court, why);
    if (error == 0) {
        base_write(scene->domain, scene->domain_self, self->step, &court, base);
        if (!change->any && self->step > 0 && memcmp(base->digest, self->commit.digest, STORE_DIGEST) != 0)
            error = fail(why, ERR_DIGEST, "the state of step %" PRIu64 " has another digest in the fork than logged",
                self->step);
    }
    buffer_fini(&court);
    return error;
}

/* The answers of the parent's models: the branch needs the parent no more. */
static int
copy_calls(const struct branch *self, const char *path, struct why *why)
{
    char copy[FOLDER_PATH_SIZE + 32];

    if (self->calls[0] == '\0')
        return fail(why, ERR_MISSING, "%.300s has kept no call log", self->path);
    snprintf(copy, sizeof copy, "%s/" MODELS_PARENT_FILE, path);
    return folder_copy_file(self->calls, copy, why);
}

int
branch_make(const struct branch *self, struct scenario *scenario, const char *path, struct why *why)
{
    struct buffer manifest = {0};
    struct scene scene = {0};
    struct store_step base = {0};
    struct change change;
    int error = compare_scenarios(self, scenario->tree, &change, why);

    plan_write_manifest(scenario->tree, &manifest);
    if (error == 0)
        error = scene_open(manifest.data, manifest.size, &scene, why);
    if (error == 0)
        error = found(self, &scene, &change, &base, why);
    if (error == 0)
        error = folder_create_fork(path, scenario->tree, &base, why);
    if (error == 0 && models_mode_wants_copy(yaml_root(scenario->tree)))
        error = copy_calls(self, path, why);
    buffer_fini(&base.header);
    buffer_fini(&base.data);
    scene_fini(&scene);
    buffer_fini(&manifest);
    return error;
}
