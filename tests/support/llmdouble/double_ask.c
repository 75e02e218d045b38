#include "tests/support/llmdouble/double_ask.h"

static const struct place {
    const char *method, *tail, *label;
    enum double_dialect_id dialect;
} places[] = {
#define PLACE(name, method, tail, dialect, label) {method, tail, label, DOUBLE_##dialect},
    DOUBLE_ENDPOINTS(PLACE)};

const char *
double_ask_endpoint_name(enum double_endpoint endpoint)
{
    return endpoint < DOUBLE_NOWHERE ? places[endpoint].label : "nowhere";
}

void
double_ask_fini(struct double_ask *self)
{
    buffer_fini(&self->system);
    buffer_fini(&self->prompt);
    double_json_fini(&self->json);
}

static enum double_endpoint
find_endpoint(const struct double_http *http)
{
    for (unsigned i = 0; i < DOUBLE_NOWHERE; i++)
        if (double_slice_ends(http->path, places[i].tail) && double_slice_is(http->method, places[i].method))
            return (enum double_endpoint)i;
    return DOUBLE_NOWHERE;
}

/* Content is a text, or a list of parts with texts, or (Gemini) an object with parts. */
static void
add_content(const struct double_json *json, const struct double_json_node *content, struct buffer *out)
{
    struct double_slice text = double_json_text(content);

    buffer_append(out, text.at, text.size);
    if (double_json_is(content, DOUBLE_JSON_OBJECT)) {
        text = double_json_text(double_json_find(json, content, "text"));
        buffer_append(out, text.at, text.size);
        add_content(json, double_json_find(json, content, "parts"), out);
    } else if (double_json_is(content, DOUBLE_JSON_ARRAY)) {
        const struct double_json_node *part = double_json_first(json, content);

        for (; part != NULL; part = double_json_next(json, part))
            add_content(json, part, out);
    }
}

static void
read_messages(struct double_ask *self, const struct double_json_node *root)
{
    const struct double_json *json = &self->json;
    const struct double_json_node *at, *last = NULL;
    const char *content = self->dialect == DOUBLE_GEMINI ? "parts" : "content";

    at =
        double_json_first(json, double_json_find(json, root, self->dialect == DOUBLE_GEMINI ? "contents" : "messages"));
    for (; at != NULL; at = double_json_next(json, at)) {
        struct double_slice role = double_json_text(double_json_find(json, at, "role"));

        if (double_slice_is(role, "system") || double_slice_is(role, "developer"))
            add_content(json, double_json_find(json, at, content), &self->system);
        else
            last = at;
    }
    add_content(json, double_json_find(json, last, content), &self->prompt);
    add_content(json, double_json_find(json, root, "prompt"), &self->prompt);
    add_content(json, double_json_find(json, root, "system"), &self->system);
    add_content(json, double_json_find(json, root, "systemInstruction"), &self->system);
}

/* The tool that tool_choice names; or, when a call is required, the first. `parameters` gets its schema. */
static void
read_tool(struct double_ask *self, const struct double_json_node *root)
{
    const struct double_json *json = &self->json;
    const struct double_json_node *choice = double_json_find(json, root, "tool_choice"), *tool, *inner;
    struct double_slice wanted = double_json_text(double_json_find(json, choice, "name")), kind, name;

    if (choice == NULL)
        return;
    if (wanted.size == 0)
        wanted = double_json_text(double_json_path(json, choice, "function.name"));
    kind = double_json_text(choice->kind == DOUBLE_JSON_OBJECT ? double_json_find(json, choice, "type") : choice);
    if (wanted.size == 0 && !double_slice_is(kind, "any") && !double_slice_is(kind, "required"))
        return;
    tool = double_json_first(json, double_json_find(json, root, "tools"));
    for (; tool != NULL; tool = double_json_next(json, tool)) {
        inner = double_json_find(json, tool, "function");
        if (inner == NULL)
            inner = tool;
        name = double_json_text(double_json_find(json, inner, "name"));
        if (name.size == 0 ||
            (wanted.size > 0 && (name.size != wanted.size || memcmp(name.at, wanted.at, name.size) != 0)))
            continue;
        self->tool = name;
        self->schema = double_json_find(json, inner, inner == tool ? "input_schema" : "parameters");
        return;
    }
}

static void
read_schema(struct double_ask *self, const struct double_json_node *root)
{
    static const char *const paths[] = {
        "response_format.json_schema.schema",
        "response_format.schema",
        "json_schema",
        "output_config.format.schema",
        "output_format.schema",
        "generationConfig.responseJsonSchema",
        "generationConfig.responseSchema",
        "generationConfig.response_json_schema",
        "format",
    };

    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct double_json_node *found = double_json_path(&self->json, root, paths[i]);

        if (double_json_is(found, DOUBLE_JSON_OBJECT)) {
            self->schema = found;
            return;
        }
    }
    read_tool(self, root);
}

