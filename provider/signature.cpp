#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>

#include "protocol/wire/content.h"
#include "provider/tables.h"

/// ECDSA as OpenSSL asks for it. Signing collects the content whole, finds out what it is, and has it signed
/// by the cluster; verifying is the default provider's work.
namespace quorate::provider {
namespace {

using wire::DigestAlgorithm;

struct FreeMdCtx {
  void operator()(EVP_MD_CTX* p) const { EVP_MD_CTX_free(p); }
};
struct FreePkeyCtx {
  void operator()(EVP_PKEY_CTX* p) const { EVP_PKEY_CTX_free(p); }
};

/// One EVP_MD_CTX or EVP_PKEY_CTX of the application. Used by one thread at a time.
struct Operation {
  explicit Operation(Context& owner) : context(owner) {}

  Context& context;
  KeyReference key;
  std::optional<DigestAlgorithm> digest;               ///< digest_sign only
  Bytes content;                                       ///< digest_sign only
  std::unique_ptr<EVP_MD_CTX, FreeMdCtx> verifier;         ///< digest_verify only
  std::unique_ptr<EVP_PKEY_CTX, FreePkeyCtx> raw_verifier; ///< verify only

  /// A fresh start; without a key the one that is there stays.
  Result<void, Problem> begin(void* new_key) {
    if (new_key != nullptr) key.reset(static_cast<Key*>(new_key)->share());
    if (key == nullptr || !key->loaded()) return problem(Reason::NotInitialised, "no key to work with");
    digest.reset();
    content.clear();
    verifier.reset();
    raw_verifier.reset();
    return {};
  }
};

Operation& as_operation(void* ctx) { return *static_cast<Operation*>(ctx); }

void* signature_new(void* provctx, const char*) {
  auto& context = *static_cast<Context*>(provctx);
  return entry<void*>(context.errors(), nullptr, [&]() -> Result<void*, Problem> { return new Operation(context); });
}

void signature_free(void* ctx) { delete static_cast<Operation*>(ctx); }

void* signature_dup(void* ctx) {
  const Operation& from = as_operation(ctx);
  return entry<void*>(from.context.errors(), nullptr, [&]() -> Result<void*, Problem> {
    auto to = std::make_unique<Operation>(from.context);
    if (from.key != nullptr) to->key.reset(from.key->share());
    to->digest = from.digest;
    to->content = from.content;
    if (from.verifier != nullptr) {
      to->verifier.reset(EVP_MD_CTX_new());
      if (to->verifier == nullptr || EVP_MD_CTX_copy_ex(to->verifier.get(), from.verifier.get()) != 1)
        return problem(Reason::InternalError, "the verification cannot be copied");
    }
    if (from.raw_verifier != nullptr) {
      to->raw_verifier.reset(EVP_PKEY_CTX_dup(from.raw_verifier.get()));
      if (to->raw_verifier == nullptr) return problem(Reason::InternalError, "the verification cannot be copied");
    }
    return to.release();
  });
}

/// Callers write "SHA256", "sha256", "SHA2-256" or nothing; OpenSSL knows that they are one.
Result<DigestAlgorithm, Problem> find_digest(const Operation& op, const char* name) {
  const char* wanted = name == nullptr || *name == '\0' ? op.key->default_digest() : name;
  EVP_MD* md = EVP_MD_fetch(op.context.library(), wanted, nullptr);
  std::optional<DigestAlgorithm> found;
  for (auto algorithm : {DigestAlgorithm::Sha256, DigestAlgorithm::Sha384, DigestAlgorithm::Sha512})
    if (md != nullptr && EVP_MD_is_a(md, wire::name(algorithm).data()) == 1) found = algorithm;
  EVP_MD_free(md);
  if (!found)
    return problem(Reason::DigestUnsupported, std::string(wanted) + " is none of SHA-256, SHA-384 and SHA-512");
  return *found;
}

// Signing

int set_sign_params(Operation& op, const OSSL_PARAM params[]) {
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    const OSSL_PARAM* p = params == nullptr ? nullptr : OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST);
    if (p == nullptr) return 1;
    const char* name = nullptr;
    if (OSSL_PARAM_get_utf8_string_ptr(p, &name) != 1 || op.key == nullptr)
      return problem(Reason::ParameterUnsupported, "the digest is not given by name");
    const auto digest = find_digest(op, name);
    if (!digest) return fail(digest.error());
    if (op.digest && *op.digest != *digest)
      return problem(Reason::ParameterUnsupported, "the digest cannot be changed after signing has begun");
    return 1;
  });
}

/// With "unavailable": "decline", a key that cannot be signed with at present is refused here.
Result<void, Problem> check_available(const Key& key) {
  Engine* const engine = key.engine();
  if (engine == nullptr) return {};
  const KeyFile& file = key.file();
  const auto declined = engine->declined(file);
  if (!declined) return {};
  engine->log().write_limited(LogLevel::Warning, file.key.hex() + "declined",
                              "key " + file.key.brief() + ": declined, so that the server takes its other certificate: " +
                                  declined->what());
  return problem(reason_of(declined->code), "declined: " + declined->detail);
}

