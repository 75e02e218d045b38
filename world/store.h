/* world/store.h - a run's folder: log.mdb (the canonical record, append-only), state.mdb (snapshots), trace.bin (wall
 * times and worker ids, never canonical). One process writes; a log thread does hashing and commits, at most
 * STORE_BEHIND steps behind. "Committed" is said only after LMDB's sync.
 *
 * Chain: h_t = BLAKE2b-256(h_{t-1} || u64 BE step || header || data || digest); h_0 = BLAKE2b-256(manifest).
 * A fork's log begins with a record of its own at the step it branched off (its base: the state there), behind h_0 and
 * before the steps that follow; its steps are numbered on.
 * Keys of sub-database "log": u64 BE step, u32 BE part; part 0 the header, 1.. the data in pieces of STORE_PART bytes
 * (none for a step without data), 0xffffffff the commit record: chain (32 bytes), digest (16), u64 LE header size,
 * u64 LE data size. The canonical stream is (varint key length, key, varint value length, value) in key order, varint
 * being LEB128.
 * Sub-database "meta": format u32, run u32, origin (16 random bytes), epoch u32, tip (u64 step, chain 32), numbers LE;
 * manifest; a fork's base, u64 step. Sub-database "blob" is empty: room for texts kept by their hash.
 * state.mdb, sub-database "snapshot": u64 BE step, u32 BE part; pieces 0.. of STORE_PART bytes, 0xffffffff the
 * manifest: u64 LE size, XXH3-128 of the bytes (16), digest of the state (16). The newest two are kept.
 *
 * Invariants:
 * 1. A step is committed iff its commit record is in a committed transaction, and all its parts are in the same one.
 * 2. Steps are gapless from 1, or from a fork's base. Nothing of a step changes after its commit.
 * 3. The writer's epoch is raised and synced before its first message. */
#ifndef POLIS_WORLD_STORE_H
#define POLIS_WORLD_STORE_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_PART 1048560u
#define STORE_BEHIND 4u
#define STORE_PART_COMMIT UINT32_MAX
#define STORE_CHAIN 32u
#define STORE_DIGEST 16u

struct store;

enum store_durability { STORE_SYNC, STORE_NOSYNC /* benches only */ };

struct store_options {
    enum store_durability durability;
    bool no_thread;          /* commit within store_append(): simulator and tests */
    bool wait_for_space;     /* on a full disk: keep trying every second (until store_close()); else stop */
    uint64_t map_size;       /* first map size in bytes; 0: 1 GiB */
    uint64_t map_limit;      /* log.mdb's map never grows beyond; 0: no limit (tests of a full map) */
};

/* A step on its way to the log. The buffers are the store's after store_append() has returned 0. */
struct store_step {
    uint64_t step;
    struct buffer header; /* MessagePack map of at most STORE_PART bytes */
    struct buffer data;   /* sections */
    uint8_t digest[STORE_DIGEST];
    struct buffer snapshot; /* the state after this step, or empty: then none is written */
    struct buffer trace;    /* appended to trace.bin, not canonical */
};

struct store_commit {
    uint64_t step;
    uint8_t chain[STORE_CHAIN];
    uint8_t digest[STORE_DIGEST];
    uint64_t header_size, data_size;
};

/* Makes FOLDER (which must not exist, or be empty; its parent must be there) in a temporary place beside it and
 * renames it. `manifest` (the resolved scenario and versions, see world/manifest.h) is stored and starts the chain.
 * ERR_STATE when FOLDER holds something; ERR_DENIED on network and user-space file systems, on which LMDB's locks and
 * maps do not hold, unless POLIS_ANY_FILESYSTEM=1 is in the environment (overlayfs only warns). */
MUST_CHECK int store_create(const char *folder, const void *manifest, size_t manifest_size, struct why *why);

/* The same for a fork: its log begins with `base`, a record of header, data and digest whose step is the one where it
 * branched off (0: before step 1). `base` stays the caller's; its snapshot and trace are not looked at. */
MUST_CHECK int store_create_fork(
    const char *folder, const void *manifest, size_t manifest_size, const struct store_step *base, struct why *why);

/* Opens for writing: takes the folder's lock (ERR_STATE when another process has it, or this one has the run open
 * already: LMDB allows one environment per process), checks the last 64 chain links (ERR_DIGEST, ERR_FORMAT), raises
 * and syncs the epoch. `options` NULL: all defaults. A folder that is not there or holds no log: ERR_MISSING. */
