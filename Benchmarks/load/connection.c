#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 512 << 10 };

SSL_CTX *tls_context(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context) fail("SSL_CTX_new");
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    // The benchmark's own certificate, over loopback.
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x02h2", 3);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

void connection_open(struct connection *connection, SSL_CTX *context) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    if (inet_pton(AF_INET, options.host, &address.sin_addr) != 1) fail("%s is no IPv4 address", options.host);
    connection->descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->descriptor < 0) fail("socket: %s", strerror(errno));
    if (connect(connection->descriptor, (struct sockaddr *)&address, sizeof address) != 0)
        fail("connect to %s:%d: %s", options.host, options.port, strerror(errno));
    int one = 1;
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (context) {
        connection->ssl = SSL_new(context);
        if (!connection->ssl || SSL_set_fd(connection->ssl, connection->descriptor) != 1) fail("SSL_new");
        if (SSL_connect(connection->ssl) != 1)
            fail("TLS handshake: %s", ERR_error_string(ERR_get_error(), NULL));
    }
    fcntl(connection->descriptor, F_SETFL, fcntl(connection->descriptor, F_GETFL) | O_NONBLOCK);
}

// Bytes, 0 when there are none now.
static size_t receive(struct connection *connection, uint8_t *target, size_t room) {
    if (!connection->ssl) {
        ssize_t count = recv(connection->descriptor, target, room, 0);
        if (count == 0) fail("the server closed a connection");
        if (count < 0 && errno != EAGAIN && errno != EINTR) fail("recv: %s", strerror(errno));
        return count < 0 ? 0 : (size_t)count;
    }
    size_t total = 0;
    while (total < room) {
        int count = SSL_read(connection->ssl, target + total, (int)(room - total));
        if (count > 0) {
            total += (size_t)count;
            continue;
        }
        int error = SSL_get_error(connection->ssl, count);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
        fail("SSL_read: %s", error == SSL_ERROR_ZERO_RETURN ? "closed" : ERR_error_string(ERR_get_error(), NULL));
    }
    return total;
}

void connection_read(struct connection *connection, void (*consume)(struct connection *)) {
    // All connections read through one piece of memory, which stays in the cache; what is no whole frame stays behind.
    static uint8_t shared[READ_BYTES];
    struct buffer own = connection->in;
    size_t kept = own.end - own.start;
    if (kept > READ_BYTES / 2) fail("a frame is larger than the generator reads");
    memcpy(shared, own.bytes + own.start, kept);
    size_t count = receive(connection, shared + kept, READ_BYTES - kept);
    if (count == 0) return;
    now_ns = clock_ns();
    connection->in = (struct buffer){.bytes = shared, .end = kept + count, .room = READ_BYTES};
    consume(connection);
    struct buffer rest = connection->in;
    connection->in = own;
    connection->in.start = connection->in.end = 0;
    if (rest.end > rest.start) buffer_append(&connection->in, rest.bytes + rest.start, rest.end - rest.start);
}

void connection_flush(struct connection *connection) {
    struct buffer *out = &connection->out;
    while (out->start < out->end) {
        size_t waiting = out->end - out->start;
        ssize_t count;
        if (connection->ssl) {
            count = SSL_write(connection->ssl, out->bytes + out->start, (int)waiting);
            if (count <= 0) {
                int error = SSL_get_error(connection->ssl, (int)count);
                if (error != SSL_ERROR_WANT_WRITE && error != SSL_ERROR_WANT_READ) fail("SSL_write failed");
            }
        } else {
            count = send(connection->descriptor, out->bytes + out->start, waiting, MSG_NOSIGNAL);
            if (count < 0 && errno != EAGAIN && errno != EINTR) fail("send: %s", strerror(errno));
        }
        connection->blocked = count <= 0;
        if (count <= 0) return;
        out->start += (size_t)count;
    }
}
