#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <set>

#include "protocol/wire/blame_codec.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "signerd/accusations.h"
#include "test/sim/dealt_batch.h"
#include "test/unit/signerd_world.h"

namespace quorate::signerd {

/// Signers with nothing but what is under test; the test is the network.
class Court : public testing::Test {
 protected:
  static constexpr std::size_t kN = 5, kT = 2;
  static constexpr PartyId kCheat = 3;

  struct Node {
    PartyId id;
    std::unique_ptr<KeyRing> keys;
    std::unique_ptr<Disputes> disputes;
    std::unique_ptr<Quarantine> quarantine;
    std::unique_ptr<Accusations> accusations;
    std::vector<PartyId> told;  ///< by on_quarantine
  };
  Court() {
    sim::confirm_epoch(group);
    batch = sim::deal_batch(group, {2, kCheat}, 2, rng);
    for (PartyId id = 1; id <= kN; ++id) {
      Node& node = nodes[id];
      node.id = id;
      node.keys = std::make_unique<KeyRing>(PoolLimits{});
    }
    info = group.info();
    for (auto& [id, share] : group.shares) nodes[id].keys->add(std::move(share));
    for (auto& [id, node] : nodes) restart(node);
  }
  std::filesystem::path state(PartyId id) const { return directory.path() / std::to_string(id); }
  /// What is on disk is read again; nothing else is left.
  void restart(Node& node) {
    std::filesystem::create_directories(state(node.id));
    node.accusations.reset();
    node.keys->set_quarantined({});
    node.disputes = std::make_unique<Disputes>(*Disputes::open(state(node.id) / "disputes.json"));
    node.quarantine = std::make_unique<Quarantine>(*Quarantine::open(state(node.id) / "quarantine"));
    make(node);
  }
  void make(Node& node) {
    const PartyId me = node.id;
    node.told.clear();
    node.accusations = std::make_unique<Accusations>(Accusations::Parts{
        me, group.identities.at(me), sim::identities_of(group), *node.keys, *node.disputes, *node.quarantine, policy, log,
        MeshView{[this](const wire::Envelope& e) {
                   sent.push_back(e);
                   queue.push_back(e);
                   return true;
                 },
                 [this, me](PartyId peer) { return peer != me && !cut.contains(peer) && !cut.contains(me); }}});
    node.accusations->on_quarantine = [&node](PartyId signer) { node.told.push_back(signer); };
    node.accusations->start();
  }
  /// Delivers until nothing is under way.
  void settle() {
    while (!queue.empty()) {
      const auto e = queue.front();
      queue.pop_front();
      if (!cut.contains(e.to) && !cut.contains(e.from)) nodes[e.to].accusations->on_message(e, now);
    }
  }
  void link_all() {
    for (auto& [a, node] : nodes)
      for (auto& [b, other] : nodes)
        if (a != b && !cut.contains(a) && !cut.contains(b)) node.accusations->peer_up(b, now);
    settle();
  }
  wire::Envelope notice(PartyId from, PartyId to, const Bytes& evidence) {
    return {wire::MessageType::QuarantineNotice, {}, from, to, wire::encode(wire::QuarantineNotice{evidence})};
  }
  BlameEvidence bad_partial(PartyId signer, bool wrong = true) {
    const Bytes content{'x'};
    const Scalar m = message_scalar(Curve::p256(), MessageDigest::Sha256, content);
    auto s = batch.partial(signer, 1, m);
    if (wrong) s = s + Scalar(Curve::p256(), 1);
    return BadPartialEvidence{batch.context, batch.rows.at(signer), 1, batch.R[1], batch.K.at(signer)[1], batch.C.at(signer)[1],
                              sim::sign_partial(batch.context, signer, 1, group.identities.at(signer), batch.record_digest(1), 1,
                                                MessageDigest::Sha256, content, s)};
  }
  BlameEvidence contradiction(PartyId signer) {
    Row other = batch.rows.at(signer);
    other.u_digest.bytes[0] ^= 1;
    other.signature = group.identities.at(signer).sign(row_digest(batch.context.binding(), batch.context.quorum, other));
    return *find_contradiction(batch.context, batch.rows.at(signer), other, sim::identities_of(group));
  }
  DisputeStatement statement(PartyId signer, PartyId other, Fault fault = Fault::OtCheck) {
    DisputeStatement s{info.epoch, std::min(signer, other), std::max(signer, other), fault, signer, {}};
    s.signature = group.identities.at(signer).sign(dispute_digest(s));
    return s;
  }
  wire::Envelope dispute_notice(const DisputeStatement& s, PartyId from, PartyId to) {
    return {wire::MessageType::DisputeNotice, {}, from, to,
            wire::encode(wire::DisputeNotice{s.epoch, s.a, s.b, s.fault, s.signer, s.signature})};
  }
  /// A dispute as PairSetups::destroy() leaves it.
  void fall_out(PartyId a, PartyId b) {
    auto& node = nodes[a];
    ASSERT_TRUE(node.disputes->add_pair(info.epoch, a, b, {Fault::OtCheck, Blame::pair(a, b), "why"}));
    node.accusations->dispute(info.epoch, b, Fault::OtCheck, now);
  }
  static net::PeerIdentity caller(wire::Role role, const std::string& name = "x") { return {role, kNobody, name, "test"}; }
  template <class T>
  wire::Envelope ask(PartyId signer, const T& message, const net::PeerIdentity& who = caller(wire::Role::Admin)) {
    SessionId sid;
    sid.bytes[3] = 9;
    now += std::chrono::seconds(1);
    return nodes[signer].accusations->answer(who, {wire::kTypeOf<T>, sid, kNobody, signer, wire::encode(message)}, now).value();
  }
  wire::QuarantineReply list(PartyId signer) {
    const auto answer = ask(signer, wire::QuarantineRequest{});
    EXPECT_EQ(answer.type, wire::MessageType::QuarantineReply);
    EXPECT_EQ(answer.sid.bytes[3], 9);
    return *wire::decode<wire::QuarantineReply>(answer.payload);
  }
  /// Of all signers: whom do they hold?
  void expect_held_by_all(const std::set<PartyId>& held) {
    for (auto& [id, node] : nodes) EXPECT_EQ(node.quarantine->signers(), held) << "signer " << int(id);
  }
  /// The epoch is replaced by a refresh.
  void end_epoch(Node& node) {
    node.accusations.reset();
    node.keys = std::make_unique<KeyRing>(PoolLimits{});
    make(node);
  }

  TestDirectory directory;
  sim::SeededRng rng{11};
  sim::DealtGroup group = sim::deal_key(Curve::p256(), kN, kT, rng);
  PublicKeyInfo info;
  sim::DealtBatch batch;
  Policy policy{Policy::defaults()};
  Log log{"error"};
  std::map<PartyId, Node> nodes;
  std::deque<wire::Envelope> queue;
  std::vector<wire::Envelope> sent;
  std::set<PartyId> cut;
  Clock::time_point now = Clock::now();
};

}  // namespace quorate::signerd
