// The client's side of HTTP/2 and gRPC, by hand (RFC 9113). A call is a HEADERS frame of indexed fields and a DATA
// frame, as every gRPC client sends from its second call on: a copy of a template with the stream id and skus patched.
#include "load.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_HEAD = 9, FRAME_MAX = 16384, CONNECTION_WINDOW = 0x7FFFFFFF, WINDOW_STEP = 1 << 28 };
enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };

static uint8_t template[FRAME_HEAD + 64 + FRAME_HEAD + FRAME_MAX];
static size_t template_bytes, headers_bytes, message_bytes;
static struct buffer first_block; // the header block of a connection's first call, which fills its table

static uint32_t big32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void put_big32(uint8_t *target, uint32_t value) {
    uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    memcpy(target, bytes, 4);
}

static void put_frame_head(uint8_t *target, size_t length, int type, int flags, uint32_t stream_id) {
    uint8_t head[] = {(uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)type, (uint8_t)flags};
    memcpy(target, head, sizeof head);
    put_big32(target + 5, stream_id);
}

static void send_frame(struct connection *connection, int type, int flags, uint32_t id, const void *bytes,
                       size_t count) {
    uint8_t head[FRAME_HEAD];
    put_frame_head(head, count, type, flags, id);
    buffer_append(&connection->out, head, sizeof head);
    buffer_append(&connection->out, bytes, count);
}

// RFC 7541 6.2.1: literal with incremental indexing; `index` is the name's in the static table, 0: a new name.
static void add_literal(int index, const char *name, const char *value) {
    uint8_t byte = (uint8_t)(0x40 | index);
    buffer_append(&first_block, &byte, 1);
    const char *texts[] = {index ? NULL : name, value};
    for (int text = 0; text < 2; text++) {
        if (!texts[text]) continue;
        byte = (uint8_t)strlen(texts[text]);
        buffer_append(&first_block, &byte, 1);
        buffer_append(&first_block, texts[text], byte);
    }
}

void http2_prepare(void) {
    char authority[64];
    snprintf(authority, sizeof authority, "%s:%d", options.host, options.port);
    const uint8_t fixed[] = {0x83, options.tls ? 0x87 : 0x86}; // :method POST, :scheme
    buffer_append(&first_block, fixed, sizeof fixed);
    static const char *const paths[] = {
        [CALL_CHECK] = "/availability.v1.AvailabilityService/CheckAvailability",
        [CALL_EVENTS] = "/availability.v1.InventoryFeedService/PublishEvents",
        [CALL_RESERVE] = "/availability.v1.ReservationService/CreateReservation",
    };
    add_literal(4, ":path", paths[options.call]);
    add_literal(1, ":authority", authority);
    add_literal(31, "content-type", "application/grpc");
    add_literal(0, "te", "trailers");
    add_literal(58, "user-agent", "availability-load/1");
    add_literal(0, "grpc-accept-encoding", "identity,gzip");
    uint8_t block[] = {fixed[0], fixed[1], 0x80 | 67, 0x80 | 66, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62};
    put_frame_head(template, sizeof block, HEADERS, END_HEADERS, 0);
    memcpy(template + FRAME_HEAD, block, sizeof block);
    headers_bytes = FRAME_HEAD + sizeof block;
    message_bytes = make_call(template + headers_bytes + FRAME_HEAD);
    if (message_bytes > FRAME_MAX) fail("a call of %d lines does not fit one frame", options.lines);
    put_frame_head(template + headers_bytes, message_bytes, DATA, END_STREAM, 0);
    template_bytes = headers_bytes + FRAME_HEAD + message_bytes;
}

void http2_begin(struct connection *connection) {
    connection->next_stream_id = 1;
    connection->send_window = 65535;
    connection->stream_window = 65535;
    if (nghttp2_hd_inflate_new(&connection->inflater) != 0) fail("nghttp2_hd_inflate_new");
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    buffer_append(&connection->out, preface, sizeof preface - 1);
    // ENABLE_PUSH 0, INITIAL_WINDOW_SIZE 4 MiB
    static const uint8_t settings[] = {0, 2, 0, 0, 0, 0, 0, 4, 0, 64, 0, 0};
    send_frame(connection, SETTINGS, 0, 0, settings, sizeof settings);
    uint8_t increment[4];
    put_big32(increment, CONNECTION_WINDOW - 65535);
    send_frame(connection, WINDOW_UPDATE, 0, 0, increment, 4);
}

