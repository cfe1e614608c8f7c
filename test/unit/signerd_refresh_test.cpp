// Refresh at the signers: the old epoch is there until the new one can sign, and no crash of one of them loses the
// key (SPEC 1.6, 1.7).
#include <fstream>

#include "protocol/group/shamir.h"
#include "test/unit/signerd_keygen.h"

namespace quorate::signerd {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using wire::MessageType;
const Quorum kAll{1, 2, 3};

class Refresh : public Keygen {
 protected:
  void SetUp() override {
    begin();
    world.settle();
    old = world.at(1).keys.all().begin()->first;
    for (PartyId id : kAll) ASSERT_NE(world.at(id).keys.by_epoch(old), nullptr);
    answers.clear();
    world.sent.clear();
  }
  /// The epoch that a refresh has made, if it is active at this signer.
  EpochId next(PartyId id) {
    const auto* key = world.at(id).keys.successor(old);
    return key == nullptr ? EpochId{} : key->info().epoch;
  }
  void expect_answers(bool ok) {
    for (PartyId id : kAll) {
      ASSERT_TRUE(result(id)) << int(id);
      EXPECT_EQ(result(id)->ok, ok) << int(id) << " " << result(id)->detail;
    }
  }
  std::optional<wire::Refusal> refusal(PartyId id) {
    for (const auto& answer : answers[id])
      if (answer.type == MessageType::Refusal) return *wire::decode<wire::Refusal>(answer.payload);
    return std::nullopt;
  }
  /// Set-ups and pools of whatever is active.
  void presign() {
    for (int round = 0; round < 4; ++round) {
      world.later += seconds(2);
      for (PartyId id : kAll) world.at(id).setups.tick(world.now());
      world.settle();
      for (PartyId id : kAll) world.at(id).presigner.tick(world.now() + hours(1));
      world.settle();
    }
  }
  void tick(Clock::duration ahead = seconds(0)) {
    for (PartyId id : kAll) world.at(id).epoch_switch.tick(Clock::now() + ahead);
    world.settle();
  }
  bool on_disk(PartyId id, const EpochId& epoch) {
    return std::filesystem::exists(world.directory.path() / std::to_string(id) / "state" / (epoch.hex() + ".share"));
  }
  /// Whether any two members' shares of this epoch make up the key.
  void expect_usable(const EpochId& epoch) {
    for (const Quorum& quorum : {Quorum{1, 2}, Quorum{1, 3}, Quorum{2, 3}}) {
      Scalar x(Curve::p256());
      for (PartyId id : quorum) {
        const auto* key = world.at(id).keys.by_epoch(epoch);
        ASSERT_NE(key, nullptr) << int(id);
        x = x + lagrange_at_zero(Curve::p256(), quorum, id) * declassify(key->share->x_i);
      }
      EXPECT_TRUE(Point::mul_base(x) == world.at(1).keys.by_epoch(epoch)->info().X);
    }
  }