/// libssl also calls this to find out which of its certificates to use, so it says no more than whether
/// the digest is one that we sign with, and whether anybody could at present, and asks nobody.
int digest_sign_init(void* ctx, const char* digest_name, void* key, const OSSL_PARAM params[]) {
  Operation& op = as_operation(ctx);
  const int begun = entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (auto ok = op.begin(key); !ok) return fail(ok.error());
    const auto digest = find_digest(op, digest_name);
    if (!digest) return fail(digest.error());
    if (auto ok = check_available(*op.key); !ok) return fail(ok.error());
    op.digest = *digest;
    return 1;
  });
  return begun == 1 ? set_sign_params(op, params) : 0;
}

Result<Bytes, Problem> sign_content(const Operation& op, ByteView content) {
  const KeyFile& file = op.key->file();
  const auto context = wire::recognise(content);
  if (!context) return problem(Reason::ContentRefused, wire::why_unrecognised(content));
  if (auto ok = wire::check_content(*context, content, *op.digest, *file.curve, file.spki); !ok)
    return problem(Reason::ContentRefused, ok.error());
  Engine* const engine = op.key->engine();
  if (engine == nullptr)
    return problem(Reason::NotConfigured, "openssl.cnf has no quorate-config in the section of this provider");
  auto signature = engine->sign(file, *context, *op.digest, content);
  if (signature) return std::move(*signature);
  engine->log().write_limited(LogLevel::Warning, file.key.hex() + std::string(name(signature.error().code)),
                              "key " + file.key.brief() + ": " + std::string(wire::name(*context)) +
                                  " not signed: " + signature.error().what());
  return problem(reason_of(signature.error().code), signature.error().detail);
}

/// Asked without a buffer, the answer is the greatest size, from the key alone.
int sign_into(Operation& op, ByteView content, unsigned char* out, std::size_t* size, std::size_t capacity) {
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (op.key == nullptr || !op.digest) return problem(Reason::NotInitialised, "signing has not begun");
    if (out == nullptr) {
      *size = op.key->max_signature();
      return 1;
    }
    if (capacity < op.key->max_signature())
      return problem(Reason::BufferTooSmall, "a signature takes up to " + std::to_string(op.key->max_signature()) +
                                                 " bytes, the caller has room for " + std::to_string(capacity));
    auto signature = sign_content(op, content);
    if (!signature) return fail(std::move(signature).error());
    if (signature->size() > capacity) return problem(Reason::InternalError, "the signature is too long");
    std::ranges::copy(*signature, out);
    *size = signature->size();
    return 1;
  });
}

int digest_sign(void* ctx, unsigned char* out, std::size_t* size, std::size_t capacity, const unsigned char* content,
                std::size_t content_size) {
  return sign_into(as_operation(ctx), {content, content_size}, out, size, capacity);
}

int digest_sign_update(void* ctx, const unsigned char* part, std::size_t part_size) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (op.key == nullptr || !op.digest) return problem(Reason::NotInitialised, "signing has not begun");
    if (part_size > wire::kMaxContent - op.content.size())
      return problem(Reason::ContentRefused, "more than " + std::to_string(wire::kMaxContent) + " bytes cannot be signed");
    append(op.content, {part, part_size});
    return 1;
  });
}

int digest_sign_final(void* ctx, unsigned char* out, std::size_t* size, std::size_t capacity) {
  Operation& op = as_operation(ctx);
  return sign_into(op, op.content, out, size, capacity);
}

int sign_init(void* ctx, void* key, const OSSL_PARAM[]) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (auto ok = op.begin(key); !ok) return fail(ok.error());
    return 1;
  });
}

/// Signers want to see what they sign; a bare digest could be of anything.
int sign(void* ctx, unsigned char* out, std::size_t* size, std::size_t, const unsigned char*, std::size_t) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (op.key == nullptr) return problem(Reason::NotInitialised, "signing has not begun");
    if (out == nullptr) {
      *size = op.key->max_signature();
      return 1;
    }
    return problem(Reason::BareDigestRefused,
                   "signers hash the content themselves and refuse bare digests; use EVP_DigestSign (pkeyutl -rawin)");
  });
}

// Verifying

int digest_verify_init(void* ctx, const char* digest_name, void* key, const OSSL_PARAM params[]) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (auto ok = op.begin(key); !ok) return fail(ok.error());
    op.verifier.reset(EVP_MD_CTX_new());
    if (op.verifier == nullptr ||
        EVP_DigestVerifyInit_ex(op.verifier.get(), nullptr, digest_name, op.context.library(), nullptr,
                                op.key->public_key(), params) != 1)
      return problem(Reason::DigestUnsupported, "the default provider cannot verify with this digest");
    return 1;
  });
}

int digest_verify_update(void* ctx, const unsigned char* part, std::size_t part_size) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (op.verifier == nullptr) return problem(Reason::NotInitialised, "verifying has not begun");
    return EVP_DigestVerifyUpdate(op.verifier.get(), part, part_size);
  });
}

int digest_verify_final(void* ctx, const unsigned char* signature, std::size_t size) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (op.verifier == nullptr) return problem(Reason::NotInitialised, "verifying has not begun");
    return EVP_DigestVerifyFinal(op.verifier.get(), signature, size) == 1 ? 1 : 0;
  });
}

