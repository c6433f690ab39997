// The limit for reservations, and for events, on LMDB: the reads, puts and groups of our server (Sources/Ledger/Schema.swift)
// in plain C on a copy of its store, with nobody to answer. Keys and lengths are the server's, the default
// mode with its sync at each commit too; what lies in the records beyond that is not worked out, nor their checksums.
// Prints one line of JSON.
//
//   puts DIRECTORY SECONDS GROUP POSITIONS FIRST SEED [prune | events]
//
// Skus are FIRST to FIRST + POSITIONS. prune: looks at two reservations and request ids for each that it adds, as the
// server's hand does, and forgets what was there before this run. events: a CYCLE_COUNT in place of each reservation.
#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SKU_BYTES = 11, STOCK_KEY_BYTES = 2 + SKU_BYTES + 1 + 2, HOLD_KEY_BYTES = STOCK_KEY_BYTES + 20,
       NUMBER_KEY_BYTES = 10, REQUEST_KEY_BYTES = 5 + 36, EVENT_ID_BYTES = 20, EVENT_KEY_BYTES = 4 + EVENT_ID_BYTES,
       JOURNAL_KEY_BYTES = STOCK_KEY_BYTES + 17 + EVENT_ID_BYTES, SOURCE_KEY_BYTES = 2 + 1 + 5 };
enum { COUNTED_BYTES = 144, EVENT_BYTES = 40, JOURNAL_BYTES = 24, SOURCE_BYTES = 400 };
enum { POSITION_BYTES = 154, HOLD_BYTES = 32, RESERVATION_BYTES = 262, UNSETTLED_BYTES = 16, REQUEST_BYTES = 40,
       CHANGE_BYTES = 32, STATE_BYTES = 120, ACTIVE = 1, VISITED_PER_ADDED = 2, LATENCIES_MAX = 1 << 20 };

static MDB_env *environment;
static MDB_txn *transaction;
static MDB_dbi meta, positions, reservations, unsettled, request_ids, changes, journal, event_ids, documents;
static uint8_t stock_key[STOCK_KEY_BYTES];
static uint64_t sequence, random_state, begun_ns, position_count, first_position;
static uint8_t reservation_hand[NUMBER_KEY_BYTES], request_hand[REQUEST_KEY_BYTES];
static double latencies[LATENCIES_MAX];

static void check(int code, const char *what) {
    if (code == 0) return;
    fprintf(stderr, "puts: %s: %s\n", what, mdb_strerror(code));
    exit(2);
}

static uint64_t wall_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

// SplitMix64.
static uint64_t random_next(void) {
    uint64_t mixed = random_state += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB;
    return mixed ^ mixed >> 31;
}

static void put_big(uint8_t *target, uint64_t value, int bytes) {
    for (int index = bytes - 1; index >= 0; index--, value >>= 8) target[index] = (uint8_t)value;
}

static uint64_t little64(const void *bytes, size_t offset) {
    uint64_t value;
    memcpy(&value, (const uint8_t *)bytes + offset, 8);
    return value;
}

static uint8_t *store(MDB_dbi tree, const void *key, size_t key_bytes, size_t count, unsigned flags) {
    MDB_val at = {key_bytes, (void *)key}, value = {count, NULL};
    check(mdb_put(transaction, tree, &at, &value, MDB_RESERVE | flags), "mdb_put");
    return memset(value.mv_data, 0, count);
}

static uint8_t *put(MDB_dbi tree, const void *key, size_t key_bytes, size_t count) {
    return store(tree, key, key_bytes, count, 0);
}

static uint8_t *append(MDB_dbi tree, const void *key, size_t key_bytes, size_t count) {
    return store(tree, key, key_bytes, count, MDB_APPEND);
}

static MDB_dbi open_tree(const char *name) {
    MDB_dbi tree;
    check(mdb_dbi_open(transaction, name, 0, &tree), name);
    return tree;
}