MUST_CHECK int store_open(const char *folder, const struct store_options *options, struct store **out, struct why *why);
/* Opens for reading only (beside a writer in another process, too). ERR_STATE when this process has the run open
 * already. Only the functions under "Reading", store_committed(), the plain ones and store_close() may follow. */
MUST_CHECK int store_open_read(const char *folder, struct store **out, struct why *why);
/* Waits for everything appended to be committed, then closes, whatever happens. The error is that of the log thread,
 * if it had one. A wait for disk space ends after one last try. NULL behind `self_p` is left alone. */
MUST_CHECK int store_close(struct store **self_p, struct why *why);

uint32_t store_epoch(const struct store *self);
/* Not 0: a hash of the manifest and of random bytes made at creation. Not in the canonical log. */
uint32_t store_run_id(const struct store *self);
const void *store_manifest(const struct store *self, size_t *size_out);

/* Whether the log begins with a base; and the step behind which its steps begin: that of the base, else 0. */
bool store_is_fork(const struct store *self);
uint64_t store_base(const struct store *self);

/* Hands a step to the log thread; waits only when STORE_BEHIND are queued. Takes the buffers and leaves them empty; on
 * a failure they stay the caller's. `step` must be the next one (ERR_INVALID). The log thread's own failure comes back
 * from here and from the three below, and stays: ERR_FULL (no space on disk or map_limit reached), ERR_IO. What is
 * committed then is whole, and the run can be opened again once the cause is gone. A snapshot or trace that cannot be
 * written is only warned about: the first makes a recovery longer, the second is not canonical. */
MUST_CHECK int store_append(struct store *self, struct store_step *step, struct why *why);
/* The newest committed step; safe from any thread. Step 0 with h_0 before the first; a fork's base before its first.
 * Opened for reading: as the log is now (or as it was last seen, should it have become unreadable). */
struct store_commit store_committed(const struct store *self);
/* Readable (eventfd) when store_committed() has moved or the log thread has failed; read it with store_acknowledge().
 * -1 when opened for reading. */
int store_ready_fd(const struct store *self);
MUST_CHECK int store_acknowledge(struct store *self, struct why *why);
/* Blocks until `step` is committed or the log thread has failed. ERR_INVALID for a step not yet appended. */
MUST_CHECK int store_wait(struct store *self, uint64_t step, struct why *why);
/* Whether the log thread stands still for lack of disk space (options.wait_for_space). Safe from any thread. */
bool store_waits(const struct store *self);

/* Reading; safe from any thread. Parts are copied to the end of `out`. ERR_MISSING when there is no such step or part
 * (yet), ERR_FORMAT when the log is damaged. STORE_PART_COMMIT is a part, too. */
MUST_CHECK int store_read_commit(struct store *self, uint64_t step, struct store_commit *out, struct why *why);
MUST_CHECK int store_read_part(struct store *self, uint64_t step, uint32_t part, struct buffer *out, struct why *why);
/* Header, data and commit may each be NULL. On a failure the buffers are as before. */
MUST_CHECK int store_read_step(struct store *self, uint64_t step, struct buffer *header, struct buffer *data,
                               struct store_commit *commit, struct why *why);

/* Newest snapshot at or below `step` whose own checksum and whose digest against the commit record hold; step 0 and
 * an empty buffer when there is none. `out` is cleared first. */
MUST_CHECK int store_read_snapshot(
    struct store *self, uint64_t at_or_below, uint64_t *step_out, struct buffer *out, struct why *why);

/* Recomputes the chain over [from, to] (0, UINT64_MAX: all, a fork's base included). ERR_DIGEST names the first step
 * whose bytes and chain differ, ERR_FORMAT the first one that is not whole; ERR_MISSING when `to` is not in the log. */
MUST_CHECK int store_verify(struct store *self, uint64_t from, uint64_t to, struct why *why);
/* Writes the canonical stream of what was committed when it began. ERR_IO, ERR_FULL. */
MUST_CHECK int store_export_canonical(struct store *self, int fd, struct why *why);
/* A consistent copy of a run, while it is being written or not: the same manifest, the steps up to `upto` (UINT64_MAX:
 * all committed ones; 0: none; a fork's base at least) and the newest snapshot among them, but a run id of its own and
 * the first epoch. Its chain is recomputed before it gets its name. trace.bin is left behind. Fails as store_create(),
 * store_verify(). */
MUST_CHECK int store_copy(struct store *self, const char *folder, uint64_t upto, struct why *why);

/* Named places where a test makes the process die (POLIS_CRASH=name:n: at the n-th pass, with status 137). Places of
 * the store: create, append, before-put, between-puts, before-commit, after-commit, snapshot, map-growth. */
void store_crash_point(const char *name);

#endif
