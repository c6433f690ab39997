#include <zlib.h>

/* The init functions are macros; 16 added to the window bits asks for the gzip wrapper. */
static inline int shim_gzip_inflate_init(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

static inline int shim_gzip_deflate_init(z_stream *stream) {
    return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
