/* world/store_private.h - what the files of the store share; nobody else includes it.
 *
 * Locks: `read_lock` is held while a read transaction is open and while a map changes its size (which LMDB allows only
 * without one); `lock` guards the queue and what the log thread announces. Neither is taken while holding the other.
 * Every write transaction after store_open() is the log thread's (LMDB ties it to its thread). */
#ifndef POLIS_WORLD_STORE_PRIVATE_H
#define POLIS_WORLD_STORE_PRIVATE_H

#include "world/store.h"

#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/types.h>

#define STORE_FORMAT 1u
#define STORE_KEY 12u
#define STORE_COMMIT_SIZE 64u
#define STORE_MAP_DEFAULT (UINT64_C(1) << 30)
#define STORE_LINKS_CHECKED 64u
#define STORE_LOG_FILE "log.mdb"
#define STORE_STATE_FILE "state.mdb"
#define STORE_TRACE_FILE "trace.bin"
#define STORE_LOCK_FILE "world.lock"

/* One LMDB environment. {0}: not open. */
struct store_env {
    MDB_env *env;
    MDB_txn *reader; /* kept between uses, reset */
    bool reading;    /* `reader` is active */
    bool lost;       /* a new map could not be had: LMDB must not be asked any more */
};

struct store_log {
    struct store_env file;
    MDB_dbi log, meta;
};

struct store_state {
    struct store_env file; /* not open in a reader as long as there are no snapshots */
    MDB_dbi snapshot;
};

struct store {
    char folder[PATH_MAX];
    struct store_options options;
    bool writes;
    struct store *next_claim; /* of the runs this process has open */
    dev_t device;
    ino_t inode;
    int lock_fd, trace_fd, ready_fd; /* -1 in a reader */

    struct buffer manifest;
    uint8_t genesis[STORE_CHAIN]; /* h_0 */
    bool forked;                  /* the log begins with a base at step `base` */
    uint64_t base;
    uint32_t run_id, epoch;

    pthread_mutex_t read_lock;
    struct store_log log;
    struct store_state state;

    struct store_commit tip; /* newest in log.mdb; the log thread's after store_open() */

    pthread_mutex_t lock;
    pthread_cond_t work, done; /* for the log thread; for those who wait for it */
    pthread_t thread;
    bool thread_runs, closing, waiting; /* waiting: for disk space */
    struct store_step queue[STORE_BEHIND];
    uint32_t first, count; /* of the queue; a step leaves it when its snapshot is written, too */
    uint64_t appended;     /* newest step taken */
    struct store_commit committed;
    int failed;            /* ERR_*, for good */
    struct why failure;
};

/* What a new log starts from. */
struct store_origin {
    const void *manifest;
    size_t manifest_size;
    bool forked;
    uint64_t base;
    const struct store_step *record; /* the base's; NULL: it comes later, as the others do (a copy) */
};

/* ---- store_env.c: LMDB, its errors and its maps ---- */

/* The house's error for an LMDB or errno number, explained: "WHAT: reason". */
__attribute__((cold)) int store_env_fail(struct why *why, int number, const char *what);
/* Whether the number says that the disk is full (LMDB says EIO for a short write). */
bool store_env_is_space(int number);
/* Opens PATH with `flags` (MDB_RDONLY, MDB_NOSYNC) and a map of at least map_size bytes (0: as the file says). */
MUST_CHECK int store_env_open(
    struct store_env *self, const char *path, unsigned flags, uint64_t map_size, struct why *why);
void store_env_close(struct store_env *self);
/* Begins a read transaction of its own; an LMDB number. */
MUST_CHECK int store_env_begin(struct store_env *self, MDB_txn **out);
/* Begins the short read transaction (read_lock held); an LMDB number. */
MUST_CHECK int store_env_read(struct store_env *self, MDB_txn **out);
void store_env_read_end(struct store_env *self);
/* Doubles the map (read_lock held, no transaction in this process). limit 0: none. ERR_FULL when it is reached. */
MUST_CHECK int store_env_grow(struct store_env *self, uint64_t limit, struct why *why);
/* Whether over 70 % of the map is used. */
bool store_env_crowded(const struct store_env *self);
uint64_t store_env_used(const struct store_env *self); /* bytes of the map */
/* Keys of both environments. */
void store_key(uint8_t out[STORE_KEY], uint64_t step, uint32_t part);
/* false: not such a key */
MUST_CHECK bool store_key_read(const MDB_val *key, uint64_t *step, uint32_t *part);

/* ---- store_folder.c: where a run lies ---- */

struct store_place {
    char folder[PATH_MAX], parent[PATH_MAX], temporary[PATH_MAX];
};

