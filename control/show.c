/* polis scenario: looks at scenarios. */
#include "control/commands.h"
#include "control/document.h"
#include "control/library.h"
#include "control/scenario.h"
#include "control/talk.h"
#include "core/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int
list(const struct invocation *invocation)
{
    struct buffer text = {0};

    library_write(&library_scenarios, invocation_has(invocation, "names"), &text);
    if (text.size == 0)
        talk_say("no scenarios found; POLIS_SCENARIOS may name a folder of them");
    return talk_give(&text);
}

static uint32_t
overrides_of(const struct invocation *invocation, const char *out[INVOCATION_OPTIONS])
{
    uint32_t cursor = 0;
    uint32_t count = 0;
    const char *text;

    while ((text = invocation_next(invocation, "set", &cursor)) != NULL)
        out[count++] = text;
    return count;
}

static int
show(const struct invocation *invocation)
{
    const char *overrides[INVOCATION_OPTIONS];
    uint32_t count = overrides_of(invocation, overrides);
    struct scenario scenario = {0};
    struct yaml_tree *tree = NULL;
    struct buffer text = {0};
    struct why why = {0};
    int error;

    if (invocation->word_count != 2) {
        talk_error("polis scenario show needs one name: polis scenario show NAME [--resolved]");
        return EX_USAGE;
    }
    if (invocation_has(invocation, "resolved")) {
        error = scenario_load(invocation->words[1], overrides, count, &scenario, &why);
        if (error == 0)
            yaml_write(yaml_root(scenario.tree), &text);
    } else {
        error = scenario_read(invocation->words[1], overrides, count, &tree, &why);
        if (error == 0)
            yaml_write(yaml_root(tree), &text);
    }
    scenario_fini(&scenario);
    yaml_destroy(&tree);
    return error != 0 ? talk_failure(&why) : talk_give(&text);
}

static int
validate(const struct invocation *invocation)
{
    const char *overrides[INVOCATION_OPTIONS];
    uint32_t count = overrides_of(invocation, overrides);
    int status = 0;

    if (invocation->word_count < 2) {
        talk_error("polis scenario validate needs files: polis scenario validate FILE ...");
        return EX_USAGE;
    }
    for (uint32_t i = 1; i < invocation->word_count; i++) {
        struct scenario scenario = {0};
        struct why why = {0};
        int error = scenario_load(invocation->words[i], overrides, count, &scenario, &why);

        if (error == 0)
            talk_say("%s: good (%s, %llu steps, %u lever%s)", scenario.path, scenario.plan.name,
                (unsigned long long)scenario.plan.steps, (unsigned)scenario.lever_count,
                scenario.lever_count == 1 ? "" : "s");
        else
            status = talk_failure(&why);
        scenario_fini(&scenario);
    }
    return status;
}

static int
schema(const struct invocation *invocation)
{
    struct buffer text = {0};

    if (invocation_has(invocation, "document"))
        document_parameters(&text);
    else
        scenario_write_schema(&text);
    return talk_give(&text);
}

int
show_command(const struct invocation *invocation)
{
    static const struct {
        const char *name;
        int (*run)(const struct invocation *invocation);
    } verbs[] = {{"list", list}, {"show", show}, {"validate", validate}, {"schema", schema}};

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(invocation->words[0], verbs[i].name) == 0)
            return verbs[i].run(invocation);
    return EX_USAGE;
}
