// The data set and the messages about it. A position's figures follow from its number, so that every answer can be
// checked without a table: see `data.py`, which makes the same.
#include "load.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { UNITS_ENOUGH = 50 };

// SplitMix64.
uint64_t random_next(uint64_t *state) {
    uint64_t mixed = *state += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    return mixed ^ mixed >> 31;
}

uint32_t random_position(uint64_t *state) {
    return options.first + (uint32_t)((random_next(state) >> 32) * options.positions >> 32);
}

// What is reserved has enough of it: no wish is refused for want of stock.
static uint32_t random_line_position(uint64_t *state) {
    uint32_t position = random_position(state);
    while (options.call == CALL_RESERVE && available_of(position) < UNITS_ENOUGH) position = random_position(state);
    return position;
}

int64_t on_hand_of(uint32_t position) {
    return 5 + (int64_t)((uint64_t)position * 7919 % 997);
}

// The channel of availability-server.yaml: 3 units of safety stock, then the lesser of all but 2 units and 80 %.
int64_t available_of(uint32_t position) {
    int64_t stock = on_hand_of(position) - 3;
    int64_t share = stock * 80 / 100;
    return stock - 2 < share ? stock - 2 : share;
}

void write_sku(uint8_t *target, uint32_t position) {
    memcpy(target, "SKU-", 4);
    for (int digit = SKU_BYTES - 1; digit >= 4; digit--, position /= 10) target[digit] = (uint8_t)('0' + position % 10);
}

bool is_sku(const uint8_t *text, uint32_t position) {
    uint8_t expected[SKU_BYTES];
    write_sku(expected, position);
    return memcmp(text, expected, SKU_BYTES) == 0;
}

static const char location_field[] = "\x12\x03WH1";
static size_t line_bytes;      // of one line or event, its tag and length included
static size_t first_line;      // where it begins
static size_t sku_in_line;
static uint64_t event_number;

static uint8_t *put(uint8_t *target, const void *bytes, size_t count) {
    memcpy(target, bytes, count);
    return target + count;
}

// A number of a fixed width, so that patching it moves nothing.
static void put_wide_varint(uint8_t *target, uint64_t value, int bytes) {
    for (int index = 0; index < bytes; index++, value >>= 7)
        target[index] = (uint8_t)((value & 0x7F) | (index < bytes - 1 ? 0x80 : 0));
}

enum { EVENT_ID_BYTES = 20, SECONDS_BYTES = 5, NANOS_BYTES = 5, QUANTITY_BYTES = 3 };
enum { REQUEST_ID_BYTES = 36, CUSTOMER_BYTES = 12, ORDER_BYTES = 13, TTL_BYTES = 5 };

// availability.v1.CheckAvailabilityRequest.lines
static uint8_t *put_check_line(uint8_t *target) {
    size_t inner = 2 + SKU_BYTES + (options.names_location ? sizeof location_field - 1 : 0);
    uint8_t head[] = {0x12, (uint8_t)inner, 0x0A, SKU_BYTES};
    sku_in_line = sizeof head;
    target = put(target, head, sizeof head) + SKU_BYTES;
    return options.names_location ? put(target, location_field, sizeof location_field - 1) : target;
}

// availability.v1.InventoryEvent: a CYCLE_COUNT of what is there, so that answers stay what they are.
static uint8_t *put_event(uint8_t *target) {
    static const char source[] = "\x12\x05" "bench";
    size_t time = 2 + SECONDS_BYTES + NANOS_BYTES;
    size_t inner = 2 + EVENT_ID_BYTES + sizeof source - 1 + 2 + 2 + time + 2 + SKU_BYTES + 5 + 1 + QUANTITY_BYTES;
    uint8_t head[] = {0x0A, (uint8_t)inner, 0x0A, EVENT_ID_BYTES};
    target = put(target, head, sizeof head) + EVENT_ID_BYTES;
    target = put(target, source, sizeof source - 1);
    uint8_t type_and_time[] = {0x20, 8, 0x2A, (uint8_t)time, 0x08};
    target = put(target, type_and_time, sizeof type_and_time) + SECONDS_BYTES;
    *target++ = 0x10;
    target += NANOS_BYTES;
    uint8_t sku[] = {0x32, SKU_BYTES};
    target = put(target, sku, sizeof sku) + SKU_BYTES;
    target = put(target, "\x3A\x03WH1\x50", 6);
    return target + QUANTITY_BYTES;
}

