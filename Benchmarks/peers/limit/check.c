// CheckAvailability for the channel `web` of availability-server.yaml, as Sources/Services/CheckAvailability*.swift and
// Sources/Inventory/LineEvaluation.swift have it.
#include "limit.h"

#include <stdatomic.h>
#include <string.h>

enum { LOCATIONS = 64, SOURCES = 64, LINES_MAX = 1000, SKU_BYTES_MAX = 64 };
enum status { IN_STOCK = 1, LIMITED, OUT_OF_STOCK, UNKNOWN_SKU, WITHHELD };

struct terms {
    int64_t share_percent, buffer_units, safety_stock, stale_after_ns;
    bool eligible;
};

// The policy, by location number.
static struct terms rows[LOCATIONS];
static int64_t watermarks[SOURCES];
static uint16_t warehouse;
static uint64_t policy_version, epoch;

// The generic cell rate algorithm: 100 million units a second, as many at once.
static _Atomic int64_t arrival_ns;
static const int64_t interval_ns = 10, burst = 100000000;

void check_prepare(void) {
    warehouse = store_location("WH1");
    rows[warehouse] = (struct terms){
        .share_percent = 80, .buffer_units = 2, .safety_stock = 3, .stale_after_ns = 3650ll * 86400 * 1000000000,
        .eligible = true,
    };
    policy_version = store_policy_version("web");
    epoch = store_epoch();
}

