#include "limit.h"

#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRIME1 0x9E3779B185EBCA87ull
#define PRIME2 0xC2B2AE3D27D4EB4Full
#define PRIME3 0x165667B19E3779F9ull
#define PRIME4 0x85EBCA77C2B2AE63ull
#define PRIME5 0x27D4EB2F165667C5ull
enum { KEY_BYTES_MAX = 2 + 64 + 3, RECORD_BYTES = 144 };

static MDB_env *environment;
static MDB_dbi positions, meta, names, documents;
static MDB_txn *transaction;
static MDB_cursor *cursor;
static bool cursor_is_stale = true;
static size_t seen_transaction = (size_t)-1;
static uint64_t sequence;
static uint16_t tenant;

static uint64_t load64(const uint8_t *bytes) {
    uint64_t value;
    memcpy(&value, bytes, 8);
    return value;
}

static uint16_t load16(const uint8_t *bytes) {
    uint16_t value;
    memcpy(&value, bytes, 2);
    return value;
}

static inline uint64_t rotate(uint64_t value, int bits) {
    return value << bits | value >> (64 - bits);
}

static inline uint64_t xxh_round(uint64_t lane, uint64_t input) {
    return rotate(lane + input * PRIME2, 31) * PRIME1;
}

static inline uint64_t xxh64(const uint8_t *bytes, size_t count, uint64_t seed) {
    const uint8_t *end = bytes + count;
    uint64_t result;
    if (count >= 32) {
        uint64_t lanes[4] = {seed + PRIME1 + PRIME2, seed + PRIME2, seed, seed - PRIME1};
        for (; end - bytes >= 32; bytes += 32)
            for (int lane = 0; lane < 4; lane++) lanes[lane] = xxh_round(lanes[lane], load64(bytes + lane * 8));
        result = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
        for (int lane = 0; lane < 4; lane++) result = (result ^ xxh_round(0, lanes[lane])) * PRIME1 + PRIME4;
    } else {
        result = seed + PRIME5;
    }
    result += count;
    for (; end - bytes >= 8; bytes += 8) result = rotate(result ^ xxh_round(0, load64(bytes)), 27) * PRIME1 + PRIME4;
    if (end - bytes >= 4) {
        uint32_t word;
        memcpy(&word, bytes, 4);
        result = rotate(result ^ word * PRIME1, 23) * PRIME2 + PRIME3;
        bytes += 4;
    }
    for (; bytes < end; bytes++) result = rotate(result ^ *bytes * PRIME5, 11) * PRIME1;
    result = (result ^ result >> 33) * PRIME2;
    result = (result ^ result >> 29) * PRIME3;
    return result ^ result >> 32;
}

static bool is_intact(const MDB_val *record, const MDB_val *key) {
    const uint8_t *bytes = record->mv_data;
    uint64_t seed = xxh64(key->mv_data, key->mv_size, load64(bytes));
    return load64(bytes + 8) == xxh64(bytes + 16, record->mv_size - 16, seed);
}

static void check(int code, const char *what) {
    if (code != 0) fail(what, mdb_strerror(code));
}

static MDB_val find(MDB_dbi tree, const void *key, size_t count, const char *what) {
    MDB_val wanted = {count, (void *)key}, found;
    check(mdb_get(transaction, tree, &wanted, &found), what);
    return found;
}

static uint16_t name_number(uint8_t kind, uint16_t of, const char *name) {
    uint8_t key[80] = {kind, (uint8_t)(of >> 8), (uint8_t)of, 0};
    size_t count = strlen(name);
    memcpy(key + 4, name, count);
    MDB_val found = find(names, key, 4 + count, name);
    return load16((const uint8_t *)found.mv_data + 2);
}

void store_open(const char *directory) {
    check(mdb_env_create(&environment), "mdb_env_create");
    check(mdb_env_set_maxdbs(environment, 16), "mdb_env_set_maxdbs");
    check(mdb_env_set_mapsize(environment, 4ull << 30), "mdb_env_set_mapsize");
    check(mdb_env_open(environment, directory, MDB_RDONLY | MDB_NOTLS, 0), directory);
    check(mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction), "mdb_txn_begin");
    check(mdb_dbi_open(transaction, "positions", 0, &positions), "positions");
    check(mdb_dbi_open(transaction, "meta", 0, &meta), "meta");
    check(mdb_dbi_open(transaction, "names", 0, &names), "names");
    check(mdb_dbi_open(transaction, "documents", 0, &documents), "documents");
    // The handles are public once the transaction that opened them commits.
    check(mdb_txn_commit(transaction), "mdb_txn_commit");
    check(mdb_txn_begin(environment, NULL, MDB_RDONLY, &transaction), "mdb_txn_begin");
    check(mdb_cursor_open(transaction, positions, &cursor), "mdb_cursor_open");
    tenant = name_number(1, 0, "demo");
}

