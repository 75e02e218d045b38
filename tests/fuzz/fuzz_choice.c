/* tests/fuzz/fuzz_choice.c - any bytes as a mind's answer, and as a text that is quoted: what is taken is among what
 * was offered, down to the last number and byte; the question is JSON of at most its size, whatever stands in it. */
#include "agents/choice.h"
#include "core/assert.h"
#include "core/text.h"
#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <math.h>

#define POSTS 5u
#define ALLOWED 0x15u /* P1, P3, P5 */

static void
build(struct choice *self, const char *text, size_t size, struct buffer *user)
{
    struct choice_question *act, *deal;
    struct choice_option *option;
    uint32_t posts;

    choice_begin(self, 30);
    posts = choice_set(self, 'P', "posts", 8);
    for (uint32_t i = 0; i < POSTS; i++) {
        (void)choice_item(self, posts, i + 1);
        choice_item_end(self);
        choice_quote(self, posts, i, &(struct choice_words){
            .text = text, .size = size, .size_max = 2000, .by = "A1", .taint = (uint8_t)i, .withheld = i == 1});
    }
    act = choice_ask(self, "act", "what");
    (void)choice_offer(act, "pass", NULL, true);
    option = choice_offer(act, "reply", NULL, true);
    choice_aim(option, posts, ALLOWED);
    option->text_max = 12;
    option = choice_offer(act, "bid", NULL, true);
    choice_number(option, "amount", "tokens", CHOICE_REAL, -1.5, 2.5);
    choice_number(option, "days", "days", CHOICE_WHOLE, 0, 3);
    option->arguments[1].optional = true;
    (void)choice_offer(act, "fly", NULL, false);
    deal = choice_ask(self, "deal", NULL);
    (void)choice_offer(deal, "none", NULL, true);
    choice_name(choice_offer(deal, "give", NULL, true), "about", "post", posts, ALLOWED);
    choice_close(self, user);
}

static void
check_text(const struct choice_answer *answer, size_t begin, size_t end, size_t most)
{
    ASSERT(begin <= end && end <= answer->texts.size && end - begin <= most);
    ASSERT(text_is_utf8((const char *)answer->texts.data + begin, end - begin));
}

static void
check_answer(const struct choice *self, const struct choice_answer *answer)
{
    const struct choice_pick *act = &answer->picks[0], *deal = &answer->picks[1];
    uint32_t kept = (1u << self->sets[0].kept) - 1u;

    ASSERT(act->option < 3 && deal->option < 2);
    if (act->option == 1) {
        ASSERT(act->target < POSTS && (ALLOWED & kept) >> act->target & 1u);
        check_text(answer, act->text_begin, act->text_end, 12);
    } else {
        ASSERT(act->target == CHOICE_NONE && act->text_begin == act->text_end);
    }
    if (act->option == 2) {
        ASSERT(act->values[0].given && act->values[0].number >= -1.5 && act->values[0].number <= 2.5);
        ASSERT(!act->values[1].given || (act->values[1].number >= 0 && act->values[1].number <= 3 &&
                                         floor(act->values[1].number) == act->values[1].number));
    }
    if (deal->option == 1)
        ASSERT(deal->values[0].given && deal->values[0].name < POSTS && (ALLOWED & kept) >> deal->values[0].name & 1u);
    ASSERT(answer->confidence >= 0.0 && answer->confidence <= 1.0);
    if (answer->has_note)
        check_text(answer, answer->note_begin, answer->note_end, 30);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct choice choice;
    static struct choice_answer answer;
    static struct buffer user;
    struct why why = {0};
    json_t *tree;
    int code;

    buffer_clear(&user);
    build(&choice, (const char *)data, size, &user);
    ASSERT(user.size <= CHOICE_TEXT_MAX && text_is_utf8((const char *)user.data, user.size));
    tree = json_loadb((const char *)user.data, user.size, JSON_REJECT_DUPLICATES, NULL);
    ASSERT(json_is_object(tree) && json_object_size(tree) >= 4);
    json_decref(tree);
    code = choice_read(&choice, (const char *)data, size, &answer, &why);
    ASSERT(code == 0 || code == ERR_FORMAT || code == ERR_DENIED);
    ASSERT((code == 0) == (why.text[0] == '\0'));
    if (code == 0)
        check_answer(&choice, &answer);
    return 0;
}
