/* The table of commands: what they are called, what they take, what they say of themselves. */
#include "control/command.h"
#include "control/commands.h"

#include <stddef.h>

/* clang-format off */
#define FLAG(id, name, letter, doc) static const struct option id = {name, letter, OPTION_FLAG, NULL, 0, 0, doc};
#define TEXT(id, name, letter, value, doc)                                                                           \
    static const struct option id = {name, letter, OPTION_TEXT, value, 0, 0, doc};
#define NUMBER(id, name, value, low, high, doc)                                                                      \
    static const struct option id = {name, 0, OPTION_NUMBER, value, low, high, doc};

static const struct option opt_set = {"set", 's', OPTION_LIST, "path=value", 0, 0,
    "sets one value of the scenario, as in -s governance.transaction_tax.rate=0.1 or -s agents[0].count=40"};
FLAG(opt_json, "json", 0, "JSON on stdout instead of a table")
TEXT(opt_llm, "llm", 0, "MODE[=RUN]",
    "live: models are asked and nothing is kept; record (the usual): asked, and their answers kept; replay=RUN: answered "
    "from that run's call log, nobody is asked; replay_loose=RUN: the same by the question alone; branch=RUN: from the "
    "log as far as questions agree; audit=RUN: replay, and a share is asked again; rules: nobody is ever asked")
TEXT(opt_fork_llm, "llm", 0, "MODE[=RUN]",
    "as for polis run; without RUN the parent's call log is read. The usual: branch, or where the parent has kept no "
    "log as the parent was run")
FLAG(opt_metrics, "metrics", 0, "what the gateway counts instead, as OpenMetrics text")
FLAG(opt_quiet, "quiet", 'q', "only warnings and errors")
FLAG(opt_inproc, "inproc", 0, "all in one process and thread instead of a cluster; the log is the same")
NUMBER(opt_seed, "seed", "N", 0, 9007199254740991u, "short for -s simulation.seed=N")
NUMBER(opt_epochs, "epochs", "N", 1, 1000000, "short for -s simulation.epochs=N")
NUMBER(opt_workers, "workers", "N", 1, 1024, "agent workers; any number gives the same log")
NUMBER(opt_replay_until, "until", "STEP", 1, 1000000000000u, "replays no further than this step")
NUMBER(opt_until, "until", "STEP", 1, 1000000000000u, "stops (to be resumed) when this step is committed")
TEXT(opt_out, "out", 0, "DIR", "the run's folder, which must not exist (default: runs/NAME-SEED-N)")
TEXT(opt_fork_out, "out", 0, "DIR",
    "the fork's folder, which must not exist, or with -n that of all branches: DIR/0, DIR/1, ... (default: "
    "runs/NAME-SEED-N)")
static const struct option opt_branches = {"branches", 'n', OPTION_NUMBER, "N", 1, 100000,
    "so many branches on all cores; branch k has the seed of branch 0 plus k"};
