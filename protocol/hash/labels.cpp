#include "protocol/hash/labels.h"

#include <cstdlib>

namespace quorate {

std::string_view label_text(Label label) {
  switch (label) {
    case Label::KeygenCommit:
      return "quorate/1/keygen-commit";
    case Label::KeygenSession:
      return "quorate/1/keygen-session";
    case Label::KeygenEcho:
      return "quorate/1/keygen-echo";
    case Label::KeygenSignedMessage:
      return "quorate/1/keygen-signed-message";
    case Label::KeygenConfirm:
      return "quorate/1/keygen-confirm";
    case Label::KeygenProof:
      return "quorate/1/keygen-proof";
    case Label::KeygenShareProof:
      return "quorate/1/keygen-share-proof";
    case Label::EpochId:
      return "quorate/1/epoch-id";
    case Label::GroupDescription:
      return "quorate/1/group-description";
    case Label::MemberRecord:
      return "quorate/1/member-record";
    case Label::HelloSignature:
      return "quorate/1/hello-signature";
    case Label::SetupId:
      return "quorate/1/setup-id";
    case Label::SetupZeroSeed:
      return "quorate/1/setup-zero-seed";
    case Label::BaseOtPoint:
      return "quorate/1/base-ot-point";
    case Label::BaseOtKey:
      return "quorate/1/base-ot-key";
    case Label::PprfCheckLeaf:
      return "quorate/1/pprf-check-leaf";
    case Label::PprfCheckRoot:
      return "quorate/1/pprf-check-root";
    case Label::PprfTreeKey:
      return "quorate/1/pprf-tree-key";
    case Label::OtExtKeys:
      return "quorate/1/ot-ext-keys";
    case Label::OtExtChallenge:
      return "quorate/1/ot-ext-challenge";
    case Label::RvoleTheta:
      return "quorate/1/rvole-theta";
    case Label::RvoleMu:
      return "quorate/1/rvole-mu";
    case Label::Gadget:
      return "quorate/1/gadget";
    case Label::PresignSession:
      return "quorate/1/presign-session";
    case Label::PresignNonceCommit:
      return "quorate/1/presign-nonce-commit";
    case Label::GammaWeights:
      return "quorate/1/gamma-weights";
    case Label::PresignEcho1:
      return "quorate/1/presign-echo-1";
    case Label::PresignEcho2:
      return "quorate/1/presign-echo-2";
    case Label::PresignNonceDigest:
      return "quorate/1/presign-nonce-digest";
    case Label::PresignUDigest:
      return "quorate/1/presign-u-digest";
    case Label::PresignRow:
      return "quorate/1/presign-row";
    case Label::PresignRowEntry:
      return "quorate/1/presign-row-entry";
    case Label::PresignRecord:
      return "quorate/1/presign-record";
    case Label::ZeroShare:
      return "quorate/1/zero-share";
    case Label::SignedPartial:
      return "quorate/1/signed-partial";
    case Label::DisputeStatement:
      return "quorate/1/dispute-statement";
    case Label::LeaderChoice:
      return "quorate/1/leader-choice";
    case Label::SignRequestDigest:
      return "quorate/1/sign-request-digest";
    case Label::Count:
      break;
  }
  std::abort();
}

}  // namespace quorate
