/* core/table.h - a map from u64 to u32 (ids to indexes). Iteration follows the order of insertion and nothing else, so
 * it may reach the log; the hash only finds. Heap, one owner; start from {0} or table_init(). */
#ifndef POLIS_CORE_TABLE_H
#define POLIS_CORE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct table_entry {
    uint64_t key;
    uint32_t value;
    uint32_t alive; /* 0 when removed and not yet squeezed out */
};

struct table {
    struct table_entry *entries; /* in order of insertion */
    uint32_t *slots;             /* by hash: index into entries + 1, or 0 */
    uint32_t used;               /* entries in use, removed ones included */
    uint32_t capacity;           /* entries allocated */
    uint32_t slot_count;         /* a power of two >= 2 * capacity, or 0 */
    uint32_t count;              /* entries alive */
};

/* Room for `expected` keys before the first growth. At most 2^30 keys. */
void table_init(struct table *self, uint32_t expected);
/* Frees and zeroes; the table may be used again. */
void table_fini(struct table *self);
/* Forgets the keys, keeps the room. */
void table_clear(struct table *self);

/* True and the value in *out (which may be NULL), or false and *out untouched. */
bool table_find(const struct table *self, uint64_t key, uint32_t *out);
/* The value of a key that must be there. */
uint32_t table_get(const struct table *self, uint64_t key);

/* Sets the key's value; a known key keeps its place in the order. True if the key is new. */
bool table_put(struct table *self, uint64_t key, uint32_t value);
/* True if the key was there. Put again later, it comes last. */
bool table_remove(struct table *self, uint64_t key);

/* Walks the keys in order: start with a cursor of 0, stop at false. Keys may be removed during the walk and values of
 * known keys set; putting a new key ends the walk's validity. `key` and `value` may be NULL. */
bool table_next(const struct table *self, uint32_t *cursor, uint64_t *key, uint32_t *value);

#endif
