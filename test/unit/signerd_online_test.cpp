// Single use, as callers see it: many of them, one presignature (SPEC 6.2).
#include <boost/asio/executor_work_guard.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "protocol/tecdsa/message.h"
#include "protocol/tecdsa/partial.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/record_codec.h"
#include "signerd/online.h"
#include "test/unit/presign_fixture.h"
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

using std::chrono::milliseconds;
using wire::Context;
using wire::DigestAlgorithm;
using wire::MessageType;

Bytes tls13_content(std::uint8_t last) {
  Bytes content(64, ' ');
  append(content, as_bytes("TLS 1.3, server CertificateVerify"));
  content.push_back(0);
  content.resize(content.size() + 32, last);
  return content;
}

/// Two randoms and the parameters of an ECDHE key exchange over X25519.
Bytes tls12_content(std::uint8_t last) {
  Bytes content(64, 7);
  append(content, Bytes{3, 0, 29, 32});
  content.resize(content.size() + 32, last);
  return content;
}

class SingleUse : public testing::Test {
 protected:
  static constexpr std::uint64_t kSeed = 21;
  SingleUse() : lockstep(Curve::p256(), 2, {1, 2}, 8, kSeed) {
    sim::SeededRng again(kSeed), other_rng(kSeed + 1);
    auto group = sim::deal_key(Curve::p256(), 2, 2, again);
    auto other = sim::deal_key(Curve::p256(), 2, 2, other_rng);
    other_key = other.info().key;
    other_epoch = other.info().epoch;
    EXPECT_EQ(group.info().key, lockstep.plan().key);
    auto ended = lockstep.run();
    for (PartyId id : Quorum{1, 2}) {
      auto& ring = rings.emplace(id, std::make_unique<KeyRing>(PoolLimits{})).first->second;
      auto& key = ring->add(std::move(group.shares.at(id)));
      ring->add(std::move(other.shares.at(id)));
      auto batch = std::move(ended.at(id)).value();
      sid = batch.record->sid();
      EXPECT_TRUE(key.pools.add(std::move(batch), now));
      signers.emplace(id, std::make_unique<Online>(id, lockstep.group().identities.at(id), Digest{}, *ring,
                                                   policy, audit, [] { return std::vector<PartyId>{}; }));
    }
  }
  wire::SignRequest request(std::uint32_t index, Bytes content,
                            Context context = Context::Tls13ServerCertificateVerify,
                            DigestAlgorithm digest = DigestAlgorithm::Sha256) const {
    return {{sid, index}, {1, 2}, lockstep_key(), epoch(), context, digest, std::move(content), 1000, 0, {}};
  }
  KeyId lockstep_key() const { return lockstep.group().info().key; }
  EpochId epoch() const { return lockstep.group().info().epoch; }

  static net::PeerIdentity caller(int number) {
    return {wire::Role::Frontend, kNobody, "web-" + std::to_string(number), "test"};
  }
  wire::Envelope ask(const wire::SignRequest& request, int who = 1, PartyId signer = 1,
                     milliseconds later = {}) {
    SessionId id;
    id.bytes[0] = static_cast<std::uint8_t>(who);
    auto answer = signers.at(signer)->answer(
        caller(who), {MessageType::SignRequest, id, kNobody, signer, wire::encode(request)}, now + later);
    return answer.value();
  }
  std::optional<wire::SignReply> signed_by(const wire::Envelope& answer) const {
    if (answer.type != MessageType::SignReply) return std::nullopt;
    return *wire::decode<wire::SignReply>(answer.payload, Curve::p256());
  }
  /// The request is refused, whoever asks and how often, and no partial is in the answer.
  void expect_refused(const wire::SignRequest& request,
                      std::optional<SignErrorCode> code = SignErrorCode::PresignatureConsumed) {
    for (int who : {1, 2, 1}) {
      const auto answer = ask(request, who);
      ASSERT_EQ(answer.type, MessageType::Refusal);
      if (code) {
        EXPECT_EQ(wire::decode<wire::Refusal>(answer.payload)->code, *code);
      }
    }
  }

