#include <gtest/gtest.h>

#include "protocol/tecdsa/partial.h"
#include "test/sim/dealt_batch.h"
#include "test/sim/seeded_rng.h"

namespace quorate {
namespace {

constexpr PartyId kCheat = 2;
constexpr std::uint32_t kIndex = 1;
constexpr std::uint8_t kContext = 1;

/// Four signers with threshold 2; signer 2 is the one that may cheat. Everything else in here an attacker
/// who owns a coordinator and signer 2 can do as well.
class Blame : public testing::TestWithParam<const Curve*> {
 protected:
  const Curve& curve() const { return *GetParam(); }
  Identities pinned() const { return sim::identities_of(group_); }
  KeyId key() const { return group_.info().key; }
  const IdentityKey& identity(PartyId id) const { return group_.identities.at(id); }
  Scalar one() const { return Scalar(curve(), 1); }

  /// Evidence with a repetition by `signer` of what it would answer honestly plus `error`.
  BadPartialEvidence bad_partial(const sim::DealtBatch& batch, PartyId signer, const Scalar& error) const {
    const Bytes content{'c', 'o', 'n', 't', 'e', 'n', 't'};
    const Scalar m = message_scalar(curve(), MessageDigest::Sha256, content);
    return {batch.context, batch.rows.at(signer), kIndex, batch.R[kIndex], batch.K.at(signer)[kIndex],
            batch.C.at(signer)[kIndex],
            sim::sign_partial(batch.context, signer, kIndex, identity(signer), batch.record_digest(kIndex), kContext,
                              MessageDigest::Sha256, content, batch.partial(signer, kIndex, m) + error)};
  }
  RowContradiction contradiction(PartyId signer) const {
    Row other = batch_.rows.at(signer);
    other.u_digest.bytes[0] ^= 1;
    other.signature = identity(signer).sign(row_digest(batch_.context.binding(), batch_.context.quorum, other));
    return *find_contradiction(batch_.context, batch_.rows.at(signer), other, pinned());
  }
  DisputesEvidence disputes(PartyId culprit, const std::vector<PartyId>& accusers) const {
    DisputesEvidence out{group_.info(), culprit, {}};
    for (auto id : accusers) out.statements.push_back(sim::sign_dispute(group_, out.info.epoch, id, culprit));
    return out;
  }
  PartyId named(const BlameEvidence& evidence) const {
    const auto verdict = verify(evidence, pinned(), key());
    return verdict ? *verdict : kNobody;
  }

