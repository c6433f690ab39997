// What nghttp2 asks for and gives back with every stream comes from free lists by size, as in our server
// (Sources/RPC/HTTP2/SessionMemory.swift); large blocks from malloc.
#include "limit.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 16, CLASSES = 64, SLAB_BYTES = 64 << 10 };

// In front of each block: its class, 0 for malloc's, in as much room as keeps the block aligned.
union head {
    size_t class;
    uint8_t room[16];
};

static void *lists[CLASSES + 1];
static uint8_t *slab;
static size_t slab_rest;

static union head *head_of(void *block) {
    return (union head *)block - 1;
}

static void *take(size_t count, void *user) {
    (void)user;
    size_t class = count ? (count + STEP - 1) / STEP : 1;
    union head *head;
    if (class > CLASSES) {
        if (!(head = malloc(sizeof *head + count))) return NULL;
        head->class = 0;
        return head + 1;
    }
    void *block = lists[class];
    if (block) {
        memcpy(&lists[class], block, sizeof block);
        return block;
    }
    size_t bytes = sizeof *head + class * STEP;
    if (slab_rest < bytes) {
        if (!(slab = malloc(SLAB_BYTES))) fail("malloc", "out of memory");
        slab_rest = SLAB_BYTES;
    }
    head = (union head *)(slab + SLAB_BYTES - slab_rest);
    slab_rest -= bytes;
    head->class = class;
    return head + 1;
}

static void give(void *block, void *user) {
    (void)user;
    if (!block) return;
    size_t class = head_of(block)->class;
    if (class == 0) {
        free(head_of(block));
        return;
    }
    memcpy(block, &lists[class], sizeof block);
    lists[class] = block;
}

static void *take_cleared(size_t count, size_t each, void *user) {
    void *block = take(count * each, user);
    return block ? memset(block, 0, count * each) : NULL;
}

static void *resize(void *block, size_t count, void *user) {
    if (!block) return take(count, user);
    size_t class = head_of(block)->class;
    if (class == 0) {
        union head *head = realloc(head_of(block), sizeof *head + count);
        return head ? head + 1 : NULL;
    }
    if (count <= class * STEP) return block;
    void *moved = take(count, user);
    if (!moved) return NULL;
    memcpy(moved, block, class * STEP);
    give(block, user);
    return moved;
}

nghttp2_mem session_memory = {NULL, take, give, take_cleared, resize};
