#include "protocol/wire/hello_codec.h"

namespace quorate::wire {

Bytes encode(const Hello& hello) {
  const bool signer = hello.role == Role::Signer;
  require(1 <= hello.min_version && hello.min_version <= hello.max_version);
  require(hello.signature.size() == (signer ? sizeof(IdentitySignature) : 0));
  require(signer || hello.signer == kNobody);
  Writer out;
  out.u8(hello.min_version).u8(hello.max_version).enumeration(hello.role).name(hello.cluster);
  if (signer) out.party(hello.signer);
  out.id(hello.instance);
  return std::move(out.raw(hello.signature)).take();
}

template <>
Result<Hello, WireError> decode<Hello>(ByteView payload) {
  Reader in(payload);
  Hello out;
  out.min_version = in.u8_in("Hello.min_version", 1, 255);
  out.max_version = in.u8_in("Hello.max_version", 1, 255);
  if (in.ok() && out.min_version > out.max_version) in.reject("Hello.max_version", Reason::Mismatch);
  out.role = in.enumeration("Hello.role", Role::Signer, Role::Admin);
  out.cluster = in.name("Hello.cluster");
  const bool signer = out.role == Role::Signer;
  if (signer) out.signer = in.party("Hello.signer");
  out.instance = in.id<Digest>("Hello.instance");
  if (signer) {
    const auto signature = in.raw("Hello.signature", sizeof(IdentitySignature));
    out.signature.assign(signature.begin(), signature.end());
  }
  return in.finish(std::move(out));
}

std::optional<std::uint8_t> common_version(const Hello& mine, const Hello& theirs) {
  const auto greatest = std::min(mine.max_version, theirs.max_version);
  if (greatest < mine.min_version || greatest < theirs.min_version) return std::nullopt;
  return greatest;
}

}  // namespace quorate::wire
