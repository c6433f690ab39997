// Loads a server with CheckAvailability (or PublishEvents, CreateReservation, or Redis GET and MGET), checks every
// answer, and prints one line of JSON. Ends with 1 when an answer was wrong.
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

struct options options = {
    .host = "127.0.0.1", .port = 50051, .connections = 4, .streams = 100, .lines = 1, .positions = 1000000,
    .seed = 1, .warm_up_seconds = 1, .seconds = 4,
};
struct statistics statistics;
uint64_t now_ns;
uint64_t random_state;
bool measuring;

static struct connection *connections;
static int poller;

_Noreturn void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(2);
}

uint64_t clock_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

void completed(struct connection *connection, struct slot *slot, bool right) {
    (void)connection;
    if (!right && statistics.wrong++ < 5) fprintf(stderr, "load: wrong or failed, status %d\n", slot->grpc_status);
    statistics.completed++;
    if (measuring) histogram_add(&statistics.latency, now_ns - slot->start_ns);
}

// User and system time of all the server's threads.
static double server_cpu_seconds(void) {
    if (!options.pid) return 0;
    char path[64], text[1024] = {0};
    snprintf(path, sizeof path, "/proc/%d/stat", options.pid);
    FILE *file = fopen(path, "r");
    if (!file) fail("%s: %s", path, strerror(errno));
    if (!fgets(text, sizeof text, file)) fail("%s is empty", path);
    fclose(file);
    unsigned long long user = 0, system = 0;
    char *fields = strrchr(text, ')');
    if (!fields || sscanf(fields + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2)
        fail("%s is not understood", path);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static bool issue(struct connection *connection, uint64_t start_ns) {
    if (connection->in_flight >= options.streams) return false;
    return options.redis ? redis_issue(connection, start_ns) : http2_issue(connection, start_ns);
}

// Tops a connection up to its number of calls in flight.
static void fill(struct connection *connection) {
    while (connection->in_flight < options.streams) {
        if (options.requests && statistics.issued >= options.requests) return;
        if (!issue(connection, now_ns)) return;
    }
}

static void flush(struct connection *connection) {
    if (connection->out.start == connection->out.end) return;
    bool was_blocked = connection->blocked;
    connection_flush(connection);
    if (connection->blocked == was_blocked) return;
    struct epoll_event event = {.events = EPOLLIN | (connection->blocked ? EPOLLOUT : 0u), .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_MOD, connection->descriptor, &event);
}

// What is due goes to the connections in turn; a call waits, and its latency runs, when all are full.
static uint64_t issue_due(uint64_t begun_ns, uint64_t already) {
    static unsigned turn;
    double interval = 1e9 / options.rate;
    for (;;) {
        uint64_t due_ns = begun_ns + (uint64_t)((double)already * interval);
        if (due_ns > now_ns) return already;
        int tried = 0;
        while (tried < options.connections && !issue(&connections[turn % (unsigned)options.connections], due_ns)) {
            turn++;
            tried++;
        }
        if (tried == options.connections) return already;
        turn++;
        already++;
    }
}

static void open_connections(void) {
    SSL_CTX *context = options.tls ? tls_context() : NULL;
    uint32_t slot_count = 4;
    while (slot_count < (uint32_t)options.streams * (options.redis ? 1 : 4)) slot_count *= 2;
    connections = calloc((size_t)options.connections, sizeof *connections);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || poller < 0) fail("out of memory or descriptors");
    for (int index = 0; index < options.connections; index++) {
        struct connection *connection = &connections[index];
        connection->slots = calloc(slot_count, sizeof *connection->slots);
        if (!connection->slots) fail("out of memory");
        connection->slot_count = slot_count;
        connection_open(connection, context);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, connection->descriptor, &event) != 0) fail("epoll_ctl");
        if (!options.redis) http2_begin(connection);
        flush(connection);
    }
}

// One round: what has come, what is due, what is to be sent. It spins, so that waking it costs the server nothing,
// unless it is told to be patient: then it waits up to 0.1 ms for something to come.
static void turn(void) {
    struct epoll_event events[256];
    struct timespec wait = {.tv_nsec = options.patient ? 100000 : 0};
    int count = epoll_pwait2(poller, events, 256, &wait, NULL);
    now_ns = clock_ns();
    for (int index = 0; index < count; index++) {
        struct connection *connection = events[index].data.ptr;
        if (events[index].events & ~(unsigned)EPOLLOUT)
            connection_read(connection, options.redis ? redis_consume : http2_consume);
        if (options.rate == 0 && !options.idle) fill(connection);
        flush(connection);
    }
}


static void print_result(uint64_t before, double cpu, uint64_t elapsed_ns) {
    const struct histogram *latency = &statistics.latency;
    double seconds = (double)elapsed_ns / 1e9, requests = (double)(statistics.completed - before);
    printf("{\"requests\": %.0f, \"lines\": %d, \"seconds\": %.3f, \"requests_per_second\": %.1f, \"wrong\": %llu, "
           "\"server_cpu_seconds\": %.2f, \"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f}\n",
           requests, options.lines, seconds, requests / seconds, (unsigned long long)statistics.wrong, cpu,
           histogram_microseconds(latency, 0.5), histogram_microseconds(latency, 0.99),
           histogram_microseconds(latency, 0.999), (double)latency->greatest_ns / 1000);
}

static void run(void) {
    now_ns = clock_ns();
    measuring = options.requests > 0 || options.warm_up_seconds == 0;
    uint64_t begun_ns = now_ns, measured_ns = now_ns, scheduled = 0, before = 0;
    double cpu = server_cpu_seconds();
    if (options.rate == 0)
        for (int index = 0; index < options.connections; index++) {
            fill(&connections[index]);
            flush(&connections[index]);
        }
    for (;;) {
        turn();
        if (!measuring && (double)(now_ns - begun_ns) >= options.warm_up_seconds * 1e9) {
            measuring = true;
            measured_ns = now_ns;
            before = statistics.completed;
            cpu = server_cpu_seconds();
        }
        if (options.requests ? statistics.completed >= options.requests
                             : measuring && (double)(now_ns - measured_ns) >= options.seconds * 1e9)
            break;
        if (options.rate > 0) {
            scheduled = issue_due(begun_ns, scheduled);
            for (int index = 0; index < options.connections; index++)
                if (!connections[index].blocked) flush(&connections[index]);
        }
    }
    cpu = server_cpu_seconds() - cpu;
    print_result(before, cpu, now_ns - measured_ns);
}

// Connections that have said hello and do nothing.
static void hold(void) {
    uint64_t until = clock_ns() + (uint64_t)(options.seconds * 1e9);
    printf("{\"connections\": %d}\n", options.connections);
    fflush(stdout);
    while (clock_ns() < until) {
        turn();
        usleep(10000);
    }
}

static const struct option flags[] = {
    {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"tls", 0, 0, 't'}, {"redis", 0, 0, 'R'}, {"events", 0, 0, 'e'},
    {"reserve", 0, 0, 'C'}, {"held", 0, 0, 'H'}, {"patient", 0, 0, 'a'}, {"first", 1, 0, 'f'}, {"ttl", 1, 0, 'T'},
    {"connections", 1, 0, 'c'}, {"streams", 1, 0, 'm'}, {"lines", 1, 0, 'l'}, {"locations", 0, 0, 'L'},
    {"positions", 1, 0, 'n'}, {"seed", 1, 0, 's'}, {"rate", 1, 0, 'r'}, {"warm-up", 1, 0, 'w'},
    {"seconds", 1, 0, 'd'}, {"requests", 1, 0, 'N'}, {"pid", 1, 0, 'P'}, {"idle", 0, 0, 'i'}, {"dump", 1, 0, 'D'}, {0},
};

static void parse(int count, char **arguments) {
    for (int flag; (flag = getopt_long(count, arguments, "", flags, NULL)) != -1;) {
        switch (flag) {
        case 'h': options.host = optarg; break;
        case 'p': options.port = atoi(optarg); break;
        case 't': options.tls = true; break;
        case 'R': options.redis = true; break;
        case 'e': options.call = CALL_EVENTS; break;
        case 'C': options.call = CALL_RESERVE; break;
        case 'H': options.held = true; break;
        case 'a': options.patient = true; break;
        case 'T': options.ttl_seconds = atoi(optarg); break;
        case 'f': options.first = (uint32_t)atoll(optarg); break;
        case 'c': options.connections = atoi(optarg); break;
        case 'm': options.streams = atoi(optarg); break;
        case 'l': options.lines = atoi(optarg); break;
        case 'L': options.names_location = true; break;
        case 'n': options.positions = (uint32_t)atoll(optarg); break;
        case 's': options.seed = strtoull(optarg, NULL, 10); break;
        case 'r': options.rate = atof(optarg); break;
        case 'w': options.warm_up_seconds = atof(optarg); break;
        case 'd': options.seconds = atof(optarg); break;
        case 'N': options.requests = strtoull(optarg, NULL, 10); break;
        case 'P': options.pid = atoi(optarg); break;
        case 'i': options.idle = true; break;
        case 'D': options.dump_path = optarg; break;
        default: exit(64);
        }
    }
    if (options.connections < 1 || options.streams < 1 || options.lines < 1 || options.lines > 1000)
        fail("connections, streams and lines must be positive");
}

int main(int count, char **arguments) {
    parse(count, arguments);
    random_state = options.seed;
    if (options.redis) redis_prepare();
    else http2_prepare();
    if (options.dump_path && !(options.dump = fopen(options.dump_path, "w")))
        fail("%s: %s", options.dump_path, strerror(errno));
    open_connections();
    if (options.idle) hold();
    else run();
    return statistics.wrong > 0;
}
