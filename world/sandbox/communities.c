/* world/sandbox/communities.c - who keeps to whom: communities in the graph of those that remember having dealt with
 * each other. A feature without state: its figures follow from what agents remember when they are asked for. */
#include "core/arena.h"
#include "world/sandbox/community.h"
#include "world/sandbox/feature.h"

#include <stdlib.h>

#define AGENTS_MAX 20000u /* more would hold up the end of an epoch for seconds */

static bool
is_on(const struct config *config)
{
    return config->world.communities;
}

/* Each pair once, with the accepted interactions that the one remembers who remembers more. */
static uint64_t
pairs_of(const struct sandbox *self, struct community_edge *out)
{
    uint64_t count = 0;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        uint32_t known;
        const struct trust_entry *table = trust_table(self->trust, agent, &known);

        for (uint32_t i = 0; i < known; i++) {
            const struct trust_entry *back = trust_find(self->trust, table[i].partner, agent);
            uint16_t past = table[i].past;

            if (back != NULL && table[i].partner < agent)
                continue; /* it is among the other's */
            if (back != NULL && back->past > past)
                past = back->past;
            if (past > 0)
                out[count++] = (struct community_edge){.a = agent, .b = table[i].partner, .weight = past};
        }
    }
    return count;
}

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    uint32_t agents = self->config.agent_count;
    struct community_figures found = {0};
    struct why why = {0};
    bool known = false;

    (void)whole_run; /* what they remember now, whichever span is asked for */
    if (agents <= AGENTS_MAX) {
        struct community_edge *edges =
            ALLOC_ARRAY(struct community_edge, (size_t)agents * self->config.world.trust_slots);
        uint32_t *partition = ALLOC_ARRAY(uint32_t, agents);

        known = community_find(edges, pairs_of(self, edges), agents, partition, &found, &why) == 0 && found.members > 0;
        free(edges);
        free(partition);
    }
    figure_put(sink, "communities", (double)found.communities, known);
    figure_put(sink, "modularity", found.modularity, known);
    figure_put(sink, "largest_community_share", found.share, known);
}

const struct feature feature_communities = {
    .name = "communities",
    .is_on = is_on,
    .figures = figures,
};
