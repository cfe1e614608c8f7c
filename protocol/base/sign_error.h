#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace quorate {

/// Why a signing request got no signature. The same names on the wire, in OpenSSL's error queue,
/// in logs, metrics and the CLI; the numbers are the wire's.
enum class SignErrorCode : std::uint8_t {
  QuorumInsufficient = 1,
  PrecomputeDepleted = 2,
  DeadlineExceeded = 3,
  PolicyDenied = 4,
  KeyUnknown = 5,
  SignerQuarantined = 6,
  PresignatureConsumed = 7,
  EpochMismatch = 8,
  Overloaded = 9,
};
std::string_view name(SignErrorCode code);
std::optional<SignErrorCode> sign_error_from(std::uint8_t wire);

struct SignError {
  SignErrorCode code = SignErrorCode::QuorumInsufficient;
  std::string detail;  ///< what happened, to what, what to do; one line
  [[nodiscard]] std::string what() const { return std::string(name(code)) + ": " + detail; }
};

}  // namespace quorate
