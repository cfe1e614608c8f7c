#include <openssl/ecdsa.h>
#include <openssl/pem.h>

#include <atomic>
#include <thread>

#include "protocol/wire/content.h"
#include "provider/async_wait.h"
#include "provider/engine.h"
#include "provider/signature_value.h"

/// Stands in for the cluster in the module under test: signs with an ordinary private key, which it takes
/// from the file that provider.json names as tls.key. The cluster's name says how it behaves:
/// "down" has no quorum, "slow" answers from other threads once 8 signatures wait together (or after 5 s), "prompt"
/// within the call that starts it, "declined" is refused before it is asked. Every call leaves a line in the log.
namespace quorate::provider {
namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, FreeKey>;

SignResult sign_locally(EVP_PKEY* key, const Curve& curve, const char* digest, ByteView content) {
  EVP_MD_CTX* ctx = EVP_MD_CTX_new();
  Bytes der(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
  std::size_t size = der.size();
  const bool ok = EVP_DigestSignInit_ex(ctx, nullptr, digest, nullptr, nullptr, key, nullptr) == 1 &&
                  EVP_DigestSign(ctx, der.data(), &size, content.data(), content.size()) == 1;
  EVP_MD_CTX_free(ctx);
  if (!ok) return fail(SignError{SignErrorCode::KeyUnknown, "the fake has no such key"});
  const unsigned char* in = der.data();
  ECDSA_SIG* value = d2i_ECDSA_SIG(nullptr, &in, static_cast<long>(size));
  const auto scalar = [&](const BIGNUM* n) {
    Bytes raw(curve.scalar_size());
    BN_bn2binpad(n, raw.data(), static_cast<int>(raw.size()));
    return *Scalar::decode(curve, raw);
  };
  net::SignedContent out{scalar(ECDSA_SIG_get0_r(value)), scalar(ECDSA_SIG_get0_s(value)), {1, 2}, {}, {}};
  ECDSA_SIG_free(value);
  return out;
}

}  // namespace

struct Engine::State {
  std::string cluster;
  std::shared_ptr<Log> log;
  Pkey key;
  std::atomic<bool> closed{false};
};

Engine::Engine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Engine::~Engine() = default;

Result<std::shared_ptr<Engine>, std::string> Engine::open(LoadedConfig loaded) {
  auto state = std::make_unique<State>();
  state->cluster = loaded.config.cluster;
  state->log = std::make_shared<Log>(loaded.config.log_level);
  if (loaded.config.log_file) {
    auto log = Log::to_file(*loaded.config.log_file, loaded.config.log_level);
    if (!log) return fail(log.error());
    state->log = *log;
  }
  BIO* in = BIO_new_mem_buf(loaded.key_pem.data(), static_cast<int>(loaded.key_pem.size()));
  state->key.reset(PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr));
  BIO_free(in);
  state->log->write(LogLevel::Info, "fake engine opened");
  return std::shared_ptr<Engine>(new Engine(std::move(state)));
}

const std::string& Engine::cluster() const { return state_->cluster; }
Log& Engine::log() const { return *state_->log; }
void Engine::add_key(const KeyFile&) {}

Result<Bytes, SignError> Engine::sign(const KeyFile& key, wire::Context context, wire::DigestAlgorithm digest,
                                      ByteView content) {
  log().write(LogLevel::Info, "fake sign " + std::string(wire::name(context)) + " " + std::string(wire::name(digest)));
  if (state_->closed) return fail(SignError{SignErrorCode::Overloaded, "closed"});
  if (cluster() == "down") return fail(SignError{SignErrorCode::QuorumInsufficient, "1 of 2 signers reachable"});
  if (cluster() == "throws") throw std::runtime_error("thrown on purpose");
  const auto work = [this, &key, digest, copy = Bytes(content.begin(), content.end())] {
    return sign_locally(state_->key.get(), *key.curve, wire::name(digest).data(), copy);
  };
  std::optional<SignResult> result;
  if (cluster() == "slow" && in_async_job())
    result = sign_in_async_job([&](net::SignClient::SignDone done) {
      std::thread([work, done = std::move(done)] {
        static std::atomic<int> together{0};
        ++together;
        for (int i = 0; i < 5000 && together < 8; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        std::this_thread::sleep_for(std::chrono::milliseconds(100));  // the last of them has to get to its pause
        done(work());
      }).detach();
    });
  if (cluster() == "prompt" && in_async_job())
    result = sign_in_async_job([&](net::SignClient::SignDone done) { done(work()); });
  if (!result) result = work();
  if (!*result) return fail(std::move(*result).error());
  return encode_signature((*result)->r, (*result)->s);
}

std::optional<SignError> Engine::declined(const KeyFile&) {
  if (cluster() != "declined") return std::nullopt;
  return SignError{SignErrorCode::QuorumInsufficient, "0 of 2 signers reachable"};
}

void Engine::close() noexcept { state_->closed = true; }

}  // namespace quorate::provider