static void open_store(const char *directory) {
    check(mdb_env_create(&environment), "mdb_env_create");
    check(mdb_env_set_maxdbs(environment, 16), "mdb_env_set_maxdbs");
    check(mdb_env_set_mapsize(environment, (size_t)1 << 40), "mdb_env_set_mapsize");
    check(mdb_env_open(environment, directory, MDB_NOTLS, 0600), directory);
    check(mdb_txn_begin(environment, NULL, 0, &transaction), "mdb_txn_begin");
    meta = open_tree("meta");
    positions = open_tree("positions");
    reservations = open_tree("reservations");
    unsettled = open_tree("unsettled");
    request_ids = open_tree("request-ids");
    changes = open_tree("changes");
    journal = open_tree("journal");
    event_ids = open_tree("event-ids");
    documents = open_tree("documents");
    MDB_val key = {5, "state"}, value;
    check(mdb_get(transaction, meta, &key, &value), "the state");
    sequence = little64(value.mv_data, 16);
    // All positions have the tenant and the location of the first.
    MDB_cursor *cursor;
    check(mdb_cursor_open(transaction, positions, &cursor), "mdb_cursor_open");
    check(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), "the first position");
    if (key.mv_size != sizeof stock_key) check(MDB_BAD_VALSIZE, "not the benchmark's skus");
    memcpy(stock_key, key.mv_data, sizeof stock_key);
    check(mdb_txn_commit(transaction), "mdb_txn_commit");
}

static void choose_position(void) {
    uint64_t position = first_position + ((random_next() >> 32) * position_count >> 32);
    for (int digit = SKU_BYTES - 1; digit >= 4; digit--, position /= 10) stock_key[2 + digit] = '0' + position % 10;
}

static void count_stock(uint64_t now) {
    choose_position();
    sequence++;

    // tenant | source | event id
    uint8_t id[EVENT_ID_BYTES + 1], event[EVENT_KEY_BYTES] = {stock_key[0], stock_key[1], 0, 1};
    snprintf((char *)id, sizeof id, "%08llx%012llx", (unsigned long long)begun_ns & 0xFFFFFFFF,
             (unsigned long long)sequence);
    memcpy(event + 4, id, EVENT_ID_BYTES);
    MDB_val key = {sizeof event, event}, found;
    if (mdb_get(transaction, event_ids, &key, &found) == 0) check(MDB_KEYEXIST, "an event id");

    uint8_t record[COUNTED_BYTES] = {0};
    key = (MDB_val){sizeof stock_key, stock_key};
    check(mdb_get(transaction, positions, &key, &found), "a position");
    memcpy(record, found.mv_data, found.mv_size < sizeof record ? found.mv_size : sizeof record);
    memcpy(record + 16, &sequence, 8);

    // A position's key | occurred at | is absolute | digest of the source | event id
    uint8_t entry[JOURNAL_KEY_BYTES] = {0};
    memcpy(entry, stock_key, sizeof stock_key);
    put_big(entry + sizeof stock_key, now, 8);
    entry[sizeof stock_key + 8] = 1;
    memcpy(entry + sizeof stock_key + 17, id, EVENT_ID_BYTES);
    put(journal, entry, sizeof entry, JOURNAL_BYTES);
    memcpy(put(positions, stock_key, sizeof stock_key, sizeof record), record, sizeof record);
    memcpy(put(event_ids, event, sizeof event, EVENT_BYTES) + 16, &now, 8);
}

static void reserve(uint64_t now) {
    choose_position();
    sequence++;

    // tenant | channel | method | request id
    uint8_t request[REQUEST_KEY_BYTES] = {stock_key[0], stock_key[1], 0, 1, 1};
    snprintf((char *)request + 5, 36, "%016llx-%016llx", (unsigned long long)random_next(),
             (unsigned long long)random_next());
    MDB_val key = {sizeof request, request}, found;
    if (mdb_get(transaction, request_ids, &key, &found) == 0) check(MDB_KEYEXIST, "a request id");

    uint8_t record[POSITION_BYTES] = {0};
    key = (MDB_val){sizeof stock_key, stock_key};
    check(mdb_get(transaction, positions, &key, &found), "a position");
    memcpy(record, found.mv_data, found.mv_size);
    memcpy(record + 16, &sequence, 8);
    memcpy(put(positions, stock_key, sizeof stock_key, sizeof record), record, sizeof record);

    // A position's key but for the byte after the sku | expiry | number | line
    uint8_t hold[HOLD_KEY_BYTES], number[NUMBER_KEY_BYTES] = {stock_key[0], stock_key[1]};
    memcpy(hold, stock_key, sizeof stock_key);
    hold[2 + SKU_BYTES] = 1;
    put_big(hold + sizeof stock_key, now + 900000000000, 8);
    put_big(hold + sizeof stock_key + 8, sequence, 8);
    put_big(hold + sizeof stock_key + 16, 1, 4);
    put(positions, hold, sizeof hold, HOLD_BYTES);
    put_big(number + 2, sequence, 8);
    append(reservations, number, sizeof number, RESERVATION_BYTES)[1] = ACTIVE;
    append(unsettled, number, sizeof number, UNSETTLED_BYTES);
    memcpy(put(request_ids, request, sizeof request, REQUEST_BYTES) + 32, &now, 8);
    memcpy(append(changes, number, sizeof number, CHANGE_BYTES) + 24, &now, 8);
}

