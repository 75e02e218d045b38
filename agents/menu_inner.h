/* agents/menu_inner.h - what the files of a menu share: menu.c (the act round), menu_offers.c (the accept round). */
#ifndef POLIS_AGENTS_MENU_INNER_H
#define POLIS_AGENTS_MENU_INNER_H

#include "agents/menu.h"

void menu_begin(struct menu *self, const struct menu_rules *rules);
/* The asker's own note. Before the texts of others: where there is no room for all, quotes go from the end. */
void menu_quote_note(struct menu *self, const uint8_t *memory, uint32_t size, const struct menu_rules *rules);
/* A fact that names an agent; nothing for SANDBOX_NOBODY. */
void menu_name_agent(struct menu *self, uint64_t seed, uint32_t asker, const char *name, uint32_t agent);
/* The public numbers, from the batch's column of quotes. */
void menu_tell_rules(struct choice *choice, const struct batch *batch, uint32_t quote);
const char *menu_role_name(uint32_t role);

#endif
