/* proto/messages.h - every cold message, declared once: a list becomes a struct, a table, the codec, the schema and
 * docs/protocol.md. Payload: a MessagePack map from field name to value, packed with msgpack-c, read with the cursor.
 * Kinds and members: U32 uint32_t, U64 uint64_t, I64 int64_t, F64 double, BOOL bool, TEXT char[hi+1] (at most hi
 * bytes of UTF-8), PEER struct peer (16 bytes), BIN struct blob (at most hi bytes, lent by the message).
 * Bounds: numbers lo..hi; TEXT and BIN: the length. Unknown, missing or repeated fields are refused. */
#ifndef POLIS_PROTO_MESSAGES_H
#define POLIS_PROTO_MESSAGES_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer {
    uint8_t id[16];
};

struct blob {
    const uint8_t *data;
    uint32_t size;
};

enum role {
    ROLE_NONE,
    ROLE_BROKER,
    ROLE_WORLD,
    ROLE_AGENTS,
    ROLE_GOVERNANCE,
    ROLE_GATEWAY,
    ROLE_MONITOR,
    ROLE_OPERATOR,
    ROLE_COUNT
};
const char *role_name(uint32_t role);      /* "world" ...; "nobody" for others */
uint32_t role_find(const char *name);      /* ROLE_NONE when unknown */

/* clang-format off */
#define HELLO_FIELDS(F, S)                                                                                       \
    F(S, U32,  role,          1, ROLE_COUNT - 1, "what the sender is (enum role)")                               \
    F(S, TEXT, host,          0, 255,   "host name, for people")                                                 \
    F(S, U64,  pid,           0, 4294967295.0, "process id, for people")                                         \
    F(S, TEXT, build,         1, 64,    "digest of the sender's program")                                        \
    F(S, U64,  schema,        0, 18446744073709551615.0, "XXH3-64 of schema.json")                               \
    F(S, U64,  canary,        0, 18446744073709551615.0, "hash of a fixed numeric workload: other bits are refused") \
    F(S, TEXT, serves,        0, 4000,  "agents: policies served, comma separated, or * for every built-in one") \
    F(S, U32,  last_epoch,    0, 4294967295.0, "newest epoch seen, 0 at first")                                  \
    F(S, U64,  last_step,     0, 1e15,  "newest step seen")
#define WELCOME_FIELDS(F, S)                                                                                     \
    F(S, U32,  run,           0, 4294967295.0, "hash of the run's id; 0 while no world is there")                \
    F(S, U32,  epoch,         0, 4294967295.0, "epoch of the world; 0 while no world is there")                  \
    F(S, U32,  heartbeat_ms,  1, 600000, "how often an idle peer pings")                                         \
    F(S, TEXT, events,        0, 200,   "endpoint of the event bus")                                             \
    F(S, TEXT, data,          0, 200,   "endpoint of the data channel")                                          \
    F(S, TEXT, fetch,         0, 200,   "endpoint of the archive's channel")
#define REJECT_FIELDS(F, S)                                                                                      \
    F(S, U32,  code,          0, 63,    "enum error")                                                            \
    F(S, TEXT, text,          0, 400,   "the reason, for a person; the peer exits 78 and does not come back")
#define PING_FIELDS(F, S)                                                                                        \
    F(S, U64,  done,          0, 1e18,  "chunks done so far")                                                    \
    F(S, U32,  queued,        0, 4294967295.0, "chunks waiting")
#define PONG_FIELDS(F, S)                                                                                        \
    F(S, U32,  epoch,         0, 4294967295.0, "epoch of the world as the broker knows it")
#define BYE_FIELDS(F, S)                                                                                         \
    F(S, TEXT, reason,        0, 200,   "why the sender leaves")
#define BYE_ACK_FIELDS(F, S)                                                                                     \
    F(S, U32,  epoch,         0, 4294967295.0, "epoch of the world as the broker knows it")
#define PEER_UP_FIELDS(F, S)                                                                                     \
    F(S, PEER, peer,          0, 0,     "who came")                                                              \
    F(S, U32,  role,          1, ROLE_COUNT - 1, "as what")                                                      \
    F(S, TEXT, serves,        0, 4000,  "as in hello")
#define PEER_DOWN_FIELDS(F, S)                                                                                   \
    F(S, PEER, peer,          0, 0,     "who is gone")                                                           \
    F(S, U32,  role,          1, ROLE_COUNT - 1, "as what")                                                      \
    F(S, TEXT, cause,         0, 64,    "bye, exit, disconnect, evicted")
