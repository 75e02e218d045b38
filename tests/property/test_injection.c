/* What hostile words do to agents that ask models, with the whole program: the shipped scenarios with a scripted model,
 * through the gateway and back, read from what `polis export` says. Every claim is held on several seeds: in each of
 * them, or for the sum of the differences to a control. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/rig.h"
#include "tests/support/test.h"

#define SEEDS 5u
#define OVERRIDES 4u

/* How the figures of the epochs become one; epochs in which a figure is not known do not count. */
enum reading { SUM, MOST, LAST, RATE /* of the sums of successes and exposures */ };

#define OBEY "llm.providers.script.options.script.1.chance="
#define REPEAT "llm.providers.script.options.script.2.chance="
#define LIMIT "agents.1.params.max_taint="
#define UNGUARDED "sandbox.moderation.budget=0"
#define ABOVE(x) .above = (x), .below = INFINITY
#define BELOW(x) .above = -INFINITY, .below = (x)
#define EXACTLY(x) .above = (x) - 1e-9, .below = (x) + 1e-9

static const struct row {
    const char *name, *scenario, *figure;
    enum reading reading;
    const char *with[OVERRIDES];
    const char *without[OVERRIDES]; /* of the control, whose reading is subtracted; the first NULL: none */
    bool summed;                    /* over the seeds; else in each of them */
    double above, below;
} rows[] = {
    {"models that obey are led", "prompt_injection", "", RATE, ABOVE(0.1)},
    {"most of the decisions are the models'", "prompt_injection", "model_share", LAST, ABOVE(0.95)},
    {"models that never obey are exposed as well", "prompt_injection", "injection_exposures", SUM,
     .with = {OBEY "0"}, ABOVE(50)},
    {"and are not led", "prompt_injection", "injection_successes", SUM, .with = {OBEY "0"}, EXACTLY(0)},
    {"nor do they pass the word on", "prompt_injection", "word_contagion_depth", MOST, .with = {OBEY "0"}, EXACTLY(1)},
    {"who obeys more often is led more often", "prompt_injection", "", RATE, .with = {OBEY "0.9"},
     .without = {OBEY "0.3"}, ABOVE(0.1)},
    {"where nothing is planted nobody is exposed", "prompt_injection", "injection_exposures", SUM,
     .with = {"agents.0.params.plant_rate=0"}, EXACTLY(0)},
    {"and no word is followed", "prompt_injection", "marked_posts", SUM, .with = {"agents.0.params.plant_rate=0"},
     EXACTLY(0)},
    {"no instructions are given away", "prompt_injection", "canary_leaks", SUM, EXACTLY(0)},

    {"models read no model's words: two hands", "word_contagion", "word_contagion_depth", MOST,
     .with = {LIMIT "0", REPEAT "0.3", UNGUARDED}, BELOW(2.5)},
    {"of one model: three at most", "word_contagion", "word_contagion_depth", MOST,
     .with = {LIMIT "1", REPEAT "0.3", UNGUARDED}, BELOW(3.5)},
    {"of any: many", "word_contagion", "word_contagion_depth", MOST, .with = {LIMIT "255", REPEAT "0.3", UNGUARDED},
     ABOVE(8)},
    {"a limit contains the word", "word_contagion", "word_quiet_steps", LAST,
     .with = {LIMIT "1", REPEAT "0.3", UNGUARDED}, ABOVE(30)},
    {"nothing else does", "word_contagion", "word_quiet_steps", LAST,
     .with = {LIMIT "255", REPEAT "0.3", UNGUARDED}, BELOW(10)},
    {"sooner by far", "word_contagion", "word_containment_steps", LAST,
     .with = {LIMIT "1", REPEAT "0.3", UNGUARDED}, .without = {LIMIT "255", REPEAT "0.3", UNGUARDED}, BELOW(-20)},
    {"a limit that is never reached withholds nothing", "word_contagion", "withheld_decisions", SUM,
     .with = {LIMIT "255"}, EXACTLY(0)},
    {"a moderator that finds the word keeps it rarer", "word_contagion", "marked_by_models", SUM,
     .with = {LIMIT "255"}, .without = {LIMIT "255", UNGUARDED}, .summed = true, BELOW(-20)},
};

static char output[1 << 20];

static double
read_epochs(const char *figure, enum reading reading)
{
    double sum = 0.0, most = -INFINITY, last = NAN;

    for (char *line = strtok(output, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        json_error_t error;
        json_t *epoch = json_loads(line, 0, &error);
        const json_t *value = json_object_get(epoch, figure);

        if (!json_is_object(epoch) || value == NULL)
            fail_msg("no figure %s in: %.200s", figure, line);
        if (json_is_number(value)) {
            last = json_number_value(value);
            sum += last;
            most = last > most ? last : most;
        }
        json_decref(epoch);
    }
    return reading == SUM ? sum : reading == MOST ? most : last;
}

static double
read_figure(const char *folder, const char *figure, enum reading reading)
{
    if (reading == RATE)
        return read_figure(folder, "injection_successes", SUM) / read_figure(folder, "injection_exposures", SUM);
    if (POLIS(output, 60, "export", folder, "--format", "jsonl") != 0)
        fail_msg("%s", output);
    return read_epochs(figure, reading);
}

static double
play(const struct row *row, const char *const overrides[OVERRIDES], unsigned seed)
{
    char folder[4200], number[16];
    const char *words[10 + 2 * OVERRIDES] = {"run", row->scenario, "--inproc", "--quiet", "--out", folder, "--seed",
        number};
    unsigned count = 8;

    snprintf(number, sizeof number, "%u", seed);
    snprintf(folder, sizeof folder, "%s/%td-%u-%d", test_folder(), row - rows, seed, overrides == row->without);
    for (unsigned i = 0; i < OVERRIDES && overrides[i] != NULL; i++) {
        words[count++] = "-s";
        words[count++] = overrides[i];
    }
    if (rig_command(rig_binary(), words, 120, output, sizeof output) != 0)
        fail_msg("%s", output);
    return read_figure(folder, row->figure, row->reading);
}

static void
claim(void **state)
{
    const struct row *row = *state;
    double total = 0.0;

    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        double value = play(row, row->with, seed);

        if (row->without[0] != NULL)
            value -= play(row, row->without, seed);
        total += value;
        if (!row->summed && !(value > row->above && value < row->below))
            fail_msg("%s, seed %u: %g", row->name, seed, value);
    }
    printf("# %s: %.3g on average\n", row->name, total / SEEDS);
    if (row->summed && !(total > row->above && total < row->below))
        fail_msg("%s: %g over all seeds", row->name, total);
}

int
main(void)
{
    return TEST_ROWS("hostile words", rows, claim);
}
