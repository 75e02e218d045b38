#include "agents/policy.h"

#include <string.h>

const struct policy *
policy_find(const char *name)
{
    for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++)
        if (strcmp((*policy)->name, name) == 0)
            return *policy;
    return NULL;
}
