#include <gtest/gtest.h>

#include "protocol/coordinator/investigation.h"
#include "protocol/tecdsa/partial.h"
#include "test/sim/dealt_batch.h"
#include "test/sim/seeded_rng.h"

namespace quorate::coordinator {
namespace {

constexpr PartyId kCheat = 2;
constexpr std::uint32_t kIndex = 1;

/// Three of four signers answered; what each says and serves can be changed before it is asked.
class InvestigationTest : public testing::Test {
 protected:
  InvestigationTest() {
    for (auto id : quorum_) {
      suspicion_.replies.push_back({id, batch_.r(kIndex), batch_.record_digest(kIndex), batch_.partial(id, kIndex, m_)});
      serves_[id] = record_reply(batch_);
    }
  }

  wire::RecordReply record_reply(const sim::DealtBatch& batch) const {
    const auto r = batch.record(kIndex);
    return {r.quorum, r.epoch, r.key, r.R, r.K, r.C, r.rows};
  }
  PartialReply& reply(PartyId id) {
    for (auto& r : suspicion_.replies)
      if (r.signer == id) return r;
    std::abort();
  }
  void lie(PartyId id) { reply(id).s = reply(id).s + Scalar(curve_, 1); }

  /// What a signer repeats: what it said, signed, unless a test wants otherwise.
  wire::ConfirmReply repetition(PartyId id, const Scalar& s) {
    const auto signed_one = sim::sign_partial(batch_.context, id, kIndex, group_.identities.at(id), reply(id).record,
                                              static_cast<std::uint8_t>(suspicion_.context), MessageDigest::Sha256,
                                              suspicion_.content, s);
    return {s, signed_one.record, signed_one.signature};
  }

  /// Signers 1 and 2 sign other points for signer 4's eyes; both records are valid.
  sim::DealtBatch other_points_for_four() const {
    sim::DealtBatch out = batch_;
    out.K[1][kIndex] += batch_.R[kIndex];
    out.K[2][kIndex] += batch_.R[kIndex].mul_var(Scalar(curve_, 1).negate());
    for (auto id : {PartyId{1}, PartyId{2}}) out.sign_row(id, group_.identities.at(id));
    return out;
  }
  Investigations make(Investigations::Limits limits = {}) { return {pinned_, rng_, limits}; }
  /// Plays all signers until the verdict.
  Verdict run() {
    Investigations machine = make();
    machine.open(key_, suspicion_);
    for (auto asks = machine.take_asks(); !asks.empty(); asks = machine.take_asks()) {
      for (const auto& ask : asks) {
        ++asked_[ask.to];
        if (const auto* request = std::get_if<wire::RecordRequest>(&ask.message)) {
          EXPECT_EQ(request->presignature, batch_.id(kIndex));
          machine.answer(ask.to, ask.request, serves_.at(ask.to));
        } else {
          const auto& confirm = std::get<wire::ConfirmRequest>(ask.message);
          EXPECT_EQ(confirm.content, suspicion_.content);
          EXPECT_EQ(confirm.context, suspicion_.context);
          confirms_.insert(ask.to);
          const auto answer = repeats_.find(ask.to);
          machine.answer(ask.to, ask.request,
                         answer != repeats_.end() ? answer->second : Answer(repetition(ask.to, reply(ask.to).s)));
        }
      }
    }
    auto verdicts = machine.take_verdicts();
    EXPECT_EQ(verdicts.size(), 1u);
    EXPECT_EQ(machine.open_count(), 0u);
    for (const auto& [id, n] : asked_) EXPECT_LE(n, 2u);
    for (const auto& proven : verdicts.at(0).proven) {
      const auto named = verify(proven.evidence, pinned_, key_.id);
      EXPECT_TRUE(named && *named == proven.signer);
    }
    return std::move(verdicts.at(0));
  }
  static std::set<PartyId> proven(const Verdict& v) {
    std::set<PartyId> out;
    for (const auto& p : v.proven) out.insert(p.signer);
    return out;
  }
  static std::set<PartyId> suspected(const Verdict& v, bool certain) {
    std::set<PartyId> out;
    for (const auto& s : v.suspected)
      if (s.certain == certain) out.insert(s.signer);
    return out;
  }
  static std::set<PartyId> only(PartyId id) { return {id}; }