  PresignLockstep lockstep;
  KeyId other_key;
  EpochId other_epoch;
  SessionId sid;
  Clock::time_point now = Clock::now();
  Policy policy{Policy::defaults()};
  Audit audit = *Audit::open(std::nullopt);
  std::map<PartyId, std::unique_ptr<KeyRing>> rings;
  std::map<PartyId, std::unique_ptr<Online>> signers;
};

TEST_F(SingleUse, partials_of_all_members_make_a_signature) {
  const auto content = tls13_content(1);
  const Scalar m = message_scalar(Curve::p256(), MessageDigest::Sha256, content);
  const auto one = signed_by(ask(request(0, content), 1, 1)), two = signed_by(ask(request(0, content), 1, 2));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->r, two->r);
  EXPECT_EQ(one->record, two->record);
  EXPECT_TRUE(combine(VerificationKey(lockstep.group().info().X), m, one->r, std::vector{one->s, two->s}));
}

TEST_F(SingleUse, an_identical_request_gets_the_same_partial_from_anyone_who_may_ask) {
  const auto first = signed_by(ask(request(0, tls13_content(1)), 1));
  ASSERT_TRUE(first);
  for (int who : {1, 2, 3}) {
    const auto again = signed_by(ask(request(0, tls13_content(1)), who));
    ASSERT_TRUE(again) << who;
    EXPECT_EQ(again->s, first->s);
    EXPECT_EQ(again->r, first->r);
    EXPECT_EQ(again->record, first->record);
  }
  EXPECT_EQ(signers.at(1)->counters().signed_, 1U);
  EXPECT_EQ(signers.at(1)->counters().repeated, 3U);
  EXPECT_EQ(rings.at(1)->by_epoch(epoch())->pools.depth({1, 2}), 7U);
}

TEST_F(SingleUse, another_content_is_refused) {
  ASSERT_TRUE(signed_by(ask(request(0, tls13_content(1)))));
  expect_refused(request(0, tls13_content(2)));
}

TEST_F(SingleUse, another_digest_algorithm_is_refused) {
  const auto content = tls12_content(1);
  ASSERT_TRUE(signed_by(ask(request(0, content, Context::Tls12ServerKeyExchange, DigestAlgorithm::Sha256))));
  for (auto other : {DigestAlgorithm::Sha384, DigestAlgorithm::Sha512}) {
    // The content may be signed with this digest, too: only not with this presignature.
    ASSERT_TRUE(signed_by(
        ask(request(static_cast<std::uint32_t>(other), content, Context::Tls12ServerKeyExchange, other))));
    expect_refused(request(0, content, Context::Tls12ServerKeyExchange, other));
  }
}

TEST_F(SingleUse, another_context_is_refused) {
  ASSERT_TRUE(signed_by(ask(request(0, tls13_content(1)))));
  expect_refused(request(0, tls12_content(1), Context::Tls12ServerKeyExchange));
  // The same bytes under another name are refused before anything is looked up.
  expect_refused(request(0, tls13_content(1), Context::Tls12ServerKeyExchange), SignErrorCode::PolicyDenied);
}

TEST_F(SingleUse, another_key_or_epoch_is_refused) {
  ASSERT_TRUE(signed_by(ask(request(0, tls13_content(1)))));
  auto other = request(0, tls13_content(1));
  other.key = other_key;
  other.epoch = other_epoch;
  expect_refused(other);
  auto crossed = request(0, tls13_content(1));
  crossed.epoch = other_epoch;
  expect_refused(crossed, std::nullopt);
  auto fresh = request(1, tls13_content(1));
  fresh.key = other_key;
  fresh.epoch = other_epoch;
  expect_refused(fresh);
  EXPECT_TRUE(signed_by(ask(request(1, tls13_content(1))))) << "a request under a foreign key has spent it";
}

TEST_F(SingleUse, another_quorum_is_refused_and_spends_it) {
  auto other = request(0, tls13_content(1));
  other.quorum = {1, 3};
  expect_refused(other);
  expect_refused(request(0, tls13_content(1)));
}

