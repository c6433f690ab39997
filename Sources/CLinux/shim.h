#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>

/* Declared by glibc only for _GNU_SOURCE, which an importer cannot set in time. */
int accept4(int, struct sockaddr *, socklen_t *, int);
int pthread_timedjoin_np(pthread_t, void **, const struct timespec *);
int pthread_setname_np(pthread_t, const char *);

static inline int shim_accept(int listener) { return accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC); }

static inline int shim_join_until(pthread_t thread, const struct timespec *end) {
    return pthread_timedjoin_np(thread, 0, end);
}

static inline void shim_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

static inline int shim_eventfd(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }

static inline int shim_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

/* The event structure is packed and holds a union: its word goes in and out whole. */
static inline int shim_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t word) {
    struct epoll_event event = {.events = events, .data = {.u64 = word}};
    return epoll_ctl(epoll, operation, descriptor, &event);
}

static inline uint64_t shim_epoll_word(const struct epoll_event *event) { return event->data.u64; }

static const uint32_t shim_epoll_in = EPOLLIN;
static const uint32_t shim_epoll_out = EPOLLOUT;
static const uint32_t shim_epoll_broken = EPOLLERR | EPOLLHUP;