// availability.v1.CreateReservationRequest.lines: one unit.
static uint8_t *put_reservation_line(uint8_t *target) {
    uint8_t head[] = {0x1A, 2 + SKU_BYTES + 2, 0x0A, SKU_BYTES};
    sku_in_line = sizeof head;
    return put(put(target, head, sizeof head) + SKU_BYTES, "\x18\x01", 2);
}

// What precedes the lines, and what follows them: a reservation's id, order and customer are patched.
static uint8_t *put_head(uint8_t *target) {
    if (options.call == CALL_EVENTS) return target;
    if (options.call == CALL_CHECK) return put(target, "\x0A\x03web", 5);
    uint8_t id[] = {0x0A, REQUEST_ID_BYTES};
    return put(put(target, id, sizeof id) + REQUEST_ID_BYTES, "\x12\x03web", 5);
}

static uint8_t *put_tail(uint8_t *target) {
    if (options.call != CALL_RESERVE) return target;
    if (options.ttl_seconds > 0) {
        uint8_t ttl[] = {0x22, 3, 0x08, (uint8_t)(options.ttl_seconds | 0x80), (uint8_t)(options.ttl_seconds >> 7)};
        target = put(target, ttl, sizeof ttl);
    }
    uint8_t order[] = {0x2A, ORDER_BYTES}, customer[] = {0x32, CUSTOMER_BYTES};
    target = put(target, order, sizeof order) + ORDER_BYTES;
    return put(target, customer, sizeof customer) + CUSTOMER_BYTES;
}

size_t make_call(uint8_t *target) {
    static uint8_t *(*const put_line[])(uint8_t *) = {
        [CALL_CHECK] = put_check_line, [CALL_EVENTS] = put_event, [CALL_RESERVE] = put_reservation_line,
    };
    uint8_t *at = put_head(target + 5);
    first_line = (size_t)(at - target);
    for (int line = 0; line < options.lines; line++) {
        uint8_t *begun = at;
        at = put_line[options.call](at);
        line_bytes = (size_t)(at - begun);
    }
    at = put_tail(at);
    uint32_t count = (uint32_t)(at - target - 5);
    uint8_t prefix[] = {0, (uint8_t)(count >> 24), (uint8_t)(count >> 16), (uint8_t)(count >> 8), (uint8_t)count};
    memcpy(target, prefix, sizeof prefix);
    return (size_t)(at - target);
}

static void patch_event(uint8_t *line, uint32_t position) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    char id[EVENT_ID_BYTES + 1];
    snprintf(id, sizeof id, "%08x%012llx", (unsigned)(options.seed & 0xFFFFFFFF), (unsigned long long)event_number++);
    uint8_t *at = put(line + 4, id, EVENT_ID_BYTES) + 7 + 4 + 1;
    put_wide_varint(at, (uint64_t)time.tv_sec, SECONDS_BYTES);
    put_wide_varint(at + SECONDS_BYTES + 1, (uint64_t)time.tv_nsec, NANOS_BYTES);
    at += SECONDS_BYTES + 1 + NANOS_BYTES + 2;
    write_sku(at, position);
    put_wide_varint(at + SKU_BYTES + 6, (uint64_t)on_hand_of(position), QUANTITY_BYTES);
}

static uint8_t *put_hexadecimal(uint8_t *target, uint64_t value, int digits) {
    for (int digit = digits - 1; digit >= 0; digit--) *target++ = (uint8_t)"0123456789abcdef"[value >> digit * 4 & 15];
    return target;
}

// A request id in the form of a UUID, as clients make them; an order of its own; one of many customers.
static void patch_reservation(uint8_t *target, uint64_t random) {
    uint64_t high = random_next(&random), low = random_next(&random);
    uint8_t *at = put_hexadecimal(target + 5 + 2, high >> 32, 8);
    *at++ = '-';
    at = put_hexadecimal(at, high >> 16, 4);
    *at++ = '-';
    at = put_hexadecimal(at, high, 4);
    *at++ = '-';
    at = put_hexadecimal(at, low >> 48, 4);
    *at++ = '-';
    put_hexadecimal(at, low, 12);
    uint8_t *tail = target + first_line + (size_t)options.lines * line_bytes;
    if (options.ttl_seconds > 0) tail += TTL_BYTES;
    tail = put_hexadecimal(put(tail + 2, "order", 5), low >> 32, 8);
    put_hexadecimal(put(tail + 2, "customer", 8), high, 4);
}