  sim::SeededRng rng_{11};
  sim::DealtGroup group_ = sim::deal_key(curve(), 4, 2, rng_);
  sim::DealtBatch batch_ = (sim::confirm_epoch(group_), sim::deal_batch(group_, {1, 2}, 3, rng_));
};
INSTANTIATE_TEST_SUITE_P(Curves, Blame, testing::Values(&Curve::p256(), &Curve::p384()),
                         [](const auto& each) { return each.index == 0 ? "P256" : "P384"; });

TEST_P(Blame, EveryKindNamesItsCulprit) {
  EXPECT_EQ(named(bad_partial(batch_, kCheat, one())), kCheat);
  EXPECT_EQ(named(contradiction(kCheat)), kCheat);
  EXPECT_EQ(named(disputes(kCheat, {1, 4})), kCheat);
  EXPECT_EQ(named(disputes(kCheat, {1, 3, 4})), kCheat);
  EXPECT_EQ(kind_of(bad_partial(batch_, kCheat, one())), "bad-partial");
  EXPECT_EQ(kind_of(contradiction(kCheat)), "contradicting-rows");
  EXPECT_EQ(kind_of(disputes(kCheat, {1, 3})), "disputes");
}

TEST_P(Blame, EvidenceOfAnotherKeyOrOfUnknownSignersIsRefused) {
  const BlameEvidence all[] = {bad_partial(batch_, kCheat, one()), contradiction(kCheat), disputes(kCheat, {1, 3})};
  for (const auto& evidence : all) {
    EXPECT_FALSE(verify(evidence, pinned(), rng_.make_id<KeyId>()));
    EXPECT_FALSE(verify(evidence, {}, key()));
    Identities swapped = pinned();
    std::swap(swapped[kCheat], swapped[3]);
    EXPECT_FALSE(verify(evidence, swapped, key()));
    Identities without = pinned();
    without.erase(kCheat);
    EXPECT_FALSE(verify(evidence, without, key()));
  }
}

// --- a wrong partial

TEST_P(Blame, AnHonestPartialIsNoEvidenceWhateverTheContent) {
  for (auto signer : {PartyId{1}, kCheat}) EXPECT_FALSE(verify(bad_partial(batch_, signer, Scalar(curve())), pinned(), key()));
}

TEST_P(Blame, WhatTheOthersSignedDoesNotMatter) {
  // The other member's points are nonsense, so that no signature could come of it and the record is another one.
  sim::DealtBatch batch = batch_;
  batch.K[kCheat][kIndex] += batch.R[kIndex];
  batch.sign_row(kCheat, identity(kCheat));
  EXPECT_FALSE(verify(bad_partial(batch, 1, Scalar(curve())), pinned(), key())) << "honest signer 1 was framed";
  EXPECT_EQ(named(bad_partial(batch, 1, one())), 1);
  // A member that signed points which it cannot open.
  EXPECT_EQ(named(bad_partial(batch, kCheat, Scalar(curve()))), kCheat);
}

TEST_P(Blame, TheRepeatedRecordDigestNeitherSavesNorFrames) {
  const auto with_record = [&](PartyId signer, const Scalar& error, const Digest& record) {
    auto e = bad_partial(batch_, signer, error);
    e.partial = sim::sign_partial(batch_.context, signer, kIndex, identity(signer), record, kContext, MessageDigest::Sha256,
                                  e.partial.content, e.partial.s);
    return e;
  };
  EXPECT_EQ(named(with_record(kCheat, one(), Digest{})), kCheat);
  EXPECT_EQ(named(with_record(1, Scalar(curve()), Digest{})), kNobody);
}

TEST_P(Blame, AHonestRepetitionCannotBeCombinedWithAnythingElse) {
  const BadPartialEvidence honest = bad_partial(batch_, 1, Scalar(curve()));
  const sim::DealtBatch later = sim::deal_batch(group_, {1, 2}, 3, rng_);
  const BadPartialEvidence other_run = bad_partial(later, 1, Scalar(curve()));
  const BadPartialEvidence cheat = bad_partial(batch_, kCheat, one());
  const auto tried = [&](const char* what, auto change) {
    BadPartialEvidence e = honest;
    change(e);
    EXPECT_FALSE(verify(e, pinned(), key())) << "signer 1 was framed by " << what;
  };
  tried("another instance", [&](auto& e) { e.index = 0; });
  tried("another instance with its points", [&](auto& e) {
    e.index = 0;
    e.R = batch_.R[0];
    e.K = batch_.K.at(1)[0];
    e.C = batch_.C.at(1)[0];
  });
  tried("the row of another run", [&](auto& e) { e.row = other_run.row; });
  tried("another run with its row and points", [&](auto& e) {
    const auto partial = e.partial;
    e = other_run;
    e.partial = partial;
  });
  tried("the partial of another run", [&](auto& e) { e.partial = other_run.partial; });
  tried("the cheat's points", [&](auto& e) { e.K = cheat.K; });
  tried("the cheat's partial", [&](auto& e) { e.partial = cheat.partial; });
  tried("the cheat's row under its name", [&](auto& e) {
    e.row = cheat.row;
    e.row.signer = 1;
  });
  tried("made up points", [&](auto& e) { e.K += e.R; });
  tried("another R", [&](auto& e) { e.R += e.R; });
  tried("another content", [&](auto& e) { e.partial.content.push_back('!'); });
  tried("no content", [&](auto& e) { e.partial.content.clear(); });
  tried("another digest algorithm", [&](auto& e) { e.partial.algorithm = MessageDigest::Sha512; });
  tried("another context", [&](auto& e) { ++e.partial.context; });
  tried("another s", [&](auto& e) { e.partial.s = e.partial.s + one(); });
  tried("-s", [&](auto& e) { e.partial.s = e.partial.s.negate(); });
  tried("another record", [&](auto& e) { e.partial.record.bytes[0] ^= 1; });
  tried("another epoch", [&](auto& e) { e.batch.epoch.bytes[0] ^= 1; });
  tried("another sid", [&](auto& e) { e.batch.sid.bytes[0] ^= 1; });
  tried("another quorum", [&](auto& e) { e.batch.quorum = {1, 3}; });
  tried("another curve", [&](auto& e) {
    e.batch.curve = &curve() == &Curve::p256() ? &Curve::p384() : &Curve::p256();
    e.partial.s = Scalar(*e.batch.curve, 1);
    e.R = e.K = e.C = Point::generator(*e.batch.curve);
  });
  tried("no row entries", [&](auto& e) { e.row.records.clear(); });
  tried("an index beyond the row", [&](auto& e) { e.index = 3; });
}

TEST_P(Blame, APartialOfAnotherKeyOrEpochIsNotHeldAgainstASignerHere) {
  // The same identity keys hold a second key; its partial is right there and wrong here.
  sim::DealtGroup second = sim::deal_key(curve(), 4, 2, rng_);
  second.identities.clear();
  for (const auto& [id, k] : group_.identities) second.identities.emplace(id, IdentityKey::from_seed(k.seed()));
  sim::DealtBatch batch = sim::deal_batch(second, {1, 2}, 3, rng_);
  BadPartialEvidence e = bad_partial(batch, 1, Scalar(curve()));
  EXPECT_FALSE(verify(e, pinned(), second.info().key));
  e.batch.key = key();
  EXPECT_FALSE(verify(e, pinned(), key()));
  e.batch.epoch = group_.info().epoch;
  EXPECT_FALSE(verify(e, pinned(), key()));
}

/// Adds the group order of Ed25519 to S: the same signature to a careless verifier.
IdentitySignature malleated(IdentitySignature signature) {
  constexpr std::array<std::uint8_t, 32> kOrder{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                                0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
                                                0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + kOrder[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return signature;
}

TEST_P(Blame, SignaturesHaveOneForm) {
  auto e = bad_partial(batch_, kCheat, one());
  e.partial.signature = malleated(e.partial.signature);
  EXPECT_EQ(named(e), kNobody);
  Row twin = batch_.rows.at(1);
  twin.signature = malleated(twin.signature);
  EXPECT_FALSE(find_contradiction(batch_.context, batch_.rows.at(1), twin, pinned()));
}

// --- contradicting rows

TEST_P(Blame, TheSameRowTwiceIsNoContradiction) {
  const Row& row = batch_.rows.at(kCheat);
  EXPECT_FALSE(find_contradiction(batch_.context, row, row, pinned()));
  EXPECT_EQ(named(RowContradiction{batch_.context, row, row}), kNobody);
}

TEST_P(Blame, RowsOfTwoSignersOrOfTwoRunsDoNotContradict) {
  EXPECT_FALSE(find_contradiction(batch_.context, batch_.rows.at(1), batch_.rows.at(2), pinned()));
  const auto later = sim::deal_batch(group_, {1, 2}, 3, rng_);
  for (const auto& context : {batch_.context, later.context}) {
    for (auto id : {PartyId{1}, kCheat}) {
      EXPECT_FALSE(find_contradiction(context, batch_.rows.at(id), later.rows.at(id), pinned()));
      EXPECT_EQ(named(RowContradiction{context, batch_.rows.at(id), later.rows.at(id)}), kNobody);
      EXPECT_EQ(named(RowContradiction{context, later.rows.at(id), batch_.rows.at(id)}), kNobody);
    }
  }
}

TEST_P(Blame, AChangedRowWithoutItsSignersSignatureIsNoContradiction) {
  for (int field = 0; field < 5; ++field) {
    Row other = batch_.rows.at(1);
    if (field == 0) other.nonce_digest.bytes[3] ^= 1;
    if (field == 1) other.u_digest.bytes[3] ^= 1;
    if (field == 2) other.records[0].bytes[3] ^= 1;
    if (field == 3) other.records.pop_back();
    if (field == 4) {
      other.records[0].bytes[3] ^= 1;
      other.signature = identity(kCheat).sign(row_digest(batch_.context.binding(), batch_.context.quorum, other));
    }
    EXPECT_FALSE(find_contradiction(batch_.context, batch_.rows.at(1), other, pinned())) << field;
    EXPECT_EQ(named(RowContradiction{batch_.context, batch_.rows.at(1), other}), kNobody) << field;
    EXPECT_EQ(named(RowContradiction{batch_.context, other, batch_.rows.at(1)}), kNobody) << field;
  }
}

TEST_P(Blame, AContradictionHasOneOrder) {
  const RowContradiction e = contradiction(kCheat);
  EXPECT_EQ(named(RowContradiction{e.batch, e.second, e.first}), kNobody);
}

TEST_P(Blame, AContradictionUnderAnotherContextIsNone) {
  const RowContradiction good = contradiction(kCheat);
  const auto tried = [&](auto change) {
    RowContradiction e = good;
    change(e);
    EXPECT_EQ(named(e), kNobody);
    std::swap(e.first, e.second);
    EXPECT_EQ(named(e), kNobody);
  };
  tried([](auto& e) { e.batch.epoch.bytes[0] ^= 1; });
  tried([](auto& e) { e.batch.sid.bytes[0] ^= 1; });
  tried([](auto& e) { e.batch.quorum = {2, 3}; });
  tried([](auto& e) { e.batch.quorum = {1, 3}; });
  tried([](auto& e) { e.first.signer = e.second.signer = 1; });
  tried([](auto& e) { e.first.signer = 1; });
  tried([](auto& e) { e.first.signature[0] ^= 1; });
  tried([](auto& e) { e.second.signature[63] ^= 1; });
}

// --- disputes

TEST_P(Blame, FewerThanThresholdAccusersProveNothing) {
  EXPECT_EQ(named(disputes(3, {kCheat})), kNobody);
  EXPECT_EQ(named(disputes(3, {})), kNobody);
}

TEST_P(Blame, OneAccuserCountsOnce) {
  auto e = disputes(3, {kCheat, kCheat});
  EXPECT_EQ(named(e), kNobody);
  e.statements[1].fault = Fault::GammaCheck;
  e.statements[1].signature = identity(kCheat).sign(dispute_digest(e.statements[1]));
  EXPECT_EQ(named(e), kNobody);
}

TEST_P(Blame, OnlyTheAccusersOwnStatementsCount) {
  // Signer 2 signs for others, and about disputes that it is not part of.
  auto e = disputes(3, {1, kCheat});
  e.statements[0].signature = identity(kCheat).sign(dispute_digest(e.statements[0]));
  EXPECT_EQ(named(e), kNobody);
  e = disputes(3, {1, kCheat});
  e.statements[1] = {e.info.epoch, 3, 4, Fault::RvoleCheck, kCheat, {}};
  e.statements[1].signature = identity(kCheat).sign(dispute_digest(e.statements[1]));
  EXPECT_EQ(named(e), kNobody);
  // The accused's own word is not one against itself.
  e = disputes(3, {1});
  e.statements.push_back({e.info.epoch, 1, 3, Fault::RvoleCheck, 3, {}});
  e.statements[1].signature = identity(3).sign(dispute_digest(e.statements[1]));
  EXPECT_EQ(named(e), kNobody);
}

TEST_P(Blame, DisputesOfOthersOrOfOtherEpochsDoNotAddUp) {
  auto e = disputes(3, {1, kCheat});
  e.statements[0] = sim::sign_dispute(group_, e.info.epoch, 1, 4);
  EXPECT_EQ(named(e), kNobody);
  e = disputes(3, {1, kCheat});
  e.statements[0] = sim::sign_dispute(group_, rng_.make_id<EpochId>(), 1, 3);
  EXPECT_EQ(named(e), kNobody);
  e.statements[0].epoch = e.info.epoch;
  EXPECT_EQ(named(e), kNobody);
  e = disputes(3, {1, kCheat});
  e.culprit = 4;
  EXPECT_EQ(named(e), kNobody);
}

TEST_P(Blame, EveryFieldOfAStatementIsSigned) {
  const auto good = disputes(kCheat, {1, 3});
  const auto tried = [&](auto change) {
    auto e = good;
    change(e.statements[1]);
    EXPECT_EQ(named(e), kNobody);
  };
  tried([](auto& s) { s.fault = Fault::OtCheck; });
  tried([](auto& s) { s.a = 1; });
  tried([](auto& s) { s.b = 4; });
  tried([](auto& s) { std::swap(s.a, s.b); });
  tried([](auto& s) { s.signer = 4; });
  tried([](auto& s) { s.signature[7] ^= 1; });
  auto e = good;
  std::swap(e.statements[0], e.statements[1]);
  EXPECT_EQ(named(e), kNobody);
}

TEST_P(Blame, AForgedStatementIsRefusedBeforeItCostsTheWorkOfAWholeEpoch) {
  auto e = disputes(kCheat, {1, 3});
  e.info.confirmations.at(1)[7] ^= 1;
  const auto refused = [&] { return verify(e, pinned(), e.info.key).error(); };
  EXPECT_EQ(refused(), "the epoch is not confirmed by its members");
  e.statements[1].signature[7] ^= 1;
  EXPECT_EQ(refused(), "a dispute is not signed by signer 3");
}

TEST_P(Blame, TheThresholdIsTheOneThatTheMembersConfirmed) {
  // Threshold 3: two corrupt signers are within bounds, and try to pass for enough.
  sim::DealtGroup three = sim::deal_key(curve(), 4, 3, rng_);
  sim::confirm_epoch(three);
  DisputesEvidence e{three.info(), 3, {}};
  for (auto id : {PartyId{1}, kCheat}) e.statements.push_back(sim::sign_dispute(three, e.info.epoch, id, 3));
  const auto pinned = sim::identities_of(three);
  EXPECT_FALSE(verify(e, pinned, e.info.key));
  e.info.threshold = 2;
  EXPECT_FALSE(verify(e, pinned, e.info.key)) << "the epoch is not that of the changed threshold";
  e.info.epoch = epoch_id_of(e.info);
  for (auto& statement : e.statements) statement = sim::sign_dispute(three, e.info.epoch, statement.signer, 3);
  EXPECT_FALSE(verify(e, pinned, e.info.key)) << "not confirmed by all";
  for (auto id : {PartyId{1}, kCheat}) e.info.confirmations[id] = three.identities.at(id).sign(confirmation_digest(e.info));
  EXPECT_FALSE(verify(e, pinned, e.info.key)) << "not confirmed by all";
  e.info.confirmations.erase(3);
  EXPECT_FALSE(verify(e, pinned, e.info.key)) << "not confirmed by all";
}

TEST_P(Blame, AnEpochThatTheAccusersMadeByThemselvesNamesNobodyElse) {
  // Two corrupt signers run keygen with each other and then accuse signer 3 in that epoch.
  sim::DealtGroup own = sim::deal_key(curve(), 2, 2, rng_);
  own.identities.clear();
  for (auto id : {PartyId{1}, kCheat}) own.identities.emplace(id, IdentityKey::from_seed(identity(id).seed()));
  for (auto& [id, share] : own.shares)
    for (auto& member : share.info.members) member.identity = identity(member.id).public_key();
  sim::confirm_epoch(own);
  DisputesEvidence e{own.info(), 3, {}};
  for (auto id : {PartyId{1}, kCheat}) e.statements.push_back(sim::sign_dispute(own, e.info.epoch, id, 3));
  EXPECT_FALSE(verify(e, pinned(), e.info.key)) << "signer 3 is no member";
}

}  // namespace
}  // namespace quorate
