#include "control/document.h"

#include "agents/policy.h"
#include "control/scenario.h"
#include "core/text.h"
#include "governance/governance.h"
#include "llm-gateway/llm_config.h"

#include <stdint.h>
#include <string.h>

#define MARK "@parameters@"

void
document_parameters(struct buffer *out)
{
    text_add(out, "# Scenarios\n\n## simulation\n\n");
    params_write_manual(plan_simulation_params, out);
    text_add(out, "\n## log\n\n");
    params_write_manual(plan_logging_params, out);
    text_add(out, "\n## cluster\n\n");
    params_write_manual(plan_cluster_params, out);
    for (uint32_t i = 0; domains[i] != NULL; i++) {
        text_add(out, "\n");
        domains[i]->write_manual(out);
    }
    text_add(out, "\n");
    governance_write_manual(out);
    text_add(out, "\n");
    llm_config_write_manual(out);
    text_add(out, "\n## Policies\n");
    for (uint32_t i = 0; policy_roll[i] != NULL; i++) {
        text_addf(out, "\n### %s\n\n%s\n\n", policy_roll[i]->name, policy_roll[i]->doc);
        if (policy_roll[i]->params != NULL)
            params_write_manual(policy_roll[i]->params, out);
    }
    text_add(out, "\n## Other spellings\n\n");
    scenario_write_aliases(out);
}

static size_t
line_size(const struct buffer *text, size_t at)
{
    const uint8_t *end = memchr(text->data + at, '\n', text->size - at);

    return end != NULL ? (size_t)(end - (text->data + at)) + 1 : text->size - at;
}

/* Headings go one level down; the first one, which names the whole, is left out: the template has its own. */
static void
add_parameters(struct buffer *out)
{
    struct buffer text = {0};
    size_t size;

    document_parameters(&text);
    for (size_t at = line_size(&text, 0); at < text.size; at += size) {
        size = line_size(&text, at);
        if (text.data[at] == '#')
            text_add(out, "#");
        buffer_append(out, text.data + at, size);
    }
    buffer_fini(&text);
}

int
document_model(const struct buffer *template, struct buffer *out, struct why *why)
{
    uint32_t marks = 0;
    size_t size;

    for (size_t at = 0; at < template->size; at += size) {
        size = line_size(template, at);
        if (size == strlen(MARK) + 1 && memcmp(template->data + at, MARK "\n", size) == 0) {
            add_parameters(out);
            marks++;
        } else {
            buffer_append(out, template->data + at, size);
        }
    }
    return marks == 1 ? 0 : fail(why, ERR_FORMAT, "the template has %u lines " MARK ", not one", (unsigned)marks);
}