  EpochId old;
};

TEST_F(Refresh, makes_an_epoch_that_replaces_the_old_one_once_it_can_sign) {
  watch_confirmations();
  begin_refresh(old);
  world.settle();
  expect_answers(true);
  const auto fresh = next(1);
  for (PartyId id : kAll) {
    EXPECT_EQ(next(id), fresh);
    EXPECT_EQ(world.at(id).keys.by_epoch(old)->stage, Stage::Serving);
    EXPECT_EQ(world.at(id).keys.by_epoch(fresh)->stage, Stage::Coming);
    EXPECT_EQ(world.at(id).keys.by_key(result(id)->info.key)->info().epoch, old);
    EXPECT_TRUE(on_disk(id, old) && on_disk(id, fresh));
    EXPECT_EQ(result(id)->info.previous, old);
  }
  expect_usable(old);
  expect_usable(fresh);
  tick();
  tick(hours(1));
  for (PartyId id : kAll)
    EXPECT_EQ(world.at(id).keys.by_epoch(old)->stage, Stage::Serving) << "there is no presignature of the new one";

  presign();
  tick();
  for (PartyId id : kAll) {
    EXPECT_EQ(world.at(id).keys.by_epoch(old)->stage, Stage::Fading);
    EXPECT_EQ(world.at(id).keys.by_key(result(id)->info.key)->info().epoch, fresh);
    EXPECT_EQ(world.at(id).setups.state(old, id == 1 ? PartyId{2} : PartyId{1}) == nullptr, false);
  }
  tick(EpochSwitch::kFadeTime - seconds(1));
  for (PartyId id : kAll) EXPECT_NE(world.at(id).keys.by_epoch(old), nullptr) << "somebody may not have heard of it";
  tick(EpochSwitch::kFadeTime + seconds(1));
  for (PartyId id : kAll) {
    EXPECT_EQ(world.at(id).keys.by_epoch(old), nullptr);
    EXPECT_EQ(world.at(id).keys.all().size(), 1U);
    EXPECT_FALSE(on_disk(id, old));
    EXPECT_EQ(world.at(id).setups.state(old, id == 1 ? PartyId{2} : PartyId{1}), nullptr);
  }
  expect_usable(fresh);
  for (PartyId id : kAll) world.restart(id);
  world.settle();
  expect_usable(fresh);

  answers.clear();
  old = fresh;
  begin_refresh(fresh);
  world.settle();
  expect_answers(true);
}

TEST_F(Refresh, the_old_epoch_signs_nothing_new_once_it_fades) {
  presign();
  begin_refresh(old);
  world.settle();
  presign();
  tick();
  for (PartyId id : kAll) {
    auto& key = *world.at(id).keys.by_epoch(old);
    for (const auto& quorum : key.quorums) key.pools.drop_oldest(quorum, 0);
  }
  world.sent.clear();
  presign();
  for (const auto& e : world.sent)
    EXPECT_TRUE(e.type != MessageType::PresignStart || wire::decode<PresignPlan>(e.payload)->epoch == next(1));
}

TEST_F(Refresh, one_pool_will_do_after_half_a_minute_and_before_that_all_are_awaited) {
  begin_refresh(old);
  world.settle();
  world.up = {1, 2};
  tick();
  presign();
  tick(EpochSwitch::kFillTime - seconds(5));
  EXPECT_EQ(world.at(1).keys.by_epoch(old)->stage, Stage::Serving);
  tick(EpochSwitch::kFillTime + seconds(1));
  EXPECT_EQ(world.at(1).keys.by_epoch(old)->stage, Stage::Fading);
  EXPECT_EQ(world.at(2).keys.by_epoch(old)->stage, Stage::Fading);
  EXPECT_EQ(world.at(3).keys.by_epoch(old)->stage, Stage::Serving) << "it has nobody to sign with in the new one";
}

TEST_F(Refresh, a_confirmation_that_never_comes_leaves_the_old_epoch_in_use_and_the_next_attempt_free) {
  world.passes = [](const wire::Envelope& e) { return e.type != MessageType::KeygenRound5 || e.from != 3; };
  begin_refresh(old);
  world.settle();
  for (PartyId id : kAll) world.at(id).sessions.tick(Clock::now() + hours(1));
  world.settle();
  for (PartyId id : Quorum{1, 2}) {
    EXPECT_FALSE(result(id)->ok);
    EXPECT_EQ(world.at(id).ceremonies.prepared(), 1U);
    EXPECT_TRUE(next(id).is_zero());
  }
  presign();
  expect_usable(old);
  // Signer 3 has lost its part for good.
  for (const auto& entry : std::filesystem::directory_iterator(world.directory.path() / "3" / "state"))
    if (entry.path().extension() == ".share" && entry.path().stem() != old.hex()) std::filesystem::remove(entry.path());
  world.restart(3);
  world.passes = nullptr;
  answers.clear();
  EXPECT_TRUE(next(1).is_zero());
  begin_refresh(old);
  world.settle();
  expect_answers(true);
  presign();
  tick();
  tick(EpochSwitch::kFadeTime + seconds(1));
  for (PartyId id : kAll) {
    EXPECT_EQ(world.at(id).ceremonies.prepared(), 0U) << "the share that nobody confirms any more is wiped";
    EXPECT_EQ(world.at(id).store.load()->size(), 1U);
  }
}

TEST_F(Refresh, an_earlier_attempt_that_all_have_confirmed_wins_over_a_later_one) {
  world.passes = [](const wire::Envelope& e) { return e.type != MessageType::KeygenRound5; };
  begin_refresh(old);
  world.settle();
  for (PartyId id : kAll) world.at(id).sessions.tick(Clock::now() + hours(1));
  world.settle();
  for (PartyId id : kAll) ASSERT_EQ(world.at(id).ceremonies.prepared(), 1U);
  world.passes = nullptr;
  answers.clear();
  const auto later = begin_refresh(old);
  world.settle();
  expect_answers(false);
  for (PartyId id : kAll) {
    ASSERT_FALSE(next(id).is_zero());
    EXPECT_EQ(next(id), next(1));
    EXPECT_NE(world.at(id).keys.by_epoch(next(id))->info().ceremony, later);
    EXPECT_EQ(world.at(id).keys.all().size(), 2U);
  }
  expect_usable(next(1));
}

/// Signer 3 is corrupt: it keeps back what it signs in both attempts, and then shows it to one member each.
TEST_F(Refresh, two_successors_made_active_by_a_corrupt_member_do_not_cost_the_old_epoch) {
  std::vector<wire::Envelope> kept;
  world.passes = [&](const wire::Envelope& e) {
    if (e.type != MessageType::KeygenRound5) return true;
    if (e.from == 3) kept.push_back(e);
    return e.from != 3 && e.to != 3;
  };
  const auto earlier = begin_refresh(old);
  world.settle();
  for (PartyId id : kAll) world.at(id).sessions.tick(Clock::now() + hours(1));
  world.settle();
  for (PartyId id : kAll) ASSERT_EQ(world.at(id).ceremonies.prepared(), 1U);
  world.passes = [&](const wire::Envelope& e) {
    if (e.type != MessageType::KeygenRound5) return true;
    if (e.from == 3) kept.push_back(e);
    return e.from == 1 && e.to == 2;
  };
  const auto later = begin_refresh(old);
  world.settle();
  const auto show = [&](const CeremonyId& ceremony, PartyId to) {
    for (const auto& e : std::vector(kept))
      if (e.sid.bytes == ceremony.bytes && e.to == to) world.at(to).receive(e, world.now());
    world.settle();
  };
  show(later, 2);
  ASSERT_FALSE(next(2).is_zero());
  world.passes = [&](const wire::Envelope& e) { return e.type != MessageType::KeygenRound5 || e.to == 3; };
  world.sent.clear();
  show(earlier, 1);
  ASSERT_FALSE(next(1).is_zero());
  ASSERT_NE(next(1), next(2));
  world.passes = nullptr;
  for (PartyId id : kAll) world.at(id).ceremonies.tick(Clock::now() + hours(1));
  world.restart(1);
  world.settle();
  for (const auto& e : world.sent_by(1, MessageType::KeygenRound5))
    EXPECT_NE(e.sid.bytes, later.bytes) << "it is of no use to that one any more";
  ASSERT_EQ(next(3), next(1)) << "signer 3 fills pools with 1";

  presign();
  ASSERT_FALSE(world.at(1).keys.by_epoch(next(1))->pools.stocked().empty());
  tick();
  tick(EpochSwitch::kFillTime + seconds(1));
  tick(EpochSwitch::kFillTime + EpochSwitch::kFadeTime + seconds(2));
  for (PartyId id : Quorum{1, 2}) {
    ASSERT_NE(world.at(id).keys.by_epoch(old), nullptr) << int(id);
    EXPECT_EQ(world.at(id).keys.by_epoch(old)->stage, Stage::Serving);
    EXPECT_TRUE(on_disk(id, old));
    EXPECT_TRUE(on_disk(id, next(2))) << "the way back: remove the file of the stuck epoch and restart";
  }
  // The way back.
  std::filesystem::remove(world.directory.path() / "1" / "state" / (next(1).hex() + ".share"));
  std::filesystem::remove(world.directory.path() / "3" / "state" / (next(3).hex() + ".share"));
  world.restart(1);
  world.restart(3);
  world.settle();
  ASSERT_EQ(next(1), next(2));
  presign();
  tick();
  tick(EpochSwitch::kFillTime + EpochSwitch::kFadeTime + seconds(2));
  tick(EpochSwitch::kFillTime + 3 * EpochSwitch::kFadeTime);
  for (PartyId id : kAll) EXPECT_EQ(world.at(id).keys.by_epoch(old), nullptr) << int(id);
}

TEST_F(Refresh, requests_that_do_not_fit_the_active_epoch_are_refused) {
  wire::KeygenRequest good;
  good.threshold = 2;
  good.name = "web";
  good.group = world.group.digest();
  good.members = {1, 2, 3};
  good.previous = old;
  const auto refused = [&](std::function<void(wire::KeygenRequest&)> change, SignErrorCode code) {
    auto request = good;
    request.ceremony = rng.make_id<CeremonyId>();
    change(request);
    answers.clear();
    ask(1, request);
    ASSERT_TRUE(refusal(1));
    EXPECT_EQ(refusal(1)->code, code) << refusal(1)->reason;
  };
  refused([](auto& r) { r.previous.bytes[0] ^= 1; }, SignErrorCode::EpochMismatch);
  refused([](auto& r) { r.name = "mail"; }, SignErrorCode::KeyUnknown);
  refused([](auto& r) { r.threshold = 3; }, SignErrorCode::PolicyDenied);
  refused([](auto& r) { r.curve = CurveId::P384; }, SignErrorCode::PolicyDenied);
  refused([](auto& r) { r.members = {1, 2}; }, SignErrorCode::PolicyDenied);
  refused([](auto& r) { r.group.bytes[0] ^= 1; }, SignErrorCode::PolicyDenied);
  refused([](auto& r) { r.previous = {}; }, SignErrorCode::PolicyDenied);  // a new key under a name that is taken
  EXPECT_TRUE(world.sent.empty());

  answers.clear();
  begin_refresh(old);
  refused([](auto&) {}, SignErrorCode::PolicyDenied);  // while one runs
  world.settle();
  refused([](auto&) {}, SignErrorCode::PolicyDenied);  // while epochs change
  EXPECT_NE(refusal(1)->reason.find("still changing"), std::string::npos);
}

TEST_F(Refresh, a_share_that_was_half_wiped_is_gone_after_a_restart_and_the_signer_starts) {
  begin_refresh(old);
  world.settle();
  const auto file = world.directory.path() / "1" / "state" / (old.hex() + ".share");
  std::filesystem::rename(file, file.string() + ".wiped");
  world.restart(1);
  EXPECT_FALSE(std::filesystem::exists(file.string() + ".wiped"));
  ASSERT_EQ(world.at(1).keys.all().size(), 1U);
  EXPECT_EQ(world.at(1).keys.all().begin()->second->stage, Stage::Serving);
}

TEST_F(Refresh, an_old_share_that_cannot_be_wiped_stays_in_the_ring_until_it_can) {
  begin_refresh(old);
  world.settle();
  presign();
  tick();
  const auto state = world.directory.path() / "1" / "state";
  std::filesystem::rename(state, world.directory.path() / "gone");
  tick(hours(1));
  EXPECT_NE(world.at(1).keys.by_epoch(old), nullptr);
  EXPECT_EQ(world.at(2).keys.by_epoch(old), nullptr);
  std::filesystem::rename(world.directory.path() / "gone", state);
  tick(hours(2));
  EXPECT_EQ(world.at(1).keys.by_epoch(old), nullptr);
  EXPECT_FALSE(on_disk(1, old));
  EXPECT_TRUE(on_disk(1, world.at(1).keys.all().begin()->first));
}

/// The victim dies with the n-th message that it sends or gets, and comes back with what is on its disk.
class RefreshCrash : public Refresh, public testing::WithParamInterface<int> {};

TEST_P(RefreshCrash, leaves_one_usable_epoch_to_all_and_a_way_on) {
  int left = GetParam();
  bool dead = false;
  world.passes = [&](const wire::Envelope& e) {
    if (e.from != kVictim && e.to != kVictim) return true;
    dead = dead || left-- == 0;
    return !dead;
  };
  begin_refresh(old);
  world.settle();
  world.passes = nullptr;
  world.restart(kVictim);
  world.settle();
  for (PartyId id : kAll) world.at(id).sessions.tick(Clock::now() + hours(1));
  for (PartyId id : kAll) world.at(id).ceremonies.tick(Clock::now() + hours(2));
  world.settle();
  expect_usable(old);
  const auto fresh = next(1);
  for (PartyId id : kAll) EXPECT_EQ(next(id), fresh) << int(id);
  if (fresh.is_zero()) {
    answers.clear();
    begin_refresh(old);
    world.settle();
    expect_answers(true);
  }
  expect_usable(next(1));
  world.restart(kVictim);  // in the middle of the change
  world.settle();
  presign();
  tick();
  tick(EpochSwitch::kFadeTime + seconds(1));
  for (PartyId id : kAll) {
    ASSERT_EQ(world.at(id).keys.all().size(), 1U) << int(id);
    EXPECT_EQ(world.at(id).store.load()->size(), 1U);
    EXPECT_EQ(world.at(id).keys.all().begin()->second->info().previous, old);
  }
  expect_usable(world.at(1).keys.all().begin()->first);
}

INSTANTIATE_TEST_SUITE_P(AtEveryMessage, RefreshCrash, testing::Range(0, 26));

}  // namespace
}  // namespace quorate::signerd
