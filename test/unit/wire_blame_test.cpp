#include "protocol/wire/blame_codec.h"

#include <gtest/gtest.h>

#include "protocol/tecdsa/partial.h"
#include "protocol/wire/online.h"
#include "test/sim/dealt_batch.h"
#include "test/sim/seeded_rng.h"

namespace quorate::wire {
namespace {

constexpr PartyId kCheat = 2;

/// True evidence of each kind, encoded.
class WireBlame : public testing::TestWithParam<const Curve*> {
 protected:
  BadPartialEvidence bad_partial(const sim::DealtBatch& batch, Bytes content) const {
    return {batch.context, batch.rows.at(kCheat), 1, batch.R[1], batch.K.at(kCheat)[1], batch.C.at(kCheat)[1],
            sim::sign_partial(batch.context, kCheat, 1, group_.identities.at(kCheat), Digest{}, 1, MessageDigest::Sha384,
                              std::move(content), Scalar(*GetParam(), 5))};
  }
  std::vector<BlameEvidence> all() const {
    Row other = batch_.rows.at(kCheat);
    other.u_digest.bytes[0] ^= 1;
    other.signature = group_.identities.at(kCheat).sign(row_digest(batch_.context.binding(), batch_.context.quorum, other));
    DisputesEvidence disputes{group_.info(), kCheat, {}};
    for (auto id : {PartyId{1}, PartyId{3}}) disputes.statements.push_back(sim::sign_dispute(group_, disputes.info.epoch, id, kCheat));
    return {bad_partial(batch_, Bytes{'a', 'b', 'c'}),
            *find_contradiction(batch_.context, batch_.rows.at(kCheat), other, sim::identities_of(group_)), disputes};
  }
  bool proven(const BlameEvidence& evidence) const {
    return verify(evidence, sim::identities_of(group_), group_.info().key).has_value();
  }
  /// Byte `at` becomes `value`.
  static WireError error_with(Bytes bytes, std::size_t at, std::uint8_t value) {
    bytes.at(at) = value;
    const auto decoded = decode_blame(bytes);
    return decoded ? WireError{"decoded"} : decoded.error();
  }

  sim::SeededRng rng_{9};
  sim::DealtGroup group_ = sim::deal_key(*GetParam(), 3, 2, rng_);
  sim::DealtBatch batch_ = (sim::confirm_epoch(group_), sim::deal_batch(group_, {1, 2}, 2, rng_));
};
INSTANTIATE_TEST_SUITE_P(Curves, WireBlame, testing::Values(&Curve::p256(), &Curve::p384()),
                         [](const auto& each) { return each.index == 0 ? "P256" : "P384"; });

TEST_P(WireBlame, EveryKindComesBackAsItWas) {
  for (const auto& evidence : all()) {
    ASSERT_TRUE(proven(evidence)) << kind_of(evidence);
    const Bytes bytes = encode_blame(evidence);
    const auto decoded = decode_blame(bytes);
    ASSERT_TRUE(decoded) << decoded.error().what();
    EXPECT_EQ(encode_blame(*decoded), bytes);
    EXPECT_EQ(kind_of(*decoded), kind_of(evidence));
    EXPECT_TRUE(proven(*decoded));
  }
}

TEST_P(WireBlame, EveryTruncationAndEveryByteTooManyIsRejected) {
  for (const auto& evidence : all()) {
    Bytes bytes = encode_blame(evidence);
    for (std::size_t size = 0; size < bytes.size(); ++size)
      EXPECT_FALSE(decode_blame(ByteView(bytes).first(size))) << kind_of(evidence) << " " << size;
    bytes.push_back(0);
    EXPECT_FALSE(decode_blame(bytes));
  }
}

TEST_P(WireBlame, NoByteCanBeChangedWithoutLosingTheProof) {
  for (const auto& evidence : all()) {
    Bytes bytes = encode_blame(evidence);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const std::uint8_t flip : {std::uint8_t{0x01}, std::uint8_t{0x80}}) {
        bytes[at] ^= flip;
        if (const auto decoded = decode_blame(bytes)) {
          EXPECT_EQ(encode_blame(*decoded), bytes) << "two encodings of one thing, byte " << at;
          EXPECT_FALSE(proven(*decoded)) << kind_of(evidence) << ": byte " << at << " does not matter";
        }
        bytes[at] ^= flip;
      }
    }
  }
}