bool http2_issue(struct connection *connection, uint64_t start_ns) {
    if (connection->send_window < (int64_t)message_bytes || connection->stream_window < (int64_t)message_bytes)
        return false;
    uint32_t id = connection->next_stream_id, mask = connection->slot_count - 1;
    // A stream that hangs behind keeps its slot; the ids that would share it are passed over.
    while (connection->slots[id / 2 & mask].stream_id) id += 2;
    connection->next_stream_id = id + 2;
    struct slot *slot = &connection->slots[id / 2 & mask];
    slot->stream_id = id;
    slot->grpc_status = -1;
    slot->start_ns = start_ns;
    slot->body_count = 0;
    slot->answered = false;
    slot->random = random_next(&random_state);

    struct buffer *out = &connection->out;
    size_t skipped = 0;
    if (id == 1) {
        send_frame(connection, HEADERS, END_HEADERS, id, first_block.bytes, first_block.end);
        skipped = headers_bytes;
    }
    buffer_reserve(out, template_bytes);
    uint8_t *frames = out->bytes + out->end;
    memcpy(frames, template + skipped, template_bytes - skipped);
    if (id != 1) put_big32(frames + 5, id);
    put_big32(frames + headers_bytes - skipped + 5, id);
    patch_call(frames + headers_bytes - skipped + FRAME_HEAD, slot->random);
    out->end += template_bytes - skipped;
    connection->send_window -= (int64_t)message_bytes;
    connection->in_flight++;
    statistics.issued++;
    return true;
}

static struct slot *find(struct connection *connection, uint32_t id) {
    struct slot *slot = &connection->slots[id / 2 & (connection->slot_count - 1)];
    return id && slot->stream_id == id ? slot : NULL;
}

// Takes grpc-status from a header block, and whether :status is 200 or absent.
static void inflate_block(struct connection *connection, const uint8_t *block, size_t count,
                          struct header_cache *found) {
    found->grpc_status = -1;
    found->ok = true;
    size_t offset = 0;
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(connection->inflater, &field, &flags, block + offset, count - offset, 1);
        if (used < 0) fail("HPACK: %s", nghttp2_strerror((int)used));
        offset += (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            if (field.namelen == 11 && memcmp(field.name, "grpc-status", 11) == 0)
                found->grpc_status = atoi((const char *)field.value);
            else if (field.namelen == 7 && memcmp(field.name, ":status", 7) == 0)
                found->ok = field.valuelen == 3 && memcmp(field.value, "200", 3) == 0;
            else if (statistics.wrong < 5 && field.namelen == 12 && memcmp(field.name, "grpc-message", 12) == 0)
                fprintf(stderr, "grpc-message: %.*s\n", (int)field.valuelen, (const char *)field.value);
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
        if (!(flags & NGHTTP2_HD_INFLATE_EMIT) && used == 0) break;
    }
    nghttp2_hd_inflate_end_headers(connection->inflater);
}

// Blocks of nothing but one-byte indexed fields leave the table as it is: the same block means the same.
static struct header_cache read_block(struct connection *connection, const uint8_t *block, size_t count) {
    struct header_cache found;
    uint64_t key = 0;
    bool plain = count >= 1 && count <= 8;
    for (size_t index = 0; plain && index < count; index++) {
        plain = block[index] > 0x80 && block[index] < 0xFF;
        key = key << 8 | block[index];
    }
    if (!plain) {
        memset(connection->cache, 0, sizeof connection->cache);
        inflate_block(connection, block, count, &found);
        return found;
    }
    struct header_cache *cached = &connection->cache[(key * 0x9E3779B97F4A7C15) >> 61];
    if (cached->block == key) return *cached;
    inflate_block(connection, block, count, &found);
    found.block = key;
    return *cached = found;
}

static void end_stream(struct connection *connection, struct slot *slot) {
    completed(connection, slot, slot->answered && slot->grpc_status == 0);
    slot->stream_id = 0;
    connection->in_flight--;
}

