// GET, or MGET of several keys, pipelined: as many commands in flight on each connection as HTTP/2 has streams.
#include "load.h"

#include <stdio.h>
#include <string.h>

static uint8_t template[64 + 32 * 1000];
static size_t template_bytes, first_key;
enum { KEY_BYTES = 5 + SKU_BYTES + 2 }; // $11\r\n … \r\n

void redis_prepare(void) {
    template_bytes = (size_t)sprintf((char *)template, "*%d\r\n%s", options.lines + 1,
                                     options.lines == 1 ? "$3\r\nGET\r\n" : "$4\r\nMGET\r\n");
    first_key = template_bytes;
    for (int line = 0; line < options.lines; line++)
        template_bytes += (size_t)sprintf((char *)template + template_bytes, "$%d\r\nSKU-0000000\r\n", SKU_BYTES);
}

bool redis_issue(struct connection *connection, uint64_t start_ns) {
    struct slot *slot = &connection->slots[connection->tail++ & (connection->slot_count - 1)];
    slot->start_ns = start_ns;
    slot->random = random_next(&random_state);
    struct buffer *out = &connection->out;
    buffer_reserve(out, template_bytes);
    uint8_t *command = out->bytes + out->end;
    memcpy(command, template, template_bytes);
    uint64_t random = slot->random;
    uint8_t *key = command + first_key + 5;
    for (int line = 0; line < options.lines; line++, key += KEY_BYTES) write_sku(key, random_position(&random));
    out->end += template_bytes;
    connection->in_flight++;
    statistics.issued++;
    return true;
}

// A number up to the line's end, after its first byte; null when it is not all there.
static const uint8_t *read_number(const uint8_t *at, const uint8_t *end, int64_t *value) {
    int64_t number = 0, sign = 1;
    if (at < end && *at == '-') {
        sign = -1;
        at++;
    }
    while (at < end && *at >= '0' && *at <= '9') number = number * 10 + (*at++ - '0');
    if (end - at < 2) return NULL;
    if (at[0] != '\r') fail("Redis: no number");
    *value = number * sign;
    return at + 2;
}

static const uint8_t *read_value(const uint8_t *at, const uint8_t *end, uint32_t position, bool *right) {
    int64_t length, value;
    if (at >= end) return NULL;
    if (*at != '$') fail("Redis answered %.*s", (int)(end - at < 80 ? end - at : 80), (const char *)at);
    if (!(at = read_number(at + 1, end, &length))) return NULL;
    if (length < 0) {
        *right = false;
        return at;
    }
    if (end - at < length + 2) return NULL;
    if (!read_number(at, end, &value) || value != available_of(position)) *right = false;
    return at + length + 2;
}

void redis_consume(struct connection *connection) {
    struct buffer *in = &connection->in;
    while (connection->head != connection->tail) {
        const uint8_t *at = in->bytes + in->start, *end = in->bytes + in->end;
        struct slot *slot = &connection->slots[connection->head & (connection->slot_count - 1)];
        uint64_t random = slot->random;
        int64_t count = 1;
        bool right = true;
        if (options.lines > 1) {
            if (at >= end) return;
            if (*at != '*') fail("Redis answered %.*s", (int)(end - at < 80 ? end - at : 80), (const char *)at);
            if (!(at = read_number(at + 1, end, &count))) return;
        }
        if (count != options.lines) fail("Redis gave %lld values", (long long)count);
        for (int64_t index = 0; index < count; index++)
            if (!(at = read_value(at, end, random_position(&random), &right))) return;
        in->start = (size_t)(at - in->bytes);
        connection->head++;
        connection->in_flight--;
        completed(connection, slot, right);
    }
}