TEST_F(SingleUse, after_two_seconds_nothing_is_repeated) {
  ASSERT_TRUE(signed_by(ask(request(0, tls13_content(1)))));
  EXPECT_TRUE(signed_by(ask(request(0, tls13_content(1)), 1, 1, milliseconds(1999))));
  EXPECT_FALSE(signed_by(ask(request(0, tls13_content(1)), 1, 1, milliseconds(2000))));
}

TEST_F(SingleUse, a_request_is_repeated_for_twice_its_deadline_within_bounds) {
  const std::pair<std::uint32_t, int> times[] = {{0, 2'000}, {1'001, 2'002}, {5'000, 10'000},
                                                 {60'000, 120'000}, {~std::uint32_t{0}, 120'000}};
  std::uint32_t index = 0;
  for (const auto& [deadline, lasts] : times) {
    auto asked = request(index++, tls13_content(1));
    asked.deadline_ms = deadline;
    ASSERT_TRUE(signed_by(ask(asked))) << deadline;
    auto again = asked;
    again.deadline_ms = 60'000;  // what a later request says does not count
    EXPECT_TRUE(signed_by(ask(again, 2, 1, milliseconds(lasts - 1)))) << deadline;
    EXPECT_FALSE(signed_by(ask(again, 2, 1, milliseconds(lasts)))) << deadline;
  }
}

TEST(RecentPartials, are_bounded_the_eldest_goes_first_and_none_outlives_its_time) {
  RecentPartials recent(3);
  const auto now = Clock::now();
  const auto id = [](std::uint32_t index) { return PresignatureId{SessionId{}, index}; };
  const auto known = [&](std::uint32_t index, int later) {
    return recent.find(id(index), Digest{}, now + milliseconds(later)).has_value();
  };
  const int lasts[] = {60'000, 10, 5'000, 20, 30};
  recent.remember(id(0), {}, {}, now, milliseconds(lasts[0]));
  recent.remember(id(1), {}, {}, now, milliseconds(lasts[1]));
  recent.remember(id(2), {}, {}, now, milliseconds(lasts[2]));
  recent.expire(now + milliseconds(10));
  EXPECT_EQ(recent.size(), 2U) << "one that lasts long keeps none that is over";
  recent.remember(id(3), {}, {}, now + milliseconds(10), milliseconds(lasts[3]));
  recent.remember(id(4), {}, {}, now + milliseconds(10), milliseconds(lasts[4]));
  EXPECT_EQ(recent.size(), 3U);
  EXPECT_FALSE(known(0, 11));
  for (std::uint32_t index : {2, 3, 4}) EXPECT_TRUE(known(index, 11)) << index;
  EXPECT_FALSE(known(3, 30));
  recent.expire(now + milliseconds(100'000));
  EXPECT_EQ(recent.size(), 0U);
}

TEST_F(SingleUse, what_is_refused_spends_nothing) {
  expect_refused(request(0, Bytes(32, 1)), SignErrorCode::PolicyDenied);
  expect_refused(request(0, tls13_content(1), Context::Tls13ServerCertificateVerify, DigestAlgorithm::Sha384),
                 SignErrorCode::PolicyDenied);
  EXPECT_TRUE(signed_by(ask(request(0, tls13_content(1)))));
}

/// As in the daemon, callers come from many threads and meet on the I/O thread's queue.
TEST_F(SingleUse, the_front_end_that_a_coordinator_speaks_for_is_in_the_audit) {
  const auto file = std::filesystem::temp_directory_path() / ("quorate-audit-" + std::to_string(::getpid()));
  const Audit written = *Audit::open(file);
  Online signer(1, lockstep.group().identities.at(1), Digest{}, *rings.at(1), policy, written,
                [] { return std::vector<PartyId>{}; });
  const net::PeerIdentity coordinator{wire::Role::Coordinator, kNobody, "c1", "test"};
  const auto ask_as = [&](const net::PeerIdentity& who, const wire::SignRequest& asked) {
    return signer.answer(who, {MessageType::SignRequest, SessionId{}, kNobody, 1, wire::encode(asked)}, now).value();
  };
  auto spoken_for = request(0, tls13_content(1));
  spoken_for.frontend = "quorate:test/frontend/web-7";
  EXPECT_TRUE(signed_by(ask_as(coordinator, spoken_for)));
  EXPECT_TRUE(signed_by(ask_as(coordinator, request(1, tls13_content(1)))));
  // Nobody but a coordinator speaks for others: the audit would name the wrong one.
  spoken_for.presignature.index = 2;
  const auto refused = ask_as(caller(1), spoken_for);
  ASSERT_EQ(refused.type, MessageType::Refusal);
  EXPECT_EQ(wire::decode<wire::Refusal>(refused.payload)->code, SignErrorCode::PolicyDenied);
  written.flush();
  std::vector<nlohmann::json> lines;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  std::filesystem::remove(file);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].at("frontend"), "quorate:test/frontend/web-7");
  EXPECT_EQ(lines[0].at("who"), coordinator.uri());
  EXPECT_FALSE(lines[1].contains("frontend"));
  EXPECT_EQ(lines[2].at("outcome"), "refused");
  EXPECT_EQ(lines[2].at("who"), caller(1).uri());
}

TEST_F(SingleUse, refusals_beyond_so_many_a_second_are_a_number_in_the_audit) {
  const auto file = std::filesystem::temp_directory_path() / ("quorate-refusals-" + std::to_string(::getpid()));
  const Audit written = *Audit::open(file);
  Online signer(1, lockstep.group().identities.at(1), Digest{}, *rings.at(1), policy, written,
                [] { return std::vector<PartyId>{}; });
  const auto lines = [&] {
    written.flush();
    std::vector<nlohmann::json> out;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) out.push_back(nlohmann::json::parse(line));
    return out;
  };
  auto unknown = request(0, tls13_content(1));
  unknown.presignature.sid.bytes[0] ^= 1;
  for (std::size_t i = 0; i < RefusalLines::kPerSecond + 1000; ++i)
    (void)signer.answer(caller(1), {MessageType::SignRequest, SessionId{}, kNobody, 1, wire::encode(unknown)}, now);
  EXPECT_TRUE(signed_by(signer.answer(caller(1), {MessageType::SignRequest, SessionId{}, kNobody, 1,
                                                  wire::encode(request(0, tls13_content(1)))}, now).value()));
  ASSERT_EQ(lines().size(), RefusalLines::kPerSecond + 1);
  EXPECT_EQ(lines().back().at("outcome"), "signed") << "what is signed is always there";
  signer.tick(now + std::chrono::seconds(1));
  EXPECT_EQ(lines().back().at("reason"), "1000 more refused");
  EXPECT_EQ(lines().back().at("who"), caller(1).uri());
  std::filesystem::remove(file);
}

TEST_F(SingleUse, nobody_leases_more_than_its_rate_lets_it_sign) {
  const PartyId leader = leader_of(epoch(), {1, 2});
  Policy limited({{wire::Role::Frontend, "*", {"*"}, {Context::Tls13ServerCertificateVerify}, false, 2}});
  Online signer(leader, lockstep.group().identities.at(leader), Digest{}, *rings.at(leader), limited, audit,
                [] { return std::vector<PartyId>{}; });
  auto& pools = rings.at(leader)->by_epoch(epoch())->pools;
  const auto tell = [&](const auto& message, milliseconds later) {
    return signer.answer(caller(1), {wire::kTypeOf<std::decay_t<decltype(message)>>, SessionId{}, kNobody, leader,
                                     wire::encode(message)}, now + later).value();
  };
  const wire::LeaseRequest four{lockstep_key(), epoch(), {1, 2}, 4};
  const auto leased = wire::decode<wire::LeaseReply>(tell(four, milliseconds(0)).payload)->ids;
  ASSERT_EQ(leased.size(), 2U) << "it could not use more";
  std::uint8_t number = 0;
  const auto sign = [&](const PresignatureId& id, milliseconds later) {
    auto asked = request(id.index, tls13_content(++number));
    asked.lease = 1;
    return tell(asked, later);
  };
  const auto first = signed_by(sign(leased[0], milliseconds(0)));
  ASSERT_TRUE(first);
  ASSERT_EQ(first->lease.ids.size(), 1U);
  const auto second = signed_by(sign(leased[1], milliseconds(0)));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->lease.ids.empty()) << "its rate is used up";
  const auto refusal = wire::decode<wire::Refusal>(tell(four, milliseconds(1)).payload);
  ASSERT_TRUE(refusal) << "and it is told so when it asks";
  EXPECT_EQ(refusal->code, SignErrorCode::Overloaded);

  // What it tries all the same others may have signed: it is given up, and does not stand against its leases.
  const auto before = pools.depth({1, 2});
  EXPECT_EQ(sign(first->lease.ids[0], milliseconds(2)).type, MessageType::Refusal);
  const auto retired = pools.expire(now + milliseconds(50));
  ASSERT_EQ(retired.size(), 1U);
  EXPECT_EQ(retired[0].second, first->lease.ids[0]);
  EXPECT_EQ(pools.depth({1, 2}), before - 1);
  const auto again = wire::decode<wire::LeaseReply>(tell(four, milliseconds(1000)).payload);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->ids.size(), 2U);
}

