// Texts of what a person or a log gets to see.
#include "protocol/base/abort.h"
#include "protocol/base/sign_error.h"

namespace quorate {

std::string to_string(const Quorum& quorum) {
  std::string out;
  for (auto id : quorum) out += (out.empty() ? "" : ",") + std::to_string(id);
  return out;
}

std::string_view name(Fault fault) {
  switch (fault) {
    case Fault::Malformed: return "Malformed";
    case Fault::Unexpected: return "Unexpected";
    case Fault::BadParameters: return "BadParameters";
    case Fault::Equivocation: return "Equivocation";
    case Fault::EchoMismatch: return "EchoMismatch";
    case Fault::CommitmentMismatch: return "CommitmentMismatch";
    case Fault::BadProof: return "BadProof";
    case Fault::BadShare: return "BadShare";
    case Fault::KeyMismatch: return "KeyMismatch";
    case Fault::BadSignature: return "BadSignature";
    case Fault::Infinity: return "Infinity";
    case Fault::PprfCheck: return "PprfCheck";
    case Fault::OtCheck: return "OtCheck";
    case Fault::RvoleCheck: return "RvoleCheck";
    case Fault::GammaCheck: return "GammaCheck";
    case Fault::SumCheck: return "SumCheck";
    case Fault::RowMismatch: return "RowMismatch";
    case Fault::RowSum: return "RowSum";
    case Fault::BadPartial: return "BadPartial";
    case Fault::TimedOut: return "TimedOut";
  }
  return "?";
}

std::string to_string(const Blame& blame) {
  switch (blame.kind) {
    case Blame::Kind::Nobody: return "nobody";
    case Blame::Kind::Party: return "signer " + std::to_string(blame.party);
    case Blame::Kind::Pair:
      return "dispute " + std::to_string(blame.party) + "-" + std::to_string(blame.other);
    case Blame::Kind::Quorum: return "quorum";
  }
  return "?";
}

std::string Abort::what() const {
  return std::string(name(fault)) + " (" + to_string(blame) + "): " + detail;
}

std::string_view name(SignErrorCode code) {
  switch (code) {
    case SignErrorCode::QuorumInsufficient: return "QuorumInsufficient";
    case SignErrorCode::PrecomputeDepleted: return "PrecomputeDepleted";
    case SignErrorCode::DeadlineExceeded: return "DeadlineExceeded";
    case SignErrorCode::PolicyDenied: return "PolicyDenied";
    case SignErrorCode::KeyUnknown: return "KeyUnknown";
    case SignErrorCode::SignerQuarantined: return "SignerQuarantined";
    case SignErrorCode::PresignatureConsumed: return "PresignatureConsumed";
    case SignErrorCode::EpochMismatch: return "EpochMismatch";
    case SignErrorCode::Overloaded: return "Overloaded";
  }
  return "?";
}

std::optional<SignErrorCode> sign_error_from(std::uint8_t wire) {
  if (wire < 1 || wire > 9) return std::nullopt;
  return static_cast<SignErrorCode>(wire);
}

}  // namespace quorate