static bool admit(int64_t units, int64_t now_ns) {
    if (units > burst) return false;
    int64_t current = atomic_load_explicit(&arrival_ns, memory_order_relaxed), next;
    do {
        next = (current > now_ns ? current : now_ns) + units * interval_ns;
        if (next - now_ns - burst * interval_ns > 0) return false;
    } while (!atomic_compare_exchange_weak_explicit(&arrival_ns, &current, next, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

struct evaluation {
    int64_t now_ns, sum, oldest_age_ns;
    bool has_stock, stale;
};

static void add(void *context, uint16_t location, const struct position *position) {
    struct evaluation *line = context;
    if (location >= LOCATIONS || !rows[location].eligible) return;
    const struct terms *terms = &rows[location];
    int64_t bare = position->on_hand - position->quarantined - position->damaged - position->allocated
        - position->reserved - position->releasing;
    if (bare - position->safety_stock > 0) line->has_stock = true;
    int64_t watermark = position->source < SOURCES ? watermarks[position->source] : 0;
    int64_t vouched = position->time_ns > watermark ? position->time_ns : watermark;
    int64_t age = line->now_ns > vouched ? line->now_ns - vouched : 0;
    if (age > line->oldest_age_ns) line->oldest_age_ns = age;
    int64_t safety = position->safety_stock > terms->safety_stock ? position->safety_stock : terms->safety_stock;
    int64_t stock = bare - safety, figure = stock - terms->buffer_units;
    if (terms->share_percent != 100) {
        int64_t product = terms->share_percent * stock;
        int64_t most = product >= 0 ? product / 100 : -((99 - product) / 100);
        if (most < figure) figure = most;
    }
    if (figure < 0) figure = 0;
    if (terms->stale_after_ns > 0 && age > terms->stale_after_ns) line->stale = true;
    line->sum += figure;
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

struct text {
    const uint8_t *bytes;
    size_t count;
};

static const uint8_t *read_text(const uint8_t *at, const uint8_t *end, struct text *text) {
    uint64_t count;
    if (!(at = read_varint(at, end, &count)) || count > (uint64_t)(end - at)) return NULL;
    text->bytes = at;
    text->count = count;
    return at + count;
}

// ASCII is all that the benchmark's texts are.
static bool is_printable(struct text text) {
    for (size_t index = 0; index < text.count; index++)
        if (text.bytes[index] < 0x20 || text.bytes[index] >= 0x7F) return false;
    return true;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value) {
    for (; value > 0x7F; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_number(uint8_t *at, uint8_t tag, uint64_t value) {
    if (value == 0) return at;
    *at++ = tag;
    return put_varint(at, value);
}

static uint8_t *put_text(uint8_t *at, uint8_t tag, struct text text) {
    if (text.count == 0) return at;
    *at++ = tag;
    at = put_varint(at, text.count);
    memcpy(at, text.bytes, text.count);
    return at + text.count;
}

struct line {
    struct text sku, location;
    int64_t quantity;
};

static bool read_line(struct text bytes, struct line *line) {
    const uint8_t *at = bytes.bytes, *end = at + bytes.count;
    *line = (struct line){.quantity = 1};
    while (at < end) {
        uint64_t quantity = 0;
        switch (*at++) {
        case 0x0A: at = read_text(at, end, &line->sku); break;
        case 0x12: at = read_text(at, end, &line->location); break;
        case 0x18:
            at = read_varint(at, end, &quantity);
            line->quantity = (int64_t)quantity;
            break;
        default: return false;
        }
        if (!at) return false;
    }
    return line->sku.count >= 1 && line->sku.count <= SKU_BYTES_MAX && is_printable(line->sku) && line->quantity >= 1;
}

static uint8_t *answer_line(const struct line *line, int64_t wall_ns, uint8_t *at) {
    uint16_t location = 0;
    if (line->location.count > 0) {
        if (line->location.count != 3 || memcmp(line->location.bytes, "WH1", 3) != 0) return NULL;
        location = warehouse;
    }
    struct evaluation evaluation = {.now_ns = wall_ns};
    int known = store_positions(line->sku.bytes, line->sku.count, location, add, &evaluation);
    if (known < 0) return NULL;
    int64_t available = evaluation.sum;
    enum status status = known == 0                  ? UNKNOWN_SKU
        : available == 0 && evaluation.has_stock     ? WITHHELD
        : available == 0                             ? OUT_OF_STOCK
        : available < line->quantity                 ? LIMITED
                                                     : IN_STOCK;
    uint8_t fields[SKU_BYTES_MAX + 64], *end = fields;
    end = put_text(end, 0x0A, line->sku);
    end = put_text(end, 0x12, line->location);
    end = put_number(end, 0x18, (uint64_t)available);
    end = put_number(end, 0x20, status);
    end = put_number(end, 0x28, evaluation.stale ? 2 : 1);
    end = put_number(end, 0x30, (uint64_t)(evaluation.oldest_age_ns / 1000000));
    size_t count = (size_t)(end - fields);
    *at++ = 0x0A;
    at = put_varint(at, count);
    memcpy(at, fields, count);
    return at + count;
}

size_t check_answer(const uint8_t *request, size_t count, uint64_t now_ns, uint64_t wall_ns, uint8_t *reply) {
    static struct line lines[LINES_MAX];
    size_t line_count = 0;
    struct text channel = {0}, bytes;
    const uint8_t *end = request + count;
    for (const uint8_t *at = request; at < end;) {
        uint8_t tag = *at++;
        if (!(at = read_text(at, end, tag == 0x0A ? &channel : &bytes))) return 0;
        if (tag == 0x0A) continue;
        if (tag != 0x12 || line_count == LINES_MAX || !read_line(bytes, &lines[line_count++])) return 0;
    }
    if (line_count == 0 || channel.count != 3 || memcmp(channel.bytes, "web", 3) != 0) return 0;
    if (!admit((int64_t)line_count, (int64_t)now_ns)) return 0;
    uint8_t *at = reply;
    for (size_t index = 0; index < line_count; index++)
        if (!(at = answer_line(&lines[index], (int64_t)wall_ns, at))) return 0;
    at = put_number(at, 0x10, policy_version);
    at = put_number(at, 0x18, store_sequence());
    at = put_number(at, 0x20, epoch);
    return (size_t)(at - reply);
}
