#pragma once

#include <string_view>

namespace quorate {

/// Every hash, commitment, proof and key derivation has one label of its own; each is used in one
/// place of the code (test/unit/hash_labels_test.cpp and labels_use_test.cpp hold both).
enum class Label : unsigned {
  KeygenCommit,
  KeygenSession,
  KeygenEcho,
  KeygenSignedMessage,
  KeygenConfirm,
  KeygenProof,
  KeygenShareProof,
  EpochId,
  GroupDescription,
  MemberRecord,
  HelloSignature,
  SetupId,
  SetupZeroSeed,
  BaseOtPoint,
  BaseOtKey,
  PprfCheckLeaf,
  PprfCheckRoot,
  PprfTreeKey,
  OtExtKeys,
  OtExtChallenge,
  RvoleTheta,
  RvoleMu,
  Gadget,
  PresignSession,
  PresignNonceCommit,
  GammaWeights,
  PresignEcho1,
  PresignEcho2,
  PresignUDigest,
  PresignNonceDigest,
  PresignRow,
  PresignRowEntry,
  PresignRecord,
  ZeroShare,
  SignedPartial,
  DisputeStatement,
  LeaderChoice,
  SignRequestDigest,
  Count
};

/// The bytes that go into the hash: "quorate/1/" and the name in kebab-case.
std::string_view label_text(Label label);

}  // namespace quorate
