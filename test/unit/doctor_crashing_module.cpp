// A provider module that ends the process that loads it, for the tests of `quorate doctor`.
#include <openssl/core.h>

#include <cstdio>
#include <cstdlib>

extern "C" __attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE*,
                                                                         const OSSL_DISPATCH*,
                                                                         const OSSL_DISPATCH**, void**) {
  std::fputs("about to crash\n", stderr);
  std::abort();
}
