#include "bus/rights.h"

#include <string.h>

#include "core/assert.h"

#define BIT(x) (1u << (x))
#define MASK_ANY ((1u << ROLE_COUNT) - 2u)
#define MASK_SUBSCRIBERS (BIT(ROLE_MONITOR) | BIT(ROLE_OPERATOR))

/* Types with a channel of their own; the rest may use control or data. A hello and a bye are said on both, because
 * each channel has its own connection that must stand, or be drained. */
static const struct {
    uint16_t type;
    uint8_t channels;
} channels[] = {
    {MSG_HELLO, BIT(CHANNEL_CONTROL) | BIT(CHANNEL_DATA)}, {MSG_WELCOME, BIT(CHANNEL_CONTROL)},
    {MSG_REJECT, BIT(CHANNEL_CONTROL)}, {MSG_PING, BIT(CHANNEL_CONTROL)}, {MSG_PONG, BIT(CHANNEL_CONTROL)},
    {MSG_BYE, BIT(CHANNEL_CONTROL) | BIT(CHANNEL_DATA)}, {MSG_BYE_ACK, BIT(CHANNEL_CONTROL)},
    {MSG_PEER_UP, BIT(CHANNEL_CONTROL)}, {MSG_PEER_DOWN, BIT(CHANNEL_CONTROL)},
    {MSG_PROC_EXIT, BIT(CHANNEL_CONTROL)}, {MSG_EPOCH, BIT(CHANNEL_CONTROL)},
    {MSG_OBSERVATION, BIT(CHANNEL_DATA)}, {MSG_ACTION, BIT(CHANNEL_DATA)}, {MSG_DOCKET, BIT(CHANNEL_DATA)},
    {MSG_VERDICT, BIT(CHANNEL_DATA)}, {MSG_PROMPT, BIT(CHANNEL_DATA)},
    {MSG_COMPLETION, BIT(CHANNEL_DATA)}, {MSG_STEP, BIT(CHANNEL_EVENT)}, {MSG_HEAD, BIT(CHANNEL_EVENT)},
    {MSG_SYNC, BIT(CHANNEL_FETCH)}, {MSG_SYNC_STATE, BIT(CHANNEL_FETCH)}, {MSG_FETCH, BIT(CHANNEL_FETCH)},
    {MSG_RECORD, BIT(CHANNEL_FETCH)}, {MSG_COMMAND, BIT(CHANNEL_CONTROL)}, {MSG_RESULT, BIT(CHANNEL_CONTROL)},
};

#define MESSAGE_ROW(TYPE, s, fields, number, from, to, doc) {number, from, to},
static const struct {
    uint16_t type;
    const char *from, *to;
} messages[] = {
    MESSAGES(MESSAGE_ROW)
    {MSG_OBSERVATION, "world", "agents"}, {MSG_ACTION, "agents", "world"}, {MSG_DOCKET, "world", "governance"},
    {MSG_VERDICT, "governance", "world"}, {MSG_PROMPT, "agents", "llm-gateway"},
    {MSG_COMPLETION, "llm-gateway", "agents"},
};

/* The roles named by a column of the message list: one word, or several with commas between. */
static uint16_t
mask_of(const char *words)
{
    uint32_t mask = 0;

    while (*words != '\0') {
        size_t size = strcspn(words, ", ");
        char word[32];

        ASSERT(size < sizeof word);
        memcpy(word, words, size);
        word[size] = '\0';
        if (strcmp(word, "any") == 0)
            mask |= MASK_ANY;
        else if (strcmp(word, "subscribers") == 0)
            mask |= MASK_SUBSCRIBERS;
        else if (size > 0) {
            ASSERT(role_find(word) != ROLE_NONE);
            mask |= BIT(role_find(word));
        }
        words += size + strspn(words + size, ", ");
    }
    return (uint16_t)mask;
}

void
rights_init(struct rights *self)
{
    memset(self, 0, sizeof *self);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        uint16_t type = messages[i].type;

        ASSERT(type < MSG_COUNT);
        self->rows[type].from = mask_of(messages[i].from);
        self->rows[type].to = mask_of(messages[i].to);
        self->rows[type].channels = BIT(CHANNEL_CONTROL) | BIT(CHANNEL_DATA);
    }
    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        self->rows[channels[i].type].channels = channels[i].channels;
    /* The world says EPOCH to the broker, which passes it on to all. */
    self->rows[MSG_EPOCH].to = MASK_ANY;
}

bool
rights_allow(const struct rights *self, uint32_t type, enum role from, enum role to, enum channel channel)
{
    return type < MSG_COUNT && (self->rows[type].channels & BIT(channel)) != 0 &&
           (self->rows[type].from & BIT(from)) != 0 && (self->rows[type].to & BIT(to)) != 0;
}

bool
rights_is_single(enum role role)
{
    return role == ROLE_WORLD || role == ROLE_GOVERNANCE || role == ROLE_GATEWAY;
}

bool
rights_has_data(enum role role)
{
    return role == ROLE_WORLD || role == ROLE_AGENTS || role == ROLE_GOVERNANCE || role == ROLE_GATEWAY;
}

enum role
rights_alias(const struct peer *peer)
{
    static const struct peer zero = {{0}};

    if (memcmp(peer->id, zero.id, 15) != 0)
        return ROLE_NONE;
    return peer->id[15] == ROLE_BROKER || rights_is_single((enum role)peer->id[15]) ? (enum role)peer->id[15]
                                                                                    : ROLE_NONE;
}
