#include "fuzz/wire_samples.h"

namespace quorate::wire::sample {
namespace {

/// Calls f with the empty value of the struct that this type carries.
template <class F>
auto with_message(MessageType type, F&& f) {
  switch (type) {
    case MessageType::Hello: return f(static_cast<Hello*>(nullptr));
    case MessageType::SetupOpen: return f(static_cast<SetupOpen*>(nullptr));
    case MessageType::SetupAnswer: return f(static_cast<ot::SetupMsg1*>(nullptr));
    case MessageType::SetupRound2: return f(static_cast<ot::SetupMsg2*>(nullptr));
    case MessageType::SetupRound3: return f(static_cast<ot::SetupMsg3*>(nullptr));
    case MessageType::SetupReady: return f(static_cast<SetupReady*>(nullptr));
    case MessageType::KeygenRound1: return f(static_cast<KeygenMsg1*>(nullptr));
    case MessageType::KeygenRound2: return f(static_cast<KeygenMsg2*>(nullptr));
    case MessageType::KeygenRound3: return f(static_cast<KeygenMsg3*>(nullptr));
    case MessageType::KeygenRound4: return f(static_cast<KeygenMsg4*>(nullptr));
    case MessageType::KeygenRound5: return f(static_cast<KeygenMsg5*>(nullptr));
    case MessageType::KeygenEvidence: return f(static_cast<KeygenStatements*>(nullptr));
    case MessageType::PresignStart: return f(static_cast<PresignPlan*>(nullptr));
    case MessageType::PresignRound1: return f(static_cast<PresignMsg1*>(nullptr));
    case MessageType::PresignRound2: return f(static_cast<PresignMsg2*>(nullptr));
    case MessageType::PresignRound3: return f(static_cast<PresignMsg3*>(nullptr));
    case MessageType::PresignRound4: return f(static_cast<PresignMsg4*>(nullptr));
    case MessageType::PresignPooled: return f(static_cast<PresignPooled*>(nullptr));
    case MessageType::PresignRetire: return f(static_cast<PresignRetire*>(nullptr));
    case MessageType::StatusRequest: return f(static_cast<StatusRequest*>(nullptr));
    case MessageType::StatusReply: return f(static_cast<StatusReply*>(nullptr));
    case MessageType::LeaseRequest: return f(static_cast<LeaseRequest*>(nullptr));
    case MessageType::LeaseReply: return f(static_cast<LeaseReply*>(nullptr));
    case MessageType::LeaseReturn: return f(static_cast<LeaseReturn*>(nullptr));
    case MessageType::SignRequest: return f(static_cast<SignRequest*>(nullptr));
    case MessageType::SignReply: return f(static_cast<SignReply*>(nullptr));
    case MessageType::Refusal: return f(static_cast<Refusal*>(nullptr));
    case MessageType::RecordRequest: return f(static_cast<RecordRequest*>(nullptr));
    case MessageType::RecordReply: return f(static_cast<RecordReply*>(nullptr));
    case MessageType::ConfirmRequest: return f(static_cast<ConfirmRequest*>(nullptr));
    case MessageType::ConfirmReply: return f(static_cast<ConfirmReply*>(nullptr));
    case MessageType::DisputeNotice: return f(static_cast<DisputeNotice*>(nullptr));
    case MessageType::QuarantineNotice: return f(static_cast<QuarantineNotice*>(nullptr));
    case MessageType::QuarantineRequest: return f(static_cast<QuarantineRequest*>(nullptr));
    case MessageType::QuarantineReply: return f(static_cast<QuarantineReply*>(nullptr));
    case MessageType::KeygenRequest: return f(static_cast<KeygenRequest*>(nullptr));
    case MessageType::KeygenProgress: return f(static_cast<KeygenProgress*>(nullptr));
    case MessageType::KeygenResult: return f(static_cast<KeygenResult*>(nullptr));
    case MessageType::QuarantineClear: return f(static_cast<QuarantineClear*>(nullptr));
    case MessageType::TierSignRequest: return f(static_cast<TierSignRequest*>(nullptr));
    case MessageType::TierAssigned: return f(static_cast<TierAssigned*>(nullptr));
    case MessageType::TierSignReply: return f(static_cast<TierSignReply*>(nullptr));
    case MessageType::ReadinessRequest: return f(static_cast<ReadinessRequest*>(nullptr));
    case MessageType::ReadinessReply: return f(static_cast<ReadinessReply*>(nullptr));
    case MessageType::SetupAbort:
    case MessageType::PresignAbort: return f(static_cast<Fault*>(nullptr));
  }
  std::abort();
}

template <class T>
constexpr bool kTakesCurve = [] {
  switch (kTypeOf<T>) {
    case MessageType::SetupAnswer:
    case MessageType::SetupRound2:
    case MessageType::SetupRound3:
    case MessageType::KeygenRound1:
    case MessageType::KeygenRound2:
    case MessageType::KeygenRound3:
    case MessageType::KeygenRound4:
    case MessageType::KeygenRound5:
    case MessageType::PresignRound1:
    case MessageType::PresignRound2:
    case MessageType::PresignRound3:
    case MessageType::PresignRound4:
    case MessageType::SignReply:
    case MessageType::RecordReply:
    case MessageType::ConfirmReply:
    case MessageType::TierSignReply: return true;
    default: return false;
  }
}();

}  // namespace

bool takes_curve(MessageType type) {
  return with_message(type, []<class T>(T*) { return kTakesCurve<T>; });
}

Bytes payload(MessageType type, const Curve& curve, sim::SeededRng& rng) {
  return with_message(type, [&]<class T>(T*) {
    if constexpr (std::is_same_v<T, Fault>) {
      return encode_abort(static_cast<Fault>(rng.below(20)));
    } else {
      return encode(make<T>(curve, rng));
    }
  });
}

Result<Bytes, WireError> recode(MessageType type, const Curve& curve, ByteView payload) {
  return with_message(type, [&]<class T>(T*) -> Result<Bytes, WireError> {
    auto decoded = [&] {
      if constexpr (std::is_same_v<T, Fault>) {
        return decode_abort(payload);
      } else if constexpr (kTakesCurve<T>) {
        return decode<T>(payload, curve);
      } else {
        return decode<T>(payload);
      }
    }();
    if (!decoded) return fail(decoded.error());
    if constexpr (std::is_same_v<T, Fault>) {
      return encode_abort(*decoded);
    } else {
      return encode(*decoded);
    }
  });
}

constexpr std::uint8_t kCurveStep = 85;

std::uint8_t selector(const Selection& selection) {
  const auto number = static_cast<std::uint8_t>(selection.type);
  require(number < kCurveStep);
  const int curve = selection.curve->is_toy() ? 2 : selection.curve->id() == CurveId::P384 ? 1 : 0;
  return static_cast<std::uint8_t>(number + curve * kCurveStep);
}

std::optional<Selection> selected_by(std::uint8_t selector) {
  const auto type = message_type_from(selector % kCurveStep);
  if (!type || selector == 3 * kCurveStep) return std::nullopt;
  const std::array<const Curve*, 3> curves = {&Curve::p256(), &Curve::p384(), &Curve::toy()};
  return Selection{*type, curves[selector / kCurveStep]};
}

}  // namespace quorate::wire::sample
