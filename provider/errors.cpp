#include "provider/errors.h"

#include <array>
#include <cstdarg>
#include <cstring>

namespace quorate::provider {
namespace {

void set_error(const ErrorUpcalls& upcalls, Reason reason, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  upcalls.vset_error(upcalls.handle, static_cast<std::uint32_t>(reason), format, arguments);
  va_end(arguments);
}

constexpr unsigned number(Reason reason) { return static_cast<unsigned>(reason); }
constexpr unsigned number(SignErrorCode code) { return static_cast<unsigned>(code); }

/// OpenSSL keeps a pointer to this for as long as the module is loaded.
char* text(const char* literal) { return const_cast<char*>(literal); }

}  // namespace

const OSSL_ITEM* reason_strings() {
  static const std::array items = {
      OSSL_ITEM{number(SignErrorCode::QuorumInsufficient), text("QuorumInsufficient")},
      OSSL_ITEM{number(SignErrorCode::PrecomputeDepleted), text("PrecomputeDepleted")},
      OSSL_ITEM{number(SignErrorCode::DeadlineExceeded), text("DeadlineExceeded")},
      OSSL_ITEM{number(SignErrorCode::PolicyDenied), text("PolicyDenied")},
      OSSL_ITEM{number(SignErrorCode::KeyUnknown), text("KeyUnknown")},
      OSSL_ITEM{number(SignErrorCode::SignerQuarantined), text("SignerQuarantined")},
      OSSL_ITEM{number(SignErrorCode::PresignatureConsumed), text("PresignatureConsumed")},
      OSSL_ITEM{number(SignErrorCode::EpochMismatch), text("EpochMismatch")},
      OSSL_ITEM{number(SignErrorCode::Overloaded), text("Overloaded")},
      OSSL_ITEM{number(Reason::KeyFileInvalid), text("KeyFileInvalid")},
      OSSL_ITEM{number(Reason::ConfigInvalid), text("ConfigInvalid")},
      OSSL_ITEM{number(Reason::NotConfigured), text("NotConfigured")},
      OSSL_ITEM{number(Reason::ClusterMismatch), text("ClusterMismatch")},
      OSSL_ITEM{number(Reason::ContentRefused), text("ContentRefused")},
      OSSL_ITEM{number(Reason::BareDigestRefused), text("BareDigestRefused")},
      OSSL_ITEM{number(Reason::DigestUnsupported), text("DigestUnsupported")},
      OSSL_ITEM{number(Reason::ParameterUnsupported), text("ParameterUnsupported")},
      OSSL_ITEM{number(Reason::BufferTooSmall), text("BufferTooSmall")},
      OSSL_ITEM{number(Reason::NotInitialised), text("NotInitialised")},
      OSSL_ITEM{number(Reason::OutputFailed), text("OutputFailed")},
      OSSL_ITEM{number(Reason::InternalError), text("InternalError")},
      OSSL_ITEM{0, nullptr},
  };
  return items.data();
}

void raise(const ErrorUpcalls& upcalls, const Problem& problem, Place where) noexcept {
  if (upcalls.new_error == nullptr || upcalls.vset_error == nullptr) return;
  upcalls.new_error(upcalls.handle);
  if (upcalls.set_error_debug != nullptr) {
    // The queue keeps the pointers. The file's bare name will do: where it was built is nobody's business.
    const char* slash = std::strrchr(where.file, '/');
    upcalls.set_error_debug(upcalls.handle, slash == nullptr ? where.file : slash + 1, where.line, "");
  }
  set_error(upcalls, problem.reason, "%s", problem.detail.c_str());
}

}  // namespace quorate::provider