NUMBER(opt_seed_from, "seed-from", "K", 0, 9007199254740991u, "the seed of branch 0 (default: the run's own)")
FLAG(opt_odd, "odd", 0, "the whole description after the ODD protocol, for a paper")
FLAG(opt_verify, "verify", 0, "compares every record and state with the log (always done; kept for clarity)")
FLAG(opt_recompute, "recompute", 0, "asks the built-in policies again, too, instead of taking their logged answers (always so with log.detail: inputs)")
FLAG(opt_deep, "deep", 0, "replays the run as well, checking the domain's invariants after every step")
TEXT(opt_format, "format", 'f', "FORMAT", "csv, jsonl or canonical (the key-value stream that defines byte-identical)")
TEXT(opt_table, "table", 't', "TABLE", "which rows: polis export --tables lists them (default: epochs)")
FLAG(opt_tables, "tables", 0, "lists the tables and their columns")
TEXT(opt_output, "output", 'o', "FILE", "writes there instead of to stdout")
NUMBER(opt_from, "from", "STEP", 0, 1000000000000u, "begins at this step (default: now)")
FLAG(opt_resolved, "resolved", 0, "with every default written out, as it is stored with a run")
FLAG(opt_names, "names", 0, "only the names")
FLAG(opt_list, "list", 0, "lists the sweeps there are, with what they are for, and runs none")
FLAG(opt_sweep_names, "names", 0, "as --list, only the names")
FLAG(opt_document, "document", 0, "as Markdown for people instead of JSON")
FLAG(opt_man, "man", 0, "the manual page, in troff: polis help --man | man -l -")
FLAG(opt_completion, "completion", 0, "completion for bash")
TEXT(opt_run, "run", 0, "DIR", "the run's folder")
TEXT(opt_connect, "connect", 0, "PLACE", "where the broker is: a folder of sockets, or tcp://HOST:PORT")
NUMBER(opt_parent, "parent", "PID", 0, 4194304, "ends when that process does")
NUMBER(opt_number, "number", "N", 1, 100000, "which one of its kind, for the log")
TEXT(opt_log_level, "log-level", 0, "LEVEL", "error, warning, info or debug")
TEXT(opt_serves, "serves", 0, "LIST", "policies it decides for, separated by commas (default: every built-in one)")
FLAG(opt_wait, "wait-for-workers", 0, "holds the first step until cluster.workers workers are there")
NUMBER(opt_jobs, "jobs", "N", 1, 1024, "runs at the same time (default: one a core); any number gives the same tables")
NUMBER(opt_seeds, "seeds", "N", 1, 10000, "how many seeds every cell gets, instead of what the file says")
TEXT(opt_sweep_out, "out", 0, "DIR", "the sweep's folder, which must not exist (default: sweeps/NAME-N)")
TEXT(opt_resume, "resume", 0, "DIR", "goes on with the sweep in that folder: runs what is missing or failed, and nothing else")
TEXT(opt_keep, "keep", 0, "WHICH", "which folders of runs stay in DIR/runs: none (the default), failed or all")
FLAG(opt_estimate, "dry-run", 0, "asks nobody and keeps nothing: says how much models would be asked, and for how much")
FLAG(opt_dry_run, "dry-run", 0, "only checks every cell and says what would be run, and about how long it would take")

/* clang-format on */
static const struct option *const run_options[] = {
    &opt_set, &opt_seed, &opt_epochs, &opt_workers, &opt_out, &opt_llm, &opt_estimate, &opt_inproc,
    &opt_until, &opt_json, &opt_quiet, NULL};
static const struct option *const sweep_options[] = {&opt_set, &opt_seeds, &opt_jobs, &opt_sweep_out, &opt_resume,
    &opt_keep, &opt_dry_run, &opt_list, &opt_sweep_names, &opt_json, &opt_quiet, NULL};
static const struct option *const resume_options[] = {
    &opt_workers, &opt_inproc, &opt_until, &opt_json, &opt_quiet, NULL};
static const struct option *const fork_options[] = {&opt_set, &opt_branches, &opt_seed_from, &opt_epochs, &opt_fork_out,
    &opt_fork_llm, &opt_inproc, &opt_until, &opt_json, &opt_quiet, NULL};
static const struct option *const describe_options[] = {&opt_odd, &opt_set, NULL};
static const struct option *const replay_options[] = {
    &opt_verify, &opt_recompute, &opt_replay_until, &opt_json, &opt_quiet, NULL};
static const struct option *const check_options[] = {&opt_deep, &opt_json, &opt_quiet, NULL};
static const struct option *const export_options[] = {&opt_format, &opt_table, &opt_output, &opt_tables, NULL};
static const struct option *const tail_options[] = {&opt_json, &opt_from, NULL};
static const struct option *const json_options[] = {&opt_json, NULL};
static const struct option *const status_options[] = {&opt_json, &opt_metrics, NULL};
static const struct option *const scenario_options[] = {&opt_resolved, &opt_set, &opt_names, &opt_document, NULL};
static const struct option *const proto_options[] = {&opt_document, NULL};
static const struct option *const help_options[] = {&opt_man, &opt_completion, NULL};
static const struct option *const role_options[] = {
    &opt_run, &opt_connect, &opt_parent, &opt_number, &opt_log_level, NULL};
