#include "core/error.h"

#include "core/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
    const char *name;
    int exit_status;
} errors[ERROR_COUNT] = {
    [ERR_OK] = {"ok", EX_OK},
    [ERR_INVALID] = {"invalid", EX_DATAERR},
    [ERR_UNKNOWN] = {"unknown", EX_DATAERR},
    [ERR_FUNDS] = {"funds", EX_SOFTWARE},
    [ERR_LIMIT] = {"limit", EX_DATAERR},
    [ERR_STATE] = {"state", EX_SOFTWARE},
    [ERR_FORMAT] = {"format", EX_DATAERR},
    [ERR_DIGEST] = {"digest", EX_OSFILE},
    [ERR_MISSING] = {"missing", EX_NOINPUT},
    [ERR_DENIED] = {"denied", EX_NOPERM},
    [ERR_IO] = {"io", EX_IOERR},
    [ERR_FULL] = {"full", EX_IOERR},
    [ERR_TIMEOUT] = {"timeout", EX_UNAVAILABLE},
    [ERR_VERSION] = {"version", EX_CONFIG},
};

int
fail(struct why *why, int code, const char *format, ...)
{
    ASSERT(code > ERR_OK && code < ERROR_COUNT);

    if (why != NULL) {
        va_list arguments;

        why->code = code;
        va_start(arguments, format);
        vsnprintf(why->text, sizeof why->text, format, arguments);
        va_end(arguments);
    }
    return code;
}

int
fail_errno(struct why *why, int code, int error_number, const char *format, ...)
{
    ASSERT(code > ERR_OK && code < ERROR_COUNT);

    if (why != NULL) {
        va_list arguments;
        size_t used;

        why->code = code;
        va_start(arguments, format);
        vsnprintf(why->text, sizeof why->text, format, arguments);
        va_end(arguments);
        used = strlen(why->text);
        snprintf(why->text + used, sizeof why->text - used, ": %s", strerror(error_number));
    }
    return code;
}

int
fail_prefix(struct why *why, const char *format, ...)
{
    char rest[sizeof why->text];
    va_list arguments;
    size_t used;

    if (why == NULL)
        return ERR_INVALID;
    ASSERT(why->code > ERR_OK && why->code < ERROR_COUNT);

    memcpy(rest, why->text, sizeof rest);
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    used = strlen(why->text);
    snprintf(why->text + used, sizeof why->text - used, ": %.*s", (int)sizeof rest - 1, rest);
    return why->code;
}

const char *
error_name(int code)
{
    return code >= 0 && code < ERROR_COUNT ? errors[code].name : "unheard-of";
}

int
error_exit_status(int code)
{
    return code >= 0 && code < ERROR_COUNT ? errors[code].exit_status : EX_SOFTWARE;
}
