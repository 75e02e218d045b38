/* The accept round: one question an offer. */
#include "agents/menu_inner.h"

static const char *
kind_name(uint8_t kind)
{
    static const char *const names[INTERACTION_KINDS] = {[INTERACTION_REPLY] = "reply",
                                                         [INTERACTION_VOTE] = "vote",
                                                         [INTERACTION_TRADE] = "trade",
                                                         [INTERACTION_COLLABORATION] = "collaboration"};

    return kind < INTERACTION_KINDS ? names[kind] : names[INTERACTION_REPLY];
}

#define OFFER(view, kind, column, index) batch_##kind((view)->batch, OFFERS_##column, (index))

static void
show_offer(struct menu *self, const struct sandbox_offers_view *view, uint32_t set, uint32_t number, uint32_t i)
{
    struct choice *choice = &self->choice;

    (void)choice_item(choice, set, number);
    menu_name_agent(self, view->seed, view->agent, "from", OFFER(view, u32, initiator, i));
    choice_word(choice, "kind", kind_name(OFFER(view, u8, kind, i)));
    choice_money(choice, "transfer", OFFER(view, i64, transfer, i));
    choice_real(choice, "reputation", OFFER(view, f64, initiator_reputation, i));
    choice_real(choice, "trust", OFFER(view, f64, trust, i));
    choice_whole(choice, "past", OFFER(view, u16, past, i));
    if (OFFER(view, u8, revealed, i) != 0)
        choice_real(choice, "signal", OFFER(view, f64, signal, i));
    if (OFFER(view, u8, kin, i) != 0)
        choice_whole(choice, "kin", 1);
    if (OFFER(view, i32, insider, i) != 0)
        choice_whole(choice, "known_quality", OFFER(view, i32, insider, i));
    choice_item_end(choice);
}

static void
ask_offer(struct menu *self, const struct sandbox_offers_view *view, uint32_t number, uint32_t i)
{
    static const char *const names[SANDBOX_OFFERS_ASKED] = {"offer1", "offer2", "offer3", "offer4",
                                                            "offer5", "offer6", "offer7", "offer8"};
    struct choice_question *question = choice_ask(&self->choice, names[number], NULL);
    int64_t transfer = OFFER(view, i64, transfer, i), own = OFFER(view, i64, resources, view->row);
    bool first = number == 0, payable = transfer >= 0 || own >= -transfer;
    struct choice_option *reject = choice_offer(question, "reject", first ? "leave it" : NULL, true);
    struct choice_option *accept =
        choice_offer(question, "accept", first ? "take the work, and what is transferred" : NULL, payable);

    choice_number(reject, "belief", "chance that its work is good", CHOICE_REAL, 0.0, 1.0);
    choice_number(accept, "belief", "chance that its work is good", CHOICE_REAL, 0.0, 1.0);
}

bool
menu_offers(struct menu *self, const struct sandbox_offers_view *view, const struct menu_rules *rules)
{
    struct menu_rules own = {.max_taint = rules->max_taint}; /* this round keeps no notes, but may read the old one */
    uint32_t count = view->offer_end - view->offer_begin, left = OFFERED_ROW(view, u16, answers_left), set;

    menu_begin(self, &own);
    self->offer_count = count < left ? count : left;
    if (self->offer_count > SANDBOX_OFFERS_ASKED)
        self->offer_count = SANDBOX_OFFERS_ASKED;
    if (self->offer_count == 0)
        return false;
    set = choice_set(&self->choice, 'O', "offers", 0);
    choice_word(&self->choice, "role", menu_role_name(OFFERED_ROW(view, u8, role)));
    choice_whole(&self->choice, "step", (int64_t)view->step);
    choice_money(&self->choice, "tokens", OFFERED_ROW(view, i64, resources));
    choice_real(&self->choice, "reputation", OFFERED_ROW(view, f64, reputation));
    menu_tell_rules(&self->choice, view->batch, OFFERS_quote);
    for (uint32_t i = 0; i < self->offer_count; i++) {
        show_offer(self, view, set, i + 1, view->offer_begin + i);
        ask_offer(self, view, i, view->offer_begin + i);
    }
    menu_quote_note(self, view->memory, view->memory_size, rules);
    choice_close(&self->choice, &self->user);
    return choice_is_open(&self->choice);
}

void
menu_offers_take(const struct menu *self, const struct choice_answer *answer, struct sandbox_reply *replies)
{
    for (uint32_t i = 0; i < self->offer_count; i++) {
        const struct choice_pick *pick = &answer->picks[i];

        replies[i].accept = pick->option == 1;
        replies[i].belief = pick->values[0].number;
    }
}
