/* Writes seeds for the fuzz targets of the protocol into FOLDER/NAME: two messages of every type and two small batches
 * of every schema, in the form each target reads. Always the same ones. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/streams.h"
#include "proto/envelope.h"
#include "proto/registry.h"
#include "tests/unit/proto/random.h"

#define SEEDS_EACH 2u
#define SEED_SIZE_MAX 2500u /* larger ones slow the fuzzer down */

static const char *folder;

static void
seed_write(const char *target, const char *name, uint32_t number, const uint8_t *before, size_t before_size,
           const struct buffer *bytes)
{
    char path[4096];
    FILE *file;

    if (bytes->size > SEED_SIZE_MAX)
        return;
    snprintf(path, sizeof path, "%s/%s", folder, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s-%u", folder, target, name, number);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(before, 1, before_size, file) != before_size ||
        fwrite(bytes->data, 1, bytes->size, file) != bytes->size || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void
seed_messages(void)
{
    static union {
        uint64_t align;
        uint8_t bytes[RANDOM_STRUCT_MAX];
    } message;

    for (uint32_t t = 0; t < proto_message_count; t++) {
        const struct message *table = &proto_messages[t];

        const uint8_t reads[8] = {1, 7, 2, 7, 2, 7, 9, 9}; /* a map, then names and values */

        for (uint32_t i = 0; i < SEEDS_EACH; i++) {
            struct rng rng = rng_make(1, STREAM_TEST, table->type, i);
            struct envelope head = {.type = (uint16_t)table->type, .run = rng_u32(&rng), .step = 12, .seq = i};
            struct buffer bytes = {0};
            uint8_t header[ENVELOPE_SIZE];

            random_message(table, &rng, &message);
            message_pack((enum message_type)table->type, &message, &bytes);
            seed_write("messages", table->name, i, (uint8_t[]){(uint8_t)t}, 1, &bytes);
            seed_write("guard", table->name, i, (uint8_t[]){1 + (uint8_t)i, 8}, 2, &bytes);
            seed_write("cursor", table->name, i, reads, sizeof reads, &bytes);
            envelope_write(&head, bytes.data, bytes.size, header);
            seed_write("envelope", table->name, i, header, sizeof header, &bytes);
            buffer_fini(&bytes);
        }
    }
}

static void
seed_batches(void)
{
    for (uint32_t s = 0; s < proto_schema_count; s++) {
        for (uint32_t i = 0; i < SEEDS_EACH; i++) {
            struct rng rng = rng_make(2, STREAM_TEST, proto_schemas[s]->id, i);
            struct buffer bytes = {0};

            random_batch(proto_schemas[s], &rng, 4, &bytes);
            seed_write("batch", proto_schemas[s]->name, i, (uint8_t[]){(uint8_t)s, (uint8_t)(i * 0x2c)}, 2, &bytes);
            seed_write("batch", proto_schemas[s]->name, SEEDS_EACH + i, (uint8_t[]){(uint8_t)(0x80 | s), 0}, 2,
                       &bytes);
            seed_write("guard", proto_schemas[s]->name, i, (uint8_t[]){2, 255}, 2, &bytes);
            buffer_fini(&bytes);
        }
    }
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "use: %s FOLDER\n", argv[0]);
        return 64;
    }
    folder = argv[1];
    seed_messages();
    seed_batches();
    return EXIT_SUCCESS;
}
