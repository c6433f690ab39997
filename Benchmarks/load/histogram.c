// Latencies in 64 steps for each doubling: within 1.6 % of the true value.
#include "load.h"

static unsigned bucket_of(uint64_t ns) {
    if (ns < 64) return (unsigned)ns;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(ns);
    unsigned bucket = (exponent - 5) * 64 + (unsigned)((ns >> (exponent - 6)) & 63);
    unsigned most = sizeof ((struct histogram *)0)->counts / sizeof(uint64_t) - 1;
    return bucket < most ? bucket : most;
}

static double middle_of(unsigned bucket) {
    if (bucket < 64) return bucket;
    unsigned exponent = bucket / 64 + 5;
    return (double)((64 + (uint64_t)(bucket % 64)) << (exponent - 6)) * (1 + 0.5 / 64);
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
    histogram->counts[bucket_of(ns)]++;
    histogram->total++;
    if (ns > histogram->greatest_ns) histogram->greatest_ns = ns;
}

double histogram_microseconds(const struct histogram *histogram, double share) {
    uint64_t wanted = (uint64_t)((double)histogram->total * share), seen = 0;
    for (unsigned bucket = 0; bucket < sizeof histogram->counts / sizeof(uint64_t); bucket++) {
        seen += histogram->counts[bucket];
        if (seen > wanted) return middle_of(bucket) / 1000;
    }
    return (double)histogram->greatest_ns / 1000;
}
