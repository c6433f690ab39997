// limit DIRECTORY PORT [CERTIFICATE KEY]
#define _GNU_SOURCE // accept4
#include "limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, WRITE_BYTES = 64 << 10, FRAME_BYTES_MAX = 32 << 10 };

struct connection {
    int descriptor;
    SSL *ssl;
    struct session *session; // null while the TLS handshake goes on
    uint8_t *pending; // what the socket did not take
    size_t pending_count;
};

uint64_t turn_ns;
static int poller;
static SSL_CTX *tls;
static uint8_t read_bytes[READ_BYTES];

_Noreturn void fail(const char *what, const char *why) {
    fprintf(stderr, "limit: %s: %s\n", what, why);
    exit(1);
}

uint64_t clock_ns(int clock) {
    struct timespec time;
    clock_gettime(clock == 0 ? CLOCK_REALTIME : CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void close_connection(struct connection *connection) {
    if (connection->session) session_free(connection->session);
    if (connection->ssl) SSL_free(connection->ssl);
    close(connection->descriptor);
    free(connection->pending);
    free(connection);
}

// Bytes; 0: none now; -1: the connection is over.
static ssize_t transfer(struct connection *connection, ssize_t count, bool ok) {
    if (ok) return count;
    if (!connection->ssl) return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
    int error = SSL_get_error(connection->ssl, (int)count);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static ssize_t receive(struct connection *connection) {
    if (!connection->ssl) {
        ssize_t count = recv(connection->descriptor, read_bytes, READ_BYTES, 0);
        return transfer(connection, count, count > 0);
    }
    ssize_t total = 0;
    for (;;) {
        int count = SSL_read(connection->ssl, read_bytes + total, (int)(READ_BYTES - total));
        if (count <= 0) return total > 0 ? total : transfer(connection, count, false);
        total += count;
        if (total == READ_BYTES) return total;
    }
}

// Sends from `bytes`; how much was taken, -1: the connection is over.
static ssize_t send_some(struct connection *connection, const uint8_t *bytes, size_t count) {
    size_t sent = 0;
    while (sent < count) {
        ssize_t taken = connection->ssl ? SSL_write(connection->ssl, bytes + sent, (int)(count - sent))
                                        : send(connection->descriptor, bytes + sent, count - sent, MSG_NOSIGNAL);
        taken = transfer(connection, taken, taken > 0);
        if (taken < 0) return -1;
        if (taken == 0) break;
        sent += (size_t)taken;
    }
    return (ssize_t)sent;
}

static bool write_pending(struct connection *connection) {
    if (connection->pending_count == 0) return true;
    ssize_t sent = send_some(connection, connection->pending, connection->pending_count);
    if (sent < 0) return false;
    connection->pending_count -= (size_t)sent;
    memmove(connection->pending, connection->pending + sent, connection->pending_count);
    if (connection->pending_count > 0) return true;
    free(connection->pending);
    connection->pending = NULL;
    return true;
}

// Frames are gathered in memory that all connections share; only what the socket does not take is kept by one.
static bool flush(struct connection *connection) {
    static uint8_t gathered[WRITE_BYTES + FRAME_BYTES_MAX];
    if (!write_pending(connection)) return false;
    while (connection->pending_count == 0) {
        size_t count = 0, bytes;
        const uint8_t *frame;
        while (count < WRITE_BYTES && (bytes = session_output(connection->session, &frame)) > 0) {
            memcpy(gathered + count, frame, bytes);
            count += bytes;
        }
        if (count == 0) return true;
        ssize_t sent = send_some(connection, gathered, count);
        if (sent < 0) return false;
        if ((size_t)sent == count) continue;
        connection->pending_count = count - (size_t)sent;
        connection->pending = malloc(connection->pending_count);
        if (!connection->pending) fail("malloc", "out of memory");
        memcpy(connection->pending, gathered + sent, connection->pending_count);
        struct epoll_event event = {.events = EPOLLOUT, .data.ptr = connection};
        epoll_ctl(poller, EPOLL_CTL_MOD, connection->descriptor, &event);
    }
    return true;
}

static bool shake_hands(struct connection *connection) {
    if (connection->ssl) {
        int result = SSL_do_handshake(connection->ssl);
        if (result != 1) return transfer(connection, result, false) == 0;
    }
    connection->session = session_new();
    return flush(connection);
}

static void ready(struct connection *connection, uint32_t events) {
    bool open = true;
    if (!connection->session) open = shake_hands(connection);
    else if (events & EPOLLOUT) {
        open = flush(connection);
        if (open && connection->pending_count == 0) {
            struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
            epoll_ctl(poller, EPOLL_CTL_MOD, connection->descriptor, &event);
        }
    }
    if (open && connection->session && connection->pending_count == 0) {
        ssize_t count = receive(connection);
        open = count >= 0 && (count == 0 || session_receive(connection->session, read_bytes, (size_t)count));
        if (open && count > 0) open = flush(connection);
        if (open && connection->ssl && SSL_has_pending(connection->ssl) && connection->pending_count == 0)
            return ready(connection, EPOLLIN);
    }
    if (!open) close_connection(connection);
}

static void accept_connection(int listener) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return;
    int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection) fail("calloc", "out of memory");
    connection->descriptor = descriptor;
    if (tls) {
        connection->ssl = SSL_new(tls);
        SSL_set_fd(connection->ssl, descriptor);
        SSL_set_accept_state(connection->ssl);
    }
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event);
    if (!tls && !shake_hands(connection)) close_connection(connection);
}

static int select_h2(SSL *ssl, const unsigned char **selected, unsigned char *count, const unsigned char *offered,
                     unsigned offered_count, void *argument) {
    (void)ssl, (void)offered, (void)offered_count, (void)argument;
    *selected = (const unsigned char *)"h2";
    *count = 2;
    return SSL_TLSEXT_ERR_OK;
}

static void prepare_tls(const char *certificate, const char *key) {
    tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        fail(certificate, "no certificate and key");
    SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_alpn_select_cb(tls, select_h2, NULL);
}

static int listen_on(int port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0)
        fail("listen", strerror(errno));
    return listener;
}

int main(int count, char **arguments) {
    if (count != 3 && count != 5) fail("arguments", "limit DIRECTORY PORT [CERTIFICATE KEY]");
    signal(SIGPIPE, SIG_IGN); // SSL_write to a peer that has gone
    store_open(arguments[1]);
    check_prepare();
    sessions_prepare();
    if (count == 5) prepare_tls(arguments[3], arguments[4]);
    int listener = listen_on(atoi(arguments[2]));
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[256], event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    puts("listening");
    fflush(stdout);
    for (;;) {
        int found = epoll_wait(poller, events, 256, -1);
        turn_ns = clock_ns(1);
        for (int index = 0; index < found; index++) {
            if (events[index].data.ptr) ready(events[index].data.ptr, events[index].events);
            else accept_connection(listener);
        }
    }
}
