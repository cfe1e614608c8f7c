#pragma once

#include "protocol/wire/admin_codec.h"
#include "protocol/wire/keygen_codec.h"
#include "protocol/wire/online_codec.h"
#include "test/unit/signerd_world.h"

namespace quorate::signerd {

/// Three signers of which 1 is the victim, and an administrator who starts key generations at all of them.
class Keygen : public testing::Test {
 protected:
  static constexpr PartyId kVictim = 1;
  Signer& victim() { return world.at(kVictim); }

  CeremonyId begin(const std::string& name = "web") {
    wire::KeygenRequest request;
    request.ceremony = rng.make_id<CeremonyId>();
    request.threshold = 2;
    request.name = name;
    request.group = world.group.digest();
    request.members = {1, 2, 3};
    for (PartyId id : request.members) ask(id, request);
    return request.ceremony;
  }
  /// A refresh of the key that begin() made, at these signers.
  CeremonyId begin_refresh(const EpochId& previous, const Quorum& at = {1, 2, 3}) {
    wire::KeygenRequest request;
    request.ceremony = rng.make_id<CeremonyId>();
    request.threshold = 2;
    request.name = "web";
    request.group = world.group.digest();
    request.members = {1, 2, 3};
    request.previous = previous;
    for (PartyId id : at) ask(id, request);
    return request.ceremony;
  }
  void ask(PartyId id, const wire::KeygenRequest& request) {
    const net::PeerIdentity admin{wire::Role::Admin, kNobody, "alice", "test"};
    world.at(id).ceremonies.on_request(
        admin,
        {wire::MessageType::KeygenRequest, SessionId{request.ceremony.bytes}, kNobody, id, wire::encode(request)},
        [this, id](const wire::Envelope& answer) { answers[id].push_back(answer); }, administrator);
  }
  /// The connection of whoever asks.
  std::shared_ptr<int> administrator = std::make_shared<int>();
  /// How the ceremony ended for the administrator; nothing if it did not.
  std::optional<wire::KeygenResult> result(PartyId id) const {
    const auto found = answers.find(id);
    if (found == answers.end()) return std::nullopt;
    for (const auto& answer : found->second)
      if (answer.type == wire::MessageType::KeygenResult) return *wire::decode<wire::KeygenResult>(answer.payload);
    return std::nullopt;
  }
  /// The victim as it is after a restart; `restarted` has its keys.
  Signer& restart() {
    const auto own = world.directory.path() / std::to_string(kVictim);
    restarted = std::make_unique<Signer>(
        kVictim, world.identity(kVictim), world.group, own, world.io,
        MeshView{[](const wire::Envelope&) { return true; }, [](PartyId) { return false; }}, PoolLimits{});
    EXPECT_TRUE(restarted->ceremonies.load());
    return *restarted;
  }
  /// The ceremonies of the keys that are active under a name.
  static std::vector<CeremonyId> active_as(Signer& signer, const std::string& name) {
    std::vector<CeremonyId> out;
    for (const auto& [epoch, key] : signer.keys.all())
      if (key->info().name == name) out.push_back(key->info().ceremony);
    return out;
  }
  bool active(PartyId id) {
    for (const auto& [epoch, key] : world.at(id).keys.all())
      if (confirmations_valid(key->info())) return true;
    return false;
  }
  /// Runs a ceremony in which the victim gets everything but one fourth message.
  CeremonyId run_without_fourth(bool fifth_too = true) {
    world.passes = [this, fifth_too](const wire::Envelope& e) {
      if (e.type == wire::MessageType::KeygenRound4 && e.from == 2 && e.to == kVictim) {
        fourth = e;
        return false;
      }
      if (!fifth_too && e.type == wire::MessageType::KeygenRound5 && e.to == kVictim) {
        fifth.push_back(e);
        return false;
      }
      return true;
    };
    const auto ceremony = begin();
    world.settle();
    EXPECT_TRUE(fourth);
    world.passes = nullptr;
    return ceremony;
  }
  /// The share of the victim is not on disk yet, as far as anybody can see while `during` runs.
  void while_being_written(const std::function<void()>& during) {
    const auto here = world.directory.path() / std::to_string(kVictim) / "state",
               there = world.directory.path() / "later";
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(here))
      if (entry.path().extension() == ".share") files.push_back(entry.path().filename());
    ASSERT_EQ(files.size(), 1U);
    std::filesystem::rename(here / files[0], there);
    during();
    std::filesystem::rename(there, here / files[0]);
  }
  /// A confirmation by its owner leaves: is its share on disk?
  void watch_confirmations() {
    world.passes = [this, before = world.passes](const wire::Envelope& e) {
      if (e.type == wire::MessageType::KeygenRound5) {
        ++confirmations[e.from];
        EXPECT_TRUE(world.at(e.from).share_on_disk(CeremonyId{e.sid.bytes})) << int(e.from);
      }
      return !before || before(e);
    };
  }

  World world{3, limits()};
  static PoolLimits limits() {
    PoolLimits small;
    small.target = small.min = 1;
    return small;
  }
  sim::SeededRng rng{11};
  std::map<PartyId, std::vector<wire::Envelope>> answers;
  std::map<PartyId, int> confirmations;
  std::optional<wire::Envelope> fourth;
  std::vector<wire::Envelope> fifth;
  std::unique_ptr<Signer> restarted;
};

}  // namespace quorate::signerd
