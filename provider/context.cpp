#include "provider/context.h"

#include <dlfcn.h>
#include <openssl/bio.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <array>
#include <set>

namespace quorate::provider {
namespace {

/// A process can hold two copies of libcrypto (a program that has one linked in). A library context of
/// one must not be given to the other.
bool same_library(const void* a, const void* b) {
  Dl_info first{}, second{};
  return dladdr(a, &first) != 0 && dladdr(b, &second) != 0 && first.dli_fbase == second.dli_fbase;
}

template <class F>
const void* address(F* function) {
  return reinterpret_cast<const void*>(function);
}

/// At the end of a process libcrypto takes its random numbers apart before it takes down providers, and an I/O thread
/// that asks for some in between crashes. So the threads end first of all. Never destroyed, as that would come earlier.
struct Living {
  std::mutex mutex;
  std::set<Context*> contexts;
};
Living& living() {
  static auto* const all = new Living;
  return *all;
}

/// Whoever holds a lock now will not let go of it: a child may have been forked meanwhile.
void close_all() {
  auto& all = living();
  const std::unique_lock lock(all.mutex, std::try_to_lock);
  if (!lock) return;
  for (auto* const context : all.contexts) context->close();
}

}  // namespace

std::unique_ptr<Context> Context::create(const OSSL_CORE_HANDLE* handle, const OSSL_DISPATCH* core) {
  std::unique_ptr<Context> context(new Context);
  context->errors_.handle = handle;
  for (const OSSL_DISPATCH* entry = core; entry->function_id != 0; ++entry) {
    switch (entry->function_id) {
      case OSSL_FUNC_CORE_NEW_ERROR: context->errors_.new_error = OSSL_FUNC_core_new_error(entry); break;
      case OSSL_FUNC_CORE_SET_ERROR_DEBUG:
        context->errors_.set_error_debug = OSSL_FUNC_core_set_error_debug(entry);
        break;
      case OSSL_FUNC_CORE_VSET_ERROR: context->errors_.vset_error = OSSL_FUNC_core_vset_error(entry); break;
      case OSSL_FUNC_CORE_GET_LIBCTX: {
        auto* const get = OSSL_FUNC_core_get_libctx(entry);
        if (same_library(address(get), address(&OSSL_PROVIDER_load)))
          context->application_ = reinterpret_cast<OSSL_LIB_CTX*>(get(handle));
        break;
      }
      default: break;
    }
  }
  context->library_ = OSSL_LIB_CTX_new_from_dispatch(handle, core);
  if (context->library_ == nullptr) return nullptr;
  context->read_parameters(core);
  static const int handled = OPENSSL_atexit(close_all);
  (void)handled;  // without memory for it the end is as good as it was
  const std::lock_guard lock(living().mutex);
  living().contexts.insert(context.get());
  return context;
}

Context::~Context() {
  {
    const std::lock_guard lock(living().mutex);
    living().contexts.erase(this);
  }
  close();
  OSSL_LIB_CTX_free(library_);
}

void Context::close() noexcept {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) return;
  for (const auto& [fingerprint, weak] : engines_)
    if (const auto engine = weak.lock()) engine->close();
}

void Context::read_parameters(const OSSL_DISPATCH* core) {
  OSSL_FUNC_core_get_params_fn* get = nullptr;
  for (const OSSL_DISPATCH* entry = core; entry->function_id != 0; ++entry)
    if (entry->function_id == OSSL_FUNC_CORE_GET_PARAMS) get = OSSL_FUNC_core_get_params(entry);
  if (get == nullptr) return;
  char* config = nullptr;
  char* load_default = nullptr;
  std::array params = {OSSL_PARAM_construct_utf8_ptr("quorate-config", &config, 0),
                       OSSL_PARAM_construct_utf8_ptr("quorate-load-default", &load_default, 0), OSSL_PARAM_construct_end()};
  if (get(errors_.handle, params.data()) != 1) return;
  if (config != nullptr && *config != '\0') config_path_ = config;
  if (load_default == nullptr) return;
  const std::string_view choice = load_default;
  load_default_ = choice != "no";
  if (choice != "no" && choice != "yes")
    log_.write(LogLevel::Warning, "openssl.cnf: quorate-load-default is neither yes nor no; taken as yes");
}

void Context::load_default_ahead() {
  if (!load_default_ || application_ == nullptr) return;
  // As long as nothing else is active, asking for the default provider activates it for good, and its
  // context owns it. What has to be loaded here instead is never unloaded, as the application relies on it
  // from now on.
  if (OSSL_PROVIDER_available(application_, "default") != 1 && OSSL_PROVIDER_load(application_, "default") == nullptr)
    log_.write(LogLevel::Warning, "the default provider cannot be loaded ahead of this one");
}

void Context::check_neighbours(Log& log) {
  {
    const std::lock_guard lock(mutex_);
    if (neighbours_checked_ || application_ == nullptr) return;
    neighbours_checked_ = true;
  }
  const QuietScope quiet;
  EVP_KEYMGMT* ec = EVP_KEYMGMT_fetch(application_, "EC", nullptr);
  if (ec != nullptr && OSSL_PROVIDER_get0_provider_ctx(EVP_KEYMGMT_get0_provider(ec)) == this)
    log.write(LogLevel::Warning,
               "EC keys of this application resolve to the quorate provider, which cannot make any: ECDHE over "
               "P-256, P-384 and P-521 will fail. Activate the default provider before it in openssl.cnf");
  EVP_KEYMGMT_free(ec);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(application_, "AES-128-GCM", nullptr);
  if (cipher == nullptr)
    log.write(LogLevel::Warning, "this application has no provider with ciphers: activate the default provider in openssl.cnf");
  EVP_CIPHER_free(cipher);
}

Result<std::shared_ptr<Engine>, Problem> Context::engine() {
  if (!config_path_) return std::shared_ptr<Engine>();
  auto loaded = load_config(*config_path_);
  if (!loaded) return problem(Reason::ConfigInvalid, std::move(loaded).error());
  const Digest fingerprint = loaded->fingerprint;

  const std::lock_guard lock(mutex_);
  std::erase_if(engines_, [](const auto& entry) { return entry.second.expired(); });
  if (const auto found = engines_.find(fingerprint); found != engines_.end())
    if (auto engine = found->second.lock()) return engine;
  auto engine = Engine::open(std::move(*loaded));
  if (!engine) return problem(Reason::ConfigInvalid, config_path_->string() + ": " + engine.error());
  engines_.insert_or_assign(fingerprint, *engine);
  return std::move(*engine);
}

}  // namespace quorate::provider
