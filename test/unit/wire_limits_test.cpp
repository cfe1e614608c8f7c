#include <gtest/gtest.h>

#include "fuzz/wire_samples.h"

namespace quorate::wire {
namespace {

// The greatest message of every type, on the widest curve, is exactly as long as max_payload() says, is
// taken by the decoder, and is the greatest: one more of anything that repeats is refused elsewhere.

const Curve& widest() { return Curve::p384(); }

Scalar scalar() { return Scalar(widest(), 1).negate(); }
Point point() { return Point::generator(widest()); }
Quorum everybody() {
  Quorum out;
  for (PartyId i = 1; i <= kMaxParties; ++i) out.push_back(i);
  return out;
}
std::string longest_name() { return std::string(kMaxName, 'n'); }

template <class T>
void expect_greatest(const T& message) {
  const auto payload = encode(message);
  EXPECT_EQ(payload.size(), max_payload(kTypeOf<T>));
  auto recoded = sample::recode(kTypeOf<T>, widest(), payload);
  ASSERT_TRUE(recoded) << recoded.error().what();
  EXPECT_EQ(*recoded, payload);
}

Row longest_row(PartyId signer) {
  Row row;
  row.signer = signer;
  row.records.resize(ot::kMaxBatch);
  return row;
}

TEST(WireLimits, TheWidestCurveIsP384) {
  EXPECT_EQ(widest().scalar_size(), 48u);
  EXPECT_EQ(widest().point_size(), 97u);
  for (const auto* curve : {&Curve::p256(), &Curve::toy()}) EXPECT_LT(curve->point_size(), widest().point_size());
}

TEST(WireLimits, Hello) {
  Hello hello;
  hello.cluster = longest_name();
  hello.signer = kMaxParties;
  hello.signature.resize(64);
  expect_greatest(hello);
}

TEST(WireLimits, Setup) {
  ot::SetupMsg1 first{{}, point()};
  expect_greatest(first);
  expect_greatest(SetupOpen{CurveId::P384, {}, {}, first});
  expect_greatest(SetupReady{{}, kMaxParties, {}});
  ot::SetupMsg2 second;
  second.r.assign(ot::kLambdaC, {point(), point()});
  expect_greatest(second);
  ot::SetupMsg3 third;
  third.b = second.r;
  third.t.resize(ot::kTrees * (ot::kTreeDepth - 1));
  third.check_sum.resize(ot::kTrees);
  third.check_root.resize(ot::kTrees);
  expect_greatest(third);
  EXPECT_EQ(encode_abort(Fault::Malformed).size(), max_payload(MessageType::SetupAbort));
  EXPECT_EQ(encode_abort(Fault::Malformed).size(), max_payload(MessageType::PresignAbort));
}

TEST(WireLimits, Keygen) {
  expect_greatest(KeygenMsg1{});
  KeygenMsg2 second;
  second.coefficients.assign(kMaxParties, point());
  second.proofs.assign(kMaxParties, SchnorrProof{point(), scalar()});
  expect_greatest(second);
  EXPECT_EQ(encode_body(second).size(), kMaxStatementBody);
  KeygenMsg3 third;
  third.share.resize(widest().scalar_size());
  expect_greatest(third);
  expect_greatest(KeygenMsg4{point(), point(), {point(), scalar()}, {}});
  expect_greatest(KeygenMsg5{});

  KeygenStatements statements;
  for (std::uint8_t round = 1; round <= 2; ++round)
    for (const auto sender : everybody()) {
      statements.seen.emplace_back();
      statements.seen.back().round = round;
      statements.seen.back().sender = sender;
      statements.seen.back().body.resize(kMaxStatementBody);
    }
  expect_greatest(statements);
}

TEST(WireLimits, TheGreatestEvidenceFitsIntoAResult) {
  KeygenEvidence evidence;
  evidence.terms.curve = &widest();
  evidence.terms.threshold = kMaxParties;
  evidence.terms.name = longest_name();
  for (const auto id : everybody()) evidence.terms.members.push_back({id, {}});
  auto& old = evidence.terms.old.emplace();
  old.X = point();
  for (const auto id : everybody()) old.share_points.emplace(id, point());
  evidence.culprit = 1;
  for (std::size_t i = 0; i < kMaxEvidenceStatements; ++i) {
    evidence.statements.emplace_back();
    evidence.statements.back().round = 2;
    evidence.statements.back().sender = 1;
    evidence.statements.back().body.resize(kMaxStatementBody);
  }
  const auto bytes = encode_evidence(evidence);
  EXPECT_LE(bytes.size(), kMaxEvidence);
  auto decoded = decode_evidence(bytes);
  ASSERT_TRUE(decoded) << decoded.error().what();
  EXPECT_EQ(encode_evidence(*decoded), bytes);
}

TEST(WireLimits, Presign) {
  PresignPlan plan;
  plan.curve = CurveId::P384;
  plan.quorum = everybody();
  plan.batch = ot::kMaxBatch;
  plan.setups.resize(kMaxParties * (kMaxParties - 1) / 2);
  expect_greatest(plan);

  const auto xi = ot::ots_per_multiplication(widest());
  PresignMsg1 first;
  first.extension.u.resize(ot::kTrees * ot::extension_width(ot::kMaxBatch, xi) / 8);
  expect_greatest(first);
  first.extension.u.push_back(0);
  auto u_too_long = std::move(Writer().id(Digest{}).u32(first.extension.u.size())).take();
  u_too_long.resize(max_payload(MessageType::PresignRound1) + 1);
  EXPECT_EQ(decode<PresignMsg1>(u_too_long, widest()).error().reason, Reason::TooLong);

  PresignMsg2::Instance instance{point(), point(), {Bytes(xi * 3 * widest().scalar_size()), scalar(), {}},
                                 point(), point(), scalar()};
  PresignMsg2 second;
  second.instances.assign(ot::kMaxBatch, instance);
  expect_greatest(second);

  expect_greatest(PresignMsg3{{}, std::vector<Scalar>(ot::kMaxBatch, scalar())});
  const std::vector<Point> points(ot::kMaxBatch, point());
  expect_greatest(PresignMsg4{points, points, longest_row(kMaxParties)});
  expect_greatest(PresignPooled{});
  PresignRetire retire;
  for (std::uint32_t i = 0; i < ot::kMaxBatch; ++i) retire.indices.push_back(i);
  expect_greatest(retire);
}

TEST(WireLimits, Online) {
  expect_greatest(StatusRequest{});
  KeyStatus key;
  key.curve = CurveId::P384;
  key.threshold = kMaxParties;
  key.members = everybody();
  key.pools.assign(kMaxPools, PoolStatus{everybody(), kMaxParties, UINT32_MAX, UINT32_MAX, UINT32_MAX});
  StatusReply status;
  status.signer = kMaxParties;
  status.keys.assign(kMaxKeys, key);
  status.linked = everybody();
  expect_greatest(status);

  expect_greatest(LeaseRequest{{}, {}, everybody(), kMaxLease});
  LeaseReply lease{std::vector<PresignatureId>(kMaxLease), UINT32_MAX, UINT32_MAX, UINT64_MAX};
  expect_greatest(lease);
  expect_greatest(LeaseReturn{{}, {}, lease.ids});
  expect_greatest(SignRequest{{}, everybody(), {}, {}, Context::OcspResponseData, DigestAlgorithm::Sha512,
                              Bytes(kMaxContent), UINT32_MAX, kMaxLease, std::string(kMaxFrontend, 'f')});
  expect_greatest(SignReply{{}, scalar(), {}, scalar(), lease});
  expect_greatest(Refusal{SignErrorCode::Overloaded, std::string(kMaxReason, 'r')});
}

TEST(WireLimits, Records) {
  expect_greatest(RecordRequest{});
  RecordReply reply;
  reply.quorum = everybody();
  reply.R = point();
  reply.K.assign(kMaxParties, point());
  reply.C = reply.K;
  for (const auto id : everybody()) reply.rows.push_back(longest_row(id));
  expect_greatest(reply);
  expect_greatest(ConfirmRequest{{}, everybody(), {}, {}, Context::OcspResponseData, DigestAlgorithm::Sha512,
                                 Bytes(kMaxContent)});
  expect_greatest(ConfirmReply{scalar(), {}, {}});
}

TEST(WireLimits, Quarantine) {
  expect_greatest(DisputeNotice{{}, 1, kMaxParties, Fault::TimedOut, kMaxParties, {}});
  expect_greatest(QuarantineNotice{Bytes(kMaxEvidence)});
  expect_greatest(QuarantineRequest{});
  QuarantineReply reply;
  for (const auto id : everybody())
    reply.entries.push_back({id, std::string(kMaxReason, 'r'), Bytes(kMaxEvidence)});
  const QuarantineReply::Dispute dispute{{}, everybody(), true, Fault::RowSum, std::string(kMaxReason, 'd'),
                                         std::string(kMaxTime, '0')};
  reply.disputes.assign(kMaxDisputes, dispute);
  expect_greatest(reply);
  expect_greatest(QuarantineClear{true, true});
}

TEST(WireLimits, Tier) {
  const TierAssigned assigned{{}, everybody(), {}};
  expect_greatest(assigned);
  expect_greatest(TierSignRequest{{}, Context::OcspResponseData, DigestAlgorithm::Sha512, NoncePolicy::Fresh,
                                  UINT32_MAX, Bytes(kMaxContent), assigned});
  expect_greatest(TierSignReply{scalar(), scalar(), everybody(), {}, UINT64_MAX, UINT16_MAX});
  expect_greatest(ReadinessRequest{});
  expect_greatest(ReadinessReply{ReadinessState::NotReady, SignErrorCode::Overloaded, true, kMaxParties, kMaxParties,
                                 UINT32_MAX, std::string(kMaxDetail, 'd')});
}

TEST(WireLimits, Administration) {
  expect_greatest(KeygenRequest{{}, CurveId::P384, kMaxParties, longest_name(), {}, everybody(), {}});
  expect_greatest(KeygenProgress{5, std::string(kMaxProgress, 'p')});
  KeygenResult failed;
  failed.detail = std::string(kMaxDetail, 'd');
  failed.evidence.resize(kMaxEvidence);
  failed.blame = Blame::pair(1, 2);
  expect_greatest(failed);

  KeygenResult good;
  good.ok = true;
  good.spki.resize(kMaxSpki);
  good.info.curve = &widest();
  good.info.name = longest_name();
  good.info.threshold = kMaxParties;
  good.info.X = point();
  for (const auto id : everybody()) {
    good.info.members.push_back({id, {}});
    good.info.share_points[id] = point();
    good.info.confirmations[id] = {};
  }
  const auto payload = encode(good);
  EXPECT_LE(payload.size(), max_payload(MessageType::KeygenResult));
  EXPECT_TRUE(decode<KeygenResult>(payload));
}

TEST(WireLimits, AllSizesFitTheFrame) {
  for (const auto type : all_message_types()) EXPECT_LT(max_payload(type), std::size_t{32} << 20) << name(type);
}

}  // namespace
}  // namespace quorate::wire
