#include "governance/lever.h"

#include <string.h>

const struct lever *
lever_find(const char *name)
{
    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++)
        if (strcmp((*lever)->name, name) == 0)
            return *lever;
    return NULL;
}
