#include <gtest/gtest.h>

#include <tuple>

#include "fuzz/wire_samples.h"

namespace quorate::wire {
namespace {

using sample::make;
using sim::SeededRng;

// Every member of a message, by structured binding: a member that is added to a struct does not compile
// here until somebody has thought of its place on the wire.

template <class T>
concept Comparable = requires(const T& a, const T& b) {
  { a == b } -> std::convertible_to<bool>;
};
template <class T>
bool same(const T& a, const T& b);
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b);
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b);

bool same_member(const auto& a, const auto& b) { return same(a, b); }
template <class... A>
bool same_all(const std::tuple<const A&...>& a, const std::tuple<const A&...>& b) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return (same_member(std::get<I>(a), std::get<I>(b)) && ...);
  }(std::index_sequence_for<A...>{});
}

auto members(const Hello& x) { const auto& [a, b, c, d, e, f, g] = x; return std::tie(a, b, c, d, e, f, g); }
auto members(const SetupOpen& x) { const auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
auto members(const ot::SetupMsg1& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const ot::SetupMsg2& x) { const auto& [a] = x; return std::tie(a); }
auto members(const ot::SetupMsg3& x) { const auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
auto members(const SetupReady& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const SchnorrProof& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const KeygenMsg1& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const KeygenMsg2& x) { const auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
auto members(const KeygenMsg3& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const KeygenMsg4& x) { const auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
auto members(const KeygenMsg5& x) { const auto& [a] = x; return std::tie(a); }
auto members(const KeygenStatement& x) { const auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
auto members(const KeygenStatements& x) { const auto& [a] = x; return std::tie(a); }
auto members(const KeygenEvidence& x) { const auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
auto members(const ot::ExtensionMessage& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const PresignMsg1& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const mul::RvoleMessage& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const PresignMsg2::Instance& x) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f);
}
auto members(const PresignMsg2& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const PresignMsg3& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const Row& x) { const auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
auto members(const PresignMsg4& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const PresignPooled&) { return std::tuple<>(); }
auto members(const PresignRetire& x) { const auto& [a] = x; return std::tie(a); }
auto members(const StatusRequest& x) { const auto& [a] = x; return std::tie(a); }
auto members(const PoolStatus& x) { const auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
auto members(const KeyStatus& x) { const auto& [a, b, c, d, e, f] = x; return std::tie(a, b, c, d, e, f); }
auto members(const StatusReply& x) { const auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
auto members(const LeaseRequest& x) { const auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
auto members(const LeaseReply& x) { const auto& [a, b, c, d] = x; return std::tie(a, b, c, d); }
auto members(const LeaseReturn& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const SignRequest& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j);
}
auto members(const SignReply& x) { const auto& [a, b, c, d, e] = x; return std::tie(a, b, c, d, e); }
auto members(const Refusal& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const RecordRequest& x) { const auto& [a] = x; return std::tie(a); }
auto members(const RecordReply& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const ConfirmRequest& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const ConfirmReply& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const DisputeNotice& x) { const auto& [a, b, c, d, e, f] = x; return std::tie(a, b, c, d, e, f); }
auto members(const QuarantineNotice& x) { const auto& [a] = x; return std::tie(a); }
auto members(const QuarantineRequest&) { return std::tuple<>(); }
auto members(const QuarantineReply::Entry& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const QuarantineReply::Dispute& x) {
  const auto& [a, b, c, d, e, f] = x;
  return std::tie(a, b, c, d, e, f);
}
auto members(const QuarantineReply& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const QuarantineClear& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const TierAssigned& x) { const auto& [a, b, c] = x; return std::tie(a, b, c); }
auto members(const TierSignRequest& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const TierSignReply& x) { const auto& [a, b, c, d, e, f] = x; return std::tie(a, b, c, d, e, f); }
auto members(const ReadinessRequest& x) { const auto& [a] = x; return std::tie(a); }
auto members(const ReadinessReply& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const KeygenRequest& x) {
  const auto& [a, b, c, d, e, f, g] = x;
  return std::tie(a, b, c, d, e, f, g);
}
auto members(const KeygenProgress& x) { const auto& [a, b] = x; return std::tie(a, b); }
auto members(const PublicKeyInfo& x) {
  const auto& [a, b, c, d, e, f, g, h, i, j, k, l] = x;
  return std::tie(a, b, c, d, e, f, g, h, i, j, k, l);
}

template <class T>
bool same(const T& a, const T& b) {
  if constexpr (Comparable<T>)
    return a == b;
  else
    return same_all(members(a), members(b));
}
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same(a[i], b[i])) return false;
  return true;
}
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b) {
  return a.has_value() == b.has_value() && (!a || same(*a, *b));
}

const std::array<const Curve*, 3> kCurves = {&Curve::p256(), &Curve::p384(), &Curve::toy()};

template <class T>
void expect_same_after_a_trip(int runs = 20) {
  Curve::allow_toy();
  for (const auto* curve : kCurves)
    for (int seed = 0; seed < runs; ++seed) {
      SeededRng rng(static_cast<std::uint64_t>(seed), curve->name());
      const auto sent = make<T>(*curve, rng);
      const auto payload = encode(sent);
      auto received = [&] {
        if constexpr (requires { decode<T>(payload, *curve); })
          return decode<T>(payload, *curve);
        else
          return decode<T>(payload);
      }();
      ASSERT_TRUE(received) << received.error().what();
      EXPECT_TRUE(same(sent, *received)) << curve->name() << " seed " << seed;
      EXPECT_EQ(encode(*received), payload);
      EXPECT_LE(payload.size(), max_payload(kTypeOf<T>));
    }
}

TEST(WireRoundTrip, Hello) { expect_same_after_a_trip<Hello>(); }
TEST(WireRoundTrip, SetupOpen) { expect_same_after_a_trip<SetupOpen>(); }
TEST(WireRoundTrip, SetupAnswer) { expect_same_after_a_trip<ot::SetupMsg1>(); }
TEST(WireRoundTrip, SetupRound2) { expect_same_after_a_trip<ot::SetupMsg2>(2); }
TEST(WireRoundTrip, SetupRound3) { expect_same_after_a_trip<ot::SetupMsg3>(2); }
TEST(WireRoundTrip, SetupReady) { expect_same_after_a_trip<SetupReady>(); }
TEST(WireRoundTrip, KeygenRound1) { expect_same_after_a_trip<KeygenMsg1>(); }
TEST(WireRoundTrip, KeygenRound2) { expect_same_after_a_trip<KeygenMsg2>(); }
TEST(WireRoundTrip, KeygenRound3) { expect_same_after_a_trip<KeygenMsg3>(); }
TEST(WireRoundTrip, KeygenRound4) { expect_same_after_a_trip<KeygenMsg4>(); }
TEST(WireRoundTrip, KeygenRound5) { expect_same_after_a_trip<KeygenMsg5>(); }
TEST(WireRoundTrip, KeygenStatements) { expect_same_after_a_trip<KeygenStatements>(); }
TEST(WireRoundTrip, PresignStart) { expect_same_after_a_trip<PresignPlan>(); }
TEST(WireRoundTrip, PresignRound1) { expect_same_after_a_trip<PresignMsg1>(); }
TEST(WireRoundTrip, PresignRound2) { expect_same_after_a_trip<PresignMsg2>(); }
TEST(WireRoundTrip, PresignRound3) { expect_same_after_a_trip<PresignMsg3>(); }
TEST(WireRoundTrip, PresignRound4) { expect_same_after_a_trip<PresignMsg4>(); }
TEST(WireRoundTrip, PresignPooled) { expect_same_after_a_trip<PresignPooled>(1); }
TEST(WireRoundTrip, PresignRetire) { expect_same_after_a_trip<PresignRetire>(); }
TEST(WireRoundTrip, StatusRequest) { expect_same_after_a_trip<StatusRequest>(); }
TEST(WireRoundTrip, StatusReply) { expect_same_after_a_trip<StatusReply>(); }
TEST(WireRoundTrip, LeaseRequest) { expect_same_after_a_trip<LeaseRequest>(); }
TEST(WireRoundTrip, LeaseReply) { expect_same_after_a_trip<LeaseReply>(); }
TEST(WireRoundTrip, LeaseReturn) { expect_same_after_a_trip<LeaseReturn>(); }
TEST(WireRoundTrip, SignRequest) { expect_same_after_a_trip<SignRequest>(); }
TEST(WireRoundTrip, SignReply) { expect_same_after_a_trip<SignReply>(); }
TEST(WireRoundTrip, Refusal) { expect_same_after_a_trip<Refusal>(); }
TEST(WireRoundTrip, RecordRequest) { expect_same_after_a_trip<RecordRequest>(); }
TEST(WireRoundTrip, RecordReply) { expect_same_after_a_trip<RecordReply>(); }
TEST(WireRoundTrip, ConfirmRequest) { expect_same_after_a_trip<ConfirmRequest>(); }
TEST(WireRoundTrip, ConfirmReply) { expect_same_after_a_trip<ConfirmReply>(); }
TEST(WireRoundTrip, DisputeNotice) { expect_same_after_a_trip<DisputeNotice>(); }
TEST(WireRoundTrip, QuarantineNotice) { expect_same_after_a_trip<QuarantineNotice>(); }
TEST(WireRoundTrip, QuarantineRequest) { expect_same_after_a_trip<QuarantineRequest>(1); }
TEST(WireRoundTrip, QuarantineReply) { expect_same_after_a_trip<QuarantineReply>(); }
TEST(WireRoundTrip, QuarantineClear) { expect_same_after_a_trip<QuarantineClear>(); }
TEST(WireRoundTrip, TierSignRequest) { expect_same_after_a_trip<TierSignRequest>(); }
TEST(WireRoundTrip, TierAssigned) { expect_same_after_a_trip<TierAssigned>(); }
TEST(WireRoundTrip, TierSignReply) { expect_same_after_a_trip<TierSignReply>(); }
TEST(WireRoundTrip, ReadinessRequest) { expect_same_after_a_trip<ReadinessRequest>(); }
TEST(WireRoundTrip, ReadinessReply) { expect_same_after_a_trip<ReadinessReply>(); }
TEST(WireRoundTrip, KeygenRequest) { expect_same_after_a_trip<KeygenRequest>(); }
TEST(WireRoundTrip, KeygenProgress) { expect_same_after_a_trip<KeygenProgress>(); }

TEST(WireRoundTrip, KeygenResultOfEitherKind) {
  Curve::allow_toy();
  int good = 0;
  for (const auto* curve : kCurves)
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SeededRng rng(seed, curve->name());
      const auto sent = make<KeygenResult>(*curve, rng);
      auto received = decode<KeygenResult>(encode(sent));
      ASSERT_TRUE(received) << received.error().what();
      EXPECT_EQ(received->ok, sent.ok);
      EXPECT_TRUE(same(received->info.members, sent.info.members));
      if (sent.ok) {
        ++good;
        EXPECT_TRUE(same_all(members(received->info), members(sent.info)));
        EXPECT_EQ(received->spki, sent.spki);
      } else {
        const auto& [ok, info, spki, fault, blame, detail, evidence] = *received;
        EXPECT_EQ(fault, sent.fault);
        EXPECT_EQ(blame, sent.blame);
        EXPECT_EQ(detail, sent.detail);
        EXPECT_EQ(evidence, sent.evidence);
      }
    }
  EXPECT_GT(good, 10);
  EXPECT_LT(good, 50);
}

TEST(WireRoundTrip, EveryAbortReasonAndNothingBesides) {
  for (int fault = 0; fault <= static_cast<int>(Fault::TimedOut); ++fault) {
    const auto payload = encode_abort(static_cast<Fault>(fault));
    ASSERT_EQ(payload, Bytes{static_cast<std::uint8_t>(fault)});
    EXPECT_EQ(*decode_abort(payload), static_cast<Fault>(fault));
  }
  EXPECT_EQ(decode_abort(Bytes{static_cast<std::uint8_t>(Fault::TimedOut) + 1}).error().reason,
            Reason::UnknownValue);
}

TEST(WireRoundTrip, EvidenceIsCompleteInItself) {
  Curve::allow_toy();
  for (const auto* curve : kCurves)
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      SeededRng rng(seed, curve->name());
      const auto sent = make<KeygenEvidence>(*curve, rng);
      const auto bytes = encode_evidence(sent);
      auto received = decode_evidence(bytes);
      ASSERT_TRUE(received) << received.error().what();
      EXPECT_TRUE(same(sent, *received));
      EXPECT_EQ(encode_evidence(*received), bytes);
      for (std::size_t size = 0; size < bytes.size(); ++size)
        ASSERT_FALSE(decode_evidence(ByteView(bytes).first(size)));
    }
}

TEST(WireRoundTrip, TextsAreCutAndCleaned) {
  Refusal refusal{SignErrorCode::PolicyDenied, std::string(300, 'a')};
  refusal.reason[1] = '\n';
  refusal.reason[2] = '\x1b';
  refusal.reason[3] = static_cast<char>(0xc3);
  auto received = decode<Refusal>(encode(refusal));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->reason, "a???" + std::string(kMaxReason - 4, 'a'));
}

TEST(WireRoundTrip, RetiredIndicesAreSortedAndDistinct) {
  auto received = decode<PresignRetire>(encode(PresignRetire{{7, 3, 7, 255, 0}}));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->indices, (std::vector<std::uint32_t>{0, 3, 7, 255}));
}

}  // namespace
}  // namespace quorate::wire
