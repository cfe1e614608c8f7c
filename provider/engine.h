#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/base/sign_error.h"
#include "protocol/wire/online.h"
#include "provider/config.h"
#include "provider/key_file.h"

namespace quorate::provider {

/// What signs on behalf of the keys of one provider.json: links to the signers, the coordinator on top,
/// and a log. Shared by all keys that were loaded with equal configurations. All methods may be called
/// from any thread and, for keys loaded before a fork, from the child.
class Engine {
 public:
  /// Opens no connection and starts no thread: `nginx -t` loads keys too.
  static Result<std::shared_ptr<Engine>, std::string> open(LoadedConfig config);

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  [[nodiscard]] const std::string& cluster() const;
  [[nodiscard]] Log& log() const;
  void add_key(const KeyFile& key);

  /// content is of the form of this context. Out comes a DER ECDSA-Sig-Value that verifies under the
  /// key. Returns within the configured deadline, and at once when the cluster is known to be unable to sign and the
  /// configuration, or the share of its time that this thread may wait in vain, says so (patience.h). Inside an ASYNC
  /// job the job is paused meanwhile.
  Result<Bytes, SignError> sign(const KeyFile& key, wire::Context context, wire::DigestAlgorithm digest,
                                ByteView content);

  /// Why a handshake should take another certificate, if "unavailable" is "decline" and the cluster is known to be
  /// unable to sign. Never waits; sees to it that what is known does not grow old.
  [[nodiscard]] std::optional<SignError> declined(const KeyFile& key);

  /// Lets go of connections and of the I/O thread: the module is about to be torn down. Later signatures
  /// fail.
  void close() noexcept;

 private:
  struct State;
  explicit Engine(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace quorate::provider
