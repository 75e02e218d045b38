#include "proto/models.h"

#define LENGTH(a) ((uint32_t)(sizeof(a) / sizeof((a)[0])))
#define TEXTS_MAX (64u << 20) /* bytes */

static const struct axis prompt_axes[] = {
    [PROMPT_ROW] = {"question", MODELS_PLACE_MAX + 1, "agents of the chunk that ask"},
    [PROMPT_FRAME] = {"frame", 256, "what some of them ask alike"},
    [PROMPT_SPAN] = {"span", 1, "one"},
    [PROMPT_USER] = {"user", TEXTS_MAX, "bytes of questions"},
    [PROMPT_FALLBACK] = {"fallback", TEXTS_MAX, "bytes of ready answers"},
    [PROMPT_ROLE] = {"role", 1u << 16, "bytes of roles' names"},
    [PROMPT_TEMPLATE] = {"template", 1u << 16, "bytes of templates' names"},
    [PROMPT_SYSTEM] = {"system", 1u << 22, "bytes of system texts"},
    [PROMPT_SHAPE] = {"shape", MODELS_PLACE_MAX + 1, "forms of answers"},
    [PROMPT_SCHEMA] = {"schema", TEXTS_MAX, "bytes of schemas"},
};
static const struct axis completion_axes[] = {
    [COMPLETION_ROW] = {"answer", MODELS_PLACE_MAX + 1, "one a question"},
    [COMPLETION_TEXT] = {"text", TEXTS_MAX, "bytes of answers"},
};

static const struct column prompt_columns[] = {PROMPT_COLUMNS(COLUMN_ROW)};
static const struct column completion_columns[] = {COMPLETION_COLUMNS(COLUMN_ROW)};

const struct schema schema_prompt = {.id = 32, .name = "prompt", .from = "agents", .to = "llm-gateway",
    .doc = "What a chunk of agents asks models.", .axes = prompt_axes, .axis_count = LENGTH(prompt_axes),
    .columns = prompt_columns, .column_count = LENGTH(prompt_columns)};
const struct schema schema_completion = {.id = 33, .name = "completion", .from = "llm-gateway", .to = "agents",
    .doc = "What they are told.", .axes = completion_axes, .axis_count = LENGTH(completion_axes),
    .columns = completion_columns, .column_count = LENGTH(completion_columns)};
