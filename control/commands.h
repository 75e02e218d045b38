/* control/commands.h - what each command of the table does: takes an invocation, returns the exit status. */
#ifndef POLIS_CONTROL_COMMANDS_H
#define POLIS_CONTROL_COMMANDS_H

#include "control/command.h"

int run_command(const struct invocation *invocation);
int sweep_command(const struct invocation *invocation);
int resume_command(const struct invocation *invocation);
int fork_command(const struct invocation *invocation);
int diff_command(const struct invocation *invocation);
int describe_command(const struct invocation *invocation);

int replay_command(const struct invocation *invocation);
int check_command(const struct invocation *invocation);
int export_command(const struct invocation *invocation);
int tail_command(const struct invocation *invocation);
int status_command(const struct invocation *invocation);
int ctl_command(const struct invocation *invocation);
int show_command(const struct invocation *invocation); /* polis scenario */
int doctor_command(const struct invocation *invocation);
int proto_command(const struct invocation *invocation);
int version_command(const struct invocation *invocation);
int help_command(const struct invocation *invocation);

/* The processes of a run (control/roles.c). */
int roles_broker(const struct invocation *invocation);
int roles_world(const struct invocation *invocation);
int roles_agents(const struct invocation *invocation);
int roles_governance(const struct invocation *invocation);
int roles_gateway(const struct invocation *invocation);

#endif
