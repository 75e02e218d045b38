/* bench/drill_table.h - the table of domains of a program that runs nothing but the drill. It takes the place of
 * world/domains.c, so that the real domains are not linked. Included by one .c file a program. */
#ifndef POLIS_BENCH_DRILL_TABLE_H
#define POLIS_BENCH_DRILL_TABLE_H

#include "tests/support/drill.h"

#include <string.h>

const struct domain *const domains[] = {&domain_drill, NULL};

const struct domain *
domain_find(const char *name)
{
    return strcmp(name, domain_drill.name) == 0 ? &domain_drill : NULL;
}

#endif