/* Joins; ERR_LIMIT when it is too long. */
MUST_CHECK int store_path(char out[PATH_MAX], const char *folder, const char *name, struct why *why);
/* Makes an empty temporary folder beside FOLDER, once FOLDER is known to be free. */
MUST_CHECK int store_place_begin(struct store_place *self, const char *folder, struct why *why);
/* Gives the temporary folder its name, durably. */
MUST_CHECK int store_place_finish(struct store_place *self, struct why *why);
/* Removes the temporary folder with the store's files in it. */
void store_place_abandon(struct store_place *self);
MUST_CHECK int store_folder_sync(const char *folder, struct why *why);
/* Why a kind of file system (statfs magic) cannot hold a run; NULL when it can. `warn`: it can, but say so. */
const char *store_filesystem_refused(uint64_t magic, const char **warn);
MUST_CHECK int store_filesystem_check(const char *folder, struct why *why);
/* Takes FOLDER/world.lock. */
MUST_CHECK int store_lock(const char *folder, int *fd_out, struct why *why);
/* One environment per file and process. */
MUST_CHECK int store_claim(struct store *self, struct why *why);
void store_unclaim(struct store *self);

/* ---- store.c ---- */

/* Makes log.mdb in a folder with meta and an empty log; it stays open. */
MUST_CHECK int store_log_create(struct store_log *self, const char *folder, const struct store_origin *origin,
                                unsigned flags, uint64_t map_size, struct why *why);
/* Puts a meta record; an LMDB number. */
MUST_CHECK int store_meta_put(MDB_txn *txn, MDB_dbi meta, const char *name, const void *bytes, size_t size);
MUST_CHECK int store_meta_put_tip(MDB_txn *txn, MDB_dbi meta, uint64_t step, const uint8_t chain[STORE_CHAIN]);

/* ---- store_write.c: one batch of steps, in the log thread ---- */

void store_commit_write(const struct store_commit *self, uint8_t out[STORE_COMMIT_SIZE]);
/* Puts a step's parts and its commit record, chained behind `before`; an LMDB number. */
MUST_CHECK int store_step_put(const struct store_log *log, MDB_txn *txn, const uint8_t before[STORE_CHAIN],
                              const struct store_step *step, struct store_commit *commit_out);
/* Puts all steps in one transaction and commits it; self->tip follows. On failure nothing of them is in the log. */
MUST_CHECK int store_write(struct store *self, struct store_step *const steps[], uint32_t count, struct why *why);
/* Trace and snapshots of committed steps; trouble is warned about. */
void store_write_aside(struct store *self, struct store_step *const steps[], uint32_t count);
void store_step_fini(struct store_step *step);

/* ---- store_thread.c ---- */

MUST_CHECK int store_thread_start(struct store *self, struct why *why);
void store_thread_stop(struct store *self);
/* Waits a second for space; false when it is not to be waited for (any more). */
bool store_pause(struct store *self, int number);
/* The wait, if there was one, is over; says so. */
void store_pause_end(struct store *self, bool written);

/* ---- store_read.c ---- */

/* Locks and begins a read transaction on log.mdb; store_read_end() ends both. */
MUST_CHECK int store_read_begin(struct store *self, MDB_txn **out, struct why *why);
void store_read_end(struct store *self);
/* A part of a step that is being walked over; 0 or ERR_*. */
typedef int store_part_fn(void *context, const MDB_val *bytes, struct why *why);
/* Calls `part` for header and data of a step in order and checks that the step is whole. */
MUST_CHECK int store_walk(const struct store_log *log, MDB_txn *txn, uint64_t step, store_part_fn *part, void *context,
                          struct store_commit *commit_out, struct why *why);
/* Reads the commit record at a key; ERR_MISSING, ERR_FORMAT. */
MUST_CHECK int store_commit_get(
    const struct store_log *log, MDB_txn *txn, uint64_t step, struct store_commit *out, struct why *why);
/* The newest step by its key, checked against meta's tip. Step 0 and `genesis` for an empty log. */
MUST_CHECK int store_tip_get(const struct store_log *log, MDB_txn *txn, const uint8_t genesis[STORE_CHAIN],
                             struct store_commit *out, struct why *why);
/* The first step that has a record. */
static inline uint64_t
store_first(const struct store *self)
{
    return self->forked ? self->base : 1;
}
/* Chain before `step`. */
MUST_CHECK int store_chain_before(
    struct store *self, MDB_txn *txn, uint64_t step, uint8_t out[STORE_CHAIN], struct why *why);

/* ---- store_snapshot.c ---- */

/* Opens state.mdb: made by a writer where missing; a reader leaves it closed when there is none yet. */
MUST_CHECK int store_state_open(struct store *self, struct why *why);
MUST_CHECK int store_snapshot_write(struct store_state *self, pthread_mutex_t *read_lock, uint64_t step,
                                    const uint8_t digest[STORE_DIGEST], const struct buffer *bytes, struct why *why);
MUST_CHECK int store_state_create(
    struct store_state *self, const char *folder, unsigned flags, uint64_t map_size, struct why *why);

#endif
