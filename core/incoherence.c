#include "core/incoherence.h"

#include "core/math.h"

#define TINY 1e-8 /* keeps the ratio finite where nothing is wrong */

struct incoherence
incoherence_of(const uint32_t *choices, size_t count, uint32_t benchmark)
{
    struct incoherence out = {0};
    size_t most = 0, wrong = 0;

    if (count == 0)
        return out;
    for (size_t i = 0; i < count; i++) {
        size_t same = 0;

        for (size_t j = 0; j < count; j++)
            same += choices[j] == choices[i];
        most = same > most ? same : most;
        wrong += benchmark != INCOHERENCE_NO_BENCHMARK && choices[i] != benchmark;
    }
    out.disagreement = 1.0 - (double)most / (double)count;
    out.error = (double)wrong / (double)count;
    if (out.disagreement > 0.0)
        out.incoherence = math_clamp(out.disagreement / (out.error + TINY), 0.0, 1.0);
    return out;
}
