/* governance/levers/refinery.c - accepted work whose label is below the threshold does not happen. */
#include "governance/lever.h"

#define REFINERY_PARAMS(P, S)                                                                                        \
    P(S, F64, threshold, 0.5, 0.0, 1.0, "p", "accepted work below it is refused")
PARAMS_DEFINE(refinery, REFINERY_PARAMS)

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    ruling->allow =
        !interaction->accepted || interaction->p >= ((const struct refinery *)context->params)->threshold;
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    quotes[QUOTE_REFINERY_THRESHOLD] = ((const struct refinery *)params)->threshold;
}

const struct lever lever_refinery = {
    .name = "refinery",
    .doc = "Refuses accepted work whose soft label is below a threshold.",
    .stage = STAGE_VERDICT,
    .params = &refinery_params,
    .quote = quote,
    .on_interaction = on_interaction,
};
