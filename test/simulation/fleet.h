#pragma once

#include <map>
#include <memory>
#include <string>

#include "protocol/coordinator/monotonic.h"
#include "signerd/online.h"
#include "test/sim/dealer.h"
#include "test/sim/seeded_rng.h"

namespace quorate::simulation {

using coordinator::Time;

/// The signers of one key on the toy curve: the daemon's own pools, partials and on-line half, one set a
/// process, under virtual time. Presignatures are dealt to them instead of computed.
class Fleet {
 public:
  struct Settings {
    PartyId signers = 4;
    std::size_t threshold = 2;
    signerd::PoolLimits limits{};
    /// A signer that is given back what it has used already: what a rolled back machine would do.
    bool planted_bug = false;
  };
  Fleet(Settings settings, std::uint64_t seed);

  [[nodiscard]] const PublicKeyInfo& info() const { return group_.info(); }
  [[nodiscard]] const Digest& instance(PartyId id) const { return signers_.at(id).instance; }
  [[nodiscard]] PartyId size() const { return settings_.signers; }

  std::optional<wire::Envelope> answer(PartyId to, const std::string& coordinator, const wire::Envelope& request,
                                       Time now);
  /// A new process with nothing in its memory. Until meet() it gets no presignatures.
  void restart(PartyId id);
  /// Its peers have seen that the process is new, and dropped what they shared with the old one.
  void meet(PartyId id);
  /// Expires leases and partials, and deals to pools below their target, if all their members take part.
  void tick(Time now);
  /// The planted bug, if it is wanted.
  void roll_back(Time now);

  [[nodiscard]] std::uint64_t dealt() const { return dealt_; }

 private:
  struct Signer {
    Digest instance;
    bool met = true;
    std::unique_ptr<signerd::KeyRing> keys;
    std::unique_ptr<signerd::Online> online;
    [[nodiscard]] signerd::ActiveKey& key() { return *keys->all().begin()->second; }
  };
  struct Nonce {
    Scalar r, inverse;
  };

  void boot(PartyId id);
  void deal(const Quorum& quorum, std::uint32_t count, Time now);

  Settings settings_;
  sim::SeededRng rng_;
  sim::DealtGroup group_;
  Scalar x_;
  std::vector<Nonce> nonces_;  ///< all that the toy curve has
  signerd::Policy policy_;
  signerd::Audit audit_;
  std::vector<Quorum> quorums_;
  std::map<PartyId, Signer> signers_;
  std::uint64_t dealt_ = 0;
  std::map<PartyId, std::vector<PresignedBatch>> kept_;  ///< for the planted bug only
};

/// The virtual time as the daemon's clock would show it.
inline signerd::Clock::time_point wall(Time now) {
  return signerd::Clock::time_point(std::chrono::duration_cast<signerd::Clock::duration>(now));
}

}  // namespace quorate::simulation
