#include "protocol/ot/setup_messages.h"
#include "protocol/ot/soft_spoken.h"
#include "protocol/wire/admin.h"
#include "protocol/wire/codec.h"
#include "protocol/wire/envelope.h"
#include "protocol/wire/keygen_codec.h"
#include "protocol/wire/online.h"
#include "protocol/wire/quarantine.h"
#include "protocol/wire/tier.h"

namespace quorate::wire {
namespace {

/// Fields of the widest kind: P-384 is the largest curve.
constexpr std::size_t kId = 32;
constexpr std::size_t kSignature = 64;
constexpr std::size_t kScalar = 48;
constexpr std::size_t kPoint = 1 + 2 * 48;
constexpr std::size_t kOrderBits = 384;

constexpr std::size_t kParties = 1 + kMaxParties;
constexpr std::size_t kName = 1 + kMaxName;
constexpr std::size_t kPresignatureId = kId + 4;
constexpr std::size_t kOts = kOrderBits + 2 * ot::kLambdaS;
constexpr std::size_t kSetupMsg1 = kId + kPoint;
constexpr std::size_t kPointPairs = ot::kLambdaC * 2 * kPoint;
constexpr std::size_t kProof = kPoint + kScalar;
constexpr std::size_t kKeygenMsg2 =
    kId + (1 + kMaxParties * kPoint) + 32 + (1 + kMaxParties * kProof) + kSignature;
constexpr std::size_t kRow = 1 + 2 * kId + (2 + ot::kMaxBatch * kId) + kSignature;
constexpr std::size_t kInstance = 4 * kPoint + kOts * 3 * kScalar + 2 * kScalar + kId;
constexpr std::size_t kPool = kParties + 1 + 4 + 4 + 4;
constexpr std::size_t kKeyStatus = 2 * kId + 1 + 1 + kParties + 2 + kMaxPools * kPool;
constexpr std::size_t kIds = 2 + kMaxLease * kPresignatureId;
constexpr std::size_t kLease = kIds + 4 + 4 + 8;
constexpr std::size_t kToBeSigned = kPresignatureId + kParties + 2 * kId + 1 + 1 + 4 + kMaxContent;
constexpr std::size_t kAssignment = kPresignatureId + kParties + kId;
constexpr std::size_t kQuarantined = 1 + (2 + kMaxReason) + (4 + kMaxEvidence);
constexpr std::size_t kDispute = kId + kParties + 1 + 1 + (2 + kMaxReason) + (2 + kMaxTime);
constexpr std::size_t kInfo = 1 + kName + 5 * kId + 1 + 1 + kMaxParties * (1 + kId + kPoint + kSignature) + kPoint;
constexpr std::size_t kFailure = 1 + 3 + (2 + kMaxDetail) + (4 + kMaxEvidence);
static_assert(kFailure > kInfo + 2 + kMaxSpki);
constexpr std::size_t kTerms = 1 + kId + 1 + kName + kId + 1 + kMaxParties * (1 + kId);
static_assert(1 + kTerms + 1 + 1 + 1 + kMaxEvidenceStatements * kMaxStatement <= kMaxEvidence);

}  // namespace

std::size_t max_payload(MessageType type) {
  switch (type) {
    case MessageType::Hello: return 1 + 1 + 1 + kName + 1 + kId + kSignature;
    case MessageType::SetupOpen: return 1 + 2 * kId + kSetupMsg1;
    case MessageType::SetupAnswer: return kSetupMsg1;
    case MessageType::SetupRound2: return kPointPairs;
    case MessageType::SetupRound3:
      return kPointPairs + ot::kTrees * ((ot::kTreeDepth - 1) * 2 * sizeof(ot::Block) + 2 * 32);
    case MessageType::SetupAbort: return 1;
    case MessageType::SetupReady: return kId + 1 + kId;
    case MessageType::KeygenRound1: return 2 * kId + kSignature;
    case MessageType::KeygenRound2: return kKeygenMsg2;
    case MessageType::KeygenRound3: return kId + kScalar + kSignature;
    case MessageType::KeygenRound4: return 2 * kPoint + kProof + kSignature;
    case MessageType::KeygenRound5: return kSignature;
    case MessageType::KeygenEvidence: return 1 + 2 * kMaxParties * kMaxStatement;
    case MessageType::PresignStart:
      return 1 + 2 * kId + kParties + 4 + 1 + 8 + kId + kMaxParties * (kMaxParties - 1) / 2 * kId;
    case MessageType::PresignRound1:
      return kId + 4 + ot::kTrees * ot::extension_width(ot::kMaxBatch, kOts) / 8 +
             (1 + ot::kLambdaC) * sizeof(ot::Block);
    case MessageType::PresignRound2: return kId + 32 + 2 + ot::kMaxBatch * kInstance;
    case MessageType::PresignRound3: return kId + 2 + ot::kMaxBatch * kScalar;
    case MessageType::PresignRound4: return 2 * (2 + ot::kMaxBatch * kPoint) + kRow;
    case MessageType::PresignPooled: return 0;
    case MessageType::PresignRetire: return 4 + ot::kMaxBatch * 4;
    case MessageType::PresignAbort: return 1;
    case MessageType::DisputeNotice: return kId + 4 + kSignature;
    case MessageType::QuarantineNotice: return 4 + kMaxEvidence;
    case MessageType::StatusRequest: return kId;
    case MessageType::StatusReply: return 1 + kId + 1 + kMaxKeys * kKeyStatus + kParties + 8;
    case MessageType::LeaseRequest: return 2 * kId + kParties + 2;
    case MessageType::LeaseReply: return kLease;
    case MessageType::LeaseReturn: return 2 * kId + kIds;
    case MessageType::SignRequest: return kToBeSigned + 4 + 2 + (2 + kMaxFrontend);
    case MessageType::SignReply: return kPresignatureId + 2 * kScalar + kId + kLease;
    case MessageType::Refusal: return 1 + 2 + kMaxReason;
    case MessageType::RecordRequest: return kPresignatureId;
    case MessageType::RecordReply: return kParties + 2 * kId + kPoint + kMaxParties * (2 * kPoint + kRow);
    case MessageType::ConfirmRequest: return kToBeSigned;
    case MessageType::ConfirmReply: return kScalar + kId + kSignature;
    case MessageType::QuarantineRequest: return 0;
    case MessageType::QuarantineReply: return 8 + 1 + kMaxParties * kQuarantined + 2 + kMaxDisputes * kDispute;
    case MessageType::KeygenRequest: return kId + 1 + 1 + kName + kId + kParties + kId;
    case MessageType::KeygenProgress: return 1 + 2 + kMaxProgress;
    case MessageType::KeygenResult: return 1 + kFailure;
    case MessageType::QuarantineClear: return 2;
    case MessageType::TierSignRequest: return kId + 3 + 4 + 4 + kMaxContent + 1 + kAssignment;
    case MessageType::TierAssigned: return kAssignment;
    case MessageType::TierSignReply: return 2 * kScalar + kParties + kPresignatureId + 8 + 2;
    case MessageType::ReadinessRequest: return kId;
    case MessageType::ReadinessReply: return 5 + 4 + 2 + kMaxDetail;
  }
  return 0;
}

}  // namespace quorate::wire
