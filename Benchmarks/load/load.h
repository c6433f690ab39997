// The load generator: one thread, one epoll, as little work a request as can be, so that the server is the bottleneck.
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum call { CALL_CHECK, CALL_EVENTS, CALL_RESERVE };

struct options {
    const char *host;
    int port;
    bool tls;
    bool redis;
    enum call call;
    int connections;
    int streams;              // in flight on one connection
    int lines;                // skus a call, or events a batch
    bool names_location;      // each line names its location
    uint32_t positions;
    uint32_t first;           // the number of the first of them
    int ttl_seconds;          // of reservations; 0: the channel's default
    bool held;                // others hold stock meanwhile: a line may have less than it would have without them
    bool patient;             // sleeps until something comes, for it shares its core
    uint64_t seed;
    double rate;              // calls a second of the open loop; 0: closed loop
    double warm_up_seconds;
    double seconds;           // measured
    uint64_t requests;        // ends after exactly so many calls, without a warm-up; 0: by time
    int pid;                  // the server's, for its CPU time; 0: unknown
    const char *dump_path;    // every reply goes to this file, in the order of arrival; null: none
    FILE *dump;
    bool idle;                // only open the connections, and hold them for `seconds`
};

// One call in flight.
struct slot {
    uint32_t stream_id;       // 0: free
    int grpc_status;          // -1: not yet known
    uint64_t random;          // the generator's state that its skus came from
    uint64_t start_ns;
    uint32_t body_count;      // bytes of `body`, when the reply came in pieces
    uint32_t body_room;
    uint8_t *body;
    bool answered;            // a whole and right reply came
};

struct buffer {
    uint8_t *bytes;
    size_t start, end, room;
};

struct header_cache {
    uint64_t block;           // up to eight bytes of indexed fields
    int grpc_status;
    bool ok;
};

struct nghttp2_hd_inflater;

struct connection {
    int descriptor;
    SSL *ssl;
    bool blocked;             // waits for the socket to take more
    bool dirty;               // is in the list of those with output
    struct buffer in, out;
    int in_flight;
    struct slot *slots;       // of `slot_count`, a power of two; HTTP/2: by stream id, Redis: first in, first out
    uint32_t slot_count;
    // HTTP/2
    uint32_t next_stream_id;
    int64_t send_window;
    int64_t stream_window;
    uint64_t consumed_bytes;
    struct nghttp2_hd_inflater *inflater;
    struct header_cache cache[8];
    // Redis
    uint64_t head, tail;
};

struct histogram {
    uint64_t counts[64 * 64];
    uint64_t total;
    uint64_t greatest_ns;
};

struct statistics {
    uint64_t issued, completed, failed, wrong, lines;
    struct histogram latency;
};

extern struct options options;
extern struct statistics statistics;
extern uint64_t now_ns;       // as of the last read of the clock
extern uint64_t random_state;
extern bool measuring;

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t clock_ns(void);
void completed(struct connection *connection, struct slot *slot, bool right);

// buffer.c
void buffer_reserve(struct buffer *buffer, size_t count);
void buffer_append(struct buffer *buffer, const void *bytes, size_t count);

// connection.c
void connection_open(struct connection *connection, SSL_CTX *context);
// Reads what is there into `in` and hands it to `consume`, which takes the connection's `in` forward.
void connection_read(struct connection *connection, void (*consume)(struct connection *));
void connection_flush(struct connection *connection);
SSL_CTX *tls_context(void);

// histogram.c
void histogram_add(struct histogram *histogram, uint64_t ns);
double histogram_microseconds(const struct histogram *histogram, double share);

// http2.c
void http2_prepare(void);
void http2_begin(struct connection *connection);
bool http2_issue(struct connection *connection, uint64_t start_ns);
void http2_consume(struct connection *connection);

// redis.c
void redis_prepare(void);
bool redis_issue(struct connection *connection, uint64_t start_ns);
void redis_consume(struct connection *connection);

// dataset.c: what the positions hold, and the messages about them
uint64_t random_next(uint64_t *state);
uint32_t random_position(uint64_t *state);
int64_t available_of(uint32_t position);
int64_t on_hand_of(uint32_t position);
enum { SKU_BYTES = 11 };
void write_sku(uint8_t *target, uint32_t position);
bool is_sku(const uint8_t *text, uint32_t position);
// The gRPC message, prefix included; its bytes are the same for every call but where `write_call` patches them.
size_t make_call(uint8_t *target);
void patch_call(uint8_t *target, uint64_t random);
bool is_right_reply(const uint8_t *message, size_t count, uint64_t random);
