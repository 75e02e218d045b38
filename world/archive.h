/* world/archive.h - the world's ear for subscribers: publishes a STEP event for every committed step, a HEAD now and
 * then, and answers SYNC (where are we?) and FETCH (give me log records) from what is committed. A subscriber joins by
 * asking for SYNC after it has subscribed; what it misses later it fetches. */
#ifndef POLIS_WORLD_ARCHIVE_H
#define POLIS_WORLD_ARCHIVE_H

#include "bus/actor.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

struct archive;

struct archive_options {
    struct store *store; /* lent */
    const char *scenario; /* lent */
    uint64_t steps;
    uint32_t steps_per_epoch;
};

struct archive *archive_new(const struct archive_options *options);
void archive_destroy(struct archive **self_p);

/* Keeps the summary of a step (taking its bytes) until the step is committed. */
void archive_step_made(struct archive *self, uint64_t step, const uint8_t digest[STORE_DIGEST], struct buffer *summary);
/* Publishes what has been committed since. */
void archive_publish(struct archive *self, struct outbox *out);
/* Says how far the stream is. */
void archive_publish_head(struct archive *self, bool ended, struct outbox *out);
/* SYNC and FETCH; answers on the channel they came by. Hostile ones are counted and dropped. */
void archive_letter(struct archive *self, const struct letter *letter, struct outbox *out);

#endif
