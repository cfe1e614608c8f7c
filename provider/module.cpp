#include <openssl/core_names.h>
#include <openssl/params.h>

#include "provider/context.h"
#include "provider/tables.h"

namespace quorate::provider {
namespace {

constexpr char kVersion[] = QUORATE_VERSION;
constexpr char kProperties[] = "provider=quorate";

const OSSL_ALGORITHM kKeymgmts[] = {
    {kKeyNames, kProperties, kKeymgmt, "Quorate threshold EC keys"},
    {nullptr, nullptr, nullptr, nullptr},
};
const OSSL_ALGORITHM kSignatures[] = {
    {"ECDSA", kProperties, kSignature, "Quorate threshold ECDSA"},
    {nullptr, nullptr, nullptr, nullptr},
};
const OSSL_ALGORITHM kDecoders[] = {
    {"DER", "provider=quorate,input=pem", kPemDecoder, "Quorate key file, PEM"},
    {kKeyNames, "provider=quorate,input=der,structure=QuorateKey", kDerDecoder, "Quorate key file, DER"},
    {nullptr, nullptr, nullptr, nullptr},
};
/// The key file also answers for PrivateKeyInfo in PEM, so that `openssl pkey -in key.pem` copies it.
const OSSL_ALGORITHM kEncoders[] = {
    {kKeyNames, "provider=quorate,output=text", kTextEncoder, "Quorate key, text"},
    {kKeyNames, "provider=quorate,output=pem,structure=SubjectPublicKeyInfo", kSpkiPemEncoder, "public key, PEM"},
    {kKeyNames, "provider=quorate,output=der,structure=SubjectPublicKeyInfo", kSpkiDerEncoder, "public key, DER"},
    {kKeyNames, "provider=quorate,output=pem,structure=QuorateKey", kKeyFilePemEncoder, "Quorate key file, PEM"},
    {kKeyNames, "provider=quorate,output=der,structure=QuorateKey", kKeyFileDerEncoder, "Quorate key file, DER"},
    {kKeyNames, "provider=quorate,output=pem,structure=PrivateKeyInfo", kKeyFilePemEncoder, "Quorate key file, PEM"},
    {nullptr, nullptr, nullptr, nullptr},
};

const OSSL_ALGORITHM* query_operation(void*, int operation, int* no_cache) {
  *no_cache = 0;
  switch (operation) {
    case OSSL_OP_KEYMGMT: return kKeymgmts;
    case OSSL_OP_SIGNATURE: return kSignatures;
    case OSSL_OP_DECODER: return kDecoders;
    case OSSL_OP_ENCODER: return kEncoders;
    default: return nullptr;
  }
}

const OSSL_PARAM* gettable_params(void*) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, nullptr, 0),
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_VERSION, nullptr, 0),
      OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_BUILDINFO, nullptr, 0),
      OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, nullptr),
      {nullptr, 0, nullptr, 0, 0},
  };
  return list;
}

int get_params(void*, OSSL_PARAM params[]) {
  const auto set = [&](const char* name, const char* text) {
    OSSL_PARAM* p = OSSL_PARAM_locate(params, name);
    return p == nullptr || OSSL_PARAM_set_utf8_ptr(p, text) == 1;
  };
  OSSL_PARAM* status = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
  return set(OSSL_PROV_PARAM_NAME, "Quorate threshold signatures") && set(OSSL_PROV_PARAM_VERSION, kVersion) &&
                 set(OSSL_PROV_PARAM_BUILDINFO, kVersion) && (status == nullptr || OSSL_PARAM_set_int(status, 1) == 1)
             ? 1
             : 0;
}

const OSSL_ITEM* get_reason_strings(void*) { return reason_strings(); }

/// Runs in servers' first processes as well as in their workers, and in some workers not at all.
void teardown(void* provctx) { delete static_cast<Context*>(provctx); }

const OSSL_DISPATCH kProvider[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, table_entry(teardown)},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, table_entry(gettable_params)},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, table_entry(get_params)},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, table_entry(query_operation)},
    {OSSL_FUNC_PROVIDER_GET_REASON_STRINGS, table_entry(get_reason_strings)},
    {0, nullptr},
};

}  // namespace
}  // namespace quorate::provider

/// The module's one exported function.
extern "C" __attribute__((visibility("default"))) int OSSL_provider_init(const OSSL_CORE_HANDLE* handle,
                                                                         const OSSL_DISPATCH* in,
                                                                         const OSSL_DISPATCH** out, void** provctx) {
  using namespace quorate::provider;
  try {
    const QuietScope quiet;
    auto context = Context::create(handle, in);
    if (context == nullptr) return 0;
    context->load_default_ahead();
    *provctx = context.release();
    *out = kProvider;
    return 1;
  } catch (...) {
    return 0;
  }
}