TEST_F(SingleUse, records_are_given_out_so_many_a_second) {
  const auto ask_record = [&](int who, milliseconds later) {
    const auto answer = signers.at(1)->answer(
        caller(who), {MessageType::RecordRequest, SessionId{}, kNobody, 1, wire::encode(wire::RecordRequest{{sid, 0}})}, now + later);
    return answer->type;
  };
  for (int i = 0; i < 64; ++i) ASSERT_EQ(ask_record(1, milliseconds(0)), MessageType::RecordReply) << i;
  EXPECT_EQ(ask_record(1, milliseconds(0)), MessageType::Refusal);
  EXPECT_EQ(ask_record(2, milliseconds(0)), MessageType::RecordReply) << "another caller";
  EXPECT_EQ(ask_record(1, milliseconds(100)), MessageType::RecordReply);
  EXPECT_EQ(ask_record(1, milliseconds(100)), MessageType::Refusal);
}

TEST_F(SingleUse, the_status_says_below_which_depth_a_pool_is_too_shallow) {
  for (auto& [epoch, key] : rings.at(1)->all()) key->used_at = now;  // else the target is the minimum
  const auto answer = signers.at(1)->answer(
      caller(1), {MessageType::StatusRequest, SessionId{}, kNobody, 1, wire::encode(wire::StatusRequest{})}, now);
  const auto status = wire::decode<wire::StatusReply>(answer->payload);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->quarantine, 0U);
  ASSERT_FALSE(status->keys.empty());
  for (const auto& key : status->keys)
    for (const auto& pool : key.pools) {
      EXPECT_EQ(pool.min, PoolLimits{}.min);
      EXPECT_EQ(pool.target, PoolLimits{}.target);
    }
}