#define PROC_EXIT_FIELDS(F, S)                                                                                   \
    F(S, U64,  pid,           1, 4294967295.0, "which process ended")                                            \
    F(S, I64,  status,        -2147483648.0, 2147483647.0, "wait status")
#define EPOCH_FIELDS(F, S)                                                                                       \
    F(S, U32,  epoch,         1, 4294967295.0, "incarnation of the world; drop what belongs to older ones")      \
    F(S, U64,  step,          0, 1e15,  "last committed step")                                                   \
    F(S, BIN,  chain,         32, 32,   "chain head at that step")
#define PARAMS_FIELDS(F, S)                                                                                      \
    F(S, U32,  slot,          0, 65535, "group of agents with this policy and these parameters")                 \
    F(S, TEXT, policy,        1, 64,    "policy name")                                                           \
    F(S, U64,  seed,          0, 18446744073709551615.0, "the run's seed")                                       \
    F(S, BIN,  yaml,          0, 100000, "the policy's parameters, as YAML")
#define CREDIT_FIELDS(F, S)                                                                                      \
    F(S, U32,  chunks,        0, 1024,  "how many more chunks the sender may be given")
#define NACK_FIELDS(F, S)                                                                                        \
    F(S, U32,  code,          0, 63,    "enum error")                                                            \
    F(S, TEXT, text,          0, 400,   "why the chunk named by the header could not be answered")
#define CANCEL_FIELDS(F, S)                                                                                      \
    F(S, U64,  step,          0, 1e15,  "forget chunks of this step and before")
#define COURT_FIELDS(F, S)                                                                                       \
    F(S, U64,  seed,          0, 18446744073709551615.0, "the run's seed")                                       \
    F(S, TEXT, domain,        1, 32,    "whose dockets will come")                                               \
    F(S, U32,  agents,        0, 1e9,   "how many agents there are")                                             \
    F(S, U64,  step,          0, 1e15,  "the state wanted: after this step")                                     \
    F(S, BIN,  yaml,          0, 100000, "the scenario's governance section, resolved")                          \
    F(S, U64,  base,          0, 1e12,  "bytes of COURT_BASE that came before: where a fork begins; 0: at step 1")
#define COURT_BASE_PIECE 1000000u
#define COURT_BASE_FIELDS(F, S)                                                                                  \
    F(S, U64,  size,          1, 1e12,  "bytes of the whole")                                                    \
    F(S, U64,  offset,        0, 1e12,  "where these stand in it; pieces come in order, from 0")                 \
    F(S, BIN,  bytes,         1, COURT_BASE_PIECE, "the piece")
#define COURT_READY_FIELDS(F, S)                                                                                 \
    F(S, U64,  step,          0, 1e15,  "the sender's state is the one after this step")                         \
    F(S, BIN,  digest,        16, 16,   "digest of that state")
#define STEP_FIELDS(F, S)                                                                                        \
    F(S, U64,  step,          0, 1e15,  "which step")                                                            \
    F(S, U64,  committed,     0, 1e15,  "last step that is on disk")                                             \
    F(S, U64,  steps,         0, 1e15,  "steps of the whole run")                                                \
    F(S, U32,  simulation_epoch, 0, 4294967295.0, "epoch of the simulation, from 0")                             \
    F(S, BIN,  chain,         32, 32,   "chain head")                                                            \
    F(S, BIN,  digest,        16, 16,   "state digest")                                                          \
    F(S, BIN,  summary,       0, 60000, "the domain's summary of the step: a batch; see its schema")
#define HEAD_FIELDS(F, S)                                                                                        \
    F(S, U64,  seq,           0, 1e18,  "newest event's number")                                                 \
    F(S, U64,  committed,     0, 1e15,  "last step that is on disk")                                             \
    F(S, BOOL, ended,         0, 1,     "the run is over")
#define SYNC_FIELDS(F, S)                                                                                        \
    F(S, U64,  from,          0, 1e15,  "first step wanted; 0: a summary of the state now")
#define SYNC_STATE_FIELDS(F, S)                                                                                  \
    F(S, U64,  step,          0, 1e15,  "committed step that the snapshot shows")                                \
    F(S, U64,  seq,           0, 1e18,  "the event stream continues behind this number")                         \
    F(S, TEXT, scenario,      0, 64,    "name of the scenario")                                                  \
    F(S, U64,  steps,         0, 1e15,  "steps of the whole run")                                                \
    F(S, BIN,  summary,       0, 1000000, "the domain's summary at that step: a batch")