uint16_t store_location(const char *name) {
    return name_number(2, tenant, name);
}

uint64_t store_policy_version(const char *channel) {
    uint8_t key[80] = {(uint8_t)(tenant >> 8), (uint8_t)tenant, 1};
    size_t count = strlen(channel);
    memcpy(key + 3, channel, count);
    MDB_val found = find(documents, key, 3 + count, channel);
    char text[16384] = {0};
    memcpy(text, found.mv_data, found.mv_size < sizeof text ? found.mv_size : sizeof text - 1);
    const char *field = strstr(text + 16, "\"policyVersion\":");
    if (!field) fail("documents", "the channel has no policyVersion");
    return strtoull(field + 16, NULL, 10);
}

uint64_t store_epoch(void) {
    MDB_val found = find(meta, "identity", 8, "identity");
    return load64((const uint8_t *)found.mv_data + 16);
}

uint64_t store_sequence(void) {
    return sequence;
}

void store_renew(void) {
    mdb_txn_reset(transaction);
    check(mdb_txn_renew(transaction), "mdb_txn_renew");
    cursor_is_stale = true;
    size_t id = mdb_txn_id(transaction);
    if (id == seen_transaction) return;
    seen_transaction = id;
    MDB_val state = find(meta, "state", 5, "state");
    sequence = load64((const uint8_t *)state.mv_data + 16);
}

void store_release(void) {
    mdb_txn_reset(transaction);
}

static bool read_position(const MDB_val *record, const MDB_val *key, struct position *position) {
    const uint8_t *bytes = record->mv_data;
    if (record->mv_size != RECORD_BYTES || bytes[0] != 1 || !is_intact(record, key)) return false;
    position->source = load16(bytes + 2);
    position->time_ns = (int64_t)load64(bytes + 24);
    position->on_hand = (int64_t)load64(bytes + 56);
    position->allocated = (int64_t)load64(bytes + 64);
    position->reserved = (int64_t)load64(bytes + 72);
    position->releasing = (int64_t)load64(bytes + 80);
    position->quarantined = (int64_t)load64(bytes + 88);
    position->damaged = (int64_t)load64(bytes + 96);
    position->safety_stock = (int64_t)load64(bytes + 128);
    return true;
}

int store_positions(const uint8_t *sku, size_t sku_bytes, uint16_t location,
                    void (*each)(void *, uint16_t, const struct position *), void *context) {
    uint8_t wanted[KEY_BYTES_MAX] = {(uint8_t)(tenant >> 8), (uint8_t)tenant};
    memcpy(wanted + 2, sku, sku_bytes);
    size_t prefix = 2 + sku_bytes + 1;
    wanted[prefix - 1] = 0;
    MDB_val key = {prefix, wanted}, record;
    if (location) {
        wanted[prefix] = (uint8_t)(location >> 8);
        wanted[prefix + 1] = (uint8_t)location;
        key.mv_size += 2;
    }
    if (cursor_is_stale) {
        check(mdb_cursor_renew(transaction, cursor), "mdb_cursor_renew");
        cursor_is_stale = false;
    }
    int count = 0;
    int code = mdb_cursor_get(cursor, &key, &record, location ? MDB_SET_KEY : MDB_SET_RANGE);
    while (code == 0 && key.mv_size == prefix + 2 && memcmp(key.mv_data, wanted, prefix) == 0) {
        struct position position;
        if (!read_position(&record, &key, &position)) return -1;
        const uint8_t *number = (const uint8_t *)key.mv_data + prefix;
        each(context, (uint16_t)(number[0] << 8 | number[1]), &position);
        count++;
        if (location) break;
        code = mdb_cursor_get(cursor, &key, &record, MDB_NEXT);
    }
    return count;
}
