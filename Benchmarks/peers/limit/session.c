#include "limit.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID_ARGUMENT = 3, UNIMPLEMENTED = 12, REQUEST_BYTES_MAX = 1 << 20 };

struct buffer {
    uint8_t *bytes;
    size_t count, room;
};

struct stream {
    struct stream *next_free;
    bool is_check, is_grpc, is_post;
    int status;
    struct buffer in, out;
    size_t sent;
};

struct session {
    nghttp2_session *handle;
};

extern nghttp2_mem session_memory; // memory.c

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *option;
static struct stream *free_streams;

// Calls started, and those that ended OK by latency; counted together at the end of a read, as ours does.
static const uint64_t bounds_ns[] = {
    10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 25000000, 50000000, 100000000,
    250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};
enum { BUCKETS = sizeof bounds_ns / sizeof *bounds_ns + 1 };
static uint64_t calls_started, calls_by_latency[BUCKETS], latency_sum_ns, bytes_received, ended_in_turn;

static void count_ended(void) {
    if (ended_in_turn == 0) return;
    uint64_t latency = clock_ns(1) - turn_ns;
    int bucket = 0;
    while (bucket < BUCKETS - 1 && latency > bounds_ns[bucket]) bucket++;
    calls_by_latency[bucket] += ended_in_turn;
    latency_sum_ns += ended_in_turn * latency;
    ended_in_turn = 0;
}

static uint8_t *reserve(struct buffer *buffer, size_t count) {
    if (buffer->count + count > buffer->room) {
        buffer->room = (buffer->count + count) * 2;
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (!buffer->bytes) fail("realloc", "out of memory");
    }
    return buffer->bytes + buffer->count;
}

static struct stream *acquire(void) {
    struct stream *stream = free_streams;
    if (stream) free_streams = stream->next_free;
    else if (!(stream = calloc(1, sizeof *stream))) fail("calloc", "out of memory");
    stream->is_check = stream->is_grpc = stream->is_post = false;
    stream->status = OK;
    stream->in.count = stream->out.count = stream->sent = 0;
    return stream;
}

#define FIELD(name, value)                                                                                             \
    {(uint8_t *)(name), (uint8_t *)(value), sizeof(name) - 1, sizeof(value) - 1,                                       \
     NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}
static nghttp2_nv head[] = {FIELD(":status", "200"), FIELD("content-type", "application/grpc")};
static nghttp2_nv ok_trailers[] = {FIELD("grpc-status", "0")};
static nghttp2_nv invalid_trailers[] = {FIELD("grpc-status", "3")};
static nghttp2_nv unimplemented_trailers[] = {FIELD("grpc-status", "12")};

static ssize_t read_reply(nghttp2_session *handle, int32_t id, uint8_t *target, size_t room, uint32_t *flags,
                          nghttp2_data_source *source, void *user) {
    (void)user;
    struct stream *stream = source->ptr;
    size_t count = stream->out.count - stream->sent;
    if (count > room) count = room;
    memcpy(target, stream->out.bytes + stream->sent, count);
    stream->sent += count;
    if (stream->sent == stream->out.count) {
        *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
        nghttp2_nv *trailers = stream->status == OK ? ok_trailers
            : stream->status == INVALID_ARGUMENT    ? invalid_trailers
                                                    : unimplemented_trailers;
        nghttp2_submit_trailer(handle, id, trailers, 1);
    }
    return (ssize_t)count;
}

static void answer(nghttp2_session *handle, int32_t id, struct stream *stream) {
    const uint8_t *message = stream->in.bytes;
    size_t count = stream->in.count;
    stream->status = stream->is_check && stream->is_grpc && stream->is_post ? INVALID_ARGUMENT : UNIMPLEMENTED;
    if (stream->status == INVALID_ARGUMENT && count >= 5 && message[0] == 0) {
        size_t length = (size_t)message[1] << 24 | (size_t)message[2] << 16 | (size_t)message[3] << 8 | message[4];
        uint8_t *reply = reserve(&stream->out, 5 + length * 4 + 256);
        size_t bytes = length == count - 5 ? check_answer(message + 5, length, turn_ns, clock_ns(0), reply + 5) : 0;
        if (bytes > 0) {
            stream->status = OK;
            uint32_t big = __builtin_bswap32((uint32_t)bytes);
            reply[0] = 0;
            memcpy(reply + 1, &big, sizeof big);
            stream->out.count = 5 + bytes;
        }
    }
    ended_in_turn++;
    nghttp2_data_provider provider = {.source.ptr = stream, .read_callback = read_reply};
    nghttp2_submit_response(handle, id, head, 2, &provider);
}

