/* control/odd.h - what a set of rules is, in words: the parts of a description after the ODD protocol (Overview, Design
 * concepts, Details: Grimm et al. 2006; updated 2010 and 2020) that no number of a scenario can say. One row for each
 * set of rules; the numbers are put between them by `polis describe`. */
#ifndef POLIS_CONTROL_ODD_H
#define POLIS_CONTROL_ODD_H

/* The eleven design concepts, in the protocol's order. */
#define ODD_CONCEPTS(C)                                                                                              \
    C(basic_principles, "Basic principles")                                                                          \
    C(emergence, "Emergence")                                                                                        \
    C(adaptation, "Adaptation")                                                                                      \
    C(objectives, "Objectives")                                                                                      \
    C(learning, "Learning")                                                                                          \
    C(prediction, "Prediction")                                                                                      \
    C(sensing, "Sensing")                                                                                            \
    C(interaction, "Interaction")                                                                                    \
    C(stochasticity, "Stochasticity")                                                                                \
    C(collectives, "Collectives")                                                                                    \
    C(observation, "Observation")

#define ODD_MEMBER(name, title) const char *name;

/* Paragraphs of Markdown, each without the newline at its end. */
struct odd {
    const char *rules; /* the domain's name, or the word of `sandbox.rules` where it is another set than the usual */
    const char *purpose, *patterns, *entities, *scales, *process;
    ODD_CONCEPTS(ODD_MEMBER)
    const char *initialisation, *input, *submodels;
};

/* NULL for rules that nobody has described yet. */
const struct odd *odd_find(const char *rules);

/* A mechanism that a scenario may switch on: what it adds to the entities, to the process and to what is observed. */
struct odd_mechanism {
    const char *path, *off; /* the value of the scenario that switches it on, and what it is when it is off */
    const char *name, *text;
};

extern const struct odd_mechanism odd_mechanisms[]; /* ends with a path of NULL */

#endif
