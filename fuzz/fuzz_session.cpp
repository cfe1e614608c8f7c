// Whole runs of the session machines on the toy curve with signer 1 as the adversary: the real code of
// all members, in one process, and an input that edits what travels between them.
//
// Input: which protocol, then edits of five bytes (message number, kind, position, position, value).
// What must hold for every input, at everybody but signer 1:
//   - no crash; what is sent decodes to itself
//   - whoever is named is signer 1: an honest member is never blamed, nor two honest ones by a dispute
//   - messages that were lost, doubled, delayed or sent under a wrong type or session end nothing
//   - without edits everybody gets a result

#include <deque>

#include "fuzz/wire_samples.h"
#include "protocol/session/keygen_machine.h"
#include "protocol/session/presign_machine.h"
#include "protocol/session/setup_machine.h"
#include "test/sim/dealer.h"

using namespace quorate;
using session::Machine;
using session::Step;

namespace {

constexpr PartyId kAdversary = 1;
constexpr std::size_t kMostEdits = 24;

struct Edit {
  /// Lose, Double and Delay may happen to anyone's message, the others are the adversary's doing.
  enum Kind : std::uint8_t { Flip, Cut, Extend, Ones, Swap, Retype, Resession, Lose, Double, Delay, Kinds };
  std::size_t message;
  Kind kind;
  std::size_t position;
  std::uint8_t value;
};

std::vector<Edit> edits_of(ByteView input) {
  std::vector<Edit> out;
  for (; input.size() >= 5 && out.size() < kMostEdits; input = input.subspan(5))
    out.push_back({input[0], static_cast<Edit::Kind>(input[1] % Edit::Kinds),
                   static_cast<std::size_t>(input[2] << 8 | input[3]), input[4]});
  return out;
}

bool changes_content(Edit::Kind kind) { return kind <= Edit::Swap; }

struct Member {
  std::unique_ptr<Machine> machine;
  std::unique_ptr<sim::SeededRng> rng;
  bool done = false;
  std::optional<Abort> abort;
};

class Run {
 public:
  Run(const Curve& curve, ByteView input) : curve_(curve), edits_(edits_of(input)) {}

  void add(PartyId id, std::unique_ptr<Machine> machine) {
    members_[id] = {std::move(machine), std::make_unique<sim::SeededRng>(id, "fuzz session"), false, std::nullopt};
  }

  void play() {
    for (auto& [id, member] : members_) take(id, member.machine->start(*member.rng));
    while (!queue_.empty() || !held_.empty()) {
      if (queue_.empty()) queue_.swap(held_);
      const auto envelope = std::move(queue_.front());
      queue_.pop_front();
      const auto receiver = members_.find(envelope.to);
      if (receiver == members_.end()) std::abort();
      if (receiver->second.abort) continue;
      take(envelope.to, receiver->second.machine->on_message(envelope, *receiver->second.rng));
    }
    judge();
  }

 private:
  void take(PartyId id, Step step) {
    auto& member = members_.at(id);
    if (step.done && step.abort) std::abort();
    if (member.done && (step.abort || !step.out.empty())) std::abort();
    member.done |= step.done;
    member.abort = std::move(step.abort);
    for (auto& envelope : step.out) send(id, std::move(envelope));
  }

  void send(PartyId from, wire::Envelope envelope) {
    if (envelope.from != from || envelope.to == from) std::abort();
    const auto again = wire::sample::recode(envelope.type, curve_, envelope.payload);
    if (!again || *again != envelope.payload) std::abort();
    const auto number = sent_++;
    const auto original = envelope.payload;
    std::size_t copies = 1;
    bool late = false;
    for (const auto& edit : edits_) {
      if (edit.message != number || (edit.kind < Edit::Lose && from != kAdversary)) continue;
      apply(edit, envelope, copies, late);
    }
    latest_[envelope.type] = original;
    for (; copies > 0; --copies) (late ? held_ : queue_).push_back(envelope);
  }

  void apply(const Edit& edit, wire::Envelope& envelope, std::size_t& copies, bool& late) {
    auto& payload = envelope.payload;
    const auto at = payload.empty() ? 0 : edit.position % payload.size();
    const auto here = payload.begin() + static_cast<std::ptrdiff_t>(at);
    tampered_ |= changes_content(edit.kind);
    switch (edit.kind) {
      case Edit::Flip:
        if (!payload.empty()) payload[at] ^= edit.value;
        break;
      case Edit::Cut: payload.erase(here, payload.end()); break;
      case Edit::Extend: payload.insert(here, edit.value); break;
      case Edit::Ones: std::fill_n(here, std::min<std::size_t>(4, payload.size() - at), std::uint8_t{0xff}); break;
      case Edit::Swap:
        if (latest_.contains(envelope.type)) payload = latest_[envelope.type];
        break;
      case Edit::Retype: envelope.type = static_cast<wire::MessageType>(edit.value); break;
      case Edit::Resession: envelope.sid.bytes[edit.position % 32] ^= static_cast<std::uint8_t>(edit.value | 1); break;
      case Edit::Lose: copies = 0; break;
      case Edit::Double: copies = 2; break;
      case Edit::Delay: late = true; break;
      case Edit::Kinds: break;
    }
    // Under the number of another round it is that round's message with wrong content.
    tampered_ |= edit.kind == Edit::Retype;
  }

