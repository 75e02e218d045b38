/* agents/duty.h - what a role asks of whoever has it: planners take projects on and assign their parts, verifiers judge
 * by a criterion, workers do again what was sent back, posters keep talk going, moderators keep the feed. Each decides
 * on a verb and returns true, or leaves the decision as it is and returns false. Where the scenario uses nothing of
 * what traits are about (ACT_TRAIT), only verifiers have duties, and nothing is drawn for the others. */
#ifndef POLIS_AGENTS_DUTY_H
#define POLIS_AGENTS_DUTY_H

#include "agents/policy.h"
#include "agents/reason.h"

/* How well a planner plans: for the project's sake, or against it (who means harm gives parts to those who cannot do
 * them). */
enum duty_plan { DUTY_PLAN_WELL, DUTY_PLAN_BADLY };

/* Assigns a waiting part to the candidate that can do it and is believed most, among those that could do anything
 * now; where nobody can do any part, it mostly waits for others to come by. Without a project it takes on the best
 * paid. */
bool duty_plan(const struct reason *self, struct sandbox_view *view, enum duty_plan how, struct sandbox_decision *out);

/* Judges work that is its own to judge: approves where the signal is at least `criterion`; `flip`: where it is not. */
bool duty_verify(struct sandbox_view *view, double criterion, bool flip, struct sandbox_decision *out);

/* Steps to work on a task before it is handed in: `steps`, and as many more for each time it was sent back. */
uint32_t duty_steps(const struct sandbox_view *view, uint32_t steps);

/* Posters: an answer to the most engaged visible post by another (with probability 0.5 where it has at least 3 votes
 * and replies, else 0.25), or else with probability 0.5 a post of one of the texts. */
bool duty_post(const struct reason *self, struct sandbox_view *view, double sincerity, const char *const *texts,
               struct sandbox_decision *out);

/* Hides the visible post of the author with the worst reputation below zero, the lowest-voted of that author's: votes
 * of a time when the name was better do not save it. Where the reputation is below `freeze_below`, every other time it
 * freezes the author instead. Within the budget that the scenario gives. */
bool duty_moderate(struct sandbox_view *view, double freeze_below, struct sandbox_decision *out);

/* The office abused: hides what those with the best reputation above zero say, or freezes them; spares its own kind. */
bool duty_silence(struct sandbox_view *view, struct sandbox_decision *out);

#endif
