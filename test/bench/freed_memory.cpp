// Linked into a benchmark: freed memory stays with the heap, as in signerd, instead of going back to the
// kernel, which would zero it for every batch.
#include <malloc.h>

namespace {
#if defined(__GLIBC__)
[[maybe_unused]] const bool kept =
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20) != 0 && ::mallopt(M_TRIM_THRESHOLD, 128 << 20) != 0;
#endif
}  // namespace