static void
read_limits(struct double_ask *self, const struct double_json_node *root)
{
    static const char *const paths[] = {"max_completion_tokens", "max_tokens", "options.num_predict", "n_predict",
                                        "generationConfig.maxOutputTokens"};

    for (unsigned i = 0; i < sizeof paths / sizeof paths[0] && self->out_max == 0; i++) {
        double value = double_json_number(double_json_path(&self->json, root, paths[i]), 0);

        if (value >= 1 && value <= 1e9)
            self->out_max = (int64_t)value;
    }
}

/* Gemini names the model in the path: /v1beta/models/NAME:generateContent. */
static struct double_slice
model_in_path(struct double_slice path)
{
    const char *colon = memrchr(path.at, ':', path.size), *slash;

    if (colon == NULL)
        return (struct double_slice){NULL, 0};
    slash = memrchr(path.at, '/', (size_t)(colon - path.at));
    return slash == NULL ? (struct double_slice){NULL, 0}
                         : (struct double_slice){slash + 1, (size_t)(colon - slash - 1)};
}

static int
check_needed(const struct double_ask *self, const struct double_json_node *root, struct why *why)
{
    static const char *const needed[DOUBLE_ENDPOINT_COUNT][3] = {
        [DOUBLE_OPENAI_CHAT] = {"model", "messages"},
        [DOUBLE_OPENAI_COUNT] = {"messages"},
        [DOUBLE_ANTHROPIC_MESSAGES] = {"model", "max_tokens", "messages"},
        [DOUBLE_ANTHROPIC_COUNT] = {"model", "messages"},
        [DOUBLE_OLLAMA_CHAT] = {"model"},
        [DOUBLE_OLLAMA_GENERATE] = {"model"},
        [DOUBLE_LLAMACPP_COMPLETION] = {"prompt"},
        [DOUBLE_GEMINI_GENERATE] = {"contents"},
        [DOUBLE_GEMINI_STREAM] = {"contents"},
    };

    if (!double_json_is(root, DOUBLE_JSON_OBJECT))
        return fail(why, ERR_FORMAT, "the body is no JSON object");
    for (unsigned i = 0; i < 3 && needed[self->endpoint][i] != NULL; i++)
        if (double_json_find(&self->json, root, needed[self->endpoint][i]) == NULL)
            return fail(why, ERR_MISSING, "missing required parameter: '%s'", needed[self->endpoint][i]);
    return 0;
}

int
double_ask_read(struct double_ask *self, const struct double_http *http, struct why *why)
{
    const struct double_json_node *root, *stream;
    int error;

    self->endpoint = find_endpoint(http);
    self->dialect = self->endpoint == DOUBLE_NOWHERE ? DOUBLE_OPENAI : places[self->endpoint].dialect;
    self->model = self->tool = (struct double_slice){NULL, 0};
    self->schema = NULL;
    self->stream = self->stream_usage = self->llamacpp = false;
    self->lines = self->dialect == DOUBLE_OLLAMA;
    self->out_max = 0;
    buffer_clear(&self->system);
    buffer_clear(&self->prompt);
    self->json.count = 0;
    if (self->endpoint == DOUBLE_NOWHERE || double_slice_is(http->method, "GET"))
        return 0;
    error = double_json_parse(&self->json, http->body, why);
    if (error != 0)
        return error;
    root = double_json_root(&self->json);
    error = check_needed(self, root, why);
    if (error != 0)
        return error;
    self->model = double_json_text(double_json_find(&self->json, root, "model"));
    if (self->dialect == DOUBLE_GEMINI)
        self->model = model_in_path(http->path);
    stream = double_json_find(&self->json, root, "stream");
    self->stream = stream != NULL ? stream->kind == DOUBLE_JSON_TRUE : self->dialect == DOUBLE_OLLAMA;
    self->stream = self->dialect == DOUBLE_GEMINI ? self->endpoint == DOUBLE_GEMINI_STREAM : self->stream;
    self->stream_usage =
        double_json_is(double_json_path(&self->json, root, "stream_options.include_usage"), DOUBLE_JSON_TRUE);
    self->llamacpp = double_json_find(&self->json, root, "cache_prompt") != NULL ||
                     double_json_find(&self->json, root, "id_slot") != NULL;
    read_messages(self, root);
    read_schema(self, root);
    read_limits(self, root);
    return 0;
}
