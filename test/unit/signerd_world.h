#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <future>
#include <set>

#include "protocol/wire/presign_codec.h"
#include "protocol/wire/setup_codec.h"
#include "signerd/ceremonies.h"
#include "signerd/epoch_switch.h"
#include "signerd/presigner.h"
#include "test/sim/dealer.h"
#include "test/sim/seeded_rng.h"

namespace quorate::signerd {

/// A directory of one test, empty at first and removed at its end.
class TestDirectory {
 public:
  TestDirectory()
      : path_(std::filesystem::path(testing::TempDir()) /
              ("signerd-" + std::to_string(::getpid()) + "-" +
               testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A machine whose steps are what the test says. The functions run on a worker.
class ScriptedMachine final : public session::Machine {
 public:
  std::function<session::Step()> on_start = [] { return session::Step{}; };
  std::function<session::Step(const wire::Envelope&)> on_envelope = [](const wire::Envelope&) {
    return session::Step{};
  };

  session::Step start(Rng&) override { return on_start(); }
  session::Step on_message(wire::Envelope envelope, Rng&) override { return on_envelope(envelope); }
  [[nodiscard]] const session::DropCounters& dropped() const override { return dropped_; }
  [[nodiscard]] std::vector<PartyId> missing() const override { return {}; }

 private:
  session::DropCounters dropped_;
};

/// Sessions of finish_steps() whose end has not come to the I/O thread yet.
inline std::vector<std::weak_ptr<int>> finishing;

/// Waits until the one worker of `host` has run everything that was posted before. What these steps led to
/// waits on the I/O thread, which is the caller's: nothing of it has happened yet.
inline void finish_steps(SessionHost& host) {
  static std::uint64_t number = 0;
  // A strand that gets a step while another waits goes to the end of the worker's queue once: hence twice.
  for (int i = 0; i < 2; ++i) {
    auto machine = std::make_shared<ScriptedMachine>();
    auto reached = std::make_shared<std::promise<void>>();
    machine->on_start = [reached] {
      reached->set_value();
      session::Step step;
      step.done = true;
      return step;
    };
    SessionHost::Session session;
    auto token = std::make_shared<int>();
    finishing.push_back(token);
    session.on_end = [token = std::move(token)](const SessionHost::Ending&) {};
    const auto sid = sim::SeededRng(++number, "finish steps").make_id<SessionId>();
    ASSERT_TRUE(host.open(sid, std::move(machine), std::move(session)));
    reached->get_future().wait();
  }
}

/// All parts of one signer but its links, policy for callers and clock.
struct Signer {
  Signer(PartyId id, const IdentityKey& identity, const net::GroupFile& group,
         const std::filesystem::path& directory, boost::asio::io_context& io, const MeshView& mesh,
         PoolLimits limits)
      : me(id),
        store(*ShareStore::open(directory / "state", state_key(), id)),
        disputes_file(directory / "disputes.json"),
        disputes(*Disputes::open(disputes_file)),
        keys(limits),
        sessions(io, 1, mesh.send),
        setups(id, keys, sessions, disputes, log, mesh),
        presigner(id, identity, keys, setups, sessions, disputes, log, mesh, {}),
        ceremonies(id, identity, group, store, keys, sessions, policy, log, mesh) {
    ceremonies.on_key = [this](const EpochId& epoch) { setups.key_added(epoch); };
    epoch_switch.settled = [this](const PublicKeyInfo& coming) {
      return !ceremonies.contested(coming) || setups.active_at_all(coming);
    };
    epoch_switch.on_wiped = [this](const PublicKeyInfo& old) {
      presigner.forget(old.epoch);
      setups.forget(old.epoch);
      ceremonies.forget_successors(old.epoch);
    };
  }
  static StateKey state_key() { return StateKey(sim::SeededRng(1).make<std::array<std::uint8_t, 32>>()); }

  /// As Server::on_peer(), at the time `now`.
  void receive(const wire::Envelope& envelope, Clock::time_point now = Clock::now()) {
    using wire::MessageType;
    if (envelope.type <= MessageType::SetupReady) return setups.on_message(envelope, now);
    if (envelope.type <= MessageType::KeygenEvidence) return ceremonies.on_message(envelope, now);
    presigner.on_message(envelope, now);
  }
  /// What stands on disk, read as after a restart.
  [[nodiscard]] Disputes written_disputes() const { return *Disputes::open(disputes_file); }
  [[nodiscard]] bool share_on_disk(const CeremonyId& ceremony) const {
    const auto shares = store.load();
    return shares && std::any_of(shares->begin(), shares->end(),
                                 [&](const KeyShare& share) { return share.info.ceremony == ceremony; });
  }

  const PartyId me;
  Log log{"error"};
  Policy policy{Policy::defaults()};
  ShareStore store;
  const std::filesystem::path disputes_file;
  Disputes disputes;
  KeyRing keys;
  SessionHost sessions;
  PairSetups setups;
  Presigner presigner;
  Ceremonies ceremonies;
  EpochSwitch epoch_switch{keys, store, log};
};

/// Signers 1..N in one process. The test is the network between them and the thread that they all run on;
/// protocol steps run on each signer's one worker. Time is what the test says, too.
class World {
 public:
  explicit World(std::size_t n, PoolLimits limits = {}, std::uint64_t seed = 1) {
    sim::SeededRng rng(seed, "world");
    for (PartyId id = 1; id <= n; ++id) {
      identities_.emplace(id, IdentityKey::generate(rng));
      group.members.push_back({"test", id, "127.0.0.1:1", identities_.at(id).public_key(), {}});
    }
    build(limits);
  }
  /// With a dealt key that all of them hold.
  World(std::size_t n, std::size_t t, PoolLimits limits = {}, std::uint64_t seed = 1) {
    sim::SeededRng rng(seed, "dealt world");
    auto dealt = sim::deal_key(Curve::p256(), n, t, rng);
    identities_ = std::move(dealt.identities);
    epoch = dealt.info().epoch;
    build(limits);
    // In use, as long as the test may take: pools are filled up to their target.
    for (auto& [id, share] : dealt.shares)
      signers_.at(id)->keys.add(std::move(share)).used_at = Clock::now() + std::chrono::hours(24 * 365);
  }

  /// Sees every message when it is sent; false drops it. Default: all arrive.
  std::function<bool(const wire::Envelope&)> passes;

  Signer& at(PartyId id) { return *signers_.at(id); }
  const IdentityKey& identity(PartyId id) const { return identities_.at(id); }

  /// Runs until nothing is under way any more.
  void settle() {
    // The end of one session may begin another without a message in between: hence quiet twice.
    for (int quiet = 0; quiet < 2;) {
      const std::size_t before = moved_;
      for (auto& [id, signer] : signers_) finish_steps(signer->sessions);
      run_io();
      quiet = moved_ == before ? quiet + 1 : 0;
    }
  }
  /// What is due on the I/O thread, and no step of a machine. The worker says that it has finished its steps a
  /// moment before it hands over the end of finish_steps() itself: that is waited for.
  void run_io() {
    do {
      io.restart();
      io.poll();
      std::erase_if(finishing, [](const auto& token) { return token.expired(); });
    } while (!finishing.empty());
  }
  /// A new process of a signer, with nothing but what is on disk; the others notice.
  void restart(PartyId id) {
    signers_.erase(id);
    add(id);
    EXPECT_TRUE(at(id).store.tidy(std::nullopt));
    EXPECT_TRUE(at(id).ceremonies.load());
    for (auto& [peer, other] : signers_) {
      if (peer == id) continue;
      other->sessions.abort_with(id, "lost the link");
      for (auto& [epoch, key] : other->keys.all()) key->pools.drop_shared_with(id);
    }
    for (auto& [peer, other] : signers_) {
      if (peer == id || !linked(peer, id)) continue;
      other->setups.peer_up(id, true, now());
      other->ceremonies.peer_up(id);
      at(id).setups.peer_up(peer, true, now());
      at(id).ceremonies.peer_up(peer);
    }
  }
  /// Makes the set-ups of all pairs that are told, for the dealt key.
  void set_up() {
    for (auto& [id, signer] : signers_)
      for (auto& [peer, other] : signers_)
        if (id < peer && linked(id, peer)) signer->setups.peer_up(peer, false, now());
    settle();
  }
  /// How far the clock by which messages arrive is ahead of the real one.
  Clock::duration later{0};
  [[nodiscard]] Clock::time_point now() const { return Clock::now() + later; }
  /// Which signers have links; default: all.
  std::set<PartyId> up;
  [[nodiscard]] bool linked(PartyId a, PartyId b) const {
    return up.empty() || (up.contains(a) && up.contains(b));
  }

  /// The dealt key.
  KeyId key() { return signers_.begin()->second->keys.by_epoch(epoch)->info().key; }
  /// A plan as the leader would make it, if `from` were asked about the set-ups.
  PresignPlan plan(const Quorum& quorum, std::uint64_t number, std::uint32_t batch = 1) {
    const PartyId leader = leader_of(epoch, quorum);
    const auto& info = at(leader).keys.by_epoch(epoch)->info();
    PresignPlan plan{info.curve->id(), info.key, epoch, quorum, batch, ot::kTreeDepth, number, {}, {}};
    plan.leader_nonce = rng_.make_id<Digest>();
    if (auto setups = at(leader).setups.agreed(epoch, quorum)) plan.setups = *setups;
    return plan;
  }
  wire::Envelope start(const PresignPlan& plan, PartyId to) const {
    return {wire::MessageType::PresignStart, plan.sid(), leader_of(plan.epoch, plan.quorum), to,
            wire::encode(plan)};
  }

  /// Messages of a type that `from` sent, in order, since the test cleared `sent`.
  [[nodiscard]] std::vector<wire::Envelope> sent_by(PartyId from, wire::MessageType type) const {
    std::vector<wire::Envelope> out;
    std::copy_if(sent.begin(), sent.end(), std::back_inserter(out),
                 [&](const auto& e) { return e.from == from && e.type == type; });
    return out;
  }
  std::vector<wire::Envelope> sent;

  EpochId epoch;
  TestDirectory directory;
  net::GroupFile group{"test", {}};
  boost::asio::io_context io{1};

 private:
  void build(PoolLimits limits) {
    limits_ = limits;
    for (const auto& [id, identity] : identities_) {
      std::filesystem::create_directories(directory.path() / std::to_string(id));
      add(id);
    }
  }
  void add(PartyId id) {
    signers_.emplace(id, std::make_unique<Signer>(id, identities_.at(id), group, directory.path() / std::to_string(id), io,
                                                  MeshView{[this](const wire::Envelope& e) { return send(e); },
                                                           [this, id](PartyId peer) { return linked(id, peer); }},
                                                  limits_));
  }
  bool send(const wire::Envelope& envelope) {
    ++moved_;
    sent.push_back(envelope);
    if (!linked(envelope.from, envelope.to)) return false;
    if (passes && !passes(envelope)) return true;
    boost::asio::post(io, [this, envelope] {
      ++moved_;
      at(envelope.to).receive(envelope, now());
    });
    return true;
  }

  sim::SeededRng rng_{7, "plans"};
  std::map<PartyId, IdentityKey> identities_;
  std::map<PartyId, std::unique_ptr<Signer>> signers_;
  PoolLimits limits_;
  std::size_t moved_ = 0;
};

}  // namespace quorate::signerd
