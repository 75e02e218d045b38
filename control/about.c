/* Commands about the program itself: help, version, proto. */
#include "bus/canary.h"
#include "control/commands.h"
#include "control/talk.h"
#include "core/text.h"
#include "proto/envelope.h"
#include "proto/messages.h"

#include <inttypes.h>
#include <string.h>
#include <sysexits.h>

int
help_command(const struct invocation *invocation)
{
    struct text_nearest nearest = {0};
    struct buffer text = {0};
    const struct subcommand *command;

    if (invocation->given_count > 0 && invocation_has(invocation, "man")) {
        command_write_manual(&text);
    } else if (invocation->given_count > 0 && invocation_has(invocation, "completion")) {
        command_write_completion(&text);
    } else if (invocation->word_count == 0) {
        command_write_overview(&text);
    } else if ((command = command_find(invocation->words[0])) != NULL) {
        command_write_help(command, &text);
    } else {
        nearest.name = invocation->words[0];
        for (uint32_t i = 0; i < command_count; i++)
            text_nearest_offer(&nearest, command_table[i].name);
        talk_error("no command '%.60s'%s%s%s", invocation->words[0], nearest.best != NULL ? "; did you mean '" : "",
            nearest.best != NULL ? nearest.best : "", nearest.best != NULL ? "'?" : "");
        return EX_USAGE;
    }
    return talk_give(&text);
}

int
version_command(const struct invocation *invocation)
{
    char build[CANARY_BUILD_SIZE] = "unknown";
    struct buffer text = {0};
    struct why why = {0};

    if (canary_build(build, &why) != 0)
        talk_warn("%s", why.text);
    text_addf(&text,
        invocation_has(invocation, "json") ? "{\"schema\": \"polis.version/1\", \"version\": \"%s\", \"variant\": "
                                             "\"%s\", \"build\": \"%s\", \"protocol\": \"%u.%u\", "
                                             "\"messages\": \"%016" PRIx64 "\", \"canary\": \"%016" PRIx64 "\"}\n"
                                           : "polis %s (%s)\nbuild    %s\nprotocol %u.%u, messages %016" PRIx64
                                             "\ncanary   %016" PRIx64 "\n",
        POLIS_VERSION, POLIS_VARIANT, build, PROTO_MAJOR, PROTO_MINOR, proto_digest(), canary_compute());
    return talk_give(&text);
}

int
proto_command(const struct invocation *invocation)
{
    struct buffer text = {0};

    if (invocation_has(invocation, "document"))
        proto_write_document(&text);
    else
        proto_write_schema(&text);
    return talk_give(&text);
}
