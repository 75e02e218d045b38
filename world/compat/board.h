/* world/compat/board.h - the posts of the original's feed and who voted for what. The order in which they are seen is
 * well defined without its clock: the score is votes minus a hundredth of the age in hours, nobody replies, so posts go
 * by net votes and then newest first. It is kept as the posts change; nothing is ever sorted anew or removed. */
#ifndef POLIS_WORLD_COMPAT_BOARD_H
#define POLIS_WORLD_COMPAT_BOARD_H

#include "core/buffer.h"
#include "core/error.h"
#include "world/compat/compat.h"

struct compat_post {
    uint32_t author; /* COMPAT_NOBODY: the act was not signed */
    uint32_t up, down;
};

/* Start from compat_board_init(). */
struct compat_board {
    uint32_t count, room, voters; /* voters: agents and one more for those who do not sign */
    size_t stride;                /* bytes of votes a post: 2 bits a voter */
    struct compat_post *posts;    /* by id, from 0 */
    uint8_t *votes;
    uint32_t *order; /* ids, best first */
    uint64_t vote_count;
};

void compat_board_init(struct compat_board *self, uint32_t agent_count);
void compat_board_fini(struct compat_board *self);
void compat_board_clear(struct compat_board *self);

/* Returns the id. */
uint32_t compat_board_post(struct compat_board *self, uint32_t author);
/* One vote a voter (COMPAT_NOBODY: who does not sign) and post: the same again changes nothing, the opposite takes its
 * place. */
void compat_board_vote(struct compat_board *self, uint32_t post, uint32_t voter, int32_t vote);
/* -1, 0 or 1. */
int32_t compat_board_voted(const struct compat_board *self, uint32_t post, uint32_t voter);
int32_t compat_board_net(const struct compat_board *self, uint32_t post);

void compat_board_save(const struct compat_board *self, struct buffer *out);
MUST_CHECK int compat_board_load(
    struct compat_board *self, const uint8_t *bytes, size_t size, size_t *offset, struct why *why);
MUST_CHECK int compat_board_check(const struct compat_board *self, struct why *why);

#endif
