// Thousands of requests through a network that loses, delays, reorders and repeats, with signers that die,
// freeze, lie and come back. Whatever happens: every request ends once and in time, every signature
// verifies, no presignature is sent out with two contents, and nothing is left behind.
#include <gtest/gtest.h>

#include "test/unit/coordinator_cluster.h"

namespace quorate::coordinator::test {
namespace {

struct Weather {
  const char* name;
  unsigned drop = 0, repeat = 0, delay = 0;  ///< per 1000 messages
  bool flaps = false, restarts = false, freezes = false, liar = false, leader_lies = false;
  std::size_t n = 3, t = 2, coordinators = 1;
  int requests = 1200;
  std::size_t may_fail = 0;  ///< requests; where more than N - T signers can be out of reach at a time
};

std::ostream& operator<<(std::ostream& out, const Weather& weather) { return out << weather.name; }

class CoordinatorProperty : public testing::TestWithParam<Weather> {};

TEST_P(CoordinatorProperty, EveryRequestEndsOnceInTimeAndRight) {
  const Weather weather = GetParam();
  FakeCluster cluster({.signers = weather.n, .threshold = weather.t, .coordinators = weather.coordinators, .pool = 48,
                       .lease_ms = 400, .seed = 42});
  auto& rng = cluster.rng();
  cluster.start();
  cluster.network = [&](PartyId, bool) {
    std::vector<Time> copies;
    if (rng.below(1000) < weather.drop) return copies;
    do {
      Time delay = microseconds(50 + rng.below(100));
      if (rng.below(1000) < weather.delay) delay += microseconds(rng.below(120'000));
      copies.push_back(delay);
    } while (rng.below(1000) < weather.repeat);
    return copies;
  };
  if (weather.liar)
    cluster.signer(1).spoil = [&](wire::SignReply& reply) {
      switch (rng.below(5)) {
        case 0: reply.s = Scalar::random(Curve::p256(), rng); break;
        case 1: reply.r = Scalar::random(Curve::p256(), rng); break;
        case 2: reply.record = rng.make_id<Digest>(); break;
        case 3: ++reply.presignature.index; break;
        default: break;
      }
    };
  std::vector<PresignatureId> seen;
  if (weather.leader_lies)
    cluster.signer(2).spoil_lease = [&](wire::LeaseReply& reply) {
      for (auto& id : reply.ids) {
        if (!seen.empty() && rng.below(3) == 0) id = seen[rng.below(seen.size())];
        seen.push_back(id);
      }
      reply.lifetime_ms = rng.below(4) == 0 ? 0 : reply.lifetime_ms;
      reply.available = static_cast<std::uint32_t>(rng.below(1u << 31));
    };

  std::vector<std::pair<std::size_t, RequestHandle>> handles;
  for (int i = 0; i < weather.requests; ++i) {
    const std::size_t c = rng.below(weather.coordinators);
    handles.emplace_back(c, cluster.submit("content " + std::to_string(rng.below(1000)), milliseconds(20 + rng.below(200)), c));
    cluster.run_for(microseconds(rng.below(4000)));
    const auto id = static_cast<PartyId>(1 + rng.below(weather.n));
    if (weather.flaps && rng.below(30) == 0) {
      cluster.link_down(id);
      cluster.at(cluster.now() + microseconds(rng.below(60'000)), [&cluster, id] { cluster.link_up(id); });
    }
    if (weather.restarts && rng.below(60) == 0) {
      cluster.kill(id);
      cluster.at(cluster.now() + microseconds(rng.below(60'000)), [&cluster, id] { cluster.restart(id); });
    }
    if (weather.freezes && rng.below(60) == 0) {
      cluster.signer(id).frozen = true;
      cluster.at(cluster.now() + microseconds(rng.below(150'000)), [&cluster, id] { cluster.signer(id).frozen = false; });
    }
    if (rng.below(200) == 0) cluster.run_for(seconds(1 + rng.below(7)));
    ASSERT_TRUE(cluster.violations().empty()) << cluster.violations().front();
  }
  cluster.network = nullptr;
  cluster.run_for(seconds(1));

  std::size_t good = 0, bad = 0;
  for (const auto& [c, handle] : handles) {
    const auto* outcome = cluster.outcome(handle, c);
    ASSERT_NE(outcome, nullptr);
    outcome->result ? ++good : ++bad;
  }
  std::uint64_t signatures = 0, failed = 0, submitted = 0;
  for (std::size_t c = 0; c < weather.coordinators; ++c) {
    const auto& counters = cluster.coordinator(c).counters();
    signatures += counters.signatures;
    failed += counters.failed_total();
    submitted += counters.submitted;
    EXPECT_EQ(cluster.coordinator(c).in_flight(), 0u);
  }
  EXPECT_EQ(signatures, good);
  EXPECT_EQ(failed, bad);
  EXPECT_EQ(submitted, handles.size());
  EXPECT_TRUE(cluster.violations().empty()) << cluster.violations().front();
  EXPECT_LE(bad, weather.may_fail);
  RecordProperty("signed", static_cast<int>(good));
  RecordProperty("failed", static_cast<int>(bad));

  // When all is quiet again nothing is left behind, and it works as on the first day.
  cluster.signer(1).spoil = nullptr;
  cluster.signer(2).spoil_lease = nullptr;
  for (std::size_t i = 1; i <= weather.n; ++i) {
    cluster.signer(static_cast<PartyId>(i)).frozen = false;
    cluster.link_up(static_cast<PartyId>(i));
  }
  cluster.run_for(seconds(40));
  for (std::size_t c = 0; c < weather.coordinators; ++c) {
    EXPECT_EQ(cluster.coordinator(c).leases_held(), 0u);
    for (std::size_t i = 1; i <= weather.n; ++i)
      EXPECT_EQ(cluster.coordinator(c).signer(static_cast<PartyId>(i)).in_flight, 0u);
    for (int i = 0; i < 5; ++i) {
      const auto outcome = cluster.sign("fine weather", milliseconds(200), c);
      ASSERT_TRUE(outcome.result) << outcome.result.error().what();
      EXPECT_LE(outcome.result->took, milliseconds(1));
    }
  }
  EXPECT_TRUE(cluster.violations().empty());
}

INSTANTIATE_TEST_SUITE_P(
    Weather, CoordinatorProperty,
    testing::Values(Weather{.name = "Calm"}, Weather{.name = "Losses", .drop = 20, .may_fail = 60},
                    Weather{.name = "Repeats", .repeat = 100, .delay = 30, .may_fail = 60}, Weather{.name = "Delays", .delay = 100, .may_fail = 120},
                    Weather{.name = "Flaps", .flaps = true, .may_fail = 10},
                    Weather{.name = "Restarts", .restarts = true, .requests = 600, .may_fail = 10},
                    Weather{.name = "Freezes", .freezes = true, .may_fail = 200}, Weather{.name = "Liar", .liar = true},
                    Weather{.name = "LyingLeader", .leader_lies = true},
                    Weather{.name = "TwoCoordinators", .repeat = 50, .flaps = true, .coordinators = 2, .may_fail = 20},
                    Weather{.name = "ThreeOfFive", .drop = 10, .delay = 20, .flaps = true, .freezes = true, .n = 5, .t = 3, .may_fail = 120},
                    Weather{.name = "Storm", .drop = 15, .repeat = 30, .delay = 50, .flaps = true, .restarts = true,
                            .freezes = true, .liar = true, .leader_lies = true, .n = 5, .t = 2, .coordinators = 3,
                            .requests = 800, .may_fail = 160}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace quorate::coordinator::test