static bool is_old_reservation(const MDB_val *record) {
    return ((const uint8_t *)record->mv_data)[1] != ACTIVE;
}

static bool is_old_request(const MDB_val *record) {
    return little64(record->mv_data, 32) < begun_ns;
}

// Looks at the next so many entries from where the hand stands, wrapping round.
static void prune(MDB_dbi tree, uint8_t *hand, size_t hand_bytes, int count, bool (*is_old)(const MDB_val *)) {
    MDB_cursor *cursor;
    check(mdb_cursor_open(transaction, tree, &cursor), "mdb_cursor_open");
    MDB_val key = {hand_bytes, hand}, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; code == 0 && count > 0; count--) {
        if (is_old(&value)) check(mdb_cursor_del(cursor, 0), "mdb_cursor_del");
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    if (code == 0) memcpy(hand, key.mv_data, hand_bytes);
    else memset(hand, 0, hand_bytes);
    mdb_cursor_close(cursor);
}

static void prune_changes(int count) {
    MDB_cursor *cursor;
    check(mdb_cursor_open(transaction, changes, &cursor), "mdb_cursor_open");
    MDB_val key, value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; code == 0 && count > 0 && little64(value.mv_data, 24) < begun_ns; count--) {
        check(mdb_cursor_del(cursor, 0), "mdb_cursor_del");
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
}

static void commit_group(int group, bool prunes, bool counts) {
    check(mdb_txn_begin(environment, NULL, 0, &transaction), "mdb_txn_begin");
    uint64_t now = wall_ns();
    for (int index = 0; index < group; index++) {
        if (counts) count_stock(now);
        else reserve(now);
    }
    if (counts) {
        uint8_t source[SOURCE_KEY_BYTES + 1];
        snprintf((char *)source, sizeof source, "%c%c\4bench", stock_key[0], stock_key[1]);
        put(documents, source, SOURCE_KEY_BYTES, SOURCE_BYTES);
    }
    if (prunes) {
        prune(reservations, reservation_hand, sizeof reservation_hand, group * VISITED_PER_ADDED, is_old_reservation);
        prune(request_ids, request_hand, sizeof request_hand, group * VISITED_PER_ADDED, is_old_request);
        prune_changes(group * VISITED_PER_ADDED);
    }
    memcpy(put(meta, "state", 5, STATE_BYTES) + 16, &sequence, 8);
    check(mdb_txn_commit(transaction), "mdb_txn_commit");
}

static int compare(const void *one, const void *other) {
    double left = *(const double *)one, right = *(const double *)other;
    return (left > right) - (left < right);
}

int main(int count, char **arguments) {
    if (count < 7) return 64;
    double seconds = atof(arguments[2]), elapsed = 0;
    int group = atoi(arguments[3]), commits = 0;
    position_count = strtoull(arguments[4], NULL, 10);
    first_position = strtoull(arguments[5], NULL, 10);
    random_state = strtoull(arguments[6], NULL, 10);
    open_store(arguments[1]);
    bool counts = count > 7 && strcmp(arguments[7], "events") == 0, prunes = count > 7 && !counts;
    begun_ns = wall_ns();
    uint64_t before = begun_ns;
    while (elapsed < seconds && commits < LATENCIES_MAX) {
        commit_group(group, prunes, counts);
        uint64_t now = wall_ns();
        latencies[commits++] = (double)(now - before) / 1e3;
        elapsed = (double)((before = now) - begun_ns) / 1e9;
    }
    qsort(latencies, (size_t)commits, sizeof *latencies, compare);
    printf("{\"requests\": %d, \"seconds\": %.3f, \"requests_per_second\": %.1f, \"commits\": %d, \"p50_us\": %.2f, "
           "\"p99_us\": %.2f, \"max_us\": %.2f}\n", commits * group, elapsed, commits * group / elapsed, commits,
           latencies[commits / 2], latencies[commits * 99 / 100], latencies[commits - 1]);
    mdb_env_close(environment);
    return 0;
}