static void receive_headers(struct connection *connection, const uint8_t *payload, size_t count, int flags,
                            uint32_t id) {
    if (!(flags & END_HEADERS)) fail("a header block in several frames");
    size_t skipped = (flags & PADDED ? 1u : 0u) + (flags & PRIORITY ? 5u : 0u);
    size_t padding = flags & PADDED ? payload[0] : 0;
    if (skipped + padding > count) fail("a HEADERS frame shorter than its padding");
    struct header_cache found = read_block(connection, payload + skipped, count - skipped - padding);
    struct slot *slot = find(connection, id);
    if (!slot) return;
    if (found.grpc_status >= 0) slot->grpc_status = found.grpc_status;
    if (!found.ok) slot->grpc_status = 2;
    if (flags & END_STREAM) end_stream(connection, slot);
}

static void receive_data(struct connection *connection, const uint8_t *payload, size_t count, int flags, uint32_t id) {
    connection->consumed_bytes += count;
    struct slot *slot = find(connection, id);
    if (!slot) return;
    if (flags & PADDED) {
        count -= (size_t)payload[0] + 1;
        payload++;
    }
    bool whole = slot->body_count == 0 && count >= 5 && big32(payload + 1) == count - 5;
    if (!whole && count > 0) {
        if (slot->body_count + count > slot->body_room) {
            slot->body_room = (slot->body_count + (uint32_t)count) * 2;
            slot->body = realloc(slot->body, slot->body_room);
            if (!slot->body) fail("out of memory");
        }
        memcpy(slot->body + slot->body_count, payload, count);
        count = slot->body_count += (uint32_t)count;
        payload = slot->body;
        whole = count >= 5 && big32(payload + 1) == count - 5;
    }
    if (whole) slot->answered = is_right_reply(payload, count, slot->random);
    if (whole && options.dump) fwrite(payload, 1, count, options.dump);
    if (flags & END_STREAM) end_stream(connection, slot);
}

static void receive_settings(struct connection *connection, const uint8_t *payload, size_t count, int flags) {
    if (flags & ACK) return;
    for (size_t offset = 0; offset + 6 <= count; offset += 6) {
        uint32_t name = (uint32_t)payload[offset] << 8 | payload[offset + 1], value = big32(payload + offset + 2);
        if (name == 1 && value < 1024) fail("the server wants a header table of %u bytes", value);
        if (name == 3 && value < (uint32_t)options.streams) fail("the server allows %u streams", value);
        if (name == 4) connection->stream_window = value;
    }
    send_frame(connection, SETTINGS, ACK, 0, NULL, 0);
}

static void receive_frame(struct connection *connection, const uint8_t *frame, size_t length) {
    int flags = frame[4];
    uint32_t id = big32(frame + 5) & 0x7FFFFFFF;
    const uint8_t *payload = frame + FRAME_HEAD;
    switch (frame[3]) {
    case DATA: receive_data(connection, payload, length, flags, id); break;
    case HEADERS: receive_headers(connection, payload, length, flags, id); break;
    case SETTINGS: receive_settings(connection, payload, length, flags); break;
    case PING:
        if (!(flags & ACK)) send_frame(connection, PING, ACK, 0, payload, length);
        break;
    case WINDOW_UPDATE:
        if (id == 0) connection->send_window += big32(payload) & 0x7FFFFFFF;
        break;
    case RST_STREAM:
        if (find(connection, id)) fail("the server reset stream %u with error %u", id, big32(payload));
        break;
    case GOAWAY: fail("GOAWAY %u: %.*s", big32(payload + 4), (int)length - 8, (const char *)payload + 8);
    case CONTINUATION: fail("a header block in several frames");
    default: break;
    }
}

void http2_consume(struct connection *connection) {
    struct buffer *in = &connection->in;
    while (in->end - in->start >= FRAME_HEAD) {
        const uint8_t *frame = in->bytes + in->start;
        size_t length = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        if (in->end - in->start < FRAME_HEAD + length) break;
        receive_frame(connection, frame, length);
        in->start += FRAME_HEAD + length;
    }
    if (connection->consumed_bytes >= WINDOW_STEP) {
        uint8_t increment[4];
        put_big32(increment, (uint32_t)connection->consumed_bytes);
        send_frame(connection, WINDOW_UPDATE, 0, 0, increment, 4);
        connection->consumed_bytes = 0;
    }
}
