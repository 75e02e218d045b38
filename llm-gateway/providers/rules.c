/* llm-gateway/providers/rules.c - asks nobody: the answer is the one that the caller's own rules had ready, or the
 * scenario's default. The last link of every chain; it always answers. */
#include "llm-gateway/provider.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

static const struct provider_preset presets[] = {
    {"rules", "The caller's ready answer.", {.context = 4096}},
    {NULL, NULL, {0}},
};

static const char *const keys[] = {"default", NULL};

struct rules {
    size_t size;
    char text[]; /* the default */
};

static int
open_rules(const struct yaml_node *config, void **state, struct why *why)
{
    const struct yaml_node *node = yaml_find(config, "default");
    const char *text = "";
    struct rules *self;
    int code = node == NULL ? 0 : yaml_get_text(node, &text, why);

    *state = NULL;
    if (code != 0)
        return code;
    self = alloc_array(1, sizeof *self + strlen(text) + 1);
    self->size = strlen(text);
    memcpy(self->text, text, self->size);
    *state = self;
    return 0;
}

static void
close_rules(void **state)
{
    free(*state);
    *state = NULL;
}

static void
answer(const void *state, const struct provider_request *request, struct provider_result *out)
{
    const struct rules *self = state;
    struct provider_bytes text = request->fallback;

    provider_result_clear(out);
    if (text.size == 0)
        text = (struct provider_bytes){self->text, self->size};
    buffer_append(&out->text, text.text, text.size);
    out->finish = PROVIDER_STOP;
    text_copy(out->model, sizeof out->model, "rules");
}

const struct provider provider_rules = {
    .name = "rules",
    .doc = "Asks nobody and gives the caller's ready answer.",
    .presets = presets,
    .keys = keys,
    .open = open_rules,
    .close = close_rules,
    .answer = answer,
};
