#include <gtest/gtest.h>

#include "test/sim/keygen_driver.h"

namespace quorate {
namespace {

using sim::KeygenDriver;
constexpr std::size_t kThreshold = 3;

/// The messages of an honest run, as member 1 received them.
class KeygenBodies : public testing::TestWithParam<const Curve*> {
 protected:
  void SetUp() override {
    Curve::allow_toy();
    KeygenDriver::Hooks hooks;
    hooks.round1 = [this](PartyId to, auto& inbox) {
      if (to == 1) said1_ = inbox;
    };
    hooks.round2 = [this](PartyId to, auto& inbox) {
      if (to == 1) said2_ = inbox;
    };
    hooks.round3 = [this](PartyId to, auto& inbox) {
      if (to == 1) said3_ = inbox;
    };
    hooks.round4 = [this](PartyId to, auto& inbox) {
      if (to == 1) said4_ = inbox;
    };
    const auto outcome = driver_.run(hooks);
    ASSERT_TRUE(outcome.at(1)) << outcome.at(1).error().abort.what();
    sid_ = outcome.at(1)->info.sid;
  }

  const Curve& curve() const { return *GetParam(); }

  /// Read and written again a body is the same, and no shorter or longer one can be read.
  template <class Msg>
  void expect_exact(const Msg& message) {
    const auto body = encode_body(message);
    const auto read = decode_body<Msg>(curve(), kThreshold, body);
    ASSERT_TRUE(read);
    EXPECT_EQ(encode_body(*read), body);
    EXPECT_EQ(read->signature, IdentitySignature{});
    for (std::size_t size = 0; size < body.size(); ++size)
      EXPECT_FALSE(decode_body<Msg>(curve(), kThreshold, ByteView(body).first(size))) << size;
    auto longer = body;
    longer.push_back(0);
    EXPECT_FALSE(decode_body<Msg>(curve(), kThreshold, longer));
  }

  KeygenDriver driver_{*GetParam(), {1, 2, 3, 4}, kThreshold, 5};
  Inbox<KeygenMsg1> said1_;
  Inbox<KeygenMsg2> said2_;
  Inbox<KeygenMsg3> said3_;
  Inbox<KeygenMsg4> said4_;
  SessionId sid_;
};

TEST_P(KeygenBodies, are_read_back_exactly) {
  for (PartyId id = 2; id <= 4; ++id) {
    expect_exact(said1_.at(id));
    expect_exact(said2_.at(id));
    expect_exact(said3_.at(id));
    expect_exact(said4_.at(id));
  }
}

TEST_P(KeygenBodies, reject_counts_and_lengths_that_lie) {
  const auto body = encode_body(said2_.at(2));
  const auto points = 32u + 32u;  // the count of coefficients follows echo and opening
  std::size_t proofs = points + 4;
  for (const auto& point : said2_.at(2).coefficients) proofs += 4 + point.encode().size();
  for (const auto at : {points, static_cast<unsigned>(proofs)}) {
    ASSERT_EQ(body[at + 3], kThreshold);
    for (const auto& [offset, value] :
         {std::pair{3u, 2}, {3u, 4}, {3u, 0}, {0u, 0xff}, {0u, 0x80}, {2u, 1}}) {
      auto bad = body;
      bad[at + offset] = static_cast<std::uint8_t>(value);
      EXPECT_FALSE(decode_body<KeygenMsg2>(curve(), kThreshold, bad));
    }
  }
  for (std::size_t byte = 0; byte < 4; ++byte) {
    auto bad = body;
    bad[points + 4 + byte] ^= 0x40;
    EXPECT_FALSE(decode_body<KeygenMsg2>(curve(), kThreshold, bad));
    auto share = encode_body(said3_.at(2));
    share[32 + byte] ^= 0x40;
    EXPECT_FALSE(decode_body<KeygenMsg3>(curve(), kThreshold, share));
  }
  EXPECT_FALSE(decode_body<KeygenMsg2>(curve(), kThreshold - 1, body));
  EXPECT_FALSE(decode_body<KeygenMsg2>(curve(), kThreshold + 1, body));
}

TEST_P(KeygenBodies, reject_scalars_that_are_not_reduced) {
  auto message = said3_.at(2);
  residue::to_big_endian(message.share, curve().order().n);
  EXPECT_FALSE(decode_body<KeygenMsg3>(curve(), kThreshold, encode_body(message)));
  message.share.back() = static_cast<std::uint8_t>(message.share.back() - 1);  // n is odd: n - 1
  EXPECT_TRUE(decode_body<KeygenMsg3>(curve(), kThreshold, encode_body(message)));
}

TEST_P(KeygenBodies, a_commitment_is_bound_to_every_one_of_its_parts) {
  const auto& terms = driver_.terms;
  const auto& opened = said2_.at(2);
  const auto& nonce = said1_.at(2).nonce;
  const auto good = said1_.at(2).commitment;
  ASSERT_EQ(keygen_commitment(terms, 2, nonce, opened.coefficients, opened.opening), good);
  auto elsewhere = terms;
  elsewhere.ceremony.bytes[31] ^= 1;
  EXPECT_NE(keygen_commitment(elsewhere, 2, nonce, opened.coefficients, opened.opening), good);
  EXPECT_NE(keygen_commitment(terms, 3, nonce, opened.coefficients, opened.opening), good);
  EXPECT_NE(keygen_commitment(terms, 2, said1_.at(3).nonce, opened.coefficients, opened.opening), good);
  EXPECT_NE(keygen_commitment(terms, 2, nonce, std::span(opened.coefficients).first(2), opened.opening),
            good);
  EXPECT_NE(keygen_commitment(terms, 2, nonce, opened.coefficients, said2_.at(3).opening), good);
}

TEST_P(KeygenBodies, proofs_are_bound_to_session_and_prover) {
  if (curve().is_toy()) return;  // wrong ones pass there with probability 1/n
  EXPECT_FALSE(check_proofs(driver_.terms, sid_, 2, said2_.at(2)));
  EXPECT_EQ(check_proofs(driver_.terms, sid_, 3, said2_.at(2)), Fault::BadProof);
  auto other = sid_;
  other.bytes[0] ^= 1;
  EXPECT_EQ(check_proofs(driver_.terms, other, 2, said2_.at(2)), Fault::BadProof);
}

TEST_P(KeygenBodies, a_share_that_does_not_decode_is_no_evidence_of_a_bad_one) {
  auto message = said3_.at(2);
  message.share.pop_back();
  driver_.sign_as(2, 1, 3, message);
  const KeygenStatement opened{2, 2, kNobody, encode_body(said2_.at(2)), said2_.at(2).signature};
  const KeygenStatement dealt{3, 2, 1, encode_body(message), message.signature};
  EXPECT_FALSE(verify_evidence({driver_.terms, Fault::BadShare, 2, {opened, dealt}}, driver_.terms.members));
  EXPECT_TRUE(verify_evidence({driver_.terms, Fault::Malformed, 2, {dealt}}, driver_.terms.members));
}

INSTANTIATE_TEST_SUITE_P(Curves, KeygenBodies, testing::Values(&Curve::p256(), &Curve::p384(), &Curve::toy()),
                         [](const auto& instance) {
                           return instance.param->id() == CurveId::P256 ? "P256"
                                  : instance.param->is_toy()            ? "toy"
                                                                        : "P384";
                         });

}  // namespace
}  // namespace quorate
