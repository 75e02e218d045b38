/* What is taken as a message is packed and taken again as the same message, and msgpack-c sees the same fields. The
 * first byte chooses the type, the rest is the payload. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/buffer.h"
#include "proto/messages.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/oracle.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static union {
        uint64_t align;
        uint8_t bytes[1 << 17];
    } first, second;
    static struct buffer packed, again;
    const struct message *message;
    msgpack_unpacked value;
    struct why why = {0};
    enum message_type type;
    int code;

    if (size < 1)
        return 0;
    message = &proto_messages[data[0] % proto_message_count];
    type = (enum message_type)message->type;
    ASSERT(message->size <= sizeof first.bytes);
    code = message_unpack(type, data + 1, size - 1, &first, &why);
    ASSERT(code == why.code);
    if (code != 0)
        return 0;

    buffer_clear(&packed);
    message_pack(type, &first, &packed);
    ASSERT(message_unpack(type, packed.data, packed.size, &second, NULL) == 0);
    buffer_clear(&again);
    message_pack(type, &second, &again);
    ASSERT(packed.size == again.size && memcmp(packed.data, again.data, packed.size) == 0);

    msgpack_unpacked_init(&value);
    ASSERT(oracle_reads(&value, data + 1, size - 1));
    ASSERT(value.data.type == MSGPACK_OBJECT_MAP && value.data.via.map.size == message->field_count);
    ASSERT(oracle_reads(&value, packed.data, packed.size));
    ASSERT(value.data.type == MSGPACK_OBJECT_MAP && value.data.via.map.size == message->field_count);
    msgpack_unpacked_destroy(&value);
    return 0;
}