static const struct option *const agents_options[] = {
    &opt_run, &opt_connect, &opt_parent, &opt_number, &opt_log_level, &opt_serves, NULL};
static const struct option *const world_options[] = {
    &opt_run, &opt_connect, &opt_parent, &opt_number, &opt_log_level, &opt_until, &opt_wait, NULL};

static const char *const scenario_choices[] = {"list", "show", "validate", "schema", NULL};
static const char *const ctl_choices[] = {
    "pause", "resume", "stop", "snapshot", "kill_switch", "freeze", "unfreeze", "llm-reload", NULL};

const struct subcommand command_table[] = {
    {"run", "SCENARIO", 1, 1, NULL, WORDS_SCENARIO, run_options, "Runs a scenario and shows what came of it.",
        "SCENARIO is a file or the name of one in configs/scenarios. The run gets a folder of its own, in which "
        "every step is on disk before anybody is told of it: whatever happens to processes or machine, polis resume "
        "goes on from there.\n\nINT (ctrl-C) finishes the step and stops; once more stops at once. TERM does the "
        "same as the first INT. Both end with status 75, and nothing committed is lost.",
        false, run_command},
    {"resume", "RUN", 1, 1, NULL, WORDS_RUN, resume_options, "Goes on with a run that was interrupted.",
        "The log becomes the same, byte for byte, as if it had never stopped.", false, resume_command},
    {"fork", "RUN[@STEP]", 1, 1, NULL, WORDS_RUN, fork_options,
        "Begins a run where another one was after some step, with changes.",
        "STEP is a number, epoch:N (when N epochs are over) or end; without it the newest committed step counts. The "
        "fork is a run of its own, with a log of its own that needs the other run no more. -s changes what does not "
        "give the state its shape; what cannot change is refused by name. A lever with unchanged parameters keeps what "
        "it knows, others begin anew. Without a change, and with the same seed, the same future comes out.\n\n-n 20 "
        "makes 20 branches that differ in their seeds, and shows every final figure with its mean and 95 % interval.",
        false, fork_command},
    {"diff", "RUN RUN", 2, 2, NULL, WORDS_RUN, json_options,
        "Says where two runs differ: in their scenarios, and in which step, exchange, column and row first.",
        "Status 0: every step that both logs hold is the same, and so is where they end. A fork is compared with its "
        "parent from the step it branched off.",
        false, diff_command},
    {"describe", "RUN|SCENARIO", 1, 1, NULL, WORDS_RUN_OR_SCENARIO, describe_options,
        "Says what a run or a scenario is, in Markdown.",
        "--odd: purpose, entities, process, design concepts, initialisation, input and submodels with the numbers of "
        "this very scenario, in the order of the ODD protocol (Grimm et al. 2006, 2010, 2020).",
        false, describe_command},
    {"sweep", "[FILE]", 0, 1, NULL, WORDS_SWEEP, sweep_options,
        "Runs a scenario many times, with different values and seeds, and compares.",
        "FILE is a sweep or the name of one in configs/sweeps: a scenario; what to `set` in all cells; what varies, "
        "as a `grid`, `zip` (a `label` list in it names its rows), `list` or `latin_hypercube` (several kinds "
        "combine); how many `seeds`; the `baseline` "
        "cell; the `metrics` to show; `stop_when` {metric, half_width, min_seeds, batch}. Replicate k has the same "
        "seed in every cell, so that differences are paired.\n\nThe folder gets results.csv (a row a run, every "
        "parameter and figure), summary.csv (estimates with 95 % intervals) and sweep.yaml (all that was asked, to "
        "be run again). A run that fails or crashes is NA there and stops nothing.\n\nWhere models are asked, every "
        "run asks for itself, within its own budgets, and keeps the log of their answers in its folder: --keep all "
        "saves what was paid for.\n\nStatus 0: all runs are done; "
        "1: the sweep has ended, but some runs failed; 75: interrupted (INT, TERM), what had ended is kept and "
        "--resume goes on.",
        false, sweep_command},
    {"replay", "RUN", 1, 1, NULL, WORDS_RUN, replay_options,
        "Makes every step of a run again from its log alone and compares.",
        "Needs no worker and no model. Status 0: every record and every state is what the log says; 72: the first "
        "step that differs is named.",
        false, replay_command},
    {"check", "RUN", 1, 1, NULL, WORDS_RUN, check_options, "Checks a run's log: every record, the chain of hashes.",
        "Status 0 when all is well, 72 when it is not.", false, check_command},
    {"export", "[RUN]", 0, 1, NULL, WORDS_RUN, export_options, "Writes a run's rows as CSV or JSON lines.",
        "Money is whole millionths, numbers are the shortest text that reads back to the same value, what is "
        "undefined is NA (JSON: null), nobody's number is 4294967295. CSV is that of RFC 4180, with plain line "
        "feeds.\n\nepochs has the figures, interactions and actions what was done, notes what came of it beside "
        "(jobs, bounties, norms, infections, freezes ...), judgements and effects what governance said; "
        "model_calls what models were asked and what that cost, model_texts the same with the words.",
        false, export_command},
    {"tail", "RUN", 1, 1, NULL, WORDS_RUN, tail_options, "Follows a run: a line for every step.",
        "A run that has ended is shown from its log. Ends when the run does.", false, tail_command},
    {"status", "RUN", 1, 1, NULL, WORDS_RUN, status_options,
        "Says how far a run is and how its processes are; where models are asked, what they cost.", NULL,
        false, status_command},
    {"ctl", "RUN VERB [WORD ...]", 2, 4, ctl_choices, WORDS_RUN, json_options,
        "Tells a run that is going on to do something.",
        "pause and resume hold and go on, stop ends it after the step under way (polis resume goes on), snapshot "
        "keeps the state with that step.\n\nkill_switch on|off halts all actions of agents, freeze AGENT [EPOCHS] "
        "takes one out of service from the next step to the end of that epoch (or of so many), unfreeze AGENT lets it "
        "act again: these change what happens, so they are in the log and a replay does them again.\n\nllm-reload: "
        "models that were given up (a wrong key, no money left) may be asked again.",
        false, ctl_command},
    {"scenario", "list|show|validate|schema [FILE ...]", 1, 100, scenario_choices, WORDS_SCENARIO, scenario_options,
        "Looks at scenarios.",
        "list: those there are. show NAME: the file, or with --resolved the whole of what it means. validate FILE "
        "...: says what is wrong, with line and column. schema: JSON Schema for editors (--document: the manual of "
        "all parameters).",
        false, show_command},
    {"doctor", "[SCENARIO]", 0, 1, NULL, WORDS_SCENARIO, json_options,
        "Looks at this machine: libraries, limits, file systems.",
        "With a scenario that asks models: whether its providers' keys are set and their servers take connections.",
        false, doctor_command},
    {"proto", "", 0, 0, NULL, WORDS_NONE, proto_options, "Prints every message of the protocol, as JSON.", NULL, false,
        proto_command},
    {"version", "", 0, 0, NULL, WORDS_NONE, json_options, "Says which program this is.", NULL, false, version_command},
    {"help", "[COMMAND]", 0, 1, NULL, WORDS_COMMAND, help_options, "Explains a command.", NULL, false, help_command},
    {"broker", "", 0, 0, NULL, WORDS_NONE, role_options,
        "Carries letters between the others; holds nothing that matters.", NULL, true, roles_broker},
    {"world", "", 0, 0, NULL, WORDS_NONE, world_options, "Owns the state and the log of a run.", NULL, true,
        roles_world},
    {"agents", "", 0, 0, NULL, WORDS_NONE, agents_options, "Decides for agents; any number of them may come and go.",
        NULL, true, roles_agents},
    {"governance", "", 0, 0, NULL, WORDS_NONE, role_options, "Judges what agents do.", NULL, true, roles_governance},
    {"llm-gateway", "", 0, 0, NULL, WORDS_NONE, role_options,
        "Asks language models for agents, within budgets, and keeps the log of their answers.",
        "Takes the keys that the scenario's providers name (key_env) from its environment and removes them there.",
        true, roles_gateway},
};

const uint32_t command_count = sizeof command_table / sizeof command_table[0];
