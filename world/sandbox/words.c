/* The feature `words`.
 *
 * Invariants (check_state): 1. of an epoch no more is counted than of the run; 2. of the marked posts no more were
 * planted or written by models than there are, and only a model's is not planted; 3. there is a first and a last marked
 * post, in this order, when there is any. */
#include "world/sandbox/words.h"

#include "core/arena.h"
#include "core/assert.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct words_span {
    uint64_t marked;  /* posts and replies */
    uint64_t planted; /* of those, with 1 hop */
    uint64_t modeled; /* of those, written by models */
    uint64_t depth;   /* most hops */
};

struct words {
    struct {
        struct words_span epoch, run;
        uint64_t first, last; /* steps with a marked post; 0: there was none */
    } counts;
    uint32_t *read;   /* by agent: fewest hops of what it was ever given to read; 0: nothing */
    uint32_t *source; /* the same of what counts for its next post; of the present turn, not state */
};

_Static_assert(sizeof(struct words_span) == 4 * 8, "no padding in what is saved as bytes");

static bool
is_on(const struct config *config)
{
    return config->words.marker[0] != '\0';
}

/* ---- life ---- */

static void
make(struct sandbox *self)
{
    self->words = ALLOC(struct words);
    self->words->read = ALLOC_ARRAY(uint32_t, self->config.agent_count);
    self->words->source = ALLOC_ARRAY(uint32_t, self->config.agent_count);
}

static void
destroy(struct sandbox *self)
{
    if (self->words == NULL)
        return;
    free(self->words->read);
    free(self->words->source);
    free(self->words);
    self->words = NULL;
}

static void
genesis(struct sandbox *self)
{
    memset(&self->words->counts, 0, sizeof self->words->counts);
    memset(self->words->read, 0, self->config.agent_count * sizeof self->words->read[0]);
    memset(self->words->source, 0, self->config.agent_count * sizeof self->words->source[0]);
}

static void
begin(struct sandbox *self)
{
    if (is_epoch_start(self))
        self->words->counts.epoch = (struct words_span){0};
}

/* ---- reading and writing ---- */

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
words_marked(const struct sandbox *self, const char *text, uint32_t size)
{
    const char *marker = self->config.words.marker;
    uint32_t length = (uint32_t)strlen(marker);

    if (length == 0)
        return false;
    for (uint32_t at = 0; at + length <= size; at++) {
        uint32_t i = 0;

        while (i < length && lower(text[at + i]) == lower(marker[i]))
            i++;
        if (i == length)
            return true;
    }
    return false;
}

void
words_read(struct sandbox *self, uint32_t agent, uint32_t hops)
{
    struct words *own = self->words;

    if (own == NULL)
        return;
    own->source[agent] = hops > 0 ? hops : own->read[agent];
    if (hops > 0 && (own->read[agent] == 0 || hops < own->read[agent]))
        own->read[agent] = hops;
}

static void
count_post(struct words_span *span, uint32_t hops, bool modeled)
{
    span->marked++;
    span->planted += hops == 1;
    span->modeled += modeled;
    span->depth = hops > span->depth ? hops : span->depth;
}

static void
posted(struct sandbox *self, const struct action *action)
{
    struct words *own = self->words;
    struct feed_post post;
    uint32_t hops;

    if (!words_marked(self, action->text, action->text_size))
        return;
    if (!feed_find(self->feed, action->target, &post))
        UNREACHABLE();
    hops = action->taint > 0 ? own->source[action->actor] + 1 : 1;
    post.voice.hops = hops;
    feed_trace(self->feed, post.id, &post.voice);
    count_post(&own->counts.epoch, hops, action->taint > 0);
    count_post(&own->counts.run, hops, action->taint > 0);
    if (own->counts.first == 0)
        own->counts.first = self->now.step;
    own->counts.last = self->now.step;
    settle_note(self, &(struct note){.kind = NOTE_marked_post, .agent = action->actor, .other = SANDBOX_NOBODY,
                                     .id = post.id, .value = (double)hops});
}

/* ---- figures and state ---- */

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct words *own = self->words;
    const struct words_span *span = whole_run ? &own->counts.run : &own->counts.epoch;
    bool any = own->counts.first > 0;
    double readers = 0.0;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++)
        readers += own->read[agent] > 0;
    figure_put(sink, "marked_posts", (double)span->marked, true);
    figure_put(sink, "marked_planted", (double)span->planted, true);
    figure_put(sink, "marked_by_models", (double)span->modeled, true);
    figure_put(sink, "word_readers", readers, true);
    figure_put(sink, "word_contagion_depth", (double)span->depth, span->marked > 0);
    figure_put(sink, "word_containment_steps", (double)(own->counts.last - own->counts.first), any);
    figure_put(sink, "word_quiet_steps", any ? (double)(self->now.step - own->counts.last) : 0.0, any);
}

static void
cells(struct sandbox *self, struct cells *out)
{
    cells_add(out, &self->words->counts, sizeof self->words->counts);
    cells_add(out, self->words->read, self->config.agent_count * sizeof self->words->read[0]);
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    const struct words *own = self->words;
    const struct words_span *epoch = &own->counts.epoch, *run = &own->counts.run;

    if (epoch->marked > run->marked || epoch->planted > run->planted || epoch->modeled > run->modeled ||
        epoch->depth > run->depth || run->planted > run->marked || run->modeled > run->marked ||
        run->marked - run->planted > run->modeled || (run->marked > 0) != (run->depth > 0))
        return fail(why, ERR_STATE, "words: counts contradict each other");
    if ((run->marked > 0) != (own->counts.first > 0) || own->counts.last < own->counts.first ||
        own->counts.last > self->now.step)
        return fail(why, ERR_STATE, "words: marked posts from step %" PRIu64 " to %" PRIu64 " in step %" PRIu64,
                    own->counts.first, own->counts.last, self->now.step);
    return 0;
}

const struct feature feature_words = {
    .name = "words",
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .posted = posted,
    .figures = figures,
    .cells = cells,
    .check_state = check_state,
};
