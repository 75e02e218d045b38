/* llm-gateway/bucket.h - so many a minute and no more: a token bucket (Turner 1986) for requests or tokens of one key.
 * It fills without a break, up to limit / 60 * burst_s. Whole numbers only: a level is counted in 1/60,000,000 of a
 * unit, of which a limit of L a minute brings exactly L each microsecond. What a server says about itself lowers the
 * level and never raises it. A plain value. */
#ifndef POLIS_LLM_GATEWAY_BUCKET_H
#define POLIS_LLM_GATEWAY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_LIMIT_MAX INT64_C(1000000000) /* units a minute */
#define BUCKET_BURST_MAX 60u                 /* seconds */

struct bucket {
    int64_t limit; /* units a minute; 0: no limit */
    int64_t capacity, level;
    int64_t at_us;    /* when `level` was so */
    int64_t until_us; /* nothing before: the server said that it is empty until then */
};

/* Full at `now_us`. limit 0 to BUCKET_LIMIT_MAX, burst_s 1 to BUCKET_BURST_MAX. */
void bucket_init(struct bucket *self, int64_t limit, uint32_t burst_s, int64_t now_us);

/* When `units` can be taken: `now_us` or later. More than the whole bucket holds can be taken when it is full. */
int64_t bucket_ready_us(const struct bucket *self, int64_t units, int64_t now_us);

/* Takes them now; bucket_ready_us() was `now_us`. The level may fall below nothing (a request larger than the bucket).
 * */
void bucket_take(struct bucket *self, int64_t units, int64_t now_us);

/* Less was used than was taken. */
void bucket_refund(struct bucket *self, int64_t units, int64_t now_us);

/* The server says how much is left, and when it will be full again (unix time is not asked for: microseconds from now;
 * -1: not said). Only what is less than here counts; at 0 left nothing goes before the reset. */
void bucket_heed(struct bucket *self, int64_t remaining, int64_t reset_us, int64_t now_us);

/* Units there are, rounded down; below 0: owed. */
int64_t bucket_units(const struct bucket *self, int64_t now_us);

#endif
