/* tests/support/llmdouble/main.c - the double as a program. */
#include "tests/support/llmdouble/double.h"

#include "core/text.h"
#include "tests/support/llmdouble/double_fault.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

static int
usage(const char *word)
{
    fprintf(stderr,
            "llmdouble: what is '%s'?\nllmdouble [--rules FILE] [--seed N] [--port N] [--control N] [--connections N] "
            "[--parent]\n  prints \"listening PORT CONTROL\"; --parent: ends with the process that started it\n"
            "llmdouble --faults: lists what can go wrong\n",
            word);
    return EX_USAGE;
}

static int
list_faults(void)
{
    for (unsigned i = 1; i < DOUBLE_FAULT_END; i++) {
        const struct double_fault_kind *kind = double_fault_kind((enum double_fault_id)i);

        printf("F%02u  %s%s%s%s\n", i, kind->doc, kind->variants[0] != '\0' ? " [" : "", kind->variants,
               kind->variants[0] != '\0' ? "]" : "");
    }
    return EX_OK;
}

static bool
take_number(const char *name, const char *value, struct double_options *options)
{
    int64_t number = 0;

    if (text_parse_integer(value, &number, NULL) != 0 || number < 0)
        return false;
    if (strcmp(name, "--seed") == 0)
        options->seed = (uint64_t)number;
    else if (strcmp(name, "--port") == 0 && number <= UINT16_MAX)
        options->port = (uint16_t)number;
    else if (strcmp(name, "--control") == 0 && number <= UINT16_MAX)
        options->control_port = (uint16_t)number;
    else if (strcmp(name, "--connections") == 0 && number <= 1000000)
        options->connection_max = (uint32_t)number;
    else
        return false;
    return true;
}

int
main(int count, char **words)
{
    struct double_options options = {.announce_fd = STDOUT_FILENO};

    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--faults") == 0)
            return list_faults();
        if (strcmp(words[i], "--parent") == 0) {
            options.parent = getppid();
            prctl(PR_SET_PDEATHSIG, SIGTERM);
        } else if (strcmp(words[i], "--rules") == 0 && i + 1 < count) {
            options.rules_path = words[++i];
        } else if (i + 1 < count && take_number(words[i], words[i + 1], &options)) {
            i++;
        } else {
            return usage(words[i]);
        }
    }
    return double_main(&options);
}
