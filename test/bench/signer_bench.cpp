// A signer's answer to one request: policy, content, presignature taken for good, partial signature, reply.
// From the frame's payload to the reply's payload; without TLS, and without the log unless it is asked for.
#include <benchmark/benchmark.h>

#include "protocol/wire/online_codec.h"
#include "signerd/online.h"
#include "test/sim/dealer.h"
#include "test/sim/seeded_rng.h"

namespace quorate::signerd {
namespace {

constexpr std::uint32_t kBatch = 256;

Bytes tls13_content(std::size_t digest) {
  std::string content(64, ' ');
  content += "TLS 1.3, server CertificateVerify";
  content.push_back(0);
  content.append(digest, 0x5a);
  return {content.begin(), content.end()};
}

/// Signer 1 of 2 of 3 with pools of random presignatures: their arithmetic is that of real ones.
class Signer {
 public:
  Signer(const Curve& curve, const std::optional<std::filesystem::path>& audit)
      : curve_(curve), group_(sim::deal_key(curve, 3, 2, rng_)), audit_(*Audit::open(audit)) {
    keys_.add(std::move(group_.shares.at(1)));
  }

  /// Fills the pool by one batch and makes the requests that use it up.
  std::vector<wire::Envelope> stock(std::uint16_t lease) {
    auto& key = *keys_.all().begin()->second;
    const auto& info = key.info();
    PresignPlan plan{curve_.id(),    info.key,  info.epoch, {1, 2},     kBatch,
                     ot::kTreeDepth, ++number_, {},         {SetupId{}}};
    PresignedBatch batch;
    const auto sid = rng_.make_id<SessionId>();
    batch.record = std::make_shared<const BatchRecord>(plan, sid, std::vector<Bytes>{},
                                                       std::vector<std::vector<Bytes>>{},
                                                       std::vector<std::vector<Bytes>>{}, std::vector<Row>{});
    const bool p384 = curve_.id() == CurveId::P384;
    std::vector<wire::Envelope> requests;
    for (std::uint32_t i = 0; i < kBatch; ++i) {
      batch.items.push_back({i, Scalar::random(curve_, rng_), rng_.make_id<Digest>(),
                             SecretScalar::random(curve_, rng_), SecretScalar::random(curve_, rng_)});
      const wire::SignRequest request{{sid, i},
                                      {1, 2},
                                      info.key,
                                      info.epoch,
                                      wire::Context::Tls13ServerCertificateVerify,
                                      p384 ? wire::DigestAlgorithm::Sha384 : wire::DigestAlgorithm::Sha256,
                                      tls13_content(p384 ? 48 : 32),
                                      200,
                                      lease,
                                      {}};
      requests.push_back(
          {wire::MessageType::SignRequest, rng_.make_id<SessionId>(), kNobody, 1, wire::encode(request)});
    }
    if (!key.pools.add(std::move(batch), now_)) std::abort();
    return requests;
  }
  std::optional<wire::Envelope> answer(const wire::Envelope& request) {
    return online_.answer(web_, request, now_);
  }
  /// What the I/O thread does between requests.
  void pass_time() {
    now_ += std::chrono::milliseconds(100);
    online_.tick(now_);
    for (auto& [epoch, key] : keys_.all()) (void)key->pools.expire(now_);
  }

 private:
  const Curve& curve_;
  sim::SeededRng rng_{1, "signer bench"};
  sim::DealtGroup group_;
  Audit audit_;
  Policy policy_{Policy::defaults()};
  KeyRing keys_{PoolLimits{.min = 16, .target = 4 * kBatch}};
  Online online_{1,
                 group_.identities.at(1),
                 Digest{},
                 keys_,
                 policy_,
                 audit_,
                 [] { return std::vector<PartyId>{2, 3}; }};
  net::PeerIdentity web_{wire::Role::Frontend, kNobody, "web", "test"};
  Clock::time_point now_ = Clock::now();
  std::uint64_t number_ = 0;
};

void answer(benchmark::State& state, const std::optional<std::filesystem::path>& audit) {
  Signer signer(state.range(0) == 384 ? Curve::p384() : Curve::p256(), audit);
  while (state.KeepRunningBatch(kBatch)) {
    state.PauseTiming();
    signer.pass_time();
    const auto requests = signer.stock(static_cast<std::uint16_t>(state.range(1)));
    state.ResumeTiming();
    for (const auto& request : requests) {
      const auto reply = signer.answer(request);
      if (reply->type != wire::MessageType::SignReply) state.SkipWithError("refused");
    }
  }
}

/// curve, how many leases the request asks for besides
void partial(benchmark::State& state) { answer(state, std::nullopt); }
BENCHMARK(partial)->ArgsProduct({{256, 384}, {0, 1}});

/// The same with a line of audit a request, to where it costs no I/O.
void partial_audited(benchmark::State& state) { answer(state, "/dev/null"); }
BENCHMARK(partial_audited)->ArgsProduct({{256, 384}, {0}});

}  // namespace
}  // namespace quorate::signerd