void patch_call(uint8_t *target, uint64_t random) {
    if (options.call == CALL_RESERVE) patch_reservation(target, ~random);
    uint8_t *line = target + first_line;
    for (int index = 0; index < options.lines; index++, line += line_bytes) {
        uint32_t position = random_line_position(&random);
        if (options.call == CALL_EVENTS) patch_event(line, position);
        else write_sku(line + sku_in_line, position);
    }
}

static const uint8_t *read_varint(const uint8_t *at, const uint8_t *end, uint64_t *value) {
    uint64_t result = 0;
    for (int shift = 0; at < end && shift < 70; shift += 7) {
        uint8_t byte = *at++;
        result |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *value = result;
            return at;
        }
    }
    return NULL;
}

// Fields of a message: `value` is the number or the length, and `bytes` where a length-delimited one begins.
struct field {
    uint64_t number, value;
    const uint8_t *bytes;
};

static const uint8_t *read_field(const uint8_t *at, const uint8_t *end, struct field *field) {
    uint64_t tag;
    if (!(at = read_varint(at, end, &tag)) || !(at = read_varint(at, end, &field->value))) return NULL;
    field->number = tag >> 3;
    field->bytes = at;
    if ((tag & 7) == 0) return at;
    if ((tag & 7) != 2 || field->value > (uint64_t)(end - at)) return NULL;
    return at + field->value;
}

// availability.v1.AvailabilityLine
static bool is_right_line(const uint8_t *at, const uint8_t *end, uint32_t position) {
    int64_t available = 0, status = 0;
    bool names_sku = false;
    struct field field;
    while (at < end) {
        if (!(at = read_field(at, end, &field))) return false;
        if (field.number == 1) names_sku = field.value == SKU_BYTES && is_sku(field.bytes, position);
        else if (field.number == 3) available = (int64_t)field.value;
        else if (field.number == 4) status = (int64_t)field.value;
    }
    // IN_STOCK, or WITHHELD when the policy leaves nothing.
    int64_t expected = available_of(position);
    if (options.held && available < expected) return names_sku && available >= 0;
    return names_sku && available == expected && status == (expected > 0 ? 1 : 5);
}

// availability.v1.EventResult: APPLIED, or SUPERSEDED by a later count of the same sku in the same batch.
static bool is_right_result(const uint8_t *at, const uint8_t *end) {
    uint64_t outcome = 0;
    struct field field;
    while (at < end) {
        if (!(at = read_field(at, end, &field))) return false;
        if (field.number == 2) outcome = field.value;
    }
    return outcome == 1 || outcome == 3;
}

// availability.v1.ReservationLine: the one unit that was asked for.
static bool is_right_hold(const uint8_t *at, const uint8_t *end, uint32_t position) {
    bool names_sku = false;
    uint64_t quantity = 0;
    struct field field;
    while (at < end) {
        if (!(at = read_field(at, end, &field))) return false;
        if (field.number == 2) names_sku = field.value == SKU_BYTES && is_sku(field.bytes, position);
        else if (field.number == 6) quantity = field.value;
    }
    return names_sku && quantity == 1;
}

// availability.v1.Reservation: ACTIVE, with a line for each that was asked for.
static bool is_right_reservation(const uint8_t *at, const uint8_t *end, uint64_t random) {
    uint64_t state = 0;
    int lines = 0;
    struct field field;
    while (at < end) {
        if (!(at = read_field(at, end, &field))) return false;
        if (field.number == 2) state = field.value;
        if (field.number != 4) continue;
        lines++;
        if (!is_right_hold(field.bytes, field.bytes + field.value, random_line_position(&random))) return false;
    }
    return state == 1 && lines == options.lines;
}

bool is_right_reply(const uint8_t *message, size_t count, uint64_t random) {
    if (count < 5 || message[0] != 0) return false;
    size_t length = (size_t)message[1] << 24 | (size_t)message[2] << 16 | (size_t)message[3] << 8 | message[4];
    if (length != count - 5) return false;
    const uint8_t *at = message + 5, *end = message + count;
    int lines = 0;
    struct field field;
    while (at < end) {
        if (!(at = read_field(at, end, &field))) return false;
        if (field.number != 1) continue;
        const uint8_t *line_end = field.bytes + field.value;
        if (options.call == CALL_RESERVE) return is_right_reservation(field.bytes, line_end, random);
        if (lines++ >= options.lines) return false;
        bool right = options.call == CALL_CHECK ? is_right_line(field.bytes, line_end, random_position(&random))
                                                : is_right_result(field.bytes, line_end);
        if (!right) return false;
    }
    return lines == options.lines;
}