TEST_P(WireBlame, FieldsAreHeldAgainstTheirLimits) {
  const auto evidence = all();
  const Bytes partial = encode_blame(evidence[0]);
  EXPECT_EQ(error_with(partial, 0, 2), (WireError{"BlameEvidence.version", Reason::WrongVersion}));
  EXPECT_EQ(error_with(partial, 1, 0), (WireError{"BlameEvidence.kind", Reason::UnknownValue}));
  EXPECT_EQ(error_with(partial, 1, 4), (WireError{"BlameEvidence.kind", Reason::UnknownValue}));
  EXPECT_EQ(error_with(partial, 2, 99), (WireError{"BlameEvidence.curve", Reason::UnknownValue}));
  const std::size_t quorum = 3 + 3 * 32;
  EXPECT_EQ(error_with(partial, quorum, 1), (WireError{"BlameEvidence.quorum", Reason::TooShort}));
  EXPECT_EQ(error_with(partial, quorum, 17), (WireError{"BlameEvidence.quorum", Reason::TooLong}));
  EXPECT_EQ(error_with(partial, quorum + 1, 3), (WireError{"BlameEvidence.quorum", Reason::NotAscending}));
  EXPECT_EQ(error_with(partial, quorum + 2, 17), (WireError{"BlameEvidence.quorum", Reason::OutOfRange}));
  const std::size_t row = quorum + 3;
  EXPECT_EQ(error_with(partial, row, 0), (WireError{"Row.signer", Reason::OutOfRange}));
  const std::size_t index = row + 1 + 64 + 2 + 2 * 32 + 64;
  EXPECT_EQ(error_with(partial, index, 1), (WireError{"BadPartial.index", Reason::OutOfRange}));
  EXPECT_EQ(error_with(partial, index + 2, 0), (WireError{"BadPartial.R", Reason::BadPoint}));
  const std::size_t point = GetParam()->point_size(), context = index + 2 + 3 * point + 32;
  EXPECT_EQ(error_with(partial, context, 0), (WireError{"BadPartial.context", Reason::UnknownValue}));
  EXPECT_EQ(error_with(partial, context, 8), (WireError{"BadPartial.context", Reason::UnknownValue}));
  EXPECT_EQ(error_with(partial, context + 1, 4), (WireError{"BadPartial.digest", Reason::UnknownValue}));
  EXPECT_EQ(error_with(partial, context + 2, 1), (WireError{"BadPartial.content", Reason::TooLong}));
  const std::size_t s = context + 2 + 4 + 3;
  Bytes large = partial;
  std::fill_n(large.begin() + static_cast<std::ptrdiff_t>(s), GetParam()->scalar_size(), std::uint8_t{0xff});
  EXPECT_EQ(decode_blame(large).error(), (WireError{"BadPartial.s", Reason::BadScalar}));

  const Bytes disputes = encode_blame(evidence[2]);
  const std::size_t statement = 4 + 64, last = disputes.size() - statement;
  EXPECT_EQ(error_with(disputes, last, 0), (WireError{"Disputes.a", Reason::OutOfRange}));
  EXPECT_EQ(error_with(disputes, last + 1, 17), (WireError{"Disputes.b", Reason::OutOfRange}));
  EXPECT_EQ(error_with(disputes, last + 2, 200), (WireError{"Disputes.fault", Reason::UnknownValue}));
  EXPECT_EQ(error_with(disputes, last + 3, 1), (WireError{"Disputes.signer", Reason::NotAscending}));
  EXPECT_EQ(error_with(disputes, last - statement - 1, 17), (WireError{"Disputes.statements", Reason::TooLong}));
  EXPECT_EQ(error_with(disputes, last - statement - 1, 0), (WireError{"Disputes.statements", Reason::TooShort}));
  EXPECT_EQ(error_with(disputes, last - statement - 2, 0), (WireError{"Disputes.culprit", Reason::OutOfRange}));
}

TEST_P(WireBlame, TheGreatestEvidenceFitsAndMoreIsRejectedUnread) {
  sim::DealtBatch batch = batch_;
  batch.rows[kCheat].records.resize(ot::kMaxBatch);
  const auto evidence = bad_partial(batch, Bytes(kMaxContent, 0x5a));
  const Bytes bytes = encode_blame(evidence);
  EXPECT_TRUE(decode_blame(bytes));
  const auto rejected = decode_blame(Bytes(kMaxEvidence + 1, kBlameVersion));
  ASSERT_FALSE(rejected);
  EXPECT_EQ(rejected.error(), (WireError{"BlameEvidence", Reason::TooLong}));
}

}  // namespace
}  // namespace quorate::wire