  void judge() const {
    for (const auto& [id, member] : members_) {
      if (edits_.empty() && !member.done) std::abort();
      if (!member.abort) continue;
      if (!tampered_) std::abort();
      if (id == kAdversary) continue;
      const auto& blame = member.abort->blame;
      if (blame.kind == Blame::Kind::Party && blame.party != kAdversary) std::abort();
      if (blame.kind == Blame::Kind::Pair && (blame.party != id || blame.other != kAdversary)) std::abort();
    }
  }

  const Curve& curve_;
  std::vector<Edit> edits_;
  std::map<PartyId, Member> members_;
  std::deque<wire::Envelope> queue_, held_;  ///< held: delivered when nothing else is under way
  std::map<wire::MessageType, Bytes> latest_;
  std::size_t sent_ = 0;
  bool tampered_ = false;
};

void play_setup(const Curve& curve, ByteView input) {
  sim::SeededRng rng(1, "fuzz set-up");
  const auto key = rng.make_id<KeyId>();
  const auto epoch = rng.make_id<EpochId>();
  const auto sid = rng.make_id<SessionId>();
  Run run(curve, input);
  run.add(1, std::make_unique<session::SetupMachine>(curve, key, epoch, sid, 1, 2));
  run.add(2, std::make_unique<session::SetupMachine>(curve, key, epoch, sid, 2, 1));
  run.play();
}

void play_keygen(const Curve& curve, ByteView input) {
  static std::map<PartyId, IdentityKey> identities;
  static const KeygenTerms terms = [&] {
    sim::SeededRng rng(1, "fuzz keygen");
    KeygenTerms out{rng.make_id<CeremonyId>(), &curve, 2, "fuzz", rng.make_id<Digest>(), {}, {}};
    for (PartyId id = 1; id <= 3; ++id) {
      auto identity = IdentityKey::generate(rng);
      out.members.push_back({id, identity.public_key()});
      identities.emplace(id, std::move(identity));
    }
    return out;
  }();
  Run run(curve, input);
  for (PartyId id = 1; id <= 3; ++id)
    run.add(id, std::make_unique<session::KeygenMachine>(terms, id, identities.at(id)));
  run.play();
}

void play_presign(const Curve& curve, ByteView input) {
  static const Quorum quorum{1, 2, 3};
  static std::map<PartyId, std::map<PartyId, ot::PairState>> pairs;
  static PresignPlan plan;
  static const sim::DealtGroup group = [&] {
    sim::SeededRng rng(2, "fuzz presign");
    auto out = sim::deal_key(curve, 3, 3, rng);
    plan.curve = curve.id();
    plan.key = out.info().key;
    plan.epoch = out.info().epoch;
    plan.quorum = quorum;
    plan.batch = 2;
    plan.tree_depth = ot::kTreeDepth;
    plan.batch_number = 1;
    plan.leader_nonce = rng.make_id<Digest>();
    for (PartyId i = 1; i <= 3; ++i)
      for (auto j = static_cast<PartyId>(i + 1); j <= 3; ++j) {
        auto [a, b] = sim::deal_pair(i, j, rng);
        plan.setups.push_back(a.id);
        pairs[i].emplace(j, std::move(a));
        pairs[j].emplace(i, std::move(b));
      }
    return out;
  }();
  Run run(curve, input);
  for (const auto id : quorum) {
    PresignInputs inputs{&group.shares.at(id), &group.identities.at(id), {}, plan};
    for (const auto& [peer, pair] : pairs.at(id)) inputs.pairs[peer] = &pair;
    run.add(id, std::make_unique<session::PresignMachine>(std::move(inputs)));
  }
  run.play();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Curve::allow_toy();
  if (size == 0) return 0;
  const ByteView edits(data + 1, size - 1);
  switch (data[0]) {
    case 0: play_setup(Curve::toy(), edits); break;
    case 1: play_keygen(Curve::toy(), edits); break;
    case 2: play_presign(Curve::toy(), edits); break;
    default: break;
  }
  return 0;
}