TEST_F(SingleUse, of_callers_with_different_contents_for_one_presignature_exactly_one_gets_it) {
  constexpr int kCallers = 8;
  boost::asio::io_context io{1};
  std::map<int, wire::Envelope> answers;
  {
    auto work = boost::asio::make_work_guard(io);
    std::thread signer([&] { io.run(); });
    std::vector<std::thread> callers;
    for (int who = 0; who < kCallers; ++who)
      callers.emplace_back([&, who] {
        for (std::uint32_t index = 0; index < 8; ++index)
          boost::asio::post(io, [&, who, index] {
            answers[who * 8 + static_cast<int>(index)] =
                ask(request(index, tls13_content(static_cast<std::uint8_t>(who + 1))), who);
          });
      });
    for (auto& thread : callers) thread.join();
    work.reset();
    signer.join();
  }
  for (std::uint32_t index = 0; index < 8; ++index) {
    int got = 0;
    for (int who = 0; who < kCallers; ++who) {
      const auto& answer = answers.at(who * 8 + static_cast<int>(index));
      if (signed_by(answer)) {
        ++got;
      } else {
        EXPECT_EQ(wire::decode<wire::Refusal>(answer.payload)->code, SignErrorCode::PresignatureConsumed);
      }
    }
    EXPECT_EQ(got, 1) << index;
  }
  EXPECT_EQ(signers.at(1)->counters().signed_, 8U);
}

}  // namespace
}  // namespace quorate::signerd