#define FETCH_FIELDS(F, S)                                                                                       \
    F(S, U64,  step,          0, 1e15,  "which step's record")                                                   \
    F(S, U32,  part,          0, 4294967295.0, "which part of it: 0 header, 1.. data, 4294967295 commit")        \
    F(S, U32,  count,         1, 64,    "at most how many parts")
#define RECORD_FIELDS(F, S)                                                                                      \
    F(S, U64,  step,          0, 1e15,  "which step")                                                            \
    F(S, U32,  part,          0, 4294967295.0, "which part")                                                     \
    F(S, BOOL, found,         0, 1,     "false: not there (yet)")                                                \
    F(S, BIN,  bytes,         0, 1048560, "as in the log")
#define COMMAND_FIELDS(F, S)                                                                                     \
    F(S, U64,  source_seq,    0, 1e18,  "the sender's number for it: a repeated one is answered, not repeated")  \
    F(S, TEXT, verb,          1, 32,    "status, pause, resume, stop, snapshot, kill_switch, freeze, unfreeze") \
    F(S, TEXT, argument,      0, 4000,  "as the verb says")
#define RESULT_FIELDS(F, S)                                                                                      \
    F(S, U64,  source_seq,    0, 1e18,  "number of the command answered")                                        \
    F(S, U32,  code,          0, 63,    "enum error")                                                            \
    F(S, TEXT, text,          0, 60000, "the answer: JSON, or the reason")

/* M(TYPE, struct, fields, wire number, from, to, doc). Numbers are for ever: add, never reuse. */
#define MESSAGES(M)                                                                                                  \
    M(HELLO,       hello,       HELLO_FIELDS,       1,  "any",        "broker", "First word of every peer, and again after a lost connection.") \
    M(WELCOME,     welcome,     WELCOME_FIELDS,     2,  "broker",     "any",    "Hello accepted.")                   \
    M(REJECT,      reject,      REJECT_FIELDS,      3,  "broker",     "any",    "Hello refused.")                    \
    M(PING,        ping,        PING_FIELDS,        4,  "any",        "broker", "Sign of life of an idle peer, with its progress.") \
    M(PONG,        pong,        PONG_FIELDS,        5,  "broker",     "any",    "Answer to a ping.")                 \
    M(BYE,         bye,         BYE_FIELDS,         6,  "any",        "broker", "The sender leaves once this is answered.") \
    M(BYE_ACK,     bye_ack,     BYE_ACK_FIELDS,     7,  "broker",     "any",    "Everything sent before the bye has been read.") \
    M(PEER_UP,     peer_up,     PEER_UP_FIELDS,     8,  "broker",     "world",  "A peer is ready.")                  \
    M(PEER_DOWN,   peer_down,   PEER_DOWN_FIELDS,   9,  "broker",     "world",  "A peer is gone: its chunks go to others.") \
    M(PROC_EXIT,   proc_exit,   PROC_EXIT_FIELDS,   10, "operator",   "broker", "The supervisor saw a process end.") \
    M(EPOCH,       epoch,       EPOCH_FIELDS,       11, "world",      "any",    "A world has started or come back.") \
    M(PARAMS,      params_of,   PARAMS_FIELDS,      20, "world",      "agents", "Parameters of a group of agents.")  \
    M(CREDIT,      credit,      CREDIT_FIELDS,      23, "agents, governance", "world", "Room for more chunks; governance: a docket of the past is folded.")\
    M(NACK,        nack,        NACK_FIELDS,        24, "any",        "world, agents", "A chunk, docket or prompt was refused.")    \
    M(CANCEL,      cancel,      CANCEL_FIELDS,      25, "world",      "any",    "Work that nobody waits for any more.") \
    M(COURT,       court,       COURT_FIELDS,       26, "world",      "governance", "How governance is set up, and the step its state must have reached.") \
    M(COURT_READY, court_ready, COURT_READY_FIELDS, 27, "governance", "world",  "Governance has (or has caught up to) that state.") \
    M(COURT_BASE,  court_base,  COURT_BASE_FIELDS,  30, "world",      "governance", "A piece of governance's state where a fork branched off; before COURT.") \
    M(STEP,        step_event,  STEP_FIELDS,        40, "world",      "subscribers", "A step is committed.")         \
    M(HEAD,        head_event,  HEAD_FIELDS,        41, "world",      "subscribers", "How far the stream is: lets a subscriber see a gap.") \
    M(SYNC,        sync,        SYNC_FIELDS,        50, "subscribers", "world", "Asks for a snapshot to join the stream.") \
    M(SYNC_STATE,  sync_state,  SYNC_STATE_FIELDS,  51, "world",      "subscribers", "The snapshot, and where the stream continues.") \
    M(FETCH,       fetch,       FETCH_FIELDS,       54, "any",        "world",  "Asks for committed log records.")   \
    M(RECORD,      record,      RECORD_FIELDS,      55, "world",      "any",    "One part of a log record.")         \
    M(COMMAND,     command,     COMMAND_FIELDS,     60, "operator",   "world, llm-gateway", "An operator's wish.")               \
    M(RESULT,      result,      RESULT_FIELDS,      61, "world, llm-gateway",      "operator", "What became of it.")
