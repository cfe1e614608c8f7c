// Evidence of a failed key generation: whatever an accuser writes is refused or has one encoding, and
// judging it is bounded work without a crash. Members with keys that the fuzzer does not have cannot be
// accused. Then the harness plays all members and signs it, so that the judgement gets to the contents.

#include "protocol/wire/keygen_codec.h"

using namespace quorate;

namespace {

const IdentityKey& identity_of(PartyId id) {
  static const auto keys = [] {
    std::vector<IdentityKey> out;
    for (std::uint8_t i = 0; i <= kMaxParties; ++i) {
      std::array<std::uint8_t, 32> seed{};
      seed.fill(i);
      out.push_back(IdentityKey::from_seed(Secret<std::array<std::uint8_t, 32>>(seed)));
    }
    return out;
  }();
  return keys[id];
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Curve::allow_toy();
  const ByteView bytes(data, size);
  const auto evidence = wire::decode_evidence(bytes);
  if (!evidence) return 0;
  const auto again = wire::encode_evidence(*evidence);
  if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
  (void)verify_evidence(*evidence, evidence->terms.members);

  auto known = *evidence;
  auto& members = known.terms.members;
  for (auto& member : members) member.identity = identity_of(member.id).public_key();
  if (verify_evidence(known, members)) std::abort();
  for (auto& statement : known.statements)
    statement.signature = identity_of(statement.sender).sign(statement_digest(known.terms, statement));
  (void)verify_evidence(known, members);

  for (const auto& statement : evidence->statements) {
    const auto coefficients = evidence->terms.coefficients();
    (void)decode_body<KeygenMsg1>(*evidence->terms.curve, coefficients, statement.body);
    (void)decode_body<KeygenMsg2>(*evidence->terms.curve, coefficients, statement.body);
    (void)decode_body<KeygenMsg3>(*evidence->terms.curve, coefficients, statement.body);
    (void)decode_body<KeygenMsg4>(*evidence->terms.curve, coefficients, statement.body);
  }
  return 0;
}
