/* world/sandbox/features.c - the sandbox's features, in the order in which they are asked. */
#include "world/sandbox/feature.h"

extern const struct feature feature_communities, feature_contagion, feature_discourse, feature_market,
    feature_minds, feature_moderation, feature_network, feature_norms, feature_projects, feature_words;

const struct feature *const features[] = {
    &feature_network,
    &feature_contagion,
    &feature_market,
    &feature_projects,
    &feature_discourse,
    &feature_norms,
    &feature_moderation,
    &feature_communities,
    &feature_minds,
    &feature_words,
    NULL,
};

void
figure_put(const struct figure_sink *sink, const char *name, double value, bool known)
{
    sink->each(sink->context, name, value, known);
}

void
figure_put_share(const struct figure_sink *sink, const char *name, double part, double whole)
{
    figure_put(sink, name, whole > 0 ? part / whole : 0.0, whole > 0);
}

/* Each feature that is on and has this member. */
#define FOR_EACH(self, feature, member)                                                                              \
    for (uint32_t index_ = 0; features[index_] != NULL; index_++)                                                    \
        for (const struct feature *feature = features[index_];                                                       \
             feature != NULL && feature->member && feature->is_on(&(self)->config); feature = NULL)

void
features_make(struct sandbox *self)
{
    FOR_EACH(self, feature, settle)
        for (uint32_t verb = 0; verb < VERB_COUNT; verb++)
            if ((feature->verbs >> verb & 1u) != 0)
                self->verbs[verb] = feature;
    FOR_EACH(self, feature, make)
        feature->make(self);
}

void
features_destroy(struct sandbox *self)
{
    for (uint32_t i = 0; features[i] != NULL; i++)
        if (features[i]->destroy != NULL)
            features[i]->destroy(self);
}

void
features_genesis(struct sandbox *self)
{
    FOR_EACH(self, feature, genesis)
        feature->genesis(self);
}

void
features_begin(struct sandbox *self)
{
    FOR_EACH(self, feature, begin)
        feature->begin(self);
}

void
features_end(struct sandbox *self)
{
    FOR_EACH(self, feature, end)
        feature->end(self);
}

void
features_show(struct sandbox *self)
{
    FOR_EACH(self, feature, show)
        feature->show(self);
}

bool
features_traits(const struct sandbox *self)
{
    FOR_EACH(self, feature, traits)
        return true;
    return false;
}

void
features_count(const struct sandbox *self, const uint32_t *agents, uint32_t agent_count, uint32_t counts[ACT_AXES])
{
    counts[ACT_TRAIT] = features_traits(self) ? agent_count : 0;
    FOR_EACH(self, feature, count)
        feature->count(self, agents, agent_count, counts);
}

void
features_write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    FOR_EACH(self, feature, write)
        feature->write(self, writer, agents);
}

const struct feature *
features_of_verb(const struct sandbox *self, uint32_t verb)
{
    return self->verbs[verb];
}

void
features_posted(struct sandbox *self, const struct action *action)
{
    FOR_EACH(self, feature, posted)
        feature->posted(self, action);
}

void
features_voted(struct sandbox *self, const struct action *action, uint32_t author)
{
    FOR_EACH(self, feature, voted)
        feature->voted(self, action, author);
}

void
features_dealt(struct sandbox *self, const struct deal *deal, bool happened)
{
    FOR_EACH(self, feature, dealt)
        feature->dealt(self, deal, happened);
}

void
features_task_ended(struct sandbox *self, const struct task *task, enum sandbox_task_status how)
{
    FOR_EACH(self, feature, task_ended)
        if (feature->owner == (enum sandbox_owner)task->owner)
            feature->task_ended(self, task, how);
}

void
features_norm_ruled(struct sandbox *self, uint32_t number, bool holds)
{
    FOR_EACH(self, feature, norm_ruled)
        feature->norm_ruled(self, number, holds);
}

void
features_figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    FOR_EACH(self, feature, figures)
        feature->figures(self, whole_run, sink);
}

void
features_cells(struct sandbox *self, struct cells *out)
{
    FOR_EACH(self, feature, cells)
        feature->cells(self, out);
}

int64_t
features_escrow(const struct sandbox *self)
{
    int64_t sum = 0;

    FOR_EACH(self, feature, escrow)
        sum += feature->escrow(self);
    return sum;
}

int
features_check(const struct sandbox *self, struct why *why)
{
    FOR_EACH(self, feature, check_state)
    {
        int code = feature->check_state(self, why);

        if (code != 0)
            return code;
    }
    return 0;
}
