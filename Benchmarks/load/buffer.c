#include "load.h"

#include <stdlib.h>
#include <string.h>

void buffer_reserve(struct buffer *buffer, size_t count) {
    if (buffer->start == buffer->end) buffer->start = buffer->end = 0;
    if (buffer->end + count <= buffer->room) return;
    if (buffer->start > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->end - buffer->start);
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->end + count <= buffer->room) return;
    buffer->room = (buffer->end + count) * 2;
    buffer->bytes = realloc(buffer->bytes, buffer->room);
    if (!buffer->bytes) fail("out of memory");
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t count) {
    buffer_reserve(buffer, count);
    memcpy(buffer->bytes + buffer->end, bytes, count);
    buffer->end += count;
}
