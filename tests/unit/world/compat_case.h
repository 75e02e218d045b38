/* tests/unit/world/compat_case.h - runs of the compat rules for unit tests, from the text of a scenario. */
#ifndef POLIS_TESTS_COMPAT_CASE_H
#define POLIS_TESTS_COMPAT_CASE_H

#include "core/yaml.h"
#include "tests/support/test.h"
#include "world/compat/domain.h"

#include <stdio.h>
#include <string.h>

extern const struct domain domain_compat;

#define CASE_SANDBOX "sandbox: {rules: compat}\n"

static inline struct compat *
case_new(const char *text, uint64_t seed)
{
    struct yaml_tree *tree;
    struct why why = {0};
    void *self = NULL;

    if (yaml_read_text("scenario", text, strlen(text), &tree, &why) != 0 || domain_compat.resolve(tree, &why) != 0 ||
        domain_compat.configure(yaml_root(tree), seed, &self, &why) != 0)
        fail_msg("%s", why.text);
    yaml_destroy(&tree);
    domain_compat.genesis(self);
    return self;
}

/* One step, with everything checked that can be. */
static inline void
case_step(struct compat *self)
{
    struct buffer bytes = {0};
    struct exchange exchange;
    struct batch events;
    struct why why = {0};

    domain_compat.begin(self, self->run.now.step + 1);
    assert_false(domain_compat.next(self, &exchange));
    domain_compat.end(self);
    if (domain_compat.check_invariants(self, &why) != 0)
        fail_msg("step %llu: %s", (unsigned long long)self->run.now.step, why.text);
    domain_compat.events(self, &bytes);
    if (batch_read(&schema_sandbox_events, bytes.data, bytes.size, &events, &why) != 0 ||
        batch_check(&events, &why) != 0)
        fail_msg("step %llu: events: %s", (unsigned long long)self->run.now.step, why.text);
    buffer_fini(&bytes);
}

static inline void
case_digest(const struct compat *self, uint8_t out[FOLD_SIZE])
{
    struct fold fold;

    fold_init(&fold);
    domain_compat.digest(self, &fold);
    fold_end(&fold, out);
}

#endif
