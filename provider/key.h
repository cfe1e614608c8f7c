#pragma once

#include <openssl/evp.h>
#include <openssl/types.h>

#include <atomic>
#include <memory>

#include "provider/context.h"
#include "provider/key_file.h"

namespace quorate::provider {

/// A key as OpenSSL holds it. Counted, as dup() shares it; immutable once loaded.
class Key {
 public:
  /// A key with nothing in it, which EVP makes before it finds that nothing can be imported.
  explicit Key(Context& context) : context_(context) {}
  /// engine may be nullptr: the key can then be looked at but not sign.
  Key(Context& context, KeyFile file, std::shared_ptr<Engine> engine);
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  /// Reads the configuration, checks the key against it and makes the key known to the engine.
  static Result<Key*, Problem> load(Context& context, ByteView der);

  Key* share() {
    references_.fetch_add(1, std::memory_order_relaxed);
    return this;
  }
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  [[nodiscard]] bool loaded() const { return file_.curve != nullptr; }
  [[nodiscard]] Context& context() const { return context_; }
  [[nodiscard]] const KeyFile& file() const { return file_; }
  [[nodiscard]] Engine* engine() const { return engine_.get(); }
  /// The public key in our own library context's default provider.
  [[nodiscard]] EVP_PKEY* public_key() const { return public_key_; }

  /// "prime256v1" or "secp384r1", as the default provider calls it.
  [[nodiscard]] const char* group_name() const;
  /// Bytes of the longest DER signature.
  [[nodiscard]] std::size_t max_signature() const;
  /// The digest that belongs to the curve: "SHA256" or "SHA384".
  [[nodiscard]] const char* default_digest() const { return file_.curve->digest_name(); }

 private:
  ~Key();

  Context& context_;
  std::atomic<int> references_{1};
  KeyFile file_;
  std::shared_ptr<Engine> engine_;
  EVP_PKEY* public_key_ = nullptr;
};

/// Gives up one reference when it goes.
struct ReleaseKey {
  void operator()(Key* key) const { key->release(); }
};
using KeyReference = std::unique_ptr<Key, ReleaseKey>;

}  // namespace quorate::provider
