#pragma once

#include <openssl/core.h>
#include <openssl/err.h>

#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <exception>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/result.h"
#include "protocol/base/sign_error.h"

namespace quorate::provider {

/// Reason codes of this provider in OpenSSL's error queue. Those below 100 are SignErrorCode's.
enum class Reason : int {
  KeyFileInvalid = 100,
  ConfigInvalid,
  NotConfigured,
  ClusterMismatch,
  ContentRefused,
  BareDigestRefused,
  DigestUnsupported,
  ParameterUnsupported,
  BufferTooSmall,
  NotInitialised,
  OutputFailed,
  InternalError,
};
constexpr Reason reason_of(SignErrorCode code) { return static_cast<Reason>(code); }

/// Reason and what to do about it: "error:...:quorate::QuorumInsufficient:1 of 2 signers reachable".
struct Problem {
  Reason reason = Reason::InternalError;
  std::string detail;
};
inline Failure<Problem> problem(Reason reason, std::string detail) {
  return fail(Problem{reason, std::move(detail)});
}

/// The core's functions for its own error queue. Ours may be another copy of libcrypto than the
/// application's, so that ERR_raise would speak to nobody.
struct ErrorUpcalls {
  const OSSL_CORE_HANDLE* handle = nullptr;
  void (*new_error)(const OSSL_CORE_HANDLE*) = nullptr;
  void (*set_error_debug)(const OSSL_CORE_HANDLE*, const char*, int, const char*) = nullptr;
  void (*vset_error)(const OSSL_CORE_HANDLE*, std::uint32_t, const char*, va_list) = nullptr;
};

/// For OSSL_FUNC_PROVIDER_GET_REASON_STRINGS; ends with {0, nullptr}.
const OSSL_ITEM* reason_strings();

/// Where in our source an error was raised.
struct Place {
  const char* file;
  int line;
};

void raise(const ErrorUpcalls& upcalls, const Problem& problem, Place where) noexcept;

/// Drops what the code inside left in the error queue; errno stays as it was.
class QuietScope {
 public:
  QuietScope() : errno_(errno) { ERR_set_mark(); }
  QuietScope(const QuietScope&) = delete;
  QuietScope& operator=(const QuietScope&) = delete;
  ~QuietScope() {
    ERR_pop_to_mark();
    errno = errno_;
  }

 private:
  int errno_;
};

/// Runs the body of a function that OpenSSL calls: nothing is thrown into C, the error queue is as
/// before on success and has one entry of ours on failure. `body` returns Result<T, Problem>; the value
/// of a failure is `on_failure`.
template <class T, class Body>
T entry(const ErrorUpcalls& upcalls, T on_failure, Body&& body,
        const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept {
  std::optional<Problem> failed;
  try {
    const QuietScope quiet;
    try {
      Result<T, Problem> result = body();
      if (result) return std::move(*result);
      failed = std::move(result).error();
    } catch (const std::exception& error) {
      failed = Problem{Reason::InternalError, error.what()};
    }
  } catch (...) {
    failed = Problem{Reason::InternalError, {}};
  }
  raise(upcalls, *failed, {file, line});
  return on_failure;
}

}  // namespace quorate::provider