/* clang-format on */

/* Types whose payload is a batch (proto/columns.h), not a map. */
#define MSG_OBSERVATION 21 /* world -> agents */
#define MSG_ACTION 22      /* agents -> world; tag echoes the observation's hash */
#define MSG_DOCKET 28      /* world -> governance */
#define MSG_VERDICT 29     /* governance -> world; tag echoes the docket's hash */
#define MSG_PROMPT 31      /* agents -> llm-gateway */
#define MSG_COMPLETION 32  /* llm-gateway -> agents; same fence, tag echoes the prompt's hash */

#define MESSAGE_ENUM(TYPE, s, fields, number, from, to, doc) MSG_##TYPE = number,
enum message_type { MESSAGES(MESSAGE_ENUM) MSG_COUNT = 64 };

#define MEMBER_U32(name, hi) uint32_t name;
#define MEMBER_U64(name, hi) uint64_t name;
#define MEMBER_I64(name, hi) int64_t name;
#define MEMBER_F64(name, hi) double name;
#define MEMBER_BOOL(name, hi) bool name;
#define MEMBER_TEXT(name, hi) char name[(hi) + 1];
#define MEMBER_PEER(name, hi) struct peer name;
#define MEMBER_BIN(name, hi) struct blob name;
#define MEMBER(S, kind, name, lo, hi, doc) MEMBER_##kind(name, hi)
#define MESSAGE_STRUCT(TYPE, s, fields, number, from, to, doc) struct s { fields(MEMBER, s) };
MESSAGES(MESSAGE_STRUCT)

/* The tables that the lists become. */
enum field_kind { FIELD_U32, FIELD_U64, FIELD_I64, FIELD_F64, FIELD_BOOL, FIELD_TEXT, FIELD_PEER, FIELD_BIN };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset; /* of the member */
    double low, high;
    const char *doc;
};

struct message {
    uint32_t type;
    const char *name; /* "HELLO" */
    size_t size;      /* of the struct */
    const struct field *fields;
    uint32_t field_count;
    const char *from, *to, *doc;
};

/* All cold messages, by number. */
extern const struct message proto_messages[];
extern const uint32_t proto_message_count;
const struct message *message_find(uint32_t type); /* NULL: no cold message has this number */

/* The types whose payload is a batch: no fields, size 0. */
extern const struct message proto_batch_messages[];
extern const uint32_t proto_batch_message_count;

/* Integer bounds of a field of an integer kind: the double, cut to what the kind can hold. */
uint64_t field_bound_unsigned(double bound, uint64_t most);
int64_t field_bound_signed(double bound);

/* Packs `message` (the struct of `type`) at the end of `out`. A value out of its bounds is our own bug: ASSERT.
 * TEXT that is not UTF-8 (a host name may be anything) has its bad bytes packed as '?'. */
void message_pack(enum message_type type, const void *message, struct buffer *out);

/* Guard, then cursor: every field present once, right kind, in bounds. TEXT is copied, BIN is lent by `bytes`. On a
 * refusal `out` is all zero. ERR_FORMAT (bytes, types, a field twice), ERR_LIMIT (depth, count), ERR_UNKNOWN and
 * ERR_MISSING (a field), ERR_INVALID (bounds). */
MUST_CHECK int message_unpack(enum message_type type, const void *bytes, size_t size, void *out, struct why *why);

/* "HELLO", or NULL for a number nobody knows. Batch types have names too. */
const char *message_name(uint32_t type);

/* XXH3-64 over schema.json: two programs that disagree about any message or batch differ here. */
uint64_t proto_digest(void);
/* schema.json and docs/protocol.md, from the tables. */
void proto_write_schema(struct buffer *out);
void proto_write_document(struct buffer *out);

#endif
