#include <sys/mman.h>

/* Swift has no such intrinsic. Any address will do: a prefetch never faults. */
static inline void shim_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }
