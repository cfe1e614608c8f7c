// BlameDriver by itself: what signers say is put in by the test.
#include "protocol/net/blame_driver.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "protocol/tecdsa/presign.h"
#include "protocol/wire/blame_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "test/sim/seeded_rng.h"

namespace quorate::net {
namespace {

constexpr PartyId kCheat = 16;

class BlameDriverTest : public testing::Test {
 protected:
  BlameDriverTest() {
    Identities pinned;
    std::set<PartyId> all;
    for (PartyId id = 1; id <= kMaxParties; ++id) {
      identities_.emplace(id, IdentityKey::generate(rng_));
      pinned[id] = identities_.at(id).public_key();
      all.insert(id);
    }
    BlameDriver::Hooks hooks;
    hooks.request = [this](const wire::Envelope& envelope, std::chrono::nanoseconds, auto on_reply, auto on_end) {
      if (envelope.type != wire::MessageType::QuarantineRequest) return;
      const auto payload = wire::encode(lists_[envelope.to]);
      on_reply({wire::MessageType::QuarantineReply, envelope.sid, envelope.to, kNobody, payload});
      on_end({});
    };
    hooks.quarantine = [this](const std::set<PartyId>& now) { quarantined_ = now; };
    driver_ = std::make_shared<BlameDriver>(io_, all, pinned, rng_, hooks);
    driver_->add_key({key_, &Curve::p256(), VerificationKey(Point::mul_base(Scalar(Curve::p256(), 7)))});
    driver_->on_blame([this](const coordinator::Verdict&) { ++told_; });
  }

  /// Two rows of one run, which nobody but the cheat itself can make: for whatever epoch it likes.
  Bytes confession(const EpochId& epoch) {
    const BatchContext batch{&Curve::p256(), key_, epoch, rng_.make_id<SessionId>(), {1, kCheat}};
    const auto row = [&](std::uint8_t what) {
      Row out{kCheat, {}, {}, {Digest{}}};
      out.nonce_digest.bytes.fill(what);
      out.signature = identities_.at(kCheat).sign(row_digest(batch.binding(), batch.quorum, out));
      return out;
    };
    Identities cheat{{kCheat, identities_.at(kCheat).public_key()}};
    return wire::encode_blame(*find_contradiction(batch, row(1), row(2), cheat));
  }

  void hear(PartyId from, const EpochId& epoch, std::uint64_t version = 0) {
    wire::KeyStatus key{key_, epoch, CurveId::P256, 2, {1, kCheat}, {}};
    driver_->heard(from, {from, {}, {key}, {}, version});
  }

  boost::asio::io_context io_;
  sim::SeededRng rng_{1};
  std::map<PartyId, IdentityKey> identities_;
  const KeyId key_ = rng_.make_id<KeyId>();
  const EpochId epoch_ = rng_.make_id<EpochId>();
  std::map<PartyId, wire::QuarantineReply> lists_;
  std::set<PartyId> quarantined_;
  std::size_t told_ = 0;
  std::shared_ptr<BlameDriver> driver_;
};

TEST_F(BlameDriverTest, EvidenceCountsWhileTheAccusedIsInItsEpoch) {
  hear(kCheat, epoch_);
  lists_[1].entries.push_back({kCheat, "test", confession(epoch_)});
  hear(1, epoch_, 5);
  EXPECT_EQ(quarantined_, std::set<PartyId>{kCheat});
  EXPECT_EQ(told_, 1u);
  hear(kCheat, rng_.make_id<EpochId>());
  EXPECT_TRUE(quarantined_.empty());
  hear(kCheat, epoch_);
  EXPECT_EQ(quarantined_, std::set<PartyId>{kCheat});
}

TEST_F(BlameDriverTest, EvidenceAgainstOneselfForEpochsThatNeverWereKeepsNothingElseOut) {
  hear(kCheat, epoch_);
  for (PartyId from = 1; from <= 6; ++from) {
    for (PartyId id = 1; id <= kMaxParties; ++id)
      lists_[from].entries.push_back({id, "test", confession(rng_.make_id<EpochId>())});
    hear(from, epoch_, 5);
  }
  EXPECT_TRUE(quarantined_.empty());
  EXPECT_EQ(told_, 0u);  // and nobody's disk is filled with it
  lists_[7].entries.push_back({kCheat, "test", confession(epoch_)});
  hear(7, epoch_, 5);
  EXPECT_EQ(quarantined_, std::set<PartyId>{kCheat});
  EXPECT_EQ(told_, 1u);
  for (PartyId from = 8; from <= 13; ++from) {
    for (PartyId id = 1; id <= kMaxParties; ++id)
      lists_[from].entries.push_back({id, "test", confession(rng_.make_id<EpochId>())});
    hear(from, epoch_, 5);
  }
  EXPECT_EQ(quarantined_, std::set<PartyId>{kCheat});
}

}  // namespace
}  // namespace quorate::net