int digest_verify(void* ctx, const unsigned char* signature, std::size_t size, const unsigned char* content,
                  std::size_t content_size) {
  return digest_verify_update(ctx, content, content_size) == 1 ? digest_verify_final(ctx, signature, size) : 0;
}

int verify_init(void* ctx, void* key, const OSSL_PARAM params[]) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (auto ok = op.begin(key); !ok) return fail(ok.error());
    op.raw_verifier.reset(EVP_PKEY_CTX_new_from_pkey(op.context.library(), op.key->public_key(), nullptr));
    if (op.raw_verifier == nullptr || EVP_PKEY_verify_init_ex(op.raw_verifier.get(), params) != 1)
      return problem(Reason::InternalError, "the default provider cannot verify");
    return 1;
  });
}

int verify(void* ctx, const unsigned char* signature, std::size_t size, const unsigned char* digest,
           std::size_t digest_size) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (op.raw_verifier == nullptr) return problem(Reason::NotInitialised, "verifying has not begun");
    return EVP_PKEY_verify(op.raw_verifier.get(), signature, size, digest, digest_size) == 1 ? 1 : 0;
  });
}

// Parameters

/// AlgorithmIdentifier of ecdsa-with-SHA2 (RFC 5758), which `openssl req` and friends write down.
std::array<std::uint8_t, 12> algorithm_id(DigestAlgorithm digest) {
  return {0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03,
          static_cast<std::uint8_t>(1 + static_cast<unsigned>(digest))};
}

int get_ctx_params(void* ctx, OSSL_PARAM params[]) {
  Operation& op = as_operation(ctx);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (!op.digest) return 1;
    bool ok = true;
    if (OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID)) {
      const auto id = algorithm_id(*op.digest);
      ok = OSSL_PARAM_set_octet_string(p, id.data(), id.size()) == 1;
    }
    if (OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST))
      ok = ok && OSSL_PARAM_set_utf8_string(p, wire::name(*op.digest).data()) == 1;
    if (OSSL_PARAM* p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST_SIZE))
      ok = ok && OSSL_PARAM_set_size_t(p, 16 + 16 * static_cast<std::size_t>(*op.digest)) == 1;
    if (!ok) return problem(Reason::ParameterUnsupported, "a parameter does not fit the caller's buffer");
    return 1;
  });
}

const OSSL_PARAM* gettable_ctx_params(void*, void*) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, nullptr, 0),
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      OSSL_PARAM_size_t(OSSL_SIGNATURE_PARAM_DIGEST_SIZE, nullptr),
      {nullptr, 0, nullptr, 0, 0},
  };
  return list;
}

int set_ctx_params(void* ctx, const OSSL_PARAM params[]) {
  Operation& op = as_operation(ctx);
  if (op.raw_verifier == nullptr) return op.key == nullptr || params == nullptr ? 1 : set_sign_params(op, params);
  return entry(op.context.errors(), 0, [&]() -> Result<int, Problem> {
    if (EVP_PKEY_CTX_set_params(op.raw_verifier.get(), params) != 1)
      return problem(Reason::ParameterUnsupported, "the default provider refuses a parameter");
    return 1;
  });
}

const OSSL_PARAM* settable_ctx_params(void*, void*) {
  static const OSSL_PARAM list[] = {
      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, nullptr, 0),
      {nullptr, 0, nullptr, 0, 0},
  };
  return list;
}

}  // namespace

const OSSL_DISPATCH kSignature[] = {
    {OSSL_FUNC_SIGNATURE_NEWCTX, table_entry(signature_new)},
    {OSSL_FUNC_SIGNATURE_FREECTX, table_entry(signature_free)},
    {OSSL_FUNC_SIGNATURE_DUPCTX, table_entry(signature_dup)},
    {OSSL_FUNC_SIGNATURE_SIGN_INIT, table_entry(sign_init)},
    {OSSL_FUNC_SIGNATURE_SIGN, table_entry(sign)},
    {OSSL_FUNC_SIGNATURE_VERIFY_INIT, table_entry(verify_init)},
    {OSSL_FUNC_SIGNATURE_VERIFY, table_entry(verify)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, table_entry(digest_sign_init)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_UPDATE, table_entry(digest_sign_update)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN_FINAL, table_entry(digest_sign_final)},
    {OSSL_FUNC_SIGNATURE_DIGEST_SIGN, table_entry(digest_sign)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, table_entry(digest_verify_init)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_UPDATE, table_entry(digest_verify_update)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_FINAL, table_entry(digest_verify_final)},
    {OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, table_entry(digest_verify)},
    {OSSL_FUNC_SIGNATURE_GET_CTX_PARAMS, table_entry(get_ctx_params)},
    {OSSL_FUNC_SIGNATURE_GETTABLE_CTX_PARAMS, table_entry(gettable_ctx_params)},
    {OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, table_entry(set_ctx_params)},
    {OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, table_entry(settable_ctx_params)},
    {0, nullptr},
};

}  // namespace quorate::provider
