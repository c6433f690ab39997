// The limit: the same answers from the same database by the same libraries as our server, in plain C, for one method
// and one channel. What our server costs beyond this is what its language, its structure and its checks cost.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REPLY_BYTES_MAX = 80 * 1000 + 64 };

// store.c: the ledger's database; see Sources/Ledger/Schema.swift.
struct position {
    uint16_t source;
    int64_t time_ns;
    int64_t on_hand, allocated, reserved, releasing, quarantined, damaged, safety_stock;
};
void store_open(const char *directory);
uint16_t store_location(const char *name);
uint64_t store_policy_version(const char *channel);
uint64_t store_epoch(void);
uint64_t store_sequence(void);
void store_renew(void);
void store_release(void);
// Each position of a sku, or the one at `location` unless that is 0. The number of those found, -1: damaged.
int store_positions(const uint8_t *sku, size_t sku_bytes, uint16_t location,
                    void (*each)(void *context, uint16_t location, const struct position *position), void *context);

// check.c: CheckAvailability.
void check_prepare(void);
// The reply's bytes, 0 when the request is refused.
size_t check_answer(const uint8_t *request, size_t count, uint64_t now_ns, uint64_t wall_ns, uint8_t *reply);

// session.c: HTTP/2 and gRPC.
struct session;
void sessions_prepare(void);
struct session *session_new(void);
void session_free(struct session *session);
// False when the connection is to be closed.
bool session_receive(struct session *session, const uint8_t *bytes, size_t count);
size_t session_output(struct session *session, const uint8_t **bytes);

// main.c
extern uint64_t turn_ns;
uint64_t clock_ns(int clock);
_Noreturn void fail(const char *what, const char *why);
