// What signers hold against each other: kept, shown, believed only when verified, and cleared after a refresh
// (SPEC 5.6, 6.5).
#include <gmock/gmock.h>

#include <fstream>

#include "protocol/wire/blame_codec.h"
#include "protocol/wire/online_codec.h"
#include "protocol/wire/quarantine_codec.h"
#include "signerd/accusations.h"
#include "signerd/durable_file.h"
#include "test/sim/dealt_batch.h"
#include "test/unit/signerd_world.h"

namespace quorate::signerd {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using wire::MessageType;

constexpr std::size_t kN = 5, kT = 2;
constexpr PartyId kCheat = 3;

// ---- the store ----------------------------------------------------------------------------------------

class QuarantineStore : public testing::Test {
 protected:
  static Quarantine::Entry entry(PartyId signer, std::uint8_t evidence, const EpochId& epoch = {}) {
    return {signer, epoch, "bad-partial", "2026-11-22T14:30:00.123Z", Bytes(1000, evidence), false};
  }
  Quarantine open() const { return *Quarantine::open(path); }
  TestDirectory directory;
  fs::path path = directory.path() / "quarantine";
};

TEST_F(QuarantineStore, survives_a_restart_with_its_evidence) {
  EXPECT_EQ(open().version(), 0U);
  std::uint64_t version = 0;
  {
    auto list = open();
    EXPECT_TRUE(list.add(entry(5, 1)).value());
    EXPECT_TRUE(list.add(entry(2, 2)).value());
    EXPECT_FALSE(list.add(entry(5, 9)).value()) << "it is there";
    version = list.version();
  }
  const auto list = open();
  ASSERT_EQ(list.entries().size(), 2U);
  EXPECT_EQ(list.entries()[0].signer, 2);
  EXPECT_EQ(list.entries()[1].evidence, Bytes(1000, 1));
  EXPECT_EQ(list.entries()[1].reason, "bad-partial");
  EXPECT_TRUE(list.entries()[1].durable);
  EXPECT_EQ(list.version(), version);
  EXPECT_NE(version, 0U);
}

TEST_F(QuarantineStore, another_list_has_another_version) {
  std::set<std::uint64_t> versions{0};
  const auto version_of = [&](std::vector<Quarantine::Entry> entries) {
    fs::remove_all(path);
    auto list = open();
    for (auto& e : entries) EXPECT_TRUE(list.add(std::move(e)).value());
    return list.version();
  };
  EXPECT_TRUE(versions.insert(version_of({entry(1, 1)})).second);
  EXPECT_TRUE(versions.insert(version_of({entry(2, 1)})).second);
  EXPECT_TRUE(versions.insert(version_of({entry(1, 2)})).second);
  EXPECT_TRUE(versions.insert(version_of({entry(1, 1), entry(2, 1)})).second);
  EXPECT_FALSE(versions.insert(version_of({entry(2, 1), entry(1, 1)})).second) << "in whatever order";
}

TEST_F(QuarantineStore, what_is_damaged_is_not_taken_for_an_empty_list) {
  ASSERT_TRUE(open().add(entry(4, 1)));
  const auto evidence = path / "4.evidence", list = path / "list.json";
  const auto text_of = [](const fs::path& file) { return std::string(as_text(*read_file(file, 1 << 20))); };
  const std::string good_list = text_of(list), good_evidence = text_of(evidence);
  const auto damaged = [&](const fs::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
    return !Quarantine::open(path).has_value();
  };
  EXPECT_TRUE(damaged(list, ""));
  for (std::size_t cut = 1; cut + 2 < good_list.size(); cut += 17) EXPECT_TRUE(damaged(list, good_list.substr(0, cut))) << cut;
  std::ofstream(list, std::ios::trunc) << good_list;
  EXPECT_TRUE(damaged(evidence, good_evidence.substr(1)));
  EXPECT_TRUE(damaged(evidence, good_evidence + "x"));
  EXPECT_TRUE(damaged(evidence, std::string(1000, 'x')));
  fs::remove(evidence);
  EXPECT_FALSE(Quarantine::open(path));
  std::ofstream(evidence, std::ios::binary) << good_evidence;
  EXPECT_TRUE(Quarantine::open(path));
}

TEST_F(QuarantineStore, a_crash_between_evidence_and_list_leaves_the_list_as_it_was) {
  ASSERT_TRUE(open().add(entry(4, 1)));
  // Another signer's evidence was written, its list was not; and a half-written list lies beside the good one.
  std::ofstream(path / "5.evidence") << "whatever";
  std::ofstream(path / "list.json.tmp") << "{ \"quar";
  auto list = open();
  EXPECT_EQ(list.signers(), std::set<PartyId>{4});
  EXPECT_TRUE(list.add(entry(5, 7)).value());
  EXPECT_EQ(open().entries()[1].evidence, Bytes(1000, 7));
}

TEST_F(QuarantineStore, what_cannot_be_written_is_in_force_and_nobody_is_told) {
  std::ofstream(path) << "a file where the directory should be";
  auto list = open();
  EXPECT_FALSE(list.add(entry(4, 1)));
  EXPECT_TRUE(list.holds(4));
  EXPECT_EQ(list.version(), 0U);
  EXPECT_FALSE(list.entries()[0].durable);
  EXPECT_TRUE(list.unwritten());
  EXPECT_FALSE(list.write());
  fs::remove(path);
  EXPECT_TRUE(list.write());
  EXPECT_NE(list.version(), 0U);
  EXPECT_TRUE(open().holds(4));
}

TEST_F(QuarantineStore, those_of_epochs_that_are_over_are_cleared_for_good) {
  sim::SeededRng rng(3);
  const auto old = rng.make_id<EpochId>(), active = rng.make_id<EpochId>();
  auto list = open();
  ASSERT_TRUE(list.add(entry(1, 1, old)));
  ASSERT_TRUE(list.add(entry(2, 2, active)));
  EXPECT_EQ(list.clear([&](const EpochId& epoch) { return epoch == old; }).value(), 1U);
  for (const auto& each : {list, open()}) EXPECT_EQ(each.signers(), std::set<PartyId>{2});
  EXPECT_FALSE(fs::exists(path / "1.evidence"));
  EXPECT_EQ(list.version(), open().version());
  fs::remove_all(path);
  std::ofstream(path) << "no directory any more";
  EXPECT_FALSE(list.clear([](const EpochId&) { return true; }));
  EXPECT_TRUE(list.holds(2));
  EXPECT_TRUE(list.unwritten()) << "what is on disk is not known: it is written again";
  fs::remove(path);
  EXPECT_TRUE(list.write());
  EXPECT_TRUE(open().holds(2));
}

// ---- who may still work together ----------------------------------------------------------------------

TEST(RemainingQuorums, are_found_as_by_trying_all) {
  sim::SeededRng rng(9);
  const std::vector<PartyId> members{1, 2, 3, 5, 8, 9};
  for (int round = 0; round < 300; ++round) {
    std::set<std::pair<PartyId, PartyId>> disputed;
    for (auto a : members)
      for (auto b : members)
        if (a < b && rng.make<std::array<std::uint8_t, 1>>()[0] < 40 + round / 2) disputed.insert({a, b});
    const auto compatible = [&](PartyId a, PartyId b) { return !disputed.contains({std::min(a, b), std::max(a, b)}); };
    const PartyId odd = members[rng.make<std::array<std::uint8_t, 1>>()[0] % members.size()];
    const auto allowed = [&](const Quorum& q) { return std::find(q.begin(), q.end(), odd) == q.end(); };
    for (std::size_t t = 2; t <= 4; ++t) {
      bool expected = false;
      for (unsigned bits = 0; bits < 64; ++bits) {
        Quorum quorum;
        for (std::size_t i = 0; i < members.size(); ++i)
          if ((bits >> i & 1U) != 0) quorum.push_back(members[i]);
        if (quorum.size() != t || !allowed(quorum)) continue;
        bool all = true;
        for (auto a : quorum)
          for (auto b : quorum) all = all && (a == b || compatible(a, b));
        expected = expected || all;
      }
      EXPECT_EQ(any_quorum(members, t, compatible, allowed), expected) << round;
    }
  }
  EXPECT_FALSE(any_quorum({1}, 2, [](auto, auto) { return true; }, [](const auto&) { return true; }));
}

// ---- a cluster ----------------------------------------------------------------------------------------

/// Signers with nothing but what is under test; the test is the network.
class Court : public testing::Test {
 protected:
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
  fs::path state(PartyId id) const { return directory.path() / std::to_string(id); }
  /// What is on disk is read again; nothing else is left.
  void restart(Node& node) {
    fs::create_directories(state(node.id));
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
    return {MessageType::QuarantineNotice, {}, from, to, wire::encode(wire::QuarantineNotice{evidence})};
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
    return {MessageType::DisputeNotice, {}, from, to,
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
    return nodes[signer].accusations->answer(who, {wire::kTypeOf<T>, sid, kNobody, signer, wire::encode(message)}, now += seconds(1)).value();
  }
  wire::QuarantineReply list(PartyId signer) {
    const auto answer = ask(signer, wire::QuarantineRequest{});
    EXPECT_EQ(answer.type, MessageType::QuarantineReply);
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

TEST_F(Court, evidence_reaches_every_signer_whoever_shows_it_first) {
  for (const auto& evidence : {bad_partial(kCheat), contradiction(2)}) {
    const PartyId culprit = culprit_of(evidence);
    const Bytes encoded = wire::encode_blame(evidence);
    auto held = nodes[1].quarantine->signers();
    held.insert(culprit);
    const std::uint64_t before = nodes[1].accusations->version();
    if (culprit == kCheat) {
      queue.push_back(notice(4, 1, encoded));
    } else {
      EXPECT_FALSE(nodes[1].accusations->answer(caller(wire::Role::Frontend), notice(kNobody, 1, encoded), now)) << "no answer";
    }
    settle();
    expect_held_by_all(held);
    EXPECT_NE(nodes[1].accusations->version(), before);
    for (auto& [id, node] : nodes) {
      EXPECT_TRUE(node.keys->quarantined(culprit));
      EXPECT_THAT(node.told, testing::Contains(culprit));
      EXPECT_TRUE(Quarantine::open(state(id) / "quarantine")->holds(culprit)) << "on disk";
      for (const auto& entry : list(id).entries) {
        const auto shown = *wire::decode_blame(entry.evidence);
        EXPECT_EQ(verify(shown, sim::identities_of(group), info.key).value(), entry.signer) << "whoever asks can verify it";
      }
    }
  }
}

TEST_F(Court, it_is_on_disk_before_anybody_is_told) {
  bool told = false;
  auto& node = nodes[1];
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  for (const auto& e : sent)
    if (e.from == 1) told = true;
  EXPECT_TRUE(told);
  // The same with a disk that is full: in force, not told, not shown; and later it is.
  sent.clear();
  queue.clear();
  auto& other = nodes[2];
  fs::remove_all(state(2) / "quarantine");
  std::ofstream(state(2) / "quarantine") << "in the way";
  other.accusations->on_message(notice(4, 2, wire::encode_blame(bad_partial(kCheat))), now);
  EXPECT_TRUE(other.keys->quarantined(kCheat));
  EXPECT_EQ(other.accusations->version(), 0U);
  EXPECT_TRUE(list(2).entries.empty());
  other.accusations->peer_up(5, now);
  other.accusations->tick(now);
  EXPECT_TRUE(sent.empty());
  fs::remove(state(2) / "quarantine");
  other.accusations->tick(now);
  EXPECT_EQ(sent.size(), kN - 1);
  EXPECT_EQ(list(2).entries.size(), 1U);
}

TEST_F(Court, a_restart_forgets_nothing_and_who_was_away_is_told) {
  cut = {5};
  nodes[1].accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  settle();
  EXPECT_FALSE(nodes[5].quarantine->holds(kCheat));
  for (auto& [id, node] : nodes) restart(node);
  EXPECT_TRUE(nodes[1].keys->quarantined(kCheat));
  EXPECT_EQ(nodes[1].told, std::vector<PartyId>{kCheat});
  cut = {};
  nodes[2].accusations->peer_up(5, now);
  settle();
  expect_held_by_all({kCheat});
}

TEST_F(Court, forged_evidence_puts_nobody_into_quarantine_whatever_is_changed) {
  auto& node = nodes[1];
  const std::vector<BlameEvidence> good{bad_partial(kCheat), contradiction(kCheat),
                                        DisputesEvidence{info, kCheat, {statement(1, kCheat), statement(2, kCheat)}}};
  const auto show = [&](const Bytes& evidence) { node.accusations->on_message(notice(4, 1, evidence), now += seconds(1)); };
  std::size_t tried = 0, still = 0;
  for (const auto& evidence : good) {
    const Bytes encoded = wire::encode_blame(evidence);
    for (std::size_t i = 0; i < encoded.size(); i += 1 + encoded.size() / 400) {
      Bytes changed = encoded;
      changed[i] ^= static_cast<std::uint8_t>(1U << (i % 8));
      show(changed);
      ++tried;
      // A field that proves nothing may be changed (a context's number is signed, a label is not): the culprit
      // stays the culprit, nobody else ever is one.
      for (auto id : node.quarantine->signers()) EXPECT_EQ(id, kCheat) << kind_of(evidence) << " byte " << i;
      if (node.quarantine->holds(kCheat)) {
        ++still;
        node.accusations.reset();
        fs::remove_all(state(1));
        restart(node);
      }
    }
    for (std::size_t cut_at : {std::size_t{0}, encoded.size() / 2, encoded.size() - 1}) {
      if (cut_at > 0) show(Bytes(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(cut_at)));
      EXPECT_TRUE(node.quarantine->entries().empty());
    }
  }
  EXPECT_GT(tried, 500U);
  EXPECT_LT(still, tried / 20);
  EXPECT_TRUE(std::none_of(sent.begin(), sent.end(), [](const auto& e) {
    return culprit_of(*wire::decode_blame(wire::decode<wire::QuarantineNotice>(e.payload)->evidence)) != kCheat;
  })) << "nothing forged is handed on";
}

TEST_F(Court, an_honest_partial_or_statements_of_too_few_frame_nobody) {
  auto& node = nodes[1];
  auto made_up = statement(5, 4);
  made_up.signature = statement(2, 4).signature;
  for (const auto& evidence : std::vector<BlameEvidence>{bad_partial(2, false), bad_partial(kCheat, false),
                                                         DisputesEvidence{info, 4, {statement(2, 4), made_up}}}) {
    node.accusations->on_message(notice(kCheat, 1, wire::encode_blame(evidence)), now);
    EXPECT_TRUE(node.quarantine->entries().empty()) << kind_of(evidence);
  }
  EXPECT_EQ(node.accusations->counters().forged, 3U);
}

TEST_F(Court, evidence_of_an_unknown_epoch_is_not_even_looked_at) {
  auto& node = nodes[1];
  end_epoch(node);
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_EQ(node.accusations->counters().of_no_epoch, 1U);
}

TEST_F(Court, a_flood_is_bounded_and_keeps_no_other_sender_out) {
  auto& node = nodes[1];
  Bytes forged = wire::encode_blame(bad_partial(kCheat));
  forged.back() ^= 1;
  for (int i = 0; i < 1000; ++i) {
    forged[forged.size() - 2 - static_cast<std::size_t>(i % 32)] ^= static_cast<std::uint8_t>(i);
    node.accusations->on_message(notice(4, 1, forged), now);
  }
  EXPECT_GE(node.accusations->counters().too_many, 900U);
  EXPECT_LE(node.accusations->counters().forged, 100U);
  EXPECT_TRUE(node.quarantine->entries().empty());
  node.accusations->on_message(notice(5, 1, wire::encode_blame(bad_partial(kCheat))), now);
  EXPECT_TRUE(node.quarantine->holds(kCheat));
  // The flood goes on with what is known already: that costs nobody anything.
  const auto before = node.accusations->counters();
  for (int i = 0; i < 1000; ++i) node.accusations->on_message(notice(2, 1, node.quarantine->entries()[0].evidence), now);
  EXPECT_EQ(node.accusations->counters().known, before.known + 1000);
  EXPECT_EQ(node.accusations->counters().too_many, before.too_many);
  node.accusations->on_message(notice(2, 1, wire::encode_blame(contradiction(2))), now);
  EXPECT_TRUE(node.quarantine->holds(2)) << "and uses up nothing";
}

TEST_F(Court, the_same_forgery_is_verified_once) {
  auto& node = nodes[1];
  Bytes forged = wire::encode_blame(contradiction(kCheat));
  forged.back() ^= 1;
  for (int i = 0; i < 20; ++i) node.accusations->on_message(notice(4, 1, forged), now);
  EXPECT_EQ(node.accusations->counters().forged, 20U);
  EXPECT_TRUE(node.quarantine->entries().empty());
}

TEST_F(Court, garbage_in_notices_is_counted_and_no_more) {
  auto& node = nodes[1];
  for (auto type : {MessageType::QuarantineNotice, MessageType::DisputeNotice}) {
    for (std::size_t length : {0, 1, 4, 5, 80, 200}) {
      node.accusations->on_message({type, {}, 4, 1, Bytes(length, 0xff)}, now);
      node.accusations->on_message({type, {}, 4, 1, Bytes(length, 0)}, now);
    }
  }
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_EQ(node.accusations->counters().forged, 24U);
}

// ---- disputes -----------------------------------------------------------------------------------------

TEST_F(Court, a_signer_in_dispute_with_T_others_is_put_into_quarantine_by_all) {
  fall_out(1, kCheat);
  settle();
  expect_held_by_all({});
  fall_out(5, kCheat);
  settle();
  expect_held_by_all({kCheat});
  const auto evidence = *wire::decode_blame(list(2).entries[0].evidence);
  EXPECT_EQ(kind_of(evidence), "disputes");
  EXPECT_EQ(verify(evidence, sim::identities_of(group), info.key).value(), kCheat);
}

TEST_F(Court, both_ends_of_one_dispute_are_one_accusation_each) {
  fall_out(1, kCheat);
  fall_out(kCheat, 1);
  settle();
  expect_held_by_all({});
}

TEST_F(Court, a_corrupt_signer_that_is_in_dispute_with_everybody_frames_nobody_but_itself) {
  for (PartyId id : {PartyId{1}, PartyId{2}, PartyId{4}, PartyId{5}}) fall_out(kCheat, id);
  settle();
  expect_held_by_all({});  // it accuses each of them once
}

TEST_F(Court, disputes_are_told_again_after_a_restart_and_then_prove_what_they_prove) {
  cut = {2, 4, 5};
  fall_out(1, kCheat);
  settle();
  cut = {1, kCheat, 2, 4};
  fall_out(5, kCheat);
  settle();
  expect_held_by_all({});
  for (auto& [id, node] : nodes) restart(node);
  cut = {};
  link_all();
  expect_held_by_all({kCheat});
}

TEST_F(Court, statements_are_taken_from_their_signer_only_and_as_they_were_signed) {
  auto& node = nodes[1];
  const auto good = statement(2, kCheat);
  const Bytes encoded = dispute_notice(good, 2, 1).payload;
  ASSERT_EQ(encoded.size(), 100U);  // epoch, a, b, fault, signer, signature
  const auto rejected = [&](const Bytes& payload, PartyId from) {
    const auto before = node.accusations->counters();
    node.accusations->on_message({MessageType::DisputeNotice, {}, from, 1, payload}, now += seconds(1));
    const auto& after = node.accusations->counters();
    return after.forged == before.forged + 1 || after.of_no_epoch == before.of_no_epoch + 1;
  };
  const auto with = [&](std::size_t at, std::uint8_t value) {
    Bytes changed = encoded;
    changed[at] = value;
    return changed;
  };
  EXPECT_TRUE(rejected(encoded, 4)) << "shown by another";
  EXPECT_TRUE(rejected(with(0, static_cast<std::uint8_t>(encoded[0] ^ 1)), 2)) << "epoch";
  for (auto a : std::vector<std::uint8_t>{0, 1, 3, 4, 200}) EXPECT_TRUE(rejected(with(32, a), 2)) << "a = " << int(a);
  for (auto b : std::vector<std::uint8_t>{0, 1, 2, 4, 5, 6, 200}) EXPECT_TRUE(rejected(with(33, b), 2)) << "b = " << int(b);
  for (int fault = 0; fault < 256; ++fault)
    if (fault != static_cast<int>(Fault::OtCheck)) {
      EXPECT_TRUE(rejected(with(34, static_cast<std::uint8_t>(fault)), 2)) << "fault " << fault;
    }
  EXPECT_TRUE(rejected(with(35, kCheat), kCheat)) << "the other end did not sign it";
  EXPECT_TRUE(rejected(with(35, kCheat), 2));
  for (std::size_t at : {36, 60, 99}) EXPECT_TRUE(rejected(with(at, static_cast<std::uint8_t>(encoded[at] ^ 1)), 2)) << "signature";
  EXPECT_FALSE(rejected(encoded, 2));
  // Two that were rejected would have been enough.
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_FALSE(rejected(dispute_notice(statement(4, kCheat), 4, 1).payload, 4));
  EXPECT_TRUE(node.quarantine->holds(kCheat));
}

TEST_F(Court, repeated_statements_are_one_and_a_flood_of_them_costs_nothing) {
  auto& node = nodes[1];
  for (int i = 0; i < 1000; ++i) {
    for (auto fault : {Fault::OtCheck, Fault::PprfCheck}) node.accusations->on_message(dispute_notice(statement(2, kCheat, fault), 2, 1), now);
    if (i > 2) i += 300;
  }
  EXPECT_TRUE(node.quarantine->entries().empty()) << "one accuser, however often";
  EXPECT_EQ(node.accusations->counters().too_many, 0U);
}

// ---- callers ------------------------------------------------------------------------------------------

TEST_F(Court, only_an_administrator_with_the_right_clears) {
  nodes[1].accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  end_epoch(nodes[1]);
  const auto denied = [&](const net::PeerIdentity& who) {
    const auto answer = ask(1, wire::QuarantineClear{true, true}, who);
    return answer.type == MessageType::Refusal && wire::decode<wire::Refusal>(answer.payload)->code == SignErrorCode::PolicyDenied;
  };
  EXPECT_TRUE(denied(caller(wire::Role::Frontend)));
  EXPECT_TRUE(denied(caller(wire::Role::Coordinator)));
  EXPECT_TRUE(nodes[1].quarantine->holds(kCheat));
  policy = Policy({{wire::Role::Admin, "reader", {"*"}, {}, false, 0}, {wire::Role::Admin, "*", {"*"}, {}, true, 0}});
  EXPECT_TRUE(denied(caller(wire::Role::Admin, "reader")));
  EXPECT_TRUE(nodes[1].quarantine->holds(kCheat));
  EXPECT_FALSE(denied(caller(wire::Role::Admin, "alice")));
  EXPECT_FALSE(nodes[1].quarantine->holds(kCheat));
}

TEST_F(Court, nothing_is_cleared_while_its_epoch_is_active_and_the_refusal_says_so) {
  auto& node = nodes[1];
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  fall_out(1, 4);
  for (const auto& what : {wire::QuarantineClear{true, true}, wire::QuarantineClear{true, false}, wire::QuarantineClear{false, true}}) {
    const auto answer = ask(1, what);
    ASSERT_EQ(answer.type, MessageType::Refusal);
    EXPECT_THAT(wire::decode<wire::Refusal>(answer.payload)->reason, HasSubstr("quorate refresh"));
  }
  EXPECT_TRUE(node.quarantine->holds(kCheat));
  EXPECT_TRUE(node.disputes->pair_blocked(1, 4));
  EXPECT_EQ(ask(1, wire::QuarantineClear{false, false}).type, MessageType::QuarantineReply) << "asks for nothing";
}

TEST_F(Court, after_a_refresh_what_is_asked_for_is_cleared_for_good_and_does_not_come_back) {
  auto& node = nodes[1];
  const Bytes evidence = wire::encode_blame(bad_partial(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  fall_out(1, 4);
  settle();
  end_epoch(node);
  ASSERT_EQ(list(1).disputes.size(), 1U);
  EXPECT_EQ(list(1).disputes[0].members, (Quorum{1, 4}));
  EXPECT_EQ(list(1).disputes[0].fault, Fault::OtCheck);
  auto left = *wire::decode<wire::QuarantineReply>(ask(1, wire::QuarantineClear{false, true}).payload);
  EXPECT_EQ(left.entries.size(), 1U);
  EXPECT_TRUE(left.disputes.empty());
  left = *wire::decode<wire::QuarantineReply>(ask(1, wire::QuarantineClear{true, false}).payload);
  EXPECT_TRUE(left.entries.empty());
  EXPECT_EQ(left.version, 0U);
  EXPECT_FALSE(node.keys->quarantined(kCheat));
  // The others still hold it, and say so at every link.
  nodes[2].accusations->peer_up(1, now);
  settle();
  node.accusations->on_message(dispute_notice(statement(4, kCheat), 4, 1), now);
  node.accusations->on_message(dispute_notice(statement(5, kCheat), 5, 1), now);
  EXPECT_TRUE(node.quarantine->entries().empty());
  restart(node);
  EXPECT_TRUE(node.quarantine->entries().empty());
  EXPECT_EQ(node.disputes->size(), 0U);
}

TEST_F(Court, a_refresh_that_cannot_take_over_for_want_of_a_quorum_lets_the_old_be_cleared) {
  auto& node = nodes[1];
  const Bytes evidence = wire::encode_blame(bad_partial(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  for (PartyId id : {PartyId{2}, PartyId{4}, PartyId{5}}) fall_out(1, id);
  EXPECT_EQ(ask(1, wire::QuarantineClear{true, true}).type, MessageType::Refusal);
  auto fresh = sim::deal_key(Curve::p256(), kN, kT, rng);
  fresh.shares.at(1).info.previous = info.epoch;
  node.keys->add(std::move(fresh.shares.at(1)));
  ASSERT_TRUE(node.keys->by_epoch(info.epoch)) << "the old one still serves";
  const auto left = *wire::decode<wire::QuarantineReply>(ask(1, wire::QuarantineClear{true, true}).payload);
  EXPECT_TRUE(left.entries.empty() && left.disputes.empty());
  EXPECT_FALSE(node.keys->quarantined(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  EXPECT_TRUE(node.quarantine->entries().empty()) << "and does not come back";
}

TEST_F(Court, who_cheats_in_an_epoch_that_still_serves_is_caught_though_its_successor_is_there) {
  auto& node = nodes[1];
  auto fresh = sim::deal_key(Curve::p256(), kN, kT, rng);
  fresh.shares.at(1).info.previous = info.epoch;
  node.keys->add(std::move(fresh.shares.at(1)));
  const Bytes evidence = wire::encode_blame(bad_partial(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  EXPECT_TRUE(node.quarantine->holds(kCheat));
  EXPECT_TRUE(node.keys->quarantined(kCheat));
  ask(1, wire::QuarantineClear{true, true});
  EXPECT_FALSE(node.keys->quarantined(kCheat));
  node.accusations->on_message(notice(4, 1, evidence), now);
  node.accusations->on_message(notice(4, 1, wire::encode_blame(contradiction(kCheat))), now);
  EXPECT_TRUE(node.quarantine->entries().empty()) << "what was cleared does not come back";
  node.keys->remove(info.epoch);
  node.accusations->tick(now);
  node.accusations->on_message(notice(4, 1, evidence), now);
  EXPECT_TRUE(node.quarantine->entries().empty());
}

TEST_F(Court, who_cheats_with_two_keys_stays_in_quarantine_when_one_of_them_is_refreshed) {
  auto& node = nodes[1];
  auto other = sim::deal_key(Curve::p256(), kN, kT, rng);
  BatchContext context = batch.context;
  context.key = other.info().key;
  context.epoch = other.info().epoch;
  node.keys->add(std::move(other.shares.at(1)));
  const auto signed_row = [&](std::uint8_t what) {
    Row row = batch.rows.at(kCheat);
    row.u_digest.bytes[0] = what;
    row.signature = group.identities.at(kCheat).sign(row_digest(context.binding(), context.quorum, row));
    return row;
  };
  const Bytes further = wire::encode_blame(*find_contradiction(context, signed_row(1), signed_row(2), sim::identities_of(group)));
  node.accusations->on_message(notice(4, 1, wire::encode_blame(bad_partial(kCheat))), now);
  node.accusations->on_message(notice(4, 1, further), now);
  node.accusations->on_message(notice(5, 1, further), now);
  ASSERT_EQ(node.quarantine->entries().size(), 1U);
  EXPECT_EQ(node.quarantine->entries()[0].epoch, info.epoch);
  const auto handed_on = [&] {
    return std::count_if(sent.begin(), sent.end(), [&](const auto& envelope) {
      return envelope.from == 1 && envelope.payload == notice(1, envelope.to, further).payload;
    });
  };
  settle();
  EXPECT_EQ(handed_on(), static_cast<std::ptrdiff_t>(kN - 1)) << "the others are told of it, once";

  auto fresh = sim::deal_key(Curve::p256(), kN, kT, rng);
  fresh.shares.at(1).info.previous = info.epoch;
  node.keys->add(std::move(fresh.shares.at(1)));
  ask(1, wire::QuarantineClear{true, true});
  ASSERT_EQ(node.quarantine->entries().size(), 1U);
  EXPECT_EQ(node.quarantine->entries()[0].epoch, context.epoch) << "what it did with the other key counts now";
  EXPECT_TRUE(node.keys->quarantined(kCheat));
  EXPECT_TRUE(Quarantine::open(state(1) / "quarantine")->holds(kCheat));
  EXPECT_EQ(ask(1, wire::QuarantineClear{true, true}).type, MessageType::Refusal) << "its epoch is still active";
}

TEST_F(Court, questions_are_bounded_by_caller) {
  const auto who = caller(wire::Role::Frontend, "flood");
  std::size_t overloaded = 0;
  for (int i = 0; i < 100; ++i) {
    const auto answer = nodes[1].accusations->answer(who, {MessageType::QuarantineRequest, {}, kNobody, 1, {}}, now);
    if (answer->type == MessageType::Refusal && wire::decode<wire::Refusal>(answer->payload)->code == SignErrorCode::Overloaded) ++overloaded;
  }
  EXPECT_EQ(overloaded, 92U);
  EXPECT_EQ(list(1).version, 0U) << "another caller gets its answer";
}

TEST_F(Court, when_no_quorum_is_left_an_alarm_says_what_to_do_again_and_again_but_slowly) {
  auto& node = nodes[1];
  const auto alarms = [&](seconds later) {
    testing::internal::CaptureStderr();
    node.accusations->tick(now += later);
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_TRUE(text.empty() || (text.find("no_quorum_left") != std::string::npos && text.find("quarantine clear") != std::string::npos)) << text;
    return !text.empty();
  };
  auto& key = *node.keys->by_epoch(info.epoch);
  EXPECT_FALSE(alarms(seconds(1)));
  for (PartyId a = 1; a <= kN; ++a)
    for (PartyId b = static_cast<PartyId>(a + 1); b <= kN; ++b)
      if (a != 4 || b != 5) {
        ASSERT_TRUE(node.disputes->add_pair(info.epoch, a, b, {Fault::OtCheck, Blame::pair(a, b), ""}));
      }
  EXPECT_FALSE(node.accusations->without_quorum(key)) << "4 and 5 are left";
  EXPECT_FALSE(alarms(seconds(1)));
  ASSERT_TRUE(node.disputes->add_quorum(info.key, info.epoch, {4, 5}, {Fault::RowSum, Blame::quorum(), ""}));
  EXPECT_TRUE(node.accusations->without_quorum(key));
  EXPECT_TRUE(alarms(seconds(1)));
  EXPECT_FALSE(alarms(seconds(59)));
  EXPECT_TRUE(alarms(seconds(1)));
}

TEST_F(Court, what_others_say_of_their_pairs_counts_for_the_alarm) {
  auto& node = nodes[1];
  auto& key = *node.keys->by_epoch(info.epoch);
  for (PartyId id : {PartyId{2}, PartyId{4}, PartyId{5}})
    ASSERT_TRUE(node.disputes->add_pair(info.epoch, 1, id, {Fault::OtCheck, Blame::pair(1, id), ""}));
  ASSERT_TRUE(node.disputes->add_pair(info.epoch, 1, kCheat, {Fault::OtCheck, Blame::pair(1, kCheat), ""}));
  EXPECT_FALSE(node.accusations->without_quorum(key));
  // Each accuses one, so that nobody has two against it.
  node.accusations->on_message(dispute_notice(statement(2, 4), 2, 1), now);
  EXPECT_FALSE(node.accusations->without_quorum(key)) << "2 and 3, 2 and 5, 4 and 5 are left";
}

// ---- the effects, with everything a signer is made of -------------------------------------------------

TEST(QuarantineEffects, its_batches_and_setups_end_at_once_and_none_begin) {
  World world(3, 2);
  world.set_up();
  for (PartyId id = 1; id <= 3; ++id) world.at(id).presigner.tick(Clock::now());
  world.settle();
  auto& signer = world.at(1);
  auto& key = *signer.keys.by_epoch(world.epoch);
  ASSERT_GT(key.pools.depth({1, 3}), 0U);
  ASSERT_TRUE(signer.setups.state(world.epoch, 3));
  const auto joined = world.plan({1, 3}, 1'000);
  world.passes = [](const auto&) { return false; };
  const bool leads = leader_of(world.epoch, {1, 3}) == 1;
  if (!leads) {
    signer.receive(world.start(joined, 1));
    ASSERT_TRUE(signer.sessions.has(joined.sid()));
  }
  signer.keys.set_quarantined({3});  // as Accusations does
  signer.presigner.leave_out(3);
  signer.setups.leave_out(3);
  EXPECT_FALSE(signer.sessions.has(joined.sid()));
  EXPECT_EQ(key.pools.depth({1, 3}), 0U);
  EXPECT_GT(key.pools.depth({1, 2}), 0U) << "others go on";
  EXPECT_FALSE(signer.setups.state(world.epoch, 3));
  EXPECT_TRUE(signer.setups.state(world.epoch, 2));
  EXPECT_EQ(signer.disputes.size(), 0U) << "nobody is in dispute for that";
  world.passes = nullptr;
  world.later = hours(1);
  signer.setups.peer_up(3, true, world.now());
  world.at(3).setups.peer_up(1, true, world.now());
  world.settle();
  for (PartyId id = 1; id <= 3; ++id) world.at(id).presigner.tick(world.now());
  world.settle();
  EXPECT_FALSE(signer.setups.state(world.epoch, 3));
  EXPECT_EQ(key.pools.depth({1, 3}), 0U);
  if (!leads) {
    signer.receive(world.start(world.plan({1, 3}, 2'000), 1), world.now());
    EXPECT_FALSE(signer.sessions.has(world.plan({1, 3}, 2'000).sid()));
  }
  // Cleared after a refresh: it is met again.
  signer.keys.set_quarantined({});
  world.later = hours(2);
  signer.setups.peer_up(3, false, world.now());
  world.settle();
  EXPECT_TRUE(signer.setups.state(world.epoch, 3));
}

}  // namespace
}  // namespace quorate::signerd
