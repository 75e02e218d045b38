/* world/domains.c - the domains there are, in the order in which a scenario may combine them. */
#include "world/domain.h"

#include <string.h>

extern const struct domain domain_compat, domain_sandbox;

/* Of two with one name the one that claims its scenarios stands first. */
const struct domain *const domains[] = {
    &domain_compat,
    &domain_sandbox,
    NULL,
};

const struct domain *
domain_find(const char *name)
{
    for (size_t i = 0; domains[i] != NULL; i++)
        if (strcmp(domains[i]->name, name) == 0 && domains[i]->claims == NULL)
            return domains[i];
    return NULL;
}
