#pragma once

#include <openssl/core.h>
#include <openssl/types.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "provider/engine.h"
#include "provider/errors.h"

namespace quorate::provider {

/// One loaded instance of the module: what OpenSSL hands to every function as `provctx`.
class Context {
 public:
  /// Fails if the core lacks a function that we cannot do without.
  static std::unique_ptr<Context> create(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* core);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

  [[nodiscard]] const ErrorUpcalls& errors() const { return errors_; }
  /// Our own library context, with the default provider: core BIOs, digests, verification.
  [[nodiscard]] OSSL_LIB_CTX* library() const { return library_; }
  /// For messages that no engine's log is there for yet.
  [[nodiscard]] Log& log() { return log_; }

  /// Own keys of our section in openssl.cnf.
  [[nodiscard]] const std::optional<std::filesystem::path>& config_path() const { return config_path_; }

  /// Makes sure that EC keys of the application are not ours to make: "default" is loaded ahead of us
  /// unless `quorate-load-default = no`. For OSSL_provider_init only.
  void load_default_ahead();
  /// Tells `log`, once, if a fetch of "EC" comes to us all the same, or if there is no default provider.
  void check_neighbours(Log& log);

  /// Reads provider.json, and the files it names, anew; keys loaded with equal files share an engine.
  /// nullptr if openssl.cnf names no provider.json.
  Result<std::shared_ptr<Engine>, Problem> engine();
  /// Lets go of connections and I/O threads; nothing is signed any more.
  void close() noexcept;

 private:
  Context() = default;
  void read_parameters(const OSSL_DISPATCH* core);

  ErrorUpcalls errors_;
  OSSL_LIB_CTX* library_ = nullptr;
  /// The application's context; nullptr where its libcrypto is not the one that we are linked with.
  OSSL_LIB_CTX* application_ = nullptr;
  Log log_;
  std::optional<std::filesystem::path> config_path_;
  bool load_default_ = true;

  std::mutex mutex_;
  bool neighbours_checked_ = false;
  std::map<Digest, std::weak_ptr<Engine>> engines_;
};

}  // namespace quorate::provider