  sim::SeededRng rng_{5};
  const Curve& curve_ = Curve::p256();
  Quorum quorum_{1, 2, 4};
  sim::DealtGroup group_ = sim::deal_key(curve_, 4, 3, rng_);
  sim::DealtBatch batch_ = sim::deal_batch(group_, quorum_, 3, rng_);
  Identities pinned_ = sim::identities_of(group_);
  KeyInfo key_{group_.info().key, &curve_, VerificationKey(group_.info().X)};
  Suspicion suspicion_{AttemptFailure::BadSum, key_.id, group_.info().epoch, quorum_, batch_.id(kIndex),
                       wire::Context::Tls13ServerCertificateVerify, wire::DigestAlgorithm::Sha256, Bytes{'x', 'y'}, {}};
  Scalar m_ = message_scalar(curve_, MessageDigest::Sha256, Bytes{'x', 'y'});
  std::map<PartyId, Answer> serves_, repeats_;
  std::map<PartyId, unsigned> asked_;
  std::set<PartyId> confirms_;
};

TEST_F(InvestigationTest, AWrongPartialIsFoundConfirmedAndProven) {
  lie(kCheat);
  const Verdict v = run();
  EXPECT_EQ(proven(v), only(kCheat));
  EXPECT_TRUE(v.suspected.empty());
  EXPECT_EQ(kind_of(v.proven.at(0).evidence), "bad-partial");
  EXPECT_EQ(confirms_, only(kCheat)) << "only the offender is asked to repeat";
}

TEST_F(InvestigationTest, AllWhoLieAreProven) {
  lie(1);
  lie(4);
  EXPECT_EQ(proven(run()), (std::set<PartyId>{1, 4}));
}

TEST_F(InvestigationTest, OneValidRecordIsEnough) {
  lie(kCheat);
  for (auto server : quorum_) {
    for (auto id : quorum_) serves_[id] = std::string("no such presignature here");
    serves_[server] = record_reply(batch_);
    asked_.clear();
    EXPECT_EQ(proven(run()), only(kCheat)) << server;
  }
}

TEST_F(InvestigationTest, SignersThatDoNotAnswerAreNotSuspected) {
  lie(kCheat);
  for (auto id : quorum_) serves_[id] = std::string("the link was lost");
  const Verdict v = run();
  EXPECT_TRUE(v.proven.empty() && v.suspected.empty());
  EXPECT_EQ(v.note, "no member showed a valid record");
}

TEST_F(InvestigationTest, ARefusedRepetitionIsACertainSuspicionAndNoEvidence) {
  lie(kCheat);
  repeats_[kCheat] = std::string("PresignatureConsumed: no such partial is remembered\n");
  const Verdict v = run();
  EXPECT_TRUE(v.proven.empty());
  EXPECT_EQ(suspected(v, true), only(kCheat));
  EXPECT_NE(v.suspected.at(0).why.find("no such partial is remembered?"), std::string::npos) << v.suspected.at(0).why;
}

TEST_F(InvestigationTest, ARepetitionThatIsRightAfterAllOrNotSignedIsNoEvidence) {
  lie(kCheat);
  const Scalar right = batch_.partial(kCheat, kIndex, m_), wrong = reply(kCheat).s;
  auto unsigned_one = repetition(kCheat, wrong);
  unsigned_one.signature[0] ^= 1;
  auto by_other = repetition(kCheat, wrong);
  by_other.signature = repetition(1, wrong).signature;
  const Answer answers[] = {repetition(kCheat, right), unsigned_one, by_other,
                            wire::ConfirmReply{Scalar(Curve::p384(), 1), {}, {}}, record_reply(batch_)};
  for (const auto& answer : answers) {
    repeats_[kCheat] = answer;
    asked_.clear();
    const Verdict v = run();
    EXPECT_TRUE(v.proven.empty());
    EXPECT_EQ(suspected(v, true), only(kCheat));
  }
}

TEST_F(InvestigationTest, ARepetitionThatIsWrongInAnotherWayIsEvidence) {
  lie(kCheat);
  repeats_[kCheat] = repetition(kCheat, Scalar(curve_, 7));
  EXPECT_EQ(proven(run()), only(kCheat));
}

TEST_F(InvestigationTest, ARepetitionUnderAnotherRecordIsEvidenceAllTheSame) {
  lie(kCheat);
  reply(kCheat).record = Digest{};
  EXPECT_EQ(proven(run()), only(kCheat));
}

TEST_F(InvestigationTest, PointsThatAreNotWhatWasPresignedAreFoundOnTheFirstPartial) {
  // The rushing member: its K is G minus the rest, although it does not know the logarithm.
  for (auto* points : {&batch_.K, &batch_.C}) {
    (*points)[kCheat][kIndex] += batch_.R[kIndex];
    (*points)[1][kIndex] += batch_.R[kIndex].mul_var(Scalar(curve_, 1).negate());
  }
  batch_.sign_row(kCheat, group_.identities.at(kCheat));
  batch_.sign_row(1, group_.identities.at(1));
  for (auto id : quorum_) {
    serves_[id] = record_reply(batch_);
    reply(id).record = batch_.record_digest(kIndex);
  }
  EXPECT_EQ(proven(run()), (std::set<PartyId>{1, kCheat}));
}

TEST_F(InvestigationTest, LyingRecordServersAreNoEvidenceAndChangeNothing) {
  lie(kCheat);
  const auto spoilt = [&](auto change) {
    auto record = record_reply(batch_);
    change(record);
    return record;
  };
  const wire::RecordReply lies[] = {
      spoilt([](auto& r) { r.K[0] += r.R; }),          spoilt([](auto& r) { std::swap(r.C[0], r.C[1]); }),
      spoilt([](auto& r) { r.R += r.R; }),             spoilt([](auto& r) { r.rows[0].signature[5] ^= 1; }),
      spoilt([](auto& r) { r.rows[1].u_digest = {}; }), spoilt([](auto& r) { r.rows[2].records[kIndex] = {}; }),
      spoilt([](auto& r) { r.rows[0].records.pop_back(); r.rows[0].records.pop_back(); })};
  for (const auto& record : lies) {
    serves_[1] = record;  // the first that is asked
    asked_.clear();
    const Verdict v = run();
    EXPECT_EQ(proven(v), only(kCheat));
    EXPECT_EQ(suspected(v, false), only(1));
    EXPECT_TRUE(suspected(v, true).empty());
  }
  const wire::RecordReply others[] = {
      spoilt([](auto& r) { r.epoch = {}; }), spoilt([](auto& r) { r.key = {}; }),
      spoilt([](auto& r) { r.quorum = {1, 2, 3}; }),
      spoilt([](auto& r) { r.R = Point::generator(Curve::p384()); }), spoilt([](auto& r) { r.K.pop_back(); })};
  for (const auto& record : others) {
    serves_[1] = record;
    asked_.clear();
    EXPECT_EQ(proven(run()), only(kCheat));
  }
}

TEST_F(InvestigationTest, ARecordOfAnotherRunConvictsNobody) {
  // Valid in all but its sid: rows and sums are those of a later run of the same quorum.
  const auto later = sim::deal_batch(group_, quorum_, 3, rng_);
  for (auto id : quorum_) serves_[id] = record_reply(later);
  const Verdict v = run();
  EXPECT_TRUE(v.proven.empty());
  EXPECT_TRUE(suspected(v, true).empty());
}

TEST_F(InvestigationTest, ASignerThatDeniesTheRecordItServesIsSuspectedForCertain) {
  suspicion_.failure = AttemptFailure::Inconsistent;
  reply(kCheat).record = Digest{};
  Verdict v = run();
  EXPECT_TRUE(v.proven.empty());
  EXPECT_EQ(suspected(v, true), only(kCheat));
  reply(kCheat).record = reply(1).record;
  reply(kCheat).r = Scalar(curve_, 9);
  asked_.clear();
  v = run();
  EXPECT_EQ(suspected(v, true), only(kCheat));
}

TEST_F(InvestigationTest, AnAnswerAboutARecordThatIsNotShownIsNoCertainSuspicion) {
  suspicion_.failure = AttemptFailure::Inconsistent;
  reply(kCheat).record = Digest{};
  serves_[kCheat] = std::string("the link was lost");
  const Verdict v = run();
  EXPECT_TRUE(v.proven.empty());
  EXPECT_TRUE(suspected(v, true).empty());
  EXPECT_EQ(suspected(v, false), only(kCheat));
}

TEST_F(InvestigationTest, TwoWhoShowAnHonestOneOtherRowsAreNamedAndNotTheHonestOne) {
  const auto for_four = other_points_for_four();
  suspicion_.failure = AttemptFailure::Inconsistent;
  reply(4).record = for_four.record_digest(kIndex);
  serves_[4] = record_reply(for_four);
  Verdict v = run();
  EXPECT_EQ(proven(v), (std::set<PartyId>{1, 2}));
  EXPECT_EQ(kind_of(v.proven.at(0).evidence), "contradicting-rows");
  EXPECT_TRUE(v.suspected.empty()) << "signer 4 was suspected: " << v.suspected.at(0).why;

  // If a lost link keeps its record away, nothing is certain about it.
  serves_[4] = std::string("the link was lost");
  asked_.clear();
  v = run();
  EXPECT_TRUE(v.proven.empty());
  EXPECT_TRUE(suspected(v, true).empty());
}

TEST_F(InvestigationTest, APartialIsJudgedByTheRecordThatItsSignerSaw) {
  const auto for_four = other_points_for_four();
  suspicion_.failure = AttemptFailure::Inconsistent;
  reply(4).record = for_four.record_digest(kIndex);
  serves_[4] = record_reply(for_four);
  lie(4);
  EXPECT_EQ(proven(run()), (std::set<PartyId>{1, 2, 4}));
}

TEST_F(InvestigationTest, HonestAnswersLeadToNoAccusation) {
  for (auto failure : {AttemptFailure::BadSum, AttemptFailure::Inconsistent, AttemptFailure::BadReply}) {
    suspicion_.failure = failure;
    asked_.clear();
    const Verdict v = run();
    EXPECT_TRUE(v.proven.empty() && v.suspected.empty());
    EXPECT_FALSE(v.note.empty());
  }
  EXPECT_TRUE(confirms_.empty());
}

TEST_F(InvestigationTest, WithoutIdentityKeysNobodyIsAskedAndNobodyAccused) {
  lie(kCheat);
  pinned_.erase(4);
  const Verdict v = run();
  EXPECT_TRUE(v.proven.empty() && v.suspected.empty() && asked_.empty());
  EXPECT_EQ(v.note, "the identity key of signer 4 is not configured here");
}

TEST_F(InvestigationTest, WithAWrongIdentityKeyNobodyIsProvenToBeAtFault) {
  lie(kCheat);
  std::swap(pinned_[1], pinned_[3]);
  const Verdict v = run();
  EXPECT_TRUE(v.proven.empty());
  EXPECT_TRUE(suspected(v, true).empty());
}

TEST_F(InvestigationTest, FewAreOpenAtOnceAndTheNewestIsDropped) {
  Investigations machine = make({.at_once = 2});
  for (const Quorum& quorum : {Quorum{1, 2, 3}, Quorum{1, 2, 3}, Quorum{1, 2, 4}, Quorum{2, 3, 4}}) {
    Suspicion s = suspicion_;
    s.quorum = quorum;
    machine.open(key_, s);
  }
  EXPECT_EQ(machine.open_count(), 2u);
  EXPECT_EQ(machine.counters().opened, 2u);
  EXPECT_EQ(machine.counters().dropped, 2u);
  const auto asks = machine.take_asks();
  EXPECT_EQ(asks.size(), 6u);
  for (const auto& ask : asks) machine.answer(ask.to, ask.request, std::string("time-out"));
  EXPECT_EQ(machine.open_count(), 0u);
  EXPECT_EQ(machine.take_verdicts().size(), 2u);
  EXPECT_TRUE(machine.take_asks().empty());
  machine.open(key_, suspicion_);
  EXPECT_EQ(machine.open_count(), 1u) << "places are free again";
}

TEST_F(InvestigationTest, ASignerIsAskedForOneRepetitionAtATime) {
  // The same lie in two quorums at once.
  const Quorum other{1, 2, 3};
  const sim::DealtBatch second = sim::deal_batch(group_, other, 3, rng_);
  Suspicion s = suspicion_;
  s.quorum = other;
  s.presignature = second.id(kIndex);
  s.replies.clear();
  for (auto id : other)
    s.replies.push_back({id, second.r(kIndex), second.record_digest(kIndex), second.partial(id, kIndex, m_)});
  s.replies[1].s = s.replies[1].s + Scalar(curve_, 1);
  lie(kCheat);
  Investigations machine = make();
  machine.open(key_, suspicion_);
  machine.open(key_, s);
  for (const auto& ask : machine.take_asks())
    machine.answer(ask.to, ask.request,
                   record_reply(std::get<wire::RecordRequest>(ask.message).presignature == s.presignature ? second : batch_));
  const auto confirms = machine.take_asks();
  ASSERT_EQ(confirms.size(), 1u);
  EXPECT_EQ(machine.take_verdicts().size(), 1u) << "the second one is over, without accusing anybody";
  EXPECT_EQ(machine.counters().inconclusive, 1u);
  machine.answer(kCheat, confirms[0].request, repetition(kCheat, reply(kCheat).s));
  EXPECT_EQ(proven(machine.take_verdicts().at(0)), only(kCheat));
}

TEST_F(InvestigationTest, AnswersThatNobodyWaitsForAreIgnored) {
  lie(kCheat);
  Investigations machine = make();
  machine.open(key_, suspicion_);
  const auto asks = machine.take_asks();
  ASSERT_EQ(asks.size(), 3u);
  machine.answer(3, asks[0].request, serves_.at(1));             // a stranger
  machine.answer(2, asks[0].request, serves_.at(1));             // another's question
  machine.answer(1, rng_.make_id<SessionId>(), serves_.at(1));   // never asked
  machine.answer(asks[0].to, asks[0].request, record_reply(batch_));
  machine.answer(asks[0].to, asks[0].request, record_reply(batch_));  // twice
  machine.answer(asks[1].to, asks[1].request, record_reply(batch_));
  for (const auto& confirm : machine.take_asks()) {
    EXPECT_EQ(confirm.to, kCheat);
    machine.answer(asks[2].to, asks[2].request, record_reply(batch_));  // late
    machine.answer(1, confirm.request, repetition(1, reply(1).s));
    machine.answer(kCheat, confirm.request, repetition(kCheat, reply(kCheat).s));
  }
  const auto verdicts = machine.take_verdicts();
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(proven(verdicts[0]), only(kCheat));
}

}  // namespace
}  // namespace quorate::coordinator
