#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include <cstdlib>

#include "protocol/base/abort.h"
#include "protocol/base/bytes.h"
#include "protocol/base/ct.h"
#include "protocol/base/rng.h"
#include "protocol/base/sign_error.h"

namespace quorate {

std::string to_hex(ByteView bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (auto b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

std::optional<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int hi = digit(text[i]), lo = digit(text[i + 1]);
    if (hi < 0 || lo < 0) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(hi << 4 | lo));
  }
  return out;
}

std::string to_base64(ByteView bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::optional<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  Bytes out(text.size() / 4 * 3);
  if (text.empty()) return out;
  const int n = EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                static_cast<int>(text.size()));
  if (n < 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(n) - padding);
  return out;
}

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

namespace ct {

bool equal(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  int differs = a.empty() ? 0 : CRYPTO_memcmp(a.data(), b.data(), a.size());
  unpoison(&differs, sizeof differs);
  return differs == 0;
}

void select_bytes(MutableByteView out, std::uint64_t bit, ByteView a, ByteView b) {
  const auto m = static_cast<std::uint8_t>(mask(bit));
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::uint8_t>(a[i] ^ (m & (a[i] ^ b[i])));
}

void wipe(void* data, std::size_t size) {
  if (size != 0) explicit_bzero(data, size);
}

}  // namespace ct

void SystemRng::fill(MutableByteView out) {
  if (!out.empty() && RAND_priv_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
}

}  // namespace quorate
