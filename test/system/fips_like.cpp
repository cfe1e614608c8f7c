// A provider for tests that stands where a FIPS module would: the default provider's algorithms under another
// name and with fips=yes, without its encoders, decoders and stores (those come from "base"). With it one can
// see whether anything pulls in the default provider behind the application's back.
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <map>
#include <vector>

namespace {

struct Inner {
  OSSL_LIB_CTX* library = nullptr;
  OSSL_PROVIDER* provider = nullptr;
  void* context = nullptr;  ///< of the default provider: what its own functions want to be called with
  std::map<int, std::vector<OSSL_ALGORITHM>> algorithms;
};
/// The functions of the default provider get its context, so that ours has to be found without it.
Inner* inner = nullptr;

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  if (operation == OSSL_OP_ENCODER || operation == OSSL_OP_DECODER || operation == OSSL_OP_STORE)
    return nullptr;
  auto& list = inner->algorithms[operation];
  if (!list.empty()) return list.data();
  int ignored = 0;
  const OSSL_ALGORITHM* from = OSSL_PROVIDER_query_operation(inner->provider, operation, &ignored);
  for (; from != nullptr && from->algorithm_names != nullptr; ++from) {
    list.push_back(*from);
    list.back().property_definition = "provider=fips_like,fips=yes";
  }
  list.push_back({nullptr, nullptr, nullptr, nullptr});
  return list.data();
}

int capabilities(void*, const char* capability, OSSL_CALLBACK* callback, void* argument) {
  return OSSL_PROVIDER_get_capabilities(inner->provider, capability, callback, argument);
}

int get_params(void*, OSSL_PARAM params[]) {
  OSSL_PARAM* name = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return (name == nullptr || OSSL_PARAM_set_utf8_ptr(name, "like a FIPS module") == 1) &&
                 (status == nullptr || OSSL_PARAM_set_int(status, 1) == 1)
             ? 1
             : 0;
}

template <class F>
void (*entry(F* function))() {
  return reinterpret_cast<void (*)()>(function);
}

const OSSL_DISPATCH kFunctions[] = {
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, entry(query)},
    {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, entry(capabilities)},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, entry(get_params)},
    {0, nullptr},
};

}  // namespace

extern "C" __attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE*,
                                                                         const OSSL_DISPATCH*,
                                                                         const OSSL_DISPATCH** out,
                                                                         void** context) {
  if (inner == nullptr) {  // kept until the process ends
    auto* made = new Inner;
    made->library = OSSL_LIB_CTX_new();
    made->provider = OSSL_PROVIDER_load(made->library, "default");
    if (made->provider == nullptr) return 0;
    made->context = OSSL_PROVIDER_get0_provider_ctx(made->provider);
    inner = made;
  }
  *context = inner->context;
  *out = kFunctions;
  return 1;
}
