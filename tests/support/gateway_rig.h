/* tests/support/gateway_rig.h - the gateway's actor by hand, against a server on this machine: who asks is the test,
 * and so is the clock. While a call is on its way the clock goes as the real one does; while none is, it jumps to
 * whatever is due next, so that a wait of an hour takes no time and a slow machine shortens no deadline. After
 * everything that happens the flow's invariants are looked at, the budgets' among them. */
#ifndef POLIS_TESTS_SUPPORT_GATEWAY_RIG_H
#define POLIS_TESTS_SUPPORT_GATEWAY_RIG_H

#include "bus/outbox.h"
#include "llm-gateway/gateway_inner.h"
#include "tests/support/prompt.h"

#include <stdbool.h>
#include <stdint.h>

#define GATEWAY_RIG_RUN 7u
#define GATEWAY_RIG_SEED 42u

struct gateway_rig_options {
    const char *yaml; /* a scenario with a section llm */
    enum replay_mode mode;
    const char *log, *parent;
    const struct gateway_client *clients;
    uint32_t client_count;
};

/* A COMPLETION, or a NACK. */
struct gateway_rig_heard {
    uint32_t peer;
    struct envelope head;
    struct buffer bytes;
};

struct gateway_rig {
    struct yaml_tree *tree;
    struct gateway *gateway;
    struct actor actor;
    struct outbox out;
    uint64_t now_ms, step;
    uint32_t epoch;
    struct gateway_rig_heard *heard;
    uint32_t heard_count, heard_capacity;
    uint32_t waiting; /* prompts that nothing was heard of */
};

void gateway_rig_open(struct gateway_rig *self, const struct gateway_rig_options *options);
void gateway_rig_close(struct gateway_rig *self);

void gateway_rig_send(struct gateway_rig *self, uint32_t peer, uint32_t slot, uint32_t phase, uint32_t chunk,
                      uint32_t attempt, const struct prompt_plan *plan);
/* Until every prompt was answered, or the gateway has stopped. */
void gateway_rig_drive(struct gateway_rig *self);
/* As long as the clock is before `until_ms`, answered or not. */
void gateway_rig_drive_until(struct gateway_rig *self, uint64_t until_ms);
/* As at the end of a run: the step is closed, the log is whole. */
void gateway_rig_finish(struct gateway_rig *self);

/* What was heard of this chunk last; fails when nothing was. */
const struct gateway_rig_heard *gateway_rig_heard_of(const struct gateway_rig *self, uint32_t slot, uint32_t phase,
                                                     uint32_t chunk);
/* It must be a COMPLETION that is in order. Lent. */
void gateway_rig_read(const struct gateway_rig_heard *heard, struct batch *out);
/* Everything heard so far is forgotten. */
void gateway_rig_forget(struct gateway_rig *self);

/* Files that this process has open. */
uint32_t gateway_rig_file_count(void);

#endif