static int headers_began(nghttp2_session *handle, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        nghttp2_session_set_stream_user_data(handle, frame->hd.stream_id, acquire());
    return 0;
}

static bool is(const uint8_t *bytes, size_t count, const char *text, size_t text_count) {
    return count == text_count && memcmp(bytes, text, count) == 0;
}
#define IS(bytes, count, text) is(bytes, count, text, sizeof(text) - 1)

static int header_received(nghttp2_session *handle, const nghttp2_frame *frame, const uint8_t *name, size_t name_count,
                           const uint8_t *value, size_t value_count, uint8_t flags, void *user) {
    (void)flags, (void)user;
    struct stream *stream = nghttp2_session_get_stream_user_data(handle, frame->hd.stream_id);
    if (!stream) return 0;
    if (IS(name, name_count, ":path"))
        stream->is_check = IS(value, value_count, "/availability.v1.AvailabilityService/CheckAvailability");
    else if (IS(name, name_count, ":method"))
        stream->is_post = IS(value, value_count, "POST");
    else if (IS(name, name_count, "content-type"))
        stream->is_grpc = value_count >= 16 && memcmp(value, "application/grpc", 16) == 0;
    return 0;
}

static int data_received(nghttp2_session *handle, uint8_t flags, int32_t id, const uint8_t *bytes, size_t count,
                         void *user) {
    (void)flags, (void)user;
    struct stream *stream = nghttp2_session_get_stream_user_data(handle, id);
    if (!stream || stream->in.count + count > REQUEST_BYTES_MAX) return NGHTTP2_ERR_CALLBACK_FAILURE;
    memcpy(reserve(&stream->in, count), bytes, count);
    stream->in.count += count;
    return 0;
}

static int frame_received(nghttp2_session *handle, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->hd.type == NGHTTP2_HEADERS) calls_started++;
    else if (frame->hd.type != NGHTTP2_DATA) return 0;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    struct stream *stream = nghttp2_session_get_stream_user_data(handle, frame->hd.stream_id);
    if (stream) answer(handle, frame->hd.stream_id, stream);
    return 0;
}

static int stream_closed(nghttp2_session *handle, int32_t id, uint32_t code, void *user) {
    (void)code, (void)user;
    struct stream *stream = nghttp2_session_get_stream_user_data(handle, id);
    if (!stream) return 0;
    stream->next_free = free_streams;
    free_streams = stream;
    return 0;
}

void sessions_prepare(void) {
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0) fail("nghttp2", "memory");
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, headers_began);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, header_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_received);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
}

struct session *session_new(void) {
    struct session *session = calloc(1, sizeof *session);
    if (!session || nghttp2_session_server_new3(&session->handle, callbacks, session, option, &session_memory) != 0)
        fail("nghttp2_session_server_new3", "out of memory");
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 256}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 256 << 10},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    nghttp2_submit_settings(session->handle, 0, settings, 3);
    nghttp2_session_set_local_window_size(session->handle, 0, 0, 2 << 20);
    return session;
}

void session_free(struct session *session) {
    nghttp2_session_del(session->handle);
    free(session);
}

bool session_receive(struct session *session, const uint8_t *bytes, size_t count) {
    bytes_received += count;
    store_renew();
    ssize_t taken = nghttp2_session_mem_recv(session->handle, bytes, count);
    store_release();
    count_ended();
    return taken >= 0;
}

size_t session_output(struct session *session, const uint8_t **bytes) {
    ssize_t count = nghttp2_session_mem_send(session->handle, bytes);
    return count > 0 ? (size_t)count : 0;
}
